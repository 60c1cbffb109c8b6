//! The vocabulary of shape rules, as in TensorFlow's shape functions: forward only, and what is unknown fits everything.
//!
//! A rule fails at build time where TensorFlow's would. Beyond that it fails only for dims without anonymous symbols,
//! which are never in a TF1 program: `batch` against `batch + 1` is an error, `?` against `? + 1` is left to the run.

use std::ops::{Bound, RangeBounds};

use super::{Dim, MAX_RANK, Shape};
use crate::{Error, Result};

impl Dim {
    /// The more precise of two dims that must be equal: known before named before expression before `?`.
    ///
    /// # Errors
    /// `ShapeMismatch` where they cannot be equal.
    pub fn merge(&self, other: &Dim) -> Result<Dim> {
        if self == other {
            return Ok(self.clone());
        }
        if self.conflicts(other) {
            return Err(must_be_equal(self, other));
        }
        Ok(if other.precision() > self.precision() { other.clone() } else { self.clone() })
    }

    /// The dim of an elementwise result: one of 1 takes the other's size, else they must be equal.
    ///
    /// # Errors
    /// `ShapeMismatch` where they cannot be.
    pub fn broadcast(&self, other: &Dim) -> Result<Dim> {
        if self == other || other.as_i64() == Some(1) {
            return Ok(self.clone());
        }
        if self.as_i64() == Some(1) {
            return Ok(other.clone());
        }
        let one = Dim::constant(1);
        match (self.never_equals(&one), other.never_equals(&one)) {
            (true, true) => self.merge(other),
            (true, false) => Ok(self.clone()),
            (false, true) => Ok(other.clone()),
            (false, false) => Ok(Dim::unknown()),
        }
    }

    /// True where the two cannot be equal, and TensorFlow or the names of the dims say so.
    pub fn conflicts(&self, other: &Dim) -> bool {
        match (self.as_i64(), other.as_i64()) {
            (Some(a), Some(b)) => a != b,
            _ => !self.has_anonymous() && !other.has_anonymous() && self.never_equals(other),
        }
    }

    pub(super) fn is_at_least_as_precise_as(&self, other: &Dim) -> bool {
        self == other || other.has_anonymous() || (self.as_i64().is_some() && other.as_i64().is_none())
    }

    fn precision(&self) -> u8 {
        match self.as_symbol() {
            None if self.as_i64().is_some() => 4,
            Some(symbol) if symbol.name().is_some() => 3,
            None if !self.has_anonymous() => 2,
            None => 1,
            Some(_) => 0,
        }
    }
}

#[cold]
fn must_be_equal(a: &Dim, b: &Dim) -> Error {
    Error::shape(format!("dimensions must be equal, but are {a} and {b}"))
}

#[cold]
fn wrong_rank(want: &str, rank: usize) -> Error {
    Error::shape(format!("shape must be {want} but is rank {rank}"))
}

impl Shape {
    /// This shape with `n` dims: unknown ones where the rank was unknown.
    ///
    /// # Errors
    /// `ShapeMismatch` for another rank, here and in the other rules.
    pub fn with_rank(&self, n: usize) -> Result<Shape> {
        match self.rank() {
            None => Ok(Shape::unknown_of_rank(n)),
            Some(rank) if rank == n => Ok(self.clone()),
            Some(rank) => Err(wrong_rank(&format!("rank {n}"), rank)),
        }
    }

    /// This shape, if it may have `n` dims or more.
    pub fn with_rank_at_least(&self, n: usize) -> Result<Shape> {
        match self.rank() {
            Some(rank) if rank < n => Err(wrong_rank(&format!("at least rank {n}"), rank)),
            _ => Ok(self.clone()),
        }
    }

    /// This shape, if it may have `n` dims or fewer.
    pub fn with_rank_at_most(&self, n: usize) -> Result<Shape> {
        match self.rank() {
            Some(rank) if rank > n => Err(wrong_rank(&format!("at most rank {n}"), rank)),
            _ => Ok(self.clone()),
        }
    }

