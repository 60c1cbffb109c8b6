//! The builders of reductions.

use std::panic::Location;
use std::sync::Arc;

use super::{Reduce, Reduction};
use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor};
use crate::ops::array::range_of;
use crate::ops::math::axes::ReduceAxes;
use crate::value::Value;

/// Two builders a reduction: one that removes the axes, one that keeps them with size 1.
macro_rules! builders {
    ($($how:ident $name:ident $keep:ident $alias:literal, $what:literal, $of:literal;)*) => {
        impl Tensor { $(
            #[doc = concat!("The ", $what, " along axes: `(a, b, c)` over axis 1 gives `(a, c)`; `()` reduces all axes.")]
            ///
            #[doc = concat!("Dtypes: ", $of, ". Axes count from the back where negative; an empty list")]
            /// reduces nothing. Sizes of the other axes stay, known or not; axes known only in the run give an unknown
            /// shape.
            ///
            /// # Errors
            /// `InvalidArgument` for an axis that is not there or comes twice.
            ///
            #[doc = concat!("Source: TensorFlow's `", stringify!($how), "`.")]
            #[doc(alias = $alias)]
            #[track_caller]
            pub fn $name(&self, axes: impl Into<ReduceAxes>) -> Result<Tensor> {
                reduce(self, Reduction::$how, axes.into(), false)
            }

            #[doc = concat!("As [`Tensor::", stringify!($name), "`], with the axes kept as axes of size 1.")]
            #[doc(alias = $alias)]
            #[track_caller]
            pub fn $keep(&self, axes: impl Into<ReduceAxes>) -> Result<Tensor> {
                reduce(self, Reduction::$how, axes.into(), true)
            }
        )* }
    };
}

builders! {
    Sum reduce_sum reduce_sum_keepdims "tf.reduce_sum", "sum", "all numbers; integers wrap";
    Mean reduce_mean reduce_mean_keepdims "tf.reduce_mean", "mean", "all numbers; integers wrap and round towards zero";
    Prod reduce_prod reduce_prod_keepdims "tf.reduce_prod", "product", "all numbers; integers wrap";
    Max reduce_max reduce_max_keepdims "tf.reduce_max", "largest element", "floats and integers";
    Min reduce_min reduce_min_keepdims "tf.reduce_min", "smallest element", "floats and integers";
    EuclideanNorm reduce_euclidean_norm reduce_euclidean_norm_keepdims "tf.math.reduce_euclidean_norm",
        "root of the sum of squares", "all numbers";
    All reduce_all reduce_all_keepdims "tf.reduce_all", "logical and", "bool";
    Any reduce_any reduce_any_keepdims "tf.reduce_any", "logical or", "bool";
}

/// The nodes of TensorFlow 1.15.5: axes that Python gave are a constant in the op's scope, all axes one beside it.
#[track_caller]
pub(in crate::ops) fn reduce(x: &Tensor, how: Reduction, axes: ReduceAxes, keep_dims: bool) -> Result<Tensor> {
    let g = x.graph();
    let op = Reduce { how, keep_dims };
    let constant = match axes {
        ReduceAxes::Tensor(axes) => return g.apply_one(op, &[x, &axes]),
        ReduceAxes::All => return g.at_line(Location::caller(), || g.apply_one(op, &[x, &all_axes(x)?])),
        ReduceAxes::One(axis) => Value::scalar_of(as_i32(axis)?),
        ReduceAxes::List(axes) => vector(axes.into_iter().map(as_i32).collect::<Result<_>>()?)?,
    };
    g.composite(how.kind().name, |scope| {
        let axes = g.named("reduction_indices", || g.constant(constant))?;
        g.named(scope, || g.apply_named(how.kind().name, Arc::new(op), &[x, &axes]))?.output(0)
    })
}

fn all_axes(x: &Tensor) -> Result<Tensor> {
    let g: &Graph = x.graph();
    match x.shape().rank() {
        Some(rank) => {
            let axes = vector((0..rank as i32).collect())?;
            g.unnamed(|| g.constant(axes))
        }
        None => g.unnamed(|| range_of(g, 0, x.rank_tensor()?)),
    }
}

fn vector(axes: Vec<i32>) -> Result<Value> {
    Value::from_vec(&[axes.len()], axes)
}

fn as_i32(axis: i64) -> Result<i32> {
    i32::try_from(axis).map_err(|_| Error::invalid(format!("an axis must fit int32, but is {axis}")))
}
