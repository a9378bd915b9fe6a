//! Manifest of a backup, in plain lines. It never holds a key: the keys that are needed are named by their ids.

use std::fmt;

use crate::store::contents::Contents;

/// The first line; another number is another format.
const FORMAT: &str = "jim backup 1";

#[derive(Debug, PartialEq, Eq)]
pub struct Manifest {
    pub created: String,
    /// Version of the program that wrote it.
    pub program: String,
    /// Length of the copy in bytes.
    pub size: u64,
    /// Digest of the copy in hexadecimal.
    pub sha256: String,
    pub contents: Contents,
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORMAT}\ncreated {}\nprogram {}", self.created, self.program)?;
        writeln!(f, "schema {}\nsize {}\nsha256 {}", self.contents.schema, self.size, self.sha256)?;
        for kid in &self.contents.kids {
            writeln!(f, "key {kid:08x}")?;
        }
        for (table, rows) in &self.contents.rows {
            writeln!(f, "rows {table} {rows}")?;
        }
        Ok(())
    }
}

impl Manifest {
    /// Parses exactly what `Display` writes.
    ///
    /// # Errors
    /// The reason, to follow "its manifest: ".
    pub fn parse(text: &str) -> Result<Manifest, String> {
        let mut lines = text.lines();
        match lines.next() {
            Some(FORMAT) => {}
            Some(other) if other.starts_with("jim backup ") => {
                return Err("it was written by another version of jim; restore it with that version".to_owned());
            }
            _ => return Err(format!("it does not begin with \"{FORMAT}\"")),
        }
        let mut field = |name: &str| {
            let line = lines.next().and_then(|l| l.strip_prefix(name)?.strip_prefix(' '));
            line.filter(|v| !v.is_empty()).ok_or_else(|| format!("the line \"{name}\" is missing"))
        };
        let created = field("created")?.to_owned();
        let program = field("program")?.to_owned();
        let schema = field("schema")?.parse().map_err(|_| "its schema is no number")?;
        let size = field("size")?.parse().map_err(|_| "its size is no number")?;
        let sha256 = field("sha256")?.to_owned();
        let (mut kids, mut rows) = (Vec::new(), Vec::new());
        for line in lines {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["key", kid] if rows.is_empty() => {
                    kids.push(u32::from_str_radix(kid, 16).map_err(|_| "a key in it has no id")?);
                }
                ["rows", table, count] => {
                    rows.push(((*table).to_owned(), count.parse().map_err(|_| "its rows are no number")?));
                }
                _ => return Err("it has a line that does not belong there".to_owned()),
            }
        }
        let manifest = Manifest { created, program, size, sha256, contents: Contents { schema, kids, rows } };
        if manifest.to_string() != text {
            return Err("it was edited".to_owned());
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_read() {
        let contents = Contents {
            schema: 1,
            kids: vec![7, 0xdead_beef],
            rows: vec![("activities".to_owned(), 12), ("api_keys".to_owned(), 1)],
        };
        let manifest = Manifest {
            created: "2026-04-05T10:30:00.0000000Z".to_owned(),
            program: "0.1.0".to_owned(),
            size: 4096,
            sha256: "ab".repeat(32),
            contents,
        };
        let text = manifest.to_string();
        assert!(text.contains("\nkey 00000007\nkey deadbeef\nrows activities 12\n"), "{text}");
        assert_eq!(Manifest::parse(&text), Ok(manifest));
        for cut in 0..text.len() {
            // Which lines of these belong there is for the copy itself to say.
            let between = text[cut..].starts_with("rows") || text[cut..].starts_with("key");
            assert!(Manifest::parse(&text[..cut]).is_err() || between, "cut at {cut}");
        }
        for (from, to) in [
            ("jim backup 1", "jim backup 2"),
            ("schema 1", "schema one"),
            ("schema 1", "schema 01"),
            ("size 4096", "size -1"),
            ("size 4096", "size 99999999999999999999"),
            ("key deadbeef", "key nonsense"),
            ("key deadbeef", "key DEADBEEF"),
            ("rows api_keys 1", "rows api_keys 1 "),
            ("rows api_keys 1", "key 00000001"),
            ("created ", "Created "),
            ("\n", "\r\n"),
        ] {
            let bent = text.replacen(from, to, 1);
            assert_ne!(bent, text, "{from}");
            assert!(Manifest::parse(&bent).is_err(), "{from} -> {to}");
        }
        assert!(Manifest::parse(&format!("{text}\n")).is_err() && Manifest::parse("").is_err());
    }
}
