//! Service settings: definitions, validation and typed values.
//!
//! Keys and display names are interface: scripts use the first, activities the second.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::names::wire_names;
use super::time_span::{self, DAY};

pub const INSTANCE_NAME: &str = "Instance.Name";
pub const RETENTION: &str = "History.RetentionPeriod";
pub const RATE_LIMITING: &str = "RateLimiting.Enabled";
pub const PER_KEY: &str = "RateLimiting.AuthenticatedPerMinute";
pub const PER_ADDRESS: &str = "RateLimiting.UnauthenticatedPerMinute";
pub const PARTITION_CHECK: &str = "Sync.PartitionValidationMode";
pub const OUTCOME_LEVEL: &str = "ChangeTracking.SyncOutcomes.Level";
pub const REMOVAL_MINIMUM: &str = "Guard.RemovalMinimum";
pub const REMOVAL_PERCENT: &str = "Guard.RemovalPercent";
pub const REMOVAL_MAXIMUM: &str = "Guard.RemovalMaximum";

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
        /// From 0.
        Count = "Integer",
        /// From 0 to 100.
        Percent = "Integer",
        /// `Error` or `Warning`.
        Severity = "String",
        /// `None`, `Standard` or `Detailed`.
        Level = "String",
    }
}

wire_names! {
    /// How much of a run its items record.
    #[derive(Default)]
    pub enum OutcomeLevel {
        None,
        Standard,
        #[default]
        Detailed,
    }
}

const SEVERITIES: [&str; 2] = ["Error", "Warning"];

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
pub const ALL: [Definition; 10] = [
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
    Definition {
        key: PARTITION_CHECK,
        display_name: "Partition Validation Mode",
        category: "Synchronisation",
        description: "Whether a run of a system whose partitions are not selected is refused (Error) or warned of (Warning).",
        kind: Kind::Severity,
        default: "Error",
    },
    Definition {
        key: OUTCOME_LEVEL,
        display_name: "Sync Outcome Level",
        category: "Synchronisation",
        description: "What the items of a run record: None (counts only), Standard, or Detailed (attributes before and after).",
        kind: Kind::Level,
        default: "Detailed",
    },
    Definition {
        key: REMOVAL_MINIMUM,
        display_name: "Removal Minimum",
        category: "Guard",
        description: "Removals of one run and region up to this number are never held back for their share.",
        kind: Kind::Count,
        default: "5",
    },
    Definition {
        key: REMOVAL_PERCENT,
        display_name: "Removal Percent",
        category: "Guard",
        description: "Share of a region that a run may remove before it is held back; 100 turns this limit off.",
        kind: Kind::Percent,
        default: "10",
    },
    Definition {
        key: REMOVAL_MAXIMUM,
        display_name: "Removal Maximum",
        category: "Guard",
        description: "Removals of one run and region beyond this number are held back; 0 turns this limit off.",
        kind: Kind::Count,
        default: "500",
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
            Kind::Count => number(text, 0..=MAX_RATE).ok_or("Must be an integer from 0 to 1000000."),
            Kind::Percent => number(text, 0..=100).ok_or("Must be an integer from 0 to 100."),
            Kind::Severity => {
                let known = SEVERITIES.iter().find(|name| name.eq_ignore_ascii_case(text));
                known.map(|name| Value::Text((*name).to_owned())).ok_or("Must be Error or Warning.")
            }
            Kind::Level => {
                let level = OutcomeLevel::parse(text).map(|level| Value::Text(level.name().to_owned()));
                level.ok_or("Must be None, Standard or Detailed.")
            }
            Kind::Integer => number(text, 1..=MAX_RATE).ok_or("Must be an integer from 1 to 1000000."),
            Kind::Span => {
                let span = time_span::parse(text).filter(|span| *span >= DAY);
                span.map(Value::Span).ok_or("Must be a time span of at least a day, such as 90.00:00:00.")
            }
        }
    }
}

fn number(text: &str, range: RangeInclusive<u32>) -> Option<Value> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| plain && range.contains(n)).map(Value::Integer)
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
    /// Whether a run without a selected partition is only warned of.
    pub partition_check_warns: bool,
    pub outcome_level: OutcomeLevel,
    pub removal_minimum: u32,
    /// Of the objects of a region; 100 turns the limit off.
    pub removal_percent: u32,
    /// 0 turns the limit off.
    pub removal_maximum: u32,
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
            (PARTITION_CHECK, Value::Text(name)) => self.partition_check_warns = name == "Warning",
            (OUTCOME_LEVEL, Value::Text(name)) => self.outcome_level = OutcomeLevel::parse(&name).unwrap_or_default(),
            (REMOVAL_MINIMUM, Value::Integer(n)) => self.removal_minimum = n,
            (REMOVAL_PERCENT, Value::Integer(n)) => self.removal_percent = n,
            (REMOVAL_MAXIMUM, Value::Integer(n)) => self.removal_maximum = n,
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
