//! Who is found on a host without a policy, and by what.

use super::*;

/// A host whose files lie below a directory, and whose users are those of its own list.
struct Below(tempfile::TempDir);

impl Below {
    fn new(files: &[(&str, &str)]) -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let file = host.at(Path::new(path));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        host
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.0.path().join(path.strip_prefix("/").unwrap())
    }
}

impl Host for Below {
    fn uid(&self, name: &str) -> io::Result<Option<u32>> {
        let list = self.read(Path::new("/etc/passwd"))?;
        let line = list.lines().find(|line| line.split(':').next() == Some(name));
        Ok(line.and_then(|line| line.split(':').nth(2)?.parse().ok()))
    }

    fn gid(&self, _: &str) -> io::Result<Option<u32>> {
        Ok(None)
    }

    fn shell(&self, _: u32) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }

    fn is_dir(&self, path: &Path) -> io::Result<bool> {
        ThisHost.is_dir(&self.at(path))
    }

    fn directories(&self, path: &Path) -> io::Result<Vec<OsString>> {
        ThisHost.directories(&self.at(path))
    }

    fn files(&self, path: &Path) -> io::Result<Vec<OsString>> {
        ThisHost.files(&self.at(path))
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        ThisHost.read(&self.at(path))
    }
}

const PASSWD: (&str, &str) = (
    "/etc/passwd",
    "root:x:0:0::/root:/bin/bash\ntoor:x:0:0::/root:/bin/bash\nann:x:1000:1000:Ann:/home/ann:/bin/bash\n\
     build:x:1001:1001::/home/build:/bin/bash\nbackup:x:34:34::/var/backups:/usr/sbin/nologin\n\
     mirror:x:1002:1002::/home/mirror:/bin/sh\nansible:x:1003:1003::/home/ansible:/bin/bash\n",
);

/// The accounts of the policy that is built in for this host, with their notes.
fn accounts(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let host = Below::new(&[files, &[PASSWD]].concat());
    let sources = Sources::find_or(&host.at(Path::new("/etc/policy.toml")), true, &host);
    let policy = Loaded::from(&sources, &host).unwrap().policy;
    assert_eq!(policy.mode, Mode::Observe);
    policy.accounts.into_iter().map(|account| (account.name, account.note.unwrap_or_default())).collect()
}

#[test]
fn a_user_name_of_automation() {
    assert_eq!(accounts(&[]), [("ansible".to_owned(), "a user name of automation".to_owned())]);
}

#[test]
fn whoever_a_runners_service_runs_as() {
    let unit = "[Unit]\nDescription=User= of nobody\n[Service]\nUser = nobody-yet\nUser=build\n";
    let found = accounts(&[("/usr/lib/systemd/system/actions.runner.org-repo.host.service", unit)]);
    let runs = "actions.runner.org-repo.host.service runs as it";
    assert!(found.contains(&("build".to_owned(), runs.to_owned())), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn what_an_administrator_lays_over_a_service_comes_last() {
    let found = accounts(&[
        ("/etc/systemd/system/gitlab-runner.service", "[Service]\nUser=mirror\n"),
        ("/usr/lib/systemd/system/gitlab-runner.service", "[Service]\nUser=ann\n"),
        ("/etc/systemd/system/gitlab-runner.service.d/user.conf", "[Service]\nUser=build\n"),
    ]);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ansible", "build"]);
}

#[test]
fn a_service_that_runs_as_root_or_nobody_makes_no_account() {
    let found = accounts(&[
        ("/etc/systemd/system/puppet.service", "[Service]\nExecStart=/usr/bin/puppet\n"),
        ("/etc/systemd/system/jenkins.service", "[Service]\nUser=root\n"),
        ("/etc/systemd/system/rundeck.service", "[Service]\nUser=toor\n"),
        ("/etc/systemd/system/awx.service", "[Service]\nUser=gone\n"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn whose_keys_all_run_one_command() {
    let both = "# the mirror\nrestrict,command=\"rrsync /srv\" ssh-ed25519 AAAA one\n\
                COMMAND=\"/usr/bin/git-shell\" ecdsa-sha2-nistp256 AAAA two\n";
    let mixed = "command=\"borg serve\" ssh-ed25519 AAAA one\nssh-ed25519 AAAA command=\"is her comment\"\n";
    let found = accounts(&[
        ("/home/mirror/.ssh/authorized_keys", both),
        ("/home/ann/.ssh/authorized_keys", mixed),
        ("/home/build/.ssh/authorized_keys", "# none\n\n"),
    ]);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ansible", "mirror"]);
}

#[test]
fn whose_crontab_runs_and_who_has_no_shell() {
    let found = accounts(&[
        ("/var/spool/cron/crontabs/backup", "0 3 * * * tar"),
        ("/var/spool/cron/crontabs/ann", "0 3 * * * tar"),
        ("/var/spool/cron/crontabs/root", ""),
    ]);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ansible", "backup"]);
}

#[test]
fn all_that_tells_one_is_said() {
    let found = accounts(&[
        ("/etc/systemd/system/ansible-pull.service", "[Service]\nUser=ansible\n"),
        ("/home/ansible/.ssh/authorized_keys", "command=\"x\" ssh-rsa AAAA\n"),
    ]);
    let note = "ansible-pull.service runs as it; each key in its .ssh/authorized_keys runs one command; \
                a user name of automation";
    assert_eq!(found, [("ansible".to_owned(), note.to_owned())]);
}
