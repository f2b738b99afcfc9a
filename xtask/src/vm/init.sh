#!/bin/sh
# The first process of a guest: mounts what a system has, runs what it was booted for, and says how that ended.
# tracefs and bpffs are left to the agent, as on a host where nobody has mounted them.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/var/tmp BURSTGUARD_BIN=/opt/tests/burstguard
# An agent starts in 4 s here, in 30 s if the host is busy.
export BURSTGUARD_TEST_PATIENCE=120
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null # the kernel may have
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=755 run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
hostname guest
ip link set lo up # some tests connect to this host by it
echo '127.0.0.1 guest localhost' >/etc/hosts # sudo asks for it

# The first line is the kernel's. The errand has the second, which the host reads as it comes.
stty -F /dev/ttyS1 raw -echo
cd /opt/tests || exit
. ./errand </dev/null >/dev/ttyS1 2>&1
echo "guest: ended with $?" >/dev/ttyS1
# Closing the line has waited until all of it was sent. QEMU ends instead of booting again.
echo b >/proc/sysrq-trigger
