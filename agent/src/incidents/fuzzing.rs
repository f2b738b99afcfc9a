//! What is stated of an incident that an earlier daemon has left in the record, whatever its bytes.

use std::sync::Arc;

use agent_common::rules::{BootNs, judge::Standing};
use jiff::Timestamp;

use super::{Incidents, WasOff, incident::Incident};
use crate::{
    daemon::{AccountFacts, Facts, Input, Names},
    policy::Hold,
    store::{Carried, Left},
};

const S: BootNs = 1_000_000_000;
const NOW: BootNs = 1000 * S;

/// What is carried on of it is written as it was read; and the next daemon goes on with it, in this boot or another: it opens nothing
/// under its number anew, and is never due without end.
pub(crate) fn carried(bytes: &[u8]) {
    for boot in ["this", "other"] {
        let Some(left) = Left::in_body(bytes.to_vec(), 900 * S, 0, Some(boot)) else { return };
        let state = left.carried.as_ref().and_then(Carried::state::<Incident>);
        if let Some(incident) = state {
            let written = serde_json::to_value(&incident).expect("JSON");
            let again: Incident = serde_json::from_value(written.clone()).expect("what was written");
            assert_eq!(serde_json::to_value(&again).expect("JSON"), written);
        }
        go_on(left);
    }
}

fn go_on(left: Left) {
    let id = left.detail.summary.id;
    let mut incidents = Incidents::new(Names::of(["deployer", "b"], ["/srv"]), 0);
    let facts = |now| {
        Arc::new(Facts { now, wall: Timestamp::UNIX_EPOCH, accounts: vec![account()], ..Facts::default() })
    };
    let found = Input::Found {
        left: vec![left],
        freezes: Vec::new(),
        off: WasOff::Unknown,
        governor: None,
        facts: facts(NOW),
    };
    incidents.on(found, NOW);
    assert!(incidents.last() >= id);
    incidents.on(Input::Facts(facts(NOW + S)), NOW + S);
    for _ in 0..3 {
        let Some(due) = incidents.next_due() else { break };
        incidents.on(Input::Due, due.max(NOW + S));
    }
}

fn account() -> AccountFacts {
    AccountFacts {
        name: "deployer".to_owned(),
        note: None,
        response: "hold",
        escapes: "observe",
        standing: Standing::ARMED,
        granted_until: 0,
        warm_until: 0,
        budgets: Vec::new(),
        processes: 1,
        stopped: 0,
        held: Vec::new(),
        refused: 0,
        hold: Hold::default(),
        contact: None,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn the_seeds_are_carried_on() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/carried");
        for seed in fs::read_dir(seeds).expect("seeds") {
            let path = seed.expect("an entry").path();
            let left = Left::in_body(fs::read(&path).expect("a seed"), NOW, 0, Some("this")).expect("left");
            let state = left.carried.as_ref().and_then(Carried::state::<Incident>);
            assert!(state.is_some(), "{} is of another version: it begins nothing", path.display());
        }
    }
}
