//! What two generations must have in common for one to carry on what the other knows: the layout of the maps' rows
//! and records.

use std::mem::offset_of;

use agent_common::{
    rules::Kind,
    wire::{
        Record,
        identity::Launch,
        record::Judged,
        row::{Account, Budget, DirectoryKey, Grant, Held, HeldName, MAX_ACCOUNTS, MAX_ROOTS, Member, Moved},
    },
};

/// Counts up when a row means something else though it is laid out as before.
const MEANING: usize = 10;

/// Folds the layout of rows into a number. A field that is not named here does not compile.
macro_rules! fold {
    ($hash:ident, $($row:ident { $($field:ident),+ $(,)? })+) => {
        $(
            const _: fn($row) = |row| { let $row { $($field: _),+ } = row; };
            $hash = folded($hash, size_of::<$row>());
            $($hash = folded($hash, offset_of!($row, $field));)+
        )+
    };
}

/// The layout, as one number.
pub(super) const ABI: u32 = {
    let mut hash = folded(folded(0x811c_9dc5, MEANING), Kind::COUNT);
    hash = folded(folded(hash, MAX_ACCOUNTS as usize), MAX_ROOTS as usize);
    fold!(hash,
        Account {
            standing, scratch_from, roots, horizon, granted_until, leases, response, alone, escapes, tampering, refused, judged, budgets
        }
        Budget { base, count, window, not_before, cursor, reserved }
        Member { start, stopped_at, since, claim, origin, stopped_ancestors, grant, reserved }
        Held {
            at, start, counts_from, after, tgid, account, verb, kinds, judged, pass, text_len, parent, names, text
        }
        HeldName { key, directory, parent, inode, generation, device, root, protected }
        Grant { until, allowance, incident, account, leased }
        DirectoryKey { key, root, holder }
        Moved { key, root, text_len, text }
        Launch { claim, at, again, name }
        Judged { at, sequence, kinds, verdict, phase, granted, passes, reserved }
        Record {
            at, key, other_key, before, after, what, account, tgid, tid, uid, root, other_root, reserved, verb, blind, judged, kinds, over, text_len, grant, comm, text
        }
    );
    hash
};

/// FNV-1a.
const fn folded(hash: u32, value: usize) -> u32 {
    (hash ^ value as u32).wrapping_mul(0x0100_0193)
}
