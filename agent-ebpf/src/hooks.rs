//! The entry points. Each is an attach point and what its arguments mean; what to do about a call is decided elsewhere.

mod lsm;
mod process;
mod tracepoint;

// Flags of an open. https://github.com/torvalds/linux/blob/v6.12/include/uapi/asm-generic/fcntl.h#L30
const O_TRUNC: u64 = 0o1000;
const O_APPEND: u64 = 0o2000;
