//! Every program of every tier, as this kernel's verifier takes it; `cargo xtask verify` reads what is said.

use std::collections::HashSet;

use anyhow::Result;
use aya::programs::loaded_programs;
use tests::{Crowd, Party, Policy, Tier};

use crate::holding::holds;

/// The verifier passes over what a policy has no need of.
const BY_ALL: &str =
    "executables = ['/nowhere/*/program']\nscripts = ['sh /nowhere/script']\nunits = ['no-*.service']";

fn programs() -> Vec<(u32, String, u32)> {
    // One that goes while it is looked at is an error, and nobody's.
    let seen = loaded_programs().flatten().map(|program| {
        let name = program.name_as_str().unwrap_or("?").to_owned();
        (program.id(), name, program.verified_instruction_count().unwrap_or(0))
    });
    seen.collect()
}

fn every_program_is_taken(tier: Tier, change: impl FnOnce(Policy) -> Policy) -> Result<()> {
    let before: HashSet<u32> = programs().into_iter().map(|(id, ..)| id).collect();
    let party = Party::new(0)?;
    let other = party.ground.outside();
    let crowd = Crowd::watched(vec![party], |policy| change(policy).and_told_by(BY_ALL, &other))?;
    let own: Vec<_> = programs().into_iter().filter(|(id, ..)| !before.contains(id)).collect();
    println!("armed in {:.0} ms", crowd.daemon.until_armed().as_millis());
    for (_, name, instructions) in &own {
        println!("verified: {} {name} {instructions}", tier.name());
    }
    assert!(own.len() > 10, "{own:?}");
    crowd.end().map(drop)
}

#[test]
fn of_the_tier_lsm() -> Result<()> {
    every_program_is_taken(Tier::Lsm, holds)
}

#[test]
fn of_the_tier_tracepoint() -> Result<()> {
    every_program_is_taken(Tier::Tracepoint, |policy| policy)
}
