//! System calls that the standard library has another way for.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::ptr::null;

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use tests::Service;

/// `truncate(2)`; the standard library opens the file first.
pub(crate) fn truncate(path: &str, length: i64) -> Result<()> {
    let path = CString::new(path)?;
    // SAFETY: the text ends with a NUL and lives until the call is over.
    done(unsafe { libc::truncate(path.as_ptr(), length) })
}

/// `renameat(2)`, or `renameat2(2)` with flags, from and to absolute paths: the descriptors, which are none, say nothing.
pub(crate) fn rename_from_nowhere(from: &str, to: &str, flags: Option<u32>) -> Result<()> {
    const NONE: i32 = -1;
    ensure!(from.starts_with('/') && to.starts_with('/'), "a relative path leads nowhere from there");
    let (from, to) = (CString::new(from)?, CString::new(to)?);
    let (from, to) = (from.as_ptr(), to.as_ptr());
    // SAFETY: the texts end with a NUL and live until the call is over, in both calls.
    let result = unsafe {
        match flags {
            None => libc::syscall(libc::SYS_renameat, NONE, from, NONE, to),
            Some(flags) => libc::syscall(libc::SYS_renameat2, NONE, from, NONE, to, flags),
        }
    };
    done(result as i32)
}

/// A child in this control group; its id, none in the child.
pub(crate) fn fork_into(group: &File) -> Result<Option<u32>> {
    // libc's own is too narrow for it.
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let mut arguments = libc::clone_args {
        flags: CLONE_INTO_CGROUP,
        pidfd: 0,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: group.as_raw_fd() as u64,
    };
    // SAFETY: as fork, which a process of one thread may call: memory is copied.
    let child = unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>()) };
    done(child.min(0) as i32)?;
    Ok(u32::try_from(child).ok().filter(|child| *child > 0))
}

/// `unlink` of no path at all.
pub(crate) fn unlink_nothing() -> Result<()> {
    // SAFETY: the kernel, which reads the text, takes any address, and answers that there is nothing at this one.
    done(unsafe { libc::syscall(libc::SYS_unlink, null::<u8>()) } as i32)
}

/// `rename` to no path at all.
pub(crate) fn rename_to_nothing(from: &str) -> Result<()> {
    let from = CString::new(from)?;
    // SAFETY: as in `unlink_nothing`, and the first text lives until the call is over.
    done(unsafe { libc::syscall(libc::SYS_rename, from.as_ptr(), null::<u8>()) } as i32)
}

/// Empties a file by a path that cannot leave the directory, not even by being absolute.
pub(crate) fn empty_in_root(directory: &str, path: &str) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::TRUNC;
    openat2(File::open(directory)?, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
    Ok(())
}

/// An open that looks as if it emptied the file: with `O_PATH` the kernel takes no notice of `O_TRUNC`.
pub(crate) fn open_path_truncate(path: &str) -> Result<()> {
    openat(CWD, path, OFlags::PATH | OFlags::TRUNC, Mode::empty())?;
    Ok(())
}

/// `creat(2)`; the C library opens instead.
pub(crate) fn creat(path: &str) -> Result<()> {
    let path = CString::new(path)?;
    // SAFETY: as above. The descriptor stays open until the program ends.
    let descriptor = unsafe { libc::syscall(libc::SYS_creat, path.as_ptr(), 0o644) };
    ensure!(descriptor >= 0, io::Error::last_os_error());
    Ok(())
}

/// Unlinks a file whose path lies in a page that this process has not touched: only the call itself brings it in.
pub(crate) fn unlink_unread(path: &str) -> Result<()> {
    let text = CString::new(path)?;
    let memory = rustix::fs::memfd_create("path", rustix::fs::MemfdFlags::empty())?;
    rustix::io::write(&memory, text.as_bytes_with_nul())?;
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&memory);
    // SAFETY: a new mapping, which stays until the program ends.
    let page =
        unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, descriptor, 0) };
    ensure!(page != libc::MAP_FAILED, io::Error::last_os_error());
    // SAFETY: the mapping holds the text and its NUL.
    done(unsafe { libc::unlink(page.cast()) })
}

