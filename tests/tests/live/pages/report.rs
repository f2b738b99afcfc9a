//! The report about an incident, of a burst with names that would act on a page.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Result, ensure};
use tests::chromium::Browser;
use tests::{Incident, Scene, ask, ask_json, truth};

use super::{is_sound, printed};
use crate::check::FILES;
use crate::commands::burst_is_known;

/// They come before all others, so that the burst has them; and as what they are read.
const NAMES: [(&[u8], &str); 5] = [
    (b" <script>alert(1)<\\script>", " <script>alert(1)<\\script>"),
    (b"\"><img src=x onerror=alert(1)>", "\"><img src=x onerror=alert(1)>"),
    (b"$\n<h1>FORGED", "$\\n<h1>FORGED"),
    ("'\u{202e}gpj.exe".as_bytes(), "'\\u{202e}gpj.exe"),
    (b"\x01\xff&lt;", "\\u{1}\\xff&lt;"),
];
/// One that no screen has room for, and a reason like it.
const LONG: &str = "####################################################################################################\
    ####################################################################################################";
const REASON: &str =
    "INC-88 <b>approved</b> ######################################################################";

fn hostile() -> Result<Scene> {
    Scene::with(|policy, ground| {
        ground.fill(&ground.tree(), FILES)?;
        for name in NAMES.iter().map(|(name, _)| *name).chain([LONG.as_bytes()]) {
            let path = ground.tree().join(OsStr::from_bytes(name));
            fs::write(&path, "")?;
            ground.give(&path)?;
        }
        Ok(policy)
    })
}

#[test]
fn the_page_says_what_the_disk_and_the_commands_say() -> Result<()> {
    let mut scene = hostile()?;
    let job = scene.shell("exec rm -f -- *")?;
    burst_is_known(&mut scene, &job)?;
    let missing = NAMES.iter().filter(|(name, _)| !scene.file(OsStr::from_bytes(name)).exists()).count();
    ensure!(missing == NAMES.len(), "{missing} of the names are gone");
    ensure!(!scene.file(LONG).exists());
    let gone = missing + 1 + truth::missing(&scene.tree(), FILES);

    let file = scene.ground.base().join("report.html");
    let name = file.to_string_lossy().into_owned();
    let url = format!("file://{name}");
    let report = || ask_json(&["report", "1", "--utc", "-o", &name]);
    let written = report()?;
    let found = fs::metadata(&file)?;
    ensure!(written["file"] == name && written["bytes"] == found.len(), "{written}");
    ensure!(found.permissions().mode() & 0o777 == 0o600, "{:o}", found.permissions().mode());
    let mut browser = Browser::start()?;
    for text in is_sound(&mut browser, "open", &url)? {
        ensure!(text.contains("burstguard thaw 1") && text.contains("STOPPED, 1 process"), "{text}");
    }

    Incident(1).decide("thaw", &[])?;
    let frozen = ask_json(&["freeze", "--account", "a0", "--reason", REASON])?["incident"].to_string();
    report()?;
    let texts = is_sound(&mut browser, "decided", &url)?;
    let what = format!("{gone} deletes in ");
    for text in &texts {
        for part in [
            "Incident 1: a0",
            &what,
            "past the budget",
            "thawed",
            "CHG-123, a test",
            "uid 0",
            "rm -f --",
            " UTC",
            LONG,
        ] {
            ensure!(text.contains(part), "no {part:?} in {text}");
        }
        for (name, read) in NAMES {
            ensure!(text.contains(read), "no {read:?}, which is {name:?}, in {text}");
        }
        ensure!(!text.lines().any(|line| line.trim() == "FORGED") && !text.contains('\u{202e}'), "{text}");
    }
    ensure!(printed(&mut browser, &url)? >= 1);
    // The freeze is an incident of its own, without acts.
    ask_json(&["thaw", &frozen, "--reason", REASON])?;
    let frozen = ask(&["report", &frozen, "--utc"])?;
    ensure!(frozen.exit == Some(0), "{frozen:?}");
    fs::write(&file, frozen.output)?;
    for text in is_sound(&mut browser, "frozen", &url)? {
        ensure!(text.contains(REASON), "{text}");
    }
    drop(job);
    scene.end().map(drop)
}

#[test]
fn a_report_that_cannot_be_made_says_why_and_leaves_nothing() -> Result<()> {
    let scene = Scene::new()?;
    let file = scene.ground.base().join("report.html");
    let name = file.to_string_lossy().into_owned();
    for (words, exit) in [
        (&["report", "7", "-o", &name][..], 5),
        (&["report", "7", "-o", &name, "--json"], 5),
        (&["report", "7", "--json"], 2),
    ] {
        let said = ask(words)?;
        ensure!(said.exit == Some(exit), "{words:?}: {said:?}");
    }
    ensure!(!file.exists());
    scene.end().map(drop)
}
