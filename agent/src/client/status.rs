//! `burstguard status`: the host at a glance.

use super::{
    Failure, accounts,
    session::Session,
    term::{Screen, bad, clean, count, good, paths, short},
};
use crate::api::{self, GovernorView, KeeperView, Mode, WebhookView};

pub(super) fn run(session: &Session) -> Result<(), Failure> {
    let status: api::Status = session.daemon.get("/v1/status")?;
    session.show("status", &status, |screen| text(screen, &status))
}

pub(super) fn text(screen: &Screen, status: &api::Status) -> String {
    let api::Status { policy, .. } = status;
    let mode = mode(screen, status);
    let sources = if policy.sources.is_empty() { "built in".to_owned() } else { paths(&policy.sources) };
    let file = if policy.changed { bad("changed since: burstguard reload") } else { "unchanged".to_owned() };
    let figure = |number: u64| if number == 0 { number.to_string() } else { bad(number) };
    let mut text = format!(
        "burstguard {}   {mode}   tier {} ({})   kernel {}   armed {}, self-test ok {}\n\
         policy   {sources}   sha {}   loaded {} ({}), {file}\n\
         watching {}, {}, {}   records lost {}   kernel errors {}   open incidents {}\n",
        clean(&status.version),
        clean(&status.tier),
        clean(&status.tier_note),
        clean(&status.kernel),
        screen.ago(status.armed_at),
        screen.ago(status.self_test_at),
        short(&policy.sha256),
        screen.at(policy.loaded_at),
        screen.ago(policy.loaded_at),
        count(status.accounts.len() as u64, "account", "accounts"),
        count(status.trees.len() as u64, "tree", "trees"),
        count(status.processes, "process", "processes"),
        figure(status.records_lost),
        figure(status.kernel_errors),
        status.open_incidents,
    );
    text.extend(governor(screen, status));
    if status.would_have_stopped > 0 {
        let operations = count(status.would_have_stopped, "operation", "operations");
        text += &format!(
            "observed {operations} past the budgets, which would have been stopped: burstguard incidents\n"
        );
    }
    text.extend(degraded(status));
    text.extend(kept(screen, &status.keeper));
    text.extend(status.webhooks.iter().filter_map(|one| webhook(screen, one)));
    text.extend(policy.warnings.iter().map(|warning| format!("warning: {}\n", clean(warning))));
    if !status.accounts.is_empty() {
        text += &accounts::text(screen, &status.accounts);
    }
    text
}

/// Whether it is enforced.
pub(super) fn mode(screen: &Screen, status: &api::Status) -> String {
    match (status.mode, status.off_until) {
        (Mode::Enforce, _) => good("enforcing"),
        (Mode::Observe, _) => "only observing".to_owned(),
        (Mode::Off, Some(until)) => bad(format!("OFF until {}", screen.at(until))),
        (Mode::Off, None) => bad("OFF"),
    }
}

/// A line about the governor, if it is engaged.
pub(super) fn governor(screen: &Screen, status: &api::Status) -> Option<String> {
    let GovernorView { since, until, why, accounts } = status.governor.as_ref()?;
    Some(format!(
        "{}: {}, {}; {} only observed, until it is quiet ({} at the earliest); burstguard on ends it\n",
        bad("GOVERNOR ENGAGED"),
        clean(why),
        screen.ago(*since),
        count(*accounts, "account is", "accounts are"),
        screen.at(*until),
    ))
}

/// A line about the record, if nothing can be written to it.
pub(super) fn degraded(status: &api::Status) -> Option<String> {
    let why = status.store.degraded.as_ref()?;
    let lost = count(status.store.missed, "entry", "entries");
    let early = match status.store.unrecorded {
        0 => String::new(),
        early => {
            let decisions = count(early, "decision", "decisions");
            format!(", {decisions} carried out before they were on the disk")
        }
    };
    Some(format!("record   {}: {}; {lost} lost{early}\n", bad("DEGRADED"), clean(why)))
}

/// A line about what is kept of protected trees, if anything ever was, or could not be.
fn kept(screen: &Screen, keeper: &KeeperView) -> Option<String> {
    let KeeperView { degraded, names, versions, size, left, unsettled: _, behind_ms, looked_at } = keeper;
    if *keeper == KeeperView::default() {
        return None;
    }
    let stands = match (degraded, looked_at) {
        (Some(why), _) => format!("{}: {}", bad("NOT KEPT"), clean(why)),
        (None, None) => "the first look at all of it is under way".to_owned(),
        (None, Some(at)) => format!("all looked at {}", screen.ago(*at)),
    };
    let behind = match behind_ms / 1000 {
        0..=10 => String::new(),
        behind => bad(format!(", {behind}s behind")),
    };
    Some(format!(
        "kept     {}, {} in {}, {left} left; {stands}{behind}\n",
        count(*names, "name", "names"),
        api::bytes(*size),
        count(*versions, "version", "versions"),
    ))
}

/// A line for a webhook that does not get through, or has lost something.
fn webhook(screen: &Screen, webhook: &WebhookView) -> Option<String> {
    let WebhookView { name, waiting, oldest, delivered: _, dropped, failing } = webhook;
    if failing.is_none() && *dropped == 0 {
        return None;
    }
    let stands = match failing {
        Some(why) => format!("{}: {}", bad("NOT DELIVERED"), clean(why)),
        None => good("delivered"),
    };
    let since = oldest.map(|oldest| format!(", the oldest from {}", screen.ago(oldest))).unwrap_or_default();
    let events = count(*waiting, "event waits", "events wait");
    Some(format!("webhook  {} {stands}; {events}{since}, {dropped} lost\n", clean(name)))
}
