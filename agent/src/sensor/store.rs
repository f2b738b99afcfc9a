//! What the service manager keeps for us: systemd holds descriptors for a service, through its death and its restart, so that
//! enforcement does not end with the daemon though the pins be gone. <https://systemd.io/FILE_DESCRIPTOR_STORE>
//!
//! A descriptor's name is GENERATION.PIN. Without a service manager nothing of this happens.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{FromRawFd as _, OwnedFd},
};

use sd_notify::listen_fds_with_names;

use super::{
    objects::Objects,
    pins::{Directory, PinsError},
};
use crate::notify::Messages;

/// Hands a generation over.
pub(crate) fn hand_over(directory: &Directory, objects: &Objects) {
    let hand_over = || {
        let Some(manager) = Messages::to_manager()? else { return Ok(()) };
        objects.all().try_for_each(|(pin, object)| {
            let name = name(directory, pin);
            // It would poll what it keeps and drop what is in error, as every map is that cannot be polled: `bpf_map_poll` in
            // https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/syscall.c
            manager.send(&format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0\n"), Some(object))
        })
    };
    let done: io::Result<()> = hand_over();
    if let Err(error) = done {
        log::warn!(
            "the service manager was not handed what enforces: killed while its pins are gone, the daemon takes \
             enforcement with it: {error}"
        );
    }
}

/// Has a generation dropped: before its pins are removed, so that it is not the service manager that waits for the kernel to
/// detach it.
pub(crate) fn take_back<'a>(directory: &Directory, mut pins: impl Iterator<Item = &'a str>) {
    let mut take_back = || {
        let Some(manager) = Messages::to_manager()? else { return Ok(()) };
        pins.try_for_each(|pin| {
            manager.send(&format!("FDSTOREREMOVE=1\nFDNAME={}\n", name(directory, pin)), None)
        })
    };
    let done: io::Result<()> = take_back();
    if let Err(error) = done {
        let kept = directory.path().display();
        log::warn!("the service manager may keep what {kept} is of, so that it does not end: {error}");
    }
}

/// Pins what was kept and is pinned no more, for the next generation to carry on from.
pub(crate) fn restore() {
    let kept = kept().unwrap_or_else(|error| {
        log::error!("what the service manager kept is not taken up: {error}");
        BTreeMap::new()
    });
    for (name, objects) in kept {
        let Some(directory) = Directory::named(&name) else { continue };
        match restore_one(&directory, &objects) {
            Ok(false) => {}
            Ok(true) => {
                log::warn!("the pins of generation {name} were gone; the service manager had kept it");
            }
            Err(error) => {
                log::error!("generation {name}, which the service manager kept, is lost: {error}");
                take_back(&directory, objects.names());
            }
        }
    }
}

fn restore_one(directory: &Directory, objects: &Objects) -> Result<bool, PinsError> {
    if objects.are_in(directory) {
        return Ok(false);
    }
    if !objects.is_complete() {
        take_back(directory, objects.names());
        return Ok(false);
    }
    directory.make_anew()?;
    objects.pin(directory)?;
    Ok(true)
}

/// By the name of the generation.
fn kept() -> io::Result<BTreeMap<String, Objects>> {
    let mut kept: BTreeMap<String, Objects> = BTreeMap::new();
    for (descriptor, name) in listen_fds_with_names()? {
        // SAFETY: it was open when we were started, for us alone, and this is the one time that it is taken.
        let object = unsafe { OwnedFd::from_raw_fd(descriptor) };
        if let Some((generation, pin)) = name.split_once('.') {
            kept.entry(generation.to_owned()).or_default().add(pin, object);
        }
    }
    Ok(kept)
}

fn name(directory: &Directory, pin: &str) -> String {
    let generation = directory.path().file_name().unwrap_or_default().to_string_lossy();
    format!("{generation}.{pin}")
}
