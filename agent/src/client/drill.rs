//! `burstguard drill`: a harmless burst, by nobody who does any work and in a directory of its own, followed from the first deletion to
//! the alert.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    Failure,
    ask::{self, Because},
    bundle, complete,
    session::Session,
    term::{clean, count, took},
};
use crate::{
    api::{
        AccountView, DrillBody, IncidentDetail, IncidentSummary, LONGEST_WAIT, Moved, Reason, ReasonBody,
        Reloaded, State,
    },
    policy::drill::Drill as Of,
};

#[derive(Debug, Args)]
pub(crate) struct Drill {
    /// Like which account: with its budgets, its response and its deadline.
    #[arg(long, value_name = "NAME", add = complete::accounts(), required_unless_present = "end")]
    account: Option<String>,
    /// Follow it to the alert: where Prometheus is asked, such as 127.0.0.1:9090.
    #[arg(long, value_name = "HOST:PORT")]
    prometheus: Option<String>,
    /// Leave what waits to the responders, and go on following until one of them has decided.
    #[arg(long)]
    leave_open: bool,
    /// Follow it for so long at most.
    #[arg(long = "for", value_name = "DURATION", value_parser = ask::seconds, default_value = "5m", add = complete::durations())]
    for_s: u64,
    /// End a drill whose command was interrupted, and nothing else.
    #[arg(long, conflicts_with_all = ["account", "prometheus", "leave_open"])]
    end: bool,
    #[command(flatten)]
    because: Because,
}

/// How much more than the budget allows is deleted.
const MORE: u64 = 5;
/// How many files there are if the account may delete any number.
const MOST: u64 = 1024;
/// Where the directory of the drill is.
const HOME: &str = "/var/tmp";
/// How often it is looked how things stand.
const LOOK: Duration = Duration::from_millis(100);

/// Something that was seen.
#[derive(Debug, Serialize)]
struct Step {
    /// Since the burst began.
    after_us: u64,
    what: String,
}

/// What came of a drill.
#[derive(Debug, Serialize)]
struct Drilled {
    account: String,
    incident: Option<u64>,
    /// Of the files: how many there were, how many are gone, and how many the budget allows.
    files: u64,
    gone: u64,
    budget: u64,
    state: Option<State>,
    /// The alert that fired.
    alert: Option<String>,
    /// Who decided, unless the drill did.
    decided_by: Option<String>,
    steps: Vec<Step>,
}

impl Drill {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { account, prometheus, leave_open, for_s, end, because } = self;
        let reason = because.reason(session)?;
        let Some(account) = account.filter(|_| !end) else {
            let daemon = session.daemon.patiently(LONGEST_WAIT);
            let done: Reloaded = daemon.post("/v1/drill/end", &ReasonBody { reason })?;
            return session.done("drill", &done, |_| "the drill is over\n".to_owned());
        };
        let directory = directory()?;
        let tree = directory.path().to_owned();
        let body = DrillBody { account: account.clone(), tree, reason: reason.clone() };
        let _: Reloaded = session.daemon.patiently(LONGEST_WAIT).post("/v1/drill", &body)?;
        let played = Play::new(session, Of::name(&account), directory.path(), for_s)
            .and_then(|play| play.play(prometheus.as_deref(), leave_open, &reason));
        // Whatever came of it.
        let ended: Result<Reloaded, _> =
            session.daemon.patiently(LONGEST_WAIT).post("/v1/drill/end", &ReasonBody { reason });
        if let Err(failure) = ended {
            eprintln!("the drill is not over, end it by burstguard drill --end: {}", failure.text());
            return Err(played.err().unwrap_or(failure));
        }
        let drilled = played?;
        session.done("drill", &drilled, |_| text(&drilled))?;
        drilled.judge(prometheus.is_some())
    }
}

/// Root's, and empty; everybody may look.
fn directory() -> Result<TempDir, Failure> {
    let make = || {
        let directory = tempfile::Builder::new().prefix("burstguard-drill-").tempdir_in(HOME)?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        Ok(directory)
    };
    make().map_err(|error: io::Error| {
        Failure::failed(format!(
            "cannot make a directory for the drill in {HOME}: {error}; a drill needs root"
        ))
    })
}

