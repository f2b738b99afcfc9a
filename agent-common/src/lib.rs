//! What the kernel programs and the agent share.
//!
//! [`rules`] are pure and know no layout: the kernel programs run them, user space tests and replays them.
//! [`wire`] is layout and knows no rule: what lies in a map or crosses the ring buffer, with its size asserted.

#![cfg_attr(not(any(test, loom, feature = "user")), no_std)]

pub mod rules;
pub mod wire;
