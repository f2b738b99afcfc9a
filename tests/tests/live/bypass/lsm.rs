//! In the tier lsm.

use anyhow::Result;
use tests::Tier;

use super::row::By;
use super::{are_true, table};

#[test]
fn as_a_user() -> Result<()> {
    are_true(Tier::Lsm, &table(By::User))
}

#[test]
fn through_sudo() -> Result<()> {
    are_true(Tier::Lsm, &table(By::Sudo))
}
