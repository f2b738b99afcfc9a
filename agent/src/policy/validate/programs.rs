//! Programs, scripts and units: each is one account's.

use std::fmt::Display;

use agent_common::wire::identity::MAX_STARRED;

use super::{
    super::{Host, Pattern, Script, Unit, problem::Located},
    Validator,
};

/// What tells a process besides its users.
#[derive(Clone, Copy)]
pub(super) enum Told {
    Program = 0,
    Unit = 1,
}

/// One entry of the policy that tells processes.
pub(super) trait Entry {
    /// Whether the kernel programs compare names for it, for which they have room only so often.
    fn is_compared(&self) -> bool;

    /// Whether burstguard itself would act for the account, and could not be started again.
    fn is_us(&self) -> bool;
}

/// Where burstguard is, as it is installed.
const PROGRAMS: [&str; 3] = ["/usr/bin/burstguard", "/usr/sbin/burstguard", "/usr/local/bin/burstguard"];
const SERVICE: &str = "/system.slice/burstguard.service";

impl<H: Host> Validator<'_, H> {
    pub(super) fn told<T: Entry + Clone + Display>(
        &mut self,
        account: &str,
        items: &[Located<T>],
        by: Told,
    ) -> Vec<T> {
        let mut found = Vec::new();
        for Located { value, at } in items {
            if value.is_us() {
                let message = format!(
                    "\"{value}\" means burstguard as well, which would act for [account.{account}]: name less"
                );
                self.refuse(at, &message);
            }
            match self.told.insert(value.to_string(), account.to_owned()) {
                Some(other) if other != account => {
                    let message = format!(
                        "\"{value}\" already belongs to [account.{other}]: it can act for one account only"
                    );
                    self.refuse(at, &message);
                }
                Some(_) => {}
                None => {
                    self.patterns[by as usize] += usize::from(value.is_compared());
                    if self.patterns[by as usize] > MAX_STARRED as usize {
                        let what = match by {
                            Told::Program => "executables and scripts with a *",
                            Told::Unit => "units",
                        };
                        self.refuse(at, &format!("more than {MAX_STARRED} {what} in all accounts"));
                        return found;
                    }
                    found.push(value.clone());
                }
            }
        }
        found
    }
}

impl Entry for Pattern {
    fn is_compared(&self) -> bool {
        self.exact().is_none()
    }

    fn is_us(&self) -> bool {
        PROGRAMS.iter().any(|path| self.is(path.as_ref()))
    }
}

impl Entry for Script {
    fn is_compared(&self) -> bool {
        self.path.is_compared()
    }

    fn is_us(&self) -> bool {
        false
    }
}

impl Entry for Unit {
    fn is_compared(&self) -> bool {
        true
    }

    fn is_us(&self) -> bool {
        self.0.is_above(SERVICE.as_ref())
    }
}
