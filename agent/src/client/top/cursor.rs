//! What is chosen in a list whose rows come, go and change places.

/// It is on the first row, the most urgent one, until somebody moves it; then it stays with its row for as long as there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor<K> {
    at: usize,
    key: Option<K>,
    was_moved: bool,
}

impl<K: PartialEq + Clone> Cursor<K> {
    /// These are the rows now.
    pub(super) fn settle(&mut self, rows: &[K]) {
        let found = self.key.as_ref().and_then(|key| rows.iter().position(|row| row == key));
        let found = if self.was_moved { found } else { Some(0) };
        self.at = found.unwrap_or(self.at).min(rows.len().saturating_sub(1));
        self.key = rows.get(self.at).cloned();
    }

    /// So many rows further down, or up.
    pub(super) fn step(&mut self, rows: &[K], by: isize) {
        self.was_moved = true;
        self.at = self.at.saturating_add_signed(by).min(rows.len().saturating_sub(1));
        self.key = rows.get(self.at).cloned();
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn key(&self) -> Option<&K> {
        self.key.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_with_its_row() {
        let mut cursor = Cursor::default();
        cursor.settle(&["b", "c"]);
        cursor.settle(&["a", "b", "c"]);
        assert_eq!(cursor.key(), Some(&"a"));
        cursor.step(&["a", "b", "c"], 1);
        assert_eq!((cursor.at(), cursor.key()), (1, Some(&"b")));
        cursor.settle(&["c", "a", "b"]);
        assert_eq!((cursor.at(), cursor.key()), (2, Some(&"b")));
        // Gone: the row that is there instead.
        cursor.settle(&["c", "a"]);
        assert_eq!((cursor.at(), cursor.key()), (1, Some(&"a")));
        cursor.step(&["c", "a"], 5);
        assert_eq!(cursor.key(), Some(&"a"));
        cursor.step(&["c", "a"], -9);
        assert_eq!(cursor.key(), Some(&"c"));
        cursor.settle(&[]);
        assert_eq!((cursor.at(), cursor.key()), (0, None));
    }
}
