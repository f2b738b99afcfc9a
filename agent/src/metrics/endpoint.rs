//! Where Prometheus asks, and a person with a browser: `/metrics`, `/healthz`, `/readyz` and the page over HTTP, on a thread of its own, so that neither the loop waits
//! for who asks nor who asks for the loop.

use std::{collections::VecDeque, io, net::SocketAddr, str::FromStr, sync::Arc, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::Metrics;
use crate::page;

/// Connections at once: any user of the host can make some, and each takes a descriptor that the daemon may need.
const CONNECTIONS: usize = 16;
/// How long one may take, from the first byte to the last.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before an address that is in use is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Where to serve metrics.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "metrics-arguments")]
pub(crate) struct Arguments {
    /// Serve metrics and health for Prometheus, and a page to look at, on this address and port, or `off`.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9479")]
    metrics: Listen,
    /// Serve metrics on an address that other hosts reach, too: they see the names of accounts, and nobody is asked who they are. The page
    /// is not served there.
    #[arg(long)]
    metrics_public: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Listen {
    Off,
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            text => {
                text.parse().map(Self::At).map_err(|_| "want ADDRESS:PORT such as 127.0.0.1:9479, or off")
            }
        }
    }
}

/// Serves metrics until it is dropped.
pub(crate) struct Endpoint {
    /// Its end is what tells the thread.
    _stop: oneshot::Sender<()>,
}

impl Endpoint {
    /// Begins to serve; none if that is off. A port that is in use is said and tried again: it must not keep the daemon from
    /// watching.
    ///
    /// # Errors
    /// An address that other hosts reach, unless that is allowed; a thread that cannot be started.
    pub(crate) fn open(arguments: &Arguments, metrics: Arc<Metrics>) -> Result<Option<Self>> {
        let Listen::At(address) = arguments.metrics else { return Ok(None) };
        let is_local = address.ip().to_canonical().is_loopback();
        ensure!(
            arguments.metrics_public || is_local,
            "metrics would be served on {address}, which other hosts reach: use an address such as \
             127.0.0.1:{}, or allow it with --metrics-public",
            address.port()
        );
        let (stop, mut stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = &mut stopped => {}
                        () = serve(address, router(metrics, is_local)) => {}
                    }
                });
            })
            .context("cannot start the thread that serves metrics")?;
        Ok(Some(Self { _stop: stop }))
    }
}

/// The page is for the host itself.
fn router(metrics: Arc<Metrics>, is_local: bool) -> Router {
    let page = is_local.then(|| page::router(Arc::clone(&metrics)));
    Router::new()
        .route("/metrics", get(async |State(metrics): State<Arc<Metrics>>| scrape(&metrics)))
        .route("/healthz", get(async |State(metrics): State<Arc<Metrics>>| verdict(metrics.healthy())))
        .route("/readyz", get(async |State(metrics): State<Arc<Metrics>>| verdict(metrics.ready())))
        .with_state(metrics)
        .merge(page.unwrap_or_default())
}

fn scrape(metrics: &Metrics) -> Response {
    match metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn verdict(verdict: Result<(), String>) -> Response {
    match verdict {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn serve(address: SocketAddr, router: Router) {
    let listener = listen(address).await;
    let mut served: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                served.retain(|connection| !connection.is_finished());
                // Whoever holds many must not keep the next one waiting: the oldest makes room.
                if served.len() >= CONNECTIONS
                    && let Some(oldest) = served.pop_front()
                {
                    oldest.abort();
                }
                served.push_back(tokio::spawn(answer(stream, router.clone())).abort_handle());
            }
            Err(error) => {
                log::warn!("cannot accept a connection for metrics on {address}: {error}; trying again");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Listens, as soon as that is possible.
async fn listen(address: SocketAddr) -> TcpListener {
    let mut said = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => {
                if said {
                    log::warn!("metrics are served on {address} now");
                }
                return listener;
            }
            Err(error) if !said => {
                said = true;
                log::error!("{}", cannot_listen(address, &error));
            }
            Err(_) => {}
        }
        sleep(AGAIN).await;
    }
}

pub(super) fn cannot_listen(address: SocketAddr, error: &io::Error) -> String {
    let help = match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("; another program has port {}: end it, or choose one with --metrics", address.port())
        }
        _ => String::new(),
    };
    format!("cannot serve metrics on {address}: {error}{help}. Watching goes on, and it is tried again")
}

/// Answers one request; whoever sends half of one is cut off.
async fn answer(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let _ = timeout(PATIENCE, connection).await; // who asked has gone, or was too slow
}
