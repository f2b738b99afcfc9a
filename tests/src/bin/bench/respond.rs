//! How fast the agent does what a responder asks.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::{Account, Cgroup, Daemon, Ground, Job, Policy, Socket, ask_json, proc, wait};

use crate::row::Row;
use crate::scale::Scale;

/// Requests while the host is busy.
const REQUESTS: usize = 300;
const ACCOUNT: &str = "bench";

pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
    let account = Account::new()?;
    let ground = Ground::new(&account)?;
    let policy = Policy::named(ACCOUNT, account.name(), &ground.tree()).budget("deletes", "1024/1ms");
    let mut daemon = Daemon::start(&policy, ground.base())?;
    let rows = vec![freezes(&account, scale)?, requests(&account, &ground)?];
    account.end_processes();
    daemon.end()?;
    Ok(rows)
}

/// From the request until the kernel says that nothing of a large account runs any more.
fn freezes(account: &Account, scale: Scale) -> Result<Row> {
    let processes = 1000.min(scale.files / 4);
    let group = Cgroup::new("freeze")?;
    let crowd = format!(
        "until grep -q {} /proc/self/cgroup; do :; done; n=0; while [ $n -lt {processes} ]; do sleep 600 & n=$((n+1)); done; wait",
        group.name()
    );
    let crowd = Job::start(account.shell(&crowd))?;
    group.take(crowd.pid())?;
    wait::until(
        "the crowd is there",
        || Ok((proc::of_user(account.uid())?.len() > processes).then_some(())),
    )?;
    let mut took = Vec::new();
    for _ in 0..scale.runs {
        let frozen = ask_json(&["freeze", "--account", ACCOUNT, "--reason", "bench"])?;
        ensure!(frozen["processes"].as_array().is_some_and(|all| all.len() > processes), "{frozen}");
        took.push(frozen["confirmed_us"].as_f64().context("a confirmation")? / 1000.0);
        let incident = frozen["incident"].to_string();
        let thaw = ["thaw", &incident, "--reason", "bench"];
        ask_json(&thaw)?;
    }
    account.end_processes();
    Ok(Row::new(format!("freeze of {processes} processes, request to `frozen 1`"), "ms", took).always(10.0))
}

/// A request on a connection that is there, while the account deletes on every CPU.
fn requests(account: &Account, ground: &Ground) -> Result<Row> {
    ground.fill(&ground.tree(), 2)?;
    let work = |name: &str| {
        let steps = format!("each 500 unlink\\ {name} create-new\\ {name}");
        let mut command = account.shell(&format!("while :; do {} {steps}; done", ground.hand()?.display()));
        command.current_dir(ground.tree());
        Job::start(command)
    };
    let _work = [work("f0000")?, work("f0001")?];
    let mut socket = Socket::connect()?;
    let mut took = Vec::new();
    for _ in 0..REQUESTS {
        let asked = Instant::now();
        let (status, _) = socket.get("/v1/status")?;
        took.push(asked.elapsed().as_secs_f64() * 1000.0);
        ensure!(status == 200, "the agent answered {status}");
        // No more than a user may ask in the long run.
        wait::keep_distance(Duration::from_millis(20))?;
    }
    Ok(Row::new("a request answered while every CPU deletes", "ms", took).typically(10.0))
}
