//! Parts of the OpenAPI document that all operations share: path parameters, security, errors, headers, samples.

use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use super::{errors, examples};
use crate::http::call::Access;
use crate::http::routes::Route;

/// Path parameters: name, type, description, sample.
const PATH_PARAMETERS: [(&str, &str, &str, &str); 17] = [
    ("connectedSystemId", "integer", "ID of the connected system", "1"),
    ("objectTypeId", "integer", "ID of the object type", "10"),
    ("attributeId", "integer", "ID of the attribute", "100"),
    ("partitionId", "integer", "ID of the partition", "1"),
    ("containerId", "integer", "ID of the container", "10"),
    ("runProfileId", "integer", "ID of the run profile", "1"),
    ("connectorDefinitionId", "integer", "ID of the connector definition", "3"),
    ("apiKeyId", "uuid", "ID of the API key", "\"5d0f6a5e-3b0a-4c86-8f3e-0a3d7f1c2b11\""),
    ("activityId", "uuid", "ID of the activity", "\"8c1d5a3e-72b4-4f0e-9a1c-6b2e4d7f9a10\""),
    ("itemId", "uuid", "ID of the item", "\"3f9a1c5e-72b4-8003-9a1c-6b2e4d7f9a10\""),
    ("objectId", "uuid", "ID of the connector space object", "\"3f9a1c5e-72b4-8001-9a1c-6b2e4d7f9a10\""),
    ("attributeName", "string", "Name of the attribute, ignoring case", "\"member\""),
    ("certificateId", "uuid", "ID of the certificate", "\"f2b1c7d8-5e4a-4d3b-8c6f-1a2b3c4d5e6f\""),
    ("name", "string", "Exact name of the connector definition", "\"JIM LDAP Connector\""),
    ("key", "string", "Exact key of the service setting", "\"Instance.Name\""),
    ("file", "string", "Name of a file of the page", "\"swagger-ui.css\""),
    ("topic", "string", "Topic of the guide", "\"backup\""),
];

pub(super) fn complete(described: OpenApi, routes: &[Route]) -> Value {
    let mut whole = serde_json::to_value(described).unwrap_or_default();
    let samples = examples::all();
    for (path, item) in members(&mut whole["paths"]) {
        for (verb, operation) in members(item) {
            let route = routes.iter().find(|r| r.template == *path && r.method.as_str().eq_ignore_ascii_case(verb));
            complete_operation(path, route.map_or(Access::Administrator, |route| route.access), operation);
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            examples::add(operation, &samples[&id]);
        }
    }
    join_inlined(&mut whole["components"]["schemas"]);
    require_members(&mut whole["components"]["schemas"]);
    complete_dictionaries(&mut whole["components"]["schemas"]);
    drop_unused(&mut whole);
    let paths = whole["paths"].to_string();
    let used =
        errors::RESPONSES.iter().filter(|kind| paths.contains(&format!("#/components/responses/{}\"", kind.name)));
    let components = &mut whole["components"];
    components["responses"] = used.map(|kind| (kind.name.to_owned(), kind.response())).collect();
    components["headers"] = headers();
    components["securitySchemes"] = json!({
        "apiKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key",
            "description": "An API key: `jim_...`. The page keeps it in memory only, until it is closed." },
        "bearer": { "type": "http", "scheme": "bearer", "description": "An API key, for `/metrics` only." }
    });
    whole
}

