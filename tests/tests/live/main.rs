//! The real binary on the running kernel, against what is true on disk. Needs root, and runs one test at a time:
//! `cargo test -p tests -- --test-threads=1`, since each test loads the kernel programs, which judge the whole host.

mod approve;
mod bad_input;
mod budget;
mod busy;
mod check;
mod commands;
mod cost;
mod deny;
mod directories;
mod ending;
mod except;
mod freezing;
mod held;
mod hold;
mod holding;
mod limits;
mod lineage;
mod maps;
mod metrics;
mod off;
mod pins;
mod recreate;
mod reloading;
mod removal;
mod rename;
mod restart;
mod rights;
mod scratch;
mod starting;
mod stop;
mod survival;
mod trees;
mod truncate;
mod truth;
mod verify;
