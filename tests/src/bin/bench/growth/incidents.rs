//! How long the start and an answer take, over how many incidents the record has. One incident is real; the others are as that one,
//! written behind it as the agent writes them (docs/record.md).

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use rusqlite::{Connection, params};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tests::{Account, Daemon, Ground, Job, Policy, Socket, ask_json, wait};

use super::{Curve, points, up_to};
use crate::scale::Scale;

const PLACES: [usize; 5] = [10, 100, 1000, 10_000, 100_000];
/// More than what fits into a record by default, so that nothing is pruned.
const SIZE: &str = "[record]\nsize = \"8GiB\"\n";
const FILE: &str = "state/incidents.db";
const OVER: &str = "incidents in the record";
/// Answers that are measured after one start.
const ANSWERS: usize = 20;
/// Incidents in each.
const LISTED: usize = 20;

pub(super) fn curves(scale: Scale) -> Result<Vec<Curve>> {
    let account = Account::unlisted()?;
    let ground = Ground::new(&account)?;
    let policy = Policy::new(account.name(), &ground.tree()).in_tier(scale.tier).and_says(SIZE);
    real_one(&account, &ground, &policy)?;
    let mut record = Record::open(&ground.base().join(FILE))?;
    let at = up_to(&PLACES, scale.most.max(100));
    let [mut starts, mut answers] = [Series::default(), Series::default()];
    for &count in &at {
        record.extend(count)?;
        let [start, answer] = measured(&policy, &ground, scale.long_runs, count);
        starts.push(start, count)?;
        answers.push(answer, count)?;
    }
    let curve = |id, name, Series { values, ends }| {
        let curve = Curve::new(id, name, OVER, "ms", points(&at, values));
        if let Some(why) = ends { curve.ends(why) } else { curve }
    };
    Ok(vec![
        curve("incidents-start", "start to armed", starts)
            .because("each incident's last entry is read, to find those that are not over"),
        curve("incidents-answer", "the list of the last 20 incidents", answers)
            .because("the last entry of each incident is looked for"),
    ])
}

/// What was measured at each place, as far as it went.
#[derive(Default)]
struct Series {
    values: Vec<Vec<f64>>,
    ends: Option<String>,
}

impl Series {
    fn push(&mut self, measured: Result<Vec<f64>>, count: usize) -> Result<()> {
        match measured {
            _ if self.ends.is_some() => {}
            Ok(values) => self.values.push(values),
            Err(why) => {
                wait::go_on()?;
                self.ends = Some(format!("with {count}: {why:#}"));
            }
        }
        Ok(())
    }
}

/// An incident that is over.
fn real_one(account: &Account, ground: &Ground, policy: &Policy) -> Result<()> {
    ground.fill(&ground.tree(), 20)?;
    let mut daemon = Daemon::start(policy, ground.base())?;
    let mut command = account.shell("exec rm -f f*");
    command.current_dir(ground.tree());
    let job = Job::start(command)?;
    job.until_stopped()?;
    let open =
        wait::until("an incident is open", || Ok(ask_json(&["incidents", "--open"])?[0]["id"].as_u64()))?;
    ask_json(&["kill", &open.to_string(), "--reason", "bench"])?;
    drop(job);
    wait::until("it is over", || {
        Ok(ask_json(&["incidents", "--open"])?.as_array().is_some_and(Vec::is_empty).then_some(()))
    })?;
    daemon.end().map(drop)
}

/// In ms: so many starts, and answers after each.
fn measured(policy: &Policy, ground: &Ground, runs: usize, count: usize) -> [Result<Vec<f64>>; 2] {
    let [mut starts, mut answers] = [Ok(Vec::new()), Ok(Vec::new())];
    for _ in 0..runs {
        let mut daemon = match Daemon::start(policy, ground.base()) {
            Ok(daemon) => daemon,
            Err(why) => {
                let nobody = Err(anyhow!("it was not armed"));
                return [Err(why), nobody];
            }
        };
        if let Ok(starts) = &mut starts {
            starts.push(daemon.until_armed().as_secs_f64() * 1000.0);
        }
        answers = answers.and_then(|answers| more_answers(answers, count));
        if let Err(why) = daemon.end() {
            starts = Err(why);
        }
    }
    [starts, answers]
}

