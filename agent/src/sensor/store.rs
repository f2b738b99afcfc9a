//! What the service manager keeps for us: systemd holds descriptors for a service, through its death and its restart, so that
//! enforcement does not end with the daemon though the pins be gone. <https://systemd.io/FILE_DESCRIPTOR_STORE>
//!
//! A descriptor's name is GENERATION.PIN. Without a service manager nothing of this happens.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{FromRawFd as _, OwnedFd},
};

use sd_notify::{NotifyState, listen_fds_with_names, notify, notify_with_fds};

use super::{
    objects::Objects,
    pins::{Directory, PinsError},
};

/// The service manager would poll what it keeps and drop what is in error, as every map is that cannot be polled:
/// `bpf_map_poll` in <https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/syscall.c>.
const UNPOLLED: NotifyState<'_> = NotifyState::Custom("FDPOLL=0");

/// Hands a generation over.
pub(crate) fn hand_over(directory: &Directory, objects: &Objects) {
    let done = objects.all().try_for_each(|(pin, object)| {
        let name = name(directory, pin);
        notify_with_fds(&[NotifyState::FdStore, NotifyState::FdName(&name), UNPOLLED], &[object])
    });
    if let Err(error) = done {
        log::warn!(
            "the service manager was not handed what enforces: killed while its pins are gone, the daemon takes \
             enforcement with it: {error}"
        );
    }
}

/// Has a generation dropped: before its pins are removed, so that it is not the service manager that waits for the kernel to
/// detach it.
pub(crate) fn take_back<'a>(directory: &Directory, pins: impl Iterator<Item = &'a str>) {
    for pin in pins {
        let name = name(directory, pin);
        if let Err(error) = notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(&name)]) {
            return log::warn!("the service manager may keep {name}, so that it does not end: {error}");
        }
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
