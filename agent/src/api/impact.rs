//! What of the host depends on a path.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Bytes, Named};

/// What the host knew of a path when it was asked, shortly after the act. All of it is bounded: the first few of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Impact {
    /// From the root on.
    pub(crate) path: Bytes,
    /// The packages that have installed it; a directory may be of several.
    pub(crate) packages: Vec<String>,
    /// Whether one of them has it as configuration, which an upgrade does not replace.
    pub(crate) conffile: bool,
    /// The units whose files name it, or a directory of the tree that it is in.
    pub(crate) units: Vec<String>,
    /// Processes that have it open, or mapped.
    pub(crate) open: Vec<OpenIn>,
    /// How many there are.
    pub(crate) open_in: u64,
}

/// A process that has a file open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct OpenIn {
    #[serde(flatten)]
    pub(crate) process: Named,
    /// The unit whose control group it is in.
    pub(crate) unit: Option<String>,
}

impl Impact {
    /// Nothing is known of it.
    pub(crate) fn none(path: Bytes) -> Self {
        Self { path, packages: Vec::new(), conffile: false, units: Vec::new(), open: Vec::new(), open_in: 0 }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.packages.is_empty() && self.units.is_empty() && self.open.is_empty()
    }
}
