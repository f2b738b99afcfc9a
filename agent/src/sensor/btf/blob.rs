//! BTF made by hand: what tests read, and where fuzzing begins.

#[cfg(test)]
use super::Btf;
use super::record::{CONST, FUNC, FUNC_PROTO, PTR, STRUCT, TYPE_TAG, TYPEDEF, UNION, VOLATILE};

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

    #[cfg(test)]
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

    #[cfg(test)]
    pub(super) fn parse(self) -> Btf {
        Btf::parse(self.bytes()).unwrap()
    }
}

/// One type of each kind, then the shapes the kernel programs ask for.
pub(super) fn kernel() -> Blob {
    let mut blob = Blob::new();
    let int = blob.add("int", 1, 0, 4, &[32]);
    let pointer = blob.add("", PTR, 0, int, &[]);
    blob.add("", 3, 0, 0, &[int, int, 4]);
    blob.add("e", 6, 1, 4, &[0, 7]);
    blob.add("f", 7, 0, 0, &[]);
    blob.add("v", 14, 0, int, &[0]);
    blob.add(".data", 15, 1, 4, &[6, 0, 4]);
    blob.add("float", 16, 0, 4, &[]);
    blob.add("tag", 17, 0, int, &[0]);
    blob.add("e64", 19, 1, 8, &[0, 7, 0]);

    let halves = blob.structure("", &[("hash", int, 0), ("len", int, 32)]);
    let either = {
        let body = [0, halves, 0, blob.name("hash_len"), int, 0];
        blob.add("", UNION, 2, 8, &body)
    };
    let qstr = blob.structure("qstr", &[("", either, 0), ("name", pointer, 64)]);
    let alias = blob.add("qstr_t", TYPEDEF, 0, qstr, &[]);
    let tagged = blob.add("rcu", TYPE_TAG, 0, alias, &[]);
    let volatile = blob.add("", VOLATILE, 0, tagged, &[]);
    let constant = blob.add("", CONST, 0, volatile, &[]);
    blob.structure("dentry", &[("d_flags", int, 0), ("d_name", constant, 256), ("d_ptr", pointer, 512)]);

    let unnamed = blob.function("", &["", "", ""], pointer);
    let probe = blob.add("", PTR, 0, unnamed, &[]);
    blob.add("btf_trace_fork", TYPEDEF, 0, probe, &[]);
    blob.add("btf_trace_anonymous", TYPEDEF, 0, probe, &[]);
    blob.add("btf_trace_changed", TYPEDEF, 0, probe, &[]);
    blob.function("__traceiter_fork", &["__data", "parent", "child"], pointer);
    blob.function("__traceiter_changed", &["__data", "parent", "flags", "child"], pointer);
    blob
}

/// The same, with structures that hold themselves.
pub(super) fn odd() -> Blob {
    let mut blob = kernel();
    let own = blob.count + 1;
    blob.structure("inner", &[("", own, 0), ("", own, 0), ("x", own, 8)]);
    let alias = blob.add("alias", TYPEDEF, 0, own + 1, &[]);
    blob.structure("outer", &[("", alias, 0), ("a", alias, 0)]);
    blob
}

/// Each of them.
pub(in super::super) fn kernels() -> Vec<Vec<u8>> {
    [Blob::new(), kernel(), odd()].map(Blob::bytes).into()
}
