//! What hides a tree: a burst by itself, where it is seen. It takes root.

use anyhow::Result;
use tests::Party;

use super::row::{By, Row, row};

pub(super) const ROWS: &[Row] = &[
    hides("a mount over the root", "exec mount -t tmpfs none {tree}").arranged(at_the_root),
    hides("a bind mount over the root", "exec mount --bind {outside} {tree}").arranged(at_the_root),
    hides("a mount above the root", "exec mount -t tmpfs none {home}").arranged(above),
    Row {
        files: "{tree}/mounted",
        ..hides("umount of what is in the tree", "cd / && exec umount {tree}/mounted").arranged(inside)
    },
];

const fn hides(name: &'static str, script: &'static str) -> Row {
    Row { by_path: true, by: &[By::Sudo], ..row(name, script).stops_at(0, 0).but_not_tracepoint() }
}

fn at_the_root(party: &mut Party, count: usize) -> Result<()> {
    let tree = party.ground.tree();
    party.ground.unmount_in_the_end(&tree);
    party.ground.fill(&tree, count)
}

fn above(party: &mut Party, count: usize) -> Result<()> {
    let home = party.ground.home();
    party.ground.unmount_in_the_end(&home);
    party.ground.fill(&party.ground.tree(), count)
}

fn inside(party: &mut Party, count: usize) -> Result<()> {
    let mounted = party.file("mounted");
    party.ground.make_directory(&mounted)?;
    party.ground.mount(&["-t", "tmpfs", "tmpfs"], &mounted)?;
    party.ground.fill(&mounted, count)
}
