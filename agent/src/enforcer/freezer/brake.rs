//! Stops a whole group at once, until its processes are where they shall stay.

use std::io;

use rustix::{
    fs::{XattrFlags, getxattr, removexattr, setxattr},
    io::Errno,
};

use super::Group;

/// On a leaf for as long as the group above it is frozen as well.
const BRAKE: &str = "trusted.burstguard.brake";

/// A whole group, frozen for as long as its processes are being moved to a leaf in it.
///
/// To move a process takes the kernel some 10 to 20 µs, to freeze the group it is in less than 5, and that needs no
/// forks to be chased. The group does not stay so, because then whatever the service manager, a container runtime or a
/// person starts in it would freeze too.
pub(super) struct Brake<'a> {
    leaf: &'a Group,
}

impl<'a> Brake<'a> {
    /// The mark comes first, so that an agent which ends half-way leaves nothing frozen that the next one cannot know of.
    /// None if the group is frozen already, or cannot be.
    pub(super) fn on(leaf: &'a Group) -> Option<Self> {
        let group = leaf.above()?;
        if group.shall_be_frozen() {
            return None;
        }
        setxattr(leaf.path(), BRAKE, b"1", XattrFlags::empty()).ok()?;
        let brake = Self { leaf };
        group.freeze(true).ok()?;
        Some(brake)
    }

    /// What an earlier agent left on. Made only if it is on: to drop a brake thaws the group.
    pub(super) fn left_on(leaf: &'a Group) -> Option<Self> {
        let mut value = [0; 1];
        getxattr(leaf.path(), BRAKE, &mut value).is_ok_and(|length| length > 0).then(|| Self { leaf })
    }
}

impl Drop for Brake<'_> {
    fn drop(&mut self) {
        let off = self.leaf.above().map_or(Ok(()), |group| group.freeze(false));
        match off {
            Ok(()) => match removexattr(self.leaf.path(), BRAKE) {
                Ok(()) | Err(Errno::NODATA | Errno::NOENT) => {}
                Err(errno) => log::warn!("cannot take our mark off {}: {errno}", self.leaf.path().display()),
            },
            // The mark stays, and the thaw tries again. The root of the tree cannot be frozen at all.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => log::error!("cannot thaw the group above {}: {error}", self.leaf.path().display()),
        }
    }
}
