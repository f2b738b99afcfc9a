use std::{
    ffi::OsStr,
    fs,
    io::Read as _,
    os::{
        fd::AsFd as _,
        unix::{
            ffi::OsStrExt as _,
            fs::{PermissionsExt as _, symlink},
        },
    },
};

use rustix::{
    fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr},
    process::geteuid,
};

use super::{
    super::{Meta, What, Why},
    *,
};

const LIMITS: Limits = Limits { size: 1 << 20, total: 64 << 20 };

/// A shelf, and a directory of which things are kept.
struct Scene {
    state: tempfile::TempDir,
    tree: tempfile::TempDir,
    shelf: Shelf,
}

impl Scene {
    fn new() -> Self {
        let state = tempfile::tempdir().expect("a directory");
        let shelf = Shelf::open(state.path()).expect("a shelf");
        Self { state, tree: tempfile::tempdir().expect("a directory"), shelf }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    fn write(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("written");
        path
    }

    fn keep(&mut self, name: &str) -> Version {
        self.keep_within(name, LIMITS)
    }

    fn keep_within(&mut self, name: &str, limits: Limits) -> Version {
        let path = self.path(name);
        let parent = File::open(path.parent().expect("a parent")).expect("a directory");
        let name = path.file_name().expect("a name");
        let at = At { parent: parent.as_fd(), name, path: &path, tree: "app" };
        self.shelf.keep(at, limits).expect("kept")
    }

    fn text(&self, version: &Version) -> Vec<u8> {
        let What::File { content, .. } = &version.what else { panic!("no file: {version:?}") };
        let mut text = Vec::new();
        self.shelf.content(content).expect("a content").read_to_end(&mut text).expect("read");
        text
    }

    /// The bytes that the index says a tree takes, and those of what is there now.
    fn sums(&self) -> (i64, i64) {
        let sums = "SELECT bytes, now FROM tree WHERE name = 'app'";
        self.shelf.db.query_row(sums, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("sums")
    }

    fn contents(&self) -> usize {
        let directories = fs::read_dir(self.state.path().join("keeper/contents")).expect("contents");
        directories.filter_map(|entry| fs::read_dir(entry.ok()?.path()).ok()).map(Iterator::count).sum()
    }
}

fn why(version: &Version) -> Option<Why> {
    match version.what {
        What::Left { why, .. } => Some(why),
        _ => None,
    }
}

#[test]
fn a_file_comes_back_as_it_was_at_each_time() {
    let mut scene = Scene::new();
    scene.write("a", b"one");
    let before = Moment::now();
    let one = scene.keep("a");
    let between = Moment::now();
    let path = scene.write("a", b"two, longer");
    let two = scene.keep("a");
    fs::remove_file(&path).expect("removed");
    let gone = scene.keep("a");
    assert!(one.number > 0 && two.number > one.number && gone.number > two.number);
    assert_eq!((scene.text(&one), scene.text(&two)), (b"one".to_vec(), b"two, longer".to_vec()));
    assert_eq!(gone.what, What::Gone);
    let as_of = |moment: &Moment| scene.shelf.as_of(&path, moment).expect("looked");
    assert_eq!(as_of(&before), None);
    assert_eq!(as_of(&between).as_ref(), Some(&one));
    assert_eq!(as_of(&two.taken), Some(two.clone()));
    assert_eq!(as_of(&Moment::now()), Some(gone.clone()));
    // Of another boot the clock on the wall tells.
    let rebooted = Moment { boot: "another".to_owned(), at: 0, ..between.clone() };
    assert_eq!(as_of(&rebooted).as_ref(), Some(&one));
    assert_eq!(scene.shelf.history(&path).expect("looked"), [gone, two, one]);
}

#[test]
fn what_has_not_changed_is_no_other_version() {
    let mut scene = Scene::new();
    let path = scene.write("a", b"one");
    let first = scene.keep("a");
    assert_eq!(scene.keep("a"), first);
    fs::read(&path).expect("read");
    assert_eq!(scene.keep("a"), first);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
    let second = scene.keep("a");
    assert_eq!(second.number, first.number + 1);
    assert_eq!(second.what.meta().map(|meta| meta.mode & 0o777), Some(0o600));
    assert_eq!(scene.contents(), 1, "the same bytes are kept once");
}

#[test]
fn all_that_a_name_has_is_kept() {
    let mut scene = Scene::new();
    let path = scene.write("a", b"one");
    let large = vec![b'x'; 3000];
    setxattr(&path, "user.note", &large, XattrFlags::empty()).expect("set");
    let mut attributes = vec![(b"user.note".to_vec(), large)];
    if geteuid().is_root() {
        // An ACL as the kernel has it: version 2, then user::rw-, user:1:r--, group::r--, mask::r--, other::---.
        let mut acl = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in [(1_u16, 6_u16, !0_u32), (2, 4, 1), (4, 4, !0), (16, 4, !0), (32, 0, !0)] {
            acl.extend(tag.to_le_bytes());
            acl.extend(rights.to_le_bytes());
            acl.extend(id.to_le_bytes());
        }
        setxattr(&path, "system.posix_acl_access", &acl, XattrFlags::empty()).expect("set");
        setxattr(&path, "trusted.hidden", b"1", XattrFlags::empty()).expect("set");
        attributes.insert(0, (b"system.posix_acl_access".to_vec(), acl));
        attributes.insert(1, (b"trusted.hidden".to_vec(), b"1".to_vec()));
    }
    let kept = scene.keep("a");
    let meta = kept.what.meta().expect("it is there");
    assert_eq!(meta.xattrs, attributes);
    let is = fs::metadata(&path).expect("it is there");
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!((meta.mode, meta.uid, meta.gid), (is.mode(), is.uid(), is.gid()));
    assert_eq!((meta.mtime.0, i64::from(meta.mtime.1)), (is.mtime(), is.mtime_nsec()));
    assert_eq!(scene.shelf.as_of(&path, &Moment::now()).expect("looked"), Some(kept));
}

#[test]
fn links_and_directories_are_kept_and_never_followed() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).expect("made");
    symlink("d/../nowhere", scene.path("link")).expect("made");
    let link = scene.keep("link");
    assert!(matches!(&link.what, What::Link { target, .. } if target == b"d/../nowhere"));
    assert!(matches!(scene.keep("d").what, What::Directory(_)));
    // Whoever exchanges a file for a link has the link kept, not what it leads to.
    symlink("/etc/passwd", scene.path("secret")).expect("made");
    assert!(matches!(scene.keep("secret").what, What::Link { .. }));
    assert_eq!(scene.contents(), 0);
}

