//! Every read of kernel and user memory, at offsets that the agent took from the kernel's BTF.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext,
    helpers::{
        bpf_probe_read_kernel, bpf_probe_read_kernel_buf, bpf_probe_read_user, bpf_probe_read_user_buf,
        generated::{bpf_get_current_task_btf, bpf_probe_read_kernel_str, bpf_probe_read_user_str},
    },
};

use agent_common::wire::offsets::SYSCALL_DATA;

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

    /// The mount and the directory entry of a `struct path`, in one read.
    #[inline(always)]
    pub fn path(self) -> Result<(Self, Self), Unread> {
        let words: [u64; 2] = self.field(0)?;
        let at = |offset: u32| Self(if offset == 0 { words[0] } else { words[1] });
        Ok((at(OFFSETS.path_mnt()), at(OFFSETS.path_dentry())))
    }

    /// Fills the words from the start of the object.
    #[inline(always)]
    pub fn words(self, words: &mut [u64]) -> Result<(), Unread> {
        // SAFETY: a word is eight bytes, whatever they are.
        self.bytes(unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) })
    }

    /// Fills the buffer from the start of the object.
    #[inline(always)]
    pub fn bytes(self, buffer: &mut [u8]) -> Result<(), Unread> {
        // SAFETY: as in `field`.
        unsafe { bpf_probe_read_kernel_buf(self.0 as *const u8, buffer) }.map_err(|_| Unread)
    }
}

/// A kernel object whose type the verifier knows, since it was reached from the running task along typed pointers: it is
/// read by plain loads, which cost a tenth of a helper. Memory that is not there reads as zero.
///
/// The type is lost where the address passes through a map; from there on it is a [`Kernel`].
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Typed(*const u8);

impl Typed {
    /// The value of type `T` at an offset, which must be one that the verifier knows: one of [`OFFSETS`].
    #[inline(always)]
    pub fn field<T>(self, offset: u32) -> T {
        // SAFETY: the verifier has the kernel catch a fault of such a load.
        unsafe { core::ptr::read_volatile(self.0.wrapping_add(offset as usize).cast::<T>()) }
    }

    /// The object that the pointer at an offset points to.
    #[inline(always)]
    pub fn follow(self, offset: u32) -> Self {
        Self(self.field(offset))
    }

    /// The object embedded at an offset.
    #[inline(always)]
    pub fn within(self, offset: u32) -> Self {
        Self(self.0.wrapping_add(offset as usize))
    }
}

impl From<Typed> for Kernel {
    #[inline(always)]
    fn from(object: Typed) -> Self {
        Self(object.0 as u64)
    }
}

/// The task that runs this program.
#[inline(always)]
pub fn current() -> Typed {
    // SAFETY: a helper without arguments.
    Typed(unsafe { bpf_get_current_task_btf() } as *const u8)
}

/// The first arguments of the system call that a `sys_enter` event is about. Only those that are used may be loaded: an
/// event refuses a program that reads beyond the arguments of its call.
#[inline(always)]
pub fn arguments(ctx: &impl EbpfContext) -> [u64; 5] {
    // SAFETY: what lies there is checked by `Offsets::is_supported`, and that the call has the argument when attaching.
    let argument = |index| unsafe { *ctx.as_ptr().cast::<u64>().add(SYSCALL_DATA / 8 + index) };
    [argument(0), argument(1), argument(2), argument(3), argument(4)]
}

/// The number of the system call that a `sys_enter` event is about.
#[inline(always)]
pub fn call(ctx: &impl EbpfContext) -> u32 {
    // SAFETY: it comes before the arguments.
    unsafe { *ctx.as_ptr().cast::<u32>().add(SYSCALL_DATA / 4 - 2) }
}

/// The result of the system call that a `sys_exit` event is about.
#[inline(always)]
pub fn result(ctx: &impl EbpfContext) -> i64 {
    // SAFETY: as above.
    unsafe { *ctx.as_ptr().cast::<i64>().add(SYSCALL_DATA / 8) }
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

/// Fills the buffer from the current process's memory.
#[inline(always)]
pub fn user_bytes(address: u64, buffer: &mut [u8]) -> Result<(), Unread> {
    // SAFETY: the helper checks the address and fails on one that is not readable.
    unsafe { bpf_probe_read_user_buf(address as *const u8, buffer) }.map_err(|_| Unread)
}

/// A string in the kernel's memory, in the same way as [`user_text`].
#[inline(always)]
pub fn text<const N: usize>(Kernel(address): Kernel, buffer: &mut [u8; N]) -> Result<u32, Unread> {
    // SAFETY: as above.
    let length = unsafe {
        bpf_probe_read_kernel_str(buffer.as_mut_ptr().cast::<c_void>(), N as u32, address as *const c_void)
    };
    if length <= 0 { Err(Unread) } else { Ok(length as u32) }
}

/// The open file behind a descriptor of the running task.
#[inline(always)]
pub fn open_file(descriptor: u32) -> Result<Kernel, Unread> {
    let table = current().follow(OFFSETS.task_files()).follow(OFFSETS.files_fdt());
    if descriptor >= table.field::<u32>(OFFSETS.fdt_max_fds()) {
        return Err(Unread);
    }
    let files = Kernel(table.field(OFFSETS.fdt_fd()));
    let file = files.within(descriptor.wrapping_mul(8)).follow(0)?;
    if file == Kernel::NULL { Err(Unread) } else { Ok(file) }
}
