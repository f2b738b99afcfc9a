//! What is stated of requests over the control socket, whatever their bytes.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request as HttpRequest, Response, header},
};
use hyper::{
    rt::{Read, ReadBufCursor, Write},
    service::{Service as _, service_fn},
};
use hyper_util::service::TowerToHyperService;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{
    runtime::Runtime,
    sync::{broadcast, mpsc},
    time::Instant,
};

use super::{
    Call, Caller, Events,
    caller::Unknown,
    limits::Limits,
    routes, server,
    service::{Peer, Service},
};
use crate::api::{
    Answer, ApproveBody, Code, DrillBody, FreezeBody, LONGEST_WAIT, LeaseBody, OffBody, Problem, ReasonBody,
    ReloadBody, Request, Scope,
};

/// The longest time that anything can be asked for.
const LONGEST: Duration = Duration::from_hours(30 * 24);
/// An answer is no longer: the description of all that can be asked.
const ANSWER: usize = 1 << 20;

/// A server without a socket, and a loop that answers; one a thread, since making it takes long.
struct Stage {
    runtime: Runtime,
    router: Router,
    calls: mpsc::Receiver<Call>,
    _events: Events,
}

thread_local! {
    static STAGE: RefCell<Stage> = RefCell::new(Stage::open());
}

impl Stage {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (calling, calls) = mpsc::channel(super::Control::WAITING);
        let (events, _) = broadcast::channel(1);
        let router = Service::new(calling, events.clone()).bare();
        Self { runtime, router, calls, _events: events }
    }

    /// What comes of `asking`; each request that reaches the loop is one that it may get, and is answered.
    fn run<T>(&mut self, asking: impl Future<Output = T>) -> T {
        let Self { runtime, calls, .. } = self;
        runtime.block_on(async {
            let answering = async {
                while let Some(call) = calls.recv().await {
                    assert!(call.patience.is_none_or(|patience| patience <= LONGEST_WAIT));
                    let answer = answer(&call.request);
                    let _ = call.reply.send(answer);
                }
                unreachable!("the service holds the other end")
            };
            tokio::select! { done = asking => done, never = answering => never }
        })
    }
}

/// The same each time; and what holds for every request that the loop gets.
fn answer(request: &Request) -> Result<Answer, Problem> {
    let within = |span: Duration| assert!(!span.is_zero() && span <= LONGEST, "{request:?}");
    match request {
        Request::Approve { scope, .. } => {
            let Scope { once, until, trees, budget } = scope;
            until.iter().copied().for_each(within);
            assert!(!once || (until.is_none() && trees.is_empty() && budget.is_none()), "{request:?}");
            assert!(budget.iter().all(|budget| budget.check().is_ok()));
        }
        Request::Lease { trees, budget, until, .. } => {
            within(*until);
            assert!(!trees.is_empty() && budget.iter().all(|budget| budget.check().is_ok()));
        }
        Request::Freeze { until, .. } | Request::Off { until, .. } => until.iter().copied().for_each(within),
        _ => {}
    }
    if let Some(reason) = reason(request) {
        let text = reason.as_str();
        assert!((1..=500).contains(&text.len()) && text.trim() == text, "{text:?}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    match request {
        Request::Accounts => Ok(Answer::Accounts(Vec::new())),
        Request::Incidents(_) => Ok(Answer::Incidents(Vec::new())),
        Request::Leases => Ok(Answer::Leases(Vec::new())),
        _ => Err(Problem::new(Code::NotFound, "there is nothing here")),
    }
}

fn reason(request: &Request) -> Option<&crate::api::Reason> {
    match request {
        Request::Freeze { reason, .. }
        | Request::Approve { reason, .. }
        | Request::Lease { reason, .. }
        | Request::Revoke { reason, .. }
        | Request::Deny { reason, .. }
        | Request::Thaw { reason, .. }
        | Request::Kill { reason, .. }
        | Request::Reload { reason, .. }
        | Request::Drill { reason, .. }
        | Request::EndDrill { reason }
        | Request::Off { reason, .. }
        | Request::On { reason } => Some(reason),
        _ => None,
    }
}

/// Somebody who has asked nothing yet.
fn peer() -> Peer {
    let caller = Caller::unwatched();
    let admitted =
        Limits::default().admit(caller.uid, Instant::now().into_std()).expect("the first connection");
    Peer::new(Ok::<_, Unknown>(caller), admitted)
}

/// Whatever is asked is answered: as it was wished, or with a problem whose status is that of its code; and a body that is understood is the
/// same when it is written and read again.
pub(crate) fn request(bytes: &[u8]) {
    let Some((request, body)) = parsed(bytes) else { return };
    same_again::<ApproveBody>(body);
    same_again::<LeaseBody>(body);
    same_again::<FreezeBody>(body);
    same_again::<OffBody>(body);
    same_again::<ReloadBody>(body);
    same_again::<DrillBody>(body);
    same_again::<ReasonBody>(body);
    STAGE.with_borrow_mut(|stage| {
        let router = TowerToHyperService::new(stage.router.clone());
        let mut request = request.map(|()| Body::from(body.to_vec()));
        request.extensions_mut().insert(peer());
        let (status, body) = stage.run(async {
            let response = router.call(request).await.unwrap_or_else(|never| match never {});
            let (parts, body) = response.into_parts();
            (parts.status, to_bytes(body, ANSWER).await.expect("all of an answer"))
        });
        if status.is_success() {
            serde_json::from_slice::<serde::de::IgnoredAny>(&body).expect("JSON");
        } else {
            let problem: Problem = serde_json::from_slice(&body)
                .unwrap_or_else(|error| panic!("{status}: {error}: {}", String::from_utf8_lossy(&body)));
            // Those are told by HTTP itself besides.
            let is_of_http = matches!(status.as_u16(), 405 | 408 | 413 | 415 | 422);
            assert!(is_of_http || status.as_u16() == problem.code.http_status(), "{status}: {problem:?}");
            assert!(!problem.message.is_empty());
        }
    });
}

/// Every path and every key, as they are described to whoever asks.
pub(crate) fn words() -> Vec<String> {
    fn add(value: &Value, words: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                let named = ["paths", "properties"].iter().filter_map(|key| map.get(*key)?.as_object());
                words.extend(named.flat_map(|named| named.keys().cloned()));
                map.values().for_each(|value| add(value, words));
            }
            Value::Array(list) => list.iter().for_each(|value| add(value, words)),
            _ => {}
        }
    }
    let mut words = BTreeSet::from(["POST ", "GET ", "\r\n\r\n", "prefer: wait="].map(str::to_owned));
    let described = serde_json::to_value(routes::documented().into_openapi()).expect("JSON");
    add(&described, &mut words);
    words.into_iter().collect()
}

