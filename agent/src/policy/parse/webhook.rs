//! `[webhook.NAME]`.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use super::{
    super::{
        node::{Node, Table, get},
        problem::At,
        reader::Reader,
        webhook::{Told, Url, Webhook},
    },
    text,
};

/// How long an attempt may take.
pub(in super::super) const TIMEOUT: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(60);
/// How many events may wait.
pub(in super::super) const QUEUE: RangeInclusive<u32> = 1..=10_000;

/// See [`Webhook`].
pub(in super::super) struct WebhookDraft {
    /// Of its name.
    pub(in super::super) at: At,
    pub(in super::super) url: Option<Url>,
    pub(in super::super) secret_file: Option<PathBuf>,
    pub(in super::super) events: Option<Vec<Told>>,
    pub(in super::super) timeout: Duration,
    pub(in super::super) queue: u32,
    /// Which keys are there, right or wrong.
    pub(in super::super) says: [bool; 2],
}

impl Reader<'_> {
    pub(super) fn webhook(&mut self, table: &Table, _name: &str, at: &At) -> WebhookDraft {
        let events = get(table, "events").map(|node| self.parsed("events", node));
        WebhookDraft {
            at: at.clone(),
            url: get(table, "url").and_then(|node| self.url(node)),
            secret_file: get(table, "secret_file").and_then(|node| self.file("secret_file", node)),
            events: events.map(|events| events.into_iter().map(|told| told.value).collect()),
            timeout: get(table, "timeout")
                .and_then(|node| self.duration("timeout", node, TIMEOUT))
                .unwrap_or(Webhook::TIMEOUT),
            queue: get(table, "queue").and_then(|node| self.queue(node)).unwrap_or(Webhook::QUEUE),
            says: ["url", "secret_file"].map(|key| get(table, key).is_some()),
        }
    }

    /// A wrong one is not shown: what is behind its host is often a secret.
    fn url(&mut self, node: &Node) -> Option<Url> {
        let Some(text) = node.as_str() else { return self.text("url", node) };
        text.parse().map_err(|wanted| self.refuse(&node.at, &format!("url = \"…\": want {wanted}"))).ok()
    }

    fn file(&mut self, key: &str, node: &Node) -> Option<PathBuf> {
        let path = text::directory(node);
        if path.is_none() {
            self.want(&format!("{key} ="), node, "an absolute path without \"..\"");
        }
        path
    }

    fn queue(&mut self, node: &Node) -> Option<u32> {
        let queue = node.as_integer().and_then(|most| u32::try_from(most).ok());
        let queue = queue.filter(|most| QUEUE.contains(most));
        if queue.is_none() {
            self.want("queue =", node, &format!("a number from {} to {}", QUEUE.start(), QUEUE.end()));
        }
        queue
    }
}
