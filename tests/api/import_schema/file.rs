//! The schema of a delimited file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::case::{activities_of, same};
use crate::support::program::{Place, Process};
use crate::support::{Answer, SYSTEMS, Setup, TestApp};

const PATH: &str = "101";
const MODE: &str = "102";
const TYPE_COLUMN: &str = "103";
const TYPE: &str = "104";
const CULTURE: &str = "105";
const DELIMITER: &str = "107";
const VALUE_DELIMITER: &str = "108";

/// A server with a folder of files and a system that reads one of them.
struct Files {
    app: TestApp,
    id: i64,
    /// The folder is `files` in it.
    outer: TempDir,
}

impl Files {
    async fn start() -> Files {
        let outer = tempfile::tempdir().expect("a folder");
        fs::create_dir(outer.path().join("files")).expect("a folder");
        let setup = Setup { files_root: Some(outer.path().join("files")), ..Setup::default() };
        let app = TestApp::start_with(setup).await;
        let id = create(&app).await;
        let files = Files { app, id, outer };
        files.set(&[(PATH, "people.csv"), (TYPE, "person")]).await;
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.outer.path().join("files").join(name)
    }

    fn write(&self, content: impl AsRef<[u8]>) {
        fs::write(self.path("people.csv"), content).expect("a file");
    }

    /// Sets texts; an empty one clears.
    async fn set(&self, texts: &[(&str, &str)]) {
        let values = texts.iter().map(|(id, text)| ((*id).to_owned(), json!({ "stringValue": text })));
        self.app.set(self.id, &Value::Object(values.collect())).await.expect_status(200);
    }

    async fn import(&self) -> Answer {
        self.app.import_schema(self.id).await
    }

    /// Type names with the lines of their attributes, in the order of the answer: name, type, `*` for several
    /// values, `+` for selected, `!` for external id.
    async fn seen(&self) -> Vec<(String, Vec<String>)> {
        let types = self.app.object_types(self.id).await;
        let text = |v: &Value| v.as_str().expect("text").to_owned();
        let line = |a: &Value| {
            assert_eq!((&a["className"], &a["description"]), (&Value::Null, &Value::Null), "{a}");
            assert_eq!((&a["writability"], &a["isSecondaryExternalId"]), (&json!("ReadWrite"), &json!(false)), "{a}");
            let mark = |is: bool, mark| if is { mark } else { "" };
            let multi = mark(a["attributePlurality"] == "Multi", "*");
            let (selected, external) = (mark(a["selected"] == true, "+"), mark(a["isExternalId"] == true, "!"));
            format!("{} {}{multi}{selected}{external}", text(&a["name"]), text(&a["type"]))
        };
        let list = types.as_array().expect("types").iter();
        let seen = list.map(|t| {
            let attributes = t["attributes"].as_array().expect("attributes");
            assert_eq!(t["attributeCount"], attributes.len(), "{t}");
            (text(&t["name"]), attributes.iter().map(line).collect())
        });
        seen.collect()
    }

    /// The rows of a type and of its attributes by name.
    async fn ids(&self, type_name: &str) -> (i64, Vec<(String, i64)>) {
        let types = self.app.object_types(self.id).await;
        let found = types.as_array().expect("types").iter().find(|t| t["name"] == type_name);
        let found = found.unwrap_or_else(|| panic!("{type_name} is not in {types}"));
        let attributes = found["attributes"].as_array().expect("attributes").iter();
        let pair = |a: &Value| (a["name"].as_str().expect("a name").to_owned(), a["id"].as_i64().expect("an id"));
        (found["id"].as_i64().expect("an id"), attributes.map(pair).collect())
    }

    async fn choose(&self, below: &str, body: Value) {
        let path = format!("{SYSTEMS}/{}/object-types/{below}", self.id);
        self.app.admin().put(&path, &body).await.expect_status(200);
    }

    /// Status, warning and error of every schema import, oldest first.
    fn activities(&self) -> Vec<(String, Option<String>, Option<String>)> {
        let all = activities_of(&self.app, self.id, "ImportSchema").into_iter();
        all.map(|(status, _, warning, error)| (status, warning, error)).collect()
    }

    /// An import that is refused with this beginning, changes nothing, and leaves an activity if the file was touched.
    async fn refused(&self, begins: &str, touched: bool) -> String {
        let (before, mut activities) = (self.app.dump(), self.activities());
        let message = self.import().await.expect_error(400, "BAD_REQUEST");
        assert!(message.starts_with(begins), "{message:?} does not begin with {begins:?}");
        same(&self.app.dump(), &before, begins);
        if touched {
            let told = message.trim_end_matches('.').to_owned();
            activities.push(("FailedWithError".to_owned(), None, Some(told)));
        }
        assert_eq!(self.activities(), activities, "{begins}");
        message
    }
}