    /// This shape with the dim of an axis merged with another.
    ///
    /// # Errors
    /// `ShapeMismatch` where there is no such axis or the dims cannot be equal.
    pub fn with_dim(&self, axis: usize, want: &Dim) -> Result<Shape> {
        let Some(dims) = self.with_rank_at_least(axis.saturating_add(1))?.0 else { return Ok(Shape::unknown()) };
        if dims[axis].conflicts(want) {
            return Err(Error::shape(format!("dimension must be {want} but is {}", dims[axis])));
        }
        self.replace_dim(axis, dims[axis].merge(want)?)
    }

    /// What is known of two shapes that must be equal.
    ///
    /// # Errors
    /// `ShapeMismatch` where ranks or dims differ.
    pub fn merge(&self, other: &Shape) -> Result<Shape> {
        let (Some(a), Some(b)) = (self.dims(), other.dims()) else {
            return Ok(if self.rank().is_some() { self.clone() } else { other.clone() });
        };
        if a.len() != b.len() {
            return Err(Error::shape(format!("shapes must be equal rank, but are {} and {}", a.len(), b.len())));
        }
        let merge = |(axis, (a, b)): (usize, (&Dim, &Dim))| a.merge(b).map_err(|_| self.unequal(other, axis, a, b));
        let merged: Vec<Dim> = a.iter().zip(b).enumerate().map(merge).collect::<Result<_>>()?;
        Ok(if merged == a { self.clone() } else { merged.into() })
    }

    #[cold]
    fn unequal(&self, other: &Shape, axis: usize, a: &Dim, b: &Dim) -> Error {
        let shapes = format!("shapes are {} and {}", self.brackets(), other.brackets());
        Error::shape(format!("dimension {axis} in both shapes must be equal, but are {a} and {b}; {shapes}"))
    }

    /// What holds of either of two shapes: dims that differ become unknown, as do ranks.
    pub fn join(&self, other: &Shape) -> Shape {
        match (self.dims(), other.dims()) {
            (Some(a), Some(b)) if a == b => self.clone(),
            (Some(a), Some(b)) if a.len() == b.len() => {
                Shape::new(a.iter().zip(b).map(|(a, b)| if a == b { a.clone() } else { Dim::unknown() }))
            }
            _ => Shape::unknown(),
        }
    }

    /// The shape of an elementwise result, as NumPy broadcasts; unknown where a rank is.
    ///
    /// # Errors
    /// `ShapeMismatch` where two dims cannot be equal and neither can be 1.
    pub fn broadcast(&self, other: &Shape) -> Result<Shape> {
        let (Some(a), Some(b)) = (self.dims(), other.dims()) else { return Ok(Shape::unknown()) };
        let (long, short, owner) = if a.len() >= b.len() { (a, b, self) } else { (b, a, other) };
        let offset = long.len() - short.len();
        if long[offset..] == *short {
            return Ok(owner.clone());
        }
        let mut dims = long.to_vec();
        for (dim, other) in dims[offset..].iter_mut().zip(short) {
            *dim = if a.len() >= b.len() { dim.broadcast(other)? } else { other.broadcast(dim)? };
        }
        Ok(dims.into())
    }

    /// This shape with another dim on an axis.
    ///
    /// # Errors
    /// `ShapeMismatch` where there is no such axis.
    pub fn replace_dim(&self, axis: usize, dim: Dim) -> Result<Shape> {
        match self.with_rank_at_least(axis.saturating_add(1))?.dims() {
            Some(dims) if dims[axis] == dim => Ok(self.clone()),
            Some(dims) => {
                let mut dims = dims.to_vec();
                dims[axis] = dim;
                Ok(dims.into())
            }
            None => Ok(Shape::unknown()),
        }
    }

    /// The dims of this shape and then those of the other; unknown where a rank is.
    ///
    /// # Errors
    /// `ShapeMismatch` past [`MAX_RANK`], here and in [`Shape::insert`].
    pub fn concat(&self, other: &Shape) -> Result<Shape> {
        let (Some(a), Some(b)) = (self.dims(), other.dims()) else { return Ok(Shape::unknown()) };
        match (a, b) {
            (_, []) => Ok(self.clone()),
            ([], _) => Ok(other.clone()),
            _ => Shape::from([a, b].concat()).with_rank_at_most(MAX_RANK),
        }
    }

