use proptest::prelude::*;

use super::{Bytes, Reason};

proptest! {
    #[test]
    fn bytes_come_out_as_they_went_in(bytes: Vec<u8>) {
        let name = Bytes::from(&bytes[..]);
        let json = serde_json::to_string(&name).expect("json");
        prop_assert_eq!(serde_json::from_str::<Bytes>(&json).expect("bytes"), name);
    }
}

#[test]
fn bytes_that_are_no_text_are_shown_by_number() {
    assert_eq!(Bytes::from(&b"a\xff\x1b"[..]).to_string(), "a\\xff\\u{1b}");
}

#[test]
fn a_reason_says_something_in_one_line() {
    for bad in ["", "  ", "a\nb", &"x".repeat(501)] {
        assert!(Reason::try_from(bad.to_owned()).is_err(), "{bad:?}");
    }
    assert_eq!(Reason::try_from(" INC-88 ".to_owned()).expect("a reason").as_str(), "INC-88");
}
