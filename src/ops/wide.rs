//! Kernels of rare dtypes, by way of a wider one that has all of their numbers.
//!
//! A kernel that is compiled for each of 14 dtypes is compiled 14 times, and most of them never run. So kernels that are
//! neither hot nor simple are written for float32, float64, int32 and int64; for the others [`widened`] converts the
//! inputs, runs the kernel, and converts what comes out. Results are the same, bit by bit, where a kernel compares and
//! moves numbers, where integers wrap, and where halves are rounded once, at the end.

use smallvec::SmallVec;

use super::array::cast::cast_for;
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Op, RunCx};

/// The dtype that stands in for a rare one: float32 for the halves, int32 and int64 for the shorter integers, the unsigned
/// ones included. The widest unsigned integers and complex numbers have none.
fn wide(dtype: DType) -> Option<DType> {
    match dtype.stored() {
        DType::F16 | DType::BF16 => Some(DType::F32),
        DType::I8 | DType::I16 | DType::U8 | DType::U16 => Some(DType::I32),
        DType::U32 => Some(DType::I64),
        _ => None,
    }
}

/// Runs an op in a wider dtype where that of these inputs is a rare one: the outputs in `outputs` become what the first of
/// the inputs was. `None` where it is no rare one, and the op goes on by itself, for the dtypes of a `wide_` group:
/// ```text
/// if let Some(done) = widened(self, cx, &[0, 1], &[0]) {
///     return done;
/// }
/// with_type!(dtype, T in wide_reals => kernel::<T>(cx), else => Err(unsupported(dtype)))
/// ```
///
/// # Errors
/// Those of the op; `ResourceExhausted` where the converted tensors do not fit the run's budget.
pub(in crate::ops) fn widened(
    op: &dyn Op,
    cx: &mut RunCx<'_>,
    inputs: &[usize],
    outputs: &[usize],
) -> Option<Result<()>> {
    let narrow = cx.input(inputs[0]).dtype();
    wide(narrow).map(|wide| run(op, cx, [narrow, wide], inputs, outputs))
}

fn run(op: &dyn Op, cx: &mut RunCx<'_>, [narrow, wide]: [DType; 2], inputs: &[usize], outputs: &[usize]) -> Result<()> {
    let mut values: SmallVec<[_; 4]> = SmallVec::new();
    for i in 0..cx.n_inputs() {
        let value = cx.take(i);
        values.push(if inputs.contains(&i) { cast_for(cx, &value, wide)? } else { value });
    }
    let results = cx.run_on(op, values)?;
    for (i, result) in results.into_iter().enumerate() {
        let result = if outputs.contains(&i) { cast_for(cx, &result, narrow)? } else { result };
        cx.output(i, result);
    }
    Ok(())
}
