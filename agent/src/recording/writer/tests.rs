//! What the thread writes, and what it does when it cannot.

use super::{
    super::{
        Source,
        format::{self, Begin},
        read,
    },
    *,
};

fn begin() -> Vec<Owned> {
    let begin = Begin {
        wall: Timestamp::UNIX_EPOCH,
        boot: String::new(),
        version: String::new(),
        tier: "lsm".to_owned(),
        policy: String::new(),
        carries: false,
        seed: None,
    };
    vec![
        Entry::Begin { at: 1, goes_on: false, begin },
        Entry::Account { index: 2, name: b"deployer".to_vec() },
    ]
}

/// How many files begin anew and go on, how many deeds there are, and how many are said to be lost.
fn counts(directory: &Path) -> (usize, usize, u64, u64) {
    let (mut anew, mut on, mut deeds, mut lost) = (0, 0, 0, 0);
    let mut count = |entry: &Entry<&[u8]>| match entry {
        Entry::Begin { goes_on: false, .. } => anew += 1,
        Entry::Begin { goes_on: true, .. } => on += 1,
        Entry::Deed(_) => deeds += 1,
        Entry::Lost { count, .. } => lost += count,
        _ => {}
    };
    let torn =
        read(&Source::Directory(directory.to_owned()), |entries, _| entries.iter().for_each(&mut count));
    assert_eq!(torn.expect("a recording"), Vec::<PathBuf>::new());
    (anew, on, deeds, lost)
}

fn deeds(from: u64, count: u64) -> Vec<Owned> {
    (from..from + count).map(|number| Entry::Deed(format::tests::deed(number))).collect()
}

#[test]
fn files_follow_each_other_and_each_says_whom_it_is_about() {
    let state = tempfile::tempdir().expect("a directory");
    let directory = state.path().join("recording");
    let bounds = Bounds { keep: Duration::from_secs(1), size: 1 << 20 };
    let mut recording = Recording::open(directory.clone(), bounds);
    recording.begin(begin());
    for batch in 0..20 {
        recording.add(deeds(1 + batch * 100, 100));
        recording.settle();
    }
    let (anew, on, count, lost) = counts(&directory);
    // 2,000 deeds of 76 bytes; a file is full with 65,536.
    assert_eq!((anew, on, count, lost), (1, 2, 2000, 0));
    // And what each of the three files begins with.
    assert_eq!(recording.standing().written, 2006);
    // The next daemon begins a file of its own.
    let mut next = Recording::open(directory.clone(), bounds);
    next.begin(begin());
    next.settle();
    assert_eq!(counts(&directory), (2, 2, 2000, 0));
}

#[test]
fn it_takes_no_more_than_it_may() {
    let state = tempfile::tempdir().expect("a directory");
    let bounds = Bounds { keep: Duration::from_secs(1), size: 1 << 20 };
    let mut recording = Recording::open(state.path().to_owned(), bounds);
    recording.begin(begin());
    for batch in 0..200 {
        recording.add(deeds(1 + batch * 100, 100));
        recording.settle();
    }
    let size: u64 = segments::all(state.path()).expect("files").iter().map(|segment| segment.size).sum();
    assert!(size <= bounds.size && size > bounds.size / 2, "{size}");
    assert_eq!(recording.standing().size, size);
}

#[test]
fn what_cannot_be_written_is_counted_and_said() {
    let state = tempfile::tempdir().expect("a directory");
    let directory = state.path().join("recording");
    fs::write(&directory, "in the way").expect("a file");
    let mut recording = Recording::open(directory, Bounds::default());
    recording.begin(begin());
    recording.add(deeds(1, 10));
    recording.settle();
    let Standing { written, lost, degraded, .. } = recording.standing();
    assert_eq!((written, lost), (0, 10));
    assert!(degraded.is_some_and(|why| why.contains("recording")));
}
