//! What must never be shown: every password that a test enters and every key that a server makes, looked for in every
//! form in all that any server of this process or of its children answers and logs.
//!
//! The checking client registers the secrets and holds the answers against them; the logs come here as they are
//! written. A hit in a log fails the test that asks next, which may be another one: the text says what was found.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Mutex, Once, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jim::telemetry::LogFormat;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;
use tracing_subscriber::util::SubscriberInitExt;

/// Shorter ones could be words that are shown for another reason.
const SHORTEST: usize = 12;
/// How many lines of the logs are kept, for a key that is heard of only after it was made.
const RECENT: usize = 200;

/// The forms in which a careless hand may leave a secret, by name.
pub fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |form: &dyn Fn(u8) -> String| secret.iter().map(|b| form(*b)).collect::<String>().into_bytes();
    let listed = |form: &dyn Fn(&u8) -> String| secret.iter().map(form).collect::<Vec<_>>().join(", ").into_bytes();
    let mut all = vec![
        ("as it is", secret.to_vec()),
        ("backwards", secret.iter().rev().copied().collect()),
        ("hex", each(&|b| format!("{b:02x}"))),
        ("upper hex", each(&|b| format!("{b:02X}"))),
        ("all percent", each(&|b| format!("%{b:02X}"))),
        ("all lower percent", each(&|b| format!("%{b:02x}"))),
        ("percent", percent_encode(secret, NON_ALPHANUMERIC).to_string().into_bytes()),
        ("form", url::form_urlencoded::byte_serialize(secret).collect::<String>().into_bytes()),
        ("listed bytes", listed(&|b| b.to_string())),
        ("listed hex", listed(&|b| format!("{b:x}"))),
        ("escaped bytes", secret.escape_ascii().to_string().into_bytes()),
    ];
    if let Ok(text) = std::str::from_utf8(secret) {
        let json = serde_json::to_string(text).expect("JSON");
        let inner = json[1..json.len() - 1].to_owned();
        let again = serde_json::to_string(&inner).expect("JSON");
        let ascii = inner.chars().fold(String::new(), |mut out, c| {
            match c.is_ascii() {
                true => out.push(c),
                false => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                    let _ = write!(out, "\\u{unit:04x}");
                }),
            }
            out
        });
        all.push(("JSON in JSON", again.as_bytes()[1..again.len() - 1].to_vec()));
        all.push(("JSON with slashes", inner.replace('/', "\\/").into_bytes()));
        all.push(("JSON", inner.into_bytes()));
        all.push(("ASCII JSON", ascii.into_bytes()));
        all.push(("Rust", text.escape_debug().to_string().into_bytes()));
        all.push(("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    }
    // In base64 a secret begins at one of three places of a group; the whole groups within are what can be looked for.
    for skip in 0..3 {
        let rest = &secret[skip..];
        let groups = &rest[..rest.len() / 3 * 3];
        all.push(("base64", STANDARD.encode(groups).into_bytes()));
        all.push(("base64 for URLs", URL_SAFE_NO_PAD.encode(groups).into_bytes()));
    }
    let mut known = HashSet::new();
    all.retain(|(_, form)| known.insert(form.clone()));
    all
}

struct Piece {
    form: &'static str,
    secret: String,
    bytes: Vec<u8>,
}

/// Secrets in all their forms, by how these begin: a text is gone through once for all of them.
pub struct Wanted {
    pieces: HashMap<u64, Vec<Piece>>,
    /// A bit for each of the beginnings, by some of their bits: most places of a text are done with after one look.
    begins: Vec<u64>,
}

impl Wanted {
    pub fn nothing() -> Wanted {
        Wanted { pieces: HashMap::new(), begins: vec![0; 1 << 14] }
    }

    pub fn new(secrets: &[Vec<u8>]) -> Wanted {
        let mut wanted = Wanted::nothing();
        secrets.iter().for_each(|s| wanted.add(s));
        wanted
    }

    pub fn add(&mut self, secret: &[u8]) {
        for (form, bytes) in forms(secret) {
            let begin = u64::from_be_bytes(*bytes.first_chunk().expect("eight bytes or more"));
            let (word, bit) = place(begin);
            self.begins[word] |= bit;
            let secret = String::from_utf8_lossy(secret).into_owned();
            self.pieces.entry(begin).or_default().push(Piece { form, secret, bytes });
        }
    }

    /// The first of them that is in there, with its form.
    pub fn in_there(&self, text: &[u8]) -> Option<String> {
        let mut begin = 0u64;
        for (end, byte) in text.iter().enumerate() {
            begin = begin << 8 | u64::from(*byte);
            let (word, bit) = place(begin);
            if self.begins[word] & bit != 0
                && end >= 7
                && let Some(pieces) = self.pieces.get(&begin)
                && let Some(found) = pieces.iter().find(|piece| text[end - 7..].starts_with(&piece.bytes))
            {
                return Some(format!("{} ({})", found.secret, found.form));
            }
        }
        None
    }
}

fn place(begin: u64) -> (usize, u64) {
    let hash = begin.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// What this process knows of secrets, and what it has heard.
struct Watch {
    known: HashSet<Vec<u8>>,
    wanted: Wanted,
}

static WATCH: RwLock<Option<Watch>> = RwLock::new(None);
static HEARD: Mutex<(VecDeque<String>, Vec<String>)> = Mutex::new((VecDeque::new(), Vec::new()));

/// From now on this is shown nowhere.
pub fn secret(secret: impl AsRef<[u8]>) {
    let secret = secret.as_ref();
    let known = |watch: &Option<Watch>| watch.as_ref().is_some_and(|w| w.known.contains(secret));
    if secret.len() < SHORTEST || known(&WATCH.read().unwrap_or_else(PoisonError::into_inner)) {
        return;
    }
    {
        let mut watch = WATCH.write().unwrap_or_else(PoisonError::into_inner);
        let watch = watch.get_or_insert_with(|| Watch { known: HashSet::new(), wanted: Wanted::nothing() });
        if !watch.known.insert(secret.to_owned()) {
            return;
        }
        watch.wanted.add(secret);
    }
    let one = Wanted::new(&[secret.to_owned()]);
    let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
    let hits: Vec<String> = heard.0.iter().filter(|line| one.in_there(line.as_bytes()).is_some()).cloned().collect();
    heard.1.extend(hits);
}

/// From now on the private key in this PEM is shown nowhere. It is one of Ed25519: 32 bytes behind what all have.
pub fn private_key(pem: &str) -> [Vec<u8>; 2] {
    let encoded: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
    let der = STANDARD.decode(&encoded).expect("base64");
    let parts = [der[der.len() - 32..].to_vec(), encoded.as_bytes()[24..].to_vec()];
    parts.iter().for_each(secret);
    parts
}

/// From now on this key is shown nowhere. Of one that a server made it is the secret part that counts.
pub fn key(text: &str) {
    let made = text.len() == 66 && text.as_bytes().get(16) == Some(&b'_');
    secret(if made { &text[17..] } else { text });
}

/// The passwords in the settings of a body, unless something else in it has the same text.
pub fn entered(body: &str) {
    if !body.contains("settingValues") {
        return;
    }
    let Ok(sent) = serde_json::from_str::<Value>(body) else { return };
    let values = sent.as_object().and_then(|o| o.iter().find(|(name, _)| name.eq_ignore_ascii_case("settingValues")));
    let mut open = vec![values.map_or(&Value::Null, |(_, values)| &values["3"])];
    // As it stands in the body, where its quotes are escaped.
    let written = |text: &str| serde_json::to_string(text).expect("JSON").trim_matches('"').to_owned();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if body.matches(&written(text)).count() < 2 => secret(text),
            Value::Array(items) => open.extend(items),
            // What was read can be sent back, with the name and the type of the setting.
            Value::Object(items) => {
                open.extend(items.iter().filter(|(n, _)| *n != "name" && *n != "type").map(|i| i.1))
            }
            _ => {}
        }
    }
}

