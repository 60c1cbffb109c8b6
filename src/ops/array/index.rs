//! `x.index(index![0, 1.., .., Index::NewAxis])`: Python's `x[0, 1:, ..., tf.newaxis]`, as a [`StridedSlice`].

use std::ops::{Range, RangeFrom, RangeFull, RangeTo};

use super::into_sizes::{IntoSizes, Size, by_name};
use super::strided_slice::{Masks, StridedSlice};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Graph, Tensor};

/// One entry of an index. Numbers below 0 count from the end of the axis.
#[derive(Debug, Clone)]
pub enum Index {
    /// One index; its axis goes.
    At(Size),
    /// From where, to where (without it), in which steps.
    Range(Option<Size>, Option<Size>, i64),
    /// A new axis of size 1.
    NewAxis,
    /// As many whole axes as are left: Python's `...`.
    Ellipsis,
}

impl Index {
    /// The range in steps of `step`, which may be negative: Python's `a:b:step`.
    pub fn by(self, step: i64) -> Index {
        match self {
            Index::Range(begin, end, _) => Index::Range(begin, end, step),
            other => other,
        }
    }
}

macro_rules! index_from {
    ($($t:ty),*) => { $(
        impl From<$t> for Index {
            fn from(at: $t) -> Index {
                Index::At(at.into())
            }
        }
    )* };
}
index_from! { i32, i64, usize, Tensor, &Tensor }

impl<T: Into<Size>> From<Range<T>> for Index {
    fn from(range: Range<T>) -> Index {
        Index::Range(Some(range.start.into()), Some(range.end.into()), 1)
    }
}

impl<T: Into<Size>> From<RangeFrom<T>> for Index {
    fn from(range: RangeFrom<T>) -> Index {
        Index::Range(Some(range.start.into()), None, 1)
    }
}

impl<T: Into<Size>> From<RangeTo<T>> for Index {
    fn from(range: RangeTo<T>) -> Index {
        Index::Range(None, Some(range.end.into()), 1)
    }
}

impl From<RangeFull> for Index {
    fn from(_: RangeFull) -> Index {
        Index::Range(None, None, 1)
    }
}

/// An index of several entries: `x.index(index![0, 1.., ..])`.
#[macro_export]
macro_rules! index {
    ($($entry:expr),* $(,)?) => { [$($crate::ops::array::Index::from($entry)),*] };
}

/// One entry, or a list of them.
pub trait IntoIndex {
    /// The entries.
    fn entries(self) -> Vec<Index>;
}

impl<T: Into<Index>> IntoIndex for T {
    fn entries(self) -> Vec<Index> {
        vec![self.into()]
    }
}

impl<const N: usize> IntoIndex for [Index; N] {
    fn entries(self) -> Vec<Index> {
        self.into()
    }
}

impl IntoIndex for Vec<Index> {
    fn entries(self) -> Vec<Index> {
        self
    }
}

/// The lists that a `StridedSlice` takes.
#[derive(Default)]
struct Spec {
    begin: Vec<Size>,
    end: Vec<Size>,
    strides: Vec<Size>,
    masks: Masks,
}

impl Tensor {
    /// Elements by index, as `x[..]` in Python: numbers and scalar tensors drop their axis, ranges keep it.
    ///
    /// # Errors
    /// `InvalidArgument` for a number outside of its axis and for steps of 0; `ShapeMismatch` for too many entries.
    ///
    /// Source: TensorFlow's `StridedSlice`.
    ///
    /// ```
    /// # use sessile::{index, prelude::*};
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3, 6])?;
    /// assert_eq!(x.index(index![.., 0, 1..-1])?.shape().to_string(), "(?, 4)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.Tensor.__getitem__")]
    #[track_caller]
    pub fn index(&self, index: impl IntoIndex) -> Result<Tensor> {
        let g = self.graph();
        let spec = spec(index.entries())?;
        g.composite("strided_slice", |scope| {
            let [begin, end, strides] = lists(g, &spec)?;
            g.named(scope, || g.apply_one(StridedSlice { masks: spec.masks }, &[self, &begin, &end, &strides]))
        })
    }

    /// Elements from `begin` to `end` (without it) in steps, one entry an axis, with TensorFlow's masks.
    ///
    /// # Errors
    /// As for [`Tensor::index`].
    #[doc(alias = "tf.strided_slice")]
    #[track_caller]
    pub fn strided_slice(
        &self,
        begin: impl IntoSizes,
        end: impl IntoSizes,
        strides: impl IntoSizes,
        masks: Masks,
    ) -> Result<Tensor> {
        let g = self.graph();
        g.composite("StridedSlice", |scope| {
            let begin = begin.sizes(g, "begin")?;
            let end = end.sizes(g, "end")?;
            let strides = strides.sizes(g, "strides")?;
            g.named(scope, || g.apply_one(StridedSlice { masks }, &[self, &begin, &end, &strides]))
        })
    }
}

