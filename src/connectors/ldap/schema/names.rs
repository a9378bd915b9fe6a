//! Names, each kept once: a class of Active Directory mentions hundreds, and most classes mention the same.

use std::collections::HashMap;

use super::bounds::{Bounds, Exceeds};

/// Stands for a name, whatever its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol(u32);

impl Symbol {
    /// Where what belongs to the name is in a list.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// All names that were met.
#[derive(Debug, Default)]
pub struct Names {
    symbols: HashMap<Box<str>, Symbol>,
    /// As first met.
    spelled: Vec<Box<str>>,
    bytes: u64,
}

impl Names {
    /// The symbol of a name, a new one if it is met for the first time.
    ///
    /// # Errors
    /// There are too many names.
    pub fn symbol(&mut self, name: &str, bounds: &Bounds) -> Result<Symbol, Exceeds> {
        // One character more than a name can have is kept of what is no name, so that it never is one.
        let end = name.char_indices().nth(bounds.name.saturating_add(1)).map_or(name.len(), |(at, _)| at);
        let name = name.get(..end).unwrap_or_default();
        let folded = name.to_lowercase();
        if let Some(symbol) = self.symbols.get(folded.as_str()) {
            return Ok(*symbol);
        }
        Bounds::check(self.spelled.len() + 1, bounds.names, "names")?;
        let symbol = Symbol(u32::try_from(self.spelled.len()).map_err(|_| Exceeds("names"))?);
        self.bytes += (name.len() + folded.len()) as u64;
        self.spelled.push(Box::from(name));
        self.symbols.insert(folded.into_boxed_str(), symbol);
        Ok(symbol)
    }

    /// The symbol of a name, if it was met.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.symbols.get(name.to_lowercase().as_str()).copied()
    }

    /// How a name was spelled when it was first met.
    pub fn spelled(&self, symbol: Symbol) -> &str {
        self.spelled.get(symbol.index()).map(|name| &**name).unwrap_or_default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spelled.len()
    }

    /// Bytes of text that are kept.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
