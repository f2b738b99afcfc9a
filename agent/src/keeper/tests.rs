//! The thread, on a tree of its own.

use std::{
    fs,
    io::Write as _,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::*;
use crate::policy::{Exception, Keep, Name, Tree};

/// How long anything may take. A change settles within a second, but the thread lets everybody else go first.
const DEADLINE: Duration = Duration::from_secs(60);

struct Scene {
    state: tempfile::TempDir,
    tree: tempfile::TempDir,
    keeper: Option<Keeper>,
}

impl Scene {
    /// A tree that holds these, which are what they are called.
    fn of(names: &[&str]) -> Self {
        let scene = Self {
            state: tempfile::tempdir().expect("a directory"),
            tree: tempfile::tempdir().expect("a directory"),
            keeper: None,
        };
        for name in names {
            let path = scene.path(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, name).expect("written");
        }
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    fn policy(&self) -> Tree {
        let paths = vec![self.tree.path().to_owned()];
        Tree { name: "app".to_owned(), paths, except: Vec::new(), keep: Keep::default() }
    }

    fn begin(&mut self) {
        self.begin_with(&[self.policy()]);
    }

    fn begin_with(&mut self, trees: &[Tree]) {
        self.keeper = None;
        self.keeper = Some(Keeper::open(self.state.path().to_owned(), trees));
        self.until("a first look", |scene| scene.standing().looked.is_some());
    }

    fn standing(&self) -> Standing {
        self.keeper.as_ref().expect("a keeper").standing()
    }

    fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < DEADLINE, "{what} has not come: {:?}", self.standing());
            rustix::event::poll(&mut [], Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 5_000_000 }))
                .expect("waited");
        }
    }

    /// What the newest version of a name is; none if there is none.
    fn newest(&self, path: &Path) -> Option<What> {
        let shelf = Shelf::look(self.state.path()).expect("a shelf");
        Some(shelf.history(path).expect("looked").into_iter().next()?.what)
    }

    fn is_kept(&self, path: &Path, text: &[u8]) -> bool {
        let Some(What::File { content, .. }) = self.newest(path) else { return false };
        let mut kept = Vec::new();
        let shelf = Shelf::look(self.state.path()).expect("a shelf");
        std::io::Read::read_to_end(&mut shelf.content(&content).expect("a content"), &mut kept)
            .expect("read");
        kept == text
    }
}

#[test]
fn all_is_kept_at_the_start_and_each_change_once_it_has_settled() {
    let mut scene = Scene::of(&["a", "d/b", "d/e/c"]);
    scene.begin();
    for name in ["a", "d/b", "d/e/c"] {
        assert!(scene.is_kept(&scene.path(name), name.as_bytes()), "{name}");
    }
    assert_eq!(scene.newest(&scene.path("d/e")).map(|what| matches!(what, What::Directory(_))), Some(true));
    // In place, by renaming over, new in a directory that is new, and gone.
    fs::write(scene.path("d/b"), "in place").expect("written");
    fs::write(scene.path("a.tmp"), "another").expect("written");
    fs::rename(scene.path("a.tmp"), scene.path("a")).expect("renamed");
    fs::create_dir_all(scene.path("new/er")).expect("made");
    fs::write(scene.path("new/er/x"), "x").expect("written");
    fs::remove_file(scene.path("d/e/c")).expect("removed");
    scene.until("what was written in place", |scene| scene.is_kept(&scene.path("d/b"), b"in place"));
    scene.until("what was renamed", |scene| scene.is_kept(&scene.path("a"), b"another"));
    scene.until("what is new", |scene| scene.is_kept(&scene.path("new/er/x"), b"x"));
    scene.until("what went", |scene| scene.newest(&scene.path("d/e/c")) == Some(What::Gone));
    // And again: the watch is there again.
    fs::write(scene.path("d/b"), "twice").expect("written");
    scene.until("a second change", |scene| scene.is_kept(&scene.path("d/b"), b"twice"));
    // A whole directory goes.
    fs::remove_dir_all(scene.path("new")).expect("removed");
    scene.until("a directory that went", |scene| scene.newest(&scene.path("new/er/x")) == Some(What::Gone));
    scene.until("rest", |scene| scene.standing().unsettled == 0);
    assert_eq!(scene.standing().behind().as_secs(), 0);
}

