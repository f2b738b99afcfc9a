//! The real binary on the running kernel, against what is true on disk. Needs root, and runs one test at a time:
//! `cargo test -p tests -- --test-threads=1`, since each test loads the kernel programs, which judge the whole host.

mod bad_input;
mod budget;
mod busy;
mod check;
mod commands;
mod ending;
mod freezing;
mod limits;
mod lineage;
mod maps;
mod metrics;
mod off;
mod recreate;
mod reloading;
mod removal;
mod rename;
mod restart;
mod rights;
mod scratch;
mod starting;
mod stop;
mod trees;
mod truncate;
