//! Whether a path component is one that a pattern means: up to 16 bytes that it begins with, anything, up to 16 bytes that
//! it ends with.
//!
//! Compared are words, not bytes: of a component only the first and the last 16 bytes are looked at, wherever it lies, and
//! what is not of the component or not of the pattern is masked out.

/// How many bytes a pattern may ask for at either end.
pub const MOST: usize = 16;

/// A component, as far as a pattern looks at it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The 16 bytes from its start on; those behind its end are anybody's.
    pub first: [u64; 2],
    /// The 16 bytes up to its end; those before its start are anybody's.
    pub last: [u64; 2],
    /// How many bytes it has.
    pub length: u32,
}

/// What a component has to begin with and to end with.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    first: Bytes,
    last: Bytes,
    /// Both ends may not overlap.
    shortest: u32,
    reserved: u32,
}

/// Up to 16 bytes, and which of the 16 they are.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bytes {
    value: [u64; 2],
    mask: [u64; 2],
}

impl Pattern {
    /// `HEAD*TAIL`; none if one of the two is too long.
    #[must_use]
    pub fn new(head: &[u8], tail: &[u8]) -> Option<Self> {
        let first = Bytes::at(0, head)?;
        let last = Bytes::at(MOST.checked_sub(tail.len())?, tail)?;
        Some(Self { first, last, shortest: (head.len() + tail.len()) as u32, reserved: 0 })
    }
}

impl Bytes {
    fn at(start: usize, text: &[u8]) -> Option<Self> {
        let (mut value, mut mask) = ([0; MOST], [0; MOST]);
        value.get_mut(start..start + text.len())?.copy_from_slice(text);
        mask.get_mut(start..start + text.len())?.fill(0xff);
        Some(Self { value: words(value), mask: words(mask) })
    }

    #[inline(always)]
    const fn are(&self, words: [u64; 2]) -> bool {
        (words[0] ^ self.value[0]) & self.mask[0] | (words[1] ^ self.value[1]) & self.mask[1] == 0
    }
}

/// Whether the component is one that the pattern means.
#[must_use]
#[inline(always)]
pub const fn matches(pattern: &Pattern, component: &Ends) -> bool {
    component.length >= pattern.shortest
        && pattern.first.are(component.first)
        && pattern.last.are(component.last)
}

/// Bytes as they lie in memory.
fn words(bytes: [u8; MOST]) -> [u64; 2] {
    let word = |at: usize| u64::from_ne_bytes(core::array::from_fn(|index| bytes[at + index]));
    [word(0), word(8)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The ends of a component in the midst of other bytes.
    fn ends(before: [u8; MOST], component: &[u8], after: [u8; MOST]) -> Ends {
        let memory = [&before, component, &after].concat();
        let at = |start: usize| words(core::array::from_fn(|index| memory[start + index]));
        Ends { first: at(MOST), last: at(component.len()), length: component.len() as u32 }
    }

    fn meant(head: &[u8], tail: &[u8], component: &[u8]) -> bool {
        let pattern = Pattern::new(head, tail).expect("short enough");
        matches(&pattern, &ends([0xff; MOST], component, [0xff; MOST]))
    }

    #[test]
    fn ends_do_not_overlap() {
        assert!(meant(b"a", b"b", b"ab") && meant(b"a", b"b", b"a.b"));
        assert!(!meant(b"ab", b"ba", b"aba"));
        assert!(meant(b"", b"", b"") && meant(b"", b".swp", b".swp"));
        assert!(!meant(b"", b".swp", b"swp"));
    }

    #[test]
    fn sixteen_bytes_and_no_more() {
        let (long, longer) = ([b'x'; MOST], [b'x'; MOST + 1]);
        assert!(meant(&long, b"", &longer) && meant(b"", &long, &longer));
        assert!(!meant(&long, b"", &long[1..]) && !meant(b"", &long, &long[1..]));
        assert!(meant(&long, &long, &[b'x'; 2 * MOST]) && !meant(&long, &long, &[b'x'; 2 * MOST - 1]));
        assert_eq!((Pattern::new(&longer, b""), Pattern::new(b"", &longer)), (None, None));
    }

    proptest! {
        // Few letters, so that a pattern matches often enough.
        #[test]
        fn it_is_a_plain_glob(
            head in "[ab]{0,3}|[ab]{13,16}",
            tail in "[ab]{0,3}|[ab]{13,16}",
            component in "[ab]{0,6}|[ab]{12,40}",
            fits: bool,
            before: [u8; MOST],
            after: [u8; MOST],
        ) {
            let component = if fits { format!("{head}{component}{tail}") } else { component };
            let pattern = Pattern::new(head.as_bytes(), tail.as_bytes()).expect("short enough");
            let plain = component.strip_prefix(&*head).is_some_and(|rest| rest.ends_with(&*tail));
            prop_assert_eq!(matches(&pattern, &ends(before, component.as_bytes(), after)), plain);
        }
    }
}