#[track_caller]
fn spec(entries: Vec<Index>) -> Result<Spec> {
    let mut spec = Spec::default();
    for (i, entry) in entries.into_iter().enumerate() {
        let bit = 1i64.checked_shl(i as u32).unwrap_or(0);
        let (begin, end, step) = match entry {
            Index::At(at) => {
                spec.masks.shrink_axis |= bit;
                let end = one_more(&at)?;
                (at, end, 1)
            }
            Index::NewAxis => {
                spec.masks.new_axis |= bit;
                (0.into(), 0.into(), 1)
            }
            Index::Ellipsis => {
                spec.masks.ellipsis |= bit;
                (0.into(), 0.into(), 1)
            }
            Index::Range(begin, end, step) => {
                spec.masks.begin |= if begin.is_none() { bit } else { 0 };
                spec.masks.end |= if end.is_none() { bit } else { 0 };
                (begin.unwrap_or(0.into()), end.unwrap_or(0.into()), step)
            }
        };
        spec.begin.push(begin);
        spec.end.push(end);
        spec.strides.push(step.into());
    }
    Ok(spec)
}

/// The end of a range of one element.
#[track_caller]
fn one_more(at: &Size) -> Result<Size> {
    match at {
        Size::Number(at) => Ok(Size::Number(at.saturating_add(1))),
        Size::Tensor(at) => {
            let g = at.graph();
            g.composite("add", |scope| {
                let one = g.named("y", || g.constant_as(at.dtype(), 1))?;
                Ok(Size::Tensor(g.named(scope, || by_name("AddV2", &[at, &one]))?))
            })
        }
    }
}

/// Begin, end and strides as tensors of one dtype.
#[track_caller]
fn lists(g: &Graph, spec: &Spec) -> Result<[Tensor; 3]> {
    let begin = spec.begin[..].sizes(g, "stack")?;
    let end = spec.end[..].sizes(g, "stack")?;
    let strides = spec.strides[..].sizes(g, "stack")?;
    let wide = begin.dtype() == DType::I64 || end.dtype() == DType::I64;
    let cast = |tensor: Tensor| if wide && tensor.dtype() != DType::I64 { tensor.cast(DType::I64) } else { Ok(tensor) };
    Ok([cast(begin)?, cast(end)?, cast(strides)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::run_alone;
    use crate::value::IntoValue;
    use crate::{Dim, Shape, shape};

    #[track_caller]
    fn infer(shape: Shape, index: impl IntoIndex, want: &str) {
        let g = Graph::new();
        let got = g.placeholder(DType::F32, shape).unwrap().index(index);
        let got = got.map_or_else(|error| error.message().to_owned(), |tensor| tensor.shape().to_string());
        assert_eq!(got, want);
    }

    #[track_caller]
    fn run(index: impl IntoIndex, want: impl IntoValue) {
        let g = Graph::new();
        let value = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]].into_value();
        let picked = g.constant(&value).unwrap().index(index).unwrap();
        let inputs: Vec<_> = picked.node().inputs().iter().map(|id| g.constant_value(*id).unwrap()).collect();
        let got = run_alone(picked.node(), &inputs).unwrap()[0].clone();
        let want = want.into_value();
        assert!(got.dims() == want.dims() && got.bytes().unwrap() == want.bytes().unwrap(), "{got:?} is not {want:?}");
    }

    #[test]
    fn shapes_are_those_of_numpy() {
        infer(shape![2, 3, 4], 0, "(3, 4)");
        infer(shape![2, 3, 4], index![.., 1..], "(2, 2, 4)");
        infer(shape![2, 3, 4], index![Index::Ellipsis, Index::NewAxis, -1], "(2, 3, 1)");
        infer(shape![2, 3, 4], index![Index::Ellipsis, Index::from(..).by(-2)], "(2, 3, 2)");
        infer(shape![?, 3], index![.., 0], "(?,)");
        infer(shape!["b", 3], index![1.., 0..9], "(max(0, b - min(1, b)), 3)");
        infer(shape!["b", 3], index![Index::from(..).by(2)], "((b + 1)//2, 3)");
        infer(shape!["b"], index![..-1], "(max(0, b - 1),)");
        infer(shape![2, 3], index![2], "slice index 2 of dimension 0 out of bounds");
        infer(shape![2, 3], index![0, 0, 0], "index out of range using input dim 2; input has only 2 dims");
        infer(shape![2], Index::from(..).by(0), "strides[0] must be non-zero");
        infer(shape![2], index![Index::Ellipsis, Index::Ellipsis], "multiple ellipses in slice spec not allowed");
        infer(shape![0], Index::from(..).by(-1), "(0,)");
        infer(shape![5], Index::from(i64::MIN..i64::MAX).by(i64::MIN), "(0,)");
    }

    /// The answers are NumPy's.
    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn elements_are_those_of_numpy() {
        run(index![1], [5, 6, 7, 8]);
        run(index![.., -1], [4, 8, 12]);
        run(index![Index::from(..).by(-1), 1..3], [[10, 11], [6, 7], [2, 3]]);
        run(index![0, Index::from(..).by(2)], [1, 3]);
        run(index![Index::from(2..0).by(-1), 0], [9, 5]);
        run(index![-1, -2], Value::scalar_of(11));
        run(index![Index::NewAxis, 0, 3..], [[4]]);
        run(index![Index::Ellipsis], [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]);
    }

    use crate::value::Value;

    #[test]
    fn nodes_are_those_of_tf1() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape!["b", 3]).unwrap();
        let first = x.shape_tensor().unwrap().index(0).unwrap();
        assert_eq!(first.fact().sizes.unwrap()[..], [Dim::named("b")]);
        let names: Vec<_> = g.nodes().map(|node| node.name().to_owned()).collect();
        let want = ["strided_slice/stack", "strided_slice/stack_1", "strided_slice/stack_2", "strided_slice"];
        assert_eq!(names[names.len() - 4..], want);
    }
}
