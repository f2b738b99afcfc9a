//! rpm's database is its own: `rpm -qf` is asked, which knows a path whether or not it is there. One call tells all that the owners
//! have installed, and what of it is configuration.

use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

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
    let out = rpm.stdout.take();
    // That it fails says only that some of the paths are nobody's.
    thread::scope(|scope| {
        let told = scope.spawn(|| out.map_or(Ok(()), |out| read(BufReader::new(out), names, owners)));
        end_in_time(&mut rpm, deadline).map_err(failed)?;
        told.join().unwrap_or_else(|_| Err(io::Error::other("reading it failed"))).map_err(failed)
    })
}

/// What could be taken for a pattern is not asked for.
fn is_plain(name: &[u8]) -> bool {
    !name.iter().any(|byte| b"*?[{\\".contains(byte))
}

/// Waits until it has ended, and ends it if it takes too long.
fn end_in_time(rpm: &mut Child, deadline: Deadline) -> io::Result<()> {
    const LOOK: Duration = Duration::from_millis(10);
    while rpm.try_wait()?.is_none() {
        if let Err(late) = deadline.check() {
            rpm.kill()?;
            rpm.wait()?;
            return Err(late);
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

pub(super) fn read(lines: impl BufRead, names: &Names, owners: &mut Owners<'_>) -> io::Result<()> {
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
