//! What the kernel sees. The layout of the kernel programs' maps and records ends here: beyond this module there are
//! only owned values in the words of the policy.

pub(crate) mod btf;
mod decode;
mod kernel;
mod load;
mod probes;

pub(crate) use decode::{Act, Record, What};
pub(crate) use kernel::{Kernel, Member};
pub(crate) use load::load;
