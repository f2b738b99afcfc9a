//! What is done about a path, as a table.

use std::path::PathBuf;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::keeper::{Hash, Meta, Moment};

fn moment(at: u64) -> Moment {
    let wall = Timestamp::from_second(i64::try_from(at).expect("small")).expect("a time");
    Moment { boot: "b".to_owned(), at, wall }
}

fn file(content: u8) -> What {
    let meta = Meta { mode: 0o100_644, mtime: (i64::from(content), 0), ..Meta::default() };
    What::File { meta, size: 1, content: Hash([content; 32]) }
}

fn directory() -> What {
    What::Directory(Meta { mode: 0o40_755, ..Meta::default() })
}

fn link() -> What {
    What::Link { meta: Meta::default(), target: b"/etc".to_vec() }
}

fn left(why: Why) -> What {
    What::Left { meta: Meta::default(), size: 9, why }
}

fn version(at: u64, what: What) -> Version {
    Version { number: at, tree: "t".to_owned(), path: PathBuf::from("/t/f"), taken: moment(at), what }
}

/// Hit at 10 and 20, and nothing known but that.
fn facts(kept: Option<What>, now: Now) -> Facts {
    let hit = Hit { first: moment(10), last: moment(20), went: false, is_root: false };
    Facts { hit, kept: kept.map(|what| version(5, what)), after: None, now }
}

fn there(what: What, at: u64) -> Now {
    Now::There { what, changed: moment(at).wall }
}

#[test]
fn a_path_that_is_not_as_it_was_comes_back_unless_somebody_else_has_been_there() {
    let table = [
        // Kept, now, what the keeper has seen behind the last act, whether that made it go: what is done.
        (Some(file(1)), Now::Nothing, None, true, Step::Back),
        (Some(file(1)), Now::NoParent, None, true, Step::Back),
        (Some(file(1)), there(file(1), 999), None, true, Step::Same),
        // The account has put something else there.
        (Some(file(1)), there(file(2), 20), None, false, Step::Over),
        (Some(file(1)), there(file(2), 30), None, false, Step::Over),
        (Some(file(1)), there(file(2), 31), None, false, Step::Changed),
        // That is known better by what was kept of it.
        (Some(file(1)), there(file(2), 999), Some(file(2)), false, Step::Over),
        (Some(file(1)), there(file(3), 21), Some(file(2)), false, Step::Changed),
        (Some(file(1)), Now::Nothing, Some(file(2)), false, Step::Changed),
        // It was gone when the account had done: whoever made it anew is somebody else.
        (Some(file(1)), there(file(2), 20), None, true, Step::Changed),
        (Some(file(1)), Now::Nothing, Some(What::Gone), true, Step::Back),
        // Nothing was kept.
        (None, Now::Nothing, None, true, Step::NotKept(NotKept::TooNew)),
        (Some(What::Gone), Now::Nothing, None, true, Step::NotKept(NotKept::TooNew)),
        (Some(left(Why::TooLarge)), Now::Nothing, None, true, Step::NotKept(NotKept::TooLarge)),
        (Some(left(Why::Special)), there(file(1), 20), None, false, Step::NotKept(NotKept::Special)),
        // Other kinds.
        (Some(directory()), there(link(), 20), None, false, Step::Over),
        (Some(link()), there(file(1), 20), None, false, Step::Over),
    ];
    for (kept, now, after, went, expected) in table {
        let mut facts = facts(kept.clone(), now.clone());
        facts.after = after.clone().map(|what| version(25, what));
        facts.hit.went = went;
        assert_eq!(step(&facts, None), expected, "{kept:?} {now:?} {after:?} {went}");
    }
}

#[test]
fn what_cannot_be_replaced_without_a_loss_is_refused() {
    let refused = |facts: &Facts, said: &str| match step(facts, None) {
        Step::Refused(why) => assert!(why.contains(said), "{why}"),
        other => panic!("{other:?}"),
    };
    refused(&facts(Some(file(1)), there(directory(), 20)), "a directory is there");
    refused(&facts(Some(file(1)), there(left(Why::TooLarge), 20)), "cannot be kept");
    refused(&facts(Some(file(1)), Now::Barred("a link".to_owned())), "a link");
    let mut root = facts(Some(directory()), there(link(), 20));
    root.hit.is_root = true;
    refused(&root, "the tree is a symbolic link");
}

