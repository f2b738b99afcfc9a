//! Processes that ask to act for an account: `burstguard exec`.

use agent_common::rules::BootNs;

use super::{decide::no_account, waiting::reply};
use crate::{
    api::{Answer, Code, Joined, Problem, ProcessView, Responder},
    daemon::{CallId, Effect, Facts, ProcessFacts},
    report::{Actor, Event},
};

/// Who asks to act for an account: whoever may start its programs, and acts for no other, whose budgets it would leave.
pub(super) fn join(
    call: CallId,
    account: String,
    facts: &Facts,
    by: &Responder,
    about: Vec<ProcessFacts>,
    acts_for: Option<&str>,
    may_launch: bool,
) -> Result<Vec<Effect>, Problem> {
    if facts.account(&account).is_none() {
        return Err(no_account(&account));
    }
    if let Some(other) = acts_for.filter(|other| *other != account) {
        let problem = format!("it acts for account {other}, which nobody leaves");
        return Err(Problem::new(Code::NotAllowed, problem));
    }
    if !may_launch {
        let problem =
            Problem::new(Code::NotAllowed, format!("{by} may not start what account {account} runs"));
        return Err(
            problem.help(format!("the policy's launch says who may: launch = [...] in [account.{account}]"))
        );
    }
    let process = about.into_iter().next();
    let process = process.ok_or_else(|| Problem::new(Code::Failed, "the process that asks has ended"))?;
    Ok(vec![Effect::Join { call, account, process: Box::new(process) }])
}

/// A process acts for an account from now on, or could not be told to.
pub(super) fn joined(
    call: CallId,
    account: String,
    process: ProcessView,
    done: Result<(), String>,
    now: BootNs,
) -> Vec<Effect> {
    if let Err(error) = done {
        return vec![reply(call, Err(Problem::new(Code::Failed, error)))];
    }
    let ProcessView { pid, uid, comm, .. } = process;
    let comm = comm.to_string();
    let actor = Actor { at_ns: now, account: account.clone(), pid, tid: pid, uid, comm };
    let answer = Answer::Joined(Joined { pid, account });
    vec![Effect::Report(Event::Joined { actor }), reply(call, Ok(answer))]
}
