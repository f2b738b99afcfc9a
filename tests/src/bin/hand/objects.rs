//! Maps, programs and attachments of the kernel's.

use std::fs;
use std::io;

use anyhow::{Context as _, Result, ensure};

/// Asks for a descriptor of each that a process has one of. One that is to be had is enough;
/// else the error is that of the last.
pub(crate) fn any_of(pid: &str) -> Result<()> {
    let mut refused = None;
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).context("cannot see its descriptors")? {
        let Ok(text) = fs::read_to_string(entry?.path()) else { continue }; // closed meanwhile
        for (command, id) in text.lines().filter_map(object) {
            match descriptor(command, id) {
                Ok(()) => return Ok(()),
                Err(error) => refused = Some(error),
            }
        }
    }
    Err(refused.context("it has none")?)
}

/// By which command one is asked for, and its id.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h#L918>
fn object(line: &str) -> Option<(u32, u32)> {
    let (key, value) = line.split_once(':')?;
    let command = match key {
        "prog_id" => 13,
        "map_id" => 14,
        "link_id" => 30,
        _ => return None,
    };
    Some((command, value.trim().parse().ok()?))
}

fn descriptor(command: u32, id: u32) -> Result<()> {
    let mut attributes = [0_u32; 4];
    attributes[0] = id;
    // SAFETY: the attributes live until the call is over, and are as long as it is told.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, &raw const attributes, size_of_val(&attributes)) };
    ensure!(result >= 0, io::Error::last_os_error());
    Ok(())
}
