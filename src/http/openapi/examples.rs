//! Sample requests and answers of the OpenAPI document, by operation, from `examples/*.json`.

use serde_json::{Value, json};

#[rustfmt::skip]
const CHAPTERS: [&str; 11] = [
    include_str!("examples/connected_systems.json"),
    include_str!("examples/imports.json"),
    include_str!("examples/object_types.json"),
    include_str!("examples/partitions.json"),
    include_str!("examples/run_profiles.json"),
    include_str!("examples/connector_space.json"),
    include_str!("examples/connector_definitions.json"),
    include_str!("examples/api_keys.json"),
    include_str!("examples/system.json"),
    include_str!("examples/activities.json"),
    include_str!("examples/certificates.json"),
];

/// Samples by operation: `request` or named `requests`, and `response`.
pub fn all() -> Value {
    let mut all = json!({});
    for chapter in CHAPTERS {
        let Ok(Value::Object(operations)) = serde_json::from_str(chapter) else { continue };
        if let Some(all) = all.as_object_mut() {
            all.extend(operations);
        }
    }
    all
}

pub fn add(operation: &mut Value, samples: &Value) {
    if let Some(body) = operation.pointer_mut("/requestBody/content/application~1json") {
        if let Some(named) = samples["requests"].as_object() {
            let all = named.iter().map(|(name, value)| (name.clone(), json!({ "value": value })));
            body["examples"] = Value::Object(all.collect());
        } else if let Some(one) = samples.get("request") {
            body["example"] = one.clone();
        }
    }
    let Some(one) = samples.get("response") else { return };
    for status in ["200", "201", "202"] {
        let place = format!("/responses/{status}/content/application~1json");
        if let Some(body) = operation.pointer_mut(&place) {
            body["example"] = one.clone();
        }
    }
}
