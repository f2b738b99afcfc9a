//! Where the running kernel keeps the fields that the programs read.
//!
//! Filled by the agent from the kernel's own BTF before the programs are loaded, and a constant to them: there is no
//! header of any one kernel in this project.

/// How much of a `struct dentry` is read at once: parent, name, inode and the beginning of a name that is kept in it must lie
/// within, aligned.
pub const DENTRY_HEAD: usize = 80;

/// The same of a `struct mount`: what it shows, and what it is mounted on and where.
pub const MOUNT_HEAD: usize = 64;

/// How long a name may be that is read with its entry. More would be copied for every level, and few names are longer.
pub const SHORT_NAME: usize = 24;

/// Where the events of system calls hold their arguments or their result: the same in every kernel, but checked.
pub const SYSCALL_DATA: usize = 16;

macro_rules! reader {
    ($field:ident) => {
        #[doc = concat!("`", stringify!($field), "` as it is at run time.")]
        #[must_use]
        #[inline(always)]
        pub fn $field(&self) -> u32 {
            // SAFETY: a reference is valid to read from.
            unsafe { core::ptr::read_volatile(&raw const self.$field) }
        }
    };
}

macro_rules! offsets {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident
        fields { $($field:ident = $structure:literal . $member:literal,)* }
        arguments { $($argument:ident = $function:literal ( $parameter:literal ),)* }
    ) => {
        $(#[doc = $doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $(#[doc = concat!("`", $structure, ".", $member, "`")] pub $field: u32,)*
            $(#[doc = concat!("argument `", $parameter, "` of `", $function, "`")] pub $argument: u32,)*
        }

        /// What a kernel program reads its own constants by: the compiler sees `UNSET` and must not conclude anything from
        /// it, while the kernel's verifier sees the value that the agent has put in.
        impl $name {
            $(reader!($field);)*
            $(reader!($argument);)*
        }

        impl $name {
            /// None: what the programs hold until the agent has put the real ones in.
            pub const UNSET: Self = Self { $($field: 0,)* $($argument: 0,)* };

            /// Asks for each: `field(structure, member)` in bytes, `argument(function, parameter)` as a position. A member
            /// that has changed its name is asked for by both, with a bar between. Stops at the first that is not there.
            pub fn resolve<E>(
                mut field: impl FnMut(&str, &str) -> Result<u32, E>,
                mut argument: impl FnMut(&str, &str) -> Result<u32, E>,
            ) -> Result<Self, E> {
                Ok(Self {
                    $($field: field($structure, $member)?,)*
                    $($argument: argument($function, $parameter)?,)*
                })
            }
        }
    };
}

impl Offsets {
    /// Whether the fields that are read as one piece lie in one piece, and what is read without an offset lies where
    /// it is looked for: the programs rely on both.
    #[must_use]
    pub const fn is_supported(&self) -> bool {
        let end = DENTRY_HEAD as u32;
        let last_of_short = self.dentry_short + SHORT_NAME as u32 - 8;
        are_words_within(&[self.dentry_parent, self.dentry_name, self.dentry_inode, last_of_short], end)
            && are_words_within(
                &[self.mount_parent, self.mount_mountpoint, self.mount_vfsmount + self.vfsmount_root],
                MOUNT_HEAD as u32,
            )
            && self.path_mnt + self.path_dentry == 8
            && self.dentry_name_len.is_multiple_of(4)
            && self.dentry_name_len + 4 <= end
            && self.syscall_args as usize == SYSCALL_DATA
            && self.syscall_ret as usize == SYSCALL_DATA
    }
}

/// Whether there is an aligned word at each of these offsets, before the end.
const fn are_words_within(offsets: &[u32], end: u32) -> bool {
    let mut index = 0;
    while index < offsets.len() {
        if !offsets[index].is_multiple_of(8) || offsets[index] + 8 > end {
            return false;
        }
        index += 1;
    }
    true
}

