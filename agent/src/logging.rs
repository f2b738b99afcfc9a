//! Warnings, ours and the kernel programs', go to standard error.

use log::{LevelFilter, Log, Metadata, Record};

struct ToStderr;

impl Log for ToStderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{}: {}", record.level().as_str().to_ascii_lowercase(), record.args());
        }
    }

    fn flush(&self) {}
}

/// Makes [`log`] write to standard error.
pub(crate) fn start() {
    // Fails only if it was called before.
    let _ = log::set_logger(&ToStderr);
    log::set_max_level(LevelFilter::Warn);
}
