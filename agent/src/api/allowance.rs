//! How many operations may pass.

use std::{collections::BTreeMap, fmt, str::FromStr};

use agent_common::rules::{
    Kind,
    grant::{ANY, NUMBERS, UNLIMITED},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// So many operations of any kind, or so many of each kind that is named and none of the others. Typed as `500` or as
/// `deletes=500,recreates=10`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Allowance {
    /// 1 or more.
    Any(u64),
    /// By the word of the policy: deletes, replaces, truncates, overwrites, recreates, commands; each 1 or more.
    Kinds(BTreeMap<String, u64>),
}

fn kind(word: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| plural(*kind) == word)
}

fn plural(kind: Kind) -> String {
    format!("{}s", kind.word())
}

impl Allowance {
    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Any(0) => Err("budget is 0: want 1 or more".to_owned()),
            Self::Any(UNLIMITED) => Err("budget is too large".to_owned()),
            Self::Any(_) => Ok(()),
            Self::Kinds(kinds) if kinds.is_empty() => Err("budget names no kind of operation".to_owned()),
            Self::Kinds(kinds) => kinds.iter().try_for_each(|(word, count)| match (kind(word), *count) {
                (None, _) => {
                    let known = Kind::ALL.map(plural).join(", ");
                    Err(format!("budget has no kind {word:?}: there are {known}"))
                }
                (_, 0 | UNLIMITED) => Err(format!("budget {word} is {count}: want 1 or more")),
                _ => Ok(()),
            }),
        }
    }

    /// What this and the other allow. A number of any kind is shared out among kinds that are named, in their order: both cannot be
    /// counted at once.
    pub(crate) fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any(one), Self::Any(other)) => Self::Any(*one.min(other)),
            (Self::Any(all), Self::Kinds(kinds)) | (Self::Kinds(kinds), Self::Any(all)) => {
                let mut left = *all;
                let share = |(word, count): (&String, &u64)| {
                    let share = left.min(*count);
                    left -= share;
                    (share > 0).then(|| (word.clone(), share))
                };
                Self::Kinds(kinds.iter().filter_map(share).collect())
            }
            (Self::Kinds(one), Self::Kinds(other)) => {
                let both =
                    |(word, count): (&String, &u64)| Some((word.clone(), *count.min(other.get(word)?)));
                Self::Kinds(one.iter().filter_map(both).collect())
            }
        }
    }

    /// As a grant counts it; none: as many as there come.
    pub(crate) fn numbers(allowance: Option<&Self>) -> [u64; NUMBERS] {
        let mut numbers = [UNLIMITED; NUMBERS];
        match allowance {
            None => {}
            Some(Self::Any(count)) => numbers[ANY] = *count,
            Some(Self::Kinds(kinds)) => {
                numbers[..ANY].fill(0);
                for (word, count) in kinds {
                    if let Some(kind) = kind(word) {
                        numbers[kind as usize] = *count;
                    }
                }
            }
        }
        numbers
    }

    /// What a grant of this allowance has left, when these are its numbers.
    pub(crate) fn left(&self, numbers: [u64; NUMBERS]) -> Self {
        match self {
            Self::Any(_) => Self::Any(numbers[ANY]),
            Self::Kinds(kinds) => {
                let left = |word: &String| kind(word).map_or(0, |kind| numbers[kind as usize]);
                Self::Kinds(kinds.keys().map(|word| (word.clone(), left(word))).collect())
            }
        }
    }
}

impl FromStr for Allowance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let want = || format!("{text:?}: want a number, or kinds such as deletes=500,recreates=10");
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| want());
        let allowance = if text.contains('=') {
            let mut kinds = BTreeMap::new();
            for part in text.split(',') {
                let (word, count) = part.split_once('=').ok_or_else(want)?;
                if kinds.insert(word.trim().to_owned(), number(count)?).is_some() {
                    return Err(format!("{text:?} names {} twice", word.trim()));
                }
            }
            Self::Kinds(kinds)
        } else {
            Self::Any(number(text)?)
        };
        allowance.check().map(|()| allowance)
    }
}

/// In words.
impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(count) => write!(f, "{count} operations"),
            Self::Kinds(kinds) => {
                let words: Vec<String> =
                    kinds.iter().map(|(word, count)| format!("{count} {word}")).collect();
                f.write_str(&words.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_allow_is_no_more_than_either() {
        let read = |text: &str| text.parse::<Allowance>().unwrap();
        for (one, other, expected) in [
            ("5", "3", "3 operations"),
            ("deletes=5,recreates=2", "deletes=3,replaces=9", "3 deletes"),
            ("deletes=5,recreates=2", "9", "5 deletes, 2 recreates"),
            ("deletes=5,recreates=2", "6", "5 deletes, 1 recreates"),
            ("deletes=5,recreates=2", "4", "4 deletes"),
            ("deletes=5", "replaces=5", ""),
        ] {
            for (one, other) in [(one, other), (other, one)] {
                assert_eq!(read(one).and(&read(other)).to_string(), expected, "{one} {other}");
            }
        }
        let none = Allowance::numbers(Some(&read("deletes=5").and(&read("replaces=5"))));
        assert!(none[..ANY].iter().all(|number| *number == 0), "{none:?}");
    }

    fn parse(text: &str) -> Result<Allowance, String> {
        text.parse()
    }

    #[test]
    fn what_is_typed_is_what_a_grant_counts() {
        let any = parse("500").unwrap();
        assert_eq!(Allowance::numbers(Some(&any))[ANY], 500);
        assert!(Allowance::numbers(Some(&any))[..ANY].iter().all(|number| *number == UNLIMITED));
        let kinds = parse("deletes=500, recreates=10").unwrap();
        let mut expected = [0; NUMBERS];
        (expected[Kind::Delete as usize], expected[Kind::Recreate as usize]) = (500, 10);
        expected[ANY] = UNLIMITED;
        assert_eq!(Allowance::numbers(Some(&kinds))[..=ANY], expected[..=ANY]);
        assert_eq!(Allowance::numbers(None), [UNLIMITED; NUMBERS]);
        assert_eq!(kinds.left(expected), kinds);
        assert_eq!(kinds.to_string(), "500 deletes, 10 recreates");
    }

    #[test]
    fn nonsense_is_refused_and_says_what_is_wanted() {
        for (text, said) in [
            ("0", "want 1 or more"),
            ("deletes=0", "budget deletes is 0"),
            ("deletes", "want a number"),
            ("deletes=5,", "want a number"),
            ("deletes=5,deletes=6", "twice"),
            ("delets=5", "no kind \"delets\": there are deletes, replaces"),
            ("-1", "want a number"),
            ("99999999999999999999", "want a number"),
            ("18446744073709551615", "too large"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn in_json_a_number_or_the_kinds() {
        let read = |json| serde_json::from_str::<Allowance>(json).unwrap();
        assert_eq!(read("500"), Allowance::Any(500));
        assert_eq!(read("{\"deletes\": 5}"), parse("deletes=5").unwrap());
    }
}
