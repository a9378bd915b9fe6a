//! The power goes while files get their names: a first start, a backup, a restore, a new master key. A name is on the
//! disk only once its folder was synchronised, whatever the file itself holds.

use std::collections::BTreeMap;

use tokio::runtime::Handle;

use super::power::{at_each, moments, record_of, recorded};
use super::workload::Workload;
use crate::support::database::invariants;
use crate::support::images::{self, Event};
use crate::support::program::{Dice, Place};
use crate::tier;

type Files = BTreeMap<String, Vec<u8>>;

/// Records a command that ends by itself, on these files, and makes images of random moments of it. `judge` gets
/// what the command had said by then, and whether that was all. Returns how many images there were, and how many of
/// them after that.
fn images_of(
    name: &str,
    files: &Files,
    arguments: &[&str],
    judge: impl Fn(&str, bool, &Place, &str),
) -> (usize, usize) {
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    for (name, bytes) in files {
        place.write(name, bytes);
        place.set_mode(name, 0o600);
    }
    let process = recorded(&place, arguments);
    if arguments == ["serve"] {
        assert!(process.listens());
        assert_eq!(process.stop().code, Some(0));
    } else {
        process.wait().told();
    }
    let events = images::read(&record_of(&place), place.folder());
    // What commands and servers say last, or as soon as they are ready.
    let said = events.iter().position(|e| match e {
        Event::Said(bytes) => ["listening on ", "jim.keys", "manifest", "opens it"]
            .iter()
            .any(|text| bytes.windows(text.len()).any(|w| w == text.as_bytes())),
        _ => false,
    });
    let said = said.unwrap_or_else(|| panic!("{name} says nothing: {:?}", events.last()));
    let (mut dice, count) = (Dice::new("POWER_SEED"), tier::size(25, 150));
    let points = moments(&events, count, &mut dice);
    let after = points.iter().filter(|moment| **moment > said).count();
    at_each(files, &events, &points, &mut dice, |moment, image| {
        let by_then = events[..moment].iter().flat_map(|e| match e {
            Event::Said(bytes) => &bytes[..],
            _ => &[],
        });
        let by_then = String::from_utf8_lossy(&by_then.copied().collect::<Vec<_>>()).into_owned();
        judge(&by_then, moment > said, image, &format!("{name}, event {moment} of {}", events.len()));
    });
    (count, after)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn names_that_a_power_loss_leaves_are_of_whole_files() {
    let workload = Workload::new().await;
    let files: Files = ["jim.db", "jim.keys"].map(|name| (name.to_owned(), workload.place.read(name))).into();
    let sound = |place: &Place, at: &str| {
        let found = place.run(&["check"]);
        assert!(found.code == Some(0) && !found.out.contains("ERROR"), "{at}: {found:?}");
        invariants::hold(&place.path("jim.db"), at);
    };

    // In a record the line comes after whatever was written to others.
    let made = |line: &str| line.split_once("bootstrap API key: ").map(|(_, key)| key.to_owned());
    let first = images_of("a first start", &Files::new(), &["serve"], |told, listened, image, at| {
        assert!(image.path("jim.db").exists() || !listened, "{at}: the database is gone");
        let server = image.serve();
        let another = server.out().iter().find_map(|line| made(line));
        assert!(another.is_none() || !listened, "{at}: the key is gone");
        // It is shown before it is stored, so that none is stored that was not shown.
        let works = another.or_else(|| told.lines().find_map(made)).unwrap_or_else(|| panic!("{at}: an unknown key"));
        let asked = async { server.client(&works).get("/api/v1/userinfo").await.expect_status(200) };
        tokio::task::block_in_place(|| Handle::current().block_on(asked));
        assert_eq!(server.stop().code, Some(0), "{at}");
        sound(image, at);
    });

    let rotated = images_of("a rotation", &files, &["rotate-key"], |_, _, image, at| {
        assert!(image.read("jim.keys").starts_with(&files["jim.keys"]), "{at}: a key is lost");
        let found = image.run(&["check"]).told();
        assert!(found.contains("1 sealed values open"), "{at}:\n{found}");
        sound(image, at);
    });

    let kept = images_of("a backup", &files, &["backup", "b"], |_, told, image, at| {
        sound(image, at);
        let there = image.path("b").exists();
        assert!(there || !told, "{at}: the backup is gone");
        if there {
            let fresh = Place::new();
            fresh.write("jim.keys", &files["jim.keys"]);
            fresh.set_mode("jim.keys", 0o600);
            fresh.run(&["restore", image.path("b").to_str().expect("text")]).told();
            sound(&fresh, at);
        }
    });

    let source = Place::new();
    for (name, bytes) in &files {
        source.write(name, bytes);
        source.set_mode(name, 0o600);
    }
    source.run(&["backup", "b"]).told();
    let backup = source.path("b");
    let keyring = Files::from([("jim.keys".to_owned(), files["jim.keys"].clone())]);
    let arguments = ["restore", backup.to_str().expect("text")];
    let restored = images_of("a restore", &keyring, &arguments, |_, told, image, at| {
        let there = image.path("jim.db").exists();
        assert!(there || !told, "{at}: the database is gone");
        if !there {
            // Once more, whatever was left.
            image.run(&arguments).told();
        }
        sound(image, at);
    });

    let all = [first, rotated, kept, restored];
    let [count, after] = [all.map(|a| a.0), all.map(|a| a.1)].map(|n| n.iter().sum::<usize>());
    let told =
        format!("{count} images of a first start, a rotation, a backup and a restore, {after} after it was told");
    tier::figure(told + ": every name is of a whole file");
    assert!(all.iter().all(|(count, after)| after < count), "{all:?}");
}