offsets! {
    /// Byte offsets of fields, and positions of tracepoint arguments.
    pub struct Offsets
    fields {
        task_pid = "task_struct"."pid",
        task_comm = "task_struct"."comm",
        task_tgid = "task_struct"."tgid",
        task_group_leader = "task_struct"."group_leader",
        task_real_parent = "task_struct"."real_parent",
        task_start_boottime = "task_struct"."start_boottime",
        task_signal = "task_struct"."signal",
        task_real_cred = "task_struct"."real_cred",
        task_loginuid = "task_struct"."loginuid",
        task_fs = "task_struct"."fs",
        task_files = "task_struct"."files",
        signal_flags = "signal_struct"."flags",
        signal_live = "signal_struct"."live",
        cred_uid = "cred"."uid",
        cred_euid = "cred"."euid",
        cred_suid = "cred"."suid",
        fs_root = "fs_struct"."root",
        fs_pwd = "fs_struct"."pwd",
        files_fdt = "files_struct"."fdt",
        fdt_max_fds = "fdtable"."max_fds",
        fdt_fd = "fdtable"."fd",
        file_path = "file"."f_path",
        file_mode = "file"."f_mode",
        file_flags = "file"."f_flags",
        path_mnt = "path"."mnt",
        path_dentry = "path"."dentry",
        vfsmount_root = "vfsmount"."mnt_root",
        mount_vfsmount = "mount"."mnt",
        mount_parent = "mount"."mnt_parent",
        mount_mountpoint = "mount"."mnt_mountpoint",
        dentry_inode = "dentry"."d_inode",
        dentry_parent = "dentry"."d_parent",
        dentry_name = "dentry"."d_name.name",
        dentry_name_len = "dentry"."d_name.len",
        dentry_short = "dentry"."d_shortname|d_iname",
        inode_mode = "inode"."i_mode",
        inode_size = "inode"."i_size",
        inode_nlink = "inode"."i_nlink",
        bprm_buf = "linux_binprm"."buf",
        bprm_file = "linux_binprm"."file",
        bprm_filename = "linux_binprm"."filename",
        bprm_interp = "linux_binprm"."interp",
        task_mm = "task_struct"."mm",
        mm_arg_start = "mm_struct"."arg_start",
        mm_arg_end = "mm_struct"."arg_end",
        inode_sb = "inode"."i_sb",
        inode_ino = "inode"."i_ino",
        inode_generation = "inode"."i_generation",
        sb_dev = "super_block"."s_dev",
        mount_ns = "mount"."mnt_ns",
        mnt_ns_user_ns = "mnt_namespace"."user_ns",
        user_ns_level = "user_namespace"."level",
        task_cgroups = "task_struct"."cgroups",
        css_set_group = "css_set"."dfl_cgrp",
        cgroup_node = "cgroup"."kn",
        node_id = "kernfs_node"."id",
        node_name = "kernfs_node"."name",
        node_parent = "kernfs_node"."__parent|parent",
        file_private = "file"."private_data",
        socket_sk = "socket"."sk",
        sock_family = "sock"."__sk_common.skc_family",
        sock_peer_pid = "sock"."sk_peer_pid",
        pid_numbers = "pid"."numbers",
        unix_path = "unix_sock"."path",
        unix_peer = "unix_sock"."peer",
        syscall_args = "syscall_trace_enter"."args",
        syscall_ret = "syscall_trace_exit"."ret",
    }
    arguments {
        fork_child = "sched_process_fork"("child"),
        exec_task = "sched_process_exec"("p"),
        exec_old_pid = "sched_process_exec"("old_pid"),
        exec_bprm = "sched_process_exec"("bprm"),
        group_task = "cgroup_attach_task"("task"),
        exit_task = "sched_process_exit"("p"),
    }
}

