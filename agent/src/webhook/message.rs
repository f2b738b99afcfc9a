//! What is sent of an event.

use jiff::{Timestamp, Unit};
use rustix::{
    rand::{GetRandomFlags, getrandom},
    system::uname,
};
use serde_json::json;

use crate::report::Event;

/// A message, as it is sent each time that it is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// When it happened.
    pub(super) at: Timestamp,
    /// By which a receiver tells one that it has seen already.
    pub(super) id: String,
    /// JSON.
    pub(super) body: String,
}

impl Message {
    /// Of something that has just happened.
    pub(super) fn of(event: &Event) -> Self {
        let now = Timestamp::now();
        let at = now.round(Unit::Millisecond).unwrap_or(now);
        let id = id();
        let body = json!({
            "id": id,
            "time": at,
            "host": uname().nodename().to_string_lossy(),
            "version": env!("CARGO_PKG_VERSION"),
            "text": event.to_string(),
            "event": event,
        });
        Self { at, id, body: body.to_string() }
    }
}

/// 128 bits of chance. No daemon runs so early that there is none yet; then the receiver sees zeros.
fn id() -> String {
    let mut bytes = [0_u8; 16];
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    format!("{:032x}", u128::from_be_bytes(bytes))
}
