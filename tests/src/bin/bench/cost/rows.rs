//! What the series of calls come to: each call, everything beside nobody, and ours beside the others.

use std::collections::BTreeMap;

use super::{Call, Series, Variant};
use crate::ground::System;
use crate::row::{Row, median};
use crate::timed::{more, slower};

/// By how much an unwatched call may be dearer, in ns and in per cent; and one that is protected and counted, in ns.
const UNTRACKED: (f64, f64) = (100.0, 3.0);
const INSIDE: f64 = 1000.0;

/// A program, too, is in no tree.
const OUTSIDE: &str = "… by a watched user outside of every tree";
const OTHERS: [(Variant, &str); 4] = [
    (Variant::AuditOwn, "… under auditd, by the user that its rules name"),
    (Variant::AuditOther, "… under auditd, by another user"),
    (Variant::BpftraceOwn, "… under bpftrace, by the user that it counts"),
    (Variant::BpftraceOther, "… under bpftrace, by another user"),
];

pub(super) fn of(series: &Series, absent: &BTreeMap<&'static str, String>) -> Vec<Row> {
    let mut rows = Vec::new();
    for call in [Call::Unlink, Call::Create, Call::Rename, Call::Open] {
        for system in System::ALL {
            rows.extend(of_call(series, call, Some(system.name())));
        }
    }
    rows.extend(of_call(series, Call::Program, None));
    rows.extend(absent.iter().map(|(name, why)| Row::skipped(*name, why)));
    rows
}

fn of_call(series: &Series, call: Call, system: Option<&'static str>) -> Vec<Row> {
    let of = |variant| series.get(&(call, system, variant));
    let Some(off) = of(Variant::Off) else { return Vec::new() };
    let (unit, ns) = if call == Call::Program { ("us", 1000.0) } else { ("ns", 1.0) };
    let shown = |values: &[f64]| values.iter().map(|value| value / ns).collect::<Vec<_>>();
    let alone = median(off) / ns;
    let row = |name: &str, values: &[f64]| Row::new(name, unit, shown(values)).times("off", alone);
    let extra = |values: &[f64]| median(&more(off, values));
    let place = system.map_or(String::new(), |system| format!(" on {system}"));
    let mut rows = vec![Row::new(format!("{}{place}: nobody watches", call.name()), unit, shown(off))];
    if let Some(values) = of(Variant::Untracked) {
        rows.push(untracked(
            row("… by a user that is not watched", values),
            extra(values),
            median(&slower(off, values)),
        ));
    }
    if let Some(values) = of(Variant::Outside) {
        rows.push(row(OUTSIDE, values));
    }
    if let Some(values) = of(Variant::Inside) {
        let name = if call == Call::Program { OUTSIDE } else { "… in a tree" };
        let auditd = of(Variant::AuditOwn).map(|values| extra(values));
        rows.push(inside(row(name, values), extra(values), auditd));
    }
    for (variant, name) in OTHERS {
        rows.extend(of(variant).map(|values| row(name, values)));
    }
    rows
}

fn untracked(row: Row, extra: f64, slower: f64) -> Row {
    let (ns, per_cent) = UNTRACKED;
    row.goal(format!("{extra:.0} ns more ≤ {ns:.0}"), extra <= ns)
        .goal(format!("{slower:.1} % ≤ {per_cent:.0}"), slower <= per_cent)
}

fn inside(row: Row, extra: f64, auditd: Option<f64>) -> Row {
    let row = row.goal(format!("{extra:.0} ns more ≤ {INSIDE:.0}"), extra <= INSIDE);
    let Some(auditd) = auditd else { return row };
    row.ratio("of auditd's", extra / auditd)
        .goal(format!("below half of auditd's {auditd:.0}"), extra < auditd / 2.0)
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Self::Unlink => "unlinkat",
            Self::Create => "openat of a new file, and close",
            Self::Rename => "renameat",
            Self::Open => "openat, and close",
            Self::Program => "fork, exec and exit",
        }
    }
}
