//! Debian's backports: what a later release has, built for this one. The host's own sources of packages stay as they are.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::debian::{self, apt_get};
use crate::run;

const SOURCES: &str = "/etc/apt/sources.list";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Installs `packages` as backports have them. `directory` is for apt's own files.
pub(super) fn install(directory: &Path, packages: &[&str]) -> Result<()> {
    let lists = directory.join("lists");
    fs::create_dir_all(lists.join("partial"))
        .with_context(|| format!("cannot make {} for apt", lists.display()))?;
    let targets = ["indextargets", "--format", "$(SITE) $(CODENAME) $(COMPONENT)", "Identifier: Packages"];
    let (suite, line) = source(&run::for_output(apt_get().args(targets))?, &debian::release()?)?;
    // The first file of sources takes the place of the host's, which others lie beside.
    let sources = directory.join("sources.list");
    let own = fs::read_to_string(SOURCES).unwrap_or_default(); // not every host has it
    fs::write(&sources, format!("{own}\n{line}\n"))
        .with_context(|| format!("cannot write {}", sources.display()))?;
    let apt_get = || -> Command {
        let mut apt_get = apt_get();
        apt_get.arg("--option").arg(format!("Dir::Etc::SourceList={}", sources.display()));
        apt_get.arg("--option").arg(format!("Dir::State::Lists={}", lists.display()));
        apt_get.args(["--option", "Dir::Cache::pkgcache=", "--option", "Dir::Cache::srcpkgcache="]);
        apt_get
    };
    super::say("packages", &format!("installing {} from {suite}", packages.join(" ")));
    run::to_the_end(apt_get().arg("update"))?;
    let install = ["install", "--yes", "--no-install-recommends", "--no-remove", "--target-release", &suite];
    run::to_the_end(apt_get().args(install).args(packages))
}

/// The name of a release's backports, and the line that makes apt look there: where the release itself comes from.
fn source(targets: &str, release: &str) -> Result<(String, String)> {
    let suite = format!("{release}-backports");
    for target in targets.lines() {
        if let [site, codename, "main"] = target.split(' ').collect::<Vec<_>>()[..]
            && codename == release
        {
            let line = format!("deb [signed-by={KEYS}] {site} {suite} main");
            return Ok((suite, line));
        }
    }
    bail!("apt has no source of {release}, whose backports could be found beside it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backports_are_where_the_release_is() {
        let targets = "http://a/debian-security mole-security main\nhttp://a/debian mole contrib\nhttp://a/debian mole main\n";
        let (suite, line) = source(targets, "mole").expect("a source");
        assert_eq!(suite, "mole-backports");
        assert_eq!(line, format!("deb [signed-by={KEYS}] http://a/debian mole-backports main"));
        assert!(source(targets, "newt").is_err());
    }
}