    /// The dims of a range of axes. Of an unknown rank: as many unknown dims as the range has, if that is known.
    ///
    /// # Errors
    /// `ShapeMismatch` where the shape has no such axes.
    pub fn slice(&self, axes: impl RangeBounds<usize>) -> Result<Shape> {
        let start = match axes.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match axes.end_bound() {
            Bound::Included(&end) => Some(end.saturating_add(1)),
            Bound::Excluded(&end) => Some(end),
            Bound::Unbounded => None,
        };
        let Some(dims) = self.with_rank_at_least(end.unwrap_or(start).max(start))?.0 else {
            return Ok(end.map_or_else(Shape::unknown, |end| Shape::unknown_of_rank(end.saturating_sub(start))));
        };
        let end = end.unwrap_or(dims.len()).max(start);
        Ok(if end - start == dims.len() { self.clone() } else { dims[start..end].into() })
    }

    /// This shape with one more dim, which becomes that of the axis.
    ///
    /// # Errors
    /// `ShapeMismatch` where the axis is past the end.
    pub fn insert(&self, axis: usize, dim: Dim) -> Result<Shape> {
        let Some(dims) = self.with_rank_at_least(axis)?.0 else { return Ok(Shape::unknown()) };
        let (front, back) = dims.split_at(axis);
        let longer = front.iter().cloned().chain([dim]).chain(back.iter().cloned()).collect::<Vec<Dim>>();
        Shape::from(longer).with_rank_at_most(MAX_RANK)
    }

    /// This shape without an axis.
    ///
    /// # Errors
    /// `ShapeMismatch` where there is no such axis.
    pub fn remove(&self, axis: usize) -> Result<Shape> {
        let Some(dims) = self.with_rank_at_least(axis.saturating_add(1))?.0 else { return Ok(Shape::unknown()) };
        Ok([&dims[..axis], &dims[axis + 1..]].concat().into())
    }
}

#[cfg(test)]
mod tests {
    use crate::shape;

    use super::*;

