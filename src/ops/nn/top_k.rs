//! `TopKV2` and `TopK`: the largest elements of each row, and where they stand.

use std::cmp::Ordering;
use std::sync::Arc;

use super::select::{Order, SHORT, places, select};
use super::top_n::top_n;
use crate::cancel::Pace;
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor, Workspace, to_ints};
use crate::kernel::sort::{sort, spare_len};
use crate::ops::parts::SERIAL;
use crate::ops::wide::widened;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// The `k` largest elements along the last axis, in descending order, the first of equal ones first; NaN comes last.
/// All elements come in descending order in any case.
#[derive(Debug, Clone)]
pub struct TopKV2 {
    /// Whether they come in descending order; else in that of TensorFlow's heap.
    pub sorted: bool,
}

/// As [`TopKV2`], with `k` as attribute: in old files only.
#[derive(Debug, Clone)]
pub struct TopK {
    /// How many.
    pub k: i64,
    /// Whether they come in descending order; else in that of TensorFlow's heap.
    pub sorted: bool,
}

/// The row of [`TopKV2`].
pub static TOP_K_V2: OpKind =
    OpKind::new("TopKV2", "input: T, k: int32 -> values: T, indices: int32", parse_v2, examples_v2);

/// The row of [`TopK`].
pub static TOP_K: OpKind = OpKind::new("TopK", "input: T -> values: T, indices: int32", parse_v1, examples_v1);

impl Tensor {
    /// The `k` largest elements along the last axis and their indices (int32), in descending order, the first of
    /// equal ones first: `(.., n) -> (.., k), (.., k)`. Floats and integers; NaN comes after all numbers.
    ///
    /// # Errors
    /// `InvalidArgument` for more elements than there are; `ShapeMismatch` for a scalar.
    ///
    /// Source: TensorFlow's `TopKV2`.
    #[doc(alias = "tf.nn.top_k")]
    #[doc(alias = "tf.math.top_k")]
    #[track_caller]
    pub fn top_k(&self, k: usize) -> Result<(Tensor, Tensor)> {
        let k = i32::try_from(k).map_err(|_| Error::invalid(format!("k must fit int32, but is {k}")))?;
        let g = self.graph();
        let made = g.composite("TopKV2", |scope| {
            let k = g.named("k", || g.constant(Value::scalar_of(k)))?;
            g.named(scope, || g.apply(TopKV2 { sorted: true }, &[self, &k]))
        })?;
        Ok((made.output(0)?, made.output(1)?))
    }
}

fn parse_v2(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    for (name, dtype) in
        [("Tk", attrs.dtype_or("Tk", DType::I32)?), ("index_type", attrs.dtype_or("index_type", DType::I32)?)]
    {
        if dtype != DType::I32 {
            return Err(Error::unsupported(format!("{name} must be int32, but is {dtype}")));
        }
    }
    Ok(Arc::new(TopKV2 { sorted: attrs.bool_or("sorted", true)? }))
}

fn parse_v1(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(TopK { k: attrs.int("k")?, sorted: attrs.bool_or("sorted", true)? }))
}

fn x() -> Value {
    [[1.0f32, 5.0, 3.0, 5.0], [2.0, 2.0, -1.0, 7.0]].into_value()
}

fn examples_v2() -> Vec<Example> {
    vec![
        Example::new(TopKV2 { sorted: true }, [x(), 2.into_value()]),
        Example::new(TopKV2 { sorted: false }, [[3u8, 1, 2].into_value(), 3.into_value()]),
        Example::new(TopKV2 { sorted: true }, [x(), 0.into_value()]),
    ]
}

fn examples_v1() -> Vec<Example> {
    vec![Example::new(TopK { k: 1, sorted: true }, [x()])]
}

impl Op for TopKV2 {
    fn kind(&self) -> &'static OpKind {
        &TOP_K_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(1).with_rank(0)?;
        let k = cx.sizes(1).map_or_else(Dim::unknown, |k| k[0].clone());
        infer(cx, k)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[0], &[0]) {
            return done;
        }
        match cx.input(1).dims().is_empty().then(|| to_ints(cx.input(1))).flatten().as_deref() {
            Some(&[k]) => run(cx, k, self.sorted),
            _ => Err(Error::shape(format!("k must be a scalar, but has shape {:?}", cx.input(1).dims()))),
        }
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("sorted", AttrValue::Bool(self.sorted))]
    }
}

