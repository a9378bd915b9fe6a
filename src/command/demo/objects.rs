//! The second half of the demonstration: types are selected, people and groups imported, and changes followed.

use std::time::Duration;

use jim::sandbox;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::client::ACTIVITIES;
use super::lines::command;
use super::picture::{changes, counts, item, names, object, selection, types};
use super::{Demo, PARTITION, RENAMED, find, selected};
use crate::command::Exit;

/// Types that the demonstration selects, with those of their attributes that it selects.
const SELECTED: [(&str, &[&str]); 2] =
    [("inetOrgPerson", &["uid", "cn", "sn", "mail", "title", "manager"]), ("groupOfNames", &["cn", "member"])];

/// Name of the run profile.
pub const PROFILE: &str = "Full";
/// Person with a manager, whose title changes later.
const PERSON: &str = "alice.dubois";
const TITLE: &str = "Principal Engineer";
/// Person who leaves.
const LEAVER: &str = "victor.silva";
/// Time of a run, which takes well under a second.
const MAX_RUN: Duration = Duration::from_secs(60);

impl Demo {
    /// The steps from the schema to objects.
    pub async fn objects(&self, id: i64) -> Result<(), Exit> {
        say!("\n8. The schema is imported: the types of objects in the directory\n");
        let imported = self.client.call("POST", id, "/import-schema", None).await?;
        say!("  -> {}: {}", imported.status, types(&imported.body["objectTypes"]));

        say!("\n9. The types of people and groups are selected, and some attributes; ids always are\n");
        self.select(id, &imported.body["objectTypes"]).await?;

        say!("\n10. A run profile says what a run does; its run imports the selected people and groups\n");
        let body = json!({ "name": PROFILE, "runType": "FullImport" });
        let made = self.client.call("POST", id, "/run-profiles", Some(body)).await?;
        let profile = made.body["id"].as_i64().unwrap_or_default();
        say!("  -> {}: id {profile}", made.status);
        self.run(id, profile).await?;
        let groups = find(&imported.body["objectTypes"], "groupOfNames")["id"].as_i64().unwrap_or_default();
        let found = self.client.call("GET", id, &format!("/connector-space?objectTypeId={groups}"), None).await?;
        say!("  -> {}: {} groups: {}", found.status, found.body["totalCount"], names(&found.body["items"]));
        self.show_person(id).await?;

        say!("\n11. One person gets another title, one joins, one leaves; the run finds these three only\n");
        self.change_people()
            .map_err(|e| Exit::io(format!("the directory refused a change: {} {}", e.code, e.message)))?;
        let activity = self.run(id, profile).await?;
        self.show_items(&activity).await?;

        say!("\n12. The same run again: nothing\n");
        self.run(id, profile).await.map(|_| ())
    }

    async fn select(&self, id: i64, types: &Value) -> Result<(), Exit> {
        for (name, attributes) in SELECTED {
            let of = find(types, name);
            let path = format!("/object-types/{}", of["id"]);
            let set = self.client.call("PUT", id, &path, Some(json!({ "selected": true }))).await?;
            say!(
                "  -> {}: {name} {}",
                set.status,
                if set.body["selected"] == true { "selected" } else { "not selected" }
            );
            let ids = attributes.iter().filter_map(|name| find(&of["attributes"], name)["id"].as_i64());
            let body = json!({ "attributes": selected(ids) });
            let set = self.client.call("POST", id, &format!("{path}/attributes/bulk-update"), Some(body)).await?;
            say!("  -> {}: {} attributes selected", set.status, set.body["updatedCount"]);
        }
        let types = self.client.call("GET", id, "/object-types", None).await?;
        for (name, _) in SELECTED {
            say!("{}", selection(find(&types.body, name)));
        }
        Ok(())
    }

