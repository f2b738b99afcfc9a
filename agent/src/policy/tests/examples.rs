//! The policies that are shipped.

use super::*;

/// A host that has whatever is asked for, and one person on it.
struct RichHost;

impl Host for RichHost {
    fn shell(&self, _: u32) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }

    fn uid(&self, name: &str) -> io::Result<Option<u32>> {
        Ok(Some(if name == "root" { 0 } else { 1000 + name.bytes().map(u32::from).sum::<u32>() }))
    }

    fn gid(&self, name: &str) -> io::Result<Option<u32>> {
        self.uid(name)
    }

    fn is_dir(&self, _: &Path) -> io::Result<bool> {
        Ok(true)
    }

    fn directories(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let names =
            if path == Path::new("/home") { &["ann"][..] } else { &["src", ".ssh", ".config", ".kube"] };
        Ok(names.iter().map(OsString::from).collect())
    }

    fn files(&self, path: &Path) -> io::Result<Vec<OsString>> {
        TestHost.files(path)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        TestHost.read(path)
    }
}

#[test]
fn they_are_good() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/policies");
    let mut count = 0;
    for file in fs::read_dir(directory).unwrap() {
        let loaded = Policy::load(&file.unwrap().path(), &RichHost).unwrap_or_else(|error| panic!("{error}"));
        for warning in &loaded.warnings {
            assert!(warning.message.contains("is not watched"), "{warning}");
        }
        assert!(loaded.policy.trees.iter().all(|tree| !tree.paths.is_empty()));
        count += 1;
    }
    assert_eq!(count, 3);
}

/// What a policy in a cluster's manifest says of the host, and what the daemon is started by there.
#[test]
fn what_a_cluster_is_given_is_read() {
    use saphyr::{LoadableYamlNode as _, Yaml};
    let text = include_str!("../../../../deploy/kubernetes/daemonset.yaml");
    let manifests = Yaml::load_from_str(text).expect("YAML");
    let kinds: Vec<_> = manifests.iter().filter_map(|manifest| manifest["kind"].as_str()).collect();
    assert_eq!(kinds, ["Namespace", "ConfigMap", "DaemonSet"]);
    let policy = manifests[1]["data"]["policy.toml"].as_str().expect("a policy");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.toml");
    fs::write(&file, policy).unwrap();
    let loaded = Policy::load(&file, &RichHost).unwrap_or_else(|error| panic!("{error}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(loaded.policy.mode, Mode::Observe);
    let pod = &manifests[2]["spec"]["template"]["spec"];
    assert_eq!(pod["hostPID"].as_bool(), Some(true));
    let daemon = &pod["containers"][0];
    assert_eq!(daemon["securityContext"]["privileged"].as_bool(), Some(true));
    let words = |key: &str| -> Vec<String> {
        let list = daemon[key].as_sequence().expect("words");
        list.iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect()
    };
    let called = [words("command"), words("args")].concat();
    assert_eq!(called[..7], ["nsenter", "--target", "1", "--mount", "--cgroup", "--net", "--"]);
    let arguments = [&["burstguard".to_owned()][..], &called[8..]].concat();
    <crate::cli::Cli as clap::Parser>::try_parse_from(arguments).expect("a command line of ours");
}
