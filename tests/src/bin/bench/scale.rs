//! How much is measured.

use std::time::Duration;

use tests::Tier;

/// How much is measured, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// How often everything is repeated, all variants in turns.
    pub(crate) runs: usize,
    /// How often what takes long is.
    pub(crate) long_runs: usize,
    /// In a tree that is emptied.
    pub(crate) files: usize,
    /// Of a kind, in one measurement.
    pub(crate) calls: usize,
    /// Programs that are run, in one measurement.
    pub(crate) programs: usize,
    /// The last point of a curve is no further than this.
    pub(crate) most: usize,
    /// How long nothing is done after a start, and how long it is then looked at.
    pub(crate) settle: Duration,
    pub(crate) idle: Duration,
    /// How long files are changed, of which versions are kept.
    pub(crate) churn: Duration,
    /// How long every CPU is kept busy.
    pub(crate) overload: Duration,
    /// How long whatever may be asked is asked.
    pub(crate) soak: Duration,
    /// What is asked then follows from it.
    pub(crate) seed: u64,
    pub(crate) tier: Tier,
}

impl Scale {
    pub(crate) fn new(runs: Option<usize>, quick: bool, tier: Tier) -> Self {
        if quick {
            let runs = runs.unwrap_or(2);
            return Self {
                runs,
                long_runs: 1,
                files: 1000,
                calls: 2000,
                programs: 60,
                most: 100,
                settle: Duration::from_secs(1),
                idle: Duration::from_secs(2),
                churn: Duration::from_secs(5),
                overload: Duration::from_secs(5),
                soak: Duration::from_secs(20),
                seed: 1,
                tier,
            };
        }
        let runs = runs.unwrap_or(5);
        let long_runs = runs.div_ceil(2);
        Self {
            runs,
            long_runs,
            files: 20_000,
            calls: 20_000,
            programs: 400,
            most: usize::MAX,
            settle: Duration::from_secs(5),
            idle: Duration::from_secs(10),
            churn: Duration::from_secs(60),
            overload: Duration::from_secs(60),
            soak: Duration::from_mins(10),
            seed: 1,
            tier,
        }
    }
}
