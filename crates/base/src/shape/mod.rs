//! Static shapes: what is known of a tensor's dims before anything runs.
//!
//! A [`Shape`] has an unknown rank or a list of [`Dim`]s; a dim is a number, a named size, an anonymous `?`, or an
//! expression over such symbols. [`rules`] holds the vocabulary of shape rules, [`concrete`] the dims of values.
//!
//! ```
//! # use sessile_base as sessile;
//! use sessile::{Dim, Shape, shape};
//! # fn main() -> sessile::Result<()> {
//! let x = shape!["batch", 3, 4];
//! assert_eq!(x.reshape_to(&[Dim::constant(-1), Dim::from(6)])?.to_string(), "(2*batch, 6)");
//! assert_eq!(shape![?, 3].broadcast(&Shape::from([5, 1]))?.to_string(), "(5, 3)");
//! # Ok(())
//! # }
//! ```

pub mod concrete;
mod dim;
mod dim_ops;
mod display;
mod divide;
#[cfg(test)]
mod laws;
mod poly;
mod reshape;
pub mod rules;

use std::fmt;
use std::sync::{Arc, LazyLock};

use smallvec::SmallVec;

pub use concrete::{Dims, MAX_RANK, broadcast_dims, byte_len, element_count, normalize_axes, normalize_axis};
pub use dim::{Dim, Symbol};

/// A static shape: of unknown rank, or a dim for each axis. Cheap to clone; 16 bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Shape(Option<Arc<[Dim]>>);

impl Shape {
    /// Any rank, any dims.
    pub fn unknown() -> Shape {
        Shape(None)
    }

    /// No dims: one element.
    pub fn scalar() -> Shape {
        static SCALAR: LazyLock<Shape> = LazyLock::new(|| Shape(Some(Arc::new([]))));
        SCALAR.clone()
    }

    /// The shape of these dims.
    pub fn new(dims: impl IntoIterator<Item = Dim>) -> Shape {
        Shape(Some(dims.into_iter().collect()))
    }

    /// As many `?` as axes. Of more axes than a tensor can have, which a file may claim, nothing is known.
    pub fn unknown_of_rank(rank: usize) -> Shape {
        if rank > MAX_RANK {
            return Shape::unknown();
        }
        Shape::new((0..rank).map(|_| Dim::unknown()))
    }

    /// The number of axes, where it is known.
    pub fn rank(&self) -> Option<usize> {
        self.dims().map(<[Dim]>::len)
    }

    /// The dims, where the rank is known.
    pub fn dims(&self) -> Option<&[Dim]> {
        self.0.as_deref()
    }

    /// The dim of an axis: a fresh unknown one where the rank is unknown or has no such axis.
    pub fn dim(&self, axis: usize) -> Dim {
        self.dims().and_then(|dims| dims.get(axis)).cloned().unwrap_or_else(Dim::unknown)
    }

    /// The dims as numbers, where all of them are known.
    pub fn known_dims(&self) -> Option<Dims> {
        self.dims()?.iter().map(Dim::known).collect()
    }

    /// True where every dim is known.
    pub fn is_fully_known(&self) -> bool {
        self.dims().is_some_and(|dims| dims.iter().all(|dim| dim.known().is_some()))
    }

    /// The product of the dims, where the rank is known: 0 as soon as one of them is 0.
    pub fn num_elements(&self) -> Option<Dim> {
        self.dims().map(|dims| product(dims.iter()))
    }

    /// True where a value of these dims may be what the shape describes: known dims are equal, and one named dim has one
    /// size. Anonymous dims take anything, as in TensorFlow.
    pub fn is_compatible_with(&self, dims: &[usize]) -> bool {
        let Some(own) = self.dims() else { return true };
        if own.len() != dims.len() {
            return false;
        }
        if own.iter().zip(dims).all(|(dim, &size)| dim.is_anonymous() || dim.known() == Some(size)) {
            return true;
        }
        let mut sizes: SmallVec<[(Symbol, i64); 4]> = SmallVec::new();
        for (symbol, &size) in own.iter().zip(dims).filter_map(|(dim, size)| Some((dim.as_symbol()?, size))) {
            if symbol.name().is_some() {
                sizes.push((symbol, size as i64));
            }
        }
        let size_of = |symbol: &Symbol| sizes.iter().find(|(known, _)| known == symbol).map(|&(_, size)| size);
        own.iter().zip(dims).all(|(dim, &size)| dim.eval(&size_of).is_none_or(|own| usize::try_from(own) == Ok(size)))
    }

