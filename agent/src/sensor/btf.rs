//! Where things are in the running kernel, by its own description of its types (BTF): member offsets and the
//! positions of tracepoint arguments.
//!
//! Both move between kernels, so the kernel programs are told them at load time instead of by a header file.
//! The reader is total: any bytes give an answer or an error, in time linear in their number.

use std::{collections::HashSet, fs, ops::Range};

pub(crate) use error::BtfError;
use error::malformed;
use record::{
    CONST, FUNC, FUNC_PROTO, Member, PTR, RESTRICT, Record, STRUCT, TYPE_TAG, TYPEDEF, UNION, VOLATILE,
};

#[cfg(any(fuzzing, test))]
pub(super) mod blob;
mod error;
mod record;
#[cfg(test)]
mod tests;

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
/// Real chains of typedefs and qualifiers are below ten long; a longer one is a cycle.
const MAX_ALIASES: usize = 64;

/// The types of one kernel.
#[derive(Debug)]
pub(crate) struct Btf {
    bytes: Vec<u8>,
    strings: Range<usize>,
    /// Byte offset of each type's record; the first is type 1, because type 0 is void and has none.
    records: Vec<usize>,
    /// What is looked up by name, apart by kind: a look-up reads only these names, and no index has to be built.
    structs: Vec<Record>,
    typedefs: Vec<Record>,
    functions: Vec<Record>,
}

impl Btf {
    /// Reads the running kernel's types.
    ///
    /// # Errors
    /// [`BtfError::Read`] if the kernel offers none, otherwise those of [`Btf::parse`].
    pub(crate) fn from_sys() -> Result<Self, BtfError> {
        let bytes = fs::read(VMLINUX).map_err(|source| BtfError::Read { path: VMLINUX.into(), source })?;
        Self::parse(bytes)
    }

    /// Finds the types in the bytes of a BTF file, which are in this machine's byte order.
    ///
    /// # Errors
    /// [`BtfError::Malformed`], [`BtfError::UnknownKind`].
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, BtfError> {
        let (types, strings) = record::sections(&bytes)?;
        let (mut records, mut structs, mut typedefs, mut functions) = (vec![], vec![], vec![], vec![]);
        let mut at = types.start;
        while at < types.end {
            records.push(at);
            let found = Record::read(&bytes, at).ok_or(malformed("a type that is cut off", at))?;
            let end = found.end().ok_or(BtfError::UnknownKind { id: records.len(), kind: found.kind })?;
            if end > types.end {
                return Err(malformed("a type that is cut off", at));
            }
            match found.kind {
                STRUCT | UNION => structs.push(found),
                TYPEDEF => typedefs.push(found),
                FUNC => functions.push(found),
                _ => {}
            }
            at = end;
        }
        Ok(Self { bytes, strings, records, structs, typedefs, functions })
    }

    /// Bytes from the beginning of a struct (or union) to a member.
    ///
    /// `path` is a member's name, or names joined by dots that go down into members: `d_name.len`. What anonymous
    /// structs and unions hold belongs to the struct around them, as in C. Pointers are not followed.
    ///
    /// # Errors
    /// [`BtfError::NoStruct`], [`BtfError::NoMember`], [`BtfError::Bitfield`]; [`BtfError::Ambiguous`] if several
    /// structs of this name disagree.
    pub(crate) fn offset(&self, structure: &str, path: &str) -> Result<u32, BtfError> {
        let mut answer = Err(BtfError::NoStruct { name: structure.to_owned() });
        for candidate in self.structs.iter().filter(|candidate| self.is_named(candidate.name, structure)) {
            match (self.offset_in(*candidate, structure, path), &answer) {
                (Ok(offset), Ok(other)) if offset != *other => {
                    return Err(BtfError::Ambiguous {
                        structure: structure.to_owned(),
                        member: path.to_owned(),
                    });
                }
                (Err(_), Ok(_)) => {}
                (found, _) => answer = found,
            }
        }
        answer
    }

    /// The position of a tracepoint's argument among those a raw tracepoint program sees, from 0.
    ///
    /// The typedef `btf_trace_NAME` says what the kernel passes, but its parameters have no names.
    /// `__traceiter_NAME`, the function that calls the probes, is made from the same declaration and has them, in
    /// every kernel since 5.11. `__bpf_trace_NAME` has them too, but only where the event is not of a class.
    ///
    /// # Errors
    /// [`BtfError::NoTracepoint`], [`BtfError::NoArgument`].
    pub(crate) fn argument(&self, tracepoint: &str, argument: &str) -> Result<u32, BtfError> {
        let passed = self
            .named(&self.typedefs, &format!("btf_trace_{tracepoint}"))
            .and_then(|alias| self.resolve(alias.target))
            .filter(|pointer| pointer.kind == PTR)
            .and_then(|pointer| self.prototype(pointer.target))
            .ok_or_else(|| BtfError::NoTracepoint { name: tracepoint.to_owned() })?;
        ["__traceiter_", "__bpf_trace_"]
            .iter()
            .filter_map(|prefix| self.named(&self.functions, &format!("{prefix}{tracepoint}")))
            .filter_map(|function| self.prototype(function.target))
            .filter(|prototype| prototype.len == passed.len)
            .find_map(|prototype| self.parameter(prototype, argument))
            .ok_or_else(|| BtfError::NoArgument {
                tracepoint: tracepoint.to_owned(),
                argument: argument.to_owned(),
            })
    }