/// A drill under way.
struct Play<'a> {
    session: &'a Session,
    name: String,
    tree: &'a Path,
    deadline: Instant,
    begun: Instant,
    /// The newest incident before it: an account of this name may have had one in an earlier drill.
    before: u64,
    steps: Vec<Step>,
}

impl<'a> Play<'a> {
    fn new(session: &'a Session, name: String, tree: &'a Path, for_s: u64) -> Result<Self, Failure> {
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs(for_s);
        let incidents: Vec<IncidentSummary> = session.daemon.get("/v1/incidents")?;
        let before = incidents.iter().map(|one| one.id).max().unwrap_or_default();
        Ok(Self { session, name, tree, deadline, begun, before, steps: Vec::new() })
    }

    fn play(
        mut self,
        prometheus: Option<&str>,
        leave_open: bool,
        reason: &Reason,
    ) -> Result<Drilled, Failure> {
        let budget = self.budget()?;
        let files = (budget + MORE).min(MOST);
        let paths = self.fill(files)?;
        self.begun = Instant::now();
        let mut burst = Burst::start(self.session.socket(), &self.name, &paths)?;
        self.note(format!("rm of {} begins, the budget is {budget}", count(files, "file", "files")));
        let incident = self.until_incident(&mut burst)?;
        let gone = files - self.left()?;
        let mut drilled = Drilled {
            account: self.name.clone(),
            incident: incident.as_ref().map(|incident| incident.id),
            files,
            gone,
            budget,
            state: incident.as_ref().map(|incident| incident.state),
            alert: None,
            decided_by: None,
            steps: Vec::new(),
        };
        if let Some(incident) = incident {
            let word = format!("{:?}", incident.state).to_lowercase();
            self.note(format!("incident {}: {word}, {gone} are gone", incident.id));
            let alert = prometheus.map(|at| self.until_alert(at)).transpose();
            drilled.decided_by = self.until_decided(incident.id, leave_open, reason)?;
            drilled.alert = alert?.flatten();
        } else {
            self.note(format!("no incident, and {gone} are gone"));
        }
        drop(burst);
        drilled.steps = self.steps;
        Ok(drilled)
    }

    fn note(&mut self, what: String) {
        let after_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.steps.push(Step { after_us, what });
    }

    fn budget(&self) -> Result<u64, Failure> {
        let accounts: Vec<AccountView> = self.session.daemon.get("/v1/accounts")?;
        let account = accounts.into_iter().find(|account| account.name == self.name);
        let budgets = account.map(|account| account.budgets).unwrap_or_default();
        Ok(budgets.iter().find(|budget| budget.kind == "deletes").map_or(0, |budget| budget.limit))
    }

    fn fill(&self, files: u64) -> Result<Vec<PathBuf>, Failure> {
        let paths: Vec<_> = (1..=files).map(|number| self.tree.join(format!("{number}.conf"))).collect();
        for path in &paths {
            fs::write(path, "a drill\n")
                .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
        }
        Ok(paths)
    }

    fn left(&self) -> Result<u64, Failure> {
        let read = fs::read_dir(self.tree);
        let read =
            read.map_err(|error| Failure::failed(format!("cannot list {}: {error}", self.tree.display())))?;
        Ok(read.count() as u64)
    }

    /// The drill's incident, if one comes of it before its program has ended for a while.
    fn until_incident(&self, burst: &mut Burst) -> Result<Option<IncidentSummary>, Failure> {
        let mut ended = None;
        while Instant::now() < self.deadline {
            let incidents: Vec<IncidentSummary> = self.session.daemon.get("/v1/incidents")?;
            let is_own =
                |one: &IncidentSummary| one.id > self.before && one.account.as_deref() == Some(&self.name);
            let own = incidents.into_iter().find(is_own);
            if own.is_some() {
                return Ok(own);
            }
            if ended.is_none() && burst.has_ended() {
                ended = Some(Instant::now());
            }
            if ended.is_some_and(|ended| ended.elapsed() > Duration::from_secs(3)) {
                break;
            }
            pause();
        }
        Ok(None)
    }

