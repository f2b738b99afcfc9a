//! Who asks.

use std::{
    io::{self, Read as _, Write as _},
    mem,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::{ffi::OsStrExt as _, net::UnixStream, process::CommandExt as _},
    },
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use super::{
    limits::become_user,
    stage::{Answered, Stage},
};
use crate::{api::Code, control::Caller, processes::proc};

fn last(stage: &Stage) -> Caller {
    stage.asked.lock().expect("asked").last().expect("a request").0.clone()
}

#[test]
fn the_caller_is_this_process() {
    let stage = Stage::open();
    assert_eq!(stage.get("/v1/accounts").status, 200);
    let caller = last(&stage);
    let own = proc::process(std::process::id()).expect("own entry");
    assert_eq!((caller.pid, caller.start, caller.login), (own.pid, own.start, own.login));
    assert_eq!(caller.uid, rustix::process::geteuid().as_raw());
    assert_eq!(caller.gid, rustix::process::getegid().as_raw());
    let groups: Vec<_> =
        rustix::process::getgroups().expect("groups").into_iter().map(rustix::fs::Gid::as_raw).collect();
    assert_eq!(caller.groups, groups);
    assert!(caller.is_there());
    if caller.uid == 0 {
        assert_eq!(caller.name.as_deref(), Some("root"));
    }
}

#[test]
#[ignore = "needs root"]
fn another_user_may_connect_and_is_known() {
    let stage = Stage::open();
    thread::scope(|scope| {
        scope.spawn(|| {
            become_user(60_001);
            assert_eq!(stage.get("/v1/accounts").status, 200);
        });
    });
    let caller = last(&stage);
    assert_eq!((caller.uid, caller.name), (60_001, None));
}

/// A process that has connected, and its connection, which this process holds too.
fn connected(socket: &Path) -> (Child, UnixStream) {
    // SAFETY: the result is a new descriptor that nobody else has, or is checked.
    let stream = unsafe {
        let fd = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        UnixStream::from(OwnedFd::from_raw_fd(fd))
    };
    // SAFETY: all zeroes is an address, of no family.
    let mut address: libc::sockaddr_un = unsafe { mem::zeroed() };
    address.sun_family = libc::sa_family_t::try_from(libc::AF_UNIX).expect("a family");
    let path = socket.as_os_str().as_bytes();
    for (to, from) in address.sun_path.iter_mut().zip(path) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    let fd = stream.as_raw_fd();
    let size = libc::socklen_t::try_from(size_of_val(&address)).expect("a size");
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped());
    // SAFETY: connect(2) is async-signal-safe, and the closure owns what it points to.
    unsafe {
        cat.pre_exec(move || match libc::connect(fd, (&raw const address).cast(), size) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    (cat.spawn().expect("cat"), stream)
}

#[test]
fn nobody_asks_in_the_name_of_a_process_that_has_ended() {
    let stage = Stage::open();
    let (mut child, mut stream) = connected(&stage.socket);
    let request = b"GET /v1/accounts HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).expect("a request");
    let mut start = [0; 12];
    stream.read_exact(&mut start).expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 200");
    assert_eq!(last(&stage).pid, child.id());
    drop(child.stdin.take());
    let ended = child.wait();
    assert!(ended.is_ok_and(|status| status.success()));
    assert!(!last(&stage).is_there());
    stream.write_all(b"GET /v1/accounts HTTP/1.0\r\n\r\n").expect("a request");
    let answer = Answered::read(&mut stream);
    assert!(answer.head.contains("HTTP/1.0 403") || answer.body.contains("HTTP/1.0 403"), "{answer:?}");
    assert!(answer.body.contains("has ended"), "{answer:?}");
    assert_eq!(stage.asked.lock().expect("asked").len(), 1);
}

#[test]
fn a_process_that_ended_before_it_was_heard_is_refused() {
    let stage = Stage::open();
    let (mut child, mut stream) = connected(&stage.socket);
    drop(child.stdin.take());
    child.wait().expect("an end");
    let _ = stream.write_all(b"GET /v1/accounts HTTP/1.0\r\n\r\n");
    let answer = Answered::read(&mut stream);
    assert_eq!((answer.status, answer.problem().code), (403, Code::NotAllowed));
}
