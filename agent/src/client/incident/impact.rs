//! What of the host depends on a path, in a few words. Names are fit for a terminal.

use super::super::term::{clean, count};
use crate::api::{Impact, OpenIn};

/// `conffile of nginx-common, named by nginx.service, open in nginx 812 (nginx.service)`.
pub(crate) fn words(impact: &Impact) -> Option<String> {
    let Impact { path: _, packages, conffile, units, open, open_in } = impact;
    let list = |names: &[String]| names.iter().map(|name| clean(name)).collect::<Vec<_>>().join(" and ");
    let what = if *conffile { "conffile" } else { "file" };
    let owned = (!packages.is_empty()).then(|| format!("{what} of {}", list(packages)));
    let named = (!units.is_empty()).then(|| format!("named by {}", list(units)));
    let others = open_in.saturating_sub(open.len() as u64);
    let others = (others > 0).then(|| count(others, "other", "others"));
    let open: Vec<_> = open.iter().map(opener).chain(others).collect();
    let open = (!open.is_empty()).then(|| format!("open in {}", open.join(" and ")));
    let parts: Vec<_> = [owned, named, open].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn opener(open: &OpenIn) -> String {
    let unit = open.unit.as_deref().map(|unit| format!(" ({})", clean(unit))).unwrap_or_default();
    format!("{} {}{unit}", open.process.comm, open.process.pid)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_depends_on_a_path_is_said_in_a_few_words() {
        let process = |pid: u32, unit: Option<&str>| json!({ "pid": pid, "comm": "nginx", "unit": unit });
        for (packages, conffile, units, open, open_in, expected) in [
            (json!([]), false, json!([]), json!([]), 0, None),
            (json!(["nginx-common"]), true, json!([]), json!([]), 0, Some("conffile of nginx-common")),
            (json!(["a", "b"]), false, json!([]), json!([]), 0, Some("file of a and b")),
            (
                json!(["nginx-common"]),
                true,
                json!(["nginx.service"]),
                json!([process(812, Some("nginx.service"))]),
                1,
                Some("conffile of nginx-common, named by nginx.service, open in nginx 812 (nginx.service)"),
            ),
            (
                json!([]),
                false,
                json!([]),
                json!([process(7, None), process(8, None)]),
                5,
                Some("open in nginx 7 and nginx 8 and 3 others"),
            ),
            (json!(["a\u{1b}[2J\n"]), false, json!([]), json!([]), 0, Some("file of a\\u{1b}[2J\\n")),
            (
                json!([]),
                false,
                json!(["\u{202e}x.service"]),
                json!([]),
                0,
                Some("named by \\u{202e}x.service"),
            ),
        ] {
            let impact = json!({
                "path": "/etc/x", "packages": packages, "conffile": conffile, "units": units, "open": open, "open_in": open_in,
            });
            let impact: Impact = serde_json::from_value(impact).expect("an impact");
            assert_eq!(words(&impact).as_deref(), expected);
        }
    }
}
