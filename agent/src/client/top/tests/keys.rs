use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use super::*;
use crate::{
    api::Reason,
    client::top::{order::Order, state::List},
};

fn reason(text: &str) -> Reason {
    Reason::try_from(text.to_owned()).expect("a reason")
}

#[test]
fn the_most_urgent_is_chosen_first_and_stays_chosen() {
    let mut state = state(80, 24);
    assert_eq!(state.account.key().map(String::as_str), Some("ci"));
    press(&mut state, KeyCode::Down);
    assert_eq!(state.account.key().map(String::as_str), Some("deployer"));
    let mut later = facts();
    later.status.accounts.retain(|account| account.name != "ci");
    state.on(Input::Facts(Ok(Box::new(later))), now());
    assert_eq!((state.account.at(), state.account.key().map(String::as_str)), (0, Some("deployer")));
}

/// A line of text has every letter in it that decides.
#[test]
fn what_is_pasted_is_words_of_a_reason_and_nowhere_else_anything() {
    let mut state = state(80, 24);
    let before = shown(&state);
    assert_eq!(state.on(Input::Paste("approved t\nd\r\n".to_owned()), now()), None);
    assert_eq!(shown(&state), before);
    press(&mut state, KeyCode::Char('j'));
    press(&mut state, KeyCode::Char('t'));
    assert_eq!(state.on(Input::Paste("INC-88\n".to_owned()), now()), None);
    assert_eq!(press(&mut state, KeyCode::Enter), Some(Effect::Post(Order::Thaw(7), reason("INC-88"))));
}

#[test]
fn a_thaw_takes_a_reason_and_is_sent_once() {
    let mut state = state(80, 24);
    press(&mut state, KeyCode::Char('j'));
    assert_eq!(press(&mut state, KeyCode::Char('t')), None);
    check(&state, &["Thaw incident 7"]);
    let what = "1 process of deployer will go on, and deployer has its whole budget once more. Reason:";
    assert!(words(&state).contains(what), "{}", shown(&state));
    // Without a reason nothing is sent.
    assert_eq!(press(&mut state, KeyCode::Enter), None);
    check(&state, &["a reason is required: say why"]);
    write(&mut state, "INC-88 qt");
    press(&mut state, KeyCode::Backspace);
    let sent = press(&mut state, KeyCode::Enter);
    assert_eq!(sent, Some(Effect::Post(Order::Thaw(7), reason("INC-88 q"))));
    assert_eq!(press(&mut state, KeyCode::Enter), Some(Effect::Look(Some(7))));
    assert_eq!(state.dialog, None);
}

#[test]
fn escape_sends_nothing() {
    let mut state = state(80, 24);
    press(&mut state, KeyCode::Char('a'));
    check(&state, &["Approve incident 8", "1 call of ci that waits will happen."]);
    write(&mut state, "yes");
    assert_eq!(press(&mut state, KeyCode::Esc), None);
    assert_eq!(state.dialog, None);
    assert_eq!(press(&mut state, KeyCode::Esc), None);
}

#[test]
fn what_is_sent_is_what_the_commands_send() {
    let bodies = [
        (Order::Approve(8), "/v1/incidents/8/approve", json!({ "reason": "x" })),
        (Order::Deny(8), "/v1/incidents/8/deny", json!({ "reason": "x" })),
        (Order::Thaw(7), "/v1/incidents/7/thaw", json!({ "reason": "x" })),
        (
            Order::Freeze("ci".to_owned()),
            "/v1/freezes",
            json!({ "target": { "account": "ci" }, "reason": "x" }),
        ),
    ];
    for (order, path, body) in bodies {
        assert_eq!((order.path().as_str(), order.body(reason("x"))), (path, body));
    }
}

#[test]
fn each_list_has_its_own_row() {
    let mut state = state(80, 24);
    press(&mut state, KeyCode::Tab);
    assert_eq!((state.list, state.process.key()), (List::Waiting, Some(&(8, 2101))));
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Tab);
    assert_eq!((state.list, state.incident.key()), (List::Incidents, Some(&8)));
    press(&mut state, KeyCode::End);
    assert_eq!(state.incident.key(), Some(&6));
    press(&mut state, KeyCode::BackTab);
    assert_eq!((state.list, state.process.key()), (List::Waiting, Some(&(7, 1379))));
    press(&mut state, KeyCode::BackTab);
    assert_eq!(state.list, List::Accounts);
    assert_eq!(press(&mut state, KeyCode::Enter), Some(Effect::Look(Some(8))));
}

