//! Dates with or without a time, in ISO 8601 or a culture's format. Invalid calendar days are rejected.

use std::ops::RangeInclusive;

use time::{Date, Month};

use super::culture::{Culture, Order};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 1970-01-01 as the library counts days.
const EPOCH: i32 = 2_440_588;

/// Microseconds since 1970-01-01 UTC. A time without a zone is UTC, a date alone its midnight; what a fraction has
/// beyond microseconds is cut off.
pub(super) fn date_time(text: &str, culture: Culture) -> Option<i64> {
    // The longest form is a date, nine digits of a second and a zone.
    if text.len() > 48 {
        return None;
    }
    iso(text).or_else(|| local(text, culture))
}

fn iso(text: &str) -> Option<i64> {
    let mut rest = Rest(text);
    let year = rest.number(4, 4)?;
    rest.one_of("-")?;
    let month = rest.number(2, 2)?;
    rest.one_of("-")?;
    let day = calendar_day(year, month, rest.number(2, 2)?)?;
    if rest.0.is_empty() {
        return Some(day);
    }
    rest.one_of("Tt ")?;
    let (hour, within) = clock(&mut rest, 2, ":", 0..=23)?;
    let east = if rest.one_of("Zz").is_some() { 0 } else { offset(&mut rest)? };
    rest.0.is_empty().then_some(day + hour * HOUR + within - east)
}

/// Microseconds east of UTC; 0 without an offset.
fn offset(rest: &mut Rest) -> Option<i64> {
    let Some(sign) = rest.one_of("+-") else { return Some(0) };
    let (hours, minutes) = match rest.number(4, 4) {
        Some(both) => (both / 100, both % 100),
        None => (rest.number(2, 2)?, if rest.one_of(":").is_some() { rest.number(2, 2)? } else { 0 }),
    };
    (hours <= 14 && minutes <= 59).then_some(())?;
    let size = i64::from(hours) * HOUR + i64::from(minutes) * MINUTE;
    Some(if sign == '-' { -size } else { size })
}

fn local(text: &str, culture: Culture) -> Option<i64> {
    let mut rest = Rest(text);
    let day = local_day(&mut rest, culture)?;
    if rest.0.is_empty() {
        return Some(day);
    }
    rest.one_of(",");
    rest.one_of(" ")?;
    let whole = rest.0.trim_end_matches(['a', 'A', 'p', 'P', 'm', 'M']);
    let half = rest.0.get(whole.len()..)?.to_ascii_lowercase();
    let mut rest = Rest(whole.trim_end_matches(' '));
    let (hour, within) = match half.as_str() {
        "" if whole.ends_with(' ') => return None,
        "" => clock(&mut rest, 1, culture.clock, 0..=23)?,
        "am" | "pm" => clock(&mut rest, 1, culture.clock, 1..=12)?,
        _ => return None,
    };
    let hour = match half.as_str() {
        "am" => hour % 12,
        "pm" => hour % 12 + 12,
        _ => hour,
    };
    rest.0.is_empty().then_some(day + hour * HOUR + within)
}

fn local_day(rest: &mut Rest, culture: Culture) -> Option<i64> {
    let year_first = culture.order == Order::Ymd;
    let first = if year_first { rest.number(4, 4)? } else { rest.number(1, 2)? };
    let separator = rest.one_of(culture.separators)?;
    let points = separator == '.';
    // Variants in use: "21. 11. 2026" and "2026. 11. 21.".
    let blank = |rest: &mut Rest| points.then(|| rest.one_of(" "));
    blank(rest);
    let second = rest.number(1, 2)?;
    (rest.one_of(culture.separators)? == separator).then_some(())?;
    blank(rest);
    let third = if year_first { rest.number(1, 2)? } else { rest.number(4, 4)? };
    points.then(|| rest.one_of("."));
    match culture.order {
        Order::Dmy => calendar_day(third, second, first),
        Order::Mdy => calendar_day(third, first, second),
        Order::Ymd => calendar_day(first, second, third),
    }
}

/// Parses hours and minutes, then optional seconds with an optional fraction: hours, and the microseconds beyond them.
fn clock(rest: &mut Rest, digits: usize, separators: &str, hours: RangeInclusive<u32>) -> Option<(i64, i64)> {
    let hour = rest.number(digits, 2)?;
    let separator = rest.one_of(separators)?;
    let minute = rest.number(2, 2)?;
    let (mut second, mut fraction) = (0, 0);
    if rest.0.starts_with(separator) {
        rest.one_of(separators)?;
        second = rest.number(2, 2)?;
        if rest.one_of(".,").is_some() {
            fraction = rest.fraction()?;
        }
    }
    (hours.contains(&hour) && minute <= 59 && second <= 59).then_some(())?;
    Some((i64::from(hour), i64::from(minute) * MINUTE + i64::from(second) * SECOND + fraction))
}

fn calendar_day(year: u32, month: u32, day: u32) -> Option<i64> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let year = i32::try_from(year).ok().filter(|y| *y > 0)?;
    let date = Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()?;
    Some(i64::from(date.to_julian_day() - EPOCH) * DAY)
}

struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// Parses a number of `min` to `max` digits, not followed by another digit.
    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at_checked(digits).filter(|_| (min..=max).contains(&digits))?;
        self.0 = rest;
        number.parse().ok()
    }

    /// Parses up to nine digits behind a point as microseconds.
    fn fraction(&mut self) -> Option<i64> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let nanoseconds = self.number(1, 9)?.checked_mul(10_u32.checked_pow(9_u32.checked_sub(digits as u32)?)?)?;
        Some(i64::from(nanoseconds / 1_000))
    }

    fn one_of(&mut self, characters: &str) -> Option<char> {
        let first = self.0.chars().next().filter(|c| characters.contains(*c))?;
        self.0 = self.0.get(first.len_utf8()..)?;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_date_time(text: &str, culture: Culture) -> bool {
        date_time(text, culture).is_some()
    }

    #[test]
    fn iso_dates_are_read_in_every_culture() {
        for name in ["en-US", "de", "ja", "ko", "nl", "da"] {
            let culture = Culture::named(name).expect(name);
            for good in [
                "2026-11-21",
                "2024-02-29",
                "2026-11-21T08:30",
                "2026-11-21 08:30:15",
                "2026-11-21T08:30:15Z",
                "2026-11-21t08:30:15.123456789z",
                "2026-11-21T08:30:15,5+01:00",
                "2026-11-21T08:30-0330",
                "2026-11-21T08:30+02",
            ] {
                assert!(is_date_time(good, culture), "{good} in {name}");
            }
            for bad in [
                "",
                "2026-02-29",
                "2026-02-31",
                "2026-13-01",
                "2026-00-10",
                "0000-01-01",
                "2026-11-2026",
                "20261121",
                "2026-11",
                "2026-11-21T",
                "2026-11-21T24:00",
                "2026-11-21T08",
                "2026-11-21T08:60",
                "2026-11-21T8:30Z",
                "2026-11-21T08:30:61",
                "2026-11-21T08:30:15.",
                "2026-11-21T08:30:15.1234567890",
                "2026-11-21T08:30Zx",
                "2026-11-21T08:30+99",
                "2026-11-21T08:30+012",
                "2026-11-21T08:30+1",
                "2026-11-21T08:30+01:",
                "2026-11-21x",
                "２０２６-11-21",
            ] {
                assert!(!is_date_time(bad, culture), "{bad} in {name}");
            }
        }
    }

    #[test]
    fn a_culture_brings_its_order_and_separator() {
        for (name, good, bad) in [
            ("", "11/21/2026", "21/11/2026"),
            ("", "11/21/2026 08:30:00", "11.21.2026"),
            ("", "1/2/2026", "1/2/26"),
            ("", "02/29/2024", "02/29/2026"),
            ("en-US", "11/21/2026 8:30 PM", "11/21/2026 13:30 PM"),
            ("en-US", "11/21/2026, 12:30:01pm", "11/21/2026 0:30 am"),
            ("en-US", "11/21/2026 23:59", "11/21/2026 23:59 "),
            ("en-GB", "21/11/2026", "11/21/2026"),
            ("en-CA", "2026/11/21", "11/21/2026"),
            ("de-DE", "21.11.2026", "11.21.2026"),
            ("de-DE", "1.2.2026 08:30", "1.2.2026 8"),
            ("de-DE", "29.02.2024", "31.02.2026"),
            ("de-DE", "30.11.2026", "30/11/2026"),
            ("fr-FR", "21/11/2026 08:30:15", "21/11/2026 08:30:15 uhr"),
            ("nl-NL", "21-11-2026", "21/11/2026"),
            ("pt-BR", "21/11/2026", "2026/11/21"),
            ("da-DK", "21-11-2026 08.30.00", "21-11.2026"),
            ("fi-FI", "21.11.2026 8.30", "21.11.2026 8-30"),
            ("cs-CZ", "21. 11. 2026", "21 .11 .2026"),
            ("sv-SE", "2026-1-2", "2/1/2026"),
            ("ja-JP", "2026/1/2 8:30", "2026/13/2"),
            ("zh-CN", "2026/11/21", "21/11/2026"),
            ("ko-KR", "2026. 11. 21.", "2026. 31. 12."),
        ] {
            let culture = if name.is_empty() { Culture::INVARIANT } else { Culture::named(name).expect(name) };
            assert!(is_date_time(good, culture), "{good} in {name}");
            assert!(!is_date_time(bad, culture), "{bad} in {name}");
        }
    }

    #[test]
    fn a_date_is_a_point_in_time() {
        for (name, text, wanted) in [
            ("", "1970-01-01", 0),
            ("", "1969-12-31T23:59:59.999999Z", -1),
            ("", "0001-01-01", -62_135_596_800 * SECOND),
            ("", "9999-12-31T23:59:59.999999999", 253_402_300_800 * SECOND - 1),
            ("", "2026-11-21T08:30", 1_795_249_800 * SECOND),
            ("", "2026-11-21 08:30:15.5", 1_795_249_815 * SECOND + 500_000),
            ("", "2026-11-21T08:30:15,000001+01:00", 1_795_246_215 * SECOND + 1),
            ("", "2026-11-21T08:30-0330", 1_795_262_400 * SECOND),
            ("", "2026-11-21T00:00+14", 1_795_168_800 * SECOND),
            ("en-US", "11/21/2026 12:30 am", 1_795_221_000 * SECOND),
            ("en-US", "11/21/2026, 12:30:01pm", 1_795_264_201 * SECOND),
            ("en-US", "11/21/2026 8:30 PM", 1_795_293_000 * SECOND),
            ("de-DE", "21.11.2026 08:30", 1_795_249_800 * SECOND),
            ("fi-FI", "21.11.2026 8.30", 1_795_249_800 * SECOND),
            ("ko-KR", "2026. 11. 21.", 1_795_219_200 * SECOND),
        ] {
            let culture = if name.is_empty() { Culture::INVARIANT } else { Culture::named(name).expect(name) };
            assert_eq!(date_time(text, culture), Some(wanted), "{text}");
        }
    }
}
