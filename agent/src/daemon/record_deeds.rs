//! What goes into the recording: what accounts did, as the kernel judged it, and what was decided about them.

use std::os::unix::ffi::OsStrExt as _;

use agent_common::rules::judge::Standing;
use jiff::Timestamp;

use super::agent::Agent;
use crate::{
    clock::{boot_id, boot_now},
    recording::{Begin, Deed, Entry},
    sensor::Record,
};

impl Agent {
    /// Another generation is in force: accounts and trees have other numbers.
    pub(super) fn begin_recording(&mut self) {
        let about = &self.in_force.about;
        let begin = Begin {
            wall: Timestamp::now(),
            boot: boot_id().unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tier: about.tier.word().to_owned(),
            policy: about.policy_sha256.clone(),
            carries: self.in_force.generation.carries(),
            seed: Some(self.in_force.generation.seed()),
        };
        let names = self.in_force.generation.names();
        let accounts = (1..).zip(names.accounts());
        let trees = (1..).zip(names.trees());
        let first = [Entry::Begin { at: boot_now(), goes_on: false, begin }]
            .into_iter()
            .chain(accounts.map(|(index, name)| Entry::Account { index, name: name.as_bytes().to_vec() }))
            .chain(
                trees.map(|(index, path)| Entry::Tree { index, path: path.as_os_str().as_bytes().to_vec() }),
            );
        self.recording.begin(first.collect());
    }

    pub(super) fn record_deeds(&mut self, records: &[Record]) {
        let is_known = |record: &&Record| self.in_force.generation.names().account(record.account).is_some();
        let known = || records.iter().filter(is_known);
        let unnumbered = known().filter(|record| Deed::is_unnumbered(record)).count() as u64;
        let deeds = known().filter_map(Deed::of).map(Entry::Deed).collect();
        self.recording.add(deeds);
        if unnumbered > 0 {
            self.recording.missed(unnumbered);
        }
    }

    /// Sets where an account stands.
    pub(super) fn set_standing(&mut self, account: &str, standing: Standing) {
        self.in_force.generation.set_standing(account, standing);
        self.record_decided(account, |at, account| Entry::Stands { at, account, standing });
    }

    /// What an account has done until now does not count any more.
    pub(super) fn forgive(&mut self, account: &str) {
        self.in_force.generation.forgive(account, boot_now());
        self.record_decided(account, |at, account| Entry::Anew { at, account });
    }

    fn record_decided(&mut self, account: &str, entry: impl FnOnce(u64, u16) -> Entry<Vec<u8>>) {
        let index = self.in_force.generation.names().index(account);
        if let Some(index) = index.and_then(|index| u16::try_from(index).ok()) {
            self.recording.add(vec![entry(boot_now(), index)]);
        }
    }
}
