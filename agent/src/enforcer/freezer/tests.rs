//! Tests with real processes in cgroups of their own. They need root and a v2 tree.

mod figures;
mod ground;
mod live;
mod undo;
