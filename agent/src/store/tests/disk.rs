//! Disks that are full, or not to be written to.

use rustix::mount::MountFlags;

use super::*;
use crate::narrow::Narrow;

/// Room for next to nothing.
const NARROW: &std::ffi::CStr = c"size=256k,mode=0700";

#[test]
#[ignore = "needs root"]
fn a_full_disk_degrades_the_record_and_room_heals_it() {
    let ground = Ground::new();
    let narrow = Narrow::mount(ground.directory(), NARROW);
    let mut scene = ground.start();
    let mut id = 0;
    let why = loop {
        id += 1;
        let mut long = detail(id, State::Held);
        long.summary.what = "x".repeat(20_000);
        if let Err(why) = scene.write(entry(Step::Opened, long)) {
            break why;
        }
        assert!(id < 100, "it is never full");
    };
    assert!(why.contains("full"), "{why}");
    assert!(scene.store.standing().degraded.is_some());
    narrow.change(MountFlags::empty(), c"size=4m");
    scene.news(|news| matches!(news, News::Healed { .. }).then_some(()));
    assert_eq!(scene.shown(id).summary.id, id);
    scene.end();
    assert!(proven(&ground.book()));
}

#[test]
#[ignore = "needs root"]
fn a_read_only_disk_degrades_the_record_and_writing_heals_it() {
    let ground = Ground::new();
    let narrow = Narrow::mount(ground.directory(), NARROW);
    narrow.change(MountFlags::RDONLY, c"");
    let mut scene = ground.start();
    let why = scene.write(opened(1)).expect_err("read-only");
    assert!(why.contains("Read-only file system"), "{why}");
    narrow.change(MountFlags::empty(), c"size=4m");
    scene.news(|news| matches!(news, News::Healed { .. }).then_some(()));
    assert_eq!(scene.shown(1).summary.id, 1);
}
