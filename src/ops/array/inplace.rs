//! `InplaceUpdate`, `InplaceAdd`, `InplaceSub`, `DeepCopy` and `Empty`: arrays whose rows change.
//!
//! TensorFlow changes the input's own memory. Values do not change here: the result alone has the change.

use std::sync::Arc;

use super::into_sizes::dims_of;
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Ints, Op, OpKind, RunCx};
use crate::ops::state::{ScatterRule, apply_scatter};
use crate::shape::Shape;
use crate::value::{IntoValue, ScratchVec, Value};

/// An array with rows replaced, added to or subtracted from: `(n, ..), (k), (k, ..) -> (n, ..)`. Rows count from the end
/// where they are negative, and from the start again past it; those that are named again change again.
#[derive(Debug, Clone)]
pub struct InplaceChange {
    /// What becomes of the old elements: `Update`, `Add` or `Sub`.
    pub rule: ScatterRule,
}

macro_rules! rows {
    ($($row:ident $rule:ident $name:literal;)*) => {
        $(
            #[doc = concat!("The row of `", $name, "`.")]
            pub static $row: OpKind = OpKind::new(
                $name,
                "x: T, i: int32, v: T -> y: T",
                |_: &Attrs| Ok(Arc::new(InplaceChange { rule: ScatterRule::$rule }) as Arc<dyn Op>),
                || examples(ScatterRule::$rule),
            )
            .not_differentiable("TensorFlow gives it no gradient");
        )*

        fn kind_of(rule: ScatterRule) -> &'static OpKind {
            match rule {
                $( ScatterRule::$rule => &$row, )*
                _ => &INPLACE_UPDATE,
            }
        }
    };
}
rows! {
    INPLACE_UPDATE Update "InplaceUpdate";
    INPLACE_ADD Add "InplaceAdd";
    INPLACE_SUB Sub "InplaceSub";
}

fn examples(rule: ScatterRule) -> Vec<Example> {
    let of = |x: Value, i: Value, v: Value| Example::new(InplaceChange { rule }, [x, i, v]);
    let x = || [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]].into_value();
    vec![
        of(x(), [2, 0].into_value(), [[2.0f32, 3.0], [4.0, 5.0]].into_value()),
        of([1i64, 2].into_value(), [-1, -1, 2].into_value(), [5i64, 6, 7].into_value()),
        of(x(), Vec::<i32>::new().into_value(), Value::zeros(DType::F32, &[0, 2]).unwrap_or(true.into_value())),
    ]
}

impl Op for InplaceChange {
    fn kind(&self) -> &'static OpKind {
        kind_of(self.rule)
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (x, v) = (cx.shape(0).with_rank_at_least(1)?, cx.shape(2).with_rank_at_least(1)?);
        v.with_dim(0, &cx.shape(1).with_rank(1)?.dim(0))?;
        x.slice(1..)?.merge(&v.slice(1..)?)?;
        cx.output(cx.dtype(0), x);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let row_len = check_dims(cx.input(0).dims(), cx.input(1).dims(), cx.input(2).dims())?;
        let places = places(cx, cx.input(0).dims()[0], row_len)?;
        let x = cx.take(0);
        let changed = apply_scatter(cx, self.rule, x, &places, row_len, cx.input(2))?;
        cx.output(0, changed);
        Ok(())
    }
}

/// The elements of a row.
fn check_dims(x: &[usize], i: &[usize], v: &[usize]) -> Result<usize> {
    match (x, i, v) {
        ([_, row @ ..], [n], [rows, own @ ..]) if n == rows && row == own => Ok(row.iter().product()),
        _ => {
            let [x, i, v] = [x, i, v].map(Shape::from);
            Err(Error::shape(format!("x, i and v must be (n, ..), (k) and (k, ..), but are {x}, {i} and {v}")))
        }
    }
}

/// Where the rows begin that are named.
fn places(cx: &RunCx<'_>, n: usize, row_len: usize) -> Result<ScratchVec<usize>> {
    let (rows, mut pace) = (Ints::of(cx.input(1))?, cx.pace());
    if n == 0 && rows.len() > 0 {
        return Err(Error::new(ErrorKind::IndexOutOfRange, "x has no rows that could be changed"));
    }
    let mut places = cx.list(rows.len())?;
    for row in rows.iter() {
        pace.spend(8)?;
        places.push(row.rem_euclid(n as i64) as usize * row_len)?;
    }
    Ok(places)
}

