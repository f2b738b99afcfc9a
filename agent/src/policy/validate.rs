//! Holds a draft against itself and against the host.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use programs::Told;
pub(super) use trees::MAX_PATHS;

use super::{
    Account, Budgets, Hold, Host, Keeping, Policy, Response, Wanted,
    keeping::{Days, Size},
    parse::{AccountDraft, BoundsDraft, Draft, HoldKeys, RecordDraft, Settings},
    problem::{At, Located, Problems},
    reader::nearest,
};
use crate::store::Bounds;

mod commands;
mod people;
mod programs;
mod trees;
mod ways;
mod webhooks;

const MAX_ACCOUNTS: usize = 256;

/// The policy that a draft describes, and where each of its responses is wanted. It is only good if no error was noted.
/// `start` is where its first source begins, for what is missing; only one that is `built_in` may watch nobody.
pub(super) fn validate(
    draft: &Draft,
    start: &At,
    built_in: bool,
    host: &impl Host,
    problems: &mut Problems,
) -> (Policy, Vec<Wanted>) {
    let mut validator = Validator {
        host,
        problems,
        trees: draft.trees.keys().cloned().collect(),
        paths: BTreeMap::new(),
        claims: BTreeMap::new(),
        told: BTreeMap::new(),
        patterns: [0; 2],
        wanted: Vec::new(),
    };
    if draft.trees.is_empty() {
        validator.refuse(start, "nothing is protected: add a [tree.NAME] with paths");
    }
    validator.someone_is_watched(draft, start, built_in);
    let default_trees = draft.default.trees.as_deref().map(|names| validator.tree_indices(names));
    let trees = draft.trees.iter().map(|(name, tree)| validator.tree(name, tree)).collect();
    let accounts = draft
        .accounts
        .iter()
        .map(|(name, account)| validator.account(name, account, &draft.default, default_trees.as_deref()))
        .collect();
    let ways = validator.ways(&draft.ways);
    let commands = validator.commands(&draft.commands);
    let roles = validator.roles(&draft.roles);
    let webhooks = validator.webhooks(&draft.webhooks);
    let wanted = validator.wanted;
    let record = keeping(&draft.record);
    let recording = bounds(&draft.recording, Bounds::RECORDING);
    let (mode, governor) = (draft.mode.unwrap_or_default(), draft.governor);
    (Policy { mode, trees, accounts, ways, commands, roles, record, recording, governor, webhooks }, wanted)
}

struct Validator<'a, H> {
    host: &'a H,
    problems: &'a mut Problems,
    /// Names, in the order of their indices.
    trees: Vec<String>,
    /// Each path so far.
    paths: BTreeMap<PathBuf, trees::Claim>,
    /// Each uid so far, with the account it belongs to.
    claims: BTreeMap<u32, String>,
    /// Each program, script and unit so far, as it is written, with its account.
    told: BTreeMap<String, String>,
    /// How many programs and units are patterns.
    patterns: [usize; 2],
    wanted: Vec<Wanted>,
}

