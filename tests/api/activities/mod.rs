//! Activities over HTTP: their fields, the list in every order and search, and that every change leaves one.

mod every_change;
mod fields;
mod list;

use jim::store::activities::{self, Initiator, New, Operation, Outcome, Target};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::support::{Client, TestApp};

pub const ACTIVITIES: &str = "/api/v1/activities";

/// An activity that happened at some time, as the server would have recorded it.
#[derive(Clone)]
pub struct Past {
    pub target: Target<'static>,
    pub context: Option<&'static str>,
    pub by: Initiator,
    pub at: OffsetDateTime,
    pub parent: Option<Uuid>,
    pub outcome: Option<Outcome>,
}

impl Past {
    /// A finished one without anything special.
    pub fn at(at: OffsetDateTime) -> Past {
        let outcome = Some(Outcome::done("past"));
        Past { target: Target::History, context: None, by: Initiator::System, at, parent: None, outcome }
    }
}

/// Records what happened, in this order and in one transaction.
pub async fn record(app: &TestApp, all: Vec<Past>) -> Vec<Uuid> {
    let write = move |tx: &jim::db::Tx<'_>| {
        let one = |p: &Past| {
            let Past { target, context, by, at, parent, outcome } = p;
            let (operation, outcome) = (Operation::Update, outcome.as_ref());
            let new = New { operation, target: *target, context: *context, by, at: *at, parent: *parent, outcome };
            activities::insert(tx, &new)
        };
        all.iter().map(one).collect()
    };
    app.app.db.write(write).await.expect("recorded")
}

/// The page that a query gives.
pub async fn page(client: &Client, query: &str) -> Value {
    client.get(&format!("{ACTIVITIES}?{query}")).await.expect_status(200)
}

/// The values of a field on a page.
pub fn column(page: &Value, field: &str) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|i| i[field].as_str().unwrap_or_default().to_owned()).collect()
}

/// All activities that are no part of another, oldest first.
pub async fn all(client: &Client) -> Vec<Value> {
    let mut found = Vec::new();
    for number in 1.. {
        let page = page(client, &format!("pageSize=100&page={number}")).await;
        found.extend(page["items"].as_array().expect("items").iter().cloned());
        if page["hasNextPage"] == false {
            break;
        }
    }
    found
}