    /// Whether a dim is made of names that the same dim of another shape is not: it says more, where one knows their sizes.
    pub fn names_beyond(&self, other: &Shape) -> bool {
        let says_more = |(axis, dim): (usize, &Dim)| {
            let has_names = dim.known().is_none() && !dim.has_anonymous();
            has_names && other.dims().is_none_or(|dims| dims.get(axis) != Some(dim))
        };
        self.dims().unwrap_or_default().iter().enumerate().any(says_more)
    }

    /// True where some value may be what both shapes describe.
    pub fn is_compatible(&self, other: &Shape) -> bool {
        let (Some(a), Some(b)) = (self.dims(), other.dims()) else { return true };
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| !a.conflicts(b))
    }

    /// True where everything that the other shape prints is known here too; what it prints as `?` may be anything.
    pub fn is_at_least_as_precise_as(&self, other: &Shape) -> bool {
        let Some(theirs) = other.dims() else { return true };
        let Some(own) = self.dims() else { return false };
        own.len() == theirs.len() && own.iter().zip(theirs).all(|(own, theirs)| own.is_at_least_as_precise_as(theirs))
    }

    /// The shape with each anonymous symbol replaced by a fresh one; dims that were equal stay equal. For a shape that is
    /// taken over from another tensor as a description, not as a claim that the sizes are the same.
    pub fn renew_anonymous(&self) -> Shape {
        match self.dims() {
            Some(dims) if dims.iter().any(Dim::has_anonymous) => {
                let mut renewed = Vec::new();
                Shape::new(dims.iter().map(|dim| dim.renew_anonymous(&mut renewed)))
            }
            _ => self.clone(),
        }
    }

    /// Bytes that it keeps, divided among those that share them.
    pub fn memory(&self) -> usize {
        self.0.as_ref().map_or(0, |dims| size_of_val(&**dims) / Arc::strong_count(dims))
    }

    /// As TensorFlow's error texts have it: `[?,3]`, and `?` for an unknown rank.
    pub fn brackets(&self) -> impl fmt::Display + '_ {
        display::Brackets(self.dims())
    }
}

