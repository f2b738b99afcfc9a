//! A policy as a policy file: what is carried out on this host, with everything said that was left out.

use serde_json::{Map, Value, json};

use super::{
    Account, Command, Governor, Keep, Policy, Role, Roles, Tree, Way, Words, duration,
    keep::FileSize,
    keeping::{Days, Size},
    webhook::Webhook,
};

/// What a policy file would say that has the same effect here.
pub(super) fn effective(policy: &Policy) -> Value {
    let Policy { mode, trees, accounts, ways, commands, roles, record, recording, governor, webhooks } =
        policy;
    let Roles { view, respond, admin, approvals } = roles;
    let named = |tree: &Tree| {
        // What a pattern found may look like one.
        let paths: Vec<_> =
            tree.paths.iter().map(|path| glob::Pattern::escape(&path.to_string_lossy())).collect();
        let mut table = Map::from_iter([("paths".to_owned(), json!(paths))]);
        if !tree.except.is_empty() {
            let except = tree.except.iter().map(ToString::to_string).collect::<Vec<_>>();
            table.insert("except".to_owned(), json!(except));
        }
        table.insert("keep".to_owned(), keep(&tree.keep));
        (tree.name.clone(), Value::Object(table))
    };
    json!({
        "version": 1,
        "mode": mode.as_str(),
        "tree": trees.iter().map(named).collect::<Map<_, _>>(),
        "account": accounts.iter().map(|one| (one.name.clone(), account(one, trees))).collect::<Map<_, _>>(),
        "way": ways.iter().map(way).collect::<Map<_, _>>(),
        "command": commands.iter().map(command).collect::<Map<_, _>>(),
        "record": {
            "keep": Days::of(record.bounds.keep).to_string(),
            "size": Size::of(record.bounds.size).to_string(),
            "redact": texts(&record.redact),
        },
        "recording": {
            "keep": Days::of(recording.keep).to_string(),
            "size": Size::of(recording.size).to_string(),
        },
        "governor": self::governor(governor),
        "webhook": webhooks.iter().map(webhook).collect::<Map<_, _>>(),
        "roles": {
            "view": people(view), "respond": people(respond), "admin": people(admin), "approvals": approvals,
        },
    })
}

fn keep(keep: &Keep) -> Value {
    let Keep { files, size, total, age, except } = keep;
    let mut table = Map::from_iter([
        ("files".to_owned(), json!(files)),
        ("size".to_owned(), json!(FileSize(*size).to_string())),
        ("total".to_owned(), json!(Size::of(*total).to_string())),
        ("age".to_owned(), json!(Days::of(*age).to_string())),
    ]);
    if !except.is_empty() {
        table.insert("except".to_owned(), json!(texts(except)));
    }
    Value::Object(table)
}

fn governor(governor: &Governor) -> Map<String, Value> {
    let Governor { accounts, incidents } = governor;
    let said = [("accounts", accounts), ("incidents", incidents)];
    said.into_iter()
        .filter_map(|(key, limit)| Some((key.to_owned(), json!(limit.as_ref()?.to_string()))))
        .collect()
}

fn way(way: &Way) -> (String, Value) {
    let Way { name, sockets, buses, jobs, ports } = way;
    let jobs: Vec<_> = jobs.iter().map(|path| path.to_string_lossy()).collect();
    let said = [
        ("sockets", json!(texts(sockets))),
        ("buses", json!(texts(buses))),
        ("jobs", json!(jobs)),
        ("ports", json!(ports)),
    ];
    let said = said.into_iter().filter(|(_, list)| list.as_array().is_some_and(|list| !list.is_empty()));
    (name.clone(), Value::Object(said.map(|(key, list)| (key.to_owned(), list)).collect()))
}

fn command(command: &Command) -> (String, Value) {
    let Command { name, programs, destroy, recreate, except, until, key } = command;
    let lists = |sequences: &[Words]| sequences.iter().map(|words| texts(&words.0)).collect::<Vec<_>>();
    let mut table =
        Map::from_iter([("program".to_owned(), json!(programs)), ("key".to_owned(), json!(key.as_str()))]);
    for (key, sequences) in
        [("destroy", destroy), ("recreate", recreate), ("except", except), ("until", until)]
    {
        if !sequences.is_empty() {
            table.insert(key.to_owned(), json!(lists(sequences)));
        }
    }
    (name.clone(), Value::Object(table))
}

