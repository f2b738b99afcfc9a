//! One request over the control socket.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, runtime::Runtime, time::timeout};

use super::failure::Failure;
use crate::api::{PREFER, Problem};

/// A little longer than the daemon takes to give up by itself.
const WHOLE: Duration = Duration::from_secs(35);
/// No answer is longer.
const LONGEST: usize = 64 << 20;

/// The daemon at the other end of a socket.
#[derive(Clone, Debug)]
pub(super) struct Daemon {
    socket: PathBuf,
    /// For how long to wait for the kernel's confirmation, if not as long as is usual.
    patience: Option<Duration>,
}

impl Daemon {
    pub(super) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), patience: None }
    }

    /// The same, for who waits so long.
    pub(super) fn patiently(&self, patience: Duration) -> Self {
        Self { socket: self.socket.clone(), patience: Some(patience) }
    }

    /// How long an answer may take.
    fn whole(&self) -> Duration {
        WHOLE + self.patience.unwrap_or_default()
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.answer(Method::GET, path, Bytes::new())
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::Answer(error.to_string()))?;
        self.answer(Method::POST, path, body.into()).map_err(|failure| match failure {
            // It was sent, and may have been done.
            Failure::Broken(why) | Failure::Late(why) => Failure::Unheard(why),
            failure => failure,
        })
    }

    /// Gives each line of an answer that goes on to `line`, until that is enough or the daemon ends. None that comes once it has
    /// `begun` is left out.
    pub(super) fn lines(
        &self,
        path: &str,
        begun: impl FnOnce(),
        mut line: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        runtime()?.block_on(async {
            let mut response = timeout(self.whole(), self.send(Method::GET, path, Bytes::new()))
                .await
                .map_err(|_| self.late())??;
            if !response.status().is_success() {
                return Err(problem(&whole(response).await?));
            }
            begun();
            let mut waiting = Vec::new();
            // An error is the end of the daemon too: it hangs up in the middle.
            while let Some(Ok(frame)) = response.frame().await {
                waiting.extend(frame.data_ref().into_iter().flatten());
                while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
                    let text: Vec<u8> = waiting.drain(..=end).collect();
                    line(String::from_utf8_lossy(&text).trim_end())?;
                }
            }
            Ok(())
        })
    }

    fn answer<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, Failure> {
        let (ok, body) = runtime()?.block_on(async {
            let asking = async {
                let response = self.send(method, path, body).await?;
                Ok::<_, Failure>((response.status().is_success(), whole(response).await?))
            };
            timeout(self.whole(), asking).await.map_err(|_| self.late())?
        })?;
        if ok {
            serde_json::from_slice(&body).map_err(|error| Failure::Answer(error.to_string()))
        } else {
            Err(problem(&body))
        }
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Failure> {
        // Blocks if too many wait to be taken, where a non-blocking one would fail.
        let stream = std::os::unix::net::UnixStream::connect(&self.socket)
            .map_err(|source| Failure::NoDaemon { socket: self.socket.clone(), source })?;
        stream.set_nonblocking(true)?;
        let stream = UnixStream::from_std(stream)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Ends with the connection; what goes wrong with it the request hears too.
        drop(tokio::spawn(connection));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(patience) = self.patience {
            request = request.header(PREFER, format!("wait={}", patience.as_secs()));
        }
        let request = request.body(Full::new(body)).map_err(|error| Failure::Answer(error.to_string()))?;
        sender.send_request(request).await.map_err(broken)
    }

    fn late(&self) -> Failure {
        Failure::Late(format!("none came within {} s", self.whole().as_secs()))
    }
}

pub(super) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, Failure> {
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    Ok(body.map_err(|error| Failure::Broken(error.to_string()))?.to_bytes())
}

pub(super) fn problem(body: &[u8]) -> Failure {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Failure::Problem(problem),
        Err(_) => Failure::Answer(String::from_utf8_lossy(body).chars().take(200).collect()),
    }
}

fn broken(error: hyper::Error) -> Failure {
    if error.is_canceled() {
        Failure::Ended // before it was sent
    } else if error.is_incomplete_message() {
        Failure::Broken("the daemon has ended".to_owned())
    } else {
        Failure::Broken(error.to_string())
    }
}
