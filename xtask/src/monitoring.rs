//! What is shipped for Prometheus, Alertmanager and Grafana, judged by Prometheus' and Alertmanager's own programs: Debian's, which
//! are unpacked below `target` and not installed.

mod alertmanager;
mod dashboard;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::once::once;
use crate::product::{self, BINARY_VARIABLE};
use crate::run;
use crate::setup::debian;
use crate::tally::Tally;
use crate::workspace::Workspace;

/// Debian's packages with the programs that judge.
const PACKAGES: [&str; 2] = ["prometheus", "prometheus-alertmanager"];
/// The live test that scrapes a daemon after a burst, and the variable by which it is told where to keep what it got.
const SCRAPE: (&str, &str) = ("metrics::a_scrape_says_what_the_disk_says", "BURSTGUARD_KEEP_SCRAPE");

/// The programs.
struct Judges {
    directory: PathBuf,
}

/// One thing to judge.
type Check = fn(&Judges, &Workspace) -> Result<()>;
const CHECKS: [(&str, Check); 6] = [
    ("promtool check rules and test rules", rules),
    ("promtool check config", config),
    ("promtool check metrics of a daemon that runs", metrics),
    ("promtool check rules with every query of the dashboard", dashboard::check),
    ("amtool check-config", alertmanager::config),
    ("an alertmanager that is told of a fleet", alertmanager::inhibits),
];

/// Builds what is to be judged, and judges everything.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    product::build(workspace)?;
    stage(workspace, &mut Tally::default())
}

/// Judges everything, and counts each as a test.
pub(crate) fn stage(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let judges = Judges::provide(workspace)?;
    for (name, check) in CHECKS {
        tally.check(name, check(&judges, workspace));
    }
    ensure!(tally.failed == 0, "{} of {} did not agree", tally.failed, CHECKS.len());
    Ok(())
}

impl Judges {
    /// Those that are there already; else apt's.
    fn provide(workspace: &Workspace) -> Result<Self> {
        let directory = workspace.target.join("monitoring");
        once(&directory, |part| {
            debian::update();
            PACKAGES.iter().try_for_each(|package| {
                println!("monitoring: fetching {package}");
                debian::unpack(package, part).map_err(|error| by_hand(&error, package, &directory))
            })
        })?;
        Ok(Self { directory })
    }

    fn program(&self, name: &str) -> Command {
        Command::new(self.directory.join("usr/bin").join(name))
    }
}

fn by_hand(error: &anyhow::Error, package: &str, directory: &Path) -> anyhow::Error {
    anyhow!(
        "{error:#}\nDebian's packages {} are all it takes. By hand:\n  dpkg -x {package}_….deb {}",
        PACKAGES.join(" and "),
        directory.display()
    )
}

/// Where what is for Prometheus lies.
fn shipped(workspace: &Workspace) -> PathBuf {
    workspace.root.join("deploy/prometheus")
}

/// Whether the rules are rules, and fire when their tests say so, and only then.
fn rules(judges: &Judges, workspace: &Workspace) -> Result<()> {
    let directory = shipped(workspace);
    for verb in ["check", "test"] {
        let end = if verb == "test" { ".rules.test.yml" } else { ".rules.yml" };
        let files = names(&directory, end)?;
        ensure!(files.len() >= 2, "{} has {} files *{end}", directory.display(), files.len());
        let mut promtool = judges.program("promtool");
        run::to_the_end(promtool.args([verb, "rules"]).args(files).current_dir(&directory))?;
    }
    Ok(())
}

/// Whether the example is a configuration, which names the rules.
fn config(judges: &Judges, workspace: &Workspace) -> Result<()> {
    let said = run::for_output(
        judges
            .program("promtool")
            .args(["check", "config", "prometheus.yml"])
            .current_dir(shipped(workspace)),
    )?;
    let rules = names(&shipped(workspace), ".rules.yml")?;
    ensure!(
        said.contains(&format!("{} rule files found", rules.len())),
        "it does not find the rules: {said}"
    );
    Ok(())
}

/// The files of a directory whose names end so, in order.
fn names(directory: &Path, end: &str) -> Result<Vec<String>> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(end)).collect();
    names.sort_unstable();
    Ok(names)
}

/// Whether Prometheus finds nothing in what a daemon serves that has seen a burst.
fn metrics(judges: &Judges, workspace: &Workspace) -> Result<()> {
    let (test, variable) = SCRAPE;
    let kept = judges.directory.join("scrape.prom");
    let _ = fs::remove_file(&kept); // of an earlier run: it must not be judged again
    let mut scrape =
        workspace.cargo(["test", "--quiet", "-p", "tests", "--test", "live", "--", "--exact", test]);
    scrape.env(BINARY_VARIABLE, workspace.release("burstguard")).env(variable, &kept);
    run::to_the_end(&mut scrape)?;
    let scraped =
        fs::File::open(&kept).with_context(|| format!("{test} has kept nothing in {}", kept.display()))?;
    run::to_the_end(judges.program("promtool").args(["check", "metrics"]).stdin(Stdio::from(scraped)))
}
