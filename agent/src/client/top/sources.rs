//! What happens at the terminal, and to us.

use std::{io, sync::mpsc::Sender, thread};

use ratatui::{
    crossterm::event::{self, Event, KeyEventKind},
    layout::Size,
};
use tokio::signal::unix::{SignalKind, signal};

use super::state::Input;
use crate::client::http;

/// Keys, and that the terminal has another size.
pub(super) fn keys(inbox: Sender<Input>) {
    thread::spawn(move || {
        loop {
            let input = match event::read() {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => Input::Key(key),
                Ok(Event::Paste(text)) => Input::Paste(text),
                Ok(Event::Resize(width, height)) => Input::Resize(Size { width, height }),
                Ok(_) => continue,
                // The terminal is gone.
                Err(_) => Input::End,
            };
            let is_end = matches!(input, Input::End);
            if inbox.send(input).is_err() || is_end {
                return;
            }
        }
    });
}

/// From now on what asks us to end does so by way of the loop, which gives the terminal back first.
pub(super) fn signals(inbox: Sender<Input>) -> io::Result<()> {
    let runtime = http::runtime()?;
    let caught = {
        let _inside = runtime.enter();
        [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal)
    };
    let [term, hangup, interrupt] = caught;
    let (mut term, mut hangup, mut interrupt) = (term?, hangup?, interrupt?);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = term.recv() => {}
                _ = hangup.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        // It has ended by itself if nobody hears.
        let _ = inbox.send(Input::End);
    });
    Ok(())
}
