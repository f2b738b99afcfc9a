//! Processes as /proc shows them.

pub(crate) mod above;
pub(crate) mod cgroup;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
pub(crate) mod lineage;
pub(crate) mod mountinfo;
pub(crate) mod never_touch;
pub(crate) mod proc;
pub(crate) mod target;
pub(crate) mod terminal;
pub(crate) mod thread;
pub(crate) mod view;
