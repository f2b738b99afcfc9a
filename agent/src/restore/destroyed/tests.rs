//! Which names were hit, by what was recorded of them.

use std::{fs, os::fd::AsFd as _};

use agent_common::rules::{
    judge::{Phase, Verdict},
    place::Place,
};

use super::*;
use crate::{
    keeper::{At, Limits},
    sensor::Judgement,
};

const SEED: u64 = 7;

/// A tree on the disk, a shelf that has kept all of it, and what is recorded of it.
struct Scene {
    directory: tempfile::TempDir,
    shelf: Shelf,
    destroyed: Destroyed,
    frame: Option<Frame>,
    span: Span,
}

impl Scene {
    fn new(files: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let shelf = Shelf::open(&directory.path().join("state")).expect("a shelf");
        let span = Span {
            account: "a".to_owned(),
            boot: Moment::now().boot,
            from_ns: 0,
            until_ns: u64::MAX,
            approved_until_ns: None,
        };
        let mut scene = Self { directory, shelf, destroyed: Destroyed::default(), frame: None, span };
        fs::create_dir(scene.root()).expect("a tree");
        scene.keep(&scene.root());
        for file in files {
            let path = scene.root().join(file);
            let parent = path.parent().expect("a parent");
            if !parent.exists() {
                fs::create_dir(parent).expect("a directory");
                scene.keep(parent);
            }
            fs::write(&path, file).expect("a file");
            scene.keep(&path);
        }
        scene.begin(Some(SEED));
        scene
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    fn keep(&mut self, path: &Path) {
        let parent = fs::File::open(path.parent().expect("a parent")).expect("open");
        let name = path.file_name().expect("a name");
        let at = At { parent: parent.as_fd(), name, path, tree: "t" };
        self.shelf.keep(at, Limits::MOST).expect("kept");
    }

    fn begin(&mut self, seed: Option<u64>) {
        let begin = Begin {
            wall: Timestamp::now(),
            boot: self.span.boot.clone(),
            version: String::new(),
            tier: "lsm".to_owned(),
            policy: String::new(),
            carries: false,
            seed,
        };
        let root = self.root();
        let entries = [
            Entry::Begin { at: crate::clock::boot_now(), goes_on: false, begin },
            Entry::Account { index: 1, name: &b"a"[..] },
            Entry::Account { index: 2, name: &b"b"[..] },
            Entry::Tree { index: 1, path: root.as_os_str().as_bytes() },
        ];
        for entry in entries {
            self.take(&entry);
        }
    }

    fn take(&mut self, entry: &Entry<&[u8]>) {
        let span = self.span.clone();
        self.destroyed.take(&mut self.frame, entry, &|frame, deed| is_of(&span, frame, deed));
    }

    /// A deed of now, on one name or on two.
    fn deed(&self, verb: u32, names: [(&str, Option<Kind>); 2]) -> Deed<&'static [u8]> {
        let place = |name: &str| key(&self.root(), SEED, &self.root().join(name)).expect("below");
        let [first, second] = names;
        Deed {
            what: What::Done,
            verb: u8::try_from(verb).expect("small"),
            account: 1,
            root: Some(1),
            key: place(first.0),
            other: second.1.map(|_| Place { root: 1, key: place(second.0) }),
            pid: 7,
            uid: 8,
            comm: *b"rm\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            over: false,
            judged: Judgement {
                at: crate::clock::boot_now(),
                sequence: Some(1),
                kinds: [first.1, second.1].map(|kind| kind.map_or(Kinds::NONE, Kinds::of)),
                verdict: Verdict::Allow,
                phase: Phase::Armed,
                granted: false,
                passes: false,
            },
            text: b"x",
        }
    }

    fn removes(&mut self, name: &str) {
        let deed = self.deed(verb::REMOVE, [(name, Some(Kind::Delete)), ("", None)]);
        self.take(&Entry::Deed(deed));
    }

    fn hit(&self) -> Vec<String> {
        let (hits, _) = self.destroyed.paths(&self.shelf).expect("paths");
        hits.keys().map(|path| path.strip_prefix(self.root()).expect("below").display().to_string()).collect()
    }
}

