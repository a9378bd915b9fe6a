//! Dates of requests and answers: ISO 8601 in UTC.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

pub fn now() -> String {
    date(OffsetDateTime::now_utc())
}

/// Formats a date, with up to seven fraction digits if they are not zero.
pub fn date(at: OffsetDateTime) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]");
    // Cannot fail: the format fits every date.
    let mut text = at.to_offset(UtcOffset::UTC).format(FORMAT).unwrap_or_default();
    text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    text.push('Z');
    text
}

/// Parses `2026-04-05T10:30:00`, with 0-7 fraction digits or without seconds, and `Z`, an offset as `+02:00`, or none
/// (UTC). Years 1-9999 only, because others cannot be formatted again.
pub fn parse_date(text: &str) -> Option<OffsetDateTime> {
    use time::format_description::well_known::Iso8601;
    // The library also accepts weeks, ordinal days, signed years and more.
    let (local, offset) = split_offset(text);
    let (minutes, rest) = local.split_at_checked(16)?;
    let has_form = fits(minutes, "0000-00-00T00:00")
        && (rest.is_empty() || fits(rest, ":00") || (rest.len() <= 11 && rest.len() > 4 && fits_fraction(rest)))
        && (matches!(offset, "" | "Z") || fits(offset.get(1..)?, "00:00"));
    let offset = if offset.is_empty() { "Z" } else { offset };
    let text = has_form.then(|| format!("{local}{offset}"))?;
    let at = OffsetDateTime::parse(&text, &Iso8601::PARSING).ok()?.checked_to_offset(UtcOffset::UTC)?;
    (1..=9999).contains(&at.year()).then_some(at)
}

/// Parses a date of a query: also a day alone, which means 00:00 UTC.
pub fn parse_date_or_day(text: &str) -> Option<OffsetDateTime> {
    if fits(text, "0000-00-00") {
        return parse_date(&format!("{text}T00:00:00"));
    }
    // A plus that was not percent-encoded is decoded as a space.
    parse_date(&text.replacen(' ', "+", 1))
}

/// Splits date and time from the offset.
fn split_offset(text: &str) -> (&str, &str) {
    let time = text.find('T').unwrap_or(text.len());
    let at = text.get(time..).and_then(|t| t.find(['Z', '+', '-'])).map_or(text.len(), |at| time + at);
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// Whether the text matches the pattern, where `0` stands for a digit.
fn fits(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(t, p)| if p == b'0' { t.is_ascii_digit() } else { t == p })
}

fn fits_fraction(text: &str) -> bool {
    let (seconds, fraction) = text.split_at_checked(4).unwrap_or((text, ""));
    fits(seconds, ":00.") && fraction.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_parsed_and_formatted() {
        for (text, out) in [
            ("2026-04-05T10:30:00Z", Some("2026-04-05T10:30:00Z")),
            ("2026-04-05T10:30:00", Some("2026-04-05T10:30:00Z")),
            ("2026-04-05T12:30:00+02:00", Some("2026-04-05T10:30:00Z")),
            ("2026-04-05T10:30:00.1234567Z", Some("2026-04-05T10:30:00.1234567Z")),
            ("2026-04-05T10:30:00.5000000Z", Some("2026-04-05T10:30:00.5Z")),
            ("2026-04-05T10:30:00.12345678Z", None),
            ("2026-04-05T10:30", Some("2026-04-05T10:30:00Z")),
            ("2026-04-05T23:30-01:00", Some("2026-04-06T00:30:00Z")),
            ("2026-04-05T10:30:00.Z", None),
            ("2026-04-05T10:30:00,5Z", None),
            ("2026-04-05T10:30.5Z", None),
            ("2026-04-05T10:30:00+02", None),
            ("2026-04-05T10:30:00+0200", None),
            ("2026-04-05T10:30:00 02:00", None),
            ("20260405T103000Z", None),
            ("2030-W01-1T10:00:00Z", None),
            ("2030-001T10:00:00Z", None),
            ("+002030-01-01T10:00:00Z", None),
            ("2026-02-29T10:30:00Z", None),
            ("2026-04-05T24:30:00Z", None),
            ("2026-04-05T10:30:00\u{e9}", None),
            ("0000-01-01T00:00:00Z", None),
            ("9999-12-31T23:59:59-01:00", None),
            ("2026-04-05", None),
            ("", None),
            ("yesterday", None),
        ] {
            assert_eq!(parse_date(text).map(date).as_deref(), out, "{text}");
        }
    }

    #[test]
    fn a_query_accepts_a_day_and_a_plus_that_is_not_encoded() {
        for (text, out) in [
            ("2026-04-05", Some("2026-04-05T00:00:00Z")),
            ("2026-04-05T10:30:00.1234567 02:00", Some("2026-04-05T08:30:00.1234567Z")),
            ("2026-04-05T10:30:00Z", Some("2026-04-05T10:30:00Z")),
            ("2026-W14-7", None),
            ("2026-4-5", None),
            ("2026-04-05 10:30:00", None),
        ] {
            assert_eq!(parse_date_or_day(text).map(date).as_deref(), out, "{text}");
        }
    }
}
