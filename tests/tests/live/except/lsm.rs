//! Where calls are asked for.

use super::*;

#[test]
fn each_step_comes_to_what_it_destroys_in_the_tree() -> Result<()> {
    each_step(Tier::Lsm)
}

#[test]
fn directories_with_exceptions_in_them() -> Result<()> {
    whole_directories(Tier::Lsm)?;
    a_path_in_an_exception(Tier::Lsm)
}

#[test]
fn names_of_every_length() -> Result<()> {
    names::of_every_length(Tier::Lsm)
}

/// What lies in a directory keeps the place that it had, and so do the exceptions among it.
#[test]
fn a_directory_that_was_moved_out_of_the_tree() -> Result<()> {
    let mut crowd =
        Crowd::watched(vec![arrange()?], |policy| counts(policy, Tier::Lsm, &texts(EXCEPT)).observe())?;
    let job = crowd.parties[0].each(1, &["rename sub {outside}/sub"])?;
    job.until_done()?;
    assert!(crowd.daemon.burst_by(job.pid())?.whole);
    let rows: &[(&[&str], &str)] = &[
        (&["unlink {outside}/sub/f0000"], "delete"),
        (&["unlink {outside}/sub/certs/f0000", "unlink {outside}/sub/certs/deep/f0000"], ""),
        (&["unlink {outside}/sub/az/f0000", "chdir {outside}/sub/aBz", "unlink f0000"], ""),
        (&["unlink {outside}/sub/cache/f0000"], "delete"),
        (&["create {outside}/sub/new", "rename {outside}/sub/f0001 {outside}/sub/f0001.swp"], "delete"),
    ];
    come_to(&mut crowd, rows)?;
    crowd.end().map(drop)
}