fn webhook(webhook: &Webhook) -> (String, Value) {
    let Webhook { name, url, secret_file, events, timeout, queue } = webhook;
    let mut table = Map::from_iter([
        ("url".to_owned(), json!(url.to_string())),
        ("secret_file".to_owned(), json!(secret_file.to_string_lossy())),
        ("timeout".to_owned(), json!(duration::text(*timeout))),
        ("queue".to_owned(), json!(queue)),
    ]);
    if let Some(events) = events {
        table.insert("events".to_owned(), json!(texts(events)));
    }
    (name.clone(), Value::Object(table))
}

fn account(account: &Account, trees: &[Tree]) -> Value {
    let Account {
        name: _,
        note,
        users,
        login,
        units,
        executables,
        scripts,
        trees: indices,
        response,
        escapes,
        hold,
        contact,
        warmup,
        launch,
        budgets,
    } = account;
    let names: Vec<_> = indices.iter().filter_map(|index| trees.get(*index)).map(|tree| &tree.name).collect();
    let budgets = budgets.each().map(|(key, budget)| (key.to_owned(), Value::from(budget.to_string())));
    let mut table = Map::from_iter([
        ("trees".to_owned(), json!(names)),
        ("response".to_owned(), json!(response.as_str())),
        ("escapes".to_owned(), json!(escapes.as_str())),
        (
            "hold".to_owned(),
            json!({
                "deadline": duration::text(hold.deadline),
                "then": hold.then.as_str(),
                "on_agent_loss": hold.on_agent_loss.as_str(),
                "terminal": hold.terminal,
            }),
        ),
        ("warmup".to_owned(), json!(duration::text(*warmup))),
        ("budget".to_owned(), Value::Object(budgets.into_iter().collect())),
    ]);
    if let Some(contact) = contact {
        table["hold"]["contact"] = json!(contact);
    }
    if !launch.is_empty() {
        table.insert("launch".to_owned(), json!(people(launch)));
    }
    if let Some(note) = note {
        table.insert("note".to_owned(), json!(note));
    }
    for (key, uids) in [("users", users), ("login", login)] {
        if !uids.is_empty() {
            table.insert(key.to_owned(), json!(uids));
        }
    }
    let texts = [("units", texts(units)), ("executables", texts(executables)), ("scripts", texts(scripts))];
    let said = texts.into_iter().filter(|(_, texts)| !texts.is_empty());
    table.extend(said.map(|(key, texts)| (key.to_owned(), json!(texts))));
    Value::Object(table)
}

fn texts(items: &[impl ToString]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn people(roles: &[Role]) -> Vec<String> {
    roles.iter().map(Role::to_string).collect()
}

/// An object as TOML.
pub(super) fn toml(value: &Value) -> String {
    let mut text = String::new();
    if let Value::Object(table) = value {
        write(table, "", &mut text);
    }
    text
}

fn write(table: &Map<String, Value>, prefix: &str, text: &mut String) {
    let (tables, values): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| value.is_object());
    if !prefix.is_empty() && !values.is_empty() {
        text.push_str(&format!("\n[{prefix}]\n"));
    }
    for (key, value) in values {
        text.push_str(&format!("{} = {}\n", name(key), inline(value)));
    }
    for (key, value) in tables {
        let dot = if prefix.is_empty() { "" } else { "." };
        if let Value::Object(table) = value {
            write(table, &format!("{prefix}{dot}{}", name(key)), text);
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        // JSON's numbers and strings are TOML's, but for one control character that JSON leaves as it is.
        value => value.to_string().replace('\x7f', "\\u007f"),
    }
}

/// A name may have dots, which would part it.
fn name(key: &str) -> String {
    if key.contains('.') { format!("{key:?}") } else { key.to_owned() }
}
