//! What is stated of what /proc says, whatever its bytes.

use std::{
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Component, Path},
};

use super::{cgroup, mountinfo, never_touch, proc, terminal, view};

/// Each file gives what is in it or nothing: a group is below the root, an address is one, and a process's name changes nothing of what
/// comes behind it.
pub(crate) fn process(bytes: &[u8]) {
    let (file, bytes) = crate::fuzzing::line(bytes);
    let text = crate::fuzzing::text(bytes);
    match file {
        b"stat" => stat(&text),
        b"status" => drop(proc::real_uid(&text)),
        b"cgroup" => {
            let Some(group) = cgroup::group(&text) else { return };
            assert!(group.components().next() != Some(Component::ParentDir), "{group:?}");
            if let Some(id) = cgroup::leaf_of(group) {
                assert!(group.ends_with(format!("{}{id}", cgroup::LEAF)), "{group:?}");
            }
        }
        b"cgroup.events" => {
            let Some(events) = cgroup::Events::parse(&text) else { return };
            let [populated, frozen] = [events.populated, events.frozen].map(u8::from);
            let written = format!("populated {populated}\nfrozen {frozen}\n");
            assert_eq!(cgroup::Events::parse(&written), Some(events));
        }
        b"cmdline" => {
            let words = view::words(bytes.to_vec());
            assert!(words.len() <= bytes.len() && !words.contains(&0));
        }
        b"environ" => {
            let Some(from) = view::ssh_from(bytes) else { return };
            assert!(from.parse::<std::net::IpAddr>().is_ok(), "{from:?}");
        }
        b"exe" => {
            let path = Path::new(std::ffi::OsStr::from_bytes(bytes)).to_owned();
            assert!(
                path.as_os_str()
                    .as_bytes()
                    .starts_with(never_touch::without_mark(path.clone()).as_os_str().as_bytes())
            );
        }
        _ => {
            let _ = (terminal::field(&text, "mnt_id:"), terminal::field(&text, "ino:"));
        }
    }
}

fn stat(line: &str) {
    let Some(stat) = proc::parse(line) else { return };
    let (_, rest) = line.rsplit_once(')').expect("a name in parentheses");
    for name in ["", "a", ") R 1 1 (", "a b)"] {
        assert_eq!(proc::parse(&format!("1 ({name}){rest}")), Some(stat), "{name:?}");
    }
}

/// Every mount has a line; where it is comes out as it was before the kernel escaped it, and a line made of a mount is that mount.
pub(crate) fn mountinfo(bytes: &[u8]) {
    let text = crate::fuzzing::text(bytes);
    let mounts: Vec<_> = mountinfo::parse(&text).collect();
    assert!(mounts.len() <= text.lines().count());
    for mount in mounts {
        assert!([mount.device, mount.root, mount.kind].iter().all(|field| !field.contains(' ')));
        let line = format!(
            "{} 1 {} {} {} rw shared:1 - {} none rw\n",
            mount.id,
            mount.device,
            mount.root,
            escaped(mount.point.as_os_str().as_bytes()),
            mount.kind
        );
        let again: Vec<_> = mountinfo::parse(&line).collect();
        assert_eq!(again, [mount], "{line:?}");
    }
    if let Some(point) = cgroup::mount_point(&text) {
        assert!(text.contains("cgroup2"), "{point:?}");
    }
    // What the kernel writes of any name at all.
    let point = Path::new("/").join(std::ffi::OsString::from_vec(bytes.to_vec()));
    let line = format!("7 1 0:1 / {} rw - tmpfs none rw", escaped(point.as_os_str().as_bytes()));
    let found = mountinfo::parse(&line).next().map(|mount| mount.point);
    assert_eq!(found.as_ref(), Some(&point), "{line:?}");
}

/// As the kernel writes a name (`mangle` in fs/seq_file.c and fs/proc_namespace.c); bytes that are no ASCII too, since this has to be
/// text.
fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len() * 2);
    for byte in name {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' | b'#' | 0x80.. => {
                text.push('\\');
                text.extend([6, 3, 0].map(|bits| char::from(b'0' + (byte >> bits & 7))));
            }
            byte => text.push(char::from(*byte)),
        }
    }
    text
}
