//! Service settings: definitions, validation and typed values.
//!
//! Keys and display names are interface: scripts use the first, activities the second.

use std::collections::BTreeMap;
use std::time::Duration;

use super::names::wire_names;
use super::time_span::{self, DAY};

pub const INSTANCE_NAME: &str = "Instance.Name";
pub const RETENTION: &str = "History.RetentionPeriod";
pub const RATE_LIMITING: &str = "RateLimiting.Enabled";
pub const PER_KEY: &str = "RateLimiting.AuthenticatedPerMinute";
pub const PER_ADDRESS: &str = "RateLimiting.UnauthenticatedPerMinute";

/// Longest accepted value, in code points.
pub const MAX_VALUE: usize = 2_000;

const MAX_NAME: usize = 100;
const MAX_RATE: u32 = 1_000_000;

wire_names! {
    pub enum Kind {
        Text = "String",
        Flag = "Boolean",
        /// From 1.
        Integer,
        /// At least a day.
        Span = "TimeSpan",
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Case-sensitive.
    pub key: &'static str,
    pub display_name: &'static str,
    pub category: &'static str,
    pub description: &'static str,
    pub kind: Kind,
    pub default: &'static str,
}

/// All settings in listing order.
pub const ALL: [Definition; 5] = [
    Definition {
        key: INSTANCE_NAME,
        display_name: "Instance Name",
        category: "Maintenance",
        description: "What this instance calls itself: the title of the API description and the start-up log line.",
        kind: Kind::Text,
        default: "JIM",
    },
    Definition {
        key: RETENTION,
        display_name: "History Retention Period",
        category: "History",
        description: "How long history is kept before a cleanup removes it.",
        kind: Kind::Span,
        default: "90.00:00:00",
    },
    Definition {
        key: RATE_LIMITING,
        display_name: "Rate Limiting Enabled",
        category: "Security",
        description: "Whether requests are counted and those over a limit refused.",
        kind: Kind::Flag,
        default: "true",
    },
    Definition {
        key: PER_KEY,
        display_name: "Authenticated Requests Per Minute",
        category: "Security",
        description: "Requests that one API key may make in a minute.",
        kind: Kind::Integer,
        default: "60000",
    },
    Definition {
        key: PER_ADDRESS,
        display_name: "Unauthenticated Requests Per Minute",
        category: "Security",
        description: "Failed or anonymous requests that may come from one address in a minute.",
        kind: Kind::Integer,
        default: "600",
    },
];

/// Setting with exactly this key.
pub fn find(key: &str) -> Option<&'static Definition> {
    ALL.iter().find(|d| d.key == key)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(String),
    Flag(bool),
    Integer(u32),
    Span(Duration),
}

impl Definition {
    /// The value in its stored spelling, or the validation error.
    pub fn normalise(&self, text: &str) -> Result<String, &'static str> {
        Ok(match self.read(text)? {
            Value::Text(text) => text,
            Value::Flag(flag) => flag.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Span(span) => time_span::format(span),
        })
    }

    fn read(&self, text: &str) -> Result<Value, &'static str> {
        match self.kind {
            Kind::Text if (1..=MAX_NAME).contains(&text.chars().count()) => Ok(Value::Text(text.to_owned())),
            Kind::Text => Err("Must be 1-100 characters."),
            Kind::Flag if text.eq_ignore_ascii_case("true") => Ok(Value::Flag(true)),
            Kind::Flag if text.eq_ignore_ascii_case("false") => Ok(Value::Flag(false)),
            Kind::Flag => Err("Must be true or false."),
            Kind::Integer => {
                let plain = text.bytes().all(|b| b.is_ascii_digit());
                let number = text.parse().ok().filter(|n| plain && (1..=MAX_RATE).contains(n));
                number.map(Value::Integer).ok_or("Must be an integer from 1 to 1000000.")
            }
            Kind::Span => {
                let span = time_span::parse(text).filter(|span| *span >= DAY);
                span.map(Value::Span).ok_or("Must be a time span of at least a day, such as 90.00:00:00.")
            }
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceSettings {
    pub instance_name: String,
    /// May reach back further than the calendar.
    pub history_retention: Duration,
    pub rate_limiting: bool,
    /// Requests per minute of one API key.
    pub per_key: u32,
    /// Failed or anonymous requests per minute of one address.
    pub per_address: u32,
    overrides: BTreeMap<String, String>,
}

impl ServiceSettings {
    /// Defaults with these overrides; an invalid override is ignored.
    pub fn new(overrides: BTreeMap<String, String>) -> Self {
        let mut all = ServiceSettings::default();
        for definition in &ALL {
            let given = overrides.get(definition.key).and_then(|text| definition.read(text).ok());
            if let Some(value) = given.or_else(|| definition.read(definition.default).ok()) {
                all.set(definition.key, value);
            }
        }
        all.overrides = overrides;
        all
    }

    /// Override of a setting; `None` at its default.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.overrides.get(key).map(String::as_str)
    }

    fn set(&mut self, key: &str, value: Value) {
        match (key, value) {
            (INSTANCE_NAME, Value::Text(name)) => self.instance_name = name,
            (RETENTION, Value::Span(span)) => self.history_retention = span,
            (RATE_LIMITING, Value::Flag(on)) => self.rate_limiting = on,
            (PER_KEY, Value::Integer(n)) => self.per_key = n,
            (PER_ADDRESS, Value::Integer(n)) => self.per_address = n,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_acceptable_in_their_own_spelling() {
        for definition in &ALL {
            assert_eq!(definition.normalise(definition.default).as_deref(), Ok(definition.default));
        }
        let all = ServiceSettings::new(BTreeMap::new());
        let expected = ("JIM", 90 * DAY, true, 60_000, 600);
        let seen = (all.instance_name.as_str(), all.history_retention, all.rate_limiting, all.per_key, all.per_address);
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_not_acceptable_has_no_effect() {
        let of = |key: &str, value: &str| ServiceSettings::new(BTreeMap::from([(key.to_owned(), value.to_owned())]));
        assert_eq!((of(PER_ADDRESS, "7").per_address, of(PER_ADDRESS, "seven").per_address), (7, 600));
        assert_eq!(of(INSTANCE_NAME, "Lab").value(INSTANCE_NAME), Some("Lab"));
    }

    #[test]
    fn time_spans_have_one_form() {
        let retention = find(RETENTION).expect("the setting");
        for (text, stored) in [
            ("1.00:00:00", Some("1.00:00:00")),
            ("0001.23:59:59.5", Some("1.23:59:59.5000000")),
            ("90.00:00:00.0000000", Some("90.00:00:00")),
            ("10675199.02:48:05.4775807", Some("10675199.02:48:05.4775807")),
            ("10675199.02:48:05.4775808", None),
            ("99999999.00:00:00", None),
            ("0.23:59:59.9999999", None),
            ("23:59:59", None),
            ("24:00:00", None),
            ("1.24:00:00", None),
            ("1.00:60:00", None),
            ("1.00:00:60", None),
            ("1.0:00:00", None),
            ("1.00:00", None),
            ("1.00:00:00.", None),
            ("1.00:00:00.12345678", None),
            ("1.00:00:00:00", None),
            (".00:00:00", None),
            ("-90.00:00:00", None),
            ("+90.00:00:00", None),
            (" 90.00:00:00", None),
            ("1.00:00:0é", None),
            ("90", None),
            ("P90D", None),
        ] {
            assert_eq!(retention.normalise(text).ok().as_deref(), stored, "{text}");
        }
    }
}
