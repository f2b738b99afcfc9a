//! What holds for every request, and how it reaches the loop.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request as HttpRequest, State},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};
use utoipa::openapi::OpenApi;

use super::{
    Call, Caller, Events, caller::Unknown, events::Watchers, limits::Admitted, refusal::Refusal, routes,
};
use crate::api::{Answer, Code, LONGEST_WAIT, PREFER, Problem, Request};

/// The longest body.
const BODY: usize = 64 * 1024;
/// How long a request may take, its body and its answer included.
const WHOLE: Duration = Duration::from_secs(30);
/// Whoever asks too often waits before hearing so; else asking again at once would keep us busy saying it.
const TOO_OFTEN: Duration = Duration::from_millis(200);

/// What answers.
#[derive(Clone)]
pub(super) struct Service {
    router: Router,
    too_many: Arc<[u8]>,
}

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Shared {
    calls: mpsc::Sender<Call>,
    pub(super) events: Events,
    pub(super) watchers: Watchers,
    pub(super) openapi: Arc<OpenApi>,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    caller: Arc<Result<Caller, Unknown>>,
    admitted: Arc<Admitted>,
}

impl Service {
    pub(super) fn new(calls: mpsc::Sender<Call>, events: Events) -> Self {
        let (router, openapi) = routes::documented().split_for_parts();
        let shared = Shared { calls, events, watchers: Watchers::default(), openapi: Arc::new(openapi) };
        let router = router
            .fallback(no_such_path)
            .method_not_allowed_fallback(no_such_method)
            .layer(middleware::from_fn(guard))
            .layer(DefaultBodyLimit::max(BODY))
            .with_state(shared);
        Self { router, too_many: too_many().into_bytes().into() }
    }

    /// The whole answer to a connection too many.
    pub(super) fn too_many(&self) -> &[u8] {
        &self.too_many
    }

    /// For every connection, whose requests say themselves who asks.
    #[cfg(any(fuzzing, test))]
    pub(super) fn bare(self) -> Router {
        self.router
    }

    /// For one connection.
    pub(super) fn to(self, peer: Peer) -> Router {
        self.router.layer(Extension(peer))
    }
}

fn too_many() -> String {
    let problem = Problem::new(Code::TooMuch, "too many connections to the daemon at once");
    let body = serde_json::to_string(&problem.help("close some, or ask again later")).unwrap_or_default();
    format!(
        "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        StatusCode::TOO_MANY_REQUESTS,
        body.len()
    )
}

impl Peer {
    pub(super) fn new(caller: Result<Caller, Unknown>, admitted: Admitted) -> Self {
        Self { caller: Arc::new(caller), admitted: Arc::new(admitted) }
    }

    /// Who asks, if it can still be told.
    fn caller(&self) -> Result<Caller, Problem> {
        let not_allowed = |unknown: &Unknown| Problem::new(Code::NotAllowed, unknown.to_string());
        match &*self.caller {
            Ok(caller) if caller.is_there() => Ok(caller.clone()),
            Ok(_) => Err(not_allowed(&Unknown::Gone)),
            Err(unknown) => Err(not_allowed(unknown)),
        }
    }
}

/// What holds for every request.
async fn guard(
    Extension(peer): Extension<Peer>,
    request: HttpRequest,
    next: Next,
) -> Result<Response, Refusal> {
    if !peer.admitted.request(Instant::now().into_std()) {
        sleep(TOO_OFTEN).await;
        let problem = Problem::new(Code::TooMuch, "too many requests of one user");
        return Err(Refusal::from(problem.help("at most 50 a second")).last());
    }
    peer.caller()?;
    let whole = WHOLE + patience(request.headers())?.unwrap_or_default();
    timeout(whole, next.run(request)).await.map_err(|_| {
        let problem =
            Problem::new(Code::Failed, format!("the request took longer than {} s", whole.as_secs()));
        Refusal::new(StatusCode::REQUEST_TIMEOUT, problem).last()
    })
}

/// For how long the asker says that it waits; other preferences are none of ours.
fn patience(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let preferences = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut waits = preferences.flat_map(|value| value.split([',', ';'])).filter_map(|one| {
        let (name, value) = one.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').to_owned())
    });
    let wait = waits.next().map(|wait| match wait.parse().map(Duration::from_secs) {
        Ok(wait) if wait <= LONGEST_WAIT => Ok(wait),
        _ => Err(Problem::new(
            Code::Invalid,
            format!("prefer: wait is {wait:?}: want 0 to {} (seconds)", LONGEST_WAIT.as_secs()),
        )),
    });
    wait.transpose()
}

pub(super) async fn no_query(request: HttpRequest, next: Next) -> Result<Response, Refusal> {
    match request.uri().query() {
        None | Some("") => Ok(next.run(request).await),
        Some(query) => {
            let problem = format!("{} takes no query, and has {query:?}", request.uri().path());
            Err(Problem::new(Code::Invalid, problem).into())
        }
    }
}

async fn no_such_path(request: HttpRequest) -> Refusal {
    Problem::new(Code::NotFound, format!("there is no {}", request.uri().path()))
        .help("GET /v1/openapi.json says what there is")
        .into()
}

async fn no_such_method(request: HttpRequest) -> Refusal {
    let problem = format!("{} is not for {}", request.uri().path(), request.method());
    let problem = Problem::new(Code::Invalid, problem).help("GET /v1/openapi.json says what it is for");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, problem)
}

/// Who asks, and the way to the loop.
#[derive(FromRequestParts)]
#[from_request(state(Shared))]
pub(super) struct Asking {
    #[from_request(via(State))]
    pub(super) shared: Shared,
    #[from_request(via(Extension))]
    peer: Peer,
    headers: HeaderMap,
}

/// A body of JSON.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(Refusal))]
pub(super) struct Body<T>(pub(super) T);

/// What the path names.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refusal))]
pub(super) struct Path<T>(pub(super) T);

/// What the query says.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refusal))]
pub(super) struct Query<T>(pub(super) T);

pub(super) type Answered = Result<Response, Refusal>;

impl Asking {
    /// Asks the loop.
    pub(super) async fn ask(&self, request: Request) -> Result<Answer, Refusal> {
        let ending = || Problem::new(Code::Failed, "the daemon is ending");
        let (reply, answer) = oneshot::channel();
        let call = Call { caller: self.peer.caller()?, request, patience: patience(&self.headers)?, reply };
        self.shared.calls.send(call).await.map_err(|_| ending())?;
        Ok(answer.await.map_err(|_| ending())??)
    }

    /// Asks the loop and passes on what it says.
    pub(super) async fn answer(&self, request: Request) -> Answered {
        Ok(Json(self.ask(request).await?).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(values: &[&'static str]) -> Result<Option<Duration>, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, value.parse().expect("a header"));
        }
        patience(&headers).map_err(|problem| problem.code)
    }

    #[test]
    fn who_asks_may_say_how_long_it_waits() {
        let wait = |seconds| Ok(Some(Duration::from_secs(seconds)));
        assert_eq!(said(&[]), Ok(None));
        assert_eq!(said(&["respond-async, wait=100", "handling=lenient"]), wait(100));
        assert_eq!(said(&["wait=5, wait=6"]), wait(5)); // the first counts
        assert_eq!(said(&["Wait = \"600\""]), wait(600));
        for nonsense in ["wait=601", "wait=-1", "wait=", "wait=soon"] {
            assert_eq!(said(&[nonsense]), Err(Code::Invalid), "{nonsense}");
        }
    }
}
