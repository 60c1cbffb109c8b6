//! Channels first, channels last: kernels see channels last, and copies bring the others there and back.

use super::bias_add::DataFormat;
use crate::dtype::Plain;
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::value::Value;
use crate::with_type;

/// The dims of a shape in this format as they are with channels last.
pub(super) fn dims_to_last(dims: &[usize], format: DataFormat) -> Vec<usize> {
    let mut dims = dims.to_vec();
    if format == DataFormat::Nchw && dims.len() > 2 {
        dims[1..].rotate_left(1);
    }
    dims
}

/// The dims of a shape with channels last as they are in this format.
pub(super) fn dims_from_last(dims: &[usize], format: DataFormat) -> Vec<usize> {
    let mut dims = dims.to_vec();
    if format == DataFormat::Nchw && dims.len() > 2 {
        dims[1..].rotate_right(1);
    }
    dims
}

/// The image with channels last: itself, or a copy.
pub(super) fn to_last(cx: &RunCx<'_>, value: &Value, format: DataFormat) -> Result<Value> {
    let dims = value.dims();
    if format == DataFormat::Nhwc || dims.len() < 3 {
        return Ok(value.clone());
    }
    swap(cx, value, dims[1], &dims_to_last(dims, format))
}

/// The image in this format, of one with channels last.
pub(super) fn from_last(cx: &RunCx<'_>, value: Value, format: DataFormat) -> Result<Value> {
    let dims = value.dims();
    if format == DataFormat::Nhwc || dims.len() < 3 {
        return Ok(value);
    }
    let inner = dims[1..dims.len() - 1].iter().fold(1, |n: usize, size| n.saturating_mul(*size));
    swap(cx, &value, inner, &dims_from_last(dims, format))
}

/// Transposes the matrices of `rows` rows that each entry of the batch is.
fn swap(cx: &RunCx<'_>, value: &Value, rows: usize, dims: &[usize]) -> Result<Value> {
    let mut out = cx.alloc(value.dtype(), dims)?;
    with_type!(value.dtype(), T in plain => swap_of::<T>(cx, value, rows, &mut out)?, else => {
        return Err(Error::unsupported(format!("images of {} cannot be turned", value.dtype())));
    });
    Ok(out)
}

/// Cells that are moved between two looks at the limits of the run.
const COLUMNS: usize = 1 << 16;

fn swap_of<T: Plain>(cx: &RunCx<'_>, value: &Value, rows: usize, out: &mut Value) -> Result<()> {
    let batch = value.dims()[0];
    if value.is_empty() {
        return Ok(());
    }
    let each = value.len() / batch;
    let columns = each / rows;
    let (x, work) = (value.slice::<T>()?, cx.workspace());
    cx.try_for_chunks_mut(out.make_mut::<T>()?, each, &|image, y| {
        let (x, mut pace) = (&x[image * each..][..each], work.pace());
        for (row, cells) in x.chunks_exact(columns).enumerate() {
            for (part, cells) in cells.chunks(COLUMNS).enumerate() {
                pace.spend(4 * cells.len())?;
                let to = y[part * COLUMNS * rows + row..].iter_mut().step_by(rows);
                to.zip(cells).for_each(|(to, cell)| *to = *cell);
            }
        }
        Ok(())
    })
}
