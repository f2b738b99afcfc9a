//! Names that somebody else chose, made fit for a terminal.

use std::fmt;

/// What would act on a terminal is shown, not sent.
pub(crate) struct Clean<'a>(pub(crate) &'a str);

impl fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| {
            if char.is_control() || is_invisible(char) {
                write!(f, "{}", char.escape_default())
            } else {
                write!(f, "{char}")
            }
        })
    }
}

/// What changes how other characters are shown, and is not shown itself: marks of writing direction and joiners.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_nothing_to_a_terminal() {
        let shown = Clean("a\u{1b}[2Jb\u{9b}c\u{202e}d\né").to_string();
        assert_eq!(shown, "a\\u{1b}[2Jb\\u{9b}c\\u{202e}d\\né");
    }
}
