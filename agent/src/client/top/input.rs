//! What a key means where it is typed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::api::Verb;

/// What is on top, and so hears the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Lists,
    Story,
    Help,
    Dialog,
}

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// So many lines further down, or up.
    Step(isize),
    /// A screen further down, or up.
    Page(isize),
    Top,
    Bottom,
    NextList,
    PreviousList,
    /// Shows the incident of what is chosen.
    Open,
    /// Goes back to what is below.
    Back,
    Help,
    /// Asks for the reason to do this to what is chosen.
    Ask(Verb),
    Type(char),
    Erase,
    EraseAll,
    Send,
    /// Draws everything anew.
    Redraw,
    Quit,
}

pub(super) fn action(place: Place, key: KeyEvent) -> Option<Action> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match (place, key.code) {
        (_, KeyCode::Char('c')) if control => Some(Action::Quit),
        (_, KeyCode::Char('l')) if control => Some(Action::Redraw),
        (Place::Dialog, code) => typed(code, key.modifiers),
        (_, KeyCode::Char(char)) if control => paged(char),
        (Place::Help, _) => Some(Action::Back),
        (place, code) => looked(place, code),
    }
}

/// As in a pager.
fn paged(char: char) -> Option<Action> {
    match char {
        'f' | 'd' => Some(Action::Page(1)),
        'b' | 'u' => Some(Action::Page(-1)),
        _ => None,
    }
}

/// In a line of text.
fn typed(code: KeyCode, modifiers: KeyModifiers) -> Option<Action> {
    match code {
        KeyCode::Esc => Some(Action::Back),
        KeyCode::Enter => Some(Action::Send),
        KeyCode::Backspace => Some(Action::Erase),
        KeyCode::Char('u') if modifiers.contains(KeyModifiers::CONTROL) => Some(Action::EraseAll),
        KeyCode::Char(char) if !modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {
            Some(Action::Type(char))
        }
        _ => None,
    }
}

/// On the lists, or in the story of an incident.
fn looked(place: Place, code: KeyCode) -> Option<Action> {
    match code {
        KeyCode::Char('q') if place == Place::Lists => Some(Action::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Action::Back),
        KeyCode::Down | KeyCode::Char('j') => Some(Action::Step(1)),
        KeyCode::Up | KeyCode::Char('k') => Some(Action::Step(-1)),
        KeyCode::PageDown | KeyCode::Char(' ') => Some(Action::Page(1)),
        KeyCode::PageUp => Some(Action::Page(-1)),
        KeyCode::Home | KeyCode::Char('g') => Some(Action::Top),
        KeyCode::End | KeyCode::Char('G') => Some(Action::Bottom),
        KeyCode::Tab | KeyCode::Right | KeyCode::Char('l') if place == Place::Lists => Some(Action::NextList),
        KeyCode::BackTab | KeyCode::Left | KeyCode::Char('h') if place == Place::Lists => {
            Some(Action::PreviousList)
        }
        KeyCode::Enter if place == Place::Lists => Some(Action::Open),
        KeyCode::Char('a') => Some(Action::Ask(Verb::Approve)),
        KeyCode::Char('d') => Some(Action::Ask(Verb::Deny)),
        KeyCode::Char('f') => Some(Action::Ask(Verb::Freeze)),
        KeyCode::Char('t') => Some(Action::Ask(Verb::Thaw)),
        KeyCode::Char('?') => Some(Action::Help),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys by what is written on them.
    fn key(name: &str) -> KeyEvent {
        let (name, modifiers) = match name.strip_prefix("C-") {
            Some(name) => (name, KeyModifiers::CONTROL),
            None => (name, KeyModifiers::NONE),
        };
        let code = match name {
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Tab" => KeyCode::Tab,
            "BackTab" => KeyCode::BackTab,
            "Down" => KeyCode::Down,
            "Up" => KeyCode::Up,
            "Left" => KeyCode::Left,
            "Right" => KeyCode::Right,
            "PageDown" => KeyCode::PageDown,
            "PageUp" => KeyCode::PageUp,
            "Home" => KeyCode::Home,
            "End" => KeyCode::End,
            "Backspace" => KeyCode::Backspace,
            "F1" => KeyCode::F(1),
            name => KeyCode::Char(name.chars().next().expect("a character")),
        };
        KeyEvent::new(code, modifiers)
    }

    #[test]
    fn every_key_everywhere() {
        use Action::*;
        // On the lists, in a story, in a dialog; in the help each but Ctrl-C and Ctrl-L leads back.
        let table = [
            ("q", Some(Quit), Some(Back), Some(Type('q'))),
            ("C-c", Some(Quit), Some(Quit), Some(Quit)),
            ("C-l", Some(Redraw), Some(Redraw), Some(Redraw)),
            ("Esc", Some(Back), Some(Back), Some(Back)),
            ("Enter", Some(Open), None, Some(Send)),
            ("j", Some(Step(1)), Some(Step(1)), Some(Type('j'))),
            ("k", Some(Step(-1)), Some(Step(-1)), Some(Type('k'))),
            ("Down", Some(Step(1)), Some(Step(1)), None),
            ("Up", Some(Step(-1)), Some(Step(-1)), None),
            ("PageDown", Some(Page(1)), Some(Page(1)), None),
            ("PageUp", Some(Page(-1)), Some(Page(-1)), None),
            ("C-f", Some(Page(1)), Some(Page(1)), None),
            ("C-b", Some(Page(-1)), Some(Page(-1)), None),
            ("g", Some(Top), Some(Top), Some(Type('g'))),
            ("G", Some(Bottom), Some(Bottom), Some(Type('G'))),
            ("Home", Some(Top), Some(Top), None),
            ("End", Some(Bottom), Some(Bottom), None),
            ("Tab", Some(NextList), None, None),
            ("Right", Some(NextList), None, None),
            ("BackTab", Some(PreviousList), None, None),
            ("Left", Some(PreviousList), None, None),
            ("a", Some(Ask(Verb::Approve)), Some(Ask(Verb::Approve)), Some(Type('a'))),
            ("d", Some(Ask(Verb::Deny)), Some(Ask(Verb::Deny)), Some(Type('d'))),
            ("f", Some(Ask(Verb::Freeze)), Some(Ask(Verb::Freeze)), Some(Type('f'))),
            ("t", Some(Ask(Verb::Thaw)), Some(Ask(Verb::Thaw)), Some(Type('t'))),
            ("?", Some(Help), Some(Help), Some(Type('?'))),
            ("Backspace", None, None, Some(Erase)),
            // With Ctrl a letter decides nothing, and is no text.
            ("C-u", Some(Page(-1)), Some(Page(-1)), Some(EraseAll)),
            ("C-t", None, None, None),
            ("C-a", None, None, None),
            ("F1", None, None, None),
        ];
        for (name, lists, story, dialog) in table {
            let key = key(name);
            assert_eq!(action(Place::Lists, key), lists, "{name}");
            assert_eq!(action(Place::Story, key), story, "{name}");
            assert_eq!(action(Place::Dialog, key), dialog, "{name}");
        }
        for name in ["q", "Esc", "Enter", "a", "t", "F1"] {
            assert_eq!(action(Place::Help, key(name)), Some(Back), "{name}");
        }
    }
}
