//! Ways to have others act.

use super::{
    problems::{check, check_warnings},
    *,
};

fn with(way: &str) -> String {
    format!("{GOOD}[way.{way}")
}

fn ways(text: &str) -> BTreeMap<String, Way> {
    let ways = load(text).unwrap().policy.ways.into_iter();
    ways.map(|way| (way.name.clone(), way)).collect()
}

#[test]
fn one_of_a_known_name_takes_its_place_and_an_empty_one_is_none() {
    let known = ways(GOOD);
    assert_eq!(known["ssh"].ports, [22]);
    assert!(!known["systemd"].buses.is_empty() && !known["cron"].jobs.is_empty());
    let text = with(
        "ssh]\nports = [2222]\n[way.tmux]\nsockets = []\n[way.own]\nbuses = ['/run/own/*']\njobs = ['/srv']\n",
    );
    let said = ways(&text);
    assert_eq!(said["ssh"].ports, [2222]);
    assert!(!said.contains_key("tmux"));
    assert_eq!((said.len(), said["own"].jobs.as_slice()), (known.len(), [PathBuf::from("/srv")].as_slice()));
    assert_eq!(load(&text).unwrap().warnings, []);
}

#[test]
fn what_is_no_port_and_no_directory() {
    let lines = GOOD.lines().count();
    let at = |column: u32, message: &str| format!("{}:{column} {message}", lines + 2);
    for (port, column) in [("0", 10), ("65536", 10), ("'22'", 10)] {
        let text = with(&format!("own]\nports = [{port}]\n"));
        check(
            &text,
            &[&at(
                column,
                &format!("ports holds {}: want numbers from 1 to 65535", port.replace('\'', "\"")),
            )],
        );
    }
    for job in ["srv", "/srv/../etc"] {
        let text = with(&format!("own]\njobs = ['{job}']\n"));
        check(&text, &[&at(9, &format!("jobs holds {job:?}: want absolute paths without \"..\""))]);
    }
    check_warnings(
        &with("own]\njobs = ['/gone']\n"),
        &[&at(
            9,
            "\"/gone\" is no directory now: no job there is seen before the policy is loaded once it is there",
        )],
    );
    let ports: Vec<_> = (1..=64).map(|port| port.to_string()).collect();
    check(
        &with(&format!("own]\nports = [{}]\n", ports.join(", "))),
        &[&at(253, "more than 64 ports in all ways")],
    );
}
