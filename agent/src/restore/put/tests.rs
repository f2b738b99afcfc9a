//! Paths come back as they were, and nothing that is there is lost; on a real disk.

mod faults;

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
};

use rustix::fs::{XattrFlags, lgetxattr, lsetxattr};

use super::*;
use crate::restore::{Facts, Hit, Plan, Step};

/// A directory with a shelf beside it.
struct Ground {
    directory: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("tree")).expect("a tree");
        Self { directory }
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn at(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            self.directory.path().join("tree")
        } else {
            self.directory.path().join("tree").join(name)
        }
    }

    /// Keeps what is there.
    fn keep(&self, names: &[&str]) -> Vec<Version> {
        let mut shelf = Shelf::open(&self.state()).expect("a shelf");
        let keep = |name: &&str| {
            let path = self.at(name);
            let place = Place::of(&path).expect("a place");
            let at = At { parent: place.parent.as_fd(), name: &place.name, path: &path, tree: "t" };
            shelf.keep(at, Limits::MOST).expect("kept")
        };
        names.iter().map(keep).collect()
    }

    fn restorer(&self, to: Where) -> Restorer {
        Restorer::new(&self.state(), to).expect("a restorer")
    }

    /// What came of each.
    fn restore(&self, plan: &Plan, to: Where) -> Vec<Result<Done, String>> {
        let mut restorer = self.restorer(to);
        let done = plan.wanted().map(|planned| restorer.put(planned).map_err(|error| format!("{error:#}")));
        let done = done.collect();
        restorer.finish().expect("finished");
        done
    }

    fn versions(&self, name: &str) -> Vec<What> {
        let shelf = Shelf::look(&self.state()).expect("a shelf");
        shelf.history(&self.at(name)).expect("versions").into_iter().map(|version| version.what).collect()
    }

    /// What is in the tree.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.at("")).expect("the tree");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("one").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// What is to be done about what was kept, whoever has changed it since.
fn plan_of(kept: &[Version]) -> Plan {
    let now = Moment::now();
    let facts = kept.iter().map(|kept| {
        let hit = Hit { first: now.clone(), last: now.clone(), went: true, is_root: false };
        (kept.path.clone(), Facts { hit, kept: Some(kept.clone()), after: None, now: Now::at(&kept.path) })
    });
    let mut plan = Plan::of(facts.collect());
    for planned in &mut plan.paths {
        if planned.step == Step::Changed {
            planned.step = Step::Over;
        }
    }
    plan
}

/// An access list that lets user 7 read: version 2, and entries of a tag, rights and an id each.
fn access_list() -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, u32::MAX), (2, 4, 7), (4, 4, u32::MAX), (0x10, 4, u32::MAX), (0x20, 0, u32::MAX)];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        bytes.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

fn set(path: &Path, name: &str, value: &[u8]) {
    lsetxattr(path, name, value, XattrFlags::empty()).expect("an attribute");
}

fn get(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(4096);
    lgetxattr(path, name, rustix::buffer::spare_capacity(&mut value)).ok()?;
    Some(value)
}

fn times(path: &Path, seconds: i64) {
    let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: 123_456_789 };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("times");
}

#[test]
#[ignore = "needs root"]
fn all_of_it_comes_back_bit_for_bit() {
    let ground = Ground::new();
    let names = ["d", "d/f", "d/with\na line", "d/link", "d/empty"];
    fs::create_dir(ground.at("d")).expect("a directory");
    fs::write(ground.at("d/f"), "content").expect("a file");
    fs::write(ground.at("d/with\na line"), [0xff, 0, b'\n']).expect("a file");
    symlink("/nowhere", ground.at("d/link")).expect("a link");
    fs::create_dir(ground.at("d/empty")).expect("a directory");
    std::os::unix::fs::chown(ground.at("d/f"), Some(1234), Some(2345)).expect("another owner");
    std::os::unix::fs::lchown(ground.at("d/link"), Some(12), Some(23)).expect("another owner");
    fs::set_permissions(ground.at("d/f"), Permissions::from_mode(0o4640)).expect("a mode");
    fs::set_permissions(ground.at("d/empty"), Permissions::from_mode(0o1750)).expect("a mode");
    set(&ground.at("d/f"), "trusted.own", b"value");
    set(&ground.at("d/f"), "system.posix_acl_access", &access_list());
    // Whatever is made in `d` gets this one, and what was there before has not.
    set(&ground.at("d"), "system.posix_acl_default", &access_list());
    for (at, name) in names.iter().enumerate() {
        times(&ground.at(name), 1_000_000_000 + i64::try_from(at).expect("small"));
    }
    times(&ground.at("d"), 999_999_999);
    let before = names.map(|name| crate_look(&ground.at(name)));
    let kept = ground.keep(&names);
    fs::remove_dir_all(ground.at("d")).expect("removed");
    let plan = plan_of(&kept);
    assert_eq!(plan.wanted().count(), names.len());
    assert_eq!(ground.restore(&plan, Where::InPlace), vec![Ok(Done::Back); names.len()]);
    assert_eq!(names.map(|name| crate_look(&ground.at(name))), before);
    let about = fs::metadata(ground.at("d/f")).expect("a file");
    assert_eq!((about.mode() & 0o7777, about.uid(), about.gid()), (0o4640, 1234, 2345));
    assert_eq!(get(&ground.at("d/f"), "system.posix_acl_access"), Some(access_list()));
    assert_eq!(get(&ground.at("d/empty"), "system.posix_acl_access"), None);
    assert_eq!(fs::metadata(ground.at("d")).expect("a directory").mtime(), 999_999_999);
    // Once more there is nothing to do.
    assert_eq!(plan_of(&kept).wanted().count(), 0);
    assert_eq!(ground.names(), ["d"]);
}

