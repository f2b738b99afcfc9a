//! The Debians that guests boot: made once, from packages, and kept until what they are made of changes.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Home;
use crate::once::once;
use crate::run;
use crate::setup::debian;

/// Nobody reads them there.
const LEFT_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];

/// A Debian, and how it begins.
pub(super) struct Image {
    pub(super) name: &'static str,
    /// What it has besides what every Debian has, with commas between.
    packages: &'static str,
    /// Packages that it only has at hand, in /opt/corpus/pool.
    pool: &'static [&'static str],
    /// Shell, run in it when it is made; none, and there is no pool either.
    setup: &'static str,
    /// Its first process.
    pub(super) init: &'static str,
    /// Programs of the tests' that go with it.
    pub(super) programs: &'static [&'static str],
}

/// For tests: file systems whose drivers are modules, and programs that wait for others.
pub(super) const TEST: Image = Image {
    name: "test",
    packages: "btrfs-progs,iproute2,kmod,make,sudo,tmux,xfsprogs",
    pool: &[],
    setup: "",
    init: include_str!("init.sh"),
    programs: &["live", "hand", "demo", "bench"],
};

/// For real work: what administrators and automation use, and systemd.
pub(super) const WORK: Image = Image {
    name: "work",
    packages: "ansible-core,apt-utils,at,bubblewrap,ca-certificates,cron,dbus,debconf-utils,git,kmod,libnettle8,libxxhash0,\
        logrotate,make,nano,openssh-client,openssh-server,openssl,patch,perl,procps,python3-apt,python3-pip,python3-venv,rsync,\
        sqlite3,sudo,systemd-sysv,vim",
    pool: &["fail2ban", "lighttpd"],
    setup: include_str!("../../../tests/corpus/setup.sh"),
    init: "#!/bin/sh\nexec /lib/systemd/systemd --unit=errand.service\n",
    programs: &["corpus"],
};

/// A host as burstguard is installed on: systemd, a login by ssh, cron, and a Prometheus.
pub(super) const SYSTEM: Image = Image {
    name: "system",
    packages: "adduser,ca-certificates,cron,dbus,kmod,libpam-systemd,openssh-client,openssh-server,procps,prometheus,sudo,\
        systemd-sysv,udev",
    pool: &[],
    setup: include_str!("../../../tests/system/setup.sh"),
    init: "#!/bin/sh\nexec /lib/systemd/systemd\n",
    programs: &["system"],
};

/// For one program, which is run in it and need not be on the host.
pub(super) const LINTIAN: Image =
    Image { name: "lintian", packages: "lintian", pool: &[], setup: "", init: "", programs: &[] };

impl Image {
    /// Its root directory, made if it is not there yet.
    pub(super) fn provide(&self, home: &Home) -> Result<PathBuf> {
        let base = home.root(&named(self.name, &self.packages));
        once(&base, |part| self.debootstrap(part))?;
        if self.setup.is_empty() {
            return Ok(base);
        }
        let root = home.root(&named(self.name, &(self.packages, self.pool, self.setup)));
        once(&root, |part| {
            run::to_the_end(Command::new("cp").args(["-a", "--reflink=auto"]).args([&*base, part]))?;
            self.fill_pool(part)?;
            self.set_up(part)
        })?;
        Ok(root)
    }

    /// Installs Debian; of the host's release, so that what the host builds finds its C library.
    fn debootstrap(&self, root: &Path) -> Result<()> {
        let codename = debian::release()?;
        println!("vm: installing Debian {codename} into {}, takes a minute or two", root.display());
        let mut mmdebstrap = Command::new("mmdebstrap");
        mmdebstrap.args(["--quiet", "--mode=root", "--format=directory", "--variant=minbase"]);
        mmdebstrap.arg(format!("--include={}", self.packages));
        mmdebstrap.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
        run::to_the_end(mmdebstrap.arg(codename).arg(root))
    }

    fn fill_pool(&self, root: &Path) -> Result<()> {
        if self.pool.is_empty() {
            return Ok(());
        }
        let pool = root.join("opt/corpus/pool");
        fs::create_dir_all(&pool).with_context(|| format!("cannot make {}", pool.display()))?;
        let mut download = Command::new("apt-get");
        run::for_output(download.args(["--quiet", "download"]).args(self.pool).current_dir(&pool)).map(drop)
    }

    fn set_up(&self, root: &Path) -> Result<()> {
        let script = root.join("setup");
        fs::write(&script, self.setup)
            .and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {}", script.display()))?;
        run::to_the_end(run::chrooted(root).arg("/setup"))?;
        fs::remove_file(&script).with_context(|| format!("cannot remove {}", script.display()))
    }
}

/// A name that changes with what is made.
fn named(name: &str, made_of: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    made_of.hash(&mut hasher);
    format!("{name}-{:016x}", hasher.finish())
}
