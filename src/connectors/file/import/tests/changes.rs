//! Files that change while they are read, and runs that are cancelled.

use std::io::Write;

use super::*;

const ROWS: usize = 5_000;

fn many() -> String {
    "id,name,mail\n".to_owned() + &(0..ROWS).map(|n| format!("{n},name {n},\n")).collect::<String>()
}

type Change = (&'static str, fn(&Place));

/// Ways in which a file is written while it is read.
const CHANGES: [Change; 5] = [
    ("appended to", |place| {
        let mut file = fs::OpenOptions::new().append(true).open(place.path()).expect("open");
        file.write_all(b"x,y,z\n").expect("append");
    }),
    ("cut off", |place| {
        let file = fs::OpenOptions::new().write(true).open(place.path()).expect("open");
        file.set_len(100).expect("cut");
    }),
    ("replaced by its copy", |place| {
        let (path, other) = (place.path(), place.root.path().join("new.csv"));
        fs::copy(&path, &other).expect("copy");
        fs::rename(other, path).expect("rename");
    }),
    ("written anew with the same size", |place| {
        let text = fs::read_to_string(place.path()).expect("read").replace("name", "NAME");
        place.write(text.replacen("NAME", "name", 1));
        let later = std::time::SystemTime::now() + Duration::from_secs(5);
        fs::File::open(place.path()).and_then(|file| file.set_modified(later)).expect("time");
    }),
    ("removed", |place| fs::remove_file(place.path()).expect("remove")),
];

fn changed<T: std::fmt::Debug>(result: Result<T, Failure>, how: &str) {
    let Err(Failure::Changed(why)) = result else { panic!("{how}: {result:?}") };
    assert!(why.starts_with("File Path \"people.csv\" changed while it was read; "), "{why}");
}

#[test]
fn a_file_that_changes_between_the_passes_emits_nothing() {
    for (how, change) in CHANGES {
        let place = Place::new(scope_of(vec![person()]), &[]);
        place.write(many());
        let (mut pages, receiver) = Pages::new(Progress::default());
        let mut import = place.open().expect("open");
        let checked = import.check(&mut pages).expect("a good file");
        change(&place);
        changed(import.read(checked, &mut pages), how);
        drop(pages);
        assert!(all(receiver).is_empty(), "{how}");
    }
}

#[test]
fn a_file_that_changes_in_a_pass_fails_the_run() {
    for (how, change) in CHANGES {
        let place = Place::new(scope_of(vec![person()]), &[]);
        place.write(many());
        let (mut pages, _receiver) = Pages::new(Progress::default());
        let mut import = place.open().expect("open");
        change(&place);
        changed(import.check(&mut pages).map(|_| ()), how);

        place.write(many());
        let (mut pages, mut receiver) = Pages::new(Progress::default());
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut import = place.open()?;
                let checked = import.check(&mut pages)?;
                let reading = import.read(checked, &mut pages);
                drop(pages);
                reading
            });
            let first = receiver.blocking_recv().expect("a page");
            assert_eq!(first.len(), 1_000);
            change(&place);
            let items = 1_000 + all(receiver).len();
            assert!(items < ROWS, "{how}: {items}, the file was read to its end");
            changed(reading.join().expect("reading"), how);
        });
    }
}

#[test]
fn a_cancelled_run_ends_in_either_pass() {
    let place = Place::new(scope_of(vec![person()]), &[]);
    place.write(many());
    let mut import = place.open().expect("open");
    let (mut pages, receiver) = Pages::new(Progress::default());
    let checked = import.check(&mut pages).expect("a good file");
    drop(receiver);
    assert_eq!(import.read(checked, &mut pages).err(), Some(Failure::Stopped));
    assert_eq!(import.check(&mut pages).err(), Some(Failure::Stopped));
}

#[test]
fn pages_are_sent_by_number_and_by_size() {
    let sizes = |file: String, page: u64| {
        let mut place = Place::new(scope_of(vec![person()]), &[]);
        place.limits.page = page;
        place.write(file);
        let (mut pages, mut receiver) = Pages::new(Progress::default());
        let reading = std::thread::spawn(move || {
            let mut import = place.open()?;
            let checked = import.check(&mut pages)?;
            assert_eq!(pages.progress().phase(), "Checking people.csv");
            import.read(checked, &mut pages).map(|_| pages.progress().read())
        });
        let sizes: Vec<usize> = std::iter::from_fn(|| receiver.blocking_recv()).map(|page| page.len()).collect();
        (sizes, reading.join().expect("reading").expect("an import"))
    };
    assert_eq!(sizes(many(), LIMITS.page), (vec![1_000; 5], 5_000));
    let long = "id,name,mail\n".to_owned() + &(0..4).map(|n| format!("{n},{},\n", "x".repeat(99))).collect::<String>();
    assert_eq!(sizes(long, 150), (vec![2, 2], 4));
}
