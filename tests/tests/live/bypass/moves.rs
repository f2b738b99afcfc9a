//! Names that go or move, and what takes many along.

use anyhow::Result;
use tests::{Party, truth};

use super::row::{Row, each, row};

pub(super) const ROWS: &[Row] = &[
    Row { destroyed: truth::missing, ..row("rmdir", each!("rmdir {}")).arranged(directories) },
    row("rename away", each!("rename {} {outside}/{}")),
    row("rename within", each!("rename {} {}.bak")),
    row("rename over", each!("create-new {outside}/{}", "rename {outside}/{} {}")),
    row("RENAME_EXCHANGE", each!("create-new {outside}/{}", "exchange {outside}/{} {}")),
    row("RENAME_WHITEOUT", each!("rename-whiteout {} {outside}/{}")),
    row(
        "a directory moved and then emptied",
        "{hand} each 1 'rename sub {outside}/sub' && exec {hand} each {count} 'unlink {outside}/sub/{}'",
    )
    .below()
    .stops_at(0, 0)
    .but_not_tracepoint(),
    row(
        "the root moved",
        "{hand} each 1 'rename {tree} {outside}/gone' && exec {hand} each {count} 'unlink {outside}/gone/{}'",
    )
    .stops_at(0, 0),
    row(
        "the root exchanged",
        "{hand} each 1 'exchange {tree} {outside}' && exec {hand} each {count} 'unlink {outside}/{}'",
    )
    .stops_at(0, 0),
    row(
        "what is above the root moved",
        "{hand} each 1 'rename {home} {base}/gone' && exec {hand} each {count} 'unlink {base}/gone/tree/{}'",
    )
    .arranged(base_given)
    .stops_at(0, 0),
    row(
        "the root removed and made again",
        "cd {home} && rm -rf {tree} && mkdir {tree} && touch {tree}/f0000",
    ),
];

fn directories(party: &mut Party, count: usize) -> Result<()> {
    (0..count).try_for_each(|number| party.ground.make_directory(&party.file(&truth::file_name(number))))
}

/// So that the account may rename what is in it.
fn base_given(party: &mut Party, count: usize) -> Result<()> {
    party.ground.give(party.ground.base())?;
    party.ground.fill(&party.ground.tree(), count)
}
