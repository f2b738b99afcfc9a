//! A thousand clients at once: what is watched is watched, whoever must decide does, and nothing is left of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;
use serde_json::Value;
use tests::{Account, Job, SOCKET, Scene, ask_json, proc, wait};

use crate::check::{FILES, each, filled_with};
use crate::commands::{burst_is_known, decide};
use crate::keeper::until_looked;

const CLIENTS: usize = 1000;
/// Connections that are served at once, with a descriptor of whoever is at the other end; and that are heard before they are
/// refused.
const SERVED: usize = 64;
const HEARD: usize = 32;
/// What else it may have open: a command of ours that asks, and what it looks up for that.
const OTHERS: usize = 16;
/// Each takes 16 KiB at most for its header, and 64 KiB for what it asks; a few times that, for what was given back but is kept.
const MEMORY_KIB: u64 = 32 * 1024;
const STATUS: &[u8] = b"GET /v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// What a client does that means no good.
const HOSTILE: [(&str, &[u8]); 5] = [
    ("says nothing", b""),
    ("half a header", b"GET /v1/status HTTP/1.1\r\nhost: lo"),
    ("half a body", b"POST /v1/thaw HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n{"),
    ("reads no answer", STATUS),
    ("dribbles", b"GET /v1/status HTTP/1.1\r\n"),
];

/// A connection of somebody: the kernel's credentials are a thread's.
fn connected(
    user: &Account,
    count: usize,
    sends: impl Fn(usize) -> &'static [u8] + Sync,
) -> Result<Vec<UnixStream>> {
    let connect = || {
        let uid = Uid::from_raw(user.uid());
        set_thread_res_uid(uid, uid, uid)?;
        let one = |index| {
            let mut stream = UnixStream::connect(SOCKET).context("cannot connect")?;
            stream.set_nonblocking(true)?;
            let _ = stream.write(sends(index)); // it may be refused already
            Ok(stream)
        };
        (0..count).map(one).collect()
    };
    thread::scope(|scope| scope.spawn(connect).join()).map_err(|_| anyhow!("a client panicked"))?
}

