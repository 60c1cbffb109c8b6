//! Division of normal forms: exact where it can be proven, an opaque atom elsewhere.
//!
//! A quotient is a claim for divisors that are not zero, and for those only: `(a*b)//b` is `a`. That is enough, because
//! every op that divides one size by another fails at run time where the divisor is zero.

use smallvec::SmallVec;

use super::poly::{Atom, AtomOp, Atoms, Poly, Term, gcd};

/// Steps of one long division: more than a quotient and a remainder of the allowed length can need.
const MAX_STEPS: usize = 32;

/// `a // b`, rounded down.
pub(super) fn floor_div(a: &Poly, b: &Poly) -> Option<Poly> {
    if a.terms.is_empty() && !b.terms.is_empty() {
        return Some(Poly::constant(0));
    }
    let (a, b) = reduce(a, b)?;
    let (quotient, rest) = match long_division(&a, &b) {
        Some((quotient, rest)) if rest.terms.is_empty() => return Some(quotient),
        // With a divisor of one term the remainder is unique, so taking the quotient out gives one form to one number.
        Some(parts) if b.terms.len() == 1 => parts,
        _ => (Poly::constant(0), a),
    };
    quotient.add(&proper_quotient(&rest, &b)?)
}

/// `a // b`, rounded up: a claim for positive `b` only.
pub(super) fn ceil_div(a: &Poly, b: &Poly) -> Option<Poly> {
    if b.as_constant().is_some_and(|b| b <= 0) {
        return None;
    }
    if let Some(exact) = exact_div(a, b) {
        return Some(exact);
    }
    floor_div(&a.add(b)?.sub(&Poly::constant(1))?, b)
}

/// `a / b` where `b` divides `a` as a polynomial.
fn exact_div(a: &Poly, b: &Poly) -> Option<Poly> {
    let (a, b) = reduce(a, b)?;
    long_division(&a, &b).filter(|(_, rest)| rest.terms.is_empty()).map(|(quotient, _)| quotient)
}

/// Both without their common factor, the divisor's leading coefficient positive. `None` for a divisor of zero.
fn reduce(a: &Poly, b: &Poly) -> Option<(Poly, Poly)> {
    let lead = b.terms.first()?;
    let terms = || a.terms.iter().chain(&b.terms);
    let content = terms().fold(0, |content, term| gcd(content, term.coeff.unsigned_abs()));
    let coeff = i64::try_from(content).ok()? * lead.coeff.signum();
    let atoms = terms().fold(lead.atoms.clone(), |common, term| intersect(&common, &term.atoms));
    let factor = Term { atoms, coeff };
    Some((divide_terms(a, &factor)?, divide_terms(b, &factor)?))
}

/// The factors that two products share.
fn intersect(a: &[Atom], b: &[Atom]) -> Atoms {
    let mut left: SmallVec<[&Atom; 4]> = b.iter().collect();
    let mut common = Atoms::new();
    for atom in a {
        if let Some(at) = left.iter().position(|other| *other == atom) {
            left.remove(at);
            common.push(atom.clone());
        }
    }
    common
}

fn divide_terms(poly: &Poly, factor: &Term) -> Option<Poly> {
    Poly::collect(poly.terms.iter().map(|term| divide_term(term, factor)).collect::<Option<Vec<Term>>>()?)
}

/// The term over a divisor whose atoms are all among its own, the coefficient rounded down.
fn divide_term(term: &Term, by: &Term) -> Option<Term> {
    let mut atoms = term.atoms.clone();
    for atom in &by.atoms {
        let at = atoms.iter().position(|other| other == atom)?;
        atoms.remove(at);
    }
    Some(Term { atoms, coeff: super::poly::floor_div(term.coeff, by.coeff)? })
}

/// Quotient and remainder, `a == quotient * b + remainder`, as long division on paper. `None` where it leaves the bounds.
fn long_division(a: &Poly, b: &Poly) -> Option<(Poly, Poly)> {
    let lead = b.terms.first()?;
    let mut left = a.clone();
    let (mut quotient, mut rest) = (Vec::new(), Vec::new());
    for _ in 0..MAX_STEPS {
        let Some(term) = left.terms.first() else {
            return Some((Poly::collect(quotient)?, Poly::collect(rest)?));
        };
        match divide_term(term, lead).filter(|part| part.coeff != 0) {
            Some(part) => {
                left = left.sub(&b.mul_term(&part)?)?;
                quotient.push(part);
            }
            None => rest.push(left.terms.remove(0)),
        }
    }
    None
}

/// `a // b` where `b` no longer divides a part of `a`: zero if `0 <= a < b` is proven, else an atom.
fn proper_quotient(a: &Poly, b: &Poly) -> Option<Poly> {
    let at_least = |poly: &Poly, bound: i64| poly.lower_bound().is_some_and(|lower| lower >= bound);
    if at_least(a, 0) && b.sub(a).is_some_and(|gap| at_least(&gap, 1)) {
        return Some(Poly::constant(0));
    }
    match unnest(a, b) {
        Some((inner, by)) => floor_div(&inner, &by),
        None => Poly::bounded_atom(AtomOp::FloorDiv, [a.clone(), b.clone()]),
    }
}

/// `(x//m + r) // k` is `(x + m*r) // (m*k)` for positive numbers `m` and `k`: a chain of strided convolutions stays one
/// division.
fn unnest(a: &Poly, b: &Poly) -> Option<(Poly, Poly)> {
    let k = b.as_constant().filter(|&k| k > 0)?;
    let (at, args) = a.terms.iter().enumerate().find_map(|(at, term)| match (term.coeff, term.atoms.as_slice()) {
        (1, [Atom::Op(AtomOp::FloorDiv, args)]) => Some((at, args)),
        _ => None,
    })?;
    let m = args[1].as_constant().filter(|&m| m > 0)?;
    let mut rest = a.clone();
    rest.terms.remove(at);
    Some((args[0].add(&rest.scale(m)?)?, Poly::constant(m.checked_mul(k)?)))
}
