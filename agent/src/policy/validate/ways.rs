//! Ways to have others act: those that are known, and the policy's.

use std::collections::BTreeMap;

use agent_common::wire::identity::MAX_STARRED;

use super::{
    super::{Host, Pattern, Way, problem::Located, ways::KNOWN},
    Validator,
};

impl<H: Host> Validator<'_, H> {
    /// A way of the policy takes the place of the known one of that name; without sockets it is none.
    pub(super) fn ways(&mut self, draft: &BTreeMap<String, Vec<Located<Pattern>>>) -> Vec<Way> {
        let mut ways: BTreeMap<String, Vec<Pattern>> = KNOWN
            .iter()
            .map(|(name, sockets)| (name.to_string(), sockets.iter().flat_map(|path| path.parse()).collect()))
            .collect();
        for (name, sockets) in draft {
            ways.insert(name.clone(), sockets.iter().map(|socket| socket.value.clone()).collect());
        }
        let starred = |sockets: &[Pattern]| sockets.iter().filter(|path| path.exact().is_none()).count();
        let surplus = ways.values().map(|sockets| starred(sockets)).sum::<usize>() > MAX_STARRED as usize;
        if let Some(last) = draft.values().flatten().last().filter(|_| surplus) {
            self.refuse(&last.at, &format!("more than {MAX_STARRED} sockets with a * in all ways"));
        }
        ways.into_iter()
            .filter(|(_, sockets)| !sockets.is_empty())
            .map(|(name, sockets)| Way { name, sockets })
            .collect()
    }
}
