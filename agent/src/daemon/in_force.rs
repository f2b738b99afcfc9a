//! The policy in force: the generation that carries it out, and what of it the kernel does not know.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use agent_common::rules::BootNs;
use anyhow::Result;
use jiff::Timestamp;

use super::{
    Which,
    facts::{About, AccountFacts, GrantFacts},
    generation::{Armed, Generation},
    own,
    retirement::{Carried, Retirement},
    self_test::Proof,
    tables::Tables,
    tier::Wanted,
    watched::Watched,
};
use crate::{
    api::{Code, Problem, Target},
    clock::{boot_id, boot_now},
    policy::{Account, Keeping, Loaded, Mode, Policy, PolicyError, Roles, ThisHost, drill::Drill},
    processes::{
        proc::{Process, ProcessId},
        target,
    },
    sensor::{Member, Record, What},
    store::{Bounds, Redact},
};

/// The policy in force.
pub(crate) struct InForce {
    pub(super) generation: Generation,
    pub(super) about: Arc<About>,
    pub(super) roles: Roles,
    /// How much of the record is kept, and what is never put into it.
    pub(super) bounds: Bounds,
    /// Of the recording.
    pub(super) recording: Bounds,
    pub(super) redact: Redact,
    /// All of it, with the drill.
    pub(super) policy: Arc<Policy>,
    /// What was read, without it.
    pub(super) read: Arc<Loaded>,
    pub(super) drill: Option<Drill>,
    /// What only the policy knows of each account.
    accounts: HashMap<String, Account>,
    /// Until when each account is new here.
    warm_until: HashMap<String, BootNs>,
    pub(super) watched: Watched,
    /// Where it was read from.
    pub(super) file: PathBuf,
    /// The directory of the record.
    pub(super) state: PathBuf,
}

/// A policy that has just come into force.
pub(crate) struct Come {
    pub(crate) in_force: InForce,
    pub(crate) proof: Proof,
    pub(crate) carried: Carried,
    pub(crate) retirement: Retirement,
}

/// A policy that is to come into force: as it was read, and with which drill.
pub(super) struct Wish {
    read: Loaded,
    drill: Option<Drill>,
    /// The one with the other.
    whole: Loaded,
}

impl Wish {
    /// Of a policy as it was read, without a drill.
    pub(super) fn of(read: Loaded) -> Self {
        Self { whole: read.clone(), drill: None, read }
    }

    fn with(read: Loaded, drill: Option<Drill>) -> Result<Self, Problem> {
        let no_good = |why| {
            Problem::new(Code::Invalid, format!("the policy in force stays, and there is no drill: {why}"))
        };
        let Some(drill) = drill else { return Ok(Self::of(read)) };
        let whole = drill.over(read.clone()).map_err(no_good)?;
        Ok(Self { read, drill: Some(drill), whole })
    }

    /// What is to be carried out.
    pub(super) fn policy(&self) -> &Policy {
        &self.whole.policy
    }
}

/// What is to come into force after what is `now`; of a drill the directory is looked at, in which everything will be destroyed.
pub(super) fn wish(
    which: Which,
    file: &Path,
    (now, drill): (Arc<Loaded>, Option<Drill>),
) -> Result<Wish, Problem> {
    let read = || (*now).clone();
    match which {
        Which::NoDrill => Ok(Wish::of(read())),
        Which::Drill(drill) => {
            let no_drill = |why| Problem::new(Code::Invalid, format!("no drill: {why}"));
            drill.look_at_tree().map_err(no_drill)?;
            Wish::with(read(), Some(drill))
        }
        Which::Files => {
            let no_good = |error: PolicyError| {
                let message = format!("the policy is no good, the one in force stays:\n{error}");
                Problem::new(Code::PolicyInvalid, message)
            };
            let read = self::read(file).map_err(no_good)?;
            let fits = |drill: &Drill| drill.is_there() && drill.over(read.clone()).is_ok();
            let goes_on = drill.clone().filter(fits);
            if goes_on != drill {
                log::warn!("the drill is over: its directory is gone, or it does not fit the policy");
            }
            Wish::with(read, goes_on)
        }
    }
}

/// What was before, and lets accounts pass.
#[derive(Clone)]
pub(super) struct Before {
    pub(super) watched: Watched,
    /// Nothing is enforced until then; 0 if it is.
    pub(super) off_until: BootNs,
}

/// Reads a policy; what is wrong with it without making it invalid goes to the log.
pub(super) fn read(file: &Path) -> Result<Loaded, PolicyError> {
    let loaded = Policy::load(file, &ThisHost)?;
    loaded.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    Ok(loaded)
}

