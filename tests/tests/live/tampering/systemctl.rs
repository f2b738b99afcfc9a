//! The service manager is asked about the agent's own unit, by a message on a bus.

use anyhow::{Result, ensure};
use tests::{Bus, Crowd, Outcome, Party, Tier};

use super::{told, until_told};
use crate::holding::{FILES, holds};

const OWN: &str = "burstguard.service";

/// To have another unit stopped is nothing of ours; to have ours stopped is.
pub(super) fn to_stop_it_is_tampering(tier: Tier) -> Result<()> {
    let party = Party::new(FILES)?;
    let socket = party.ground.home().join("bus.sock");
    let _bus = Bus::at(&socket)?;
    let by = format!("buses = ['{}']", socket.display());
    let crowd = Crowd::watched(vec![party], |policy| holds(policy).way("test", &by).in_tier(tier))?;
    let send = |unit: &str, how: &str| {
        crowd.parties[0].each(1, &[&format!("stop-unit {{home}}/bus.sock {unit} {how}")])
    };
    send("other.service", "whole")?.until_done()?;
    send("not-burstguard.service", "whole")?.until_done()?;
    ensure!(told()?.0 == 0, "{:?}", told()?);
    let job = send(OWN, "whole")?;
    match tier {
        Tier::Lsm => {
            ensure!(job.until_ended()? != Outcome::Exited(0) && job.complaint()?.contains("not permitted"));
            until_told("denied", "systemctl", 0)?;
        }
        Tier::Tracepoint => {
            job.until_done()?;
            until_told("observed", "systemctl", 0)?;
        }
    }
    crowd.end().map(drop)
}
