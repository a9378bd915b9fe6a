//! Times of directories (RFC 4517, sections 3.3.13 and 3.3.34) as microseconds since 1970-01-01 UTC.

use time::{Date, Month};

const MICROSECONDS: i64 = 1_000_000;
/// The older form has two digits of the year; this one begins 1950 (X.680, section 47; RFC 5280, section 4.1.2.5.1).
const PIVOT: i32 = 50;
/// Years of a GeneralizedTime without seconds. Others with as many digits are read in the older form.
const SHORT_YEARS: std::ops::RangeInclusive<i32> = 1600..=2199;

/// Microseconds of a GeneralizedTime, or of the older UTCTime; `None` if it is neither.
///
/// The forms overlap where the year is short: `200102030405Z` is a day of 2001, `260102030405Z` one of 2026.
pub(super) fn microseconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    match digits {
        14 => generalized(number, rest),
        10 | 12 => generalized(number, rest).or_else(|| older(number, rest)),
        _ => None,
    }
}

fn generalized(number: &str, rest: &str) -> Option<i64> {
    let year = number.get(..4)?.parse().ok()?;
    if number.len() < 14 && !SHORT_YEARS.contains(&year) {
        return None;
    }
    of_parts(year, number.get(4..)?, rest)
}

fn older(number: &str, rest: &str) -> Option<i64> {
    let year: i32 = number.get(..2)?.parse().ok()?;
    let year = if year < PIVOT { 2000 + year } else { 1900 + year };
    // Its minutes are mandatory, and it has no fraction.
    (!rest.starts_with(['.', ','])).then(|| of_parts(year, number.get(2..)?, rest)).flatten()
}

/// Month, day and hour, then optional minute and second, each of two digits; then a fraction of the last, and the zone.
fn of_parts(year: i32, number: &str, rest: &str) -> Option<i64> {
    let part = |at: usize| number.get(2 * at..2 * at + 2)?.parse::<i64>().ok();
    let (month, day, hour) = (part(0)?, part(1)?, part(2)?);
    let (minute, second) = (part(3), part(4));
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok().filter(|_| year > 0)?;
    // A leap second is written 60.
    if hour > 23 || minute.is_some_and(|m| m > 59) || second.is_some_and(|s| s > 60) {
        return None;
    }
    let unit = match (minute, second) {
        (None, _) => 3600,
        (_, None) => 60,
        _ => 1,
    };
    let (fraction, zone) = fraction(rest, unit * MICROSECONDS)?;
    let days = i64::from(date.to_julian_day()) - i64::from(Date::from_ordinal_date(1970, 1).ok()?.to_julian_day());
    let seconds = days * 86_400 + hour * 3600 + minute.unwrap_or(0) * 60 + second.unwrap_or(0);
    Some((seconds - offset(zone)?) * MICROSECONDS + fraction)
}

/// Fraction of a unit in microseconds, cut off below one, and what follows it.
fn fraction(rest: &str, unit: i64) -> Option<(i64, &str)> {
    let Some(after) = rest.strip_prefix(['.', ',']) else { return Some((0, rest)) };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let (number, zone) = after.split_at_checked(digits).filter(|_| digits > 0)?;
    let mut scale = i128::from(unit);
    let mut micros = 0_i128;
    let mut power = 1_i128;
    for digit in number.bytes().take(12) {
        power *= 10;
        micros = micros * 10 + i128::from(digit - b'0');
    }
    scale *= micros;
    Some((i64::try_from(scale / power).ok()?, zone))
}

/// Seconds east of Greenwich: `Z`, `+0200` or `-05`.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 = digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_times_are_read() {
        let second = MICROSECONDS;
        for (text, expected) in [
            ("19700101000000Z", 0),
            ("19700101000001Z", second),
            ("20261130221500Z", 1_796_076_900 * second),
            ("20261130221500.0Z", 1_796_076_900 * second),
            ("20261130221500.5Z", 1_796_076_900 * second + 500_000),
            ("20261130221500,123456789Z", 1_796_076_900 * second + 123_456),
            ("20261130221500z", 1_796_076_900 * second),
            ("20261130231500+0100", 1_796_076_900 * second),
            ("20261130171500-05", 1_796_076_900 * second),
            ("20261201000000+0145", 1_796_076_900 * second),
            ("202611302215Z", 1_796_076_900 * second),
            ("2026113022Z", (1_796_076_900 - 900) * second),
            ("2026113022.25Z", 1_796_076_900 * second),
            ("202611302214.5Z", (1_796_076_900 - 30) * second),
            ("261130221500Z", 1_796_076_900 * second),
            ("2611302215Z", 1_796_076_900 * second),
            ("700101000000Z", 0),
            ("200102030405Z", 981_173_100 * second),
            ("16010101000000.0Z", -11_644_473_600 * second),
            ("00010101000000.0Z", -62_135_596_800 * second),
            ("99991231235959Z", 253_402_300_799 * second),
            ("19981231235960Z", 915_148_800 * second),
        ] {
            assert_eq!(microseconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "Z",
            "20261130221500",
            "2026-11-30T22:15:00Z",
            "20261330221500Z",
            "20260230221500Z",
            "20261130241500Z",
            "20261130226000Z",
            "20261130221561Z",
            "20261130221500.Z",
            "20261130221500+1",
            "20261130221500+2400",
            "20261130221500+0é",
            "20261130221500Zx",
            "00000101000000Z",
            "2026113022150Z",
            "133500000000000000",
            "٢٠٢٦1130221500Z",
        ] {
            assert_eq!(microseconds(text), None, "{text}");
        }
    }
}
