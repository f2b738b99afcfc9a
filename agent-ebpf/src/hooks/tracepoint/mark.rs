//! The agent shows the programs which inode a descriptor of its own leads to. User space cannot name an inode the way
//! the kernel does: on btrfs and overlay, device and inode number of stat are not those of the kernel's inode.

use agent_common::wire::{
    Counter,
    row::{Claim, Mark, node},
};
use aya_ebpf::{
    bindings::BPF_ANY, helpers::bpf_get_current_pid_tgid, macros::tracepoint, programs::TracePointContext,
};

use crate::{
    count::count,
    directory,
    identity::program,
    maps::{HOST_MOUNTS, MARK_REQUEST, MARKS, PROGRAMS},
    offsets::{HOOKS, OFFSETS, SETTINGS},
    read::{self, Kernel, Unread},
};

/// On `sys_enter_mkdirat` while the agent marks: it calls `mkdirat(descriptor, "", 0)`, which always fails with ENOENT.
#[tracepoint]
pub fn mark(ctx: TracePointContext) -> u32 {
    if (bpf_get_current_pid_tgid() >> 32) as u32 != SETTINGS.agent() {
        return 0;
    }
    // SAFETY: only the agent, which is in this call, changes the entry.
    let Some(wanted) = (unsafe { MARK_REQUEST.get(0) }) else { return 0 };
    note_mounts();
    let [descriptor, ..] = read::arguments(&ctx);
    match inode(descriptor) {
        Ok(inode) => {
            if put(inode, wanted) {
                let _ = MARK_REQUEST.remove(0); // the answer that the agent looks for
            }
        }
        Err(Unread) => count(Counter::KernelRead),
    }
    0
}

/// Where the agent is, the host is.
#[inline(always)]
fn note_mounts() {
    let offset = HOOKS.task_nsproxy();
    let Some(host) = HOST_MOUNTS.get_ptr_mut(0).filter(|_| offset != 0) else { return };
    let space: Kernel = read::current().follow(offset).follow(HOOKS.nsproxy_mnt_ns()).into();
    // SAFETY: a live entry of an array map, which only the agent's marking writes to.
    unsafe { *host = space.0 };
}

/// Whether it is known now.
#[inline(always)]
fn put(inode: Kernel, wanted: &Mark) -> bool {
    if wanted.claim != Claim::NONE {
        return program::file_key(inode)
            .is_ok_and(|key| PROGRAMS.insert(key, wanted.claim, u64::from(BPF_ANY)).is_ok());
    }
    if wanted.node & node::MOVED == 0 {
        return MARKS.insert(inode.0, wanted.node, u64::from(BPF_ANY)).is_ok();
    }
    // SAFETY: whether there is an entry, not what it holds.
    let known = unsafe { MARKS.get(inode.0) }.is_some();
    known || directory::mark(inode, &wanted.place)
}

#[inline(always)]
fn inode(descriptor: u64) -> Result<Kernel, Unread> {
    let file = read::open_file(descriptor as u32)?;
    file.within(OFFSETS.file_path()).follow(OFFSETS.path_dentry())?.follow(OFFSETS.dentry_inode())
}
