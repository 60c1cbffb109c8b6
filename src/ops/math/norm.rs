//! `norm`: the length of vectors and matrices. The nodes are those of TF1.

use super::axes::ReduceAxes;
use super::operators::times;
use crate::error::{Error, Result};
use crate::graph::Tensor;

/// Which norm [`Tensor::norm_of`] computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    /// The root of the sum of squares; of matrices the Frobenius norm.
    Euclidean,
    /// The largest absolute value; of matrices the largest sum of a row.
    Max,
    /// The `p`-th root of the sum of absolute values to the power `p`, of vectors; of matrices only 1, the largest sum
    /// of a column.
    Power(f64),
}

impl Tensor {
    /// The root of the sum of squared absolute values: `(a, b, c)` over axis 1 gives `(a, c)`; `()` takes all axes.
    /// Floating-point and complex numbers.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis that is not there, for more than two axes, and for axes known in the run alone;
    /// `Unsupported` for integers.
    ///
    /// Source: TensorFlow's `tf.norm`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// assert_eq!(g.placeholder(DType::F32, shape![?, 3])?.norm(1)?.shape().to_string(), "(?,)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.norm")]
    #[doc(alias = "tf.linalg.norm")]
    #[track_caller]
    pub fn norm(&self, axes: impl Into<ReduceAxes>) -> Result<Tensor> {
        norm(self, Norm::Euclidean, axes.into(), false)
    }

    /// As [`Tensor::norm`], with the axes kept as axes of size 1.
    #[doc(alias = "tf.norm")]
    #[track_caller]
    pub fn norm_keepdims(&self, axes: impl Into<ReduceAxes>) -> Result<Tensor> {
        norm(self, Norm::Euclidean, axes.into(), true)
    }

    /// As [`Tensor::norm`], of another kind: of vectors along one axis or all of them, of matrices along two, which are
    /// those of rows and columns.
    ///
    /// # Errors
    /// As there; `InvalidArgument` for a power that is not more than 0, and for one of matrices other than 1.
    #[doc(alias = "tf.norm")]
    #[track_caller]
    pub fn norm_of(&self, kind: Norm, axes: impl Into<ReduceAxes>) -> Result<Tensor> {
        norm(self, kind, axes.into(), false)
    }

