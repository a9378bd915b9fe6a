//! Limits of a schema. A directory that exceeds one is an error: the schema is never read in part.

#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub classes: usize,
    pub attributes: usize,
    /// Attributes of all object types together.
    pub rows: usize,
    /// Names that classes and attributes have or mention.
    pub names: usize,
    pub mentions: usize,
    /// Classes and mentions visited to find the attributes of all types; superclasses count for each.
    pub steps: usize,
    /// Bytes of one definition.
    pub definition: usize,
    /// Characters of a name.
    pub name: usize,
    /// Characters of a stored description.
    pub description: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            classes: 10_000,
            attributes: 50_000,
            rows: 400_000,
            names: 250_000,
            mentions: 2_000_000,
            steps: 20_000_000,
            definition: 64 * 1024,
            name: 256,
            description: 1_024,
        }
    }
}

/// Error: there are more of these than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeds(pub &'static str);

impl Bounds {
    pub(super) fn check(count: usize, max: usize, what: &'static str) -> Result<(), Exceeds> {
        if count <= max { Ok(()) } else { Err(Exceeds(what)) }
    }

    /// Truncated description; `None` if blank.
    pub(super) fn description<'t>(&self, text: &'t str) -> Option<&'t str> {
        let end = text.char_indices().nth(self.description).map_or(text.len(), |(at, _)| at);
        text.get(..end).filter(|text| !text.trim().is_empty())
    }
}
