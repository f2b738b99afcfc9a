//! Destructive commands: those that are known, and the policy's.

use std::collections::{BTreeMap, BTreeSet};

use agent_common::rules::command::MOST;

use super::{
    super::{Command, Host, Words, commands, parse::CommandDraft, problem::Located},
    Validator,
};

/// How many there may be, those that are known among them.
const MAX_COMMANDS: usize = 256;

impl<H: Host> Validator<'_, H> {
    /// A command of the policy takes the place of the known one of that name; without anything to look for it is none.
    pub(super) fn commands(&mut self, draft: &BTreeMap<String, CommandDraft>) -> Vec<Command> {
        let mut all: BTreeMap<String, Command> =
            commands::known().map(|known| (known.name.clone(), known)).collect();
        for (name, command) in draft {
            let command = self.command(name, command);
            // Whoever names a known one's program means another command of it.
            all.retain(|_, known| !known.programs.iter().any(|program| command.programs.contains(program)));
            all.insert(name.clone(), command);
        }
        let surplus = draft.values().last().filter(|_| all.len() > MAX_COMMANDS);
        if let Some(last) = surplus {
            self.refuse(&last.at, &format!("more than {MAX_COMMANDS} commands: join some of them"));
        }
        self.each_program_once(draft);
        all.into_values().filter(|command| !command.destroy.is_empty()).collect()
    }

    fn command(&mut self, name: &str, draft: &CommandDraft) -> Command {
        let CommandDraft { at, programs, destroy, recreate, except, until, key } = draft;
        if programs.is_none() {
            self.refuse(at, &format!("[command.{name}] is no command: set program"));
        }
        let lists = || [destroy, recreate, except, until].into_iter().flatten();
        let words = lists().map(|words| words.value.0.len()).sum::<usize>();
        if let Some(last) = lists().last().filter(|_| words > MOST as usize) {
            self.refuse(&last.at, &format!("[command.{name}] has more than {MOST} words"));
        }
        let values = |list: &[Located<Words>]| list.iter().map(|words| words.value.clone()).collect();
        Command {
            name: name.to_owned(),
            programs: programs.iter().flatten().map(|program| program.value.clone()).collect(),
            destroy: values(destroy),
            recreate: values(recreate),
            except: values(except),
            until: values(until),
            key: *key,
        }
    }

    fn each_program_once(&mut self, draft: &BTreeMap<String, CommandDraft>) {
        let mut seen = BTreeSet::new();
        for Located { value, at } in draft.values().flat_map(|command| command.programs.iter().flatten()) {
            if !seen.insert(value) {
                self.refuse(at, &format!("program {value:?} has a command already: put its words there"));
            }
        }
    }
}
