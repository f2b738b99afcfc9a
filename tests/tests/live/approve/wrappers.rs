//! Programs that wait for the one that is held, some of which stop themselves with it: all end well after an approval.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tests::{Account, Crowd, Held, Job, Party, SudoRule, wait};

use crate::holding::{BUDGET, FILES, each_row, holds, until_stopped};

/// What starts an `rm` of all files, in the tree.
enum Wrapper {
    /// A line of shell of the account's.
    Own(&'static str),
    /// The same, with the right to run `rm` by sudo.
    Sudo(&'static str),
    /// A line of root's, in which `$1` is the name, `$2` the user id and `$3` the group id of the account.
    Root(&'static str),
}
use Wrapper::{Own, Root, Sudo};

/// A shell that controls jobs goes on when its child stops; this waits in another way.
const JOB_CONTROL: &str = "exec bash -c 'set -m; rm -f *; while [ -e f0029 ]; do sleep 0.1; done'";
const INTERACTIVE: &str =
    "exec script -qec \"bash -ic 'rm -f *; while [ -e f0029 ]; do sleep 0.1; done'\" /dev/null";

const WRAPPERS: &[Wrapper] = &[
    Own("rm -f *; true"),
    Own("ls | xargs rm -f"),
    Own("exec find . -type f -delete"),
    Own("printf 'all:\\n\\trm -f f*\\n' > ../outside/Makefile && exec make -s -f ../outside/Makefile"),
    Own("exec timeout 600 rm -f *"),
    Own("exec script -qec 'rm -f *' /dev/null"),
    Own(JOB_CONTROL),
    Own(INTERACTIVE),
    Sudo("exec sudo -n rm -f *"),
    Sudo("sudo -n rm -f *; exit $?"),
    Sudo("exec script -qec 'sudo -n rm -f *' /dev/null"),
    Sudo("exec timeout 600 script -qec 'timeout 600 sudo -n rm -f *' /dev/null"),
    Root("exec runuser -u \"$1\" -- rm -f *"),
    Root("exec su -s /bin/sh -c 'rm -f *' \"$1\""),
    Root("exec script -qec \"su -s /bin/sh -c 'rm -f *' $1\" /dev/null"),
    Root("exec nsenter --target 1 --pid --setuid \"$2\" --setgid \"$3\" -- rm -f *"),
    // As cron starts a job: in a session of its own, without a terminal.
    Root("exec setsid --wait setpriv --reuid \"$2\" --regid \"$3\" --clear-groups sh -c 'rm -f *; true'"),
];

impl Wrapper {
    fn script(&self) -> &'static str {
        match self {
            Own(script) | Sudo(script) | Root(script) => script,
        }
    }

    fn party(&self) -> Result<Party> {
        let account = match self {
            Own(_) => Account::unlisted()?,
            Sudo(_) | Root(_) => Account::new()?,
        };
        Party::of(account, FILES)
    }

    fn start(&self, party: &Party) -> Result<Job> {
        let Root(script) = self else { return party.shell(self.script()) };
        let mut command: Command = party.as_root("sh");
        let Party { account, .. } = party;
        let ids = [account.uid(), account.gid()].map(|id| id.to_string());
        Job::start({
            command.args(["-c", script, "sh", account.name()]).args(ids);
            command
        })
    }
}

#[test]
fn every_wrapper_ends_well() -> Result<()> {
    let parties = WRAPPERS.iter().map(Wrapper::party).collect::<Result<_>>()?;
    let mut crowd = Crowd::watched(parties, holds)?;
    let rows = WRAPPERS.iter().enumerate().map(|(at, row)| (row.script().to_owned(), (at, row)));
    each_row(rows, |(at, wrapper)| ends_well(&mut crowd, at, wrapper))?;
    crowd.end().map(drop)
}

fn ends_well(crowd: &mut Crowd, at: usize, wrapper: &Wrapper) -> Result<()> {
    let party = &crowd.parties[at];
    let _rule = match wrapper {
        Sudo(_) => Some(SudoRule::allow_rm(&party.account)?.context("there is no sudo")?),
        Own(_) | Root(_) => None,
    };
    let job = wrapper.start(party)?;
    let held = crowd.daemon.held_of(&format!("a{at}"))?;
    until_stopped(held.pid)?;
    ensure!(party.missing(FILES) == BUDGET, "{} are missing", party.missing(FILES));
    goes_on_or_waits(&held, wrapper.script())?;
    held.incident.approve(&[])?;
    job.until_done_in_the_end()?;
    ensure!(party.missing(FILES) == FILES, "{} are missing in the end", party.missing(FILES));
    Ok(())
}

/// Only a shell that controls jobs is said to go on; and we ourselves, who ask for stops.
fn goes_on_or_waits(held: &Held, script: &str) -> Result<()> {
    let shell = script == JOB_CONTROL || script == INTERACTIVE;
    if shell {
        wait::until("it says that the shell goes on", || {
            Ok((held.incident.show()?["held"][0]["above"]["comm"] == "bash").then_some(()))
        })
    } else {
        let above = held.incident.show()?["held"][0]["above"].clone();
        ensure!(above.is_null() || above["pid"] == std::process::id(), "{above}");
        Ok(())
    }
}

#[test]
fn a_script_that_waits_for_its_child_finds_it_successful() -> Result<()> {
    let mut crowd = crate::holding::crowd(1)?;
    let party = &crowd.parties[0];
    let job = party.shell("rm -f *; echo $? > ../outside/status")?;
    let held = crowd.daemon.held_of("a0")?;
    held.incident.approve(&[])?;
    job.until_done()?;
    assert_eq!(std::fs::read_to_string(party.ground.outside().join("status"))?, "0\n");
    crowd.end().map(drop)
}
