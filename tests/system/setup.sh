#!/bin/bash
# Makes a minimal Debian into a host that burstguard can be installed on: people, jobs, a Prometheus, and a service for the errand. Runs
# once, when the image is made, with the image as its root directory.
set -euo pipefail
exec >/setup.log 2>&1

# What a package brings is to be there, its manuals too.
rm -f /etc/dpkg/dpkg.cfg.d/*mmdebstrap*
# A host without a network: what is installed comes as a file.
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*

# Automation, and whom it will have to ask.
for user in deployer nightly visitor; do useradd --create-home --shell /bin/bash "$user"; done
useradd --create-home --shell /bin/bash oncall
# As automation often may.
echo 'deployer ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/deployer
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
install -d -m 700 -o visitor -g visitor /home/visitor/.ssh
install -m 600 -o visitor -g visitor /root/.ssh/id_ed25519.pub /home/visitor/.ssh/authorized_keys
echo 'localhost' >/etc/hostname
echo '127.0.0.1 localhost' >/etc/hosts

# It looks every second, and has no more to do than this.
install -d /var/lib/prometheus
cat >/etc/prometheus/prometheus.yml <<'YAML'
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [/usr/share/burstguard/prometheus/*.rules.yml]
scrape_configs:
  - job_name: burstguard
    static_configs: [{targets: ['127.0.0.1:9479']}]
YAML

# No network, no clock to set, no console to log in at: these only wait for what does not come.
systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer logrotate.timer networking.service systemd-timesyncd.service serial-getty@ttyS0.service \
    systemd-random-seed.service
systemctl --quiet disable prometheus.service
systemctl --quiet mask prometheus-node-exporter.service

# The errand of the guest, at each boot. The first serial line is the kernel's, the second is read by the host as it comes.
cat >/etc/systemd/system/errand.service <<'UNIT'
[Unit]
Description=What the guest was booted for
After=multi-user.target
[Service]
Type=exec
WorkingDirectory=/opt/tests
Environment=HOME=/root TMPDIR=/var/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin BURSTGUARD_TEST_PATIENCE=120
Environment=BURSTGUARD_BIN=/usr/bin/burstguard
ExecStartPre=/bin/stty -F /dev/ttyS1 raw -echo
ExecStart=/bin/sh -c '. ./errand'
StandardInput=null
StandardOutput=file:/dev/ttyS1
StandardError=inherit
# It installs, stops and restarts what it likes, and is never in the way of a shutdown.
KillMode=process
TimeoutStopSec=5
[Install]
WantedBy=multi-user.target
UNIT
systemctl --quiet enable errand.service