impl Op for TopK {
    fn kind(&self) -> &'static OpKind {
        &TOP_K
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, Dim::constant(self.k))
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[0], &[0]) {
            return done;
        }
        run(cx, self.k, self.sorted)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("k", AttrValue::Int(self.k)), ("sorted", AttrValue::Bool(self.sorted))]
    }
}

fn infer(cx: &mut InferCx<'_>, k: Dim) -> Result<()> {
    ordered(cx.dtype(0))?;
    let shape = cx.shape(0).with_rank_at_least(1)?;
    if let Some(k) = k.as_i64().filter(|k| *k < 0) {
        return Err(Error::invalid(format!(
            "dimension size, given by scalar input 1, must be non-negative but is {k}"
        )));
    }
    let output = match shape.rank() {
        None => Shape::unknown(),
        Some(rank) => {
            if let (Some(n), Some(k)) = (shape.dim(rank - 1).known(), k.known())
                && n < k
            {
                return Err(Error::invalid(format!("input must have last dimension >= k = {k} but is {n}")));
            }
            shape.replace_dim(rank - 1, k)?
        }
    };
    cx.output(cx.dtype(0), &output);
    cx.output(DType::I32, output);
    Ok(())
}

fn ordered(dtype: DType) -> Result<()> {
    match dtype.is_floating() || dtype.is_integer() {
        true => Ok(()),
        false => Err(Error::dtype(format!("the op is for floats and integers, not for {dtype}"))),
    }
}

fn run(cx: &mut RunCx<'_>, k: i64, sorted: bool) -> Result<()> {
    let k = usize::try_from(k).map_err(|_| Error::invalid(format!("need k >= 0, got {k}")))?;
    let x = cx.input(0);
    let Some((&n, outer)) = x.dims().split_last() else {
        return Err(Error::shape("input must be >= 1-D, but is a scalar"));
    };
    if n < k || i32::try_from(n).is_err() {
        return Err(Error::invalid(format!("input must have at least k columns. had {n}, needed {k}")));
    }
    let dims = [outer, &[k]].concat();
    let (mut values, mut indices) = (cx.alloc(x.dtype(), &dims)?, cx.alloc(DType::I32, &dims)?);
    if !values.is_empty() {
        with_type!(x.dtype(), T in wide_reals => rows::<T>(cx, [n, k], sorted, &mut values, &mut indices)?, else => {
            return ordered(x.dtype());
        });
    }
    cx.output(0, values);
    cx.output(1, indices);
    Ok(())
}

fn rows<T: Plain + PartialOrd>(
    cx: &RunCx<'_>,
    [n, k]: [usize; 2],
    sorted: bool,
    values: &mut Value,
    indices: &mut Value,
) -> Result<()> {
    let x = cx.input(0).slice::<T>()?;
    let (values, indices) = (values.make_mut::<T>()?, indices.make_mut::<i32>()?);
    let work = cx.workspace();
    let mut rows = cx.collect(values.chunks_mut(k).zip(indices.chunks_mut(k)))?;
    let step = (SERIAL / (8 * n)).max(1);
    cx.try_for_chunks_mut(&mut rows, step, &|chunk, rows| {
        let (mut order, mut pace) = (work.list(n.min(SHORT))?, work.pace());
        for (i, (values, indices)) in rows.iter_mut().enumerate() {
            let row = &x[(chunk * step + i) * n..][..n];
            if !sorted && k < n {
                order = top_n(k, n, &|a, b| compare(row, &a, &b) == Ordering::Less, work)?;
            } else if n > SHORT {
                order = largest_of_many(work, n, k, &|a, b| compare(row, &(a as i32), &(b as i32)), &mut pace)?;
            } else {
                pace.spend(16 * n)?;
                order.clear();
                order.extend(0..n as i32)?;
                largest(row, k, &mut order);
            }
            for ((value, index), at) in values.iter_mut().zip(indices.iter_mut()).zip(&*order) {
                (*value, *index) = (row[*at as usize], *at);
            }
        }
        Ok(())
    })
}

/// Puts the places of the `k` largest elements first, from large to small.
fn largest<T: Plain + PartialOrd>(row: &[T], k: usize, order: &mut [i32]) {
    let compare = |a: &i32, b: &i32| compare(row, a, b);
    if k < order.len() {
        order.select_nth_unstable_by(k, compare);
    }
    order[..k].sort_unstable_by(compare);
}

