//! What steps cost, operation by operation: the same table in both tiers.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use anyhow::{Result, ensure};
use tests::{Crowd, Operation, Party, Policy, Tier, truth};

use crate::holding::{FILES, each_row};

/// Steps, and the operations that they are: in the tier lsm, and in the tier tracepoint.
struct Row(&'static [&'static str], [&'static str; 2]);

const fn costs(steps: &'static [&'static str], kinds: &'static str) -> Row {
    Row(steps, [kinds; 2])
}

/// Where it cannot tell whether there was something that a rename went over.
const fn differs(steps: &'static [&'static str], lsm: &'static str, tracepoint: &'static str) -> Row {
    Row(steps, [lsm, tracepoint])
}

const ROWS: &[Row] = &[
    // As git puts an object in its place.
    costs(&["create-new s", "link s t", "unlink s", "unlink t"], ""),
    costs(&["create-new s", "link s t", "unlink t", "truncate s 0", "unlink s"], ""),
    costs(&["create-new {outside}/s", "link {outside}/s t", "unlink {outside}/s", "unlink t"], "delete"),
    costs(
        &["unlink f0000", "create-new s", "link s f0000", "unlink s", "unlink f0000"],
        "delete recreate delete",
    ),
    // Nothing precious is passed off as scratch.
    differs(&["rename f0000 s", "unlink s"], "delete delete", "delete+replace delete"),
    costs(&["link f0000 s", "unlink s", "unlink f0000"], "delete delete"),
    costs(&["link f0000 s", "truncate s 0"], "truncate"),
    costs(&["append f0000", "unlink f0000"], "delete"),
    costs(&["create-new s", "exchange s f0000", "unlink s", "unlink f0000"], "replace delete delete"),
    costs(&["create-new s", "rename s f0000", "unlink f0000"], "replace delete"),
    costs(&["create-new s", "link s t", "rename f0000 t", "unlink t"], "delete delete"),
    costs(&["symlink f0000 s", "link-followed s t", "truncate t 0", "unlink t"], "truncate delete"),
    // Only what is lost counts as emptied.
    costs(&["ftruncate f0000 14", "ftruncate f0000 4096"], ""),
    costs(&["empty-a-nameless-file ."], ""),
    differs(&["truncate f0000 14", "truncate f0000 4096"], "", "truncate truncate"),
    differs(
        &["create f0000", "creat f0000", "creat f0000"],
        "truncate truncate",
        "truncate truncate truncate",
    ),
    // What is opened for overwriting counts, whatever is written then: once an open, and not what is one's own or empty.
    costs(&["overwrite f0000", "overwrite f0000"], "overwrite overwrite"),
    costs(&["open-to-write f0000"], "overwrite"),
    costs(&["open f0000", "append f0000"], ""),
    costs(&["create s", "overwrite s", "open-to-write s", "unlink s"], ""),
    costs(&["ftruncate f0000 0", "overwrite f0000"], "truncate"),
    // What goes through an io_uring is the same; in the tier lsm, names that are made there are not known as own ones.
    costs(&["io-uring-unlink f0000", "!io-uring-unlink f0000", "!io-uring-unlinkat . none/f0000"], "delete"),
    differs(&["io-uring-rename f0000 s", "io-uring-unlink s"], "delete delete", "delete+replace delete"),
    differs(&["io-uring-create s", "io-uring-unlink s"], "delete", ""),
    differs(&["io-uring-mkdir s", "rmdir s", "io-uring-symlink f0000 s", "unlink s"], "delete delete", ""),
    costs(&["io-uring-link f0000 s", "unlink s", "unlink f0000"], "delete delete"),
    costs(
        &["io-uring-empty f0000", "io-uring-overwrite f0001", "!io-uring-empty none/f0000"],
        "truncate overwrite",
    ),
    // So does a descriptor for appending that is one no more, or is mapped.
    differs(&["append-no-more f0000", "store f0000"], "overwrite overwrite", ""),
    costs(&["create s", "append-no-more s", "store s", "unlink s"], ""),
    differs(
        &["overwrite f0000", "rename f0000 s", "unlink s"],
        "overwrite delete delete",
        "overwrite delete+replace delete",
    ),
    // By a second name outside of the tree: the file counts, and the name does not.
    differs(
        &["link f0000 {outside}/s", "truncate {outside}/s 4", "creat {outside}/s"],
        "truncate truncate",
        "",
    ),
    differs(&["link f0000 {outside}/s", "overwrite {outside}/s"], "overwrite", ""),
    costs(&["link f0000 {outside}/s", "append {outside}/s", "rename {outside}/s {outside}/t"], ""),
    differs(&["link f0000 {outside}/s", "unlink-and-ftruncate {outside}/s 4"], "truncate", ""),
    differs(
        &["link f0000 {outside}/s", "unlink-and-ftruncate f0000 4", "creat {outside}/s"],
        "delete",
        "delete truncate",
    ),
    costs(&["create s", "link s {outside}/s", "overwrite {outside}/s", "creat {outside}/s"], ""),
    costs(&["create {outside}/s", "link {outside}/s {outside}/t", "overwrite {outside}/t"], ""),
    // A link that is swapped, either way.
    costs(&["symlink nothing s", "rename s f0000"], "replace"),
    costs(
        &["unlink f0000", "symlink nothing f0000", "symlink other s", "rename s f0000"],
        "delete recreate replace",
    ),
    costs(&["mkdir d", "create-new d/x", "rename d {outside}/d", "mkdir d", "unlink {outside}/d/x"], ""),
];

