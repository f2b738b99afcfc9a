use ratatui::style::{Color, Modifier};

use super::*;

#[test]
fn a_busy_host_on_a_usual_terminal() {
    let found = shown(&state(80, 24));
    let expected = "\
burstguard  enforcing  2 open incidents  tier lsm  4 accounts          03:16:41Z
  ACCOUNT   STANDING  FULLEST BUDGET              LAST MINUTE   PROCESSES
> ci        TRIPPED   deletes 10/10   ██████████             ·  7 (1 held)
  deployer  TRIPPED   deletes 10/10   ██████████             █  7 (1 stopped)
  backup    armed     deletes 9/10    █████████░             ·  7
  ansible   armed     recreates 2/3   ██████░░░░             ·  7

  PID   WAITS      INCIDENT  ACCOUNT   UID  COMMAND
  2101  [held]     8         ci        0    rm -rf /etc/nginx
  1379  [stopped]  7         deployer  0    rm -rf /etc/nginx

  INCIDENT  OPENED   ACCOUNT   STATE                                WHAT
  8         40s ago  ci        HELD, 1 call, denied in 11m          10 deletes …
  7         4m ago   deployer  STOPPED, 1 process, thaws by itsel…  12 deletes …
  6         4m ago   deployer  thawed                               12 deletes …








? help  q quit  tab list  enter open  a approve  d deny  f freeze  t thaw
";
    assert_eq!(found, expected, "\n{found}");
}

#[test]
fn a_small_terminal_and_a_large_one() {
    let small = shown(&state(60, 15));
    for text in ["> ci", "deployer", "deletes 10/10", "[held]", "[stopped]", "HELD, 1 call"] {
        assert!(small.contains(text), "no {text:?} in:\n{small}");
    }
    assert!(!small.contains("OTHER BUDGETS"), "{small}");
    let large = shown(&state(200, 50));
    for text in [
        "OTHER BUDGETS",
        "recreates 2/3",
        "RESPONSE",
        "8, denied in 11m unless approved",
        "rm -rf /etc/nginx",
        "10 deletes in 2 ms in /srv/app",
    ] {
        assert!(large.contains(text), "no {text:?} in:\n{large}");
    }
    // Wherever it is drawn, nothing panics.
    for (width, height) in [(1, 1), (40, 12), (41, 13), (79, 12), (500, 12), (40, 200)] {
        shown(&state(width, height));
    }
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    check(&state(39, 24), &["too small: 39x24", "wants 40x12"]);
    check(&state(80, 11), &["too small: 80x11"]);
    let mut state = state(80, 11);
    state.on(Input::Resize(Size { width: 80, height: 12 }), now());
    check(&state, &["> ci", "a approve"]);
}

#[test]
fn a_daemon_that_is_gone_is_said_and_what_was_known_is_dimmed() {
    let mut state = state(80, 24);
    let is_dim = |state: &State| {
        let backend = drawn(state, true);
        backend.buffer()[(3, 4)].modifier.contains(Modifier::DIM)
    };
    assert!(!is_dim(&state));
    state.on(Input::Facts(Err("no daemon answers at /run/x: connection refused".to_owned())), at("03:16:43"));
    check(
        &state,
        &["NO ANSWER: no daemon answers at /run/x: connection refused; what is shown is 2s", "> ci"],
    );
    assert!(is_dim(&state));
    state.on(Input::Facts(Ok(Box::new(facts()))), at("03:16:44"));
    assert!(!shown(&state).contains("NO ANSWER"));
    assert!(!is_dim(&state));
    // One that is there and says nothing.
    state.on(Input::Tick, at("03:16:50"));
    check(&state, &["NO ANSWER: the daemon does not answer; what is shown is 6s old"]);
}

#[test]
fn without_colours_nothing_is_coloured_and_nothing_lost() {
    let state = state(80, 24);
    let (colour, plain) = (drawn(&state, true), drawn(&state, false));
    let cells = |backend: &TestBackend| backend.buffer().content().to_vec();
    assert!(cells(&colour).iter().any(|cell| cell.fg == Color::Red));
    assert!(cells(&plain).iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    for (one, other) in cells(&colour).iter().zip(cells(&plain)) {
        assert_eq!(one.symbol(), other.symbol());
        if one.fg == Color::Red {
            assert!(other.modifier.contains(Modifier::BOLD));
        }
    }
}

#[test]
fn names_do_nothing_to_the_screen() {
    let mut hostile = facts();
    hostile.status.accounts[3].name = "ci\u{1b}[2J\u{9b}31m".to_owned();
    hostile.incidents[2].what = "\u{1b}]0;x\u{7}a\nb".to_owned();
    let mut state = State::new(hostile, now(), Size { width: 200, height: 30 });
    check(&state, &["ci\\u{1b}[2J\\u{9b}31m", "\\u{1b}]0;x\\u{7}a\\nb"]);
    press(&mut state, KeyCode::Char('f'));
    write(&mut state, "\u{202e}x");
    check(&state, &["Freeze ci\\u{1b}[2J", "Reason: \\u{202e}x"]);
}

#[test]
fn every_dialog_says_what_will_happen() {
    let mut state = state(80, 24);
    let table = [
        (
            0,
            'a',
            "1 call of ci that waits will happen. The processes that wait, and whatever they start, may finish what they were about, \
                  inside the directories that the incident shows, until they end or an hour has passed. Reason:",
        ),
        (
            0,
            'd',
            "1 call of ci will fail with EPERM, and so does whatever ci destroys next, until it has been quiet for 10 minutes. Reason:",
        ),
        (
            0,
            'f',
            "Everything that acts for ci, 7 processes now, will stand still until somebody thaws it; what joins it later is stopped at its \
             first act. The ssh listener and what else keeps the host going is left alone, and named. Reason:",
        ),
        (1, 't', "1 process of deployer will go on, and deployer has its whole budget once more. Reason:"),
    ];
    for (row, key, text) in table {
        press(&mut state, KeyCode::Home);
        (0..row).for_each(|_| drop(press(&mut state, KeyCode::Down)));
        press(&mut state, KeyCode::Char(key));
        assert!(words(&state).contains(text), "no {text:?} in\n{}", shown(&state));
        check(&state, &["enter does it", "esc leaves all as it is"]);
        press(&mut state, KeyCode::Esc);
    }
}

#[test]
fn two_people_are_told_that_it_takes_two() {
    let mut shared = facts();
    for incident in &mut shared.incidents {
        incident.approvals = read(json!({ "needed": 2, "given": [] }));
    }
    let mut state = State::new(shared, now(), Size { width: 80, height: 24 });
    press(&mut state, KeyCode::Char('a'));
    let people = "That takes 2 people, of whom 0 have said so: until then nothing goes on.";
    assert!(words(&state).contains(people), "{}", shown(&state));
}

#[test]
fn the_keys_are_told() {
    let mut state = state(60, 18);
    press(&mut state, KeyCode::Char('?'));
    check(&state, &["approve: the calls that wait happen", "q  ctrl-c      quit"]);
    press(&mut state, KeyCode::Char('a'));
    assert!(!state.help && state.dialog.is_none());
}
