//! Runs of object imports as a client of the API makes them.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::people::{GROUP, PERSON, STAFF};
use super::{SYSTEMS, Server};

/// Time between two looks at a run: a hundredth of the shortest one that counts.
const PAUSE: Duration = Duration::from_millis(10);
/// Time that the write-ahead file has to be merged.
const MAX_MERGE: Duration = Duration::from_secs(15);

/// A run that has ended.
pub struct Run {
    pub took: Duration,
    pub activity: Value,
    /// Seconds, resident memory and its maximum so far, at each mark. Progress may be a second old.
    pub memory: Vec<(f64, u64, u64)>,
}

impl Run {
    pub fn count(&self, name: &str) -> usize {
        let count = self.activity["executionStats"][name].as_u64();
        count.and_then(|n| usize::try_from(n).ok()).unwrap_or_else(|| panic!("no {name}: {}", self.activity))
    }
}

impl Server {
    /// Selects people and groups with the attributes of the benchmark; the path of a run profile.
    pub fn select_objects(&self, id: i64) -> String {
        let system = format!("{SYSTEMS}/{id}");
        let on = || Some(json!({ "selected": true }));
        self.import_hierarchy(id);
        let partitions = self.ask("GET", &format!("{system}/partitions"), None, 200);
        let partition = named(&partitions, "dc=example,dc=com");
        self.ask("PUT", &format!("{system}/partitions/{}", partition["id"]), on(), 200);
        let body = json!({ "containers": { STAFF: { "selected": true } } });
        self.ask("POST", &format!("{system}/containers/bulk-update"), Some(body), 200);
        let imported = self.ask("POST", &format!("{system}/import-schema"), None, 200);
        for (name, attributes) in [("inetOrgPerson", &PERSON[..]), ("groupOfNames", &GROUP[..])] {
            let object_type = named(&imported["objectTypes"], name);
            let path = format!("{system}/object-types/{}", object_type["id"]);
            self.ask("PUT", &path, on(), 200);
            let id_of = |name: &&str| named(&object_type["attributes"], name)["id"].to_string();
            let ids = attributes.iter().map(|name| (id_of(name), json!({ "selected": true })));
            let body = json!({ "attributes": ids.collect::<serde_json::Map<_, _>>() });
            self.ask("POST", &format!("{path}/attributes/bulk-update"), Some(body), 200);
        }
        let body = json!({ "name": "Full", "runType": "FullImport", "pageSize": 1000 });
        let profile = self.ask("POST", &format!("{system}/run-profiles"), Some(body), 201);
        format!("{system}/run-profiles/{}", profile["id"])
    }

    /// Executes a run profile to its end. `marks` are numbers of objects, ascending, at which memory is noted.
    pub fn execute(&self, profile: &str, marks: &[usize]) -> Run {
        let begun = Instant::now();
        let answer = self.ask("POST", &format!("{profile}/execute"), None, 202);
        let activity = answer["activityId"].as_str().expect("an activity");
        let path = format!("/api/v1/activities/{activity}");
        let mut memory = Vec::new();
        loop {
            let activity = self.ask("GET", &path, None, 200);
            let ended = activity["status"] != "InProgress";
            let done = activity["objectsProcessed"].as_u64().unwrap_or_default();
            while let Some(mark) = marks.get(memory.len())
                && (ended || done >= *mark as u64)
            {
                memory.push((begun.elapsed().as_secs_f64(), self.memory("VmRSS"), self.memory("VmHWM")));
            }
            if ended {
                assert_eq!(activity["status"], "Complete", "{activity}");
                return Run { took: begun.elapsed(), activity, memory };
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Size of the database in bytes, once its write-ahead file was merged.
pub fn file_size(folder: &Path) -> u64 {
    let size = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |m| m.len());
    let begun = Instant::now();
    while size("jim.db-wal") > 0 {
        assert!(begun.elapsed() < MAX_MERGE, "{} bytes of jim.db-wal were not merged", size("jim.db-wal"));
        std::thread::sleep(Duration::from_millis(100));
    }
    size("jim.db")
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list.as_array().into_iter().flatten().find(|row| row["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not among {list}"))
}
