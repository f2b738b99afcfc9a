//! Placeholder.
#![cfg_attr(not(test), expect(dead_code, reason = "nothing calls the modules yet"))]

mod sensor;

fn main() {}
