//! `burstguard restore`: what an incident destroyed comes back, as it was.

mod answer;

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Failure, ask::Because, complete, session::Session, term::count};
use crate::{
    api::{Bytes, Code, Decision, IncidentDetail, Problem, Reason, RestoreBody, Restored, Span},
    keeper::{Shelf, What},
    recording::{self, DIRECTORY, Source},
    restore::{
        Destroyed, Done, Facts, Hit, Now, Plan, Planned, Restorer, Step, Unknown, Where, absolute, difference,
    },
    store,
};
use answer::Answer;

/// Contents that are larger are not shown line by line.
const SHOWN: u64 = 256 << 10;

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The incident; it may be over.
    #[arg(add = complete::incidents())]
    id: u64,
    /// Only these paths, and what is below them.
    #[arg(value_name = "PATH", add = complete::destroyed())]
    paths: Vec<PathBuf>,
    /// Put them below this directory, by their whole paths, and leave what is there now alone.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    to: Option<PathBuf>,
    /// Only show what would be put back, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also put back over what somebody has changed since; asked for on a terminal.
    #[arg(long)]
    changed: bool,
    /// Where the daemon keeps what it knows [default: STATE_DIRECTORY as systemd sets it, else /var/lib/burstguard].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    because: Because,
}

impl Restore {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        must_be_root()?;
        let state = store::directory(self.state.clone());
        let to = self.to.as_deref().map(absolute).transpose().map_err(failed)?;
        let to = to.map_or(Where::InPlace, Where::Below);
        let detail: IncidentDetail = session.daemon.get(&format!("/v1/incidents/{}", self.id))?;
        let span = detail.span.ok_or_else(|| nothing_known(self.id))?;
        let comparing = session.waiting("comparing what was kept with what is there");
        let (mut plan, unknown) = plan(&state, &span, &to, &self.paths)?;
        drop(comparing);
        let mut answer =
            Answer::new(self.id, self.dry_run, &to, &plan, &unknown, &differences(&state, &plan));
        if !session.json && (self.dry_run || !session.is_quiet()) {
            session.print(&answer.text())?;
        }
        if self.dry_run {
            return if session.json { session.show("restore", &answer, |_| String::new()) } else { Ok(()) };
        }
        decide_changed(&mut plan, self.changed, session)?;
        if plan.wanted().next().is_some() {
            answer.done = Some(self.carry_out(session, &state, to, &plan, &mut answer)?);
        }
        answer.settle(&plan);
        session.done("restore", &answer, |_| answer.outcome())?;
        if answer.is_whole() { Ok(()) } else { Err(Failure::failed(answer.complaint())) }
    }

    /// The decision first, then the files, then what came of it.
    fn carry_out(
        self,
        session: &Session,
        state: &Path,
        to: Where,
        plan: &Plan,
        answer: &mut Answer,
    ) -> Result<Restored, Failure> {
        let path = format!("/v1/incidents/{}/restore", self.id);
        let below = match &to {
            Where::InPlace => None,
            Where::Below(directory) => Some(Bytes::from(directory.as_path())),
        };
        let reason: Reason = self.because.reason(session)?;
        let body = |done| RestoreBody {
            paths: plan.wanted().count() as u64,
            to: below.clone(),
            done,
            reason: reason.clone(),
        };
        let mut restorer = Restorer::new(state, to).map_err(failed)?;
        let _: Decision = session.daemon.post(&path, &body(None))?;
        let mut done = Restored { left: plan.count(|step| *step == Step::Changed), ..Restored::default() };
        let progress = session.progress("putting back", plan.wanted().count() as u64);
        for planned in plan.wanted() {
            match restorer.put(planned) {
                Ok(Done::Back) => done.back += 1,
                Ok(Done::Over) => done.over += 1,
                Err(error) => {
                    done.failed += 1;
                    answer.failed(&planned.path, &error);
                }
            }
            progress.step(1);
        }
        drop(progress);
        if let Err(error) = restorer.finish() {
            answer.complaints.push(format!("{error:#}"));
        }
        answer.complaints.append(&mut restorer.found);
        if let Err(unheard) = session.daemon.post::<Decision>(&path, &body(Some(done))) {
            answer
                .complaints
                .push(format!("it is done, but the record does not say what came of it: {unheard}"));
        }
        Ok(done)
    }
}

/// What was kept can be read by root alone.
pub(super) fn must_be_root() -> Result<(), Failure> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let problem = Problem::new(Code::NotAllowed, "what was kept can be read by root alone");
    Err(problem.help("run it as root: sudo burstguard …").into())
}

pub(super) fn failed(error: anyhow::Error) -> Failure {
    Failure::failed(format!("{error:#}"))
}

fn nothing_known(id: u64) -> Failure {
    let what =
        format!("incident {id} destroyed nothing, or was written down by a version that did not say when");
    Problem::new(Code::NotFound, what).help("what is kept of a path: burstguard history PATH").into()
}