offsets! {
    /// The same of what goes through an io_uring, for the tier tracepoint. Unset where the kernel has none, or another one.
    pub struct RingOffsets
    fields {
        command = "io_kiocb"."cmd",
        opcode = "io_kiocb"."opcode",
        flags = "io_kiocb"."flags",
        descriptor = "io_kiocb"."cqe.fd",
        result = "io_kiocb"."cqe.res",
        name_text = "filename"."name",
        unlink_dfd = "io_unlink"."dfd",
        unlink_name = "io_unlink"."filename",
        rename_old_dfd = "io_rename"."old_dfd",
        rename_new_dfd = "io_rename"."new_dfd",
        rename_old = "io_rename"."oldpath",
        rename_new = "io_rename"."newpath",
        rename_flags = "io_rename"."flags",
        mkdir_dfd = "io_mkdir"."dfd",
        mkdir_name = "io_mkdir"."filename",
        link_old_dfd = "io_link"."old_dfd",
        link_new_dfd = "io_link"."new_dfd",
        link_old = "io_link"."oldpath",
        link_new = "io_link"."newpath",
        link_flags = "io_link"."flags",
        open_dfd = "io_open"."dfd",
        open_slot = "io_open"."file_slot",
        open_name = "io_open"."filename",
        open_flags = "io_open"."how.flags",
        open_resolve = "io_open"."how.resolve",
        truncate_length = "io_ftrunc"."len",
        connect_address = "io_connect"."addr",
        connect_length = "io_connect"."addr_len",
        message = "io_sr_msg"."umsg",
        task_flags = "task_struct"."flags",
    }
    arguments {
        submitted = "io_uring_submit_req|io_uring_submit_sqe"("req"),
        completed = "io_uring_complete"("req"),
    }
}

impl RingOffsets {
    /// Whether they are set: a request's opcode lies behind its command.
    #[must_use]
    #[inline(always)]
    pub fn are_known(&self) -> bool {
        self.opcode() != 0
    }
}

