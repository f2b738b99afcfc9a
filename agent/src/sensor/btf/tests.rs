use std::{io, process::Command};

use proptest::prelude::*;

use super::{
    blob::{Blob, kernel, odd},
    *,
};

#[test]
fn offsets() {
    let btf = kernel().parse();
    for (structure, path, expected) in [
        ("dentry", "d_flags", "0"),
        ("dentry", "d_name", "32"),
        ("dentry", "d_name.len", "36"),
        ("dentry", "d_name.hash", "32"),
        ("dentry", "d_name.hash_len", "32"),
        ("dentry", "d_name.name", "40"),
        ("qstr", "len", "4"),
        ("dentry", "len", "struct dentry of this kernel does not hold len"),
        ("dentry", "d_name.", "struct dentry of this kernel does not hold d_name."),
        ("dentry", "d_flags.x", "struct dentry of this kernel does not hold d_flags.x"),
        ("dentry", "d_ptr.len", "struct dentry of this kernel does not hold d_ptr.len"),
        ("dentr", "d_name", "this kernel has no struct dentr"),
        ("qstr_t", "len", "this kernel has no struct qstr_t"),
    ] {
        let found =
            btf.offset(structure, path).map_or_else(|error| error.to_string(), |found| found.to_string());
        assert_eq!(found, expected, "{structure}.{path}");
    }
}

#[test]
fn bit_fields_have_no_offset_and_their_neighbours_do() {
    let mut blob = kernel();
    blob.structure("flags", &[("one", 1, 1 << 24 | 32), ("whole", 1, 64), ("odd", 1, 67)]);
    let btf = blob.with_widths(9).parse();
    assert_eq!(btf.offset("flags", "whole").unwrap(), 8);
    for path in ["one", "odd"] {
        let error = btf.offset("flags", path).unwrap_err().to_string();
        assert_eq!(error, format!("{path} of struct flags is a bit field in this kernel"));
    }
}

#[test]
fn several_structs_of_one_name_must_agree() {
    let mut blob = kernel();
    blob.structure("twice", &[("same", 1, 0), ("moved", 1, 32)]);
    blob.structure("twice", &[("same", 1, 0), ("moved", 1, 64), ("extra", 1, 32)]);
    let btf = blob.parse();
    assert_eq!(btf.offset("twice", "same").unwrap(), 0);
    assert_eq!(btf.offset("twice", "extra").unwrap(), 4);
    let error = btf.offset("twice", "moved").unwrap_err().to_string();
    assert_eq!(error, "this kernel has several structs twice, with moved at different offsets");
}

#[test]
fn arguments() {
    let btf = kernel().parse();
    for (tracepoint, argument, expected) in [
        ("fork", "parent", "0"),
        ("fork", "child", "1"),
        ("fork", "__data", "tracepoint fork of this kernel has no argument __data"),
        ("anonymous", "child", "tracepoint anonymous of this kernel has no argument child"),
        // A function that takes something else than the tracepoint passes cannot tell the position.
        ("changed", "child", "tracepoint changed of this kernel has no argument child"),
        ("nothing", "child", "this kernel has no tracepoint nothing"),
    ] {
        let found = btf
            .argument(tracepoint, argument)
            .map_or_else(|error| error.to_string(), |found| found.to_string());
        assert_eq!(found, expected, "{tracepoint} {argument}");
    }
}

#[test]
fn a_tracepoint_may_have_an_older_name() {
    let btf = kernel().parse();
    for (tracepoints, expected) in [
        ("fork", "1"),
        ("fork|nothing", "1"),
        ("nothing|fork", "1"),
        ("newer|nothing", "this kernel has no tracepoint nothing"),
    ] {
        let found = btf
            .argument_of_either(tracepoints, "child")
            .map_or_else(|error| error.to_string(), |found| found.to_string());
        assert_eq!(found, expected, "{tracepoints}");
    }
}

#[test]
fn cycles_end() {
    let btf = odd().parse();
    assert_eq!(btf.offset("inner", "x.x.x").unwrap(), 3);
    assert!(matches!(btf.offset("inner", "y"), Err(BtfError::NoMember { .. })));
    assert!(matches!(btf.offset("outer", "a.x"), Err(BtfError::NoMember { .. })));
}

