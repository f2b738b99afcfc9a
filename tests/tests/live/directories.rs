//! Whole directories, what is above a tree, what is mounted, and file systems on which a number is no identity.

mod links;
mod mounts;
mod ways;
mod whole;
