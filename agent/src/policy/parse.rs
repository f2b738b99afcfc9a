//! The keys of a policy: TOML becomes a draft, whose names and values are not yet held against each other or against a
//! host.

use std::{
    collections::BTreeMap, fmt::Display, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration,
};

use super::{
    Budget, Exception, Governor, Keep, Mode, OnAgentLoss, Pattern, Response, Script, Then, Unit,
    budget::{Budgets, Slot},
    keep,
    keeping::{Days, Size},
    keys,
    node::{Node, Table, get},
    problem::{At, Located, Problems},
    reader::Reader,
};
use crate::store;

mod command;
mod text;
mod webhook;

pub(super) use command::CommandDraft;
pub(super) use webhook::{QUEUE, TIMEOUT, WebhookDraft};

/// What a policy says, by name.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) mode: Option<Mode>,
    pub(super) trees: BTreeMap<String, TreeDraft>,
    pub(super) default: Settings,
    pub(super) accounts: BTreeMap<String, AccountDraft>,
    pub(super) ways: BTreeMap<String, WayDraft>,
    pub(super) roles: RolesDraft,
    pub(super) record: RecordDraft,
    pub(super) recording: BoundsDraft,
    pub(super) governor: Governor,
    pub(super) commands: BTreeMap<String, CommandDraft>,
    pub(super) webhooks: BTreeMap<String, WebhookDraft>,
}

pub(super) struct TreeDraft {
    /// Of its name.
    pub(super) at: At,
    pub(super) paths: Option<Vec<Located<String>>>,
    pub(super) except: Vec<Located<Exception>>,
    pub(super) keep: Keep,
}

/// See [`super::Way`].
pub(super) struct WayDraft {
    pub(super) sockets: Vec<Located<Pattern>>,
    pub(super) buses: Vec<Located<Pattern>>,
    pub(super) jobs: Vec<Located<PathBuf>>,
    pub(super) ports: Vec<Located<u16>>,
}

pub(super) struct AccountDraft {
    /// Of its name.
    pub(super) at: At,
    /// Whether anything tells its processes.
    pub(super) is_somebody: bool,
    pub(super) note: Option<String>,
    pub(super) users: Vec<Located<User>>,
    pub(super) login: Vec<Located<User>>,
    pub(super) units: Vec<Located<Unit>>,
    pub(super) executables: Vec<Located<Pattern>>,
    pub(super) scripts: Vec<Located<Script>>,
    pub(super) settings: Settings,
}

/// The keys that an account takes over from `[default]` one by one.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) trees: Option<Vec<Located<String>>>,
    pub(super) response: Option<Located<Response>>,
    pub(super) escapes: Option<Response>,
    pub(super) hold: HoldKeys,
    pub(super) warmup: Option<Duration>,
    pub(super) launch: Option<Vec<Located<Person>>>,
    pub(super) budgets: Vec<(Slot, Budget)>,
}

/// What is said of a hold.
#[derive(Clone, Default)]
pub(super) struct HoldKeys {
    pub(super) deadline: Option<Duration>,
    pub(super) then: Option<Then>,
    pub(super) on_agent_loss: Option<OnAgentLoss>,
    pub(super) contact: Option<String>,
    pub(super) terminal: Option<bool>,
}

/// What is not said stays as it is without `[roles]`.
#[derive(Default)]
pub(super) struct RolesDraft {
    pub(super) view: Option<Vec<Located<Person>>>,
    pub(super) respond: Option<Vec<Located<Person>>>,
    pub(super) admin: Option<Vec<Located<Person>>>,
    pub(super) approvals: Option<Located<u8>>,
}

/// What is not said is as usual.
#[derive(Default)]
pub(super) struct RecordDraft {
    pub(super) bounds: BoundsDraft,
    pub(super) redact: Vec<store::Pattern>,
}

/// The same.
#[derive(Default)]
pub(super) struct BoundsDraft {
    pub(super) keep: Option<Days>,
    pub(super) size: Option<Size>,
}

