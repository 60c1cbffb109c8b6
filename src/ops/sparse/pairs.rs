//! Two sparse tensors: `SparseAdd` with its gradient, `SparseSparseMaximum` and `SparseSparseMinimum`.

use std::cmp::Ordering;
use std::sync::Arc;

use super::coo::{Coo, PICK_WORK, infer_coo, matrix, not_a_number};
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::change::{Change, Formula};
use crate::kernel::element::{Bytes, Start};
use crate::kernel::{Number, Ordered};
use crate::ops::array::cast::cast_value;
use crate::ops::parts::number_bytes_mut;
use crate::ops::wide::widened;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// The sum of two sparse tensors of one shape; where both have a value, sums with an absolute value below the threshold
/// are left out. Both come
/// in the order of their indices, as does the sum. Real numbers.
#[derive(Debug, Clone)]
pub struct SparseAdd;

/// The gradients of [`SparseAdd`] by the values of both sides: `(m), (n1, r), (n2, r), (m, r) -> (n1), (n2)`.
#[derive(Debug, Clone)]
pub struct SparseAddGrad;

/// The larger or smaller values of two sparse tensors of one shape, where one of them has a value; what is missing
/// counts as 0. Both come in the order of their indices. Real numbers.
#[derive(Debug, Clone)]
pub struct SparseSparseExtreme {
    /// Whether the larger one.
    pub is_max: bool,
}

/// The row of [`SparseAdd`].
pub static SPARSE_ADD: OpKind = OpKind::new(
    "SparseAdd",
    "a_indices: int64, a_values: T, a_shape: int64, b_indices: int64, b_values: T, b_shape: int64, thresh: Treal -> \
     sum_indices: int64, sum_values: T, sum_shape: int64",
    |_| Ok(Arc::new(SparseAdd)),
    || vec![Example::new(SparseAdd, example().into_iter().chain([0.25f32.into_value()]))],
);

/// The row of [`SparseAddGrad`].
pub static SPARSE_ADD_GRAD: OpKind = OpKind::new(
    "SparseAddGrad",
    "backprop_val_grad: T, a_indices: int64, b_indices: int64, sum_indices: int64 -> a_val_grad: T, b_val_grad: T",
    |_| Ok(Arc::new(SparseAddGrad)),
    || {
        let [a, _, _, b, ..] = example();
        let sum = [[0i64, 1], [1, 1]].into_value();
        vec![Example::new(SparseAddGrad, [[1.0f32, 2.0].into_value(), a, b, sum])]
    },
);

macro_rules! extremes {
    ($($row:ident $name:literal $is_max:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            "a_indices: int64, a_values: T, a_shape: int64, b_indices: int64, b_values: T, b_shape: int64 -> \
             output_indices: int64, output_values: T",
            |_| Ok(Arc::new(SparseSparseExtreme { is_max: $is_max })),
            || vec![Example::new(SparseSparseExtreme { is_max: $is_max }, example())],
        );
    )* };
}
extremes! {
    SPARSE_SPARSE_MAXIMUM "SparseSparseMaximum" true;
    SPARSE_SPARSE_MINIMUM "SparseSparseMinimum" false;
}

fn example() -> [Value; 6] {
    let shape = || [2i64, 2].into_value();
    [
        [[0i64, 0], [0, 1]].into_value(),
        [1.0f32, -2.0].into_value(),
        shape(),
        [[0i64, 0], [1, 1]].into_value(),
        [-1.0f32, 3.0].into_value(),
        shape(),
    ]
}

/// Which of two sorted sparse tensors has a value at an index: the numbers of the values.
struct Pairs {
    indices: ScratchVec<i64>,
    picks: ScratchVec<[Option<usize>; 2]>,
}

/// The indices of both, in order; `keep` decides by the numbers of the values.
fn merged(cx: &RunCx<'_>, a: &Coo<'_>, b: &Coo<'_>, keep: &dyn Fn([Option<usize>; 2]) -> bool) -> Result<Pairs> {
    if a.shape != b.shape {
        return Err(Error::invalid(format!("operands' shapes do not match: got {:?} and {:?}", a.shape, b.shape)));
    }
    let (mut i, mut j) = (0, 0);
    let (mut pairs, mut pace) = (Pairs { indices: cx.list(0)?, picks: cx.list(0)? }, cx.pace());
    while i < a.n || j < b.n {
        pace.spend(PICK_WORK + a.rank())?;
        let order = match (i < a.n, j < b.n) {
            (true, true) => a.row(i).cmp(b.row(j)),
            (true, false) => Ordering::Less,
            _ => Ordering::Greater,
        };
        let (row, pick) = match order {
            Ordering::Less => (a.row(i), [Some(i), None]),
            Ordering::Equal => (a.row(i), [Some(i), Some(j)]),
            Ordering::Greater => (b.row(j), [None, Some(j)]),
        };
        i += usize::from(pick[0].is_some());
        j += usize::from(pick[1].is_some());
        if keep(pick) {
            pairs.indices.extend_from_slice(row)?;
            pairs.picks.push(pick)?;
        }
    }
    Ok(pairs)
}

