//! Where the running kernel keeps the fields that the programs read.
//!
//! Filled by the agent from the kernel's own BTF before the programs are loaded, and a constant to them: there is no
//! header of any one kernel in this project.

/// How much of a `struct dentry` is read at once: parent, name and inode must lie within, aligned.
pub const DENTRY_HEAD: usize = 64;

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
        fields { $($field:ident = $structure:literal . $member:literal,)+ }
        arguments { $($argument:ident = $tracepoint:literal ( $parameter:literal ),)+ }
    ) => {
        /// Byte offsets of fields, and positions of tracepoint arguments.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Offsets {
            $(#[doc = concat!("`", $structure, ".", $member, "`")] pub $field: u32,)+
            $(#[doc = concat!("argument `", $parameter, "` of `", $tracepoint, "`")] pub $argument: u32,)+
        }

        /// What a kernel program reads its own constants by: the compiler sees [`Offsets::UNSET`] and must not conclude
        /// anything from it, while the kernel's verifier sees the value that the agent has put in.
        impl Offsets {
            $(reader!($field);)+
            $(reader!($argument);)+
        }

        impl Offsets {
            /// Whether the fields that are read as one piece lie in one piece, and what is read without an offset lies where
            /// it is looked for: the programs rely on both.
            #[must_use]
            pub const fn is_supported(&self) -> bool {
                let words = [self.dentry_parent, self.dentry_name, self.dentry_inode];
                let end = DENTRY_HEAD as u32;
                let mut word = 0;
                while word < words.len() {
                    if words[word] % 8 != 0 || words[word] + 8 > end {
                        return false;
                    }
                    word += 1;
                }
                self.dentry_name_len % 4 == 0
                    && self.dentry_name_len + 4 <= end
                    && self.syscall_args as usize == SYSCALL_DATA
                    && self.syscall_ret as usize == SYSCALL_DATA
            }

            /// No offsets: what the programs hold until the agent has put the real ones in.
            pub const UNSET: Self = Self { $($field: 0,)+ $($argument: 0,)+ };

            /// Asks for every offset: `field(structure, member)` in bytes, `argument(tracepoint, parameter)` as a
            /// position. Stops at the first that is not there.
            pub fn resolve<E>(
                mut field: impl FnMut(&str, &str) -> Result<u32, E>,
                mut argument: impl FnMut(&str, &str) -> Result<u32, E>,
            ) -> Result<Self, E> {
                Ok(Self {
                    $($field: field($structure, $member)?,)+
                    $($argument: argument($tracepoint, $parameter)?,)+
                })
            }
        }
    };
}

offsets! {
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
        inode_size = "inode"."i_size",
        inode_nlink = "inode"."i_nlink",
        bprm_buf = "linux_binprm"."buf",
        syscall_args = "syscall_trace_enter"."args",
        syscall_ret = "syscall_trace_exit"."ret",
    }
    arguments {
        fork_child = "sched_process_fork"("child"),
        exec_task = "sched_process_exec"("p"),
        exec_old_pid = "sched_process_exec"("old_pid"),
        exec_bprm = "sched_process_exec"("bprm"),
        exit_task = "sched_process_exit"("p"),
    }
}

// SAFETY: repr(C), all fields u32, so there is no padding and every bit pattern is valid.
#[cfg(feature = "user")]
unsafe impl aya::Pod for Offsets {}
