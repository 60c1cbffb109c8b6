//! The dims of a value: up to four lie beside it, so that making and moving small values touches one or two cache lines.

use std::fmt;
use std::ops::Deref;

use crate::dtype::DType;
use crate::shape::Shape;

/// Dims that are kept without a block of their own: few values have more axes.
const INLINE: usize = 4;

/// The dims of a value, as a slice.
#[derive(Clone)]
pub(super) struct Extent(Repr);

#[derive(Clone)]
enum Repr {
    /// The rank, and as many dims.
    Inline(u8, [usize; INLINE]),
    Heap(Box<[usize]>),
}

impl Extent {
    #[inline]
    pub(super) fn of(dims: &[usize]) -> Extent {
        if dims.len() > INLINE {
            return Extent(Repr::Heap(dims.into()));
        }
        let mut inline = [0; INLINE];
        inline.iter_mut().zip(dims).for_each(|(own, dim)| *own = *dim);
        Extent(Repr::Inline(dims.len() as u8, inline))
    }
}

/// Dims that are not used are 0, so that short lists are compared as words, without a call.
impl PartialEq for Extent {
    #[inline]
    fn eq(&self, other: &Extent) -> bool {
        match (&self.0, &other.0) {
            (Repr::Inline(rank, dims), Repr::Inline(other_rank, others)) => rank == other_rank && dims == others,
            _ => **self == **other,
        }
    }
}

impl Deref for Extent {
    type Target = [usize];

    #[inline]
    fn deref(&self) -> &[usize] {
        match &self.0 {
            Repr::Inline(rank, dims) => &dims[..usize::from(*rank).min(INLINE)],
            Repr::Heap(dims) => dims,
        }
    }
}

/// Dtype and dims of a value, without its elements; prints as `float32 (2, 3)`.
#[derive(Clone)]
pub struct Outline {
    pub(super) dtype: DType,
    pub(super) dims: Extent,
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.dtype, Shape::from(&*self.dims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_rank_comes_back() {
        for rank in 0..9 {
            let dims: Vec<usize> = (1..=rank).collect();
            assert_eq!(*Extent::of(&dims).clone(), dims);
            assert!(
                Extent::of(&dims) == Extent::of(&dims) && Extent::of(&dims) != Extent::of(&[&dims[..], &[1]].concat())
            );
            assert!(rank == 0 || Extent::of(&dims) != Extent::of(&dims[1..]));
        }
    }
}
