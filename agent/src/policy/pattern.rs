//! Paths by which programs and control groups are told.

use std::{
    ffi::OsStr,
    fmt,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

use super::exception::{Name, NoException};

/// A path, or several that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// Whether its one name counts wherever it is.
    pub(crate) anywhere: bool,
    /// From the top down, at least one.
    pub(crate) names: Vec<Name>,
}

/// A script, and who runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    /// The name of a program. None: whatever its first line says.
    pub(crate) interpreter: Option<String>,
    pub(crate) path: Pattern,
}

/// A unit of the service manager, or another control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit(pub(crate) Pattern);

/// What can be written, to be put after "want".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPattern {
    #[error(
        "absolute paths such as \"/usr/bin/codex\", or one name anywhere such as \"**/codex\"; each component may have one *, \
         and nothing else of it ? or ["
    )]
    Path,
    #[error("{}", NoException::Long)]
    Long,
    #[error("less than everything")]
    Everything,
    #[error("an interpreter and an absolute path, such as \"node /usr/lib/cli.js\", or the path of a script")]
    Script,
    #[error(
        "names of units such as \"ci-*.service\", which end in .service, .scope or .slice, or paths of control groups such \
         as \"/docker/*\""
    )]
    Unit,
}

/// What processes can be in.
const UNITS: [&str; 3] = [".service", ".scope", ".slice"];
/// More components than any path of a program or a control group has need of.
const MAX_NAMES: usize = 32;

impl Pattern {
    /// One name, wherever it is.
    fn anywhere(name: &str) -> Result<Self, NoPattern> {
        Self { anywhere: true, names: vec![self::name(name)?] }.narrow()
    }

    /// Something that it does not mean.
    fn narrow(self) -> Result<Self, NoPattern> {
        if self.names.iter().all(Name::is_all) { Err(NoPattern::Everything) } else { Ok(self) }
    }

    /// The one path that it is, if it is one.
    pub(crate) fn exact(&self) -> Option<PathBuf> {
        let (path, rest) = self.directory();
        (rest.is_empty() && !self.anywhere).then_some(path)
    }

    /// The directory that its first names are, and the rest of them, which begins with a star.
    pub(crate) fn directory(&self) -> (PathBuf, &[Name]) {
        let exact = |name: &Name| if let Name::Exact(name) = name { Some(name.clone()) } else { None };
        let first: Vec<_> =
            if self.anywhere { Vec::new() } else { self.names.iter().map_while(exact).collect() };
        let rest = self.names.get(first.len()..).unwrap_or_default();
        (std::iter::once("/".to_owned()).chain(first).collect(), rest)
    }

    /// Whether it means this path.
    pub(crate) fn is(&self, path: &Path) -> bool {
        let found = names(path);
        match (self.anywhere, self.names.first()) {
            (true, Some(name)) => found.last().is_some_and(|last| name.is(last)),
            _ => {
                found.len() == self.names.len()
                    && found.iter().zip(&self.names).all(|(found, name)| name.is(found))
            }
        }
    }

    /// Whether it means this path or one above it.
    pub(crate) fn is_above(&self, path: &Path) -> bool {
        path.ancestors().any(|one| self.is(one))
    }
}

fn names(path: &Path) -> Vec<&OsStr> {
    let normal = |part| if let Component::Normal(name) = part { Some(name) } else { None };
    path.components().filter_map(normal).collect()
}

fn name(text: &str) -> Result<Name, NoPattern> {
    text.parse().map_err(|error| match error {
        NoException::Long => NoPattern::Long,
        NoException::Shape | NoException::Everything => NoPattern::Path,
    })
}

impl FromStr for Pattern {
    type Err = NoPattern;

    fn from_str(text: &str) -> Result<Self, NoPattern> {
        if let Some(one) = text.strip_prefix("**/") {
            let is_name = !one.contains('/') && !matches!(one, "" | "." | "..");
            return if is_name { Self::anywhere(one) } else { Err(NoPattern::Path) };
        }
        let path = Path::new(text);
        let has_parent = path.components().any(|part| part == Component::ParentDir);
        let found = names(path);
        if !path.is_absolute() || has_parent || found.is_empty() || found.len() > MAX_NAMES {
            return Err(NoPattern::Path);
        }
        let names = found.into_iter().map(|found| name(found.to_str().unwrap_or_default()));
        Self { anywhere: false, names: names.collect::<Result<_, _>>()? }.narrow()
    }
}

impl FromStr for Script {
    type Err = NoPattern;

