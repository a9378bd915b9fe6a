//! Pages of long lists: requested rows and result.

/// Slice of a sorted and filtered list.
#[derive(Debug, Clone)]
pub(crate) struct Page<S> {
    pub sort: S,
    pub descending: bool,
    /// Text that a row must contain, ignoring case.
    pub filter: Option<String>,
    pub offset: u64,
    pub limit: u64,
}

impl<S> Page<S> {
    /// Direction of the sort as SQL.
    pub fn direction(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }

    /// Limit and offset as SQL takes them.
    pub fn bounds(&self) -> (i64, i64) {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        (signed(self.limit), signed(self.offset))
    }
}

/// Rows of a page and their number on all pages.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub items: Vec<T>,
    pub total: u64,
}
