//! The events as they come, one JSON object a line.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use serde_json::json;
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    oneshot,
};

/// How many may watch at once. A watcher's connection has no end: without a limit, they would leave none for whoever must let
/// go of something.
const WATCHERS: usize = 16;

/// Whoever watches, the longest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Watchers(Arc<Mutex<VecDeque<oneshot::Sender<()>>>>);

impl Watchers {
    /// One more; if there are too many, the one who has watched longest is cut. What is returned tells when that is.
    fn admit(&self) -> oneshot::Receiver<()> {
        let (watches, cut) = oneshot::channel();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|watcher| !watcher.is_closed());
        if all.len() >= WATCHERS {
            all.pop_front();
        }
        all.push_back(watches);
        cut
    }
}

/// An answer that goes on for as long as there are events. A reader who falls behind is told how many it missed, and cut:
/// going on would hide a gap in the middle.
pub(super) fn stream(events: Receiver<Arc<str>>, watchers: &Watchers) -> Response {
    let cut = watchers.admit();
    let lines = stream::unfold(Some((events, cut)), |watched| async {
        let (mut events, mut cut) = watched?;
        let last =
            |missed: u64| Some((line_of(&json!({ "event": "cut", "missed": missed }).to_string()), None));
        tokio::select! {
            _ = &mut cut => last(0),
            event = events.recv() => match event {
                Ok(line) => Some((line_of(&line), Some((events, cut)))),
                Err(RecvError::Lagged(missed)) => last(missed),
                Err(RecvError::Closed) => None,
            }
        }
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

fn line_of(text: &str) -> Result<Bytes, Infallible> {
    Ok(Bytes::from(format!("{text}\n")))
}
