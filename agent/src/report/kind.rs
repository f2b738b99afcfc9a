//! Every kind of event: its word, the id that it has in the journal, and what a person is told about it. It is written down here and
//! nowhere else: the journal's catalog is made of it, and so is what a webhook may be told.

use super::Event;

/// A kind of event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// What the event is called in JSON, in the journal and in the policy.
    pub(crate) word: &'static str,
    /// The `MESSAGE_ID` of its entries in the journal. It stays what it is as long as the event means the same.
    pub(crate) message_id: u128,
    /// A few words.
    pub(crate) subject: &'static str,
    pub(crate) means: &'static str,
    /// What to do. `@FIELD@` is a field of the entry in the journal.
    pub(crate) act: &'static str,
    /// The section of docs/runbook.md.
    pub(crate) section: Option<&'static str>,
}

impl Kind {
    /// As the journal writes it.
    pub(crate) fn message_id(&self) -> String {
        format!("{:032x}", self.message_id)
    }
}

/// The kind of this word.
pub(crate) fn find(word: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.word == word)
}

macro_rules! kinds {
    ($($event:ident = $word:literal, $id:literal, $section:expr, $subject:literal, $means:literal, $act:literal;)+) => {
        /// All of them, in the order of [`Event`].
        pub(crate) static KINDS: &[Kind] = &[$(Kind {
            word: $word, message_id: $id, subject: $subject, means: $means, act: $act, section: $section,
        }),+];

        enum Place { $($event),+ }

        impl Event {
            pub(crate) fn kind(&self) -> &'static Kind {
                let place = match self { $(Self::$event { .. } => Place::$event),+ };
                &KINDS[place as usize]
            }
        }

        #[cfg(test)]
        const VARIANTS: &[&str] = &[$(stringify!($event)),+];
    };
}

