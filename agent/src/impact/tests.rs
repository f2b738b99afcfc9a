//! A root that is a directory: its lists of packages, its units and its processes are files there.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::Path,
};

use rustix::{
    fs::{major, minor},
    time::{ClockId, clock_gettime},
};
use tempfile::TempDir;

use super::{
    Asked, Merged, Survey,
    open::{mapping, unit},
    survey,
    units::{Mention, mentions},
};
use crate::api::Impact;

const NGINX: &str = "/etc/nginx/nginx.conf";

struct Root(TempDir);

impl Root {
    fn new() -> Self {
        let root = Self(tempfile::tempdir().expect("a directory"));
        fs::create_dir(root.path().join("proc")).expect("a directory");
        root
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: &str) -> &Self {
        let file = super::at(self.path(), Path::new(file));
        fs::create_dir_all(file.parent().expect("a directory")).expect("directories");
        fs::write(file, text).expect("a file");
        self
    }

    fn link(&self, file: &str, to: impl AsRef<Path>) -> &Self {
        let file = super::at(self.path(), Path::new(file));
        fs::create_dir_all(file.parent().expect("a directory")).expect("directories");
        symlink(to, file).expect("a link");
        self
    }

    fn package(&self, name: &str, list: &[&str], conffiles: &[&str]) -> &Self {
        let lines = |names: &[&str]| names.iter().map(|name| format!("{name}\n")).collect::<String>();
        self.write(&format!("/var/lib/dpkg/info/{name}.list"), &lines(list));
        if !conffiles.is_empty() {
            self.write(&format!("/var/lib/dpkg/info/{name}.conffiles"), &lines(conffiles));
        }
        self
    }

    fn unit(&self, file: &str, text: &str) -> &Self {
        self.write(file, text)
    }

    /// A process, by what it has open.
    fn process(&self, pid: u32, comm: &str, group: &str, open: &[&Path]) -> &Self {
        self.write(&format!("/proc/{pid}/comm"), &format!("{comm}\n"));
        self.write(&format!("/proc/{pid}/cgroup"), &format!("0::{group}\n"));
        for (number, file) in open.iter().enumerate() {
            self.link(&format!("/proc/{pid}/fd/{number}"), file);
        }
        self
    }

    fn survey(&self, paths: &[&str]) -> Survey {
        let tree = Path::new("/etc");
        let asked: Vec<_> =
            paths.iter().map(|path| Asked { path: path.into(), tree: tree.to_owned() }).collect();
        survey(self.path(), &asked)
    }

