//! Whether a record is whole: no entry changed, none removed but by pruning, and each that was once said to be the last still
//! there. Pure.

use std::collections::BTreeMap;

use super::chain::{Hash, Head, Row};

/// A record that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The last entry.
    pub(crate) head: Head,
    /// The first one that is still there; those before it were pruned.
    pub(crate) first: u64,
    pub(crate) entries: u64,
    /// How many anchors it agrees with.
    pub(crate) anchors: u64,
    /// How many are of entries that have been pruned since: nothing can be said of them.
    pub(crate) pruned: u64,
}

/// Where a record is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The first entry that is concerned.
    pub(crate) seq: u64,
    /// In words.
    pub(crate) what: String,
}

/// What a record must agree with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Anchors(BTreeMap<u64, Vec<Hash>>);

impl FromIterator<Head> for Anchors {
    fn from_iter<I: IntoIterator<Item = Head>>(heads: I) -> Self {
        let mut anchors = Self::default();
        for Head { seq, hash } in heads {
            let hashes = anchors.0.entry(seq).or_default();
            if !hashes.contains(&hash) {
                hashes.push(hash);
            }
        }
        anchors
    }
}

impl Anchors {
    /// How many agree with an entry.
    fn agree(&self, with: Head) -> Result<u64, Flaw> {
        let hashes = self.0.get(&with.seq).map(Vec::as_slice).unwrap_or_default();
        if hashes.iter().all(|hash| *hash == with.hash) {
            return Ok(hashes.len() as u64);
        }
        let what = format!(
            "entry {} is another one than the anchor was made of: it, or one before it, was changed or removed",
            with.seq
        );
        Err(Flaw { seq: with.seq, what })
    }
}

/// Goes through the entries in their order. `checkpoints` are what the record itself says that its last pruned entry was.
///
/// # Errors
/// The first flaw.
pub(crate) fn prove(
    rows: impl Iterator<Item = Row>,
    checkpoints: &[Head],
    anchors: &Anchors,
) -> Result<Proof, Flaw> {
    let mut before = Head::NONE;
    let mut proof = Proof { head: Head::NONE, first: 1, entries: 0, anchors: 0, pruned: 0 };
    for row in rows {
        if proof.entries == 0 && row.seq != 1 {
            before = begin(&row, checkpoints)?;
            proof.first = row.seq;
            proof.anchors += anchors.agree(before)?;
        }
        if row.seq != before.seq + 1 {
            let seq = before.seq + 1;
            let what = match row.seq - 1 {
                last if last == seq => format!("entry {seq} was removed"),
                last => format!("entries {seq} to {last} were removed"),
            };
            return Err(Flaw { seq, what });
        }
        if row.hash != row.hash_after(before.hash) {
            let what = format!("entry {} does not fit its hash: it was changed", row.seq);
            return Err(Flaw { seq: row.seq, what });
        }
        before = row.head();
        proof.anchors += anchors.agree(before)?;
        proof.entries += 1;
    }
    if let Some((last, _)) = anchors.0.range(before.seq + 1..).next_back() {
        let seq = before.seq + 1;
        let what = format!(
            "the record ends with entry {}, but entry {last} was there: the end was removed",
            before.seq
        );
        return Err(Flaw { seq, what });
    }
    proof.head = before;
    proof.pruned =
        anchors.0.range(..proof.first.saturating_sub(1)).map(|(_, hashes)| hashes.len() as u64).sum();
    Ok(proof)
}

/// The entry before the first one that is there, as the checkpoint says it.
fn begin(first: &Row, checkpoints: &[Head]) -> Result<Head, Flaw> {
    let mut said = checkpoints.iter().filter(|checkpoint| checkpoint.seq + 1 == first.seq);
    said.next().copied().ok_or_else(|| {
        let last = first.seq.saturating_sub(1);
        Flaw {
            seq: 1,
            what: format!("entries 1 to {last} were removed, and no checkpoint says that they were pruned"),
        }
    })
}

#[cfg(test)]
mod tests;
