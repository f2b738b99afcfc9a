//! The promise of a budget.

use agent_common::rules::BootNs;

/// The most stamps that lie in any half-open window of this length.
pub(crate) fn most_in_any_window(mut stamps: Vec<BootNs>, length: u64) -> usize {
    stamps.sort_unstable();
    let ends = stamps.iter().map(|start| stamps.partition_point(|stamp| *stamp < start + length));
    ends.enumerate().map(|(start, end)| end - start).max().unwrap_or(0)
}
