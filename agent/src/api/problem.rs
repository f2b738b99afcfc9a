//! Why a request was not carried out.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize, ToSchema)]
#[error("{message}")]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// What was attempted and why it failed.
    pub(crate) message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
}

/// What kind of failure; each has an HTTP status and a process exit status of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// It was tried and failed.
    Failed,
    /// The request makes no sense.
    Invalid,
    NotAllowed,
    NotFound,
    AlreadyDecided,
    PolicyInvalid,
    /// Done, but the kernel did not confirm it in time.
    NotConfirmed,
    /// Too many or too large requests.
    TooMuch,
}

impl Code {
    pub(crate) const fn http_status(self) -> u16 {
        match self {
            Self::Failed => 500,
            Self::Invalid => 400,
            Self::NotAllowed => 403,
            Self::NotFound => 404,
            Self::AlreadyDecided => 409,
            Self::PolicyInvalid => 422,
            Self::NotConfirmed => 504,
            Self::TooMuch => 429,
        }
    }

    /// The exit status of the command that asked.
    pub(crate) const fn exit_status(self) -> u8 {
        match self {
            Self::Failed | Self::TooMuch => 1,
            Self::Invalid => 2,
            Self::NotAllowed => 4,
            Self::NotFound => 5,
            Self::AlreadyDecided => 6,
            Self::PolicyInvalid => 7,
            Self::NotConfirmed => 8,
        }
    }
}

impl Problem {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}
