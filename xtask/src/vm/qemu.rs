//! Boots a guest, passes on what it says, and tells why if it did not come to its end.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use super::kernel::Kernel;
use crate::run;

/// Three times what every test takes, for a busy machine.
const DEADLINE_SECONDS: &str = "1800";
/// What `timeout` answers at the deadline.
const TIMED_OUT: i32 = 124;
/// How many of the kernel's lines are shown when it fails.
const LINES: usize = 40;
/// What the first process says in the end.
const ENDED: &str = "guest: ended with ";
/// What a kernel says when our programs have hurt it.
const COMPLAINTS: [&str; 6] =
    ["Kernel panic", "BUG:", "WARNING:", "Oops", "soft lockup", "self-detected stall"];

/// How often a kernel is booted that does not get as far as our first process.
const ATTEMPTS: u32 = 3;

/// Boots, passes on to `to` what the errand says, shows each line of it to `see`, and waits for the end: the errand's exit status.
///
/// A kernel that is hurt before anything of ours has run was hurt by its emulator: with several threads QEMU now and then lets one
/// processor run into the middle of an instruction that another is just exchanging. That is said, and tried again.
pub(super) fn boot(
    kernel: &Kernel,
    disk: &Path,
    console: &Path,
    mut to: impl Write,
    mut see: impl FnMut(&str),
) -> Result<u8> {
    for _ in 1..ATTEMPTS {
        let mut has_begun = false;
        let ended = boot_once(kernel, disk, console, &mut to, |line| {
            has_begun = true;
            see(line);
        });
        match ended {
            Err(error) if !has_begun => println!("vm: did not come to our first process, again: {error:#}"),
            ended => return ended,
        }
    }
    boot_once(kernel, disk, console, to, see)
}

fn boot_once(
    kernel: &Kernel,
    disk: &Path,
    console: &Path,
    to: impl Write,
    mut see: impl FnMut(&str),
) -> Result<u8> {
    // A log of another run must not be taken for this one's.
    File::create(console).with_context(|| format!("cannot write {}", console.display()))?;
    let mut ended = None;
    let status = run::watched(&mut machine(kernel, disk, console), to, |line| {
        if let Some(status) = line.strip_prefix(ENDED) {
            ended = status.parse().ok();
        }
        see(line);
    })?;
    let said = fs::read(console).with_context(|| format!("cannot read {}", console.display()))?;
    judge(status, ended, &String::from_utf8_lossy(&said))
}

/// Whether it came to its end in good order; what the errand's status means is its sender's business.
fn judge(status: ExitStatus, ended: Option<u8>, console: &str) -> Result<u8> {
    let lines: Vec<_> = console.lines().collect();
    let last = || lines[lines.len().saturating_sub(LINES)..].join("\n");
    if status.code() == Some(TIMED_OUT) {
        bail!("it hangs: not at its end after {DEADLINE_SECONDS} s. The kernel's last lines:\n{}", last());
    }
    ensure!(status.success(), "QEMU ended with {status}. The kernel's last lines:\n{}", last());
    if let Some(first) = lines.iter().position(|line| COMPLAINTS.iter().any(|word| line.contains(word))) {
        bail!("the kernel complained:\n{}", lines[first..lines.len().min(first + LINES)].join("\n"));
    }
    ended.with_context(|| format!("it ended before its errand did. The kernel's last lines:\n{}", last()))
}

/// The virtual machine, not started yet: its standard output is what the tests write.
fn machine(kernel: &Kernel, disk: &Path, console: &Path) -> Command {
    // The newest processor that QEMU can play: BPF's compiler makes use of it.
    const MACHINE: &[&str] =
        &["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048", "-no-reboot"];
    // Nothing but two serial lines, a disk that both kernels have a driver for built in, and random numbers at boot
    // from the processor.
    const DEVICES: &[&str] = &["-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none"];
    // A kernel that has hurt itself ends the machine, instead of going on. An emulated processor may be kept waiting by
    // the host for a while; that is no lockup.
    const KERNEL: &str = "root=/dev/nvme0n1 rootfstype=ext4 rw init=/opt/tests/init console=ttyS0 loglevel=5 panic=-1 \
        oops=panic softlockup_panic=1 watchdog_thresh=40 rcupdate.rcu_cpu_stall_timeout=120 \
        lsm=landlock,lockdown,yama,integrity,apparmor,bpf";
    // QEMU has no deadline of its own; in the foreground, so that Ctrl-C is for it as well.
    let mut machine = Command::new("timeout");
    machine.args(["--foreground", "--kill-after=10", DEADLINE_SECONDS, "qemu-system-x86_64"]);
    machine.args(MACHINE).args(DEVICES).arg("-kernel").arg(&kernel.image).args(["-append", KERNEL]);
    machine.arg("-drive").arg(argument("if=none,id=disk,format=raw,cache=unsafe,file=", disk));
    machine.args(["-device", "nvme,serial=disk,drive=disk"]);
    machine.arg("-serial").arg(argument("file:", console)).args(["-serial", "stdio"]);
    machine.stdin(Stdio::null());
    machine
}

/// QEMU's way to put a path into an option; a comma in it counts for the next option unless doubled.
fn argument(option: &str, path: &Path) -> String {
    format!("{option}{}", path.display().to_string().replace(',', ",,"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn complaint(code: i32, ended: Option<u8>, console: &str) -> String {
        let judged = judge(ExitStatus::from_raw(code << 8), ended, console);
        judged.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_end_in_good_order_is_no_complaint() {
        assert_eq!(judge(ExitStatus::from_raw(0), Some(0), "[ 21.0] sysrq: Resetting\n").ok(), Some(0));
        assert_eq!(judge(ExitStatus::from_raw(0), Some(101), "").ok(), Some(101));
    }

    #[test]
    fn whatever_keeps_the_errand_from_its_end_is_told_with_the_kernels_words() {
        let panic = "[ 1.0] all well\n[ 2.0] Kernel panic - not syncing: Attempted to kill init!\n[ 2.1] Call Trace:\n";
        let told = complaint(0, None, panic);
        assert!(
            told.starts_with("the kernel complained:\n[ 2.0] Kernel panic") && told.contains("Call Trace")
        );
        // It hurt the kernel, and the errand did not notice.
        assert!(complaint(0, Some(0), "[ 3.0] WARNING: CPU: 1 PID: 9").contains("WARNING"));
        let hangs = complaint(TIMED_OUT, None, "[ 4.0] the last line");
        assert!(hangs.starts_with("it hangs") && hangs.ends_with("[ 4.0] the last line"));
        assert!(complaint(1, None, "").starts_with("QEMU ended with exit status: 1"));
        assert!(complaint(0, None, "[ 4.0] off").starts_with("it ended before its errand did"));
    }
}
