//! What an action does to what is shown.

use super::{Dialog, Effect, List, Said, State, Story};
use crate::{
    api::{Reason, Verb},
    client::{
        term::clean,
        top::{input::Action, order::Order},
    },
};

/// More than any reason may have.
const LONGEST: usize = 1000;

impl State {
    pub(super) fn act(&mut self, action: Action) -> Option<Effect> {
        self.said = self.said.take().filter(|said| said.stays);
        match action {
            Action::Step(by) => self.step(by),
            Action::Page(by) => self.step(by.saturating_mul(self.page())),
            Action::Top => self.step(isize::MIN),
            Action::Bottom => self.step(isize::MAX),
            Action::NextList => self.list = self.list.next(),
            Action::PreviousList => self.list = self.list.next().next(),
            Action::Open => return self.open(),
            Action::Back => return self.back(),
            Action::Help => self.help = true,
            Action::Ask(verb) => self.ask(verb),
            Action::Type(char) => self.edit(|reason| {
                if reason.len() < LONGEST {
                    reason.push(char);
                }
            }),
            Action::Erase => self.edit(|reason| {
                reason.pop();
            }),
            Action::EraseAll => self.edit(String::clear),
            Action::Send => return self.send(),
            Action::Redraw => return Some(Effect::Redraw),
            Action::Quit => return Some(Effect::Quit),
        }
        None
    }

    fn page(&self) -> isize {
        isize::try_from(self.size.height.saturating_sub(3).max(1)).unwrap_or(1)
    }

    fn step(&mut self, by: isize) {
        if let Some(story) = &mut self.story {
            story.scroll = story.scroll.saturating_add_signed(by);
            return;
        }
        match self.list {
            List::Accounts => self.account.step(&self.accounts(), by),
            List::Waiting => self.process.step(&self.processes(), by),
            List::Incidents => self.incident.step(&self.incidents(), by),
        }
    }

    /// How far a story can be scrolled is known only when it is drawn.
    pub(in crate::client::top) fn scroll_at_most(&mut self, most: usize) {
        if let Some(story) = &mut self.story {
            story.scroll = story.scroll.min(most);
        }
    }

    fn open(&mut self) -> Option<Effect> {
        match self.chosen_incident() {
            Some(id) => {
                self.story = Some(Story { id, scroll: 0 });
                self.facts.story = None;
                Some(Effect::Look(Some(id)))
            }
            None => {
                self.refuse(self.no_incident());
                None
            }
        }
    }

    fn back(&mut self) -> Option<Effect> {
        if self.dialog.take().is_some() {
            return None;
        }
        if self.help {
            self.help = false;
            return None;
        }
        if self.story.take().is_some() {
            self.facts.story = None;
            return Some(Effect::Look(None));
        }
        self.said = None;
        None
    }

    fn ask(&mut self, verb: Verb) {
        let order = match verb {
            Verb::Freeze => {
                self.chosen_account().map(Order::Freeze).ok_or_else(|| "no account is chosen".to_owned())
            }
            verb => match self.chosen_incident().and_then(|id| self.facts.incident(id)) {
                Some(incident) => Order::about(verb, incident),
                None => Err(self.no_incident()),
            },
        };
        match order {
            Ok(order) => {
                self.said = None;
                self.dialog = Some(Dialog { order, reason: String::new(), wrong: None });
            }
            Err(why) => self.refuse(why),
        }
    }

    fn edit(&mut self, edit: impl FnOnce(&mut String)) {
        if let Some(dialog) = &mut self.dialog {
            edit(&mut dialog.reason);
            dialog.wrong = None;
        }
    }

    fn send(&mut self) -> Option<Effect> {
        let dialog = self.dialog.as_mut()?;
        let reason = match Reason::try_from(dialog.reason.clone()) {
            Ok(reason) => reason,
            Err(wrong) => {
                dialog.wrong = Some(wrong);
                return None;
            }
        };
        let Dialog { order, .. } = self.dialog.take()?;
        self.said =
            Some(Said {
                text: format!("{}: asked the daemon …", order.title()), is_bad: false, stays: true
            });
        Some(Effect::Post(order, reason))
    }

    /// The incident that is open, or that of the chosen row.
    fn chosen_incident(&self) -> Option<u64> {
        if let Some(story) = &self.story {
            return Some(story.id);
        }
        match self.list {
            List::Accounts => self.facts.account(self.account.key()?)?.incident,
            List::Waiting => self.process.key().map(|(incident, _)| *incident),
            List::Incidents => self.incident.key().copied(),
        }
    }

    /// The account of what is chosen.
    fn chosen_account(&self) -> Option<String> {
        let of_incident = |id| self.facts.incident(id).and_then(|incident| incident.account.clone());
        match (&self.story, self.list) {
            (None, List::Accounts) => self.account.key().cloned(),
            _ => of_incident(self.chosen_incident()?),
        }
    }

    fn no_incident(&self) -> String {
        match self.list {
            List::Accounts => match self.account.key() {
                Some(name) => format!("{} has no incident: nothing of it waits", clean(name)),
                None => "no account is watched".to_owned(),
            },
            List::Waiting => "nothing waits".to_owned(),
            List::Incidents => "there is no incident".to_owned(),
        }
    }

    fn refuse(&mut self, why: String) {
        self.said = Some(Said { text: why, is_bad: true, stays: false });
    }
}

impl List {
    fn next(self) -> Self {
        match self {
            Self::Accounts => Self::Waiting,
            Self::Waiting => Self::Incidents,
            Self::Incidents => Self::Accounts,
        }
    }
}
