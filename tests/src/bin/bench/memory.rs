//! How much memory the agent takes.

use anyhow::Result;
use tests::proc;

use crate::row::Row;

/// In MiB.
#[derive(Default)]
pub(crate) struct Memory {
    resident: Vec<f64>,
    highest: Vec<f64>,
}

impl Memory {
    pub(crate) fn look(&mut self, agent: u32) -> Result<()> {
        self.resident.push(proc::memory_kib(agent, "VmRSS")? as f64 / 1024.0);
        self.highest.push(proc::memory_kib(agent, "VmHWM")? as f64 / 1024.0);
        Ok(())
    }

    pub(crate) fn rows(self) -> [Row; 2] {
        [
            Row::new("the agent's memory after that", "MiB", self.resident).always(20.0),
            // Loading the kernel programs takes more than running them.
            Row::new("the agent's memory since its start, at its highest", "MiB", self.highest),
        ]
    }
}
