//! The normal form behind a symbolic dim: a polynomial with integer coefficients over symbols and opaque atoms.
//!
//! Two forms that are equal as data are equal for every binding. The form is bounded ([`MAX_TERMS`], [`MAX_DEGREE`],
//! [`MAX_WEIGHT`]), so a chain of a million concats neither grows nor nests without end, and the recursion over atoms is
//! shallow. Whatever would leave the bounds, or `i64`, is `None`; the caller then takes a symbol of its own.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::Symbol;

/// Terms of a form. Sums of more are not seen in models; longer ones would make every rule slow.
const MAX_TERMS: usize = 8;
/// Factors of a term: more than the rank of the tensors whose sizes are multiplied in models.
const MAX_DEGREE: usize = 4;
/// Symbols and operations of a form, those inside its atoms included: bounds memory, time and nesting.
const MAX_WEIGHT: usize = 64;

/// A sum of terms: largest monomial first, no two alike, no coefficient zero. The empty sum is 0.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Poly {
    pub(super) terms: Vec<Term>,
}

/// A coefficient times a product of atoms (sorted, repeated for powers).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Term {
    pub(super) atoms: Atoms,
    pub(super) coeff: i64,
}

pub(super) type Atoms = SmallVec<[Atom; 1]>;

/// What the normal form does not look into.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Atom {
    Symbol(Symbol),
    Op(AtomOp, Arc<[Poly; 2]>),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum AtomOp {
    FloorDiv,
    Max,
    Min,
}

impl Term {
    /// Graded lexicographic, largest first: an order that multiplication keeps, as long division needs, and the one in
    /// which people write sums.
    fn order(&self, other: &Term) -> Ordering {
        Reverse(self.atoms.len()).cmp(&Reverse(other.atoms.len())).then_with(|| self.atoms.cmp(&other.atoms))
    }

    fn mul(&self, other: &Term) -> Option<Term> {
        if self.atoms.len() + other.atoms.len() > MAX_DEGREE {
            return None;
        }
        let mut atoms: Atoms = self.atoms.iter().chain(&other.atoms).cloned().collect();
        atoms.sort_unstable();
        Some(Term { atoms, coeff: self.coeff.checked_mul(other.coeff)? })
    }

    /// A lower bound over all sizes; `None` where there is none to be seen.
    fn lower_bound(&self) -> Option<i64> {
        let mut bound = self.coeff;
        for atom in &self.atoms {
            let factor = atom.lower_bound().filter(|&factor| factor >= 0)?;
            bound = bound.checked_mul(factor)?;
        }
        (self.coeff > 0 || self.atoms.is_empty()).then_some(bound)
    }
}

impl Atom {
    fn weight(&self) -> usize {
        match self {
            Atom::Symbol(_) => 1,
            Atom::Op(_, args) => 1 + args[0].weight() + args[1].weight(),
        }
    }

    fn lower_bound(&self) -> Option<i64> {
        match self {
            Atom::Symbol(symbol) => (!symbol.may_be_negative()).then_some(0),
            Atom::Op(AtomOp::FloorDiv, args) => {
                (args[0].lower_bound()? >= 0 && args[1].lower_bound()? >= 0).then_some(0)
            }
            Atom::Op(AtomOp::Max, args) => args[0].lower_bound().max(args[1].lower_bound()),
            Atom::Op(AtomOp::Min, args) => Some(args[0].lower_bound()?.min(args[1].lower_bound()?)),
        }
    }

    fn eval(&self, bind: &dyn Fn(&Symbol) -> Option<i64>) -> Option<i64> {
        match self {
            Atom::Symbol(symbol) => bind(symbol),
            Atom::Op(op, args) => op.apply(args[0].eval(bind)?, args[1].eval(bind)?),
        }
    }
}

impl AtomOp {
    /// The operation on numbers; `None` past `i64` and for a division by zero.
    pub(super) fn apply(self, a: i64, b: i64) -> Option<i64> {
        match self {
            AtomOp::FloorDiv => floor_div(a, b),
            AtomOp::Max => Some(a.max(b)),
            AtomOp::Min => Some(a.min(b)),
        }
    }
}

