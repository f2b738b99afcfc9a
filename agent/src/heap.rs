//! The memory that loading has taken, given back.
//!
//! The kernel's types and the programs' instructions are read once, and come to 25 MiB. glibc keeps what is freed for later, and a
//! daemon that waits for weeks needs none of it: malloc_trim(3) hands whole pages back, of every thread's arena.

/// Hands freed memory back to the kernel: some milliseconds. Another C library has ways of its own.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes the allocator's own locks, and touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
