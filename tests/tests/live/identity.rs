//! For whom a process acts, by what, and that it stays so: what `burstguard whois` says is what the kernel programs have written
//! down.

mod host;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tests::{Cgroup, Job, ask_json, hand, wait};

use crate::check::FILES;
use crate::holding::each_row;
use host::{Expected, Host, LOGGED_IN, LOGIN, PERSON, PROGRAM, READY, Running, SCRIPT, UNIT, USER};

type Start = fn(&Host) -> Result<Command>;
type Change = fn(&Host) -> Result<()>;

/// What a process is told by from when it becomes what it is.
const TOLD: &[(&str, Start, Expected)] = &[
    ("nobody", |host| Ok(host.shell(READY)), None),
    ("a user", |host| Ok(host.by_user("/bin/sh", READY)), Some((USER, "user"))),
    ("a user, by setuid", |host| Ok(host.shell(BECOME)), Some((USER, "user"))),
    ("a program by its link's name", |host| program(host, "link"), Some((PROGRAM, "program"))),
    ("a program by its own name", |host| program(host, "prog"), Some((PROGRAM, "program"))),
    ("a hard link of it", |host| program(host, "other"), Some((PROGRAM, "program"))),
    ("a copy of it", |host| program(host, "copy"), None),
    ("a program by a pattern", |host| program(host, "opt/v1/bin/run"), Some((PROGRAM, "program"))),
    (
        "a program with a first line",
        |host| Ok(Command::new(host.base("deploy.sh"))),
        Some((PROGRAM, "program")),
    ),
    ("a script by itself", |host| Ok(Command::new(host.base("run.sh"))), Some((SCRIPT, "program"))),
    (
        "a script behind its interpreter",
        |host| Ok(host.shell("exec sh -e ./run.sh")),
        Some((SCRIPT, "program")),
    ),
    (
        "a script by its whole path",
        |host| Ok(host.shell("cd /; exec sh $OLDPWD/run.sh")),
        Some((SCRIPT, "program")),
    ),
    ("a script's words", |host| Ok(host.shell("exec sh -c \"$READY\" $PWD/run.sh")), None),
    ("a login", |host| logged_in(host, LOGGED_IN, "exec sh -c \"$READY\""), Some((LOGIN, "login"))),
    ("a login, then a user", |host| logged_in(host, LOGGED_IN, BECOME), Some((LOGIN, "login"))),
    (
        "a login that a user has given itself",
        |host| {
            Ok(host.by_user(
                "/bin/sh",
                &format!("echo {LOGGED_IN} > /proc/self/loginuid && exec sh -c \"$READY\""),
            ))
        },
        Some((USER, "user")),
    ),
    ("a person", |host| logged_in(host, PERSON, "exec sh -c \"$READY\""), None),
    ("a person who becomes a user", |host| logged_in(host, PERSON, BECOME), None),
    (
        "a user who has logged in",
        |host| logged_in(host, host.party.account.uid(), BECOME),
        Some((USER, "user")),
    ),
    ("a unit", |host| in_group(host, &host.unit, "exec sh -c \"$READY\""), Some((UNIT, "unit"))),
    ("a container", |host| in_group(host, &host.container, "exec sh -c \"$READY\""), Some((UNIT, "unit"))),
    ("another group", |host| in_group(host, &host.elsewhere, "exec sh -c \"$READY\""), None),
    ("a child born in a unit", |host| born_in(&host.unit), Some((UNIT, "unit"))),
    // The stronger evidence.
    (
        "a user's program",
        |host| Ok(host.by_user(text(&host.base("prog"))?, READY)),
        Some((PROGRAM, "program")),
    ),
    (
        "a program's user",
        |host| {
            Ok(host.shell("exec ./prog -c 'exec setpriv --reuid $USER_ID --clear-groups sh -c \"$READY\"'"))
        },
        Some((PROGRAM, "program")),
    ),
    (
        "a unit's program",
        |host| in_group(host, &host.unit, "exec ./prog -c \"$READY\""),
        Some((PROGRAM, "program")),
    ),
    ("a unit's user", |host| in_group(host, &host.unit, BECOME), Some((UNIT, "unit"))),
    (
        "a person's unit",
        |host| logged_in(host, PERSON, &format!("echo 0 > {}; exec sh -c \"$READY\"", procs(&host.unit))),
        Some((UNIT, "unit")),
    ),
    // It stays with whoever has it.
    (
        "moved out of its unit",
        |host| {
            in_group(
                host,
                &host.unit,
                &format!("sh -c 'echo 0 > {}; eval \"$READY\"'; :", procs(&host.elsewhere)),
            )
        },
        Some((UNIT, "unit")),
    ),
    (
        "a new session",
        |host| Ok(host.shell("./prog -c 'setsid sh -c \"$ASLEEP\" & wait'; :")),
        Some((PROGRAM, "program")),
    ),
    (
        "nohup",
        |host| Ok(host.shell("exec ./prog -c 'exec nohup sh -c \"$ASLEEP\"'")),
        Some((PROGRAM, "program")),
    ),
    (
        "su",
        |host| Ok(host.shell("exec ./prog -c 'exec su root -s /bin/sh -c \"$READY\"'")),
        Some((PROGRAM, "program")),
    ),
    (
        "runuser",
        |host| Ok(host.shell("exec ./prog -c 'exec runuser -u root -- sh -c \"$READY\"'")),
        Some((PROGRAM, "program")),
    ),
    (
        "a program that makes who runs it root",
        |host| {
            Ok(host.shell(
                "exec ./prog -c 'exec setpriv --reuid $USER_ID --clear-groups ./suid -p -c \"$READY\"'",
            ))
        },
        Some((PROGRAM, "program")),
    ),
    ("a container's shim", |host| Ok(shim(host)), Some((PROGRAM, "program"))),
    (
        "a daemon whose parents are gone",
        |host| Ok(host.shell("./prog -c '(setsid sh -c \"$ASLEEP\" &) & exit'")),
        Some((PROGRAM, "program")),
    ),
    (
        "namespaces of its own",
        |host| Ok(host.shell("exec ./prog -c 'exec unshare -Urmpfni sh -c \"$READY\"'")),
        Some((PROGRAM, "program")),
    ),
    (
        "a user's namespaces",
        |host| Ok(host.by_user("/bin/sh", "exec unshare -Urmpf sh -c \"$READY\"")),
        Some((USER, "user")),
    ),
    // What an account shows itself is not believed.
    ("a faked program", |host| Ok(host.by_user("/bin/sh", FAKE)), Some((USER, "user"))),
];

