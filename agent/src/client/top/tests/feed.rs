use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{
    api::{Answer, Code, IncidentSummary, Problem, Request},
    client::{http::Daemon, top::feed::Feed},
    control::tests::stage::Stage,
};

/// A daemon with so many incidents that wait, the first of them numbered 1, and how many processes wait in the first.
fn daemon(incidents: u64, waiting: &'static AtomicU64) -> Stage {
    let one = move |id: u64| {
        let mut one = detail();
        one["id"] = json!(id);
        one["waiting"] = json!(if id == 1 { waiting.load(Ordering::Relaxed) } else { 1 });
        one
    };
    Stage::answering(move |request| match request {
        Request::Status => Ok(Answer::Status(Box::new(read(host())))),
        Request::Incidents(_) => Ok(Answer::Incidents((1..=incidents).map(|id| read(one(id))).collect())),
        Request::Incident(id) if *id <= incidents => Ok(Answer::Incident(Box::new(read(one(*id))))),
        _ => Err(Problem::new(Code::NotFound, "there is no such incident").help("burstguard incidents")),
    })
}

/// What it was asked since the last time.
fn asked(stage: &Stage) -> Vec<Request> {
    let mut asked = stage.asked.lock().expect("asked");
    asked.drain(..).map(|(_, request)| request).collect()
}

#[test]
fn what_has_not_changed_is_not_asked_for_again() {
    static WAITING: AtomicU64 = AtomicU64::new(1);
    let stage = daemon(2, &WAITING);
    let mut feed = Feed::new(Daemon::at(&stage.socket));
    let details = |asked: &[Request]| {
        asked
            .iter()
            .filter_map(|one| if let Request::Incident(id) = one { Some(*id) } else { None })
            .collect::<Vec<_>>()
    };
    assert_eq!(feed.ask(None).expect("an answer").waiting.len(), 2);
    let first = asked(&stage);
    assert_eq!((first.len(), details(&first)), (5, vec![1, 2]));
    feed.ask(None).expect("an answer");
    assert_eq!(asked(&stage).len(), 2);
    WAITING.store(3, Ordering::Relaxed);
    feed.ask(None).expect("an answer");
    assert_eq!(details(&asked(&stage)), [1]);
}

#[test]
fn of_many_incidents_some_are_looked_into_and_the_rest_is_counted() {
    static WAITING: AtomicU64 = AtomicU64::new(1);
    let stage = daemon(20, &WAITING);
    let facts = Feed::new(Daemon::at(&stage.socket)).ask(None).expect("an answer");
    assert_eq!((facts.waiting.len(), facts.more_wait), (8, 12));
    let ids: Vec<u64> = facts.sorted().incidents.iter().map(|one: &IncidentSummary| one.id).collect();
    assert_eq!(ids, (1..=20).rev().collect::<Vec<_>>());
}

#[test]
fn a_story_that_is_not_told_says_why() {
    static WAITING: AtomicU64 = AtomicU64::new(1);
    let stage = daemon(1, &WAITING);
    let facts = Feed::new(Daemon::at(&stage.socket)).ask(Some(9)).expect("an answer");
    let why = "there is no such incident; burstguard incidents".to_owned();
    assert_eq!(facts.story, Some((9, Err(why))));
}