/// Of all paths that the incident hit, or of those that are wanted.
fn plan(state: &Path, span: &Span, to: &Where, wanted: &[PathBuf]) -> Result<(Plan, Vec<Unknown>), Failure> {
    let shelf = Shelf::look(state).map_err(failed)?;
    let source = Source::Directory(state.join(DIRECTORY));
    let destroyed = Destroyed::read(&source, span).map_err(|problem| unread(&problem))?;
    let (mut hits, mut unknown) = destroyed.paths(&shelf).map_err(failed)?;
    if !wanted.is_empty() {
        let wanted: Vec<PathBuf> =
            wanted.iter().map(|path| absolute(path)).collect::<anyhow::Result<_>>().map_err(failed)?;
        for path in &wanted {
            if !hits.keys().any(|hit| hit.starts_with(path)) {
                let what =
                    format!("{} is nothing that the incident destroyed and that was kept", path.display());
                return Err(Problem::new(Code::NotFound, what)
                    .help("without a path, --dry-run shows all that it destroyed")
                    .into());
            }
        }
        hits.retain(|hit, _| wanted.iter().any(|path| hit.starts_with(path)));
        unknown.clear();
    }
    let facts = hits.into_iter().map(|(path, hit)| Ok((path.clone(), facts(&shelf, &path, hit, to)?)));
    let facts: BTreeMap<PathBuf, Facts> = facts.collect::<anyhow::Result<_>>().map_err(failed)?;
    Ok((Plan::of(facts), unknown))
}

fn unread(problem: &recording::Problem) -> Failure {
    match problem {
        recording::Problem::None(_) => Problem::new(Code::NotFound, problem.to_string()).into(),
        problem => Failure::failed(problem.to_string()),
    }
}

fn facts(shelf: &Shelf, path: &Path, hit: Hit, to: &Where) -> anyhow::Result<Facts> {
    let kept = shelf.as_of(path, &hit.first)?;
    let (after, now) = match to {
        Where::InPlace => (shelf.first_after(path, &hit.last)?, Now::at(path)),
        // Nothing is there that could be lost.
        Where::Below(_) => (None, Now::Nothing),
    };
    let hit = if *to == Where::InPlace { hit } else { Hit { went: true, ..hit } };
    Ok(Facts { hit, kept, after, now })
}

/// What will be otherwise, by path.
fn differences(state: &Path, plan: &Plan) -> BTreeMap<PathBuf, Vec<String>> {
    let Ok(shelf) = Shelf::look(state) else { return BTreeMap::new() };
    let shown =
        plan.paths.iter().filter(|planned| matches!(planned.step, Step::Back | Step::Over | Step::Changed));
    shown.map(|planned| (planned.path.clone(), difference_of(&shelf, planned))).collect()
}

fn difference_of(shelf: &Shelf, planned: &Planned) -> Vec<String> {
    let kept = planned.kept.as_ref().map(|kept| &kept.what);
    let (kept, now) = match (kept, &planned.now) {
        (
            Some(What::File { content, size, .. }),
            Now::There { what: What::File { size: other, content: is, .. }, .. },
        ) if *size.max(other) <= SHOWN && content != is => {
            let mut bytes = Vec::new();
            let read =
                shelf.content(content).ok().and_then(|file| file.take(SHOWN).read_to_end(&mut bytes).ok());
            (read.map(|_| bytes), Now::read(&planned.path, SHOWN))
        }
        _ => (None, None),
    };
    difference(planned, kept.as_deref(), now.as_deref())
}

/// What somebody has changed since is put back only if that is wanted.
fn decide_changed(plan: &mut Plan, all: bool, session: &Session) -> Result<(), Failure> {
    let asks = !all && !session.json && io::stdin().is_terminal() && io::stderr().is_terminal();
    let changed = plan.paths.iter_mut().filter(|planned| planned.step == Step::Changed);
    let mut everything = all;
    for planned in changed {
        let is_wanted = everything
            || asks
                && match asked(&planned.path)? {
                    Wish::This => true,
                    Wish::All => {
                        everything = true;
                        true
                    }
                    Wish::Not => false,
                    Wish::None => return Ok(()),
                };
        if is_wanted {
            planned.step = if matches!(planned.now, Now::Nothing) { Step::Back } else { Step::Over };
        }
    }
    Ok(())
}

enum Wish {
    This,
    Not,
    All,
    None,
}

fn asked(path: &Path) -> Result<Wish, Failure> {
    loop {
        eprint!(
            "{} has changed since. Put it back all the same? [y]es, [n]o, [a]ll, n[o]ne: ",
            Bytes::from(path)
        );
        io::stderr().flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Ok(Wish::None);
        }
        match line.trim() {
            "y" | "yes" => return Ok(Wish::This),
            "n" | "no" | "" => return Ok(Wish::Not),
            "a" | "all" => return Ok(Wish::All),
            "o" | "none" => return Ok(Wish::None),
            _ => {}
        }
    }
}

/// `1 path`, `2 paths`.
fn paths(number: u64) -> String {
    count(number, "path", "paths")
}
