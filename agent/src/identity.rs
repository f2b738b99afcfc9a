//! By what the policy tells for whom a process acts, in both ways in which it is asked: [`rows`] for the kernel programs, which judge
//! a process when it becomes what it is, [`running`] for processes that are there already.

pub(crate) mod rows;
pub(crate) mod running;

use agent_common::{
    rules::identity::{self, Evidence, Login},
    wire::row::{Claim, UserKey, by},
};

use crate::{
    policy::{Account, Pattern, Script, Unit},
    processes::{lineage::Claims, proc::Process},
};
use running::Running;

/// Who claims whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identities {
    pub(crate) users: Vec<(UserKey, Claim)>,
    units: Vec<(Unit, Claim)>,
    executables: Vec<(Pattern, Claim)>,
    scripts: Vec<(Script, Claim)>,
    /// By which sockets processes have others act: how, and the number of each, in the form of a claim.
    pub(crate) ways: Vec<(Pattern, Claim)>,
    /// By which ports of this host, and the number of each.
    pub(crate) ports: Vec<(u16, u32)>,
}

impl Identities {
    /// Adds an account, by its index. `entry` gives each entry of the policy, in words, a number.
    pub(crate) fn add(&mut self, index: u32, account: &Account, mut entry: impl FnMut(String) -> u32) {
        let mut claim = |evidence, words| Claim::of(index, evidence, entry(words));
        for uid in &account.users {
            let claim = claim(Evidence::User, format!("real uid {uid}"));
            self.users.push((UserKey { uid: *uid, by: by::REAL }, claim));
        }
        for uid in &account.login {
            let claim = claim(Evidence::Login, format!("login uid {uid}"));
            self.users.push((UserKey { uid: *uid, by: by::LOGIN }, claim));
        }
        for unit in &account.units {
            self.units.push((unit.clone(), claim(Evidence::Unit, format!("unit {unit}"))));
        }
        for path in &account.executables {
            self.executables.push((path.clone(), claim(Evidence::Program, format!("executable {path}"))));
        }
        for script in &account.scripts {
            self.scripts.push((script.clone(), claim(Evidence::Program, format!("script {script}"))));
        }
    }

    /// Who claims a process by its user ids.
    pub(crate) fn by_user(&self, process: &Process) -> Option<Claim> {
        identity::by_user(self.login(process), self.user(process.uid, by::REAL))
    }

    /// Whose the login user id of a process is.
    pub(crate) fn login(&self, process: &Process) -> Login<Claim> {
        match self.user(process.login, by::LOGIN) {
            Some(claim) => Login::Account(claim),
            None if process.login == u32::MAX => Login::Nobody,
            None if self.user(process.login, by::REAL).is_some() => Login::User,
            None => Login::Person,
        }
    }

    /// Who claims this user.
    pub(crate) fn user(&self, uid: u32, by: u32) -> Option<Claim> {
        let key = UserKey { uid, by };
        self.users.iter().find(|(user, _)| *user == key).map(|(_, claim)| *claim)
    }

    /// What is looked at of a process, as far as it is.
    pub(crate) fn looked_at(&self, process: &Process) -> String {
        let login = match process.login {
            u32::MAX => "no login uid".to_owned(),
            login => format!("login uid {login}"),
        };
        let unit = (!self.units.is_empty()).then_some("its control group");
        let program = self.knows_programs().then_some("the program that it runs");
        let more: Vec<_> = unit.into_iter().chain(program).collect();
        let users = format!("real uid {}, {login}", process.uid);
        if more.is_empty() { users } else { format!("{users}, {}", more.join(" or ")) }
    }

    /// Whether programs tell anybody.
    fn knows_programs(&self) -> bool {
        !(self.executables.is_empty() && self.scripts.is_empty())
    }
}

impl Claims for Identities {
    fn claim(&self, process: &Process) -> Option<Claim> {
        let running = Running { pid: process.pid };
        let program = || running.program(&self.executables, &self.scripts);
        let unit = || running.unit(&self.units);
        let program = self.knows_programs().then(program).flatten();
        let told = program.or_else(|| (!self.units.is_empty()).then(unit).flatten());
        told.or_else(|| self.by_user(process))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_nobodys_account() {
        let mut identities = Identities::default();
        for (uid, by, account) in [(7, by::REAL, 1), (8, by::REAL, 2), (9, by::LOGIN, 3)] {
            identities.users.push((UserKey { uid, by }, Claim::of(account, Evidence::User, 1)));
        }
        let claimed = |uid, login| {
            let process = Process { pid: 0, parent: 1, start: 1, stopped: false, uid, login };
            identities.by_user(&process).map(Claim::account)
        };
        const NOBODY: u32 = u32::MAX;
        for (uid, login, account) in [
            (7, NOBODY, Some(1)),
            (7, 7, Some(1)),
            (7, 8, Some(1)),
            (7, 1000, None),
            (7, 0, None),
            (7, 9, Some(3)),
            (0, 9, Some(3)),
            (0, 7, None),
            (1000, NOBODY, None),
        ] {
            assert_eq!(claimed(uid, login), account, "uid {uid}, login {login}");
        }
    }
}
