//! What is stated of records and of the kernel's types, whatever their bytes.

use agent_common::wire::record::{self, verb, what};
use bytemuck::Zeroable as _;

use super::{
    What,
    btf::{Btf, blob},
    decode::{self, DecodeError, decode},
};
use crate::recording;

/// What is not as long as a record is none; what is, is one, or tells something unknown. Names end before the first NUL, a path is never empty, no part of a
/// cut-off argument is kept; and of a deed the recording has the same.
pub(crate) fn record(bytes: &[u8]) {
    let size = size_of::<record::Record>();
    if bytes.len() != size {
        assert_eq!(decode(bytes), Err(DecodeError::Length(bytes.len())));
    }
    let mut whole = bytes.to_vec();
    whole.resize(size, 0);
    let record = match decode(&whole) {
        Ok(record) => record,
        Err(DecodeError::Length(length)) => panic!("{length}"),
        Err(DecodeError::Tag(tag)) => return assert!(tag == 0 || tag > what::TAMPERING),
        Err(DecodeError::Reason(_)) => return,
    };
    assert!(record.comm.len() <= 16 && !record.comm.contains(&0));
    match &record.what {
        What::Operation(act)
        | What::Burst(act)
        | What::Held(act)
        | What::Denied(act)
        | What::Tampering { act, .. } => {
            assert_eq!(act.command, decode::is_command(act.verb));
            assert_eq!(act.way.is_some(), act.verb == verb::ASK);
            if act.command {
                let is_full = act.path.len() >= record::TEXT_LEN - 1;
                assert!(!is_full || act.path.ends_with(&[0]), "{:?}", act.path);
            } else {
                assert!(!act.path.is_empty() && !act.path.contains(&0) && act.path.len() <= record::TEXT_LEN);
            }
        }
        What::Launched(name) => assert!(!name.contains(&0)),
        What::Joined | What::Stopped | What::Blind(_) => {}
    }
    recording::fuzzing::deed_of(&record);
}

/// One of each kind.
pub(crate) fn records() -> Vec<Vec<u8>> {
    let one = |kind: u32| {
        let mut wire = record::Record::zeroed();
        (wire.what, wire.blind, wire.verb, wire.root) = (kind, 1, verb::REMOVE, kind % 2);
        (wire.judged.at, wire.judged.sequence) = (7, u64::from(kind));
        wire.comm[..2].copy_from_slice(b"rm");
        wire.text[..3].copy_from_slice(b"a/b");
        wire.text_len = 3;
        wire
    };
    let kinds = (what::JOINED..=what::TAMPERING).map(one);
    let command = |verb| {
        let mut wire = one(what::OPERATION);
        (wire.verb, wire.text_len) = (verb, record::TEXT_LEN as u16 - 1);
        wire.text.fill(b'x');
        wire.text[4] = 0;
        wire
    };
    let others = [verb::COMMAND, verb::COUNTER_COMMAND, verb::ASK].map(command);
    // No tree has this number: in a recording it stands for none.
    let none = record::Record { root: u16::MAX.into(), ..one(what::OPERATION) };
    kinds.chain(others).chain([none]).map(|wire| bytemuck::bytes_of(&wire).to_vec()).collect()
}

/// A question has the same answer each time; an offset is within what bits can say, a position within what a function has.
pub(crate) fn btf(bytes: &[u8]) {
    let Ok(btf) = Btf::parse(bytes.to_vec()) else { return };
    for structure in ["dentry", "qstr", "inner", ""] {
        for path in ["d_name.len", "d_name", "x.x.x", "x", "", "."] {
            if let Ok(offset) = btf.offset(structure, path) {
                assert!(u64::from(offset) <= (u64::from(u32::MAX) * path.split('.').count() as u64 * 64) / 8);
                assert_eq!(btf.offset_by_either(structure, &format!("{path}|none")).ok(), Some(offset));
            }
        }
    }
    for (function, name) in [("fork", "child"), ("vfs_unlink", "dentry"), ("vfs_unlink", ""), ("", "")] {
        for position in [btf.argument(function, name), btf.parameter_of(function, name)].into_iter().flatten()
        {
            assert!(position <= u32::from(u16::MAX), "{position}");
        }
    }
}

/// A small kernel, and some that are odd.
pub(crate) fn types() -> Vec<Vec<u8>> {
    blob::kernels()
}
