//! An agent that should not start.

use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context as _, Result};

use super::{Daemon, command, end, read_all};
use crate::{Tier, wait};

/// How an agent ended that would not start.
pub struct Refusal {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote to standard error.
    pub complaint: String,
    /// What it wrote to standard output.
    pub output: String,
}

impl Daemon {
    /// Runs the agent where it should refuse to; `arrange` may change how it is called.
    pub fn refused(policy_file: &Path, arrange: impl FnOnce(&mut Command)) -> Result<Refusal> {
        let mut command = command(policy_file, "off", Tier::default())?;
        arrange(&mut command);
        Self::refuses(command)
    }

    /// The same where it should not serve metrics.
    pub fn refused_metrics(policy_file: &Path, metrics: &str) -> Result<Refusal> {
        Self::refuses(command(policy_file, metrics, Tier::default())?)
    }

    fn refuses(mut command: Command) -> Result<Refusal> {
        command.arg("--release-on-exit");
        let (complaints, output) = (tempfile::tempfile()?, tempfile::tempfile()?);
        command.stdout(output.try_clone()?).stderr(complaints.try_clone()?);
        let mut child = command.spawn().context("cannot start the agent")?;
        let status = wait::until("the agent refuses and ends", || Ok(child.try_wait()?));
        if status.is_err() {
            // It runs instead of refusing: it must not go on.
            end(&mut child);
        }
        Ok(Refusal { status: status?, complaint: read_all(&complaints)?, output: read_all(&output)? })
    }
}
