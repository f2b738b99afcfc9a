//! `burstguard selftest`: proves once more that enforcement works.

use super::{
    Failure,
    session::Session,
    term::{clean, took},
};
use crate::api::Tested;

pub(super) fn run(session: &Session) -> Result<(), Failure> {
    let _progress = session.waiting("testing");
    let done: Tested = session.daemon.post("/v1/selftest", &())?;
    session.done("selftest", &done, |_| text(&done))
}

pub(super) fn text(done: &Tested) -> String {
    format!("self-test passed: tier {}, in {}\n", clean(&done.tier), took(done.took_us))
}
