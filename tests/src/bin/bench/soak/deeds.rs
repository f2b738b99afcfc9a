//! What may be asked.

use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tests::{Said, agent, ask, ask_json};

use super::{Random, stage::Stage};

const WHY: [&str; 2] = ["--reason", "soak"];

/// One thing that is asked of the daemon.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Freeze,
    ThawAll,
    Decide,
    Lease,
    Reload,
    OffAndOn,
    Look,
    SelfTest,
}

const ALL: [Deed; 8] = [
    Deed::Freeze,
    Deed::ThawAll,
    Deed::Decide,
    Deed::Lease,
    Deed::Reload,
    Deed::OffAndOn,
    Deed::Look,
    Deed::SelfTest,
];

impl Deed {
    pub(super) fn any(random: &mut Random) -> Self {
        ALL[random.below(ALL.len())]
    }

    /// Does it, while accounts make bursts; false if it failed though nothing was wrong with it.
    pub(super) fn is_done(self, stage: &mut Stage, random: &mut Random) -> Result<bool> {
        stage.keep_busy()?;
        let words = self.words(stage, random)?;
        for words in words {
            let said = ask(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
            if !is_answer(&said) {
                eprintln!("{words:?}: {said:?}");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Begins it, and waits for nothing.
    pub(super) fn begin(self, stage: &mut Stage, random: &mut Random) -> Result<Vec<UnderWay>> {
        stage.keep_busy()?;
        let begin = |words: Vec<String>| {
            let mut command = Command::new(agent()?);
            command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().map(UnderWay).context("cannot ask")
        };
        self.words(stage, random)?.into_iter().take(1).map(begin).collect()
    }

    /// The commands that it takes, one after the other.
    fn words(self, stage: &Stage, random: &mut Random) -> Result<Vec<Vec<String>>> {
        let account = stage.any_account(random);
        let command =
            |words: &[&str]| words.iter().chain(&WHY).map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Ok(match self {
            Self::Freeze => vec![command(&["freeze", "--account", &account])],
            Self::ThawAll => vec![command(&["thaw", "--all"])],
            Self::Decide => {
                let open = ask_json(&["incidents", "--open"])?;
                let Some(id) = open[0]["id"].as_u64() else { return Ok(Vec::new()) };
                let verbs = stage.verbs();
                vec![command(&[verbs[random.below(verbs.len())], &id.to_string()])]
            }
            Self::Lease => {
                let tree = stage.tree_of(&account);
                let grant = ["lease", "grant", "--account", &account, "--tree", &tree, "--for", "1s"];
                vec![command(&grant)]
            }
            Self::Reload => {
                stage.change_policy(random)?;
                vec![command(&["reload", "--loosen"])]
            }
            Self::OffAndOn => vec![command(&["off", "--for", "1m"]), command(&["on"])],
            Self::Look => vec![vec!["incidents".to_owned()], vec!["status".to_owned()]],
            Self::SelfTest => vec![vec!["selftest".to_owned()]],
        })
    }
}

/// Whether nothing is wrong with it: that nothing is open, or is not any more, is an answer; so is that something else is under way, or that
/// whoever was meant has ended meanwhile.
fn is_answer(said: &Said) -> bool {
    const SAID: [&str; 2] = ["under way", "every process had ended"];
    matches!(said.exit, Some(0 | 5 | 6 | 8)) || SAID.iter().any(|words| said.complaint.contains(words))
}

/// A command that was not waited for; it is by the end.
pub(super) struct UnderWay(Child);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let _ = self.0.kill(); // fails if it has ended
        let _ = self.0.wait();
    }
}
