//! What a person sees.

use std::collections::{BTreeMap, HashSet};
use std::process::Command;

use tests::{Event, Scene};

use crate::play::Outcome;
use crate::scenario::{Promise, SCENARIOS, Scenario};

pub(crate) fn beginning(kernel: &str) {
    println!(
        "burstguard on kernel {kernel}: {} scenarios, each with a throwaway user, a directory of its own and a fresh agent",
        SCENARIOS.len()
    );
}

pub(crate) fn attempt(scenario: &Scenario) {
    println!("\n{}: {}", scenario.name, scenario.title);
}

pub(crate) fn commands(scene: &Scene, commands: &[Command]) {
    for command in commands.iter().take(2) {
        println!("   {}$ {}", scene.account.name(), shown(command));
    }
    if commands.len() > 2 {
        println!("   … and {} more like these", commands.len() - 2);
    }
}

/// A command as one would type it, if it is not too long; a shell is shown as what it is given to do.
fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    match &words[..] {
        [_, dash_c, script] if dash_c == "-c" => script.to_string(),
        words if words.len() > 8 => format!("{} …", words[..4].join(" ")),
        words => words.join(" "),
    }
}

/// The agent's own events, condensed; those of the process `but` are left out, which the demonstration itself needed.
pub(crate) fn events(events: &[Event], but: u32) {
    let mut operations: BTreeMap<String, usize> = BTreeMap::new();
    let mut stopped = HashSet::new();
    for event in events {
        match event {
            Event::Operation(operation) => *operations.entry(operation.kinds.join("+")).or_default() += 1,
            Event::Stopped { pid, .. } if *pid != but => drop(stopped.insert(*pid)),
            _ => {}
        }
    }
    for (kinds, count) in operations {
        println!("   agent: {count} × {kinds}");
    }
    for event in events {
        if let Event::Burst(burst) = event {
            let kinds = burst.kinds.join("+");
            println!(
                "   agent: burst: over the budget with {kinds} of {} by {} {}",
                burst.path, burst.comm, burst.pid
            );
        }
    }
    match stopped.len() {
        0 => println!("   agent: nothing to stop"),
        1 => println!("   agent: stopped 1 process"),
        many => println!("   agent: stopped {many} processes"),
    }
}

pub(crate) fn truth(scenario: &Scenario, outcome: &Outcome) {
    let Outcome { attempted, destroyed, .. } = outcome;
    match (scenario.promise, outcome.at_most, outcome.stop_latency_us) {
        (Promise::AllUpdated, ..) => println!("   disk:  {destroyed} of {attempted} files lost"),
        (_, Some(at_most), Some(latency)) => println!(
            "   disk:  {destroyed} of {attempted} files destroyed; the budget is {}, at most {at_most} are possible; \
             stopped {latency:.0} µs after the burst",
            scenario.budget_words
        ),
        _ => {}
    }
}

pub(crate) fn verdict(outcome: &Outcome) {
    match (outcome.skipped, outcome.ok) {
        (Some(reason), _) => println!("   skipped: {reason}"),
        (None, true) => println!("   as promised"),
        (None, false) => println!("   NOT as promised"),
    }
}
