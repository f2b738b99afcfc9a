//! The worst day: every CPU deletes flat out, and the daemon gets a tenth of one.
//!
//! What counts then is that nothing depends on the daemon keeping up: bursts stop where they should, and what it has not heard of
//! is counted.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::http::{get, value};
use tests::{Daemon, Job, Party, Socket, Throttle, Tier, policy_of, proc, tracepoints, wait};

use crate::row::Row;
use crate::scale::Scale;

/// Accounts that make a burst meanwhile, one after the other.
const BURSTS: usize = 10;
/// Files of each, and its budget.
const FILES: usize = 200;
const BUDGET: usize = 10;
/// In the directory of the flood: it ends when this is there.
const STOP: &str = "{outside}/stop";
/// Names that the flood deletes, before it looks whether it should end.
const AT_ONCE: usize = 500;

/// What is seen while it lasts.
#[derive(Default)]
struct Seen {
    answers_ms: Vec<f64>,
    resident_mib: Vec<f64>,
    destroyed: Vec<f64>,
}

pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
    let parties = (0..BURSTS).map(|_| Party::new(FILES)).collect::<Result<Vec<_>>>()?;
    let cpus = thread::available_parallelism()?.get();
    let floods = (0..cpus).map(|_| Party::new(1)).collect::<Result<Vec<_>>>()?;
    let policy = floods
        .iter()
        .enumerate()
        .fold(policy_of(&parties), |policy, (number, flood)| policy.and_says(&unlimited(number, flood)));
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let policy = policy.in_tier(scale.tier);
    let mut daemon = Daemon::start_measured(&policy, parties[0].ground.base(), address)?;
    tracepoints::keep_in_use();
    // To read what it prints would take more of the CPUs than it has.
    daemon.turn_away();
    let throttle = match Throttle::new(daemon.pid()) {
        Ok(throttle) => throttle,
        Err(why) => {
            daemon.end_unheard()?;
            return Ok(vec![Row::skipped("overload with the daemon throttled", format!("{why:#}"))]);
        }
    };
    let jobs = floods.iter().map(flood).collect::<Result<Vec<_>>>()?;
    let seen = watch(&daemon, &parties, scale.overload)?;
    for flood in &floods {
        std::fs::write(flood.ground.expand(STOP), "")?;
    }
    let mut sent = 0;
    for job in &jobs {
        job.until_done()?;
        sent += job.output()?.trim().parse::<u64>().context("how much the flood has done")?;
    }
    drop(throttle);
    let (heard, lost) = until_all_is_accounted_for(address, floods.len(), sent)?;
    parties.iter().for_each(|party| party.account.end_processes());
    daemon.end_unheard()?;
    rows(scale.tier, &seen, sent, heard, lost)
}

/// A policy's lines for one who may do whatever it does, all of it counted.
fn unlimited(number: usize, flood: &Party) -> String {
    let budgets = ["deletes", "replaces", "truncates", "overwrites", "recreates"];
    let budgets: String = budgets.map(|kind| format!("budget.{kind} = '1024/1ms'\n")).concat();
    format!(
        "[tree.flood{number}]\npaths = [{:?}]\n[account.flood{number}]\nusers = [{}]\ntrees = ['flood{number}']\n{budgets}",
        flood.ground.tree(),
        flood.account.uid(),
    )
}

/// Deletes names of a file that it did not make in the tree, until told to end; says then how many. A name is gone for so long before it is
/// there again that this is none that came back.
fn flood(party: &Party) -> Result<Job> {
    let source = party.ground.outside().join("s");
    std::fs::write(&source, "precious")?;
    party.ground.give(&source)?;
    let steps = ["link {outside}/s n{}", "unlink n{}"].map(|step| party.ground.expand(step));
    party.hand(&["until", &party.ground.expand(STOP), &AT_ONCE.to_string(), &steps[0], &steps[1]])
}

/// Asks, looks, and has one burst after the other begin, for so long.
fn watch(daemon: &Daemon, parties: &[Party], time: Duration) -> Result<Seen> {
    let began = Instant::now();
    let mut seen = Seen::default();
    let mut socket = Socket::connect()?;
    let mut bursts = Vec::new();
    while began.elapsed() < time {
        let asked = Instant::now();
        let (status, _) = socket.get("/v1/status")?;
        ensure!(status == 200, "the agent answered {status}");
        seen.answers_ms.push(asked.elapsed().as_secs_f64() * 1000.0);
        seen.resident_mib.push(proc::memory_mib(daemon.pid(), "VmRSS")?);
        let due = time.as_secs_f64() * bursts.len() as f64 / BURSTS as f64;
        if let Some(party) = parties.get(bursts.len()).filter(|_| began.elapsed().as_secs_f64() >= due) {
            bursts.push(party.shell("exec rm -f *")?);
        }
        // No more than a user may ask in the long run.
        wait::keep_distance(Duration::from_millis(25))?;
    }
    for (job, party) in bursts.iter().zip(parties) {
        job.until_stopped()?;
        seen.destroyed.push(party.missing(FILES) as f64);
    }
    Ok(seen)
}

/// What the daemon has heard of, and what it knows that it has not, of so much.
fn until_all_is_accounted_for(address: SocketAddr, floods: usize, sent: u64) -> Result<(u64, u64)> {
    let look = || {
        let (_, text) = get(address, "/metrics")?;
        let value = |series: &str| value(&text, series).unwrap_or_default() as u64;
        let of = |number: usize| {
            value(&format!(r#"burstguard_operations_total{{account="flood{number}",kind="delete"}}"#))
        };
        let heard = (0..floods).map(of).sum::<u64>();
        Ok::<_, anyhow::Error>((heard, value(r#"burstguard_kernel_faults_total{counter="record_lost"}"#)))
    };
    let settled = wait::until("the daemon has caught up", || {
        let (heard, lost) = look()?;
        Ok((heard + lost >= sent).then_some((heard, lost)))
    });
    settled.or_else(|_| look())
}

fn rows(tier: Tier, seen: &Seen, sent: u64, heard: u64, lost: u64) -> Result<Vec<Row>> {
    let most = BUDGET + usize::from(tier == Tier::Tracepoint);
    ensure!(!seen.destroyed.is_empty(), "no burst was made");
    // Of what else there is to be told of, some is lost too: for each account its processes, and of a burst each act.
    let others = BURSTS * (BUDGET + 10);
    let missing = sent as f64 - (heard + lost) as f64;
    let mut answers = Row::new("a request answered meanwhile", "ms", seen.answers_ms.clone());
    answers = answers.mostly(100.0);
    Ok(vec![
        Row::new("deletes of the flood, as it says itself", "deletes", vec![sent as f64]),
        Row::new("… of which the daemon has heard", "deletes", vec![heard as f64])
            .times("the flood", sent as f64),
        Row::new("… and neither heard of nor counted as lost", "deletes", vec![missing]).goal(
            format!("0, or less by what else was lost, at most {others}"),
            missing <= 0.0 && missing >= -(others as f64),
        ),
        Row::new("bursts of ten others meanwhile, budget 10: destroyed", "files", seen.destroyed.clone())
            .always(most as f64),
        answers,
        Row::new("resident memory of the daemon meanwhile", "MiB", seen.resident_mib.clone()).always(64.0),
    ])
}
