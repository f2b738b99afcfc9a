//! What goes wrong, and what somebody else does meanwhile.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use tests::{Likeness, agent, ask, wait};

use super::{Kept, text};
use crate::store::state;

/// So many files go with one call.
const MANY: usize = 600;

#[test]
fn what_somebody_has_changed_since_is_left_unless_it_is_meant() -> Result<()> {
    let kept = Kept::new()?;
    let (_job, incident) = kept.burst("for f in f*; do : > $f; done; exec true")?;
    let file = kept.tree().join("f0003");
    let emptied = || {
        let versions = kept.history(&file)?;
        Ok((versions.len() > 1).then_some(()))
    };
    wait::until("the keeper has seen what was emptied", emptied)?;
    fs::write(&file, "of somebody else\n")?;
    let said = kept.restore(incident, &[])?;
    ensure!(said.exit == Some(1) && said.complaint.contains("changed since"), "{said:?}");
    ensure!(fs::read_to_string(&file)? == "of somebody else\n", "it was replaced");
    let missed = kept.before.missed_by(&Likeness::of(&kept.tree())?);
    ensure!(missed.len() == 1, "{missed:?}");
    let said = kept.restore(incident, &["--changed"])?;
    ensure!(said.exit == Some(0), "{said:?}");
    kept.is_whole()?;
    // What was there is a version now, and comes back if that is wanted.
    let size = format!("{} B", "of somebody else\n".len());
    let versions = kept.history(&file)?;
    let is_kept = |row: &serde_json::Value| row["what"].as_str().is_some_and(|what| what.contains(&size));
    ensure!(versions.iter().any(is_kept), "{versions:?}");
    Ok(())
}

#[test]
fn a_tree_that_is_a_symbolic_link_now_is_refused() -> Result<()> {
    let kept = Kept::new()?;
    let (job, incident) = kept.burst("exec rm -f f*")?;
    let (tree, aside) = (kept.tree(), kept.stage.ground.base().join("aside"));
    let elsewhere = kept.stage.ground.base().join("elsewhere");
    fs::create_dir(&elsewhere)?;
    fs::rename(&tree, &aside)?;
    symlink(&elsewhere, &tree)?;
    let said = kept.restore(incident, &[])?;
    fs::remove_file(&tree)?;
    fs::rename(&aside, &tree)?;
    ensure!(said.exit == Some(1), "{said:?}");
    ensure!(said.output.contains("symbolic link"), "{said:?}");
    ensure!(fs::read_dir(&elsewhere)?.count() == 0, "something was written over the link");
    let said = kept.restore(incident, &[])?;
    ensure!(said.exit == Some(0), "{said:?}");
    drop(job);
    kept.is_whole()
}

/// Killed at several points, each path is as it was or as it is to be, and the next one does the rest.
#[test]
fn killed_in_the_midst_of_it_the_next_one_goes_on() -> Result<()> {
    let kept = Kept::with(|tree| {
        // What is moved is a directory, so the account must be let into the tree.
        fs::set_permissions(tree, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
        fs::create_dir(tree.join("many"))?;
        for number in 0..MANY {
            fs::write(tree.join(format!("many/n{number}")), format!("{number}\n"))?;
        }
        Ok(())
    })?;
    let many = kept.tree().join("many");
    let (_job, incident) = kept.burst(&kept.stage.ground.expand("mv many {outside}/away; exec rm -f f*"))?;
    let there = || fs::read_dir(&many).map_or(0, Iterator::count);
    for point in [1, MANY / 4, MANY / 2] {
        let mut command = Command::new(agent()?);
        let id = incident.0.to_string();
        command.args(["restore", &id, "--reason", "killed", "--state", text(&state(&kept.stage))?]);
        let mut restore = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        wait::until(
            "some are back",
            || Ok((there() > point || restore.try_wait()?.is_some()).then_some(())),
        )?;
        restore.kill()?;
        restore.wait()?;
        let now = Likeness::of(&many)?;
        for (path, like) in &now.0 {
            let is_temporary =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".burstguard"));
            let before = kept.before.0.get(path);
            ensure!(
                is_temporary || before == Some(like),
                "{} is neither old nor new: {like:?}",
                path.display()
            );
        }
    }
    let said = kept.restore(incident, &[])?;
    ensure!(said.exit == Some(0), "{said:?}");
    kept.is_whole()?;
    let names = fs::read_dir(&many)?.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
    ensure!(names.len() == MANY, "{} are there", names.len());
    Ok(())
}

#[test]
fn an_account_restores_nothing_and_a_user_is_told_why_not() -> Result<()> {
    let kept = Kept::new()?;
    let (_job, incident) = kept.burst("exec rm -f f*")?;
    let id = incident.0.to_string();
    let program = kept.stage.ground.bring(&agent()?)?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid=12345", "--clear-groups"]).arg(&program).args(["restore", &id, "--reason", "x"]);
    let said = tests::say(command)?;
    ensure!(said.exit == Some(4) && said.complaint.contains("sudo"), "{said:?}");
    let none = ask(&["restore", "999999", "--reason", "x"])?;
    ensure!(none.exit == Some(5), "{none:?}");
    ensure!(kept.is_whole().is_err());
    let path = kept.tree().join("f0000");
    let said = kept.restore(incident, &[text(&path)?])?;
    ensure!(said.exit == Some(0) && path.exists(), "{said:?}");
    let missed = kept.before.missed_by(&Likeness::of(&kept.tree())?);
    ensure!(missed.len() == 10, "{missed:?}");
    let to = kept.stage.ground.base().join("to");
    let said = kept.restore(incident, &["--to", text(&to)?])?;
    ensure!(said.exit == Some(0), "{said:?}");
    let there = to.join(path.strip_prefix("/").context("absolute")?);
    ensure!(there.exists() && fs::read(&there)? == fs::read(&path)?, "{said:?}");
    Ok(())
}
