//! Ways to pass a precious file off as scratch, each of which must cost something.

use super::{
    world::{
        Act::{self, *},
        World,
    },
    *,
};

/// The names of these tests; [`World::new`] puts precious files at the first.
const P: usize = 0;
const Q: usize = 1;
const TEMPORARY: usize = 2;
const ELSEWHERE: usize = 3;

/// Lets an account do all this where precious files are at P and Q; what each act was charged for.
fn charges<const N: usize>(acts: [Act; N]) -> [Kinds; N] {
    let mut world = World::new(4, 2, false);
    acts.map(|act| world.act(act))
}

const FREE: Kinds = Kinds::NONE;
const DELETE: Kinds = Kinds::of(Kind::Delete);
const REPLACE: Kinds = Kinds::of(Kind::Replace);
const TRUNCATE: Kinds = Kinds::of(Kind::Truncate);
const RECREATE: Kinds = Kinds::of(Kind::Recreate);
const OVERWRITE: Kinds = Kinds::of(Kind::Overwrite);

#[test]
fn linking_then_overwriting_the_second_name() {
    assert_eq!(charges([Link(P, ELSEWHERE), Overwrite(ELSEWHERE), Remove(P)]), [FREE, OVERWRITE, DELETE]);
}

#[test]
fn renaming_then_deleting() {
    assert_eq!(charges([Rename(P, ELSEWHERE), Remove(ELSEWHERE)]), [DELETE, DELETE]);
}

#[test]
fn renaming_over_a_temporary_then_deleting() {
    assert_eq!(charges([Create(TEMPORARY), Rename(P, TEMPORARY), Remove(TEMPORARY)]), [FREE, DELETE, DELETE]);
}

#[test]
fn linking_then_deleting_both() {
    assert_eq!(charges([Link(P, ELSEWHERE), Remove(P), Remove(ELSEWHERE)]), [FREE, DELETE, DELETE]);
}

#[test]
fn linking_then_truncating_the_second_name() {
    assert_eq!(charges([Link(P, ELSEWHERE), Truncate(ELSEWHERE)]), [FREE, TRUNCATE]);
}

/// As git puts an object in its place.
#[test]
fn both_names_of_an_own_file_are_scratch() {
    assert_eq!(
        charges([Create(TEMPORARY), Link(TEMPORARY, ELSEWHERE), Remove(TEMPORARY), Remove(ELSEWHERE)]),
        [FREE; 4],
    );
}

#[test]
fn the_second_name_of_an_own_file_is_not_younger() {
    let acts =
        [Create(TEMPORARY), Wait(HORIZON.near), Link(TEMPORARY, ELSEWHERE), Wait(1), Remove(ELSEWHERE)];
    assert_eq!(charges(acts), [FREE, FREE, FREE, FREE, DELETE]);
}

#[test]
fn a_link_to_a_name_that_was_destroyed_is_not_scratch() {
    assert_eq!(
        charges([Remove(P), Create(TEMPORARY), Link(TEMPORARY, P), Remove(TEMPORARY), Remove(P)]),
        [DELETE, FREE, RECREATE, FREE, DELETE],
    );
}

#[test]
fn renaming_over_the_second_name_of_an_own_file_then_deleting() {
    assert_eq!(
        charges([Create(TEMPORARY), Link(TEMPORARY, ELSEWHERE), Rename(P, ELSEWHERE), Remove(ELSEWHERE)]),
        [FREE, FREE, DELETE, DELETE],
    );
}

/// As dpkg puts a file in its place, minutes after it was unpacked.
#[test]
fn an_own_file_may_be_renamed_late() {
    let late = Wait(HORIZON.far);
    assert_eq!(charges([Create(TEMPORARY), late, Rename(TEMPORARY, P)]), [FREE, FREE, REPLACE]);
    assert_eq!(charges([Create(TEMPORARY), late, Wait(1), Rename(TEMPORARY, P)])[3], DELETE.and(REPLACE));
    // Then it is as old as it was.
    assert_eq!(
        charges([Create(TEMPORARY), late, Rename(TEMPORARY, ELSEWHERE), Remove(ELSEWHERE)]),
        [FREE, FREE, FREE, DELETE],
    );
    assert_eq!(charges([Create(TEMPORARY), late, Truncate(TEMPORARY)]), [FREE, FREE, TRUNCATE]);
}

#[test]
fn what_an_own_file_that_was_renamed_late_went_over_is_lost() {
    let acts = [Create(TEMPORARY), Wait(HORIZON.far), Rename(TEMPORARY, P), Remove(P)];
    assert_eq!(charges(acts), [FREE, FREE, REPLACE, DELETE]);
}

#[test]
fn opening_with_create_then_deleting() {
    assert_eq!(charges([Create(P), Remove(P)]), [FREE, DELETE]);
}

#[test]
fn replacing_then_deleting() {
    assert_eq!(charges([Create(TEMPORARY), Rename(TEMPORARY, P), Remove(P)]), [FREE, REPLACE, DELETE]);
}

#[test]
fn exchanging_with_a_temporary_then_deleting_both() {
    assert_eq!(
        charges([Create(TEMPORARY), Exchange(TEMPORARY, P), Remove(TEMPORARY), Remove(P)]),
        [FREE, REPLACE, DELETE, DELETE],
    );
}

#[test]
fn exchanging_two_precious_files_then_renaming_over_both() {
    assert_eq!(charges([Exchange(P, Q), Rename(P, Q), Remove(Q)]), [REPLACE, DELETE.and(REPLACE), DELETE]);
}

#[test]
fn recreating_then_deleting() {
    assert_eq!(charges([Remove(P), Create(P), Remove(P), Create(P)]), [DELETE, RECREATE, DELETE, RECREATE],);
}

#[test]
fn recreating_much_later_then_deleting() {
    assert_eq!(
        charges([Remove(P), Wait(HORIZON.near + 1), Create(P), Remove(P)]),
        [DELETE, FREE, FREE, DELETE]
    );
}

#[test]
fn replacing_what_somebody_restored() {
    for wait in [0, HORIZON.near, HORIZON.near + 1] {
        let [.., last] =
            charges([Remove(P), Wait(wait), OtherCreates(P), Create(TEMPORARY), Rename(TEMPORARY, P)]);
        assert_ne!(last, FREE, "after {wait}");
    }
}

#[test]
fn deleting_and_truncating_what_somebody_restored() {
    assert_eq!(
        charges([Remove(P), OtherCreates(P), Truncate(P), Remove(P)]),
        [DELETE, FREE, TRUNCATE, DELETE]
    );
}

#[test]
fn an_old_temporary_is_not_scratch_any_more() {
    assert_eq!(charges([Create(TEMPORARY), Wait(HORIZON.near), Remove(TEMPORARY)]), [FREE; 3]);
    assert_eq!(charges([Create(TEMPORARY), Wait(HORIZON.near + 1), Remove(TEMPORARY)]), [FREE, FREE, DELETE]);
}

/// Making and removing files of its own in between neither costs nor saves an account anything.
#[test]
fn decoys() {
    let decoy = [Create(TEMPORARY), Rename(TEMPORARY, ELSEWHERE), Truncate(ELSEWHERE), Remove(ELSEWHERE)];
    let mut world = World::new(4, 2, false);
    for victim in [P, Q] {
        assert_eq!(decoy.map(|act| world.act(act)), [FREE; 4]);
        assert_eq!(world.act(Remove(victim)), DELETE);
    }
}
