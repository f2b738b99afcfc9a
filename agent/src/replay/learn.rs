//! `burstguard learn`: which budgets what an account does would need, as a drop-in to review. Needs no daemon, and changes nothing.

use std::path::PathBuf;

use agent_common::rules::Kind;
use anyhow::{Context as _, Result};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{
    Of,
    rate::{Rate, Run},
    trial::Trial,
};
use crate::{
    api::VERSION,
    client::{complete, term::count},
    policy::{Budget, Policy, ThisHost},
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The account.
    #[arg(long, value_name = "NAME", add = complete::accounts())]
    account: String,
    /// The policy in which it is; the windows of its budgets stay as they are.
    #[arg(long, value_name = "FILE", default_value = "/etc/burstguard/policy.toml")]
    policy: PathBuf,
    #[command(flatten)]
    of: Of,
}

/// How sure one can be: what happens once a week is not seen in two days, nor a quantile in ten numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Sure {
    Hardly,
    Fairly,
    Well,
}

impl Sure {
    fn of(runs: usize, days: i64) -> Self {
        match (runs, days) {
            (100.., 7..) => Self::Well,
            (20.., 2..) => Self::Fairly,
            _ => Self::Hardly,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Hardly => "hardly",
            Self::Fairly => "fairly",
            Self::Well => "well",
        }
    }

    /// How much more than was ever seen: the less is known, the more.
    const fn headroom(self) -> u64 {
        match self {
            Self::Hardly => 100,
            Self::Fairly => 50,
            Self::Well => 25,
        }
    }
}

/// What is proposed for a kind.
#[derive(Clone, Debug, Serialize)]
struct Proposal {
    #[serde(serialize_with = "word")]
    kind: Kind,
    #[serde(serialize_with = "text")]
    now: Budget,
    #[serde(serialize_with = "text")]
    proposed: Budget,
    /// Times of activity, and how many more were stopped and not approved, which say nothing of what the account should do.
    runs: usize,
    left_out: usize,
    /// The most operations in a window in half of them, in 95 and 99 of a hundred, and ever.
    p50: u64,
    p95: u64,
    p99: u64,
    most: u64,
    sure: Sure,
    /// In per cent of the most.
    headroom: u64,
}

fn word<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.word())
}

fn text<S: serde::Serializer>(budget: &Budget, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(budget)
}

impl Proposal {
    /// None if nothing of that kind was seen: then nobody knows anything better than what is there.
    fn of(rate: &Rate, days: i64) -> Option<Self> {
        let (honest, left_out): (Vec<_>, Vec<_>) = rate.runs.iter().partition(|run| run.is_honest());
        let mut peaks: Vec<u64> = honest.iter().map(|Run { most, .. }| *most).collect();
        peaks.sort_unstable();
        let most = *peaks.last()?;
        let sure = Sure::of(peaks.len(), days);
        let wanted = (most * (100 + sure.headroom())).div_ceil(100).max(most + 1);
        let count = u32::try_from(wanted).unwrap_or(u32::MAX).min(Budget::MAX_COUNT);
        Some(Self {
            kind: rate.kind,
            now: rate.budget,
            proposed: rate.budget.with_count(count),
            runs: peaks.len(),
            left_out: left_out.len(),
            p50: quantile(&peaks, 50),
            p95: quantile(&peaks, 95),
            p99: quantile(&peaks, 99),
            most,
            sure,
            headroom: sure.headroom(),
        })
    }

    /// As a line of a policy, and why.
    fn line(&self) -> String {
        let Self { kind, now, proposed, runs, left_out, p50, p95, p99, most, sure, headroom } = self;
        let word = kind.word();
        let runs = count(*runs as u64, "time of activity", "times of activity");
        let seen =
            format!("# {word}s: {most} in a window at most, p99 {p99}, p95 {p95}, p50 {p50}, of {runs}");
        let left_out = match left_out {
            0 => String::new(),
            left_out => format!("; {left_out} more were stopped and not approved, and do not count"),
        };
        let why = format!("# {} sure, so {headroom} % above the most; now {now}", sure.word());
        format!("{seen}{left_out}\n{why}\n{word}s = \"{proposed}\"\n")
    }
}

/// Of numbers in order: the smallest that so many of a hundred are not above.
fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// What is learned is a budget that is no smaller than what was seen.
#[cfg(any(fuzzing, test))]
pub(super) fn fuzz(trial: &Trial) {
    for rate in trial.accounts.values().flat_map(|tried| &tried.rates) {
        let Some(proposal) = Proposal::of(rate, 3) else { continue };
        let Proposal { p50, p95, p99, most, proposed, .. } = &proposal;
        assert!(p50 <= p95 && p95 <= p99 && p99 <= most);
        assert!(u64::from(proposed.count()) > *most || proposed.count() == Budget::MAX_COUNT);
        assert!(!proposal.line().is_empty());
    }
}

