//! What is stated of policies and of the addresses of webhooks, whatever their text.

use std::net::IpAddr;

use super::{
    Loaded, PolicyError,
    keys::{self, Holds, Keys},
    problem::Source,
    render,
    sources::Sources,
    test_host::TestHost,
    webhook::Url,
};

/// Either it is a policy, or everything that is wrong with it is said, with its place. What is in force, written down as a policy, is
/// the same policy once more, without a warning that it is not what it seems; it loosens nothing, and has one hash.
pub(crate) fn policy(bytes: &[u8]) {
    let text = crate::fuzzing::text(bytes);
    let texts: Vec<&str> = text.splitn(3, '\0').collect();
    let loaded = match load(&texts) {
        Ok(loaded) => loaded,
        Err(PolicyError::Invalid { errors, warnings }) => {
            assert!(!errors.is_empty());
            assert!(errors.is_sorted() && warnings.is_sorted());
            return errors.iter().chain(&warnings).for_each(|problem| is_in(problem, &texts));
        }
    };
    loaded.warnings.iter().for_each(|problem| is_in(problem, &texts));
    let policy = &loaded.policy;
    assert!(super::loosened(policy, policy, policy.accounts.iter().map(|one| one.name.as_str())).is_empty());
    if policy.trees.iter().flat_map(|tree| &tree.paths).any(|path| path.to_str().is_none()) {
        return; // TOML has no way to write it
    }
    let written = render::toml(&render::effective(policy));
    let again = load(&[&written]).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(again.policy, *policy, "{written}");
    let twice = render::toml(&render::effective(&again.policy));
    assert_eq!(twice, written);
}

/// The first text is the policy file, the others its drop-ins.
pub(crate) fn load(texts: &[&str]) -> Result<Loaded, PolicyError> {
    let names = ["policy.toml", "policy.d/1.toml", "policy.d/2.toml"].iter();
    let sources = names.zip(texts).zip(0..);
    let list = sources
        .map(|((name, text), order)| Ok(Source::new(order, name.into(), (*text).to_owned())))
        .collect();
    Loaded::from(&Sources { list, built_in: false }, &TestHost)
}

fn is_in(problem: &super::Problem, texts: &[&str]) {
    let position = &problem.position;
    let line = position.line;
    let is_there = |text: &&str| line <= text.split('\n').count();
    assert!(line >= 1 && texts.iter().any(is_there), "{problem:?}");
    assert!(!problem.message.is_empty());
}

/// Every key, and what values begin with.
pub(crate) fn words() -> Vec<String> {
    fn add(keys: Keys, words: &mut Vec<String>) {
        for key in keys::all(keys) {
            words.push(key.name.to_owned());
            match &key.holds {
                Holds::Value(_) => {}
                Holds::Group(keys) | Holds::Section(keys, _) | Holds::Named(keys, _) => add(keys, words),
            }
        }
    }
    let mut words = [
        "version = 1\n",
        "\0",
        "[tree.t]\n",
        "[account.a]\n",
        "'/etc'",
        "'/etc/*'",
        "'**/x*'",
        "'ci'",
        "'10/10s'",
    ]
    .map(str::to_owned)
    .to_vec();
    let responses = super::Response::ALL.map(super::Response::as_str);
    words.extend(responses.map(|word| format!("'{word}'")));
    add(keys::POLICY, &mut words);
    words.sort();
    words.dedup();
    words
}

/// One that is taken is the same when it is shown and read again; and what is sent to it is encrypted, or stays on the host.
pub(crate) fn url(bytes: &[u8]) {
    let text = crate::fuzzing::text(bytes);
    let Ok(url) = text.parse::<Url>() else { return };
    let shown = url.to_string();
    assert_eq!(shown.parse::<Url>().as_ref(), Ok(&url), "{text:?}");
    assert!(!url.host().is_empty() && shown.contains(url.host()));
    assert!(!shown.contains(['#', ' ']) && !shown.chars().any(char::is_control), "{shown:?}");
    let (scheme, rest) = shown.split_once("://").expect("a scheme");
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    assert!(!authority.contains('@'), "{shown}");
    if !scheme.eq_ignore_ascii_case("https") {
        assert!(scheme.eq_ignore_ascii_case("http"), "{shown}");
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, port)| if port.contains(']') { authority } else { host });
        let address: IpAddr = host.trim_matches(['[', ']']).parse().expect("an address");
        assert!(address.is_loopback(), "{shown}");
    }
}
