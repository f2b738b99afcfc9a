//! The directories of a tree, as they are on the host.

use std::{
    io::ErrorKind::{NotADirectory, NotFound},
    mem,
    path::{Component, Path, PathBuf},
};

use agent_common::wire::{exception::MAX_EXCEPTIONS, row::MAX_ROOTS};
use glob::{MatchOptions, Pattern};

use super::{
    super::{
        Exception, Host, Tree,
        parse::TreeDraft,
        problem::{At, Located},
    },
    Validator,
};

/// One root is the self-test's own.
pub(in crate::policy) const MAX_PATHS: usize = MAX_ROOTS as usize - 1;
/// How many directories a pattern may go through.
const MAX_SURVEY: usize = 10_000;
/// As a shell does it: `*` stays in its component and does not stand for a leading dot.
const AS_SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A path that is a tree's.
pub(super) struct Claim {
    tree: String,
    except: Vec<Exception>,
    at: At,
}

/// What a pattern found.
struct Matches {
    paths: Vec<PathBuf>,
    /// What may have been missed.
    unseen: Vec<String>,
}

impl<H: Host> Validator<'_, H> {
    pub(super) fn tree(&mut self, name: &str, draft: &TreeDraft) -> Tree {
        match draft.paths.as_deref() {
            None => self.refuse(&draft.at, &format!("[tree.{name}] protects nothing: set paths")),
            Some([]) => self.warn(&draft.at, &format!("[tree.{name}] protects nothing: it has no paths")),
            Some(_) => {}
        }
        // Those that are written out first: that a pattern finds one of them again is no mistake.
        let (patterns, names): (Vec<_>, Vec<_>) =
            draft.paths.iter().flatten().partition(|written| is_pattern(&written.value));
        let mut exceptions = Exceptions::of(&draft.except);
        let mut paths = Vec::new();
        for written in names.into_iter().chain(patterns) {
            let found = match self.found(written) {
                Ok(found) => found,
                Err(why) => {
                    self.refuse(&written.at, &format!("{:?} {why}", written.value));
                    continue;
                }
            };
            for path in found {
                match exceptions.take(&path, is_pattern(&written.value)) {
                    Some(Located { value, at }) if !is_pattern(&written.value) => {
                        self.refuse(
                            at,
                            &format!("\"{value}\" is one of the paths too: take one of the two away"),
                        );
                    }
                    Some(_) => {}
                    None if self.claim(name, &draft.except, written, &path) => paths.push(path),
                    None => {}
                }
            }
        }
        let except = self.exceptions(name, &exceptions, &paths);
        Tree { name: name.to_owned(), paths, except, keep: draft.keep.clone() }
    }

    /// Whether the path is one more of the tree.
    fn claim(
        &mut self,
        tree: &str,
        except: &[Located<Exception>],
        written: &Located<String>,
        path: &Path,
    ) -> bool {
        let Located { value: text, at } = written;
        let except: Vec<_> = except.iter().map(|exception| exception.value.clone()).collect();
        match self.paths.get(path) {
            Some(other) if other.tree == tree => {
                if !is_pattern(text) {
                    self.refuse(at, &format!("{text:?} is given twice"));
                }
                return false;
            }
            Some(other) => {
                let shown = if is_pattern(text) {
                    format!("{text:?} finds {}, which", path.display())
                } else {
                    format!("{text:?}")
                };
                let also = if other.except == except { "" } else { " with another except" };
                let message = format!(
                    "{shown} is also in [tree.{}]{also}, at {}: a path belongs to one tree",
                    other.tree,
                    other.at.position()
                );
                self.refuse(at, &message);
                return false;
            }
            None => {
                let claim = Claim { tree: tree.to_owned(), except, at: at.clone() };
                self.paths.insert(path.to_owned(), claim);
            }
        }
        if self.paths.len() == MAX_PATHS + 1 {
            self.refuse(at, &format!("more than {MAX_PATHS} paths in all trees"));
        }
        true
    }

    /// What is excepted in these paths of a tree.
    fn exceptions(&mut self, tree: &str, exceptions: &Exceptions<'_>, paths: &[PathBuf]) -> Vec<Exception> {
        let mut found: Vec<Exception> = Vec::new();
        for (Located { value, at }, has_taken) in &exceptions.0 {
            let in_a_path =
                value.directory.as_ref().is_none_or(|one| paths.iter().any(|path| one.starts_with(path)));
            let is_whole =
                value.name.is_all() && paths.iter().any(|path| value.directory.as_ref() == Some(path));
            if found.contains(value) {
                self.refuse(at, &format!("\"{value}\" is given twice"));
            } else if is_whole {
                self.refuse(at, &format!("\"{value}\" is all there is in one of the paths: take that away"));
            } else if !in_a_path && !has_taken && !paths.is_empty() {
                self.warn(at, &format!("\"{value}\" lies in no path of [tree.{tree}]: it has no effect"));
            }
            found.push(value.clone());
        }
        if let Some((surplus, _)) = exceptions.0.get(MAX_EXCEPTIONS) {
            self.refuse(&surplus.at, &format!("more than {MAX_EXCEPTIONS} exceptions in [tree.{tree}]"));
        }
        found
    }

    /// The directories that are meant, without superfluous slashes and dots, or what is wrong with it.
    fn found(&mut self, written: &Located<String>) -> Result<Vec<PathBuf>, String> {
        let text = &written.value;
        let path = Path::new(text);
        if !path.is_absolute() {
            return Err("is not absolute: begin it with /".to_owned());
        }
        if path.components().any(|component| component == Component::ParentDir) {
            return Err("goes through ..: write the directory it means".to_owned());
        }
        if !is_pattern(text) {
            return self.directory(path).map(|path| vec![path]);
        }
        let Matches { paths, unseen } = self.matches(path)?;
        match &unseen[..] {
            [] if paths.is_empty() => {
                self.warn(&written.at, &format!("{text:?} finds no directory on this host"));
            }
            [] => {}
            [one] => self.warn(&written.at, &format!("{text:?} may miss some: {one}")),
            [one, more @ ..] => {
                let message = format!("{text:?} may miss some: {one}, and {} more", more.len());
                self.warn(&written.at, &message);
            }
        }
        Ok(paths)
    }

    fn directory(&self, path: &Path) -> Result<PathBuf, String> {
        match self.host.is_dir(path) {
            Ok(true) => Ok(path.components().collect()),
            Ok(false) => {
                Err("is a file: only directories can be protected yet, name the one it is in".to_owned())
            }
            Err(error) if error.kind() == NotFound => Err("does not exist on this host".to_owned()),
            Err(error) => Err(format!("cannot be looked at: {error}")),
        }
    }

    /// From the first component that is a pattern on, symbolic links are not followed: whoever may write there could
    /// have one of them lead into another tree.
    fn matches(&self, path: &Path) -> Result<Matches, String> {
        let mut found = Matches { paths: vec![PathBuf::new()], unseen: Vec::new() };
        let mut looking = false;
        for component in path.components().filter_map(|component| component.as_os_str().to_str()) {
            looking |= is_pattern(component);
            if !looking {
                found.paths.iter_mut().for_each(|path| path.push(component));
                continue;
            }
            if component == "**" {
                return Err("has ** in it, which is any depth: write one * for each".to_owned());
            }
            let pattern = Pattern::new(component).map_err(|error| format!("is no pattern: {error}"))?;
            found.descend(&pattern, self.host);
            if found.paths.len() > MAX_SURVEY {
                return Err(format!("leads through more than {MAX_SURVEY} directories"));
            }
        }
        Ok(found)
    }
}

