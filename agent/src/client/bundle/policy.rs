//! The policy without its secrets. What is written is made from the parsed values and not from the text: a comment may hold what
//! nobody marked as a secret.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use toml_span::{Value, value::ValueInner};

use super::{Part, host};

/// What stands in the place of a secret.
const SECRET: &str = "\"(secret)\"";
/// A key with one of these in it holds a secret, and so does all that is below it.
const SECRET_KEYS: [&str; 12] = [
    "auth", "bearer", "cookie", "cred", "env", "header", "key", "pass", "private", "secret", "token",
    "webhook",
];
/// Below these, keys are names that the policy's author chose: an account may well be called keycloak.
const NAMED: [&str; 3] = ["account", "command", "tree"];

/// Every file of the policy.
pub(super) fn parts(policy: &Path) -> Vec<Part> {
    let mut parts = vec![part(policy)];
    let drop_ins = policy.with_extension("d");
    match drop_ins_of(&drop_ins) {
        Ok(files) => parts.extend(files.iter().map(|file| part(file))),
        Err(error) => parts
            .push(Part::new("policy/policy.d", Err::<Vec<u8>, _>(host::cannot("list", &drop_ins, &error)))),
    }
    parts
}

fn drop_ins_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries: io::Result<Vec<_>> = fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect();
    let mut files = entries?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    Ok(files)
}

fn part(file: &Path) -> Part {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let content = host::text(file)
        .and_then(|text| without_secrets(&text))
        .map(|text| format!("# {}, without comments and secrets\n{text}", file.display()));
    Part::new(format!("policy/{name}"), content)
}

/// A line for each value of a policy.
///
/// # Errors
/// Why it is no TOML: what is secret in it cannot be told then.
pub(super) fn without_secrets(text: &str) -> Result<String, String> {
    let parsed = toml_span::parse(text).map_err(|error| {
        let before = text.get(..error.span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        format!("line {line} is no TOML, so its secrets cannot be told from the rest; see `burstguard check`")
    })?;
    let mut lines = String::new();
    add(&mut lines, "", &parsed);
    Ok(lines)
}

fn add(lines: &mut String, key: &str, value: &Value<'_>) {
    let Some(table) = value.as_table() else {
        lines.push_str(&format!("{key} = {}\n", shown(value)));
        return;
    };
    let named = NAMED.contains(&key);
    for (name, value) in table {
        let dot = if key.is_empty() { "" } else { "." };
        let key = format!("{key}{dot}{}", key_text(&name.name));
        if !named && is_secret(&name.name) {
            lines.push_str(&format!("{key} = {SECRET}\n"));
        } else {
            add(lines, &key, value);
        }
    }
}

fn key_text(name: &str) -> String {
    let bare = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { format!("{name:?}") }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_KEYS.iter().any(|secret| name.contains(secret))
}

fn shown(value: &Value<'_>) -> String {
    match value.as_ref() {
        // The address of a webhook is the right to use it, whatever its key is called.
        ValueInner::String(text) if text.contains("://") => SECRET.to_owned(),
        ValueInner::String(text) => format!("{text:?}"),
        ValueInner::Integer(number) => number.to_string(),
        ValueInner::Float(number) => number.to_string(),
        ValueInner::Boolean(truth) => truth.to_string(),
        ValueInner::Array(items) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            format!("[{}]", items.join(", "))
        }
        ValueInner::Table(table) => {
            let pairs: Vec<_> = table
                .iter()
                .map(|(name, value)| {
                    let value = if is_secret(&name.name) { SECRET.to_owned() } else { shown(value) };
                    format!("{} = {value}", key_text(&name.name))
                })
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}
