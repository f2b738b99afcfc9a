//! Why a fact about the kernel's types could not be had.

use std::{io, path::PathBuf};

/// Why a fact about the kernel's types could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BtfError {
    /// The BTF file could not be read.
    #[error("cannot read the kernel's types from {} (burstguard needs a kernel built with CONFIG_DEBUG_INFO_BTF)", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes are not BTF of this machine's byte order and of the one version there is.
    #[error("cannot parse the kernel's types: {what} at byte {at}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where, in bytes from the beginning.
        at: usize,
    },
    /// A type of unknown length: nothing after it can be found.
    #[error("cannot parse the kernel's types: type {id} is of kind {kind}, only kinds 1 to 19 are known")]
    UnknownKind {
        /// The type's number.
        id: usize,
        /// Its kind.
        kind: u8,
    },
    /// No struct or union of this name.
    #[error("this kernel has no struct {name}")]
    NoStruct {
        /// The name looked for.
        name: String,
    },
    /// The struct is there, the member is not, or only behind a pointer.
    #[error("struct {structure} of this kernel does not hold {member}")]
    NoMember {
        /// The struct.
        structure: String,
        /// The dotted path looked for.
        member: String,
    },
    /// The member has no byte offset.
    #[error("{member} of struct {structure} is a bit field in this kernel")]
    Bitfield {
        /// The struct.
        structure: String,
        /// The dotted path.
        member: String,
    },
    /// Several structs of this name place the member differently.
    #[error("this kernel has several structs {structure}, with {member} at different offsets")]
    Ambiguous {
        /// The struct.
        structure: String,
        /// The dotted path.
        member: String,
    },
    /// No function of this name, or none that a program can be attached to.
    #[error("this kernel has no function {name}")]
    NoFunction {
        /// The function's name.
        name: String,
    },
    /// The function is there; it has no parameter of this name.
    #[error("function {function} of this kernel has no parameter {parameter}")]
    NoParameter {
        /// The function's name.
        function: String,
        /// The parameter's.
        parameter: String,
    },
    /// No tracepoint of this name takes BPF programs.
    #[error("this kernel has no tracepoint {name}")]
    NoTracepoint {
        /// The tracepoint's event name.
        name: String,
    },
    /// The tracepoint is there; no argument of this name is known for it.
    #[error("tracepoint {tracepoint} of this kernel has no argument {argument}")]
    NoArgument {
        /// The tracepoint's event name.
        tracepoint: String,
        /// The argument looked for.
        argument: String,
    },
}

pub(super) fn malformed(what: &'static str, at: usize) -> BtfError {
    BtfError::Malformed { what, at }
}
