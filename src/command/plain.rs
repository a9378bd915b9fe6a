//! Escaping of untrusted text for a terminal, where it could move the cursor, set colours or change the text direction.

pub use jim::domain::text::{lines, one_line};
