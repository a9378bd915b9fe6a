//! What an import leaves in the log: a line where it starts and where it ends, each with system and request.

use serde_json::{Value, json};

use crate::support::program::Place;
use crate::support::{SYSTEMS, sample, sandbox_settings};

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_an_import_names_system_and_request() {
    // The lines keep their names where only warnings are shown.
    for (format, filter) in [("json", "info"), ("text", "warn")] {
        let place = Place::new().with("JIM_LOG_FORMAT", format).with("JIM_LOG_FILTER", filter);
        let (server, sandbox) = (place.serve(), sample().await);
        let client = server.client(&server.key());
        let made = client.post(SYSTEMS, &json!({ "name": "Head\noffice", "connectorDefinitionId": 3 })).await;
        let id = made.expect_status(201)["id"].clone();
        let settings = json!({ "settingValues": sandbox_settings(&sandbox) });
        client.put(&format!("{SYSTEMS}/{id}"), &settings).await.expect_status(200);
        let run = async |what: &str, request: &str, status: u16| {
            let path = format!("{SYSTEMS}/{id}/{what}");
            assert_eq!(
                client.send_with("POST", &path, None, &[("X-Request-Id", request)]).await.status,
                status,
                "{what}"
            );
        };
        run("import-hierarchy?preview=true", "the-preview", 200).await;
        run("import-hierarchy", "the-import", 200).await;
        run("import-schema", "the-schema", 200).await;
        drop(sandbox);
        run("import-hierarchy", "the-failure", 500).await;
        let log = server.stop().err;
        if format == "text" {
            let failed = log.lines().find(|l| l.contains("hierarchy import failed")).expect("a line");
            assert!(failed.contains("connected_system.name=\"Head\\\\noffice\""), "{failed}");
            assert!(
                failed.contains("request.id=\"the-failure\"") && failed.contains("connected_system.id="),
                "{failed}"
            );
            continue;
        }
        let lines: Vec<Value> = log.lines().map(|l| serde_json::from_str(l).expect(l)).collect();
        for (request, begins, ends) in [
            ("the-preview", "hierarchy preview started", "hierarchy preview ended: Preview: "),
            ("the-import", "hierarchy import started", "hierarchy import ended: "),
            ("the-schema", "schema import started", "schema import ended: "),
            ("the-failure", "hierarchy import started", "hierarchy import failed"),
        ] {
            let of: Vec<&Value> = lines.iter().filter(|l| l["span"]["request.id"] == request).collect();
            let said =
                |line: Option<&&Value>| line.map(|l| l["fields"]["message"].as_str().unwrap_or_default().to_owned());
            assert_eq!(said(of.first()).as_deref(), Some(begins), "{of:?}");
            assert!(said(of.last()).is_some_and(|said| said.starts_with(ends)), "{of:?}");
            for line in of {
                assert_eq!((&line["span"]["connected_system.id"], &line["span"]["name"]), (&id, &json!("import")));
                assert_eq!(line["span"]["connected_system.name"], "Head\\noffice", "{line}");
            }
        }
    }
}
