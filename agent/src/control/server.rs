//! Connections: who gets one, and how long it lasts.

use std::{
    io::{self, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    sync::Arc,
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::unix::AsyncFd,
    sync::{Semaphore, oneshot},
    task::{spawn_blocking, yield_now},
    time::{Instant, sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;

use super::{
    caller::{Caller, Unknown},
    limits::{Admitted, Limits},
    service::{Peer, Service},
};

/// From the first byte waited for to the end of a header: an idle connection ends after so long too.
const HEADER: Duration = Duration::from_secs(5);
/// How long a client may take to read what was sent before more is.
const READING: Duration = Duration::from_secs(30);
/// How many connections too many are heard before they are refused, and for how long.
const REFUSING: usize = 32;
const HEARING: Duration = Duration::from_secs(1);
/// How many connections are taken before those that are served have their turn.
const AT_ONCE: usize = 32;
/// How many connections wait to be taken. All wait in one queue, root's behind those of a crowd: it must be short.
pub(super) const QUEUE: i32 = 128;
/// A header has no business being longer.
const HEADER_BYTES: usize = 16 * 1024;
/// How many names are looked up at once, and how long that may take: the host's directory service may be slow or down.
pub(super) const NAME_LOOKUPS: usize = 4;
const NAME: Duration = Duration::from_millis(500);

/// Serves until `told_to_end`.
pub(super) async fn serve(
    listener: AsyncFd<UnixListener>,
    service: Service,
    told_to_end: oneshot::Receiver<()>,
) {
    let door = Door { limits: Limits::default(), service, refusing: Arc::new(Semaphore::new(REFUSING)) };
    let accept = async {
        loop {
            if let Err(error) = door.accept(&listener).await {
                log::warn!("cannot take a connection to the control socket: {error}");
                sleep(Duration::from_millis(100)).await; // whatever was short comes back, or not
            }
            // Those who are served already have their turn.
            yield_now().await;
        }
    };
    tokio::select! {
        _ = told_to_end => {}
        () = accept => {}
    }
}

/// Where connections come in.
struct Door {
    limits: Limits,
    service: Service,
    refusing: Arc<Semaphore>,
}

impl Door {
    /// Takes some of the connections that wait.
    async fn accept(&self, listener: &AsyncFd<UnixListener>) -> io::Result<()> {
        let mut ready = listener.readable().await?;
        for _ in 0..AT_ONCE {
            match listener.get_ref().accept() {
                Ok((stream, _)) => self.take(stream)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready.clear_ready();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(&self, stream: UnixStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        match self.limits.admit(Caller::uid(&stream)?, Instant::now().into_std()) {
            Some(admitted) => {
                let stream = tokio::net::UnixStream::from_std(stream)?;
                tokio::spawn(connection(stream, admitted, self.service.clone()));
                Ok(())
            }
            None => self.refuse(stream),
        }
    }

    /// Hears what is asked, so that the client is not broken off while it still writes, and refuses it; but in a storm at
    /// once and with little work: those who wait in the queue behind it may be in a hurry.
    fn refuse(&self, stream: UnixStream) -> io::Result<()> {
        let service = self.service.clone();
        match Arc::clone(&self.refusing).try_acquire_owned() {
            Ok(refusing) => {
                let stream = tokio::net::UnixStream::from_std(stream)?;
                tokio::spawn(async move {
                    let _ = timeout(HEARING, stream.readable()).await; // refused in any case
                    let _ = stream.try_write(service.too_many());
                    drop(refusing);
                });
            }
            // The client's buffer is empty, and takes it.
            Err(_) => drop((&stream).write(service.too_many())),
        }
        Ok(())
    }
}

async fn connection(stream: tokio::net::UnixStream, admitted: Admitted, service: Service) {
    let caller = match Caller::of(&stream) {
        Ok(caller) => Ok(named(caller).await),
        Err(unknown) => Err(unknown),
    };
    if let Err(Unknown::Kernel(error)) = &caller {
        log::warn!("cannot tell who has connected to the control socket: {error}");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(READING));
    let served = http()
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(service.to(Peer::new(caller, admitted))),
        )
        .await;
    if let Err(error) = served {
        log::debug!("a connection to the control socket ended early: {error}");
    }
}

/// What is spoken on a connection.
pub(super) fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER).max_buf_size(HEADER_BYTES);
    http
}

/// With the user's name if it is found in time: it is for people, nothing is decided by it.
async fn named(caller: Caller) -> Caller {
    let unnamed = caller.clone();
    match timeout(NAME, spawn_blocking(|| caller.named())).await {
        Ok(Ok(named)) => named,
        Ok(Err(_)) | Err(_) => unnamed,
    }
}
