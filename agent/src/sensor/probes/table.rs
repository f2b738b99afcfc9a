//! Which program of the kernel object goes where.

use agent_common::rules::judge::Tier;

use super::{
    Event::{self, Call, Enter, Exit, Function, Hook, NewHook, Raw, Renamed},
    Probe,
};

/// The probes of a tier, in the order of attaching: processes first, so that none is missed whose calls are seen; then what
/// settles, then what judges, so that a call that is judged is always settled.
pub(super) fn of(tier: Tier, knows_rings: bool) -> impl Iterator<Item = &'static Probe> {
    let (requests, rest) = match tier {
        Tier::Tracepoint => (if knows_rings { REQUESTS } else { &[] }, CALLS),
        Tier::Lsm => (&[][..], OPERATIONS),
    };
    PROCESSES.iter().chain(requests).chain(rest)
}

const PROCESSES: &[Probe] = &[
    Probe { program: "fork", at: &[Raw("sched_process_fork")] },
    Probe { program: "exec", at: &[Raw("sched_process_exec")] },
    Probe { program: "change_group", at: &[Raw("cgroup_attach_task")] },
    Probe { program: "exit", at: &[Raw("sched_process_exit")] },
    Probe { program: "set_user", at: &[Exit("setuid"), Exit("setreuid"), Exit("setresuid")] },
];

/// What goes through an io_uring.
const REQUESTS: &[Probe] = &[
    Probe { program: "request_done", at: &[Raw("io_uring_complete")] },
    Probe { program: "request", at: &[Renamed("io_uring_submit_req", "io_uring_submit_sqe")] },
];

/// System calls, which are seen at their start and, by the common program `settle`, at their end.
const CALLS: &[Probe] = &[
    Probe { program: "steer", at: &[Enter("clone"), Enter("clone3"), Enter("fork"), Enter("vfork")] },
    Probe {
        program: "reach",
        at: &[
            Enter("kill"),
            Enter("tkill"),
            Enter("tgkill"),
            Enter("rt_sigqueueinfo"),
            Enter("rt_tgsigqueueinfo"),
            Enter("pidfd_send_signal"),
            Enter("ptrace"),
        ],
    },
    Probe { program: "make_ring", at: &[Enter("io_uring_setup")] },
    Probe { program: "connect", at: &[Enter("connect")] },
    Probe { program: "sendmsg", at: &[Enter("sendmsg")] },
    Probe { program: "unlink", at: &[Call("unlink"), Call("rmdir")] },
    Probe { program: "unlinkat", at: &[Call("unlinkat")] },
    Probe { program: "rename", at: &[Call("rename")] },
    Probe { program: "renameat", at: &[Call("renameat")] },
    Probe { program: "renameat2", at: &[Call("renameat2")] },
    Probe { program: "truncate", at: &[Call("truncate")] },
    Probe { program: "ftruncate", at: &[Call("ftruncate")] },
    // One that only reads is looked at when it is done: by the file, not by its text.
    Probe { program: "settle_open", at: &[Exit("open"), Exit("openat"), Exit("openat2")] },
    Probe { program: "open", at: &[Enter("open")] },
    Probe { program: "openat", at: &[Enter("openat")] },
    Probe { program: "openat2", at: &[Enter("openat2")] },
    Probe { program: "creat", at: &[Call("creat")] },
    Probe { program: "mkdir", at: &[Call("mkdir"), Call("mknod")] },
    Probe { program: "mkdirat", at: &[Call("mkdirat"), Call("mknodat")] },
    Probe { program: "symlink", at: &[Call("symlink")] },
    Probe { program: "symlinkat", at: &[Call("symlinkat")] },
    Probe { program: "link", at: &[Call("link")] },
    Probe { program: "linkat", at: &[Call("linkat")] },
];

