//! The agent shows the programs which inode a descriptor of its own leads to. User space cannot name an inode the way
//! the kernel does: on btrfs and overlay, device and inode number of stat are not those of the kernel's inode.

use agent_common::wire::Counter;
use aya_ebpf::{
    bindings::BPF_ANY, helpers::bpf_get_current_pid_tgid, macros::tracepoint, programs::TracePointContext,
};

use crate::{
    count::count,
    maps::{MARK_REQUEST, MARKS},
    offsets::{OFFSETS, SETTINGS},
    read::{self, Kernel, Unread},
};

/// On `sys_enter_mkdirat` while the agent marks: it calls `mkdirat(descriptor, "", 0)`, which always fails with ENOENT.
#[tracepoint]
pub fn mark(ctx: TracePointContext) -> u32 {
    if (bpf_get_current_pid_tgid() >> 32) as u32 != SETTINGS.agent() {
        return 0;
    }
    // SAFETY: the value is copied at once, while the entry is alive.
    let Some(&node) = (unsafe { MARK_REQUEST.get(0) }) else { return 0 };
    let [descriptor, ..] = read::arguments(&ctx);
    match inode(descriptor) {
        Ok(inode) => {
            if MARKS.insert(inode.0, node, u64::from(BPF_ANY)).is_ok() {
                let _ = MARK_REQUEST.remove(0); // the answer that the agent looks for
            }
        }
        Err(Unread) => count(Counter::KernelRead),
    }
    0
}

#[inline(always)]
fn inode(descriptor: u64) -> Result<Kernel, Unread> {
    let file = read::open_file(descriptor as u32)?;
    file.within(OFFSETS.file_path()).follow(OFFSETS.path_dentry())?.follow(OFFSETS.dentry_inode())
}
