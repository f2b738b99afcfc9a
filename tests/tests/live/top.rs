//! The live screen, on a terminal in tmux.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tests::{Daemon, Incident, Policy, Scene, Tmux, agent, ask, wait};

/// So many that one thaw is enough for the rest.
const FEW: usize = 15;
/// What the account is called in the policy.
const NAME: &str = "a0";

fn scene() -> Result<Scene> {
    Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), FEW)?;
        Ok(policy)
    })
}

/// The screen, on a terminal that says what was before and how it ended.
fn top(columns: u16, rows: u16, options: &str) -> Result<Tmux> {
    let agent = agent()?;
    let line = format!("echo it was before; {} top --utc {options}; echo ended with $?", agent.display());
    Tmux::start(columns, rows, &line)
}

/// Waits until the terminal is as it was, and the screen has ended with 0.
fn until_restored(tmux: &Tmux) -> Result<()> {
    let screen = tmux.until_shows(&["it was before", "ended with 0"])?;
    assert!(!screen.contains("ACCOUNT"), "{screen}");
    assert_eq!(tmux.knows("alternate_on")?, "0", "the alternate screen");
    assert_eq!(tmux.knows("cursor_flag")?, "1", "the cursor");
    let stty = Command::new("stty").arg("-F").arg(tmux.knows("pane_tty")?).arg("-a").output()?;
    let modes = String::from_utf8_lossy(&stty.stdout).into_owned();
    let is_on = |mode: &str| modes.split([' ', ';', '\n']).any(|word| word == mode);
    assert!(["icanon", "echo", "isig"].into_iter().all(is_on), "{modes}");
    Ok(())
}

/// The process of the screen: what the shell on the terminal has started.
fn pid(tmux: &Tmux) -> Result<Pid> {
    let shell = tmux.knows("pane_pid")?;
    let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"))?;
    let pid = children.split_whitespace().next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    pid.with_context(|| format!("the shell has no child: {children:?}"))
}

#[test]
fn a_burst_is_seen_read_and_let_go_on() -> Result<()> {
    let scene = scene()?;
    let tmux = top(80, 24, "")?;
    tmux.until_shows(&["enforcing", NAME, "armed", "deletes 0/10", "nothing waits", "no incidents"])?;
    assert!(tmux.screen()?.lines().next().is_some_and(|head| head.ends_with('Z')), "the time in UTC");
    let job = scene.shell("exec rm -f *")?;
    job.until_stopped()?;
    let pid = job.pid().to_string();
    let stopped = format!("{pid}  [stopped]");
    tmux.until_shows(&["TRIPPED", "(1 stopped)", &stopped, "STOPPED, 1 process", "1 open incident"])?;
    // The story, with what was hit.
    tmux.press(&["Enter"])?;
    let gone = (0..FEW)
        .map(tests::truth::file_name)
        .find(|file| !scene.file(file).exists())
        .context("a file is gone")?;
    let act = format!("delete {gone} by rm {pid}");
    tmux.until_shows(&["Incident 1  a0  STOPPED", &act, "burstguard thaw 1"])?;
    tmux.press(&["Escape"])?;
    tmux.until_shows(&["LAST MINUTE"])?;
    // Not what this tier has: nothing waits before it has happened.
    tmux.press(&["a"])?;
    tmux.until_shows(&["no call of incident 1 waits"])?;
    tmux.press(&["t"])?;
    tmux.until_shows(&["Thaw incident 1", "will go on", "Reason:"])?;
    tmux.press(&["Enter"])?;
    tmux.until_shows(&["a reason is required"])?;
    tmux.press(&["Escape"])?;
    tmux.until_gone("Thaw incident 1")?;
    assert!(job.goes_on(), "stopped still, and nothing else");
    tmux.press(&["t"])?;
    tmux.until_shows(&["Reason:"])?;
    tmux.write("CHG-123, quite right")?;
    tmux.until_shows(&["Reason: CHG-123, quite right"])?;
    tmux.press(&["Enter"])?;
    job.until_done()?;
    assert_eq!(scene.destroyed(FEW), FEW);
    tmux.until_shows(&["thawed: a0, 1 process", "nothing waits", "0 open incidents"])?;
    let incident = Incident(1).until("thawed")?;
    assert_eq!(incident["decisions"][0]["reason"], "CHG-123, quite right");
    // Already over: the key says so, and asks for nothing.
    tmux.press(&["Tab", "Tab", "t"])?;
    tmux.until_shows(&["incident 1 is over"])?;
    tmux.press(&["q"])?;
    until_restored(&tmux)?;
    scene.end().map(drop)
}

#[test]
fn an_account_is_frozen_and_a_refusal_is_told_in_the_daemons_words() -> Result<()> {
    let scene = scene()?;
    let job = scene.shell("echo runs; while :; do /bin/true; done")?;
    job.until_says("runs")?;
    let tmux = top(80, 24, "")?;
    tmux.until_shows(&[NAME])?;
    tmux.press(&["f"])?;
    tmux.until_shows(&["Freeze a0", "will stand still until"])?;
    tmux.write("looks odd")?;
    tmux.press(&["Enter"])?;
    tmux.until_shows(&["frozen: ", "FROZEN, ", "[frozen]"])?;
    // Somebody else is quicker than who has the question open.
    tmux.press(&["t"])?;
    tmux.until_shows(&["Thaw incident 1"])?;
    Incident(1).decide("thaw", &[])?;
    tmux.write("too late")?;
    tmux.press(&["Enter"])?;
    tmux.until_shows(&["incident 1 is already decided: thawed by root"])?;
    tmux.press(&["Escape"])?;
    tmux.until_gone("already decided")?;
    drop(job);
    tmux.press(&["C-c"])?;
    until_restored(&tmux)?;
    scene.end().map(drop)
}

