//! `burstguard debug bundle`: one file for whoever helps, with nothing secret in it. What cannot be had is left out, and the
//! manifest says why: a host on which something is wrong is what this is for.

mod daemon;
pub(super) use daemon::fetch_http;
mod host;
mod policy;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;

use super::whole_file;
use crate::{api::SOCKET, progress::Progress};

/// What to collect, and where to.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "bundle-arguments")]
pub(crate) struct Arguments {
    /// The file to write; never one that is there already [default: burstguard-TIME.tar.gz, here].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The policy file; the files of policy.d beside it are taken, too.
    #[arg(long, value_name = "FILE", default_value = "/etc/burstguard/policy.toml")]
    policy: PathBuf,
    /// Where the daemon listens.
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
    /// Where the daemon serves metrics.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9479")]
    metrics: SocketAddr,
}

/// One file of the bundle.
struct Part {
    name: String,
    /// Its bytes, or why there are none.
    content: Result<Vec<u8>, String>,
}

impl Part {
    fn new(name: impl Into<String>, content: Result<impl Into<Vec<u8>>, String>) -> Self {
        Self { name: name.into(), content: content.map(Into::into) }
    }
}

/// Collects, writes, and says what is missing.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let now = Timestamp::now();
    let name = format!("burstguard-{}", now.strftime("%Y%m%dT%H%M%SZ"));
    let output = arguments.output.clone().unwrap_or_else(|| format!("{name}.tar.gz").into());
    let progress = Progress::waiting("collecting");
    let parts = collect(arguments);
    drop(progress);
    write(&output, &name, now, &parts).with_context(|| format!("cannot write {}", output.display()))?;
    let mut out = io::stdout().lock();
    let missing = parts.iter().filter(|part| part.content.is_err()).count();
    writeln!(
        out,
        "{}: {} parts, {missing} missing. Only you can read it; look through it before you hand it on",
        output.display(),
        parts.len() - missing,
    )?;
    for part in &parts {
        if let Err(why) = &part.content {
            writeln!(out, "  missing {}: {why}", part.name)?;
        }
    }
    Ok(())
}

fn collect(arguments: &Arguments) -> Vec<Part> {
    let mut parts = host::parts();
    parts.extend(policy::parts(&arguments.policy));
    parts.extend(daemon::parts(&arguments.socket, arguments.metrics));
    parts
}

/// Writes beside the file and gives it its name at the end: what has the name is whole, and nothing is overwritten.
fn write(output: &Path, directory: &str, now: Timestamp, parts: &[Part]) -> Result<()> {
    let file = whole_file::beside(output)?;
    pack(&file, directory, now, parts)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(output).map_err(|failed| failed.error)?;
    Ok(())
}

fn pack(into: impl Write, directory: &str, now: Timestamp, parts: &[Part]) -> io::Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(into, Compression::default()));
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(now.as_second().unsigned_abs());
        archive.append_data(&mut header, Path::new(directory).join(name), bytes)
    };
    add("MANIFEST", manifest(parts).as_bytes())?;
    for part in parts {
        if let Ok(bytes) = &part.content {
            add(&part.name, bytes)?;
        }
    }
    archive.into_inner()?.finish()?.flush()
}

/// A line for each part: its size, or why it is missing.
fn manifest(parts: &[Part]) -> String {
    parts.iter().fold(String::new(), |text, part| {
        let what = match &part.content {
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(why) => format!("missing: {}", why.replace('\n', " ")),
        };
        format!("{text}{}: {what}\n", part.name)
    })
}