/// As [`largest`], of a long row.
fn largest_of_many(
    work: Workspace<'_>,
    n: usize,
    k: usize,
    order: Order<'_>,
    pace: &mut Pace<'_>,
) -> Result<ScratchVec<i32>> {
    let mut all = places(work, n, pace)?;
    select(&mut all, k, order, pace)?;
    all.truncate(k);
    let mut spare = work.scratch(spare_len(k))?;
    sort(&mut all, &mut spare, 0, &mut |a, b| order(*a, *b), pace)?;
    work.collect(all.iter().map(|place| *place as i32))
}

/// Larger numbers first, then the first of equal ones.
fn compare<T: Plain + PartialOrd>(row: &[T], a: &i32, b: &i32) -> Ordering {
    descending(row[*a as usize], row[*b as usize]).then(a.cmp(b))
}

/// Larger numbers first, NaN last: a total order, which sorting needs.
fn descending<T: Plain + PartialOrd>(a: T, b: T) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| a.partial_cmp(&a).is_none().cmp(&b.partial_cmp(&b).is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::{ends_early, run_op};
    use crate::shape;

    #[track_caller]
    fn check(x: Value, k: i32, values: &[f32], indices: &[i32]) {
        let got = run_op(TopKV2 { sorted: true }, &[x, k.into_value()]).unwrap();
        let same = got[0].slice::<f32>().unwrap().iter().zip(values).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
        assert!(same, "{got:?}");
        assert_eq!(got[1].slice::<i32>().unwrap(), indices);
    }

    /// As TensorFlow 1.15.5, whose order of NaN is by chance.
    #[test]
    fn equal_elements_keep_their_order_and_nan_comes_last() {
        check(x(), 2, &[5.0, 5.0, 7.0, 2.0], &[1, 3, 3, 0]);
        check([f32::NAN, 5.0, 3.0].into_value(), 3, &[5.0, 3.0, f32::NAN], &[1, 2, 0]);
    }

    /// As TensorFlow 1.15.5.
    #[test]
    fn unsorted_elements_come_in_the_order_of_the_heap() {
        let got = |k: i32| {
            let x = [3.0f32, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0].into_value();
            let got = run_op(TopKV2 { sorted: false }, &[x, k.into_value()]).unwrap();
            got[1].slice::<i32>().unwrap().to_vec()
        };
        assert_eq!(got(1), [5]);
        assert_eq!(got(3), [4, 7, 5]);
        assert_eq!(got(5), [0, 4, 2, 5, 7]);
        assert_eq!(got(8), [5, 7, 4, 2, 0, 6, 1, 3]);
    }

    #[test]
    fn rule_knows_the_last_axis() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?, 5]).unwrap();
        let (values, indices) = x.top_k(2).unwrap();
        assert_eq!(values.to_string(), r#"Tensor("TopKV2:0", shape=(?, 2), dtype=float32)"#);
        assert_eq!((indices.name().as_str(), indices.dtype()), ("TopKV2:1", DType::I32));
        let error = x.top_k(6).unwrap_err();
        assert!(error.message().contains("input must have last dimension >= k = 6 but is 5"), "{error}");
    }

    /// By hand: the numbers go up and down by turns.
    #[test]
    fn long_rows_give_the_same_as_short_ones() {
        let n = 100_000;
        let row = Value::from_vec(&[n], (0..n).map(|i| if i % 2 == 0 { i as f32 } else { -1.0 }).collect()).unwrap();
        for k in [3, 60_000] {
            let got = run_op(TopKV2 { sorted: true }, &[row.clone(), k.into_value()]).unwrap();
            let indices = got[1].slice::<i32>().unwrap();
            assert_eq!(indices[..3], [99_998, 99_996, 99_994]);
            assert!(k == 3 || indices[49_998..50_003] == [2, 0, 1, 3, 5]);
        }
    }

    #[test]
    fn one_long_row_ends_with_its_run() {
        let row = Value::zeros(DType::F32, &[400_000]).unwrap();
        for sorted in [false, true] {
            ends_early(&TopKV2 { sorted }, &[row.clone(), 300_000.into_value()], 3_000_000);
        }
    }
}
