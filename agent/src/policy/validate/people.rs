//! Users and groups: who an account is, and who has a role.

use std::{collections::BTreeSet, io};

use super::{
    super::{
        Host, Role, Roles,
        parse::{Person, RolesDraft, User},
        problem::Located,
    },
    Validator,
};

impl<H: Host> Validator<'_, H> {
    pub(super) fn uids(&mut self, account: &str, users: &[Located<User>]) -> Vec<u32> {
        let mut uids = Vec::new();
        for user in users {
            match self.uid(account, &user.value) {
                Ok(uid) if uids.contains(&uid) => {}
                Ok(uid) => {
                    self.claims.insert(uid, account.to_owned());
                    uids.push(uid);
                }
                Err(message) => self.refuse(&user.at, &message),
            }
        }
        uids
    }

    /// The uid of a user that this account may have, or what speaks against it.
    fn uid(&self, account: &str, user: &User) -> Result<u32, String> {
        let (uid, shown) = match user {
            User::Uid(uid) => (*uid, format!("uid {uid}")),
            User::Name(name) => {
                let uid = known("user", name, self.host.uid(name))
                    .map_err(|why| format!("[account.{account}] is not watched: {why}"))?;
                (uid, format!("user {name:?}"))
            }
        };
        if uid == 0 {
            return Err(format!(
                "{shown} is root: every person who becomes root would act for [account.{account}]; name the \
                 automation's own user"
            ));
        }
        match self.claims.get(&uid) {
            Some(other) if other != account => Err(format!(
                "{shown} already belongs to [account.{other}]: a user can act for one account only"
            )),
            _ => Ok(uid),
        }
    }

    pub(super) fn roles(&mut self, draft: &RolesDraft) -> Roles {
        let RolesDraft { view, respond, admin, approvals } = draft;
        let usual = Roles::usual(self.host);
        let roles = Roles {
            view: self.holders(view.as_deref(), usual.view),
            respond: self.holders(respond.as_deref(), usual.respond),
            admin: self.holders(admin.as_deref(), usual.admin),
            approvals: approvals.as_ref().map_or(usual.approvals, |approvals| approvals.value),
        };
        if let Some(Located { value: needed, at }) = approvals
            && let Some(people) =
                roles.respond.iter().chain(&roles.admin).map(uid).collect::<Option<BTreeSet<_>>>()
            && people.len() < usize::from(*needed)
        {
            let message = format!(
                "approvals = {needed}, but no more than {} may respond: what waits is let go on by nobody",
                people.len()
            );
            self.warn(at, &message);
        }
        roles
    }

    pub(super) fn holders(&mut self, people: Option<&[Located<Person>]>, usual: Vec<Role>) -> Vec<Role> {
        let Some(people) = people else { return usual };
        let mut roles = Vec::new();
        for person in people {
            match self.role(&person.value) {
                Ok(role) if roles.contains(&role) => {}
                Ok(role) => roles.push(role),
                Err(message) => self.refuse(&person.at, &message),
            }
        }
        roles
    }

    fn role(&self, person: &Person) -> Result<Role, String> {
        match person {
            Person::Uid(uid) => Ok(Role::Uid(*uid)),
            Person::Gid(gid) => Ok(Role::Gid(*gid)),
            Person::User(name) => known("user", name, self.host.uid(name)).map(Role::Uid),
            Person::Group(name) => known("group", name, self.host.gid(name)).map(Role::Gid),
        }
    }
}

/// The one person that it is; none if it is a group, of whoever is in it.
fn uid(role: &Role) -> Option<u32> {
    if let Role::Uid(uid) = role { Some(*uid) } else { None }
}

/// The id that was found, or why there is none.
fn known(kind: &str, name: &str, found: io::Result<Option<u32>>) -> Result<u32, String> {
    match found {
        Ok(Some(id)) => Ok(id),
        Ok(None) => Err(format!("{kind} {name:?} does not exist on this host")),
        Err(error) => Err(format!("cannot look up {kind} {name:?}: {error}")),
    }
}
