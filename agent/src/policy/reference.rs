//! The tables of docs/policy.md: every key, what it takes, what it is if it is not there, and what it means.

use std::ptr;

use serde_json::Value as Json;

use super::{
    Host, Loaded, PolicyError,
    keys::{self, Holds, Key, POLICY, Value, Without},
    problem::Source,
    render,
    sources::Sources,
};

/// A policy that says nothing but what it has to.
const LEAST: &str = "version = 1\ntree.t.paths = ['/']\naccount.a = { users = [1], trees = ['t'] }\n";
const HEAD: &str = "| key | takes | default | means | since |\n|---|---|---|---|---|\n";

/// The page as it was when this was built; what stands between these is made anew.
const PAGE: &str = include_str!("../../../docs/policy.md");
const BEGIN: &str = "<!-- what follows is written by `cargo xtask docs` -->\n";
const END: &str = "<!-- what follows is written by hand -->";

/// docs/policy.md, with the tables as they are now.
///
/// # Errors
/// As [`tables`].
pub(crate) fn page(host: &impl Host) -> Result<String, PolicyError> {
    let (before, rest) = PAGE.split_once(BEGIN).unwrap_or((PAGE, ""));
    let (_, after) = rest.split_once(END).unwrap_or_default();
    Ok(format!("{before}{BEGIN}{}{END}{after}", tables(host)?))
}

/// As Markdown, one for each table of a policy. What is usual is what is carried out of a policy that says next to nothing.
///
/// # Errors
/// [`PolicyError::Invalid`] if even that does not fit `host`, which takes one without a `/`.
fn tables(host: &impl Host) -> Result<String, PolicyError> {
    let least = Source::new(0, "reference".into(), LEAST.to_owned());
    let sources = Sources { list: vec![Ok(least)], built_in: false };
    let usual = render::effective(&Loaded::from(&sources, host)?.policy);
    let mut text = HEAD.to_owned();
    POLICY.iter().for_each(|list| rows(list, "", Some(&usual), &mut text));
    let mut told: Vec<&'static [Key]> = Vec::new();
    for key in keys::all(POLICY) {
        let (head, lists, means) = match key.holds {
            Holds::Section(lists, means) => (key.name.to_owned(), lists, means),
            Holds::Named(lists, means) => (format!("{}.NAME", key.name), lists, means),
            Holds::Value(_) | Holds::Group(_) => continue,
        };
        text.push_str(&format!("\n### `[{head}]`\n\n{means}\n\n{HEAD}"));
        for list in lists {
            // What an account takes over from `[default]` is told there.
            if !told.iter().any(|one| ptr::eq(*one, *list)) {
                rows(list, "", usual.pointer(place(key.name)), &mut text);
                told.push(list);
            }
        }
    }
    Ok(text)
}

/// Where the least policy says what is usual of the table that has this name in a policy.
fn place(table: &str) -> &'static str {
    match table {
        "default" | "account" => "/account/a",
        "tree" => "/tree/t",
        "roles" => "/roles",
        "record" => "/record",
        "recording" => "/recording",
        "governor" => "/governor",
        _ => "/none",
    }
}

/// A row for each value of the list, and of the groups in it; `prefix` is what stands before a key.
fn rows(list: &[Key], prefix: &str, usual: Option<&Json>, text: &mut String) {
    for key in list {
        let usual = usual.and_then(|usual| usual.get(key.name));
        match &key.holds {
            Holds::Value(value) => text.push_str(&row(&format!("{prefix}{}", key.name), value, usual)),
            Holds::Group(lists) => {
                let prefix = format!("{prefix}{}.", key.name);
                lists.iter().for_each(|list| rows(list, &prefix, usual, text));
            }
            Holds::Section(..) | Holds::Named(..) => {}
        }
    }
}

fn row(name: &str, value: &Value, usual: Option<&Json>) -> String {
    let Value { takes, without, means, since } = value;
    let without = match without {
        Without::Refused => "required".to_owned(),
        Without::Words(words) => (*words).to_owned(),
        Without::Usual => match usual {
            Some(Json::String(word)) => format!("`{word}`"),
            Some(Json::Array(list)) if list.is_empty() => "none".to_owned(),
            Some(other) => format!("`{other}`"),
            None => "none".to_owned(),
        },
    };
    let cells = [format!("`{name}`"), takes(), without, (*means).to_owned(), (*since).to_owned()];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ThisHost;

    #[test]
    fn the_page_is_of_today() {
        assert_eq!(PAGE.matches(BEGIN).count() + PAGE.matches(END).count(), 2, "docs/policy.md lacks a mark");
        assert_eq!(
            page(&ThisHost).expect("the least policy"),
            PAGE,
            "docs/policy.md is stale: run `cargo xtask docs`"
        );
    }
}
