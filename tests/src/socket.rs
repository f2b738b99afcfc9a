//! The agent's control socket without its own client.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use anyhow::{Context as _, Result};

use crate::wait;

/// Where it listens.
pub const SOCKET: &str = "/run/burstguard/control.sock";

/// A connection, in which one request follows the other.
pub struct Socket(BufReader<UnixStream>);

impl Socket {
    /// Connects.
    pub fn connect() -> Result<Self> {
        let stream = UnixStream::connect(SOCKET).with_context(|| format!("cannot connect to {SOCKET}"))?;
        stream.set_read_timeout(Some(wait::patience()))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Asks to see something; the status and the body of the answer.
    pub fn get(&mut self, path: &str) -> Result<(u16, String)> {
        self.ask(&format!("GET {path}"), "")
    }

    /// Asks for something to be done, with a body in JSON; the same.
    pub fn post(&mut self, path: &str, body: &str) -> Result<(u16, String)> {
        self.ask(&format!("POST {path}"), body)
    }

    fn ask(&mut self, what: &str, body: &str) -> Result<(u16, String)> {
        let length = body.len();
        let request = format!(
            "{what} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes()).context("cannot ask")?;
        self.answer().with_context(|| format!("the answer to {what}"))
    }

    fn answer(&mut self) -> Result<(u16, String)> {
        let mut status = String::new();
        self.0.read_line(&mut status)?;
        let status = status.split(' ').nth(1).and_then(|word| word.parse().ok()).context("a status")?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().context("a length")?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body)?))
    }
}
