//! `OneHot`: rows with one element on.

use std::sync::Arc;

use super::cells::{Cell, cells, cells_mut, fill_cells, with_cells};
use super::into_sizes::Size;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape, element_count};
use crate::value::{IntoValue, Value};

/// A new axis along which the element of each index is on, and the others off.
#[derive(Debug, Clone)]
pub struct OneHot {
    /// Where the new axis is; -1 is last.
    pub axis: i64,
}

/// The row of [`OneHot`].
pub static ONE_HOT: OpKind = OpKind::new(
    "OneHot",
    "indices: TI, depth: int32, on_value: T, off_value: T -> output: T",
    |attrs: &Attrs| Ok(Arc::new(OneHot { axis: attrs.int_or("axis", -1)? }) as Arc<dyn Op>),
    || {
        let of = |axis, indices: Value, depth: i32, on: Value, off: Value| {
            Example::new(OneHot { axis }, [indices, depth.into_value(), on, off])
        };
        let [one, zero] = [1.0f32, 0.0].map(Value::scalar_of);
        vec![
            of(-1, [1i32, 5, -1].into_value(), 3, one.clone(), zero.clone()),
            of(0, [[1i64, 0]].into_value(), 2, one.clone(), zero.clone()),
            of(1, [[1u8, 0]].into_value(), 2, true.into_value(), false.into_value()),
            of(-1, 1i32.into_value(), 2, "on".into_value(), "off".into_value()),
            of(-1, [1i32].into_value(), 0, one, zero),
        ]
    },
)
.not_differentiable("a row of zeros and a one does not change smoothly");

impl Tensor {
    /// Float32 rows of zeros with a one at each index: `(..) -> (.., depth)`. An index outside of `[0, depth)` gives
    /// zeros only.
    ///
    /// # Errors
    /// `DTypeMismatch` for indices other than uint8, int32 and int64; `InvalidArgument` for a negative depth.
    ///
    /// Source: TensorFlow's `OneHot`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let labels = g.placeholder(DType::I32, shape![?])?;
    /// assert_eq!(labels.one_hot(10)?.shape().to_string(), "(?, 10)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.one_hot")]
    #[track_caller]
    pub fn one_hot(&self, depth: impl Into<Size>) -> Result<Tensor> {
        let g = self.graph();
        g.composite("one_hot", |scope| {
            let on = g.named("on_value", || g.constant(1.0f32))?;
            let off = g.named("off_value", || g.constant(0.0f32))?;
            let depth = self.depth(depth.into())?;
            g.named(scope, || g.apply_one(OneHot { axis: -1 }, &[self, &depth, &on, &off]))
        })
    }

    /// As [`Tensor::one_hot`], with values for on and off, and an axis for the rows; -1 is last.
    ///
    /// # Errors
    /// As for [`Tensor::one_hot`]; `InvalidArgument` for an axis out of range.
    #[doc(alias = "tf.one_hot")]
    #[track_caller]
    pub fn one_hot_with(
        &self,
        depth: impl Into<Size>,
        on: impl IntoValue,
        off: impl IntoValue,
        axis: i64,
    ) -> Result<Tensor> {
        let g = self.graph();
        let (on, off) = (on.into_value(), off.into_value());
        g.composite("one_hot", |scope| {
            // TF1 makes these two only to look at their dtypes.
            let _ = (g.constant(&on)?, g.constant(&off)?);
            let depth = self.depth(depth.into())?;
            let on = g.named("on_value", || g.constant(on))?;
            let off = g.named("off_value", || g.constant(off))?;
            g.named(scope, || g.apply_one(OneHot { axis }, &[self, &depth, &on, &off]))
        })
    }

    #[track_caller]
    fn depth(&self, depth: Size) -> Result<Tensor> {
        let g = self.graph();
        match depth {
            Size::Tensor(depth) => Ok(depth),
            Size::Number(n) => {
                let n = i32::try_from(n).map_err(|_| Error::invalid(format!("depth must be an int32, but is {n}")))?;
                g.named("depth", || g.constant(n))
            }
        }
    }
}

/// Where the new axis goes in a result of `rank + 1` axes.
fn new_axis(axis: i64, rank: usize) -> Result<usize> {
    match usize::try_from(axis) {
        _ if axis == -1 => Ok(rank),
        Ok(axis) if axis <= rank => Ok(axis),
        _ => Err(Error::invalid(format!("expected axis to be -1 or between [0, {}), but received: {axis}", rank + 1))),
    }
}

fn check_depth(depth: i64) -> Result<usize> {
    usize::try_from(depth).map_err(|_| Error::invalid(format!("depth must be non-negative, got: {depth}")))
}