#[test]
fn what_comes_into_an_empty_directory_is_kept() {
    let mut scene = Scene::of(&[]);
    scene.begin();
    fs::write(scene.path("a"), "first").expect("written");
    scene.until("a file in an empty tree", |scene| scene.is_kept(&scene.path("a"), b"first"));
    fs::create_dir(scene.path("empty")).expect("made");
    scene.begin();
    fs::write(scene.path("empty/b"), "second").expect("written");
    scene.until("a file in an empty directory", |scene| scene.is_kept(&scene.path("empty/b"), b"second"));
    // One that went is forgotten in the end.
    fs::remove_dir_all(scene.path("empty")).expect("removed");
    fs::create_dir(scene.path("gone")).expect("made");
    scene.until("another one", |scene| scene.newest(&scene.path("gone")).is_some());
    fs::remove_dir(scene.path("gone")).expect("removed");
    scene.until("that it went", |scene| scene.newest(&scene.path("gone")) == Some(What::Gone));
    scene.begin();
    let index = rusqlite::Connection::open(scene.state.path().join(DIRECTORY).join("versions.db"));
    let rows = |name: &str| -> i64 {
        let path = scene.path(name).as_os_str().as_bytes().to_owned();
        let count = "SELECT count(*) FROM directory WHERE path = ?1";
        index.as_ref().expect("an index").query_row(count, [path], |row| row.get(0)).expect("a count")
    };
    // Of what was in `empty` there are versions still.
    assert_eq!((rows("empty"), rows("gone")), (1, 0));
}

#[test]
fn what_changes_all_the_time_is_kept_in_the_midst_of_it() {
    let mut scene = Scene::of(&["log"]);
    scene.begin();
    scene.until("a version of what changes", |scene| {
        fs::write(scene.path("log"), Instant::now().elapsed().as_nanos().to_string()).expect("written");
        !scene.is_kept(&scene.path("log"), b"log")
            && matches!(scene.newest(&scene.path("log")), Some(What::File { .. }))
    });
}

#[test]
fn exceptions_are_not_kept_nor_what_lies_below_them() {
    let mut scene = Scene::of(&["a", "cache/b", "x.swp", "d/cache/c"]);
    let anywhere = |name| Exception { directory: None, name };
    let mut tree = scene.policy();
    tree.except = vec![anywhere(Name::Exact("cache".to_owned()))];
    tree.keep.except = vec![anywhere(Name::Starred { head: String::new(), tail: ".swp".to_owned() })];
    scene.begin_with(&[tree]);
    assert!(scene.is_kept(&scene.path("a"), b"a"));
    for name in ["cache", "cache/b", "x.swp", "d/cache/c"] {
        assert_eq!(scene.newest(&scene.path(name)), None, "{name}");
    }
}

#[test]
fn a_tree_that_a_link_takes_the_place_of_is_not_followed() {
    let mut scene = Scene::of(&["app/a"]);
    let elsewhere = tempfile::tempdir().expect("a directory");
    fs::write(elsewhere.path().join("secret"), "secret").expect("written");
    let root = scene.path("app");
    let mut tree = scene.policy();
    tree.paths = vec![root.clone()];
    scene.begin_with(std::slice::from_ref(&tree));
    assert!(scene.is_kept(&root.join("a"), b"app/a"));
    fs::rename(&root, scene.path("aside")).expect("renamed");
    symlink(elsewhere.path(), &root).expect("made");
    scene.until("the link itself", |scene| matches!(scene.newest(&root), Some(What::Link { .. })));
    scene.until("what was in the tree", |scene| scene.newest(&root.join("a")) == Some(What::Gone));
    assert_eq!(scene.newest(&root.join("secret")), None);
    assert_eq!(scene.newest(&elsewhere.path().join("secret")), None);
    // And one below the root.
    fs::remove_file(&root).expect("removed");
    fs::create_dir(&root).expect("made");
    scene.begin_with(&[tree]);
    symlink(elsewhere.path(), root.join("link")).expect("made");
    scene.until("a link below", |scene| matches!(scene.newest(&root.join("link")), Some(What::Link { .. })));
    assert_eq!(scene.newest(&root.join("link/secret")), None);
}

#[test]
fn names_are_any_bytes() {
    let mut scene = Scene::of(&["new\nline"]);
    let odd = scene.tree.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe\n"));
    fs::create_dir(&odd).expect("made");
    fs::write(odd.join("in"), "in").expect("written");
    scene.begin();
    assert!(scene.is_kept(&scene.path("new\nline"), b"new\nline"));
    assert!(scene.is_kept(&odd.join("in"), b"in"));
}

