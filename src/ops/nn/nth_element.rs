//! `NthElement`: the element that would stand at a place if each row were sorted.

use std::cmp::Ordering;
use std::sync::Arc;

use super::select::{SHORT, places, select};
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor, to_ints};
use crate::ops::parts::SERIAL;
use crate::ops::wide::widened;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The `n`th smallest element along the last axis, from 0: `(.., k), n -> (..)`. NaN stands after all numbers.
#[derive(Debug, Clone)]
pub struct NthElement {
    /// The `n`th largest instead.
    pub reverse: bool,
}

/// The row of [`NthElement`].
pub static NTH_ELEMENT: OpKind = OpKind::new("NthElement", "input: T, n: int32 -> values: T", parse, examples);

impl Tensor {
    /// The `n`th smallest element along the last axis, from 0: `(.., k) -> (..)`. Floats and integers.
    ///
    /// # Errors
    /// `InvalidArgument` where there are not so many elements; `ShapeMismatch` for a scalar.
    ///
    /// Source: TensorFlow's `NthElement`.
    #[doc(alias = "tf.contrib.nn.nth_element")]
    #[track_caller]
    pub fn nth_element(&self, n: usize) -> Result<Tensor> {
        let n = i32::try_from(n).map_err(|_| Error::invalid(format!("n must fit int32, but is {n}")))?;
        let g = self.graph();
        g.composite("NthElement", |scope| {
            let n = g.named("n", || g.constant(Value::scalar_of(n)))?;
            g.named(scope, || g.apply_one(NthElement { reverse: false }, &[self, &n]))
        })
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(NthElement { reverse: attrs.bool_or("reverse", false)? }))
}

fn examples() -> Vec<Example> {
    let x = || [[3.0f32, 1.0, 2.0], [0.0, 5.0, 4.0]].into_value();
    vec![
        Example::new(NthElement { reverse: false }, [x(), 1.into_value()]),
        Example::new(NthElement { reverse: true }, [x(), 0.into_value()]),
        Example::new(NthElement { reverse: false }, [[7u8, 9].into_value(), 1.into_value()]),
    ]
}

impl Op for NthElement {
    fn kind(&self) -> &'static OpKind {
        &NTH_ELEMENT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        ordered(cx.dtype(0))?;
        cx.shape(1).with_rank(0)?;
        let shape = cx.shape(0).with_rank_at_least(1)?;
        let n = cx.ints(1).map(|n| n[0]);
        if let Some(n) = n.filter(|n| *n < 0) {
            return Err(Error::invalid(format!(
                "dimension size, given by scalar input 1, must be non-negative but is {n}"
            )));
        }
        let Some(rank) = shape.rank() else {
            cx.output(cx.dtype(0), Shape::unknown());
            return Ok(());
        };
        if let (Some(k), Some(n)) = (shape.dim(rank - 1).as_i64(), n)
            && k <= n
        {
            return Err(Error::invalid(format!("input must have last dimension > n = {n} but is {k}")));
        }
        cx.output(cx.dtype(0), shape.slice(..rank - 1)?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[0], &[0]) {
            return done;
        }
        let n = match cx.input(1).dims().is_empty().then(|| to_ints(cx.input(1))).flatten().as_deref() {
            Some(&[n]) => n,
            _ => return Err(Error::shape(format!("n must be a scalar, but has shape {:?}", cx.input(1).dims()))),
        };
        let n = usize::try_from(n).map_err(|_| Error::invalid(format!("n must be non-negative, but is {n}")))?;
        let x = cx.input(0);
        let Some((&k, outer)) = x.dims().split_last() else {
            return Err(Error::shape("input must be >= 1-D, but is a scalar"));
        };
        if k <= n {
            return Err(Error::invalid(format!("input must have at least {} columns, but has {k}", n + 1)));
        }
        let at = if self.reverse { k - 1 - n } else { n };
        let mut output = cx.alloc(x.dtype(), outer)?;
        with_type!(x.dtype(), T in wide_reals => rows::<T>(cx, [k, at], &mut output)?, else => return ordered(x.dtype()));
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("reverse", AttrValue::Bool(self.reverse))]
    }
}

fn ordered(dtype: DType) -> Result<()> {
    match dtype.is_floating() || dtype.is_integer() {
        true => Ok(()),
        false => Err(Error::dtype(format!("the op is for floats and integers, not for {dtype}"))),
    }
}

fn rows<T: Plain + PartialOrd>(cx: &RunCx<'_>, [k, at]: [usize; 2], output: &mut Value) -> Result<()> {
    let x = cx.input(0).slice::<T>()?;
    if output.is_empty() {
        return Ok(());
    }
    let (work, step) = (cx.workspace(), (SERIAL / (4 * k)).max(1));
    cx.try_for_chunks_mut(output.make_mut::<T>()?, step, &|chunk, output| {
        let (mut row, mut pace) = (work.list::<T>(k.min(SHORT))?, work.pace());
        for (i, output) in output.iter_mut().enumerate() {
            let x = &x[(chunk * step + i) * k..][..k];
            *output = if k > SHORT {
                let order = |a: usize, b: usize| ascending(x[a], x[b]).then(a.cmp(&b));
                let mut all = places(work, k, &mut pace)?;
                select(&mut all, at, &order, &mut pace)?;
                x[all[at]]
            } else {
                pace.spend(8 * k)?;
                row.clear();
                row.extend_from_slice(x)?;
                *row.select_nth_unstable_by(at, |a, b| ascending(*a, *b)).1
            };
        }
        Ok(())
    })
}

/// Smaller numbers first, NaN last: a total order, which selecting needs.
fn ascending<T: Plain + PartialOrd>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.partial_cmp(&a).is_none().cmp(&b.partial_cmp(&b).is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::{ends_early, run_op};
    use crate::shape;

    #[test]
    fn rows_are_selected_from_both_ends() {
        let x = || [[3.0f32, 1.0, 2.0], [0.0, f32::NAN, 4.0]].into_value();
        for (reverse, n, want) in [(false, 1, [2.0, 4.0]), (true, 2, [1.0, 0.0])] {
            let got = run_op(NthElement { reverse }, &[x(), n.into_value()]).unwrap();
            assert_eq!(got[0].slice::<f32>().unwrap(), want);
        }
    }

    #[test]
    fn place_must_exist() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?, 5]).unwrap();
        assert_eq!(x.nth_element(4).unwrap().to_string(), r#"Tensor("NthElement:0", shape=(?,), dtype=float32)"#);
        let error = x.nth_element(5).unwrap_err();
        assert!(error.message().contains("input must have last dimension > n = 5 but is 5"), "{error}");
    }

    #[test]
    fn one_long_row_ends_with_its_run() {
        let row = Value::zeros(DType::F32, &[400_000]).unwrap();
        ends_early(&NthElement { reverse: false }, &[row.clone(), 7.into_value()], 1 << 20);
        let got = run_op(NthElement { reverse: false }, &[row, 7.into_value()]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [0.0]);
    }
}
