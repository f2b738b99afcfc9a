//! One case: its ground, its act, what came of it.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::{Cgroup, Daemon, Event, Incident, Job, Operation, Outcome, wait};

use crate::cases::Case;
use crate::disk::{Ground, Snapshot};
use crate::judge::{self, Row};
use crate::people::{GROUP, Person, Shipped};
use crate::restore::{Before, Restored, trees};

const WORDS: &str = include_str!("../../../corpus/words.sh");
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What is still on its way to its own hold has come there after this, with nothing more said.
const QUIET: Duration = Duration::from_millis(500);

/// What all cases are played on.
pub(crate) struct Stage {
    pub(crate) daemon: Daemon,
    pub(crate) ground: Ground,
    pub(crate) shipped: Shipped,
    /// Whether what a case has destroyed is put back and compared.
    pub(crate) restores: bool,
}

/// How the act ended.
enum End {
    Held,
    /// As it should; else what it complained of.
    Ended(Option<String>),
}

impl Stage {
    /// Plays it, and puts everything back.
    pub(crate) fn play(&mut self, case: &Case, person: &Person) -> Result<Row> {
        let begun = Instant::now();
        let outcome = self.act(case, person);
        wait::go_on()?;
        self.ground.restore()?;
        let mut row = outcome.unwrap_or_else(|error| Row::broken(case, &error));
        row.in_all_seconds = begun.elapsed().as_secs_f64();
        Ok(row)
    }

    fn act(&mut self, case: &Case, person: &Person) -> Result<Row> {
        as_root(&case.prepare, person).context("prepare")?;
        let compares = self.restores && !case.benign;
        let kept = compares.then(Before::take).transpose().context("keep")?;
        let before = Snapshot::take()?;
        let begun = Instant::now();
        let group = Cgroup::new(&person.name)?;
        let job = Job::start(as_person(&case.act, person))?;
        group.take(job.pid())?;
        let end = self.until_over(&job, case, person)?;
        let seconds = begun.elapsed().as_secs_f64();
        let held = matches!(end, End::Held);
        if held {
            self.until_quiet(person)?;
        }
        let lost = before.lost(&Snapshot::take()?, &self.shipped.exceptions);
        let mut failure = match end {
            End::Held => None,
            End::Ended(complaint) => complaint,
        };
        if failure.is_none() && !(held && case.benign) {
            failure = as_root(&case.check, person).err().map(|error| format!("check: {error:#}"));
        }
        let operations = self.operations(person)?;
        drop(job);
        drop(group);
        let act = trees()?;
        self.put_an_end(person)?;
        let restored = match kept {
            Some(kept) => {
                kept.compare(&act, &self.open_ones(person)?, &self.shipped.exceptions).context("restore")?
            }
            None => Restored::default(),
        };
        let uses = judge::uses(&operations, &self.shipped.budgets);
        Ok(Row {
            name: case.name.clone(),
            benign: case.benign,
            held,
            closest: judge::closest(&uses, case.paced),
            near: case.near,
            wrong: judge::wrong(case, held, &uses, &lost, &restored, failure),
            uses,
            lost,
            restored,
            operations: operations.iter().map(said).collect(),
            seconds,
            in_all_seconds: 0.0,
            why: case.why.clone(),
            wants: case.wants.clone(),
        })
    }

    /// Until it waits for a person, or has ended and all that it did is known.
    fn until_over(&mut self, job: &Job, case: &Case, person: &Person) -> Result<End> {
        let mut ended = None;
        let over = wait::until(&format!("{} ends or is held", case.name), || {
            ended = ended.or(job.try_change().filter(|change| !matches!(change, Outcome::Stopped(_))));
            let over = ended.is_some() && (case.until.is_empty() || as_root(&case.until, person).is_ok());
            Ok((over || !self.incidents(person)?.is_empty()).then_some(()))
        });
        wait::go_on()?;
        self.catch_up(person)?;
        if !self.incidents(person)?.is_empty() {
            return Ok(End::Held);
        }
        Ok(End::Ended(match (over, ended) {
            (Ok(()), Some(Outcome::Exited(0))) => None,
            (_, other) => {
                Some(format!("{other:?}: {}", last_lines(&format!("{}{}", job.output()?, job.complaint()?))))
            }
        }))
    }

    /// Until everything that happened before now was reported.
    fn catch_up(&mut self, person: &Person) -> Result<()> {
        let last = Job::start(as_person("exit", person))?;
        self.daemon.joined(last.pid())
    }