#[test]
fn every_size_shows_what_is_urgent() -> Result<()> {
    let scene = scene()?;
    let job = scene.shell("exec rm -f *")?;
    job.until_stopped()?;
    let tmux = top(80, 24, "")?;
    for (columns, rows) in [(80, 24), (60, 18), (160, 40), (40, 12), (80, 24)] {
        tmux.resize(columns, rows)?;
        let has = |screen: &str| {
            screen
                .lines()
                .filter(|line| !line.is_empty())
                .all(|line| line.chars().count() <= usize::from(columns))
        };
        tmux.until(&format!("{columns}x{rows} shows the account"), |screen| {
            has(screen)
                && [NAME, "[stopped]", "STOPPED"].iter().all(|text| screen.contains(text))
                // Once it is drawn anew, and not what tmux has made of the last one.
                && screen.contains("LAST MINUTE") == (columns >= 80)
                && screen.contains("RESPONSE") == (columns == 160)
        })?;
    }
    tmux.resize(30, 8)?;
    tmux.until_shows(&["too small: 30x8"])?;
    tmux.press(&["q"])?;
    until_restored(&tmux)?;
    drop(job);
    scene.end().map(drop)
}

#[test]
fn signals_give_the_terminal_back() -> Result<()> {
    let scene = scene()?;
    for signal in [Signal::TERM, Signal::HUP] {
        let tmux = top(80, 24, "")?;
        tmux.until_shows(&[NAME])?;
        assert_eq!(tmux.knows("alternate_on")?, "1");
        kill_process(pid(&tmux)?, signal)?;
        until_restored(&tmux).with_context(|| format!("after {signal:?}"))?;
    }
    scene.end().map(drop)
}

#[test]
fn a_daemon_that_goes_away_is_waited_for() -> Result<()> {
    let mut scene = scene()?;
    let tmux = top(80, 24, "")?;
    tmux.until_shows(&[NAME])?;
    scene.daemon.end()?;
    tmux.until_shows(&["NO ANSWER: no daemon answers at", NAME])?;
    let policy = Policy::new(scene.account.name(), &scene.tree());
    scene.daemon = Daemon::start(&policy, scene.ground.base())?;
    tmux.until_gone("NO ANSWER")?;
    let job = scene.shell("exec rm -f *")?;
    job.until_stopped()?;
    tmux.until_shows(&["TRIPPED", "[stopped]"])?;
    drop(job);
    tmux.press(&["q"])?;
    until_restored(&tmux)?;
    scene.end().map(drop)
}

/// The same words, without a colour; and what was destroyed while somebody looked has a bar.
#[test]
fn without_colour_there_is_none_and_rates_are_drawn() -> Result<()> {
    let scene = scene()?;
    let tmux = top(160, 40, "--color never")?;
    let row = |screen: &str| {
        screen.lines().find(|line| line.contains(NAME) && line.contains("deletes")).map(str::to_owned)
    };
    tmux.until("somebody counts", |screen| row(screen).is_some_and(|row| row.contains("0/s")))?;
    let job = scene.shell("exec rm -f *")?;
    job.until_stopped()?;
    // Ten are the gauge's.
    let bars = |row: String| row.matches('█').count();
    tmux.until("a bar", |screen| row(screen).map(bars).is_some_and(|bars| bars == 11))?;
    let has_colour =
        |text: &str| ["[31m", "[32m", ";31m", ";32m", "[38;"].iter().any(|code| text.contains(code));
    assert!(!has_colour(&tmux.coloured()?), "{:?}", tmux.coloured()?);
    let told = Tmux::start(80, 24, &format!("NO_COLOR=1 {} top", agent()?.display()))?;
    told.until_shows(&["TRIPPED"])?;
    assert!(!has_colour(&told.coloured()?), "{:?}", told.coloured()?);
    let coloured = top(80, 24, "")?;
    coloured.until_shows(&["TRIPPED"])?;
    assert!(has_colour(&coloured.coloured()?), "{:?}", coloured.coloured()?);
    drop(job);
    scene.end().map(drop)
}

#[test]
fn it_takes_a_terminal_and_has_no_json() -> Result<()> {
    let said = ask(&["top"])?;
    assert_eq!(said.exit, Some(2), "{said:?}");
    assert!(
        said.complaint.contains("top takes a terminal") && said.complaint.contains("burstguard watch"),
        "{said:?}"
    );
    let said = ask(&["top", "--json"])?;
    assert_eq!(said.exit, Some(2), "{said:?}");
    let problem: serde_json::Value = serde_json::from_str(&said.output)?;
    assert_eq!(problem["problem"]["code"], json!("invalid"));
    // Nobody there: as any other command says it.
    let tmux = Tmux::start(
        80,
        24,
        &format!("{} --socket /nonexistent/x top; echo ended with $?", agent()?.display()),
    )?;
    wait::go_on()?;
    tmux.until_shows(&["no daemon answers at /nonexistent/x", "ended with 3"])?;
    Ok(())
}
