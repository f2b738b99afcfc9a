//! Names that somebody else chose, made fit for a terminal.

use std::fmt;

/// What would act on a terminal is shown, not sent.
pub(crate) struct Clean<'a>(pub(crate) &'a str);

impl fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| {
            if char.is_control() || is_invisible(char) || is_no_character(char) {
                write!(f, "{}", char.escape_default())
            } else {
                write!(f, "{char}")
            }
        })
    }
}

/// What changes how other characters are shown, and is not shown itself: marks of writing direction, joiners, variants, and letters that are
/// blank.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// What Unicode keeps for itself: some programs, such as those of D-Bus, take no text with it.
fn is_no_character(char: char) -> bool {
    matches!(char, '\u{fdd0}'..='\u{fdef}') || u32::from(char) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_nothing_to_a_terminal() {
        let shown = Clean("a\u{1b}[2Jb\u{9b}c\u{202e}d\né").to_string();
        assert_eq!(
            Clean("a\u{ffff}\u{1fffe}\u{fdd0}\u{fe0f}").to_string(),
            "a\\u{ffff}\\u{1fffe}\\u{fdd0}\\u{fe0f}"
        );
        assert_eq!(shown, "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d\\né");
    }
}
