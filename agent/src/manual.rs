//! The manual, written from what is declared of the command line: it says what the program itself says.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::Cli;

/// Of commands that people type.
const SECTION: &str = "1";

/// Writes a page for the program and one for each of its commands into a directory: `burstguard.1`, `burstguard-approve.1`.
pub(crate) fn write(directory: &Path) -> Result<()> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    pages(program.get_name().to_owned(), &program, directory)
}

fn pages(name: String, command: &Command, directory: &Path) -> Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(format!("{name}-{}", below.get_name()), below, directory)?;
    }
    let file = directory.join(format!("{name}.{SECTION}"));
    let mut text = Vec::new();
    let command = command.clone().display_name(&name).version(env!("CARGO_PKG_VERSION"));
    Man::new(command)
        .title(name.to_uppercase())
        .section(SECTION)
        .source(concat!("burstguard ", env!("CARGO_PKG_VERSION")))
        .manual("burstguard")
        .render(&mut text)
        .with_context(|| format!("cannot write the page of {name}"))?;
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_and_those_that_are_hidden_have_none() {
        let directory = tempfile::tempdir().expect("a directory");
        write(directory.path()).expect("pages");
        let text = |name: &str| fs::read_to_string(directory.path().join(name)).expect("a page");
        assert!(text("burstguard.1").contains("burstguard\\-approve"), "{}", text("burstguard.1"));
        assert!(text("burstguard-approve.1").contains("Exactly the calls that wait"));
        assert!(text("burstguard-lease-grant.1").contains("To whoever acts for this account"));
        assert!(!directory.path().join("burstguard-self-test-subject.1").exists());
        assert!(!directory.path().join("burstguard-manual.1").exists());
    }
}