/// All that is at a path, but for when it was read.
fn crate_look(path: &Path) -> What {
    let Now::There { mut what, .. } = Now::at(path) else { panic!("{} is not there", path.display()) };
    match &mut what {
        What::File { meta, .. } | What::Directory(meta) | What::Link { meta, .. } => meta.atime = (0, 0),
        other => panic!("{other:?}"),
    }
    what
}

#[test]
fn what_is_there_is_kept_before_it_is_replaced() {
    let ground = Ground::new();
    fs::write(ground.at("f"), "kept").expect("a file");
    fs::write(ground.at("g"), "a file").expect("a file");
    fs::create_dir(ground.at("d")).expect("a directory");
    fs::set_permissions(ground.at("d"), Permissions::from_mode(0o700)).expect("a mode");
    let kept = ground.keep(&["f", "g", "d"]);
    fs::write(ground.at("f"), "of somebody else").expect("a file");
    fs::remove_file(ground.at("g")).expect("removed");
    symlink("/etc", ground.at("g")).expect("a link");
    fs::set_permissions(ground.at("d"), Permissions::from_mode(0o755)).expect("a mode");
    fs::write(ground.at("d/in"), "stays").expect("a file");
    let before = ["f", "g", "d"].map(|name| crate_look(&ground.at(name)));
    let plan = plan_of(&kept);
    assert_eq!(ground.restore(&plan, Where::InPlace), vec![Ok(Done::Over); 3]);
    assert_eq!(fs::read_to_string(ground.at("f")).expect("a file"), "kept");
    assert_eq!(fs::read_to_string(ground.at("g")).expect("a file"), "a file");
    assert_eq!(fs::metadata(ground.at("d")).expect("a directory").mode() & 0o777, 0o700);
    assert!(ground.at("d/in").exists());
    for (name, before) in ["f", "g", "d"].iter().zip(&before) {
        let newest = ground.versions(name).remove(0);
        assert!(newest.is_same(before), "{name}: {newest:?}");
    }
    assert_eq!(ground.names(), ["d", "f", "g"]);
}

#[test]
fn a_directory_comes_back_in_the_place_of_a_file() {
    let ground = Ground::new();
    fs::create_dir(ground.at("d")).expect("a directory");
    fs::write(ground.at("d/f"), "kept").expect("a file");
    let kept = ground.keep(&["d", "d/f"]);
    fs::remove_dir_all(ground.at("d")).expect("removed");
    fs::write(ground.at("d"), "in its place").expect("a file");
    let plan = plan_of(&kept);
    assert_eq!(ground.restore(&plan, Where::InPlace), [Ok(Done::Over), Ok(Done::Back)]);
    assert_eq!(fs::read_to_string(ground.at("d/f")).expect("a file"), "kept");
}

#[test]
fn elsewhere_it_comes_back_by_its_whole_path_and_over_nothing() {
    let ground = Ground::new();
    fs::create_dir(ground.at("d")).expect("a directory");
    fs::write(ground.at("d/f"), "kept").expect("a file");
    let kept = ground.keep(&["d/f"]);
    fs::write(ground.at("d/f"), "now").expect("a file");
    let to = ground.directory.path().join("to");
    fs::create_dir(&to).expect("a directory");
    let mut plan = plan_of(&kept);
    plan.paths[0].now = Now::Nothing;
    plan.paths[0].step = Step::Back;
    assert_eq!(ground.restore(&plan, Where::Below(to.clone())), [Ok(Done::Back)]);
    let there = way::moved(&ground.at("d/f"), &to);
    assert_eq!(fs::read_to_string(&there).expect("a file"), "kept");
    assert_eq!(fs::read_to_string(ground.at("d/f")).expect("a file"), "now");
    let again = ground.restore(&plan, Where::Below(to));
    assert!(matches!(&again[..], [Err(why)] if why.contains("something is there")), "{again:?}");
}

#[test]
fn a_directory_that_nobody_destroyed_is_made_again_as_it_was() {
    let ground = Ground::new();
    fs::create_dir(ground.at("d")).expect("a directory");
    fs::create_dir(ground.at("d/e")).expect("a directory");
    fs::set_permissions(ground.at("d/e"), Permissions::from_mode(0o711)).expect("a mode");
    fs::write(ground.at("d/e/f"), "kept").expect("a file");
    let kept = ground.keep(&["d", "d/e", "d/e/f"]);
    fs::remove_dir_all(ground.at("d")).expect("removed");
    let plan = plan_of(&kept[2..]);
    assert_eq!(ground.restore(&plan, Where::InPlace), [Ok(Done::Back)]);
    assert_eq!(fs::metadata(ground.at("d/e")).expect("a directory").mode() & 0o777, 0o711);
}
