//! Destructive commands.

use super::{problems::check, *};

fn with(command: &str) -> String {
    format!("{GOOD}[command.{command}")
}

fn commands(text: &str) -> BTreeMap<String, Command> {
    let commands = load(text).unwrap_or_else(|error| panic!("{error}")).policy.commands.into_iter();
    commands.map(|command| (command.name.clone(), command)).collect()
}

#[test]
fn one_takes_the_place_of_a_known_one_of_its_name_or_of_its_programs_and_one_without_words_is_none() {
    let known = commands(GOOD);
    assert!(known["terraform"].programs == ["terraform", "tofu"] && known.contains_key("git"));
    let text = with(
        "mine]\nprogram = 'tofu'\ndestroy = [['nuke', '--all*']]\nkey = 'host'\n[command.git]\nprogram = 'git'\n",
    );
    let said = commands(&text);
    assert!(!said.contains_key("terraform") && !said.contains_key("git"));
    let mine = &said["mine"];
    assert_eq!((mine.destroy[0].to_string().as_str(), mine.key), ("nuke --all*", By::Host));
    assert_eq!(load(&text).unwrap().warnings, []);
}

#[test]
fn what_cannot_be_one_is_refused() {
    let lines = GOOD.lines().count();
    let at = |line: usize, column: u32, message: &str| format!("{}:{column} {message}", lines + line);
    let name = "the name of a program, without its directory";
    check(&with("x]\nprogram = '/opt/x'\n"), &[&at(2, 11, &format!("program = \"/opt/x\": want {name}"))]);
    check(
        &with("x]\nprogram = ['a', 'b c']\n"),
        &[&at(2, 17, &format!("program holds \"b c\": want {name}"))],
    );
    let twice = with("x]\nprogram = 'a'\ndestroy = [['b']]\n[command.y]\nprogram = ['c', 'a']\n");
    check(&twice, &[&at(5, 17, "program \"a\" has a command already: put its words there")]);
    let words = vec!["['a', 'b']"; 33].join(", ");
    let many = with(&format!("x]\nprogram = 'a'\ndestroy = [{words}]\n"));
    check(&many, &[&at(3, 396, "[command.x] has more than 64 words")]);
    let stars = "lists of words such as [\"apply\", \"-destroy\"], each with one * at most";
    let star = with("x]\nprogram = 'a'\ndestroy = [['a*b*c']]\n");
    check(&star, &[&at(3, 12, &format!("destroy holds […]: want {stars}"))]);
}

#[test]
fn what_counts_no_longer_is_looser() {
    let loosened = |before: &str, after: &str| {
        let load = |text: &str| load(&with(text)).unwrap_or_else(|error| panic!("{error}")).policy;
        loosened(&load(before), &load(after), ["a"])
    };
    let before = "x]\nprogram = ['a', 'b']\ndestroy = [['c'], ['d', 'e']]\nexcept = [['f']]\n";
    assert_eq!(loosened(before, before), [""; 0]);
    for (old, new, expected) in [
        ("['a', 'b']", "['a']", "command.x.program is without b"),
        ("[['c'], ['d', 'e']]", "[['c']]", "command.x.destroy is without d e"),
        ("[['f']]", "[['f'], ['g']]", "command.x.except has g now"),
        ("[['f']]", "[]", ""),
        ("except", "until = [['h']]\nexcept", "command.x.until has h now"),
    ] {
        let found = loosened(before, &before.replace(old, new));
        let expected: Vec<_> =
            Some(format!("a: {expected}")).filter(|_| !expected.is_empty()).into_iter().collect();
        assert_eq!(found, expected, "{new}");
    }
}
