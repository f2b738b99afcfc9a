//! What is burstguard's own on this host: no process that acts for an account changes it, whatever the account's trees are.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use agent_common::wire::row::{OwnText, OwnUnit};

use super::{names::OwnName, runtime_dir::RuntimeDir};
use crate::{
    keeper,
    policy::DEFAULT,
    processes::{cgroup, proc::read},
    sensor::PINS,
};

/// The unit of an agent that no service manager has started.
const UNIT: &str = "burstguard.service";
/// Where the service manager looks for units, and what it and administrators add to them.
const UNITS: [&str; 6] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/usr/local/lib/systemd/system",
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
];

/// The name of the agent's unit.
pub(crate) fn unit() -> String {
    let group = started_as_service().then(|| cgroup::of(std::process::id())).flatten();
    let name = group.as_deref().and_then(Path::file_name).and_then(OsStr::to_str);
    name.filter(|name| name.ends_with(".service")).unwrap_or(UNIT).to_owned()
}

/// Else the group that it is in, and its unit, are somebody else's.
fn started_as_service() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// That name as the kernel programs compare it.
pub(crate) fn unit_row(unit: &str) -> OwnUnit {
    OwnUnit { name: OwnText::of(unit.as_bytes()), object: OwnText::of(object(unit).as_bytes()) }
}

/// The last part of the path of a unit's object: <https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-marshaling-object-path>
/// has no other characters than these, and sd-bus writes the others so.
fn object(unit: &str) -> String {
    let mut path = String::new();
    for byte in unit.bytes() {
        if byte.is_ascii_alphanumeric() {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "_{byte:02x}"); // a text takes everything
        }
    }
    path
}

/// Everything, by what it is; the agent's own process first, then what is kept of trees, as the kernel programs know both.
pub(crate) fn all(policy: &Path, state: &Path) -> Vec<OwnName> {
    let own = |what, path: &Path| OwnName { path: path.to_owned(), what };
    let mut all = vec![own("process", &PathBuf::from(format!("/proc/{}", std::process::id())))];
    let kept = state.join(keeper::DIRECTORY);
    // Without a link on the way, which would be one more: the state directory has that one.
    all.push(own("state", &kept.canonicalize().unwrap_or(kept)));
    // A directory that is not the policy's alone holds other things too.
    let directory = policy.parent().unwrap_or(Path::new("/"));
    if Some(directory) == Path::new(DEFAULT).parent() {
        all.push(own("policy", directory));
    } else {
        all.extend([own("policy", policy), own("policy", &policy.with_file_name("policy.d"))]);
    }
    all.push(own("state", state));
    all.push(own("run", Path::new(RuntimeDir::PATH)));
    all.push(own("pins", Path::new(PINS)));
    if let Ok(program) = std::env::current_exe() {
        all.push(own("program", &program));
    }
    let unit = unit();
    for directory in UNITS.map(Path::new).into_iter().filter(|directory| directory.is_dir()) {
        all.push(own("unit", &directory.join(&unit)));
        all.push(own("unit", &directory.join(format!("{unit}.d"))));
        // By this it starts with the system.
        all.push(own("unit", &directory.join("multi-user.target.wants").join(&unit)));
    }
    all.extend(groups().into_iter().map(|path| own("group", &path)));
    all
}

/// The agent's own control group, and what ends or freezes those that it is in.
fn groups() -> Vec<PathBuf> {
    let mount = read("/proc/self/mountinfo").ok().and_then(|text| cgroup::mount_point(&text));
    let group = started_as_service().then(|| cgroup::of(std::process::id())).flatten();
    let (Some(mount), Some(group)) = (mount, group) else { return Vec::new() };
    let above = group.ancestors().skip(1).filter(|path| *path != Path::new(""));
    let files =
        above.flat_map(|path| ["cgroup.kill", "cgroup.freeze"].map(|file| mount.join(path).join(file)));
    let own = (group != Path::new("")).then(|| mount.join(&group));
    own.into_iter().chain(files).collect()
}

/// Where something really is: the directory itself, or the name of what is no directory or is not there, in the lowest
/// directory that is. A symbolic link is a name, and leads to something.
pub(crate) fn places(path: &Path) -> Vec<Place> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let name = || name_of(path).map(Place::Name);
    match path.canonicalize() {
        Ok(real) if real.is_dir() => {
            is_link.then(name).flatten().into_iter().chain([Place::Directory(real)]).collect()
        }
        Ok(real) if is_link => name().into_iter().chain([Place::Name(real)]).collect(),
        _ => name().into_iter().collect(),
    }
}

/// The topmost name of the path that is not a directory which is there.
fn name_of(path: &Path) -> Option<PathBuf> {
    let (parent, name) = (path.parent()?, path.file_name()?);
    match parent.canonicalize() {
        Ok(real) => Some(real.join(name)),
        Err(_) => name_of(parent),
    }
}

/// How something of burstguard's own is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// By its inode, with all that is below it.
    Directory(PathBuf),
    /// By its name alone.
    Name(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_units_object_is_named_as_the_service_manager_names_it() {
        assert_eq!(object("burstguard.service"), "burstguard_2eservice");
        assert_eq!(object("a-b@1.service"), "a_2db_401_2eservice");
    }

    #[test]
    fn each_word_is_one_that_is_counted() {
        for own in all(Path::new("/srv/p.toml"), Path::new("/var/lib/burstguard")) {
            assert!(crate::incidents::TOUCHED_WORDS.contains(&own.what), "{}", own.what);
        }
    }

    #[test]
    fn a_directory_of_the_policys_own_is_guarded_as_a_whole() {
        let policy = |path: &str| {
            let all = all(Path::new(path), Path::new("/var/lib/burstguard"));
            let of = |name: &OwnName| (name.what == "policy").then(|| name.path.display().to_string());
            all.iter().filter_map(of).collect::<Vec<_>>()
        };
        assert_eq!(policy("/etc/burstguard/policy.toml"), ["/etc/burstguard"]);
        assert_eq!(policy("/srv/p.toml"), ["/srv/p.toml", "/srv/policy.d"]);
    }

    #[test]
    fn what_is_not_there_is_a_name_in_what_is() {
        let ground = tempfile::tempdir().expect("a directory");
        let base = ground.path().canonicalize().expect("its path");
        let name = |path: &str| Place::Name(base.join(path));
        assert_eq!(places(&base), [Place::Directory(base.clone())]);
        assert_eq!(places(&base.join("a/b/c")), [name("a")]);
        fs::write(base.join("file"), "").expect("a file");
        assert_eq!(places(&base.join("file")), [name("file")]);
        std::os::unix::fs::symlink("file", base.join("link")).expect("a link");
        assert_eq!(places(&base.join("link")), [name("link"), name("file")]);
        std::os::unix::fs::symlink("nowhere", base.join("lost")).expect("a link");
        assert_eq!(places(&base.join("lost")), [name("lost")]);
    }
}
