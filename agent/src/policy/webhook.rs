//! Who is told of events over HTTP.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use ureq::http::Uri;

use crate::{
    logging,
    report::{
        Event,
        kind::{self, KINDS, Kind},
    },
};

/// A receiver of events.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Webhook {
    pub(crate) name: String,
    pub(crate) url: Url,
    /// The key that messages are signed with lies there, and nowhere else.
    pub(crate) secret_file: PathBuf,
    /// Which kinds; none: what a person should look at.
    pub(crate) events: Option<Vec<Told>>,
    /// How long an attempt may take: 1 s to 60 s.
    pub(crate) timeout: Duration,
    /// How many events may wait: 1 to 10000.
    pub(crate) queue: u32,
}

/// Where to send: `https`, or `http` on this host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Url(Uri);

/// A kind of event, by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told(pub(crate) &'static Kind);

impl Webhook {
    pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
    pub(crate) const QUEUE: u32 = 1000;

    /// Whether it is told of this.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        match &self.events {
            Some(kinds) => kinds.iter().any(|told| *told.0 == *event.kind()),
            None => logging::is_for_people(event),
        }
    }
}

impl Url {
    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    /// What may be shown: a path or a query is often a secret.
    pub(crate) fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

impl FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "a URL of ASCII with https, or with http and a loopback address, without a user and a fragment, such as \"https://hooks.example.org/burstguard\"";
        let uri: Uri = text.parse().map_err(|_| WANTED)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(WANTED)?;
        let is_safe = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_loopback(host),
            _ => false,
        };
        // Nothing else: no user, and no rest that would be passed over, such as a port that is no number.
        let is_whole = uri.authority().is_some_and(|whole| match whole.port() {
            Some(port) => *whole.as_str() == format!("{host}:{}", port.as_str()),
            None => whole.as_str() == host,
        });
        let is_plain = is_whole && text.is_ascii() && !text.contains('#');
        (is_safe && is_plain).then_some(Self(uri)).ok_or(WANTED)
    }
}

/// By its address: what a name means is another's to say.
fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Told {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let words = || KINDS.iter().map(|kind| kind.word).collect::<Vec<_>>().join(", ");
        kind::find(word).map(Self).ok_or_else(|| format!("kinds of events: {}", words()))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_host_is_encrypted() {
        for good in [
            "https://h/x?y=z",
            "https://h",
            "https://192.0.2.1:8443",
            "http://127.0.0.1:1/x",
            "http://[::1]:8080/",
        ] {
            assert!(good.parse::<Url>().is_ok(), "{good}");
        }
        let bad = [
            "",
            "h",
            "/x",
            "ftp://h/",
            "http://h/",
            "http://localhost/",
            "http://192.0.2.1/",
            "http://127.0.0.1.h/",
            "https://u:p@h/",
            "https://h/#x",
            "https://h/\u{9d}",
            "https://h:/",
            "https://h:x/",
            "https://h:65536/",
            "http://[::1]0/",
            "https://[::1",
            "https://",
            "http://u@127.0.0.1/",
            "file:///etc/shadow",
        ];
        for bad in bad {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let url: Url = "https://hooks.example.org/services/T0/hunter2?k=hunter2".parse().unwrap();
        assert_eq!(url.host(), "hooks.example.org");
    }

    #[test]
    fn what_warns_is_told_unless_kinds_are_named() {
        let url = || "https://h/".parse().unwrap();
        let hook = |events| Webhook {
            name: "n".to_owned(),
            url: url(),
            secret_file: "/s".into(),
            events,
            timeout: Webhook::TIMEOUT,
            queue: 1,
        };
        let released = Event::Released { pids: vec![] };
        assert!(hook(None).wants(&Event::On) && !hook(None).wants(&released));
        let named = hook(Some(vec!["released".parse().unwrap()]));
        assert!(named.wants(&released) && !named.wants(&Event::On));
        assert!("released ".parse::<Told>().is_err());
    }
}