/// Division that rounds down, as Python's `//`; `None` past `i64` and for a division by zero.
pub(super) fn floor_div(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    Some(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}

impl Poly {
    pub(super) fn constant(value: i64) -> Poly {
        let terms = if value == 0 { Vec::new() } else { vec![Term { atoms: Atoms::new(), coeff: value }] };
        Poly { terms }
    }

    pub(super) fn atom(atom: Atom) -> Poly {
        Poly { terms: vec![Term { atoms: smallvec![atom], coeff: 1 }] }
    }

    /// The normal form of a sum of terms in any order.
    pub(super) fn collect(mut terms: Vec<Term>) -> Option<Poly> {
        terms.sort_unstable_by(Term::order);
        let mut sum: Vec<Term> = Vec::with_capacity(terms.len());
        for term in terms {
            match sum.last_mut() {
                Some(last) if last.atoms == term.atoms => last.coeff = last.coeff.checked_add(term.coeff)?,
                _ => sum.push(term),
            }
        }
        sum.retain(|term| term.coeff != 0);
        let poly = Poly { terms: sum };
        (poly.terms.len() <= MAX_TERMS && poly.weight() <= MAX_WEIGHT).then_some(poly)
    }

    fn weight(&self) -> usize {
        self.terms.iter().map(|term| 1 + term.atoms.iter().map(Atom::weight).sum::<usize>()).sum()
    }

    pub(super) fn add(&self, other: &Poly) -> Option<Poly> {
        Poly::collect(self.terms.iter().chain(&other.terms).cloned().collect())
    }

    pub(super) fn sub(&self, other: &Poly) -> Option<Poly> {
        self.add(&other.scale(-1)?)
    }

    pub(super) fn mul(&self, other: &Poly) -> Option<Poly> {
        if let Some(factor) = other.as_constant() {
            return self.scale(factor);
        }
        let pairs = self.terms.iter().flat_map(|a| other.terms.iter().map(move |b| a.mul(b)));
        Poly::collect(pairs.collect::<Option<Vec<Term>>>()?)
    }

    pub(super) fn mul_term(&self, factor: &Term) -> Option<Poly> {
        let terms = self.terms.iter().map(|term| term.mul(factor));
        Poly::collect(terms.collect::<Option<Vec<Term>>>()?)
    }

    /// Order and atoms stay as they are, so this is one pass.
    pub(super) fn scale(&self, factor: i64) -> Option<Poly> {
        if factor == 0 {
            return Some(Poly::constant(0));
        }
        self.map_coeffs(|coeff| coeff.checked_mul(factor))
    }

    /// The form with other coefficients; terms whose coefficient becomes zero go.
    pub(super) fn map_coeffs(&self, map: impl Fn(i64) -> Option<i64>) -> Option<Poly> {
        let mut terms = Vec::with_capacity(self.terms.len());
        for term in &self.terms {
            let coeff = map(term.coeff)?;
            if coeff != 0 {
                terms.push(Term { atoms: term.atoms.clone(), coeff });
            }
        }
        Some(Poly { terms })
    }

    /// The greatest common divisor of the coefficients.
    pub(super) fn content(&self) -> u64 {
        self.terms.iter().fold(0, |content, term| gcd(content, term.coeff.unsigned_abs()))
    }

    /// The larger (`Max`) or smaller (`Min`) of two: one of them where it is proven, else an atom.
    pub(super) fn extremum(op: AtomOp, a: &Poly, b: &Poly) -> Option<Poly> {
        let at_least = |x: &Poly, y: &Poly| x.sub(y).and_then(|gap| gap.lower_bound()).is_some_and(|gap| gap >= 0);
        let (larger, smaller) = if at_least(a, b) {
            (a, b)
        } else if at_least(b, a) {
            (b, a)
        } else {
            let args = if a <= b { [a.clone(), b.clone()] } else { [b.clone(), a.clone()] };
            return Poly::bounded_atom(op, args);
        };
        Some(if op == AtomOp::Max { larger.clone() } else { smaller.clone() })
    }

    pub(super) fn bounded_atom(op: AtomOp, args: [Poly; 2]) -> Option<Poly> {
        let poly = Poly::atom(Atom::Op(op, Arc::new(args)));
        (poly.weight() <= MAX_WEIGHT).then_some(poly)
    }

    pub(super) fn as_constant(&self) -> Option<i64> {
        match self.terms.as_slice() {
            [] => Some(0),
            [term] if term.atoms.is_empty() => Some(term.coeff),
            _ => None,
        }
    }

    pub(super) fn as_symbol(&self) -> Option<&Symbol> {
        match self.terms.as_slice() {
            [Term { atoms, coeff: 1 }] => match atoms.as_slice() {
                [Atom::Symbol(symbol)] => Some(symbol),
                _ => None,
            },
            _ => None,
        }
    }

    /// The symbol, factor and rest of `factor*symbol + rest`.
    pub(super) fn as_linear(&self) -> Option<(&Symbol, i64, i64)> {
        let (first, rest) = match self.terms.as_slice() {
            [first] => (first, 0),
            [first, rest] if rest.atoms.is_empty() => (first, rest.coeff),
            _ => return None,
        };
        match first.atoms.as_slice() {
            [Atom::Symbol(symbol)] => Some((symbol, first.coeff, rest)),
            _ => None,
        }
    }

    /// A number that the form never falls below, whatever the sizes; `None` where there is none to be seen.
    pub(super) fn lower_bound(&self) -> Option<i64> {
        self.terms.iter().try_fold(0i64, |sum, term| sum.checked_add(term.lower_bound()?))
    }

    /// True where no integers make the form zero: its sign is fixed, or a common factor of the other coefficients does
    /// not divide the constant.
    pub(super) fn is_never_zero(&self) -> bool {
        let positive = |poly: &Poly| poly.lower_bound().is_some_and(|bound| bound > 0);
        if positive(self) || self.scale(-1).is_some_and(|negated| positive(&negated)) {
            return true;
        }
        let (mut factor, mut rest) = (0, 0);
        for term in &self.terms {
            match term.atoms.is_empty() {
                true => rest = term.coeff.unsigned_abs(),
                false => factor = gcd(factor, term.coeff.unsigned_abs()),
            }
        }
        if factor == 0 { rest != 0 } else { rest % factor != 0 }
    }

    /// The number for given sizes; `None` where a symbol has none, past `i64` and for a division by zero.
    pub(super) fn eval(&self, bind: &dyn Fn(&Symbol) -> Option<i64>) -> Option<i64> {
        self.terms.iter().try_fold(0i64, |sum, term| {
            let value = term.atoms.iter().try_fold(term.coeff, |value, atom| value.checked_mul(atom.eval(bind)?))?;
            sum.checked_add(value)
        })
    }

    /// Visits every symbol, those inside atoms included, as often as it occurs.
    pub(super) fn for_each_symbol(&self, visit: &mut dyn FnMut(&Symbol)) {
        for atom in self.terms.iter().flat_map(|term| &term.atoms) {
            match atom {
                Atom::Symbol(symbol) => visit(symbol),
                Atom::Op(_, args) => args.iter().for_each(|arg| arg.for_each_symbol(visit)),
            }
        }
    }

    pub(super) fn has_anonymous(&self) -> bool {
        let mut found = false;
        self.for_each_symbol(&mut |symbol| found |= symbol.name().is_none());
        found
    }
}

pub(super) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_down_and_never_panics() {
        for (a, b, want) in
            [(7, 2, Some(3)), (-7, 2, Some(-4)), (7, -2, Some(-4)), (-8, 2, Some(-4)), (-7, -2, Some(3))]
        {
            assert_eq!(floor_div(a, b), want, "{a} // {b}");
        }
        assert_eq!(floor_div(1, 0), None);
        assert_eq!(floor_div(i64::MIN, -1), None);
    }

    #[test]
    fn forms_are_bounded() {
        let symbol = |n: usize| Poly::atom(Atom::Symbol(Symbol::named(&format!("n{n}"))));
        let sum = (1..MAX_TERMS).fold(symbol(0), |sum, n| sum.add(&symbol(n)).unwrap());
        assert!(sum.add(&symbol(MAX_TERMS)).is_none());
        assert!(sum.mul(&sum).is_none());
        let product = (1..MAX_DEGREE).fold(symbol(0), |product, n| product.mul(&symbol(n)).unwrap());
        assert!(product.mul(&symbol(0)).is_none());
        let mut nested = symbol(0);
        let mut depth = 0;
        while let Some(next) = Poly::bounded_atom(AtomOp::Max, [nested, symbol(1)]) {
            nested = next;
            depth += 1;
        }
        assert!((2..MAX_WEIGHT).contains(&depth), "{depth}");
    }
}
