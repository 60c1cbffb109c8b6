//! Axes as arguments of builders: one, several, all, or a tensor of them.

use crate::graph::Tensor;

/// An axis: an index, from the back where it is negative.
pub trait Axis: Copy {
    /// The index.
    fn index(self) -> i64;
}

macro_rules! axis {
    ($($t:ty),*) => { $(
        impl Axis for $t {
            fn index(self) -> i64 {
                // An index past the range of i64 is past every rank too.
                i64::try_from(self).unwrap_or(i64::MAX)
            }
        }
    )* };
}
axis!(usize, isize, i32, i64);

/// One axis or a list of them.
pub trait AxisList {
    /// The axes in order.
    fn axes(&self) -> Vec<i64>;
}

impl<A: Axis> AxisList for A {
    fn axes(&self) -> Vec<i64> {
        vec![self.index()]
    }
}

macro_rules! axis_lists {
    ($([$($g:tt)*] $t:ty),*) => { $(
        impl<$($g)*> AxisList for $t {
            fn axes(&self) -> Vec<i64> {
                self.iter().map(|axis| axis.index()).collect()
            }
        }
    )* };
}
axis_lists!([A: Axis] &[A], [A: Axis] Vec<A>, [A: Axis, const N: usize] [A; N], [A: Axis, const N: usize] &[A; N]);

/// The axes that [`Tensor::tensordot`] contracts.
///
/// | argument | meaning |
/// |---|---|
/// | `2` | the last two axes of the first tensor with the first two of the second, in order |
/// | `(-1, 0)` | this axis of the first with that one of the second |
/// | `(&[1, 2], &[0, 1])`, `[[1], [0]]` | these axes of the first with those of the second |
#[derive(Debug, Clone)]
pub enum Axes {
    /// So many axes: the last of the first tensor and the first of the second.
    Count(i64),
    /// Lists of equal length.
    Lists(Vec<i64>, Vec<i64>),
    /// Lists that are the rows of an integer tensor: `(2, n)`.
    Tensor(Tensor),
}

impl<A: Axis> From<A> for Axes {
    fn from(count: A) -> Axes {
        Axes::Count(count.index())
    }
}

impl<A: AxisList, B: AxisList> From<(A, B)> for Axes {
    fn from((first, second): (A, B)) -> Axes {
        Axes::Lists(first.axes(), second.axes())
    }
}

impl<A: Axis, const N: usize> From<[[A; N]; 2]> for Axes {
    fn from([first, second]: [[A; N]; 2]) -> Axes {
        Axes::Lists(first.axes(), second.axes())
    }
}

impl From<&Tensor> for Axes {
    fn from(axes: &Tensor) -> Axes {
        Axes::Tensor(axes.clone())
    }
}

/// The axes that a reduction removes: `()` for all of them, an index, a list of indices, or an integer tensor.
#[derive(Debug, Clone)]
pub enum ReduceAxes {
    /// All axes, whatever the rank.
    All,
    /// One axis.
    One(i64),
    /// Several; an empty list reduces nothing.
    List(Vec<i64>),
    /// What an int32 or int64 scalar or vector says.
    Tensor(Tensor),
}

impl From<()> for ReduceAxes {
    fn from((): ()) -> ReduceAxes {
        ReduceAxes::All
    }
}

impl<A: Axis> From<A> for ReduceAxes {
    fn from(axis: A) -> ReduceAxes {
        ReduceAxes::One(axis.index())
    }
}

macro_rules! reduce_lists {
    ($([$($g:tt)*] $t:ty),*) => { $(
        impl<$($g)*> From<$t> for ReduceAxes {
            fn from(axes: $t) -> ReduceAxes {
                ReduceAxes::List(axes.axes())
            }
        }
    )* };
}
reduce_lists!([A: Axis] &[A], [A: Axis] Vec<A>, [A: Axis, const N: usize] [A; N], [A: Axis, const N: usize] &[A; N]);

impl From<&Tensor> for ReduceAxes {
    fn from(axes: &Tensor) -> ReduceAxes {
        ReduceAxes::Tensor(axes.clone())
    }
}

impl From<Tensor> for ReduceAxes {
    fn from(axes: Tensor) -> ReduceAxes {
        ReduceAxes::Tensor(axes)
    }
}
