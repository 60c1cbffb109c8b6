//! `Equal`, `NotEqual`, `ApproximateEqual`: comparisons that are no order.

use std::sync::Arc;

use super::dtypes::{Dtypes, check_dtype, unsupported};
use super::elementwise::{check_same_dims, map2_strings, map2_to};
use super::infix::infix;
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::shape::{Shape, broadcast_dims};
use crate::value::{IntoValue, Value, same_text};
use crate::with_type;

/// Whether elements are equal, with broadcasting; of any dtype with elements. NaN is equal to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Equality {
    /// Asks whether they differ.
    pub is_negated: bool,
    /// Whether shapes that do not broadcast are an error; otherwise they are unequal: one bool.
    pub incompatible_shape_error: bool,
}

/// The row of [`Equality`].
pub static EQUAL: OpKind =
    OpKind::new("Equal", "x: T, y: T -> z: bool", |attrs| parse(attrs, false), || examples(false))
        .not_differentiable("whether numbers are equal does not change smoothly");

/// The row of [`Equality`], negated.
pub static NOT_EQUAL: OpKind =
    OpKind::new("NotEqual", "x: T, y: T -> z: bool", |attrs| parse(attrs, true), || examples(true))
        .not_differentiable("whether numbers are equal does not change smoothly");

/// Whether two tensors of one shape differ by less than a tolerance; number dtypes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ApproximateEqual {
    /// What the absolute value of the difference must be below.
    pub tolerance: f32,
}

/// The row of [`ApproximateEqual`].
pub static APPROXIMATE_EQUAL: OpKind =
    OpKind::new("ApproximateEqual", "x: T, y: T -> z: bool", parse_approximate, approximate_examples)
        .not_differentiable("whether numbers are equal does not change smoothly");

/// TensorFlow's default.
const TOLERANCE: f32 = 1e-5;

impl Tensor {
    /// Whether elements are equal, with broadcasting: bools. Numbers, bools and strings.
    ///
    /// # Errors
    /// `ShapeMismatch` where sizes do not fit, `DTypeMismatch` where dtypes differ.
    #[doc(alias = "tf.equal")]
    #[track_caller]
    pub fn equal(&self, other: impl IntoTensor) -> Result<Tensor> {
        infix(self, &other, "Equal", Equality { is_negated: false, incompatible_shape_error: true })
    }

    /// Whether elements differ; otherwise as [`Tensor::equal`].
    #[doc(alias = "tf.not_equal")]
    #[track_caller]
    pub fn not_equal(&self, other: impl IntoTensor) -> Result<Tensor> {
        infix(self, &other, "NotEqual", Equality { is_negated: true, incompatible_shape_error: true })
    }

    /// Whether elements of two tensors of one shape differ by less than `tolerance` (TensorFlow's default is 1e-5).
    ///
    /// # Errors
    /// `ShapeMismatch` for different shapes: there is no broadcasting.
    #[doc(alias = "tf.math.approximate_equal")]
    #[track_caller]
    pub fn approximate_equal(&self, other: impl IntoTensor, tolerance: f32) -> Result<Tensor> {
        infix(self, &other, "ApproximateEqual", ApproximateEqual { tolerance })
    }
}

fn parse(attrs: &Attrs, is_negated: bool) -> Result<Arc<dyn Op>> {
    let incompatible_shape_error = attrs.bool_or("incompatible_shape_error", true)?;
    Ok(Arc::new(Equality { is_negated, incompatible_shape_error }))
}

fn examples(is_negated: bool) -> Vec<Example> {
    let strict = Equality { is_negated, incompatible_shape_error: true };
    let lax = Equality { is_negated, incompatible_shape_error: false };
    vec![
        Example::new(strict, [[[1.0f32], [f32::NAN]].into_value(), [1.0f32, 2.0].into_value()]),
        Example::new(strict, [["a", "b"].into_value(), "a".into_value()]),
        Example::new(strict, [[true, false].into_value(), [true, true].into_value()]),
        Example::new(lax, [[1i32, 2, 3].into_value(), [1i32, 2].into_value()]),
        Example::new(lax, [[1i32, 2].into_value(), [1i32, 3].into_value()]),
    ]
}

