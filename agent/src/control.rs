//! The control socket: HTTP/1.1 and JSON on a unix socket to which everybody may connect. It says who asks and what for;
//! whether they may is the loop's to decide, which knows who acts for an account.
//!
//! The server has a thread and a runtime of its own, so that its clients cannot keep the loop waiting, nor the loop them.

mod caller;
mod events;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod limits;
mod refusal;
mod routes;
mod server;
mod service;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use nix::sys::socket::{Backlog, listen};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::{broadcast, mpsc, oneshot},
};

use crate::api::{Answer, Problem, Request};
pub(crate) use caller::Caller;

/// A request, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) request: Request,
    /// For how long it waits for the kernel's confirmation; none: as long as is usual.
    pub(crate) patience: Option<Duration>,
    pub(crate) reply: oneshot::Sender<Result<Answer, Problem>>,
}

/// Lines of JSON, one an event, for whoever watches.
pub(crate) type Events = broadcast::Sender<Arc<str>>;

/// The server. Dropping it ends every connection and removes the socket.
#[derive(Debug)]
pub(crate) struct Control {
    calls: mpsc::Receiver<Call>,
    _socket: Socket,
    /// Dropped to tell the server to end.
    running: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Control {
    /// How many requests may wait for the loop; more wait in their connections.
    const WAITING: usize = 64;

    /// Listens at `socket`.
    pub(crate) fn open(socket: &Path, events: Events) -> Result<Self> {
        let (listener, socket) = Socket::listen(socket)?;
        let (calling, calls) = mpsc::channel(Self::WAITING);
        let (running, told_to_end) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(server::NAME_LOOKUPS)
            .build()
            .context("cannot start the control server")?;
        let listener = {
            let _entered = runtime.enter();
            // SAFETY: the listener is one open descriptor for as long as the AsyncFd holds it.
            unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }
                .context("cannot wait for connections")?
        };
        let serve = move || {
            runtime.block_on(server::serve(listener, service::Service::new(calling, events), told_to_end));
            // A look-up of a name may hang for as long as the host's directory service does.
            runtime.shutdown_background();
        };
        let server = thread::Builder::new()
            .name("control".to_owned())
            .spawn(serve)
            .context("cannot start the control server's thread")?;
        Ok(Self { calls, _socket: socket, running: Some(running), server: Some(server) })
    }

    /// The next request; none if the server has ended. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Call> {
        self.calls.recv().await
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.running.take());
        if let Some(Err(_)) = self.server.take().map(JoinHandle::join) {
            log::error!("the control server ended by a fault of its own");
        }
    }
}

/// The socket's file.
#[derive(Debug)]
struct Socket {
    path: PathBuf,
    /// Device and inode: a file that somebody else has put in its place is not ours to remove.
    id: (u64, u64),
}

impl Socket {
    fn listen(path: &Path) -> Result<(UnixListener, Self)> {
        clear(path)?;
        let listener =
            UnixListener::bind(path).with_context(|| format!("cannot listen at {}", path.display()))?;
        let id = Self::id(path).with_context(|| format!("cannot look at {}", path.display()))?;
        let socket = Self { path: path.to_owned(), id };
        listen(&listener, Backlog::new(server::QUEUE)?).context("cannot shorten the queue of connections")?;
        listener.set_nonblocking(true).context("cannot wait for connections")?;
        // Everybody may ask; an account's own processes ask why they wait.
        fs::set_permissions(path, fs::Permissions::from_mode(0o666))
            .with_context(|| format!("cannot open {} to everybody", path.display()))?;
        Ok((listener, socket))
    }

    fn id(path: &Path) -> io::Result<(u64, u64)> {
        let metadata = fs::symlink_metadata(path)?;
        Ok((metadata.dev(), metadata.ino()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if Self::id(&self.path).is_ok_and(|id| id == self.id)
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Makes room for a socket: one at which nobody listens any more is removed.
pub(crate) fn clear(path: &Path) -> Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {}", path.display())),
    };
    if !metadata.file_type().is_socket() {
        bail!("cannot listen at {}: it is there and is no socket; move it away", path.display());
    }
    match UnixStream::connect(path) {
        Ok(_) => bail!("another daemon answers at {}: stop that one first", path.display()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .with_context(|| format!("cannot remove {}, at which nobody listens any more", path.display())),
        Err(error) => {
            Err(error).with_context(|| format!("cannot tell whether a daemon answers at {}", path.display()))
        }
    }
}