#[test]
fn what_lies_below_is_told_as_of_then() {
    let mut scene = Scene::new();
    for directory in ["d", "d/e", "d-f"] {
        fs::create_dir(scene.path(directory)).expect("made");
        scene.keep(directory);
    }
    for file in ["d/1", "d/e/2", "d-f/3"] {
        scene.write(file, b"text");
        scene.keep(file);
    }
    let then = Moment::now();
    fs::remove_dir_all(scene.path("d")).expect("removed");
    scene.keep("d");
    scene.write("d", b"a file now");
    scene.keep("d");
    let below = |moment: &Moment| -> Vec<String> {
        let found = scene.shelf.below(&scene.path("d"), moment).expect("looked");
        let name = |version: Version| {
            version.path.strip_prefix(scene.tree.path()).map(|path| path.display().to_string())
        };
        found.into_iter().map(|version| name(version).expect("below")).collect()
    };
    assert_eq!(below(&then), ["d", "d/1", "d/e", "d/e/2"]);
    assert_eq!(below(&Moment::now()), ["d"]);
    assert_eq!(scene.shelf.below(Path::new("/"), &then).expect("looked").len(), 6);
}

#[test]
fn names_are_bytes() {
    let mut scene = Scene::new();
    for name in [&b"new\nline"[..], b"\xff\xfe", b" ", b"%2f", b"'\"\\"] {
        let name = OsStr::from_bytes(name);
        let path = scene.tree.path().join(name);
        fs::write(&path, name.as_bytes()).expect("written");
        let parent = File::open(scene.tree.path()).expect("a directory");
        let at = At { parent: parent.as_fd(), name, path: &path, tree: "app" };
        let kept = scene.shelf.keep(at, LIMITS).expect("kept");
        assert_eq!(kept.path, path);
        assert_eq!(scene.shelf.as_of(&path, &Moment::now()).expect("looked"), Some(kept.clone()));
        assert_eq!(scene.text(&kept), name.as_bytes());
    }
    assert_eq!(scene.shelf.below(scene.tree.path(), &Moment::now()).expect("looked").len(), 5);
}

