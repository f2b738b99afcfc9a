//! Other ways to what lies in a tree: through a layer, through another mount, to where it was moved.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tests::{Account, Crowd, Job, Party, SudoRule, Tmpfs, hand, truth};

use crate::holding::{BUDGET, FILES, each_row, holds};

/// Each way is tried by an account of its own, for which `prepare` has made a directory `inner` in its tree with files.
const WAYS: &[(&str, Way)] = &[
    ("a file system that is bound elsewhere", bound),
    ("a file system that is moved elsewhere", moved),
    ("a directory that was exchanged out of the tree", exchanged),
    ("a moved directory whose old place has new names", made_again),
];

/// Starts what deletes all files of `inner` by the way, and says where they are.
type Way = fn(&mut Crowd, usize) -> Result<(Job, PathBuf)>;

#[test]
fn no_way_leads_past_the_budget() -> Result<()> {
    let parties = WAYS.iter().map(|_| party()).collect::<Result<Vec<_>>>()?;
    let mounts: Vec<_> = parties[..2].iter().map(mounted).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, holds)?;
    let rows = WAYS.iter().enumerate().map(|(at, (name, way))| ((*name).to_owned(), (at, way)));
    let outcome = each_row(rows, |(at, way)| {
        let (job, files) = way(&mut crowd, at)?;
        let held = crowd.daemon.held(|held| held.account == format!("a{at}") && held.path.contains("f00"))?;
        crate::holding::until_stopped(held.pid)?;
        ensure!(held.path.starts_with("inner/"), "it is shown as {}", held.path);
        let missing = truth::missing(&files, FILES);
        ensure!(missing == BUDGET, "{missing} are missing");
        drop(job);
        Ok(())
    });
    drop(mounts);
    outcome?;
    crowd.end().map(drop)
}

fn party() -> Result<Party> {
    let party = Party::of(Account::new()?, 0)?;
    for directory in [party.file("inner"), party.ground.base().join("elsewhere")] {
        party.ground.make_directory(&directory)?;
    }
    party.ground.fill(&party.file("inner"), FILES)?;
    Ok(party)
}

/// Over `inner`, with files of its own.
fn mounted(party: &Party) -> Result<Tmpfs> {
    let mounted = Tmpfs::mount(&party.file("inner"))?;
    party.ground.fill(&party.file("inner"), FILES)?;
    party.ground.give(&party.file("inner"))?;
    Ok(mounted)
}

/// In a user namespace of its own, which takes no rights.
fn bound(crowd: &mut Crowd, at: usize) -> Result<(Job, PathBuf)> {
    let line = "mount --bind {tree}/inner {base}/elsewhere && cd {base}/elsewhere && exec rm -f f*";
    let job = crowd.parties[at].shell(&format!("exec unshare -Urm sh -c '{line}'"))?;
    Ok((job, crowd.parties[at].file("inner")))
}

fn moved(crowd: &mut Crowd, at: usize) -> Result<(Job, PathBuf)> {
    let party = &crowd.parties[at];
    let _rule =
        SudoRule::allow(&party.account, &[Path::new("/usr/bin/mount")])?.context("there is no sudo")?;
    party.shell("exec sudo -n mount --move {tree}/inner {base}/elsewhere")?.until_done()?;
    let job = party.shell("cd {base}/elsewhere && exec rm -f f*")?;
    Ok((job, party.ground.base().join("elsewhere")))
}

fn exchanged(crowd: &mut Crowd, at: usize) -> Result<(Job, PathBuf)> {
    let leaving = crowd.parties[at].each(1, &["exchange inner {outside}"])?;
    let held = crowd.daemon.held_by(leaving.pid())?;
    held.incident.approve(&["--once"])?;
    leaving.until_done_in_the_end()?;
    let job = crowd.parties[at].shell("cd {outside} && exec rm -f f*")?;
    Ok((job, crowd.parties[at].ground.outside()))
}

/// Names that the account makes where the directory was are its own; those in the directory are not.
fn made_again(crowd: &mut Crowd, at: usize) -> Result<(Job, PathBuf)> {
    let leaving = crowd.parties[at].each(1, &["rename inner {outside}/inner"])?;
    let held = crowd.daemon.held_by(leaving.pid())?;
    held.incident.approve(&["--once"])?;
    leaving.until_done_in_the_end()?;
    crowd.parties[at].shell("mkdir inner")?.until_done()?;
    crowd.parties[at].each(FILES, &["create-new inner/{}"])?.until_done()?;
    let job = crowd.parties[at].shell("cd {outside}/inner && exec rm -f f*")?;
    Ok((job, crowd.parties[at].ground.outside().join("inner")))
}

/// An overlay of the account's own, whose names nobody protects, changes the tree that is its upper layer. It can be refused,
/// and cannot wait: its file system would be left in the midst.
#[test]
fn what_a_file_system_does_to_its_layer_is_refused_past_the_budget() -> Result<()> {
    let party = Party::of(Account::new()?, FILES)?;
    for name in ["lower", "work", "merged"] {
        party.ground.make_directory(&party.ground.home().join(name))?;
    }
    let mut crowd = Crowd::watched(vec![party], holds)?;
    let party = &crowd.parties[0];
    let options = "userxattr,lowerdir={home}/lower,upperdir={tree},workdir={home}/work";
    let line =
        format!("mount -t overlay overlay -o {options} {{home}}/merged && exec rm -f {{home}}/merged/f*");
    let job = party.shell(&format!("exec unshare -Urm sh -c '{line}'"))?;
    let outcome = job.until_ended_at_last()?;
    assert_eq!(outcome, tests::Outcome::Exited(1), "{}", job.complaint()?);
    assert_eq!(truth::missing(&party.ground.tree(), FILES), BUDGET);
    assert_eq!(crowd.daemon.burst()?.kinds, ["delete"]);
    crowd.end().map(drop)
}

/// It hides the tree from those who made it, and from nobody else.
#[test]
fn a_mount_that_only_a_sandbox_sees_is_none_of_ours() -> Result<()> {
    let mut crowd = Crowd::watched(vec![Party::of(Account::new()?, FILES)?], holds)?;
    let party = &crowd.parties[0];
    party
        .shell("exec unshare -Urm sh -c 'mount -t tmpfs none {tree} && test -z \"$(ls {tree})\"'")?
        .until_done()?;
    assert!(!crowd.daemon.has_burst()?);
    crowd.end().map(drop)
}

/// The kernel looks at the flag for binding first, so that with another one it still hides the tree.
#[test]
fn a_bind_mount_is_one_whatever_else_its_flags_say() -> Result<()> {
    let mut crowd = Crowd::watched(vec![Party::of(Account::new()?, FILES)?], holds)?;
    let party = &crowd.parties[0];
    let hand = party.ground.bring(&hand()?)?;
    let _rule = SudoRule::allow(&party.account, &[&hand])?.context("there is no sudo")?;
    let line = format!("exec sudo -n {} each 1 'bind-private {{outside}} {{tree}}'", hand.display());
    let job = party.shell(&line)?;
    let held = crowd.daemon.held_of("a0")?;
    assert!(crowd.daemon.burst()?.whole);
    held.incident.decide("deny", &[])?;
    assert_ne!(job.until_ended_at_last()?, tests::Outcome::Exited(0));
    assert_eq!(truth::missing(&crowd.parties[0].ground.tree(), FILES), 0);
    crowd.end().map(drop)
}
