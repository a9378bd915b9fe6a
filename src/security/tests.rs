//! Digests and randomness, which everything else in this room stands on.

use std::io::{Error, ErrorKind, Read};

use super::*;

/// Gives a piece, or an error, at each read.
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
fn a_digest_is_of_everything_that_can_be_read() {
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
