//! Quantities: over the names of dims, and as a number with the sizes put in. Both are computed side by side, because
//! the form of a dim is bounded: where it ends, the number is still right.

use std::fmt;

use sessile::Dim;

/// Dims that a sum is kept as: one holds a handful of terms.
const MAX_PARTS: usize = 8;

/// How much there is of something.
#[derive(Debug, Clone)]
pub struct Amount {
    /// What it is the sum of.
    parts: Vec<Dim>,
    /// Whether the parts are all of it.
    is_whole: bool,
    /// With the sizes put in.
    pub number: f64,
}

impl Amount {
    /// A dim, and what it is with the sizes put in.
    pub fn new(dim: Dim, number: f64) -> Amount {
        let is_whole = !dim.has_anonymous();
        let parts = if is_whole && dim.as_i64() != Some(0) { vec![dim] } else { Vec::new() };
        Amount { parts, is_whole, number }
    }

    /// So many.
    pub fn of(n: usize) -> Amount {
        Amount::new(Dim::from(n), n as f64)
    }

    /// Says that there is more of it than this.
    pub fn and_more(&mut self) {
        self.is_whole = false;
    }

    /// Whether nothing is left out.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether it is the same for all sizes.
    pub fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| part.as_i64().is_some())
    }

    /// The terms that grow most, for a line that can be read.
    pub fn brief(&self) -> String {
        const MOST: usize = 6;
        // Sizes at which products of dims come before numbers.
        let weight = |term: &Dim| term.eval(&|_| Some(100)).unwrap_or(i64::MAX);
        let mut terms: Vec<Dim> = self.parts.iter().flat_map(Dim::terms).collect();
        if terms.len() <= MOST {
            return self.to_string();
        }
        terms.sort_by_key(|term| std::cmp::Reverse(weight(term)));
        let texts: Vec<String> = terms[..MOST].iter().map(ToString::to_string).collect();
        format!("{} + {} terms", texts.join(" + "), terms.len() - MOST + usize::from(!self.is_whole))
    }

    /// Adds another.
    pub fn add(&mut self, other: &Amount) {
        self.number += other.number;
        self.is_whole &= other.is_whole;
        other.parts.iter().for_each(|part| self.add_part(part));
    }

    fn add_part(&mut self, part: &Dim) {
        for own in &mut self.parts {
            let sum = &*own + part;
            if !sum.has_anonymous() {
                *own = sum;
                return;
            }
        }
        match self.parts.len() < MAX_PARTS {
            true => self.parts.push(part.clone()),
            false => self.is_whole = false,
        }
    }

    /// So many times another.
    pub fn times(&self, other: &Amount) -> Amount {
        let mut product = Amount { parts: Vec::new(), is_whole: true, number: self.number * other.number };
        // What is multiplied by zero is nothing, whatever it is.
        let is_zero = |amount: &Amount| amount.is_whole && amount.parts.is_empty();
        product.is_whole = is_zero(self) || is_zero(other) || self.is_whole && other.is_whole;
        for (a, b) in self.parts.iter().flat_map(|a| other.parts.iter().map(move |b| (a, b))) {
            let part = a * b;
            match part.has_anonymous() {
                true => product.is_whole = false,
                false => product.add_part(&part),
            }
        }
        product
    }

    /// The larger of the two, for all sizes where that can be said.
    pub fn or_more(self, other: Amount) -> Amount {
        let of = |amount: &Amount| match amount.parts.as_slice() {
            [] => Some(Dim::from(0)),
            [part] => Some(part.clone()),
            _ => None,
        };
        let is_whole = self.is_whole && other.is_whole;
        let most = of(&self).zip(of(&other)).map(|(a, b)| a.max(&b)).filter(|most| !most.has_anonymous());
        let number = self.number.max(other.number);
        match most {
            Some(most) => Amount { is_whole, ..Amount::new(most, number) },
            None => {
                let parts = if other.number > self.number { other.parts } else { self.parts };
                Amount { parts, is_whole: false, number }
            }
        }
    }
}

/// `12*batch`; `12*batch + ?` where there is more than can be said.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts: Vec<String> = self.parts.iter().map(ToString::to_string).collect();
        if !self.is_whole {
            texts.push("?".to_owned());
        } else if texts.is_empty() {
            texts.push("0".to_owned());
        }
        f.write_str(&texts.join(" + "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, number: f64) -> Amount {
        Amount::new(Dim::named(name), number)
    }

    #[test]
    fn symbols_and_numbers_go_side_by_side() {
        let mut sum = Amount::of(3).times(&named("batch", 10.0));
        sum.add(&Amount::of(5));
        assert_eq!((sum.to_string().as_str(), sum.number), ("3*batch + 5", 35.0));
        sum.add(&Amount::new(Dim::unknown(), 2.0));
        assert_eq!((sum.to_string().as_str(), sum.number), ("3*batch + 5 + ?", 37.0));
        assert_eq!(sum.times(&Amount::of(0)).to_string(), "0");
    }

    #[test]
    fn sums_go_on_where_one_dim_ends() {
        let mut sum = Amount::of(0);
        for i in 0..20 {
            sum.add(&named(&format!("n{i}"), 1.0));
        }
        assert_eq!(sum.number, 20.0);
        assert!(sum.is_whole() && sum.to_string().ends_with("n18 + n19"), "{sum}");
        assert!(sum.brief().ends_with(" + n5 + 14 terms"), "{}", sum.brief());
        (20..200).for_each(|i| sum.add(&named(&format!("n{i}"), 1.0)));
        assert!(!sum.is_whole() && sum.number == 200.0, "{sum}");
    }

    #[test]
    fn the_larger_is_so_for_all_sizes() {
        let larger = |a: &Amount, b: &Amount| a.clone().or_more(b.clone()).to_string();
        let (batch, time) = (named("batch", 2.0), named("time", 3.0));
        assert_eq!(larger(&batch, &Amount::of(2).times(&batch)), "2*batch");
        assert_eq!(larger(&batch, &time), "max(batch, time)");
        assert_eq!(larger(&Amount::of(7), &Amount::of(9)), "9");
    }
}
