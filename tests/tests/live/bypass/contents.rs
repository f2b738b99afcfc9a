//! Ways to lose a file's content, and second names.

use std::fs::{self, File};
use std::io::IoSlice;
use std::path::Path;

use anyhow::Result;
use rustix::io::{ReadWriteFlags, pwritev2};
use tests::{Party, truth};

use super::row::{Row, each, row};
use crate::holding::BUDGET;

pub(super) const ROWS: &[Row] = &[
    // The last file goes by one of its names.
    row("a hard link and then both names", each!("link {} s-{}", "unlink {}", "unlink s-{}")).stops_at(5, 6),
    row("a hard link and then both names", each!("link {} {outside}/{}", "unlink {}", "unlink {outside}/{}")),
    row("emptied by a hard link outside", each!("link {} {outside}/{}", "truncate {outside}/{} 0"))
        .but_not_tracepoint(),
    row("O_TRUNC", each!("create {}")),
    row("creat", each!("creat {}")),
    row("truncate", each!("truncate {} 0")),
    row("ftruncate by an older descriptor", each!("ftruncate {} 0")),
    // What is stopped once it is done is the open, before anything is written.
    row("an open for overwriting", each!("overwrite {}")).stops_at(BUDGET, BUDGET),
    row("O_APPEND taken back by fcntl", each!("append-no-more {}")).but_not_tracepoint(),
    row("a store through a mapping of what is for appending", each!("store {}")).but_not_tracepoint(),
    Row { there: has_noappend, ..row("a write with RWF_NOAPPEND", each!("write-no-append {}")).unseen() },
    row("a hole punched", each!("punch {}")).unseen(),
    Row {
        destroyed: collapsed,
        ..row("a range collapsed", each!("collapse {}")).arranged(of_two_blocks).unseen()
    },
    // The fourth name that comes back is one too many; here what trips is no call that can be held.
    row("O_TMPFILE and linkat in the place of what went", each!("unlink {}", "link-nameless . {}"))
        .stops_at(4, 4),
];

const BLOCK: u64 = 4096;

fn of_two_blocks(party: &mut Party, count: usize) -> Result<()> {
    let tree = party.ground.tree();
    party.ground.fill(&tree, count)?;
    let grown = |number| {
        Ok(File::options().append(true).open(tree.join(truth::file_name(number)))?.set_len(2 * BLOCK)?)
    };
    (0..count).try_for_each(grown)
}

fn collapsed(directory: &Path, count: usize) -> usize {
    let whole = |&number: &usize| {
        fs::metadata(directory.join(truth::file_name(number))).is_ok_and(|file| file.len() == 2 * BLOCK)
    };
    count - (0..count).filter(whole).count()
}

/// Linux 6.9 and later take it.
fn has_noappend() -> bool {
    let flag = ReadWriteFlags::from_bits_retain(libc::RWF_NOAPPEND as u32);
    tempfile::tempfile().is_ok_and(|file| pwritev2(file, &[IoSlice::new(b"X")], 0, flag).is_ok())
}
