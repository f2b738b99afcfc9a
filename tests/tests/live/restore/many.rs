//! As many files as a tree may have.

use std::fs;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::Kept;

const MANY: usize = 50_000;

#[test]
fn fifty_thousand_files_come_back() -> Result<()> {
    let kept = Kept::with(|tree| {
        for directory in 0..100 {
            fs::create_dir_all(tree.join(format!("many/{directory}")))?;
            for number in 0..MANY / 100 {
                fs::write(
                    tree.join(format!("many/{directory}/{number}")),
                    format!("{directory}.{number}\n"),
                )?;
            }
        }
        Ok(())
    })?;
    let (_job, incident) = kept.burst(&kept.stage.ground.expand("mv many {outside}/away; exec rm -f f*"))?;
    let begun = Instant::now();
    let said = kept.restore(incident, &["--quiet"])?;
    ensure!(said.exit == Some(0), "{said:?}");
    println!("{MANY} files are back after {:?}", begun.elapsed());
    kept.is_whole()
}
