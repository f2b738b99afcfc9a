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
