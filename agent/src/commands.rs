//! Destructive commands as the kernel programs' tables.

use std::collections::BTreeMap;

use agent_common::{
    rules::{command::Sequences, exception::Pattern, place::NameHash},
    wire::command::{self, StarredWord, WordKey, key},
};

use crate::policy::{By, Command, Name, Words};

/// Rows for the kernel programs' maps.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rows {
    /// By the hash of the program's name.
    pub(crate) programs: Vec<(u64, command::Command)>,
    pub(crate) words: BTreeMap<WordKey, u64>,
    pub(crate) starred: Vec<StarredWord>,
}

impl Rows {
    /// Those of these commands, under names hashed with this seed.
    pub(crate) fn of(commands: &[Command], seed: u64) -> Self {
        let mut rows = Self::default();
        for (number, command) in (0..).zip(commands) {
            let row = rows.add(command, number, seed);
            let names = command.programs.iter().map(|name| NameHash::of(seed, name.as_bytes()));
            rows.programs.extend(names.map(|name| (name, row)));
        }
        rows
    }

    fn add(&mut self, command: &Command, program: u32, seed: u64) -> command::Command {
        let first_starred = self.starred.len();
        let (mut sequences, mut bit) = (Sequences::default(), 0);
        let Sequences { first, destroy, recreate, except, until } = &mut sequences;
        let lists = [
            (&command.destroy, destroy),
            (&command.recreate, recreate),
            (&command.except, except),
            (&command.until, until),
        ];
        for (list, last) in lists {
            for Words(words) in list {
                *first |= 1 << bit;
                for word in words {
                    self.add_word(word, program, 1 << bit, seed);
                    bit += 1;
                }
                *last |= 1 << (bit - 1);
            }
        }
        let number = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
        command::Command {
            sequences,
            rule: NameHash::of(seed, command.name.as_bytes()),
            first_starred: number(first_starred),
            starred: number(self.starred.len() - first_starred),
            program,
            key: match command.key {
                By::Cwd => key::CWD,
                By::Host => key::HOST,
            },
        }
    }

    fn add_word(&mut self, word: &Name, program: u32, bit: u64, seed: u64) {
        match word {
            Name::Exact(word) => {
                let key = WordKey { word: NameHash::of(seed, word.as_bytes()), program, reserved: 0 };
                *self.words.entry(key).or_default() |= bit;
            }
            Name::Starred { head, tail } => {
                // The policy takes none that is too long.
                let Some(pattern) = Pattern::new(head.as_bytes(), tail.as_bytes()) else { return };
                self.starred.push(StarredWord { pattern, bits: bit });
            }
        }
    }
}