fn wide(policy: Policy, tier: Tier) -> Policy {
    let kinds = ["deletes", "replaces", "truncates", "overwrites", "recreates"];
    kinds.iter().fold(policy.in_tier(tier), |policy, kind| policy.budget(kind, "1000/1h"))
}

/// The operations of a process, in their order.
fn operations_of(crowd: &mut Crowd, at: usize, pid: u32) -> Result<Vec<Operation>> {
    crowd.daemon.catch_up(&crowd.parties[at].account)?;
    Ok(crowd.daemon.operations()?.into_iter().filter(|operation| operation.pid == pid).collect())
}

/// What they were.
fn kinds_of(crowd: &mut Crowd, at: usize, pid: u32) -> Result<String> {
    let operations = operations_of(crowd, at, pid)?;
    Ok(operations.iter().map(|operation| operation.kinds.join("+")).collect::<Vec<_>>().join(" "))
}

fn each_costs(rows: &[Row], tier: Tier, change: impl FnOnce(Policy) -> Policy) -> Result<()> {
    let parties = rows.iter().map(|_| Party::new(FILES)).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, |policy| change(wide(policy, tier)))?;
    let rows = rows.iter().enumerate().map(|(at, row)| (format!("{:?}", row.0), (at, row)));
    each_row(rows, |(at, Row(steps, [lsm, tracepoint]))| {
        let job = crowd.parties[at].each(1, steps)?;
        job.until_done()?;
        let expected = if tier == Tier::Lsm { lsm } else { tracepoint };
        let kinds = kinds_of(&mut crowd, at, job.pid())?;
        ensure!(kinds == *expected, "{kinds:?}, not {expected:?}");
        Ok(())
    })?;
    crowd.end().map(drop)
}

pub(crate) fn of_the_table(tier: Tier) -> Result<()> {
    each_costs(ROWS, tier, |policy| policy)
}

/// An own file of some time ago may still be put in its place, and no more: so it is with the files of a package.
pub(crate) fn of_own_files_some_time_later(tier: Tier) -> Result<()> {
    const LATER: &[Row] = &[
        costs(&["create-new s", "pass 1500", "rename s f0000", "unlink f0000"], "replace delete"),
        differs(&["create-new s", "pass 1500", "rename s t", "unlink t"], "delete", "replace delete"),
        costs(&["create-new s", "pass 1500", "rename s {outside}/s"], "delete"),
        costs(&["create-new s", "pass 1500", "unlink s"], "delete"),
        costs(&["create s", "pass 1500", "truncate s 0"], "truncate"),
        costs(&["create-new s", "pass 1500", "link s t", "rename t f0000", "unlink s"], "replace delete"),
    ];
    each_costs(LATER, tier, |policy| policy.budget("recreates", "1000/1s"))
}

/// How large what was hit was, and what is there now is: in the tier lsm, and in the tier tracepoint.
type Sizes = [(Option<u64>, Option<u64>); 2];

const UNKNOWN: (Option<u64>, Option<u64>) = (None, None);

/// Steps of which the last is an operation.
const SIZES: &[(&[&str], Sizes)] = &[
    (&["unlink f0000"], [(Some(14), Some(0)), UNKNOWN]),
    (&["rename f0000 {outside}/s"], [(Some(14), Some(0)), UNKNOWN]),
    (&["create-new s", "rename s f0000"], [(Some(14), Some(0)), UNKNOWN]),
    (&["create s", "rename s f0000"], [(Some(14), Some(13)), UNKNOWN]),
    (&["create s", "exchange s f0000"], [(Some(14), Some(13)), UNKNOWN]),
    (&["create s", "exchange f0000 s"], [(Some(13), Some(14)), UNKNOWN]),
    (&["truncate f0000 4"], [(Some(14), Some(4)), UNKNOWN]),
    (&["ftruncate f0000 4"], [(Some(14), Some(4)); 2]),
    (&["creat f0000"], [(Some(14), Some(0)), (None, Some(0))]),
    (&["overwrite f0000"], [(Some(14), None); 2]),
    (&["symlink nothing s", "rename s f0000"], [(Some(14), None), UNKNOWN]),
];