fn headers() -> Value {
    json!({
        "RequestId": { "required": true, "schema": { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" },
            "description": "The caller's `X-Request-Id` if it is acceptable, otherwise a new GUID." },
        "Location": { "required": true, "schema": { "type": "string", "format": "uri-reference" },
            "description": "The path of the new resource." },
        "RetryAfter": { "required": true, "schema": { "type": "integer", "minimum": 1 },
            "description": "Seconds to wait." },
        "ContentDisposition": { "required": true, "schema": { "type": "string" },
            "description": "Names the file after the certificate." }
    })
}

fn complete_operation(path: &str, access: Access, operation: &mut Value) {
    texts(operation);
    parameters(path, operation);
    let role = security(access, operation);
    let has_body = operation.get("requestBody").is_some();
    if has_body {
        optional_body(operation);
    }
    // The rate limit applies to every request with a key.
    let is_counted = role.is_some() || path.starts_with("/api/v1/") && !path.starts_with("/api/v1/health");
    let mut wanted = vec!["400", "431", "500", "503"];
    wanted.extend(is_counted.then_some("429"));
    wanted.extend(role.is_some().then_some("401"));
    wanted.extend(role.is_some_and(|role| !role.is_empty()).then_some("403"));
    wanted.extend(path.contains('{').then_some("404"));
    if has_body {
        wanted.extend(["408", "413", "415"]);
    }
    let responses = &mut operation["responses"];
    for kind in wanted.into_iter().filter_map(errors::of) {
        if responses.get(kind.status).is_none() {
            responses[kind.status] = kind.reference();
        }
    }
    for (status, response) in members(responses) {
        if response.get("$ref").is_some() {
            continue;
        }
        if let Some(kind) = errors::of(status) {
            kind.complete(response);
            continue;
        }
        let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
        if status == "201" {
            headers["Location"] = json!({ "$ref": "#/components/headers/Location" });
        }
        if path.ends_with("/download") {
            headers["Content-Disposition"] = json!({ "$ref": "#/components/headers/ContentDisposition" });
        }
        response["headers"] = headers;
        let content = response.get_mut("content").into_iter().flat_map(members);
        for (_, content) in content.filter(|(kind, _)| *kind != "application/json") {
            // utoipa describes bytes as a list of numbers.
            if content["schema"]["type"] == "array" {
                content["schema"] = json!({ "type": "string", "format": "binary" });
            }
        }
    }
    if let Some(responses) = responses.as_object_mut() {
        responses.sort_keys();
    }
}

/// Removes null from the schema of an optional body.
fn optional_body(operation: &mut Value) {
    for (_, content) in members(&mut operation["requestBody"]["content"]) {
        remove_null(&mut content["schema"]);
    }
}

/// Replaces `oneOf` with null by the other schema.
fn remove_null(schema: &mut Value) {
    if let Some(other) = schema["oneOf"].as_array().and_then(|all| all.iter().find(|s| s["type"] != "null")) {
        *schema = other.clone();
    }
}

/// Removes the full stop of summaries and the line breaks of descriptions.
fn texts(operation: &mut Value) {
    if let Some(summary) = operation["summary"].as_str() {
        operation["summary"] = json!(summary.trim_end_matches('.'));
    }
    if let Some(description) = operation["description"].as_str() {
        operation["description"] = json!(description.replace('\n', " "));
    }
}

fn parameters(path: &str, operation: &mut Value) {
    let mut all: Vec<Value> = Vec::new();
    for name in path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')) {
        let Some((_, kind, description, sample)) = PATH_PARAMETERS.iter().find(|(n, ..)| *n == name) else { continue };
        let schema = match *kind {
            "integer" => json!({ "type": "integer", "format": "int64" }),
            "uuid" => json!({ "type": "string", "format": "uuid" }),
            _ => json!({ "type": "string", "minLength": 1 }),
        };
        let sample: Value = serde_json::from_str(sample).unwrap_or_default();
        all.push(json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema,
            "example": sample }));
    }
    for mut parameter in operation["parameters"].as_array().cloned().unwrap_or_default() {
        if let Some(text) = parameter["description"].as_str() {
            parameter["description"] = json!(text.replace('\n', " "));
        }
        // A query has no null.
        let schema = &mut parameter["schema"];
        if let Some(kind) = schema["type"].as_array().and_then(|kinds| kinds.iter().find(|kind| *kind != "null")) {
            schema["type"] = kind.clone();
        }
        remove_null(schema);
        // NUL is refused in bodies only, where it would be stored; in a query it finds nothing.
        if let Some(members) = schema.as_object_mut() {
            members.shift_remove("pattern");
        }
        all.push(parameter);
    }
    if !all.is_empty() {
        operation["parameters"] = Value::Array(all);
    }
}