    /// Executes the profile and waits for the end; the id of the activity.
    async fn run(&self, id: i64, profile: i64) -> Result<String, Exit> {
        let begun = self.client.call("POST", id, &format!("/run-profiles/{profile}/execute"), None).await?;
        let activity = begun.body["activityId"].as_str().unwrap_or_default().to_owned();
        say!("  -> {}: activityId {activity}\n  export RUN=$JIM{ACTIVITIES}/{activity}", begun.status);
        let until = Instant::now() + MAX_RUN;
        // Shown once, asked until it ends.
        let mut now = self.client.activity(&activity, "").await?;
        while now.body["status"] == "InProgress" && Instant::now() < until {
            sleep(Duration::from_millis(20)).await;
            now = self.client.activity_again(&activity).await?;
        }
        say!("{}", counts(now.status, &now.body));
        Ok(activity)
    }

    /// Shows a person with some values, and the manager that one of them refers to.
    async fn show_person(&self, id: i64) -> Result<(), Exit> {
        let found = self.client.call("GET", id, &format!("/connector-space?search={PERSON}"), None).await?;
        let person = found.body["items"][0]["id"].as_str().unwrap_or_default();
        say!("  -> {}: {} found", found.status, found.body["totalCount"]);
        let person = self.client.call("GET", id, &format!("/connector-space/{person}"), None).await?;
        say!("{}", object(&person.body, &["title", "mail", "manager"]));
        let values = person.body["attributeValues"].as_array();
        let manager = values.into_iter().flatten().find_map(|value| value["referenceValueId"].as_str());
        let path = format!("/connector-space/{}", manager.unwrap_or_default());
        let manager = self.client.call("GET", id, &path, None).await?;
        say!("{}", object(&manager.body, &["title"]));
        Ok(())
    }

    /// Shows the items of a run, and what was changed in one object.
    async fn show_items(&self, activity: &str) -> Result<(), Exit> {
        let items = self.client.activity(activity, "/items").await?.body["items"].take();
        let items: Vec<&Value> = items.as_array().into_iter().flatten().collect();
        items.iter().for_each(|row| say!("{}", item(row)));
        let updated = items.iter().find(|row| row["objectChangeType"] == "Updated");
        let updated = updated.and_then(|row| row["id"].as_str()).unwrap_or_default();
        let detail = self.client.activity(activity, &format!("/items/{updated}")).await?;
        say!("{}", changes(&detail.body));
        Ok(())
    }

    /// Changes people, with the commands that would do it over LDAP.
    fn change_people(&self) -> Result<(), sandbox::Answer> {
        let mut tree = self.sandbox.directory().tree();
        let bind = "-x -w \"$PASSWORD\"";
        let quality = format!("ou=Quality,ou={RENAMED},{PARTITION}");

        let dn = format!("uid={PERSON},{quality}");
        let (name, title) = (format!("'dn: {dn}'"), format!("'title: {TITLE}'"));
        let modify = format!("| ldapmodify {bind}");
        let words = ["printf '%s\\n'", &name, "'changetype: modify'", "'replace: title'", &title, &modify];
        say!("{}", command(words));
        tree.replace(&dn, "title", &[TITLE])?;

        let dn = format!("uid=mina.sato,ou=Robotics,ou=Research,ou={RENAMED},{PARTITION}");
        let name = format!("'dn: {dn}'");
        let values = [("objectClass", "inetOrgPerson"), ("cn", "Mina Sato"), ("sn", "Sato"), ("title", "Trainee")];
        let shown = values.map(|(name, value)| format!("'{name}: {value}'"));
        let add = format!("| ldapadd {bind}");
        let words = ["printf '%s\\n'", &name].into_iter().chain(shown.iter().map(String::as_str));
        say!("{}", command(words.chain([add.as_str()])));
        tree.add(&dn, values.map(|(name, value)| (name.to_owned(), vec![value.as_bytes().to_vec()])).into())?;

        let dn = format!("uid={LEAVER},{quality}");
        say!("{}\n", command(["ldapdelete", bind, &format!("'{dn}'")]));
        tree.remove(&dn, false)
    }
}
