//! BTF made by hand.

use super::*;

/// Writes BTF: types get the numbers 1, 2, … in the order they are added.
pub(super) struct Blob {
    pub(super) types: Vec<u32>,
    pub(super) strings: Vec<u8>,
    pub(super) count: u32,
}

impl Blob {
    pub(super) fn new() -> Self {
        Self { types: Vec::new(), strings: vec![0], count: 0 }
    }

    pub(super) fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let offset = self.strings.len();
        self.strings.extend(name.as_bytes());
        self.strings.push(0);
        offset as u32
    }

    pub(super) fn add(&mut self, name: &str, kind: u8, len: usize, target: u32, body: &[u32]) -> u32 {
        let name = self.name(name);
        self.types.extend([name, u32::from(kind) << 24 | len as u32, target]);
        self.types.extend(body);
        self.count += 1;
        self.count
    }

    /// `members`: name, type, offset in bits.
    pub(super) fn structure(&mut self, name: &str, members: &[(&str, u32, u32)]) -> u32 {
        let body: Vec<_> =
            members.iter().flat_map(|(name, target, offset)| [self.name(name), *target, *offset]).collect();
        self.add(name, STRUCT, members.len(), 64, &body)
    }

    pub(super) fn function(&mut self, name: &str, parameters: &[&str], target: u32) -> u32 {
        let body: Vec<_> = parameters.iter().flat_map(|name| [self.name(name), target]).collect();
        let prototype = self.add("", FUNC_PROTO, parameters.len(), 0, &body);
        if name.is_empty() { prototype } else { self.add(name, FUNC, 1, prototype, &[]) }
    }

    /// The last added record gets the flag that turns member offsets into width and offset.
    pub(super) fn with_widths(mut self, body_words: usize) -> Self {
        let info = self.types.len() - body_words - 2;
        self.types[info] |= 1 << 31;
        self
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32 * 4, self.strings.len() as u32);
        let mut bytes = Vec::new();
        bytes.extend(0xeb9f_u16.to_ne_bytes());
        bytes.extend([1, 0]);
        for word in [24, 0, types, types, strings].iter().chain(&self.types) {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(self.strings);
        bytes
    }

    pub(super) fn parse(self) -> Btf {
        Btf::parse(self.bytes()).unwrap()
    }
}
