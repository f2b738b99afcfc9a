//! What a policy asks for that this kernel cannot do, or that does not suit whom it is for.

use std::path::Path;

use agent_common::rules::judge::Tier;

use super::{Host, Loaded, Mode, Problem, Response, Wanted};

impl Loaded {
    /// A warning for each response that a kernel of this tier cannot give. `why` says why the tier is no better.
    pub(crate) fn warnings_for(&self, tier: Tier, why: &str) -> Vec<Problem> {
        if tier == Tier::Lsm || self.policy.mode == Mode::Observe {
            return Vec::new();
        }
        let mut warnings: Vec<_> = self
            .wanted
            .iter()
            .filter(|wanted| wanted.response != Response::Observe)
            .map(|Wanted { position, response, said }| {
                let unsaid = if *said { "" } else { " (nothing else is said)" };
                let response = response.as_str();
                let message = format!(
                    "response \"{response}\"{unsaid} needs tier lsm; this kernel gives tracepoint ({why}): calls \
                     will be stopped after the fact"
                );
                Problem::new(position.clone(), &message)
            })
            .collect();
        warnings.sort();
        warnings.dedup();
        warnings
    }

    /// A warning for each account that is held though a person may sit at its terminal. One that cannot be told is passed over.
    pub(crate) fn advice(&self, host: &impl Host) -> Vec<Problem> {
        let held = self.wanted.iter().zip(&self.policy.accounts);
        held.filter(|(wanted, _)| wanted.response == Response::Hold)
            .filter_map(|(wanted, account)| {
                let mut uids = account.users.iter().chain(&account.login);
                let shell = uids.find_map(|uid| host.shell(*uid).ok()?.filter(|shell| is_interactive(shell)))?;
                let message = format!(
                    "response \"hold\" of [account.{}], whose login shell is {}: a shell with job control goes on with \
                     its next line while a call waits; \"deny\" suits it better",
                    account.name,
                    shell.display()
                );
                Some(Problem::new(wanted.position.clone(), &message))
            })
            .collect()
    }
}

/// Whether somebody can log in to it.
fn is_interactive(shell: &Path) -> bool {
    let name = shell.file_name().unwrap_or_default();
    !["nologin", "false", "true", "sync", "git-shell"].iter().any(|none| name == *none)
}
