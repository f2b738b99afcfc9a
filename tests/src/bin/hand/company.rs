//! Calls that are not made alone: beside another thread, by a child that shares our memory, under a tracer, with a path
//! that somebody else can change.

use std::ffi::{CString, c_void};
use std::fs;
use std::io::{self, Write as _};
use std::ptr::null_mut;
use std::thread;

use anyhow::{Context as _, Result, ensure};

use crate::processes::unlink;
use crate::steps::file_name;

/// Another thread counts in a file for as long as it runs, while this one unlinks.
pub(crate) fn beside_thread(file: String, count: usize) -> Result<()> {
    fs::write(&file, "0").with_context(|| format!("cannot write {file}"))?;
    thread::spawn(move || (1_u64..).try_for_each(|number| fs::write(&file, number.to_string())));
    (0..count).try_for_each(unlink)
}

/// This thread waits for a child that shares its memory, which unlinks.
pub(crate) fn vfork_child(count: usize) -> Result<()> {
    extern "C" fn unlink_all(names: *mut c_void) -> i32 {
        // SAFETY: the names of `vfork_child`, which waits for us.
        let names = unsafe { &*names.cast::<Vec<CString>>() };
        // SAFETY: the texts end with a NUL.
        i32::from(!names.iter().all(|name| unsafe { libc::unlink(name.as_ptr()) } == 0))
    }
    let names: Vec<_> = (0..count).map(|number| CString::new(file_name(number))).collect::<Result<_, _>>()?;
    let child = share_memory(unlink_all, (&raw const names).cast_mut().cast())?;
    ended_well(child)
}

/// Another thread waits for such a child, which waits for a line to read, while this one unlinks.
pub(crate) fn beside_vfork(count: usize) -> Result<()> {
    extern "C" fn wait_for_a_line(_: *mut c_void) -> i32 {
        const SAID: &[u8] = b"waiting\n";
        let mut byte = 0_u8;
        // SAFETY: our own text and byte.
        unsafe {
            libc::write(1, SAID.as_ptr().cast(), SAID.len());
            while libc::read(0, (&raw mut byte).cast(), 1) == 1 && byte != b'\n' {}
        }
        0
    }
    let other = thread::spawn(|| share_memory(wait_for_a_line, null_mut()).and_then(ended_well));
    while !other.is_finished() && !has_child()? {
        thread::yield_now();
    }
    (0..count).try_for_each(unlink)?;
    println!("unlinked");
    crate::processes::join(other)
}

/// Children without end: a million of them take a minute.
pub(crate) fn spawn(count: usize) -> Result<()> {
    extern "C" fn end(_: *mut c_void) -> i32 {
        0
    }
    (0..count).try_for_each(|_| share_memory(end, null_mut()).and_then(ended_well))
}

/// Children that wait until they are killed, in our memory: each takes little of it.
pub(crate) fn idle(count: usize) -> Result<()> {
    extern "C" fn stay(_: *mut c_void) -> i32 {
        loop {
            // SAFETY: it comes back when there was a signal.
            unsafe { libc::pause() };
        }
    }
    const WORDS: usize = 512;
    let mut stacks = vec![0_u128; WORDS * count];
    let mut children = Vec::new();
    for stack in stacks.chunks_exact_mut(WORDS) {
        let flags = libc::CLONE_VM | libc::SIGCHLD;
        // SAFETY: the stack grows down from its end, is large enough for one call, and outlives the child.
        let child = unsafe { libc::clone(stay, stack.as_mut_ptr_range().end.cast(), flags, null_mut()) };
        ensure!(child > 0, "after {} children: {}", children.len(), io::Error::last_os_error());
        children.push(child);
    }
    println!("{count} children");
    let read = io::stdin().read_line(&mut String::new());
    for child in children {
        // SAFETY: numbers, and no status is asked for; nobody else waits for our children.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            libc::waitpid(child, null_mut(), 0);
        }
    }
    read.map(drop).context("cannot read the line")
}

