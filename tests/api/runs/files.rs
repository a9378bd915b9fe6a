//! Full imports of delimited files: rows that come, change and go, and everything that is wrong with a file or a row.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::imports::{Ended, Imports, texts};
use crate::support::{SYSTEMS, Setup, TestApp};

const STOP: &str = "106";
const ENCODING: &str = "109";

const FIRST: &str = "id,name,mail,age,tags\n\
    1,Ann,ann@example.com,30,a|b\n2,Bob,bob@example.com,31,\n3,Cyd,cyd@example.com,32,c\n\
    4,Dan,dan@example.com,33,d\n5,Eve,eve@example.com,34,e\n6,Fay,fay@example.com,35,f\n";

/// A server with a folder of files.
struct Folder {
    app: TestApp,
    outer: TempDir,
}

impl Folder {
    async fn start() -> Folder {
        let outer = tempfile::tempdir().expect("a folder");
        fs::create_dir(outer.path().join("files")).expect("a folder");
        let setup = Setup { files_root: Some(outer.path().join("files")), ..Setup::default() };
        Folder { app: TestApp::start_with(setup).await, outer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.outer.path().join("files").join(name)
    }

    fn write(&self, content: impl AsRef<[u8]>) {
        fs::write(self.path("people.csv"), content).expect("a file");
    }

    /// A system of this file with these settings, each as text; all columns are selected, `id` is the external id.
    async fn imports(&self, content: &str, more: &[(&str, Value)]) -> Imports<'_> {
        self.write(content);
        let body = json!({ "name": "Files", "connectorDefinitionId": 1 });
        let id = self.app.admin().post(SYSTEMS, &body).await.expect_status(201)["id"].as_i64().expect("an id");
        let mut values = json!({ "101": { "stringValue": "people.csv" } });
        let fixed = ("104", json!({ "stringValue": "person" }));
        let typed = more.iter().any(|(key, _)| *key == "103");
        for (key, value) in more.iter().cloned().chain((!typed).then_some(fixed)) {
            values[key] = value;
        }
        self.app.set(id, &values).await.expect_status(200);
        self.app.import_schema(id).await.expect_status(200);
        let mut imports = Imports { app: &self.app, id, profile: 0 };
        for found in self.app.object_types(id).await.as_array().expect("types") {
            choose_all(&imports, found).await;
        }
        imports.profile = imports.add_profile(json!({ "name": "Full", "runType": 1 })).await;
        imports
    }
}

async fn choose_all(imports: &Imports<'_>, found: &Value) {
    let path = imports.path(&format!("object-types/{}", found["id"]));
    imports.app.admin().put(&path, &json!({ "selected": true })).await.expect_status(200);
    for attribute in found["attributes"].as_array().expect("attributes") {
        let body = json!({ "selected": true, "isExternalId": attribute["name"] == "id" });
        let path = format!("{path}/attributes/{}", attribute["id"]);
        imports.app.admin().put(&path, &body).await.expect_status(200);
    }
}

/// A run that failed with these words and changed nothing.
async fn fails(imports: &Imports<'_>, words: &[&str]) {
    let before = imports.app.stored().space();
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("FailedWithError", [0, 0, 0]), "{words:?}: {}", ended.shown());
    for word in words {
        assert!(ended.text("errorMessage").contains(word), "{word}: {}", ended.shown());
    }
    assert_eq!(imports.app.stored().space(), before, "{words:?}");
}

