//! Names as the kernel has them: bytes, mostly text.

use std::{fmt, os::unix::ffi::OsStrExt as _, path::Path};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clean::Clean;

/// A name of any bytes. In JSON a string if it is UTF-8, else its bytes as an array of numbers, so that it comes out as it
/// went in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Bytes {
    Text(String),
    Raw(Vec<u8>),
}

impl Bytes {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Raw(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Raw(bytes.to_owned()),
        }
    }
}

impl From<&Path> for Bytes {
    fn from(path: &Path) -> Self {
        Self::from(path.as_os_str().as_bytes())
    }
}

/// For a terminal: nothing in it acts on one.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", Clean(text)),
            Self::Raw(bytes) => {
                for chunk in bytes.utf8_chunks() {
                    write!(f, "{}", Clean(chunk.valid()))?;
                    chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
                }
                Ok(())
            }
        }
    }
}