fn more_answers(mut answers: Vec<f64>, count: usize) -> Result<Vec<f64>> {
    let mut socket = Socket::connect()?;
    for _ in 0..ANSWERS {
        let asked = Instant::now();
        let (status, answer) = socket.get(&format!("/v1/incidents?limit={LISTED}"))?;
        answers.push(asked.elapsed().as_secs_f64() * 1000.0);
        ensure!(status == 200, "the agent answered {status}: {answer}");
        let all = serde_json::from_str::<Vec<Value>>(&answer)?.len();
        ensure!(all == LISTED.min(count), "of {} incidents {all} were in the answer", LISTED.min(count));
        // No more than a user may ask in the long run.
        wait::keep_distance(Duration::from_millis(20))?;
    }
    Ok(answers)
}

/// The record while no agent writes to it.
struct Record {
    db: Connection,
    incidents: usize,
    /// The last entry of the real one.
    like: Value,
}

/// What is in an entry besides its body.
struct Head {
    seq: i64,
    at_ns: i64,
    wall_us: i64,
    hash: Vec<u8>,
}

impl Record {
    fn open(file: &Path) -> Result<Self> {
        let db = Connection::open(file).with_context(|| format!("cannot open {}", file.display()))?;
        let of_incident = "SELECT body FROM entry WHERE incident = 1 ORDER BY seq DESC LIMIT 1";
        let body: Vec<u8> = db.query_row(of_incident, [], |row| row.get(0)).context("the real incident")?;
        let like: Value = serde_json::from_slice(&body).context("the entry of an incident")?;
        ensure!(like["id"] == 1, "the entry of an incident has no number: {like}");
        Ok(Self { db, incidents: 1, like })
    }

    /// Until there are so many.
    fn extend(&mut self, count: usize) -> Result<()> {
        let transaction = self.db.transaction()?;
        let last = "SELECT seq, at_ns, wall_us, hash FROM entry ORDER BY seq DESC LIMIT 1";
        let mut head = transaction.query_row(last, [], |row| {
            Ok(Head { seq: row.get(0)?, at_ns: row.get(1)?, wall_us: row.get(2)?, hash: row.get(3)? })
        })?;
        let mut insert =
            transaction.prepare("INSERT INTO entry VALUES (?1, ?2, ?3, 'closed', ?4, ?5, ?6)")?;
        for number in self.incidents + 1..=count {
            self.like["id"] = number.into();
            let body = serde_json::to_vec(&self.like)?;
            head.seq += 1;
            head.hash = head.hash_of(number as u64, &body);
            insert.execute(params![head.seq, head.at_ns, head.wall_us, number as i64, head.hash, body])?;
        }
        drop(insert);
        transaction.commit()?;
        self.incidents = self.incidents.max(count);
        Ok(())
    }
}

impl Head {
    /// Over the hash before and all columns, what may be of any length behind its length.
    fn hash_of(&self, incident: u64, body: &[u8]) -> Vec<u8> {
        const KIND: &[u8] = b"closed";
        let mut hash = Sha256::new();
        hash.update(b"burstguard record 1\0");
        hash.update(&self.hash);
        hash.update(self.seq.to_be_bytes());
        hash.update(self.at_ns.to_be_bytes());
        hash.update(self.wall_us.to_be_bytes());
        hash.update((KIND.len() as u64).to_be_bytes());
        hash.update(KIND);
        hash.update([1]);
        hash.update(incident.to_be_bytes());
        hash.update((body.len() as u64).to_be_bytes());
        hash.update(body);
        hash.finalize().to_vec()
    }
}
