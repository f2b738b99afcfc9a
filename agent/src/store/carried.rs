//! What goes on beyond the daemon that wrote it down, and what the next one needs to carry it on: its state, beside what is
//! shown of it, and the moment at which it was so, on both clocks, with the boot that the one of them is of. Pure.

use agent_common::rules::BootNs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The key under which it lies in an entry.
const KEY: &str = "carry";

/// Something that went on when it was written down last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Carried {
    /// When that was.
    pub(crate) at: BootNs,
    pub(crate) wall: Timestamp,
    /// Whether in the boot that we are in. If not, its times of the kernel's clock mean nothing any more.
    pub(crate) same_boot: bool,
    state: Value,
}

/// As it lies in an entry.
#[derive(Deserialize, Serialize)]
struct Lying {
    boot: String,
    state: Value,
}

impl Carried {
    /// Its state; none if it is of another version, which had more or less to say.
    pub(crate) fn state<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(&self.state).ok()
    }

    /// Puts a state into the body of an entry, an object.
    pub(super) fn put(body: &mut Value, state: &Value, boot: &str) -> serde_json::Result<()> {
        let lying = Lying { boot: boot.to_owned(), state: state.clone() };
        body[KEY] = serde_json::to_value(lying)?;
        Ok(())
    }

    /// What lies in the body of an entry of this moment; none if nothing goes on.
    pub(super) fn find(body: &Value, at: BootNs, wall: Timestamp, boot: Option<&str>) -> Option<Self> {
        let Lying { boot: of, state } = Lying::deserialize(body.get(KEY)?).ok()?;
        Some(Self { at, wall, same_boot: boot == Some(&of), state })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_comes_out_as_it_went_in_and_says_of_which_boot_it_is() {
        let mut body = json!({ "id": 7 });
        assert_eq!(Carried::find(&body, 5, Timestamp::UNIX_EPOCH, Some("one")), None);
        Carried::put(&mut body, &json!([u64::MAX]), "one").expect("put");
        let find = |boot| Carried::find(&body, 5, Timestamp::UNIX_EPOCH, boot).expect("found");
        assert_eq!(find(Some("one")).state(), Some([u64::MAX]));
        assert_eq!(find(Some("one")).state::<String>(), None);
        assert_eq!([Some("one"), Some("two"), None].map(|boot| find(boot).same_boot), [true, false, false]);
    }
}
