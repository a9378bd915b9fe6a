//! Progress of a run on standard error: one line that is overwritten in a terminal, nothing elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::plain;

const INTERVAL: Duration = Duration::from_millis(200);
/// Characters of the bar, and of its part that moves while the end is unknown.
const WIDTH: usize = 20;
const MOVING: usize = 5;
/// Columns of a terminal that does not say how wide it is.
const DEFAULT_COLUMNS: usize = 80;

/// The line, until it is dropped.
pub struct Bar {
    live: bool,
    begun: Instant,
    frame: usize,
    shown: Shown,
}

/// What the line says.
struct Shown {
    title: String,
    processed: u64,
    /// 0: not known.
    total: u64,
    message: String,
}

impl Bar {
    pub fn new(title: &str) -> Bar {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let shown = Shown { title: title.to_owned(), processed: 0, total: 0, message: "Queued".to_owned() };
        Bar { live: std::io::stderr().is_terminal() && !dumb, begun: Instant::now(), frame: 0, shown }
    }

    /// Takes over what an activity shows.
    pub fn update(&mut self, activity: &Value) {
        let number = |name: &str| activity[name].as_u64().unwrap_or_default();
        self.shown.processed = number("objectsProcessed");
        self.shown.total = number("objectsToProcess");
        self.say(activity["message"].as_str().unwrap_or_default());
    }

    /// Replaces the text behind the numbers.
    pub fn say(&mut self, message: &str) {
        self.shown.message = plain::one_line(message).into_owned();
    }

    /// Prints a line that stays, in a terminal or not.
    pub fn note(&mut self, text: &str) {
        self.clear();
        let _ = writeln!(std::io::stderr(), "jim: {}", plain::one_line(text));
    }

    /// Lets time pass, with a line that moves.
    pub async fn wait(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(INTERVAL)).await;
            self.draw();
        }
    }

    fn draw(&mut self) {
        if !self.live {
            return;
        }
        let columns = rustix::termios::tcgetwinsize(std::io::stderr())
            .map_or(DEFAULT_COLUMNS, |size| usize::from(size.ws_col).max(1));
        self.frame += 1;
        let text = self.shown.line(self.frame, self.begun.elapsed().as_secs());
        // The last column stays free, where some terminals break the line.
        let text: String = text.chars().take(columns.saturating_sub(1)).collect();
        let _ = write!(std::io::stderr(), "\r\x1b[2K{text}");
    }

    fn clear(&self) {
        if self.live && self.frame > 0 {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Shown {
    fn line(&self, frame: usize, seconds: u64) -> String {
        let Shown { title, processed, total, message } = self;
        let (bar, amount) = match total {
            0 => (moving(frame), format!("{processed} objects")),
            total => (filled(*processed, *total), format!("{processed} of {total}")),
        };
        format!("{title} [{bar}] {amount}, {}:{:02}  {message}", seconds / 60, seconds % 60)
    }
}

/// A bar without an end: its part goes to and fro.
fn moving(frame: usize) -> String {
    let way = WIDTH - MOVING;
    let at = frame % (2 * way);
    let before = if at < way { at } else { 2 * way - at };
    format!("{}{}{}", " ".repeat(before), "=".repeat(MOVING), " ".repeat(way - before))
}

fn filled(processed: u64, total: u64) -> String {
    let part = u128::from(processed.min(total)) * WIDTH as u128 / u128::from(total.max(1));
    let part = usize::try_from(part).unwrap_or(WIDTH);
    format!("{}{}", "=".repeat(part), " ".repeat(WIDTH - part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_moves_and_keeps_its_width() {
        let frames: Vec<String> = (0..40).map(moving).collect();
        assert!(frames.iter().all(|bar| bar.len() == WIDTH && bar.trim() == "====="), "{frames:?}");
        assert!(frames.windows(2).all(|pair| pair[0] != pair[1]));
        let bars = [(0, 9), (5, 10), (10, 10), (11, 10), (u64::MAX, u64::MAX), (1, 0)]
            .map(|(n, of)| filled(n, of).trim().len());
        assert_eq!(bars, [0, 10, 20, 20, 20, 0]);
    }

    #[test]
    fn the_line_has_title_numbers_time_and_phase() {
        let mut shown = Shown { title: "HR, Full".into(), processed: 5, total: 0, message: "Reading".into() };
        assert_eq!(shown.line(0, 61), "HR, Full [=====               ] 5 objects, 1:01  Reading");
        shown.total = 10;
        assert_eq!(shown.line(7, 0), "HR, Full [==========          ] 5 of 10, 0:00  Reading");
    }
}
