//! `burstguard watch`: events as they come.

use serde_json::{Map, Value};

use super::{
    Failure,
    session::Session,
    term::{bad, clean, head},
};

pub(super) fn run(session: &Session) -> Result<(), Failure> {
    session.daemon.lines(
        "/v1/events",
        || (),
        |line| {
            if session.json {
                return session.print(&format!("{line}\n"));
            }
            session.print(&format!("{}\n", text(line)))
        },
    )?;
    // The daemon goes on for as long as it runs.
    Err(Failure::Ended)
}

/// What an event is, and what it says. Which events there are is the daemon's business: one that is new is shown too.
pub(super) fn text(line: &str) -> String {
    let Ok(Value::Object(event)) = serde_json::from_str(line) else { return clean(line) };
    let name = event.get("event").and_then(Value::as_str).unwrap_or("event");
    let name = match name {
        "burst" | "stopped" | "held" | "denied" | "cut" => bad(clean(&name.to_uppercase())),
        _ => head(clean(name)),
    };
    format!("{name}{}", fields(&event))
}

fn fields(event: &Map<String, Value>) -> String {
    let shown = event.iter().filter(|(key, value)| *key != "event" && !value.is_null());
    shown
        .map(|(key, value)| match value {
            Value::String(text) => format!("  {}={}", clean(key), clean(text)),
            other => format!("  {}={}", clean(key), clean(&other.to_string())),
        })
        .collect()
}
