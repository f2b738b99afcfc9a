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

/// What the kernel programs compare names for, of which they have room for so many.
pub(super) trait Compared {
    fn is_compared(&self) -> bool;
}

impl<H: Host> Validator<'_, H> {
    pub(super) fn told<T: Compared + Clone + Display>(
        &mut self,
        account: &str,
        items: &[Located<T>],
        by: Told,
    ) -> Vec<T> {
        let mut found = Vec::new();
        for Located { value, at } in items {
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

impl Compared for Pattern {
    fn is_compared(&self) -> bool {
        self.exact().is_none()
    }
}

impl Compared for Script {
    fn is_compared(&self) -> bool {
        self.path.is_compared()
    }
}

impl Compared for Unit {
    fn is_compared(&self) -> bool {
        true
    }
}