/// All that has come on a connection so far, and whether it was ended.
fn heard(stream: &mut UnixStream, so_far: &mut Vec<u8>) -> bool {
    let mut some = [0; 4096];
    loop {
        match stream.read(&mut some) {
            Ok(0) => return true,
            Ok(count) => so_far.extend_from_slice(&some[..count]),
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// How each of them was answered, by status and code; 0 if not at all so far.
fn answers(clients: &mut [(UnixStream, Vec<u8>)]) -> BTreeMap<(u16, String), usize> {
    let mut all = BTreeMap::new();
    for (stream, so_far) in clients {
        heard(stream, so_far);
        let text = String::from_utf8_lossy(so_far);
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let problem = serde_json::from_str::<Value>(body).unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or_default().to_owned();
        *all.entry((status, code)).or_default() += 1;
    }
    all
}

/// What an agent has taken of the host.
#[derive(Debug)]
struct Taken {
    descriptors: usize,
    threads: usize,
    memory_kib: u64,
}

impl Taken {
    fn by(pid: u32) -> Result<Self> {
        let count = |what| Ok::<_, anyhow::Error>(fs::read_dir(format!("/proc/{pid}/{what}"))?.count());
        Ok(Self {
            descriptors: count("fd")?,
            threads: count("task")?,
            memory_kib: proc::memory_kib(pid, "VmRSS")?,
        })
    }
}

/// Watched while a crowd is there: a burst is stopped where it always is, and root decides about it.
fn is_stopped_and_let_go(scene: &mut Scene) -> Result<(Duration, Job)> {
    let job = each(scene, &["unlink {}"])?;
    burst_is_known(scene, &job)?;
    ensure!(scene.destroyed(FILES) == 11, "{} are gone", scene.destroyed(FILES));
    let began = Instant::now();
    decide(&["thaw", "1"])?;
    let took = began.elapsed();
    job.until_stopped()?; // again, with another budget
    ensure!(scene.destroyed(FILES) == 22, "{} are gone", scene.destroyed(FILES));
    Ok((took, job))
}

/// After they are gone.
fn as_before(scene: &Scene, before: &Taken) -> Result<Taken> {
    wait::until("it has given back what they took", || {
        let now = Taken::by(scene.daemon.pid())?;
        Ok((now.descriptors <= before.descriptors && now.threads <= before.threads).then_some(now))
    })
}

#[test]
fn a_thousand_that_mean_no_good_take_no_more_than_their_share() -> Result<()> {
    let users = [Account::unlisted()?, Account::unlisted()?, Account::unlisted()?, Account::unlisted()?];
    let mut scene = filled_with(|policy| policy.role("view", users[0].uid()))?;
    ask_json(&["status"])?; // what the first one takes once
    until_looked()?;
    let before = Taken::by(scene.daemon.pid())?;
    let mut clients = Vec::new();
    for user in &users {
        let some = connected(user, CLIENTS / users.len(), |index| HOSTILE[index % HOSTILE.len()].1)?;
        clients.extend(some.into_iter().map(|stream| (stream, Vec::new())));
    }
    ensure!(clients.len() == CLIENTS, "only {}", clients.len());
    let during = Taken::by(scene.daemon.pid())?;

    let go_on = AtomicBool::new(true);
    let mut dribblers: Vec<UnixStream> =
        clients.iter().skip(4).step_by(5).filter_map(|(stream, _)| stream.try_clone().ok()).collect();
    let (took, job) = thread::scope(|scope| {
        scope.spawn(|| {
            while go_on.load(Ordering::Relaxed) {
                // As slowly as it takes to write one to each.
                dribblers.iter_mut().for_each(|stream| drop(stream.write(b"x")));
                thread::yield_now();
            }
        });
        let decided = is_stopped_and_let_go(&mut scene);
        go_on.store(false, Ordering::Relaxed);
        decided
    })?;
    drop(dribblers);
    let most = Taken::by(scene.daemon.pid())?;

    let answers = wait::until("whoever is too many was told so", || {
        let answers = answers(&mut clients);
        let told = answers.get(&(429, "too_much".to_owned())).copied().unwrap_or_default();
        Ok((told >= CLIENTS - SERVED).then_some(answers))
    })?;
    for taken in [&during, &most] {
        ensure!(
            taken.descriptors <= before.descriptors + 2 * SERVED + HEARD + OTHERS,
            "{taken:?} after {before:?}"
        );
        ensure!(taken.memory_kib <= before.memory_kib + MEMORY_KIB, "{taken:?} after {before:?}");
    }
    drop(clients);
    let after = as_before(&scene, &before)?;
    println!(
        "{CLIENTS} hostile clients: {answers:?}; root's thaw took {took:?}\n  before {before:?}\n  during {during:?}\n  then   \
         {most:?}\n  after  {after:?}"
    );
    ensure!(took < Duration::from_secs(3), "the decision took {took:?}");
    assert_eq!(ask_json(&["incident", "1"])?["state"], "thawed");
    drop(job);
    scene.end().map(drop)
}

#[test]
fn a_thousand_that_ask_for_the_status_are_answered_or_told_why_not() -> Result<()> {
    let users = [Account::unlisted()?, Account::unlisted()?, Account::unlisted()?, Account::unlisted()?];
    let mut scene =
        filled_with(|policy| users.iter().fold(policy, |policy, user| policy.role("view", user.uid())))?;
    ask_json(&["status"])?;
    until_looked()?;
    let before = Taken::by(scene.daemon.pid())?;
    let began = Instant::now();
    let mut clients: Vec<(UnixStream, Vec<u8>)> = Vec::new();
    for user in &users {
        let some = connected(user, CLIENTS / users.len(), |_| STATUS)?;
        clients.extend(some.into_iter().map(|stream| (stream, Vec::new())));
    }
    let (took, job) = is_stopped_and_let_go(&mut scene)?;
    let all = wait::until("each has its answer", || {
        let answers = answers(&mut clients);
        Ok(answers.keys().all(|(status, _)| *status != 0).then_some(answers))
    })?;
    let (within, most) = (began.elapsed(), Taken::by(scene.daemon.pid())?);
    let answered = all.get(&(200, String::new())).copied().unwrap_or_default();
    let told = all.get(&(429, "too_much".to_owned())).copied().unwrap_or_default();
    ensure!(answered >= 16 && answered + told == CLIENTS, "{all:?}");
    drop(clients);
    let after = as_before(&scene, &before)?;
    println!(
        "{CLIENTS} requests for the status: {answered} answered, {told} refused, within {within:?}; root's thaw took {took:?}\n  \
         before {before:?}\n  then   {most:?}\n  after  {after:?}"
    );
    ensure!(most.memory_kib <= before.memory_kib + MEMORY_KIB, "{most:?} after {before:?}");
    ensure!(took < Duration::from_secs(3), "the decision took {took:?}");
    drop(job);
    scene.end().map(drop)
}