#[track_caller]
fn is_one_error(ended: &Ended, error: &str, words: &[&str]) {
    let found = ended.items_with(error);
    assert_eq!(found.len(), 1, "{error}: {} {:?}", ended.shown(), ended.lines());
    let message = found[0]["errorMessage"].as_str().unwrap_or_default();
    assert!(words.iter().all(|word| message.contains(word)), "{words:?} in {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_change_and_go() {
    let folder = Folder::start().await;
    let imports = folder.imports(FIRST, &[]).await;
    imports.run().await.is([6, 0, 0]);
    let ann = imports.object_of("1").await;
    for (name, expected) in
        [("name", vec!["Ann"]), ("mail", vec!["ann@example.com"]), ("age", vec!["30"]), ("tags", vec!["a|b"])]
    {
        let held = texts(&ann, name).join("|");
        assert_eq!(held, expected.join("|"), "{name}");
    }
    assert_eq!((&ann["secondaryExternalId"], &ann["typeName"]), (&Value::Null, &json!("person")));
    imports.again_is_nothing().await;
    // Another order, blanks around cells, quotes: the same rows.
    let mut lines: Vec<&str> = FIRST.lines().collect();
    lines[1..].reverse();
    folder.write(lines.join("\r\n").replace("Bob", "\"Bob\"").replace("Cyd", "  Cyd ") + "\r\n");
    imports.again_is_nothing().await;
    let changed = FIRST.replace("Bob", "Bert").replace("6,Fay,fay@example.com,35,f\n", "7,Guy,guy@example.com,36,\n");
    folder.write(changed);
    let ended = imports.run().await;
    ended.is([1, 1, 1]);
    assert_eq!(imports.held_ids().await, ["!6", "1", "2", "3", "4", "5", "7"]);
    imports.again_is_nothing().await;
    folder.write(FIRST);
    imports.run().await.is([0, 2, 1]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_file_is_held_and_an_empty_one_too() {
    let folder = Folder::start().await;
    let row = |n: usize| format!("{n},Name {n},n{n}@example.com,{n},\n");
    let header = "id,name,mail,age,tags\n";
    let whole = header.to_owned() + &(1..=60).map(row).collect::<String>();
    let imports = folder.imports(&whole, &[]).await;
    imports.run().await.is([60, 0, 0]);
    let half = header.to_owned() + &(1..=30).map(row).collect::<String>();
    for (content, count) in [(half.as_str(), 30), (header, 60)] {
        folder.write(content);
        let ended = imports.run().await;
        assert_eq!((ended.status(), ended.counts()), ("CompleteWithError", [0, 0, 0]), "{}", ended.shown());
        assert!(ended.text("message").contains(&format!("{count} removals of person")), "{}", ended.shown());
        assert_eq!(imports.get("held-removals").await["totalCount"], count);
    }
    folder.write("");
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 0, 0], "without a header: {}", ended.shown());
    assert_ne!(ended.status(), "Complete", "{}", ended.shown());
    folder.write(whole);
    imports.run().await.is([0, 0, 0]);
    assert_eq!(imports.get("held-removals").await["totalCount"], 0);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_whole_changes_nothing() {
    let folder = Folder::start().await;
    let imports = folder.imports(FIRST, &[]).await;
    imports.run().await.is([6, 0, 0]);
    folder.write(FIRST.replace("Ann", "\"Ann"));
    fails(&imports, &["people.csv"]).await;
    folder.write(FIRST.replace("id,name,mail,age,tags", "id,name,mail,tags,more"));
    fails(&imports, &["age"]).await;
    let mut bytes = FIRST.replace("Cyd,", "C\u{e9}d,").into_bytes();
    let at = bytes.iter().position(|b| *b == 0xc3).expect("it is there");
    bytes.remove(at);
    folder.write(&bytes);
    fails(&imports, &["line 4", "byte"]).await;
    fs::remove_file(folder.path("people.csv")).expect("removed");
    fails(&imports, &["people.csv"]).await;
    fs::create_dir(folder.path("people.csv")).expect("a folder");
    fails(&imports, &["people.csv"]).await;
    fs::remove_dir(folder.path("people.csv")).expect("removed");
    folder.write(FIRST);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_row_protects_its_object() {
    let folder = Folder::start().await;
    let imports = folder.imports(FIRST, &[]).await;
    imports.run().await.is([6, 0, 0]);
    folder.write(
        FIRST.replace("2,Bob,bob@example.com,31,\n", "2,Bob\n").replace("3,Cyd,cyd@example.com,32,c", "3,Cyd,x,32,c,d"),
    );
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 0, 0]), "{}", ended.shown());
    assert_eq!(ended.stats["totalObjectErrors"], 2, "{:?}", ended.lines());
    assert_eq!(texts(&imports.object_of("3").await, "mail"), ["cyd@example.com"]);
    imports.again_is_nothing().await;
    // A cell that does not fit is an error of its column only.
    folder.write(FIRST.replace("bob@example.com,31", "bert@example.com,many"));
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 1, 0]), "{}", ended.shown());
    is_one_error(&ended, "UnexpectedAttribute", &["age", "line 3"]);
    let bob = imports.object_of("2").await;
    assert_eq!((texts(&bob, "age"), texts(&bob, "mail")), (vec!["31".to_owned()], vec!["bert@example.com".to_owned()]));
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doubtful_identities_change_and_remove_nothing() {
    let folder = Folder::start().await;
    let first = FIRST.replace("\n1,", "\nA1,").replace("\n2,", "\nB2,");
    let imports = folder.imports(&first, &[]).await;
    imports.run().await.is([6, 0, 0]);
    // Twice in different case, and with blanks.
    folder.write(first.clone() + " a1 ,Other,other@example.com,9,\n");
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 0, 0]), "{}", ended.shown());
    let twice = ended.items_with("DuplicateObject");
    assert_eq!(twice.len(), 2, "{:?}", ended.lines());
    for (item, other) in twice.iter().zip(["line 8", "line 2"]) {
        assert!(item["errorMessage"].as_str().is_some_and(|m| m.contains(other)), "{other}: {item}");
    }
    assert_eq!(texts(&imports.object_of("A1").await, "name"), ["Ann"]);
    imports.again_is_nothing().await;
    folder.write(first.replace("\nB2,", "\n ,"));
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 0, 0]), "{}", ended.shown());
    is_one_error(&ended, "MissingExternalIdAttributeValue", &["line 3"]);
    folder.write(first);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_which_every_row_fails_has_failed() {
    let folder = Folder::start().await;
    let imports = folder.imports(FIRST, &[]).await;
    imports.run().await.is([6, 0, 0]);
    folder.write("id,name,mail,age,tags\n1,Ann\n2,Bob\n3,Cyd\n4,Dan\n5,Eve\n6,Fay\n");
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("FailedWithError", [0, 0, 0]), "{}", ended.shown());
    assert_eq!(ended.stats["totalObjectErrors"], 6);
    folder.write(FIRST);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_row_goes_once_its_object_is_seen_with_an_error() {
    let folder = Folder::start().await;
    let imports = folder.imports(FIRST, &[]).await;
    imports.run().await.is([6, 0, 0]);
    folder.write("id,name,mail,age,tags\n");
    imports.run().await;
    assert_eq!(imports.get("held-removals").await["totalCount"], 6);
    folder.write(FIRST.replace("2,Bob,bob@example.com,31,\n", "2,Bob\n"));
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 0, 0]), "{}", ended.shown());
    assert_eq!(imports.get("held-removals").await["totalCount"], 0);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_in_another_case_is_the_same_object() {
    let folder = Folder::start().await;
    let first = FIRST.replace("\n1,", "\nÄb1,");
    let imports = folder.imports(&first, &[]).await;
    imports.run().await.is([6, 0, 0]);
    let before = imports.object_of("Äb1").await["id"].clone();
    folder.write(first.replace("\nÄb1,", "\näB1,"));
    let ended = imports.run().await;
    assert_eq!((ended.counts()[0], ended.counts()[2]), (0, 0), "{}", ended.shown());
    assert!(imports.objects().await.iter().any(|o| o["id"] == before && o["status"] == "Normal"));
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_on_first_error_changes_nothing() {
    let folder = Folder::start().await;
    let imports = folder.imports(FIRST, &[(STOP, json!({ "checkboxValue": true }))]).await;
    imports.run().await.is([6, 0, 0]);
    let changed = FIRST.replace("Ann", "Anna");
    for (content, line) in [
        (changed.replace(",34,e", ",old,e"), "line 6"),
        (changed.replace("5,Eve,eve@example.com,34,e", "5,Eve"), "line 6"),
        (changed.replace("5,Eve", ",Eve"), "line 6"),
        (changed.replace("5,Eve", "4,Eve"), "line"),
    ] {
        folder.write(content);
        fails(&imports, &[line]).await;
    }
    folder.write(changed);
    imports.run().await.is([0, 1, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_may_name_another_file() {
    let folder = Folder::start().await;
    let imports = folder.imports(FIRST, &[]).await;
    fs::write(folder.path("other.csv"), FIRST.replace("Ann", "Anna") + "7,Guy,guy@example.com,36,\n").expect("a file");
    let profile = imports.add_profile(json!({ "name": "Other", "runType": 1, "filePath": "other.csv" })).await;
    imports.run().await.is([6, 0, 0]);
    imports.run_with(profile, "").await.is([1, 1, 0]);
    assert_eq!(texts(&imports.object_of("1").await, "name"), ["Anna"]);
    let outside = imports.add_profile(json!({ "name": "Out", "runType": 1, "filePath": "../secret.csv" })).await;
    fs::write(folder.outer.path().join("secret.csv"), FIRST).expect("a file");
    let answer = imports.execute(outside, "").await;
    if answer.status == 202 {
        let ended = imports.ended(answer.body["activityId"].as_str().expect("a GUID")).await;
        assert_eq!((ended.status(), ended.counts()), ("FailedWithError", [0, 0, 0]), "{}", ended.shown());
    } else {
        answer.expect_error(400, "BAD_REQUEST");
    }
    imports.run().await.is([0, 1, 1]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_encoding_gives_the_same_objects() {
    let folder = Folder::start().await;
    let text = FIRST.replace("Ann", "J\u{fc}rgen");
    let imports = folder.imports(&text, &[]).await;
    imports.run().await.is([6, 0, 0]);
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin")).collect();
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let with_mark = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
    for (encoding, bytes) in
        [("Windows-1252", latin.clone()), ("ISO-8859-1", latin), ("UTF-16", wide), ("UTF-8", with_mark)]
    {
        imports.app.set(imports.id, &json!({ ENCODING: { "stringValue": encoding } })).await.expect_status(200);
        folder.write(bytes);
        let ended = imports.run().await;
        assert_eq!((ended.status(), ended.counts()), ("Complete", [0, 0, 0]), "{encoding}: {}", ended.shown());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_a_column_share_no_ids() {
    let folder = Folder::start().await;
    let content = "id,kind,name\n1,person,Ann\n1,group,All\n2,person,Bob\n";
    let imports = folder.imports(content, &[("103", json!({ "stringValue": "kind" }))]).await;
    imports.run().await.is([3, 0, 0]);
    imports.again_is_nothing().await;
    // A changed type is another object: the id is not a directory's own.
    folder.write(content.replace("2,person", "2,group"));
    imports.run().await.is([1, 0, 1]);
    imports.again_is_nothing().await;
    folder.write(content.replace("2,person,Bob", "2,robot,Bob"));
    let ended = imports.run().await;
    assert_eq!(ended.items_with("CouldNotMatchObjectType").len(), 1, "{} {:?}", ended.shown(), ended.lines());
    imports.choose_type("group", false).await;
    folder.write(content);
    let ended = imports.run().await;
    assert!(ended.text("message").contains("not selected"), "{}", ended.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_without_type_or_id_is_refused() {
    let folder = Folder::start().await;
    let imports = folder.imports(FIRST, &[]).await;
    let found = imports.object_type("person").await;
    let id =
        found["attributes"].as_array().expect("attributes").iter().find(|a| a["name"] == "id").expect("id").clone();
    let path = imports.path(&format!("object-types/{}/attributes/{}", found["id"], id["id"]));
    imports.app.admin().put(&path, &json!({ "isExternalId": false })).await.expect_status(200);
    let why = imports.execute(imports.profile, "").await.expect_error(400, "BAD_REQUEST");
    assert!(why.contains("external id"), "{why}");
    imports.choose_type("person", false).await;
    imports.execute(imports.profile, "").await.expect_error(400, "BAD_REQUEST");
}