#[test]
fn the_names_of_both_ends_are_found_by_their_hashes() {
    let long = format!("d/{}", "n".repeat(200));
    let odd = "d/with\na line";
    let mut scene = Scene::new(&["a", "b", "c", &long, odd]);
    scene.removes(&long);
    scene.removes(odd);
    // A temporary of its own over `a`; `b` over `c`.
    let over = scene.deed(verb::RENAME, [("tmp", None), ("a", Some(Kind::Replace))]);
    scene.take(&Entry::Deed(over));
    let moved = scene.deed(verb::RENAME, [("b", Some(Kind::Delete)), ("c", Some(Kind::Replace))]);
    scene.take(&Entry::Deed(moved));
    assert_eq!(scene.hit(), ["a", "b", "c", &long, odd].map(str::to_owned));
    let (hits, unknown) = scene.destroyed.paths(&scene.shelf).expect("paths");
    let went = |name: &str| hits[&scene.root().join(name)].went;
    assert_eq!([went("a"), went("b"), went("c")], [false, true, false]);
    assert_eq!(unknown, []);
}

#[test]
fn a_directory_that_goes_takes_with_it_what_was_below() {
    let mut scene = Scene::new(&["d/x", "d/y", "d/e/z", "d-other", "f"]);
    let moved = scene.deed(verb::RENAME, [("d", Some(Kind::Delete)), ("", None)]);
    scene.take(&Entry::Deed(moved));
    assert_eq!(scene.hit(), ["d", "d/e", "d/e/z", "d/x", "d/y"]);
}

#[test]
fn a_tree_that_goes_as_a_whole_is_hit_with_all_in_it() {
    let mut scene = Scene::new(&["x"]);
    let mut whole = scene.deed(verb::RENAME, [("", None), ("", None)]);
    whole.judged.kinds[0] = Kinds::WHOLE;
    scene.take(&Entry::Deed(whole));
    assert_eq!(scene.hit(), ["", "x"]);
    let (hits, _) = scene.destroyed.paths(&scene.shelf).expect("paths");
    assert!(hits[&scene.root()].is_root && !hits[&scene.root().join("x")].is_root);
}

#[test]
fn what_destroyed_nothing_hits_nothing() {
    let mut scene = Scene::new(&["a", "b"]);
    let delete = scene.deed(verb::REMOVE, [("a", Some(Kind::Delete)), ("", None)]);
    let others = [
        Deed { what: What::Waits, ..delete },
        Deed { what: What::Refused, ..delete },
        Deed { account: 2, ..delete },
        Deed { verb: u8::try_from(verb::MOUNT).expect("small"), ..delete },
        scene.deed(verb::CREATE, [("b", Some(Kind::Recreate)), ("", None)]),
        scene.deed(verb::REMOVE, [("a", None), ("", None)]),
    ];
    for deed in others {
        scene.take(&Entry::Deed(deed));
    }
    // Before and behind the incident, unless it was approved.
    let at = delete.judged.at;
    (scene.span.from_ns, scene.span.until_ns) = (at + 1, at + 2);
    scene.take(&Entry::Deed(delete));
    let granted = |granted, at| Deed { judged: Judgement { at, granted, ..delete.judged }, ..delete };
    scene.take(&Entry::Deed(granted(true, at + 3)));
    assert_eq!(scene.hit(), [""; 0]);
    scene.span.approved_until_ns = Some(at + 3);
    scene.take(&Entry::Deed(granted(false, at + 3)));
    assert_eq!(scene.hit(), [""; 0]);
    scene.take(&Entry::Deed(granted(true, at + 3)));
    assert_eq!(scene.hit(), ["a"]);
}

#[test]
fn what_nobody_knows_is_counted() {
    let mut scene = Scene::new(&["a"]);
    scene.removes("just-made");
    scene.begin(None);
    scene.removes("a");
    scene.take(&Entry::Lost { at: 0, count: 3 });
    let (hits, unknown) = scene.destroyed.paths(&scene.shelf).expect("paths");
    assert!(hits.is_empty());
    assert_eq!(unknown, [Unknown { root: scene.root(), text: b"x".to_vec() }]);
    assert_eq!((scene.destroyed.unseeded, scene.destroyed.lost), (1, 3));
}

#[test]
fn the_first_destruction_counts_and_the_last_act() {
    let mut scene = Scene::new(&["a"]);
    scene.removes("a");
    let first = scene.destroyed.touches[0].moment.at;
    let again = scene.deed(verb::CREATE, [("a", Some(Kind::Recreate)), ("", None)]);
    scene.take(&Entry::Deed(again));
    let (hits, _) = scene.destroyed.paths(&scene.shelf).expect("paths");
    let hit = &hits[&scene.root().join("a")];
    assert_eq!((hit.first.at, hit.last.at, hit.went), (first, again.judged.at, false));
}
