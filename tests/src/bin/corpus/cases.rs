//! The cases, as the files in tests/corpus tell them.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use toml_span::value::{Table, Value, ValueInner};

const BENIGN: &str = include_str!("../../../corpus/benign.toml");
const DESTRUCTIVE: &str = include_str!("../../../corpus/destructive.toml");

/// Something that an automation account does.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Whether it must not be stopped.
    pub(crate) benign: bool,
    /// In a sentence.
    pub(crate) why: String,
    /// Shell texts; an empty one does nothing.
    pub(crate) prepare: String,
    pub(crate) act: String,
    pub(crate) check: String,
    /// Asked until it succeeds, once the act's shell has ended.
    pub(crate) until: String,
    /// The act's steps lie apart in time in real life too.
    pub(crate) paced: bool,
    /// It is meant to come close to a budget.
    pub(crate) near: bool,
    /// What it asks for is done by a process that is not the account's.
    pub(crate) elsewhere: bool,
    /// What burstguard must learn first.
    pub(crate) wants: String,
}

/// All of them.
pub(crate) fn all() -> Result<Vec<Case>> {
    let mut cases = read(BENIGN, true).context("benign.toml")?;
    cases.extend(read(DESTRUCTIVE, false).context("destructive.toml")?);
    let mut names = BTreeSet::new();
    if let Some(twice) = cases.iter().find(|case| !names.insert(&case.name)) {
        bail!("there are two cases {}", twice.name);
    }
    Ok(cases)
}

fn read(text: &str, benign: bool) -> Result<Vec<Case>> {
    let mut file = toml_span::parse(text)?;
    let ValueInner::Table(tables) = file.take() else { bail!("want tables") };
    let mut cases = tables
        .into_iter()
        .map(|(key, mut value)| {
            let ValueInner::Table(table) = value.take() else { bail!("{}: want a table", key.name) };
            let case = case(&key.name, benign, table).with_context(|| key.name.clone().into_owned())?;
            Ok((key.span.start, case))
        })
        .collect::<Result<Vec<_>>>()?;
    // As they are written: the reader sorts them by name.
    cases.sort_by_key(|(place, _)| *place);
    Ok(cases.into_iter().map(|(_, case)| case).collect())
}

fn case(name: &str, benign: bool, table: Table<'_>) -> Result<Case> {
    let mut case = Case { name: name.to_owned(), benign, ..Case::default() };
    for (key, mut value) in table {
        match &*key.name {
            "why" => case.why = text(&mut value)?,
            "prepare" => case.prepare = text(&mut value)?,
            "act" => case.act = text(&mut value)?,
            "check" => case.check = text(&mut value)?,
            "until" => case.until = text(&mut value)?,
            "wants" => case.wants = text(&mut value)?,
            "paced" => case.paced = truth(&value)?,
            "near" => case.near = truth(&value)?,
            "elsewhere" => case.elsewhere = truth(&value)?,
            other => bail!("{other}: there is no such key"),
        }
    }
    ensure!(!case.act.is_empty() && !case.why.is_empty(), "want act and why");
    ensure!(!benign || !case.check.is_empty(), "want check: whether the work was done");
    Ok(case)
}

fn text(value: &mut Value<'_>) -> Result<String> {
    match value.take() {
        ValueInner::String(text) => Ok(text.into_owned()),
        _ => bail!("want text"),
    }
}

fn truth(value: &Value<'_>) -> Result<bool> {
    value.as_bool().context("want true or false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_can_be_read_in_its_order() {
        let cases = all().unwrap();
        assert_eq!(cases[0].name, "apt-install");
        assert!(cases.iter().any(|case| case.benign) && cases.iter().any(|case| !case.benign));
    }

    #[test]
    fn what_is_wrong_with_a_case_is_told_with_its_name() {
        for (text, told) in [
            ("[a]\nwhy = 'x'\nact = 'y'", "a: want check"),
            ("[a]\nwhy = 'x'\nacts = 'y'", "a: acts: there is no such key"),
            ("[a]\nwhy = 1", "a: want text"),
            ("a = 1", "a: want a table"),
        ] {
            let error = format!("{:#}", read(text, true).unwrap_err());
            assert!(error.contains(told), "{error}");
        }
    }
}
