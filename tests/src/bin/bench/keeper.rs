//! What it costs to keep versions of files that honest work changes all the time, and how far behind they are.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tests::{Account, Daemon, Ground, Policy, ask_json, proc, wait};

use crate::row::Row;
use crate::scale::Scale;

const DIRECTORIES: usize = 100;
const FILES: usize = 100;
/// Changes a second.
const RATE: u32 = 10;
/// How long the first look may take.
const FIRST: Duration = Duration::from_mins(4);

pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
    let account = Account::new()?;
    let ground = Ground::new(&account)?;
    for directory in 0..DIRECTORIES {
        let path = ground.tree().join(format!("d{directory}"));
        fs::create_dir(&path)?;
        for file in 0..FILES {
            fs::write(path.join(format!("f{file}")), text(directory * FILES + file))?;
        }
    }
    let began = Instant::now();
    let mut daemon = Daemon::start(&Policy::new(account.name(), &ground.tree()).observe(), ground.base())?;
    // It lets everybody else go first, so this takes as long as the host is busy.
    while ask_json(&["status"])?["keeper"]["looked_at"].is_null() {
        ensure!(began.elapsed() < FIRST, "the first look takes longer than {} s", FIRST.as_secs());
        wait::keep_distance(Duration::from_millis(100))?;
    }
    let first = began.elapsed().as_secs_f64();
    let thread = thread(daemon.pid())?;
    let before = proc::ran(&thread)?;
    let began = Instant::now();
    let mut behind = Vec::new();
    for change in 0..RATE * u32::try_from(scale.churn.as_secs())? {
        make(&ground.tree(), change as usize)?;
        if change % RATE == 0 {
            let standing = &ask_json(&["status"])?["keeper"];
            behind.push(standing["behind_ms"].as_f64().context("how far it is behind")?);
        }
        let next = Duration::from_secs(1) / RATE * (change + 1);
        wait::keep_distance(next.saturating_sub(began.elapsed()))?;
    }
    let share = (proc::ran(&thread)? - before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    daemon.end()?;
    Ok(vec![
        Row::new("the keeper's first look at 10,000 files, from the start", "s", vec![first]),
        Row::new("the keeper meanwhile, at 10 changes a second", "% of one CPU", vec![share]).always(1.0),
        Row::new("the oldest change that was not kept yet", "ms", behind).mostly(5000.0),
    ])
}

/// Of ten changes six replace a file as honest programs do, two change one in place, one makes another and one takes that away.
fn make(tree: &Path, change: usize) -> Result<()> {
    let directory = tree.join(format!("d{}", change * 7 % DIRECTORIES));
    let file = directory.join(format!("f{}", change * 13 % FILES));
    let text = text(change + DIRECTORIES * FILES);
    match change % 10 {
        0..=5 => {
            let aside = directory.join(".tmp");
            fs::write(&aside, text)?;
            fs::rename(aside, file)?;
        }
        6 | 7 => fs::write(file, text)?,
        8 => fs::write(directory.join("new"), text)?,
        _ => fs::remove_file(tree.join(format!("d{}/new", (change - 1) * 7 % DIRECTORIES)))?,
    }
    Ok(())
}

/// One or two kilobytes, as no other file has them.
fn text(number: usize) -> String {
    format!("{number} of honest work\n").repeat(60 + number % 40)
}

/// The directory of the daemon's thread in /proc.
fn thread(daemon: u32) -> Result<std::path::PathBuf> {
    let is_it = |path: &Path| fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "keeper");
    let threads = fs::read_dir(format!("/proc/{daemon}/task"))?.filter_map(|entry| Some(entry.ok()?.path()));
    threads.into_iter().find(|path| is_it(path)).context("no thread keeps anything")
}
