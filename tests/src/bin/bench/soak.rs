//! Minutes of whatever may be asked, in any order, while accounts make bursts: nothing of it may stay.
//!
//! First one daemon lives through it, so that what it holds is comparable; then daemons are killed in the midst of it, so that what
//! they leave is.

mod deeds;
mod stage;

use std::time::{Duration, Instant};

use anyhow::Result;
use aya::maps::loaded_maps;
use tests::{generations, wait};

use crate::row::Row;
use crate::scale::Scale;
use deeds::Deed;
use stage::{Holds, Stage};

/// Deeds before what the daemon holds is looked at for the first time.
const WARM_UP: usize = 40;

pub(crate) fn measure(scale: Scale) -> Result<Vec<Row>> {
    until_gone()?;
    let mut random = Random::new(scale.seed);
    let half = scale.soak / 2;
    let mut stage = Stage::new(scale.tier)?;
    let lived = live_through(&mut stage, &mut random, half)?;
    let killed = kill_again_and_again(&mut stage, &mut random, half)?;
    stage.let_everything_go()?;
    let stopped = stage.stopped()? as f64;
    let groups = stage::groups()?.len() as f64;
    drop(stage);
    let left = until_gone().map_or_else(|_| in_kernel(), |()| 0) + generations()?.len();
    let zero = |name, value: f64| Row::new(name, "", vec![value]).always(0.0);
    let Lived { deeds, failed, first, last } = lived;
    let grown = |now: f64, was: f64| vec![now - was];
    println!("seed {}: the same deeds again with --seed {}", scale.seed, scale.seed);
    Ok(vec![
        Row::new("deeds in one daemon's life, any of eight", "", vec![deeds as f64]),
        zero("… of which failed for a reason of its own", failed as f64),
        Row::new(
            "descriptors that it holds more than at first",
            "",
            grown(last.descriptors, first.descriptors),
        )
        .always(2.0),
        Row::new("threads that it has more", "", grown(last.threads, first.threads)).always(1.0),
        Row::new("resident memory that it has more", "MiB", grown(last.resident_mib, first.resident_mib))
            .always(4.0),
        Row::new("daemons that were killed, and followed", "", vec![killed as f64]),
        zero("processes still stopped in the end", stopped),
        zero("control groups left behind", groups),
        zero("generations left in the kernel", left as f64),
    ])
}

struct Lived {
    deeds: usize,
    failed: usize,
    first: Holds,
    last: Holds,
}

fn live_through(stage: &mut Stage, random: &mut Random, time: Duration) -> Result<Lived> {
    stage.start()?;
    let began = Instant::now();
    let (mut deeds, mut failed, mut first) = (0, 0, None);
    while began.elapsed() < time || deeds < 2 * WARM_UP {
        if deeds == WARM_UP {
            first = Some(stage.at_rest()?);
        }
        failed += usize::from(!Deed::any(random).is_done(stage, random)?);
        deeds += 1;
    }
    let last = stage.at_rest()?;
    Ok(Lived { deeds, failed, first: first.unwrap_or_default(), last })
}

fn kill_again_and_again(stage: &mut Stage, random: &mut Random, time: Duration) -> Result<usize> {
    let began = Instant::now();
    let mut killed = 0;
    while began.elapsed() < time || killed < 2 {
        for _ in 0..random.below(8) {
            Deed::any(random).is_done(stage, random)?;
        }
        // In the midst of a deed, and not only between two.
        let under_way = Deed::any(random).begin(stage, random)?;
        wait::keep_distance(Duration::from_millis(random.below(60) as u64))?;
        stage.kill()?;
        drop(under_way);
        stage.start()?;
        killed += 1;
    }
    Ok(killed)
}

/// How many of our generations are in the kernel: each has one map of this name.
fn in_kernel() -> usize {
    loaded_maps().flatten().filter(|map| map.name() == b"LINEAGE").count()
}

/// The kernel detaches programs in the background.
fn until_gone() -> Result<()> {
    wait::until("the kernel has let go of the programs", || Ok((in_kernel() == 0).then_some(())))
}

/// Numbers that look like chance, and are the same again from the same seed: splitmix64.
pub(crate) struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of so many, from 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % count.max(1) as u64) as usize
    }
}
