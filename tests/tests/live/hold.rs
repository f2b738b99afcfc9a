//! Calls past the budget wait, and nothing of them happens.

mod calls;
mod company;
mod many;
mod names;
mod signals;