#[test]
fn broken_files() {
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let mut bytes = kernel().bytes();
        change(&mut bytes);
        assert_eq!(
            Btf::parse(bytes).unwrap_err().to_string(),
            format!("cannot parse the kernel's types: {expected}")
        );
    };
    check(&|bytes| bytes.clear(), "no magic number of this machine's byte order at byte 0");
    check(&|bytes| bytes.swap(0, 1), "no magic number of this machine's byte order at byte 0");
    check(&|bytes| bytes[2] = 2, "a version other than 1 at byte 2");
    check(&|bytes| bytes[4] = 8, "too short a header at byte 4");
    check(&|bytes| bytes.truncate(10), "a types section that ends outside at byte 8");
    check(&|bytes| bytes[15] = 0xff, "a types section that ends outside at byte 8");
    check(&|bytes| bytes.truncate(bytes.len() - 1), "a strings section that ends outside at byte 16");
    check(&|bytes| bytes[12..16].copy_from_slice(&18_u32.to_ne_bytes()), "a type that is cut off at byte 40");
    check(&|bytes| bytes[31] = 20, "type 1 is of kind 20, only kinds 1 to 19 are known");
}

fn look_everywhere(bytes: Vec<u8>) {
    let Ok(btf) = Btf::parse(bytes) else { return };
    for structure in ["dentry", "qstr", "inner", ""] {
        for path in ["d_name.len", "d_name", "x.x.x", "", "."] {
            let _ = btf.offset(structure, path);
        }
    }
    let _ = btf.argument("fork", "child");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        look_everywhere(bytes);
    }

    #[test]
    fn any_types_are_survived(words: Vec<u32>, strings: Vec<u8>) {
        look_everywhere(Blob { types: words, strings, count: 0 }.bytes());
    }

    #[test]
    fn any_damage_is_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        end: prop::sample::Index,
        cut: bool,
    ) {
        let mut blob = kernel();
        let own = blob.count + 1;
        blob.structure("inner", &[("", own, 0), ("x", own, 8)]);
        let mut bytes = blob.bytes();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        look_everywhere(bytes);
    }
}

/// The running kernel's types; None where it has none, which is then exactly what the reader must say.
fn running() -> Option<Btf> {
    match Btf::from_sys() {
        Ok(btf) => Some(btf),
        Err(BtfError::Read { path, source }) => {
            assert_eq!((path.as_path(), source.kind()), (VMLINUX.as_ref(), io::ErrorKind::NotFound));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_running_kernel() {
    let Some(btf) = running() else { return };
    for (structure, path) in [
        ("task_struct", "tgid"),
        ("task_struct", "real_parent"),
        ("task_struct", "signal"),
        ("task_struct", "start_boottime"),
        ("signal_struct", "live.counter"),
        ("cred", "uid.val"),
        ("dentry", "d_parent"),
        ("dentry", "d_name.name"),
        ("inode", "i_sb"),
        ("super_block", "s_dev"),
        ("file", "f_path.dentry"),
        ("mount", "mnt.mnt_root"),
    ] {
        assert!(btf.offset(structure, path).is_ok(), "{structure}.{path}");
    }
    assert!(btf.offset("dentry", "d_name.len").unwrap() > btf.offset("dentry", "d_name").unwrap());
    // The system-call interface never changes.
    #[cfg(target_pointer_width = "64")]
    for (structure, path, expected) in
        [("iovec", "iov_len", 8), ("linux_dirent64", "d_reclen", 16), ("linux_dirent64", "d_name", 19)]
    {
        assert_eq!(btf.offset(structure, path).unwrap(), expected, "{structure}.{path}");
    }
    assert_eq!(btf.argument("sched_process_fork", "parent").unwrap(), 0);
    assert_eq!(btf.argument("sched_process_fork", "child").unwrap(), 1);
    assert_eq!(btf.argument("sched_process_exec", "bprm").unwrap(), 2);
    assert_eq!(btf.argument("sched_process_exit", "p").unwrap(), 0);
}

#[test]
fn tracefs_gives_the_same_offsets() {
    let Some(btf) = running() else { return };
    const SCRIPT: &str = "mount -t tracefs none /mnt && cat /mnt/events/sched/sched_process_exec/format";
    // Mounted where nobody else sees it.
    let output = Command::new("unshare").args(["--mount", "sh", "-c", SCRIPT]).output().unwrap();
    if !rustix::process::geteuid().is_root() {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, "unshare: unshare failed: Operation not permitted\n");
        return;
    }
    let format = String::from_utf8(output.stdout).unwrap();
    for field in ["pid", "old_pid"] {
        let (_, after) = format.split_once(&format!("field:pid_t {field};\toffset:")).unwrap();
        let (expected, _) = after.split_once(';').unwrap();
        let found = btf.offset("trace_event_raw_sched_process_exec", field).unwrap();
        assert_eq!(found.to_string(), expected, "{field}");
    }
}
