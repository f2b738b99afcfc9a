//! Boots a guest, passes on what it says, and tells why if it did not come to its end.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::kernel::Kernel;
use crate::run;

/// What `timeout` answers at the deadline.
const TIMED_OUT: i32 = 124;
/// How many of the kernel's lines are shown when it fails.
const LINES: usize = 40;
/// What the first process says in the end.
const ENDED: &str = "guest: ended with ";
/// What a kernel says when our programs have hurt it.
const COMPLAINTS: [&str; 6] =
    ["Kernel panic", "BUG:", "WARNING:", "Oops", "soft lockup", "self-detected stall"];

/// The threads that play the guest's processors.
#[derive(Clone, Copy)]
enum Threads {
    OneEach,
    /// They take turns.
    One,
}

/// A machine that can be booted.
pub(super) struct Machine {
    pub(super) kernel: Kernel,
    pub(super) disk: PathBuf,
    /// Where the kernel's words go.
    pub(super) console: PathBuf,
    /// It goes on after a reboot, with the disk as it is by then, and ends when it is switched off.
    pub(super) reboots: bool,
    /// When it counts as hung.
    pub(super) deadline: Duration,
}

/// How a machine went.
struct Run {
    /// QEMU's.
    status: ExitStatus,
    deadline: Duration,
    /// The errand's.
    ended: Option<u8>,
    console: String,
}

impl Run {
    fn hangs(&self) -> bool {
        self.status.code() == Some(TIMED_OUT)
    }

    /// Whether it came to an end, and not to its own.
    fn has_broken(&self) -> bool {
        !self.hangs() && self.judge().is_err()
    }

    /// Whether it came to its end in good order; what the errand's status means is its sender's business.
    fn judge(&self) -> Result<u8> {
        let lines: Vec<_> = self.console.lines().collect();
        let last = || lines[lines.len().saturating_sub(LINES)..].join("\n");
        if self.hangs() {
            bail!(
                "it hangs: not at its end after {} s. The kernel's last lines:\n{}",
                self.deadline.as_secs(),
                last()
            );
        }
        ensure!(
            self.status.success(),
            "QEMU ended with {}. The kernel's last lines:\n{}",
            self.status,
            last()
        );
        if let Some(first) = lines.iter().position(|line| COMPLAINTS.iter().any(|word| line.contains(word))) {
            bail!("the kernel complained:\n{}", lines[first..lines.len().min(first + LINES)].join("\n"));
        }
        self.ended
            .with_context(|| format!("it ended before its errand did. The kernel's last lines:\n{}", last()))
    }
}

impl Machine {
    /// Boots, passes on to `to` what the errand says, shows each line of it to `see`, and waits for the end: the errand's exit status, and
    /// what `see` made of the lines.
    ///
    /// A kernel that breaks is booted once more, with one thread for all processors, and `see` begins anew. With several, QEMU before 8.1
    /// now and then lets a processor run into the middle of an instruction that another is just exchanging, which is what a kernel does
    /// whenever programs are attached (https://github.com/qemu/qemu/commit/deba78709ae8). What our programs break breaks again.
    pub(super) fn boot<S: Default>(&self, mut to: impl Write, see: impl Fn(&mut S, &str)) -> (Result<u8>, S) {
        let mut attempt = |threads| {
            let mut seen = S::default();
            let run = self.boot_once(threads, &mut to, |line| see(&mut seen, line));
            (run, seen)
        };
        match attempt(Threads::OneEach) {
            (Ok(run), _) if run.has_broken() => {
                if let Err(error) = run.judge() {
                    println!(
                        "vm: once more, with one thread, where it cannot be the emulator's doing: {error:#}"
                    );
                }
                let (run, seen) = attempt(Threads::One);
                (run.and_then(|run| run.judge()), seen)
            }
            (run, seen) => (run.and_then(|run| run.judge()), seen),
        }
    }

    fn boot_once(&self, threads: Threads, to: impl Write, mut see: impl FnMut(&str)) -> Result<Run> {
        let console = &self.console;
        // A log of another run must not be taken for this one's.
        File::create(console).with_context(|| format!("cannot write {}", console.display()))?;
        let mut ended = None;
        let status = run::watched(&mut self.command(threads), to, |line| {
            if let Some(status) = line.strip_prefix(ENDED) {
                ended = status.parse().ok();
            }
            see(line);
        })?;
        let said = fs::read(console).with_context(|| format!("cannot read {}", console.display()))?;
        Ok(Run {
            status,
            deadline: self.deadline,
            ended,
            console: String::from_utf8_lossy(&said).into_owned(),
        })
    }

    /// The virtual machine, not started yet: its standard output is what the tests write.
    fn command(&self, threads: Threads) -> Command {
        let Self { kernel, disk, console, reboots, deadline } = self;
        // The newest processor that QEMU can play: BPF's compiler makes use of it.
        const MACHINE: &[&str] = &["-cpu", "max", "-smp", "2", "-m", "2048"];
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
        machine.args([
            "--foreground",
            "--kill-after=10",
            &deadline.as_secs().to_string(),
            "qemu-system-x86_64",
        ]);
        let accelerator = match threads {
            Threads::OneEach => "tcg,thread=multi",
            Threads::One => "tcg,thread=single",
        };
        machine
            .args(["-accel", accelerator])
            .args(MACHINE)
            .args(DEVICES)
            .arg("-kernel")
            .arg(&kernel.image)
            .args(["-append", KERNEL]);
        // What it writes goes into a file of QEMU's own, so that another attempt finds the disk as it was.
        machine
            .arg("-drive")
            .arg(argument("if=none,id=disk,format=raw,cache=unsafe,snapshot=on,file=", disk));
        machine.args(["-device", "nvme,serial=disk,drive=disk"]);
        machine.arg("-serial").arg(argument("file:", console)).args(["-serial", "stdio"]);
        if !reboots {
            machine.arg("-no-reboot");
        }
        machine.stdin(Stdio::null());
        machine
    }
}

/// QEMU's way to put a path into an option; a comma in it counts for the next option unless doubled.
fn argument(option: &str, path: &Path) -> String {
    format!("{option}{}", path.display().to_string().replace(',', ",,"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn run(code: i32, ended: Option<u8>, console: &str) -> Run {
        Run {
            status: ExitStatus::from_raw(code << 8),
            deadline: Duration::from_secs(9),
            ended,
            console: console.to_owned(),
        }
    }

    fn complaint(code: i32, ended: Option<u8>, console: &str) -> String {
        run(code, ended, console).judge().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn only_what_broke_is_booted_again() {
        assert!(run(0, None, "[ 1.0] Oops: invalid opcode").has_broken());
        assert!(run(0, Some(0), "[ 1.0] WARNING: CPU: 1 PID: 9").has_broken());
        assert!(!run(TIMED_OUT, None, "[ 1.0] Oops: invalid opcode").has_broken());
        assert!(!run(0, Some(101), "[ 21.0] sysrq: Resetting").has_broken());
    }

    #[test]
    fn an_end_in_good_order_is_no_complaint() {
        assert_eq!(run(0, Some(0), "[ 21.0] sysrq: Resetting\n").judge().ok(), Some(0));
        assert_eq!(run(0, Some(101), "").judge().ok(), Some(101));
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
