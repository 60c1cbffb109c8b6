//! One dim of a static shape: a number, or what is known of it.
//!
//! A symbol stands for a size, so for a number that is not negative. Arithmetic keeps a normal form: two dims that are
//! equal (`==`) have the same size in every run, and dims that cannot be followed any further become symbols of their own.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use super::divide;
use super::poly::{Atom, AtomOp, Poly};
use crate::error::{Error, Result};

/// A size that has a name of its own or none.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(Kind);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Named(Arc<str>),
    /// Even: a size. Odd: an integer of any sign.
    Anonymous(u64),
}

impl Symbol {
    pub(super) fn named(name: &str) -> Symbol {
        Symbol(Kind::Named(name.into()))
    }

    /// The name; `None` for the symbol of a `?`.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Kind::Named(name) => Some(name),
            Kind::Anonymous(_) => None,
        }
    }

    /// True only for symbols of [`Dim::unknown_value`].
    pub fn may_be_negative(&self) -> bool {
        matches!(self.0, Kind::Anonymous(id) if id % 2 == 1)
    }

    /// The dim that is this symbol.
    pub fn to_dim(&self) -> Dim {
        match &self.0 {
            Kind::Named(_) => Dim::from_poly(Poly::atom(Atom::Symbol(self.clone()))),
            Kind::Anonymous(id) => Dim(Repr::Anonymous(*id)),
        }
    }

    /// An anonymous symbol that occurs nowhere else.
    fn fresh(may_be_negative: bool) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(2, Ordering::Relaxed) | u64::from(may_be_negative)
    }
}

/// A dim: known, or an expression over symbols. Opaque, 16 bytes, no allocation where it is known or a bare `?`.
///
/// ```
/// # use sessile_base as sessile;
/// use sessile::{Dim, shape};
/// let batch = Dim::named("batch");
/// assert_eq!(shape![2 * &batch + 1, batch.floor_div(&Dim::from(3))].to_string(), "(2*batch + 1, batch//3)");
/// assert_eq!((6 * &batch).floor_div(&(3 * &batch)), Dim::from(2));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Dim(Repr);

/// One number or symbol has one form: `Expr` is never a constant and never a lone anonymous symbol.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Known(i64),
    Anonymous(u64),
    Expr(Arc<Poly>),
}

impl Dim {
    /// A size of which nothing is known, unequal to every other; prints `?`.
    pub fn unknown() -> Dim {
        Dim(Repr::Anonymous(Symbol::fresh(false)))
    }

    /// An element of an integer tensor of which nothing is known: unlike [`Dim::unknown`] it may be negative, for example
    /// the -1 of a reshape target. Prints `?`.
    pub fn unknown_value() -> Dim {
        Dim(Repr::Anonymous(Symbol::fresh(true)))
    }

    /// A size that is equal wherever its name is.
    pub fn named(name: &str) -> Dim {
        Symbol::named(name).to_dim()
    }

    /// A number, which may be negative where dims are values: the reshape target `[-1, 12]`.
    pub fn constant(value: i64) -> Dim {
        Dim(Repr::Known(value))
    }

    /// The size, where it is known.
    pub fn known(&self) -> Option<usize> {
        self.as_i64().and_then(|value| usize::try_from(value).ok())
    }

    /// The size that a run computes from sizes that are numbers: unknown only where an int64 cannot hold it.
    ///
    /// # Errors
    /// `ShapeMismatch` where it is beyond that, or negative.
    pub fn computed(&self) -> Result<usize> {
        let too_large = || Error::shape("a size of the result must be 0 or more and below 2^63, but is not");
        self.known().ok_or_else(too_large)
    }

