//! What is stated of a policy that is tried on a recording, whatever is in that.

use std::{path::Path, sync::LazyLock, time::Duration};

use jiff::tz::TimeZone;

use super::{learn, show::Shown, trial::Trial};
use crate::{
    policy::{Loaded, fuzzing::load},
    recording::fuzzing::{entries, sound},
};

const POLICY: &str = "\
version = 1
mode = \"enforce\"
[tree.t]
paths = ['/etc', '/srv']
except = ['**/x*']
[account.a]
users = ['ci']
trees = ['t']
response = 'hold'
budget.deletes = '3/10s'
budget.recreates = '1/1s'
";

/// Each act comes to one fate, as it was and as it would be, whether it comes in one file or in two; and all of that can be shown, as text, JSON
/// and a drawing, and a budget be learned of it that is one.
pub(crate) fn replay(bytes: &[u8]) {
    static LOADED: LazyLock<Loaded> = LazyLock::new(|| load(&[POLICY]).expect("a policy"));
    let sound = sound(bytes);
    let Some((read, _)) = entries(&sound) else { return };
    let half = read.len() / 2;
    let mut trial = Trial::of(&LOADED, None);
    let (first, second) = read.split_at(half);
    trial.take(first.to_vec());
    trial.take(second.to_vec());
    trial.end();
    for tried in trial.accounts.values() {
        let [was, would] = [&tried.was, &tried.would].map(|counts| counts.values().sum::<u64>());
        assert!(was == tried.acts && would == tried.acts, "{was} and {would} of {}", tried.acts);
    }
    assert!(trial.different <= trial.compared && trial.compared <= trial.acts());
    let shown = Shown {
        trial: &trial,
        torn: &[],
        policy: Path::new("policy.toml"),
        took: Duration::ZERO,
        zone: TimeZone::UTC,
        limit: 5,
    };
    let (text, svg) = (shown.text(), shown.svg());
    assert!(!text.chars().any(|char| char.is_control() && char != '\n'), "{text:?}");
    assert!(svg.starts_with("<svg") && !shown.json().is_null());
    learn::fuzz(&trial);
}
