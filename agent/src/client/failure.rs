//! Why a command did not do what it was asked to.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{
    api::{Code, Problem},
    clean::Clean,
};

/// Where what outlives the daemon would be.
const PINS: &str = "/sys/fs/bpf/burstguard";

#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error("no daemon answers at {}: {}", socket.display(), reason(source))]
    NoDaemon { socket: PathBuf, source: io::Error },
    #[error("the daemon has ended")]
    Ended,
    /// The connection ended before the answer.
    #[error("no answer came: {0}")]
    Broken(String),
    #[error("no answer came: {0}")]
    Late(String),
    /// The same, of what was asked to be done.
    #[error("it is not known whether this was done: no answer came: {0}")]
    Unheard(String),
    #[error("nothing shows notifications here: {0}")]
    Desktop(String),
    #[error(transparent)]
    Problem(#[from] Problem),
    /// What came is no answer that this version knows.
    #[error("the answer of the daemon cannot be understood: {0}")]
    Answer(String),
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    /// A command that was to be run in our place was not.
    #[error("cannot run {command}: {source}")]
    NotRun { command: String, source: io::Error },
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>, help: &str) -> Self {
        Self::Problem(Problem::new(Code::Invalid, message).help(help))
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::Problem(Problem::new(Code::Failed, message))
    }

    /// Whether nobody reads any further, as in `burstguard watch | head`: then enough was said.
    pub(super) fn is_unread(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether nobody listens where the daemon should; not, if it cannot be told.
    pub(super) fn is_no_daemon(&self) -> bool {
        let is_nobody = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
        };
        matches!(self, Self::NoDaemon { source, .. } if is_nobody(source))
    }

    pub(super) fn exit_status(&self) -> u8 {
        match self {
            Self::NoDaemon { .. } | Self::Ended | Self::Broken(_) => 3,
            Self::Unheard(_) => Code::NotConfirmed.exit_status(),
            Self::Problem(problem) => problem.code.exit_status(),
            Self::Answer(_) | Self::Late(_) | Self::Output(_) | Self::Desktop(_) => 1,
            // As env(1) ends.
            Self::NotRun { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            Self::NotRun { .. } => 126,
        }
    }

    /// What to do about it.
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::NoDaemon { .. } | Self::Ended | Self::Broken(_) => {
                Some(left_behind(Path::new(PINS)).to_owned())
            }
            Self::Desktop(_) => Some(
                "run it in a desktop's session, as the user who works there: burstguard notify --test".to_owned(),
            ),
            Self::Unheard(_) => Some(
                "look before you ask again: burstguard status; what still waits for a decision: burstguard incidents \
                 --open"
                    .to_owned(),
            ),
            Self::Problem(problem) => problem.help.clone(),
            Self::Answer(_) => {
                Some("are the daemon and this command of one version? See: burstguard --version".to_owned())
            }
            Self::Late(_) | Self::Output(_) | Self::NotRun { .. } => None,
        }
    }

    /// For a terminal: nothing in it acts on one.
    pub(super) fn text(&self) -> String {
        let exit = self.exit_status();
        // What is wrong with a policy is a line each.
        let lines: Vec<String> = self.to_string().lines().map(|line| Clean(line).to_string()).collect();
        let message = lines.join("\n");
        match self.help() {
            Some(help) => format!("{message}\n  {}   (exit {exit})", Clean(&help)),
            None => format!("{message}   (exit {exit})"),
        }
    }

    /// For a program.
    pub(super) fn problem(&self) -> Problem {
        match self {
            Self::Problem(problem) => problem.clone(),
            Self::Unheard(_) => {
                Problem { code: Code::NotConfirmed, message: self.to_string(), help: self.help() }
            }
            _ => Problem { code: Code::Failed, message: self.to_string(), help: self.help() },
        }
    }
}

/// What the kernel still does without a daemon, and what to do.
pub(super) fn left_behind(pins: &Path) -> &'static str {
    match fs::read_dir(pins) {
        Ok(_) => "enforcement is still loaded in the kernel; start the daemon, or let go: burstguard release",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "nothing is enforced: start the daemon",
        Err(_) => {
            "root can see whether enforcement is still loaded in the kernel; \
             start the daemon, or let go: burstguard release"
        }
    }
}

/// In words that do not end with a number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
