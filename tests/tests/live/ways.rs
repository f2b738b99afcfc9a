//! Ways to have others act: a connection to a socket of the policy's, behind which somebody listens who does not act for the account
//! (`lsm`, `tracepoint`); a port of this host and a file that is a job (`elsewhere`); a unit that is started (`units`).

mod elsewhere;
mod lsm;
mod tracepoint;
mod units;

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::{Crowd, Incident, Job, Party, Policy, Service, ask_json};

use crate::holding::{FILES, holds};

/// An account, somebody else who listens, and the agent.
struct Stage {
    crowd: Crowd,
    service: Service,
    /// What the policy does not name.
    other: Service,
}

impl Stage {
    fn new(escapes: &'static str, change: impl FnOnce(Policy) -> Policy) -> Result<Self> {
        let party = Party::new(FILES)?;
        let home = party.ground.home();
        let service = Service::at(&home.join("way.sock"))?;
        let other = Service::at(&home.join("other.sock"))?;
        let by = format!("sockets = ['{}/w*.sock']", home.display());
        let policy = |policy| change(holds(policy)).escapes(escapes).way("test", &by);
        Ok(Self { crowd: Crowd::watched(vec![party], policy)?, service, other })
    }

    fn party(&self) -> &Party {
        &self.crowd.parties[0]
    }

    /// Asks by this socket, so often.
    fn ask(&self, socket: &str, times: usize) -> Result<Job> {
        self.ask_by("ask", socket, times)
    }

    /// The same by another step of the helper program.
    fn ask_by(&self, step: &str, socket: &str, times: usize) -> Result<Job> {
        let socket = self.party().ground.home().join(socket);
        self.party().each(times, &[&format!("{step} {}", socket.display())])
    }

    /// Nobody minds what is asked by a socket that the policy does not name, or of a process of the account's own.
    fn others_are_free(&mut self) -> Result<()> {
        self.ask("other.sock", 1)?.until_done()?;
        ensure!(self.other.asked() == 1);
        let own = self.party().ground.home().join("w-own.sock");
        let mut listener = self.party().hand(&["listen", &own.to_string_lossy()])?;
        listener.until_says("listening")?;
        self.party().each(1, &[&format!("ask {}", own.display())])?.until_done()?;
        listener.tell("end")?;
        Ok(())
    }
}

/// The incidents that are about a way.
fn escapes() -> Result<Vec<Value>> {
    let all = ask_json(&["incidents"])?;
    let is_one = |one: &&Value| one["what"].as_str().is_some_and(|what| what.starts_with("had others act"));
    Ok(all.as_array().into_iter().flatten().filter(is_one).cloned().collect())
}

/// The one that there is.
fn escape(state: &str, what: &str) -> Result<Incident> {
    let found = escapes()?;
    let [one] = &found[..] else { anyhow::bail!("{} incidents: {found:?}", found.len()) };
    ensure!(one["state"] == state && one["what"].as_str().is_some_and(|said| said.contains(what)), "{one}");
    Ok(Incident(one["id"].as_u64().unwrap_or_default()))
}
