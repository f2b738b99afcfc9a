//! What lies in the maps of programs and control groups by which processes act for an account, and of sockets behind which others
//! act for them.
//!
//! A path that is written without a star is found by its key, as a place is. Those with one are up to 64 each of programs,
//! of groups and of sockets, a bit each: on the way down from the root each component leaves alive those whose component at that
//! depth it is.

use crate::{rules::exception::Pattern, wire::row::Claim};

/// How many paths of each kind may have a star, or no fixed depth.
pub const MAX_STARRED: u32 = 64;
/// How many control groups are remembered.
pub const MAX_GROUPS: u32 = 8192;

/// A program, or a socket.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramKey {
    /// Of a file, its inode number; of a path, its key.
    pub what: u64,
    /// Of a file, its device and its generation; of a script, the hash of its interpreter's name, or 0: it is run by itself.
    pub with: u64,
    /// 0: a program's path; 1: a file; 2: a socket's path.
    pub form: u32,
    /// Must be zero.
    pub reserved: u32,
}

impl ProgramKey {
    /// A file, as the kernel knows it.
    #[must_use]
    #[inline(always)]
    pub const fn file(inode: u64, device: u32, generation: u32) -> Self {
        Self { what: inode, with: (device as u64) << 32 | generation as u64, form: 1, reserved: 0 }
    }

    /// A socket's path.
    #[must_use]
    #[inline(always)]
    pub const fn socket(key: u64) -> Self {
        Self { what: key, with: 0, form: 2, reserved: 0 }
    }

    /// A path, and who runs it.
    #[must_use]
    #[inline(always)]
    pub const fn path(key: u64, interpreter: u64) -> Self {
        Self { what: key, with: interpreter, form: 0, reserved: 0 }
    }
}

/// A component of starred paths.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameKey {
    /// Its hash.
    pub name: u64,
    /// How deep it lies, 1 below the root; [`ANYWHERE`].
    pub depth: u32,
    /// One of [`of`].
    pub of: u32,
}

/// Any depth.
pub const ANYWHERE: u32 = 0;

/// What a name is of; the values of [`NameKey::of`].
pub mod of {
    /// A program's path.
    pub const PROGRAM: u32 = 0;
    /// A control group's.
    pub const GROUP: u32 = 1;
    /// A socket's, behind which somebody acts for whoever asks.
    pub const WAY: u32 = 2;
    /// With one of those: such paths end at this depth, whatever the name.
    pub const END: u32 = 4;
    /// An interpreter's name: which starred scripts it may run; with 0 for a name, which are run by themselves.
    pub const INTERPRETER: u32 = 8;
}

/// How a way is asked; where the [`crate::wire::row::Claim`] that stands for a way has its account otherwise.
pub mod asked_by {
    /// By connecting to it.
    pub const CONNECTION: u32 = 0;
    /// By a message that starts a unit: a bus, on which most messages are of no matter.
    pub const MESSAGE: u32 = 1;
}

/// A TCP port of this host, behind which somebody acts for whoever asks: the way's number.
pub const MAX_PORTS: u32 = 64;
/// How many addresses of this host are known.
pub const MAX_ADDRESSES: u32 = 1024;

/// An IPv4 address as IPv6 has it (`::ffff:a.b.c.d`), in the order of the wire.
#[must_use]
#[inline(always)]
pub const fn mapped(address: [u8; 4]) -> [u8; 16] {
    let [a, b, c, d] = address;
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

/// Whether an address always means this host: one of the loopback network, or none at all, which connects to it.
#[must_use]
#[inline(always)]
pub const fn is_own(address: [u8; 16]) -> bool {
    let [front, back] = halves(address);
    let is_v4 = front == 0 && back >> 32 == 0xffff;
    front == 0 && back <= 1 || is_v4 && (back as u32 >> 24 == 127 || back as u32 == 0)
}

/// As numbers, so that a kernel program compares words.
#[inline(always)]
const fn halves(address: [u8; 16]) -> [u64; 2] {
    let word = u128::from_be_bytes(address);
    [(word >> 64) as u64, word as u64]
}

/// How many units that accounts had started are remembered.
pub const MAX_LAUNCHES: u32 = 1024;
/// The number of the entry that says by what the processes of such a unit act for the account; the policy's follow.
pub const LAUNCHED: u32 = 1;
/// The same of a process that was started by `burstguard exec`.
pub const EXECUTED: u32 = 2;
/// How long the name of such a unit may be.
pub const UNIT_LEN: usize = 64;

/// A unit that an account has had started.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Whose its processes are.
    pub claim: Claim,
    /// When that was asked for (ns): at first,
    pub at: u64,
    /// and at last.
    pub again: u64,
    /// Its name, with zeros behind.
    pub name: [u8; UNIT_LEN],
}

/// Components of starred paths that match.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StarredName {
    /// What they match.
    pub pattern: Pattern,
    /// Which paths they are of, a bit each.
    pub bits: u64,
    /// As [`NameKey::depth`].
    pub depth: u32,
    /// As [`NameKey::of`].
    pub of: u32,
}

/// By what else than users the policy tells processes, a bit each.
pub mod told_by {
    /// Control groups.
    pub const GROUPS: u32 = 1;
    /// Programs.
    pub const PROGRAMS: u32 = 2;
    /// Some of the programs or groups are patterns.
    pub const PATTERNS: u32 = 4;
    /// Nobody: but there are directories in which files are jobs that somebody else carries out.
    pub const JOBS: u32 = 8;
    /// Nobody: but there are destructive commands.
    pub const COMMANDS: u32 = 16;
}

const _: () = assert!(size_of::<ProgramKey>() == 24);
const _: () = assert!(size_of::<NameKey>() == 16);
const _: () = assert!(size_of::<StarredName>() == 72 + 16);
const _: () = assert!(size_of::<Launch>() == 24 + UNIT_LEN);

#[cfg(feature = "user")]
mod pod {
    use super::{Launch, NameKey, ProgramKey, StarredName};

    // SAFETY: each is repr(C) of integers, sized as the sum of its fields (asserted above); every bit pattern is valid.
    unsafe impl aya::Pod for ProgramKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for NameKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for StarredName {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Launch {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_own_addresses_are_known_without_a_list() {
        use core::net::{Ipv4Addr, Ipv6Addr};
        let own = [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(127, 1, 2, 3)];
        assert!(own.iter().all(|address| is_own(mapped(address.octets()))));
        assert!(own.iter().all(|address| address.to_ipv6_mapped().octets() == mapped(address.octets())));
        assert!([Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED].iter().all(|address| is_own(address.octets())));
        let others = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(128, 0, 0, 1), Ipv4Addr::new(0, 0, 0, 1)];
        assert!(!others.iter().any(|address| is_own(mapped(address.octets()))));
        let others = [Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 2), Ipv6Addr::new(1, 0, 0, 0, 0, 0, 0, 1)];
        assert!(!others.iter().any(|address| is_own(address.octets())));
    }
}
