//! What holds whatever an account does.

use std::collections::HashSet;

use proptest::prelude::*;

use super::{
    world::{Act, World},
    *,
};

/// What an account does with its own files.
fn plain_acts(names: usize) -> Vec<Act> {
    let each = [Act::Create, Act::Remove, Act::Truncate, Act::Overwrite, Act::Write];
    let each = each.iter().flat_map(|act| (0..names).map(act));
    each.chain(pairs(names).flat_map(|(from, to)| [Act::Rename(from, to), Act::Link(from, to)])).collect()
}

/// Everything that can happen, a cunning account included.
fn all_acts(names: usize) -> Vec<Act> {
    let mut acts = plain_acts(names);
    acts.push(Act::Wait(HORIZON.near + 1));
    acts.extend(
        (0..names).flat_map(|name| [Act::Rename(name, name), Act::OtherCreates(name), Act::Forget(name)]),
    );
    acts.extend(pairs(names).map(|(one, other)| Act::Exchange(one, other)));
    acts
}

fn pairs(names: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..names)
        .flat_map(move |one| (0..names).map(move |other| (one, other)))
        .filter(|(one, other)| one != other)
}

fn assert_not_lost_for_free(act: Act, before: &World) -> World {
    let mut after = before.clone();
    let kinds = after.act(act);
    assert!(!after.has_lost(before) || !kinds.is_empty(), "{act:?} was free in {before:?}");
    after
}

/// What others made, or what is in it, is never lost for free: in every world of three names that can come about, however
/// long it takes, by every act.
#[test]
fn no_laundering() {
    let acts = all_acts(3);
    let mut open = [false, true].map(|blind| World::new(3, 0, blind)).to_vec();
    let mut known: HashSet<_> = open.iter().cloned().collect();
    while let Some(world) = open.pop() {
        for act in &acts {
            let after = assert_not_lost_for_free(*act, &world).normal();
            if known.insert(after.clone()) {
                open.push(after);
            }
        }
    }
    println!("{} worlds, {} acts in each", known.len(), acts.len());
}

proptest! {
    #[test]
    fn no_laundering_among_more_names(
        precious in 0..=5usize,
        blind: bool,
        acts in prop::collection::vec(prop::sample::select(all_acts(5)), 0..80),
    ) {
        acts.into_iter().fold(World::new(5, precious, blind), |world, act| assert_not_lost_for_free(act, &world));
    }

    /// Lock files, temporaries, atomic writes of own files: within the horizon they cost nothing.
    #[test]
    fn an_account_does_with_its_own_files_what_it_likes(
        acts in prop::collection::vec((prop::sample::select(plain_acts(4)), prop::option::of(0..2u64)), 0..60),
    ) {
        let mut world = World::new(4, 0, false);
        let mut left = HORIZON.near;
        for (act, wait) in acts {
            let wait = wait.unwrap_or(0).min(left);
            left -= wait;
            world.act(Act::Wait(wait));
            prop_assert_eq!(world.act(act), Kinds::NONE, "{:?} in {:?}", act, world);
        }
    }

    /// Also when the name is made again by renaming or linking something to it.
    #[test]
    fn what_comes_back_soon_after_it_went_is_a_recreate(wait in 0..=HORIZON.near, moved_away: bool, how in 0..3usize) {
        let mut world = World::new(3, 2, false);
        let kinds = world.act(if moved_away { Act::Rename(0, 2) } else { Act::Remove(0) });
        prop_assert!(kinds.has(Kind::Delete));
        world.act(Act::Wait(wait));
        let back = [Act::Create(0), Act::Rename(1, 0), Act::Link(1, 0)][how];
        prop_assert!(world.act(back).has(Kind::Recreate));
    }

    /// A rename's destination is the account's own only if its source vanishes for nothing.
    #[test]
    fn only_what_is_its_own_vanishes_for_nothing(
        gone: bool, file: bool, known: bool, stays: bool, age in 0..2 * HORIZON.far,
    ) {
        let state = if gone { State::Gone } else { State::Scratch { file } };
        let before = known.then_some(Name { state, at: 1_000 - age });
        let (_, kinds) = step(before, Change::Vanishes { stays }, 1_000, HORIZON);
        let most = if file && stays { HORIZON.far } else { HORIZON.near };
        prop_assert_eq!(kinds.is_empty(), known && !gone && age <= most);
        prop_assert!(!stays || own(before, 1_000, HORIZON).is_some() == kinds.is_empty());
    }
}
