//! Recognition of dates with or without a time, in ISO 8601 or a culture's format. Invalid calendar days are rejected.

use time::{Date, Month};

use super::culture::{Culture, Order};

pub(super) fn is_date_time(text: &str, culture: Culture) -> bool {
    // The longest form is a date, nine digits of a second and a zone.
    text.len() <= 48 && (iso(text).is_some() || local(text, culture).is_some())
}

fn iso(text: &str) -> Option<()> {
    let mut rest = Rest(text);
    let year = rest.number(4, 4)?;
    rest.one_of("-")?;
    let month = rest.number(2, 2)?;
    rest.one_of("-")?;
    let day = rest.number(2, 2)?;
    calendar_day(year, month, day)?;
    if rest.0.is_empty() {
        return Some(());
    }
    rest.one_of("Tt ")?;
    clock(&mut rest, 2, ":", 0..=23)?;
    if rest.one_of("Zz").is_none() && rest.one_of("+-").is_some() {
        let (hours, minutes) = match rest.number(4, 4) {
            Some(both) => (both / 100, both % 100),
            None => (rest.number(2, 2)?, if rest.one_of(":").is_some() { rest.number(2, 2)? } else { 0 }),
        };
        (hours <= 14 && minutes <= 59).then_some(())?;
    }
    rest.0.is_empty().then_some(())
}

fn local(text: &str, culture: Culture) -> Option<()> {
    let mut rest = Rest(text);
    let year_first = culture.order == Order::Ymd;
    let first = if year_first { rest.number(4, 4)? } else { rest.number(1, 2)? };
    let separator = rest.one_of(culture.separators)?;
    let points = separator == '.';
    // Variants in use: "21. 11. 2026" and "2026. 11. 21.".
    let blank = |rest: &mut Rest| points.then(|| rest.one_of(" "));
    blank(&mut rest);
    let second = rest.number(1, 2)?;
    (rest.one_of(culture.separators)? == separator).then_some(())?;
    blank(&mut rest);
    let third = if year_first { rest.number(1, 2)? } else { rest.number(4, 4)? };
    points.then(|| rest.one_of("."));
    match culture.order {
        Order::Dmy => calendar_day(third, second, first)?,
        Order::Mdy => calendar_day(third, first, second)?,
        Order::Ymd => calendar_day(first, second, third)?,
    }
    if rest.0.is_empty() {
        return Some(());
    }
    rest.one_of(",");
    rest.one_of(" ")?;
    let whole = rest.0.trim_end_matches(['a', 'A', 'p', 'P', 'm', 'M']);
    let half = rest.0.get(whole.len()..)?.to_ascii_lowercase();
    let mut rest = Rest(whole.trim_end_matches(' '));
    match half.as_str() {
        "" if whole.ends_with(' ') => return None,
        "" => clock(&mut rest, 1, culture.clock, 0..=23)?,
        "am" | "pm" => clock(&mut rest, 1, culture.clock, 1..=12)?,
        _ => return None,
    }
    rest.0.is_empty().then_some(())
}

/// Parses hours and minutes, then optional seconds with an optional fraction.
fn clock(rest: &mut Rest, digits: usize, separators: &str, hours: std::ops::RangeInclusive<u32>) -> Option<()> {
    let hour = rest.number(digits, 2)?;
    let separator = rest.one_of(separators)?;
    let minute = rest.number(2, 2)?;
    let mut second = 0;
    if rest.0.starts_with(separator) {
        rest.one_of(separators)?;
        second = rest.number(2, 2)?;
        if rest.one_of(".,").is_some() {
            rest.number(1, 9)?;
        }
    }
    (hours.contains(&hour) && minute <= 59 && second <= 59).then_some(())
}

fn calendar_day(year: u32, month: u32, day: u32) -> Option<()> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let year = i32::try_from(year).ok().filter(|y| *y > 0)?;
    Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok().map(|_| ())
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

    fn one_of(&mut self, characters: &str) -> Option<char> {
        let first = self.0.chars().next().filter(|c| characters.contains(*c))?;
        self.0 = self.0.get(first.len_utf8()..)?;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
