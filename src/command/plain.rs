//! Foreign text, escaped for a terminal: it cannot move the cursor, set colours or change the direction of text.

pub use jim::domain::text::{lines, one_line};
