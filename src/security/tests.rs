//! Tests of digests and randomness.

use std::io::{Error, ErrorKind, Read};

use super::*;

/// Reader that returns one piece or error per read.
struct Pieces(Vec<Result<&'static [u8], ErrorKind>>);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let mut piece = self.0.remove(0).map_err(Error::from)?;
        piece.read(into)
    }
}

#[test]
fn a_digest_covers_the_whole_input() {
    // The example of FIPS 180-4.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let interrupted = Err(ErrorKind::Interrupted);
    let mut whole = Pieces(vec![Ok(&b"a"[..]), interrupted, Ok(&b"bc"[..])]);
    assert_eq!(sha256(&mut whole).expect("readable"), abc);
    let mut broken = Pieces(vec![Ok(&b"abc"[..]), Err(ErrorKind::UnexpectedEof)]);
    assert_eq!(sha256(&mut broken).expect_err("broken").kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn random_bytes_never_come_twice() {
    let mut seen = std::collections::HashSet::new();
    assert!((0..1_000).all(|_| seen.insert(random::<16>())));
}
