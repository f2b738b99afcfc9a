//! The entry points. Each is an attach point and what its arguments mean; what to do about a call is decided elsewhere.

mod lsm;
mod process;
mod tracepoint;
