//! The endpoint, over TCP.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use clap::Parser as _;

use super::*;
use crate::metrics::endpoint::cannot_listen;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    arguments: Arguments,
}

fn arguments(words: &[&str]) -> Result<Arguments, clap::Error> {
    let words = [&["burstguard"], words].concat();
    Ok(Cli::try_parse_from(words)?.arguments)
}

/// An address that is free just now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn open(metrics: Metrics, address: SocketAddr) -> Endpoint {
    let arguments = arguments(&["--metrics", &address.to_string()]).unwrap();
    Endpoint::open(&arguments, Arc::new(metrics)).unwrap().unwrap()
}

/// Waits until somebody listens.
fn connect(address: SocketAddr) -> TcpStream {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                return stream;
            }
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        thread::park_timeout(Duration::from_millis(5));
    }
}

fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn prometheus_is_answered() {
    let (address, metrics) = (free(), fed());
    let expected = metrics.render().unwrap();
    let _endpoint = open(metrics, address);
    let (head, body) = get(address, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert_eq!(body, expected);
    assert!(get(address, "/readyz").0.starts_with("HTTP/1.1 200"));
    assert!(get(address, "/healthz").0.starts_with("HTTP/1.1 200"));
    assert!(get(address, "/etc/passwd").0.starts_with("HTTP/1.1 404"));
}

#[test]
fn the_page_says_what_there_is_and_nothing_that_was_said_about_it() {
    let (address, metrics) = (free(), fed());
    let _endpoint = open(metrics, address);
    let (head, body) = get(address, "/page.json");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("application/json"), "{head}");
    let page: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(page["trouble"], serde_json::Value::Null);
    let account = &page["accounts"][0];
    assert_eq!((&account["standing"], &account["held"]), (&"tripped".into(), &3.into()), "{body}");
    assert_eq!(
        account["budgets"][0],
        serde_json::json!({ "kind": "deletes", "used": 3, "limit": 10, "window_ms": 10_000 })
    );
    assert_eq!(page["timeline"]["seconds"], 300);
    for secret in ["note", "reason", "granted", "path"] {
        assert!(!body.contains(&format!("\"{secret}\"")), "{secret}: {body}");
    }
    let (head, body) = get(address, "/");
    assert!(head.contains("default-src 'none'") && body.contains("burstguard"), "{head}");
}

#[test]
fn other_hosts_have_no_page_and_neither_has_a_name_that_leads_here() {
    let address = free();
    let arguments =
        arguments(&["--metrics", &format!("0.0.0.0:{}", address.port()), "--metrics-public"]).unwrap();
    let _endpoint = Endpoint::open(&arguments, Arc::new(fed())).unwrap().unwrap();
    assert!(get(address, "/page.json").0.starts_with("HTTP/1.1 404"));
    let address = free();
    let _endpoint = open(fed(), address);
    let mut stream = connect(address);
    write!(stream, "GET /page.json HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[test]
fn what_is_not_ready_says_why() {
    let address = free();
    let _endpoint = open(Metrics::new().unwrap(), address);
    let (head, body) = get(address, "/readyz");
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert_eq!(body, "the loop has not begun yet\n");
}

#[test]
fn a_port_in_use_is_tried_again_and_keeps_nobody() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let _endpoint = open(fed(), address);
    // Given the time to find it taken; nobody is told when.
    thread::park_timeout(Duration::from_millis(300));
    drop(taken);
    assert!(get(address, "/metrics").0.starts_with("HTTP/1.1 200"));
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let said = cannot_listen(address, &TcpListener::bind(address).unwrap_err());
    assert!(said.contains(&format!("another program has port {}", address.port())), "{said}");
    assert!(said.contains("--metrics") && said.contains("Watching goes on"), "{said}");
}

#[test]
fn who_asks_for_half_does_not_keep_others_waiting() {
    let address = free();
    let _endpoint = open(fed(), address);
    let mut half: Vec<_> = (0..8).map(|_| connect(address)).collect();
    half.iter_mut().for_each(|stream| stream.write_all(b"GET /met").unwrap());
    let started = Instant::now();
    assert!(get(address, "/healthz").0.starts_with("HTTP/1.1 200"));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn other_hosts_are_let_in_only_if_that_was_said() {
    let refused = arguments(&["--metrics", "0.0.0.0:9479"]).unwrap();
    let error = Endpoint::open(&refused, Arc::new(fed())).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("0.0.0.0:9479") && error.contains("--metrics-public"), "{error}");
    let address = free();
    let allowed =
        arguments(&["--metrics", &format!("0.0.0.0:{}", address.port()), "--metrics-public"]).unwrap();
    let _endpoint = Endpoint::open(&allowed, Arc::new(fed())).unwrap();
    assert!(get(address, "/healthz").0.starts_with("HTTP/1.1 200"));
    for loopback in ["[::1]:1", "127.9.9.9:1", "[::ffff:127.0.0.1]:1"] {
        assert!(Endpoint::open(&arguments(&["--metrics", loopback]).unwrap(), Arc::new(fed())).is_ok());
    }
}

#[test]
fn off_is_off_and_nonsense_is_refused() {
    let off = arguments(&["--metrics", "off"]).unwrap();
    assert!(Endpoint::open(&off, Arc::new(fed())).unwrap().is_none());
    let error = arguments(&["--metrics", "9479"]).unwrap_err().to_string();
    assert!(error.contains("want ADDRESS:PORT"), "{error}");
}

#[test]
fn an_endpoint_that_is_dropped_serves_no_more() {
    let address = free();
    let endpoint = open(fed(), address);
    get(address, "/healthz");
    drop(endpoint);
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline);
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Prints how long a scrape takes: `cargo test --release -p burstguard scrape_of_256 -- --nocapture`.
#[test]
fn a_scrape_of_256_accounts_is_quick() {
    let names: Vec<_> = (0..256).map(|index| format!("account-{index}")).collect();
    let metrics = Metrics::new().unwrap();
    metrics.facts(facts(names.iter().map(String::as_str)));
    let address = free();
    let _endpoint = open(metrics, address);
    get(address, "/healthz");
    let mut took: Vec<_> = (0..21)
        .map(|_| {
            let started = Instant::now();
            let (_, body) = get(address, "/metrics");
            assert!(body.len() > 100_000);
            started.elapsed()
        })
        .collect();
    took.sort_unstable();
    println!("scrape of 256 accounts: min {:?}, median {:?}, max {:?}", took[0], took[10], took[20]);
    // The goal is 10 ms when optimised; this one is not, and the machine may be busy.
    assert!(took[0] < Duration::from_millis(500), "{took:?}");
}
