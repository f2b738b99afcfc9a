use std::{path::Path, process::ExitCode, thread};

use clap::{CommandFactory as _, Parser as _};

use crate::{
    api::{Answer, Code, Moved, Problem, Reloaded, Request, Responder, Tested, Verb},
    cli::{Cli, Command},
    client::{
        self,
        failure::{Failure, left_behind},
    },
    control::tests::stage::Stage,
};

/// Runs a command line as main does.
fn run(socket: &Path, line: &str) -> ExitCode {
    let socket = socket.to_str().expect("text");
    let words = ["burstguard", "--socket", socket, "--color", "never"].into_iter().chain(line.split(' '));
    match Cli::try_parse_from(words) {
        Ok(Cli { common, command: Command::Ask(verb) }) => client::run(verb, common),
        Ok(other) => panic!("{other:?} asks nobody"),
        Err(error) => ExitCode::from(u8::try_from(error.exit_code()).expect("a status")),
    }
}

fn moved(verb: Verb) -> Answer {
    Answer::Moved(Moved {
        incident: Some(8),
        verb,
        target: "deployer".to_owned(),
        by: Responder::User { uid: 0, name: Some("root".to_owned()), login: None, pid: 1 },
        processes: Vec::new(),
        cgroups: 0,
        confirmed_us: None,
        until: None,
        left_alone: Vec::new(),
        pending: Vec::new(),
    })
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn what_was_done_ends_with_0() {
    let stage = Stage::answering(|request| {
        Ok(match request {
            Request::Accounts => Answer::Accounts(Vec::new()),
            Request::Freeze { .. } => moved(Verb::Freeze),
            Request::Thaw { .. } => moved(Verb::Thaw),
            Request::Kill { .. } => moved(Verb::Kill),
            Request::Off { .. } => moved(Verb::Off),
            Request::On { .. } => moved(Verb::On),
            Request::SelfTest => Answer::Tested(Tested { tier: "lsm".to_owned(), took_us: 1 }),
            Request::Reload { .. } => Answer::Reloaded(Reloaded {
                before: "a".to_owned(),
                after: "b".to_owned(),
                accounts: Vec::new(),
                warnings: Vec::new(),
            }),
            _ => Answer::Incidents(Vec::new()),
        })
    });
    for line in [
        "accounts",
        "accounts --json",
        "incidents --open --since 24h --account a&b --limit 3",
        "freeze --account deployer --for 15m --reason x",
        "freeze --unit a.service --reason x",
        "freeze --user root --reason x",
        "freeze --cgroup a/b --reason x",
        "freeze --pid 42 --reason x --quiet",
        "thaw 8 --reason x",
        "thaw --all --reason x --json",
        "kill 8 --reason x",
        "off --for 10m --reason x",
        "on --reason x",
        "reload --reason x",
        "selftest",
    ] {
        assert_eq!(run(&stage.socket, line), ExitCode::SUCCESS, "{line}");
    }
    let asked = stage.asked.lock().expect("asked");
    let filter = asked.iter().find_map(|(_, request)| match request {
        Request::Incidents(filter) => {
            Some((filter.open, filter.account.clone(), filter.since_s, filter.limit))
        }
        _ => None,
    });
    assert_eq!(filter, Some((true, Some("a&b".to_owned()), Some(86_400), Some(3))));
}

#[test]
fn every_problem_has_its_exit_status() {
    for (code, status) in [
        (Code::Failed, 1),
        (Code::TooMuch, 1),
        (Code::Invalid, 2),
        (Code::NotAllowed, 4),
        (Code::NotFound, 5),
        (Code::AlreadyDecided, 6),
        (Code::PolicyInvalid, 7),
        (Code::NotConfirmed, 8),
    ] {
        let stage = Stage::answering(move |_| Err(Problem::new(code, "no")));
        for line in ["thaw 8 --reason x", "status", "status --json", "watch"] {
            assert_eq!(run(&stage.socket, line), ExitCode::from(status), "{code:?} {line}");
        }
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let stage = Stage::open();
    for line in [
        "nonsense",
        "thaw --reason x",
        "thaw 8 --all --reason x",
        "freeze --reason x",
        "freeze --account a --pid 3 --reason x",
        "freeze --account a --for 15 --reason x",
        "freeze --account a --for 0s --reason x",
        "freeze --user no-such-user-here --reason x",
        "incidents --since yesterday",
        "why --pid x",
        "status --color sometimes",
        // JSON is for programs, and a program is not asked.
        "thaw 8 --json",
        "top --json",
    ] {
        assert_eq!(run(&stage.socket, line), ExitCode::from(2), "{line}");
    }
    assert!(stage.asked.lock().expect("asked").is_empty());
}

#[test]
fn no_daemon_ends_with_3() {
    for line in ["status", "watch", "why", "status --json"] {
        assert_eq!(run(Path::new("/nonexistent/control.sock"), line), ExitCode::from(3), "{line}");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let dead = dir.path().join("control.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).expect("a socket"));
    assert_eq!(run(&dead, "status"), ExitCode::from(3));
    assert!(left_behind(dir.path()).contains("still loaded"));
    assert!(left_behind(&dir.path().join("none")).contains("nothing is enforced"));
}

#[test]
fn watching_ends_with_the_daemon_by_3() {
    let mut stage = Stage::open();
    let socket = stage.socket.clone();
    let watching = thread::spawn(move || run(&socket, "watch"));
    while stage.events.receiver_count() == 0 {
        thread::yield_now();
    }
    stage.events.send(r#"{"event":"burst","incident":7}"#.into()).expect("a watcher");
    stage.end();
    assert_eq!(watching.join().expect("an end"), ExitCode::from(3));
}

/// It was sent, and whoever read it has ended: it may have been done.
#[test]
fn what_nobody_answers_is_not_known_to_be_done() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("control.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let killed = thread::spawn(move || {
        for reads in [true, false, true] {
            let (mut stream, _) = listener.accept().expect("a client");
            if reads {
                let _ = std::io::Read::read(&mut stream, &mut [0; 4096]).expect("a request");
            }
        }
    });
    assert_eq!(run(&socket, "thaw 8 --reason x"), ExitCode::from(8));
    assert_eq!(run(&socket, "thaw 8 --reason x --json"), ExitCode::from(8));
    // Whoever only looks has lost nothing.
    assert_eq!(run(&socket, "status"), ExitCode::from(3));
    killed.join().expect("an end");
    let said = Failure::Unheard("the daemon has ended".to_owned());
    assert!(said.text().contains("not known") && said.text().contains("burstguard incidents --open"));
    assert_eq!(said.problem().code, Code::NotConfirmed);
}

#[test]
fn an_answer_of_another_kind_ends_with_1() {
    let stage = Stage::open();
    assert_eq!(run(&stage.socket, "selftest"), ExitCode::from(1));
}
