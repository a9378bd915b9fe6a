//! Error responses of the OpenAPI document, shared by all operations as components.

use serde_json::{Map, Value, json};

pub struct Response {
    pub status: &'static str,
    /// Name of the component.
    pub name: &'static str,
    pub description: &'static str,
    /// Codes with an example message.
    codes: &'static [(&'static str, &'static str)],
}

#[rustfmt::skip]
pub const RESPONSES: [Response; 12] = [
    Response { status: "400", name: "BadRequest",
        description: "Body or query cannot be parsed, a field is missing or invalid, or the operation is not possible for \
            this resource or its settings.",
        codes: &[("VALIDATION_ERROR", "One or more fields are invalid."), ("BAD_REQUEST", "Connector settings are invalid: Host is required.")] },
    Response { status: "401", name: "Unauthorised", description: "Authentication required.",
        codes: &[("UNAUTHORISED", "An accepted API key is required in the X-Api-Key header.")] },
    Response { status: "403", name: "Forbidden", description: "Insufficient permissions.",
        codes: &[("FORBIDDEN", "The Administrator role is required.")] },
    Response { status: "404", name: "NotFound", description: "A resource of the path does not exist.",
        codes: &[("NOT_FOUND", "Connected system 7 does not exist.")] },
    Response { status: "408", name: "RequestTimeout", description: "The body did not arrive within 30 seconds.",
        codes: &[("REQUEST_TIMEOUT", "The request body did not arrive within 30 s.")] },
    Response { status: "409", name: "Conflict", description: "The resource is in use, or its state forbids the operation.",
        codes: &[("CONFLICT", "An import is already running on this system.")] },
    Response { status: "413", name: "PayloadTooLarge", description: "The body is larger than 2 MiB.",
        codes: &[("PAYLOAD_TOO_LARGE", "The request body is larger than 2097152 bytes.")] },
    Response { status: "415", name: "UnsupportedMediaType", description: "The body is not JSON in UTF-8, or it is compressed.",
        codes: &[("UNSUPPORTED_MEDIA_TYPE", "The request body must be application/json.")] },
    Response { status: "429", name: "TooManyRequests",
        description: "More requests than a key or an address may make in a minute; `Retry-After` says how long to wait.",
        codes: &[("TOO_MANY_REQUESTS", "Too many requests with this API key; try again in 30 s.")] },
    Response { status: "431", name: "RequestHeaderFieldsTooLarge", description: "The head of the request is too large; the answer has no body.",
        codes: &[] },
    Response { status: "500", name: "InternalError",
        description: "An unexpected error; `details` holds the request id, which the server's log repeats.",
        codes: &[("INTERNAL_ERROR", "An unexpected error occurred; the server log names the cause.")] },
    Response { status: "503", name: "ServiceUnavailable", description: "Busy or not ready; the same request may succeed later.",
        codes: &[("SERVICE_UNAVAILABLE", "The database is busy.")] },
];

pub fn of(status: &str) -> Option<&'static Response> {
    RESPONSES.iter().find(|kind| kind.status == status)
}

impl Response {
    pub fn reference(&self) -> Value {
        json!({ "$ref": format!("#/components/responses/{}", self.name) })
    }

    pub fn response(&self) -> Value {
        let mut response = json!({ "description": self.description });
        self.complete(&mut response);
        response
    }

    /// Adds missing headers and content to a response of this status.
    pub fn complete(&self, response: &mut Value) {
        if self.codes.is_empty() {
            return;
        }
        let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
        if ["429", "503"].contains(&self.status) {
            headers["Retry-After"] = json!({ "$ref": "#/components/headers/RetryAfter" });
        }
        response["headers"] = headers;
        if response.get("content").is_none() {
            let schema = json!({ "$ref": "#/components/schemas/Error" });
            let examples: Map<String, Value> = self.codes.iter().map(|(code, text)| example(code, text)).collect();
            response["content"] = json!({ "application/json": { "schema": schema, "examples": examples } });
        }
    }
}

fn example(code: &str, message: &str) -> (String, Value) {
    let invalid = (code == "VALIDATION_ERROR").then(|| json!({ "name": ["Must be 1-200 characters."] }));
    let details = (code == "INTERNAL_ERROR").then_some("requestId: 0b5c4b1e-6f0e-4b7e-9a57-2d0c3c1f8a11");
    let body = json!({ "code": code, "message": message, "details": details, "validationErrors": invalid,
        "timestamp": "2026-04-05T10:30:00Z" });
    (code.to_owned(), json!({ "value": body }))
}