offsets! {
    /// The same for the programs of the lsm tier: positions of the arguments of hooks and functions. The last position of a
    /// function that is seen at its end is its result's.
    pub struct HookOffsets
    fields {
        task_flags = "task_struct"."flags",
        task_ptrace = "task_struct"."ptrace",
        task_nsproxy = "task_struct"."nsproxy",
        nsproxy_mnt_ns = "nsproxy"."mnt_ns",
        mount_ns = "mount"."mnt_ns",
        vfsmount_flags = "vfsmount"."mnt_flags",
        signal_pending = "signal_struct"."shared_pending.signal",
        dentry_hash = "dentry"."d_hash.pprev",
        dentry_children = "dentry"."d_children|d_subdirs",
        dentry_sibling = "dentry"."d_sib|d_child",
        dentry_alias = "dentry"."d_u.d_alias.next",
        dentry_sb = "dentry"."d_sb",
        inode_aliases = "inode"."i_dentry.first",
        attr_valid = "iattr"."ia_valid",
        attr_size = "iattr"."ia_size",
        renamed_old = "renamedata"."old_dentry",
        sock_type = "sock"."sk_type",
        msg_segments = "msghdr"."msg_iter.__iov|msg_iter.iov",
        msg_skipped = "msghdr"."msg_iter.iov_offset",
        map_id = "bpf_map"."id",
        program_aux = "bpf_prog"."aux",
        aux_id = "bpf_prog_aux"."id",
    }
    arguments {
        path_unlink_dir = "bpf_lsm_path_unlink"("dir"),
        path_unlink_dentry = "bpf_lsm_path_unlink"("dentry"),
        path_rmdir_dir = "bpf_lsm_path_rmdir"("dir"),
        path_rmdir_dentry = "bpf_lsm_path_rmdir"("dentry"),
        path_rename_old_dir = "bpf_lsm_path_rename"("old_dir"),
        path_rename_old = "bpf_lsm_path_rename"("old_dentry"),
        path_rename_new_dir = "bpf_lsm_path_rename"("new_dir"),
        path_rename_new = "bpf_lsm_path_rename"("new_dentry"),
        path_rename_flags = "bpf_lsm_path_rename"("flags"),
        path_truncate_path = "bpf_lsm_path_truncate"("path"),
        path_mkdir_dir = "bpf_lsm_path_mkdir"("dir"),
        path_mkdir_dentry = "bpf_lsm_path_mkdir"("dentry"),
        path_mknod_dir = "bpf_lsm_path_mknod"("dir"),
        path_mknod_dentry = "bpf_lsm_path_mknod"("dentry"),
        path_symlink_dir = "bpf_lsm_path_symlink"("dir"),
        path_symlink_dentry = "bpf_lsm_path_symlink"("dentry"),
        path_link_old = "bpf_lsm_path_link"("old_dentry"),
        path_link_new_dir = "bpf_lsm_path_link"("new_dir"),
        path_link_new = "bpf_lsm_path_link"("new_dentry"),
        inode_unlink_dentry = "bpf_lsm_inode_unlink"("dentry"),
        inode_rmdir_dentry = "bpf_lsm_inode_rmdir"("dentry"),
        inode_rename_old = "bpf_lsm_inode_rename"("old_dentry"),
        inode_rename_new = "bpf_lsm_inode_rename"("new_dentry"),
        inode_setattr_dentry = "bpf_lsm_inode_setattr"("dentry"),
        inode_setattr_attr = "bpf_lsm_inode_setattr"("attr"),
        inode_setxattr_dentry = "bpf_lsm_inode_setxattr"("dentry"),
        inode_removexattr_dentry = "bpf_lsm_inode_removexattr"("dentry"),
        file_fcntl_command = "bpf_lsm_file_fcntl"("cmd"),
        file_fcntl_argument = "bpf_lsm_file_fcntl"("arg"),
        mmap_file_flags = "bpf_lsm_mmap_file"("flags"),
        inode_free_inode = "bpf_lsm_inode_free_security"("inode"),
        sb_mount_path = "bpf_lsm_sb_mount"("path"),
        sb_mount_flags = "bpf_lsm_sb_mount"("flags"),
        sb_umount_mnt = "bpf_lsm_sb_umount"("mnt"),
        move_mount_from = "bpf_lsm_move_mount"("from_path"),
        move_mount_to = "bpf_lsm_move_mount"("to_path"),
        pivot_new = "bpf_lsm_sb_pivotroot"("new_path"),
        unix_connect_other = "bpf_lsm_unix_stream_connect"("other"),
        socket_connect_sock = "bpf_lsm_socket_connect"("sock"),
        socket_connect_address = "bpf_lsm_socket_connect"("address"),
        socket_connect_length = "bpf_lsm_socket_connect"("addrlen"),
        sendmsg_sock = "bpf_lsm_socket_sendmsg"("sock"),
        sendmsg_msg = "bpf_lsm_socket_sendmsg"("msg"),
        sendmsg_size = "bpf_lsm_socket_sendmsg"("size"),
        task_alloc_flags = "bpf_lsm_task_alloc"("clone_flags"),
        task_kill_task = "bpf_lsm_task_kill"("p"),
        task_kill_signal = "bpf_lsm_task_kill"("sig"),
        bpf_attributes = "bpf_lsm_bpf"("attr"),
        vfs_unlink_dentry = "vfs_unlink"("dentry"),
        vfs_unlink_result = "vfs_unlink"(""),
        vfs_rmdir_dentry = "vfs_rmdir"("dentry"),
        vfs_rmdir_result = "vfs_rmdir"(""),
        vfs_rename_data = "vfs_rename"("rd"),
        vfs_rename_result = "vfs_rename"(""),
        notify_change_dentry = "notify_change"("dentry"),
        notify_change_result = "notify_change"(""),
    }
}

// SAFETY: repr(C), all fields u32, so there is no padding and every bit pattern is valid.
#[cfg(feature = "user")]
unsafe impl aya::Pod for HookOffsets {}
// SAFETY: repr(C), all fields u32, so there is no padding and every bit pattern is valid.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Offsets {}
// SAFETY: repr(C), all fields u32, so there is no padding and every bit pattern is valid.
#[cfg(feature = "user")]
unsafe impl aya::Pod for RingOffsets {}
