//! Since when each account is watched on this host: it outlives the boot, since whoever restarts a host often would have its accounts
//! be new for ever.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use agent_common::rules::BootNs;
use anyhow::{Context as _, Result};
use jiff::Timestamp;

use crate::{clock::boot_now, policy::Account, store};

/// How many accounts are remembered. Of those that are not in the policy, the ones that are watched longest are forgotten first.
const REMEMBERED: usize = 1024;

/// A file in the state directory that is replaced as a whole when an account is watched for the first time.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    file: PathBuf,
    since: BTreeMap<String, Timestamp>,
    /// Why it is not known, though there was a daemon before, if so.
    lost: Option<String>,
}

impl Watched {
    const FILE: &str = "watched.json";

    /// What the daemons before have left in the state directory. Call it before the record is opened, by which it is told whether
    /// there were any.
    pub(super) fn open(directory: &Path) -> Self {
        let file = directory.join(Self::FILE);
        let (since, lost) = match Self::read(directory, &file) {
            Ok(since) => (since, None),
            Err(error) => (BTreeMap::new(), Some(format!("{error:#}"))),
        };
        Self { file, since, lost }
    }

    /// From a directory that nobody else can write to: who can would have accounts be new for ever.
    fn read(directory: &Path, file: &Path) -> Result<BTreeMap<String, Timestamp>> {
        store::make_directory(directory)?;
        let cannot = || format!("cannot read {}", file.display());
        match fs::read(file) {
            Ok(text) => serde_json::from_slice(&text).with_context(cannot),
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && !directory.join(store::FILE).exists() =>
            {
                Ok(BTreeMap::new())
            }
            Err(error) => Err(error).with_context(cannot),
        }
    }