    /// The number, where it is known; it may be negative.
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Repr::Known(value) => Some(value),
            _ => None,
        }
    }

    /// True for a bare `?`.
    pub fn is_anonymous(&self) -> bool {
        matches!(self.0, Repr::Anonymous(_))
    }

    /// True where an anonymous symbol occurs anywhere in it; such a dim prints `?`.
    pub fn has_anonymous(&self) -> bool {
        match &self.0 {
            Repr::Known(_) => false,
            Repr::Anonymous(_) => true,
            Repr::Expr(poly) => poly.has_anonymous(),
        }
    }

    /// The symbol, where the dim is nothing else.
    pub fn as_symbol(&self) -> Option<Symbol> {
        match &self.0 {
            Repr::Known(_) => None,
            Repr::Anonymous(id) => Some(Symbol(Kind::Anonymous(*id))),
            Repr::Expr(poly) => poly.as_symbol().cloned(),
        }
    }

    /// The symbol, factor and rest, where the dim is `factor*symbol + rest`.
    pub fn as_linear(&self) -> Option<(Symbol, i64, i64)> {
        self.poly().as_linear().map(|(symbol, factor, rest)| (symbol.clone(), factor, rest))
    }

    /// The symbols that occur in it, each once.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> + use<> {
        let mut found: SmallVec<[Symbol; 2]> = SmallVec::new();
        self.for_each_symbol(&mut |symbol| {
            if !found.contains(symbol) {
                found.push(symbol.clone());
            }
        });
        found.into_iter()
    }

    /// Visits every symbol as often as it occurs, without allocating.
    pub fn for_each_symbol(&self, visit: &mut dyn FnMut(&Symbol)) {
        match &self.0 {
            Repr::Known(_) => {}
            Repr::Anonymous(id) => visit(&Symbol(Kind::Anonymous(*id))),
            Repr::Expr(poly) => poly.for_each_symbol(visit),
        }
    }

    /// What it is the sum of, each without a sum in it: one term, unless it prints with `+`. None of 0.
    pub fn terms(&self) -> impl Iterator<Item = Dim> + use<> {
        self.poly().into_owned().terms.into_iter().map(|term| Dim::from_poly(Poly { terms: vec![term] }))
    }

    /// The number for given sizes; `None` where a symbol has none, past `i64` and for a division by zero.
    pub fn eval(&self, bind: &dyn Fn(&Symbol) -> Option<i64>) -> Option<i64> {
        match &self.0 {
            Repr::Known(value) => Some(*value),
            Repr::Anonymous(id) => bind(&Symbol(Kind::Anonymous(*id))),
            Repr::Expr(poly) => poly.eval(bind),
        }
    }

    /// A number that it never falls below, whatever the sizes; `None` where there is none to be seen.
    pub fn lower_bound(&self) -> Option<i64> {
        self.poly().lower_bound()
    }

    /// True where no sizes make it negative.
    pub fn is_never_negative(&self) -> bool {
        match &self.0 {
            Repr::Known(value) => *value >= 0,
            Repr::Anonymous(id) => id % 2 == 0,
            Repr::Expr(poly) => poly.lower_bound().is_some_and(|bound| bound >= 0),
        }
    }

    /// True where no sizes make the two equal.
    pub fn never_equals(&self, other: &Dim) -> bool {
        match (&self.0, &other.0) {
            (Repr::Known(a), Repr::Known(b)) => a != b,
            _ => self.poly().sub(&other.poly()).is_some_and(|gap| gap.is_never_zero()),
        }
    }

    /// The quotient rounded down, as Python's `//`. It is a claim for divisors that are not zero, so `(a*b)//b` is `a`: use
    /// it where the run fails on a zero divisor.
    pub fn floor_div(&self, by: &Dim) -> Dim {
        let known = |a, b| AtomOp::FloorDiv.apply(a, b);
        self.combine(by, self.is_never_negative() && by.is_never_negative(), known, divide::floor_div)
    }

    /// The quotient rounded up. It is a claim for divisors that are positive, as strides and block sizes are.
    pub fn ceil_div(&self, by: &Dim) -> Dim {
        let known = |a: i64, b: i64| AtomOp::FloorDiv.apply(a.checked_add(b)?.checked_sub(1)?, b).filter(|_| b > 0);
        self.combine(by, self.is_never_negative() && by.is_never_negative(), known, divide::ceil_div)
    }

    /// The larger of the two.
    pub fn max(&self, other: &Dim) -> Dim {
        let size = self.is_never_negative() || other.is_never_negative();
        self.combine(other, size, |a, b| Some(a.max(b)), |a, b| Poly::extremum(AtomOp::Max, a, b))
    }

    /// The smaller of the two.
    pub fn min(&self, other: &Dim) -> Dim {
        let size = self.is_never_negative() && other.is_never_negative();
        self.combine(other, size, |a, b| Some(a.min(b)), |a, b| Poly::extremum(AtomOp::Min, a, b))
    }

    pub(super) fn sum(&self, other: &Dim) -> Dim {
        match (&self.0, &other.0) {
            (Repr::Known(0), _) => other.clone(),
            (_, Repr::Known(0)) => self.clone(),
            _ => {
                let size = self.is_never_negative() && other.is_never_negative();
                self.combine(other, size, i64::checked_add, Poly::add)
            }
        }
    }

    pub(super) fn difference(&self, other: &Dim) -> Dim {
        match &other.0 {
            Repr::Known(0) => self.clone(),
            _ => self.combine(other, false, i64::checked_sub, Poly::sub),
        }
    }

    pub(super) fn product(&self, other: &Dim) -> Dim {
        match (&self.0, &other.0) {
            (Repr::Known(0), _) | (_, Repr::Known(0)) => Dim::constant(0),
            (Repr::Known(1), _) => other.clone(),
            (_, Repr::Known(1)) => self.clone(),
            _ => {
                let size = self.is_never_negative() && other.is_never_negative();
                self.combine(other, size, i64::checked_mul, Poly::mul)
            }
        }
    }

    /// One operation on numbers or on forms; a fresh symbol where it leaves `i64` or the bounds of the form.
    fn combine(
        &self,
        other: &Dim,
        size: bool,
        known: impl FnOnce(i64, i64) -> Option<i64>,
        symbolic: impl FnOnce(&Poly, &Poly) -> Option<Poly>,
    ) -> Dim {
        let result = match (&self.0, &other.0) {
            (Repr::Known(a), Repr::Known(b)) => known(*a, *b).map(Dim::constant),
            _ => symbolic(&self.poly(), &other.poly()).map(Dim::from_poly),
        };
        result.unwrap_or_else(|| if size { Dim::unknown() } else { Dim::unknown_value() })
    }

    pub(super) fn poly(&self) -> Cow<'_, Poly> {
        match &self.0 {
            Repr::Known(value) => Cow::Owned(Poly::constant(*value)),
            Repr::Anonymous(id) => Cow::Owned(Poly::atom(Atom::Symbol(Symbol(Kind::Anonymous(*id))))),
            Repr::Expr(poly) => Cow::Borrowed(poly),
        }
    }

    pub(super) fn from_poly(poly: Poly) -> Dim {
        if let Some(value) = poly.as_constant() {
            return Dim::constant(value);
        }
        match poly.as_symbol() {
            Some(Symbol(Kind::Anonymous(id))) => Dim(Repr::Anonymous(*id)),
            _ => Dim(Repr::Expr(Arc::new(poly))),
        }
    }

    /// The dim with symbols replaced; those for which `replace` has nothing stay.
    pub fn substitute(&self, replace: &mut dyn FnMut(&Symbol) -> Option<Dim>) -> Dim {
        match &self.0 {
            Repr::Known(_) => self.clone(),
            Repr::Anonymous(id) => replace(&Symbol(Kind::Anonymous(*id))).unwrap_or_else(|| self.clone()),
            Repr::Expr(poly) => substitute_poly(poly, replace),
        }
    }

    /// The dim with each anonymous symbol replaced by a fresh one; `renewed` remembers which, so that several dims can be
    /// renewed together.
    pub fn renew_anonymous(&self, renewed: &mut Vec<(Symbol, Dim)>) -> Dim {
        self.substitute(&mut |symbol| {
            if symbol.name().is_some() {
                return None;
            }
            if let Some((_, fresh)) = renewed.iter().find(|(old, _)| old == symbol) {
                return Some(fresh.clone());
            }
            let fresh = if symbol.may_be_negative() { Dim::unknown_value() } else { Dim::unknown() };
            renewed.push((symbol.clone(), fresh.clone()));
            Some(fresh)
        })
    }
}

fn substitute_poly(poly: &Poly, replace: &mut dyn FnMut(&Symbol) -> Option<Dim>) -> Dim {
    let mut sum = Dim::constant(0);
    for term in &poly.terms {
        let mut product = Dim::constant(term.coeff);
        for atom in &term.atoms {
            product = product.product(&substitute_atom(atom, replace));
        }
        sum = sum.sum(&product);
    }
    sum
}

fn substitute_atom(atom: &Atom, replace: &mut dyn FnMut(&Symbol) -> Option<Dim>) -> Dim {
    match atom {
        Atom::Symbol(symbol) => replace(symbol).unwrap_or_else(|| symbol.to_dim()),
        Atom::Op(op, args) => {
            let (a, b) = (substitute_poly(&args[0], replace), substitute_poly(&args[1], replace));
            match op {
                AtomOp::FloorDiv => a.floor_div(&b),
                AtomOp::Max => a.max(&b),
                AtomOp::Min => a.min(&b),
            }
        }
    }
}
