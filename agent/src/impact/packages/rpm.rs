//! rpm's database is its own: `rpm -qf` is asked, which knows a path whether or not it is there. One call tells all that the owners
//! have installed, and what of it is configuration.

use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::{ChildStdout, Command, Stdio},
    time::Instant,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{super::text, Deadline, Names, Owners};

/// Where the database is, by how old the host is.
const DATABASES: [&str; 5] = [
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages.db",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
];
/// A line for each file: the package, what kind of file it is (`c` is configuration), the path.
const FORMAT: &str = "[%{=NAME}\\t%{FILEFLAGS:fflags}\\t%{FILENAMES}\\n]";

pub(super) fn look(
    root: &Path,
    names: &Names,
    owners: &mut Owners<'_>,
    deadline: Deadline,
) -> io::Result<()> {
    if !DATABASES.iter().any(|file| root.join(file).exists()) {
        return Ok(());
    }
    let failed = |error| io::Error::other(format!("cannot ask rpm: {error}"));
    let mut rpm = Command::new("rpm")
        .arg("--root")
        .arg(root)
        .args(["--query", "--queryformat", FORMAT, "--file"])
        .args(names.0.keys().filter(|name| is_plain(name)).map(|name| OsStr::from_bytes(name)))
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/local/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    // That it fails says only that some of the paths are nobody's.
    let told = match rpm.stdout.take() {
        Some(out) => read(BufReader::new(InTime { out, deadline }), names, owners),
        None => Ok(()),
    };
    if told.is_err() {
        rpm.kill().map_err(failed)?;
    }
    rpm.wait().map_err(failed)?;
    told.map_err(failed)
}

/// What could be taken for a pattern is not asked for.
fn is_plain(name: &[u8]) -> bool {
    !name.iter().any(|byte| b"*?[{\\".contains(byte))
}

/// What it says, as long as there is time.
struct InTime {
    out: ChildStdout,
    deadline: Deadline,
}

impl Read for InTime {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.deadline.check()?;
        let left = self.deadline.0.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        // Nothing came: then it is late.
        if poll(&mut [PollFd::new(&self.out, PollFlags::IN)], Some(&left))? == 0 {
            self.deadline.check()?;
        }
        self.out.read(bytes)
    }
}

fn read(lines: impl BufRead, names: &Names, owners: &mut Owners<'_>) -> io::Result<()> {
    for line in lines.split(b'\n') {
        let line = line?;
        let fields: Vec<&[u8]> = line.splitn(3, |byte| *byte == b'\t').collect();
        let [package, kind, path] = fields[..] else { continue };
        for path in names.get(path) {
            owners.add(*path, &text(package), kind.contains(&b'c'));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{Bytes, Impact},
        impact::{Asked, Merged},
    };

    #[test]
    fn what_rpm_tells_is_read() {
        let paths = ["/etc/nginx/nginx.conf", "/usr/sbin/nginx", "/srv/nobodys"];
        let asked = paths.map(|path| Asked { path: path.into(), tree: "/".into() });
        let mut found = paths.map(|path| Impact::none(Bytes::from(Path::new(path))));
        let told = "file /srv/nobodys is not owned by any package\n\
                    nginx-core\tcn\t/etc/nginx/nginx.conf\nnginx-core\tc\t/etc/nginx/other.conf\n\
                    nginx-core\t\t/usr/sbin/nginx\n";
        let names = Names::of(&Merged(Vec::new()), &asked);
        read(told.as_bytes(), &names, &mut Owners(&mut found)).expect("lines");
        let owned = |at: usize| (found[at].packages.join(" "), found[at].conffile);
        assert_eq!(owned(0), ("nginx-core".to_owned(), true));
        assert_eq!(owned(1), ("nginx-core".to_owned(), false));
        assert!(found[2].is_none());
    }

    #[test]
    fn a_pattern_is_not_asked_for() {
        assert!(is_plain(b"/etc/nginx/nginx.conf") && !is_plain(b"/etc/*") && !is_plain(b"/etc/{a,b}"));
    }
}