    /// These accounts are watched from now on, if they were not before.
    pub(super) fn begin<'a>(&mut self, accounts: impl Iterator<Item = &'a Account> + Clone, now: Timestamp) {
        if let Some(why) = self.lost.take()
            && accounts.clone().any(|account| !account.warmup.is_zero())
        {
            log::error!("{why}; since when accounts are watched is not known, so their warm-ups begin anew");
        }
        let before = self.since.clone();
        for account in accounts.clone() {
            // The clock may have been ahead then.
            let since = self.since.entry(account.name.clone()).or_insert(now);
            *since = now.min(*since);
        }
        let in_policy = |name: &str| accounts.clone().any(|account| account.name == name);
        while self.since.len() > REMEMBERED
            && let Some(oldest) =
                self.since.iter().filter(|(name, _)| !in_policy(name)).min_by_key(|(_, since)| **since)
        {
            let oldest = oldest.0.clone();
            self.since.remove(&oldest);
        }
        if self.since != before
            && let Err(error) = self.write()
        {
            log::error!("the next daemon will take accounts for new that are not: {error:#}");
        }
    }

    /// Until when an account is new, on the kernel's clock; 0 if it is not.
    pub(super) fn warm_until(&self, account: &Account, now: Timestamp) -> BootNs {
        let since = self.since.get(&account.name).copied().unwrap_or(now).min(now);
        let watched = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let left = account.warmup.saturating_sub(watched);
        if left.is_zero() {
            0
        } else {
            boot_now().saturating_add(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
        }
    }

    fn write(&self) -> Result<()> {
        use std::io::Write as _;
        let directory = self.file.parent().unwrap_or(Path::new("/"));
        store::make_directory(directory)?;
        let part = self.file.with_extension("part");
        let cannot = || format!("cannot write {}", part.display());
        let options =
            || fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
        let mut file = options().with_context(cannot)?;
        file.write_all(&serde_json::to_vec(&self.since)?)
            .and_then(|()| file.sync_all())
            .with_context(cannot)?;
        fs::rename(&part, &self.file).with_context(|| format!("cannot rename {}", part.display()))
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;
    use crate::policy::{Budgets, Hold, Response};

    const DAY: Duration = Duration::from_hours(24);

    fn account(name: &str) -> Account {
        Account {
            name: name.to_owned(),
            note: None,
            users: Vec::new(),
            login: Vec::new(),
            units: Vec::new(),
            executables: Vec::new(),
            scripts: Vec::new(),
            trees: Vec::new(),
            response: Response::Hold,
            escapes: Response::Observe,
            hold: Hold::default(),
            contact: None,
            warmup: DAY,
            launch: Vec::new(),
            budgets: Budgets::default(),
        }
    }

    /// How much of its warm-up an account has left, to the second.
    fn left(watched: &Watched, account: &Account, now: Timestamp) -> u64 {
        let until = watched.warm_until(account, now);
        if until == 0 { 0 } else { until.saturating_sub(boot_now()).div_ceil(1_000_000_000) }
    }

    #[test]
    fn an_account_is_new_once_whatever_ends_and_begins_meanwhile() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = || Watched::open(directory.path());
        let (one, other) = (account("one"), account("other"));
        let begun = Timestamp::UNIX_EPOCH;
        let mut watched = open();
        assert_eq!(left(&watched, &one, begun), 86_400, "before it is watched, too");
        watched.begin([&one].into_iter(), begun);
        // Another daemon; and a policy without it, and one that has it again.
        let mut watched = open();
        assert_eq!(left(&watched, &one, begun + 1.hour()), 23 * 3600);
        watched.begin([&other].into_iter(), begun + 2.hours());
        watched.begin([&one, &other].into_iter(), begun + 3.hours());
        let watched = open();
        assert_eq!(left(&watched, &one, begun + 4.hours()), 20 * 3600);
        assert_eq!(left(&watched, &other, begun + 4.hours()), 22 * 3600);
        assert_eq!(left(&watched, &one, begun + 24.hours()), 0);
        assert_eq!(left(&watched, &Account { warmup: Duration::ZERO, ..one }, begun), 0);
    }

    #[test]
    fn a_clock_that_was_ahead_makes_no_warm_up_longer() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut watched = Watched::open(directory.path());
        let one = account("one");
        let ahead = Timestamp::UNIX_EPOCH + 24_000.hours();
        watched.begin([&one].into_iter(), ahead);
        assert_eq!(left(&watched, &one, Timestamp::UNIX_EPOCH), 86_400);
        watched.begin([&one].into_iter(), Timestamp::UNIX_EPOCH);
        assert_eq!(left(&watched, &one, Timestamp::UNIX_EPOCH + 23.hours()), 3600);
    }

    #[test]
    fn what_is_lost_is_known_to_be() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(Watched::open(directory.path()).lost, None, "nobody was here before");
        fs::write(directory.path().join(store::FILE), b"").expect("a record");
        assert!(Watched::open(directory.path()).lost.is_some());
        fs::write(directory.path().join(Watched::FILE), b"{\"one\":").expect("a file");
        let mut watched = Watched::open(directory.path());
        assert!(watched.lost.as_ref().is_some_and(|why| why.contains("watched.json")), "{watched:?}");
        watched.begin([&account("one")].into_iter(), Timestamp::UNIX_EPOCH);
        assert_eq!(Watched::open(directory.path()).lost, None);
    }

    #[test]
    fn what_others_could_have_written_is_not_believed() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a directory");
        Watched::open(directory.path()).begin([&account("one")].into_iter(), Timestamp::UNIX_EPOCH);
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("anybody's");
        let watched = Watched::open(directory.path());
        assert!(watched.lost.is_some() && watched.since.is_empty(), "{watched:?}");
    }

    #[test]
    fn of_those_that_have_left_the_policy_the_oldest_are_forgotten() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut watched = Watched::open(directory.path());
        let many: Vec<_> = (0..REMEMBERED).map(|n| account(&format!("a{n:04}"))).collect();
        for (hour, one) in (0..).zip(&many) {
            watched.since.insert(one.name.clone(), Timestamp::UNIX_EPOCH + hour.hours());
        }
        // The oldest of all is in the policy.
        watched.begin([&many[0], &account("new")].into_iter(), Timestamp::UNIX_EPOCH + 5000.hours());
        assert_eq!(watched.since.len(), REMEMBERED);
        assert!(watched.since.contains_key("a0000") && watched.since.contains_key("new"));
        assert!(!watched.since.contains_key("a0001"));
    }
}