    /// The position of a parameter of a kernel function, from 0; without a name, that behind the last, where a program that
    /// runs at the function's end finds the result.
    ///
    /// # Errors
    /// [`BtfError::NoFunction`], [`BtfError::NoParameter`].
    pub(crate) fn parameter_of(&self, function: &str, parameter: &str) -> Result<u32, BtfError> {
        let prototype = self
            .named(&self.functions, function)
            .and_then(|found| self.prototype(found.target))
            .ok_or_else(|| BtfError::NoFunction { name: function.to_owned() })?;
        if parameter.is_empty() {
            return Ok(prototype.len as u32); // a count of 16 bits
        }
        prototype
            .parameters(&self.bytes)
            .position(|found| self.is_named(found, parameter))
            .and_then(|position| position.try_into().ok())
            .ok_or_else(|| BtfError::NoParameter {
                function: function.to_owned(),
                parameter: parameter.to_owned(),
            })
    }

    /// As [`Self::offset`] for a member that has changed its name: `new|old`.
    ///
    /// # Errors
    /// As there, about the old name.
    pub(crate) fn offset_by_either(&self, structure: &str, names: &str) -> Result<u32, BtfError> {
        match names.split_once('|') {
            None => self.offset(structure, names),
            Some((new, old)) => self.offset(structure, new).or_else(|_| self.offset(structure, old)),
        }
    }

    /// As [`Self::argument`] for a tracepoint that has changed its name: `new|old`.
    ///
    /// # Errors
    /// As there, about the old name.
    pub(crate) fn argument_of_either(&self, tracepoints: &str, argument: &str) -> Result<u32, BtfError> {
        match tracepoints.split_once('|') {
            None => self.argument(tracepoints, argument),
            Some((new, old)) => self.argument(new, argument).or_else(|_| self.argument(old, argument)),
        }
    }

    fn offset_in(&self, start: Record, structure: &str, path: &str) -> Result<u32, BtfError> {
        let (structure, member) = (structure.to_owned(), path.to_owned());
        let mut holder = Some(start);
        let (mut bits, mut bitfield) = (0, false);
        for name in path.split('.') {
            let Some(found) = holder.and_then(|holder| self.member(holder, name)) else {
                return Err(BtfError::NoMember { structure, member });
            };
            bits += found.offset;
            bitfield = found.bitfield;
            holder = self.resolve(found.target);
        }
        if bitfield || bits % 8 != 0 {
            return Err(BtfError::Bitfield { structure, member });
        }
        u32::try_from(bits / 8).map_err(|_| malformed("a member that is too far out", start.body))
    }

    /// The member of this name, also from inside anonymous members; its offset is from the beginning of `holder`.
    fn member(&self, holder: Record, name: &str) -> Option<Member> {
        let mut open = vec![(holder, 0)];
        // Two anonymous members of one type would declare every name twice: once each is enough, and it ends.
        let mut seen = HashSet::new();
        while let Some((holder, base)) = open.pop() {
            if !seen.insert(holder.body) {
                continue;
            }
            for mut member in holder.members(&self.bytes) {
                member.offset += base;
                if member.name == 0 {
                    open.extend(self.resolve(member.target).map(|inner| (inner, member.offset)));
                } else if self.is_named(member.name, name) {
                    return Some(member);
                }
            }
        }
        None
    }

    fn parameter(&self, prototype: Record, name: &str) -> Option<u32> {
        // The first parameter is the probe's own data, which a BPF program does not see.
        let mut seen = prototype.parameters(&self.bytes).skip(1);
        seen.position(|parameter| self.is_named(parameter, name))
            .and_then(|position| position.try_into().ok())
    }

    fn prototype(&self, id: u32) -> Option<Record> {
        self.resolve(id).filter(|found| found.kind == FUNC_PROTO)
    }

    /// The type of this number, behind typedefs and qualifiers.
    fn resolve(&self, mut id: u32) -> Option<Record> {
        for _ in 0..MAX_ALIASES {
            let at = self.records.get((id as usize).checked_sub(1)?)?;
            let found = Record::read(&self.bytes, *at)?;
            match found.kind {
                TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG => id = found.target,
                _ => return Some(found),
            }
        }
        None
    }

    fn named(&self, records: &[Record], name: &str) -> Option<Record> {
        records.iter().find(|found| self.is_named(found.name, name)).copied()
    }

    /// Whether the text at this offset in the strings section is `name`.
    fn is_named(&self, offset: u32, name: &str) -> bool {
        let strings = &self.bytes[self.strings.clone()];
        let text = strings.get(offset as usize..).unwrap_or_default();
        text.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }
}
