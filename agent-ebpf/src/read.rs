//! Every read of kernel and user memory, at offsets that the agent took from the kernel's BTF.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext,
    helpers::{
        bpf_probe_read_kernel, bpf_probe_read_kernel_buf, bpf_probe_read_user,
        generated::bpf_get_current_task, generated::bpf_probe_read_user_str,
    },
};

use crate::offsets::OFFSETS;

/// The address of a kernel object; reading through it is safe whatever it is, and fails cleanly.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Kernel(pub u64);

/// Memory could not be read.
pub struct Unread;

impl Kernel {
    pub const NULL: Self = Self(0);

    /// The value of type `T` at an offset.
    #[inline(always)]
    pub fn field<T>(self, offset: u32) -> Result<T, Unread> {
        let at = self.0.wrapping_add(u64::from(offset)) as *const T;
        // SAFETY: the helper checks the address and fails on one that is not readable.
        unsafe { bpf_probe_read_kernel(at) }.map_err(|_| Unread)
    }

    /// The object that the pointer at an offset points to.
    #[inline(always)]
    pub fn follow(self, offset: u32) -> Result<Self, Unread> {
        self.field(offset).map(Self)
    }

    /// The object embedded at an offset.
    #[inline(always)]
    pub fn within(self, offset: u32) -> Self {
        Self(self.0.wrapping_add(u64::from(offset)))
    }

    /// The object that this one is embedded in at an offset.
    #[inline(always)]
    pub fn around(self, offset: u32) -> Self {
        Self(self.0.wrapping_sub(u64::from(offset)))
    }

    /// Fills the buffer from the start of the object.
    #[inline(always)]
    pub fn bytes(self, buffer: &mut [u8]) -> Result<(), Unread> {
        // SAFETY: as in `field`.
        unsafe { bpf_probe_read_kernel_buf(self.0 as *const u8, buffer) }.map_err(|_| Unread)
    }
}

/// The task that runs this program.
#[inline(always)]
pub fn current() -> Kernel {
    // SAFETY: a helper without arguments.
    Kernel(unsafe { bpf_get_current_task() })
}

/// The first arguments of the system call that a `sys_enter` event is about.
#[inline(always)]
pub fn arguments(ctx: &impl EbpfContext) -> Result<[u64; 5], Unread> {
    Kernel(ctx.as_ptr() as u64).field(OFFSETS.load().syscall_args)
}

/// The result of the system call that a `sys_exit` event is about.
#[inline(always)]
pub fn result(ctx: &impl EbpfContext) -> Result<i64, Unread> {
    Kernel(ctx.as_ptr() as u64).field(OFFSETS.load().syscall_ret)
}

/// An argument of a raw tracepoint, by its position. Read as memory because the position is not a constant of this
/// source, and the verifier refuses a context access at a computed offset.
#[inline(always)]
pub fn argument(ctx: &impl EbpfContext, position: u32) -> Result<Kernel, Unread> {
    Kernel(ctx.as_ptr() as u64).follow(position * 8)
}

/// A value in the current process's memory.
#[inline(always)]
pub fn user<T>(address: u64) -> Result<T, Unread> {
    // SAFETY: the helper checks the address and fails on one that is not readable.
    unsafe { bpf_probe_read_user(address as *const T) }.map_err(|_| Unread)
}

/// A string in the current process's memory, with its NUL; how many bytes it took.
#[inline(always)]
pub fn user_text<const N: usize>(address: u64, buffer: &mut [u8; N]) -> Result<u32, Unread> {
    // SAFETY: the buffer is as large as said; the helper checks the address.
    let length = unsafe {
        bpf_probe_read_user_str(buffer.as_mut_ptr().cast::<c_void>(), N as u32, address as *const c_void)
    };
    if length <= 0 { Err(Unread) } else { Ok(length as u32) }
}

/// The open file behind a descriptor of a task.
#[inline(always)]
pub fn open_file(task: Kernel, descriptor: u32) -> Result<Kernel, Unread> {
    let offsets = OFFSETS.load();
    let table = task.follow(offsets.task_files)?.follow(offsets.files_fdt)?;
    if descriptor >= table.field::<u32>(offsets.fdt_max_fds)? {
        return Err(Unread);
    }
    let file = table.follow(offsets.fdt_fd)?.within(descriptor.wrapping_mul(8)).follow(0)?;
    if file == Kernel::NULL { Err(Unread) } else { Ok(file) }
}