/// Those of a tree, and whether each has taken a whole path from it.
struct Exceptions<'d>(Vec<(&'d Located<Exception>, bool)>);

impl<'d> Exceptions<'d> {
    fn of(written: &'d [Located<Exception>]) -> Self {
        Self(written.iter().map(|exception| (exception, false)).collect())
    }

    /// The one that takes the path from the tree. What a pattern found it may lie above as well; a path that is written out
    /// is protected even there. A name that is excepted anywhere is so below the paths only.
    fn take(&mut self, path: &Path, was_found: bool) -> Option<&'d Located<Exception>> {
        let takes = |exception: &Exception| {
            let is_it = if was_found { exception.covers("".as_ref(), path) } else { exception.is(path) };
            is_it && exception.directory.is_some()
        };
        let (exception, has_taken) = self.0.iter_mut().find(|(exception, _)| takes(&exception.value))?;
        *has_taken = true;
        Some(exception)
    }
}

impl Matches {
    /// Goes into the directories that the pattern matches.
    fn descend(&mut self, pattern: &Pattern, host: &impl Host) {
        for above in mem::take(&mut self.paths) {
            match host.directories(&above) {
                Ok(names) => {
                    for name in
                        names.iter().filter(|name| pattern.matches_with(&name.to_string_lossy(), AS_SHELL))
                    {
                        match name.to_str() {
                            Some(name) => self.paths.push(above.join(name)),
                            None => self.unseen.push(format!(
                                "{} in {} is not UTF-8",
                                name.display(),
                                above.display()
                            )),
                        }
                    }
                }
                Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {}
                Err(error) => {
                    self.unseen.push(format!("{} cannot be looked at: {error}", above.display()));
                }
            }
        }
        self.paths.sort();
    }
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}
