//! The layout of what crosses between kernel and user space: `repr(C)`, no padding left to chance, sizes asserted.
//!
//! Tags are integers here and become enums where they are decoded, so that no byte of the kernel's can be an enum that
//! does not exist.

pub mod command;
pub mod counter;
pub mod exception;
pub mod identity;
pub mod offsets;
pub mod record;
pub mod row;

pub use counter::{Counter, Counts};
pub use offsets::{HookOffsets, Offsets, RingOffsets};
pub use record::Record;