#[test]
fn what_is_too_large_or_no_file_is_left_with_the_reason() {
    let mut scene = Scene::new();
    let sparse = File::create(scene.path("sparse")).expect("made");
    sparse.set_len(1 << 40).expect("a tebibyte of nothing");
    let began = std::time::Instant::now();
    let left = scene.keep("sparse");
    assert_eq!(why(&left), Some(Why::TooLarge));
    assert!(matches!(left.what, What::Left { size, .. } if size == 1 << 40));
    assert!(began.elapsed() < Duration::from_secs(5), "it was read");
    mknodat(CWD, scene.path("pipe"), FileType::Fifo, Mode::RUSR, 0).expect("made");
    assert_eq!(why(&scene.keep("pipe")), Some(Why::Special));
    scene.write("most", &vec![7; 1 << 20]);
    scene.write("more", &vec![7; (1 << 20) + 1]);
    let most = scene.keep("most");
    assert_eq!(scene.text(&most).len(), 1 << 20);
    assert_eq!(why(&scene.keep("more")), Some(Why::TooLarge));
}

#[test]
fn a_total_makes_the_oldest_go_and_then_leaves() {
    let mut scene = Scene::new();
    let limits = Limits { size: 1 << 20, total: 100_000 };
    let mut text = vec![0; 20_000];
    for round in 0..10 {
        text[0] = round;
        scene.write("a", &text);
        assert!(scene.keep_within("a", limits).number > 0);
        let (all, now) = scene.sums();
        assert!(all <= 100_000 && now < 21_000, "{all} {now}");
    }
    let history = scene.shelf.history(&scene.path("a")).expect("looked");
    assert_eq!(history.len(), 4, "as many as fit");
    assert_eq!(scene.text(&history[0])[0], 9);
    assert_eq!(scene.contents(), 4, "contents go with their versions");
    // What is there now stays, and there is no room for more.
    for name in ["b", "c", "d"] {
        text[0] = name.as_bytes()[0];
        scene.write(name, &text);
        assert_eq!(why(&scene.keep_within(name, limits)), None);
    }
    scene.write("e", b"e".repeat(20_000).as_slice());
    let left = scene.keep_within("e", limits);
    assert_eq!(why(&left), Some(Why::Full));
    assert!(left.number > 0, "it is on the shelf that it is not");
    // Once there is room it is kept, though it has not changed.
    fs::remove_file(scene.path("b")).expect("removed");
    scene.keep_within("b", limits);
    assert_eq!(why(&scene.keep_within("e", limits)), None);
    let (all, _) = scene.sums();
    assert!(all <= 100_000, "{all}");
}

#[test]
fn what_was_superseded_long_ago_goes_and_what_is_there_stays() {
    let mut scene = Scene::new();
    for text in ["one", "two", "three"] {
        scene.write("a", text.as_bytes());
        scene.keep("a");
    }
    let path = scene.write("b", b"b");
    scene.keep("b");
    fs::remove_file(path).expect("removed");
    scene.keep("b");
    let now = jiff::Timestamp::now();
    let later = now.checked_add(Duration::from_secs(1)).expect("a time");
    assert!(
        !scene.shelf.prune("app", prune::before(now, Duration::from_hours(1)), u64::MAX).expect("pruned")
    );
    assert_eq!(scene.shelf.history(&scene.path("a")).expect("looked").len(), 3);
    assert!(!scene.shelf.prune("app", later, u64::MAX).expect("pruned"));
    let kept = scene.shelf.history(&scene.path("a")).expect("looked");
    assert_eq!(kept.len(), 1);
    assert_eq!(scene.text(&kept[0]), b"three");
    assert_eq!(scene.shelf.history(&scene.path("b")).expect("looked"), []);
    assert_eq!(scene.contents(), 1);
    let (all, now) = scene.sums();
    assert_eq!(all, now);
}

