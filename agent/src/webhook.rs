//! Webhooks: events for people, over HTTP, to whoever the policy names.
//!
//! ```text
//!   loop ──bounded──► keep ──► queue, on the disk ──► deliver ──HTTP──► receiver
//! ```
//!
//! Each webhook has two threads. [`keep`] takes what the loop says and writes it down, [`deliver`] sends the oldest that waits until
//! it has arrived. The loop waits for neither: what it cannot hand over at once is dropped and counted. A message is delivered at
//! least once, in order; what has not been when the daemon ends is carried on by the next one.

mod deliver;
mod keep;
mod message;
mod queue;
mod send;
mod sign;
mod standing;
#[cfg(test)]
mod tests;
mod throng;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use message::Message;
use queue::Queue;
pub(crate) use standing::{Dropped, Failed, Standing};
use throng::Throng;

use crate::{policy::Webhook, report::Event};

/// In the state directory.
pub(crate) const DIRECTORY: &str = "webhook";
/// How many events may wait to be written down.
const WAITING: usize = 1024;
/// How long the end waits until what was said is on the disk.
const PATIENCE: Duration = Duration::from_secs(1);

/// All of them, as the loop has them.
pub(crate) struct Webhooks {
    directory: PathBuf,
    hooks: Vec<Hook>,
    throng: Throng,
}

/// One of them. Its threads end once it is gone.
struct Hook {
    settings: Arc<Webhook>,
    said: SyncSender<Message>,
    desk: Arc<Desk>,
}

/// What the threads of a webhook share. Whoever holds `now` holds it for a moment; the queue may be held as long as the disk takes.
struct Desk {
    now: Mutex<Now>,
    stirred: Condvar,
    queue: Mutex<Queue>,
}

struct Now {
    settings: Arc<Webhook>,
    standing: Standing,
    /// Events that were handed over to be written down.
    said: u64,
    /// Something waits that did not before.
    more: bool,
    /// Other settings, or none any more: whatever is waited for, look again.
    changed: bool,
    ended: bool,
}

impl Webhooks {
    /// Those of a policy.
    pub(crate) fn open(state: &Path, policy: &[Webhook]) -> Self {
        let mut webhooks =
            Self { directory: state.join(DIRECTORY), hooks: Vec::new(), throng: Throng::default() };
        webhooks.follow(policy);
        webhooks
    }

    /// Another policy is in force. What waits for a webhook of the same name goes where that one says.
    pub(crate) fn follow(&mut self, policy: &[Webhook]) {
        self.hooks.retain(|hook| policy.iter().any(|webhook| webhook.name == hook.settings.name));
        for webhook in policy {
            match self.hooks.iter_mut().find(|hook| hook.settings.name == webhook.name) {
                Some(hook) => hook.follow(webhook),
                None => self.hooks.push(Hook::start(&self.directory, webhook)),
            }
        }
    }

    /// Something happened.
    pub(crate) fn event(&mut self, event: &Event) {
        let mut wanted = self.hooks.iter().filter(|hook| hook.settings.wants(event)).peekable();
        if wanted.peek().is_none() {
            return;
        }
        if self.throng.is_too_much(event, Instant::now()) {
            return wanted.for_each(|hook| hook.desk.now().standing.drop(Dropped::Many, 1));
        }
        let message = Message::of(event);
        wanted.for_each(|hook| hook.tell(message.clone()));
    }

    /// How each stands, by its name.
    pub(crate) fn standing(&self) -> Vec<(String, Standing)> {
        self.hooks.iter().map(|hook| (hook.settings.name.clone(), hook.desk.now().standing.clone())).collect()
    }

    /// Waits, for a while, until all that was said is on the disk: the next daemon delivers it.
    pub(crate) fn settle(&self) {
        let until = Instant::now() + PATIENCE;
        let late = self.hooks.iter().filter(|hook| !hook.desk.is_written(until));
        for hook in late {
            let name = &hook.settings.name;
            log::warn!("webhook {name}: the disk is too slow, the last events may be lost for it");
        }
    }
}

impl Hook {
    fn start(directory: &Path, webhook: &Webhook) -> Self {
        let (said, waiting) = sync_channel(WAITING);
        let settings = Arc::new(webhook.clone());
        let desk = Arc::new(Desk::new(directory, &settings));
        let (keeps, delivers) = (Arc::clone(&desk), Arc::clone(&desk));
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(run) {
                log::error!(
                    "webhook {} is told of nothing: cannot start a thread for it: {error}",
                    webhook.name
                );
            }
        };
        spawn("webhook-keep", Box::new(move || keep::run(&keeps, &waiting)));
        spawn("webhook-send", Box::new(move || deliver::run(&delivers)));
        Self { settings, said, desk }
    }

    fn follow(&mut self, webhook: &Webhook) {
        if *self.settings != *webhook {
            self.settings = Arc::new(webhook.clone());
            let mut now = self.desk.now();
            now.settings = Arc::clone(&self.settings);
            now.changed = true;
            self.desk.stirred.notify_all();
        }
    }

    fn tell(&self, message: Message) {
        let told = self.said.try_send(message).is_ok();
        let mut now = self.desk.now();
        if told {
            now.said += 1;
        } else {
            now.standing.drop(Dropped::Busy, 1);
        }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.desk.now().ended = true;
        self.desk.stirred.notify_all();
    }
}

impl Desk {
    fn new(directory: &Path, settings: &Arc<Webhook>) -> Self {
        let now = Now {
            settings: Arc::clone(settings),
            standing: Standing::default(),
            said: 0,
            more: false,
            changed: false,
            ended: false,
        };
        let queue = Queue::new(directory.join(format!("{}.db", settings.name)));
        Self { now: Mutex::new(now), stirred: Condvar::new(), queue: Mutex::new(queue) }
    }

    /// What a panic elsewhere left is still whole: fields are only ever replaced.
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all that was said is written down, but not longer; whether it is.
    fn is_written(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let waits = |now: &mut Now| now.standing.queued < now.said;
        let waited = self.stirred.wait_timeout_while(self.now(), left, waits);
        let (now, _) = waited.unwrap_or_else(PoisonError::into_inner);
        now.standing.queued >= now.said
    }

    /// Transactions of the file are whole or not there.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue has changed: how it stands now.
    fn look(&self, queue: &Queue) {
        let (waiting, oldest, degraded) = (queue.waiting(), queue.oldest(), queue.degraded());
        let mut now = self.now();
        now.standing.waiting = waiting;
        now.standing.oldest = oldest;
        now.standing.degraded = degraded;
    }
}