/// The same tensor: what changes a copy in TensorFlow leaves the original alone.
#[derive(Debug, Clone)]
pub struct DeepCopy;

/// The row of [`DeepCopy`].
pub static DEEP_COPY: OpKind = OpKind::new(
    "DeepCopy",
    "x: T -> y: T",
    |_: &Attrs| Ok(Arc::new(DeepCopy) as Arc<dyn Op>),
    || vec![Example::new(DeepCopy, [[1.0f32, 2.0].into_value()]), Example::new(DeepCopy, ["text".into_value()])],
)
.not_differentiable("TensorFlow gives it no gradient");

impl Op for DeepCopy {
    fn kind(&self) -> &'static OpKind {
        &DEEP_COPY
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.take(0);
        cx.output(0, x);
        Ok(())
    }
}

/// A tensor of a shape to be filled by others. What TensorFlow leaves in it is not said; here it is zeros.
#[derive(Debug, Clone)]
pub struct Empty {
    /// The dtype.
    pub dtype: DType,
    /// Whether TensorFlow makes it zeros, too.
    pub init: bool,
}

/// The row of [`Empty`].
pub static EMPTY: OpKind = OpKind::new("Empty", "shape: int32 -> output: dtype", parse_empty, || {
    let empty = |dtype, init| Empty { dtype, init };
    vec![
        Example::new(empty(DType::F32, false), [[2, 3].into_value()]),
        Example::new(empty(DType::String, true), [Vec::<i32>::new().into_value()]),
        Example::new(empty(DType::I64, true), [[0, 2].into_value()]),
    ]
})
.not_differentiable("it does not depend on its input smoothly");

fn parse_empty(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Empty { dtype: attrs.dtype("dtype")?, init: attrs.bool_or("init", false)? }))
}

impl Op for Empty {
    fn kind(&self) -> &'static OpKind {
        &EMPTY
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if matches!(self.dtype, DType::Resource | DType::Variant) {
            return Err(Error::unsupported(format!("there is no empty tensor of {}", self.dtype)));
        }
        cx.shape(0).with_rank(1)?;
        let shape = cx.shape_from(0)?;
        cx.output(self.dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if cx.input(0).rank() != 1 {
            return Err(Error::shape(format!("the shape must be a vector, but has rank {}", cx.input(0).rank())));
        }
        let out = cx.alloc_zeros(self.dtype, &dims_of(cx.input(0))?)?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("init", AttrValue::Bool(self.init))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    /// By TensorFlow 1.15.5.
    #[test]
    fn rows_change_in_order_and_wrap() {
        let change = |rule| {
            let inputs =
                [[[1, 2], [3, 4]].into_value(), [-1, 2, 2].into_value(), [[5, 6], [7, 8], [1, 1]].into_value()];
            run_op(InplaceChange { rule }, &inputs).unwrap()[0].slice::<i32>().unwrap().to_vec()
        };
        assert_eq!(change(ScatterRule::Update), [1, 1, 5, 6]);
        assert_eq!(change(ScatterRule::Add), [9, 11, 8, 10]);
        assert_eq!(change(ScatterRule::Sub), [-7, -7, -2, -2]);
        let none = [Value::zeros(DType::I32, &[0]).unwrap(), [0].into_value(), [1].into_value()];
        let error = run_op(InplaceChange { rule: ScatterRule::Add }, &none).unwrap_err();
        assert_eq!(error.message(), "x has no rows that could be changed");
    }

    #[test]
    fn rows_must_fit() {
        let add = InplaceChange { rule: ScatterRule::Add };
        infer_ok(&add, "(?,3);int32(?);(2,3)", "(?,3)");
        infer_err(&add, "(4,3);int32(1);(2,3)", "dimension must be 1 but is 2");
        infer_err(&add, "(4,3);int32(2);(2,4)", "must be equal, but are 3 and 4");
        infer_err(&add, "();int32(2);(2,4)", "shape must be at least rank 1 but is rank 0");
    }
}