/// Describes the access level. Returns the required role, empty if any valid key is accepted, `None` if open.
fn security(access: Access, operation: &mut Value) -> Option<&'static str> {
    let (role, text) = match access {
        Access::Anonymous => (None, "Open: no API key is needed."),
        Access::AnyKey => (Some(""), "Needs any valid API key."),
        Access::Reader | Access::Scraper => (Some("Reader"), "Needs the role Reader or Administrator."),
        Access::Administrator => (Some("Administrator"), "Needs the role Administrator."),
    };
    operation["security"] = match role {
        None => json!([]),
        Some(_) if access == Access::Scraper => json!([{ "apiKey": [] }, { "bearer": [] }]),
        Some(_) => json!([{ "apiKey": [] }]),
    };
    if let Some(role) = role.filter(|role| !role.is_empty()) {
        // Scopes are only for OAuth2 and OpenID Connect; validators warn about others.
        operation["x-required-role"] = json!(role);
    }
    let description = operation["description"].as_str().unwrap_or_default();
    operation["description"] = json!(format!("{description}\n\n{text}").trim_start());
    role
}

/// Merges description and null into inlined schemas, which utoipa puts beside them (`allOf`, `oneOf`).
fn join_inlined(schemas: &mut Value) {
    for (_, schema) in members(schemas) {
        for property in schema.get_mut("properties").into_iter().flat_map(|all| members(all).map(|(_, one)| one)) {
            if let Some([inlined, described]) = property["allOf"].as_array().map(Vec::as_slice)
                && described.as_object().is_some_and(|d| d.len() == 2 && d.contains_key("description"))
            {
                let (mut joined, description) = (inlined.clone(), described["description"].clone());
                joined["description"] = description;
                *property = joined;
            }
            if let Some([inlined, null]) = property["oneOf"].as_array().map(Vec::as_slice)
                && *null == json!({ "type": "null" })
                && inlined.get("type").is_some()
            {
                let (mut joined, description) = (inlined.clone(), property.get("description").cloned());
                joined["type"] = match &joined["type"] {
                    Value::Array(kinds) => kinds.iter().cloned().chain(["null".into()]).collect(),
                    kind => json!([kind, "null"]),
                };
                if let Some(description) = description {
                    joined["description"] = description;
                }
                *property = joined;
            }
        }
    }
}

/// Marks nullable members of answers as required: they are written as null, never left out.
fn require_members(schemas: &mut Value) {
    for (_, schema) in members(schemas).filter(|(name, _)| !name.ends_with("Request")) {
        require_nullable(schema);
        let parts = schema.get_mut("allOf").and_then(Value::as_array_mut);
        parts.into_iter().flatten().for_each(require_nullable);
    }
}

fn require_nullable(schema: &mut Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let can_be_null = |s: &Value| {
        let kinds = s["type"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"));
        kinds || s["oneOf"].as_array().is_some_and(|all| all.iter().any(|s| s["type"] == "null"))
    };
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let always = |name: &str, s: &Value| required.iter().any(|r| r == name) || can_be_null(s);
    schema["required"] = properties.iter().filter(|(name, s)| always(name, s)).map(|(n, _)| n.as_str()).collect();
}

/// Allows null entries in dictionaries of requests; those of bulk updates must not be empty.
fn complete_dictionaries(schemas: &mut Value) {
    for (name, schema) in members(schemas).filter(|(name, _)| name.ends_with("Request")) {
        for (_, property) in members(&mut schema["properties"]) {
            if property.get("propertyNames").is_none() {
                continue;
            }
            let entry = property["additionalProperties"].clone();
            property["additionalProperties"] = json!({ "oneOf": [{ "type": "null" }, entry] });
            if name.starts_with("Bulk") {
                property["minProperties"] = json!(1);
            }
        }
    }
}

/// Drops unreferenced schemas: items of a page, which are inlined in the schema of the page.
fn drop_unused(whole: &mut Value) {
    let text = whole.to_string();
    if let Some(schemas) = whole["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| name == "Error" || text.contains(&format!("\"#/components/schemas/{name}\"")));
    }
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flat_map(|members| members.iter_mut())
}
