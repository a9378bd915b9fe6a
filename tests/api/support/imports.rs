//! Full imports of a connected system that is ready to be read, each held against what is true of every run.

use std::time::Duration;

use serde_json::{Value, json};

use super::directory::{Options, Sandbox, Tree};
use super::{Answer, SYSTEMS, TestApp, containers, sandbox_settings};

/// Longest run of a test.
const MAX_WAIT: Duration = Duration::from_secs(120);

/// An object type and its selected attributes.
pub type Chosen<'c> = (&'c str, &'c [&'c str]);

pub const PERSON: Chosen = ("inetOrgPerson", &["cn", "sn", "mail", "manager", "description", "title", "seeAlso"]);
pub const GROUP: Chosen = ("groupOfNames", &["cn", "member", "description"]);

/// A system with a profile of a full import.
pub struct Imports<'a> {
    pub app: &'a TestApp,
    pub id: i64,
    pub profile: i64,
}

/// A run that has ended.
pub struct Ended {
    pub activity: Value,
    pub stats: Value,
    pub items: Vec<Value>,
}

impl<'a> Imports<'a> {
    /// A system with these settings: hierarchy and schema imported, types and containers selected with their partitions.
    pub async fn at(app: &'a TestApp, settings: &Value, types: &[Chosen<'_>], selected: &[&str]) -> Imports<'a> {
        let id = app.create_system("Directory").await;
        app.set(id, settings).await.expect_status(200);
        app.import(id, "").await.expect_status(200);
        app.import_schema(id).await.expect_status(200);
        let mut imports = Imports { app, id, profile: 0 };
        imports.profile = imports.add_profile(json!({ "name": "Full", "runType": "FullImport" })).await;
        for chosen in types {
            imports.choose(*chosen).await;
        }
        for dn in selected {
            imports.select(dn, true).await;
        }
        imports
    }

    /// The same at a sandbox with this tree.
    pub async fn of_tree(app: &'a TestApp, tree: Tree, selected: &[&str]) -> (Sandbox, Imports<'a>) {
        let sandbox = Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts");
        let imports = Imports::at(app, &sandbox_settings(&sandbox), &[PERSON, GROUP], selected).await;
        (sandbox, imports)
    }

    pub fn path(&self, rest: &str) -> String {
        format!("{SYSTEMS}/{}/{rest}", self.id)
    }

    pub async fn get(&self, rest: &str) -> Value {
        self.app.admin().get(&self.path(rest)).await.expect_status(200)
    }

    pub async fn object_type(&self, name: &str) -> Value {
        let types = self.app.object_types(self.id).await;
        types
            .as_array()
            .expect("types")
            .iter()
            .find(|t| t["name"] == name)
            .unwrap_or_else(|| panic!("no {name}"))
            .clone()
    }

    /// Selects an object type and these of its attributes.
    pub async fn choose(&self, (name, attributes): Chosen<'_>) {
        let found = self.object_type(name).await;
        let path = self.path(&format!("object-types/{}", found["id"]));
        self.app.admin().put(&path, &json!({ "selected": true })).await.expect_status(200);
        for wanted in attributes {
            self.choose_attribute(&found, wanted, true).await;
        }
    }

    /// Selects an attribute of an object type, or takes the selection back.
    pub async fn choose_attribute(&self, object_type: &Value, name: &str, selected: bool) {
        let all = object_type["attributes"].as_array().expect("attributes");
        let found = all.iter().find(|a| a["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        let path = self.path(&format!("object-types/{}/attributes/{}", object_type["id"], found["id"]));
        self.app.admin().put(&path, &json!({ "selected": selected })).await.expect_status(200);
    }

    pub async fn choose_type(&self, name: &str, selected: bool) {
        let path = self.path(&format!("object-types/{}", self.object_type(name).await["id"]));
        self.app.admin().put(&path, &json!({ "selected": selected })).await.expect_status(200);
    }

    /// Selects a partition or a container, with the partition it lies in; or takes the selection of it alone back.
    pub async fn select(&self, dn: &str, selected: bool) {
        let partitions = self.app.partitions(self.id).await;
        let rows = partitions.as_array().expect("partitions");
        let body = json!({ "selected": selected });
        let found = containers(&partitions).into_iter().find(|c| same(c, dn));
        if let Some(container) = found {
            let path = self.path(&format!("containers/{}", container["id"]));
            self.app.admin().put(&path, &body).await.expect_status(200);
        }
        let above = found
            .map_or_else(|| rows.iter().find(|p| same(p, dn)), |c| rows.iter().find(|p| p["id"] == c["partitionId"]));
        let partition = above.unwrap_or_else(|| panic!("{dn} is not stored"));
        if found.is_none() || selected {
            let path = self.path(&format!("partitions/{}", partition["id"]));
            self.app.admin().put(&path, &body).await.expect_status(200);
        }
    }

    pub async fn partition(&self, dn: &str) -> i64 {
        let partitions = self.app.partitions(self.id).await;
        let found = partitions.as_array().expect("partitions").iter().find(|p| same(p, dn));
        found.unwrap_or_else(|| panic!("no {dn}"))["id"].as_i64().expect("an id")
    }

    pub async fn add_profile(&self, body: Value) -> i64 {
        let made = self.app.admin().post(&self.path("run-profiles"), &body).await.expect_status(201);
        made["id"].as_i64().expect("an id")
    }

    pub async fn execute(&self, profile: i64, query: &str) -> Answer {
        let path = self.path(&format!("run-profiles/{profile}/execute{query}"));
        self.app.admin().send("POST", &path, None).await
    }

    /// Queues a run of the profile and returns its activity.
    pub async fn queue(&self) -> String {
        let accepted = self.execute(self.profile, "").await.expect_status(202);
        accepted["activityId"].as_str().expect("a GUID").to_owned()
    }

    /// A run of the profile until its end.
    pub async fn run(&self) -> Ended {
        self.run_with(self.profile, "").await
    }

    pub async fn run_with(&self, profile: i64, query: &str) -> Ended {
        let accepted = self.execute(profile, query).await.expect_status(202);
        let ended = self.ended(accepted["activityId"].as_str().expect("a GUID")).await;
        self.adds_up(&ended).await;
        ended
    }

    /// The run again: it adds, updates and removes nothing.
    pub async fn again_is_nothing(&self) {
        let before = self.app.stored().space();
        let ended = self.run().await;
        assert_eq!(ended.counts(), [0, 0, 0], "the same run again: {}", ended.shown());
        assert_eq!(self.app.stored().space(), before, "the same run again");
    }

    /// The activity as it is now.
    pub async fn activity(&self, id: &str) -> Value {
        self.app.admin().get(&format!("/api/v1/activities/{id}")).await.expect_status(200)
    }

    /// The run of an activity, once it has ended.
    pub async fn ended(&self, id: &str) -> Ended {
        let end = tokio::time::Instant::now() + MAX_WAIT;
        let activity = loop {
            let now = self.activity(id).await;
            if now["status"] != "InProgress" {
                break now;
            }
            assert!(tokio::time::Instant::now() < end, "the run does not end: {now}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let stats = self.app.admin().get(&format!("/api/v1/activities/{id}/stats")).await.expect_status(200);
        let items = self.pages(&format!("/api/v1/activities/{id}/items?pageSize=100")).await;
        Ended { activity, stats, items }
    }

    /// All items of a list.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 1.. {
            let found = self.app.admin().get(&format!("{path}&page={page}")).await.expect_status(200);
            all.extend(found["items"].as_array().expect("items").iter().cloned());
            if found["hasNextPage"] != true {
                assert_eq!(found["totalCount"], all.len(), "{path}");
                break;
            }
        }
        all
    }

    /// The connector space without values.
    pub async fn objects(&self) -> Vec<Value> {
        self.pages(&self.path("connector-space?pageSize=100")).await
    }

    /// DN and status of all objects, sorted; `!` stands before what is Obsolete.
    pub async fn held(&self) -> Vec<String> {
        let line = |o: &Value| {
            let mark = if o["status"] == "Obsolete" { "!" } else { "" };
            format!("{mark}{}", o["secondaryExternalId"].as_str().expect("a DN"))
        };
        let mut all: Vec<String> = self.objects().await.iter().map(line).collect();
        all.sort_unstable();
        all
    }

    /// External id and status of all objects, sorted, as [`Imports::held`] shows them.
    pub async fn held_ids(&self) -> Vec<String> {
        let line = |o: &Value| {
            let mark = if o["status"] == "Obsolete" { "!" } else { "" };
            format!("{mark}{}", o["externalId"].as_str().expect("an id"))
        };
        let mut all: Vec<String> = self.objects().await.iter().map(line).collect();
        all.sort_unstable();
        all
    }

    /// The detail of the object with this external id.
    pub async fn object_of(&self, external_id: &str) -> Value {
        let all = self.objects().await;
        let found = all.iter().find(|o| o["externalId"] == external_id);
        let id = found.unwrap_or_else(|| panic!("no {external_id}"))["id"].as_str().expect("a GUID");
        self.get(&format!("connector-space/{id}")).await
    }

    /// The detail of the Normal object with this DN.
    pub async fn object(&self, dn: &str) -> Value {
        let all = self.objects().await;
        let is_it = |o: &&Value| o["secondaryExternalId"].as_str().is_some_and(|text| text.eq_ignore_ascii_case(dn));
        let found = all.iter().find(|o| is_it(o) && o["status"] == "Normal");
        let id = found.unwrap_or_else(|| panic!("no {dn} in {:?}", dns(&all)))["id"].as_str().expect("a GUID");
        self.get(&format!("connector-space/{id}")).await
    }

    /// Whether counts of activity, statistics, items and connector space agree.
    async fn adds_up(&self, ended: &Ended) {
        let (activity, stats) = (&ended.activity, &ended.stats);
        let n = |field: &str| stats[field].as_i64().unwrap_or_else(|| panic!("{field}"));
        assert_eq!(activity["executionStats"], *stats);
        for (header, stat) in
            [("totalAdded", "totalCsoAdds"), ("totalUpdated", "totalCsoUpdates"), ("totalDeleted", "totalCsoDeletes")]
        {
            assert_eq!(activity[header], stats[stat], "{activity}");
        }
        assert_eq!(n("totalObjectChangeCount"), n("totalCsoAdds") + n("totalCsoUpdates") + n("totalCsoDeletes"));
        let refused = n("totalObjectsProcessed") - n("totalCsoAdds") - n("totalCsoUpdates") - n("totalUnchanged");
        assert!((0..=n("totalObjectErrors")).contains(&refused), "{stats}");
        assert_eq!(activity["objectsProcessed"], stats["totalObjectsProcessed"], "{activity}");
        let normal = self.get("connector-space?pageSize=1").await["totalCount"].clone();
        let detail = self.app.admin().get(&format!("{SYSTEMS}/{}", self.id)).await.expect_status(200);
        assert_eq!(detail["objectCount"], normal, "the objects of the system, kept and counted");
        self.app.is_sound();
    }
}

impl Ended {
    /// Added, updated, removed.
    pub fn counts(&self) -> [i64; 3] {
        ["totalAdded", "totalUpdated", "totalDeleted"].map(|f| self.activity[f].as_i64().expect("a count"))
    }

    pub fn status(&self) -> &str {
        self.activity["status"].as_str().expect("a status")
    }

    pub fn text(&self, field: &str) -> &str {
        self.activity[field].as_str().unwrap_or_default()
    }

    /// Status, counts and texts.
    pub fn shown(&self) -> String {
        let texts = ["message", "warningMessage", "errorMessage"].map(|f| self.text(f));
        format!("{} {:?} {texts:?}", self.status(), self.counts())
    }

    /// The status is Complete and the counts are these.
    #[track_caller]
    pub fn is(&self, counts: [i64; 3]) {
        assert_eq!((self.status(), self.counts()), ("Complete", counts), "{}", self.shown());
    }

    /// Change, error and outcomes of each item, sorted.
    pub fn lines(&self) -> Vec<String> {
        let line = |item: &Value| {
            let text = |f: &str| item[f].as_str().unwrap_or("-");
            ["objectChangeType", "errorType", "outcomeSummary", "displayName"].map(text).join(" ")
        };
        let mut lines: Vec<String> = self.items.iter().map(line).collect();
        lines.sort_unstable();
        lines
    }

    pub fn items_with(&self, error: &str) -> Vec<&Value> {
        self.items.iter().filter(|i| i["errorType"] == error).collect()
    }
}

/// Texts of the values of an attribute in a detail, sorted.
pub fn texts(object: &Value, attribute: &str) -> Vec<String> {
    let members = ["stringValue", "dateTimeValue", "intValue", "longValue", "guidValue", "boolValue", "binaryValue"];
    let text = |v: &Value| {
        let all = members.iter().chain(&["unresolvedReferenceValue"]);
        let found: Vec<String> = all.map(|m| &v[*m]).filter(|t| !t.is_null()).map(plain).collect();
        assert_eq!(found.len(), 1, "{v}");
        found.concat()
    };
    let values = object["attributeValues"].as_array().expect("values");
    let mut all: Vec<String> = values.iter().filter(|v| v["attributeName"] == attribute).map(text).collect();
    all.sort_unstable();
    all
}

/// Objects that an attribute refers to, sorted.
pub fn targets(object: &Value, attribute: &str) -> Vec<String> {
    let values = object["attributeValues"].as_array().expect("values");
    let of = values.iter().filter(|v| v["attributeName"] == attribute);
    let mut all: Vec<String> = of.filter_map(|v| v["referenceValueId"].as_str()).map(str::to_owned).collect();
    all.sort_unstable();
    all
}

pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// People `p1` to `p<n>` in `ou=People,dc=x`.
pub fn people(count: usize) -> Tree {
    (1..=count).fold(Tree::new().suffix("dc=x").ou("ou=People,dc=x"), |tree, n| {
        let (name, mail) = (format!("p{n}"), format!("p{n}@example.com"));
        let attributes: [(&str, &[&str]); 4] =
            [("objectClass", PERSON_CLASSES), ("cn", &[&name]), ("sn", &["Person"]), ("mail", &[&mail])];
        tree.entry(&person(&name), &attributes)
    })
}

pub const PERSON_CLASSES: &[&str] = &["top", "person", "organizationalPerson", "inetOrgPerson"];

/// DN of a person of [`people`].
pub fn person(name: &str) -> String {
    format!("uid={name},ou=People,dc=x")
}

fn same(row: &Value, dn: &str) -> bool {
    row["externalId"].as_str().is_some_and(|text| text.eq_ignore_ascii_case(dn))
}

fn dns(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|o| o["secondaryExternalId"].as_str()).collect()
}
