//! What lies in the trees and is not of them, as the kernel programs know it.

use std::path::Path;

use agent_common::{
    rules::{exception::Pattern, place::NameHash},
    wire::exception::{ANYWHERE, ExceptedKey, ExceptedPattern, Exceptions, by},
};

use super::key;
use crate::policy::{Exception, Name};

/// Rows for the kernel programs' maps.
#[derive(Default)]
pub(crate) struct Excepted {
    /// With the root that each is about; of the others nothing is excepted.
    pub(crate) roots: Vec<(u32, Exceptions)>,
    pub(crate) keys: Vec<ExceptedKey>,
    pub(crate) patterns: Vec<ExceptedPattern>,
}

impl Excepted {
    /// Adds what is excepted in the roots of one tree, given by their indices and paths.
    pub(crate) fn add(&mut self, roots: &[(u32, &Path)], exceptions: &[Exception], seed: u64) {
        let first = self.patterns.len();
        let mut rows = vec![Exceptions::default(); roots.len()];
        for Exception { directory, name } in exceptions {
            let below = roots.iter().zip(&mut rows).filter_map(|((root, path), row)| {
                let directory = directory.as_ref().map(|directory| directory.strip_prefix(path)).transpose();
                Some((*root, row, directory.ok()?))
            });
            match name {
                Name::Exact(name) => below.for_each(|(root, row, directory)| {
                    self.keys.push(exact(root, row, directory, name, seed));
                }),
                Name::Starred { head, tail } => {
                    let Some(pattern) = Pattern::new(head.as_bytes(), tail.as_bytes()) else { continue };
                    let rows = below.map(|(root, _, directory)| alike(pattern, root, directory, seed));
                    // One that is alike anywhere is the same in every root.
                    self.patterns.extend(rows.take(if directory.is_none() { 1 } else { usize::MAX }));
                }
            }
        }
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (first, patterns) = (number(first), number(self.patterns.len() - first));
        for ((root, _), mut row) in roots.iter().zip(rows) {
            (row.first, row.patterns) = (first, patterns);
            self.roots.push((*root, row));
        }
    }
}

/// The key of one name: in a directory below the root, or anywhere.
fn exact(root: u32, row: &mut Exceptions, directory: Option<&Path>, name: &str, seed: u64) -> ExceptedKey {
    let Some(directory) = directory else {
        row.names = 1;
        return ExceptedKey { key: NameHash::of(seed, name.as_bytes()), root, by: by::NAME };
    };
    let place = directory.join(name);
    row.add_place(u32::try_from(place.components().count()).unwrap_or(u32::MAX));
    ExceptedKey { key: key(&place, seed), root, by: by::PLACE }
}

/// The same of the names that a pattern means.
fn alike(pattern: Pattern, root: u32, directory: Option<&Path>, seed: u64) -> ExceptedPattern {
    let (root, directory) = directory.map_or((ANYWHERE, 0), |directory| (root, key(directory, seed)));
    ExceptedPattern { pattern, directory, root, reserved: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 7;

    fn excepted(roots: &[(u32, &str)], exceptions: &[&str]) -> Excepted {
        let roots: Vec<_> = roots.iter().map(|(id, path)| (*id, Path::new(path))).collect();
        let exceptions: Vec<_> = exceptions.iter().map(|text| text.parse().expect("an exception")).collect();
        let mut excepted = Excepted::default();
        excepted.add(&roots, &exceptions, SEED);
        excepted
    }

    #[test]
    fn a_path_is_of_each_root_that_it_lies_in() {
        let Excepted { roots, keys, patterns } =
            excepted(&[(3, "/etc"), (4, "/etc/ssl"), (5, "/srv")], &["/etc/ssl/certs", "/etc/ssl/a*b"]);
        let place = |path: &str, root| ExceptedKey { key: key(path.as_ref(), SEED), root, by: by::PLACE };
        assert_eq!(keys, [place("ssl/certs", 3), place("certs", 4)]);
        let deep: Vec<_> = roots.iter().map(|(_, row)| [1, 2].map(|depth| row.has_place_at(depth))).collect();
        assert_eq!(deep, [[false, true], [true, false], [false, false]]);
        let places: Vec<_> = patterns.iter().map(|row| (row.root, row.directory)).collect();
        assert_eq!(places, [(3, key("ssl".as_ref(), SEED)), (4, 0)]);
    }

    #[test]
    fn a_name_is_of_every_root_and_a_pattern_of_all_of_them() {
        let Excepted { roots, keys, patterns } =
            excepted(&[(1, "/etc"), (2, "/srv")], &["**/target", "**/*.swp"]);
        assert_eq!(
            keys.iter().map(|key| (key.root, key.by)).collect::<Vec<_>>(),
            [(1, by::NAME), (2, by::NAME)]
        );
        assert_eq!(patterns.iter().map(|row| row.root).collect::<Vec<_>>(), [ANYWHERE]);
        assert!(roots.iter().all(|(_, row)| (row.names, row.first, row.patterns) == (1, 0, 1)));
    }

    #[test]
    fn each_tree_has_its_own_patterns() {
        let mut excepted = excepted(&[(1, "/etc")], &["**/*.swp"]);
        excepted.add(&[(2, "/srv".as_ref())], &[], SEED);
        excepted.add(&[(3, "/opt".as_ref())], &["/opt/a*".parse().expect("an exception")], SEED);
        let ranges: Vec<_> =
            excepted.roots.iter().map(|(root, row)| (*root, row.first, row.patterns)).collect();
        assert_eq!(ranges, [(1, 0, 1), (2, 1, 0), (3, 1, 1)]);
        assert!(excepted.roots[1].1.patterns == 0 && excepted.roots[1].1.names == 0);
    }
}
