//! Screens word for word, exit statuses, and JSON.

mod exits;
mod held;
mod screens;
