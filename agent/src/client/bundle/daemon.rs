//! What the daemon says about itself, if one answers.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use super::Part;

/// More than a daemon has to say.
const LONGEST: u64 = 16 << 20;
/// How long to wait for each piece of an answer: a daemon that hangs is one to make a bundle of.
const PATIENCE: Duration = Duration::from_secs(5);

const ASKED: [(&str, &str); 3] = [
    ("daemon/status.json", "/v1/status"),
    ("daemon/accounts.json", "/v1/accounts"),
    ("daemon/incidents.json", "/v1/incidents"),
];

pub(super) fn parts(socket: &Path, metrics: SocketAddr) -> Vec<Part> {
    let mut parts: Vec<_> = ASKED
        .into_iter()
        .map(|(name, path)| {
            let why = |error| format!("no answer to {path} at {}: {error}", socket.display());
            Part::new(name, fetch(socket, path).map_err(why))
        })
        .collect();
    for (name, path) in
        [("daemon/metrics", "/metrics"), ("daemon/healthz", "/healthz"), ("daemon/readyz", "/readyz")]
    {
        let why = |error| format!("no answer to {path} at {metrics}: {error}");
        parts.push(Part::new(name, scrape(metrics, path).map_err(why)));
    }
    parts
}

/// Asks over the control socket.
fn fetch(socket: &Path, path: &str) -> io::Result<Vec<u8>> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    exchange(stream, path)
}

/// Asks where Prometheus does.
fn scrape(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    exchange(stream, path)
}

/// Asks somebody else, by a name and a port.
pub(in super::super) fn fetch_http(at: &str, path: &str) -> io::Result<Vec<u8>> {
    let mut addresses = at.to_socket_addrs()?;
    let address = addresses.next().ok_or_else(|| io::Error::other("it has no address"))?;
    scrape(address, path)
}

/// In HTTP/1.0, whose answers come in one piece that ends with the connection.
fn exchange(mut stream: impl Read + Write, path: &str) -> io::Result<Vec<u8>> {
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    body(&answer)
}

/// The body of a success. Of anything else the status and what was said are the error.
pub(super) fn body(answer: &[u8]) -> io::Result<Vec<u8>> {
    const END: &[u8] = b"\r\n\r\n";
    let no_http = || io::Error::new(io::ErrorKind::InvalidData, "what answers does not speak HTTP");
    let end = answer.windows(END.len()).position(|found| found == END).ok_or_else(no_http)?;
    let (head, body) = (&answer[..end], &answer[end + END.len()..]);
    let status = head.split(|byte| *byte == b' ').nth(1).ok_or_else(no_http)?;
    if !head.starts_with(b"HTTP/1.") || !status.starts_with(b"2") {
        let said = String::from_utf8_lossy(&body[..body.len().min(500)]);
        let status = String::from_utf8_lossy(status);
        return Err(io::Error::other(format!("status {status}: {}", said.trim())));
    }
    Ok(body.to_owned())
}
