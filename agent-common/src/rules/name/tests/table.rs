//! Every cell of the table: what becomes of a name in each state by each change, and what that costs.

use super::*;

/// "recent" is as old as the horizon and "old" one older. A cell is the state after, then the kind of operation if it is
/// one; "same" is the state before, untouched.
const TABLE: &str = "
                 | appears: free | free, own     | over             | over, own        | vanishes     | shrinks           | linked
  unknown        | unknown       | scratch       | unknown replace  | unknown replace  | gone delete  | unknown truncate  | unknown
  scratch recent | unknown       | scratch       | unknown          | scratch          | unknown      | same              | unknown
  scratch old    | unknown       | scratch       | unknown replace  | unknown replace  | gone delete  | unknown truncate  | unknown
  gone recent    | unknown recreate | unknown recreate | unknown recreate | unknown recreate | gone delete | unknown truncate | same
  gone old       | unknown       | unknown       | unknown replace  | unknown replace  | gone delete  | unknown truncate  | same
";

const NOW: BootNs = 1_000;

#[test]
fn every_cell() {
    let mut rows = TABLE.lines().map(str::trim).filter(|line| !line.is_empty());
    let changes: Vec<_> = rows.next().unwrap().split('|').skip(1).map(change).collect();
    for row in rows {
        let mut cells = row.split('|').map(str::trim);
        let state = cells.next().unwrap();
        let before = name(state);
        let cells: Vec<_> = cells.collect();
        assert_eq!(cells.len(), changes.len(), "{state}");
        for (cell, change) in cells.into_iter().zip(&changes) {
            let expected = outcome(cell, before);
            assert_eq!(step(before, *change, NOW, HORIZON), expected, "{state}, {change:?}");
        }
    }
}

fn name(state: &str) -> Option<Name> {
    let (state, age) = state.split_once(' ').unwrap_or((state, ""));
    let at = if age == "old" { NOW - HORIZON - 1 } else { NOW - HORIZON };
    match state {
        "unknown" => None,
        "scratch" => Some(Name { state: State::Scratch, at }),
        "gone" => Some(Name { state: State::Gone, at }),
        other => panic!("{other}"),
    }
}

fn change(heading: &str) -> Change {
    match heading.trim().trim_start_matches("appears: ") {
        "free" => Change::Appears { over: false, fresh: false },
        "free, own" => Change::Appears { over: false, fresh: true },
        "over" => Change::Appears { over: true, fresh: false },
        "over, own" => Change::Appears { over: true, fresh: true },
        "vanishes" => Change::Vanishes,
        "shrinks" => Change::Shrinks,
        "linked" => Change::Linked,
        other => panic!("{other}"),
    }
}

fn outcome(cell: &str, before: Option<Name>) -> (Option<Name>, Kinds) {
    let (state, kind) = cell.split_once(' ').unwrap_or((cell, ""));
    let after = if state == "same" { before } else { name(state).map(|name| Name { at: NOW, ..name }) };
    let kinds = Kind::ALL.into_iter().find(|kind_| kind_.word() == kind).map_or(Kinds::NONE, Kinds::of);
    (after, kinds)
}

#[test]
fn a_name_from_the_future_is_recent() {
    let scratch = Some(Name { state: State::Scratch, at: NOW + 5 * HORIZON });
    assert_eq!(step(scratch, Change::Vanishes, NOW, HORIZON), (None, Kinds::NONE));
}