impl<H: Host> Validator<'_, H> {
    fn refuse(&mut self, at: &At, message: &str) {
        self.problems.refuse(at, message);
    }

    fn warn(&mut self, at: &At, message: &str) {
        self.problems.warn(at, message);
    }

    fn someone_is_watched(&mut self, draft: &Draft, start: &At, built_in: bool) {
        if let Some(surplus) = draft.accounts.values().nth(MAX_ACCOUNTS) {
            self.refuse(&surplus.at, &format!("more than {MAX_ACCOUNTS} accounts: join some of them"));
        }
        let nobody = draft.accounts.is_empty();
        if nobody && built_in {
            self.warn(
                start,
                "nobody is watched: this host has none of the automation users that are known by name",
            );
        } else if nobody {
            self.refuse(
                start,
                "nobody is watched: add an [account.NAME] with users, login, units, executables, scripts or launch",
            );
        }
    }

    fn account(
        &mut self,
        name: &str,
        draft: &AccountDraft,
        default: &Settings,
        default_trees: Option<&[usize]>,
    ) -> Account {
        let AccountDraft { at, is_somebody, note, users, login, units, executables, scripts, settings } =
            draft;
        if !is_somebody {
            let message = format!(
                "[account.{name}] is nobody: set users, login, units, executables, scripts or launch"
            );
            self.refuse(at, &message);
        }
        let mut budgets = Budgets::default();
        for (slot, budget) in default.budgets.iter().chain(&settings.budgets) {
            *slot(&mut budgets) = *budget;
        }
        let own_trees = settings.trees.as_deref().map(|names| self.tree_indices(names));
        if own_trees.is_none() && default_trees.is_none() {
            let message = format!("[account.{name}] is watched nowhere: set trees, here or in [default]");
            self.refuse(at, &message);
        }
        let wanted = Wanted::by(at, settings, default);
        let account = Account {
            name: name.to_owned(),
            note: note.clone(),
            users: self.uids(name, users),
            login: self.uids(name, login),
            units: self.told(name, units, Told::Unit),
            executables: self.told(name, executables, Told::Program),
            scripts: self.told(name, scripts, Told::Program),
            trees: own_trees.or_else(|| default_trees.map(<[_]>::to_vec)).unwrap_or_default(),
            response: wanted.response,
            escapes: settings.escapes.or(default.escapes).unwrap_or(Response::Observe),
            hold: hold(&settings.hold, &default.hold),
            contact: settings.hold.contact.clone().or_else(|| default.hold.contact.clone()),
            warmup: settings.warmup.or(default.warmup).unwrap_or(Duration::ZERO),
            launch: self.holders(settings.launch.as_deref().or(default.launch.as_deref()), Vec::new()),
            budgets,
        };
        self.wanted.push(wanted);
        account
    }

    fn tree_indices(&mut self, names: &[Located<String>]) -> Vec<usize> {
        let mut indices = Vec::new();
        for Located { value: name, at } in names {
            match self.trees.iter().position(|tree| tree == name) {
                Some(index) if indices.contains(&index) => {
                    self.refuse(at, &format!("tree {name:?} is given twice"));
                }
                Some(index) => indices.push(index),
                None => {
                    let known: Vec<_> = self.trees.iter().map(String::as_str).collect();
                    let hint = match nearest(name, &known) {
                        Some(near) => format!("did you mean {near:?}?"),
                        None => format!("add [tree.{name}]"),
                    };
                    self.refuse(at, &format!("there is no tree {name:?}: {hint}"));
                }
            }
        }
        indices
    }
}

fn keeping(draft: &RecordDraft) -> Keeping {
    Keeping { bounds: bounds(&draft.bounds, Bounds::default()), redact: draft.redact.clone() }
}

fn bounds(draft: &BoundsDraft, usual: Bounds) -> Bounds {
    Bounds {
        keep: draft.keep.map_or(usual.keep, Days::duration),
        size: draft.size.map_or(usual.size, Size::bytes),
    }
}

/// Key by key: what the account does not say, `[default]` may.
fn hold(own: &HoldKeys, default: &HoldKeys) -> Hold {
    let usual = Hold::default();
    Hold {
        deadline: own.deadline.or(default.deadline).unwrap_or(usual.deadline),
        then: own.then.or(default.then).unwrap_or(usual.then),
        on_agent_loss: own.on_agent_loss.or(default.on_agent_loss).unwrap_or(usual.on_agent_loss),
        terminal: own.terminal.or(default.terminal).unwrap_or(usual.terminal),
    }
}

impl Wanted {
    /// What the account at `at` wants.
    fn by(at: &At, settings: &Settings, default: &Settings) -> Self {
        let said = settings.response.as_ref().or(default.response.as_ref());
        Self {
            position: said.map_or(at, |said| &said.at).position(),
            response: said.map(|said| said.value).unwrap_or_default(),
            said: said.is_some(),
        }
    }
}
