//! Named dims: each has one size in a run. Feeds give the sizes; other feeds and claims (`ensure_shape`, `set_shape`) must
//! agree with them.

use std::collections::HashSet;

use smallvec::SmallVec;

use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{Fact, NamedSize};
use crate::shape::{Dim, Symbol};
use crate::value::Value;

/// A dim of a feed.
#[derive(Clone, Copy)]
struct Place {
    feed: usize,
    axis: usize,
}

/// Where a symbol gets its size: the dim there is `factor*symbol + rest`.
struct Source {
    symbol: Symbol,
    place: Place,
    dim: Dim,
    factor: i64,
    rest: i64,
}

/// A dim that other places decide.
struct Check {
    place: Place,
    dim: Dim,
    /// The source whose symbol the dim is, if it is nothing else.
    same_as: Option<usize>,
}

/// What the feeds of a plan say of named dims.
#[derive(Default)]
pub(super) struct FeedDims {
    sources: Vec<Source>,
    checks: Vec<Check>,
}

/// A symbol, its factor, and what is added.
type Linear = (Symbol, i64, i64);

/// The size of each source's symbol.
type Sizes = SmallVec<[i64; 4]>;

impl FeedDims {
    /// What must agree; sizes of symbols that nothing is compared with are kept for claims only.
    pub(super) fn new(feeds: &[(u32, Fact)], has_claims: bool) -> FeedDims {
        let dims = symbolic_dims(feeds);
        let mut made = FeedDims::default();
        // Where a dim is the symbol itself the size is read off; only without such a place it is worked out.
        let plain = |dim: &Dim| dim.as_symbol().map(|symbol| (symbol, 1, 0));
        let first = made.add_sources(&dims, plain);
        let rest = made.add_sources(&first, Dim::as_linear);
        made.checks = rest.into_iter().filter_map(|(place, dim)| made.check_of(place, dim)).collect();
        let is_needed = |source: &Source| has_claims || (source.factor, source.rest) != (1, 0);
        if made.checks.is_empty() && !made.sources.iter().any(is_needed) {
            made.sources.clear();
        }
        made
    }

    /// Adds a source for each symbol that `solve` finds a first place for; answers the other places.
    fn add_sources(&mut self, dims: &[(Place, Dim)], solve: impl Fn(&Dim) -> Option<Linear>) -> Vec<(Place, Dim)> {
        let mut others = Vec::new();
        for (place, dim) in dims {
            match solve(dim).filter(|(symbol, ..)| self.source(symbol).is_none()) {
                Some((symbol, factor, rest)) => {
                    self.sources.push(Source { symbol, place: *place, dim: dim.clone(), factor, rest });
                }
                None => others.push((*place, dim.clone())),
            }
        }
        others
    }

    fn source(&self, symbol: &Symbol) -> Option<usize> {
        self.sources.iter().position(|source| source.symbol == *symbol)
    }

    fn check_of(&self, place: Place, dim: Dim) -> Option<Check> {
        let same_as = dim.as_symbol().and_then(|symbol| self.source(&symbol));
        dim.symbols().all(|symbol| self.source(&symbol).is_some()).then_some(Check { place, dim, same_as })
    }

    /// Compares the feeds, which have the shapes of their tensors one by one.
    ///
    /// # Errors
    /// `BadFeed` for all that do not agree, naming the feeds.
    pub(super) fn check(&self, values: &[Value], names: &[String]) -> Result<()> {
        if self.sources.is_empty() {
            return Ok(());
        }
        let sizes = self.sizes(values, names)?;
        let mut errors = self.checks.iter().filter_map(|check| self.differs(check, &sizes, values, names));
        match errors.next() {
            None => Ok(()),
            Some(first) => Err(first.with_also(errors)),
        }
    }

    fn sizes(&self, values: &[Value], names: &[String]) -> Result<Sizes> {
        let solve = |source: &Source| {
            let size = size_at(source.place, values);
            let product = size.checked_sub(source.rest)?;
            let symbol = product.checked_div(source.factor)?;
            (symbol >= 0 && symbol.checked_mul(source.factor) == Some(product)).then_some(symbol)
        };
        self.sources.iter().map(|source| solve(source).ok_or_else(|| unsolved(source, values, names))).collect()
    }

    fn differs(&self, check: &Check, sizes: &[i64], values: &[Value], names: &[String]) -> Option<Error> {
        let size = size_at(check.place, values);
        let want = match check.same_as {
            Some(source) => Some(sizes[source]),
            None => check.dim.eval(&|symbol| self.source(symbol).map(|source| sizes[source])),
        };
        let known = || self.named(sizes, names);
        let place = format!("in that of '{}'", escape(&names[check.place.feed]));
        (want != Some(size))
            .then(|| Error::new(ErrorKind::BadFeed, NamedSize::differs(&known(), &check.dim, size, &place)))
    }

    /// The sizes of this run, for steps that claim shapes.
    ///
    /// # Errors
    /// `BadFeed` for a size that no size of its symbol gives.
    pub(super) fn named_sizes<'a>(&'a self, values: &[Value], names: &'a [String]) -> Result<Vec<NamedSize<'a>>> {
        Ok(self.named(&self.sizes(values, names)?, names))
    }

    fn named<'a>(&'a self, sizes: &[i64], names: &'a [String]) -> Vec<NamedSize<'a>> {
        let named = |(source, size): (&'a Source, &i64)| NamedSize {
            symbol: &source.symbol,
            size: *size,
            feed: &names[source.place.feed],
        };
        self.sources.iter().zip(sizes).map(named).collect()
    }
}

fn size_at(place: Place, values: &[Value]) -> i64 {
    values[place.feed].dims()[place.axis] as i64
}

/// All dims of feeds in which a symbol occurs that matters elsewhere: a name, or a `?` that another dim is made of.
fn symbolic_dims(feeds: &[(u32, Fact)]) -> Vec<(Place, Dim)> {
    let dims_of = |(feed, (_, fact)): (usize, &(u32, Fact))| {
        let dims = fact.shape.dims().unwrap_or_default().to_vec();
        dims.into_iter().enumerate().map(move |(axis, dim)| (Place { feed, axis }, dim))
    };
    let mut dims: Vec<(Place, Dim)> = feeds.iter().enumerate().flat_map(dims_of).collect();
    dims.retain(|(_, dim)| dim.known().is_none());
    let composed = dims.iter().filter(|(_, dim)| !dim.is_anonymous());
    let wanted: HashSet<Symbol> = composed.flat_map(|(_, dim)| dim.symbols()).collect();
    dims.retain(|(_, dim)| dim.symbols().any(|symbol| wanted.contains(&symbol)));
    dims
}

#[cold]
fn unsolved(source: &Source, values: &[Value], names: &[String]) -> Error {
    let text = format!(
        "dim '{}' in the feed of '{}' is {}, which no size of '{}' gives",
        escape(&source.dim.to_string()),
        escape(&names[source.place.feed]),
        size_at(source.place, values),
        escape(&source.symbol.to_dim().to_string()),
    );
    Error::new(ErrorKind::BadFeed, text)
}
