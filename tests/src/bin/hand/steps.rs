//! Steps: a system call as text.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::event::Timespec;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, linkat, openat, renameat_with, unlinkat};
use rustix::mount::MountFlags;

use crate::{bus, calls, contents, objects, processes, ring, steer};

/// Takes the steps for each of the first `count` files.
pub(crate) fn each(count: usize, steps: &[String]) -> Result<()> {
    for number in 0..count {
        let name = file_name(number);
        for step in steps {
            let step = step.replace("{}", &name);
            match step.strip_prefix('!') {
                None => take(&step).with_context(|| step.clone())?,
                Some(step) => ensure!(take(step).is_err(), "{step}: did not fail"),
            }
        }
    }
    Ok(())
}

/// Takes the steps for each of the first `count` files, again and again, until there is such a file; for how many in all.
pub(crate) fn until(file: &str, count: usize, steps: &[String]) -> Result<usize> {
    let mut taken = 0;
    while !Path::new(file).exists() {
        each(count, steps)?;
        taken += count;
    }
    Ok(taken)
}

/// The name of a file that the harness made.
pub(crate) fn file_name(number: usize) -> String {
    format!("f{number:04}")
}

fn take(step: &str) -> Result<()> {
    let words: Vec<_> = step.split_ascii_whitespace().collect();
    match *words {
        ["wait"] => wait()?,
        ["clock"] => println!("{}", tests::clock::boot_ns()),
        ["pass", time] => pass(Duration::from_millis(time.parse()?))?,
        ["chdir", to] => std::env::set_current_dir(to)?,
        ["next-cpu"] => processes::next_cpu()?,
        ["exec", program, ref arguments @ ..] => bail!(Command::new(program).args(arguments).exec()),
        ["fork-unlink", path] => calls::fork_unlink(path)?,
        ["continue", by, pid] => steer::go_on(by, pid.parse()?)?,
        ["trace", pid] => steer::trace(pid.parse()?)?,
        ["bpf-objects-of", pid] => objects::any_of(pid)?,

        ["born-in", directory] => drop(calls::fork_into(&File::open(directory)?)?),
        ["ask", socket] => calls::ask(UnixStream::connect(socket)?)?,
        ["io-uring-ask", socket] => calls::ask(ring::connect(socket)?)?,
        ["ask-port", address] => calls::ask(TcpStream::connect(address)?)?,
        ["start-unit", socket, unit, how] => bus::start_unit(socket, "StartTransientUnit", unit, how)?,
        ["stop-unit", socket, unit, how] => bus::start_unit(socket, "StopUnit", unit, how)?,

        ["unlink", path] => fs::remove_file(path)?,
        ["unlink-if-there", path] => fs::remove_file(path).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?,
        ["unlinkat", directory, name] => unlinkat(File::open(directory)?, name, AtFlags::empty())?,
        ["rmdir", path] => fs::remove_dir(path)?,
        ["unlink-unread", path] => calls::unlink_unread(path)?,
        ["unlink-nothing"] => calls::unlink_nothing()?,
        ["int80-unlink", path] => calls::int80_unlink(path)?,
        ["io-uring"] => drop(ring::make()?),
        ["io-uring-unlink", path] => ring::unlink(path)?,
        ["io-uring-rename", from, to] => ring::rename(from, to)?,
        ["io-uring-unlinkat", directory, name] => ring::unlink_at(directory, name)?,
        ["io-uring-empty", path] => ring::empty(path)?,
        ["io-uring-create", path] => ring::create(path)?,
        ["io-uring-overwrite", path] => ring::overwrite(path)?,
        ["io-uring-ftruncate", path, length] => ring::truncate(path, length.parse()?)?,
        ["io-uring-mkdir", path] => ring::mkdir(path)?,
        ["io-uring-symlink", target, path] => ring::symlink(target, path)?,
        ["io-uring-link", from, to] => ring::link(from, to)?,

        ["rename", from, to] => fs::rename(from, to)?,
        ["rename-new", from, to] => renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?,
        ["rename-whiteout", from, to] => renameat_with(CWD, from, CWD, to, RenameFlags::WHITEOUT)?,
        ["rename-from-nowhere", from, to] => calls::rename_from_nowhere(from, to, None)?,
        ["rename-to-nothing", from] => calls::rename_to_nothing(from)?,
        ["exchange-from-nowhere", one, other] => {
            calls::rename_from_nowhere(one, other, Some(libc::RENAME_EXCHANGE))?;
        }
        ["exchange", one, other] => renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?,

        ["bind-private", from, to] => {
            rustix::mount::mount(
                from,
                to,
                "",
                MountFlags::BIND | MountFlags::from_bits_retain(libc::MS_PRIVATE as u32),
                None,
            )?;
        }

        ["open", path] => drop(File::open(path)?),
        ["create-new", path] => drop(File::create_new(path)?),
        ["create", path] => writeln!(File::create(path)?, "made by hand")?,
        ["append", path] => drop(OpenOptions::new().append(true).create(true).open(path)?),
        ["creat", path] => calls::creat(path)?,
        ["empty-in-root", directory, path] => calls::empty_in_root(directory, path)?,
        ["open-path-truncate", path] => calls::open_path_truncate(path)?,
        ["mkdirs", path] => fs::create_dir_all(path)?,
        ["mkdir", path] => fs::create_dir(path)?,
        ["link", from, to] => fs::hard_link(from, to)?,
        ["link-followed", from, to] => linkat(CWD, from, CWD, to, AtFlags::SYMLINK_FOLLOW)?,
        ["symlink", target, path] => std::os::unix::fs::symlink(target, path)?,

        ["truncate", path, length] => calls::truncate(path, length.parse()?)?,
        // Opened in a way that does not count by itself.
        ["ftruncate", path, length] => {
            OpenOptions::new().append(true).open(path)?.set_len(length.parse()?)?;
        }
        ["unlink-and-ftruncate", path, length] => {
            let file = OpenOptions::new().append(true).open(path)?;
            fs::remove_file(path)?;
            file.set_len(length.parse()?)?;
        }
        ["overwrite", path] => OpenOptions::new().write(true).open(path)?.write_all(b"X")?,
        ["store", path] => contents::store(path)?,
        ["punch", path] => contents::punch(path)?,
        ["collapse", path] => contents::collapse(path)?,
        ["append-no-more", path] => contents::append_no_more(path)?,
        ["write-no-append", path] => contents::write_no_append(path)?,
        ["open-to-write", path] => drop(OpenOptions::new().read(true).write(true).open(path)?),
        ["empty-a-nameless-file", directory] => {
            let mut file = File::from(openat(CWD, directory, OFlags::TMPFILE | OFlags::RDWR, Mode::RUSR)?);
            file.write_all(b"nameless")?;
            file.set_len(0)?;
        }
        ["link-nameless", directory, path] => contents::link_nameless(directory, path)?,
        _ => bail!("not a step"),
    }
    Ok(())
}

/// Lets time go by.
fn pass(time: Duration) -> Result<()> {
    let begun = Instant::now();
    while let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        rustix::event::poll(&mut [], Some(&Timespec::try_from(left)?))?;
    }
    Ok(())
}

/// Makes so many files of our own.
pub(crate) fn decoys(from: usize, count: usize) -> Result<()> {
    (from..from + count).try_for_each(|number| {
        let name = format!("decoy{number}");
        File::create_new(&name).map(drop).context(name)
    })
}

/// Says that everything before is done, and reads a line.
fn wait() -> Result<()> {
    println!("waiting");
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}
