//! `burstguard history`: which versions of a path there are, and by whom it changed.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::{
    Failure,
    listing::{Listed, Listing},
    restore::{failed, must_be_root},
    session::Session,
    term::{Screen, clean, table},
};
use crate::{
    api::Bytes,
    keeper::{Meta, Shelf, Version, What},
    recording::{DIRECTORY, Problem, Source},
    restore::{Act, about, absolute, acts_on},
    store,
};

#[derive(Debug, Args)]
pub(crate) struct History {
    /// A file or directory in a protected tree; it need not be there any more.
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    path: PathBuf,
    #[command(flatten)]
    listing: Listing,
    /// Where the daemon keeps what it knows [default: STATE_DIRECTORY as systemd sets it, else /var/lib/burstguard].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// One version.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Row {
    version: u64,
    taken_at: Timestamp,
    /// What was there.
    what: String,
    /// What had changed since the version before.
    changed: Vec<&'static str>,
    /// Who did that, as far as anybody is watched.
    by: Vec<By>,
}

#[derive(Debug, PartialEq, Serialize)]
struct By {
    at: Timestamp,
    account: String,
    program: Bytes,
    pid: u32,
    uid: u32,
    did: &'static str,
}

impl History {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        must_be_root()?;
        let state = store::directory(self.state);
        let path = absolute(&self.path).map_err(failed)?;
        let versions = Shelf::look(&state).and_then(|shelf| shelf.history(&path)).map_err(failed)?;
        let acts = match acts_on(&Source::Directory(state.join(DIRECTORY)), &path) {
            Err(Problem::None(_)) => Vec::new(),
            acts => acts.map_err(|problem| Failure::failed(problem.to_string()))?,
        };
        let rows = rows(&versions, &acts);
        let listed = self.listing.of(rows, session.now(), |row| row.taken_at);
        session.show("history", &listed.rows, |screen| text(screen, &path, &listed))
    }
}

/// Of versions, newest first, and what was done to the path.
pub(super) fn rows(versions: &[Version], acts: &[Act]) -> Vec<Row> {
    let row = |(at, version): (usize, &Version)| {
        let before = versions.get(at + 1);
        let since = before.map_or(Timestamp::MIN, |before| before.taken.wall);
        let by = acts.iter().filter(|act| act.moment.wall > since && act.moment.wall <= version.taken.wall);
        Row {
            version: version.number,
            taken_at: version.taken.wall,
            what: about(&version.what),
            changed: before.map_or_else(Vec::new, |before| changed(&before.what, &version.what)),
            by: by.filter(|_| before.is_some()).map(By::of).collect(),
        }
    };
    versions.iter().enumerate().map(row).collect()
}

impl By {
    fn of(act: &Act) -> Self {
        Self {
            at: act.moment.wall,
            account: act.account.clone(),
            program: Bytes::from(&act.program[..]),
            pid: act.pid,
            uid: act.uid,
            did: act.did,
        }
    }
}

/// Whether something of two differs.
type Differs = fn(&Meta, &Meta) -> bool;

/// What differs, in a word each.
fn changed(before: &What, after: &What) -> Vec<&'static str> {
    match (before, after) {
        (_, What::Gone) => return vec!["gone"],
        (What::Gone, _) => return vec!["there again"],
        _ => {}
    }
    let mut words = Vec::new();
    match (before, after) {
        (What::File { content, .. }, What::File { content: other, .. }) if content == other => {}
        (What::Link { target, .. }, What::Link { target: other, .. }) if target == other => {}
        (What::Directory(_), What::Directory(_)) => {}
        (What::File { .. }, What::File { .. }) => words.push("content"),
        (What::Link { .. }, What::Link { .. }) => words.push("target"),
        (What::Left { .. }, _) | (_, What::Left { .. }) => words.push("whether it is kept"),
        _ => words.push("kind"),
    }
    let (Some(one), Some(other)) = (before.meta(), after.meta()) else { return words };
    let differs: [(&str, Differs); 4] = [
        ("mode", |one, other| one.mode & 0o7777 != other.mode & 0o7777),
        ("owner", |one, other| (one.uid, one.gid) != (other.uid, other.gid)),
        ("attributes", |one, other| one.xattrs != other.xattrs),
        ("time", |one, other| one.mtime != other.mtime),
    ];
    words.extend(differs.into_iter().filter(|(_, differs)| differs(one, other)).map(|(word, _)| word));
    words
}

fn text(screen: &Screen, path: &Path, listed: &Listed<Row>) -> String {
    if listed.rows.is_empty() {
        return format!("nothing is kept of {}\n", Bytes::from(path));
    }
    let row = |row: &Row| {
        let by: Vec<String> = row.by.iter().map(whom).collect();
        vec![
            row.version.to_string(),
            format!("{} ({})", screen.at(row.taken_at), screen.ago(row.taken_at)),
            row.what.clone(),
            if row.changed.is_empty() { "-".to_owned() } else { row.changed.join(", ") },
            match by.is_empty() {
                true if row.changed.is_empty() => "-".to_owned(),
                true => "nobody who is watched".to_owned(),
                false => by.join("; "),
            },
        ]
    };
    let rows: Vec<_> = listed.rows.iter().map(row).collect();
    table(&["VERSION", "TAKEN", "WHAT", "CHANGED", "BY"], &rows) + &listed.rest()
}

fn whom(by: &By) -> String {
    format!("{}: {} {} {}", clean(&by.account), by.program, by.pid, by.did)
}

#[cfg(test)]
mod tests;
