//! What lies in a tree and is not of it: the same steps come to the same operations in both tiers.

mod lsm;
mod names;
mod tracepoint;

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context as _, Result, ensure};
use tests::{Crowd, Ground, Party, Policy, Tier, truth};

use crate::holding::each_row;

/// Of each form one, and of each a near miss on the ground.
const EXCEPT: &[&str] = &[
    "{tree}/mtab",
    "{tree}/sub/certs",
    "{tree}/cache*",
    "{tree}/sub/a*z",
    "**/*.swp",
    "**/node_modules",
    "**/.#*",
];

/// Directories, each of which has the files in it.
const DIRECTORIES: &[&str] = &[
    "sub",
    "sub/certs",
    "sub/certs/deep",
    "sub/cache",
    "sub/az",
    "sub/aBz",
    "other",
    "other/certs",
    "other/az",
    "node_modules",
    "node_modules/deep",
    "other/node_modules",
    "other/node_modules_not",
    "emptied",
    "emptied/node_modules",
];

/// Files beside those of every directory. All were there before the account came, so that none of them is its own.
const FILES: &[&str] =
    &["mtab", "mtab2", "other/mtab", "cache", "cached", "cach", "other/cached", ".#f", "other/.#", "swp"];

/// How many files there are in each directory.
const EACH: usize = 4;

/// Steps that cost nothing, whatever is said of them.
const FREE: &[&str] = &[
    "unlink mtab",
    "unlink sub/certs/f0000",
    "unlink {tree}/sub/certs/deep/f0000",
    "unlinkat sub/certs f0001",
    "unlinkat {home} tree/sub/certs/f0002",
    "unlink .//sub/./certs//f0003",
    "truncate sub/certs/deep/f0001 0",
    "creat sub/certs/deep/f0002",
    "unlink cache",
    "unlink cached",
    "unlink sub/az/f0000",
    "unlink sub/aBz/f0000",
    "unlink f0000.swp",
    "unlinkat {tree} other/f0000.swp",
    "truncate f0001.swp 0",
    "creat f0002.swp",
    "rename f0003.swp {outside}/gone.swp",
    "rename {outside}/f0000 other/f0001.swp",
    "exchange {outside}/f0001 other/f0002.swp",
    "unlink link.swp",
    "unlink .#f",
    "unlink other/.#",
    "unlink node_modules/f0000",
    "unlink node_modules/deep/f0000",
    "rename node_modules/deep {outside}/deep",
    "rename other/node_modules node_modules/more",
];

/// Steps that are operations of these kinds.
const COUNTED: &[(&str, &str)] = &[
    ("unlink mtab2", "delete"),
    ("unlink other/mtab", "delete"),
    ("unlink cach", "delete"),
    ("unlink other/cached", "delete"),
    ("unlink sub/cache/f0000", "delete"),
    ("unlink other/certs/f0000", "delete"),
    ("unlinkat other/certs f0001", "delete"),
    ("unlink other/az/f0000", "delete"),
    ("unlink other/node_modules_not/f0000", "delete"),
    ("unlink swp", "delete"),
    ("truncate other/certs/f0002 0", "truncate"),
    // What is in an excepted directory that a link of a tree's name leads to is not of the tree, the link itself is.
    ("unlink link", "delete"),
    // From the tree to an exception, and from there over what is in the tree.
    ("rename f0000 f0000.swp", "delete"),
    ("rename other/f0003.swp f0001", "replace"),
    ("exchange f0002 sub/certs/deep/f0003", "replace"),
    // A second name in an exception disowns nothing, and does not make the first one go for free.
    ("link f0003 f0003.swp", ""),
    ("unlink f0003", "delete"),
    ("unlink f0003.swp", ""),
    // What is excepted is gone for free, and the directory that it was in is not.
    ("unlink emptied/node_modules/f0000", ""),
    ("unlink emptied/node_modules/f0001", ""),
    ("unlink emptied/node_modules/f0002", ""),
    ("unlink emptied/node_modules/f0003", ""),
    ("rmdir emptied/node_modules", ""),
    ("unlink emptied/f0000", "delete"),
    // Made again below an exception: nobody has asked.
    ("mkdir emptied/node_modules", ""),
    ("create-new emptied/node_modules/f0000", ""),
];

/// No step is over the budgets, but each operation is reported.
fn counts(policy: Policy, tier: Tier, except: &[String]) -> Policy {
    let kinds = ["deletes", "replaces", "truncates", "recreates"];
    kinds.iter().fold(policy.in_tier(tier).except(except), |policy, kind| policy.budget(kind, "1000/1h"))
}

fn texts(except: &[&str]) -> Vec<String> {
    except.iter().map(|text| (*text).to_owned()).collect()
}

