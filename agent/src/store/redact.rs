//! What is taken out of a command line before it is written down: passwords, tokens and keys, wherever programs take them.
//! Rather too much than too little: what is left out of the record can be asked of whoever ran it, what is in it cannot be
//! called back. Pure.

use std::{fmt, str::FromStr, sync::LazyLock};

use regex::bytes::{Regex, RegexBuilder};

/// What stands in the place of a secret.
pub(crate) const REDACTED: &[u8] = b"[redacted]";
/// How much of a command line is kept.
pub(super) const LONGEST: usize = 4096;
/// How large what is made of a pattern may be, in bytes.
const SIZE: usize = 1 << 20;
/// The longest pattern, in bytes.
const PATTERN: usize = 1000;

/// A pattern of the policy: what it matches is a secret, or what its groups match if it has some.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Regex);

/// What is taken out, besides what always is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redact {
    pub(crate) patterns: Vec<Pattern>,
}

/// What the name of an option, a variable, a header or a field has in it whose value is a secret.
const SECRET: &str = r"(?:pass(?:word|wd|phrase|code|in|out)|passwd|pwd|secret|token|api[-_]?key|apikey|access[-_]?key|private[-_]?key|secret[-_]?key|auth[-_]?key|account[-_]?key|encryption[-_]?key|license[-_]?key|credential|authorization|cookie|bearer|x-[a-z-]*key|client[-_]?key[-_]?data|vault[-_]?id|sas[-_]?key|connection[-_]?string|\bpw\b|\bpass\b|_pass\b|_pw\b)";
/// Behind such a name: then its value is where the secret is, and not the secret.
const WHERE: &str = r"(?:file|path|dir|fd|stdin|prompt|command|cmd|store|length|type|name|policy|env)$";
/// What is a secret wherever it stands, by its shape.
const SHAPES: &str = r"(?x-u)
    \b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b
    | \b(?:gh[oprsu]|github_pat)_[0-9A-Za-z_]{16,}
    | \bgl(?:pat|ptt|dt|rt|cbt|ft|soat)-[0-9A-Za-z_-]{16,}
    | \bxox[a-z]-[0-9A-Za-z-]{10,} | \bxapp-[0-9A-Za-z-]{10,}
    | \b(?:sk|pk|rk)_(?:live|test)_[0-9A-Za-z]{10,} | \bsk-[0-9A-Za-z_-]{16,}
    | \bAIza[0-9A-Za-z_-]{30,} | \bya29\.[0-9A-Za-z_-]{20,}
    | \bnpm_[0-9A-Za-z]{20,} | \bpypi-[0-9A-Za-z_-]{20,} | \bdop_v1_[0-9a-f]{20,} | \bhv[sbr]\.[0-9A-Za-z_-]{20,}
    | \bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,} | \bglsa_[0-9A-Za-z_]{20,} | \bdckr_pat_[0-9A-Za-z_-]{16,}
    | \beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*)?
    | -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----[^\x00]*
";
/// Programs with options of one letter for a password, and these letters; what they take stands behind it, or is the next
/// argument.
const LETTERS: [(&str, &str); 12] = [
    (r"(?:mysql|mariadb)[a-z0-9_-]*|mycli|xtrabackup|mydumper|myloader", "p"),
    (r"sshpass|mongo[a-z]*|docker|podman|buildah|skopeo|helm|az|htpasswd|7za?|unrar|rar|zip|unzip", "pP"),
    (r"redis-cli|keydb-cli|valkey-cli", "a"),
    (r"curl|wget|http|https|xh", "uUaE"),
    (r"ldap[a-z]+", "wy"),
    (r"smbclient|rpcclient|net|winexe|mount\.cifs", "U"),
    (r"sqlcmd|bcp|isql|tsql", "PU"),
    (r"ipmitool|racadm", "PpE"),
    (r"psexec|evil-winrm|xfreerdp|rdesktop", "p"),
    (r"cqlsh|nodetool|impala-shell|beeline", "p"),
    (r"snmp[a-z]+", "cAX"),
    (r"keytool|jarsigner", ""),
];

