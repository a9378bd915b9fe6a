//! Names as OpenLDAP reads and writes them, held against our own reading: `slapdn` is its parser as a program.
//!
//! Where the two differ, one of the rules below says why. A difference that no rule explains fails the test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use jim::domain::dn::Dn;

use crate::properties::choices::Choices;
use crate::properties::names::name_of_key;
use crate::seed;
use crate::tier;

/// Texts given to one run of the program, which stops at the first that it refuses.
const BATCH: usize = 250;

/// What OpenLDAP makes of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Theirs {
    normalised: String,
    pretty: String,
}

fn configuration(folder: &Path) -> PathBuf {
    let schema = |name: &str| format!("include /etc/ldap/schema/{name}.schema\n");
    let path = folder.join("slapd.conf");
    let text: String = ["core", "cosine", "inetorgperson"].map(schema).concat();
    std::fs::write(&path, text).expect("a configuration");
    path
}

/// Asks about texts; `None` for what is refused.
fn ask(configuration: &Path, texts: &[String]) -> Vec<Option<Theirs>> {
    let mut answers = Vec::with_capacity(texts.len());
    while answers.len() < texts.len() {
        let some = &texts[answers.len()..texts.len().min(answers.len() + BATCH)];
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let run = Command::new("slapdn").env("PATH", path).arg("-f").arg(configuration).arg("--").args(some).output();
        let run = run.expect("slapdn");
        let out = String::from_utf8(run.stdout).expect("UTF-8");
        let mut rest = out.as_str();
        let before = answers.len();
        // Each answer repeats its text. An angle bracket in what follows is always escaped.
        for text in some {
            let Some(answer) = rest.strip_prefix(&format!("DN: <{text}> check succeeded\nnormalized: <")) else {
                break;
            };
            let (normalised, answer) = answer.split_once(">\npretty:     <").expect("a second form");
            let (pretty, answer) = answer.split_once(">\n").expect("an end");
            answers.push(Some(Theirs { normalised: normalised.to_owned(), pretty: pretty.to_owned() }));
            rest = answer;
        }
        if answers.len() - before < some.len() {
            assert!(
                String::from_utf8_lossy(&run.stderr).contains("check failed"),
                "{}",
                String::from_utf8_lossy(&run.stderr)
            );
            answers.push(None);
        }
    }
    answers
}

