//! What the documents tell people to type is what the program takes.

use clap::Parser as _;

use super::Cli;

const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
const RULES: [&str; 2] = [
    include_str!("../../../deploy/prometheus/burstguard.rules.yml"),
    include_str!("../../../deploy/prometheus/burstguard-fleet.rules.yml"),
];

/// What is code in Markdown: fenced, indented, or within a line.
fn code(markdown: &str) -> Vec<&str> {
    let (mut code, mut fenced) = (Vec::new(), false);
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") {
            code.push(line);
        } else {
            code.extend(line.split('`').skip(1).step_by(2));
        }
    }
    code
}

fn is_ours(line: &&str) -> bool {
    line.starts_with("burstguard ")
}

/// The line with something in the place of what whoever types it puts in: {{…}} of Prometheus' templates, ID and PID.
fn filled(line: &str) -> String {
    let mut filled = String::new();
    let mut rest = line;
    while let Some((before, template)) = rest.split_once("{{") {
        let (inside, after) = template.split_once("}}").expect("a template ends");
        let says = inside.trim();
        let stands_for_something = says.starts_with('$') || says.starts_with('.');
        // What an `else` has takes the place of the whole.
        filled += before;
        if stands_for_something && !after.contains("{{ else }}") {
            filled += "1";
        }
        rest = after;
    }
    filled + rest
}

/// As a shell has it, as far as the documents need one: words, and quotes around some; `#` begins a remark.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for char in line.chars() {
        match char {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            char => words.last_mut().expect("never empty").push(char),
        }
    }
    let before_remark = words.into_iter().take_while(|word| word != "#");
    before_remark
        .filter(|word| !word.is_empty())
        .map(|word| if ["ID", "PID"].contains(&&*word) { "7".to_owned() } else { word })
        .collect()
}

#[test]
fn every_command_of_the_runbook_and_of_the_alerts_exists() {
    let lines = RULES.iter().flat_map(|rules| rules.lines()).chain(code(RUNBOOK));
    let all: Vec<_> = lines.map(str::trim).filter(is_ours).collect();
    assert!(all.len() > 100, "{}", all.len());
    for line in all {
        let words = words(&filled(line));
        if let Err(error) = Cli::try_parse_from(&words) {
            assert!(!error.use_stderr(), "{line}\n{words:?}\n{error}");
        }
    }
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    for line in
        ["burstguard incident {{ $value }} --fix", "burstguard unfreeze ID", "burstguard approve \"ID x\""]
    {
        assert!(Cli::try_parse_from(words(&filled(line))).is_err(), "{line}");
    }
    let with_else = "burstguard incident {{ with query (printf \"x{a=%q}\" $labels.a) }}{{ . | first | value }}{{ else }}ID{{ end }}";
    assert_eq!(words(&filled(with_else)), ["burstguard", "incident", "7"]);
}

#[test]
fn each_alert_has_a_section_of_the_runbook_and_each_section_an_alert() {
    let alerts = RULES.iter().flat_map(|rules| rules.split("- alert: ").skip(1));
    let alerts: Vec<_> = alerts.map(|alert| (alert.lines().next().unwrap_or_default(), alert)).collect();
    for (name, alert) in &alerts {
        assert!(RUNBOOK.contains(&format!("\n## {name}\n")), "the runbook has no section {name}");
        let anchor = format!("runbook.md#{}\"", name.to_lowercase());
        assert!(alert.contains(&anchor), "{name} does not lead to its section, {anchor}");
    }
    for section in RUNBOOK.lines().filter_map(|line| line.strip_prefix("## Burstguard")) {
        assert!(
            alerts.iter().any(|(name, _)| *name == format!("Burstguard{section}")),
            "Burstguard{section} is no alert"
        );
    }
}
