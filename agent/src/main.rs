//! Placeholder.
#![cfg_attr(not(test), expect(dead_code, reason = "nothing calls the modules yet"))]
#![expect(unused_imports, reason = "nothing calls the modules yet")]

mod policy;
mod sensor;

fn main() {}
