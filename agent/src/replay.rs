//! `burstguard replay`: a policy is tried on what accounts did, before it acts. Needs no daemon.
//!
//! The rules are those of the kernel programs, [`agent_common::rules`]; [`account`] takes the place of what these keep in maps.

mod account;
mod fate;
mod frame;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
pub(crate) mod learn;
mod plot;
mod rate;
mod show;
#[cfg(test)]
mod tests;
mod trial;
mod tried;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::Args;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{
    client::complete,
    policy::{Policy, ThisHost},
    progress::Progress,
    recording::{DIRECTORY, Source, read},
    store,
};
use show::Shown;
use trial::Trial;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy to try, with the drop-ins beside it.
    #[arg(long, value_name = "FILE", default_value = "/etc/burstguard/policy.toml")]
    policy: PathBuf,
    #[command(flatten)]
    of: Of,
    /// Only this account.
    #[arg(long, value_name = "NAME", add = complete::accounts())]
    account: Option<String>,
    /// At most so many accounts and bursts, the first ones.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
    /// Also draw operations against the budgets into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Which operations.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// A file of a recording, or a directory of them [default: that of this host].
    recording: Option<PathBuf>,
    /// Only what was done in so long a time up to now, such as 7d or 12h.
    #[arg(long, visible_alias = "since", value_name = "DURATION", value_parser = last, add = complete::durations())]
    last: Option<Duration>,
    /// The directory of the record [default: STATE_DIRECTORY as systemd sets it, else /var/lib/burstguard].
    #[arg(long, value_name = "DIR", conflicts_with = "recording")]
    state: Option<PathBuf>,
}

fn last(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| *days <= 36_500);
    let days = days.map(|days: u64| Duration::from_hours(24 * days));
    days.or_else(|| crate::policy::duration::parse(text).ok())
        .filter(|last| !last.is_zero())
        .ok_or_else(|| "want a time such as 7d, 12h or 30m".to_owned())
}

impl Of {
    /// Tries a policy on it. The files that are torn.
    fn run(self, trial: &mut Trial) -> Result<Vec<PathBuf>> {
        let Self { recording, state, .. } = self;
        let path = recording.unwrap_or_else(|| store::directory(state).join(DIRECTORY));
        let mut progress = None;
        let torn = read(&Source::of(&path), |entries, files| {
            trial.take(entries);
            progress.get_or_insert_with(|| Progress::of("reading the recording", files as u64)).step(1);
        })?;
        trial.end();
        Ok(torn)
    }

    /// Since when it counts.
    fn since(&self, now: Timestamp) -> Option<Timestamp> {
        let last = SignedDuration::try_from(self.last?).ok()?;
        now.checked_sub(last).ok()
    }
}

/// Tries it, and says what came of it.
pub(crate) fn run(arguments: Arguments, json: bool, utc: bool) -> Result<()> {
    let Arguments { policy, of, account, limit, svg } = arguments;
    let begun = Instant::now();
    let now = Timestamp::now();
    let loaded = Policy::load(&policy, &ThisHost)?;
    let mut trial = Trial::of(&loaded, of.since(now));
    let torn = of.run(&mut trial)?;
    if let Some(account) = account {
        trial.only(&account).with_context(|| format!("the policy has no account {account:?}"))?;
    }
    let zone = if utc { TimeZone::UTC } else { TimeZone::system() };
    let shown = Shown { trial: &trial, torn: &torn, policy: &policy, took: begun.elapsed(), zone, limit };
    if let Some(file) = svg {
        fs::write(&file, shown.svg()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if json {
        println!("{}", shown.json());
    } else {
        print!("{}", shown.text());
    }
    Ok(())
}
