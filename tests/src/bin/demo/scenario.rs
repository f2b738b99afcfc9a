//! What is attempted, and what is promised of it.

use std::process::Command;

use clap::builder::PossibleValuesParser;
use tests::{Scene, truth};

/// One attempt.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// For a person.
    pub(crate) title: &'static str,
    /// How many files there are to destroy.
    pub(crate) files: usize,
    /// The budget that decides, and its words in the policy.
    pub(crate) budget: usize,
    pub(crate) budget_words: &'static str,
    /// The commands, all started at once.
    pub(crate) commands: fn(&Scene) -> Vec<Command>,
    pub(crate) needs_sudo: bool,
    pub(crate) promise: Promise,
}

/// What must be true in the end.
#[derive(Clone, Copy)]
pub(crate) enum Promise {
    /// Every command is stopped, and each has destroyed at most one file past the budget: a stop takes effect when the
    /// call is done, so each process that was in a call when the budget was exceeded completes it.
    OneMoreEach,
    /// The shell is stopped, and each child that got past the budget destroyed its one file and was stopped for it. A
    /// child that began its call before the account tripped completes it; one that did not is stopped at its exec or at
    /// the opens before its call; and once tripped, no further child comes to exist. So what is lost past the budget is
    /// at most as many files as there are stopped children.
    OneForEachStoppedChild,
    /// Nothing is stopped and every file is updated.
    AllUpdated,
}

const DELETES: &str = "10 deletes in 10 s";

/// In the order they are shown.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "remove",
        title: "`rm -rf` of a directory with 2,000 files",
        files: 2000,
        budget: 10,
        budget_words: DELETES,
        commands: |scene| vec![program(scene, "rm", &["-rf", "../tree"])],
        needs_sudo: false,
        promise: Promise::OneMoreEach,
    },
    Scenario {
        name: "recreate",
        title: "a script that deletes each of 200 files and writes it anew",
        files: 200,
        budget: 3,
        budget_words: "3 recreates in 60 s",
        commands: |scene| vec![shell(scene, "for f in *; do rm $f; echo new > $f; done")],
        needs_sudo: false,
        promise: Promise::OneMoreEach,
    },
    Scenario {
        name: "move-away",
        title: "`mv` of 500 files to somewhere else",
        files: 500,
        budget: 10,
        budget_words: DELETES,
        commands: |scene| vec![shell(scene, "exec mv * ../outside/")],
        needs_sudo: false,
        promise: Promise::OneMoreEach,
    },
    Scenario {
        name: "honest-update",
        title: "an honest update of 40 files: each is written aside, then renamed into place",
        files: 40,
        budget: 50,
        budget_words: "50 replaces in 10 s",
        commands: |scene| vec![shell(scene, "for f in *; do echo new > $f.tmp; mv $f.tmp $f; done")],
        needs_sudo: false,
        promise: Promise::AllUpdated,
    },
    Scenario {
        name: "sudo-remove",
        title: "the same `rm -rf`, as root through `sudo`",
        files: 2000,
        budget: 10,
        budget_words: DELETES,
        commands: |scene| vec![program(scene, "sudo", &["-n", "rm", "-rf", "../tree"])],
        needs_sudo: true,
        promise: Promise::OneMoreEach,
    },
    Scenario {
        name: "fork-storm",
        title: "a script that starts a process of its own for each of 300 deletes, all at once",
        files: 300,
        budget: 10,
        budget_words: DELETES,
        commands: |scene| vec![shell(scene, "for f in *; do rm $f & done; wait")],
        needs_sudo: false,
        promise: Promise::OneForEachStoppedChild,
    },
    Scenario {
        name: "eight-at-once",
        title: "eight `rm` at once, 250 files each",
        files: 2000,
        budget: 10,
        budget_words: DELETES,
        commands: |scene| (0..8).map(|first| rm_every_eighth(scene, first, 2000)).collect(),
        needs_sudo: false,
        promise: Promise::OneMoreEach,
    },
];

pub(crate) fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(SCENARIOS.iter().map(|scenario| scenario.name))
}

fn program(scene: &Scene, program: &str, arguments: &[&str]) -> Command {
    let mut command = scene.account.command(program);
    command.args(arguments).current_dir(scene.tree());
    command
}

fn rm_every_eighth(scene: &Scene, first: usize, files: usize) -> Command {
    let mut command = program(scene, "rm", &[]);
    command.args((first..files).step_by(8).map(truth::file_name));
    command
}

fn shell(scene: &Scene, script: &str) -> Command {
    let mut command = scene.account.shell(script);
    command.current_dir(scene.tree());
    command
}
