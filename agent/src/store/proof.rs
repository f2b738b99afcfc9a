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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Entries of a chain with these bodies.
    fn chain(bodies: impl IntoIterator<Item = Vec<u8>>) -> Vec<Row> {
        let mut head = Head::NONE;
        let mut rows = Vec::new();
        for body in bodies {
            let row = Row {
                seq: 0,
                at_ns: 7,
                wall_us: -7,
                kind: "opened".to_owned(),
                incident: Some(3),
                body,
                hash: head.hash,
            };
            let row = row.behind(head);
            head = row.head();
            rows.push(row);
        }
        rows
    }

    fn numbered(count: u8) -> Vec<Row> {
        chain((0..count).map(|number| vec![number]))
    }

    fn check(rows: &[Row], checkpoints: &[Head], anchors: &[Head]) -> Result<Proof, Flaw> {
        prove(rows.iter().cloned(), checkpoints, &anchors.iter().copied().collect())
    }

    #[test]
    fn what_was_left_alone_is_whole() {
        let rows = numbered(9);
        let proof = check(&rows, &[], &[rows[3].head(), rows[8].head(), rows[8].head()]).expect("whole");
        let expected = Proof { head: rows[8].head(), first: 1, entries: 9, anchors: 2, pruned: 0 };
        assert_eq!(proof, expected);
        assert_eq!(check(&[], &[], &[]).expect("empty").head, Head::NONE);
    }

    #[test]
    fn what_was_pruned_goes_on_from_its_checkpoint() {
        let rows = numbered(9);
        let checkpoint = rows[3].head();
        let anchors = [rows[1].head(), checkpoint, rows[8].head()];
        let proof = check(&rows[4..], &[rows[1].head(), checkpoint], &anchors).expect("whole");
        assert_eq!((proof.first, proof.entries, proof.anchors, proof.pruned), (5, 5, 2, 1));
        let flaw = check(&rows[4..], &[rows[1].head()], &[]).expect_err("no checkpoint");
        assert_eq!((flaw.seq, flaw.what.contains("entries 1 to 4 were removed")), (1, true));
        let lie = Head { hash: rows[0].hash, ..checkpoint };
        assert_eq!(check(&rows[4..], &[lie], &[]).expect_err("a lie").seq, 5);
    }

    #[test]
    fn an_end_that_is_gone_is_missed_by_whoever_has_the_anchor() {
        let rows = numbered(9);
        assert!(check(&rows[..6], &[], &[]).is_ok());
        let flaw = check(&rows[..6], &[], &[rows[8].head()]).expect_err("cut off");
        assert_eq!(flaw.seq, 7);
        assert!(flaw.what.contains("ends with entry 6, but entry 9 was there"), "{}", flaw.what);
        assert_eq!(check(&[], &[], &[rows[8].head()]).expect_err("all of it").seq, 1);
    }

    #[test]
    fn another_chain_of_the_same_length_is_missed_by_whoever_has_the_anchor() {
        let (rows, other) = (numbered(5), chain((10..15).map(|number| vec![number])));
        let flaw = check(&other, &[], &[rows[4].head()]).expect_err("another");
        assert_eq!(flaw.seq, 5);
    }

    proptest! {
        /// Each byte of each field of each entry.
        #[test]
        fn a_change_is_found_where_it_is(count in 1_u8..12, at in any::<prop::sample::Index>(), field in 0_u8..6, bit in 0_u8..8) {
            let mut rows = numbered(count);
            let index = at.index(rows.len());
            let row = &mut rows[index];
            match field {
                0 => row.at_ns ^= 1 << bit,
                1 => row.wall_us ^= 1 << bit,
                2 => row.kind.push('x'),
                3 => row.incident = row.incident.map(|id| id ^ 1 << bit),
                4 => row.body[0] ^= 1 << bit,
                _ => row.hash.0[usize::from(bit)] ^= 1,
            }
            prop_assert_eq!(check(&rows, &[], &[]).expect_err("a change").seq, index as u64 + 1);
        }

        #[test]
        fn a_removal_is_found_where_it_is(count in 2_u8..12, at in any::<prop::sample::Index>()) {
            let mut rows = numbered(count);
            let index = at.index(rows.len() - 1);
            rows.remove(index);
            prop_assert_eq!(check(&rows, &[], &[]).expect_err("a removal").seq, index as u64 + 1);
        }

        /// A field cannot be made longer at its neighbour's cost.
        #[test]
        fn no_two_entries_are_the_same_bytes(kind in "[a-z]{0,6}", body in "[a-z]{0,6}", cut in 0_usize..6) {
            let row = |kind: &str, body: &str| Row {
                kind: kind.to_owned(), body: body.as_bytes().to_vec(), ..numbered(1).remove(0)
            };
            let joined = format!("{kind}{body}");
            let cut = cut.min(joined.len());
            let (other_kind, other_body) = joined.split_at(cut);
            let same = other_kind == kind && other_body == body;
            let hash = |row: &Row| row.hash_after(Head::NONE.hash);
            prop_assert_eq!(hash(&row(&kind, &body)) == hash(&row(other_kind, other_body)), same);
        }

        #[test]
        fn a_head_is_read_as_it_is_written(seq in 1_u64.., hash: [u8; 32]) {
            let head = Head { seq, hash: Hash(hash) };
            prop_assert_eq!(head.to_string().parse::<Head>(), Ok(head));
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for bad in [
            "",
            "7",
            "7:",
            "0:00",
            "x:00",
            "7:é",
            &format!("7:{}", "é".repeat(32)),
            &format!("0:{}", "0".repeat(64)),
        ] {
            assert!(bad.parse::<Head>().is_err(), "{bad:?}");
        }
    }
}
