//! Every answer that is no success, as a problem in JSON.

use axum::{
    Json,
    extract::rejection::{JsonRejection, PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header::CONNECTION},
    response::{IntoResponse, Response},
};

use crate::api::{Code, Problem};

/// A problem and its HTTP status.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    problem: Problem,
    /// Whether the connection is ended with it.
    last: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, problem: Problem) -> Self {
        Self { status, problem, last: false }
    }

    pub(super) fn last(self) -> Self {
        Self { last: true, ..self }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.code.http_status());
        Self::new(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.problem)).into_response();
        if self.last {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        let code =
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { Code::TooMuch } else { Code::Invalid };
        let problem =
            Problem::new(code, format!("the body is not what is wanted: {}", rejection.body_text()));
        match rejection {
            JsonRejection::MissingJsonContentType(_) => {
                Self::new(rejection.status(), problem.help("send JSON, with Content-Type: application/json"))
            }
            // Well-formed or not is no difference that anybody acts on.
            JsonRejection::JsonDataError(_) => Self::new(StatusCode::BAD_REQUEST, problem),
            _ => Self::new(rejection.status(), problem),
        }
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Problem::new(Code::Invalid, format!("the query is not what is wanted: {}", rejection.body_text()))
            .into()
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Problem::new(Code::Invalid, format!("the path is not what is wanted: {}", rejection.body_text()))
            .into()
    }
}