/// The first secret in a text.
pub fn in_there(text: &[u8]) -> Option<String> {
    let watch = WATCH.read().unwrap_or_else(PoisonError::into_inner);
    watch.as_ref().and_then(|w| w.wanted.in_there(text))
}

/// Takes note of a line of a log.
pub fn hear(line: &str) {
    overhear(line);
    let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
    heard.0.push_back(line.to_owned());
    if heard.0.len() > RECENT {
        heard.0.pop_front();
    }
}

/// Takes note of a line that may show a key for the first time, as commands do, but none that is known already.
pub fn overhear(line: &str) {
    if let Some(found) = in_there(line.as_bytes()) {
        HEARD.lock().unwrap_or_else(PoisonError::into_inner).1.push(format!("{found} in {line}"));
    }
}

/// Nothing secret was logged by any server so far.
#[track_caller]
pub fn none_heard() {
    let heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
    assert!(heard.is_empty() || std::thread::panicking(), "logged: {heard:#?}");
}

/// Has the servers of this process log everything, as the program would, and listens, unless something else does.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = jim::telemetry::subscriber(LogFormat::Text, "trace", false, || Ear).try_init();
    });
}

/// Whether a line with this text was logged not long ago.
pub fn has_heard(text: &str) -> bool {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner).0.iter().any(|line| line.contains(text))
}

struct Ear;

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        hear(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
