//! See `ANSWER` in `agent/src/fuzzing.rs`.
#![cfg_attr(fuzzing, no_main)]
fuzz::target!(ANSWER);