/// `METHOD PATH`, lines of headers, an empty line, the body.
fn parsed(bytes: &[u8]) -> Option<(HttpRequest<()>, &[u8])> {
    let (first, mut rest) = crate::fuzzing::line(bytes);
    let (method, path) = std::str::from_utf8(first).ok()?.split_once(' ')?;
    let mut request = HttpRequest::builder().method(method).uri(path);
    let mut has_type = false;
    loop {
        let (line, after) = crate::fuzzing::line(rest);
        rest = after;
        let Some(at) = line.iter().position(|byte| *byte == b':') else { break };
        has_type |= line[..at].eq_ignore_ascii_case(b"content-type");
        request = request.header(&line[..at], line[at + 1..].trim_ascii());
    }
    if !has_type {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    Some((request.body(()).ok()?, rest))
}

fn same_again<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(body: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(body) else { return };
    let written = serde_json::to_vec(&read).expect("JSON");
    assert_eq!(serde_json::from_slice::<T>(&written).expect("what was written"), read);
}

/// Whatever comes over a connection, it ends when the other end does, and all that was said before is an answer of HTTP/1.1.
pub(crate) fn connection(bytes: &[u8]) {
    STAGE.with_borrow_mut(|stage| {
        let router = TowerToHyperService::new(stage.router.clone());
        let peer = peer();
        let service = service_fn(move |mut request: HttpRequest<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let answering = router.call(request);
            async move { answering.await as Result<Response<Body>, _> }
        });
        let mut said = Vec::new();
        let wire = Wire { heard: bytes, said: &mut said };
        // How it ended is the other end's business.
        let _ = stage.run(async { server::http().serve_connection(wire, service).await });
        assert!(said.is_empty() || said.starts_with(b"HTTP/1."), "{:?}", String::from_utf8_lossy(&said));
    });
}

/// A connection whose other end says all at once, and hangs up.
struct Wire<'a> {
    heard: &'a [u8],
    said: &'a mut Vec<u8>,
}

impl Read for Wire<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let (now, later) = self.heard.split_at(into.remaining().min(self.heard.len()));
        into.put_slice(now);
        self.heard = later;
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().said.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