async fn create(app: &TestApp) -> i64 {
    let body = json!({ "name": "Files", "connectorDefinitionId": 1 });
    app.admin().post(SYSTEMS, &body).await.expect_status(201)["id"].as_i64().expect("an id")
}

fn lines(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn header_and_first_rows_become_types_and_attributes() {
    let files = Files::start().await;
    files.write(
        "\u{feff}number, name ,mail,mail,active,guid,hired,big,empty,staff no,note\r\n\
         1,Anna,a@x,b@x,true,0f8fad5b-d9cb-469f-a165-70867728950e,2026-11-21,3000000000,,00123,\"a\r\nb\"\r\n\
         -2,\"Ben, B.\",,c@x,FALSE,,11/21/2026 08:30,1,,7,x|y\r\n",
    );
    let detail = files.import().await.expect_status(200);
    assert_eq!((&detail["id"], &detail["settingValuesValid"]), (&json!(files.id), &json!(true)), "{detail}");
    let wanted = lines(&[
        "active Boolean",
        "big LongNumber",
        "empty String",
        "guid Guid",
        "hired DateTime",
        "mail String*",
        "name String",
        "note String*",
        "number Integer",
        "staff no String",
    ]);
    assert_eq!(files.seen().await, [("person".to_owned(), wanted)]);
    assert_eq!(files.activities(), [("Complete".to_owned(), None, None)]);

    // Delimiters and culture are those of the settings; another header makes other attributes.
    files.set(&[(DELIMITER, "\t"), (VALUE_DELIMITER, ""), (CULTURE, "de-AT")]).await;
    files.write("day\ttags\n21.11.2026\ta|b\n");
    files.import().await.expect_status(200);
    assert_eq!(files.seen().await, [("person".to_owned(), lines(&["day DateTime", "tags String"]))]);

    files.set(&[(DELIMITER, ""), (TYPE, ""), (TYPE_COLUMN, "kind")]).await;
    files.write("id,kind\n1,room\n2, room \n3,\n4,Group\n");
    files.import().await.expect_status(200);
    let attributes = lines(&["id Integer", "kind String"]);
    assert_eq!(files.seen().await, [("Group".to_owned(), attributes.clone()), ("room".to_owned(), attributes)]);
    let (status, warning, error) = files.activities().pop().expect("an activity");
    assert_eq!((status.as_str(), error), ("CompleteWithWarning", None));
    assert_eq!(
        warning.as_deref(),
        Some("File Path \"people.csv\": 1 row names no object type in column \"kind\"; skipped")
    );
    files.app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_at_fault_are_refused_before_the_file_is_touched() {
    let files = Files::start().await;
    files.write("id\n1\n");
    for (fault, texts, mended) in [
        ("File Path is required", &[(PATH, "")][..], &[(PATH, "people.csv")][..]),
        ("Mode is required", &[(MODE, "")], &[(MODE, "Import Only")]),
        ("Object Type or Object Type Column is required", &[(TYPE, "")], &[(TYPE, "person")]),
        ("Delimiter \";;\" must be one ASCII character", &[(DELIMITER, ";;")], &[(DELIMITER, "")]),
        ("Delimiter \"\\\"\" must be one", &[(DELIMITER, "\"")], &[(DELIMITER, "")]),
        ("Culture \"klingon\" is not known", &[(CULTURE, "klingon")], &[(CULTURE, "")]),
    ] {
        files.set(texts).await;
        let message = files.refused("Connector settings are invalid: ", false).await;
        assert!(message.contains(fault), "{message:?} does not hold {fault:?}");
        files.set(mended).await;
    }
    files.import().await.expect_status(200);
    assert_eq!(files.activities().len(), 1);

    let app = TestApp::start().await;
    let id = create(&app).await;
    let values = json!({ "101": { "stringValue": "people.csv" }, "104": { "stringValue": "person" } });
    app.set(id, &values).await.expect_status(200);
    let message = app.import_schema(id).await.expect_error(400, "BAD_REQUEST");
    assert!(message.starts_with("No connector files folder is configured"), "{message}");
    assert_eq!(app.object_types(id).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_folder_is_read() {
    let files = Files::start().await;
    let secret = files.outer.path().join("secret.csv");
    fs::write(&secret, "secret\n1\n").expect("a file");
    fs::create_dir(files.path("hr")).expect("a folder");
    symlink("../../secret.csv", files.path("hr/out.csv")).expect("a link");
    symlink(&secret, files.path("absolute.csv")).expect("a link");
    symlink("..", files.path("up")).expect("a link");
    symlink("b.csv", files.path("a.csv")).expect("a link");
    symlink("a.csv", files.path("b.csv")).expect("a link");
    rustix::fs::mkfifoat(rustix::fs::CWD, files.path("pipe"), rustix::fs::Mode::RUSR).expect("a pipe");
    for (path, fault) in [
        ("../secret.csv", "leads out of the connector files folder"),
        ("/../secret.csv", "leads out of the connector files folder"),
        ("hr/../../secret.csv", "leads out of the connector files folder"),
        ("hr/out.csv", "leads out of the connector files folder"),
        ("absolute.csv", "leads out of the connector files folder"),
        ("up/secret.csv", "leads out of the connector files folder"),
        ("hr/none.csv", "does not exist"),
        ("a.csv", "is a link that leads back to itself"),
        ("hr", "is a folder, not a file"),
        ("/", "is a folder, not a file"),
        ("pipe", "is not a regular file"),
    ] {
        for mode in ["Import Only", "Bidirectional"] {
            files.set(&[(PATH, path), (MODE, mode)]).await;
            files.refused(&format!("File Path {path:?} {fault}"), true).await;
        }
    }
    assert_eq!(files.app.object_types(files.id).await, json!([]));

    files.write("id\n1\n");
    symlink("../people.csv", files.path("hr/current.csv")).expect("a link");
    for path in ["hr/current.csv", "/people.csv", "hr/../people.csv"] {
        files.set(&[(PATH, path)]).await;
        files.import().await.expect_status(200);
        assert_eq!(files.seen().await, [("person".to_owned(), lines(&["id Integer"]))], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_tables_are_refused_and_change_nothing() {
    let files = Files::start().await;
    files.write("id,name\n1,Anna\n");
    files.import().await.expect_status(200);
    let wide = vec!["c"; 10_001].join(",");
    for (content, fault) in [
        (&b""[..], " is empty"),
        (b"\xEF\xBB\xBF\r\n\n", " is empty"),
        (b"id,,name\n", ": column 2 has no name"),
        (b"sep=;\nid;name\n", ": row 1 is \"sep=;\""),
        (b"#TYPE System.Object\n\"id\"\n", ": row 1 is \"#TYPE System.Object\""),
        (b"id,name\n1,\"Anna\n", ": row 2 opens a quote that is never closed"),
        (b"id,name\n1,M\xFCller\n", ": row 2 is not UTF-8"),
        (b"\xFF\xFEi\0d\0\n\0", ": row 1 begins as UTF-16 does"),
        (wide.as_bytes(), " has 10001 columns"),
    ] {
        files.write(content);
        files.refused(&format!("File Path \"people.csv\"{fault}"), true).await;
    }
    files.set(&[(TYPE, ""), (TYPE_COLUMN, "kind")]).await;
    let many: String = (0..1_001).map(|n| format!("{n}\n")).collect();
    for (content, fault) in [
        ("id,name\n1,Anna\n".to_owned(), " has no column \"kind\" for Object Type Column"),
        (format!("kind\n{many}"), ": Object Type Column \"kind\" holds more than 1000 different values"),
    ] {
        files.write(content);
        files.refused(&format!("File Path \"people.csv\"{fault}"), true).await;
    }
    assert_eq!(files.seen().await, [("person".to_owned(), lines(&["id Integer", "name String"]))]);
    files.app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_is_a_warning_until_the_first_is_to_end_the_import() {
    let files = Files::start().await;
    files.write("id,name\n1\n\n2,Ben,x\n(2 rows affected)\n");
    files.import().await.expect_status(200);
    assert_eq!(files.seen().await, [("person".to_owned(), lines(&["id Integer", "name String"]))]);
    let (status, warning, _) = files.activities().pop().expect("an activity");
    assert_eq!(status, "CompleteWithWarning");
    assert!(warning.is_some_and(|w| w.contains(": 2 rows were skipped, the first since row 4 has 3 columns")));
    files.app.set(files.id, &json!({ "106": { "checkboxValue": true } })).await.expect_status(200);
    files.refused("File Path \"people.csv\": row 4 has 3 columns, but the header has 2", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_needs_no_file_and_forgets_nothing_without_one() {
    let files = Files::start().await;
    files.set(&[(MODE, "Export Only")]).await;
    files.import().await.expect_status(200);
    assert_eq!(files.seen().await, [("person".to_owned(), vec![])]);
    files.write("id,name\n1,Anna\n");
    files.import().await.expect_status(200);
    let known = [("person".to_owned(), lines(&["id Integer", "name String"]))];
    assert_eq!(files.seen().await, known);
    fs::remove_file(files.path("people.csv")).expect("removed");
    files.import().await.expect_status(200);
    assert_eq!(files.seen().await, known, "what a missing file does not show is not gone");
    assert!(files.activities().iter().all(|a| *a == ("Complete".to_owned(), None, None)));
    files.set(&[(PATH, "../people.csv")]).await;
    files.refused("File Path \"../people.csv\" leads out", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_outlive_what_the_file_shows() {
    let files = Files::start().await;
    files.set(&[(TYPE, ""), (TYPE_COLUMN, "kind")]).await;
    files.write("id,kind,name\n1,person,Anna\n2,room,Blue\n3,group,All\n");
    files.import().await.expect_status(200);
    let (person, attributes) = files.ids("person").await;
    let id = attributes.iter().find(|(name, _)| name == "id").expect("id").1;
    files.choose(&format!("{person}/attributes/{id}"), json!({ "isExternalId": true })).await;
    let (room, _) = files.ids("room").await;
    files.choose(&room.to_string(), json!({ "selected": true })).await;

    // The rows of two types are gone, a column is new, another changed what it holds.
    files.write("id,kind,name,mail\nx1,person,Anna,a@x\n");
    files.import().await.expect_status(200);
    let wanted = lines(&["id String+!", "kind String", "mail String", "name String"]);
    let kept = lines(&["id Integer", "kind String", "name String"]);
    assert_eq!(files.seen().await, [("person".to_owned(), wanted), ("room".to_owned(), kept)]);
    let (again, now) = files.ids("person").await;
    assert_eq!((again, now.iter().find(|(name, _)| name == "id").map(|a| a.1)), (person, Some(id)));
    let (status, warning, _) = files.activities().pop().expect("an activity");
    assert_eq!(status, "CompleteWithWarning");
    assert!(warning.as_deref().is_some_and(|w| w.contains("room")), "{warning:?}");

    // An external id that left the header stays; a feed without rows takes nothing away.
    files.write("kind,name\nperson,Anna\ngroup,All\n");
    files.import().await.expect_status(200);
    assert_eq!(files.ids("person").await.1.iter().find(|(name, _)| name == "id").map(|a| a.1), Some(id));
    files.write("kind,name\n");
    let before = files.seen().await;
    files.import().await.expect_status(200);
    assert_eq!(files.seen().await, before);
    let (_, warning, _) = files.activities().pop().expect("an activity");
    assert!(warning.as_deref().is_some_and(|w| w.contains("names no object types")), "{warning:?}");
    files.app.is_sound();
}

/// The most memory that a process ever had, in KiB.
fn peak(server: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a running process");
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("VmHWM");
    line.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_costs_no_memory() {
    let place = Place::new();
    let root = place.path("files");
    fs::create_dir(&root).expect("a folder");
    let place = place.with("JIM_FILES_ROOT", root.to_str().expect("text"));
    let sparse = |name: &str, start: &str| {
        fs::write(root.join(name), start).expect("a file");
        fs::OpenOptions::new().write(true).open(root.join(name)).and_then(|f| f.set_len(1 << 30)).expect("a length");
    };
    let head: String = (0..60).map(|n| format!("{n},person\n")).collect();
    sparse("line.csv", "");
    sparse("quote.csv", "id,kind\n1,\"");
    sparse("head.csv", &format!("id,kind\n{head}"));
    let server = place.serve();
    let admin = server.client(&server.key());
    let body = json!({ "name": "Files", "connectorDefinitionId": 1 });
    let id = admin.post(SYSTEMS, &body).await.expect_status(201)["id"].as_i64().expect("an id");
    let import = async |file: &str, fixed: &str, column: &str| {
        let text = |text: &str| json!({ "stringValue": text });
        let values = json!({ "101": text(file), "104": text(fixed), "103": text(column) });
        let path = format!("{SYSTEMS}/{id}");
        admin.put(&path, &json!({ "settingValues": values })).await.expect_status(200);
        admin.send("POST", &format!("{path}/import-schema"), None).await
    };
    let before = peak(&server);
    let line = import("line.csv", "person", "").await.expect_error(400, "BAD_REQUEST");
    assert!(line.contains("row 1 does not end within the first 1 MiB"), "{line}");
    let quote = import("quote.csv", "person", "").await.expect_error(400, "BAD_REQUEST");
    assert!(quote.contains("row 2 does not end within the first 8 MiB"), "{quote}");
    import("head.csv", "person", "").await.expect_status(200);
    import("head.csv", "", "kind").await.expect_status(200);
    let types = admin.get(&format!("{SYSTEMS}/{id}/object-types")).await.expect_status(200);
    assert_eq!(types.as_array().map(Vec::len), Some(1), "{types}");
    let grown = peak(&server).saturating_sub(before);
    println!("four files of 1 GiB: the peak of resident memory grew by {grown} KiB");
    assert!(grown < 32 * 1024, "{grown} KiB");
    assert_eq!(server.stop().code, Some(0));
}
