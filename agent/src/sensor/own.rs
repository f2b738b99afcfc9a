//! Which maps, programs and attachments are the agent's own, by the ids that the kernel has given them.

use std::{fs, io};

use agent_common::wire::row::own;

use crate::processes::proc::read;

const DESCRIPTORS: &str = "/proc/self/fdinfo";

/// Every one that the agent has a descriptor of: those of the generation before are among them.
pub(super) fn ids() -> io::Result<Vec<[u32; 2]>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(DESCRIPTORS)? {
        // The one by which the directory is read is gone when it is its turn.
        if let Ok(text) = read(entry?.path()) {
            ids.extend(text.lines().filter_map(id));
        }
    }
    Ok(ids)
}

/// <https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/syscall.c#L964>
fn id(line: &str) -> Option<[u32; 2]> {
    let (key, value) = line.split_once(':')?;
    let kind = match key {
        "map_id" => own::MAP,
        "prog_id" => own::PROGRAM,
        "link_id" => own::LINK,
        _ => return None,
    };
    Some([kind, value.trim().parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_a_descriptor_is_of() {
        assert_eq!(id("map_id:\t17"), Some([own::MAP, 17]));
        assert_eq!(id("prog_id:\t4"), Some([own::PROGRAM, 4]));
        assert_eq!(id("link_id:\t9"), Some([own::LINK, 9]));
        assert_eq!([id("pos:\t0"), id("map_id:\tx"), id("")], [None; 3]);
        assert!(ids().is_ok_and(|ids| ids.is_empty()), "a test has none");
    }
}