kinds! {
    Armed = "armed", 0x7495e2530aa64f0d9210f28df4d4b9eb, None,
        "Watching has begun",
        "The kernel programs are loaded, and a self-test has proved that they act.",
        "Nothing; burstguard status says how things stand";
    Joined = "joined", 0xfe3ecd4010e543e49a85176f0d937c39, None,
        "A process acts for an account",
        "What it destroys is counted from now on.",
        "Nothing; burstguard whois PID says why it does";
    Launched = "launched", 0x9fa619a7091142f5bada99e78794325d, None,
        "A unit is started at an account's request",
        "What its processes do is counted as the account's.",
        "Nothing.";
    Operation = "operation", 0x8809fe5e1cf7474084088a0fb73e7875, None,
        "Something was destroyed in a protected tree",
        "It was within the budgets, approved, or only observed.",
        "Nothing.";
    Burst = "burst", 0x08c0773f3ce74838be6e81f938f74d05, Some("BurstguardBurst"),
        "A budget was exceeded",
        "An account has destroyed more than its budget admits. Past it the policy's response holds, unless it is to observe.",
        "burstguard incident @BURSTGUARD_INCIDENT@ says what was destroyed and what to type";
    Escape = "escape", 0xde89fae82dde49ebb61ce1033722c0a8, Some("BurstguardEscape"),
        "Somebody else was asked to act",
        "A process of an account had another one act for it that is not counted as the account's.",
        "burstguard incident @BURSTGUARD_INCIDENT@";
    Stopped = "stopped", 0x73367cfb8fe0415c9eff1ed0a00a7088, Some("BurstguardBurstWaiting"),
        "A process was stopped",
        "It goes on when somebody has decided.",
        "burstguard incidents --open, then burstguard thaw or burstguard kill";
    Held = "held", 0x1a656906ecdb4e8d81be60a03b842e68, Some("BurstguardCallWaiting"),
        "A call waits for a decision",
        "It has not happened. If nobody decides, the policy does at its deadline.",
        "burstguard incidents --open, then burstguard approve or burstguard deny";
    Denied = "denied", 0xb6110638fb8848468dddedcc08c5baab, Some("BurstguardStillDenied"),
        "A call was refused",
        "Its program got EPERM; nothing was destroyed by it.",
        "burstguard incidents --open; burstguard thaw ends it if it was meant";
    Blind = "blind", 0xb77fee216953479a8dd7040a9241b814, Some("BurstguardBlind"),
        "Something was done that this tier cannot judge",
        "What the process did is not counted.",
        "Look whether the kernel offers the other tier: burstguard status";
    Counter = "counter", 0x59b207322699491788541888048fb883, Some("BurstguardKernelFaults"),
        "The kernel programs count something",
        "A fault, which is logged as an error, or something beyond this tier.",
        "burstguard status; a fault is worth a report: burstguard debug bundle";
    Found = "found", 0xf5565bb299114747a0d56e129806f483, Some("BurstguardBurstWaiting"),
        "Something waits since before this daemon",
        "An earlier daemon has stopped it, and nobody has decided yet.",
        "burstguard incident @BURSTGUARD_INCIDENT@";
    Frozen = "frozen", 0x9caf906b14444606ae77a1bf92e27b5d, Some("BurstguardFrozenTooLong"),
        "Processes are frozen",
        "The kernel has confirmed it. They stay so until somebody decides, or until the time that the incident says.",
        "burstguard incident @BURSTGUARD_INCIDENT@, then burstguard thaw or burstguard kill";
    Decided = "decided", 0x394c51b500c84badadad756b5ac769e9, None,
        "An incident was decided",
        "The decision was carried out.",
        "Nothing; burstguard incident @BURSTGUARD_INCIDENT@ says who decided, and why";
    Leased = "leased", 0x5a7b5041a66e4f10a323ff87d2cfd953, None,
        "A lease is in force",
        "The account may destroy what it grants until it ends.",
        "burstguard lease list; burstguard lease revoke @BURSTGUARD_INCIDENT@ ends it early";
    LeaseOver = "lease_over", 0xe790650eadf34fa88eb4d62c3e8c7ffc, None,
        "A lease is over",
        "The account is held to its budgets again.",
        "Nothing.";
    Approval = "approval", 0x8c8acaa232b049cebcb8831f8b27ee1e, None,
        "One of several people has approved",
        "Nothing goes on yet: the policy wants more people to say so.",
        "burstguard incident @BURSTGUARD_INCIDENT@, then the same from somebody else";
    Restoring = "restoring", 0x6d1f0c9be2a54c0f8a37d5b14e9c2f60, None,
        "Files are put back",
        "Somebody restores what an incident destroyed. It is in the record before anything is written.",
        "Nothing; burstguard incident @BURSTGUARD_INCIDENT@ says who, and why";
    Restored = "restored", 0x2b8e47d3f1964a7d9c05ea86b37d184f, None,
        "Files were put back",
        "What was there before is kept as another version. A path that had changed since was left out unless whoever restored wanted it.",
        "burstguard restore @BURSTGUARD_INCIDENT@ --dry-run shows what is not as it was";
    Attempt = "attempt", 0x35969f267ed34a6c80f477340ae7e152, Some("BurstguardAttempt"),
        "An account wanted to decide about itself",
        "A process of an account asked for what only people may do. It was refused.",
        "burstguard incident @BURSTGUARD_INCIDENT@";
    Tampering = "tampering", 0x6c90103651ef4faabf51d1d2c2ea129d, Some("BurstguardTampering"),
        "An account has touched burstguard itself",
        "A process of an account has changed burstguard's own files or processes, or was refused to.",
        "burstguard incident @BURSTGUARD_INCIDENT@";
    EffectFailed = "effect_failed", 0x10bceb3eddb44c73b3d09974ce770d29, Some("BurstguardEffectFailed"),
        "Something could not be carried out",
        "What was decided has not come about.",
        "burstguard incident @BURSTGUARD_INCIDENT@";
    Warmup = "warmup", 0x6aa62a0dac244ad8b5efa6535169ec46, None,
        "An account is new here",
        "It is only observed for the time that the policy says.",
        "burstguard accounts";
    WarmupOver = "warmup_over", 0xab423c8e5f8e42d5a0cf777b600662fc, None,
        "An account is not new any more",
        "Its response is carried out from now on.",
        "Nothing.";
    GovernorEngaged = "governor_engaged", 0x01d2bd39a86344868d7ddfd2c953fdb4, Some("BurstguardGovernor"),
        "So much has tripped that the rule must be wrong",
        "Accounts that have not tripped are only observed until it is quiet. What waits goes on waiting.",
        "burstguard status; burstguard on ends it";
    GovernorOver = "governor_over", 0x68d2e7f35b4d44ae9474641842b84081, None,
        "The governor is over",
        "Every account is held to its budgets again.",
        "Nothing.";
    Unexplained = "unexplained", 0x07091cca4c074c199ea934e42a65a440, None,
        "Accounts are held to their budgets again",
        "The daemon before let them pass by something that is not in force any more.",
        "burstguard accounts";
    Off = "off", 0xe5ff4084c0184aebb7e9efc8d0a9546f, Some("BurstguardOff"),
        "Enforcement is off",
        "Nothing is stopped until then; what was stopped goes on.",
        "burstguard on";
    On = "on", 0xf94b4f7148f649339ba41f7719cdc694, None,
        "Enforcement is on again",
        "Every response is carried out.",
        "Nothing.";
    Reloaded = "reloaded", 0x9dbb0039960a4635af211ba34175d327, None,
        "Another policy is in force",
        "The files of the policy were read again.",
        "Nothing; burstguard status says how things stand";
    NotReloaded = "not_reloaded", 0xe87a14742f7d404bb6d18369b53076eb, Some("BurstguardReloadFailed"),
        "The policy was not reloaded",
        "The one before stays in force: the new one is no good, or loosens what an open incident holds.",
        "burstguard check";
    PinsLost = "pins_lost", 0xb874cff640754eb0b541754ea3ba56f8, Some("BurstguardNotPinned"),
        "Pins of the kernel programs were lost",
        "Without them enforcement ends with the daemon.",
        "burstguard status; look who removes files below /sys/fs/bpf";
    PinnedAgain = "pinned_again", 0x2f6b414239fd4f30810c1e85f0e4cd50, None,
        "The kernel programs are pinned again",
        "Enforcement stays when the daemon ends.",
        "Nothing.";
    Anchor = "anchor", 0xac8b74ef5ab343dcaf9703a2496844e7, None,
        "The last entry of the record",
        "By this hash it can be proven later that nothing up to it was changed or removed.",
        "Keep the journal, and from time to time: burstguard verify";
    StoreDegraded = "store_degraded", 0x0d206d101f9e44178705f12db5619b93, Some("BurstguardNotRecorded"),
        "Incidents cannot be written down",
        "Watching and deciding go on; a daemon that is restarted meanwhile forgets what it was told.",
        "df --human-readable /var/lib/burstguard";
    StoreHealed = "store_healed", 0x6227e4ec224940d38783b347524712b9, Some("BurstguardEntriesLost"),
        "Incidents are written down again",
        "What waited is written; what is lost is counted.",
        "burstguard verify";
    Unrecorded = "unrecorded", 0xeba2973dd08745d98345311359b142cd, Some("BurstguardUnrecorded"),
        "A decision was carried out before it was on the disk",
        "The disk took too long.",
        "burstguard status";
    Released = "released", 0xf4ffbfa5f455412aa883e8ef1c31f0f9, None,
        "Stopped processes go on",
        "Nothing holds them any more.",
        "Nothing.";
    Ended = "ended", 0x864d853e6c0a4dd99526b4c67931e5c0, Some("BurstguardDown"),
        "Watching has ended",
        "What the kernel programs hold stays held, unless the daemon was told to let go.",
        "systemctl start burstguard";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// As serde makes a word of a variant.
    fn snake(variant: &str) -> String {
        variant.char_indices().fold(String::new(), |word, (at, letter)| {
            let dash = if at > 0 && letter.is_uppercase() { "_" } else { "" };
            word + dash + &letter.to_lowercase().to_string()
        })
    }

    #[test]
    fn a_kind_has_the_word_of_its_event_in_json() {
        for (kind, variant) in KINDS.iter().zip(VARIANTS) {
            assert_eq!(kind.word, snake(variant));
            assert_eq!(find(kind.word), Some(kind));
        }
        for event in [
            Event::On,
            Event::PinnedAgain,
            Event::StoreHealed { missed: 1 },
            Event::Released { pids: vec![] },
        ] {
            let json = serde_json::to_value(&event).unwrap();
            assert_eq!(json["event"], event.kind().word);
        }
    }

    /// 128 bits of chance each, as the journal wants them.
    #[test]
    fn no_two_kinds_have_one_id() {
        let ids: BTreeSet<u128> = KINDS.iter().map(|kind| kind.message_id).collect();
        assert_eq!(ids.len(), KINDS.len());
        assert!(ids.iter().all(|id| id >> 76 & 0xf == 4 && id >> 62 & 3 == 2));
        assert!(KINDS.iter().all(|kind| kind.message_id().len() == 32));
    }

    #[test]
    fn what_to_read_is_there() {
        let runbook = include_str!("../../../docs/runbook.md");
        for section in KINDS.iter().filter_map(|kind| kind.section) {
            assert!(runbook.contains(&format!("\n## {section}\n")), "{section}");
        }
    }
}
