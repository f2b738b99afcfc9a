//! Every map that the programs share with the agent or with each other, with the reason for its size.

use agent_common::wire::{
    Counter,
    row::{Account, EdgeKey, MAX_ACCOUNTS, Member, NameKey, UserKey},
};
use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, ProgramArray, RingBuf},
};

use crate::{
    call::{Call, Pending},
    path::Scratch,
};

/// The accounts of the policy, and the self-test's.
#[map]
pub static ACCOUNTS: Array<Account> = Array::with_max_entries(MAX_ACCOUNTS, 0);

/// The slots of all budgets, one behind the other; the agent sets the size to what the policy needs.
#[map]
pub static SLOTS: Array<u64> = Array::with_max_entries(1, 0);

/// Which user ids mark a process as an account's.
#[map]
pub static USERS: HashMap<UserKey, u32> = HashMap::with_max_entries(4096, 0);

/// The processes that act for an account. Not an LRU: evicting a live process would let it out. Preallocated, so that a
/// fork cannot fail for want of memory; about 10 MB of kernel memory.
#[map]
pub static LINEAGE: HashMap<u32, Member> = HashMap::with_max_entries(100_000, 0);

/// Processes that are never labelled (their children are, at exec): the agent and its ancestors, by start time.
#[map]
pub static SPARED: HashMap<u32, u64> = HashMap::with_max_entries(1024, 0);

/// Roots and carriers by the address of their inode, which the agent pins through an open descriptor: exact on every
/// file system, where a pair of device and inode number is not (btrfs, overlay, reuse of inode numbers).
#[map]
pub static MARKS: HashMap<u64, u64> = HashMap::with_max_entries(4096, 0);

/// Names that lead from a carrier towards a root.
#[map]
pub static EDGES: HashMap<EdgeKey, u64> = HashMap::with_max_entries(4096, 0);

/// The node that the next descriptor shown by the agent is to be marked as; empty when it is done.
#[map]
pub static MARK_REQUEST: HashMap<u32, u64> = HashMap::with_max_entries(1, 0);

/// What accounts did to names. An LRU: a name forgotten counts as precious, which is the safe side.
#[map]
pub static LEDGER: LruHashMap<NameKey, u64> = LruHashMap::with_max_entries(65_536, 0);

/// Calls under way, by thread. Preallocated, since an allocation in each call costs more than the memory (5 MB); if there
/// are ever more at once, the rest counts as done when it starts.
#[map]
pub static PENDING: HashMap<u64, Pending> = HashMap::with_max_entries(8192, 0);

/// Room for a path and the state of its resolution, too large for the stack. Per CPU is enough because tracepoint
/// programs run with preemption off.
#[map]
pub static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// Room for a call before it is parked, for the same reason.
#[map]
pub static DRAFT: PerCpuArray<Pending> = PerCpuArray::with_max_entries(1, 0);

/// The call that a hook has understood, on its way to the judge.
#[map]
pub static CALL: PerCpuArray<Call> = PerCpuArray::with_max_entries(1, 0);

/// The judge of calls that start, as a program of its own.
#[map]
pub static JUDGE: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// By [`Counter`].
#[map]
pub static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Counter::ALL.len() as u32, 0);

/// Records to the agent. Decisions do not depend on it, so it is sized for bursts of reports, not for safety.
#[map]
pub static RECORDS: RingBuf = RingBuf::with_byte_size(RECORDS_SIZE, 0);

/// In bytes.
pub const RECORDS_SIZE: u32 = 2 << 20;
