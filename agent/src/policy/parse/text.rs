//! What a single value means. Each function takes a value and says whether it is one.

use std::path::{Component, Path};

use super::{super::node::Node, Person};

/// The id that means "none", as the login uid of every service does.
const NO_ID: u32 = u32::MAX;
/// What processes can be in.
const UNITS: [&str; 3] = [".service", ".scope", ".slice"];

pub(super) fn any(node: &Node) -> Option<String> {
    node.as_str().map(str::to_owned)
}

pub(super) fn id(number: i64) -> Option<u32> {
    u32::try_from(number).ok().filter(|id| *id != NO_ID)
}

pub(super) fn person(node: &Node) -> Option<Person> {
    let (kind, who) = node.as_str()?.split_once(':').filter(|(_, who)| !who.is_empty())?;
    let number = || {
        let digits = who.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| who.parse().ok()).flatten().and_then(id)
    };
    match kind {
        "uid" => number().map(Person::Uid),
        "gid" => number().map(Person::Gid),
        "user" => Some(Person::User(who.to_owned())),
        "group" => Some(Person::Group(who.to_owned())),
        _ => None,
    }
}

/// A path that leads to one place, or a pattern of such paths.
fn is_absolute(text: &str) -> bool {
    Path::new(text).is_absolute() && !Path::new(text).components().any(|part| part == Component::ParentDir)
}

pub(super) fn unit(node: &Node) -> Option<()> {
    let text = node.as_str()?;
    let named = UNITS.iter().any(|kind| text.strip_suffix(kind).is_some_and(|name| !name.is_empty()));
    (named && !text.contains('/') && is_pattern(text)).then_some(())
}

pub(super) fn executable(node: &Node) -> Option<()> {
    node.as_str().filter(|text| is_absolute(text) && is_pattern(text)).map(drop)
}

/// An interpreter, and what it runs.
pub(super) fn script(node: &Node) -> Option<()> {
    let (interpreter, path) = node.as_str()?.split_once(' ')?;
    (!interpreter.is_empty() && is_absolute(path) && is_pattern(path)).then_some(())
}

/// The words that a command line must have.
pub(super) fn words(node: &Node) -> Option<()> {
    let words = node.as_list().filter(|words| !words.is_empty())?;
    words.iter().all(|word| word.as_str().is_some_and(|word| !word.is_empty())).then_some(())
}

fn is_pattern(text: &str) -> bool {
    glob::Pattern::new(text).is_ok()
}
