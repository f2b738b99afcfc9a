//! Somebody who does not act for the account is asked to act.

use agent_common::wire::record::verb;
use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use super::enter;
use crate::{call::Call, identity::way, lineage, path::PathArg, read};

/// By a socket with a path.
#[tracepoint]
pub fn connect(ctx: TracePointContext) -> u32 {
    if lineage::current().is_none() {
        return 0;
    }
    let [_, address, length, ..] = read::arguments(&ctx);
    match way::of_address(address, length) {
        0 => 0,
        number => enter(&ctx, |_| Call::one(verb::ASK, PathArg::way(number))),
    }
}
