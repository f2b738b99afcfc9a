//! Every map that the programs share with the agent or with each other, with the reason for its size.

use agent_common::wire::{
    Counts,
    command::{Command, StarredWord, WordKey},
    exception::{ExceptedKey, ExceptedPattern, Exceptions},
    identity::{
        Launch, MAX_ADDRESSES, MAX_GROUPS, MAX_LAUNCHES, MAX_PORTS, MAX_STARRED, NameKey, ProgramKey,
        StarredName,
    },
    row::{
        Account, Claim, DirectoryKey, EdgeKey, Grant, Held, MAX_ACCOUNTS, MAX_DIRECTORIES, MAX_GRANTS,
        MAX_HELD, MAX_MEMBERS, MAX_OWN, MAX_ROOTS, MEMBERS_ROOM, Mark, Member, Moved, OwnUnit, UserKey,
    },
};
use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC},
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, ProgramArray, RingBuf},
};

use crate::{
    call::{Asked, Pending},
    ledger::Spots,
    path::Scratch,
};

/// The accounts of the policy, and the self-test's. The agent has it mapped, to change single words of rows that the
/// programs are writing to.
#[map]
pub static ACCOUNTS: Array<Account> = Array::with_max_entries(MAX_ACCOUNTS, BPF_F_MMAPABLE);

/// The slots of all budgets, one behind the other; the agent sets the size to what the policy needs. Mapped, as above.
#[map]
pub static SLOTS: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Which user ids mark a process as an account's.
#[map]
pub static USERS: HashMap<UserKey, Claim> = HashMap::with_max_entries(4096, 0);

/// The programs, files and paths, by which processes act for an account; the agent sets the size to what the policy needs.
#[map]
pub static PROGRAMS: HashMap<ProgramKey, Claim> = HashMap::with_max_entries(1, 0);

/// Components of starred paths: which of those they are of, a bit each. Sized as above.
#[map]
pub static NAMES: HashMap<NameKey, u64> = HashMap::with_max_entries(1, 0);

/// Components with a star. Sized as above.
#[map]
pub static STARRED: Array<StarredName> = Array::with_max_entries(1, 0);

/// Who claims a starred path, by the number of its bit: first the programs', then the control groups'; then of sockets which ways
/// they are.
#[map]
pub static CLAIMS: Array<Claim> = Array::with_max_entries(3 * MAX_STARRED, 0);

/// Who claims a control group, by its id. An LRU: what was evicted is judged again.
#[map]
pub static GROUPS: LruHashMap<u64, Claim> = LruHashMap::with_max_entries(MAX_GROUPS, 0);

/// TCP ports of this host behind which somebody acts for whoever asks: the number of the way.
#[map]
pub static PORTS: HashMap<u32, u32> = HashMap::with_max_entries(MAX_PORTS, BPF_F_NO_PREALLOC);

/// The addresses of this host that are not known by themselves. The agent looks for new ones.
#[map]
pub static ADDRESSES: HashMap<[u8; 16], u8> = HashMap::with_max_entries(MAX_ADDRESSES, BPF_F_NO_PREALLOC);

/// Roots whose files are jobs that somebody else carries out: the number of the way, 0 for all others.
#[map]
pub static JOBS: Array<u32> = Array::with_max_entries(MAX_ROOTS, 0);

/// Units that accounts had started, by the hash of their name. Not an LRU: what is forgotten lets the unit's processes out. The
/// agent removes those of units that have ended.
#[map]
pub static LAUNCHES: HashMap<u64, Launch> = HashMap::with_max_entries(MAX_LAUNCHES, BPF_F_NO_PREALLOC);

/// When a single operation has last woken the agent.
#[map]
pub static WOKEN: Array<u64> = Array::with_max_entries(1, 0);

/// Whether there is any of them, or was: 0 or 1. Until then nobody asks which unit a process is of if the policy does not.
#[map]
pub static LAUNCHED: Array<u64> = Array::with_max_entries(1, 0);

/// The programs of destructive commands, by the hash of their names; the agent sets the size to what the policy needs.
#[map]
pub static COMMANDS: HashMap<u64, Command> = HashMap::with_max_entries(1, 0);

/// The words that are looked for among their arguments: the bits of each. Sized as above.
#[map]
pub static WORDS: HashMap<WordKey, u64> = HashMap::with_max_entries(1, 0);

/// Words with a star, those of each program one behind the other. Sized as above.
#[map]
pub static STARRED_WORDS: Array<StarredWord> = Array::with_max_entries(1, 0);

/// The processes that act for an account. Not an LRU: evicting a live process would let it out. Preallocated, so that a
/// fork cannot fail for want of memory; about 11 MB of kernel memory.
#[map]
pub static LINEAGE: HashMap<u32, Member> = HashMap::with_max_entries(MAX_MEMBERS + MEMBERS_ROOM, 0);

/// How many they are, and places kept for children that are being made. The agent has it mapped.
#[map]
pub static TAKEN: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The threads that have a place kept: those in the midst of making a child. If it is full the next one fails; so that no account fills
/// it for the others, it has room for more threads than a service may have.
#[map]
pub static RESERVED: HashMap<u32, u8> = HashMap::with_max_entries(MAX_MEMBERS, BPF_F_NO_PREALLOC);

