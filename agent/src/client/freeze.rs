//! `burstguard freeze`: a stop by hand, which nothing inside can undo.

use clap::Args;
use nix::unistd::User;

use super::{
    Failure,
    ask::{self, Because},
    complete, moved,
    session::Session,
};
use crate::api::{FreezeBody, Moved, Target};

#[derive(Debug, Args)]
pub(crate) struct Freeze {
    #[command(flatten)]
    whose: Whose,
    /// Thaw by itself after so long, such as 15m.
    #[arg(long = "for", value_name = "DURATION", value_parser = ask::seconds, add = complete::durations())]
    for_s: Option<u64>,
    #[command(flatten)]
    because: Because,
}

/// Whose processes.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// Those that act for an account.
    #[arg(long, value_name = "NAME", add = complete::accounts())]
    account: Option<String>,
    /// Those of a systemd unit.
    #[arg(long, value_name = "NAME", add = complete::units())]
    unit: Option<String>,
    /// Those of a user, by name or number.
    #[arg(long, value_name = "USER", value_parser = user, add = complete::users())]
    user: Option<u32>,
    /// Those of a cgroup and of those below it, as a path below the cgroup v2 root.
    #[arg(long, value_name = "PATH", add = complete::cgroups())]
    cgroup: Option<String>,
    /// One and its descendants.
    #[arg(long, value_name = "PID", add = complete::processes())]
    pid: Option<u32>,
}

impl Whose {
    fn target(self) -> Option<Target> {
        let Self { account, unit, user, cgroup, pid } = self;
        account
            .map(Target::Account)
            .or(unit.map(Target::Unit))
            .or(user.map(Target::User))
            .or(cgroup.map(Target::Cgroup))
            .or(pid.map(Target::Pid))
    }
}

impl Freeze {
    pub(super) fn run(self, session: &Session) -> Result<(), Failure> {
        let Self { whose, for_s, because } = self;
        let target = whose
            .target()
            .ok_or_else(|| Failure::usage("nobody to freeze", "say whose processes: --account NAME"))?;
        let body = |reason| FreezeBody { target, for_s, reason };
        let done: Moved = because.post(session, "/v1/freezes", body)?;
        session.done("freeze", &done, |screen| moved::text(screen, &done))
    }
}

fn user(text: &str) -> Result<u32, String> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    match User::from_name(text) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err("there is no such user on this host".to_owned()),
        Err(error) => Err(format!("cannot look up the user: {error}")),
    }
}
