//! What there is to be told of events.

use serde_json::Value;

use crate::{api::IncidentSummary, client::term::clean, report::kind};

/// The events that a person should look at, and how urgent each is.
const TOLD: [(&str, Urgency); 20] = [
    ("burst", Urgency::Critical),
    ("held", Urgency::Critical),
    ("stopped", Urgency::Critical),
    ("escape", Urgency::Critical),
    ("tampering", Urgency::Critical),
    ("attempt", Urgency::Critical),
    ("found", Urgency::Critical),
    ("governor_engaged", Urgency::Critical),
    ("pins_lost", Urgency::Critical),
    ("store_degraded", Urgency::Critical),
    ("effect_failed", Urgency::Critical),
    ("unrecorded", Urgency::Critical),
    ("not_reloaded", Urgency::Normal),
    ("denied", Urgency::Normal),
    ("frozen", Urgency::Normal),
    ("approval", Urgency::Normal),
    ("decided", Urgency::Normal),
    ("off", Urgency::Normal),
    ("on", Urgency::Normal),
    ("unexplained", Urgency::Normal),
];

/// So many incidents may wait to be told; the oldest of those that are less urgent go for more.
const MOST: usize = 32;

const WAITS: &str = "It waits for a decision";

/// As desktops know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    Normal,
    Critical,
}

/// What is told in one notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) incident: Option<u64>,
    pub(super) urgency: Urgency,
    what: String,
    about: String,
    /// How many events of the incident came before it and were not told.
    before: u64,
}

impl News {
    /// Of an event as the daemon says it; none if nobody has to look at it.
    pub(super) fn of(line: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).ok()?;
        let word = event["event"].as_str()?;
        let (_, urgency) = TOLD.iter().find(|(told, _)| *told == word)?;
        let text = |key: &str| event[key].as_str().map(clean).filter(|text| !text.is_empty());
        let whom = text("account").or_else(|| text("target"));
        let kinds = event["kinds"].as_array().map(|kinds| {
            let words: Vec<_> = kinds.iter().filter_map(Value::as_str).map(clean).collect();
            words.join("+")
        });
        let path = text("path").map(|path| format!("{} {path}", kinds.unwrap_or_default()));
        let by = text("by").map(|by| format!("by {by}"));
        let verb = text("verb");
        let parts = [path, verb, by, text("reason"), text("why"), text("error")];
        let about: Vec<_> = parts.into_iter().flatten().collect();
        let subject = kind::find(word).map_or(word, |kind| kind.subject);
        Some(Self {
            incident: event["incident"].as_u64(),
            urgency: *urgency,
            what: whom.map_or_else(|| subject.to_owned(), |whom| format!("{whom}: {subject}")),
            about: about.join(", "),
            before: 0,
        })
    }

    /// What waits since before we listened.
    pub(super) fn waiting(incident: &IncidentSummary) -> Self {
        let whom = incident.account.as_deref().map(clean);
        Self {
            incident: Some(incident.id),
            urgency: Urgency::Critical,
            what: whom.map_or_else(|| WAITS.to_owned(), |whom| format!("{whom}: {WAITS}")),
            about: clean(&incident.what),
            before: 0,
        }
    }

    /// To see whether notifications are shown.
    pub(super) fn test() -> Self {
        Self {
            incident: None,
            urgency: Urgency::Normal,
            what: "this is a test".to_owned(),
            about: "What waits for a decision is shown like this.".to_owned(),
            before: 0,
        }
    }

    /// Without what somebody else has chosen a name for.
    pub(super) fn without_names(self) -> Self {
        Self { about: String::new(), ..self }
    }

    pub(super) fn summary(&self) -> &str {
        &self.what
    }

    /// What happened, and what to type.
    pub(super) fn body(&self) -> String {
        let more = (self.before > 0).then(|| format!("and {} more events of it", self.before));
        let next = self.incident.map(|incident| format!("burstguard incident {incident}"));
        let about = Some(self.about.clone()).filter(|about| !about.is_empty());
        [about, more, next].into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

/// The next to be told: the most urgent, and of those the first.
pub(super) fn next(waiting: &mut Vec<News>) -> Option<News> {
    let urgent = waiting.iter().position(|news| news.urgency == Urgency::Critical);
    if waiting.is_empty() { None } else { Some(waiting.remove(urgent.unwrap_or(0))) }
}

/// Adds it to what waits to be told. Of an incident only the most urgent, or else the latest, is told, with how many others there were.
pub(super) fn add(waiting: &mut Vec<News>, news: News) {
    let of_it = |one: &&mut News| one.incident.is_some() && one.incident == news.incident;
    match waiting.iter_mut().find(of_it) {
        Some(known) if known.urgency == Urgency::Critical && news.urgency == Urgency::Normal => {
            known.before += 1;
        }
        Some(known) => {
            let before = known.before + 1;
            *known = News { before, ..news };
        }
        None => waiting.push(news),
    }
    if waiting.len() > MOST {
        let least = waiting.iter().position(|news| news.urgency == Urgency::Normal);
        waiting.remove(least.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_that_is_told_is_an_event_with_a_subject() {
        assert!(TOLD.iter().all(|(word, _)| kind::find(word).is_some()));
    }

    #[test]
    fn a_burst_says_who_and_what_and_what_to_type() {
        let burst = r#"{"event":"burst","incident":7,"account":"deployer","kinds":["delete","recreate"],"path":"a\u001bb","pid":1}"#;
        let news = News::of(burst).unwrap();
        assert_eq!((news.incident, news.urgency), (Some(7), Urgency::Critical));
        assert_eq!(news.summary(), "deployer: A budget was exceeded");
        assert!(!news.body().contains('\u{1b}'), "{}", news.body());
        assert!(news.body().starts_with("delete+recreate a"), "{}", news.body());
        assert!(news.body().ends_with("\nburstguard incident 7"), "{}", news.body());
    }

    #[test]
    fn what_nobody_has_to_look_at_is_not_told() {
        for line in [r#"{"event":"operation","account":"a"}"#, r#"{"event":"joined"}"#, "{}", "[]", "x"] {
            assert_eq!(News::of(line), None, "{line}");
        }
    }

    #[test]
    fn of_a_flood_one_is_told_with_how_many_there_were() {
        let mut waiting = Vec::new();
        for word in ["burst", "held", "held", "decided"] {
            let line = format!(r#"{{"event":"{word}","incident":7,"account":"a"}}"#);
            add(&mut waiting, News::of(&line).unwrap());
        }
        for line in
            [r#"{"event":"held","incident":8,"account":"b"}"#, r#"{"event":"on"}"#, r#"{"event":"off"}"#]
        {
            add(&mut waiting, News::of(line).unwrap());
        }
        let told: Vec<_> = waiting.iter().map(|news| (news.incident, news.before)).collect();
        assert_eq!(told, [(Some(7), 3), (Some(8), 0), (None, 0), (None, 0)]);
        assert_eq!(waiting[0].urgency, Urgency::Critical);
        let told = std::iter::from_fn(|| next(&mut waiting)).map(|news| news.incident);
        assert_eq!(told.collect::<Vec<_>>(), [Some(7), Some(8), None, None]);
        for incident in 0..100 {
            let line = format!(r#"{{"event":"held","incident":{incident},"account":"a"}}"#);
            add(&mut waiting, News::of(&line).unwrap());
        }
        assert_eq!((waiting.len(), waiting[0].incident), (MOST, Some(68)));
    }
}
