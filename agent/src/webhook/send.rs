//! One attempt to deliver a message: a POST, and what its answer means.

use std::{io, sync::Arc, time::Duration};

use jiff::{Timestamp, fmt::rfc2822};
use ureq::{
    Agent,
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    tls::{Certificate, RootCerts, TlsConfig},
};

use super::{Failed, message::Message, sign::Secret};
use crate::policy::Webhook;

const AGENT: &str = concat!("burstguard/", env!("CARGO_PKG_VERSION"));

/// How much an answer may say, in bytes.
const SAID: u64 = 16 << 10;

/// What became of an attempt.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Delivered,
    /// It would be refused each time.
    Refused {
        why: String,
    },
    /// It is tried again, after what the receiver has asked for, if it has.
    Failed {
        reason: Failed,
        why: String,
        after: Option<Duration>,
    },
}

/// Sends.
#[derive(Default)]
pub(super) struct Sender {
    /// Kept as long as it works: the host's authorities are read for each anew.
    client: Option<Client>,
}

/// What asks, and whether it can be asked over TLS.
struct Client {
    encrypted: bool,
    agent: Agent,
}

impl Sender {
    /// Takes no longer than the timeout of the webhook.
    pub(super) fn send(&mut self, webhook: &Webhook, message: &Message) -> Outcome {
        let secret = match Secret::read(&webhook.secret_file) {
            Ok(secret) => secret,
            Err(why) => return Outcome::Failed { reason: Failed::Secret, why, after: None },
        };
        let time = Timestamp::now().as_second().to_string();
        let signature = secret.sign(&time, &message.body);
        let encrypted = webhook.url.uri().scheme_str() == Some("https");
        let known = self.client.take().filter(|client| client.encrypted == encrypted);
        let client = known.unwrap_or_else(|| Client { encrypted, agent: agent(encrypted) });
        let request =
            client.agent.post(webhook.url.uri()).config().timeout_global(Some(webhook.timeout)).build();
        let sent = request
            .content_type("application/json")
            .header("X-Burstguard-Id", &message.id)
            .header("X-Burstguard-Timestamp", &time)
            .header("X-Burstguard-Signature", format!("sha256={signature}"))
            .send(&message.body);
        let host = webhook.url.host();
        match sent {
            Ok(mut response) => {
                let outcome = meaning(host, response.status(), response.headers(), Timestamp::now());
                // What the receiver says besides is nobody's business, but the connection can be used again behind it.
                let read = response.body_mut().with_config().limit(SAID).read_to_vec().is_ok();
                // After anything else everything is made anew: other authorities, another address.
                self.client = (outcome == Outcome::Delivered && read).then_some(client);
                outcome
            }
            Err(error) => failure(host, &error),
        }
    }
}

/// No proxy, whatever the environment says, and no other place than the policy names.
fn agent(encrypted: bool) -> Agent {
    let config = Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(AGENT);
    let config = if encrypted { config.tls_config(tls()) } else { config };
    config.build().new_agent()
}

fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        log::warn!("cannot read all of this host's certificate authorities: {error}");
    }
    let authorities: Vec<_> =
        found.certs.iter().map(|authority| Certificate::from_der(authority).to_owned()).collect();
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(authorities)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}

/// Pure.
fn meaning(host: &str, status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Outcome {
    let said = || format!("{host} answers {}", status.as_u16());
    match status.as_u16() {
        200..300 => Outcome::Delivered,
        400..500 if status != StatusCode::REQUEST_TIMEOUT && status != StatusCode::TOO_MANY_REQUESTS => {
            Outcome::Refused { why: format!("{}: the event is given up", said()) }
        }
        code => {
            let moved =
                if (300..400).contains(&code) { ", and elsewhere is not where the policy sends" } else { "" };
            let after = headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok());
            Outcome::Failed {
                reason: Failed::Status,
                why: format!("{}{moved}; it is tried again", said()),
                after: after.and_then(|after| until(after, now)),
            }
        }
    }
}

/// How long a `Retry-After` asks to wait: seconds, or a time of day.
fn until(after: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = after.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = rfc2822::parse(after.trim()).ok()?.timestamp();
    Duration::try_from(then.duration_since(now)).ok()
}

fn failure(host: &str, error: &ureq::Error) -> Outcome {
    let reason = match error {
        ureq::Error::Timeout(_) => Failed::Timeout,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => Failed::Tls,
        ureq::Error::Io(error) if is_tls(error) => Failed::Tls,
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => Failed::Timeout,
        ureq::Error::Io(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Failed::Connect,
        _ => Failed::Protocol,
    };
    let denied = matches!(error, ureq::Error::Io(error) if error.kind() == io::ErrorKind::PermissionDenied);
    let hint = if denied {
        ": the unit of the service lets it reach this host only, see docs/webhook.md"
    } else {
        ""
    };
    let why = format!("{host} cannot be told: {error}{hint}; it is tried again");
    Outcome::Failed { reason, why, after: None }
}

fn is_tls(error: &io::Error) -> bool {
    let mut inner = error.get_ref().map(|error| error as &(dyn std::error::Error + 'static));
    while let Some(error) = inner {
        if error.is::<rustls::Error>() {
            return true;
        }
        inner = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, after: Option<&str>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, after.parse().unwrap());
        }
        let now = Timestamp::from_second(784_111_777).unwrap(); // Sun, 06 Nov 1994 08:49:37 GMT
        meaning("h", StatusCode::from_u16(status).unwrap(), &headers, now)
    }

    #[test]
    fn what_an_answer_means() {
        for status in [200, 202, 204] {
            assert_eq!(answer(status, None), Outcome::Delivered);
        }
        for status in [400, 401, 404, 410, 422] {
            assert!(matches!(answer(status, Some("5")), Outcome::Refused { .. }), "{status}");
        }
        for status in [301, 307, 408, 429, 500, 503] {
            assert!(matches!(answer(status, None), Outcome::Failed { after: None, .. }), "{status}");
        }
    }

    #[test]
    fn a_receiver_says_when_to_come_again() {
        let asked = |after| match answer(503, Some(after)) {
            Outcome::Failed { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT"), Some(Duration::from_secs(30)));
        for nonsense in ["", "soon", "-1", "Sun, 06 Nov 1994 08:00:00 GMT", "9999999999999999999999"] {
            assert_eq!(asked(nonsense), None, "{nonsense}");
        }
    }
}