#[test]
fn what_a_killed_writer_has_left_is_not_believed() {
    let mut scene = Scene::new();
    scene.write("a", b"the whole of it");
    // Half of it lies where the whole belongs, and the index does not know.
    let hash: Hash = {
        use sha2::{Digest as _, Sha256};
        Hash(Sha256::digest(b"the whole of it").into())
    };
    let digits = hash.to_string();
    let place = scene.state.path().join("keeper/contents").join(&digits[..2]);
    fs::create_dir(&place).expect("made");
    fs::write(place.join(&digits[2..]), b"the wh").expect("written");
    fs::write(scene.state.path().join("keeper/contents/new"), b"some of another one, longer")
        .expect("written");
    let kept = scene.keep("a");
    assert_eq!(scene.text(&kept), b"the whole of it");
    // Nor is one that is known and has gone, or is cut short.
    fs::write(place.join(&digits[2..]), b"cut").expect("written");
    scene.write("b", b"the whole of it");
    let kept = scene.keep("b");
    assert_eq!(scene.text(&kept), b"the whole of it");
    // A batch that is not committed leaves nothing but what is swept away.
    scene.write("c", b"another");
    {
        let parent = File::open(scene.tree.path()).expect("a directory");
        let path = scene.path("c");
        let at = At { parent: parent.as_fd(), name: "c".as_ref(), path: &path, tree: "app" };
        scene.shelf.begin().expect("begun").keep(at, LIMITS).expect("kept");
    }
    assert_eq!(scene.shelf.history(&scene.path("c")).expect("looked"), []);
    assert_eq!(scene.contents(), 2);
    (0..=255).try_for_each(|first| scene.shelf.sweep(first)).expect("swept");
    assert_eq!(scene.contents(), 1);
}

#[test]
fn a_content_that_is_missing_is_said() {
    let mut scene = Scene::new();
    scene.write("a", b"one");
    let kept = scene.keep("a");
    fs::remove_dir_all(scene.state.path().join("keeper/contents")).expect("removed");
    let What::File { content, .. } = kept.what else { panic!("{kept:?}") };
    let error = scene.shelf.content(&content).expect_err("it has gone").to_string();
    assert!(error.contains("is missing"), "{error}");
}

#[test]
fn only_root_reads_what_is_kept() {
    let mut scene = Scene::new();
    scene.write("a", b"one");
    scene.keep("a");
    let mut waiting = vec![scene.state.path().join("keeper")];
    while let Some(path) = waiting.pop() {
        let found = fs::symlink_metadata(&path).expect("it is there");
        assert_eq!(found.permissions().mode() & 0o077, 0, "{}", path.display());
        if found.is_dir() {
            waiting.extend(fs::read_dir(&path).expect("read").map(|entry| entry.expect("an entry").path()));
        }
    }
}

#[test]
fn a_command_looks_while_the_daemon_keeps() {
    let mut scene = Scene::new();
    scene.write("a", b"one");
    let kept = scene.keep("a");
    let looking = Shelf::look(scene.state.path()).expect("a shelf");
    let _keeping = scene.shelf.begin().expect("begun");
    assert_eq!(looking.history(&kept.path).expect("looked"), [kept]);
    assert!(Shelf::look(scene.tree.path()).is_err(), "there is none");
}

#[test]
fn a_shelf_of_another_version_is_left_alone() {
    let scene = Scene::new();
    scene.shelf.db.execute_batch("PRAGMA user_version = 9").expect("set");
    let error = Shelf::open(scene.state.path()).err().expect("it is of another version").to_string();
    assert!(error.contains("version 9"), "{error}");
}

#[test]
fn what_is_not_kept_any_more_ages() {
    let mut scene = Scene::new();
    fs::create_dir(scene.path("d")).expect("made");
    scene.keep("d");
    scene.write("d/a", b"one");
    scene.keep("d/a");
    let mut keeping = scene.shelf.begin().expect("begun");
    keeping.let_age(&scene.tree.path().join("d")).expect("let");
    keeping.commit().expect("committed");
    assert_eq!(scene.sums().1, 0);
    assert_eq!(scene.shelf.history(&scene.path("d/a")).expect("looked").len(), 1);
    // It comes back if it is kept again.
    let again = scene.keep("d/a");
    assert_eq!(scene.text(&again), b"one");
    assert!(scene.sums().1 > 0);
}

#[test]
fn attributes_are_packed_and_unpacked() {
    let meta = Meta {
        mode: 0o100_644,
        uid: 1,
        gid: u32::MAX,
        mtime: (-5, 999_999_999),
        atime: (i64::MAX, 0),
        xattrs: vec![(b"user.a".to_vec(), Vec::new()), (b"user.b".to_vec(), vec![0, 255])],
    };
    assert_eq!(index::unpack(&index::pack(&meta)), meta);
}
