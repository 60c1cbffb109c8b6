//! `Betainc`: the regularized incomplete beta function.

use std::sync::Arc;

use super::dtypes::{Dtypes, check_dtype, unsupported};
use super::elementwise::for_parts;
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::special;
use crate::ops::IntoTensor;
use crate::shape::{Dims, Shape};
use crate::value::{IntoValue, Value};

/// The regularized incomplete beta function of `a`, `b` and `x`, which have one shape or are scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Betainc;

/// The row of [`Betainc`].
pub static BETAINC: OpKind = OpKind::new(
    "Betainc",
    "a: T, b: T, x: T -> z: T",
    |_| Ok(Arc::new(Betainc)),
    || {
        let x = || [0.25f32, 0.5, 1.0].into_value();
        let scalar = |x: f64| Value::from_vec(&[], vec![x]).expect("a scalar is one element");
        vec![
            Example::new(Betainc, [x(), x(), x()]),
            Example::new(Betainc, [2.0f32.into_value(), x(), 0.5f32.into_value()]),
            Example::new(Betainc, [scalar(2.0), scalar(3.0), scalar(0.5)]),
            Example::new(Betainc, [scalar(2.0), Vec::<f64>::new().into_value(), scalar(0.5)]),
        ]
    },
);

impl Tensor {
    /// The regularized incomplete beta function with parameters `self > 0` and `b > 0`, at `x` from 0 to 1; NaN
    /// elsewhere. Float32 and float64; the three have one shape, or are scalars.
    ///
    /// # Errors
    /// `ShapeMismatch` where shapes differ: there is no further broadcasting. `Unsupported` for other dtypes.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?])?;
    /// assert_eq!(g.constant(2.0f32)?.betainc(3.0, &x)?.shape().to_string(), "(?,)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.betainc")]
    #[doc(alias = "tf.math.betainc")]
    #[track_caller]
    pub fn betainc(&self, b: impl IntoTensor, x: impl IntoTensor) -> Result<Tensor> {
        let g = self.graph();
        g.composite("Betainc", |name| {
            let b = g.named("b", || b.tensor(Some(self)))?;
            let x = g.named("x", || x.tensor(Some(self)))?;
            g.named(name, || g.apply_one(Betainc, &[self, &b, &x]))
        })
    }
}

impl Op for Betainc {
    fn kind(&self) -> &'static OpKind {
        &BETAINC
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(Dtypes::WideFloats, cx.dtype(0))?;
        let mut shape = Shape::unknown();
        for i in (0..3).filter(|i| cx.shape(*i).rank() != Some(0)) {
            shape = shape.merge(cx.shape(i))?;
        }
        let n_scalars = (0..3).filter(|i| cx.shape(*i).rank() == Some(0)).count();
        cx.output(cx.dtype(0), if n_scalars == 3 { Shape::scalar() } else { shape });
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        match cx.input(0).dtype() {
            DType::F32 => run::<f32>(cx, |a, b, x| special::betainc(a.into(), b.into(), x.into()) as f32),
            DType::F64 => run::<f64>(cx, special::betainc),
            other => Err(unsupported(other)),
        }
    }
}

fn run<T: Plain>(cx: &mut RunCx<'_>, f: fn(T, T, T) -> T) -> Result<()> {
    let dims = common_dims([cx.input(0), cx.input(1), cx.input(2)])?;
    let mut out = cx.alloc(T::DTYPE, &dims)?;
    let (a, b, x) = (cx.input(0).slice::<T>()?, cx.input(1).slice::<T>()?, cx.input(2).slice::<T>()?);
    let at = |operand: &[T], i: usize| if operand.len() == 1 { operand[0] } else { operand[i] };
    for_parts(cx, out.make_mut::<T>()?, &|start, part| {
        for (i, out) in part.iter_mut().enumerate() {
            *out = f(at(a, start + i), at(b, start + i), at(x, start + i));
        }
    })?;
    cx.output(0, out);
    Ok(())
}

/// The dims of those operands that are not scalars.
fn common_dims(operands: [&Value; 3]) -> Result<Dims> {
    let mut tensors = operands.into_iter().filter(|value| value.rank() != 0);
    let Some(first) = tensors.next() else { return Ok(Dims::new()) };
    match tensors.find(|other| other.dims() != first.dims()) {
        None => Ok(Dims::from_slice(first.dims())),
        Some(other) => {
            let (first, other) = (Shape::from(first.dims()), Shape::from(other.dims()));
            let (first, other) = (first.brackets(), other.brackets());
            Err(Error::shape(format!(
                "a, b and x must be scalars or have one shape, but there are {first} and {other}"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn scalars_take_the_shape_of_the_others() {
        infer_ok(&Betainc, "();();()", "()");
        infer_ok(&Betainc, "();(2);<unknown>", "(2)");
        infer_ok(&Betainc, "();();<unknown>", "<unknown>");
        infer_ok(&Betainc, "(?,2);(3,?);()", "(3,2)");
        infer_err(&Betainc, "(1);(2);()", "must be equal");
        infer_err(&Betainc, "int32();int32();int32()", "this op is not for int32");
    }

    #[test]
    fn values_are_those_of_tensorflow() {
        let a = [0.5f32, 2.0, 30.0, -1.0, 2.0];
        let b = [0.5f32, 30.0, 0.5, 2.0, 2.0];
        let out = run_op(Betainc, &[a.into_value(), b.into_value(), [0.1f32, 0.1, 0.9, 0.5, 1.5].into_value()]);
        let out = out.unwrap();
        let got = out[0].slice::<f32>().unwrap();
        for (got, want) in got.iter().zip([0.204_832_77, 0.830_435_4, 0.012_282_44, f32::NAN, f32::NAN]) {
            assert!((got - want).abs() < 2e-7 || got.is_nan() && want.is_nan(), "{got} is not {want}");
        }
        assert!(run_op(Betainc, &[[1.0f32].into_value(), [1.0f32, 2.0].into_value(), 0.5f32.into_value()]).is_err());
    }
}
