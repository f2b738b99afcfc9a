//! `[command.NAME]`.

use super::{
    super::{
        By, Words,
        node::{Node, Table, get},
        problem::{At, Located},
        reader::Reader,
    },
    text,
};

const WORDS: &str = "lists of words such as [\"apply\", \"-destroy\"], each with one * at most";
const PROGRAM: &str = "the name of a program, without its directory";

/// See [`crate::policy::Command`].
pub(in super::super) struct CommandDraft {
    /// Of its name.
    pub(in super::super) at: At,
    pub(in super::super) programs: Option<Vec<Located<String>>>,
    pub(in super::super) destroy: Vec<Located<Words>>,
    pub(in super::super) recreate: Vec<Located<Words>>,
    pub(in super::super) except: Vec<Located<Words>>,
    pub(in super::super) until: Vec<Located<Words>>,
    pub(in super::super) key: By,
}

impl Reader<'_> {
    pub(super) fn command(&mut self, table: &Table, _name: &str, at: &At) -> CommandDraft {
        let [destroy, recreate, except, until] = ["destroy", "recreate", "except", "until"].map(|key| {
            get(table, key).map(|node| self.list(key, node, WORDS, text::words)).unwrap_or_default()
        });
        CommandDraft {
            at: at.clone(),
            programs: get(table, "program").map(|node| self.programs(node)),
            destroy,
            recreate,
            except,
            until,
            key: get(table, "key")
                .and_then(|node| self.word("key", node, &By::ALL, By::as_str))
                .unwrap_or_default(),
        }
    }

    /// One, or a list of them.
    fn programs(&mut self, node: &Node) -> Vec<Located<String>> {
        if node.as_list().is_some() {
            return self.list("program", node, PROGRAM, text::program);
        }
        let program = text::program(node);
        if program.is_none() {
            self.want("program =", node, PROGRAM);
        }
        program.into_iter().map(|value| Located { value, at: node.at.clone() }).collect()
    }
}
