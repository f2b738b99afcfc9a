//! In a container: the agent says that it is in one, and watches the host once it has entered the host's namespaces.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{self, Command};

use anyhow::Result;
use tests::{Account, Daemon, Ground, Policy, Refusal, Scene, agent};

use crate::check::{FILES, each};

/// Something failed.
const FAILED: i32 = 1;
const PINS: &str = "/sys/fs/bpf/burstguard";

/// How the agent ends that is run by this script, in which `"$@"` is the agent with its arguments, `$0` a directory of its own.
fn refused(wrapper: &[&str], script: &str) -> Result<Refusal> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    let file = Policy::new(account.name(), &ground.tree()).write(ground.base())?;
    let root = ground.base().join("root");
    fs::create_dir(&root)?;
    let refusal = Daemon::refused(&file, |command| {
        let called: Vec<OsString> =
            [command.get_program()].into_iter().chain(command.get_args()).map(ToOwned::to_owned).collect();
        *command = Command::new("unshare");
        command.args(wrapper).args(["sh", "-c", script]).arg(&root).args(called);
    })?;
    assert!(!Path::new("/run/burstguard").exists());
    assert!(!Path::new(PINS).exists());
    Ok(refusal)
}

#[test]
fn each_namespace_that_is_not_the_hosts_is_refused() -> Result<()> {
    // A root of its own, in which all of the host's is.
    let whole = r#"mount -t tmpfs root "$0" && for dir in /*/; do mkdir "$0$dir" && mount --rbind "$dir" "$0$dir"; done; exec chroot "$0" "$@""#;
    for (wrapper, script, words) in [
        (
            &["--pid", "--fork", "--kill-child", "--mount-proc"][..],
            "\"$@\"",
            "pid namespace is not the host's",
        ),
        (&["--cgroup"], "exec \"$@\"", "cgroup namespace is not the host's"),
        (&["--user", "--map-root-user"], "exec \"$@\"", "user namespace is not the host's"),
        (&["--mount"], whole, "files are not the host's"),
    ] {
        let Refusal { status, complaint, output } = refused(wrapper, script)?;
        assert_eq!(status.code(), Some(FAILED), "{wrapper:?}: {complaint}");
        assert!(
            complaint.starts_with("error: this is a container, ") && complaint.contains(words),
            "{wrapper:?}: {complaint}"
        );
        assert_eq!(output, "");
    }
    Ok(())
}

/// As from a container that has the host's pid namespace: its mounts are its own, and so is its root of control groups.
#[test]
fn from_a_container_that_enters_the_hosts_namespaces_it_watches() -> Result<()> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    let policy = Policy::new(account.name(), &ground.tree());
    let mut command = Command::new("unshare");
    command.args(["--mount", "--cgroup", "--propagation", "private", "sh", "-c"]);
    // Not by the first process: where it may do more than root may here, nobody enters by it. Ours has the same.
    command.arg("mount -t tmpfs none /sys/fs/bpf && exec nsenter --target \"$0\" --mount --cgroup -- \"$@\"");
    command.arg(process::id().to_string()).arg(agent()?);
    let daemon = Daemon::start_by(command, &policy, ground.base())?;
    let mut scene = Scene { daemon, ground, account };
    scene.fill(FILES)?;
    assert!(Path::new(PINS).exists(), "it has pinned in a mount namespace of its own");
    each(&scene, &["unlink {}"])?.until_stopped()?;
    assert_eq!(scene.destroyed(FILES), 11);
    scene.daemon.burst()?;
    scene.end().map(drop)
}
