//! The one record of the ring buffer: what a kernel program saw and what it did about it.

/// What a record tells; the values of [`Record::what`].
pub mod what {
    /// A process became a member of an account's lineage (by its user, not by fork).
    pub const JOINED: u32 = 1;
    /// An operation happened.
    pub const OPERATION: u32 = 2;
    /// A budget was exceeded: the account's standing changed.
    pub const BURST: u32 = 3;
    /// A process was stopped.
    pub const STOPPED: u32 = 4;
    /// A tracked process did what this tier cannot judge; [`super::Record::blind`] says what.
    pub const BLIND: u32 = 5;
    /// A call waits from now on, before anything has happened.
    pub const HELD: u32 = 6;
    /// A call was refused. Of many that are refused one after the other only some are reported.
    pub const DENIED: u32 = 7;
    /// A unit is started because the account has asked for it: what its processes do is the account's. The text is its name.
    pub const LAUNCHED: u32 = 8;
    /// Something was done to burstguard itself, or was refused ([`super::Record::over`]). [`super::Record::blind`] is what, one of
    /// [`super::thing`]. Of many only some are reported.
    pub const TAMPERING: u32 = 9;
}

/// What a call does; the values of [`Record::verb`] and of the row of a call under way.
pub mod verb {
    /// Nothing to a name: a fork, an exec, a change of user.
    pub const NONE: u32 = 0;
    /// Makes a name: mkdir, mknod, symlink.
    pub const CREATE: u32 = 1;
    /// Makes a second name for a file.
    pub const LINK: u32 = 2;
    /// Removes a name.
    pub const REMOVE: u32 = 3;
    /// Renames.
    pub const RENAME: u32 = 4;
    /// Swaps two names.
    pub const EXCHANGE: u32 = 5;
    /// Shortens a file.
    pub const TRUNCATE: u32 = 6;
    /// Opens a file, creating or emptying it.
    pub const OPEN: u32 = 7;
    /// Mounts over a directory, or unmounts what was mounted there: what was to be seen is not.
    pub const MOUNT: u32 = 8;
    /// Opens a file for overwriting.
    pub const OVERWRITE: u32 = 9;
    /// Asks somebody who does not act for the account to act; the key is the number of the way.
    pub const ASK: u32 = 10;
    /// Opens a file for writing that holds nothing to lose: it may become a job that somebody else carries out.
    pub const WRITE: u32 = 11;
    /// Changes who owns a file, who may do what with it, or what else is said of it.
    pub const ATTRIBUTES: u32 = 12;
    /// Runs a program with arguments by which it destroys; the text is its arguments, each with a NUL behind.
    pub const COMMAND: u32 = 13;
    /// The same of arguments by which it makes anew what may have been destroyed.
    pub const COUNTER_COMMAND: u32 = 14;
    /// Opens for reading what no account may read.
    pub const READ: u32 = 15;
}

/// What of burstguard was touched.
pub mod thing {
    /// A name, or what it leads to: the root says which.
    pub const FILE: u32 = 1;
    /// A signal was sent to the daemon.
    pub const SIGNAL: u32 = 2;
    /// The daemon was traced, or its memory or descriptors reached for.
    pub const TRACE: u32 = 3;
    /// How the daemon is scheduled, or what it may use, was changed.
    pub const LIMITS: u32 = 4;
    /// A map, a program or an attachment was reached for.
    pub const BPF: u32 = 5;
    /// The service manager was told something about the unit.
    pub const UNIT: u32 = 6;
    /// Something was mounted over what belongs to it, or unmounted there.
    pub const MOUNT: u32 = 7;
    /// The daemon was moved to another control group: that is told in every tier, and refused in none.
    pub const GROUP: u32 = 8;
}

/// So long after records the agent looks for more by itself, and goes on as long as there are some; a single operation wakes it if none
/// has for longer (ns).
pub const LOOK: u64 = 100_000_000;

/// The size of what is no file, or could not be looked at.
pub const UNKNOWN: u64 = u64::MAX;

/// The root of what lies in no tree.
pub const NO_ROOT: u32 = u32::MAX;

/// How much of a path argument a record holds.
pub const TEXT_LEN: usize = 128;

/// One record. Times in ns on CLOCK_BOOTTIME; process ids are those of the initial namespace.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(bytemuck::Pod, bytemuck::Zeroable))]
pub struct Record {
    /// When the program decided.
    pub at: u64,
    /// The folded path below the root, of the first name that was touched.
    pub key: u64,
    /// The same of the second name, if there is one in a tree.
    pub other_key: u64,
    /// How large what it hit was, in bytes, or [`UNKNOWN`]. Of a call that hit two names, the second's.
    pub before: u64,
    /// How large what is there now is; 0 if nothing is.
    pub after: u64,
    /// One of [`what`].
    pub what: u32,
    /// The account's index.
    pub account: u32,
    /// The process.
    pub tgid: u32,
    /// The thread.
    pub tid: u32,
    /// Its real user id.
    pub uid: u32,
    /// The index of the protected root.
    pub root: u32,
    /// The same of the second name; [`NO_ROOT`] if there is none in a tree.
    pub other_root: u32,
    /// Must be zero.
    pub reserved: u32,
    /// One of [`verb`].
    pub verb: u32,
    /// For `BLIND`: the [`super::Counter`] that names the reason.
    pub blind: u32,
    /// How the act was judged; zeros if it was not.
    pub judged: Judged,
    /// [`crate::rules::Kinds`] of the act.
    pub kinds: u8,
    /// Whether the account had room for it (0) or was over (1).
    pub over: u8,
    /// How many bytes of `text` are used.
    pub text_len: u16,
    /// The index of the grant under which it happened; 0 for none.
    pub grant: u32,
    /// The task's name.
    pub comm: [u8; 16],
    /// The path, cut off where it is longer: in the tracepoint tier as the call gave it, in the lsm tier below the root.
    pub text: [u8; TEXT_LEN],
}

const _: () = assert!(size_of::<Record>() == 72 + 8 + 24 + 8 + 16 + TEXT_LEN);

/// How an act that destroys was judged: with this and the policy the rules come to the same.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(bytemuck::Pod, bytemuck::Zeroable))]
pub struct Judged {
    /// The time that it was judged by; the record is sent later, when the act is done.
    pub at: u64,
    /// Its number among all that the account was judged for, beginning at 1, in the order in which that was done; 0 if it has none.
    pub sequence: u64,
    /// [`crate::rules::Kinds`] of what becomes of each of its names.
    pub kinds: [u8; 2],
    /// [`crate::rules::judge::Verdict::to_word`].
    pub verdict: u8,
    /// [`crate::rules::judge::Phase::to_word`] of where the account stood before.
    pub phase: u8,
    /// Whether a grant covered this very act (1) or not (0).
    pub granted: u8,
    /// Whether the account was granted whatever it does (1) or not (0).
    pub passes: u8,
    /// Must be zero.
    pub reserved: [u8; 2],
}
