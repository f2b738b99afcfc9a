//! Alpine's: one file, in which a letter says what a line is: `P` a package, `F` a directory, `R` a file in it. Which files are
//! configuration it does not say. <https://wiki.alpinelinux.org/wiki/Apk_spec>

use std::{
    io::{self, BufRead as _},
    path::Path,
};

use super::{
    super::{reader, text},
    Deadline, Names, Owners,
};

const INSTALLED: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];
const MOST: u64 = 256 << 20;

pub(super) fn look(
    root: &Path,
    names: &Names,
    owners: &mut Owners<'_>,
    deadline: Deadline,
) -> io::Result<()> {
    let Some(file) = INSTALLED.iter().find_map(|file| reader(&root.join(file), MOST).ok()) else {
        return Ok(());
    };
    let (mut package, mut directory) = (String::new(), Vec::new());
    for line in file.split(b'\n') {
        let line = line?;
        match line.split_at_checked(2) {
            Some((b"P:", name)) => {
                deadline.check()?;
                package = text(name);
            }
            Some((b"F:", path)) => {
                directory = [b"/", path].concat();
                names.get(&directory).iter().for_each(|path| owners.add(*path, &package, false));
            }
            Some((b"R:", name)) => {
                let path = [&directory[..], b"/", name].concat();
                names.get(&path).iter().for_each(|path| owners.add(*path, &package, false));
            }
            _ => {}
        }
    }
    Ok(())
}
