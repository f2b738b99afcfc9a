//! Destructive commands: tools by which an account destroys what is no file of this host, or does it in another way than by removing names.

mod known;

use std::fmt;

pub(super) use known::known;

use super::Name;

/// Command lines of a program by which it destroys, or makes anew what it has destroyed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    pub(crate) name: String,
    /// Names of files, at least one; of no other command.
    pub(crate) programs: Vec<String>,
    /// Each at least one word, all of them together at most 64; at least one sequence.
    pub(crate) destroy: Vec<Words>,
    pub(crate) recreate: Vec<Words>,
    /// With these nothing happens.
    pub(crate) except: Vec<Words>,
    /// Behind these the command line is another program's.
    pub(crate) until: Vec<Words>,
    pub(crate) key: By,
}

/// Arguments that stand in this order, with anything between.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Words(pub(crate) Vec<Name>);

/// By what two runs mean the same thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum By {
    /// The directory that they run in.
    #[default]
    Cwd,
    /// Nothing: any two do.
    Host,
}

impl By {
    pub(crate) const ALL: [Self; 2] = [Self::Cwd, Self::Host];

    /// The word of the policy file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cwd => "cwd",
            Self::Host => "host",
        }
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&words.join(" "))
    }
}
