//! How BTF lies in its bytes: the header, one type's record, its members and parameters.
//!
//! Format: <https://docs.kernel.org/bpf/btf.html>.

use std::ops::Range;

use super::error::{BtfError, malformed};

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
const HEADER_LEN: usize = 24;
const HEAD_LEN: usize = 12;
const MEMBER_LEN: usize = 12;
const PARAM_LEN: usize = 8;

pub(super) const PTR: u8 = 2;
pub(super) const STRUCT: u8 = 4;
pub(super) const UNION: u8 = 5;
pub(super) const TYPEDEF: u8 = 8;
pub(super) const VOLATILE: u8 = 9;
pub(super) const CONST: u8 = 10;
pub(super) const RESTRICT: u8 = 11;
pub(super) const FUNC: u8 = 12;
pub(super) const FUNC_PROTO: u8 = 13;
pub(super) const TYPE_TAG: u8 = 18;

/// The head of one type's record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// Byte offset in the strings section; 0 means anonymous.
    pub(super) name: u32,
    pub(super) kind: u8,
    /// How many members or parameters follow.
    pub(super) len: usize,
    /// Number of the type this one refers to, where it refers to one.
    pub(super) target: u32,
    /// Byte offset of what follows the head.
    pub(super) body: usize,
    /// Of a struct: the upper byte of its member offsets is a bit-field width.
    widths: bool,
}

/// A member of a struct or union.
pub(super) struct Member {
    /// Byte offset in the strings section; 0 means anonymous.
    pub(super) name: u32,
    /// Number of its type.
    pub(super) target: u32,
    /// Bits from the beginning of the struct.
    pub(super) offset: u64,
    pub(super) bitfield: bool,
}

impl Record {
    /// The head at this byte offset, unless the bytes end before.
    pub(super) fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let info = word(bytes, at + 4)?;
        Some(Self {
            name: word(bytes, at)?,
            kind: (info >> 24 & 0x1f) as u8,
            len: (info & 0xffff) as usize,
            target: word(bytes, at + 8)?,
            body: at + HEAD_LEN,
            widths: info >> 31 == 1,
        })
    }

    /// Byte offset of the next record, unless the kind is unknown.
    pub(super) fn end(&self) -> Option<usize> {
        let len = match self.kind {
            // PTR, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FLOAT, TYPE_TAG
            2 | 7..=12 | 16 | 18 => 0,
            // INT, VAR, DECL_TAG
            1 | 14 | 17 => 4,
            // ARRAY
            3 => 12,
            // STRUCT, UNION, DATASEC, ENUM64
            4 | 5 | 15 | 19 => MEMBER_LEN * self.len,
            // ENUM, FUNC_PROTO
            6 | 13 => PARAM_LEN * self.len,
            _ => return None,
        };
        Some(self.body + len)
    }

    /// The members of a struct or union; nothing of other kinds.
    pub(super) fn members(self, bytes: &[u8]) -> impl Iterator<Item = Member> {
        let len = if matches!(self.kind, STRUCT | UNION) { self.len } else { 0 };
        (0..len).map_while(move |index| {
            let at = self.body + index * MEMBER_LEN;
            let place = word(bytes, at + 8)?;
            let (width, offset) = if self.widths { (place >> 24, place & 0x00ff_ffff) } else { (0, place) };
            Some(Member {
                name: word(bytes, at)?,
                target: word(bytes, at + 4)?,
                offset: offset.into(),
                bitfield: width != 0,
            })
        })
    }

    /// The names of a prototype's parameters, as byte offsets in the strings section; nothing of other kinds.
    pub(super) fn parameters(self, bytes: &[u8]) -> impl Iterator<Item = u32> {
        let len = if self.kind == FUNC_PROTO { self.len } else { 0 };
        (0..len).map_while(move |index| word(bytes, self.body + index * PARAM_LEN))
    }
}

/// The byte ranges of the types and of the strings.
pub(super) fn sections(bytes: &[u8]) -> Result<(Range<usize>, Range<usize>), BtfError> {
    if bytes.first_chunk().map(|magic| u16::from_ne_bytes(*magic)) != Some(MAGIC) {
        return Err(malformed("no magic number of this machine's byte order", 0));
    }
    if bytes.get(2) != Some(&VERSION) {
        return Err(malformed("a version other than 1", 2));
    }
    let field = |at| word(bytes, at).map(|value| value as usize);
    let header = field(4).filter(|len| *len >= HEADER_LEN).ok_or(malformed("too short a header", 4))?;
    let section = |at| {
        let start = header.checked_add(field(at)?)?;
        let end = start.checked_add(field(at + 4)?)?;
        (end <= bytes.len()).then_some(start..end)
    };
    let types = section(8).ok_or(malformed("a types section that ends outside", 8))?;
    let strings = section(16).ok_or(malformed("a strings section that ends outside", 16))?;
    Ok((types, strings))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}