/// Looks, and prints the drop-in.
pub(crate) fn run(arguments: Arguments, json: bool) -> Result<()> {
    let Arguments { account, policy, of } = arguments;
    let loaded = Policy::load(&policy, &ThisHost)?;
    let mut trial = Trial::of(&loaded, of.since(Timestamp::now()));
    let torn = of.run(&mut trial)?;
    trial.only(&account).with_context(|| format!("the policy has no account {account:?}"))?;
    let days = trial.span().map_or(0, |(from, to)| to.duration_since(from).as_hours() / 24);
    let rates = trial.accounts.values().flat_map(|tried| &tried.rates);
    let proposals: Vec<_> = rates.filter_map(|rate| Proposal::of(rate, days)).collect();
    if json {
        let learn = json!({
            "account": account,
            "operations": trial.acts(),
            "from": trial.span().map(|span| span.0),
            "to": trial.span().map(|span| span.1),
            "unrecorded": trial.unknown.unrecorded,
            "torn": torn,
            "proposals": proposals,
        });
        println!("{}", json!({ "version": VERSION, "learn": learn }));
    } else {
        print!("{}", drop_in(&account, trial.acts(), days, &proposals));
    }
    Ok(())
}

fn drop_in(account: &str, acts: u64, days: i64, proposals: &[Proposal]) -> String {
    let seen = format!(
        "{} in {}",
        count(acts, "operation", "operations"),
        count(days.unsigned_abs(), "day", "days")
    );
    if proposals.is_empty() {
        return format!("# nothing is proposed for {account}: {seen}\n");
    }
    let head = [
        format!(
            "# What {account} did ({seen}) would need these budgets. Nothing was changed: look at each, put what is right"
        ),
        format!(
            "# into /etc/burstguard/policy.d/50-{account}.toml, try it (burstguard replay), then: burstguard reload"
        ),
        format!("[account.\"{account}\".budget]\n"),
    ];
    let head = head.join("\n");
    proposals.iter().fold(head, |text, proposal| text + &proposal.line())
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, ToSpan as _};

    use super::{super::tests::deed, *};
    use agent_common::rules::judge::Verdict;

    /// So many runs, an hour apart, of 1 to 10 deletions.
    fn rate(runs: usize, stopped: bool) -> Rate {
        let mut rate = Rate::of(Kind::Delete, "20/10s".parse().expect("a budget"));
        let mut at = Timestamp::UNIX_EPOCH;
        for run in 0..runs {
            for _ in 0..=run % 10 {
                rate.add(&deed(Kind::Delete), at, false);
            }
            at += 1.hour();
        }
        if stopped {
            let mut deed = deed(Kind::Delete);
            deed.judged.verdict = Verdict::Hold;
            (0..500).for_each(|_| rate.add(&deed, at, false));
            at += SignedDuration::from_hours(1);
            rate.add(&deed, at, false);
            deed.judged.granted = true;
            rate.add(&deed, at, false);
        }
        rate.end();
        rate
    }

    #[test]
    fn what_is_proposed_is_more_than_ever_was_and_the_more_is_known_the_less_so() {
        let proposal = |runs, days| Proposal::of(&rate(runs, false), days).expect("something was seen");
        let much = proposal(200, 8);
        assert_eq!((much.p50, much.p95, much.p99, much.most), (5, 10, 10, 10));
        assert_eq!((much.sure, much.proposed.to_string()), (Sure::Well, "13/10s".to_owned()));
        assert_eq!((proposal(200, 3).sure, proposal(200, 3).proposed.count()), (Sure::Fairly, 15));
        assert_eq!((proposal(10, 8).sure, proposal(10, 8).proposed.count()), (Sure::Hardly, 20));
        assert_eq!(proposal(1, 8).proposed.count(), 2);
        assert!(Proposal::of(&Rate::of(Kind::Delete, "20/10s".parse().expect("a budget")), 8).is_none());
    }

    #[test]
    fn what_was_stopped_and_not_let_go_on_is_no_habit() {
        let proposal = Proposal::of(&rate(10, true), 8).expect("something was seen");
        assert_eq!((proposal.runs, proposal.left_out, proposal.most), (11, 1, 10));
        assert!(proposal.line().contains("1 more were stopped"));
    }

    #[test]
    fn it_is_a_drop_in() {
        let proposals: Vec<_> = Proposal::of(&rate(200, true), 8).into_iter().collect();
        let text = drop_in("a", 1100, 8, &proposals);
        let base = "version = 1\n[tree.t]\npaths = ['/etc']\n[account.a]\nusers = ['ci']\ntrees = ['t']\n";
        let loaded = crate::policy::tests::load_all(&[base, &text]).expect("a policy");
        assert_eq!(loaded.policy.accounts[0].budgets.deletes.to_string(), "13/10s");
        assert!(drop_in("a", 0, 0, &[]).starts_with('#'));
    }
}
