//! Every cell of the table: what becomes of a name in each state by each change, and what that costs.

use super::*;

/// "recent" is as old as the horizon and "late" one older; what is "old" is too old to be renamed for nothing. A cell is the
/// state after, then the kind of operation if it is one; "same" is the state before, untouched, and "own" what appears.
const TABLE: &str = "
                 | appears: free | free, own     | over             | over, own        | vanishes     | is renamed   | shrinks           | opens             | linked
  unknown        | unknown       | own           | unknown replace  | unknown replace  | gone delete  | gone delete  | unknown truncate  | unknown overwrite | same
  scratch recent | unknown       | own           | unknown          | own              | unknown      | unknown      | same              | same              | same
  scratch late   | unknown       | own           | unknown replace  | unknown replace  | gone delete  | gone delete  | unknown truncate  | unknown overwrite | same
  file recent    | unknown       | own           | unknown          | own              | unknown      | unknown      | same              | same              | same
  file late      | unknown       | own           | unknown replace  | unknown replace  | gone delete  | unknown      | unknown truncate  | same overwrite    | same
  file old       | unknown       | own           | unknown replace  | unknown replace  | gone delete  | gone delete  | unknown truncate  | unknown overwrite | same
  gone recent    | unknown recreate | unknown recreate | unknown recreate | unknown recreate | gone delete | gone delete | unknown truncate | unknown overwrite | same
  gone late      | unknown       | unknown       | unknown replace  | unknown replace  | gone delete  | gone delete  | unknown truncate  | unknown overwrite | same
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
    let (state, age) = state.split_once(' ').unwrap_or((state, "recent"));
    let age = match age {
        "recent" => HORIZON.near,
        "late" => HORIZON.near + 1,
        "old" => HORIZON.far + 1,
        other => panic!("{other}"),
    };
    let state = match state {
        "unknown" => return None,
        "scratch" => State::Scratch { file: false },
        "file" => State::Scratch { file: true },
        "gone" => State::Gone,
        other => panic!("{other}"),
    };
    Some(Name { state, at: NOW - age })
}

const OWN: Name = Name { state: State::Scratch { file: true }, at: NOW - HORIZON.near - 1 };

fn change(heading: &str) -> Change {
    match heading.trim().trim_start_matches("appears: ") {
        "free" => Change::Appears { over: false, own: None },
        "free, own" => Change::Appears { over: false, own: Some(OWN) },
        "over" => Change::Appears { over: true, own: None },
        "over, own" => Change::Appears { over: true, own: Some(OWN) },
        "vanishes" => Change::Vanishes { stays: false },
        "is renamed" => Change::Vanishes { stays: true },
        "shrinks" => Change::Shrinks,
        "opens" => Change::Opens,
        "linked" => Change::Linked,
        other => panic!("{other}"),
    }
}

fn outcome(cell: &str, before: Option<Name>) -> (Option<Name>, Kinds) {
    let (state, kind) = cell.split_once(' ').unwrap_or((cell, ""));
    let after = match state {
        "same" => before,
        "own" => Some(OWN),
        state => name(state).map(|name| Name { at: NOW, ..name }),
    };
    let kinds = Kind::ALL.into_iter().find(|kind_| kind_.word() == kind).map_or(Kinds::NONE, Kinds::of);
    (after, kinds)
}

#[test]
fn a_name_from_the_future_is_recent() {
    let scratch = Some(Name { state: State::Scratch { file: false }, at: NOW + 5 * HORIZON.far });
    assert_eq!(step(scratch, Change::Vanishes { stays: false }, NOW, HORIZON), (None, Kinds::NONE));
}
