//! `burstguard notify`: what a person should look at, as notifications on the own desktop. It runs as that person, so nothing of the
//! daemon's ever touches a user's bus; what it may see, the daemon decides.

mod desktop;
mod news;

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use clap::Args;

use super::{Failure, http::Daemon, session::Session};
use desktop::Desktop;
use news::News;

use crate::api::{Filter, IncidentSummary, Status};

/// A daemon that has gone, or has said that we are too slow, is listened to again after so long; what waits then is told anew.
const AGAIN: Duration = Duration::from_secs(1);
/// Notifications are this long apart, whatever happens meanwhile: the next one says how much that was.
const APART: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(crate) struct Notify {
    /// Show one notification to see that it works, and end.
    #[arg(long)]
    test: bool,
}

impl Notify {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let mut desktop = Desktop::default();
        if self.test {
            return desktop.show(&News::test()).map_err(no_desktop);
        }
        // While it can still fail as any other command does.
        let _: Status = session.daemon.get("/v1/status")?;
        Desktop::look().map_err(no_desktop)?;
        tell(&session.daemon, &listen(session.daemon.clone()), &mut desktop);
        Ok(())
    }
}

fn no_desktop(why: String) -> Failure {
    Failure::Desktop(why)
}

/// What comes from the daemon, and from the next one.
enum Heard {
    /// From now on it is listened to: what waits already is to be asked for.
    Begun,
    News(News),
}

fn listen(daemon: Daemon) -> Receiver<Heard> {
    let (sender, all) = channel();
    thread::spawn(move || {
        loop {
            let begun = || drop(sender.send(Heard::Begun));
            let heard = daemon.lines("/v1/events", begun, |line| match News::of(line) {
                Some(news) => sender.send(Heard::News(news)).map_err(|_| Failure::Ended),
                None => Ok(()),
            });
            if let Err(failure @ Failure::Problem(_)) = heard {
                eprintln!("cannot listen to the daemon: {}", failure.text());
            }
            thread::park_timeout(AGAIN);
        }
    });
    all
}

/// What waits for a decision.
fn open(daemon: &Daemon) -> Vec<News> {
    let filter = Filter { open: true, ..Filter::default() };
    let open: Result<Vec<IncidentSummary>, _> = filter.path().and_then(|path| daemon.get(&path));
    open.unwrap_or_default().iter().map(News::waiting).collect()
}

/// Shows the news of each incident, the latest in the place of the one before.
fn tell(daemon: &Daemon, all: &Receiver<Heard>, desktop: &mut Desktop) {
    let mut waiting: Vec<News> = Vec::new();
    let mut free = Instant::now();
    loop {
        let pause =
            if waiting.is_empty() { Duration::MAX } else { free.saturating_duration_since(Instant::now()) };
        match all.recv_timeout(pause) {
            Ok(Heard::Begun) => open(daemon).into_iter().for_each(|news| news::add(&mut waiting, news)),
            Ok(Heard::News(news)) => news::add(&mut waiting, news),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if free <= Instant::now()
            && let Some(next) = news::next(&mut waiting)
        {
            show(desktop, next);
            free = Instant::now() + APART;
        }
    }
}

/// What a desktop does not take may be because of a name in it: then it is told without.
fn show(desktop: &mut Desktop, news: News) {
    let Err(why) = desktop.show(&news) else { return };
    let news = news.without_names();
    if desktop.show(&news).is_err() {
        eprintln!("cannot show \"{}\": {why}", news.summary());
    }
}