/// A child that unlinks the file and ends.
pub(crate) fn fork_unlink(path: &str) -> Result<()> {
    let path = CString::new(path)?;
    // SAFETY: the program has one thread, and the child makes two system calls.
    let child = unsafe { libc::fork() };
    ensure!(child >= 0, io::Error::last_os_error());
    if child == 0 {
        // SAFETY: as in `truncate`; ends the child without running what belongs to its parent.
        unsafe {
            libc::unlink(path.as_ptr());
            libc::_exit(0);
        }
    }
    let mut status = 0;
    // SAFETY: the status is ours to write to.
    done(unsafe { libc::waitpid(child, &raw mut status, 0) }.min(0))
}

/// Asks whoever has been connected to for anything, and waits until it is done.
pub(crate) fn ask(mut stream: impl io::Read + io::Write) -> Result<()> {
    stream.write_all(b"!")?;
    ensure!(io::read_to_string(stream)? == "done\n", "nothing was done");
    Ok(())
}

/// Does nothing for whoever asks there, and says that it is done; ends with a line to read.
pub(crate) fn listen(socket: &str) -> Result<()> {
    let _service = Service::at(Path::new(socket))?;
    println!("listening");
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}

/// Connects, forks, and leaves the asking to the child.
pub(crate) fn ask_orphaned(socket: &str, path: &str) -> Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    let own = rustix::process::getpid();
    // SAFETY: the program has one thread, so the child is as whole as its parent.
    let child = unsafe { libc::fork() };
    ensure!(child >= 0, io::Error::last_os_error());
    if child > 0 {
        return Ok(());
    }
    while rustix::process::getppid() == Some(own) {
        std::thread::yield_now();
    }
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    io::copy(&mut stream, &mut io::stdout())?;
    Ok(())
}

/// Changes the effective user alone.
pub(crate) fn set_effective_user(uid: u32) -> Result<()> {
    // SAFETY: numbers only.
    done(unsafe { libc::seteuid(uid) }).with_context(|| format!("seteuid({uid})"))
}

/// Ends the calling thread and lets the others run on.
pub(crate) fn exit_thread() -> ! {
    // SAFETY: SYS_exit ends this thread and does not come back; nothing of this thread's stack is lent to another.
    unsafe {
        libc::syscall(libc::SYS_exit, 0);
    }
    unreachable!("the thread has exited")
}

/// The 32-bit `unlink`, from a 64-bit program.
#[cfg(target_arch = "x86_64")]
pub(crate) fn int80_unlink(path: &str) -> Result<()> {
    const UNLINK: i64 = 10;
    let low = LowMemory::with(path)?;
    let mut answer = UNLINK;
    // SAFETY: the call reads the text and changes no register but rax. rbx is the compiler's own: it is put back.
    unsafe {
        core::arch::asm!(
            "xchg rbx, {path}",
            "int 0x80",
            "xchg rbx, {path}",
            path = inout(reg) u64::from(low.address()) => _,
            inout("rax") answer,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    // The answer is a 32-bit number; errors are the small negative ones.
    let errno = -(answer as i32);
    ensure!(errno == 0, io::Error::from_raw_os_error(errno));
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn int80_unlink(_: &str) -> Result<()> {
    anyhow::bail!("only x86-64 has these calls")
}

/// A page that 32-bit system calls can reach, holding a path.
#[cfg(target_arch = "x86_64")]
struct LowMemory {
    page: *mut libc::c_void,
}

#[cfg(target_arch = "x86_64")]
impl LowMemory {
    const SIZE: usize = 4096;

    fn with(path: &str) -> Result<Self> {
        let text = CString::new(path)?;
        let text = text.as_bytes_with_nul();
        ensure!(text.len() <= Self::SIZE, "the path is too long");
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        // SAFETY: a new mapping of our own.
        let page = unsafe {
            libc::mmap(std::ptr::null_mut(), Self::SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        ensure!(page != libc::MAP_FAILED, io::Error::last_os_error());
        // SAFETY: the page is as large as was checked, writable, and nobody else knows of it.
        unsafe { page.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len()) };
        Ok(Self { page })
    }

    fn address(&self) -> u32 {
        self.page.addr() as u32 // MAP_32BIT: below 2 GiB
    }
}

#[cfg(target_arch = "x86_64")]
impl Drop for LowMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing points into it any more.
        unsafe { libc::munmap(self.page, Self::SIZE) };
    }
}

fn done(result: i32) -> Result<()> {
    ensure!(result == 0, io::Error::last_os_error());
    Ok(())
}