pub(crate) fn sizes_of_the_table(tier: Tier) -> Result<()> {
    let parties = SIZES.iter().map(|_| Party::new(1)).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, |policy| wide(policy, tier))?;
    let rows = SIZES.iter().enumerate().map(|(at, row)| (format!("{:?}", row.0), (at, row)));
    each_row(rows, |(at, (steps, [lsm, tracepoint]))| {
        let job = crowd.parties[at].each(1, steps)?;
        job.until_done()?;
        let expected = if tier == Tier::Lsm { lsm } else { tracepoint };
        let operations = operations_of(&mut crowd, at, job.pid())?;
        let sizes: Vec<_> = operations.iter().map(|operation| (operation.before, operation.after)).collect();
        ensure!(sizes == [*expected], "{sizes:?}, not {expected:?}");
        Ok(())
    })?;
    crowd.end().map(drop)
}

/// However much an account makes of its own: twice what the ledger has room for, if nobody emulates the processor.
pub(crate) fn decoys_hide_nothing(tier: Tier, decoys: usize) -> Result<()> {
    const BUDGET: usize = 10;
    const AT_ONCE: usize = 8_192; // so that none takes longer than one is waited for
    let party = Party::new(FILES)?;
    let mut crowd = Crowd::watched(vec![party], |policy| wide(policy, tier).budget("deletes", "10/1h"))?;
    let party = &crowd.parties[0];
    party.each(5, &["unlink {}"])?.until_done()?;
    for from in (0..decoys).step_by(AT_ONCE) {
        let count = AT_ONCE.min(decoys - from);
        party.hand(&["decoys", &from.to_string(), &count.to_string()])?.until_done()?;
    }
    crowd.daemon.catch_up(&party.account)?;
    ensure!(crowd.daemon.operations()?.len() == 5, "{:?}", crowd.daemon.operations()?.last());
    let job = party.each(FILES, &["unlink-if-there {}"])?;
    job.until_stopped()?;
    let most = BUDGET + usize::from(tier == Tier::Tracepoint);
    ensure!(party.missing(FILES) == most, "{} are missing", party.missing(FILES));
    drop(job);
    crowd.end().map(drop)
}

/// A file system gives the number of a file that went to the next one, which need not be the account's.
pub(crate) fn a_number_that_is_given_out_again_says_nothing(tier: Tier) -> Result<()> {
    let mut crowd = Crowd::watched(vec![Party::new(0)?], |policy| wide(policy, tier))?;
    let party = &crowd.parties[0];
    party.each(FILES, &["create-new own-{}"])?.until_done()?;
    let number = |name: String| Ok(fs::symlink_metadata(party.file(&name))?.ino());
    let names = || (0..FILES).map(truth::file_name);
    let own = names().map(|name| number(format!("own-{name}"))).collect::<Result<HashSet<_>>>()?;
    party.each(FILES, &["unlink own-{}"])?.until_done()?;
    party.ground.fill(&party.ground.tree(), FILES)?;
    let others = names().map(number).collect::<Result<HashSet<_>>>()?;
    let again = own.intersection(&others).count();
    let job = party.each(FILES, &["unlink {}"])?;
    job.until_done()?;
    let kinds = kinds_of(&mut crowd, 0, job.pid())?;
    ensure!(kinds == ["delete"; FILES].join(" "), "{kinds}");
    println!("{again} of {FILES} numbers were given out again");
    crowd.end().map(drop)
}

#[test]
fn each_step_costs_what_it_destroys() -> Result<()> {
    of_the_table(Tier::Tracepoint)
}

#[test]
fn an_own_file_may_be_put_in_its_place_late() -> Result<()> {
    of_own_files_some_time_later(Tier::Tracepoint)
}

#[test]
fn sizes_are_told_where_they_are_known() -> Result<()> {
    sizes_of_the_table(Tier::Tracepoint)
}

#[test]
fn decoys() -> Result<()> {
    decoys_hide_nothing(Tier::Tracepoint, 2 * 262_144)
}

#[test]
fn numbers_that_are_given_out_again() -> Result<()> {
    a_number_that_is_given_out_again_says_nothing(Tier::Tracepoint)
}
