//! The life of burstguard's package on a whole Debian with systemd and Prometheus: installed, asked, restarted, upgraded, rebooted,
//! purged. `cargo xtask vm --system` boots the machine, whose errand this is, and reads what it says as it reads a test harness.
//!
//! For a guest only: it does to the host what its administrators would, and boots it anew twice.

mod book;
mod ground;
mod host;
mod prometheus;
mod scenes;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tests::wait;

use crate::book::Book;
use crate::scenes::{BOOTS, Scene};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("system: {error:#}");
            println!("guest: ended with 1");
            let _ = host::run(&["systemctl", "--force", "--force", "poweroff"]); // else the host's deadline ends it
            ExitCode::FAILURE
        }
    }
}

/// One boot: its scenes, and then the next boot, or the verdict.
fn run() -> Result<()> {
    ensure!(Path::new(host::PACKAGE).is_file(), "this is no guest: `cargo xtask vm --system` makes one");
    wait::catch_signals()?;
    let mut book = Book::open()?;
    let boot = book.begin_boot()?;
    let scenes =
        BOOTS.get(boot).with_context(|| format!("it has booted {boot} times, and nobody wanted that"))?;
    for (name, scene) in *scenes {
        play(&mut book, name, *scene)?;
    }
    if boot + 1 < BOOTS.len() {
        println!("system: boots anew");
        return host::run(&["systemctl", "--no-block", "reboot"]).map(drop);
    }
    let failed = book.tell();
    println!("guest: ended with {}", u8::from(failed > 0));
    host::run(&["systemctl", "--no-block", "poweroff"]).map(drop)
}

/// Plays a scene and writes down what became of it. One that fails leaves the next ones a host on which nothing waits.
fn play(book: &mut Book, name: &'static str, scene: Scene) -> Result<()> {
    let begun = Instant::now();
    let outcome = scene(book);
    let seconds = begun.elapsed().as_secs_f64();
    match &outcome {
        Ok(()) => println!("test {name} ... ok ({seconds:.1} s)"),
        Err(error) => {
            println!("test {name} ... FAILED ({seconds:.1} s)\n{error:#}\n{}", host::circumstances());
            host::calm();
        }
    }
    book.note_played(name, outcome.is_ok())
}
