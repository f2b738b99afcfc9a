//! Many at once, and processes that are not what they were.

use super::row::{Row, Truth, each, row};

pub(super) const ROWS: &[Row] = &[
    at_once(320, "many threads", "exec {hand} threads 16 {count}"),
    at_once(60, "a fork storm", "for f in f*; do rm $f & done; wait"),
    row("a child for each", each!("fork-unlink {}")),
    row("from CPU to CPU", each!("next-cpu", "unlink {}")),
    row("the first thread ends first", "exec {hand} without-leader {count}"),
    row("exec from another thread", "exec {hand} exec-from-thread rm -- -f f*"),
];

const fn at_once(count: usize, name: &'static str, script: &'static str) -> Row {
    Row { count, tracepoint: Truth::StopsEach, ..row(name, script) }
}
