//! What a single value means. Each function takes a value and says whether it is one.

use std::path::{Component, PathBuf};

use super::{
    super::{Words, node::Node},
    Person,
};

/// The id that means "none", as the login uid of every service does.
const NO_ID: u32 = u32::MAX;

pub(super) fn any(node: &Node) -> Option<String> {
    node.as_str().map(str::to_owned)
}

pub(super) fn directory(node: &Node) -> Option<PathBuf> {
    let path = PathBuf::from(node.as_str()?);
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    (path.is_absolute() && path.components().all(is_plain)).then_some(path)
}

pub(super) fn port(node: &Node) -> Option<u16> {
    u16::try_from(node.as_integer()?).ok().filter(|port| *port != 0)
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

/// The words that a command line must have.
pub(super) fn words(node: &Node) -> Option<Words> {
    let words = node.as_list().filter(|words| !words.is_empty())?;
    let word = |word: &Node| word.as_str().filter(|word| !word.is_empty())?.parse().ok();
    words.iter().map(word).collect::<Option<_>>().map(Words)
}

/// The name of a file.
pub(super) fn program(node: &Node) -> Option<String> {
    node.as_str().filter(|name| !name.is_empty() && !name.contains(['/', ' ', '*'])).map(str::to_owned)
}
