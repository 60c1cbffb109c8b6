//! Division of normal forms: exact where it can be proven, an opaque atom elsewhere.
//!
//! A quotient is a claim for divisors that are not zero, and for those only: `(a*b)//b` is `a`. That is enough, because
//! every op that divides one size by another fails at run time where the divisor is zero.

use smallvec::SmallVec;

use super::poly::{Atom, AtomOp, Atoms, Poly, Term, floor_div as floor_div_numbers, gcd};

/// Steps of one long division: more than a quotient and a remainder of the allowed length can need.
const MAX_STEPS: usize = 32;

/// `a // b`, rounded down.
pub(super) fn floor_div(a: &Poly, b: &Poly) -> Option<Poly> {
    if a.terms.is_empty() && !b.terms.is_empty() {
        return Some(Poly::constant(0));
    }
    if let Some(by) = b.as_constant() {
        return divide_by_number(a, by);
    }
    let (a, b) = reduce(a, b)?;
    let (quotient, rest) = match long_division(&a, &b) {
        Some((quotient, rest)) if rest.terms.is_empty() => return Some(quotient),
        // With a divisor of one term the remainder is unique, so taking the quotient out gives one form to one number.
        Some(parts) if b.terms.len() == 1 => parts,
        _ => (Poly::constant(0), a),
    };
    let at_least = |poly: &Poly, bound: i64| poly.lower_bound().is_some_and(|lower| lower >= bound);
    if at_least(&rest, 0) && b.sub(&rest).is_some_and(|gap| at_least(&gap, 1)) {
        return Some(quotient);
    }
    match b.as_constant() {
        Some(by) => quotient.add(&proper_quotient(&rest, by)?),
        None => quotient.add(&Poly::bounded_atom(AtomOp::FloorDiv, [rest, b])?),
    }
}

/// `a // by`: each coefficient gives its quotient, the remainders stay under the division.
fn divide_by_number(a: &Poly, by: i64) -> Option<Poly> {
    if by < 0 {
        return divide_by_number(&a.scale(-1)?, by.checked_neg()?);
    }
    let common = i64::try_from(gcd(a.content(), by.unsigned_abs())).ok().filter(|_| by != 0)?;
    let by = by / common;
    if by == 1 {
        return a.map_coeffs(|coeff| Some(coeff / common));
    }
    let quotient = a.map_coeffs(|coeff| floor_div_numbers(coeff / common, by))?;
    let rest = a.map_coeffs(|coeff| Some((coeff / common).rem_euclid(by)))?;
    quotient.add(&proper_quotient(&rest, by)?)
}

/// `a // by` where the coefficients of `a` are remainders: zero for a number, else an atom.
fn proper_quotient(a: &Poly, by: i64) -> Option<Poly> {
    if a.as_constant().is_some_and(|a| (0..by).contains(&a)) {
        return Some(Poly::constant(0));
    }
    match unnest(a, by) {
        Some((inner, by)) => divide_by_number(&inner, by),
        None => Poly::bounded_atom(AtomOp::FloorDiv, [a.clone(), Poly::constant(by)]),
    }
}

/// `a // b`, rounded up: a claim for positive `b` only.
pub(super) fn ceil_div(a: &Poly, b: &Poly) -> Option<Poly> {
    if b.as_constant().is_some_and(|b| b <= 0) {
        return None;
    }
    if b.as_constant().is_none()
        && let Some(exact) = exact_div(a, b)
    {
        return Some(exact);
    }
    floor_div(&a.add(b)?.sub(&Poly::constant(1))?, b)
}

/// `a / b` where `b` divides `a` as a polynomial. Over a number, rounding up by adding `b - 1` finds it as well.
fn exact_div(a: &Poly, b: &Poly) -> Option<Poly> {
    let (a, b) = reduce(a, b)?;
    long_division(&a, &b).filter(|(_, rest)| rest.terms.is_empty()).map(|(quotient, _)| quotient)
}

/// Both without their common factor, the divisor's leading coefficient positive. `None` for a divisor of zero.
fn reduce(a: &Poly, b: &Poly) -> Option<(Poly, Poly)> {
    let lead = b.terms.first()?;
    let coeff = i64::try_from(gcd(a.content(), b.content())).ok()? * lead.coeff.signum();
    let atoms = a.terms.iter().chain(&b.terms).fold(lead.atoms.clone(), |common, term| intersect(&common, &term.atoms));
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
    Some(Term { atoms, coeff: floor_div_numbers(term.coeff, by.coeff)? })
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

/// `(x//m + r) // k` is `(x + m*r) // (m*k)` for positive numbers `m` and `k`: a chain of strided convolutions stays one
/// division.
fn unnest(a: &Poly, k: i64) -> Option<(Poly, i64)> {
    let (at, args) = a.terms.iter().enumerate().find_map(|(at, term)| match (term.coeff, term.atoms.as_slice()) {
        (1, [Atom::Op(AtomOp::FloorDiv, args)]) => Some((at, args)),
        _ => None,
    })?;
    let m = args[1].as_constant().filter(|&m| m > 0)?;
    let mut rest = a.clone();
    rest.terms.remove(at);
    Some((args[0].add(&rest.scale(m)?)?, m.checked_mul(k)?))
}
