//! What the numbers of entries mean, for as long as one generation was in force.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use agent_common::{
    rules::{BootNs, judge::Tier},
    wire::record::verb,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    recording::{Begin, Deed},
    sensor::whole_path,
};

pub(super) struct Frame {
    pub(super) boot: String,
    /// When it began.
    pub(super) begun: BootNs,
    /// What is to be added to a time since the boot.
    offset: Timestamp,
    /// Whether its policy is the one that is tried.
    pub(super) is_same: bool,
    pub(super) tier: Tier,
    pub(super) accounts: HashMap<u16, String>,
    pub(super) trees: HashMap<u16, PathBuf>,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            boot: String::new(),
            begun: 0,
            offset: Timestamp::UNIX_EPOCH,
            is_same: false,
            tier: Tier::Tracepoint,
            accounts: HashMap::new(),
            trees: HashMap::new(),
        }
    }
}

impl Frame {
    /// `hash`: of the policy that is tried.
    pub(super) fn of(at: BootNs, begin: &Begin, hash: &str) -> Self {
        let Begin { wall, boot, tier, policy, .. } = begin;
        Self {
            boot: boot.clone(),
            begun: at,
            offset: wall.checked_sub(span(at)).unwrap_or(Timestamp::UNIX_EPOCH),
            is_same: policy == hash,
            tier: if tier == "lsm" { Tier::Lsm } else { Tier::Tracepoint },
            ..Self::default()
        }
    }

    pub(super) fn wall(&self, at: BootNs) -> Timestamp {
        self.offset.checked_add(span(at)).unwrap_or(Timestamp::MAX)
    }

    /// The whole path of the act's first name, if it is known: not if it is cut off. In the tier tracepoint the text is that of the name
    /// that was looked at last, as the call gave it.
    pub(super) fn path(&self, deed: &Deed<&[u8]>) -> Option<PathBuf> {
        let has_two = matches!(u32::from(deed.verb), verb::RENAME | verb::EXCHANGE | verb::LINK);
        if deed.is_command() || has_two && self.tier == Tier::Tracepoint {
            return None;
        }
        whole_path(self.tier, self.trees.get(&deed.root?)?, deed.text)
    }
}

fn span(at: BootNs) -> SignedDuration {
    SignedDuration::from_nanos(i64::try_from(at).unwrap_or(i64::MAX))
}

/// The act's path, or what was given for it.
pub(super) fn shown(deed: &Deed<&[u8]>, path: Option<&Path>) -> String {
    let text = || String::from_utf8_lossy(deed.text).replace('\0', " ").trim_end().to_owned();
    path.map_or_else(text, |path| path.to_string_lossy().into_owned())
}