pub(super) enum User {
    Name(String),
    Uid(u32),
}

/// Who may have a role.
pub(super) enum Person {
    Uid(u32),
    Gid(u32),
    User(String),
    Group(String),
}

const PEOPLE: &str = "\"uid:N\", \"user:NAME\", \"gid:N\" or \"group:NAME\"";
const DIRECTORIES: &str = "absolute paths without \"..\"";
const PORTS: &str = "numbers from 1 to 65535";
const MAX_NAME: usize = 64;
pub(super) const MAX_NOTE: usize = 1024;
pub(super) const MAX_CONTACT: usize = 200;
/// How many people it may take to let go on what waits.
pub(super) const APPROVALS: RangeInclusive<u8> = 1..=5;
/// How long an account may be new.
pub(super) const WARMUP: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24 * 30);
/// How long a call may wait.
pub(super) const DEADLINE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);

/// The draft of one file or of all of them together.
pub(super) fn parse(table: &Table, problems: &mut Problems) -> Draft {
    Reader::new(problems).draft(table)
}

/// Notes what is wrong with the version that a file says, and that it says none if it is `required`.
pub(super) fn version(table: &Table, start: &At, required: bool, problems: &mut Problems) {
    match get(table, "version") {
        None if required => problems.refuse(start, "version is missing: want version = 1"),
        None => {}
        Some(node) if node.as_integer() == Some(1) => {}
        Some(node) => Reader::new(problems).want("version =", node, "1, the only version there is"),
    }
}

