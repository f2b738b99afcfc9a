//! What an approval lets through, and what it does not.

mod abandoned;
mod bound;
mod orders;
mod people;
mod time;
mod wrappers;
