//! `SparseReduceSum` and `SparseReduceMax`: reductions of sparse tensors to dense ones.

use std::sync::Arc;

use super::coo::{Coo, PICK_WORK, infer_coo, not_a_number};
use crate::cancel::Pace;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, to_ints};
use crate::kernel::change::{Change, Formula};
use crate::kernel::element::{Bytes, Start};
use crate::ops::parts::number_bytes_mut;
use crate::shape::{Dim, Shape, normalize_axes};
use crate::value::{IntoValue, Value};

/// Sums, or maxima, of what a sparse tensor holds along axes; 0 where it holds nothing. Numbers, which are real for maxima.
#[derive(Debug, Clone, Copy)]
pub struct SparseReduce {
    /// Whether the largest is taken, rather than the sum.
    pub is_max: bool,
    /// Whether reduced axes stay, with size 1.
    pub keep_dims: bool,
}

macro_rules! rows {
    ($($row:ident $name:literal $is_max:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            "input_indices: int64, input_values: T, input_shape: int64, reduction_axes: int32 -> output: T",
            |attrs: &Attrs| {
                Ok(Arc::new(SparseReduce { is_max: $is_max, keep_dims: attrs.bool_or("keep_dims", false)? }))
            },
            || examples($is_max),
        );
    )* };
}
rows! {
    SPARSE_REDUCE_SUM "SparseReduceSum" false;
    SPARSE_REDUCE_MAX "SparseReduceMax" true;
}

fn examples(is_max: bool) -> Vec<Example> {
    let of = |keep_dims, axes: Value| {
        let (indices, values) = ([[0i64, 1], [1, 0], [1, 1]].into_value(), [-0.5f32, 2.0, 4.0].into_value());
        Example::new(SparseReduce { is_max, keep_dims }, [indices, values, [3i64, 2].into_value(), axes])
    };
    vec![of(false, [1i32].into_value()), of(true, [0i32, -1].into_value()), of(false, 0i32.into_value())]
}

impl Op for SparseReduce {
    fn kind(&self) -> &'static OpKind {
        if self.is_max { &SPARSE_REDUCE_MAX } else { &SPARSE_REDUCE_SUM }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let [_, rank] = infer_coo(cx, [0, 1, 2])?;
        let shape = match (cx.shape_from(2)?.dims(), cx.ints(3), rank.known()) {
            (Some(dims), Some(axes), _) => {
                let reduced = normalize_axes(&distinct(axes), dims.len())?;
                let kept = |(axis, dim): (usize, &Dim)| match reduced.contains(&axis) {
                    true => self.keep_dims.then(|| Dim::from(1)),
                    false => Some(dim.clone()),
                };
                Shape::from(dims.iter().enumerate().filter_map(kept).collect::<Vec<_>>())
            }
            (_, _, Some(rank)) if self.keep_dims => Shape::unknown_of_rank(rank),
            _ => Shape::unknown(),
        };
        cx.output(cx.dtype(1), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let coo = Coo::of(cx, [0, 1, 2])?;
        let mut pace = cx.pace();
        coo.check_bounds(&mut pace)?;
        let axes = to_ints(cx.input(3)).ok_or_else(|| Error::internal("axes are integers"))?;
        let reduced = normalize_axes(&distinct(axes), coo.rank())?;
        let mut sizes = coo.dims()?;
        reduced.iter().for_each(|axis| sizes[*axis] = 1);
        let place = |row: &[i64]| {
            let at = row.iter().zip(&sizes).enumerate();
            at.fold(0, |place, (axis, (at, size))| {
                place * size + if reduced.contains(&axis) { 0 } else { *at as usize }
            })
        };
        let mut places = cx.list(coo.n)?;
        for row in coo.rows() {
            pace.spend(1 + row.len() * reduced.len())?;
            places.push(place(row))?;
        }
        let kept = (0..sizes.len()).filter(|axis| self.keep_dims || !reduced.contains(axis));
        let dims: Vec<usize> = kept.map(|axis| sizes[axis]).collect();
        let mut out = cx.alloc_zeros(cx.input(1).dtype(), &dims)?;
        let dtype = out.dtype();
        let (formula, start) = if self.is_max { (Formula::Larger, Start::Least) } else { (Formula::Add, Start::Zero) };
        let change = Change::of(formula, dtype).ok_or_else(|| not_a_number(dtype))?;
        let start = start.of(dtype).ok_or_else(|| not_a_number(dtype))?;
        fold(&mut pace, &change, cx.input(1).bytes()?, &places, number_bytes_mut(&mut out)?, &start)?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("keep_dims", AttrValue::Bool(self.keep_dims))]
    }
}

/// TensorFlow takes an axis that comes twice as one.
fn distinct(mut axes: Vec<i64>) -> Vec<i64> {
    axes.sort_unstable();
    axes.dedup();
    axes
}

/// Combines what falls into one place, in order, from `start`; what nothing falls into stays zero.
fn fold(
    pace: &mut Pace<'_>,
    change: &Change,
    values: &[u8],
    places: &[usize],
    out: &mut [u8],
    start: &Bytes,
) -> Result<()> {
    let size = change.size();
    for place in places {
        pace.spend(PICK_WORK)?;
        out[*place * size..][..size].copy_from_slice(start.get());
    }
    for (x, place) in values.chunks_exact(size).zip(places) {
        pace.spend(PICK_WORK)?;
        change.run(&mut out[*place * size..][..size], x);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    #[test]
    fn ranks_are_known_where_axes_stay() {
        infer_ok(&SparseReduce { is_max: false, keep_dims: true }, "int64(?,2);(?);int64(2);int32(1)", "(?,?)");
        infer_ok(&SparseReduce { is_max: false, keep_dims: false }, "int64(?,2);(?);int64(2);int32(1)", "<unknown>");
    }

    /// By hand: places without numbers are 0, of maxima too.
    #[test]
    fn what_is_not_there_is_zero() {
        let run = |is_max, axis: i32| {
            let (indices, values) = ([[0i64, 1], [1, 0], [1, 1]].into_value(), [-0.5f32, -2.0, -4.0].into_value());
            let inputs = [indices, values, [3i64, 2].into_value(), [axis].into_value()];
            run_op(SparseReduce { is_max, keep_dims: false }, &inputs).unwrap()[0].slice::<f32>().unwrap().to_vec()
        };
        assert_eq!(run(false, 1), [-0.5, -6.0, 0.0]);
        assert_eq!(run(true, 1), [-0.5, -2.0, 0.0]);
        assert_eq!(run(true, -2), [-2.0, -0.5]);
    }
}