impl Op for Equality {
    fn kind(&self) -> &'static OpKind {
        if self.is_negated { &NOT_EQUAL } else { &EQUAL }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(Dtypes::All, cx.dtype(0))?;
        let is_known = cx.shape(0).is_fully_known() && cx.shape(1).is_fully_known();
        let shape = match cx.shape(0).broadcast(cx.shape(1)) {
            Ok(shape) if self.incompatible_shape_error || is_known => shape,
            // What the sizes turn out to be decides between the common shape and a scalar.
            Ok(_) => Shape::unknown(),
            Err(error) if self.incompatible_shape_error => return Err(error),
            Err(_) => Shape::scalar(),
        };
        cx.output(DType::Bool, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (dtype, is_negated) = (cx.input(0).dtype(), self.is_negated);
        if !self.incompatible_shape_error && broadcast_dims(cx.input(0).dims(), cx.input(1).dims()).is_err() {
            cx.output(0, Value::scalar_of(is_negated));
            return Ok(());
        }
        if dtype == DType::String {
            let (dims, equal) = map2_strings(cx, |x, y| same_text(x, y) != is_negated)?;
            cx.output(0, equal.into_value(&dims)?);
            return Ok(());
        }
        with_type!(dtype, T in plain => map2_to(cx, |x: T, y: T| (x == y) != is_negated), else => Err(unsupported(dtype)))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("incompatible_shape_error", AttrValue::Bool(self.incompatible_shape_error))]
    }
}

fn parse_approximate(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(ApproximateEqual { tolerance: attrs.float_or("tolerance", TOLERANCE)? }))
}

fn approximate_examples() -> Vec<Example> {
    let op = ApproximateEqual { tolerance: TOLERANCE };
    vec![
        Example::new(op, [[1.0f32, 2.0].into_value(), [1.0f32, 2.5].into_value()]),
        Example::new(ApproximateEqual { tolerance: 1.5 }, [[1i32, 2].into_value(), [2i32, 4].into_value()]),
    ]
}

impl Op for ApproximateEqual {
    fn kind(&self) -> &'static OpKind {
        &APPROXIMATE_EQUAL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(Dtypes::Reals, cx.dtype(0))?;
        cx.output(DType::Bool, cx.shape(0).merge(cx.shape(1))?);
        Ok(())
    }

    // Floats have no `abs_diff`.
    #[allow(clippy::manual_abs_diff)]
    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        check_same_dims(cx.input(0), cx.input(1))?;
        let (dtype, tolerance) = (cx.input(0).dtype(), f64::from(self.tolerance));
        with_type!(dtype, T in reals => map2_to(cx, |x: T, y: T| {
            let difference = if x < y { y - x } else { x - y };
            num_traits::ToPrimitive::to_f64(&difference).is_some_and(|difference| difference < tolerance)
        }), else => Err(unsupported(dtype)))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("tolerance", AttrValue::Float(self.tolerance))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    const STRICT: Equality = Equality { is_negated: false, incompatible_shape_error: true };
    const LAX: Equality = Equality { is_negated: true, incompatible_shape_error: false };

    #[test]
    fn shapes_broadcast_or_are_unequal() {
        infer_ok(&STRICT, "(?,3);(3)", "(?,3)");
        infer_err(&STRICT, "(2);(3)", "dimensions must be equal, but are 2 and 3");
        infer_ok(&LAX, "(2);(3)", "()");
        infer_ok(&LAX, "(2);(2)", "(2)");
        infer_ok(&LAX, "(?);(2)", "<unknown>");
        infer_err(&ApproximateEqual { tolerance: 1.0 }, "(1);(3)", "must be equal");
    }

    #[test]
    fn strings_and_nan_compare() {
        let run = |op: Equality, x: Value, y: Value| run_op(op, &[x, y]).unwrap()[0].to_string();
        assert_eq!(run(STRICT, ["a", "b"].into_value(), "b".into_value()), "[False  True]");
        assert_eq!(run(STRICT, "".into_value(), ["", "b"].into_value()), "[ True False]");
        assert_eq!(run(STRICT, [["a"], [""]].into_value(), ["", "a"].into_value()), "[[False  True]\n [ True False]]");
        let none = || Value::zeros(DType::String, &[0, 1]).unwrap();
        assert_eq!(run(STRICT, none(), ["a", "b"].into_value()), "[]");
        assert_eq!(run(LAX, ["a", "b"].into_value(), none()), "[]");
        assert_eq!(run(STRICT, [f32::NAN, 0.0].into_value(), [f32::NAN, -0.0].into_value()), "[False  True]");
        assert_eq!(run(LAX, [1, 2, 3].into_value(), [1, 2].into_value()), "True");
    }
}
