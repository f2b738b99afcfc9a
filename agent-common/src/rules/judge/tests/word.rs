//! A standing in one word.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_standing_comes_back(until in 0..=NEVER) {
        for standing in [Phase::Tripped, Phase::Denied, Phase::Frozen].map(|phase| Standing { phase, until }) {
            prop_assert_eq!(Standing::from_word(standing.to_word()), standing);
        }
    }
}

#[test]
fn armed_comes_back_and_an_untouched_word_is_armed() {
    assert_eq!(Standing::from_word(Standing::ARMED.to_word()), Standing::ARMED);
    assert_eq!(Standing::from_word(0), Standing::ARMED);
}

#[test]
fn a_standing_holds_until_its_time_is_over() {
    for phase in [Phase::Tripped, Phase::Denied, Phase::Frozen] {
        let standing = Standing { phase, until: NOW };
        assert_eq!(standing.at(NOW - 1), standing);
        assert_eq!(standing.at(NOW), Standing::ARMED);
        let endless = Standing { phase, until: NEVER };
        assert_eq!(endless.at(NEVER - 1), endless);
    }
}
