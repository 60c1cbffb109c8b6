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
    let inner: usize = dims[1..dims.len() - 1].iter().product();
    swap(cx, &value, inner, &dims_from_last(dims, format))
}

/// Transposes the matrices of `rows` rows that each entry of the batch is.
fn swap(cx: &RunCx<'_>, value: &Value, rows: usize, dims: &[usize]) -> Result<Value> {
    let mut out = cx.alloc(value.dtype(), dims)?;
    with_type!(value.dtype(), T in plain => swap_of::<T>(value, rows, &mut out)?, else => {
        return Err(Error::unsupported(format!("images of {} cannot be turned", value.dtype())));
    });
    Ok(out)
}

fn swap_of<T: Plain>(value: &Value, rows: usize, out: &mut Value) -> Result<()> {
    let batch = value.dims()[0];
    if value.is_empty() {
        return Ok(());
    }
    let each = value.len() / batch;
    let columns = each / rows;
    let (x, y) = (value.slice::<T>()?, out.make_mut::<T>()?);
    for (x, y) in x.chunks_exact(each).zip(y.chunks_exact_mut(each)) {
        for (row, cells) in x.chunks_exact(columns).enumerate() {
            let to = y[row..].iter_mut().step_by(rows);
            to.zip(cells).for_each(|(to, cell)| *to = *cell);
        }
    }
    Ok(())
}
