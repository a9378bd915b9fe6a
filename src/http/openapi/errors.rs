//! The errors that every operation can answer, each written once and referred to.

use serde_json::{Map, Value, json};

/// One status and what is told with it.
pub struct Kind {
    pub status: &'static str,
    /// What the response is called in the components.
    pub name: &'static str,
    pub description: &'static str,
    /// The codes with a message each for an example.
    codes: &'static [(&'static str, &'static str)],
}

#[rustfmt::skip]
pub const KINDS: [Kind; 13] = [
    Kind { status: "400", name: "BadRequest",
        description: "Body or query cannot be parsed, a field is missing or invalid, or the call is not possible for this \
            resource or its settings.",
        codes: &[("VALIDATION_ERROR", "One or more fields are invalid."), ("BAD_REQUEST", "Connector settings are invalid: Host is required.")] },
    Kind { status: "401", name: "Unauthorised", description: "Authentication required.",
        codes: &[("UNAUTHORISED", "An accepted API key is required in the X-Api-Key header.")] },
    Kind { status: "403", name: "Forbidden", description: "Insufficient permissions.",
        codes: &[("FORBIDDEN", "The Administrator role is required.")] },
    Kind { status: "404", name: "NotFound", description: "Something that the path names does not exist.",
        codes: &[("NOT_FOUND", "Connected system 7 does not exist.")] },
    Kind { status: "405", name: "MethodNotAllowed", description: "The path does not know this verb; `Allow` names those it knows.",
        codes: &[("METHOD_NOT_ALLOWED", "This path allows GET, POST, HEAD.")] },
    Kind { status: "408", name: "RequestTimeout", description: "The body did not arrive within 30 seconds.",
        codes: &[("REQUEST_TIMEOUT", "The request body did not arrive within 30 s.")] },
    Kind { status: "409", name: "Conflict", description: "Something else holds the resource, or a rule forbids it now.",
        codes: &[("CONFLICT", "An import is already running on this system.")] },
    Kind { status: "413", name: "PayloadTooLarge", description: "The body is larger than 2 MiB.",
        codes: &[("PAYLOAD_TOO_LARGE", "The request body is larger than 2097152 bytes.")] },
    Kind { status: "415", name: "UnsupportedMediaType", description: "The body is not JSON in UTF-8, or it is compressed.",
        codes: &[("UNSUPPORTED_MEDIA_TYPE", "The request body must be application/json.")] },
    Kind { status: "429", name: "TooManyRequests",
        description: "More requests than a key or an address may make in a minute; `Retry-After` tells when to come back.",
        codes: &[("TOO_MANY_REQUESTS", "Too many requests with this API key; try again in 30 s.")] },
    Kind { status: "431", name: "RequestHeaderFieldsTooLarge", description: "The head of the request is too large. Without a body.",
        codes: &[] },
    Kind { status: "500", name: "InternalError",
        description: "An unexpected fault; `details` names the request for the server's log.",
        codes: &[("INTERNAL_ERROR", "An unexpected error occurred; the server log names the cause.")] },
    Kind { status: "503", name: "ServiceUnavailable", description: "Busy or not ready; the same request may succeed later.",
        codes: &[("SERVICE_UNAVAILABLE", "The database is busy.")] },
];

/// The kind of this status.
pub fn of(status: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.status == status)
}

impl Kind {
    /// A reference to the response.
    pub fn reference(&self) -> Value {
        json!({ "$ref": format!("#/components/responses/{}", self.name) })
    }

    /// The response as it stands in the components.
    pub fn response(&self) -> Value {
        let mut response = json!({ "description": self.description });
        self.complete(&mut response);
        response
    }

    /// Adds what every response of this status has and this one does not say.
    pub fn complete(&self, response: &mut Value) {
        if self.codes.is_empty() {
            return;
        }
        let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
        match self.status {
            "405" => headers["Allow"] = json!({ "$ref": "#/components/headers/Allow" }),
            "429" | "503" => headers["Retry-After"] = json!({ "$ref": "#/components/headers/RetryAfter" }),
            _ => {}
        }
        response["headers"] = headers;
        if response.get("content").is_none() {
            response["content"] = self.content();
        }
    }

    fn content(&self) -> Value {
        let schema = json!({ "$ref": "#/components/schemas/Error" });
        let examples: Map<String, Value> = self.codes.iter().map(|(code, text)| example(code, text)).collect();
        json!({ "application/json": { "schema": schema, "examples": examples } })
    }
}

fn example(code: &str, message: &str) -> (String, Value) {
    let invalid = (code == "VALIDATION_ERROR").then(|| json!({ "name": ["Must be 1-200 characters."] }));
    let details = (code == "INTERNAL_ERROR").then_some("requestId: 0b5c4b1e-6f0e-4b7e-9a57-2d0c3c1f8a11");
    let body = json!({ "code": code, "message": message, "details": details, "validationErrors": invalid,
        "timestamp": "2026-04-05T10:30:00Z" });
    (code.to_owned(), json!({ "value": body }))
}
