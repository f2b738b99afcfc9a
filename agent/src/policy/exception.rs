//! What lies in a tree and is not of it.

use std::{
    ffi::OsStr,
    fmt,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

use agent_common::rules::exception::MOST;

/// A name that is outside of a tree, with all that is below it, though it lies in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    /// The directory that it is in: absolute. None: any below a path of the tree.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) name: Name,
}

/// A path component, or several that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Exact(String),
    /// `HEAD*TAIL`, each of the two at most [`MOST`] bytes. A leading dot is like any other byte.
    Starred {
        head: String,
        tail: String,
    },
}

/// What can be written, to be put after "want".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoException {
    #[error(
        "an absolute path such as \"/etc/mtab\", or one name anywhere such as \"**/node_modules\"; its last component may \
         have one *, and nothing else of it ? or ["
    )]
    Shape,
    #[error("at most {MOST} bytes before the * and {MOST} after it")]
    Long,
    #[error("less than everything: leave the tree out")]
    Everything,
}

impl Exception {
    /// Whether it takes a path out of the tree that has this root: it, or a directory that it is in.
    pub(crate) fn covers(&self, root: &Path, path: &Path) -> bool {
        path.starts_with(root) && path.ancestors().take_while(|one| *one != root).any(|one| self.is(one))
    }

    /// Whether the path itself is what it names.
    pub(crate) fn is(&self, path: &Path) -> bool {
        self.directory.as_deref().is_none_or(|directory| path.parent() == Some(directory))
            && path.file_name().is_some_and(|name| self.name.is(name))
    }
}

impl Name {
    /// Whether it is every name there is.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Self::Starred { head, tail } if head.is_empty() && tail.is_empty())
    }

    pub(crate) fn is(&self, name: &OsStr) -> bool {
        match self {
            Self::Exact(exact) => name == OsStr::new(exact),
            Self::Starred { head, tail } => {
                let rest = name.as_bytes().strip_prefix(head.as_bytes());
                rest.is_some_and(|rest| rest.ends_with(tail.as_bytes()))
            }
        }
    }
}

impl FromStr for Exception {
    type Err = NoException;

    fn from_str(text: &str) -> Result<Self, NoException> {
        if let Some(name) = text.strip_prefix("**/") {
            return match name {
                "" | "." | ".." => Err(NoException::Shape),
                "*" => Err(NoException::Everything),
                _ if name.contains('/') => Err(NoException::Shape),
                _ => Ok(Self { directory: None, name: name.parse()? }),
            };
        }
        let path: PathBuf = Path::new(text).components().collect();
        let is_plain = |path: &Path| path.to_str().is_some_and(|text| !text.contains(['*', '?', '[']));
        let has_parent = path.components().any(|component| component == Component::ParentDir);
        match (path.parent(), path.file_name().and_then(OsStr::to_str)) {
            (Some(directory), Some(name)) if path.is_absolute() && !has_parent && is_plain(directory) => {
                Ok(Self { directory: Some(directory.to_owned()), name: name.parse()? })
            }
            _ => Err(NoException::Shape),
        }
    }
}

impl FromStr for Name {
    type Err = NoException;

    fn from_str(text: &str) -> Result<Self, NoException> {
        let Some((head, tail)) = text.split_once('*') else {
            return if text.contains(['?', '[']) {
                Err(NoException::Shape)
            } else {
                Ok(Self::Exact(text.to_owned()))
            };
        };
        if head.contains(['?', '[']) || tail.contains(['*', '?', '[']) {
            return Err(NoException::Shape);
        }
        if head.len().max(tail.len()) > MOST {
            return Err(NoException::Long);
        }
        Ok(Self::Starred { head: head.to_owned(), tail: tail.to_owned() })
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.directory.as_deref().unwrap_or(Path::new("**"));
        write!(f, "{}", directory.join(self.name.to_string()).display())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Starred { head, tail } => write!(f, "{head}*{tail}"),
        }
    }
}
