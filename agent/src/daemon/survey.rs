//! What depends on what was destroyed is looked up on a thread of its own, which gives way to all others: /proc, the lists of packages and
//! the files of units are thousands of files. Nothing waits for it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{AcqRel, Release},
        },
    },
    thread,
};

use rustix::process::setpriority_process;
use tokio::sync::mpsc::UnboundedSender;

use super::{Outcome, apply::Finished};
use crate::{
    impact::{self, Asked, Survey},
    metrics::Metrics,
};

/// A tenth of the share of others: it is late on a host that is starved, and not for ever.
const NICE: i32 = 10;

/// Looks at the host.
pub(super) struct Surveyor {
    busy: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    finished: UnboundedSender<Finished>,
}

/// It has ended, in whatever way: what has come of it is an outcome.
struct UnderWay {
    busy: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    finished: UnboundedSender<Finished>,
    incident: u64,
    survey: Option<Survey>,
}

impl Surveyor {
    pub(super) fn new(metrics: Arc<Metrics>, finished: UnboundedSender<Finished>) -> Self {
        Self { busy: Arc::default(), metrics, finished }
    }

    /// Looks what depends on these paths. A survey that hangs, on a file system that does not answer, keeps others from being begun.
    pub(super) fn survey(&self, incident: u64, paths: Vec<Asked>) {
        if self.busy.swap(true, AcqRel) {
            log::warn!(
                "what depends on the paths of incident {incident} is not told: the survey before hangs"
            );
            self.metrics.survey("failed");
            return;
        }
        let Self { busy, metrics, finished } = self;
        let under_way = UnderWay {
            busy: Arc::clone(busy),
            metrics: Arc::clone(metrics),
            finished: finished.clone(),
            incident,
            survey: None,
        };
        let survey = move || {
            // Where that is forbidden it is done all the same.
            let _ = setpriority_process(None, NICE);
            under_way.with(impact::survey(Path::new("/"), &paths));
        };
        if let Err(error) = thread::Builder::new().name("survey".to_owned()).spawn(survey) {
            log::warn!("cannot start a thread that looks what depends on paths: {error}");
        }
    }
}

impl UnderWay {
    fn with(mut self, survey: Survey) {
        self.survey = Some(survey);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Self { incident, .. } = *self;
        let (found, result) = match self.survey.take() {
            Some(Survey { found, problems }) if problems.is_empty() => (found, "whole"),
            Some(Survey { found, problems }) => {
                log::warn!(
                    "what depends on the paths of incident {incident} is told in part: {}",
                    problems.join("; ")
                );
                (found, "partial")
            }
            None => {
                log::warn!("what depends on the paths of incident {incident} is not told: the survey failed");
                (Vec::new(), "failed")
            }
        };
        self.metrics.survey(result);
        self.busy.store(false, Release);
        let _ = self.finished.send(Finished::As(Outcome::Surveyed { incident, found })); // fails only if the agent has ended
    }
}
