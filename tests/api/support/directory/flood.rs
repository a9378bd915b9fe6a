//! Millions of entries at the cost of their bytes.

/// An entry whose number can be changed in place.
pub struct Block {
    bytes: Vec<u8>,
    /// Where the last digits of the number stand.
    ends: Vec<usize>,
}

impl Block {
    const NUMBER: &'static str = "flood000000000";

    /// The DN of the first entry.
    pub fn first(base: &str) -> String {
        format!("ou={},{base}", Block::NUMBER)
    }

    pub fn new(bytes: Vec<u8>) -> Block {
        let ends = |text: &[u8]| {
            let found = bytes.windows(text.len()).enumerate().filter(|(_, w)| *w == text);
            found.map(|(at, w)| at + w.len()).collect::<Vec<_>>()
        };
        let mut all = ends(Block::NUMBER.as_bytes());
        // The value of entryUUID is the last in the message, and its last group has twelve digits.
        if !ends(b"entryUUID").is_empty() {
            all.push(bytes.len());
        }
        Block { ends: all, bytes }
    }

    pub fn entry(&mut self, number: u64) -> &[u8] {
        for end in &self.ends {
            let mut left = number;
            for place in (end.saturating_sub(9)..*end).rev() {
                if let Some(digit) = self.bytes.get_mut(place) {
                    *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
                }
                left /= 10;
            }
        }
        &self.bytes
    }
}
