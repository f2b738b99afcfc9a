//! The thread that writes events down, so that they outlive us.

use std::sync::mpsc::Receiver;

use super::{Desk, Dropped, Message};

/// How many events are written at once: what is written together costs the disk as much as one.
pub(super) const BATCH: usize = 256;

/// Until nobody says anything any more.
pub(super) fn run(desk: &Desk, said: &Receiver<Message>) {
    {
        // What an earlier daemon has left is there before the first event is.
        let mut queue = desk.queue();
        queue.open();
        desk.look(&queue);
        wake(desk);
    }
    while let Ok(first) = said.recv() {
        let more = said.try_iter().take(BATCH - 1);
        keep(desk, [first].into_iter().chain(more).collect());
    }
}

fn keep(desk: &Desk, messages: Vec<Message>) {
    let count = messages.len() as u64;
    let most = desk.now().settings.queue;
    let mut queue = desk.queue();
    let dropped = queue.append(messages, most);
    desk.look(&queue);
    drop(queue);
    let mut now = desk.now();
    now.standing.queued += count;
    if dropped > 0 {
        now.standing.drop(Dropped::Full, dropped);
    }
    drop(now);
    wake(desk);
}

fn wake(desk: &Desk) {
    desk.now().more = true;
    desk.stirred.notify_all();
}
