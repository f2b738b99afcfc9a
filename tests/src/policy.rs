//! The text of a policy, and the tier that it is for.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A policy: accounts, each with a tree of its own and the same budgets.
#[derive(Clone, Debug)]
pub struct Policy {
    tier: Tier,
    mode: &'static str,
    response: &'static str,
    accounts: Vec<Watched>,
    budgets: Vec<(&'static str, String)>,
    roles: Vec<(&'static str, Vec<String>)>,
    approvals: Option<u8>,
    hold: Option<(&'static str, &'static str)>,
    contact: Option<&'static str>,
    except: Vec<String>,
    escapes: Option<&'static str>,
    ways: Vec<(&'static str, String)>,
    warmup: Option<&'static str>,
    governor: Vec<(&'static str, &'static str)>,
    more: String,
}

/// What the agent is to make use of, whatever else the kernel can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// It sees system calls, and stops the caller when the call is done.
    #[default]
    Tracepoint,
    /// It is asked before each operation, and holds or refuses it.
    Lsm,
}

impl Tier {
    /// Its name, which is also the word for it on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tracepoint => "tracepoint",
            Self::Lsm => "lsm",
        }
    }
}

#[derive(Clone, Debug)]
struct Watched {
    name: String,
    /// What tells its processes, as the policy writes it.
    who: String,
    tree: Vec<PathBuf>,
}

impl Policy {
    /// This user may destroy a few things in the tree.
    #[must_use]
    pub fn new(user: &str, tree: &Path) -> Self {
        Self::of_nobody().and(user, tree)
    }

    /// The same budgets, and nobody who is held to them yet.
    #[must_use]
    pub fn of_nobody() -> Self {
        let budgets = [
            ("deletes", "10/10s"),
            ("replaces", "50/10s"),
            ("truncates", "10/10s"),
            ("overwrites", "200/10s"),
            ("recreates", "3/60s"),
            ("commands", "10/10m"),
        ];
        let budgets = budgets.map(|(kind, budget)| (kind, budget.to_owned())).to_vec();
        Self {
            tier: Tier::default(),
            mode: "enforce",
            response: "hold",
            accounts: Vec::new(),
            budgets,
            roles: Vec::new(),
            approvals: None,
            hold: None,
            contact: None,
            except: Vec::new(),
            escapes: None,
            ways: Vec::new(),
            warmup: None,
            governor: Vec::new(),
            more: String::new(),
        }
    }

    /// In another tier.
    #[must_use]
    pub fn in_tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// The tier that it is for.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// What becomes of a held call that nobody decides about, and when, as the policy writes it.
    #[must_use]
    pub fn hold(mut self, deadline: &'static str, then: &'static str) -> Self {
        self.hold = Some((deadline, then));
        self
    }

    /// Whom to ask about what waits.
    #[must_use]
    pub fn contact(mut self, whom: &'static str) -> Self {
        self.contact = Some(whom);
        self
    }

    /// What lies in every tree and is not of it; `{tree}` is the tree's path.
    #[must_use]
    pub fn except(mut self, exceptions: &[String]) -> Self {
        self.except = exceptions.to_vec();
        self
    }

    /// The same, under this account name.
    #[must_use]
    pub fn named(name: &str, user: &str, tree: &Path) -> Self {
        let mut policy = Self::new(user, tree);
        policy.accounts.iter_mut().for_each(|account| name.clone_into(&mut account.name));
        policy
    }

    /// One more user, in a tree of its own.
    #[must_use]
    pub fn and(self, user: &str, tree: &Path) -> Self {
        // A number is an id, not a name.
        let user = user.parse::<u32>().map_or_else(|_| format!("{user:?}"), |uid| uid.to_string());
        self.and_told_by(&format!("users = [{user}]"), tree)
    }

    /// One more account, told by this line of the policy, in a tree of its own.
    #[must_use]
    pub fn and_told_by(mut self, who: &str, tree: &Path) -> Self {
        let name = format!("a{}", self.accounts.len());
        self.accounts.push(Watched { name, who: who.to_owned(), tree: vec![tree.to_owned()] });
        self
    }

    /// Another budget for one kind of operation, as the policy writes it.
    #[must_use]
    pub fn budget(mut self, kind: &str, budget: &str) -> Self {
        if let Some((_, old)) = self.budgets.iter_mut().find(|(name, _)| *name == kind) {
            budget.clone_into(old);
        }
        self
    }

    /// Bursts are reported and nothing is stopped.
    #[must_use]
    pub fn observe(mut self) -> Self {
        self.mode = "observe";
        self
    }

