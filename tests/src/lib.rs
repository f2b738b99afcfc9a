//! Drives the real binary on the running kernel. Everything it touches, it made itself, and takes away again: users, a
//! directory each, the processes of those users. Every count that a test or the demonstration judges by is taken from
//! the disk, never from the agent.
//!
//! - [`Scene`]: an account, its directory with a protected tree, and an agent that watches it
//! - [`Crowd`]: several accounts with an agent that watches them all
//! - [`Job`]: a command that the account runs
//! - [`Daemon`]: the agent, and the events that it prints
//! - [`chromium::Browser`]: a browser, to look at pages in
//! - [`wait`]: the only way to wait: for a condition, with a deadline, until Ctrl-C
//!
//! All of it needs root.

mod account;
mod ask;
pub mod cgroup;
pub mod chromium;
pub mod clock;
mod daemon;
mod ear;
mod event;
mod generation;
mod ground;
pub mod http;
mod incident;
mod job;
pub mod keeper;
mod likeness;
mod manager;
mod mount;
mod party;
mod policy;
pub mod proc;
mod program;
mod scene;
mod service;
mod socket;
mod sudo;
mod terminal;
mod throttle;
mod tmux;
pub mod trace;
pub mod tracepoints;
pub mod truth;
pub mod wait;

pub use account::{Account, end_with_us};
pub use ask::{Said, ask, ask_json, say};
pub use cgroup::Cgroup;
pub use daemon::{Daemon, Refusal};
pub use event::{Armed, Burst, Counters, Event, Held, Operation};
pub use generation::{Enforcement, generations, release};
pub use ground::Ground;
pub use incident::Incident;
pub use job::{Change, Job, Outcome};
pub use likeness::{Like, Likeness};
pub use manager::Manager;
pub use mount::{BpfFs, Devpts, Tmpfs};
pub use party::{Crowd, Party, policy_of};
pub use policy::{Policy, Tier};
pub use program::{agent, bench, hand};
pub use scene::Scene;
pub use service::{Bus, Service};
pub use socket::{SOCKET, Socket};
pub use sudo::SudoRule;
pub use terminal::{Session, Terminal};
pub use throttle::Throttle;
pub use tmux::Tmux;