    /// Of one path, of which something is known.
    fn one(&self, path: &str) -> Impact {
        let Survey { mut found, problems } = self.survey(&[path]);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    fn is_nobodys(&self, path: &str) -> bool {
        let Survey { found, problems } = self.survey(&[path]);
        problems.is_empty() && found.is_empty()
    }
}

#[test]
fn a_file_is_of_the_package_that_lists_it() {
    let root = Root::new();
    root.package("nginx-common", &["/.", "/etc", "/etc/nginx", NGINX, "/etc/nginx/mime.types"], &[NGINX])
        .package("libc6:amd64", &["/etc", "/etc/ld.so.conf.d/x.conf"], &[]);
    let impact = root.one(NGINX);
    assert_eq!((impact.packages.join(" "), impact.conffile), ("nginx-common".to_owned(), true));
    let impact = root.one("/etc/nginx/mime.types");
    assert_eq!((impact.packages.join(" "), impact.conffile), ("nginx-common".to_owned(), false));
    assert_eq!(root.one("/etc/ld.so.conf.d/x.conf").packages, ["libc6:amd64"]);
    let mut both = root.one("/etc").packages;
    both.sort();
    assert_eq!(both, ["libc6:amd64", "nginx-common"]);
    assert!(root.is_nobodys("/etc/nginx/nginx") && root.is_nobodys("/etc/own.conf"));
}

#[test]
fn a_conffile_may_have_a_word_before_it() {
    let root = Root::new();
    root.package("a", &["/etc/a"], &["remove-on-upgrade /etc/a"]);
    assert!(root.one("/etc/a").conffile);
}

#[test]
fn a_host_whose_directories_are_merged_has_two_names_for_a_file() {
    let root = Root::new();
    root.package("old", &["/bin/old"], &[]).package("new", &["/usr/bin/new"], &[]);
    assert!(root.is_nobodys("/usr/bin/old") && root.is_nobodys("/bin/new"));
    root.link("/bin", "usr/bin");
    for (path, package) in
        [("/usr/bin/old", "old"), ("/bin/old", "old"), ("/usr/bin/new", "new"), ("/bin/new", "new")]
    {
        assert_eq!(root.one(path).packages, [package], "{path}");
    }
    assert!(root.is_nobodys("/usr/sbin/old"));
}

#[test]
fn a_diverted_file_is_where_it_was_diverted_to() {
    let root = Root::new();
    root.package("dash", &["/etc/sh"], &[]).package("other", &["/etc/sh"], &[]);
    root.write("/var/lib/dpkg/diversions", "/etc/sh\n/etc/sh.distrib\nother\n");
    assert_eq!(root.one("/etc/sh").packages, ["other"]);
    assert_eq!(root.one("/etc/sh.distrib").packages, ["dash"]);
    root.write("/var/lib/dpkg/diversions", "/etc/sh\n/etc/sh.distrib\n:\n");
    assert!(root.is_nobodys("/etc/sh"), "it is an administrator's");
    assert_eq!(root.one("/etc/sh.distrib").packages.len(), 2);
}

#[test]
fn alpine_has_one_list() {
    let root = Root::new();
    let list =
        "C:Q1x\nP:nginx\nV:1\nF:etc/nginx\nM:0:0:755\nR:nginx.conf\na:0:0:644\n\nP:other\nF:etc\nR:other\n\n";
    root.write("/lib/apk/db/installed", list);
    assert_eq!(root.one(NGINX).packages, ["nginx"]);
    assert_eq!(root.one("/etc/other").packages, ["other"]);
    assert!(root.is_nobodys("/etc/nginx/other"));
}

#[test]
fn what_a_unit_names() {
    for (line, expected) in [
        ("ExecStart=/usr/sbin/nginx -g 'daemon on;' -c /etc/nginx/nginx.conf", true),
        ("ExecStart=/usr/sbin/nginx --config=/etc/nginx/nginx.conf", true),
        ("ExecStartPre=-+/etc/nginx/nginx.conf", true),
        ("ExecStart = /usr/sbin/nginx \\\n  -c /etc/nginx/nginx.conf", true),
        ("ExecStart=/bin/sh -c \"cat </etc/nginx/nginx.conf\"", true),
        ("EnvironmentFile=-/etc/nginx/nginx.conf", true),
        ("EnvironmentFile=/etc/nginx/*.conf", true),
        ("EnvironmentFile=/etc/*.conf", false),
        ("LoadCredential=conf:/etc/nginx/nginx.conf", true),
        ("LoadCredential=conf:/etc/nginx", true),
        ("BindReadOnlyPaths=/etc/nginx/nginx.conf:/conf", true),
        ("ConditionPathExists=|!/etc/nginx/nginx.conf", true),
        ("ConditionPathIsReadWrite=/etc/nginx", false),
        ("AssertPathExists=/etc", false),
        ("ConfigurationDirectory=other nginx", true),
        ("ConfigurationDirectory=nginx:alias", true),
        ("StateDirectory=nginx", false),
        ("WorkingDirectory=%E/nginx", true),
        ("WorkingDirectory=/etc", true),
        ("WorkingDirectory=/", false),
        ("WorkingDirectory=/etc/nginx/", true),
        ("ExecStart=/usr/sbin/nginx -c /etc/nginx/%i.conf", false),
        ("ExecStart=/usr/sbin/nginx -c ${CONF}/etc/nginx/nginx.conf", false),
        ("ExecStart=/usr/sbin/nginx -c /etc/nginx/nginx.conf.d", false),
        ("ExecStart=/usr/sbin/nginx -c etc/nginx/nginx.conf", false),
        ("# EnvironmentFile=/etc/nginx/nginx.conf", false),
        (";EnvironmentFile=/etc/nginx/nginx.conf", false),
        ("ReadWritePaths=/etc/nginx", false),
        ("Documentation=file:///etc/nginx/nginx.conf", false),
    ] {
        let root = Root::new();
        root.unit("/etc/systemd/system/a.service", &format!("[Service]\n{line}\n"));
        let named = root.survey(&[NGINX]).found.iter().any(|impact| impact.units == ["a.service"]);
        assert_eq!(named, expected, "{line}");
    }
}

#[test]
fn a_directory_counts_within_the_tree() {
    let root = Root::new();
    root.unit("/run/systemd/system/a.service", "[Service]\nWorkingDirectory=/etc\n");
    let named = |tree: &str| {
        let asked = Asked { path: NGINX.into(), tree: tree.into() };
        !survey(root.path(), &[asked]).found.is_empty()
    };
    assert!(named("/etc") && !named("/etc/nginx"));
}

#[test]
fn units_are_told_by_their_files() {
    let root = Root::new();
    let names = "[Service]\nEnvironmentFile=/etc/nginx/nginx.conf\n";
    root.unit("/usr/lib/systemd/system/vendor.service", names)
        .unit("/usr/lib/systemd/system/replaced.service", names)
        .unit("/etc/systemd/system/replaced.service", "[Service]\nExecStart=/bin/true\n")
        .unit("/usr/lib/systemd/system/masked.service", names)
        .link("/etc/systemd/system/masked.service", "/dev/null")
        .unit("/etc/systemd/system/masked.service.d/x.conf", names)
        .link("/etc/systemd/system/alias.service", "/usr/lib/systemd/system/vendor.service")
        .unit("/usr/lib/systemd/system/dropped.service", "[Service]\nExecStart=/bin/true\n")
        .unit("/run/systemd/system/dropped.service.d/50-x.conf", names)
        .unit("/run/systemd/system/dropped.service.d/readme", names)
        .unit("/etc/systemd/system/service.d/all.conf", names)
        .unit("/run/systemd/transient/run-1.service", names);
    assert_eq!(root.one(NGINX).units, ["dropped.service", "run-1.service", "vendor.service"]);
}

#[test]
fn a_merged_directory_is_one_for_units() {
    let merged = Merged(vec!["bin"]);
    let named = mentions(b"ExecStart=/bin/x /binary/x\n", &merged);
    assert_eq!(named, ["/usr/bin/x", "/binary/x"].map(|path| Mention::Path(path.into())));
}

#[test]
fn open_files_are_told_by_what_they_are() {
    let root = Root::new();
    root.write(NGINX, "x").write("/etc/other", "x");
    let [file, other] = [NGINX, "/etc/other"].map(|path| super::at(root.path(), Path::new(path)));
    let hard = root.path().join("hard");
    fs::hard_link(&file, &hard).expect("a link");
    root.process(812, "nginx", "/system.slice/nginx.service", &[&other, &file])
        .process(813, "x (deleted)", "/user.slice/user-1.slice/session-1.scope/own", &[&hard, &hard])
        .process(814, "other", "/system.slice/other.service", &[&other, Path::new("pipe:[1]")])
        .write("/proc/self/comm", "no number\n");
    let mut impact = root.one(NGINX);
    impact.open.sort_by_key(|open| open.process.pid);
    let open = |at: usize| {
        let open = &impact.open[at];
        (open.process.pid, open.process.comm.to_string(), open.unit.clone().unwrap_or_default())
    };
    assert_eq!(open(0), (812, "nginx".to_owned(), "nginx.service".to_owned()));
    assert_eq!(open(1), (813, "x (deleted)".to_owned(), "session-1.scope".to_owned()));
    assert_eq!((impact.open.len(), impact.open_in), (2, 2));
}

#[test]
fn a_mapping_has_the_file_open_too() {
    let root = Root::new();
    root.write(NGINX, "x").process(7, "mapper", "/a.service", &[]);
    let file = super::at(root.path(), Path::new(NGINX));
    let found = file.metadata().expect("the file");
    let device = format!("{:02x}:{:02x}", major(found.dev()), minor(found.dev()));
    let map = |name: &str, inode: u64| {
        format!(
            "7f0-7f1 r--p 00000000 {device} {inode}    {name}\n7f1-7f2 rw-p 00000000 00:00 0 [heap]\n7f2-7f3 r--p 0 00:00 0\n"
        )
    };
    root.write("/proc/7/maps", &map("/elsewhere", found.ino()));
    assert_eq!(root.one(NGINX).open[0].process.pid, 7);
    fs::remove_file(&file).expect("the file");
    assert!(root.is_nobodys(NGINX), "another has this number by now");
    root.write("/proc/7/maps", &map(&format!("{} (deleted)", file.display()), 1));
    assert_eq!(root.one(NGINX).open[0].process.pid, 7);
    root.write("/proc/7/maps", &map(&format!("{} (deleted)", file.display()), 1).replace(&device, "ff:ff"));
    assert!(root.is_nobodys(NGINX), "it is another's root");
}

#[test]
fn lines_of_mappings() {
    let line = b"55d-55e r-xp 00001000 08:01 42                         /usr/bin/a b (deleted)";
    let (id, name) = mapping(line).expect("a mapping");
    assert_eq!((major(id.0), minor(id.0), id.1), (8, 1, 42));
    assert_eq!(name, b"/usr/bin/a b (deleted)");
    for line in
        ["", "7f-80 rw-p 0 00:00 0", "7f-80 rw-p 0 00:00 0 [heap]", "/x", "a b c d /x", "a b c 1:x 4 /x"]
    {
        assert_eq!(mapping(line.as_bytes()), None, "{line:?}");
    }
}

#[test]
fn the_innermost_unit_is_whose_a_group_is() {
    for (group, expected) in [
        ("system.slice/nginx.service", Some("nginx.service")),
        ("system.slice/nginx.service/workers", Some("nginx.service")),
        ("user.slice/user-1.slice/user@1.service/app.slice/a.service", Some("a.service")),
        ("user.slice/user-1.slice/session-2.scope", Some("session-2.scope")),
        ("burstguard-7", None),
        ("system.slice", None),
        ("", None),
    ] {
        assert_eq!(unit(Path::new(group)).as_deref(), expected, "{group}");
    }
}

/// What is kept is little, whatever there is.
#[test]
fn of_many_the_first_are_kept() {
    let root = Root::new();
    root.write(NGINX, "x");
    let file = super::at(root.path(), Path::new(NGINX));
    for number in 0..20 {
        root.package(&format!("p{number}"), &[NGINX], &[])
            .unit(
                &format!("/etc/systemd/system/u{number}.service"),
                "EnvironmentFile=/etc/nginx/nginx.conf\n",
            )
            .process(number, "x", "/", &[&file]);
    }
    let impact = root.one(NGINX);
    assert_eq!((impact.packages.len(), impact.units.len(), impact.open.len()), (8, 8, 8));
    assert_eq!(impact.open_in, 20);
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    let root = Root::new();
    root.unit("/etc/systemd/system/a.service", "EnvironmentFile=/etc/nginx/nginx.conf\n");
    fs::remove_dir(root.path().join("proc")).expect("a directory");
    let Survey { found, problems } = root.survey(&[NGINX]);
    assert_eq!(found[0].units, ["a.service"]);
    assert!(problems[0].starts_with("which processes have it open: "), "{problems:?}");
}

/// A tenth of a large server, which has 3,000 packages and 2,000 processes: it is done while nobody notices.
#[test]
fn three_hundred_packages_and_two_hundred_processes_are_looked_at_in_no_time() {
    let root = Root::new();
    root.write(NGINX, "x");
    let file = super::at(root.path(), Path::new(NGINX));
    let list: String =
        (0..150).map(|number| format!("/usr/share/doc/some-package/file-{number}\n")).collect();
    for number in 0..300 {
        root.write(&format!("/var/lib/dpkg/info/package-{number}.list"), &list);
    }
    let maps: String = (0..100)
        .map(|number| {
            format!("7f{number:04x}000-7f{number:04x}fff r-xp 00000000 08:01 {number}   /usr/lib/x.so\n")
        })
        .collect();
    for pid in 10_000..10_200 {
        root.process(pid, "x", "/", &[Path::new("/nowhere"); 10]).write(&format!("/proc/{pid}/maps"), &maps);
    }
    root.process(9, "nginx", "/nginx.service", &[&file]).package("nginx-common", &[NGINX], &[NGINX]);
    let begun = clock_gettime(ClockId::ThreadCPUTime);
    let impact = root.one(NGINX);
    let took = clock_gettime(ClockId::ThreadCPUTime) - begun;
    assert!(impact.conffile && impact.open[0].process.pid == 9);
    // Without optimization it takes many times what it takes else.
    assert!(took.tv_sec < 1, "{took:?}");
}
