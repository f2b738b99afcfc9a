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
            let known = ["is not carried out by this version", "is not watched"];
            assert!(known.iter().any(|words| warning.message.contains(words)), "{warning}");
        }
        assert!(loaded.policy.trees.iter().all(|tree| !tree.paths.is_empty()));
        count += 1;
    }
    assert_eq!(count, 3);
}
