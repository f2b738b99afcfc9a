//! Users whose ssh keys run one command each: nobody works as them.

use super::{Host, User};

/// What the algorithm of a public key begins with; whatever comes before it are the key's options.
const ALGORITHMS: [&str; 4] = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];

/// Users, and the file that each was found by.
pub(super) fn find(host: &impl Host, users: &[User]) -> Vec<(String, String)> {
    let only_commands = |user: &&User| {
        let text = host.read(&user.home.join(".ssh/authorized_keys")).unwrap_or_default();
        let mut keys =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
        keys.peek().is_some() && keys.all(runs_a_command)
    };
    let found =
        |user: &User| (user.name.clone(), "each key in its .ssh/authorized_keys runs one command".to_owned());
    users.iter().filter(only_commands).map(found).collect()
}

fn runs_a_command(key: &str) -> bool {
    let has_options = !ALGORITHMS.iter().any(|algorithm| key.starts_with(algorithm));
    has_options && key.to_ascii_lowercase().contains("command=\"")
}
