//! What is so of every database: each rule finds what breaks it.

use super::workload::Workload;
use crate::support::database::damage::{self, Damage};
use crate::support::database::{Database, invariants};
use crate::tier;

/// What breaks rules of a database with an imported hierarchy, and a word of the rule.
const BREAKS: [(Damage, &str); 9] = [
    (damage::MISSING_PARENT, "reference"),
    (damage::PARTITION_OF_ANOTHER_SYSTEM, "partition"),
    (damage::CIRCLE_WITH_THE_NEWEST, "parents lead"),
    (damage::ONE_NAME_TWICE, "one row"),
    (damage::ONE_ID_TWICE, "one row"),
    (damage::SYSTEM_LOST, "one activity"),
    (damage::CREATIONS_LOST, "one activity"),
    (damage::CREATION_TWICE, "one activity"),
    (damage::IMPORTS_LOST, "imported"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_of_what_is_stored_finds_what_breaks_it() {
    let workload = Workload::new().await;
    let database = workload.place.path("jim.db");
    invariants::hold(&database, "before");
    for (damage, rule) in BREAKS {
        workload.reset();
        damage.apply(&database);
        let found = invariants::broken(&Database::open(&database));
        assert!(found.iter().any(|f| f.contains(rule)), "{damage:?}: {found:?}");
    }
    tier::figure(format!("{} ways to break the rules, each found", BREAKS.len()));
}
