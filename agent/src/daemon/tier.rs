//! Which tier this kernel can have. Only arming and proving it tells for certain; what the kernel says of itself beforehand
//! tells when it is not worth trying.

use std::fs;

use agent_common::rules::judge::Tier;
use clap::ValueEnum;

/// Where the kernel lists its security modules, if that file system is mounted.
const MODULES: &str = "/sys/kernel/security/lsm";

/// Which tier to arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wanted {
    /// The best that this kernel can have
    #[default]
    Auto,
    /// Hold calls before anything has happened, or do not start
    Lsm,
    /// Stop processes once their call is done, whatever else the kernel can
    Tracepoint,
}

/// A tier and why it is this one, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) tier: Tier,
    pub(crate) note: String,
}

/// Before anything is armed.
impl Default for Chosen {
    fn default() -> Self {
        Self { tier: Tier::Tracepoint, note: String::new() }
    }
}

impl Chosen {
    pub(crate) fn lsm() -> Self {
        Self { tier: Tier::Lsm, note: "can hold and deny".to_owned() }
    }

    /// `why` it is not the other.
    pub(crate) fn tracepoint(why: &str) -> Self {
        Self { tier: Tier::Tracepoint, note: format!("stops a process once its call is done; {why}") }
    }

    /// In a word.
    pub(crate) const fn word(&self) -> &'static str {
        match self.tier {
            Tier::Lsm => "lsm",
            Tier::Tracepoint => "tracepoint",
        }
    }
}

/// Why this kernel cannot have the tier `lsm`, as far as it says so itself.
pub(crate) fn obstacle() -> Option<String> {
    obstacle_in(&fs::read_to_string(MODULES).ok()?)
}

fn obstacle_in(modules: &str) -> Option<String> {
    let modules = modules.trim();
    let active = modules.split(',').any(|module| module == "bpf");
    (!active).then(|| {
        format!("not lsm, since bpf is not among the kernel's security modules: boot with lsm={modules},bpf")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_boot_with_is_said() {
        assert_eq!(obstacle_in("lockdown,capability,bpf\n"), None);
        let said = obstacle_in("lockdown,capability,landlock,yama,apparmor\n").unwrap_or_default();
        assert!(said.ends_with("boot with lsm=lockdown,capability,landlock,yama,apparmor,bpf"), "{said}");
        assert!(obstacle_in("capability,bpfx").is_some());
    }
}