/// What can be ordered of what is chosen, by its list, row and key; else what is said.
#[test]
fn only_what_can_be_decided_is_asked_for() {
    let table = [
        (List::Accounts, 0, 'a', Ok(Order::Approve(8))),
        (List::Accounts, 0, 'd', Ok(Order::Deny(8))),
        (List::Accounts, 0, 't', Err("the calls of incident 8 wait: a approves, d denies")),
        (List::Accounts, 0, 'f', Ok(Order::Freeze("ci".to_owned()))),
        (List::Accounts, 1, 't', Ok(Order::Thaw(7))),
        (
            List::Accounts,
            1,
            'a',
            Err("no call of incident 7 waits, its processes were stopped: t lets them go on"),
        ),
        (List::Accounts, 3, 't', Err("ansible has no incident: nothing of it waits")),
        (List::Accounts, 3, 'f', Ok(Order::Freeze("ansible".to_owned()))),
        (List::Waiting, 1, 't', Ok(Order::Thaw(7))),
        (List::Waiting, 0, 'f', Ok(Order::Freeze("ci".to_owned()))),
        (List::Incidents, 1, 't', Ok(Order::Thaw(7))),
        (List::Incidents, 2, 't', Err("incident 6 is over: there is nothing to decide")),
        (List::Incidents, 2, 'f', Ok(Order::Freeze("deployer".to_owned()))),
    ];
    for (list, row, key, expected) in table {
        let mut state = state(80, 24);
        state.list = list;
        for _ in 0..row {
            press(&mut state, KeyCode::Down);
        }
        assert_eq!(press(&mut state, KeyCode::Char(key)), None);
        let found = match state.dialog.take() {
            Some(dialog) => Ok(dialog.order),
            None => Err(state.said.take().expect("says why").text),
        };
        assert_eq!(found, expected.map_err(str::to_owned), "{list:?} {row} {key}");
    }
}

#[test]
fn the_answer_of_the_daemon_is_shown_until_it_is_put_away() {
    let mut state = state(80, 24);
    let refused = "incident 7 is already decided: thawed by root (uid 0); burstguard incidents --open";
    assert_eq!(state.on(Input::Answer(Err(refused.to_owned())), now()), Some(Effect::Look(None)));
    state.on(Input::Facts(Ok(Box::new(facts()))), now());
    press(&mut state, KeyCode::Down);
    // In two lines: it is longer than one.
    check(&state, &["incident 7 is already decided: thawed by root (uid 0); burstguard incidents"]);
    press(&mut state, KeyCode::Esc);
    assert!(!shown(&state).contains("already decided"));
}

#[test]
fn every_way_out() {
    for (code, modifiers) in
        [(KeyCode::Char('q'), KeyModifiers::NONE), (KeyCode::Char('c'), KeyModifiers::CONTROL)]
    {
        let mut state = state(80, 24);
        assert_eq!(state.on(Input::Key(KeyEvent::new(code, modifiers)), now()), Some(Effect::Quit));
    }
    assert_eq!(state(80, 24).on(Input::End, now()), Some(Effect::Quit));
}

#[test]
fn a_story_is_scrolled_no_further_than_it_goes() {
    let mut state = state(60, 15);
    press(&mut state, KeyCode::Down);
    assert_eq!(press(&mut state, KeyCode::Enter), Some(Effect::Look(Some(7))));
    let mut told = facts();
    told.story = Some((7, Ok(read(detail()))));
    state.on(Input::Facts(Ok(Box::new(told))), now());
    check(&state, &["Incident 7  deployer  STOPPED, 1 process", "more lines below"]);
    press(&mut state, KeyCode::End);
    let view = View {
        state: &state,
        screen: Screen { now: now(), zone: TimeZone::UTC },
        paint: Paint { has_colour: true },
    };
    let most = view.longest_scroll();
    state.scroll_at_most(most);
    check(&state, &["burstguard kill 7   end them"]);
    assert!(!shown(&state).contains("more lines below"));
    press(&mut state, KeyCode::Up);
    check(&state, &["more lines below"]);
    assert_eq!(press(&mut state, KeyCode::Esc), Some(Effect::Look(None)));
    assert_eq!(state.story, None);
}
