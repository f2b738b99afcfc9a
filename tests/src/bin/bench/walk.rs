//! The way from a file up to the root of its tree, beside the kernel's own sandbox, Landlock, which goes the same way.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use tests::{Account, Daemon, Ground, Policy};

use crate::Found;
use crate::cost::wide;
use crate::ground::{deep, fill, open_up};
use crate::row::{Row, median};
use crate::scale::Scale;
use crate::timed::{more, timed};

/// As deep as the figure that Landlock's developers have published is for.
const DEPTH: usize = 10;
/// As many as a policy may have.
pub(crate) const ROOTS: usize = 63;
const PUBLISHED: f64 = 627.0;

struct Series {
    off: Vec<f64>,
    at_root: Vec<f64>,
    deep: Vec<f64>,
    outside: Vec<f64>,
    landlock: Result<Vec<f64>, String>,
}

pub(crate) fn measure(scale: Scale) -> Result<Found> {
    let (watched, other) = (Account::unlisted()?, Account::unlisted()?);
    let ground = Ground::in_memory(&watched)?;
    let (inside, outside) = (deep(&ground, &ground.tree(), DEPTH)?, deep(&ground, &ground.outside(), DEPTH)?);
    open_up(&ground.tree())?;
    let roots = roots(&ground, ROOTS)?;
    let policy =
        roots[1..].iter().fold(Policy::new(watched.name(), &roots[0]), |policy, root| policy.also(root));
    let policy = wide(policy).in_tier(scale.tier);
    let landlock: Vec<_> =
        roots.iter().flat_map(|root| ["--landlock".to_owned(), root.display().to_string()]).collect();
    let mut series =
        Series { off: vec![], at_root: vec![], deep: vec![], outside: vec![], landlock: Ok(Vec::new()) };
    for _ in 0..scale.runs {
        let unlinks = |user: &Account, directory: &PathBuf, options: &[String]| {
            fill(directory, scale.calls)?;
            timed(user, &ground, &["time", "unlink"], scale.calls, directory, options)
        };
        series.off.push(unlinks(&other, &inside, &[])?);
        if let Ok(values) = &mut series.landlock {
            match unlinks(&other, &inside, &landlock) {
                Ok(took) => values.push(took),
                Err(why) => {
                    crate::ground::empty(&inside)?;
                    series.landlock = Err(format!("{why:#}"));
                }
            }
        }
        let mut daemon = Daemon::start(&policy, ground.base())?;
        series.at_root.push(unlinks(&watched, &roots[0], &[])?);
        series.deep.push(unlinks(&watched, &inside, &[])?);
        series.outside.push(unlinks(&watched, &outside, &[])?);
        ensure!(!daemon.has_burst()?, "the budget was exceeded: what was measured is not what should be");
        daemon.end()?;
    }
    Ok(rows(series).into())
}

/// The tree and as many more directories as make so many.
pub(crate) fn roots(ground: &Ground, count: usize) -> Result<Vec<PathBuf>> {
    let mut roots = vec![ground.tree()];
    for number in 1..count {
        let root = ground.home().join(format!("root-{number}"));
        ground.make_directory(&root)?;
        roots.push(root);
    }
    Ok(roots)
}

fn rows(series: Series) -> Vec<Row> {
    let Series { off, at_root, deep, outside, landlock } = series;
    let alone = median(&off);
    let walk = more(&at_root, &deep);
    let row = |name: &str, values: Vec<f64>| Row::new(name, "ns", values).times("off", alone);
    let theirs = landlock.map(|values| (more(&off, &values), values));
    let mut own =
        Row::new("the way up from depth 10, more than at the root", "ns", walk).typically(PUBLISHED);
    if let Ok((theirs, _)) = &theirs {
        let theirs = median(theirs);
        let met = own.median() <= theirs;
        own = own.times("Landlock", theirs).goal(format!("≤ Landlock's {theirs:.0}"), met);
    }
    let mut rows = vec![
        Row::new("unlinkat at depth 10, nobody watches", "ns", off),
        row("… in a tree, 63 protected, at its root", at_root),
        row("… in a tree, 63 protected, at depth 10", deep),
        row("… outside of 63 trees, at depth 10", outside),
        own,
    ];
    match theirs {
        Ok((extra, values)) => {
            rows.push(row("… under Landlock with 63 rules, at depth 10", values));
            rows.push(Row::new("Landlock, more than without", "ns", extra));
        }
        Err(why) => rows.push(Row::skipped("… under Landlock with 63 rules", why)),
    }
    rows
}
