//! Where calls are stopped after the fact.

use anyhow::Result;
use tests::Tier;

#[test]
fn it_lets_pass_what_it_says() -> Result<()> {
    super::all(Tier::Tracepoint)
}
