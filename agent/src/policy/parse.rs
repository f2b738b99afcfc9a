//! The keys of a policy file: its text becomes a draft, whose names and values are not yet held against each other
//! or against a host.

use std::collections::BTreeMap;

use toml_span::{Span, Value, value::Table};

use super::{
    Mode, Response,
    budget::{Budget, Budgets, Slot},
    problem::{Located, Position, Problem, Source},
    reader::Reader,
};

/// What a policy file says, by name.
pub(super) struct Draft {
    pub(super) mode: Mode,
    /// The beginning of the file, for what is missing from it.
    pub(super) start: Position,
    /// The paths of each tree.
    pub(super) trees: BTreeMap<String, Vec<Located<String>>>,
    pub(super) default: Settings,
    pub(super) accounts: BTreeMap<String, AccountDraft>,
}

pub(super) struct AccountDraft {
    /// Of its name.
    pub(super) position: Position,
    pub(super) users: Vec<Located<User>>,
    pub(super) login: Vec<Located<User>>,
    pub(super) settings: Settings,
}

/// The keys that an account takes over from `[default]` one by one.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) trees: Option<Vec<Located<String>>>,
    pub(super) response: Option<Response>,
    pub(super) budgets: Vec<(Slot, Budget)>,
}

pub(super) enum User {
    Name(String),
    Uid(u32),
}

const SETTINGS: [&str; 3] = ["trees", "response", "budget"];
const START: Span = Span { start: 0, end: 0 };
const MAX_NAME: usize = 64;
/// The uid that means "none", as the login uid of every service does.
const NO_UID: u32 = u32::MAX;

/// The draft of a whole file; None if it is no TOML, which is then the one problem noted.
pub(super) fn parse(source: &Source<'_>, problems: &mut Vec<Problem>) -> Option<Draft> {
    let mut reader = Reader::new(source, problems);
    match toml_span::parse(source.text) {
        Ok(value) => reader.table("the file", &value).map(|table| reader.draft(table)),
        Err(error) => {
            reader.refuse(source.position(error.span), &error.to_string());
            None
        }
    }
}

impl Reader<'_> {
    fn draft(&mut self, table: &Table<'_>) -> Draft {
        self.refuse_unknown(table, "", &["version", "mode", "tree", "default", "account"]);
        self.version(table);
        let mode = table.get("mode").and_then(|value| self.word("mode", value, &Mode::ALL, Mode::as_str));
        let default = table.get("default").and_then(|value| self.table("default", value));
        if let Some(default) = default {
            self.refuse_unknown(default, "", &SETTINGS);
        }
        Draft {
            mode: mode.unwrap_or_default(),
            start: self.position(START),
            trees: self.by_name(table, "tree", Self::tree),
            default: default.map(|default| self.settings(default)).unwrap_or_default(),
            accounts: self.by_name(table, "account", Self::account),
        }
    }

    fn version(&mut self, table: &Table<'_>) {
        match table.get("version") {
            None => self.refuse(self.position(START), "version is missing: want version = 1"),
            Some(value) if value.as_integer() == Some(1) => {}
            Some(value) => self.want("version =", value, "1, the only version there is"),
        }
    }

    /// What `read` makes of each table `[KEY.NAME]`, its label and the position of its name.
    fn by_name<T>(
        &mut self,
        table: &Table<'_>,
        key: &str,
        read: fn(&mut Self, &Table<'_>, &str, Position) -> T,
    ) -> BTreeMap<String, T> {
        let mut found = BTreeMap::new();
        for (name, value) in table.get(key).and_then(|value| self.table(key, value)).into_iter().flatten() {
            let position = self.position(name.span);
            if !is_name(&name.name) {
                let wanted = format!("want 1 to {MAX_NAME} letters, digits, \"-\", \"_\" or \".\"");
                self.refuse(position.clone(), &format!("{key} has the name {:?}: {wanted}", &*name.name));
            }
            let label = format!("{key}.{}", name.name);
            if let Some(table) = self.table(&label, value) {
                found.insert(name.name.to_string(), read(self, table, &label, position));
            }
        }
        found
    }

    fn tree(&mut self, table: &Table<'_>, label: &str, position: Position) -> Vec<Located<String>> {
        self.refuse_unknown(table, "", &["paths"]);
        match table.get("paths") {
            Some(paths) => self.strings("paths", paths),
            None => {
                self.refuse(position, &format!("[{label}] protects nothing: set paths"));
                Vec::new()
            }
        }
    }

    fn account(&mut self, table: &Table<'_>, label: &str, position: Position) -> AccountDraft {
        const WHO: [&str; 2] = ["users", "login"];
        self.refuse_unknown(table, "", &[&WHO[..], &SETTINGS].concat());
        let is_empty =
            |key: &&str| table.get(*key).is_none_or(|value| value.as_array().is_some_and(Vec::is_empty));
        if WHO.iter().all(is_empty) {
            self.refuse(position.clone(), &format!("[{label}] is nobody: set users or login"));
        }
        let [users, login] =
            WHO.map(|key| table.get(key).map(|value| self.users(key, value)).unwrap_or_default());
        AccountDraft { position, users, login, settings: self.settings(table) }
    }

    fn users(&mut self, key: &str, value: &Value<'_>) -> Vec<Located<User>> {
        self.list(key, value, "user names or uids", |item| {
            let uid = item.as_integer().and_then(|uid| u32::try_from(uid).ok()).filter(|uid| *uid != NO_UID);
            uid.map(User::Uid).or_else(|| item.as_str().map(|name| User::Name(name.to_owned())))
        })
    }

    fn settings(&mut self, table: &Table<'_>) -> Settings {
        let budgets = table.get("budget").and_then(|value| self.table("budget", value));
        Settings {
            trees: table.get("trees").map(|value| self.strings("trees", value)),
            response: table
                .get("response")
                .and_then(|value| self.word("response", value, &Response::ALL, Response::as_str)),
            budgets: budgets.map(|budgets| self.budgets(budgets)).unwrap_or_default(),
        }
    }

    fn budgets(&mut self, table: &Table<'_>) -> Vec<(Slot, Budget)> {
        self.refuse_unknown(table, "budget.", &Budgets::SLOTS.map(|(key, _)| key));
        let mut found = Vec::new();
        for (key, slot) in Budgets::SLOTS {
            let Some(value) = table.get(key) else { continue };
            match value.as_str().unwrap_or_default().parse::<Budget>() {
                Ok(budget) => found.push((slot, budget)),
                Err(error) => self.want(&format!("budget.{key} ="), value, &error.to_string()),
            }
        }
        found
    }
}

/// Names go into commands, metrics and file names as they are.
fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