/// The next argument is the secret.
static OPTION: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r"(?i)^(?:--?|/)[a-z0-9_.-]*{SECRET}[a-z0-9_.-]*$")));
static NOT_IT: LazyLock<Regex> = LazyLock::new(|| regex(&format!("(?i){WHERE}")));
/// The rest of the argument is.
static NAMED: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r#"(?is){SECRET}[a-z0-9_.\[\]-]*["'\\]*\s*[:=]\s*(.+)$"#)));
/// The rest of the argument is: an option inside an argument, as in `sh -c`.
static INNER: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r"(?is)(?:^|[\s\x22'])--?[a-z0-9_.-]*{SECRET}[a-z0-9_.-]*\s+(.+)$")));
/// A scheme of authorization, and what it takes.
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(?:bearer|basic|digest|negotiate)\s+(\S.*)$"));
/// Who asks, in a URL; a user alone is none if it is short.
static URL: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)[a-z][a-z0-9+.-]*://([^\s/?#]*(?::[^\s]*|[^\s/?#@]{17,}))@"));
static SHAPE: LazyLock<Regex> = LazyLock::new(|| regex(SHAPES));
static PROGRAMS: LazyLock<Vec<(Regex, Regex, Regex)>> = LazyLock::new(|| {
    let with = LETTERS.iter().filter(|(_, letters)| !letters.is_empty());
    with.map(|(programs, letters)| {
        let alone = regex(&format!("^-[a-zA-Z]*[{letters}]$"));
        let joined = regex(&format!("(?s)^-[{letters}](.+)$"));
        (regex(&format!("^(?:{programs})$")), alone, joined)
    })
    .collect()
});

/// Ours are right; a test compiles each.
fn regex(pattern: &str) -> Regex {
    build(pattern).unwrap_or_else(|error| unreachable!("a pattern of ours: {error}"))
}

fn build(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).unicode(false).size_limit(SIZE).dfa_size_limit(SIZE).build()
}

impl Redact {
    /// A command line as it may be written down: its arguments, each ended by a NUL as in /proc, with spaces between them.
    pub(crate) fn line(&self, arguments: &[u8]) -> Vec<u8> {
        let arguments = arguments.strip_suffix(b"\0").unwrap_or(arguments);
        let mut line = Vec::new();
        let mut program: Option<Vec<u8>> = None;
        let mut next_is_one = false;
        for argument in arguments.split(|byte| *byte == 0) {
            if !line.is_empty() {
                line.push(b' ');
            }
            let secret = std::mem::replace(&mut next_is_one, next_is_secret(program.as_deref(), argument));
            if secret && !argument.is_empty() {
                line.extend_from_slice(REDACTED);
            } else {
                line.extend(within(program.as_deref(), argument));
            }
            // `sudo -u x mysql`: the last one that is known counts.
            let name = argument.rsplit(|byte| *byte == b'/').next().unwrap_or(argument);
            if PROGRAMS.iter().any(|(programs, ..)| programs.is_match(name)) {
                program = Some(name.to_owned());
            }
        }
        for Pattern(pattern) in &self.patterns {
            line = without(&line, pattern);
        }
        line.truncate(LONGEST);
        line
    }
}

fn next_is_secret(program: Option<&[u8]>, argument: &[u8]) -> bool {
    let named = OPTION.is_match(argument) && !NOT_IT.is_match(argument);
    named || letters(program).any(|(alone, _)| alone.is_match(argument))
}

fn letters(program: Option<&[u8]>) -> impl Iterator<Item = (&'static Regex, &'static Regex)> {
    let program = program.map(<[u8]>::to_owned);
    let known = PROGRAMS
        .iter()
        .filter(move |(programs, ..)| program.as_deref().is_some_and(|program| programs.is_match(program)));
    known.map(|(_, alone, joined)| (alone, joined))
}

/// An argument without the secrets in it.
fn within(program: Option<&[u8]>, argument: &[u8]) -> Vec<u8> {
    let mut kept = argument.to_owned();
    for (_, joined) in letters(program) {
        kept = without(&kept, joined);
    }
    for pattern in [&*URL, &SHAPE, &NAMED, &INNER, &SCHEME] {
        kept = without(&kept, pattern);
    }
    kept
}

/// With everything redacted that a pattern matches: its groups, if it has some.
fn without(text: &[u8], pattern: &Regex) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let mut from = 0;
    for found in pattern.captures_iter(text) {
        let groups = found.iter().skip(usize::from(found.len() > 1)).flatten();
        for secret in groups.filter(|secret| !secret.is_empty()) {
            if secret.start() < from {
                continue; // a group inside another
            }
            kept.extend_from_slice(&text[from..secret.start()]);
            kept.extend_from_slice(REDACTED);
            from = secret.end();
        }
    }
    kept.extend_from_slice(&text[from..]);
    kept
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || "a regular expression that matches a secret, or whose groups do".to_owned();
        if text.is_empty() || text.len() > PATTERN {
            return Err(format!("{} of 1 to {PATTERN} bytes", wanted()));
        }
        let pattern = build(text).map_err(|error| {
            let why = error.to_string();
            format!("{} ({})", wanted(), why.lines().last().unwrap_or_default().trim())
        })?;
        if pattern.is_match(b"") {
            return Err(format!("{}; this one matches an empty text", wanted()));
        }
        Ok(Self(pattern))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

#[cfg(test)]
mod tests;
