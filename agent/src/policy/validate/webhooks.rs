//! `[webhook.NAME]` held against what it has to have.

use std::collections::BTreeMap;

use super::{
    super::{parse::WebhookDraft, webhook::Webhook},
    Host, Validator,
};

/// Each has threads of its own.
const MAX_WEBHOOKS: usize = 8;

impl<H: Host> Validator<'_, H> {
    pub(super) fn webhooks(&mut self, drafts: &BTreeMap<String, WebhookDraft>) -> Vec<Webhook> {
        if let Some(surplus) = drafts.values().nth(MAX_WEBHOOKS) {
            self.refuse(
                &surplus.at,
                &format!("more than {MAX_WEBHOOKS} webhooks: have one receiver pass events on"),
            );
        }
        drafts.iter().filter_map(|(name, draft)| self.webhook(name, draft)).collect()
    }

    fn webhook(&mut self, name: &str, draft: &WebhookDraft) -> Option<Webhook> {
        let WebhookDraft { at, url, secret_file, events, timeout, queue, says } = draft;
        let missing = ["url", "secret_file"].into_iter().zip(says).filter(|(_, said)| !**said);
        for (key, _) in missing {
            self.refuse(at, &format!("[webhook.{name}] has no {key}"));
        }
        Some(Webhook {
            name: name.to_owned(),
            url: url.clone()?,
            secret_file: secret_file.clone()?,
            events: events.clone(),
            timeout: *timeout,
            queue: *queue,
        })
    }
}
