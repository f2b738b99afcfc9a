//! The documents: what they lead to is there, and every test that they name.
//!
//! A test is named by a link to its file, whose text is the function: [`name`](../tests/tests/live/file.rs).

use std::fs;
use std::path::{Path, PathBuf};

/// Where each promise is a row that names what proves it.
const PROMISES: &str = "docs/promises.md";

/// A link of a page.
struct Link {
    /// With the page, for whoever reads that it is wrong.
    shown: String,
    text: String,
    /// Absolute; the page itself where only a heading is named.
    file: PathBuf,
    heading: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// Every page at the root of the checkout and in `docs`.
fn pages() -> Vec<PathBuf> {
    let entries = [root().to_owned(), root().join("docs")].map(|dir| fs::read_dir(dir).expect("a directory"));
    let mut pages: Vec<_> =
        entries.into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages
}

/// Its lines, without those of code.
fn prose(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("a page");
    let mut in_code = false;
    let is_prose = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence && !line.starts_with("    ")
    };
    text.lines().filter(is_prose).map(str::to_owned).collect()
}

/// The links in a line of a page, those to other hosts apart.
fn links(page: &Path, line: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("](") {
        let Some((target, _)) = line[at + 2..].split_once(')') else { continue };
        if target.contains("://") {
            continue;
        }
        let text = line[..at].rsplit_once('[').map_or("", |(_, text)| text);
        let (path, heading) = match target.split_once('#') {
            Some((path, heading)) => (path, Some(heading.to_owned())),
            None => (target, None),
        };
        let file = if path.is_empty() { page.to_owned() } else { page.with_file_name(path) };
        let shown = format!("{}: [{text}]({target})", page.display());
        found.push(Link { shown, text: text.trim_matches('`').to_owned(), file, heading });
    }
    found
}

fn all_links() -> Vec<Link> {
    let of = |page: PathBuf| prose(&page).iter().flat_map(|line| links(&page, line)).collect::<Vec<_>>();
    pages().into_iter().flat_map(of).collect()
}

/// What a heading is called in a link, as GitHub does it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn is_function(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether the file has a test of this name.
fn has_test(file: &Path, name: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let begins = |line: &str| line.starts_with(&format!("fn {name}("));
    let at = lines.iter().position(|line| begins(line));
    at.is_some_and(|at| {
        lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
            .any(|line| *line == "#[test]")
    })
}

#[test]
fn links_lead_somewhere() {
    for Link { shown, file, heading, .. } in all_links() {
        assert!(file.exists(), "{shown}: there is no such file");
        if let Some(heading) = heading {
            let headings: Vec<_> =
                prose(&file).iter().filter(|line| line.starts_with('#')).map(|line| anchor(line)).collect();
            assert!(headings.contains(&heading), "{shown}: there is no such heading, but {headings:?}");
        }
    }
}

#[test]
fn the_tests_that_are_named_are_there() {
    let named = |link: &Link| {
        link.file.extension().is_some_and(|extension| extension == "rs") && is_function(&link.text)
    };
    let tests: Vec<_> = all_links().into_iter().filter(named).collect();
    assert!(tests.len() > 50, "only {} tests are named: are links written otherwise now?", tests.len());
    for Link { shown, text, file, .. } in tests {
        assert!(has_test(&file, &text), "{shown}: there is no such test");
    }
}

#[test]
fn each_promise_names_a_test() {
    let page = root().join(PROMISES);
    let lines = prose(&page);
    let promises = lines
        .iter()
        .skip_while(|line| *line != "## Promises")
        .skip(1)
        .take_while(|line| !line.starts_with("## "));
    let rows: Vec<_> = promises.filter(|line| line.starts_with("| ")).collect();
    assert!(rows.len() > 20, "{} promises", rows.len());
    for row in rows.iter().filter(|row| !row.starts_with("| promise ")) {
        let named =
            links(&page, row).iter().any(|link| is_function(&link.text) && has_test(&link.file, &link.text));
        assert!(named, "no test proves it: {row}");
    }
}

#[test]
fn a_heading_is_a_link() {
    assert_eq!(anchor("### `[tree.NAME]`"), "treename");
    assert_eq!(anchor("## Who acts for an account"), "who-acts-for-an-account");
}
