//! The anchors that the journal has.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::chain::Head;

/// The anchors in the journal of this file; and why there are none, if so.
pub(super) fn anchors(file: &Path) -> (Vec<Head>, Option<String>) {
    // What others than root have written there proves nothing.
    let asked = Command::new("journalctl")
        .args(["--quiet", "--no-pager", "--output=json", "_UID=0", "BURSTGUARD_EVENT=anchor"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    let none = |why: String| (Vec::new(), Some(why));
    match asked {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            none("this host has no journalctl".to_owned())
        }
        Err(error) => none(format!("cannot run journalctl: {error}")),
        Ok(said) if !said.status.success() => {
            let why = String::from_utf8_lossy(&said.stderr).lines().next().unwrap_or_default().to_owned();
            none(format!("journalctl failed: {why}"))
        }
        Ok(said) => {
            let heads: Vec<Head> =
                said.stdout.split(|byte| *byte == b'\n').filter_map(|line| anchor(line, file)).collect();
            let why = heads.is_empty().then(|| "the journal has none that can be read".to_owned());
            (heads, why)
        }
    }
}

/// The anchor that a line of the journal is, if it is one of this file.
fn anchor(line: &[u8], file: &Path) -> Option<Head> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let field = |name: &str| line.get(name)?.as_str();
    let ours = field("BURSTGUARD_FILE").is_some_and(|of| Path::new(of) == file);
    ours.then(|| format!("{}:{}", field("BURSTGUARD_SEQ")?, field("BURSTGUARD_HASH")?).parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_of_the_journal_is_an_anchor_if_it_is_of_this_file() {
        let (file, hash) = (Path::new("/s/incidents.db"), "ab".repeat(32));
        let line = |file: &str, seq: &str| {
            json!({ "BURSTGUARD_FILE": file, "BURSTGUARD_SEQ": seq, "BURSTGUARD_HASH": hash }).to_string()
        };
        let read = |line: String| anchor(line.as_bytes(), file);
        assert_eq!(read(line("/s/incidents.db", "7")).map(|head| head.seq), Some(7));
        assert_eq!(read(line("/t/incidents.db", "7")), None);
        assert_eq!(read(line("/s/incidents.db", "x")), None);
        assert_eq!(read(String::new()), None);
    }
}
