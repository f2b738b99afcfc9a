//! `burstguard report ID -o FILE`: a page about an incident, to be handed on.

mod decisions;
pub(super) mod page;
mod paths;
#[cfg(test)]
mod tests;
mod timeline;
mod who;
mod words;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use super::{Failure, complete, session::Session, whole_file};
use crate::api::{AccountView, Bytes, IncidentDetail};

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The incident's number.
    #[arg(add = complete::incidents())]
    id: u64,
    /// The file to write, which only you can read; - is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    file: Bytes,
    bytes: usize,
}

impl Report {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { id, output } = self;
        let file = (output != Path::new("-")).then_some(output);
        if session.json && file.is_none() {
            return Err(Failure::usage(
                "with --json, standard output is taken by what is said of the page",
                "say where the page is to go: --output FILE",
            ));
        }
        let incident: IncidentDetail = session.daemon.get(&format!("/v1/incidents/{id}"))?;
        let accounts: Vec<AccountView> = session.daemon.get("/v1/accounts")?;
        let account =
            accounts.iter().find(|account| Some(&account.name) == incident.summary.account.as_ref());
        let page = page::page(session.screen(), &incident, account);
        let Some(file) = file else { return session.print(&page) };
        write(&file, page.as_bytes()).map_err(|error| {
            Failure::failed(format!("cannot write the report to {}: {error}", file.display()))
        })?;
        let written = Written { file: file.as_path().into(), bytes: page.len() };
        session.done("report", &written, |_| {
            format!(
                "written: {}, {} bytes; it holds command lines, and only you can read it\n",
                written.file, written.bytes
            )
        })
    }
}

/// In the place of a file that is there, and of nothing else: as root one would lose a device by a slip.
fn write(file: &Path, page: &[u8]) -> io::Result<()> {
    match fs::symlink_metadata(file) {
        Ok(found) if !found.is_file() => {
            return Err(io::Error::other(
                "what is there is no file, and is left as it is; -o - prints the page",
            ));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut beside = whole_file::beside(file)?;
    beside.write_all(page)?;
    beside.as_file().sync_all()?;
    beside.persist(file).map_err(|failed| failed.error)?;
    Ok(())
}
