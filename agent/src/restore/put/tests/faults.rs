//! What goes wrong in the midst of it.

use std::os::unix::fs::symlink;

use super::*;
use crate::narrow::Narrow;

#[test]
fn over_a_symbolic_link_on_the_way_nothing_is_written() {
    let ground = Ground::new();
    let elsewhere = ground.directory.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a directory");
    fs::create_dir(ground.at("d")).expect("a directory");
    fs::write(ground.at("d/f"), "kept").expect("a file");
    let kept = ground.keep(&["d", "d/f"]);
    fs::remove_dir_all(ground.at("d")).expect("removed");
    let plan = plan_of(&kept[1..]);
    symlink(&elsewhere, ground.at("d")).expect("a link");
    let done = ground.restore(&plan, Where::InPlace);
    assert!(matches!(&done[..], [Err(why)] if why.contains("symbolic link")), "{done:?}");
    assert!(matches!(Now::at(&ground.at("d/f")), Now::Barred(why) if why.contains("symbolic link")));
    // The tree itself, and so whatever is above it.
    fs::remove_file(ground.at("d")).expect("removed");
    fs::rename(ground.at(""), ground.directory.path().join("moved")).expect("moved");
    symlink(&elsewhere, ground.at("")).expect("a link");
    assert!(
        matches!(&ground.restore(&plan, Where::InPlace)[..], [Err(why)] if why.contains("symbolic link"))
    );
    assert_eq!(fs::read_dir(&elsewhere).expect("a directory").count(), 0);
}

#[test]
fn what_changes_while_it_runs_stays() {
    let ground = Ground::new();
    for name in ["f", "g"] {
        fs::write(ground.at(name), "kept").expect("a file");
    }
    let kept = ground.keep(&["f", "g"]);
    fs::write(ground.at("f"), "shown").expect("a file");
    fs::remove_file(ground.at("g")).expect("removed");
    let plan = plan_of(&kept);
    for name in ["f", "g"] {
        fs::write(ground.at(name), "of this moment").expect("a file");
    }
    let done = ground.restore(&plan, Where::InPlace);
    assert!(matches!(&done[0], Err(why) if why.contains("has changed while this ran")), "{done:?}");
    assert!(matches!(&done[1], Err(why) if why.contains("something is there now")), "{done:?}");
    for name in ["f", "g"] {
        assert_eq!(fs::read_to_string(ground.at(name)).expect("a file"), "of this moment");
    }
    assert_eq!(ground.names(), ["f", "g"]);
}

#[test]
fn what_a_killed_one_has_left_is_removed_and_never_lost() {
    let ground = Ground::new();
    fs::write(ground.at("f"), "kept").expect("a file");
    let kept = ground.keep(&["f"]);
    fs::remove_file(ground.at("f")).expect("removed");
    // Not whole yet; and exchanged, but what was there is not kept yet.
    fs::write(ground.at(".burstguard-new-1"), "ke").expect("a file");
    fs::write(ground.at(".burstguard-old-1"), "what was there").expect("a file");
    let mut restorer = ground.restorer(Where::InPlace);
    for planned in plan_of(&kept).wanted() {
        restorer.put(planned).expect("back");
    }
    assert_eq!(restorer.found.len(), 1, "{:?}", restorer.found);
    assert_eq!(ground.names(), ["f"]);
    let left = ground.versions(".burstguard-old-1");
    assert!(matches!(&left[..], [What::File { size: 14, .. }]), "{left:?}");
}

#[test]
fn only_one_runs_at_a_time() {
    let ground = Ground::new();
    let _first = ground.restorer(Where::InPlace);
    let second = Restorer::new(&ground.state(), Where::InPlace).map(|_| ()).expect_err("refused");
    assert!(second.to_string().contains("another restore"), "{second}");
}

#[test]
fn a_content_that_is_not_what_it_was_is_not_put_back() {
    let ground = Ground::new();
    fs::write(ground.at("f"), "kept").expect("a file");
    let kept = ground.keep(&["f"]);
    fs::remove_file(ground.at("f")).expect("removed");
    let What::File { content, .. } = &kept[0].what else { panic!("{kept:?}") };
    let digits = content.to_string();
    let lies = ground.state().join(DIRECTORY).join("contents").join(&digits[..2]).join(&digits[2..]);
    fs::write(&lies, "kepT").expect("spoilt");
    let done = ground.restore(&plan_of(&kept), Where::InPlace);
    assert!(matches!(&done[..], [Err(why)] if why.contains("is not what it was")), "{done:?}");
    fs::remove_file(&lies).expect("removed");
    let done = ground.restore(&plan_of(&kept), Where::InPlace);
    assert!(matches!(&done[..], [Err(why)] if why.contains("is missing")), "{done:?}");
    assert!(ground.names().is_empty());
}

