//! Ways to name a file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;
use io_uring::{IoUring, Probe, opcode};
use tests::Party;

use super::row::{Row, Truth, each, row};
use crate::holding::BUDGET;

pub(super) const ROWS: &[Row] = &[
    row("unlink", each!("unlink {}")),
    row("unlinkat by a descriptor", each!("unlinkat {tree} {}")),
    row("a relative path", each!("chdir {home}", "unlink tree/{}")),
    row("`..` in a path", each!("unlink ../tree/{}")).but_tracepoint_tells("unresolved_path"),
    row("`..` in a path", each!("chdir {outside}", "unlink ../tree/{}"))
        .but_tracepoint_tells("unresolved_path"),
    row("a symbolic link on the way", each!("unlink {outside}/link/{}"))
        .arranged(linked)
        .but_not_tracepoint(),
    row("a directory entered by a link", each!("chdir {outside}/link", "unlink {}")).arranged(linked),
    row("a bind mount on the way", each!("unlink {base}/elsewhere/{}")).arranged(bound).but_not_tracepoint(),
    row("a bind mount entered", each!("chdir {base}/elsewhere", "unlink {}")).arranged(bound),
    row(
        "another mount namespace",
        "exec {apart} sh -c 'mount --bind {tree} {outside} && cd {outside} && exec {hand} each {count} \"unlink {}\"'",
    ),
    row("chroot", "exec {apart} {hand} in-root chroot {home} {count} 'unlink /tree/{}'"),
    row("pivot_root", "exec {apart} {hand} in-root pivot-root {home} {count} 'unlink /tree/{}'"),
    row("/proc/self/fd", "exec 9<. && exec {hand} each {count} 'unlink /proc/self/fd/9/{}'")
        .but_not_tracepoint(),
    row("/proc/PID/root", "exec {hand} each {count} \"unlink /proc/$$/root{tree}/{}\"").but_not_tracepoint(),
    row("a path in a page not read yet", each!("unlink-unread {}")),
    Row { there: has_32_bit_calls, ..row("32-bit calls", each!("int80-unlink {}")).but_not_tracepoint() },
    ring(each!("io-uring-unlink {}")),
    ring(each!("io-uring-rename {} {outside}/{}")),
    ring(each!("io-uring-unlinkat {tree} {}")),
    ring(each!("io-uring-empty {}")),
    Row { there: has_ftruncate, ..ring(each!("io-uring-ftruncate {} 0")) },
];

const fn ring(script: &'static str) -> Row {
    Row {
        there: has_rings,
        lsm: Truth::Fails,
        tracepoint: Truth::StopsOrBefore(BUDGET + 1),
        ..row("io_uring: unlink or rename or open or ftruncate", script)
    }
}

fn has_rings() -> bool {
    // https://docs.kernel.org/admin-guide/sysctl/kernel.html#io-uring-disabled, which came with Linux 6.6.
    fs::read_to_string("/proc/sys/kernel/io_uring_disabled").map_or(true, |disabled| disabled.trim() == "0")
}

/// Linux 6.9 and later take it.
fn has_ftruncate() -> bool {
    let mut known = Probe::new();
    IoUring::new(1).is_ok_and(|ring| {
        ring.submitter().register_probe(&mut known).is_ok() && known.is_supported(opcode::Ftruncate::CODE)
    })
}

fn has_32_bit_calls() -> bool {
    // https://github.com/torvalds/linux/blob/v6.12/arch/x86/entry/vdso/vdso32-setup.c#L60
    Path::new("/proc/sys/abi/vsyscall32").exists()
}

fn linked(party: &mut Party, count: usize) -> Result<()> {
    symlink(party.ground.tree(), party.ground.outside().join("link"))?;
    party.ground.fill(&party.ground.tree(), count)
}

fn bound(party: &mut Party, count: usize) -> Result<()> {
    let (tree, elsewhere) = (party.ground.tree(), party.ground.base().join("elsewhere"));
    party.ground.fill(&tree, count)?;
    party.ground.make_directory(&elsewhere)?;
    party.ground.mount(&["--bind", &tree.to_string_lossy()], &elsewhere)
}
