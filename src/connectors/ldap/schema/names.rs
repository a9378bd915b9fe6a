//! Interned names: a class of Active Directory mentions hundreds, and most classes mention the same.

use std::collections::HashMap;

use super::bounds::{Bounds, Exceeds};

/// An interned name, case-insensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol(u32);

impl Symbol {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Default)]
pub struct Names {
    symbols: HashMap<Box<str>, Symbol>,
    /// First spelling of each.
    spelled: Vec<Box<str>>,
    bytes: u64,
}

impl Names {
    pub fn symbol(&mut self, name: &str, bounds: &Bounds) -> Result<Symbol, Exceeds> {
        // An over-long name is truncated to one character above the limit, so that it never equals a valid one.
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

    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.symbols.get(name.to_lowercase().as_str()).copied()
    }

    pub fn spelled(&self, symbol: Symbol) -> &str {
        self.spelled.get(symbol.index()).map(|name| &**name).unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.spelled.len()
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
