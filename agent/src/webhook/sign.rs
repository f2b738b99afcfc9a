//! The signature of a message, and the key that it is made with.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::process::geteuid;
use sha2::Sha256;

/// A key, without the newline that editors put behind it. It has no `Debug`: it must never be shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(Vec<u8>);

/// How long a key may be, in bytes. A shorter one could be guessed from a message and its signature.
const SHORTEST: usize = 16;
const LONGEST: usize = 4096;

impl Secret {
    /// Reads it, each time that it is needed, so that a new one holds at once.
    ///
    /// # Errors
    /// Why it is no key that can be trusted, and what to do.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let no_good = |why: String| format!("the key of the webhook, {}, {why}", file.display());
        let cannot = |error: io::Error| no_good(format!("cannot be read: {error}"));
        // A pipe must not keep us.
        let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits();
        let opened = OpenOptions::new().read(true).custom_flags(flags as i32).open(file).map_err(cannot)?;
        let found = opened.metadata().map_err(cannot)?;
        if !found.is_file() {
            return Err(no_good("is no file".to_owned()));
        }
        if (found.uid() != 0 && found.uid() != geteuid().as_raw()) || found.mode() & 0o077 != 0 {
            let do_so = "must be root's, and nobody else may read or write it: chown root and chmod 600 it";
            return Err(no_good(do_so.to_owned()));
        }
        let mut bytes = Vec::new();
        opened.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
        let key = bytes.trim_ascii_end();
        if !(SHORTEST..=LONGEST).contains(&key.len()) {
            let wanted =
                format!("must have {SHORTEST} to {LONGEST} bytes, such as `openssl rand -hex 32` prints");
            return Err(no_good(wanted));
        }
        Ok(Self(key.to_owned()))
    }

    /// HMAC-SHA-256 over the time, a dot and the body, in hexadecimal.
    pub(super) fn sign(&self, time: &str, body: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("a key may have any length");
        };
        [time, ".", body].iter().for_each(|part| mac.update(part.as_bytes()));
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    /// As `printf '1700000000.{"id":"1"}' | openssl dgst -sha256 -hmac 0123456789abcdef` says.
    #[test]
    fn a_signature_is_what_openssl_says() {
        let secret = Secret(b"0123456789abcdef".to_vec());
        let signature = secret.sign("1700000000", r#"{"id":"1"}"#);
        assert_eq!(signature, "d5f5834972cbc6cf5590800c46ccaa0cd6c16f19c0c73dbdf9b4c56390cbc2a3");
        assert_ne!(signature, secret.sign("1700000001", r#"{"id":"1"}"#));
    }

    #[test]
    fn only_a_key_that_nobody_else_can_read_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let with = |text: &str, mode: u32| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            Secret::read(&file).map(|secret| secret.0)
        };
        assert_eq!(with("0123456789abcdef\n", 0o600), Ok(b"0123456789abcdef".to_vec()));
        for (text, mode, why) in [
            ("0123456789abcdef", 0o640, "nobody else"),
            ("0123456789abcdef", 0o604, "nobody else"),
            ("0123456789abcde\n", 0o600, "must have 16 to"),
            (&"x".repeat(4097), 0o600, "must have 16 to"),
        ] {
            let error = with(text, mode).unwrap_err();
            assert!(error.contains(why) && !error.contains("0123"), "{error}");
        }
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(Secret::read(&link).is_err() && Secret::read(directory.path()).is_err());
        assert!(Secret::read(&directory.path().join("none")).is_err());
    }
}
