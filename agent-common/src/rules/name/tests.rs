use super::*;

mod laundering;
mod life;
mod table;
mod world;

/// How long the tests remember.
const HORIZON: Horizon = Horizon { near: 10, far: 20 };