    fn from_str(text: &str) -> Result<Self, NoPattern> {
        let (interpreter, path) = match text.split_once(' ') {
            Some((interpreter, path)) if !text.starts_with('/') || path.starts_with('/') => {
                (Some(interpreter), path)
            }
            _ => (None, text),
        };
        let interpreter = match interpreter.map(|text| Path::new(text).file_name().and_then(OsStr::to_str)) {
            Some(Some(name)) => Some(name.to_owned()),
            Some(None) => return Err(NoPattern::Script),
            None => None,
        };
        let path =
            path.parse().map_err(|error| if error == NoPattern::Path { NoPattern::Script } else { error })?;
        Ok(Self { interpreter, path })
    }
}

impl FromStr for Unit {
    type Err = NoPattern;

    fn from_str(text: &str) -> Result<Self, NoPattern> {
        let is_unit = UNITS.iter().any(|kind| text.strip_suffix(kind).is_some_and(|name| !name.is_empty()));
        let pattern = if is_unit && !text.contains('/') { Pattern::anywhere(text) } else { text.parse() };
        match pattern {
            Err(NoPattern::Path) => Err(NoPattern::Unit),
            Ok(pattern) if pattern.anywhere && !is_unit => Err(NoPattern::Unit),
            pattern => Ok(Self(pattern?)),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = if self.anywhere { "**" } else { "" };
        f.write_str(start)?;
        self.names.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(interpreter) = &self.interpreter {
            write!(f, "{interpreter} ")?;
        }
        write!(f, "{}", self.path)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Pattern { anywhere, names }) = self;
        match (anywhere, names.first()) {
            (true, Some(name)) => write!(f, "{name}"),
            _ => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_star_stands_within_a_component() {
        for (written, meant, not_meant) in [
            ("/usr/bin/codex", "/usr/bin/codex", "/usr/bin/codex2"),
            ("/opt/agent/*", "/opt/agent/x", "/opt/agent/x/y"),
            ("/home/*/bin/*", "/home/ann/bin/x", "/home/ann/b/bin/x"),
            ("/opt/v*.1/run", "/opt/v2.1/run", "/opt/v2/run"),
            ("**/codex", "/a/b/codex", "/a/codex/b"),
            ("**/co*", "/codex", "/a/xco"),
        ] {
            let found = pattern(written);
            assert!(found.is(meant.as_ref()) && !found.is(not_meant.as_ref()), "{written}");
            assert_eq!(found.to_string(), written);
        }
        assert_eq!(pattern("//usr/./bin/x/").to_string(), "/usr/bin/x");
        assert_eq!(pattern("/usr/bin/x").exact(), Some("/usr/bin/x".into()));
        assert_eq!([pattern("/usr/*/x").exact(), pattern("**/x").exact()], [None, None]);
        assert_eq!(pattern("/opt/a/*/x").directory(), ("/opt/a".into(), &pattern("/*/x").names[..]));
    }

    #[test]
    fn what_is_below_a_group_belongs_to_it() {
        let unit = |text: &str| text.parse::<Unit>().expect("a unit").0;
        let group = Path::new("/system.slice/ci-7.service/burstguard-3");
        assert!(unit("ci-*.service").is_above(group) && unit("system.slice").is_above(group));
        assert!(!unit("ci.service").is_above(group));
        assert!(unit("/system.slice/*").is_above(group) && !unit("/docker/*").is_above(group));
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        use NoPattern::{Everything, Long, Path, Script as NoScript, Unit as NoUnit};
        for (text, error) in [
            ("codex", Path),
            ("", Path),
            ("/", Path),
            ("/a/../b", Path),
            ("/a?", Path),
            ("/a*b*", Path),
            ("**/a/b", Path),
            ("**/..", Path),
            ("/*", Everything),
            ("/*/*", Everything),
            ("**/*", Everything),
            ("/seventeen-bytes-x*", Long),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(error), "{text}");
        }
        for text in ["node cli.js", "node", " /x", "/a b"] {
            let found = text.parse::<Script>();
            assert!(found == Err(NoScript) || text == "/a b", "{text}: {found:?}");
        }
        for text in ["app", ".slice", "a/b.service", "**/x"] {
            assert_eq!(text.parse::<Unit>(), Err(NoUnit), "{text}");
        }
        assert_eq!("*".parse::<Unit>(), Err(NoUnit));
    }

    #[test]
    fn a_script_may_name_its_interpreter() {
        for (written, interpreter, path) in [
            ("node /usr/lib/cli.js", Some("node"), "/usr/lib/cli.js"),
            ("/usr/bin/python3 /opt/run.py", Some("python3"), "/opt/run.py"),
            ("/opt/run.py", None, "/opt/run.py"),
            ("/opt/my run.py", None, "/opt/my run.py"),
        ] {
            let script: Script = written.parse().expect("a script");
            assert_eq!((script.interpreter.as_deref(), &*script.path.to_string()), (interpreter, path));
            assert_eq!(script.to_string().parse(), Ok(script));
        }
    }
}