    /// Until nothing more is reported of the account.
    fn until_quiet(&mut self, person: &Person) -> Result<()> {
        let mut said = 0;
        loop {
            wait::keep_distance(QUIET)?;
            let now =
                self.daemon.seen()?.iter().filter(|event| account_of(event) == Some(&person.account)).count();
            if now == said {
                return Ok(());
            }
            said = now;
        }
    }

    fn operations(&mut self, person: &Person) -> Result<Vec<Operation>> {
        let mut operations = self.daemon.operations()?;
        operations.retain(|operation| operation.account == person.account);
        Ok(operations)
    }

    /// Those in which a call of the account waited or was refused.
    fn incidents(&mut self, person: &Person) -> Result<Vec<Incident>> {
        let mut incidents: Vec<_> = self
            .daemon
            .seen()?
            .iter()
            .filter_map(|event| match event {
                Event::Held(held) if held.account == person.account => Some(held.incident),
                Event::Denied { incident, account, .. } if *account == person.account => {
                    Some(incident.unwrap_or(Incident::NONE))
                }
                _ => None,
            })
            .collect();
        incidents.dedup();
        Ok(incidents)
    }

    /// The same, by their numbers.
    fn open_ones(&mut self, person: &Person) -> Result<Vec<Incident>> {
        let mut incidents = self.incidents(person)?;
        incidents.retain(|incident| *incident != Incident::NONE);
        incidents.sort_by_key(|incident| incident.0);
        incidents.dedup();
        Ok(incidents)
    }

    /// What is left of the case's processes ends, also what was started by others in its name. A loop among that goes on when the
    /// call of it that waits is ended, into the next case: so it is over only when nobody acts for the account any more.
    fn put_an_end(&mut self, person: &Person) -> Result<()> {
        for incident in self.incidents(person)?.into_iter().filter(|incident| *incident != Incident::NONE) {
            incident.try_to("kill")?; // closed by itself if all of its processes ended with the job
        }
        wait::until("the account's processes end", || {
            let mut left = tests::proc::of_user(person.uid)?;
            left.retain(|process| !process.is_zombie());
            left.iter().for_each(tests::proc::Process::kill);
            if !left.is_empty() {
                return Ok(None);
            }
            if processes_of(person)? == 0 {
                return Ok(Some(()));
            }
            kill_all(person)?;
            Ok(None)
        })
    }
}

/// Ends all of the account's processes, whoever has started them. What an earlier try has frozen may have been confirmed too late for its
/// answer, and is no news to the next one.
fn kill_all(person: &Person) -> Result<()> {
    let _ = tests::ask(&["freeze", "--account", &person.account, "--reason", "the case is over"])?; // of whoever is left
    let open = tests::ask_json(&["incidents", "--open", "--account", &person.account])?;
    let ids = open.as_array().into_iter().flatten().filter_map(|one| one["id"].as_u64());
    ids.map(Incident).try_for_each(|incident| incident.try_to("kill").map(drop))
}

/// How many processes act for the account.
fn processes_of(person: &Person) -> Result<u64> {
    let accounts = tests::ask_json(&["accounts"])?;
    let mut accounts = accounts.as_array().into_iter().flatten();
    let account = accounts.find(|account| account["name"] == person.account.as_str());
    account.and_then(|account| account["processes"].as_u64()).context("the account is watched")
}

fn said(operation: &Operation) -> String {
    format!("{} {} by {}", operation.kinds.join("+"), operation.path, operation.comm)
}

fn account_of(event: &Event) -> Option<&String> {
    match event {
        Event::Operation(operation) => Some(&operation.account),
        Event::Held(held) => Some(&held.account),
        Event::Denied { account, .. } => Some(account),
        _ => None,
    }
}

fn shell(text: &str, person: &Person) -> Command {
    let mut command = Command::new("/bin/bash");
    command.args(["-e", "-c", &format!("{WORDS}\n{text}")]);
    command.env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").env("CASE_USER", &person.name);
    command
}

fn as_person(text: &str, person: &Person) -> Command {
    let mut command = shell(text, person);
    command.uid(person.uid).gid(GROUP).env("HOME", &person.home).env("USER", &person.name);
    command.current_dir(&person.home);
    command
}

fn as_root(text: &str, person: &Person) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut command = shell(text, person);
    command.env("HOME", "/root").current_dir("/").stdin(Stdio::null());
    let output = command.output().context("cannot run bash")?;
    ensure!(
        output.status.success(),
        "{}: {}",
        output.status,
        last_lines(&String::from_utf8_lossy(&output.stderr))
    );
    Ok(())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(4)..].join(" | ")
}
