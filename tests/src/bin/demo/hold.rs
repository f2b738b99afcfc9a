//! The demonstration for a kernel that can hold a call: an `rm` through sudo waits, a person approves, and it ends well.

use anyhow::{Context as _, Result, ensure};
use tests::{Account, Event, Held, Job, Outcome, Policy, Scene, SudoRule, Tier, ask, proc, truth};

use crate::show;

const FILES: usize = 2000;
const BUDGET: usize = 10;

/// Plays it; whether all came as it should.
pub(crate) fn play() -> Result<bool> {
    let mut scene = Scene::of(Account::new()?, |policy: Policy, ground| {
        ground.fill(&ground.tree(), FILES)?;
        Ok(policy.in_tier(Tier::Lsm).budget("deletes", "10/1h"))
    })?;
    let _rule = SudoRule::allow_rm(&scene.account)?.context("it takes sudo, which is not installed")?;
    println!("\n{FILES} files; the budget is {BUDGET} deletes; the tier is {}", scene.daemon.armed().tier);
    let mut command = scene.account.command("sudo");
    command.args(["-n", "rm", "-rf", "../tree"]).current_dir(scene.tree());
    show::commands(&scene, std::slice::from_ref(&command));
    let job = Job::start(command)?;

    let held = scene.daemon.held_of("a0")?;
    let destroyed = scene.destroyed(FILES);
    println!("   disk:  {destroyed} of {FILES} files destroyed, and the next call waits:");
    println!("   agent: {}", waits(&held));
    screen(&["incident", &held.incident.0.to_string()])?;

    screen(&["approve", &held.incident.0.to_string(), "--reason", WHY])?;
    let outcome = job.until_ended_at_last()?;
    let left = FILES - truth::missing(&scene.tree(), FILES);
    println!("   disk:  {left} of {FILES} files are left; sudo ended: {outcome:?}");
    let approved = |event: &&Event| matches!(event, Event::Decided { verb, .. } if verb == "approve");
    let recorded = scene.daemon.seen()?.iter().any(|event| approved(&event));
    let ok = destroyed == BUDGET && left == 0 && outcome == Outcome::Exited(0) && recorded;
    println!("   {}", if ok { "as promised" } else { "NOT as promised" });
    scene.end()?;
    Ok(ok)
}

const WHY: &str = "CHG-123, the old environment goes";

fn waits(held: &Held) -> String {
    let state = proc::Process::look(held.pid).map_or('-', |process| process.state);
    format!("process {} is in state {state}, in a call that would delete {}", held.pid, held.path)
}

/// A command of a responder's, and what it shows.
fn screen(words: &[&str]) -> Result<()> {
    println!("\n# burstguard {}", shown(words));
    let said = ask(words)?;
    print!("{}{}", said.output, said.complaint);
    println!();
    ensure!(said.exit == Some(0), "burstguard {} ended with {:?}", words[0], said.exit);
    Ok(())
}

fn shown(words: &[&str]) -> String {
    let quoted =
        words.iter().map(|word| if word.contains(' ') { format!("{word:?}") } else { (*word).to_owned() });
    quoted.collect::<Vec<_>>().join(" ")
}
