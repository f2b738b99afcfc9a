//! Bytes on their way from one place to another, and their hash.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::Hash;

/// So much is read at once.
const BUFFER: usize = 64 << 10;

/// Which side of a copy has failed.
#[derive(Debug)]
pub(crate) enum Side {
    Reading(io::Error),
    Writing(io::Error),
}

/// Copies all that is read; the hash of it, and how much it was.
pub(crate) fn copy(mut from: impl Read, mut to: impl Write) -> Result<(Hash, u64), Side> {
    let (mut hash, mut all) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok((Hash(hash.finalize().into()), all)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(Side::Reading)?,
        };
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read]).map_err(Side::Writing)?;
        all += read as u64;
    }
}
