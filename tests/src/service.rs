//! Somebody else who does what is asked of him by a socket, as a container runtime does.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result};

/// It listens for as long as the tests run: its thread ends with them.
pub struct Service {
    asked: Arc<AtomicUsize>,
}

impl Service {
    /// Behind a new socket, which anybody may connect to.
    pub fn at(path: &Path) -> Result<Self> {
        let listener =
            UnixListener::bind(path).with_context(|| format!("cannot listen at {}", path.display()))?;
        fs::set_permissions(path, Permissions::from_mode(0o777))?;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for mut asker in listener.incoming().flatten() {
                let mut wish = [0];
                // Whoever connects and is not let go on has asked for nothing.
                if asker.read_exact(&mut wish).is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                    let _ = asker.write_all(b"done\n"); // the asker may be gone
                }
            }
        });
        Ok(Self { asked })
    }

    /// How often it has done something.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