    #[track_caller]
    fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.expect_err("must fail").message().to_string()
    }

    /// The answers are those of TensorFlow 1.15.5 and 2.15.1, run, but for `? + 0`, where they know less.
    #[test]
    fn shapes_broadcast_as_in_tensorflow() {
        let cases = [
            (shape![?, 3], shape![5, 1], "(5, 3)"),
            (shape![?], shape![1], "(?,)"),
            (shape![?], shape![3], "(3,)"),
            (shape![?], shape![0], "(0,)"),
            (shape![0], shape![1], "(0,)"),
            (shape![2, 3], shape![], "(2, 3)"),
            (Shape::unknown(), shape![3], "<unknown>"),
            (shape![?, 1], shape![1, ?], "(?, ?)"),
            (shape![4, 1, 3], shape![2, 1], "(4, 2, 3)"),
            (shape![?], shape![?], "(?,)"),
            (shape!["b", 3], shape![3], "(b, 3)"),
            (shape!["b", 3], shape!["b", 1], "(b, 3)"),
            (shape!["b"], shape!["c"], "(?,)"),
            (shape!["b"], shape![1], "(b,)"),
            (shape!["b"], shape![4], "(4,)"),
            (shape![Dim::named("b") + 2], shape!["c"], "(b + 2,)"),
        ];
        for (a, b, want) in cases {
            assert_eq!(a.broadcast(&b).unwrap().to_string(), want, "{a} with {b}");
            assert_eq!(b.broadcast(&a).unwrap().to_string(), want, "{b} with {a}");
        }
        let q = Dim::unknown();
        assert_eq!(shape![&q].broadcast(&shape![&q]).unwrap().dim(0), q);
        assert_eq!(shape![&q].broadcast(&shape![1]).unwrap().dim(0), q);
        assert_ne!(shape![&q].broadcast(&shape![?]).unwrap().dim(0), q);
        assert_eq!(message(shape![2, 3].broadcast(&shape![4])), "dimensions must be equal, but are 3 and 4");
        assert_eq!(message(shape![4].broadcast(&shape![2, 3])), "dimensions must be equal, but are 4 and 3");
        assert_eq!(message(shape![0].broadcast(&shape![3])), "dimensions must be equal, but are 0 and 3");
    }

    #[test]
    fn shapes_merge_to_the_more_precise() {
        let cases = [
            (shape![?, 3], shape![2, ?], "(2, 3)"),
            (Shape::unknown(), shape![2, ?], "(2, ?)"),
            (shape!["b"], shape![?], "(b,)"),
            (shape!["b"], shape![4], "(4,)"),
            (shape!["b"], shape![2 * Dim::named("c")], "(b,)"),
            (shape![2 * Dim::named("c")], shape![?], "(2*c,)"),
        ];
        for (a, b, want) in cases {
            assert_eq!(a.merge(&b).unwrap().to_string(), want);
            assert_eq!(b.merge(&a).unwrap().to_string(), want);
        }
        let want = "dimension 0 in both shapes must be equal, but are 3 and 4; shapes are [3] and [4]";
        assert_eq!(message(shape![3].merge(&shape![4])), want);
        assert_eq!(message(shape![2, 3].merge(&shape![2])), "shapes must be equal rank, but are 2 and 1");
    }

    #[test]
    fn named_dims_that_cannot_be_equal_clash_and_anonymous_ones_are_left_to_the_run() {
        let (b, q) = (Dim::named("b"), Dim::unknown());
        assert_eq!(message(b.merge(&(&b + 1))), "dimensions must be equal, but are b and b + 1");
        assert_eq!(message((2 * &b).merge(&Dim::from(3))), "dimensions must be equal, but are 2*b and 3");
        assert!((2 * &b).merge(&b).is_ok());
        assert!(q.merge(&(&q + 1)).is_ok());
        assert!((2 * &q).merge(&Dim::from(3)).is_ok());
    }

    #[test]
    fn ranks_and_dims_are_checked_in_tensorflows_words() {
        let x = shape![2, 3, ?];
        assert_eq!(message(x.with_rank(2)), "shape must be rank 2 but is rank 3");
        assert_eq!(message(shape![3].with_rank_at_least(2)), "shape must be at least rank 2 but is rank 1");
        assert_eq!(message(x.with_rank_at_most(2)), "shape must be at most rank 2 but is rank 3");
        assert_eq!(message(x.with_dim(1, &Dim::from(4))), "dimension must be 4 but is 3");
        assert_eq!(x.with_dim(2, &Dim::from(4)).unwrap(), shape![2, 3, 4]);
        assert_eq!(Shape::unknown().with_rank(2).unwrap().to_string(), "(?, ?)");
        assert_eq!(Shape::unknown().with_dim(1, &Dim::from(4)).unwrap(), Shape::unknown());
    }

    #[test]
    fn shapes_are_cut_and_joined() {
        let x = shape![2, "b", 4];
        assert_eq!(x.replace_dim(0, Dim::from(7)).unwrap(), shape![7, "b", 4]);
        assert_eq!(x.slice(1..).unwrap(), shape!["b", 4]);
        assert_eq!(x.slice(..=1).unwrap(), shape![2, "b"]);
        assert_eq!(x.slice(3..).unwrap(), shape![]);
        assert_eq!(x.insert(3, Dim::from(1)).unwrap(), shape![2, "b", 4, 1]);
        assert_eq!(x.remove(1).unwrap(), shape![2, 4]);
        assert_eq!(x.concat(&shape![5]).unwrap(), shape![2, "b", 4, 5]);
        assert_eq!(x.join(&shape![2, 3, 4]).to_string(), "(2, ?, 4)");
        assert_eq!(x.join(&shape![2]), Shape::unknown());
        for failed in [
            x.replace_dim(3, Dim::from(1)),
            x.slice(2..5),
            x.slice(4..),
            x.insert(4, Dim::from(1)),
            x.remove(usize::MAX),
        ] {
            assert!(failed.is_err());
        }
        assert!(Shape::from(vec![1; 200]).concat(&Shape::from(vec![1; 55])).is_err());
    }

    #[test]
    fn an_unknown_rank_stays_unknown_unless_the_rule_tells_it() {
        let x = Shape::unknown();
        assert_eq!(x.slice(1..3).unwrap().to_string(), "(?, ?)");
        let unknown = [
            x.slice(1..),
            x.insert(1, Dim::from(1)),
            x.remove(1),
            x.replace_dim(0, Dim::from(1)),
            x.concat(&shape![2]),
        ];
        assert!(unknown.into_iter().all(|shape| shape.unwrap() == Shape::unknown()));
    }
}
