//! Points in time as the wire writes and reads them.

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

/// Reads a point in time: `Z`, an offset, or none (UTC), with 0-7 fraction digits. In UTC it must lie in the years
/// 1-9999, the only ones that can be written again.
pub fn parse_date(text: &str) -> Option<OffsetDateTime> {
    use time::format_description::well_known::Iso8601;
    let fraction = text.split_once('.').map_or(0, |(_, f)| f.bytes().take_while(u8::is_ascii_digit).count());
    if fraction > 7 || !text.contains('T') {
        return None;
    }
    let with_offset = OffsetDateTime::parse(text, &Iso8601::PARSING).ok();
    let at =
        with_offset.or_else(|| Some(time::PrimitiveDateTime::parse(text, &Iso8601::PARSING).ok()?.assume_utc()))?;
    let at = at.checked_to_offset(time::UtcOffset::UTC)?;
    (1..=9999).contains(&at.year()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written_as_agreed() {
        for (text, out) in [
            ("2026-04-05T10:30:00Z", Some("2026-04-05T10:30:00Z")),
            ("2026-04-05T10:30:00", Some("2026-04-05T10:30:00Z")),
            ("2026-04-05T12:30:00+02:00", Some("2026-04-05T10:30:00Z")),
            ("2026-04-05T10:30:00.1234567Z", Some("2026-04-05T10:30:00.1234567Z")),
            ("2026-04-05T10:30:00.5000000Z", Some("2026-04-05T10:30:00.5Z")),
            ("2026-04-05T10:30:00.12345678Z", None),
            ("2026-04-05", None),
            ("yesterday", None),
        ] {
            assert_eq!(parse_date(text).map(date).as_deref(), out, "{text}");
        }
    }
}
