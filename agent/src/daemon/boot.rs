//! What has to be there before anything is watched, and how it is armed.

use std::{io, os::fd::AsFd as _, path::Path};

use agent_common::{
    rules::judge::Tier,
    wire::{
        identity::told_by,
        row::{Mark, Settings, tier},
    },
};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::{
    mount::{MountFlags, UnmountFlags, mount, unmount},
    process::geteuid,
    rand::{GetRandomFlags, getrandom},
    system::uname,
};
use tempfile::TempDir;

use super::{own::unit_row, refuse_accounts::refuse_accounts, runtime_dir::RuntimeDir, tables::Tables};
use crate::{
    commands,
    processes::{
        lineage::{self, Found},
        proc,
    },
    sensor::{Kernel, State, load},
    trees::{Trees, tops::Tops},
};

const TRACEFS: &str = "/sys/kernel/tracing";

/// What the host gave us, given back when dropped.
pub(crate) struct HostReady {
    /// The kernel's release.
    pub(crate) kernel: String,
    /// An empty directory, protected for the self-test's account only.
    pub(crate) self_test: TempDir,
    _tracefs: Option<MountedTracefs>,
    _runtime: RuntimeDir,
}

/// Checks that this host can be watched at all, by us and by us alone.
pub(crate) fn prepare_host() -> Result<HostReady> {
    if !geteuid().is_root() {
        bail!("cannot load kernel programs as uid {}: run as root", geteuid().as_raw());
    }
    refuse_accounts()?;
    let runtime = RuntimeDir::lock()?;
    Ok(HostReady {
        kernel: uname().release().to_string_lossy().into_owned(),
        self_test: RuntimeDir::self_test_tree()?,
        _tracefs: mount_tracefs()?,
        _runtime: runtime,
    })
}

struct MountedTracefs;

impl Drop for MountedTracefs {
    fn drop(&mut self) {
        if let Err(error) = unmount(TRACEFS, UnmountFlags::DETACH) {
            log::warn!("cannot unmount {TRACEFS}, which was mounted for the kernel programs: {error}");
        }
    }
}

/// Tracepoints are looked up in tracefs. If it is not mounted, it is for as long as the agent runs.
fn mount_tracefs() -> Result<Option<MountedTracefs>> {
    let mounted = |dir: &str| Path::new(dir).join("events/syscalls").is_dir();
    if mounted(TRACEFS) || mounted("/sys/kernel/debug/tracing") {
        return Ok(None);
    }
    if Path::new(TRACEFS).join("events").is_dir() {
        bail!(
            "this kernel has no system call tracepoints ({TRACEFS}/events/syscalls): it needs CONFIG_FTRACE_SYSCALLS"
        );
    }
    mount("tracefs", TRACEFS, "tracefs", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)
        .map_err(io::Error::from)
        .with_context(|| format!("cannot mount tracefs; try: mount -t tracefs tracefs {TRACEFS}"))?;
    Ok(Some(MountedTracefs))
}

/// Loads the kernel programs, tells them the policy and attaches them. The trees must outlive the programs. `seed` is that
/// of the name ledger: a generation that carries on from another has that one's.
pub(crate) fn arm(tables: &Tables, tier: Tier, seed: u64) -> Result<(Kernel, Trees, Option<Tops>)> {
    let told = tables.identities.rows(seed);
    let commands = commands::Rows::of(&tables.commands, seed);
    let settings = Settings {
        seed,
        agent: std::process::id(),
        accounts: tables.accounts.len().try_into().context("too many accounts")?,
        tier: match tier {
            Tier::Tracepoint => tier::TRACEPOINT,
            Tier::Lsm => tier::LSM,
        },
        told_by: told.told_by
            | if tables.jobs.is_empty() { 0 } else { told_by::JOBS }
            | if tables.commands.is_empty() { 0 } else { told_by::COMMANDS },
        starred: told.starred.len().try_into().context("too many patterns of programs")?,
        reserved: 0,
    };
    let trees = Trees::open(&tables.roots, tables.jobs.len(), &tables.own)?;
    let excepted = tables.excepted(seed);
    let mut kernel = load(settings, tables.slots, &excepted, &told, &commands)?;
    kernel.except(&excepted)?;
    kernel.tell_by(&told)?;
    kernel.tell_commands(&commands)?;
    kernel.tell_ways(&tables.identities.ports, &tables.jobs)?;
    let programs = told.files.iter().map(|(file, claim)| (file.as_fd(), Mark::program(*claim)));
    kernel.mark(trees.nodes().chain(programs))?;
    let mut tops = None;
    // Where nothing tells the programs that an inode goes, another may come to its address, and be taken for it.
    if tier == Tier::Lsm {
        let except = |root| tables.excepted_in(root);
        let mut found = trees.tops(except, seed).context("cannot see what is mounted inside the trees")?;
        mark_tops(&mut kernel, &mut found)?;
        tops = Some(found);
    }
    kernel.add_edges(trees.edges(settings.seed))?;
    for (index, account) in (0..).zip(&tables.accounts) {
        kernel.set_account(index, *account)?;
    }
    kernel.add_users(tables.identities.users.iter().copied())?;
    spare_us(&mut kernel)?;
    kernel.unit_is(unit_row(&tables.unit))?;
    kernel.attach()?;
    kernel.know_own()?;
    Ok((kernel, trees, tops))
}

/// Makes the tops known that have come since this was done last.
pub(super) fn mark_tops(kernel: &mut Kernel, tops: &mut Tops) -> Result<()> {
    let come = tops.come().context("cannot see what is mounted inside the trees")?;
    if come.is_empty() {
        return Ok(()); // to attach the program that marks takes the kernel a while
    }
    Ok(kernel.mark(come.iter().map(|(top, place)| (top.as_fd(), Mark::place(*place))))?)
}

/// A seed that nobody can guess.
pub(crate) fn new_seed() -> Result<u64> {
    let mut seed = [0; 8];
    getrandom(&mut seed, GetRandomFlags::empty()).context("cannot get a random seed for the name ledger")?;
    Ok(u64::from_ne_bytes(seed))
}

/// The agent and its ancestors, which are never members.
pub(crate) fn us() -> Vec<proc::Process> {
    let own = std::process::id();
    proc::process(own).into_iter().chain(proc::ancestors(own)).collect()
}

/// Sees to it that the programs know that.
pub(crate) fn spare_us(state: &mut State) -> Result<()> {
    let us = us();
    ensure!(!us.is_empty(), "cannot find the agent itself in /proc");
    let own = us.iter().find(|process| process.pid == std::process::id());
    state.agent_is(own.context("cannot find the agent itself in /proc")?.id())?;
    for process in us {
        state.spare(process.pid, process.start)?;
    }
    Ok(())
}

/// Makes the processes that run already members. The kernel programs are attached, so what they fork meanwhile is
/// inherited or found by looking again.
pub(crate) fn adopt(kernel: &mut Kernel, tables: &Tables) -> Result<()> {
    let us = us();
    for _ in 0..2 {
        let spare = |process: &proc::Process| {
            us.iter().any(|one| (one.pid, one.start) == (process.pid, process.start))
        };
        for Found { process, claim, origin } in
            lineage::members(&proc::processes()?, &tables.identities, spare)
        {
            kernel.adopt(process.id(), claim, origin.pid, origin.started_at())?;
            // Its exit may have come before the entry, which nothing would remove then; so it is with one whose parent has not asked for it
            // yet.
            if proc::stat(process.pid).is_none_or(|now| now.start != process.start || now.ended()) {
                kernel.forget(process.pid)?;
            }
        }
    }
    Ok(())
}
