#!/bin/bash
# Makes a minimal Debian into one that has something to lose: packages with configuration, a repository of packages that
# needs no network, and a service for the errand. Runs once, when the image is made, with the image as its root directory.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
cd /opt/corpus
exec >setup.log 2>&1

# package NAME VERSION CONFFILES [NOTE]: a package with so many files in /etc/NAME, a unit and a logrotate rule. NOTE is in all.
package() {
    local name=$1 version=$2 count=$3 note=${4:-none} build=build/$1 number
    rm -rf "$build"
    mkdir -p "$build"/{DEBIAN,etc/"$name"/conf.d,etc/logrotate.d,etc/default,lib/systemd/system,usr/share/"$name"}
    for ((number = 1; number <= count - 2; number++)); do
        printf 'option%s = %s\nnote = %s\n' "$number" "$number" "$note" >"$build/etc/$name/conf.d/$number.conf"
    done
    printf '/var/log/%s.log {\n  weekly\n  missingok\n}\n' "$name" >"$build/etc/logrotate.d/$name"
    echo 'OPTIONS=' >"$build/etc/default/$name"
    echo "$version" >"$build/usr/share/$name/version"
    printf '[Unit]\nDescription=%s\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
        "$name" >"$build/lib/systemd/system/$name.service"
    (cd "$build" && find etc -type f -printf '/%p\n') >"$build/DEBIAN/conffiles"
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: %s\n' \
        "$name" "$version" "$name" >"$build/DEBIAN/control"
    # What debhelper writes for a service.
    printf '#!/bin/sh\nset -e\nif [ "$1" = configure ]; then deb-systemd-helper enable %s.service >/dev/null; fi\n%s\n' "$name" \
        "if [ -d /run/systemd/system ]; then systemctl daemon-reload; deb-systemd-invoke start $name.service; fi" \
        >"$build/DEBIAN/postinst"
    printf '#!/bin/sh\nset -e\nif [ -d /run/systemd/system ] && [ "$1" = remove ]; then deb-systemd-invoke stop %s.service; fi\n' \
        "$name" >"$build/DEBIAN/prerm"
    printf '#!/bin/sh\nset -e\nif [ "$1" = purge ]; then deb-systemd-helper purge %s.service >/dev/null; rm -f /var/log/%s.log; fi\n' \
        "$name" "$name" >"$build/DEBIAN/postrm"
    chmod 755 "$build"/DEBIAN/{postinst,prerm,postrm}
    dpkg-deb --root-owner-group --build "$build" pool >/dev/null
}

# A package that asks a question.
asking() {
    package corpus-asking 1.0 3
    printf 'Template: corpus-asking/workers\nType: string\nDefault: 4\nDescription: How many?\n' >build/corpus-asking/DEBIAN/templates
    printf '#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\ndb_input high corpus-asking/workers || true\ndb_go || true\n' \
        >build/corpus-asking/DEBIAN/config
    printf '#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\ndb_get corpus-asking/workers\n%s\n' \
        'echo "workers = $RET" >/etc/corpus-asking/workers.conf.new; mv /etc/corpus-asking/workers.conf.new /etc/corpus-asking/workers.conf' \
        >build/corpus-asking/DEBIAN/postinst
    chmod 755 build/corpus-asking/DEBIAN/{config,postinst}
    dpkg-deb --root-owner-group --build build/corpus-asking pool >/dev/null
}

# What is installed from the start.
package corpus-web 1.0 12
package corpus-few 1.0 3
package corpus-many 1.0 40
package corpus-removed 1.0 8
asking
apt-get install --quiet --yes ./pool/{corpus-*,fail2ban_*}.deb
# What it could be upgraded to, and what could be added.
package corpus-web 2.0 12 changed
package corpus-new 1.0 8
rm -rf build
(cd pool && apt-ftparchive packages . >Packages)
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/opt/corpus/pool ./' >/etc/apt/sources.list
apt-get --quiet update

# A dozen authorities are as good as a hundred and fifty, where each costs a second.
sed -i '20,$ s/^mozilla/!mozilla/' /etc/ca-certificates.conf
update-ca-certificates --fresh

# A virtual environment, and a package in two versions for it.
python3 -m venv venv
wheel() {
    python3 - "$1" <<'P'
import sys, zipfile
version = sys.argv[1]
info = f"corpus_tool-{version}.dist-info"
files = {f"corpus_tool/{name}.py": f"version = '{version}'\n" for name in ("__init__", "version", "a", "b", "c", "d")}
files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: corpus-tool\nVersion: {version}\n"
files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
with zipfile.ZipFile(f"wheels/corpus_tool-{version}-py3-none-any.whl", "w") as out:
    for name, text in files.items():
        out.writestr(name, text)
P
}
mkdir wheels
wheel 1.0
wheel 2.0
venv/bin/python -m pip install --quiet --no-index --no-compile wheels/corpus_tool-1.0-py3-none-any.whl
git config --system user.name corpus
git config --system user.email corpus@localhost

# No network, no clock to set, no console to log in at: these only wait for what does not come.
systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer logrotate.timer networking.service systemd-timesyncd.service serial-getty@ttyS0.service \
    systemd-random-seed.service systemd-update-utmp.service
systemctl --quiet disable ssh.service cron.service atd.service
echo '%corpus ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/corpus
echo 'guest' >/etc/hostname
echo '127.0.0.1 guest localhost' >/etc/hosts

# The errand of the guest. The first serial line is the kernel's, the second is read by the host as it comes.
cat >/etc/systemd/system/errand.service <<'UNIT'
[Unit]
Description=What the guest was booted for
[Service]
Type=oneshot
TimeoutStartSec=infinity
WorkingDirectory=/opt/tests
Environment=HOME=/root TMPDIR=/var/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin
Environment=BURSTGUARD_BIN=/opt/tests/burstguard BURSTGUARD_TEST_PATIENCE=120
ExecStartPre=/bin/stty -F /dev/ttyS1 raw -echo
ExecStart=/bin/sh -c '. ./errand; echo "guest: ended with $$?"'
StandardInput=null
StandardOutput=file:/dev/ttyS1
StandardError=inherit
ExecStopPost=/bin/sh -c 'echo b >/proc/sysrq-trigger'
UNIT
