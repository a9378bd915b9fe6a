//! Lines of the demonstration: none wider than [`WIDTH`], and a command that is broken can still be pasted.

use serde_json::Value;

/// The maximum width of a line, in characters.
const WIDTH: usize = 100;

/// Fills lines with words. `start` begins the first line, `indent` each later one; `end` ends each but the last.
pub fn fill<'a>(words: impl IntoIterator<Item = &'a str>, start: &str, indent: &str, end: &str) -> String {
    let count = |text: &str| text.chars().count();
    let (mut out, mut width, mut empty) = (start.to_owned(), count(start), true);
    for word in words {
        if !empty && width + 1 + count(word) + count(end) > WIDTH {
            out.push_str(&format!("{end}\n{indent}"));
            (width, empty) = (count(indent), true);
        }
        if !empty {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += count(word);
        empty = false;
    }
    out
}

/// A text, broken at its blanks.
pub fn text(text: &str, start: &str) -> String {
    fill(text.split(' '), start, &" ".repeat(start.chars().count()), "")
}

/// A command for a shell. The words are quoted already.
pub fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    fill(words, "  ", "      ", " \\")
}

/// A request as a curl command. JSON has room for line ends after each of its objects.
pub fn curl(method: &str, url: &str, body: Option<&Value>) -> String {
    let mut words = vec!["curl -s"];
    let method = format!("-X {method}");
    if method != "-X GET" {
        words.push(&method);
    }
    // A question mark would be a pattern of file names.
    let quoted = format!("\"{url}\"");
    words.extend([if url.contains('?') { &quoted } else { url }, "-H \"X-Api-Key: $KEY\""]);
    let Some(body) = body else { return command(words) };
    words.push("-H 'Content-Type: application/json'");
    let body = format!("{}'", body.to_string().replace('\'', "'\\''"));
    format!("{} \\\n{}", command(words), fill(body.split_inclusive("},"), "      -d '", "          ", ""))
}
