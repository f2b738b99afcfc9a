//! A share of a processor, and no more.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{cgroup, wait};

/// Where the controller is, if it is not of the cgroup v2 tree.
const V1: &str = "/sys/fs/cgroup/cpu";
/// Short, so that whoever has used his share up waits for less than this.
const PERIOD_US: u64 = 10_000;

/// A process that gets a tenth of one CPU; whatever it was before is so again when this is dropped.
pub struct Throttle {
    group: PathBuf,
    process: u32,
    back: PathBuf,
}

impl Throttle {
    /// Of this process, by the kernel's CPU controller of either version.
    pub fn new(process: u32) -> Result<Self> {
        let name = format!("bgtest-{}-throttle", std::process::id());
        let quota = PERIOD_US / 10;
        if Path::new(V1).join("cpu.cfs_quota_us").is_file() {
            let throttle = Self::make(Path::new(V1), &name, process, PathBuf::from(V1))?;
            throttle.set("cpu.cfs_period_us", PERIOD_US.to_string())?;
            throttle.set("cpu.cfs_quota_us", quota.to_string())?;
            return Ok(throttle);
        }
        let root = cgroup::mount_point()?;
        let has_cpu = fs::read_to_string(root.join("cgroup.subtree_control"))?
            .split(' ')
            .any(|one| one.trim() == "cpu");
        if !has_cpu {
            bail!(
                "this host hands out CPU time by neither version of control groups (cgroup.subtree_control has no cpu)"
            );
        }
        let was = cgroup::of(process).context("the process is in no group")?;
        let back = root.join(was.strip_prefix("/").unwrap_or(&was));
        let throttle = Self::make(&root, &name, process, back)?;
        throttle.set("cpu.max", format!("{quota} {PERIOD_US}"))?;
        Ok(throttle)
    }

    fn make(root: &Path, name: &str, process: u32, back: PathBuf) -> Result<Self> {
        let group = root.join(name);
        fs::create_dir(&group).with_context(|| format!("cannot make {}", group.display()))?;
        let throttle = Self { group, process, back };
        throttle.set("cgroup.procs", process.to_string())?;
        Ok(throttle)
    }

    fn set(&self, file: &str, value: String) -> Result<()> {
        let file = self.group.join(file);
        fs::write(&file, &value).with_context(|| format!("cannot write {value} to {}", file.display()))
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        // Fails if it has ended.
        let _ = fs::write(self.back.join("cgroup.procs"), self.process.to_string());
        if !wait::settle(|| fs::remove_dir(&self.group).is_ok()) {
            eprintln!("the control group {} is left behind", self.group.display());
        }
    }
}