    /// As [`Tensor::norm_of`], with the axes kept as axes of size 1.
    #[doc(alias = "tf.norm")]
    #[track_caller]
    pub fn norm_of_keepdims(&self, kind: Norm, axes: impl Into<ReduceAxes>) -> Result<Tensor> {
        norm(self, kind, axes.into(), true)
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
enum Extent {
    Whole,
    Vectors(i64),
    /// Along the axis of rows and that of columns.
    Matrices(i64, i64),
}

impl Extent {
    fn axes(self) -> ReduceAxes {
        match self {
            Extent::Whole => ReduceAxes::All,
            Extent::Vectors(axis) => ReduceAxes::List(vec![axis]),
            Extent::Matrices(rows, columns) => ReduceAxes::List(vec![rows, columns]),
        }
    }
}

#[track_caller]
fn norm(x: &Tensor, kind: Norm, axes: ReduceAxes, keep_dims: bool) -> Result<Tensor> {
    let extent = extent(kind, axes)?;
    x.graph().composite("norm", |_| {
        let norm = match (kind, extent) {
            (Norm::Euclidean, _) => times(x, &x.conj()?)?.reduce_sum_keepdims(extent.axes())?.sqrt()?,
            (Norm::Max, _) => largest(&x.abs()?, extent)?,
            (Norm::Power(1.0), _) => sum(&x.abs()?, extent)?,
            (Norm::Power(p), _) => x.abs()?.pow(p)?.reduce_sum_keepdims(extent.axes())?.pow(1.0 / p)?,
        };
        match extent {
            _ if keep_dims => Ok(norm),
            Extent::Whole => norm.squeeze(),
            Extent::Vectors(axis) => norm.squeeze_axes(&[axis]),
            Extent::Matrices(rows, columns) => norm.squeeze_axes(&[rows, columns]),
        }
    })
}

fn extent(kind: Norm, axes: ReduceAxes) -> Result<Extent> {
    let extent = match axes {
        ReduceAxes::All => Extent::Whole,
        ReduceAxes::One(axis) => Extent::Vectors(axis),
        ReduceAxes::List(axes) => match axes[..] {
            [axis] => Extent::Vectors(axis),
            [rows, columns] if rows != columns => Extent::Matrices(rows, columns),
            _ => {
                return Err(Error::invalid(format!("a norm takes one axis, two different ones, or all, not {axes:?}")));
            }
        },
        ReduceAxes::Tensor(_) => {
            return Err(Error::invalid("a norm takes axes that are known while the graph is built"));
        }
    };
    match (kind, extent) {
        (Norm::Power(p), _) if !(p > 0.0 && p.is_finite()) => {
            Err(Error::invalid(format!("the power of a norm must be more than 0 and finite, but is {p}")))
        }
        (Norm::Power(p), Extent::Matrices(..)) if p != 1.0 => {
            Err(Error::invalid(format!("the power of a norm of matrices must be 1, but is {p}")))
        }
        _ => Ok(extent),
    }
}

/// The largest element; of matrices the largest sum of a row.
fn largest(x: &Tensor, extent: Extent) -> Result<Tensor> {
    match extent {
        Extent::Whole => x.reduce_max_keepdims(()),
        Extent::Vectors(axis) => x.reduce_max_keepdims(axis),
        Extent::Matrices(rows, columns) => x.reduce_sum_keepdims(columns)?.reduce_max_keepdims(rows),
    }
}

/// The sum; of matrices the largest sum of a column.
fn sum(x: &Tensor, extent: Extent) -> Result<Tensor> {
    match extent {
        Extent::Whole => x.reduce_sum_keepdims(()),
        Extent::Vectors(axis) => x.reduce_sum_keepdims(axis),
        Extent::Matrices(rows, columns) => x.reduce_sum_keepdims(rows)?.reduce_max_keepdims(columns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::session::Session;

    #[track_caller]
    fn check(norm: Result<Tensor>, want: &[f32]) {
        let norm = norm.unwrap();
        let got = Session::new(norm.graph()).unwrap().run(&norm).unwrap();
        for (got, want) in got.slice::<f32>().unwrap().iter().zip(want) {
            assert!((got - want).abs() < 1e-5, "{got} is not {want}");
        }
        assert_eq!(got.len(), want.len());
    }

    /// By hand.
    #[test]
    fn norms_are_those_of_the_definitions() {
        let g = Graph::new();
        let x = g.constant([[3.0f32, -4.0], [0.0, 2.0]]).unwrap();
        check(x.norm(1), &[5.0, 2.0]);
        check(x.norm(()), &[29.0f32.sqrt()]);
        check(x.norm_keepdims([0, 1]), &[29.0f32.sqrt()]);
        check(x.norm_of(Norm::Max, 0), &[3.0, 4.0]);
        check(x.norm_of(Norm::Max, [0, 1]), &[7.0]);
        check(x.norm_of(Norm::Power(1.0), [0, 1]), &[6.0]);
        check(x.norm_of(Norm::Power(1.0), ()), &[9.0]);
        check(x.norm_of(Norm::Power(3.0), -1), &[91.0f32.cbrt(), 2.0]);
    }

    #[test]
    fn what_is_no_norm_is_refused() {
        let g = Graph::new();
        let x = g.constant([[1.0f32]]).unwrap();
        let message = |kind, axes: ReduceAxes| x.norm_of(kind, axes).unwrap_err().message().to_owned();
        assert!(message(Norm::Power(0.0), ().into()).contains("more than 0 and finite, but is 0"));
        assert!(message(Norm::Power(2.0), [0, 1].into()).contains("must be 1, but is 2"));
        assert!(message(Norm::Max, [1, 1].into()).contains("two different ones, or all, not [1, 1]"));
    }
}