/// The values at an index, 0 for what is missing.
fn both<T: Number>(a: &[T], b: &[T], [i, j]: [Option<usize>; 2]) -> [T; 2] {
    [i.map_or(T::ZERO, |i| a[i]), j.map_or(T::ZERO, |j| b[j])]
}

fn infer_pair(cx: &InferCx<'_>) -> Result<Dim> {
    infer_coo(cx, [0, 1, 2])?[1].merge(&infer_coo(cx, [3, 4, 5])?[1])
}

impl Op for SparseAdd {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_ADD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (rank, n) = (infer_pair(cx)?, Dim::unknown());
        cx.shape(6).with_rank(0)?;
        cx.output(DType::I64, Shape::new([n.clone(), rank.clone()]));
        cx.output(cx.dtype(1), Shape::new([n]));
        cx.output(DType::I64, Shape::new([rank]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (a, b) = (Coo::of(cx, [0, 1, 2])?, Coo::of(cx, [3, 4, 5])?);
        let dtype = cx.input(1).dtype();
        let threshold = threshold(cx.input(6))?;
        let refuse = || Error::unsupported(format!("the op is for real numbers, not for {dtype}"));
        // Only real numbers have an extreme.
        Start::Least.of(dtype).ok_or_else(refuse)?;
        let zero = Start::Zero.of(dtype).ok_or_else(refuse)?;
        let add = Change::of(Formula::Add, dtype).ok_or_else(refuse)?;
        let (x, y) = (cx.input(1).bytes()?, cx.input(4).bytes()?);
        let sum = |[i, j]: [Option<usize>; 2]| {
            let at = |x: &[u8], i: Option<usize>, to: &mut Bytes| {
                if let Some(i) = i {
                    to.get_mut().copy_from_slice(&x[i * add.size()..][..add.size()]);
                }
            };
            let (mut sum, mut other) = (zero, zero);
            at(x, i, &mut sum);
            at(y, j, &mut other);
            add.run(sum.get_mut(), other.get());
            sum
        };
        let pairs = merged(cx, &a, &b, &|pick| pick.contains(&None) || threshold <= sum(pick).to_f64(dtype).abs())?;
        let n = pairs.picks.len();
        let mut values = cx.alloc(dtype, &[n])?;
        for (out, pick) in number_bytes_mut(&mut values)?.chunks_exact_mut(add.size()).zip(&*pairs.picks) {
            out.copy_from_slice(sum(*pick).get());
        }
        let outputs = [matrix(pairs.indices, n, a.rank())?, values, a.shape.to_vec().into_value()];
        outputs.into_iter().enumerate().for_each(|(i, output)| cx.output(i, output));
        Ok(())
    }
}

/// A real scalar.
fn threshold(value: &Value) -> Result<f64> {
    let scalar = if value.len() == 1 { cast_value(value, DType::F64)? } else { value.clone() };
    scalar
        .scalar::<f64>()
        .map_err(|_| Error::shape(format!("thresh must be a scalar, but has shape {:?}", value.dims())))
}

/// The absolute value of a real number; of NaN none that is above anything.
impl Op for SparseAddGrad {
    fn kind(&self) -> &'static OpKind {
        &SPARSE_ADD_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(1)?;
        let (a, b) = (cx.shape(1).with_rank(2)?, cx.shape(2).with_rank(2)?);
        cx.shape(3).with_rank(2)?;
        cx.output(cx.dtype(0), Shape::new([a.dim(0)]));
        cx.output(cx.dtype(0), Shape::new([b.dim(0)]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let grad = cx.input(0);
        let (sum, n) = (rows(cx.input(3))?, grad.len());
        if grad.rank() != 1 || sum.len() != n {
            return Err(Error::shape(format!(
                "backprop_val_grad must have {} elements, but has shape {:?}",
                sum.len(),
                grad.dims()
            )));
        }
        let sides = [rows(cx.input(1))?, rows(cx.input(2))?].map(|side| -> Result<Value> {
            let (mut out, mut pace) = (cx.alloc(grad.dtype(), &[side.len()])?, cx.pace());
            let zero = Start::Zero.of(grad.dtype()).ok_or_else(|| not_a_number(grad.dtype()))?;
            let (size, from) = (zero.get().len(), grad.bytes()?);
            for (i, out) in number_bytes_mut(&mut out)?.chunks_exact_mut(size).enumerate() {
                match sum.find(side.row(i), &mut pace)? {
                    Some(place) => out.copy_from_slice(&from[place * size..][..size]),
                    None => out.fill(0),
                }
            }
            Ok(out)
        });
        for (i, side) in sides.into_iter().enumerate() {
            cx.output(i, side?);
        }
        Ok(())
    }
}

/// The rows of a matrix of indices.
struct Rows<'a> {
    n: usize,
    rank: usize,
    data: &'a [i64],
}

/// The rows of a matrix of indices.
fn rows(indices: &Value) -> Result<Rows<'_>> {
    let &[n, rank] = indices.dims() else {
        return Err(Error::shape(format!("indices should be a matrix but received shape {:?}", indices.dims())));
    };
    Ok(Rows { n, rank, data: indices.slice::<i64>()? })
}

