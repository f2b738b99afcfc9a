//! A server with a loop that answers the same each time, asked as anybody would ask.

mod limits;
mod peer;
mod routes;
pub(crate) mod stage;