impl Reader<'_> {
    fn draft(&mut self, table: &Table) -> Draft {
        self.refuse_unknown(table, "", keys::POLICY);
        let default = get(table, "default").and_then(|node| self.table("default", node));
        Draft {
            mode: get(table, "mode").and_then(|node| self.word("mode", node, &Mode::ALL, Mode::as_str)),
            trees: self.by_name(table, "tree", Self::tree),
            default: default.map(|default| self.settings(default)).unwrap_or_default(),
            accounts: self.by_name(table, "account", Self::account),
            ways: self.by_name(table, "way", Self::way),
            roles: self.roles(table),
            record: self.record(table),
            recording: self.recording(table),
            governor: self.governor(table),
            commands: self.by_name(table, "command", Self::command),
            webhooks: self.by_name(table, "webhook", Self::webhook),
        }
    }

    /// What `read` makes of each table `[KEY.NAME]`, its name and the position of that.
    fn by_name<T>(
        &mut self,
        table: &Table,
        key: &str,
        read: fn(&mut Self, &Table, &str, &At) -> T,
    ) -> BTreeMap<String, T> {
        let mut found = BTreeMap::new();
        for (name, entry) in get(table, key).and_then(|node| self.table(key, node)).into_iter().flatten() {
            if !is_name(name) {
                let wanted = format!("want 1 to {MAX_NAME} letters, digits, \"-\", \"_\" or \".\"");
                self.refuse(&entry.at, &format!("{key} has the name {name:?}: {wanted}"));
            }
            if let Some(table) = self.table(&format!("{key}.{name}"), &entry.node) {
                found.insert(name.clone(), read(self, table, name, &entry.at));
            }
        }
        found
    }

    fn tree(&mut self, table: &Table, _name: &str, at: &At) -> TreeDraft {
        TreeDraft {
            at: at.clone(),
            paths: get(table, "paths").map(|node| self.list("paths", node, "strings", text::any)),
            except: get(table, "except").map(|node| self.parsed("except", node)).unwrap_or_default(),
            keep: self.keep(table),
        }
    }

    fn keep(&mut self, tree: &Table) -> Keep {
        let usual = Keep::default();
        let Some(keep) = get(tree, "keep").and_then(|node| self.table("keep", node)) else { return usual };
        let size = get(keep, "size").and_then(|node| self.text::<keep::FileSize>("keep.size", node));
        let total = get(keep, "total").and_then(|node| self.text::<Size>("keep.total", node));
        let age = get(keep, "age").and_then(|node| self.text::<Days>("keep.age", node));
        let except = get(keep, "except").map(|node| self.parsed::<Exception>("keep.except", node));
        Keep {
            files: get(keep, "files").and_then(|node| self.truth("keep.files", node)).unwrap_or(usual.files),
            size: size.map_or(usual.size, |size| size.0),
            total: total.map_or(usual.total, Size::bytes),
            age: age.map_or(usual.age, Days::duration),
            except: except.into_iter().flatten().map(|except| except.value).collect(),
        }
    }

    fn way(&mut self, table: &Table, _name: &str, _at: &At) -> WayDraft {
        let jobs = get(table, "jobs").map(|node| self.list("jobs", node, DIRECTORIES, text::directory));
        let ports = get(table, "ports").map(|node| self.list("ports", node, PORTS, text::port));
        WayDraft {
            sockets: self.given("sockets", table),
            buses: self.given("buses", table),
            jobs: jobs.unwrap_or_default(),
            ports: ports.unwrap_or_default(),
        }
    }

    fn account(&mut self, table: &Table, _name: &str, at: &At) -> AccountDraft {
        let [users, login] = ["users", "login"]
            .map(|key| get(table, key).map(|node| self.users(key, node)).unwrap_or_default());
        AccountDraft {
            at: at.clone(),
            // Whoever may be launched as the account is told by that.
            is_somebody: keys::WHO.iter().map(|key| key.name).chain(["launch"]).any(|key| {
                get(table, key).is_some_and(|node| node.as_list().is_none_or(|list| !list.is_empty()))
            }),
            note: get(table, "note").and_then(|node| self.note(node)),
            users,
            login,
            units: self.given("units", table),
            executables: self.given("executables", table),
            scripts: self.given("scripts", table),
            settings: self.settings(table),
        }
    }

    /// A list of texts; empty if nothing is said.
    fn given<T: FromStr<Err: Display>>(&mut self, key: &str, table: &Table) -> Vec<Located<T>> {
        get(table, key).map(|node| self.parsed(key, node)).unwrap_or_default()
    }

    fn note(&mut self, node: &Node) -> Option<String> {
        let note = node.as_str().filter(|text| (1..=MAX_NOTE).contains(&text.len()));
        if note.is_none() {
            self.want("note =", node, &format!("a string of 1 to {MAX_NOTE} bytes"));
        }
        note.map(str::to_owned)
    }

    fn users(&mut self, key: &str, node: &Node) -> Vec<Located<User>> {
        self.list(key, node, "user names or uids", |item| {
            let uid = item.as_integer().and_then(text::id).map(User::Uid);
            uid.or_else(|| item.as_str().map(|name| User::Name(name.to_owned())))
        })
    }

    fn settings(&mut self, table: &Table) -> Settings {
        let response = get(table, "response").and_then(|node| {
            let value = self.word("response", node, &Response::ALL, Response::as_str)?;
            Some(Located { value, at: node.at.clone() })
        });
        let budgets = get(table, "budget").and_then(|node| self.table("budget", node));
        Settings {
            trees: get(table, "trees").map(|node| self.some("trees", node, "strings", text::any)),
            response,
            escapes: get(table, "escapes")
                .and_then(|node| self.word("escapes", node, &Response::ALL, Response::as_str)),
            hold: self.hold(table),
            warmup: get(table, "warmup").and_then(|node| self.duration("warmup", node, WARMUP)),
            launch: get(table, "launch").map(|node| self.list("launch", node, PEOPLE, text::person)),
            budgets: budgets.map(|budgets| self.budgets(budgets)).unwrap_or_default(),
        }
    }

    fn hold(&mut self, table: &Table) -> HoldKeys {
        let Some(hold) = get(table, "hold").and_then(|node| self.table("hold", node)) else {
            return HoldKeys::default();
        };
        HoldKeys {
            deadline: get(hold, "deadline").and_then(|node| self.duration("hold.deadline", node, DEADLINE)),
            then: get(hold, "then").and_then(|node| self.word("hold.then", node, &Then::ALL, Then::as_str)),
            on_agent_loss: get(hold, "on_agent_loss").and_then(|node| {
                self.word("hold.on_agent_loss", node, &OnAgentLoss::ALL, OnAgentLoss::as_str)
            }),
            contact: get(hold, "contact").and_then(|node| self.contact(node)),
            terminal: get(hold, "terminal").and_then(|node| self.truth("hold.terminal", node)),
        }
    }

    fn contact(&mut self, node: &Node) -> Option<String> {
        let is_line = |text: &&str| {
            (1..=MAX_CONTACT).contains(&text.len())
                && !text.trim().is_empty()
                && !text.contains(char::is_control)
        };
        let contact = node.as_str().filter(is_line);
        if contact.is_none() {
            self.want(
                "hold.contact =",
                node,
                &format!("a line of 1 to {MAX_CONTACT} bytes such as \"#ops-oncall\""),
            );
        }
        contact.map(str::to_owned)
    }

    fn budgets(&mut self, table: &Table) -> Vec<(Slot, Budget)> {
        let mut found = Vec::new();
        for (key, slot) in Budgets::KEYS {
            let budget = get(table, key).and_then(|node| self.budget(&format!("budget.{key}"), node));
            found.extend(budget.map(|budget| (slot, budget)));
        }
        found
    }

    fn roles(&mut self, table: &Table) -> RolesDraft {
        let Some(table) = get(table, "roles").and_then(|node| self.table("roles", node)) else {
            return RolesDraft::default();
        };
        let [view, respond, admin] = ["view", "respond", "admin"]
            .map(|key| get(table, key).map(|node| self.some(key, node, PEOPLE, text::person)));
        RolesDraft { view, respond, admin, approvals: self.approvals(table) }
    }

    fn approvals(&mut self, roles: &Table) -> Option<Located<u8>> {
        let node = get(roles, "approvals")?;
        let count = node.as_integer().and_then(|count| u8::try_from(count).ok());
        let count = count.filter(|count| APPROVALS.contains(count));
        if count.is_none() {
            let wanted = format!("a number from {} to {}", APPROVALS.start(), APPROVALS.end());
            self.want("approvals =", node, &wanted);
        }
        Some(Located { value: count?, at: node.at.clone() })
    }

    fn governor(&mut self, table: &Table) -> Governor {
        let Some(table) = get(table, "governor").and_then(|node| self.table("governor", node)) else {
            return Governor::default();
        };
        let [accounts, incidents] = ["accounts", "incidents"].map(|key| {
            let node = get(table, key)?;
            let limit = self.budget(key, node)?;
            if limit.window() < Governor::SHORTEST {
                self.want(&format!("{key} ="), node, "COUNT/DURATION with a duration of 1s to 24h");
            }
            Some(limit)
        });
        Governor { accounts, incidents }
    }

    fn record(&mut self, table: &Table) -> RecordDraft {
        let Some(table) = get(table, "record").and_then(|node| self.table("record", node)) else {
            return RecordDraft::default();
        };
        let redact = self.given("redact", table);
        RecordDraft {
            bounds: self.bounds(table),
            redact: redact.into_iter().map(|pattern| pattern.value).collect(),
        }
    }

    fn recording(&mut self, table: &Table) -> BoundsDraft {
        let table = get(table, "recording").and_then(|node| self.table("recording", node));
        table.map(|table| self.bounds(table)).unwrap_or_default()
    }

    fn bounds(&mut self, table: &Table) -> BoundsDraft {
        BoundsDraft {
            keep: get(table, "keep").and_then(|node| self.text("keep", node)),
            size: get(table, "size").and_then(|node| self.text("size", node)),
        }
    }
}

/// Names go into commands, metrics and file names as they are.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