/// Whether any of our threads has a child.
fn has_child() -> Result<bool> {
    let threads = fs::read_dir("/proc/self/task").context("cannot list our threads")?;
    let mut lists = threads.flatten().map(|thread| fs::read_to_string(thread.path().join("children")));
    Ok(lists.any(|list| list.is_ok_and(|list| !list.is_empty())))
}

/// A child that runs on in our memory; comes back when it has ended, as `vfork` does.
fn share_memory(work: extern "C" fn(*mut c_void) -> i32, argument: *mut c_void) -> Result<i32> {
    const WORDS: usize = 8192;
    let mut stack = vec![0_u128; WORDS]; // of u128, to be aligned as a stack must be
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack grows down from its end and is large enough for a few calls of the C library; it and the
    // argument live until the child has ended, since this thread is not run until then.
    let child = unsafe { libc::clone(work, stack.as_mut_ptr().add(WORDS).cast(), flags, argument) };
    ensure!(child > 0, io::Error::last_os_error());
    Ok(child)
}

fn ended_well(child: i32) -> Result<()> {
    let mut status = 0;
    // SAFETY: the status is ours to write to.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    ensure!(waited == child, io::Error::last_os_error());
    ensure!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "the child ended with {status:#x}");
    Ok(())
}

/// A child that is traced, and continued by its tracer whenever it stops, unlinks until that fails, and says why.
pub(crate) fn traced(count: usize) -> Result<()> {
    // SAFETY: the program has one thread, so the child is as whole as its parent.
    let child = unsafe { libc::fork() };
    ensure!(child >= 0, io::Error::last_os_error());
    if child == 0 {
        // SAFETY: numbers only.
        unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            libc::raise(libc::SIGSTOP);
        }
        let failure = (0..count).find_map(|number| fs::remove_file(file_name(number)).err());
        println!("errno {:?}", failure.and_then(|error| error.raw_os_error()));
        return Ok(());
    }
    loop {
        let mut status = 0;
        // SAFETY: the status is ours to write to.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        ensure!(waited == child, io::Error::last_os_error());
        if !libc::WIFSTOPPED(status) {
            return Ok(());
        }
        // SAFETY: numbers only; the last is no signal.
        unsafe { libc::ptrace(libc::PTRACE_CONT, child, 0, 0) };
    }
}

/// A child unlinks the first `count` files and then a path in memory that we share; when told to, we write another path
/// there.
pub(crate) fn rewrite(count: usize, first: &str, other: &str) -> Result<()> {
    let page = shared_page()?;
    put(page, first)?;
    // SAFETY: as in `traced`.
    let child = unsafe { libc::fork() };
    ensure!(child >= 0, io::Error::last_os_error());
    if child == 0 {
        (0..count).try_for_each(unlink)?;
        // SAFETY: the page holds a text and its NUL, before and after it is rewritten.
        let result = unsafe { libc::unlink(page.cast()) };
        ensure!(result == 0, io::Error::last_os_error());
        return Ok(());
    }
    io::stdin().read_line(&mut String::new())?;
    put(page, other)?;
    println!("rewritten");
    io::stdout().flush()?;
    ended_well(child)
}

const PAGE: usize = 4096;

fn shared_page() -> Result<*mut c_void> {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, which stays until the program ends.
    let page = unsafe { libc::mmap(null_mut(), PAGE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    ensure!(page != libc::MAP_FAILED, io::Error::last_os_error());
    Ok(page)
}

fn put(page: *mut c_void, path: &str) -> Result<()> {
    let text = CString::new(path)?;
    let text = text.as_bytes_with_nul();
    ensure!(text.len() <= PAGE, "the path is too long");
    // SAFETY: the page is as large as was checked and writable; who reads it meanwhile is in the kernel, and stopped.
    unsafe { page.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len()) };
    Ok(())
}
