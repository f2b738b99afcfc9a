//! The events as they come, one JSON object a line.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// An answer that goes on for as long as there are events. A reader who falls behind is told how many it missed, and cut:
/// going on would hide a gap in the middle.
pub(super) fn stream(events: Receiver<Arc<str>>) -> Response {
    let lines = stream::unfold(Some(events), |events| async {
        let mut events = events?;
        match events.recv().await {
            Ok(line) => Some((line_of(&line), Some(events))),
            Err(RecvError::Lagged(missed)) => {
                Some((line_of(&json!({ "event": "cut", "missed": missed }).to_string()), None))
            }
            Err(RecvError::Closed) => None,
        }
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

fn line_of(text: &str) -> Result<Bytes, Infallible> {
    Ok(Bytes::from(format!("{text}\n")))
}
