//! What has to be so whatever comes in: functions that take bytes or choices and fail where a property does not hold.
//!
//! The fuzz targets feed them what the fuzzer invents; `tests/property` feeds them what a generator makes and replays
//! the inputs of `tests/corpus`.

pub mod choices;
pub mod directory;
pub mod frames;
pub mod keys;
pub mod merge;
pub mod names;
pub mod schema;
pub mod world;

/// Runs imports of a directory that `data` edits, and fails where one is not as the merge rules say.
///
/// # Panics
/// With the story of what led there.
pub fn hierarchy(data: &[u8]) {
    let mut choices = choices::Choices::Bytes(data);
    let kinds = world::kinds();
    let (name, kind) = &kinds[choices.below(kinds.len())];
    let mut world = world::World::new(*kind, &mut choices);
    let mut tally = world::Tally::default();
    // So many that an input of the usual length is used up.
    for _ in 0..200 {
        if choices.used_up() {
            return;
        }
        if let Err(fault) = world.step(&mut choices, &mut tally) {
            panic!("{fault}\n{name}:\n{}", world.story.join("\n"));
        }
    }
}

/// Reads `data` as a distinguished name and checks what is so of every text.
pub fn dn(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        names::check(text);
    }
}

/// Answers a request with `data`; its first byte says which.
pub fn guard(data: &[u8]) {
    use frames::Asked;
    if let Some((first, bytes)) = data.split_first() {
        frames::check([Asked::Search, Asked::Bind, Asked::Extended][usize::from(*first) % 3], bytes);
    }
}

/// Takes `data` for an API key. One that ends in `?` gets a checksum that is right, which is not found by chance.
pub fn key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    keys::check(text);
    if let Some(body) = text.strip_suffix('?').filter(|body| body.len() == 60) {
        keys::check(&(body.to_owned() + &keys::checksum(body.as_bytes())));
    }
}

/// Reads `data` as the definitions of a schema, a line each.
pub fn schema(data: &[u8]) {
    schema::check(data);
}
