//! What a process that runs already runs, and where, as /proc shows it.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Component, Path, PathBuf},
};

use agent_common::wire::row::Claim;

use super::rows;
use crate::{
    policy::{Pattern, Script, Unit},
    processes::{cgroup, never_touch::without_mark},
};

/// A process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) pid: u32,
}

impl Running {
    /// Who claims the program that it runs.
    pub(super) fn program(
        self,
        executables: &[(Pattern, Claim)],
        scripts: &[(Script, Claim)],
    ) -> Option<Claim> {
        let exe = without_mark(fs::read_link(self.file("exe")).ok()?);
        let is_believed = self.is_believed();
        let script = || {
            let script = self.script()?;
            let interpreter = exe.file_name()?.to_str()?;
            let is_meant = |one: &Script| {
                one.path.is(&script) && rows::interpreters(one).iter().any(|name| name == interpreter)
            };
            let named = scripts.iter().find(|(one, _)| is_meant(one)).map(|(_, claim)| *claim);
            // A script that is run by itself stands behind its interpreter too, and cannot be told from one that is not.
            let itself =
                |(path, _): &&(Pattern, Claim)| path.is(&script) && rows::interprets(&script, interpreter);
            named.or_else(|| executables.iter().find(itself).map(|(_, claim)| *claim))
        };
        let itself = |(path, _): &&(Pattern, Claim)| {
            is_believed && path.is(&exe) || path.exact().is_some_and(|path| self.runs(&path))
        };
        let script = if is_believed { script() } else { None };
        script.or_else(|| executables.iter().find(itself).map(|(_, claim)| *claim))
    }

    /// Who claims its control group.
    pub(super) fn unit(self, units: &[(Unit, Claim)]) -> Option<Claim> {
        let group = Path::new("/").join(cgroup::of(self.pid)?);
        units.iter().find(|(unit, _)| unit.0.is_above(&group)).map(|(_, claim)| *claim)
    }

    /// Whether it runs the file at this path.
    fn runs(self, path: &Path) -> bool {
        let id = |path: PathBuf| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        id(path.to_owned()).is_some_and(|there| Some(there) == id(self.file("exe")))
    }

    /// Whether what it sees of the host is what the host's root shows it.
    fn is_believed(self) -> bool {
        fs::read_link(self.file("ns/user")).ok() == fs::read_link("/proc/self/ns/user").ok()
    }

    /// The path that its first argument which is no option means.
    fn script(self) -> Option<PathBuf> {
        let line = fs::read(self.file("cmdline")).ok()?;
        let script = line.split(|byte| *byte == 0).skip(1).find(|word| word.first() != Some(&b'-'))?;
        let path = fs::read_link(self.file("cwd")).ok()?.join(OsStr::from_bytes(script));
        let is_plain = !path.components().any(|part| part == Component::ParentDir);
        is_plain.then_some(path)
    }

    fn file(self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.pid).into()
    }
}