/// The calls that wait, by thread. Preallocated: a call must not be refused for want of memory.
#[map]
pub static HELD: HashMap<u32, Held> = HashMap::with_max_entries(MAX_HELD, 0);

/// When the agent was last there (ns). Mapped by it.
#[map]
pub static HEARTBEAT: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// What responders have granted; the first is none.
#[map]
pub static GRANTS: Array<Grant> = Array::with_max_entries(MAX_GRANTS, 0);

/// Where, and to whom: the index of the grant.
#[map]
pub static DIRECTORIES: HashMap<DirectoryKey, u32> =
    HashMap::with_max_entries(MAX_DIRECTORIES, BPF_F_NO_PREALLOC);

/// Processes that are never labelled (their children are, at exec): the agent and its ancestors, by start time.
#[map]
pub static SPARED: HashMap<u32, u64> = HashMap::with_max_entries(1024, 0);

/// Roots and carriers by the address of their inode, which the agent pins through an open descriptor: exact on every
/// file system, where a pair of device and inode number is not (btrfs, overlay, reuse of inode numbers). And those in MOVED,
/// which leave room for the policy's.
#[map]
pub static MARKS: HashMap<u64, u64> = HashMap::with_max_entries(8192, 0);

/// Names that lead from a carrier towards a root.
#[map]
pub static EDGES: HashMap<EdgeKey, u64> = HashMap::with_max_entries(4096, 0);

/// What is excepted in each root.
#[map]
pub static EXCEPTIONS: Array<Exceptions> = Array::with_max_entries(MAX_ROOTS, 0);

/// Places and names that are excepted; the agent sets the size to what the policy needs.
#[map]
pub static EXCEPTED: HashMap<ExceptedKey, u8> = HashMap::with_max_entries(1, 0);

/// Patterns of names that are excepted, those of each tree one behind the other; sized as above.
#[map]
pub static PATTERNS: Array<ExceptedPattern> = Array::with_max_entries(1, 0);

/// The address of the agent's own mount namespace, which is the host's; 0 in the tier tracepoint, which does not ask.
#[map]
pub static HOST_MOUNTS: Array<u64> = Array::with_max_entries(1, 0);

/// What the next descriptor shown by the agent is to be marked as; empty when it is done.
#[map]
pub static MARK_REQUEST: HashMap<u32, Mark> = HashMap::with_max_entries(1, 0);

/// What accounts did to names; see [`agent_common::rules::ledger`]. 4 MB, so that of 50,000 names of late none need make
/// room.
#[map]
pub static LEDGER: Array<Spots> = Array::with_max_entries(LEDGER_SHELVES, BPF_F_MMAPABLE);

/// A power of two.
pub const LEDGER_SHELVES: u32 = 32_768;

/// Calls under way, by thread id. An entry stays when its call is done, until its thread ends: to add and remove one in
/// each call costs more than the memory (6 MB). The calls of more threads than this count as done when they start.
#[map]
pub static PENDING: HashMap<u32, Pending> = HashMap::with_max_entries(16_384, 0);

/// Requests to an io_uring under way, by the address of the kernel's own object: many are handed over by one thread before the
/// first is done. More than these count as done when they are handed over.
#[map]
pub static REQUESTS: HashMap<u64, Pending> = HashMap::with_max_entries(16_384, BPF_F_NO_PREALLOC);

/// Where programs work, see [`crate::desk`]; the agent sets the size to what this host's CPUs need.
#[map]
pub static SCRATCH: Array<Scratch> = Array::with_max_entries(1, 0);

/// Directories that an account has moved out of a protected tree, by the address of their inode: what lies in them stays what
/// it was.
#[map]
pub static MOVED: HashMap<u64, Moved> = HashMap::with_max_entries(4096, BPF_F_NO_PREALLOC);

/// When what an account has done to burstguard itself was told last, by account and thing: more than that is as good as forgotten.
#[map]
pub static TOLD: LruHashMap<[u32; 2], u64> = LruHashMap::with_max_entries(4096, 0);

/// Maps, programs and attachments of this generation, and of the one that the agent makes next, each by its kind and id.
#[map]
pub static OWN: HashMap<[u32; 2], u8> = HashMap::with_max_entries(MAX_OWN, BPF_F_NO_PREALLOC);

/// Which process is the agent: its id, and when it started, in clock ticks.
#[map]
pub static AGENT: Array<[u64; 2]> = Array::with_max_entries(1, 0);

/// The name of the agent's unit, as text and as part of a path of the service manager's; empty if it has none.
#[map]
pub static UNIT: Array<OwnUnit> = Array::with_max_entries(1, 0);

/// The call that a hook has understood, on its way to the judge.
#[map]
pub static CALL: PerCpuArray<Asked> = PerCpuArray::with_max_entries(1, 0);

/// The judge of calls that start, as a program of its own.
#[map]
pub static JUDGE: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// One row, so that the agent reads all of them at once.
#[map]
pub static COUNTERS: PerCpuArray<Counts> = PerCpuArray::with_max_entries(1, 0);

/// Records to the agent. Decisions do not depend on it, so it is sized for bursts of reports, not for safety.
#[map]
pub static RECORDS: RingBuf = RingBuf::with_byte_size(RECORDS_SIZE, 0);

/// In bytes.
pub const RECORDS_SIZE: u32 = 2 << 20;
