//! A process as a responder sees it.

use std::path::Path;

use super::{
    cgroup,
    proc::{self, Process},
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
        stopped,
        held: false,
        frozen: group.is_some_and(|group| cgroup::leaf_of(group).is_some()),
    }
}

/// What it runs.
pub(crate) fn comm(pid: u32) -> Bytes {
    Bytes::from(proc::bytes(format!("/proc/{pid}/comm")).unwrap_or_default().trim_ascii_end())
}

/// The arguments with spaces between them.
fn words(mut line: Vec<u8>) -> Vec<u8> {
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
    fn arguments_are_words() {
        assert_eq!(words(b"rm\0-rf\0/etc\0".to_vec()), b"rm -rf /etc");
        assert_eq!(words(b"\0".to_vec()), b"");
    }
}
