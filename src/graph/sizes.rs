//! The sizes that named dims have in one run.

use crate::error::{Error, Result, escape};
use crate::shape::{Dim, Shape, Symbol};

/// A named dim's size in a run, and the feed that it comes from.
#[derive(Debug, Clone, Copy)]
pub struct NamedSize<'a> {
    /// The name.
    pub symbol: &'a Symbol,
    /// How large it is.
    pub size: i64,
    /// The fed tensor.
    pub feed: &'a str,
}

impl NamedSize<'_> {
    /// An error if a value whose shape was claimed contradicts the feeds. Names that no feed has are not compared.
    ///
    /// # Errors
    /// `ShapeMismatch`, naming the feed.
    pub fn check(known: &[NamedSize<'_>], claim: &Shape, dims: &[usize]) -> Result<()> {
        let size_of = |symbol: &Symbol| known.iter().find(|named| named.symbol == symbol).map(|named| named.size);
        for (dim, size) in claim.dims().unwrap_or_default().iter().zip(dims) {
            let size = *size as i64;
            if dim.known().is_none() && dim.eval(&size_of).is_some_and(|want| want != size) {
                return Err(Error::shape(NamedSize::differs(known, dim, size, "here")));
            }
        }
        Ok(())
    }

    /// What is wrong with a size that contradicts what is known of the symbols in its dim.
    #[cold]
    pub(crate) fn differs(known: &[NamedSize<'_>], dim: &Dim, size: i64, place: &str) -> String {
        let text = escape(&dim.to_string());
        let known_of = |symbol: &Symbol| known.iter().find(|named| named.symbol == symbol);
        if let Some(named) = dim.as_symbol().and_then(|symbol| known_of(&symbol).copied()) {
            let NamedSize { size: first, feed, .. } = named;
            return format!(
                "dim '{text}' has one size in a run, but is {first} in the feed of '{}' and {size} {place}",
                escape(feed)
            );
        }
        let symbols: Vec<Symbol> = dim.symbols().collect();
        let of = |named: &NamedSize<'_>| {
            let symbol = escape(&named.symbol.to_dim().to_string());
            format!("'{symbol}' is {} in the feed of '{}'", named.size, escape(named.feed))
        };
        let because: Vec<String> = symbols.iter().filter_map(known_of).map(of).collect();
        format!("dim '{text}' has one size in a run, and {}, but it is {size} {place}", because.join(" and "))
    }
}
