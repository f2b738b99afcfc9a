//! Users whose own crontab runs, and as whom nobody can log in.

use std::path::Path;

use super::{Host, User};

const CRONTABS: &str = "/var/spool/cron/crontabs";

/// Users, and the crontab that each was found by.
pub(super) fn find(host: &impl Host, users: &[User]) -> Vec<(String, String)> {
    let names = host.files(Path::new(CRONTABS)).unwrap_or_default();
    let nobody_works_as = |user: &&User| {
        user.shell.ends_with("nologin") || user.shell.ends_with("false") || user.shell.as_os_str().is_empty()
    };
    users
        .iter()
        .filter(|user| names.iter().any(|name| *name == *user.name))
        .filter(nobody_works_as)
        .map(|user| (user.name.clone(), format!("{CRONTABS}/{} runs as it, and it has no shell", user.name)))
        .collect()
}