fn arrange() -> Result<Party> {
    let party = Party::new(EACH)?;
    let ground = &party.ground;
    let tree = ground.tree();
    for directory in DIRECTORIES {
        ground.make_directory(&tree.join(directory))?;
        ground.fill(&tree.join(directory), EACH)?;
    }
    ground.fill(&ground.outside(), EACH)?;
    for number in 0..EACH {
        let name = format!("{}.swp", truth::file_name(number));
        file(ground, &name)?;
        file(ground, &format!("other/{name}"))?;
    }
    FILES.iter().try_for_each(|name| file(ground, name))?;
    for name in ["link", "link.swp"] {
        symlink(tree.join("sub/certs"), tree.join(name))?;
    }
    Ok(party)
}

/// A file of the account's.
fn file(ground: &Ground, name: &str) -> Result<()> {
    let path = ground.tree().join(name);
    fs::write(&path, "not its own\n").with_context(|| format!("cannot write {}", path.display()))?;
    ground.give(&path)
}

/// Takes steps; the kinds of what they came to.
fn kinds(crowd: &mut Crowd, steps: &[&str]) -> Result<String> {
    let party = &crowd.parties[0];
    let job = party.each(1, steps)?;
    job.until_done()?;
    crowd.daemon.catch_up(&party.account)?;
    let operations = crowd.daemon.operations()?;
    let own = operations.iter().filter(|operation| operation.pid == job.pid());
    Ok(own.flat_map(|operation| operation.kinds.iter().map(String::as_str)).collect::<Vec<_>>().join("+"))
}

fn come_to(crowd: &mut Crowd, rows: &[(&[&str], &str)]) -> Result<()> {
    each_row(rows.iter().map(|row| (format!("{:?}", row.0), row)), |(steps, expected)| {
        let kinds = kinds(crowd, steps)?;
        ensure!(kinds == *expected, "{kinds:?} instead of {expected:?}");
        Ok(())
    })
}

/// Every step, one after the other.
fn each_step(tier: Tier) -> Result<()> {
    let mut crowd = Crowd::watched(vec![arrange()?], |policy| counts(policy, tier, &texts(EXCEPT)))?;
    let free: Vec<_> = FREE.iter().map(|step| (vec![*step], "")).collect();
    let counted = COUNTED.iter().map(|(step, kinds)| (vec![*step], *kinds));
    // The steps before have left these: the same from within, where the directories above the working directory tell.
    let within = [
        (
            vec!["chdir sub/certs/deep", "unlink f0001", "unlinkat . f0002", "chdir ..", "unlink deep/f0003"],
            "",
        ),
        (vec!["chdir sub/aBz", "unlink f0001"], ""),
        (vec!["chdir node_modules/more", "unlink f0001"], ""),
        (vec!["chdir other/certs", "unlink f0003"], "delete"),
    ];
    let rows: Vec<_> = free.into_iter().chain(counted).chain(within).collect();
    let rows: Vec<_> = rows.iter().map(|(steps, kinds)| (&steps[..], *kinds)).collect();
    come_to(&mut crowd, &rows)?;
    assert!(!crowd.daemon.has_burst()?);
    crowd.end().map(drop)
}

/// Removing a directory with everything in it costs what is of the tree, and no more.
fn whole_directories(tier: Tier) -> Result<()> {
    let mut crowd = Crowd::watched(vec![arrange()?], |policy| counts(policy, tier, &texts(EXCEPT)))?;
    let party = &crowd.parties[0];
    party
        .shell("rm -rf node_modules sub/certs other/node_modules && find . -name '*.swp' -delete")?
        .until_done()?;
    crowd.daemon.catch_up(&party.account)?;
    assert_eq!(crowd.daemon.operations()?, []);
    // The files and the directories of the last two.
    party.shell("rm -rf sub/az sub/cache emptied")?.until_done()?;
    crowd.daemon.catch_up(&party.account)?;
    assert_eq!(crowd.daemon.operations()?.len(), (EACH + 1) + (EACH + 1));
    crowd.end().map(drop)
}

/// A path that is written out is protected though it lies in an exception; then the exception's directory is above a root.
fn a_path_in_an_exception(tier: Tier) -> Result<()> {
    let party = arrange()?;
    let keep = party.ground.tree().join("node_modules/deep");
    let mut crowd =
        Crowd::watched(vec![party], |policy| counts(policy, tier, &texts(EXCEPT)).also(&keep).observe())?;
    let rows: &[(&[&str], &str)] = &[
        (&["unlink node_modules/f0000"], ""),
        (&["unlink node_modules/deep/f0000"], "delete"),
        (&["chdir node_modules/deep", "unlink f0001"], "delete"),
        (&["chdir node_modules", "unlink f0001", "unlink deep/f0002"], "delete"),
    ];
    come_to(&mut crowd, rows)?;
    assert!(!crowd.daemon.has_burst()?);
    let job = crowd.parties[0].each(1, &["rename node_modules {outside}/gone"])?;
    job.until_done()?;
    assert!(crowd.daemon.burst_by(job.pid())?.whole);
    crowd.end().map(drop)
}
