//! Holds every answer against the description of the API: its status is one that the operation may have, its headers
//! are there and its body has the schema that is promised.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::Answer;

/// The description as the server gives it.
pub static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&jim::http::description("JIM")).expect("JSON"));

static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Longer bodies and deeper ones have schemas of which shorter ones are validated; the validator is recursive.
const LONGEST: usize = 64 * 1024;
const DEEPEST: usize = 100;

/// Fails unless the answer is what the description promises.
#[track_caller]
pub fn holds(method: &str, path: &str, answer: &Answer) {
    let place = format!("{method} {path} {}", answer.status);
    let status = answer.status.to_string();
    let verb = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let items = fitting(path);
    let operation = items.iter().find_map(|(template, item)| Some((template, item.get(&verb)?)));
    // The port that monitoring has for itself has no other routes.
    let is_nothing = answer.status == 404 && answer.body["message"] == "There is nothing at this path.";
    // Faults of the message itself are told before anything is known of the path.
    let response = match operation {
        _ if is_nothing => &DESCRIPTION["components"]["responses"]["NotFound"],
        Some((_, operation)) => &operation["responses"][&status],
        None => match (answer.status, items.is_empty()) {
            // Not described, since no operation answers it: an error as all others.
            (405, false) => &DESCRIPTION["components"]["responses"]["BadRequest"],
            (405, true) if method == "TRACE" => &DESCRIPTION["components"]["responses"]["BadRequest"],
            (400, _) => &DESCRIPTION["components"]["responses"]["BadRequest"],
            _ => panic!("{place}: nothing like it is described"),
        },
    };
    assert!(response.is_object(), "{place}: the status is not described: {}", answer.body);
    let response = resolved(response);
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let header = resolved(header);
        let text = answer.header(name);
        assert!(!text.is_empty() || header["required"] != true, "{place}: there is no {name}");
        let value = match header["schema"]["type"] == "integer" {
            true => json!(text.parse::<i64>().expect("an integer")),
            false => json!(text),
        };
        valid(&place, &format!("header {name}"), &header["schema"], &value);
    }
    if method == "HEAD" || answer.raw.is_empty() {
        return;
    }
    let kind = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
    let content = &response["content"][&kind];
    assert!(content.is_object(), "{place}: {kind} is not described");
    if kind == "application/json" && answer.raw.len() <= LONGEST && depth(&answer.raw) <= DEEPEST {
        let operation = operation.map_or("none", |(template, _)| template.as_str());
        valid(&place, &format!("{verb} {operation} {status}"), &content["schema"], &answer.body);
    }
}

/// Fails unless the value has the schema, which is known by this name from then on.
#[track_caller]
pub fn valid(place: &str, name: &str, schema: &Value, value: &Value) {
    let validator = {
        let mut validators = VALIDATORS.lock().expect("no test panics here");
        Arc::clone(validators.entry(name.to_owned()).or_insert_with(|| Arc::new(validator(schema))))
    };
    let faults: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{place}: {} in {value}", faults.join("; "));
}

fn validator(schema: &Value) -> Validator {
    let mut whole = schema.clone();
    whole["components"] = json!({ "schemas": DESCRIPTION["components"]["schemas"] });
    jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema")
}

/// The templates that fit a path, as the server matches them.
fn fitting(path: &str) -> Vec<(&'static String, &'static Value)> {
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Option<Vec<String>> =
        path.split('/').map(|s| percent_decode_str(s).decode_utf8().ok().map(|s| s.to_lowercase())).collect();
    let Some(segments) = segments else { return Vec::new() };
    let fits = |template: &str| {
        let wanted: Vec<&str> = template.split('/').collect();
        let fits =
            |(w, s): (&&str, &String)| if w.starts_with('{') { !s.is_empty() } else { w.eq_ignore_ascii_case(s) };
        wanted.len() == segments.len() && wanted.iter().zip(&segments).all(fits)
    };
    let paths = DESCRIPTION["paths"].as_object().expect("paths").iter();
    let fitting: Vec<_> = paths.filter(|(template, _)| fits(template)).collect();
    // What is said literally comes before what takes anything.
    let fewest = fitting.iter().map(|(template, _)| template.matches('{').count()).min();
    fitting.into_iter().filter(|(template, _)| Some(template.matches('{').count()) == fewest).collect()
}

/// What is referred to.
pub fn resolved(value: &'static Value) -> &'static Value {
    let Some(reference) = value["$ref"].as_str() else { return value };
    DESCRIPTION.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference} is not there"))
}

fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for b in body {
        match b {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
