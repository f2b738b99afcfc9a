//! What each program here is: a target of the agent's, and libFuzzer around it.

#[cfg(fuzzing)]
pub use burstguard::fuzzing as targets;
#[cfg(fuzzing)]
pub use libfuzzer_sys;

/// Where a target writes the seeds and the words that it makes, before libFuzzer reads any.
pub const MADE: &str = "BURSTGUARD_FUZZ_MADE";

/// The program of a target. Without `--cfg fuzzing` it does nothing, so that it builds like any other.
#[macro_export]
macro_rules! target {
    ($target:ident) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(
            init: {
                if let Some(directory) = std::env::var_os($crate::MADE) {
                    $crate::targets::$target.prepare(directory.as_ref()).expect("seeds and words can be written");
                }
            },
            |bytes: &[u8]| ($crate::targets::$target.run)(bytes)
        );

        #[cfg(not(fuzzing))]
        fn main() {}
    };
}