    /// The alert that Prometheus fires for it, if it does in time.
    fn until_alert(&mut self, at: &str) -> Result<Option<String>, Failure> {
        while Instant::now() < self.deadline {
            if let Some(alert) = firing(at, &self.name)? {
                self.note(format!("{alert} fires in Prometheus"));
                return Ok(Some(alert));
            }
            pause();
        }
        self.note("no alert fires in Prometheus".to_owned());
        Ok(None)
    }

    /// Who has decided about it; none: nobody, so that it was ended here.
    fn until_decided(
        &mut self,
        id: u64,
        leave_open: bool,
        reason: &Reason,
    ) -> Result<Option<String>, Failure> {
        let path = format!("/v1/incidents/{id}");
        let look = || self.session.daemon.get(&path).map(|IncidentDetail { summary, .. }| summary);
        let waits = |summary: &IncidentSummary| {
            matches!(summary.state, State::Held | State::Stopped | State::Freezing | State::Frozen)
        };
        let mut now = look()?;
        let waited = waits(&now);
        while leave_open && waits(&now) && Instant::now() < self.deadline {
            pause();
            now = look()?;
        }
        if waits(&now) {
            let body = ReasonBody { reason: reason.clone() };
            let _: Moved = self.session.daemon.post(&format!("{path}/kill"), &body)?;
            self.note("ended by the drill".to_owned());
            return Ok(None);
        }
        let by = now.by.filter(|_| waited).map(|by| by.to_string());
        if let Some(by) = &by {
            self.note(format!("{by} has decided: {}", format!("{:?}", now.state).to_lowercase()));
        }
        Ok(by)
    }
}

#[expect(clippy::disallowed_methods, reason = "a command that waits for others to act")]
fn pause() {
    std::thread::sleep(LOOK);
}

/// What deletes; it ends with the drill.
struct Burst(Child);

impl Burst {
    /// `rm`, as whoever it is that the account's are: by `burstguard exec`.
    fn start(socket: &Path, account: &str, files: &[PathBuf]) -> Result<Self, Failure> {
        let cannot = |error: io::Error| Failure::failed(format!("cannot start burstguard exec: {error}"));
        let program = std::env::current_exe().map_err(cannot)?;
        let mut exec = Command::new(program);
        exec.arg("exec")
            .arg("--socket")
            .arg(socket)
            .args(["--account", account, "--", "rm", "-f"])
            .args(files);
        exec.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        exec.spawn().map(Self).map_err(cannot)
    }

    /// Also if nobody can tell.
    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Burst {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An alert about this account that fires.
fn firing(prometheus: &str, account: &str) -> Result<Option<String>, Failure> {
    let answer = bundle::fetch_http(prometheus, "/api/v1/alerts").map_err(|error| {
        Failure::usage(
            format!("cannot ask Prometheus at {prometheus}: {error}"),
            "--prometheus HOST:PORT is where its own pages are",
        )
    })?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let alerts = answer["data"]["alerts"].as_array().into_iter().flatten();
    let mut ours = alerts.filter(|alert| alert["labels"]["account"] == account && alert["state"] == "firing");
    Ok(ours.find_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned)))
}

impl Drilled {
    /// An error if something is not as it should be.
    fn judge(&self, wants_alert: bool) -> Result<(), Failure> {
        let wrong = if self.incident.is_none() {
            "no incident came of it: is the account's budget larger than the drill, or nothing enforced (burstguard status)?"
        } else if wants_alert && self.alert.is_none() {
            "no alert has fired: does Prometheus scrape this host, and have the rules (burstguard_incidents)?"
        } else {
            return Ok(());
        };
        Err(Failure::failed(wrong))
    }
}

fn text(drilled: &Drilled) -> String {
    let Drilled { account, steps, .. } = drilled;
    let line = |Step { after_us, what }: &Step| format!("  +{:<8} {}\n", took(*after_us), clean(what));
    let lines: String = steps.iter().map(line).collect();
    format!("drill as {}\n{lines}", clean(account))
}
