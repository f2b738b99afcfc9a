//! What of the host depends on what was destroyed is told beside it. The unit's file is one that no manager has read.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{Incident, ask, wait};

use crate::check::filled;

/// Where managers make units; nothing has to be there.
const UNITS: &str = "/run/systemd/transient";

/// The file of a unit, and its directory if that was not there.
struct Unit {
    file: PathBuf,
    made: bool,
}

impl Unit {
    fn naming(path: &Path) -> Result<Self> {
        let made = fs::create_dir(UNITS).is_ok();
        let file = Path::new(UNITS).join(format!("bgtest-{}.service", std::process::id()));
        let unit = Self { file, made };
        fs::write(&unit.file, format!("[Service]\nEnvironmentFile={}\n", path.display()))
            .with_context(|| format!("cannot write {}", unit.file.display()))?;
        Ok(unit)
    }

    fn name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
        if self.made {
            let _ = fs::remove_dir(UNITS);
        }
    }
}

/// Reads from a file until it is dropped.
struct Reader(Child);

impl Reader {
    fn of(path: &Path) -> Result<Self> {
        Ok(Self(Command::new("sleep").arg("600").stdin(File::open(path)?).spawn()?))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is told beside a path.
fn beside<'v>(shown: &'v Value, path: &str) -> Result<&'v Value> {
    let acts = shown["acts"].as_array().context("acts")?;
    let act = acts.iter().find(|act| act["path"] == path).with_context(|| format!("no {path}: {shown}"))?;
    Ok(&act["impact"])
}

#[test]
fn who_has_it_open_and_which_unit_names_it_is_told_beside_it() -> Result<()> {
    let mut scene = filled()?;
    let [open, named] = ["f0000", "f0001"].map(|name| scene.file(name));
    let reader = Reader::of(&open)?;
    let unit = Unit::naming(&named)?;
    let job = scene.shell("exec rm -f *")?;
    job.until_stopped()?;
    scene.daemon.burst()?;
    let incident = Incident(1);
    let shown = wait::until("it is known what depends on it", || {
        let shown = incident.show()?;
        Ok((!shown["impact"].is_null()).then_some(shown))
    })?;
    let told = beside(&shown, "f0000")?;
    assert_eq!(told["path"], json!(open.to_string_lossy()), "{told}");
    assert_eq!((&told["open"][0]["pid"], &told["open_in"]), (&json!(reader.0.id()), &json!(1)), "{told}");
    let told = beside(&shown, "f0001")?;
    assert_eq!(told["units"], json!([unit.name()]), "{told}");
    assert_eq!(beside(&shown, "f0002")?, &Value::Null);
    let said = ask(&["incident", "1"])?.output;
    for words in [
        format!("delete f0000, open in sleep {}", reader.0.id()),
        format!("delete f0001, named by {}, by rm", unit.name()),
        format!("{} names 1 of the paths; ", unit.name()),
    ] {
        ensure!(said.contains(&words), "no {words:?} in {said}");
    }
    incident.decide("kill", &[])?;
    scene.end().map(drop)
}
