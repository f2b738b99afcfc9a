//! A cgroup of a test's own, with processes in it, and nothing of either afterwards.

use std::{
    cell::{Cell, RefCell},
    fs,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    enforcer::freezer::{Freezer, Group, group_of},
    processes::{
        cgroup,
        proc::{self, ProcessId},
    },
};

/// A group at the root of the tree.
pub(super) struct Ground {
    pub(super) root: Group,
    pub(super) group: Group,
    children: RefCell<Vec<Child>>,
    made: Cell<u32>,
}

impl Ground {
    pub(super) fn new() -> Self {
        static GROUNDS: AtomicU64 = AtomicU64::new(0);
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
        let root = Group::new(cgroup::mount_point(&mounts).expect("a cgroup v2 tree"));
        let name = format!("freezer-test-{}-{}", std::process::id(), GROUNDS.fetch_add(1, Ordering::Relaxed));
        let group = Group::new(root.path().join(name));
        fs::create_dir(group.path()).expect("a group of the test's own: is this root?");
        Self { root, group, children: RefCell::default(), made: Cell::new(0) }
    }

    /// A group in it.
    pub(super) fn below(&self) -> Group {
        self.made.set(self.made.get() + 1);
        let group = Group::new(self.group.path().join(format!("below-{}", self.made.get())));
        fs::create_dir(group.path()).expect("a group");
        group
    }

    /// Starts a program in a group.
    pub(super) fn start(&self, group: &Group, program: &str, arguments: &[&str]) -> ProcessId {
        let join = "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", join]).arg(group.path()).arg(program).args(arguments).stdin(Stdio::null());
        let child = command.spawn().expect("a shell");
        let id = proc::process(child.id()).expect("the child").id();
        self.children.borrow_mut().push(child);
        // Not only that it is in the group: in the root's it is from the beginning, and the shell moves it once more.
        let runs =
            || fs::read_to_string(format!("/proc/{}/comm", id.pid)).is_ok_and(|comm| comm.trim() == program);
        until("it runs in the group", || runs() && group.pids().is_ok_and(|pids| pids.contains(&id.pid)));
        id
    }

    pub(super) fn sleeper(&self, group: &Group) -> ProcessId {
        self.start(group, "sleep", &["600"])
    }

    /// Everybody in the group and below who is not a bystander, as the kernel programs would list an account's processes.
    pub(super) fn members(&self, bystanders: &[ProcessId]) -> Vec<ProcessId> {
        let pids = self.group.all_pids().unwrap_or_default().into_iter();
        let ids = pids.filter_map(|pid| proc::process(pid).map(|process| process.id()));
        ids.filter(|id| !bystanders.contains(id)).collect()
    }

    pub(super) fn place(&self, id: ProcessId) -> Group {
        group_of(&self.root, id.pid).expect("a group")
    }

    /// Ends a process and asks for its status.
    pub(super) fn end(&self, id: ProcessId) {
        let mut children = self.children.borrow_mut();
        let index = children.iter().position(|child| child.id() == id.pid).expect("a child");
        let mut child = children.remove(index);
        child.kill().expect("a signal");
        child.wait().expect("its status");
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::write(self.group.path().join("cgroup.kill"), "1");
        for child in self.children.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let until = Instant::now() + Duration::from_secs(10);
        while self.group.exists() && Instant::now() < until {
            remove(&self.group);
            pause();
        }
    }
}

fn remove(group: &Group) {
    group.children().iter().for_each(remove);
    let _ = group.remove();
}

/// A freeze id that no other test has.
pub(super) fn id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    u64::from(std::process::id()) << 32 | IDS.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn freezer(ground: &Ground) -> Freezer {
    Freezer::at(Some(ground.root.path().to_owned()))
}

/// Waits until it is so.
pub(super) fn until(what: &str, so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < end, "{what}: not within 20 s");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "between two looks at a condition")]
fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}

pub(super) fn frozen(group: &Group) -> bool {
    group.events().is_some_and(|events| events.frozen)
}

pub(super) fn stopped(id: ProcessId) -> bool {
    proc::stat(id.pid).is_some_and(|stat| stat.start == id.start && stat.stopped())
}

pub(super) fn send(id: ProcessId, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(id.pid).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("a signal");
}
