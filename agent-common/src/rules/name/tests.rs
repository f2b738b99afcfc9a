use super::*;

mod laundering;
mod life;
mod table;
mod world;

/// How long the tests remember.
const HORIZON: u64 = 10;
