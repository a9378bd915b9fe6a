//! How much of a schema is read. A directory that declares more is not understood, rather than understood in part.

/// Limits of one schema.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Object classes.
    pub classes: usize,
    /// Attribute types.
    pub attributes: usize,
    /// Attributes of all object types together.
    pub rows: usize,
    /// Names that classes and attributes have or mention.
    pub names: usize,
    /// Mentions of names.
    pub mentions: usize,
    /// Classes and mentions that are looked at to find the attributes of all types: superclasses count for each.
    pub steps: usize,
    /// Bytes of one definition.
    pub definition: usize,
    /// Characters of a name.
    pub name: usize,
    /// Characters of a description that are kept.
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

/// There is more of this than is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeds(pub &'static str);

impl Bounds {
    /// Whether a count is within its limit.
    ///
    /// # Errors
    /// It is not, and what was counted.
    pub(super) fn check(count: usize, most: usize, what: &'static str) -> Result<(), Exceeds> {
        if count <= most { Ok(()) } else { Err(Exceeds(what)) }
    }

    /// As much of a description as is kept; nothing of one that is blank.
    pub(super) fn description<'t>(&self, text: &'t str) -> Option<&'t str> {
        let end = text.char_indices().nth(self.description).map_or(text.len(), |(at, _)| at);
        text.get(..end).filter(|text| !text.trim().is_empty())
    }
}
