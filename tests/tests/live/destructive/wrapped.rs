//! However a command is run, it is that command: what counts is the program that is run in the end, and its real arguments.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::Result;
use tests::Scene;

use super::{commands, stand_ins};

/// Lines that run `kubectl delete pod` once, where it is in `PATH` and in the directory `bin`.
const ONCE: &[&str] = &[
    "kubectl delete pod",
    "{bin}/kubectl delete pod",
    "cd {bin}; ./kubectl delete pod",
    "cd {bin}; ../bin/.././bin//kubectl delete pod",
    "kubectl --namespace x --context y delete -f z pod",
    "sh -c 'kubectl delete pod'",
    "sh -c 'sh -c \"exec kubectl delete pod\"'",
    "env A=b kubectl delete pod",
    "nice -n 5 kubectl delete pod",
    "nohup kubectl delete pod",
    "timeout 60 kubectl delete pod",
    "setsid -w kubectl delete pod",
    "echo pod | xargs kubectl delete",
    "echo delete pod | xargs -n 2 kubectl",
    "eval $(echo kubectl delete pod)",
    "bash -c 'exec -a harmless kubectl delete pod'",
    "PATH= {bin}/kubectl delete pod",
    "{bin}/link delete pod",
    "{bin}/compiled/kubectl delete pod",
    "kubectl delete pod {long}",
    "kubectl {long} delete pod",
    "kubectl {many} delete pod",
];

/// Lines that run something else.
const NEVER: &[&str] = &[
    "kubectl get pod",
    "kubectl delet pod",
    "kubectl 'delete pod'",
    "kubectl Delete pod",
    "kubectl --dry-run=client delete pod",
    "kubectl delete pod --dry-run=server",
    "echo kubectl delete pod",
    "{bin}/kubectl-delete delete pod",
    "{bin}/mykubectl delete pod",
    "cat {bin}/kubectl >/dev/null",
    "sh -c true kubectl delete pod",
];

#[test]
fn every_way_to_run_it_is_one() -> Result<()> {
    count(ONCE, 1)
}

#[test]
fn what_only_looks_like_it_is_none() -> Result<()> {
    count(NEVER, 0)
}

fn count(lines: &[&str], expected: usize) -> Result<()> {
    let mut scene = Scene::with(|policy, _| Ok(policy.budget("commands", "900/10m")))?;
    let bin = stand_ins(&scene, ["kubectl", "kubectl-delete", "mykubectl"])?;
    symlink("compiled/kubectl", bin.join("link"))?;
    fs::create_dir(bin.join("compiled"))?;
    fs::copy("/bin/true", bin.join("compiled/kubectl"))?;
    let mut before = 0;
    for line in lines {
        let many = vec!["--v=1"; 2000].join(" ");
        let line = line
            .replace("{bin}", &bin.display().to_string())
            .replace("{long}", &format!("--{}", "x".repeat(3000)))
            .replace("{many}", &many);
        let script = format!("PATH={}:$PATH; {line}", bin.display());
        scene.shell(&script)?.until_done()?;
        let found = commands(&mut scene)?;
        let shown: String = line.chars().take(80).collect();
        assert_eq!(found.len() - before, expected, "{shown}: {:?}", &found[before..]);
        before = found.len();
    }
    scene.end().map(drop)
}
