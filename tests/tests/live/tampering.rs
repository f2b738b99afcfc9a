//! What an account does to burstguard itself: refused in the tier lsm, told in both.

mod lsm;
mod systemctl;
mod tracepoint;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{Account, Crowd, Job, Party, Policy, SudoRule, ask_json, wait};

use crate::holding::{FILES, holds};

/// One account, which may become root, and the agent.
struct Stage {
    // Dropped in this order: who may become root is gone before its user is.
    _rule: SudoRule,
    crowd: Crowd,
}

impl Stage {
    fn new(change: impl FnOnce(Policy) -> Policy) -> Result<Self> {
        let party = Party::of(Account::new()?, FILES)?;
        let programs = ["/usr/bin/sh".into(), "/bin/sh".into(), party.ground.hand()?];
        let programs: Vec<_> = programs.iter().map(std::path::PathBuf::as_path).collect();
        let rule = SudoRule::allow(&party.account, &programs)?.context("there is no sudo")?;
        Ok(Self { _rule: rule, crowd: Crowd::watched(vec![party], |policy| change(holds(policy)))? })
    }

    fn party(&self) -> &Party {
        &self.crowd.parties[0]
    }

    /// These words with what is burstguard's own in them.
    fn expand(&self, words: &str) -> String {
        let base = self.party().ground.base().display().to_string();
        words.replace("{pid}", &self.crowd.daemon.pid().to_string()).replace("{base}", &base)
    }

    /// Starts a line of root's in the account's lineage.
    fn as_root(&self, line: &str) -> Result<Job> {
        self.party().shell(&format!("exec sudo -n sh -c '{}'", self.expand(line)))
    }

    /// Has the helper program take a step as root, in the account's lineage.
    fn step_as_root(&self, step: &str) -> Result<Job> {
        let hand = self.party().ground.hand()?;
        self.party().shell(&format!("exec sudo -n {} each 1 '{}'", hand.display(), self.expand(step)))
    }

    fn end(self) -> Result<()> {
        self.crowd.end().map(drop)
    }
}

/// The incidents that are about it.
fn tamperings() -> Result<Vec<Value>> {
    let all = ask_json(&["incidents"])?;
    let is_one = |one: &&Value| one["what"].as_str().is_some_and(|what| what.starts_with("tampered"));
    Ok(all.as_array().into_iter().flatten().filter(is_one).cloned().collect())
}

/// How often it was told so far, and what was touched last.
fn told() -> Result<(u64, String)> {
    let found = tamperings()?;
    ensure!(found.len() <= 1, "all of one account is one incident: {found:?}");
    let Some(one) = found.first() else { return Ok((0, String::new())) };
    let said = one["what"].as_str().and_then(|what| what.strip_prefix("tampered with burstguard, "));
    let (times, last) = said.and_then(|said| said.split_once(" times, last: ")).context("what it says")?;
    Ok((times.parse()?, last.to_owned()))
}

/// It is told once more than `before`, of this, and stands so.
fn until_told(state: &str, what: &str, before: u64) -> Result<()> {
    wait::until(&format!("tampering with {what} is told"), || {
        let (times, last) = told()?;
        let is_so = times > before && last == what;
        Ok((is_so && tamperings()?.first().is_some_and(|one| one["state"] == state)).then_some(()))
    })
}
