//! `softmax` and `log_softmax` along any axis: it changes places with the last one. The nodes are those of TF1.

use std::panic::Location;

use crate::error::{Error, Result};
use crate::graph::Tensor;
use crate::ops::array::{Size, concat_lists, range_of};
use crate::ops::math::operators::{modulo, plus};
use crate::ops::math::subtract;
use crate::shape::normalize_axis;
use crate::sizes;

impl Tensor {
    /// `exp(x) / sum(exp(x))` along an axis; the shape stays, known or not. Otherwise as [`Tensor::softmax`].
    ///
    /// # Errors
    /// As there; `InvalidArgument` for an axis that is not there; `Unsupported` for another axis than -1 where the rank
    /// is unknown.
    ///
    /// Source: TensorFlow's `tf.nn.softmax`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.softmax_along(0)?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.softmax")]
    #[track_caller]
    pub fn softmax_along(&self, axis: i64) -> Result<Tensor> {
        along(self, axis, Tensor::softmax)
    }

    /// `x - log(sum(exp(x)))` along an axis; otherwise as [`Tensor::softmax_along`].
    #[doc(alias = "tf.nn.log_softmax")]
    #[track_caller]
    pub fn log_softmax_along(&self, axis: i64) -> Result<Tensor> {
        along(self, axis, Tensor::log_softmax)
    }
}

#[track_caller]
fn along(x: &Tensor, axis: i64, softmax: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let (g, line, rank) = (x.graph(), Location::caller(), x.shape().rank());
    if axis == -1 || rank.is_some_and(|rank| axis == rank as i64 - 1) {
        return g.at_line(line, || softmax(x));
    }
    let rank = rank.ok_or_else(|| Error::unsupported(format!("softmax along axis {axis} takes a known rank")))?;
    normalize_axis(axis, rank)?;
    g.at_line(line, || {
        // A name that the user gave is for the last node alone.
        let (output, perm) = g.unnamed(|| {
            let axis = from_front(x, axis, rank)?;
            let n_axes = x.rank_tensor()?;
            let axis = match axis {
                Size::Tensor(axis) => Size::Tensor(modulo(&axis, &(rank as i32))?),
                number => number,
            };
            let swapped = x.transpose(swap(&axis, &subtract(&n_axes, 1)?)?)?;
            Ok::<_, Error>((softmax(&swapped)?, swap(&axis, &subtract(&n_axes, 1)?)?))
        })?;
        let output = output.transpose(&perm)?;
        output.set_shape(x.shape())?;
        Ok(output)
    })
}

/// The axis plus the rank where it counts from the back: TF1 leaves that sum to the run.
fn from_front(x: &Tensor, axis: i64, rank: usize) -> Result<Size> {
    let n_axes = x.rank_tensor()?;
    match i32::try_from(axis) {
        Ok(axis) if axis < 0 => Ok(Size::Tensor(plus(&axis, &n_axes)?)),
        _ => normalize_axis(axis, rank).map(Size::from),
    }
}

/// The permutation by which `axis` and `last` change places.
fn swap(axis: &Size, last: &Tensor) -> Result<Tensor> {
    let g = last.graph();
    let before = range_of(g, 0, axis.clone())?;
    let next = match axis {
        Size::Number(axis) => Size::Number(axis + 1),
        Size::Tensor(axis) => Size::Tensor(plus(axis, &1)?),
    };
    let between = range_of(g, next, last)?;
    concat_lists(g, &[&before, &sizes![last], &between, &sizes![axis.clone()]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::graph::Graph;
    use crate::session::Session;
    use crate::shape;
    use crate::shape::Shape;

    #[track_caller]
    fn check(built: Result<Tensor>, want: &[f32]) {
        let built = built.unwrap();
        let got = Session::new(built.graph()).unwrap().run(&built).unwrap();
        assert_eq!(got.len(), want.len());
        for (got, want) in got.slice::<f32>().unwrap().iter().zip(want) {
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        }
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn values_along_each_axis_are_those_of_tensorflow() {
        let g = Graph::new();
        let x = g.constant([[[1.0f32, 2.0], [3.0, 5.0]], [[0.0, -1.0], [1.0, 1.0]]]).unwrap();
        let first = [0.731_058_6, 0.952_574_1, 0.880_797_1, 0.982_013_8];
        let second = [0.268_941_43, 0.047_425_874, 0.119_202_92, 0.017_986_21];
        check(x.softmax_along(0), &[first, second].concat());
        check(x.softmax_along(-3), &[first, second].concat());
        let middle = [
            0.119_202_92,
            0.047_425_874,
            0.880_797_1,
            0.952_574_1,
            0.268_941_43,
            0.119_202_92,
            0.731_058_6,
            0.880_797_1,
        ];
        check(x.softmax_along(1), &middle);
        check(x.log_softmax_along(-2), &middle.map(f32::ln));
    }

    #[test]
    fn shapes_stay_and_axes_are_checked() {
        let g = Graph::new();
        let of = |shape: Shape| g.placeholder(DType::F32, shape).unwrap();
        assert_eq!(of(shape![2, ?, 4]).softmax_along(1).unwrap().shape().to_string(), "(2, ?, 4)");
        assert_eq!(of(Shape::unknown()).softmax_along(-1).unwrap().shape().to_string(), "<unknown>");
        let message = |shape, axis| of(shape).softmax_along(axis).unwrap_err().message().to_owned();
        assert!(message(shape![2, 3], 2).contains("axis must be in [-2, 2), but is 2"));
        assert!(message(Shape::unknown(), 0).contains("takes a known rank"));
    }
}
