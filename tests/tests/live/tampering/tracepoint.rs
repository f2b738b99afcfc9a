//! Where a call can only be told of.

use anyhow::{Result, ensure};
use tests::Tier;

use super::{Stage, systemctl, told, until_told};

#[test]
fn what_is_written_or_removed_is_told() -> Result<()> {
    let stage = Stage::new(|policy| policy.in_tier(Tier::Tracepoint))?;
    // Of many that are about one thing at once only some are told: each here is about another than the one before.
    for (line, what) in [
        ("cat {base}/policy.toml && ls {base}/state /run/burstguard", None),
        ("true >>{base}/policy.toml", Some("policy")),
        ("true >{base}/state/mine", Some("state")),
        ("mkdir /run/burstguard/mine", Some("run")),
        ("ls {base}/state/keeper/contents", Some("state")),
        ("kill -0 {pid}", None),
        ("kill -CONT {pid}", Some("signal")),
    ] {
        let (times, last) = told()?;
        stage.as_root(line)?.until_done()?;
        match what {
            Some(what) => until_told("observed", what, times)?,
            None => ensure!(told()? == (times, last), "{line}"),
        }
    }
    std::fs::remove_dir("/run/burstguard/mine")?;
    stage.end()
}

#[test]
fn a_tree_that_goes_with_what_is_burstguards_is_a_burst_besides() -> Result<()> {
    let mut stage = Stage::new(|policy| policy.in_tier(Tier::Tracepoint))?;
    let base = stage.party().ground.base().to_owned();
    let _job = stage.step_as_root("rename {base} {base}-away")?;
    let burst = stage.crowd.daemon.burst();
    std::fs::rename(format!("{}-away", base.display()), &base)?;
    ensure!(burst?.whole, "a directory above a tree went");
    until_told("observed", "above", 0)?;
    stage.end()
}

#[test]
fn to_stop_its_unit_is_one_too() -> Result<()> {
    systemctl::to_stop_it_is_tampering(Tier::Tracepoint)
}
