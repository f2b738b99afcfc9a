use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::{fs::MetadataExt as _, net::UnixListener},
    thread,
};

use flate2::read::GzDecoder;
use tempfile::{TempDir, tempdir};

use super::*;

fn arguments(directory: &TempDir) -> Arguments {
    let at = |name| directory.path().join(name);
    // Nobody listens on port 1.
    let metrics = "127.0.0.1:1".parse().unwrap();
    Arguments { output: Some(at("b.tar.gz")), policy: at("policy.toml"), socket: at("c.sock"), metrics }
}

/// The files of a bundle, by their name below its directory.
fn unpack(arguments: &Arguments) -> BTreeMap<String, String> {
    let file = fs::File::open(arguments.output.as_ref().unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(GzDecoder::new(file)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().split_once('/').unwrap().1.to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
    }
    files
}

/// Answers every request over a unix socket with its path.
fn serve(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = String::new();
            BufReader::new(&stream).read_line(&mut request).unwrap();
            let body = request.split(' ').nth(1).unwrap();
            let status = if body == "/v1/accounts" { "403 Forbidden" } else { "200 OK" };
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
}

#[test]
fn a_bundle_holds_what_is_there_and_says_why_the_rest_is_not() {
    let directory = tempdir().unwrap();
    let arguments = arguments(&directory);
    fs::write(&arguments.policy, "version = 1 # hunter2\n[notify]\nwebhook = \"hunter2\"\n").unwrap();
    fs::create_dir(directory.path().join("policy.d")).unwrap();
    fs::write(directory.path().join("policy.d/10-bad.toml"), "a = 1\nb = hunter2").unwrap();
    serve(&arguments.socket);

    run(&arguments).unwrap();

    let files = unpack(&arguments);
    let manifest = &files["MANIFEST"];
    assert!(files["versions"].starts_with("burstguard "));
    assert!(files["policy/policy.toml"].contains("version = 1\n"));
    assert_eq!(files["daemon/status.json"], "/v1/status");
    assert!(manifest.contains("daemon/accounts.json: missing: no answer to /v1/accounts"), "{manifest}");
    assert!(manifest.contains("status 403: /v1/accounts"), "{manifest}");
    assert!(manifest.contains("daemon/metrics: missing: no answer to /metrics at 127.0.0.1:1"), "{manifest}");
    assert!(manifest.contains("policy/10-bad.toml: missing: line 2 is no TOML"), "{manifest}");
    for (name, text) in &files {
        assert!(!text.contains("hunter2"), "{name}: {text}");
        let in_manifest = manifest.contains(&format!("{name}: {} bytes\n", text.len()));
        assert!(
            name == "MANIFEST" || in_manifest || text.contains('\u{fffd}'),
            "{name} is not in {manifest}"
        );
    }
    let mode = fs::metadata(arguments.output.unwrap()).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn a_file_that_is_there_is_left_alone() {
    let directory = tempdir().unwrap();
    let arguments = arguments(&directory);
    let output = arguments.output.clone().unwrap();
    fs::write(&output, "mine").unwrap();

    let error = format!("{:#}", run(&arguments).unwrap_err());

    assert!(error.contains("cannot write") && error.contains("exists"), "{error}");
    assert_eq!(fs::read_to_string(&output).unwrap(), "mine");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn a_policy_is_shown_without_its_secrets() {
    let shown = policy::without_secrets(
        r#"
        # token: hunter2
        version = 1
        [account.keycloak]
        users = ["deploy", "a\"b"]
        budget.deletes = "10/10s"
        api_token = "hunter2"
        [account.keycloak.env]
        HOME = "hunter2"
        [notify]
        targets = ["https://hooks.example/hunter2", "mail"]
        to = { url = "https://u:hunter2@h/", Password = "hunter2", port = 1 }
        list = [{ secret = "hunter2", on = true }]
        [[hook]]
        webhooks = ["hunter2"]
        "#,
    )
    .unwrap();

    assert_eq!(
        shown.lines().collect::<Vec<_>>(),
        [
            "account.keycloak.api_token = \"(secret)\"",
            "account.keycloak.budget.deletes = \"10/10s\"",
            "account.keycloak.env = \"(secret)\"",
            "account.keycloak.users = [\"deploy\", \"a\\\"b\"]",
            "hook = [{ webhooks = \"(secret)\" }]",
            "notify.list = [{ on = true, secret = \"(secret)\" }]",
            "notify.targets = [\"(secret)\", \"mail\"]",
            "notify.to.Password = \"(secret)\"",
            "notify.to.port = 1",
            "notify.to.url = \"(secret)\"",
            "version = 1",
        ]
    );
    assert!(toml_span::parse(&shown).is_ok(), "{shown}");
}

#[test]
fn of_the_kernel_s_command_line_only_security_is_told() {
    let line = "quiet lsm=landlock,bpf rd.luks.key=hunter2 security=apparmor root=/dev/sda\n";
    assert_eq!(host::security_words(line), "lsm=landlock,bpf\nsecurity=apparmor\n");
}

#[test]
fn only_file_systems_of_ours_are_told() {
    let bpf = "30 24 0:25 / /sys/fs/bpf rw,nosuid shared:9 master:1 - bpf bpf rw,mode=700";
    let home = "31 24 0:26 / /home/bpf rw - ext4 /dev/sda - bpf";
    assert_eq!(host::kernel_mounts(&format!("{home}\n{bpf}\n")), format!("{bpf}\n"));
}

#[test]
fn every_pin_is_told_and_a_missing_directory_is_said() {
    let directory = tempdir().unwrap();
    fs::create_dir_all(directory.path().join("v1/maps")).unwrap();
    fs::write(directory.path().join("v1/maps/LINEAGE"), "").unwrap();
    let list = host::pins(directory.path()).unwrap();
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(list.contains("v1/maps/LINEAGE"), "{list}");
    let why = host::pins(&directory.path().join("none")).unwrap_err();
    assert!(why.starts_with("cannot list"), "{why}");
}

#[test]
fn an_answer_is_a_success_or_an_error() {
    let body = |answer: &[u8]| daemon::body(answer).map_err(|error| error.to_string());
    assert_eq!(body(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}\r\n\r\n"), Ok(b"{}\r\n\r\n".to_vec()));
    assert_eq!(body(b"HTTP/1.0 503 No\r\n\r\nnot armed\n"), Err("status 503: not armed".to_owned()));
    for strange in [&b""[..], b"SSH-2.0-x", b"\r\n\r\n", b"HTTP/1.1\r\n\r\n"] {
        assert!(body(strange).is_err(), "{strange:?}");
    }
}
