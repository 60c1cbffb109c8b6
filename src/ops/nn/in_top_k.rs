//! `InTopKV2` and `InTopK`: whether the right class is among the `k` most probable ones.

use std::sync::Arc;

use super::softmax::PART;
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor, to_ints};
use crate::ops::IntoTensor;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// Whether fewer than `k` classes are more probable than the target: `(n, c), (n), k -> (n)`. A target that is no class,
/// and a row with an element that is not finite, count as no.
#[derive(Debug, Clone)]
pub struct InTopKV2;

/// As [`InTopKV2`], with `k` as attribute.
#[derive(Debug, Clone)]
pub struct InTopK {
    /// How many classes count.
    pub k: i64,
}

const NO_GRADIENT: &str = "an answer of yes or no does not move with the predictions";

/// The row of [`InTopKV2`].
pub static IN_TOP_K_V2: OpKind = OpKind::new(
    "InTopKV2",
    "predictions: float32, targets: T, k: T -> precision: bool",
    |_| Ok(Arc::new(InTopKV2)),
    || vec![Example::new(InTopKV2, [predictions(), [1i32, 0].into_value(), 1.into_value()])],
)
.not_differentiable(NO_GRADIENT);

/// The row of [`InTopK`].
pub static IN_TOP_K: OpKind = OpKind::new(
    "InTopK",
    "predictions: float32, targets: T -> precision: bool",
    |attrs: &Attrs| Ok(Arc::new(InTopK { k: attrs.int("k")? })),
    || vec![Example::new(InTopK { k: 2 }, [predictions(), [1i64, 0].into_value()])],
)
.not_differentiable(NO_GRADIENT);

fn predictions() -> Value {
    [[1.0f32, 2.0, 2.0], [0.0, 3.0, 1.0]].into_value()
}

impl Tensor {
    /// Whether each row's target is among its `k` largest predictions, ties counting as among them: float32
    /// `(n, c)` and int32 or int64 `(n)` give bool `(n)`.
    ///
    /// # Errors
    /// `ShapeMismatch` for other ranks or another number of targets.
    ///
    /// Source: TensorFlow's `InTopKV2`.
    #[doc(alias = "tf.nn.in_top_k")]
    #[track_caller]
    pub fn in_top_k(&self, targets: impl IntoTensor, k: i32) -> Result<Tensor> {
        let targets = targets.tensor(None)?;
        let g = self.graph();
        g.composite("in_top_k", |_| {
            g.composite("InTopKV2", |scope| {
                let k =
                    if targets.dtype() == DType::I64 { Value::scalar_of(i64::from(k)) } else { Value::scalar_of(k) };
                let k = g.named("k", || g.constant(k))?;
                g.named(scope, || g.apply_one(InTopKV2, &[self, &targets, &k]))
            })
        })
    }
}

impl Op for InTopKV2 {
    fn kind(&self) -> &'static OpKind {
        &IN_TOP_K_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(2).with_rank(0)?;
        infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        match cx.input(2).dims().is_empty().then(|| to_ints(cx.input(2))).flatten().as_deref() {
            Some(&[k]) => run(cx, k),
            _ => Err(Error::shape(format!("k must be 0-D, but has shape {:?}", cx.input(2).dims()))),
        }
    }
}

impl Op for InTopK {
    fn kind(&self) -> &'static OpKind {
        &IN_TOP_K
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        run(cx, self.k)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("k", AttrValue::Int(self.k))]
    }
}

fn infer(cx: &mut InferCx<'_>) -> Result<()> {
    if !matches!(cx.dtype(1), DType::I32 | DType::I64) {
        return Err(Error::dtype(format!("targets must be int32 or int64, but are {}", cx.dtype(1))));
    }
    let (predictions, targets) = (cx.shape(0).with_rank(2)?, cx.shape(1).with_rank(1)?);
    let rows = predictions.dim(0).merge(&targets.dim(0))?;
    cx.output(DType::Bool, Shape::new([rows]));
    Ok(())
}

fn run(cx: &mut RunCx<'_>, k: i64) -> Result<()> {
    let (predictions, targets) = (cx.input(0), cx.input(1));
    let &[rows, classes] = predictions.dims() else {
        return Err(Error::shape(format!(
            "predictions must be 2-dimensional, but have shape {:?}",
            predictions.dims()
        )));
    };
    if targets.rank() != 1 {
        return Err(Error::shape(format!("targets must be 1-dimensional, but have shape {:?}", targets.dims())));
    }
    if targets.len() != rows {
        let n = targets.len();
        return Err(Error::shape(format!("first dimension of predictions {rows} must match length of targets {n}")));
    }
    let mut precision = cx.alloc(DType::Bool, &[rows])?;
    let (predictions, mut pace) = (predictions.slice::<f32>()?, cx.pace());
    for (row, is_in) in precision.make_mut::<bool>()?.iter_mut().enumerate() {
        let target = match targets.dtype() {
            DType::I32 => targets.slice::<i32>()?[row].into(),
            _ => targets.slice::<i64>()?[row],
        };
        *is_in = is_among(&predictions[row * classes..][..classes], target, k, &mut pace)?;
    }
    cx.output(0, precision);
    Ok(())
}

fn is_among(row: &[f32], target: i64, k: i64, pace: &mut Pace<'_>) -> Result<bool> {
    let Some(target) = usize::try_from(target).ok().and_then(|target| row.get(target)) else { return Ok(false) };
    let mut larger = 0;
    for part in row.chunks(PART) {
        pace.spend(8 + 2 * part.len())?;
        if !part.iter().all(|x| x.is_finite()) {
            return Ok(false);
        }
        larger += part.iter().filter(|x| *x > target).count() as i64;
    }
    Ok(larger < k)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::run_op;
    use crate::shape;

    /// From TensorFlow 1.15.5.
    #[test]
    fn ties_count_and_numbers_that_are_not_finite_do_not() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        let rows = [[1.0, 2.0, 2.0], [nan, 1.0, 2.0], [inf, 1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]];
        let targets = [1i32, 1, 0, 5, -1].into_value();
        let got = run_op(InTopK { k: 1 }, &[rows.into_value(), targets]).unwrap();
        assert_eq!(got[0].slice::<bool>().unwrap(), [true, false, false, false, false]);
    }

    #[test]
    fn builder_makes_the_nodes_of_tensorflow() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?, 5]).unwrap();
        let targets = g.placeholder(DType::I64, shape![2]).unwrap();
        let y = x.in_top_k(&targets, 1).unwrap();
        assert_eq!(y.to_string(), r#"Tensor("in_top_k/InTopKV2:0", shape=(2,), dtype=bool)"#);
        assert!(g.operation_by_name("in_top_k/InTopKV2/k").is_ok());
    }
}
