//! How much of a table is shown.

use std::os::unix::net::UnixListener;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tests::{Crowd, Job, Party, Terminal, ask, ask_json};

use crate::check::FILES;

fn names(list: &Value, key: &str) -> Result<Vec<String>> {
    let rows = list.as_array().context("a list")?;
    Ok(rows.iter().filter_map(|row| row[key].as_str().map(str::to_owned)).collect())
}

#[test]
fn tables_are_cut_by_time_and_by_length_in_a_stable_order() -> Result<()> {
    let parties = (0..3).map(|_| Party::new(FILES)).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, |policy| policy)?;
    let all = ["a0", "a1", "a2"];
    assert_eq!(names(&ask_json(&["accounts"])?, "name")?, all);
    let cut = ask(&["accounts", "--limit", "2"])?;
    assert!(cut.output.contains("a1") && !cut.output.contains("a2"), "{cut:?}");
    assert!(cut.output.contains("\nand 1 more\n"), "{cut:?}");
    // Only whom an incident of that time is about.
    assert_eq!(names(&ask_json(&["accounts", "--since", "1h"])?, "name")?, [""; 0]);
    crowd.parties[1].shell("exec rm -f f*")?.until_stopped()?;
    crowd.daemon.burst()?;
    assert_eq!(names(&ask_json(&["accounts", "--since", "1h"])?, "name")?, ["a1"]);

    for account in ["a2", "a0"] {
        let tree = crowd.parties[if account == "a0" { 0 } else { 2 }].ground.tree();
        let tree = tree.to_str().context("a path of ours")?;
        let words =
            ["lease", "grant", "--account", account, "--tree", tree, "--for", "10m", "--reason", "a test"];
        ask_json(&words)?;
    }
    assert_eq!(names(&ask_json(&["lease", "list", "--since", "1h"])?, "account")?, ["a2", "a0"]);
    assert_eq!(names(&ask_json(&["lease", "list", "--limit", "1"])?, "account")?, ["a2"]);
    assert!(ask(&["lease", "list", "--limit", "1"])?.output.ends_with("and 1 more\n"));

    // In UTC a time says so.
    let at = ask(&["incidents", "--utc"])?.output;
    assert!(at.lines().nth(1).is_some_and(|row| row.contains("Z (")), "{at}");
    crowd.end().map(drop)
}

/// Elsewhere it would be in the way of what reads it. The daemon is one that never answers.
#[test]
fn what_takes_long_says_so_on_a_terminal_only() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let socket = directory.path().join("control.sock");
    let _deaf = UnixListener::bind(&socket)?;
    let reload = || -> Result<Command> {
        let mut command = Command::new(tests::agent()?);
        command.arg("--socket").arg(&socket).args(["reload", "--reason", "a test"]);
        Ok(command)
    };
    let elsewhere = Job::start(reload()?)?;
    let mut terminal = Terminal::new()?;
    let _session = terminal.start(reload()?)?;
    terminal.until_shows("waiting for the daemon (")?;
    assert!(elsewhere.goes_on());
    assert_eq!((elsewhere.output()?, elsewhere.complaint()?), (String::new(), String::new()));
    Ok(())
}
