//! Messages on a bus (D-Bus), byte by byte.

use std::io::IoSlice;
use std::os::unix::net::UnixStream;

use anyhow::{Result, bail, ensure};
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};

/// Connects, and has a unit of this name started, or calls another method with it; sent in this way.
pub(crate) fn start_unit(socket: &str, method: &str, unit: &str, how: &str) -> Result<()> {
    const HANDSHAKE: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
    let stream = UnixStream::connect(socket)?;
    let (head, body) = message(method, unit);
    let whole = [&head[..], &body].concat();
    match how {
        // As libraries do: the head and the body, together.
        "whole" => {
            send(&stream, &[HANDSHAKE])?;
            send(&stream, &[&head, &body])?;
        }
        "in-one" => {
            send(&stream, &[HANDSHAKE])?;
            send(&stream, &[&whole])?;
        }
        "in-pieces" => {
            let (front, back) = whole.split_at(40);
            [HANDSHAKE, front, back].iter().try_for_each(|part| send(&stream, &[part]))?;
        }
        "behind-the-handshake" => send(&stream, &[HANDSHAKE, &whole])?,
        // What is harmless lies first, and none of it is sent.
        "behind-nothing" => {
            send(&stream, &[HANDSHAKE])?;
            let (front, back) = whole.split_at(120);
            send(&stream, &[&b"AUTH"[..0], front])?;
            send(&stream, &[&b"AUTH"[..0], back])?;
        }
        "with-another" => {
            let (head, body) = message_with("StartTransientUnit", unit, true);
            send(&stream, &[HANDSHAKE])?;
            send(&stream, &[&head, &body])?;
        }
        "behind-another" => {
            send(&stream, &[HANDSHAKE])?;
            let (head, body) = message("Reload", "x");
            send(&stream, &[&head, &body, &whole])?;
        }
        _ => bail!("not a way to send"),
    }
    Ok(())
}

/// `sendmsg`, as the libraries for it do.
fn send(stream: &UnixStream, parts: &[&[u8]]) -> Result<()> {
    let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let sent = sendmsg(stream, &slices, &mut SendAncillaryBuffer::default(), SendFlags::empty())?;
    ensure!(sent == parts.concat().len(), "{sent} bytes were sent");
    Ok(())
}

/// The head and the body of a call of the service manager's.
fn message(method: &str, unit: &str) -> (Vec<u8>, Vec<u8>) {
    message_with(method, unit, false)
}

/// The same, with another unit or none.
fn message_with(method: &str, unit: &str, another: bool) -> (Vec<u8>, Vec<u8>) {
    let mut body = Vec::new();
    text(&mut body, unit);
    text(&mut body, "fail");
    align(&mut body, 4);
    body.extend([0; 4]); // no properties
    align(&mut body, 8);
    if another {
        let mut other = Vec::new();
        text(&mut other, "evil.service");
        align(&mut other, 4);
        other.extend([0; 4]); // without properties
        body.extend(u32::try_from(other.len()).unwrap_or(u32::MAX).to_le_bytes());
        align(&mut body, 8);
        body.extend(other);
    } else {
        body.extend([0; 4]);
        align(&mut body, 8);
    }
    let mut fields = Vec::new();
    for (code, kind, value) in [
        (1, b'o', "/org/freedesktop/systemd1"),
        (6, b's', "org.freedesktop.systemd1"),
        (2, b's', "org.freedesktop.systemd1.Manager"),
        (3, b's', method),
    ] {
        align(&mut fields, 8);
        fields.extend([code, 1, kind, 0]);
        text(&mut fields, value);
    }
    align(&mut fields, 8);
    fields.extend(*b"\x08\x01g\0\x10ssa(sv)a(sa(sv))\0");
    let mut head = vec![b'l', 1, 0, 1];
    for number in [body.len(), 1, fields.len()] {
        head.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    }
    head.extend(fields);
    align(&mut head, 8);
    (head, body)
}

fn text(bytes: &mut Vec<u8>, value: &str) {
    align(bytes, 4);
    bytes.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(value.as_bytes());
    bytes.push(0);
}

fn align(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}