#[test]
fn metadata_alone_is_a_difference_and_reading_is_none() {
    let with = |change: fn(&mut Meta)| {
        let mut what = file(1);
        if let What::File { meta, .. } = &mut what {
            change(meta);
        }
        what
    };
    assert!(file(1).is_same(&with(|meta| meta.atime = (7, 7))));
    for change in [
        (|meta| meta.mode = 0o100_600) as fn(&mut Meta),
        |meta| meta.uid = 7,
        |meta| meta.gid = 7,
        |meta| meta.mtime = (7, 7),
        |meta| meta.xattrs.push((b"user.x".to_vec(), b"y".to_vec())),
    ] {
        assert_eq!(step(&facts(Some(file(1)), there(with(change), 20)), None), Step::Over);
    }
}

#[test]
fn what_lies_in_a_directory_that_something_else_is_in_the_place_of_comes_back_with_it() {
    let inside = facts(Some(file(1)), Now::Barred("a file".to_owned()));
    let above = facts(Some(directory()), there(file(2), 20));
    let all = [("/t/d", above.clone()), ("/t/d/f", inside.clone())];
    let plan = Plan::of(all.map(|(path, facts)| (PathBuf::from(path), facts)).into());
    let steps: Vec<Step> = plan.paths.iter().map(|planned| planned.step.clone()).collect();
    assert_eq!(steps, [Step::Over, Step::Back]);
    let alone = Plan::of([(PathBuf::from("/t/d/f"), inside)].into());
    assert!(matches!(alone.paths[0].step, Step::Refused(_)));
}

#[test]
fn a_directory_comes_before_what_is_in_it_and_what_was_not_kept_is_counted_by_why() {
    let back = || facts(Some(file(1)), Now::Nothing);
    let lost = || facts(Some(left(Why::Full)), Now::Nothing);
    let all = [
        ("/t/d/f", back()),
        ("/t/d-x", lost()),
        ("/t/d", facts(Some(directory()), Now::NoParent)),
        ("/t/a", lost()),
    ];
    let plan = Plan::of(all.map(|(path, facts)| (PathBuf::from(path), facts)).into());
    let wanted: Vec<_> = plan.wanted().map(|planned| planned.path.to_str().expect("text")).collect();
    assert_eq!(wanted, ["/t/d", "/t/d/f"]);
    assert_eq!(plan.not_kept(), [(NotKept::Full, 2)].into());
}

fn any_what() -> impl Strategy<Value = What> {
    prop_oneof![
        (0..4_u8).prop_map(file),
        Just(directory()),
        Just(link()),
        Just(What::Gone),
        Just(left(Why::Full)),
    ]
}

fn any_now() -> impl Strategy<Value = Now> {
    let is_there = |what: &What| *what != What::Gone;
    prop_oneof![
        Just(Now::Nothing),
        Just(Now::NoParent),
        Just(Now::Barred("it is barred".to_owned())),
        (any_what().prop_filter("something", is_there), 0..60_u64).prop_map(|(what, at)| there(what, at)),
    ]
}

proptest! {
    /// Nothing is done without asking over what somebody else may have made, nor where something cannot be kept.
    #[test]
    fn nothing_is_replaced_that_could_be_lost(
        kept in proptest::option::of(any_what()), now in any_now(), after in proptest::option::of(any_what()), went: bool,
    ) {
        let mut facts = facts(kept.clone(), now.clone());
        facts.after = after.clone().map(|what| version(25, what));
        facts.hit.went = went;
        match (step(&facts, None), &now) {
            (Step::Same, Now::There { what, .. }) => prop_assert!(kept.expect("kept").is_same(what)),
            (Step::Same | Step::Over, Now::Nothing | Now::NoParent | Now::Barred(_)) => prop_assert!(false),
            (Step::Over, Now::There { what, .. }) => {
                let is_left = matches!(what, What::Left { .. });
                prop_assert!(!went && !is_left);
                let is_what_it_left = after.is_none_or(|after| after.is_same(what));
                prop_assert!(is_what_it_left);
            }
            (Step::Back, now) => prop_assert!(matches!(now, Now::Nothing | Now::NoParent)),
            _ => {}
        }
    }
}