/// Puts a policy in force in the place of the one that is; if anything fails, that one stays. Takes as long as the kernel
/// takes to verify the programs, half a second. `kernel` is the kernel's release.
pub(super) fn bring(
    file: PathBuf,
    wish: Wish,
    kernel: &str,
    self_test: &Path,
    tier: Wanted,
    before: Before,
    state: PathBuf,
) -> Result<Come> {
    let Wish { read, drill, whole } = wish;
    let Before { mut watched, off_until } = before;
    let Loaded { policy, warnings, sources, hash, .. } = whole;
    let begun = Timestamp::now();
    let warm_until = policy.accounts.iter().map(|one| (one.name.clone(), watched.warm_until(one, begun)));
    let warm_until: HashMap<String, BootNs> = warm_until.collect();
    let passes = |account: &Account| off_until.max(warm_until[&account.name]);
    let Armed { generation, tier, proof, carried, retirement } =
        Generation::arm(Tables::of(&policy, self_test, &own::all(&file, &state), passes)?, self_test, tier)?;
    watched.begin(policy.accounts.iter(), begun);
    let now = boot_now();
    let about = About {
        kernel: kernel.to_owned(),
        boot: boot_id().unwrap_or_default(),
        tier,
        armed_at: now,
        self_test_at: now,
        trees: policy.trees.iter().flat_map(|tree| tree.paths.iter().cloned()).collect(),
        enforces: policy.mode == Mode::Enforce,
        approvals: policy.roles.approvals,
        governor: policy.governor,
        drill: drill.as_ref().map(|drill| Drill::name(&drill.account)),
        policy_sources: sources,
        policy_sha256: hash,
        policy_loaded_at: now,
        policy_warnings: warnings.iter().map(ToString::to_string).collect(),
    };
    let whole = Arc::new(policy.clone());
    let accounts = policy.accounts.into_iter().map(|account| (account.name.clone(), account)).collect();
    let Keeping { bounds, redact } = policy.record;
    let in_force = InForce {
        generation,
        about: Arc::new(about),
        roles: policy.roles,
        bounds,
        recording: policy.recording,
        redact: Redact { patterns: redact },
        policy: whole,
        read: Arc::new(read),
        drill,
        accounts,
        warm_until,
        watched,
        file,
        state,
    };
    Ok(Come { in_force, proof, carried, retirement })
}

impl InForce {
    /// Takes the secrets out of a command's words, which are to be shown and written down.
    pub(super) fn redact_command(&self, is_command: bool, words: &mut Vec<u8>) {
        if is_command {
            *words = self.redact.line(words);
        }
    }

    /// The same of records.
    pub(super) fn take_secrets_out(&self, records: &mut [Record]) {
        for record in records {
            if let What::Operation(act) | What::Burst(act) | What::Held(act) | What::Denied(act) =
                &mut record.what
            {
                self.redact_command(act.command, &mut act.path);
            }
        }
    }

    /// Every account, as it is now, and what is granted.
    pub(super) fn accounts(&mut self) -> Result<(Vec<AccountFacts>, Vec<GrantFacts>)> {
        let (mut accounts, grants) = self.generation.accounts()?;
        for held in accounts.iter_mut().flat_map(|account| &mut account.held) {
            self.redact_command(held.call.command, &mut held.call.path);
        }
        for account in &mut accounts {
            let said = self.accounts.get(&account.name);
            account.hold = said.map(|said| said.hold).unwrap_or_default();
            account.warm_until = self.warm_until.get(&account.name).copied().unwrap_or_default();
            account.note = said.and_then(|said| said.note.clone());
            account.contact = said.and_then(|said| said.contact.clone());
        }
        Ok((accounts, grants))
    }

    /// The processes that a target means, and nothing else of them: it is asked for while they are being frozen.
    pub(super) fn ids_of(&self, target: &Target) -> Vec<ProcessId> {
        match target {
            Target::Account(account) => self.members_of(account).iter().map(Member::id).collect(),
            target => target::processes(target).iter().map(Process::id).collect(),
        }
    }

    /// The lineage of an account.
    pub(super) fn members_of(&self, account: &str) -> Vec<Member> {
        let index = self.generation.names().index(account);
        let members = self.generation.kernel.members().into_iter();
        members.filter(|member| Some(member.account) == index).collect()
    }

    /// Whether the policy's files say something else now.
    pub(super) fn has_changed(&self) -> bool {
        Policy::hash(&self.file, &ThisHost) != self.about.policy_sha256
    }
}
