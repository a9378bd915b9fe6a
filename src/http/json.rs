//! Reading request bodies and writing response values: the JSON conventions of the contract in one place.

use time::OffsetDateTime;

/// The current time as the wire writes it.
pub fn now() -> String {
    date(OffsetDateTime::now_utc())
}

/// A point in time: ISO 8601 UTC, fraction digits only when not zero, at most seven.
pub fn date(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    let ticks = at.nanosecond() / 100;
    if ticks > 0 {
        text.push_str(format!(".{ticks:07}").trim_end_matches('0'));
    }
    text.push('Z');
    text
}
