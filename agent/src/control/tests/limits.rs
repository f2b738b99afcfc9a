//! Clients that mean no good. Their users are threads of this process with a user id of their own: the kernel's
//! credentials are a thread's.

use std::{
    collections::VecDeque,
    io::{self, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::Uid,
    thread::set_thread_res_uid,
};

use super::stage::{Answered, Stage, connect, hung_up};
use crate::api::Code;

/// The calling thread is another user's from now on.
pub(super) fn become_user(uid: u32) {
    let uid = Uid::from_raw(uid);
    set_thread_res_uid(uid, uid, uid).expect("root may");
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let stage = Stage::open();
    let header = ["content-type: application/json"];
    let body = vec![b' '; 100 << 20];
    let answer = stage.send("POST", "/v1/thaw", &header, &body);
    assert_eq!((answer.status, answer.problem().code), (413, Code::TooMuch));
    let answer = stage.send("POST", "/v1/thaw", &header, &body[..65 << 10]);
    assert_eq!((answer.status, answer.problem().code), (413, Code::TooMuch));
    assert_eq!(stage.get("/v1/accounts").status, 200);
}

#[test]
fn whoever_dawdles_is_cut() {
    let stage = Stage::open();
    let silent = stage.connect();
    let mut half = stage.connect();
    half.write_all(b"GET /v1/status HTTP/1.1\r\nhost: lo").expect("half a header");
    let mut kept = stage.connect();
    kept.write_all(b"GET /v1/accounts HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("a request");
    let mut dribbling = stage.connect();
    dribbling.write_all(b"GET /v1/status HTTP/1.1\r\n").expect("a line");
    let waiting: Vec<_> = [silent, half, kept, dribbling.try_clone().expect("a second handle")]
        .into_iter()
        .map(|mut stream| thread::spawn(move || hung_up(&mut stream)))
        .collect();
    let began = Instant::now();
    // A header line each while, as slowloris does, until the server has had enough.
    let pause = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
    while dribbling.write_all(b"x: y\r\n").is_ok() && began.elapsed() < Duration::from_secs(20) {
        poll(&mut [PollFd::new(&dribbling, PollFlags::IN)], Some(&pause)).expect("poll");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for (kind, waited) in ["silent", "half a header", "kept alive", "dribbling"].iter().zip(waiting) {
        let waited = waited.join().expect("an end");
        assert!(waited < Duration::from_secs(10), "{kind} was cut after {waited:?}");
    }
}

#[test]
fn garbage_ends_a_connection_and_nothing_else() {
    let stage = Stage::open();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET /v1/accounts HTTP/1.1\r\nhost: localhost\r\n\r\n\0\0\0\0nonsense\r\n\r\n",
        b"GET /v1/accounts HTTP/9.9\r\n\r\n",
        b"POST /v1/thaw HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\nzzz\r\n",
        b"GET /v1/accounts HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        &[b'A'; 200_000],
    ] {
        let mut stream = stage.connect();
        let _ = stream.write_all(garbage); // it may hang up in the middle
        let answer = Answered::read(&mut stream);
        assert!([0, 200, 400, 414, 431].contains(&answer.status), "{answer:?}");
        assert_eq!(stage.get("/v1/accounts").status, 200);
    }
}

#[test]
fn whoever_asks_too_often_is_told() {
    let stage = Stage::open();
    // What is asked meanwhile counts less the longer it takes, so a busy host takes more of them.
    let mut asked = (0..10_000).map(|_| stage.get("/v1/accounts").status).enumerate();
    let refused = asked.find(|(_, status)| *status != 200);
    assert!(matches!(refused, Some((100.., 429))), "{refused:?}");
}

#[test]
#[ignore = "needs root"]
fn one_user_does_not_take_all_connections() {
    let stage = Stage::open();
    let socket = stage.socket.clone();
    let held = thread::spawn(move || {
        become_user(60_001);
        let held: Vec<_> = (0..16).map(|_| answered(&socket)).collect();
        assert_eq!(answered(&socket).1, 429);
        held
    });
    let held = held.join().expect("connections");
    assert!(held.iter().all(|(_, status)| *status == 200));
    assert_eq!(stage.get("/v1/accounts").status, 200, "root");
}

/// A connection that is kept, and the status of its first answer.
fn answered(socket: &Path) -> (UnixStream, u16) {
    let mut stream = connect(socket);
    stream.write_all(b"GET /v1/accounts HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("a request");
    let mut start = [0; 12];
    io::Read::read_exact(&mut stream, &mut start).expect("an answer");
    let status = std::str::from_utf8(&start[9..]).expect("digits").parse().expect("a status");
    (stream, status)
}

/// Five users hold a hundred connections each and put new ones in their place, at a pace of so many microseconds.
fn siege(pause_us: i64) -> (Vec<Duration>, u64) {
    const USERS: u32 = 5;
    const EACH: usize = 100;
    let stage = Stage::open();
    let go_on = Arc::new(AtomicBool::new(true));
    let connected = Arc::new(AtomicU64::new(0));
    let hostile: Vec<_> = (0..USERS)
        .map(|user| {
            let (socket, go_on, connected) =
                (stage.socket.clone(), Arc::clone(&go_on), Arc::clone(&connected));
            thread::spawn(move || {
                become_user(60_001 + user);
                let mut held = VecDeque::new();
                while go_on.load(Ordering::Relaxed) {
                    held.extend(hostile_client(&socket, held.len()));
                    connected.fetch_add(1, Ordering::Relaxed);
                    if held.len() > EACH {
                        held.pop_front();
                        let pause = Timespec { tv_sec: 0, tv_nsec: pause_us * 1000 };
                        poll(&mut [], Some(&pause)).expect("poll");
                    }
                }
            })
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(20);
    while connected.load(Ordering::Relaxed) < 500 && Instant::now() < deadline {
        thread::yield_now();
    }
    let mut took: Vec<_> = (0..90)
        .map(|_| {
            let began = Instant::now();
            assert_eq!(stage.get("/v1/accounts").status, 200);
            began.elapsed()
        })
        .collect();
    go_on.store(false, Ordering::Relaxed);
    hostile.into_iter().for_each(|thread| thread.join().expect("an end"));
    took.sort_unstable();
    let storm = connected.load(Ordering::Relaxed);
    let (median, p95, most) = (took[45], took[85], took[89]);
    println!(
        "root's requests, pause {pause_us} µs, {storm} hostile connections: median {median:?}, p95 {p95:?}, longest {most:?}"
    );
    (took, storm)
}

#[test]
#[ignore = "needs root"]
fn root_is_answered_whatever_others_do() {
    let (took, storm) = siege(1000);
    assert!(storm >= 500 && took.iter().all(|took| *took <= Duration::from_millis(100)), "{took:?}");
    // As fast as they can: what is measured is then the host more than the server.
    let (took, _) = siege(0);
    assert!(took[45] <= Duration::from_millis(500), "{took:?}");
}

/// Connects and asks for something, or sends half of it, or garbage.
fn hostile_client(socket: &Path, kind: usize) -> Option<UnixStream> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_nonblocking(true).ok()?;
    let bytes: &[u8] = match kind % 4 {
        0 => b"GET /v1/accounts HTTP/1.1\r\nhost: localhost\r\n\r\n",
        1 => b"POST /v1/thaw HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n{",
        2 => b"GET /v1/status HT",
        _ => b"\0\0\0\0\r\n\r\n",
    };
    let _ = stream.write_all(bytes); // refused already
    Some(stream)
}
