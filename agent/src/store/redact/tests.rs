use proptest::prelude::*;

use super::*;

fn shown(line: &str) -> String {
    let line = line.replace('|', "\0");
    String::from_utf8(Redact::default().line(line.as_bytes())).expect("text")
}

/// S stands for a secret, | for the end of an argument.
const PLACES: [&str; 44] = [
    "mysql|-pS|db",
    "mysql|-uroot|-p|S",
    "/usr/bin/mysqldump|--password=S|db",
    "sudo|-u|deploy|mysqladmin|-pS|status",
    "tool|--password|S",
    "tool|--db-password|S|x",
    "tool|-password|S",
    "tool|--token=S",
    "tool|--TOKEN|S",
    "tool|--api-key|S",
    "tool|--apikey=S",
    "tool|--secret|S",
    "tool|--client-secret=S",
    "helm|upgrade|--set|db.password=S",
    "helm|--set|auth.rootPassword=S",
    "env|MYSQL_PWD=S|mysql",
    "env|AWS_SECRET_ACCESS_KEY=S|aws",
    "env|GITHUB_TOKEN=S|gh",
    "env|DB_PASS=S|x",
    "curl|-H|Authorization: Bearer S|https://h",
    "curl|-HAuthorization: token S|https://h",
    "curl|-H|X-Api-Key: S",
    "curl|-H|PRIVATE-TOKEN: S",
    "curl|-H|Cookie: a=b; session=S",
    "curl|-u|user:S|https://h",
    "curl|-uuser:S|https://h",
    "curl|--header=Authorization: Basic S",
    "curl|-d|{\"user\":\"a\",\"password\":\"S\"}|https://h",
    "curl|-d|user=a&password=S&x=y",
    "git|clone|https://user:S@host/path",
    "git|push|https://user:S/more@host/path",
    "psql|postgres://app:S@db:5432/app",
    "redis-cli|-a|S|get|k",
    "redis-cli|-aS|get|k",
    "sshpass|-pS|ssh|h",
    "sshpass|-p|S|ssh|h",
    "ldapsearch|-x|-w|S",
    "openssl|rsa|-passin|pass:S",
    "sh|-c|mysql --password S db",
    "sh|-c|PGPASSWORD=S psql",
    "docker|login|-u|u|-p|S|registry",
    "tool|/password|S",
    "smbclient|//h/s|-U|user%S",
    "tool|--private-key=S",
];

proptest! {
    /// Any bytes that an argument can have, but no quote of the text around it.
    #[test]
    fn a_secret_never_appears(place in 0..PLACES.len(), secret in "[!-~&&[^@|/\"'\\\\]][ -~&&[^@|]]{6,40}[!-~&&[^@|]]", raw in any::<bool>()) {
        let place = PLACES[place];
        let is_url = place.contains("://") && place.contains("S@") || place.contains("S/more");
        // In a URL these would be written as %20 and so on.
        let secret = if is_url { secret.replace([' ', '/', '?', '#'], "x") } else { secret };
        let mut secret = secret.into_bytes();
        if raw {
            secret.extend([0xff, 0x1b, 0xc3]);
        }
        let place = place.replace('|', "\0");
        let (before, after) = place.split_once('S').map_or((&place[..], ""), |(before, after)| (before, after));
        // The S of a secret stands alone: the last one of the place.
        let (before, after) = match place.rmatch_indices('S').find(|(at, _)| is_alone(&place, *at)) {
            Some((at, _)) => (&place[..at], &place[at + 1..]),
            None => (before, after),
        };
        let line = [before.as_bytes(), &secret, after.as_bytes(), b"\0"].concat();
        let kept = Redact::default().line(&line);
        let found = kept.windows(secret.len()).any(|window| window == secret);
        prop_assert!(!found, "{} in {}", secret.escape_ascii(), kept.escape_ascii());
        prop_assert!(kept.windows(REDACTED.len()).any(|window| window == REDACTED));
    }

    #[test]
    fn what_is_known_by_its_shape_is_a_secret_anywhere(text in "[a-z ]{0,20}", index in 0_usize..8) {
        let secret = [
            "AKIAIOSFODNN7EXAMPLE", "ghp_0123456789abcdefghijABCDEFGHIJ012345", "glpat-0123456789abcdefghij",
            "xoxb-0123456789-abcdefghij", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "sk_live_0123456789abcdef",
            "AIzaSyA0123456789abcdefghijklmnopqrstuv", "npm_0123456789abcdefghijklmnop",
        ][index];
        let kept = Redact::default().line(format!("{text} {secret} {text}").as_bytes());
        prop_assert!(!String::from_utf8_lossy(&kept).contains(secret));
    }

    #[test]
    fn any_bytes_are_taken(line: Vec<u8>) {
        prop_assert!(Redact::default().line(&line).len() <= LONGEST);
    }
}

fn is_alone(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + 1..].chars().next();
    let letter = |char: Option<char>| char.is_some_and(|char| char.is_ascii_uppercase() || char == '_');
    !letter(before) && !letter(after)
}

#[test]
fn what_is_no_secret_stays() {
    for line in [
        "rm -rf /etc/nginx",
        "tool --password-file /etc/secret.txt",
        "ssh git@github.com",
        "git clone https://git@github.com/a/b",
        "cp -p a b",
        "mkdir -p /srv/token/x",
        "sh -c echo hello",
        "find / -passive",
        "python3 -u run.py --author ann",
    ] {
        assert_eq!(shown(&line.replace(' ', "|")), line);
    }
}

#[test]
fn what_is_left_says_what_it_was() {
    for (line, expected) in [
        ("mysql|-uroot|-phunter2|db", "mysql -uroot -p[redacted] db"),
        ("git|clone|https://ann:hunter2@h/p", "git clone https://[redacted]@h/p"),
        ("tool|--token|hunter2|--yes", "tool --token [redacted] --yes"),
        ("env|DB_PASSWORD=hunter2|make", "env DB_PASSWORD=[redacted] make"),
    ] {
        assert_eq!(shown(line), expected);
    }
}

#[test]
fn the_policys_patterns_take_out_more() {
    let patterns = ["--pin ([0-9]+)", "K-[a-z]+"].map(|text| text.parse().expect("a pattern"));
    let redact = Redact { patterns: patterns.into() };
    let kept = redact.line(b"tool\0--pin\x001234\0K-abc\0");
    assert_eq!(String::from_utf8_lossy(&kept), "tool --pin [redacted] [redacted]");
}

#[test]
fn a_pattern_that_makes_no_sense_says_so() {
    for bad in ["", "(", "x*", &"x".repeat(PATTERN + 1), "(?:a{1000}){1000}"] {
        let why = bad.parse::<Pattern>().expect_err("no pattern");
        assert!(why.starts_with("a regular expression that matches a secret"), "{why}");
        assert!(!why.contains('\n'), "{why}");
    }
}
