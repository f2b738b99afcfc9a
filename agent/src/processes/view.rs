//! A process as a responder sees it.

use std::{fs, path::Path};

use super::{
    cgroup,
    proc::{self, Process},
    terminal,
};
use crate::api::{Bytes, ProcessView};

/// How much of a command line is shown.
const COMMAND: usize = 4096;

/// What /proc says of a process, and whether the kernel programs stopped it; what is gone meanwhile is left empty.
pub(crate) fn view(process: &Process, stopped: bool) -> ProcessView {
    let read = |file: &str| proc::bytes(format!("/proc/{}/{file}", process.pid)).unwrap_or_default();
    let groups = String::from_utf8_lossy(&read("cgroup")).into_owned();
    let group = cgroup::group(&groups);
    ProcessView {
        pid: process.pid,
        parent: process.parent,
        comm: comm(process.pid),
        command: Bytes::from(&words(read("cmdline"))[..]),
        uid: process.uid,
        login: (process.login != u32::MAX).then_some(process.login),
        cgroup: group.map(|group| Bytes::from(&*Path::new("/").join(group))),
        cwd: fs::read_link(format!("/proc/{}/cwd", process.pid)).ok().map(|path| Bytes::from(&*path)),
        terminal: proc::stat(process.pid)
            .and_then(|stat| terminal::path(stat.terminal))
            .map(|path| Bytes::from(&*path)),
        ssh_from: ssh_from(&read("environ")),
        stopped,
        held: false,
        frozen: group.is_some_and(|group| cgroup::leaf_of(group).is_some()),
    }
}

/// The address from which somebody has logged in by ssh: the first word of a variable that sshd sets.
pub(super) fn ssh_from(environment: &[u8]) -> Option<String> {
    let mut variables = environment.split(|byte| *byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(b"SSH_CONNECTION="))?;
    let address = std::str::from_utf8(value).ok()?.split(' ').next()?;
    // Whoever made the environment may have written anything; an address can do no harm.
    address.parse::<std::net::IpAddr>().ok().map(|address| address.to_string())
}

/// What it runs.
pub(crate) fn comm(pid: u32) -> Bytes {
    Bytes::from(proc::bytes(format!("/proc/{pid}/comm")).unwrap_or_default().trim_ascii_end())
}

/// The arguments with spaces between them.
pub(super) fn words(mut line: Vec<u8>) -> Vec<u8> {
    line.truncate(COMMAND);
    while line.last() == Some(&0) {
        line.pop();
    }
    line.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_is_from_where_somebody_came() {
        let of = |text: &str| ssh_from(text.as_bytes());
        assert_eq!(of("A=b\0SSH_CONNECTION=10.0.0.7 50123 10.0.0.1 22\0C=d\0").as_deref(), Some("10.0.0.7"));
        assert_eq!(of("SSH_CONNECTION=fe80::1 1 fe80::2 22").as_deref(), Some("fe80::1"));
        for none in ["", "SSH_CONNECTION=", "SSH_CONNECTION=\x1b[2J 1 2 3", "XSSH_CONNECTION=10.0.0.7 1 2 3"]
        {
            assert_eq!(of(none), None, "{none:?}");
        }
    }

    #[test]
    fn arguments_are_words() {
        assert_eq!(words(b"rm\0-rf\0/etc\0".to_vec()), b"rm -rf /etc");
        assert_eq!(words(b"\0".to_vec()), b"");
    }
}
