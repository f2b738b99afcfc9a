//! Why a process acts for an account, or for none: what the kernel programs have written down, and what the policy says of who
//! is not in there.

use agent_common::{
    rules::identity::Login,
    wire::row::{Claim, by},
};

use super::{boot, facts::Identity, generation::Generation};
use crate::{
    processes::{lineage::Claims as _, proc::Process, view::comm},
    sensor::Membership,
};

impl Generation {
    /// For a process that runs.
    pub(super) fn identity(&self, process: &Process) -> Identity {
        match self.kernel.membership(process.id()) {
            Some(Membership { evidence: Some(evidence), entry, origin, since }) => Identity::Member {
                evidence,
                entry: self.names().entry(entry).map(str::to_owned),
                since,
                origin,
                comm: self.kernel.is_still(origin, since).then(|| comm(origin)),
            },
            _ => Identity::Nobody(self.why_nobody(process)),
        }
    }

    fn why_nobody(&self, process: &Process) -> String {
        let Process { pid, uid, login, .. } = *process;
        let of = |claim: Claim| {
            let account = self.names().account(claim.account()).unwrap_or_default();
            let entry = self.names().entry(claim.entry()).unwrap_or_default();
            (account.to_owned(), entry.to_owned())
        };
        if pid == 1 {
            return "the first process of all acts for nobody".to_owned();
        }
        if boot::us().iter().any(|one| one.id() == process.id()) {
            return "burstguard itself, or what it was started by, acts for nobody".to_owned();
        }
        if let Some(claim) = self.identities.claim(process) {
            let (account, entry) = of(claim);
            return format!("{entry} is account {account}'s: it acts for it from its next program on");
        }
        match (self.identities.user(uid, by::REAL), self.identities.login(process)) {
            (Some(claim), Login::Person) => {
                let (account, entry) = of(claim);
                format!(
                    "{entry} is account {account}'s, but somebody is logged in with uid {login}, which is no account's: a \
                     person who becomes that user stays a person"
                )
            }
            _ => format!("no account of the policy has {}", self.identities.looked_at(process)),
        }
    }
}
