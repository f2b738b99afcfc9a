//! A page to look at, on the port of the metrics: accounts, budgets, what waits, and the last minutes. It asks for nothing but what it
//! shows, does nothing, and loads nothing from elsewhere.
//!
//! Nobody is asked who they are there, so it says no more than names of accounts, counts and trees: no path of an operation, no command
//! line, no reason that somebody gave. It is served to the host itself only.

mod lately;
mod view;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS},
        uri::Authority,
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};

pub(crate) use lately::{Lately, Timeline};
use view::View;

use crate::metrics::Metrics;

/// What the browser may load, and for whom: itself, from here, into no other page.
const POLICY: &str = "default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page and what it asks for.
pub(crate) fn router(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/", get(text("text/html; charset=utf-8", include_str!("page/page.html"))))
        .route("/page.css", get(text("text/css; charset=utf-8", include_str!("page/page.css"))))
        .route("/page.js", get(text("text/javascript; charset=utf-8", include_str!("page/page.js"))))
        .route("/page.json", get(async |State(metrics): State<Arc<Metrics>>| Json(View::of(&metrics))))
        .layer(middleware::from_fn(for_this_host))
        .with_state(metrics)
}

fn text(kind: &'static str, text: &'static str) -> impl IntoResponse + Clone {
    ([(CONTENT_TYPE, kind)], text)
}

/// Any page that a browser shows may ask here, under a name that leads here from elsewhere; it could then read what is answered. So
/// it must be asked by an address of the host itself.
async fn for_this_host(request: Request, next: Next) -> Response {
    if !is_named_locally(request.headers()) {
        let why = "ask for this page by an address of the host itself, such as 127.0.0.1 or localhost\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let headers =
        [(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, next.run(request).await).into_response()
}

fn is_named_locally(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    host.is_some_and(|authority| {
        let host = authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_for_by_an_address_of_the_host() {
        let asked = |host: &str| is_named_locally(&HeaderMap::from_iter([(HOST, host.parse().unwrap())]));
        for local in ["localhost", "localhost:9479", "127.0.0.1:9479", "127.8.9.1", "[::1]:9479"] {
            assert!(asked(local), "{local}");
        }
        for other in
            ["evil.example:9479", "localhost.evil.example", "10.0.0.1:9479", "[::2]", "", "127.0.0.1.evil"]
        {
            assert!(!asked(other), "{other}");
        }
        assert!(!is_named_locally(&HeaderMap::new()));
    }

    /// Not even a link: what is shown is shown by what is here.
    #[test]
    fn nothing_is_loaded_from_elsewhere_and_nothing_can_be_done() {
        let all =
            [include_str!("page/page.html"), include_str!("page/page.css"), include_str!("page/page.js")];
        for text in all {
            let text = text.replace("http://www.w3.org/2000/svg", ""); // a name, which is not loaded
            for word in
                ["http:", "https:", "//", "<form", "<button", "innerHTML", "POST", "eval", "url(", "@import"]
            {
                let found =
                    text.lines().find(|line| !line.trim_start().starts_with("//") && line.contains(word));
                assert_eq!(found, None, "{word}");
            }
        }
    }
}