const BECOME: &str = "exec setpriv --reuid $USER_ID --clear-groups sh -c \"$READY\"";
const FAKE: &str = "exec unshare -Urm sh -c 'mount -t tmpfs none opt && mkdir -p opt/v1/bin && cp copy opt/v1/bin/run && exec opt/v1/bin/run -c \"$READY\"'";

/// As container runtimes do it: away from who started it, into a control group and namespaces of its own.
fn shim(host: &Host) -> Command {
    let runtime = r#"echo 0 > "$GROUP"; exec unshare -pmf --kill-child sh -c "$ASLEEP""#;
    let mut shim = host.shell(r#"./prog -c '(setsid sh -c "$RUNTIME" &) & exit'"#);
    shim.env("RUNTIME", runtime).env("GROUP", procs(&host.elsewhere));
    shim
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path of ours is UTF-8")
}

fn program(host: &Host, name: &str) -> Result<Command> {
    let mut command = Command::new(host.base(name));
    command.args(["-c", READY]);
    Ok(command)
}

fn logged_in(host: &Host, login: u32, then: &str) -> Result<Command> {
    Ok(host.shell(&format!("echo {login} > /proc/self/loginuid && {then}")))
}

fn in_group(host: &Host, group: &Cgroup, then: &str) -> Result<Command> {
    Ok(host.shell(&format!("echo 0 > {} && {then}", procs(group))))
}

fn procs(group: &Cgroup) -> String {
    group.path().join("cgroup.procs").display().to_string()
}

fn born_in(group: &Cgroup) -> Result<Command> {
    let mut command = Command::new(hand()?);
    command.arg("born-in").arg(group.path());
    Ok(command)
}

#[test]
fn each_process_acts_for_one_account_by_the_strongest_evidence() -> Result<()> {
    let mut host = Host::new()?;
    host.watch()?;
    let rows = TOLD.iter().map(|(name, start, expected)| ((*name).to_owned(), (start, *expected)));
    each_row(rows, |(start, expected)| Running::start(start(&host)?)?.expect(expected))?;
    each_row(CHANGES.iter().map(|(name, change)| ((*name).to_owned(), change)), |change| change(&host))?;
    host.end()
}

/// What becomes of processes and programs while the agent is there.
const CHANGES: &[(&str, Change)] = &[
    ("the policy read again", |host| {
        // Nothing tells it any more: the next programs have it from those before.
        let running = Running::start(host.shell("exec ./prog -c 'exec sh -c \"$READY\"'"))?;
        let before = ask_json(&["whois", &running.pid.to_string()])?;
        ask_json(&["reload", "--reason", "a test"])?;
        let after = ask_json(&["whois", &running.pid.to_string()])?;
        running.expect(Some((PROGRAM, "program")))?;
        // But for the time of day, which each answer takes anew from the kernel's clock.
        let same = ["account", "evidence"].iter().all(|key| before[key] == after[key]);
        ensure!(same && before["by"]["origin"] == after["by"]["origin"], "{before} {after}");
        Ok(())
    }),
    ("put into a unit by somebody else, and out of it again", |host| {
        let running = Running::start(host.shell(READY))?;
        running.expect(None)?;
        host.unit.take(running.pid)?;
        running.expect(Some((UNIT, "unit")))?;
        host.elsewhere.take(running.pid)?;
        running.expect(Some((UNIT, "unit")))
    }),
    ("a user's process put into a unit", |host| {
        let running = Running::start(host.by_user("/bin/sh", READY))?;
        host.unit.take(running.pid)?;
        running.expect(Some((UNIT, "unit")))
    }),
    ("a program's process put into a unit", |host| {
        let running = Running::start(program(host, "prog")?)?;
        host.unit.take(running.pid)?;
        running.expect(Some((PROGRAM, "program")))
    }),
    ("one that has ended, moved before its parent has asked for it", |host| {
        let job = Job::start(in_group(host, &host.unit, "true")?)?;
        job.until_done()?;
        wait::until("nobody acts for the unit", || Ok((members_of(UNIT)? == 0).then_some(())))?;
        host.elsewhere.take(job.pid())?;
        ensure!(members_of(UNIT)? == 0, "it acts for the unit again");
        Ok(())
    }),
    ("a unit's children know of whom they have it", |host| {
        let running = Running::start(host.shell("./prog -c 'sh -c \"$READY\"; :'; :"))?;
        let whois = ask_json(&["whois", &running.pid.to_string()])?;
        let (origin, above) = (&whois["by"]["origin"], &whois["ancestors"][0]);
        ensure!(origin["pid"] == above["pid"] && origin["comm"] == "prog", "{whois}");
        let words = format!(
            "executable {}/link of prog {}, which it comes from",
            host.base("").display(),
            above["pid"]
        );
        ensure!(whois["evidence"][0] == words.replace("//", "/"), "{whois}");
        Ok(())
    }),
    ("another file in a program's place", |host| {
        fs::rename(host.base("late"), host.base("prog"))?;
        Running::start(program(host, "prog")?)?.expect(Some((PROGRAM, "program")))?;
        // The file that was there is still that program.
        Running::start(program(host, "other")?)?.expect(Some((PROGRAM, "program")))
    }),
    // The last: its account does nothing more.
    ("a program's burst", |host| {
        let mut command = Command::new(host.base("prog"));
        command.args(["-c", "exec rm -f f*"]).current_dir(host.party.ground.tree());
        let job = Job::start(command)?;
        job.until_stopped()?;
        ensure!(host.party.destroyed(FILES) == 11, "{} are destroyed", host.party.destroyed(FILES));
        Ok(())
    }),
];

/// How many processes act for an account.
fn members_of(account: &str) -> Result<u64> {
    let accounts = ask_json(&["accounts"])?;
    let mut accounts = accounts.as_array().into_iter().flatten();
    let account = accounts.find(|one| one["name"] == account).context("the account is watched")?;
    account["processes"].as_u64().context("its processes")
}

/// Those that nothing tells any more once they run: an agent that comes later cannot know.
const FORGOTTEN: &[&str] = &[
    "a program's user",
    "nohup",
    "su",
    "runuser",
    "a program that makes who runs it root",
    "a container's shim",
    "a login that a user has given itself",
    "a daemon whose parents are gone",
    "namespaces of its own",
];

#[test]
fn whoever_runs_already_is_told_by_the_same() -> Result<()> {
    let mut host = Host::new()?;
    let known = TOLD.iter().filter(|(name, ..)| !FORGOTTEN.contains(name));
    let started = known.map(|(name, start, expected)| {
        let running = start(&host).and_then(Running::start).with_context(|| format!("row {name:?}"))?;
        Ok(((*name).to_owned(), (running, *expected)))
    });
    let started: Vec<_> = started.collect::<Result<_>>()?;
    host.watch()?;
    each_row(started, |(running, expected)| running.expect(expected))?;
    host.end()
}
