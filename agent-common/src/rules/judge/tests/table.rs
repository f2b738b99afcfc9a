//! Every cell without a grant: the verdict, and the standing after it if that is another.

use super::*;

/// "over" is an operation that no budget has room for, or a whole tree; "op" any operation, and an
/// escape of an account that is refused what it destroys.
const TABLE: &str = "
                     | armed, none | armed, within | armed, over       | tripped, none | tripped, op | denied, none | denied, op        | frozen, none | frozen, op
observe, tracepoint  | allow       | allow         | report, observed  | allow         | report      | allow        | report, denied    | allow        | report
observe, lsm         | allow       | allow         | report, observed  | allow         | report      | allow        | report, denied    | allow        | report
hold, tracepoint     | allow       | allow         | stop, tripped     | stop          | stop        | stop         | stop, denied      | stop         | stop
hold, lsm            | allow       | allow         | hold, tripped     | allow         | hold        | allow        | deny, denied      | stop         | hold
deny, tracepoint     | allow       | allow         | stop, tripped     | stop          | stop        | stop         | stop, denied      | stop         | stop
deny, lsm            | allow       | allow         | deny, denied      | allow         | deny        | allow        | deny, denied      | stop         | hold
freeze, tracepoint   | allow       | allow         | stop, tripped     | stop          | stop        | stop         | stop, denied      | stop         | stop
freeze, lsm          | allow       | allow         | hold, tripped     | allow         | hold        | allow        | deny, denied      | stop         | hold
";

#[test]
fn every_cell() {
    let rows = cells(TABLE);
    for case in without_grants().filter(|case| !case.is_escape()) {
        let row = rows.iter().find(|row| row[0] == row_of(case)).unwrap();
        let column = rows[0].iter().position(|column| *column == column_of(case)).unwrap();
        assert_eq!(case.judge(), outcome(row[column], case), "{case:?}");
    }
}

/// The same of escapes, by the response to them, whatever that to bursts is.
const ESCAPES: &str = "
                     | armed        | tripped       | denied | frozen
observe, tracepoint  | report       | report        | report | report
observe, lsm         | report       | report        | report | report
hold, tracepoint     | stop, tripped | stop, tripped | stop  | stop
hold, lsm            | hold, tripped | hold, tripped | deny  | hold
deny, tracepoint     | stop, tripped | stop, tripped | stop  | stop
deny, lsm            | deny         | deny          | deny   | deny
freeze, tracepoint   | stop, tripped | stop, tripped | stop  | stop
freeze, lsm          | hold, tripped | hold, tripped | deny  | hold
";

#[test]
fn every_cell_of_escapes() {
    let rows = cells(ESCAPES);
    let escapes = without_grants().filter(|case| case.is_escape());
    for case in escapes {
        let name = format!("{:?}, {:?}", case.escape, case.tier).to_lowercase();
        let row = rows.iter().find(|row| row[0] == name).unwrap();
        let phase = format!("{:?}", case.phase()).to_lowercase();
        let column = rows[0].iter().position(|column| *column == phase).unwrap();
        assert_eq!(case.judge(), outcome(row[column], case), "{case:?}");
    }
}

fn without_grants() -> impl Iterator<Item = Case> {
    cases().into_iter().filter(|case| !case.granted && case.granted_until <= NOW)
}

fn cells(table: &str) -> Vec<Vec<&str>> {
    table.trim_start_matches('\n').lines().map(|line| line.split('|').map(str::trim).collect()).collect()
}

fn row_of(case: Case) -> String {
    format!("{:?}, {:?}", case.response, case.tier).to_lowercase()
}

fn column_of(case: Case) -> &'static str {
    match (case.phase(), case.kinds == Kinds::NONE) {
        (Phase::Armed, true) => "armed, none",
        (Phase::Armed, false) if case.room == Room::Over || case.kinds.is_whole() => "armed, over",
        (Phase::Armed, false) => "armed, within",
        (Phase::Tripped, true) => "tripped, none",
        (Phase::Tripped, false) => "tripped, op",
        (Phase::Denied, true) => "denied, none",
        (Phase::Denied, false) => "denied, op",
        (Phase::Frozen, true) => "frozen, none",
        (Phase::Frozen, false) => "frozen, op",
    }
}

fn outcome(cell: &str, case: Case) -> (Standing, Verdict) {
    let (verdict, standing) = cell.split_once(", ").unwrap_or((cell, ""));
    let verdict = match verdict {
        "allow" => Verdict::Allow,
        "report" => Verdict::Report,
        "stop" => Verdict::Stop,
        "hold" => Verdict::Hold,
        "deny" => Verdict::Deny,
        other => panic!("{other}"),
    };
    let standing = match (standing, case.phase()) {
        ("", Phase::Armed) => Standing::ARMED,
        ("", _) => case.standing,
        ("tripped", _) => Standing { phase: Phase::Tripped, until: NEVER },
        ("observed", _) => Standing { phase: Phase::Tripped, until: NOW + QUIET },
        ("denied", Phase::Denied) if case.standing.until > NOW + QUIET => case.standing,
        ("denied", _) => Standing { phase: Phase::Denied, until: NOW + QUIET },
        (other, _) => panic!("{other}"),
    };
    (standing, verdict)
}
