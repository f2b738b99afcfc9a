//! What lies in a tree and is not of it.

use super::{
    problems::{check, check_warnings},
    *,
};

const WANT: &str = "want an absolute path such as \"/etc/mtab\", or one name anywhere such as \"**/node_modules\"; its last \
                    component may have one *, and nothing else of it ? or [";

fn with(except: &str) -> String {
    format!("{GOOD}tree.t.except = {except}")
}

#[test]
fn each_form() {
    let text = with(
        "['/etc/mtab', '//etc/./ssl/certs/', '/etc/ld.so.cache*', '/etc/*~', '**/.#*', '**/target', '**/*.swp']",
    );
    let except = &load(&text).unwrap().policy.trees[0].except;
    let starred = |head: &str, tail: &str| Name::Starred { head: head.to_owned(), tail: tail.to_owned() };
    let exact = |name: &str| Name::Exact(name.to_owned());
    let expected = [
        (Some("/etc"), exact("mtab")),
        (Some("/etc/ssl"), exact("certs")),
        (Some("/etc"), starred("ld.so.cache", "")),
        (Some("/etc"), starred("", "~")),
        (None, starred(".#", "")),
        (None, exact("target")),
        (None, starred("", ".swp")),
    ]
    .map(|(directory, name)| Exception { directory: directory.map(PathBuf::from), name });
    assert_eq!(except[..], expected);
    let shown: Vec<_> = except.iter().map(ToString::to_string).collect();
    let written =
        ["/etc/mtab", "/etc/ssl/certs", "/etc/ld.so.cache*", "/etc/*~", "**/.#*", "**/target", "**/*.swp"];
    assert_eq!(shown, written);
    let effective = render::toml(&render::effective(&load(&text).unwrap().policy));
    assert!(effective.contains(&format!("[tree.t]\nexcept = {written:?}\n")), "{effective}");
    assert_eq!(load(&text).unwrap().warnings, []);
}

#[test]
fn what_cannot_be_written() {
    for bad in [
        "",
        "/",
        "target",
        "./etc/x",
        "*",
        "etc/*",
        "**",
        "**/",
        "**/.",
        "**/..",
        "**/a/b",
        "**/a/",
        "**/*a*",
        "**/a?",
        "**/[a]*",
        "/etc/cert?",
        "/etc/a*b*",
        "/e*c/x",
        "/etc/*/x",
        "/etc/**/x",
        "/etc/**",
        "/e[t]c/x",
        "/etc/a[b]",
        "/etc/../x",
        "/etc/x/..",
    ] {
        check(&with(&format!("['/etc/mtab', '{bad}']")), &[&format!("4:31 except holds {bad:?}: {WANT}")]);
    }
    check(&with("['**/*']"), &["4:18 except holds \"**/*\": want less than everything: leave the tree out"]);
    check(&with("['/etc/*']"), &["4:18 \"/etc/*\" is all there is in one of the paths: take that away"]);
    check(&with("['/etc/ssl/*']"), &[]);
    check(&with("'/etc/mtab'"), &["4:17 except = \"/etc/mtab\": want a list of strings"]);
    check(&with("[3]"), &[&format!("4:18 except holds 3: {WANT}")]);
}

#[test]
fn sixteen_bytes_at_each_end() {
    let (long, longer) = ("ä".repeat(8), "x".repeat(17));
    check(&with(&format!("['**/{long}*{long}', '/etc/{longer}', '**/{longer}']")), &[]);
    for bad in [format!("**/{longer}*"), format!("/etc/*{longer}")] {
        let expected =
            format!("4:18 except holds {bad:?}: want at most 16 bytes before the * and 16 after it");
        check(&with(&format!("['{bad}']")), &[&expected]);
    }
}

#[test]
fn given_twice_or_too_often() {
    check(&with("['/etc/x', '/etc//x']"), &["4:28 \"/etc/x\" is given twice"]);
    let many: Vec<_> = (0..257).map(|number| format!("'**/{number:03}'")).collect();
    check(&with(&format!("[{}]", many.join(","))), &["4:2322 more than 256 exceptions in [tree.t]"]);
    check(&with(&format!("[{}]", many[..256].join(","))), &[]);
}

#[test]
fn one_that_lies_nowhere_in_its_tree() {
    check_warnings(
        &with("['/srv/x', '/etcetera', '/etc/x', '**/x']"),
        &[
            "4:18 \"/srv/x\" lies in no path of [tree.t]: it has no effect",
            "4:28 \"/etcetera\" lies in no path of [tree.t]: it has no effect",
        ],
    );
}

#[test]
fn one_that_is_a_path_of_its_tree() {
    check(&with("['/etc']"), &["4:18 \"/etc\" is one of the paths too: take one of the two away"]);
    check(&with("['/et*']"), &["4:18 \"/et*\" is one of the paths too: take one of the two away"]);
    let homes = |paths: &str, except: &str| {
        let text = format!("{GOOD}[tree.h]\npaths = {paths}\nexcept = {except}");
        let Loaded { policy, warnings, .. } = load(&text).unwrap();
        assert_eq!(warnings, [], "{text}");
        policy.trees[0].paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
    };
    // One that a pattern finds is not of the tree, for that is what is said.
    assert_eq!(homes("['/home/*']", "['/home/bob']"), ["/home/ann", "/home/eve"]);
    assert_eq!(homes("['/home/[ab]*/src']", "['/home/a*']"), ["/home/bob/src"]);
    // One that is written out is, though what it lies in is not.
    assert_eq!(homes("['/home', '/home/ann/src']", "['/home/ann']"), ["/home", "/home/ann/src"]);
    assert_eq!(homes("['/home/*']", "['**/bob']"), ["/home/ann", "/home/bob", "/home/eve"]);
}

#[test]
fn one_path_in_two_trees() {
    let text = |except: &str| format!("{GOOD}tree.s.paths = ['/srv', '/etc']\ntree.s.except = {except}");
    let also = "a path belongs to one tree";
    check(&text("[]"), &[&format!("2:17 \"/etc\" is also in [tree.s], at p.toml:4:25: {also}")]);
    check(
        &text("['/etc/x']"),
        &[&format!("2:17 \"/etc\" is also in [tree.s] with another except, at p.toml:4:25: {also}")],
    );
    check(
        &format!("{}\ntree.t.except = ['/etc/x']", text("['/etc/x']")),
        &[&format!("2:17 \"/etc\" is also in [tree.s], at p.toml:4:25: {also}")],
    );
}

#[test]
fn what_is_below_one_is_excepted_too() {
    let covers = |exception: &str, path: &str| {
        exception.parse::<Exception>().unwrap().covers("/srv/web".as_ref(), path.as_ref())
    };
    assert!(covers("/srv/web/a", "/srv/web/a") && covers("/srv/web/a", "/srv/web/a/b/c"));
    assert!(!covers("/srv/web/a", "/srv/web/ab") && !covers("/srv/web/a", "/srv/web"));
    assert!(covers("/srv/web/a*z", "/srv/web/az/b") && !covers("/srv/web/a*z", "/srv/web/b/az"));
    assert!(covers("**/*.swp", "/srv/web/x/.swp/y") && !covers("**/*.swp", "/srv/web/x/swp"));
    // The path of the tree itself is not below it.
    assert!(
        covers("**/web", "/srv/web/x/web") && !covers("**/web", "/srv/web/x") && !covers("**/a", "/srv/a")
    );
}
