//! The service that shows notifications, on the session's bus:
//! <https://specifications.freedesktop.org/notification-spec/latest/>. Asked by way of systemd's `busctl`.

use std::{collections::BTreeMap, process::Command};

use super::news::{News, Urgency};

const SERVICE: &str = "org.freedesktop.Notifications";
const OBJECT: &str = "/org/freedesktop/Notifications";
/// How long it may take, in seconds.
const PATIENCE: &str = "--timeout=5";

/// What it shows of us.
#[derive(Default)]
pub(super) struct Desktop {
    /// By incident, which notification is about it: the next one takes its place.
    shown: BTreeMap<u64, u32>,
}

impl Desktop {
    /// Whether somebody is there who shows them.
    pub(super) fn look() -> Result<(), String> {
        call(&["GetServerInformation"]).map(drop)
    }

    pub(super) fn show(&mut self, news: &News) -> Result<(), String> {
        let before = news.incident.and_then(|incident| self.shown.get(&incident)).copied().unwrap_or(0);
        let urgency = match news.urgency {
            Urgency::Normal => "1",
            Urgency::Critical => "2",
        };
        let (before, summary, body) = (before.to_string(), escaped(news.summary()), escaped(&news.body()));
        // Program, which one it replaces, icon, the texts; no actions; one hint; how long, which the desktop knows best.
        let what = [
            "burstguard",
            &before,
            "dialog-warning",
            &summary,
            &body,
            "0",
            "1",
            "urgency",
            "y",
            urgency,
            "-1",
        ];
        let answer = call(&[&["Notify", "susssasa{sv}i"][..], &what].concat())?;
        let shown = answer.strip_prefix("u ").and_then(|id| id.trim().parse().ok());
        if let (Some(incident), Some(shown)) = (news.incident, shown) {
            self.shown.insert(incident, shown);
        }
        Ok(())
    }
}

fn call(words: &[&str]) -> Result<String, String> {
    let mut busctl = Command::new("busctl");
    busctl.args(["--user", PATIENCE, "call", "--", SERVICE, OBJECT, SERVICE]).args(words);
    let said =
        busctl.output().map_err(|error| format!("cannot run busctl, which systemd comes with: {error}"))?;
    if said.status.success() {
        return Ok(String::from_utf8_lossy(&said.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&said.stderr).trim().to_owned())
}

/// Some desktops read markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_markup() {
        assert_eq!(escaped("<a href='x'>&"), "&lt;a href='x'&gt;&amp;");
    }
}
