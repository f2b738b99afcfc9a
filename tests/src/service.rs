//! Somebody else who does what is asked of him, as a container runtime does behind a socket, or an ssh server at a port.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};

/// It listens for as long as the tests run: its thread ends with them.
#[derive(Clone, Default)]
pub struct Service {
    asked: Arc<AtomicUsize>,
}

impl Service {
    /// Behind a new socket, which anybody may connect to.
    pub fn at(path: &Path) -> Result<Self> {
        let listener = listen(path)?;
        let service = Self::default();
        let own = service.clone();
        thread::spawn(move || listener.incoming().flatten().for_each(|asker| own.serve(asker)));
        Ok(service)
    }

    /// At a port of the loopback address, and which.
    pub fn at_port() -> Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let service = Self::default();
        let own = service.clone();
        thread::spawn(move || listener.incoming().flatten().for_each(|asker| own.serve(asker)));
        Ok((service, address))
    }

    fn serve(&self, mut asker: impl Read + Write) {
        // Whoever connects and is not let go on has asked for nothing.
        if asker.read_exact(&mut [0]).is_ok() {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let _ = asker.write_all(b"done\n"); // the asker may be gone
        }
    }

    /// How often it has done something.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Somebody who hears what is sent to a socket, as a bus does, and answers nothing.
#[derive(Clone, Default)]
pub struct Bus {
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Bus {
    /// Behind a new socket, which anybody may connect to.
    pub fn at(path: &Path) -> Result<Self> {
        let listener = listen(path)?;
        let bus = Self::default();
        let own = bus.clone();
        thread::spawn(move || {
            for mut asker in listener.incoming().flatten() {
                let mut all = Vec::new();
                let _ = asker.read_to_end(&mut all); // what has come so far is what was heard
                own.heard.lock().unwrap_or_else(PoisonError::into_inner).extend(all);
            }
        });
        Ok(bus)
    }

    /// Whether this was among what it has heard so far.
    #[must_use]
    pub fn has_heard(&self, words: &str) -> bool {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.windows(words.len()).any(|part| part == words.as_bytes())
    }
}

fn listen(path: &Path) -> Result<UnixListener> {
    let listener =
        UnixListener::bind(path).with_context(|| format!("cannot listen at {}", path.display()))?;
    fs::set_permissions(path, Permissions::from_mode(0o777))?;
    Ok(listener)
}
