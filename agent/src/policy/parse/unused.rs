//! Keys that are not carried out yet are held to their syntax all the same: a policy that is accepted today must not be
//! refused by the version that carries it out.

use super::{
    super::{
        node::{Node, Table, get},
        problem::{At, Located},
        reader::Reader,
    },
    PEOPLE, text,
};

impl Reader<'_> {
    pub(super) fn unused_settings(&mut self, table: &Table) {
        self.each(table, "launch", PEOPLE, text::person);
    }

    /// The command's name if it says no program.
    pub(super) fn command(&mut self, table: &Table, name: &str, at: &At) -> Option<Located<String>> {
        self.refuse_unknown(table, "", &["program", "destroy", "recreate", "key"]);
        let program = get(table, "program");
        if let Some(node) = program
            && node.as_str().is_none_or(|text| text.is_empty() || text.contains(' '))
        {
            self.want("program =", node, "the name or the path of a program");
        }
        for key in ["destroy", "recreate"] {
            self.each(table, key, "lists of words such as [\"apply\", \"-destroy\"]", text::words);
        }
        if let Some(node) = get(table, "key") {
            self.word("key", node, &["cwd"], |word| word);
        }
        program.is_none().then(|| Located { value: name.to_owned(), at: at.clone() })
    }

    fn each<T>(&mut self, table: &Table, key: &str, items: &str, read: fn(&Node) -> Option<T>) {
        if let Some(node) = get(table, key) {
            self.list(key, node, items, read);
        }
    }
}
