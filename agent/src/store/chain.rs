//! The chain: each entry's hash covers the entry and the hash before it, so none can be changed, removed or put in without
//! changing all that come after. Pure.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

/// A SHA-256: in the chain, of an entry and all before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash(pub(crate) [u8; 32]);

/// The last entry of a chain, or one that was once the last: whoever knows it can tell whether anything up to it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    pub(crate) hash: Hash,
}

/// An entry as it is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// From 1, without gaps.
    pub(crate) seq: u64,
    /// CLOCK_BOOTTIME, of the boot that it was written in.
    pub(crate) at_ns: u64,
    /// Since 1970.
    pub(crate) wall_us: i64,
    pub(crate) kind: String,
    pub(crate) incident: Option<u64>,
    /// JSON.
    pub(crate) body: Vec<u8>,
    pub(crate) hash: Hash,
}

/// What is hashed first, so that no hash of ours is one of something else.
const LABEL: &[u8] = b"burstguard record 1\0";

impl Head {
    /// Before the first entry.
    pub(crate) const NONE: Self = Self { seq: 0, hash: Hash([0; 32]) };
}

impl Row {
    /// The hash that it has after `before`. What may be of any length has its length before it: no two entries are the same
    /// bytes.
    pub(crate) fn hash_after(&self, before: Hash) -> Hash {
        let Self { seq, at_ns, wall_us, kind, incident, body, hash: _ } = self;
        let length = |bytes: &[u8]| (bytes.len() as u64).to_be_bytes();
        let mut hash = Sha256::new();
        hash.update(LABEL);
        hash.update(before.0);
        hash.update(seq.to_be_bytes());
        hash.update(at_ns.to_be_bytes());
        hash.update(wall_us.to_be_bytes());
        hash.update(length(kind.as_bytes()));
        hash.update(kind);
        hash.update([u8::from(incident.is_some())]);
        hash.update(incident.unwrap_or_default().to_be_bytes());
        hash.update(length(body));
        hash.update(body);
        Hash(hash.finalize().into())
    }

    /// As the head of the entries up to it.
    pub(crate) fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// The same entry behind `before`.
    pub(crate) fn behind(mut self, before: Head) -> Self {
        self.seq = before.seq + 1;
        self.hash = self.hash_after(before.hash);
        self
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Hash {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(());
        }
        let mut hash = [0; 32];
        for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(drop)?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(seq, hash)| {
            let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
            Some(Self { seq, hash: hash.parse().ok()? })
        });
        parts.ok_or_else(|| {
            "want SEQ:HASH, as the event \"anchor\" says it: a number, and 64 hexadecimal digits".to_owned()
        })
    }
}
