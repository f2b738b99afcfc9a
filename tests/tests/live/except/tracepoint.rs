//! Where calls are seen at their start and their end.

use tests::{Daemon, ask_json, tracepoints};

use super::*;
use crate::commands::decide;

#[test]
fn each_step_comes_to_what_it_destroys_in_the_tree() -> Result<()> {
    each_step(Tier::Tracepoint)
}

#[test]
fn directories_with_exceptions_in_them() -> Result<()> {
    whole_directories(Tier::Tracepoint)?;
    a_path_in_an_exception(Tier::Tracepoint)
}

#[test]
fn names_of_every_length() -> Result<()> {
    names::of_every_length(Tier::Tracepoint)
}

/// Files that are excepted come and go without end, and the budget is there for the others.
#[test]
fn the_budget_is_for_what_is_of_the_tree() -> Result<()> {
    const MANY: usize = 30;
    let party = Party::new(MANY)?;
    for number in 0..MANY {
        file(&party.ground, &format!("{}.swp", truth::file_name(number)))?;
    }
    let crowd = &mut Crowd::watched(vec![party], |policy| policy.except(&texts(EXCEPT)))?;
    let job = crowd.parties[0].each(MANY, &["unlink {}.swp", "rename {} {}.swp"])?;
    job.until_stopped()?;
    assert_eq!(crowd.parties[0].missing(MANY), 11);
    assert_eq!(crowd.daemon.burst_by(job.pid())?.kinds, ["delete"]);
    Ok(())
}

/// Exceptions are of the policy, not of what is carried over.
#[test]
fn another_policy_excepts_something_else() -> Result<()> {
    let party = arrange()?;
    let base = party.ground.base().to_owned();
    let policy = |except: &[&str]| {
        counts(tests::policy_of(std::slice::from_ref(&party)), Tier::Tracepoint, &texts(except))
    };
    let [first, second] = [&["**/*.swp"], &["{tree}/mtab"]].map(|except| policy(except));
    let daemon = Daemon::start(&first, &base)?;
    tracepoints::keep_in_use();
    let mut crowd = Crowd { daemon, parties: vec![party] };
    assert_eq!(kinds(&mut crowd, &["unlink f0000.swp", "truncate mtab 0"])?, "truncate");
    second.write(&base)?;
    decide(&["reload"])?;
    assert_eq!(kinds(&mut crowd, &["unlink f0001.swp", "truncate mtab 0"])?, "delete");
    assert_eq!(ask_json(&["status"])?["policy"]["changed"], false);
    crowd.end().map(drop)
}
