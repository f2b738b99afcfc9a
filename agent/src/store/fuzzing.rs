//! What is stated of command lines that are written down, whatever their bytes.

use super::redact::{LONGEST, Redact};

/// What stands in the place of a secret here. No part of it is made of anything else.
const SECRET: &[u8] = b"Zq7vKx93";

/// Behind what a secret may stand.
const OPTIONS: [&[u8]; 4] = [b"--password\0", b"--token=", b"-e\0DB_PASSWORD=", b"X-Api-Key: "];

/// A line is text of one line's length without a NUL. And wherever somebody puts a secret behind the option for it, the line does not
/// have it.
pub(crate) fn arguments(bytes: &[u8]) {
    let redact = Redact::default();
    let line = redact.line(bytes);
    assert!(line.len() <= LONGEST && !line.contains(&0));
    if contains(bytes, SECRET) {
        return;
    }
    let arguments: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    let any = usize::from(bytes.first().copied().unwrap_or_default());
    let (before, after) = arguments.split_at(any / OPTIONS.len() % (arguments.len() + 1));
    let secret = [OPTIONS[any % OPTIONS.len()], SECRET].concat();
    let all = [before, &[&secret[..]], after].concat().join(&0);
    let line = redact.line(&all);
    assert!(!contains(&line, SECRET), "{:?}", String::from_utf8_lossy(&line));
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
