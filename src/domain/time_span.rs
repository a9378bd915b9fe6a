//! Time spans in the form of the API and the settings: `[d.]hh:mm:ss[.fffffff]`.

use std::time::Duration;

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Units of 100 ns, 63 bits.
const MAX_TICKS: u128 = i64::MAX as u128;

pub fn parse(text: &str) -> Option<Duration> {
    let digits =
        |t: &str, min: usize, max: usize| (min..=max).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
    // A point before the first colon follows the days; one after it precedes the fraction.
    let (head, rest) = text.split_once(':')?;
    let (days, hours) = head.split_once('.').unwrap_or(("0", head));
    let (rest, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    let two = |part: &str| digits(part, 2, 2).then(|| part.parse::<u64>().ok()).flatten();
    let (minutes, seconds) = rest.split_once(':')?;
    let (hours, minutes, seconds) = (two(hours)?, two(minutes)?, two(seconds)?);
    if hours > 23 || minutes > 59 || seconds > 59 || !digits(days, 1, 8) || !digits(fraction, 1, 7) {
        return None;
    }
    let seconds = days.parse::<u64>().ok()? * DAY.as_secs() + hours * 3_600 + minutes * 60 + seconds;
    let ticks = format!("{fraction:0<7}").parse::<u32>().ok()?;
    let span = Duration::new(seconds, ticks * 100);
    (span.as_nanos() / 100 <= MAX_TICKS).then_some(span)
}

/// Formats a time span, omitting zero days and a zero fraction.
pub fn format(span: Duration) -> String {
    let (seconds, ticks) = (span.as_secs(), span.subsec_nanos() / 100);
    let mut text = match seconds / DAY.as_secs() {
        0 => String::new(),
        days => format!("{days}."),
    };
    text.push_str(&format!("{:02}:{:02}:{:02}", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60));
    if ticks > 0 {
        text.push_str(&format!(".{ticks:07}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_agreed() {
        for (nanoseconds, text) in [
            (0, "00:00:00"),
            (99, "00:00:00"),
            (100, "00:00:00.0000001"),
            (1_500_000_000, "00:00:01.5000000"),
            (59_000_000_000, "00:00:59"),
            (86_399_999_999_900, "23:59:59.9999999"),
            (86_400_000_000_000, "1.00:00:00"),
            (7_776_000_000_000_000, "90.00:00:00"),
        ] {
            assert_eq!(format(Duration::from_nanos(nanoseconds)), text, "{nanoseconds}");
        }
    }
}