/// Operations, which are asked for. A name that is made is nothing to ask for: it is settled with its system call.
const OPERATIONS: &[Probe] = &[
    Probe { program: "vfs_unlink", at: &[Function("vfs_unlink")] },
    Probe { program: "vfs_rmdir", at: &[Function("vfs_rmdir")] },
    Probe { program: "vfs_rename", at: &[Function("vfs_rename")] },
    Probe { program: "notify_change", at: &[Function("notify_change")] },
    Probe { program: "settle", at: MAKING },
    Probe { program: "inode_free_security", at: &[Hook("inode_free_security")] },
    Probe { program: "unix_stream_connect", at: &[Hook("unix_stream_connect")] },
    Probe { program: "socket_connect", at: &[Hook("socket_connect")] },
    Probe { program: "socket_sendmsg", at: &[Hook("socket_sendmsg")] },
    Probe { program: "kernel_clone", at: &[Function("kernel_clone")] },
    Probe { program: "task_alloc", at: &[Hook("task_alloc")] },
    Probe { program: "task_kill", at: &[Hook("task_kill")] },
    Probe { program: "inode_unlink", at: &[Hook("inode_unlink")] },
    Probe { program: "inode_rmdir", at: &[Hook("inode_rmdir")] },
    Probe { program: "inode_rename", at: &[Hook("inode_rename")] },
    Probe { program: "inode_setattr", at: &[Hook("inode_setattr")] },
    Probe { program: "inode_setxattr", at: &[Hook("inode_setxattr")] },
    Probe { program: "inode_removexattr", at: &[Hook("inode_removexattr")] },
    Probe { program: "inode_set_acl", at: &[NewHook("inode_set_acl")] },
    Probe { program: "ptrace_access_check", at: &[Hook("ptrace_access_check")] },
    Probe { program: "task_setscheduler", at: &[Hook("task_setscheduler")] },
    Probe { program: "task_setnice", at: &[Hook("task_setnice")] },
    Probe { program: "task_setioprio", at: &[Hook("task_setioprio")] },
    Probe { program: "task_setrlimit", at: &[Hook("task_setrlimit")] },
    Probe { program: "task_movememory", at: &[Hook("task_movememory")] },
    Probe { program: "bpf", at: &[Hook("bpf")] },
    Probe { program: "bpf_map", at: &[Hook("bpf_map")] },
    Probe { program: "bpf_prog", at: &[Hook("bpf_prog")] },
    Probe { program: "path_unlink", at: &[Hook("path_unlink")] },
    Probe { program: "path_rmdir", at: &[Hook("path_rmdir")] },
    Probe { program: "path_rename", at: &[Hook("path_rename")] },
    Probe { program: "path_truncate", at: &[Hook("path_truncate")] },
    Probe { program: "file_open", at: &[Hook("file_open")] },
    Probe { program: "file_fcntl", at: &[Hook("file_fcntl")] },
    Probe { program: "mmap_file", at: &[Hook("mmap_file")] },
    Probe { program: "file_truncate", at: &[NewHook("file_truncate")] },
    Probe { program: "path_mkdir", at: &[Hook("path_mkdir")] },
    Probe { program: "path_mknod", at: &[Hook("path_mknod")] },
    Probe { program: "path_symlink", at: &[Hook("path_symlink")] },
    Probe { program: "path_link", at: &[Hook("path_link")] },
    Probe { program: "sb_mount", at: &[Hook("sb_mount")] },
    Probe { program: "move_mount", at: &[Hook("move_mount")] },
    Probe { program: "sb_umount", at: &[Hook("sb_umount")] },
];

const MAKING: &[Event] = &[
    Exit("mkdir"),
    Exit("mkdirat"),
    Exit("mknod"),
    Exit("mknodat"),
    Exit("symlink"),
    Exit("symlinkat"),
    Exit("link"),
    Exit("linkat"),
    Exit("open"),
    Exit("openat"),
    Exit("openat2"),
    Exit("creat"),
];