impl Op for OneHot {
    fn kind(&self) -> &'static OpKind {
        &ONE_HOT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(cx.dtype(0), DType::U8 | DType::I32 | DType::I64) {
            return Err(Error::dtype(format!("indices must be uint8, int32 or int64, but are {}", cx.dtype(0))));
        }
        if self.axis < -1 {
            return Err(Error::invalid(format!("axis must be >= -1, but is {}", self.axis)));
        }
        (1..4).try_for_each(|i| cx.shape(i).with_rank(0).map(drop))?;
        let depth = match cx.sizes(1).as_deref() {
            Some([depth]) => {
                if let Some(depth) = depth.as_i64() {
                    check_depth(depth)?;
                }
                if depth.is_never_negative() { depth.clone() } else { Dim::unknown() }
            }
            _ => Dim::unknown(),
        };
        let shape = match cx.shape(0).rank() {
            Some(rank) => cx.shape(0).insert(new_axis(self.axis, rank)?, depth)?,
            None => Shape::unknown(),
        };
        if let Some(dims) = shape.known_dims() {
            element_count(&dims)?;
        }
        cx.output(cx.dtype(2), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let indices = cx.input(0);
        let are_scalars = (1..4).all(|i| cx.input(i).rank() == 0);
        let (Some(depth), true) = (Ints::of(cx.input(1))?.only(), are_scalars) else {
            return Err(Error::shape("depth, on_value and off_value must be scalars"));
        };
        let (axis, depth) = (new_axis(self.axis, indices.rank())?, check_depth(depth)?);
        let mut dims = Dims::from_slice(indices.dims());
        dims.insert(axis, depth);
        element_count(&dims)?;
        let inner = indices.dims()[axis..].iter().product();
        let (on, off) = (cx.input(2), cx.input(3));
        let mut out = cx.alloc(on.dtype(), &dims)?;
        with_cells!(on.dtype(), E => {
            let out = cells_mut::<E>(&mut out)?;
            fill_cells(cx, out, &cells::<E>(off)?[0])?;
            set(cx, indices, [depth, inner], cells(on)?, out)?;
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("axis", AttrValue::Int(self.axis))]
    }
}

/// Index `i` belongs to block `i / inner` and column `i % inner`.
/// Puts the element that is on at the place of each index that is within the depth.
fn set<E: Cell>(cx: &RunCx<'_>, indices: &Value, [depth, inner]: [usize; 2], on: &[E], out: &mut [E]) -> Result<()> {
    let indices = match indices.dtype() {
        DType::U8 => Ints::U8(indices.slice()?),
        _ => Ints::of(indices)?,
    };
    cx.check_room(E::contents(on).saturating_mul(indices.len()))?;
    let mut pace = cx.pace();
    for (i, index) in indices.iter().enumerate() {
        pace.spend(8 + E::work(on))?;
        if let Some(index) = usize::try_from(index).ok().filter(|index| *index < depth) {
            out[(i / inner * depth + index) * inner + i % inner].clone_from(&on[0]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn check(axis: i64, indices: impl IntoValue, dims: &[usize], want: &[i32]) {
        let inputs = [indices.into_value(), 2.into_value(), 7.into_value(), 0.into_value()];
        let got = run_op(OneHot { axis }, &inputs).unwrap().remove(0);
        assert_eq!((got.dims(), got.slice::<i32>().unwrap()), (dims, want));
    }

    #[test]
    fn indices_outside_give_off() {
        check(-1, [1, 2, 0, -1], &[4, 2], &[0, 7, 0, 0, 7, 0, 0, 0]);
        check(0, [1, 2, 0], &[2, 3], &[0, 0, 7, 7, 0, 0]);
        check(1, [[0, 1]], &[1, 2, 2], &[7, 0, 0, 7]);
    }

    #[test]
    fn the_axis_is_put_in() {
        infer_ok(&OneHot { axis: 1 }, "int64(2,3);int32();();()", "(2,?,3)");
        infer_ok(&OneHot { axis: -1 }, "int64<unknown>;int32();();()", "<unknown>");
        infer_err(&OneHot { axis: 3 }, "int64(2,3);int32();();()", "expected axis to be -1 or between [0, 3)");
        let inputs = [0.into_value(), (-1).into_value(), 1.into_value(), 0.into_value()];
        assert!(run_op(OneHot { axis: -1 }, &inputs).unwrap_err().message().contains("depth must be non-negative"));
    }

    /// The rule refuses it too where it knows the rank; a run comes here where it does not.
    #[test]
    fn a_depth_that_is_no_scalar_is_refused_in_the_run() {
        use crate::{DType, Graph, Session, Shape};
        let g = Graph::new();
        let depth = g.placeholder(DType::I32, Shape::unknown()).unwrap();
        let rows = g.constant([0]).unwrap().one_hot(&depth).unwrap();
        let error = Session::new(&g).unwrap().run_with(&rows, crate::feeds! { &depth => [2] }).unwrap_err();
        assert!(error.message().contains("must be scalars"), "{error}");
    }
}
