//! How many operations each account does, second by second, over the last minute.

use std::collections::{BTreeMap, VecDeque};

/// For how many seconds they are kept.
pub(super) const SECONDS: usize = 60;
/// Over how many of them the rate of now is taken.
const NOW: usize = 5;

/// The newest last; none: nobody has counted then.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates(VecDeque<Option<BTreeMap<String, u64>>>);

impl Rates {
    /// What was counted over so many seconds, spread evenly: to the last ones goes what is left over.
    pub(super) fn count(&mut self, operations: Option<BTreeMap<String, u64>>, seconds: usize) {
        let seconds = seconds.clamp(1, SECONDS) as u64;
        for second in 0..seconds {
            let share = |all: u64| all * (second + 1) / seconds - all * second / seconds;
            let shares = operations
                .as_ref()
                .map(|operations| operations.iter().map(|(name, all)| (name.clone(), share(*all))).collect());
            self.0.push_back(shares);
        }
        while self.0.len() > SECONDS {
            self.0.pop_front();
        }
    }

    /// Of an account, the newest last.
    fn of<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = Option<u64>> + ExactSizeIterator {
        self.0.iter().map(move |second| Some(second.as_ref()?.get(name).copied().unwrap_or(0)))
    }

    /// Operations a second now; none if nobody counts.
    pub(super) fn now(&self, name: &str) -> Option<f64> {
        let counted: Vec<u64> = self.of(name).rev().take(NOW).map_while(|second| second).collect();
        let seconds = u32::try_from(counted.len()).ok().filter(|seconds| *seconds > 0)?;
        let all = u32::try_from(counted.iter().sum::<u64>()).unwrap_or(u32::MAX);
        Some(f64::from(all) / f64::from(seconds))
    }

    /// The last minute in so many bars, each against the highest; a dot where nothing was destroyed, a gap where nobody has counted.
    pub(super) fn bars(&self, name: &str, width: usize) -> String {
        const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let mut seconds: Vec<Option<u64>> = vec![None; SECONDS - self.0.len()];
        seconds.extend(self.of(name));
        let each = SECONDS.div_ceil(width.max(1));
        // Only sums of as many seconds can be compared; the oldest of them may go.
        let whole = seconds.len() / each * each;
        let sums: Vec<Option<u64>> = seconds[seconds.len() - whole..]
            .chunks(each)
            .map(|some| some.iter().flatten().copied().reduce(|sum, more| sum + more))
            .collect();
        let highest = sums.iter().flatten().copied().max().unwrap_or(0).max(1);
        let bar = |sum: &Option<u64>| match sum {
            None => ' ',
            Some(0) => '·',
            Some(sum) => BARS[usize::try_from((sum * 8).div_ceil(highest)).unwrap_or(8).clamp(1, 8) - 1],
        };
        sums.iter().map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(number: u64) -> Option<BTreeMap<String, u64>> {
        Some([("a".to_owned(), number)].into())
    }

    #[test]
    fn a_minute_in_bars() {
        let mut rates = Rates::default();
        assert_eq!(rates.bars("a", 4), "    ");
        assert_eq!(rates.now("a"), None);
        rates.count(counted(0), 15);
        rates.count(counted(10), 1);
        rates.count(counted(0), 14);
        rates.count(counted(90), 15);
        assert_eq!(rates.bars("a", 4), " ·▁█");
        assert_eq!(rates.bars("b", 4), " ···");
        assert_eq!(rates.now("a"), Some(6.0));
        rates.count(None, 15);
        assert_eq!(rates.bars("a", 4), "·▁█ ");
        assert_eq!(rates.now("a"), None);
    }

    #[test]
    fn nothing_is_lost_that_was_counted_over_several_seconds() {
        let mut rates = Rates::default();
        rates.count(counted(10), 3);
        let seconds: Vec<_> = rates.of("a").flatten().collect();
        assert_eq!(seconds, [3, 3, 4]);
        rates.count(counted(1), 1000);
        assert_eq!(rates.of("a").len(), SECONDS);
    }
}
