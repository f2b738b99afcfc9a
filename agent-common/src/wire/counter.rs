//! Named counters: whatever the kernel programs could not do, or could not know, is one of these.

macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident = $label:literal,)+) => {
        /// What is counted; the value is the index in the kernel's counter map.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter { $($(#[doc = $help])+ $name,)+ }

        impl Counter {
            /// Every counter, in the order of its index.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The counter's name outside.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }

            /// What it counts, for a person.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$name => concat!($($help),+),)+ }
            }

            /// Whether it counts a fault of ours, as against a limit of the tier or a plain event.
            #[must_use]
            pub const fn is_fault(self) -> bool {
                (self as u32) < Self::UnresolvedPath as u32
            }
        }
    };
}

// Faults first, limits of the tier and plain events from UnresolvedPath on: is_fault relies on it.
counters! {
    /// A record was lost because the ring buffer was full; the verdict it reports stands.
    RecordLost = "record_lost",
    /// As many processes act for accounts as can be told: one more was not made (tier lsm), or its parent was stopped.
    LineageFull = "lineage_full",
    /// The map of calls under way was full or refused: a call was not judged.
    PendingFull = "pending_full",
    /// The name ledger could not be written: the name counts as precious.
    LedgerFailed = "ledger_failed",
    /// A field of a kernel structure could not be read: an act was not judged.
    KernelRead = "kernel_read",
    /// The kernel refused the stop signal.
    SignalRefused = "signal_refused",
    /// A lineage entry names an account that does not exist.
    UnknownAccount = "unknown_account",
    /// A transition of an account's standing lost its race too often.
    StandingContended = "standing_contended",
    /// The judge could not be called: a call was not judged.
    JudgeMissing = "judge_missing",
    /// The kernel passed a program over because another BPF operation was under way on its CPU: a call or a process was
    /// not seen. Counted by the kernel, not by the programs.
    Skipped = "skipped",
    /// A per-CPU buffer was missing.
    ScratchMissing = "scratch_missing",
    /// A call could not wait, since as many as can are waiting; it was refused.
    HeldFull = "held_full",
    /// A directory was moved out of a protected tree and cannot be followed: what is in it is not protected any more.
    MovedFull = "moved_full",
    /// A call was under way and nobody saw its end: it counts as done.
    Unsettled = "unsettled",
    /// A path of a tracked process could not be resolved without guessing (`..` inside it, or a component too long).
    UnresolvedPath = "unresolved_path",
    /// A directory lies too deep to be followed up to its root.
    TooDeep = "too_deep",
    /// A path argument was not in memory yet at the start of its call; it was read again at its end.
    UnreadPath = "unread_path",
    /// A path argument could not be read at the end of its call either.
    UnreadablePath = "unreadable_path",
    /// A tracked process made an io_uring of a kernel that tells what goes through it in a way we do not know.
    IoUring = "io_uring",
    /// A tracked process ran a 32-bit program, whose system calls this tier cannot see.
    Compat = "compat",
    /// A call that should have waited was refused, since its thread cannot: it is traced, or works for an io_uring.
    CannotWait = "cannot_wait",
    /// A program with destructive commands was run with more arguments than are looked at.
    LongCommand = "long_command",
    /// A held call was continued for nothing more than twenty times in a second, and was refused.
    Restless = "restless",
    /// A tracked process wanted to continue a held one and was refused.
    ContinueRefused = "continue_refused",
}

/// What one CPU has counted, by [`Counter`]. A power of two, so that a mask keeps an index in it where a verifier looks on.
pub type Counts = [u64; 32];
const _: () = assert!(Counter::ALL.len() <= size_of::<Counts>() / size_of::<u64>());

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn indices_are_dense_and_labels_unique() {
        for (index, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(*counter as usize, index);
        }
        let mut labels: Vec<_> = Counter::ALL.iter().map(|counter| counter.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Counter::ALL.len());
    }
}