/// Why OpenLDAP refuses what we read.
fn why_refused(text: &str, dn: &Dn) -> Option<&'static str> {
    let values = || dn.rdns().iter().flat_map(|rdn| rdn.pairs());
    let types = |rdn: &jim::domain::dn::Rdn| {
        let mut types: Vec<String> = rdn.pairs().iter().map(|p| p.attribute().to_owned()).collect();
        types.dedup();
        types.len() < rdn.pairs().len()
    };
    let escapes_nothing = || {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('\\') {
            let hex = after.as_bytes().iter().take(2).filter(|b| b.is_ascii_hexdigit()).count() == 2;
            if !hex && !after.starts_with([',', '+', '"', '\\', '<', '>', ';', '=', ' ', '#']) {
                return true;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        false
    };
    let rules: [(&'static str, bool); 8] = [
        ("an empty value", values().any(|p| p.value().trim_matches(BLANKS).is_empty())),
        ("the older prefix oid.", text.to_lowercase().contains("oid.")),
        ("an attribute type that its schema lacks", values().any(|p| ["x-1", "o_o"].contains(&p.attribute()))),
        ("one attribute type twice in an RDN", dn.rdns().iter().any(types)),
        ("a value in hexadecimal is BER there and text here", text.contains('#')),
        ("angle brackets and quotes that are not escaped", text.contains(['<', '>', '"'])),
        ("a backslash before what needs none", escapes_nothing()),
        ("the syntax of dc and c", values().any(|p| ["dc", "c"].contains(&p.attribute()))),
    ];
    rules.iter().find(|(_, is)| *is).map(|(why, _)| *why)
}

/// What OpenLDAP takes a text for that it reads in another way, and why.
fn read_otherwise(text: &str) -> Option<(&'static str, Dn)> {
    let (mut plain, mut quoted, mut tabs, mut kept, mut rest) = (String::new(), false, false, false, text);
    while let Some(c) = rest.chars().next() {
        let pair = rest.as_bytes().get(1..3).is_some_and(|b| b.iter().all(u8::is_ascii_hexdigit));
        let mut length = c.len_utf8();
        if c == '\\' && quoted && pair {
            rest = &rest[1..];
            length = 2;
        } else if c == '\\' {
            length += rest[1..].chars().next().map_or(0, char::len_utf8);
        }
        quoted ^= c == '"';
        let is_tab = c == '\t' && !quoted;
        tabs |= is_tab;
        plain.push_str(if is_tab { " " } else { &rest[..length] });
        let backslash = rest.starts_with("\\\\") && !quoted;
        rest = &rest[length..];
        let after = rest.trim_start_matches([' ', '\t']);
        if backslash && after.len() < rest.len() && (after.is_empty() || after.starts_with([',', ';', '+'])) {
            plain.push_str(if rest.starts_with('\t') { "\\09" } else { "\\ " });
            kept = true;
        }
    }
    let rule = match (tabs, plain != text) {
        _ if kept => "an escaped backslash before blanks at the end of a value keeps one of them there",
        (true, _) => "a tab at the edge of a value is white space there",
        (false, true) => {
            "two hexadecimal digits between quotes are a byte here, as in RFC 2253, and two characters there"
        }
        (false, false) => return None,
    };
    Dn::parse(&plain).ok().map(|dn| (rule, dn))
}

/// Why a name that both read alike has another normal form there.
fn why_folded_otherwise(dn: &Dn) -> Option<&'static str> {
    let has = |what: &dyn Fn(&str) -> bool| dn.rdns().iter().flat_map(|r| r.pairs()).any(|p| what(p.value()));
    let rules: [(&'static str, bool); 2] = [
        ("Unicode is normalised there, not here", has(&|v| v.contains(['ﬁ', 'Ǆ', 'İ', '\u{301}']))),
        ("a value of blanks alone is one blank there and nothing here", has(&|v| v.trim_matches(' ').is_empty())),
    ];
    rules.iter().find(|(_, is)| *is).map(|(why, _)| *why)
}

/// What is white space at the edges of a value to OpenLDAP; to us, the blank only.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// A text whose names are mostly known to OpenLDAP's schema.
fn text(choices: &mut Choices<'_>) -> String {
    const TYPES: [&str; 13] = [
        "ou",
        "OU",
        "cn",
        "o",
        "l",
        "st",
        "street",
        "uid",
        "userid",
        "commonName",
        "2.5.4.11",
        "organizationalUnitName",
        "2.5.4.10",
    ];
    /// Which OpenLDAP normalises.
    const UNSETTLED: [&str; 4] = ["e\u{301}", "İ", "ﬁ", "Ǆ"];
    const PIECES: [&str; 40] = [
        "a", "B", "c", "Z", "0", "é", "É", "d", "ж", "ß", "Σ", "ς", "日本", "🙂", "Ö", "f", " ", "  ", "\\ ", "\\20",
        "\\,", "\\2C", "\\2c", "\\+", "\\\"", "\\\\", "\\#", "=", "\\=", "\\<", "\\;", "\\00", "\\0A", "\\C3\\A9",
        "\\c3\\a9", "\\1E", "\\1F", "\\1D", "x", "'",
    ];
    const ODD: [&str; 14] =
        ["#", "<", "\"", "\\x", "\t", "\\\t", ",", "+", ";", "\\FF", "\\", ",oid.2.5.4.3=a", ",x-1=a", ",c=DEU"];
    let mut out = String::new();
    for rdn in 0..1 + choices.below(4) {
        if rdn > 0 {
            out.push_str(choices.one_of(&[",", ",", ", ", " ,", ";", " ; "]));
        }
        for pair in 0..1 + choices.below(12) / 10 {
            out.push_str(if pair > 0 { choices.one_of(&["+", " + "]) } else { "" });
            // The second pair of an RDN has another type than the first, but for a few.
            let second = choices.once_in(60);
            out.push_str(if pair == 0 || second { choices.one_of(&TYPES) } else { "sn" });
            out.push_str(choices.one_of(&["=", "=", "=", " = ", "= "]));
            let quoted = choices.once_in(12);
            // A value of blanks alone is refused there, and each refusal costs a run of the program.
            let first = if choices.once_in(60) { "" } else { choices.one_of(&PIECES[..16]) };
            let mut pieces: Vec<&str> = (0..choices.below(5)).map(|_| choices.one_of(&PIECES)).collect();
            pieces.insert(choices.below(pieces.len() + 1), first);
            if choices.once_in(16) {
                pieces.push(choices.one_of(&UNSETTLED));
            }
            let value = pieces.concat();
            out.push_str(&if quoted { format!("\"{value}\"") } else { value });
        }
        if choices.once_in(80) {
            out.push_str(choices.one_of(&ODD));
        }
    }
    out.push_str(choices.one_of(&["", ",dc=example,DC=Com", ",0.9.2342.19200300.100.1.25=x,c=DE"]));
    out
}

#[test]
#[ignore = "needs slapd; tests/run.sh runs it"]
fn openldap_reads_names_alike() {
    let (seed, cases) = (seed(), tier::size(5_000, 50_000));
    let folder = tempfile::tempdir().expect("a folder");
    let configuration = configuration(folder.path());
    let mut choices = Choices::Seed(seed);
    let texts: Vec<String> = (0..cases).map(|_| text(&mut choices)).collect();
    let theirs = ask(&configuration, &texts);
    let mut unexplained = Vec::new();
    let mut rules: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut both = Vec::new();
    for (text, theirs) in texts.iter().zip(theirs) {
        match (Dn::parse(text), theirs) {
            (Ok(dn), Some(theirs)) => match read_otherwise(text) {
                Some((rule, dn)) => {
                    *rules.entry(rule).or_default() += 1;
                    both.push((text, dn, theirs));
                }
                None => both.push((text, dn, theirs)),
            },
            (Err(_), None) => *rules.entry("refused by both").or_default() += 1,
            (Ok(dn), None) => match why_refused(text, &dn) {
                Some(rule) => *rules.entry(rule).or_default() += 1,
                None => unexplained.push(format!("refused there: {text:?}")),
            },
            (Err(fault), Some(theirs)) => match read_otherwise(text) {
                Some((rule, dn)) => {
                    *rules.entry(rule).or_default() += 1;
                    both.push((text, dn, theirs));
                }
                None => unexplained.push(format!("refused here: {text:?} {fault} {theirs:?}")),
            },
        }
    }
    // What we write, and the normal form, mean the same name there.
    let written: Vec<String> = both.iter().map(|(_, dn, _)| dn.to_string()).collect();
    let normal: Vec<String> = both.iter().map(|(_, dn, _)| name_of_key(&dn.key())).collect();
    let (written, normal) = (ask(&configuration, &written), ask(&configuration, &normal));
    for (((text, dn, theirs), written), normal) in both.iter().zip(written).zip(normal) {
        let pretty = Dn::parse(&theirs.pretty);
        if pretty.as_ref() != Ok(dn) {
            unexplained.push(format!("{text:?} is {dn:?} here and {pretty:?} there"));
        }
        if written.as_ref().map(|w| &w.normalised) != Some(&theirs.normalised) {
            unexplained.push(format!("{text:?} is written {dn}, there {theirs:?}, not {written:?}"));
        }
        if let Some(rule) = why_folded_otherwise(dn) {
            *rules.entry(rule).or_default() += 1;
            continue;
        }
        let key = Dn::parse(&theirs.normalised).map(|dn| dn.key());
        if key.as_ref() != Ok(&dn.key()) || normal.as_ref().map(|n| &n.normalised) != Some(&theirs.normalised) {
            unexplained.push(format!("{text:?} has the key {:?} here and {key:?} there", dn.key()));
        }
    }
    let read = format!("{cases} names, {} read by both, {} unexplained (seed {seed})", both.len(), unexplained.len());
    tier::figure(read);
    println!("{rules:?}");
    unexplained.sort_by_key(String::len);
    unexplained.truncate(40);
    assert!(unexplained.is_empty(), "JIM_TEST_SEED={seed}: {}", unexplained.join("\n"));
}