#[test]
#[ignore = "measures"]
fn many_files_take_bounded_time_and_a_second_daemon_hardly_any() {
    const FILES: usize = 50_000;
    let scene = Scene::of(&[]);
    for number in 0..FILES {
        let directory = scene.path(&format!("d{}", number / 10_000));
        if number % 10_000 == 0 {
            fs::create_dir(&directory).expect("made");
        }
        fs::write(directory.join(number.to_string()), (number % 100).to_string()).expect("written");
    }
    // Not as a thread, which would let whatever else this host does go first.
    let look = || {
        let shared = Arc::<Shared<Standing>>::default();
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).expect("a descriptor"));
        let state = scene.state.path().to_owned();
        let mut worker =
            Worker::new(state, Arc::clone(&shared), unbounded_channel().0, wake).expect("a worker");
        worker.follow(&[scene.policy()]);
        let began = Instant::now();
        while shared.standing().looked.is_none() {
            worker.turn().expect("looked");
        }
        (began.elapsed(), shared.standing().clone())
    };
    let (took, standing) = look();
    println!("{FILES} files were kept in {took:?}");
    assert!(took < Duration::from_secs(180), "{took:?}");
    assert_eq!(standing.names as usize, FILES + 6);
    let (took, standing) = look();
    println!("and looked at again in {took:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert_eq!(standing.versions as usize, FILES + 6);
}

#[test]
fn what_is_wanted_now_is_kept_before_it_has_settled() {
    let mut scene = Scene::of(&["d/a", "d/e/b", "f/c"]);
    scene.begin();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let by_name = About { names: vec![scene.path("d/a")], ..About::default() };
    let by_tree = About { below: vec![scene.path("d")], ..About::default() };
    for (ticket, there, changed) in [(7, by_name, "d/a"), (8, by_tree, "d/e/b")] {
        fs::write(scene.path(changed), "just now").expect("written");
        let began = Instant::now();
        let keeper = scene.keeper.as_mut().expect("a keeper");
        assert!(keeper.keep_now(ticket, there));
        assert_eq!(runtime.block_on(keeper.news()), News { ticket });
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(scene.is_kept(&scene.path(changed), b"just now"), "{changed}");
    }
}

#[test]
fn a_tree_that_is_not_kept_any_more_ages_and_comes_back() {
    let mut scene = Scene::of(&["a"]);
    scene.begin();
    let mut without = scene.policy();
    without.keep.files = false;
    scene.begin_with(&[without]);
    assert_eq!(scene.standing().names, 0);
    // What was kept is there as long as it may be.
    scene.until("the versions are counted", |scene| scene.standing().versions == 2);
    scene.begin();
    assert_eq!(scene.standing().names, 2);
}

#[test]
fn what_a_policy_leaves_is_looked_at_again_with_the_next() {
    let mut scene = Scene::of(&["large"]);
    fs::write(scene.path("large"), vec![1; 5000]).expect("written");
    let mut small = scene.policy();
    small.keep.size = 4096;
    scene.begin_with(&[small]);
    assert!(matches!(scene.newest(&scene.path("large")), Some(What::Left { why: Why::TooLarge, .. })));
    assert_eq!(scene.standing().left(), 1);
    scene.keeper.as_ref().expect("a keeper").follow(&[scene.policy()]);
    scene.until("another policy", |scene| scene.is_kept(&scene.path("large"), &[1; 5000]));
}

#[test]
fn a_broken_index_is_moved_aside() {
    let mut scene = Scene::of(&["a"]);
    let keeper = scene.state.path().join(DIRECTORY);
    make_directory(&keeper).expect("made");
    fs::File::create(keeper.join("versions.db")).expect("made").write_all(&[7; 8192]).expect("written");
    scene.keeper = Some(Keeper::open(scene.state.path().to_owned(), &[scene.policy()]));
    scene.until("another index", |scene| scene.standing().looked.is_some());
    assert!(scene.is_kept(&scene.path("a"), b"a"));
    assert!(keeper.join("versions.db.broken").exists());
}

#[test]
fn what_is_its_own_is_never_kept() {
    let mut scene = Scene::of(&["a"]);
    let mut tree = scene.policy();
    tree.paths.push(scene.state.path().to_owned());
    scene.begin_with(&[tree]);
    assert_eq!(scene.newest(&scene.state.path().join(DIRECTORY)), None);
    assert!(scene.newest(scene.state.path()).is_some());
}