/// As many as a tree may have, which go with one call.
#[test]
#[ignore = "takes a minute, and needs root"]
fn fifty_thousand_files_come_back() {
    const DIRECTORIES: usize = 100;
    const FILES: usize = 500;
    let ground = Ground::new();
    let narrow = Narrow::mount(ground.at(""), c"size=512m,mode=0700");
    let mut shelf = Shelf::open(&ground.state()).expect("a shelf");
    let mut kept = Vec::new();
    for directory in 0..DIRECTORIES {
        let path = ground.at(&directory.to_string());
        fs::create_dir(&path).expect("a directory");
        let names: Vec<OsString> = (0..FILES).map(|file| format!("f{file}").into()).collect();
        for (number, name) in names.iter().enumerate() {
            fs::write(path.join(name), format!("{}\n", number % 50)).expect("a file");
        }
        kept.extend(shelf.keep_all(&ground.at(""), &[directory.to_string().into()]).expect("kept"));
        kept.extend(shelf.keep_all(&path, &names).expect("kept"));
    }
    drop(shelf);
    for directory in 0..DIRECTORIES {
        fs::remove_dir_all(ground.at(&directory.to_string())).expect("removed");
    }
    let begun = std::time::Instant::now();
    let done = ground.restore(&plan_of(&kept), Where::InPlace);
    println!("{} names are back after {:?}", done.len(), begun.elapsed());
    assert_eq!(done.len(), DIRECTORIES * (FILES + 1));
    assert!(done.iter().all(|done| *done == Ok(Done::Back)));
    assert_eq!(plan_of(&kept).wanted().count(), 0);
    drop(narrow);
}

#[test]
#[ignore = "needs root"]
fn on_a_full_disk_each_path_is_as_it_was_or_as_it_is_to_be() {
    let ground = Ground::new();
    let narrow = Narrow::mount(ground.at(""), c"size=256k,mode=0700");
    let names = ["a", "b", "c"];
    for name in names {
        fs::write(ground.at(name), vec![name.as_bytes()[0]; 60 << 10]).expect("a file");
    }
    let kept = ground.keep(&names);
    fs::write(ground.at("a"), "of somebody else").expect("a file");
    for name in ["b", "c"] {
        fs::remove_file(ground.at(name)).expect("removed");
    }
    let filler = vec![0; 160 << 10];
    fs::write(ground.at("filler"), &filler).expect("a file");
    let plan = plan_of(&kept);
    let done = ground.restore(&plan, Where::InPlace);
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
    assert!(
        done.iter().flat_map(|done| done.as_ref().err()).all(|why| why.contains("No space left")),
        "{done:?}"
    );
    assert!(ground.names().iter().all(|name| !name.starts_with(".burstguard")), "{:?}", ground.names());
    // With room it goes on where it was.
    fs::remove_file(ground.at("filler")).expect("removed");
    assert!(ground.restore(&plan_of(&kept), Where::InPlace).iter().all(Result::is_ok));
    for name in names {
        assert_eq!(fs::read(ground.at(name)).expect("a file"), vec![name.as_bytes()[0]; 60 << 10]);
    }
    drop(narrow);
}

#[test]
#[ignore = "needs root"]
fn what_cannot_be_kept_stays() {
    let ground = Ground::new();
    fs::write(ground.at("f"), "kept").expect("a file");
    let kept = ground.keep(&["f"]);
    fs::write(ground.at("f"), vec![b'x'; 300 << 10]).expect("a file");
    let plan = plan_of(&kept);
    // The shelf has no room for what is there.
    let contents = ground.state().join(DIRECTORY).join("contents");
    let digits = match &kept[0].what {
        What::File { content, .. } => content.to_string(),
        other => panic!("{other:?}"),
    };
    let bytes = fs::read(contents.join(&digits[..2]).join(&digits[2..])).expect("a content");
    let _narrow = Narrow::mount(contents.clone(), c"size=64k,mode=0700");
    fs::create_dir(contents.join(&digits[..2])).expect("a directory");
    fs::write(contents.join(&digits[..2]).join(&digits[2..]), bytes).expect("a content");
    let done = ground.restore(&plan, Where::InPlace);
    assert!(matches!(&done[..], [Err(why)] if why.contains("cannot be kept, and stays")), "{done:?}");
    assert_eq!(fs::metadata(ground.at("f")).expect("a file").len(), 300 << 10);
    assert_eq!(ground.names(), ["f"]);
}