/// The product of dims, exact where it can be held. Numbers are multiplied first: one symbolic product for each symbol.
fn product<'a>(dims: impl Iterator<Item = &'a Dim> + Clone) -> Dim {
    if dims.clone().any(|dim| dim.as_i64() == Some(0)) {
        return Dim::constant(0);
    }
    let numbers = dims.clone().filter_map(Dim::as_i64).fold(Dim::constant(1), |count, dim| count * Dim::constant(dim));
    dims.filter(|dim| dim.as_i64().is_none()).fold(numbers, |count, dim| dim * count)
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Shape {
        shape.clone()
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Shape {
        Shape(Some(Arc::new(dims.map(Dim::from))))
    }
}

impl<const N: usize> From<&[usize; N]> for Shape {
    fn from(dims: &[usize; N]) -> Shape {
        Shape::from(*dims)
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Shape {
        Shape::new(dims.iter().map(|&dim| Dim::from(dim)))
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Shape {
        Shape::from(dims.as_slice())
    }
}

impl From<Vec<Dim>> for Shape {
    fn from(dims: Vec<Dim>) -> Shape {
        Shape(Some(dims.into()))
    }
}

impl From<&[Dim]> for Shape {
    fn from(dims: &[Dim]) -> Shape {
        Shape(Some(dims.into()))
    }
}

impl<const N: usize> From<[Dim; N]> for Shape {
    fn from(dims: [Dim; N]) -> Shape {
        Shape(Some(Arc::new(dims)))
    }
}

/// A [`Shape`]: each item is `?`, a size (`usize`), a name (`&str`), a [`Dim`] or a `&Dim`.
///
/// ```
/// # use sessile_base as sessile;
/// use sessile::{Dim, shape};
/// let (n, seq) = (4, Dim::named("seq"));
/// assert_eq!(shape![?, "batch", 2 * n + 1, &seq, 2 * seq,].to_string(), "(?, batch, 9, seq, 2*seq)");
/// assert_eq!(shape![].rank(), Some(0));
/// assert_eq!(shape![1].to_string(), "(1,)");
/// ```
/// A dim is no signed number:
/// ```compile_fail,E0277
/// # use sessile_base as sessile;
/// sessile::shape![-1];
/// ```
#[macro_export]
macro_rules! shape {
    // The `?` arm stands before the `expr` arm: a failed `expr` fragment does not backtrack.
    (@ [$($dims:tt)*]) => { $crate::Shape::from([$($dims)*] as [$crate::Dim; _]) };
    (@ [$($dims:tt)*] ? $(, $($rest:tt)*)?) => { $crate::shape!(@ [$($dims)* $crate::Dim::unknown(),] $($($rest)*)?) };
    (@ [$($dims:tt)*] $dim:expr $(, $($rest:tt)*)?) => {
        $crate::shape!(@ [$($dims)* $crate::Dim::from($dim),] $($($rest)*)?)
    };
    ($($all:tt)*) => { $crate::shape!(@ [] $($all)*) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file may claim indices with 2^40 columns and no row.
    #[test]
    fn nothing_is_known_of_more_axes_than_there_can_be() {
        assert_eq!(Shape::unknown_of_rank(MAX_RANK).rank(), Some(MAX_RANK));
        assert_eq!(Shape::unknown_of_rank(1 << 40).rank(), None);
    }

    #[test]
    fn shapes_are_made_from_all_lists() {
        let want = shape![2, 3];
        let dims = || vec![Dim::from(2), Dim::from(3)];
        let made = [
            Shape::from([2, 3]),
            Shape::from(&[2, 3]),
            Shape::from(&[2usize, 3][..]),
            Shape::from(vec![2, 3]),
            Shape::from(dims()),
            Shape::from(dims().as_slice()),
            Shape::from([Dim::from(2), Dim::from(3)]),
            Shape::from(&want),
            Shape::new(dims()),
        ];
        assert!(made.iter().all(|shape| *shape == want));
        assert_eq!(want.known_dims().as_deref(), Some(&[2, 3][..]));
        assert_eq!(Shape::scalar(), shape![]);
    }

    #[test]
    fn each_question_mark_is_a_dim_of_its_own() {
        let shape = shape![?, ?];
        assert_ne!(shape.dim(0), shape.dim(1));
        assert_eq!(shape.dim(0), shape.dim(0));
        assert_ne!(shape.dim(7), shape.dim(7));
        assert_eq!(shape!["a"], shape!["a"]);
    }

    #[test]
    fn counts_multiply_symbolically() {
        let count = |shape: Shape| shape.num_elements().map(|count| count.to_string());
        assert_eq!(count(shape!["b", 3, 4]).as_deref(), Some("12*b"));
        assert_eq!(count(shape![]).as_deref(), Some("1"));
        assert_eq!(count(shape![1usize << 62, 1usize << 62, 0, ?]).as_deref(), Some("0"));
        assert_eq!(count(shape![1usize << 62, 1usize << 62]).as_deref(), Some("?"));
        assert_eq!(count(Shape::unknown()), None);
    }

    #[test]
    fn values_fit_as_in_tensorflow_and_one_name_has_one_size() {
        let cases = [
            (Shape::unknown(), &[2, 3][..], true),
            (shape![?, 3], &[2, 3], true),
            (shape![?, 3], &[2, 4], false),
            (shape![?, 3], &[2, 3, 1], false),
            (shape!["n", "n"], &[2, 2], true),
            (shape!["n", "n"], &[2, 3], false),
            (shape!["n", 2 * Dim::named("n")], &[2, 4], true),
            (shape!["n", 2 * Dim::named("n")], &[2, 3], false),
            (shape![2 * Dim::named("n")], &[3], true),
            (shape![], &[], true),
        ];
        for (shape, dims, want) in cases {
            assert_eq!(shape.is_compatible_with(dims), want, "{shape} with {dims:?}");
        }
        let q = Dim::unknown();
        assert!(shape![&q, &q].is_compatible_with(&[2, 3]));
    }

    #[test]
    fn precision_compares_what_is_printed() {
        let cases = [
            (shape![2, 3], shape![?, 3], true),
            (shape![?, 3], shape![2, 3], false),
            (shape![?], shape![?], true),
            (Shape::unknown(), shape![?], false),
            (shape![?], Shape::unknown(), true),
            (shape!["b"], shape![?], true),
            (shape!["b"], shape!["c"], false),
            (shape![2], shape![3], false),
            (shape![2, 2], shape![2], false),
        ];
        for (own, other, want) in cases {
            assert_eq!(own.is_at_least_as_precise_as(&other), want, "{own} against {other}");
        }
    }

    #[test]
    fn renewed_shapes_keep_their_equal_dims() {
        let q = Dim::unknown();
        let shape = shape![&q, 2 * &q, "b", 3];
        let fresh = shape.renew_anonymous();
        assert_ne!(fresh.dim(0), q);
        assert_eq!(fresh.dim(1), 2 * fresh.dim(0));
        assert_eq!((fresh.dim(2), fresh.dim(3)), (Dim::named("b"), Dim::from(3)));
    }
}
