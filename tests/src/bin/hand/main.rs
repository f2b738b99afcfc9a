//! What no tool does: exactly these system calls, in this order, from this thread.
//!
//! A step is a word for a system call and its arguments, see `steps`. In a step `{}` is the name of a file that the
//! harness made, `f0000` and on. A step that fails ends the program with an error; one that begins with `!` has to fail.

mod bus;
mod calls;
mod company;
mod contents;
mod gang;
mod landlock;
mod objects;
mod processes;
mod ring;
mod steer;
mod steps;
mod timing;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Makes system calls for the tests.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    /// Take the steps, once for each of the first COUNT files
    Each { count: usize, steps: Vec<String> },
    /// Take them again and again, once for each of the first COUNT files, until FILE is there; print how often
    Until { file: String, count: usize, steps: Vec<String> },
    /// Take the steps with DIRECTORY as the root
    InRoot { how: processes::How, directory: String, count: usize, steps: Vec<String> },
    /// Make COUNT files that nobody asked for, numbered FROM
    Decoys { from: usize, count: usize },
    /// Unlink the first COUNT files from as many THREADS at once, which all begin together
    Threads { threads: usize, count: usize },
    /// Unlink the first COUNT files from as many PROCESSES at once, which all begin together
    Processes { processes: usize, count: usize },
    /// Unlink the first COUNT files from as many CHILDREN, made one after the other without a pause
    Storm { children: usize, count: usize },
    /// Unlink the first COUNT files through one ring
    RingAll {
        count: usize,
        #[arg(long, default_value = "waiting")]
        how: ring::How,
    },
    /// Unlink the first COUNT files from a thread, after the main thread has exited
    WithoutLeader { count: usize },
    /// Unlink the first COUNT files while another thread counts in FILE
    BesideThread { file: String, count: usize },
    /// Unlink the first COUNT files from a child that the main thread waits for as after vfork
    VforkChild { count: usize },
    /// Unlink the first COUNT files while another thread waits for such a child, which waits for a line to read
    BesideVfork { count: usize },
    /// Unlink the first COUNT files under a tracer that continues whatever stops, and print why the last failed
    Traced { count: usize },
    /// Unlink the first COUNT files, then the path FIRST, which becomes OTHER when there is a line to read
    Rewrite { count: usize, first: String, other: String },
    /// Execute a program from a thread that is not the main one
    ExecFromThread { program: String, arguments: Vec<String> },
    /// Make COUNT children one after the other, each of which ends at once
    Spawn { count: usize },
    /// Make children that stay, until there are MOST or no more can be made; print how many and why no more, and wait for a line to read
    Brood { most: usize },
    /// Print the id of a child that is born in the control group at DIRECTORY, and wait for a line to read
    BornIn { directory: String },
    /// As root: change only the effective user, unlink the first COUNT files, change back
    AsEffective { uid: u32, count: usize },
    /// Listen at a socket until there is a line to read
    Listen { socket: String },
    /// Connect to a socket and fork; when the one that has connected is gone, the other asks for PATH, and prints the answer
    AskOrphaned { socket: String, path: String },
    /// Open the first file for overwriting COUNT times
    Overwrite { count: usize },
    /// On one CPU, do this to COUNT files of the working directory, and print the ns of one that is undisturbed
    Time {
        what: timing::What,
        cpu: usize,
        count: usize,
        /// What their names begin with
        #[arg(long, default_value = "f")]
        prefix: char,
        /// First take from ourselves all that destroys, but below this directory and as many more as are named
        #[arg(long)]
        landlock: Vec<String>,
    },
    /// Make COUNT children that do nothing and run no program, say so, and end them when there is a line to read
    Idle { count: usize },
    /// On one CPU, run a program that does nothing COUNT times, and print the ns of an undisturbed run, from fork to exit
    TimeRuns { cpu: usize, count: usize },
}

fn main() -> Result<ExitCode> {
    match Cli::parse().deed {
        Deed::Each { count, steps } => steps::each(count, &steps)?,
        Deed::Until { file, count, steps } => println!("{}", steps::until(&file, count, &steps)?),
        Deed::InRoot { how, directory, count, steps } => {
            processes::enter(how, &directory)?;
            steps::each(count, &steps)?;
        }
        Deed::Decoys { from, count } => steps::decoys(from, count)?,
        Deed::Threads { threads, count } => processes::threads(threads, count)?,
        Deed::Processes { processes, count } => gang::processes(processes, count)?,
        Deed::Storm { children, count } => gang::storm(children, count)?,
        Deed::RingAll { count, how } => ring::unlink_all(count, how)?,
        Deed::WithoutLeader { count } => processes::without_leader(count)?,
        Deed::BesideThread { file, count } => company::beside_thread(file, count)?,
        Deed::VforkChild { count } => company::vfork_child(count)?,
        Deed::BesideVfork { count } => company::beside_vfork(count)?,
        Deed::Traced { count } => company::traced(count)?,
        Deed::Rewrite { count, first, other } => company::rewrite(count, &first, &other)?,
        Deed::ExecFromThread { program, arguments } => processes::exec_from_thread(program, arguments)?,
        Deed::Spawn { count } => company::spawn(count)?,
        Deed::Brood { most } => processes::brood(most)?,
        Deed::BornIn { directory } => processes::born_in(&directory)?,
        Deed::AsEffective { uid, count } => processes::as_effective(uid, count)?,
        Deed::Listen { socket } => calls::listen(&socket)?,
        Deed::AskOrphaned { socket, path } => calls::ask_orphaned(&socket, &path)?,
        Deed::Overwrite { count } => contents::overwrite(count)?,
        Deed::TimeRuns { cpu, count } => println!("{}", timing::runs(cpu, count)?),
        Deed::Time { what, cpu, count, prefix, landlock } => {
            landlock::restrict(&landlock)?;
            println!("{}", timing::files(what, cpu, count, prefix)?);
        }
        Deed::Idle { count } => company::idle(count)?,
    }
    Ok(ExitCode::SUCCESS)
}
