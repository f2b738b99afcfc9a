//! Whole directories, what is above a tree, and what is mounted.

mod links;
mod mounts;
mod ways;
mod whole;