    /// What is done about a burst, as the policy writes it.
    #[must_use]
    pub fn response(mut self, response: &'static str) -> Self {
        self.response = response;
        self
    }

    /// What is done when somebody else is asked to act, as the policy writes it.
    #[must_use]
    pub fn escapes(mut self, response: &'static str) -> Self {
        self.escapes = Some(response);
        self
    }

    /// One more way to have others act, told by this line of the policy.
    #[must_use]
    pub fn way(mut self, name: &'static str, by: &str) -> Self {
        self.ways.push((name, by.to_owned()));
        self
    }

    /// For how long a new account is only observed, as the policy writes it.
    #[must_use]
    pub fn warmup(mut self, warmup: &'static str) -> Self {
        self.warmup = Some(warmup);
        self
    }

    /// How many of these (accounts, incidents) may trip in how long a time, as the policy writes it.
    #[must_use]
    pub fn governor(mut self, of: &'static str, limit: &'static str) -> Self {
        self.governor.push((of, limit));
        self
    }

    /// Root has a role, and this user, besides those who were given it before.
    #[must_use]
    pub fn role(mut self, role: &'static str, uid: u32) -> Self {
        let holder = format!("uid:{uid}");
        match self.roles.iter_mut().find(|(known, _)| *known == role) {
            Some((_, holders)) => holders.push(holder),
            None => self.roles.push((role, vec!["uid:0".to_owned(), holder])),
        }
        self
    }

    /// It takes so many people to let go on what waits.
    #[must_use]
    pub fn approvals(mut self, people: u8) -> Self {
        self.approvals = Some(people);
        self
    }

    /// These lines too, at its end; its trees are `t0` and so on.
    #[must_use]
    pub fn and_says(mut self, lines: &str) -> Self {
        self.more += lines;
        self
    }

    /// Puts it into a file in a directory, in the place of the one before.
    pub fn write(&self, directory: &Path) -> Result<PathBuf> {
        let file = directory.join("policy.toml");
        fs::write(&file, self.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    /// One more directory in every tree.
    #[must_use]
    pub fn also(mut self, directory: &Path) -> Self {
        self.accounts.iter_mut().for_each(|account| account.tree.push(directory.to_owned()));
        self
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tier: _,
            mode,
            response,
            accounts,
            budgets,
            roles,
            approvals,
            hold,
            contact,
            except,
            escapes,
            ways,
            warmup,
            governor,
            more,
        } = self;
        writeln!(f, "version = 1\nmode = \"{mode}\"")?;
        if !roles.is_empty() || approvals.is_some() {
            writeln!(f, "[roles]")?;
            approvals.iter().try_for_each(|people| writeln!(f, "approvals = {people}"))?;
            roles.iter().try_for_each(|(role, holders)| writeln!(f, "{role} = {holders:?}"))?;
        }
        if !governor.is_empty() {
            writeln!(f, "[governor]")?;
            governor.iter().try_for_each(|(of, limit)| writeln!(f, "{of} = {limit:?}"))?;
        }
        ways.iter().try_for_each(|(name, by)| writeln!(f, "[way.{name}]\n{by}"))?;
        for (number, Watched { name, who, tree }) in accounts.iter().enumerate() {
            // Debug writes a list of quoted strings as TOML does, as long as no name of ours needs an escape.
            writeln!(f, "[tree.t{number}]\npaths = {tree:?}")?;
            if let Some(path) = tree.first().filter(|_| !except.is_empty()) {
                let path = path.to_string_lossy();
                let except: Vec<_> = except.iter().map(|text| text.replace("{tree}", &path)).collect();
                writeln!(f, "except = {except:?}")?;
            }
            writeln!(f, "[account.{name}]\n{who}\ntrees = [\"t{number}\"]\nresponse = {response:?}")?;
            budgets.iter().try_for_each(|(kind, budget)| writeln!(f, "budget.{kind} = {budget:?}"))?;
            if let Some(warmup) = warmup {
                writeln!(f, "warmup = {warmup:?}")?;
            }
            if let Some(escapes) = escapes {
                writeln!(f, "escapes = {escapes:?}")?;
            }
            if let Some(contact) = contact {
                writeln!(f, "hold.contact = {contact:?}")?;
            }
            if let Some((deadline, then)) = hold {
                writeln!(f, "hold.deadline = {deadline:?}\nhold.then = {then:?}")?;
            }
        }
        f.write_str(more)
    }
}