impl Rows<'_> {
    fn len(&self) -> usize {
        self.n
    }

    fn row(&self, i: usize) -> &[i64] {
        &self.data[i * self.rank..][..self.rank]
    }

    /// Where an index stands among these, which are in order.
    fn find(&self, row: &[i64], pace: &mut Pace<'_>) -> Result<Option<usize>> {
        let (mut low, mut high) = (0, self.n);
        while low < high {
            pace.spend(PICK_WORK + row.len())?;
            let middle = low + (high - low) / 2;
            match self.row(middle).cmp(row) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(Some(middle)),
                Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}

impl Op for SparseSparseExtreme {
    fn kind(&self) -> &'static OpKind {
        if self.is_max { &SPARSE_SPARSE_MAXIMUM } else { &SPARSE_SPARSE_MINIMUM }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (rank, n) = (infer_pair(cx)?, Dim::unknown());
        cx.output(DType::I64, Shape::new([n.clone(), rank]));
        cx.output(cx.dtype(1), Shape::new([n]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[1, 4], &[1]) {
            return done;
        }
        let (a, b) = (Coo::of(cx, [0, 1, 2])?, Coo::of(cx, [3, 4, 5])?);
        let pairs = merged(cx, &a, &b, &|_| true)?;
        let dtype = cx.input(1).dtype();
        let (mut values, mut pace) = (cx.alloc(dtype, &[pairs.picks.len()])?, cx.pace());
        with_type!(dtype, T in wide_reals => {
            let (x, y) = (cx.input(1).slice::<T>()?, cx.input(4).slice::<T>()?);
            for (out, pick) in values.make_mut::<T>()?.iter_mut().zip(&*pairs.picks) {
                pace.spend(PICK_WORK)?;
                let [x, y] = both(x, y, *pick);
                *out = if self.is_max { x.larger(y) } else { x.smaller(y) };
            }
        }, else => return Err(Error::unsupported(format!("the op is for real numbers, not for {dtype}"))));
        let indices = matrix(pairs.indices, pairs.picks.len(), a.rank())?;
        cx.output(0, indices);
        cx.output(1, values);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_ok, run_op, run_within, sparse_column, vast};

    #[test]
    fn the_rank_is_that_of_either_side() {
        let pair = "int64(?,?);(?);int64(2);int64(?,2);(3);int64(?)";
        infer_ok(&SparseSparseExtreme { is_max: true }, pair, "(?,2);(?)");
        infer_ok(&SparseAdd, &format!("{pair};()"), "(?,2);(?);(2)");
        infer_ok(&SparseAddGrad, "(?);int64(3,2);int64(4,2);int64(?,2)", "(3);(4)");
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn what_is_missing_counts_as_nothing() {
        let run = |is_max| {
            let got = run_op(SparseSparseExtreme { is_max }, &example()).unwrap();
            assert_eq!(got[0].slice::<i64>().unwrap(), [0, 0, 0, 1, 1, 1]);
            got[1].slice::<f32>().unwrap().to_vec()
        };
        assert_eq!(run(true), [1.0, 0.0, 3.0]);
        assert_eq!(run(false), [-1.0, -2.0, 0.0]);
    }

    #[test]
    fn small_sums_are_left_out_and_get_no_gradient() {
        let run = |thresh: f32| {
            let inputs: Vec<Value> = example().into_iter().chain([thresh.into_value()]).collect();
            let got = run_op(SparseAdd, &inputs).unwrap();
            (got[0].slice::<i64>().unwrap().to_vec(), got[1].slice::<f32>().unwrap().to_vec())
        };
        assert_eq!(run(0.0), (vec![0, 0, 0, 1, 1, 1], vec![0.0, -2.0, 3.0]));
        // As TensorFlow 1.15.5: a value of one side alone stays.
        assert_eq!(run(9.0), (vec![0, 1, 1, 1], vec![-2.0, 3.0]));
        let [a, _, _, b, ..] = example();
        let sum = [[0i64, 1], [1, 1]].into_value();
        let got = run_op(SparseAddGrad, &[[5.0f32, 7.0].into_value(), a, b, sum]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [0.0, 5.0]);
        assert_eq!(got[1].slice::<f32>().unwrap(), [0.0, 7.0]);
    }

    #[test]
    fn long_sums_end_with_their_run() {
        let column = sparse_column(1 << 17);
        let pair = [column.clone(), column.clone()].concat();
        ends_early(&SparseSparseExtreme { is_max: true }, &pair, 1 << 19);
        ends_early(&SparseAdd, &[&pair[..], &[0i32.into_value()]].concat(), 1 << 19);
    }

    #[test]
    fn vast_indices_of_nothing_are_too_many_values() {
        let vast = || Value::zeros(DType::I64, vast().dims()).unwrap();
        let none = Value::zeros(DType::I64, &[0, 0]).unwrap();
        let inputs = [Value::zeros(DType::F32, &[0]).unwrap(), vast(), vast(), none];
        let error = run_within(SparseAddGrad, &inputs, usize::MAX, u64::MAX).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::ResourceExhausted);
    }
}
