//! What automation destroys here, and the jobs in which it does: each file is counted on the disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{Incident, ask_json, wait};

use crate::host;

/// So many files lie in each directory that a job empties.
pub const FILES: usize = 40;
/// So many of them may go.
pub const BUDGET: usize = 10;
/// And so many are left when the next one waits, or is refused.
pub const LEFT: usize = FILES - BUDGET;

/// A directory in the protected tree, of one account.
#[derive(Clone, Copy)]
pub struct Ground(pub &'static str);

impl Ground {
    pub fn config(self) -> PathBuf {
        Path::new("/srv").join(self.0).join("config")
    }

    /// Fills it, for a user to whom it belongs.
    pub fn fill(self, user: &str) -> Result<()> {
        let config = self.config();
        fs::create_dir_all(&config).with_context(|| format!("cannot make {}", config.display()))?;
        for number in 0..FILES {
            let file = config.join(format!("{number}.conf"));
            fs::write(&file, "value = 1\n").with_context(|| format!("cannot write {}", file.display()))?;
        }
        let owned = format!("/srv/{}", self.0);
        host::run(&["chown", "--recursive", user, &owned]).map(drop)
    }

    /// How many files are there.
    pub fn left(self) -> usize {
        fs::read_dir(self.config()).map_or(0, Iterator::count)
    }

    /// Fails if there are not so many.
    pub fn expect_left(self, expected: usize) -> Result<()> {
        let left = self.left();
        ensure!(left == expected, "{left} of {FILES} files are left in /srv/{}, not {expected}", self.0);
        Ok(())
    }
}

/// A service that empties a directory.
pub struct Job {
    unit: &'static str,
    account: &'static str,
    ground: Ground,
}

impl Job {
    /// Starts it for this user, whose account has the same name.
    pub fn start(unit: &'static str, user: &'static str, ground: Ground) -> Result<Self> {
        ground.fill(user)?;
        let (uid, config) = (format!("--uid={user}"), ground.config());
        let config = config.to_str().context("a path of ours is text")?;
        let unit_option = format!("--unit={unit}");
        let how =
            ["systemd-run", "--quiet", "--no-block", "--property=RemainAfterExit=yes", &unit_option, &uid];
        host::run(&[&how[..], &["rm", "-rf", config]].concat())?;
        Ok(Self { unit, account: user, ground })
    }

    /// Waits until its next call does not go on, and finds on the disk that nothing past the budget has gone.
    pub fn until_held(&self) -> Result<Incident> {
        let incident = incident(self.account, "held")?;
        self.ground.expect_left(LEFT)?;
        Ok(incident)
    }

    /// Waits until it has done all of its work, as if nobody had asked.
    pub fn until_done(self) -> Result<()> {
        host::until_property(self.unit, "SubState", "exited")?;
        let status = host::property(self.unit, "ExecMainStatus")?;
        ensure!(status == "0", "{} ended with {status}", self.unit);
        self.ground.expect_left(0)?;
        host::run(&["systemctl", "stop", self.unit]).map(drop)
    }

    /// Waits until it has failed.
    pub fn until_failed(self) -> Result<()> {
        host::until_state(self.unit, "failed")?;
        host::run(&["systemctl", "reset-failed", self.unit]).map(drop)
    }
}

/// Waits for an incident of an account that is in this state; the latest, if there are several.
pub fn incident(account: &str, state: &str) -> Result<Incident> {
    let mut last = Value::Null;
    wait::until(&format!("an incident of {account} is {state}"), || {
        last = ask_json(&["incidents", "--account", account])?;
        let found = last.as_array().into_iter().flatten().filter(|incident| incident["state"] == state);
        Ok(found.filter_map(|incident| incident["id"].as_u64()).max().map(Incident))
    })
    .with_context(|| format!("instead there are {last}"))
}
