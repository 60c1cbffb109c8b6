//! `SpaceToDepth` and `DepthToSpace`: blocks of an image become channels, and back.

use std::sync::Arc;

use smallvec::SmallVec;

use super::strided::{Layout, read, row_major};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape, element_count};
use crate::value::Value;

/// Blocks of an image become channels: `(b, h, w, c) -> (b, h / n, w / n, n * n * c)`; or back. With channels second the
/// sizes lie `(b, c, h, w)`.
#[derive(Debug, Clone)]
pub struct SpaceDepth {
    /// Space to depth, not back.
    pub to_depth: bool,
    /// The side of a block.
    pub block_size: usize,
    /// The channels are the second axis, not the last.
    pub channels_second: bool,
}

/// The row of [`SpaceDepth`] to depth.
pub static SPACE_TO_DEPTH: OpKind =
    OpKind::new("SpaceToDepth", "input: T -> output: T", |attrs| parse(attrs, true), || examples(true));

/// The row of [`SpaceDepth`] to space.
pub static DEPTH_TO_SPACE: OpKind =
    OpKind::new("DepthToSpace", "input: T -> output: T", |attrs| parse(attrs, false), || examples(false));

fn parse(attrs: &Attrs, to_depth: bool) -> Result<Arc<dyn Op>> {
    let channels_second = match attrs.str_or("data_format", "NHWC")?.as_str() {
        "NHWC" => false,
        "NCHW" => true,
        other => return Err(Error::unsupported(format!("data_format must be NHWC or NCHW, but is {other}"))),
    };
    let n = attrs.int("block_size")?;
    let block_size = usize::try_from(n).ok().filter(|n| (2..=1 << 31).contains(n));
    let block_size = block_size.ok_or_else(|| Error::invalid(format!("block size should be > 1, but was: {n}")))?;
    Ok(Arc::new(SpaceDepth { to_depth, block_size, channels_second }))
}

fn examples(to_depth: bool) -> Vec<Example> {
    let of = |channels_second, dims: &[usize]| {
        let n: usize = dims.iter().product();
        let image = Value::from_vec(dims, (0..n).map(|i| i as f32).collect()).expect("the elements are as many");
        Example::new(SpaceDepth { to_depth, block_size: 2, channels_second }, [image])
    };
    if to_depth {
        return vec![of(false, &[1, 2, 4, 3]), of(true, &[2, 1, 4, 2]), of(false, &[0, 2, 2, 1])];
    }
    vec![of(false, &[1, 2, 1, 8]), of(true, &[2, 4, 1, 2]), of(false, &[0, 2, 2, 4])]
}

impl Tensor {
    /// Blocks of `block_size` by `block_size` pixels become channels: `(b, h, w, c)` becomes
    /// `(b, h / n, w / n, n * n * c)`. Any dtype.
    ///
    /// # Errors
    /// `InvalidArgument` where a side is no multiple of the block; `ShapeMismatch` for other ranks than 4.
    ///
    /// Source: TensorFlow's `SpaceToDepth`.
    #[doc(alias = "tf.space_to_depth")]
    #[doc(alias = "tf.nn.space_to_depth")]
    #[track_caller]
    pub fn space_to_depth(&self, block_size: usize) -> Result<Tensor> {
        self.graph().apply_one(SpaceDepth { to_depth: true, block_size, channels_second: false }, &[self])
    }

    /// Channels become blocks of `block_size` by `block_size` pixels: the inverse of [`Tensor::space_to_depth`].
    ///
    /// # Errors
    /// `InvalidArgument` where the channels are no multiple of the block's pixels; `ShapeMismatch` for other ranks
    /// than 4.
    ///
    /// Source: TensorFlow's `DepthToSpace`.
    #[doc(alias = "tf.depth_to_space")]
    #[doc(alias = "tf.nn.depth_to_space")]
    #[track_caller]
    pub fn depth_to_space(&self, block_size: usize) -> Result<Tensor> {
        self.graph().apply_one(SpaceDepth { to_depth: false, block_size, channels_second: false }, &[self])
    }
}

impl SpaceDepth {
    /// Where batch, height, width and channels stand.
    fn axes(&self) -> [usize; 4] {
        if self.channels_second { [0, 2, 3, 1] } else { [0, 1, 2, 3] }
    }

    fn sizes(&self, dims: &[Dim]) -> Result<Vec<Dim>> {
        let (side, pixels) = (Dim::from(self.block_size), Dim::from(self.block_size * self.block_size));
        let [_, height, width, depth] = self.axes();
        let mut out = dims.to_vec();
        for axis in [height, width] {
            out[axis] = if self.to_depth { divided("side", &dims[axis], &side)? } else { &dims[axis] * &side };
        }
        out[depth] = if self.to_depth { &dims[depth] * &pixels } else { divided("depth", &dims[depth], &pixels)? };
        Ok(out)
    }

    /// The result, as its elements lie in the input: three axes are split in two.
    fn layout(&self, from: &[usize], out: &[usize]) -> Layout {
        let (strides, n) = (row_major(from), self.block_size);
        let [b, h, w, c] = self.axes();
        let stride = |axis: usize| strides[axis];
        // Height, row in the block, width, column in the block, depth: each of some steps of some length.
        let (small, deep) = if self.to_depth { (from, out) } else { (out, from) };
        let channels = small[c];
        let coarse = [deep[h], deep[w]];
        let (row, column, fine) = if self.to_depth {
            ((n as isize * stride(h), stride(h)), (n as isize * stride(w), stride(w)), stride(c))
        } else {
            let block_column = channels as isize * stride(c);
            ((stride(h), n as isize * block_column), (stride(w), block_column), stride(c))
        };
        let (batch, hs, ws) = ((out[b], stride(b)), (coarse[0], row.0), (coarse[1], column.0));
        let (hb, wb, cs) = ((n, row.1), (n, column.1), (channels, fine));
        let order = match (self.to_depth, self.channels_second) {
            (true, false) => [batch, hs, ws, hb, wb, cs],
            (true, true) => [batch, hb, wb, cs, hs, ws],
            (false, false) => [batch, hs, hb, ws, wb, cs],
            (false, true) => [batch, cs, hs, hb, ws, wb],
        };
        let (dims, strides): (Dims, SmallVec<[isize; 6]>) = order.into_iter().unzip();
        Layout { start: 0, dims, strides }
    }
}

fn divided(what: &str, dim: &Dim, by: &Dim) -> Result<Dim> {
    match (dim.as_i64(), by.as_i64()) {
        (Some(n), Some(by)) if n % by != 0 => {
            Err(Error::invalid(format!("dimension size of {what} must be evenly divisible by {by} but is {n}")))
        }
        _ => Ok(dim.floor_div(by)),
    }
}

impl Op for SpaceDepth {
    fn kind(&self) -> &'static OpKind {
        if self.to_depth { &SPACE_TO_DEPTH } else { &DEPTH_TO_SPACE }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !(2..=1 << 31).contains(&self.block_size) {
            return Err(Error::invalid(format!("block size should be > 1, but was: {}", self.block_size)));
        }
        let image = cx.shape(0).with_rank(4)?;
        let sizes = self.sizes(image.dims().unwrap_or_default())?;
        cx.output(cx.dtype(0), Shape::from(sizes));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = cx.input(0).dims();
        if dims.len() != 4 {
            return Err(Error::shape(format!("input rank should be 4 instead of {}", dims.len())));
        }
        let sizes = self.sizes(&dims.iter().map(|dim| Dim::from(*dim)).collect::<Vec<_>>())?;
        let out: Dims = sizes.iter().map(Dim::computed).collect::<Result<_>>()?;
        element_count(&out)?;
        let value = read(cx, 0, &out, &self.layout(dims, &out))?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let format = if self.channels_second { "NCHW" } else { "NHWC" };
        vec![
            ("block_size", AttrValue::Int(self.block_size as i64)),
            ("data_format", AttrValue::Str(format.as_bytes().to_vec())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn op(to_depth: bool, channels_second: bool) -> SpaceDepth {
        SpaceDepth { to_depth, block_size: 2, channels_second }
    }

    #[track_caller]
    fn check(channels_second: bool, space: &[usize], depth: &[usize], want: &[i32]) {
        let n: usize = space.iter().product();
        let x = Value::from_vec(space, (1..=n as i32).collect()).unwrap();
        let y = run_op(op(true, channels_second), std::slice::from_ref(&x)).unwrap().remove(0);
        assert_eq!((y.dims(), y.slice::<i32>().unwrap()), (depth, want));
        assert!(run_op(op(false, channels_second), &[y]).unwrap()[0].same_bits(&x));
    }

    /// By hand: each block, row by row.
    #[test]
    fn blocks_become_channels_and_back() {
        check(false, &[1, 2, 4, 1], &[1, 1, 2, 4], &[1, 2, 5, 6, 3, 4, 7, 8]);
        check(false, &[1, 2, 2, 2], &[1, 1, 1, 8], &[1, 2, 3, 4, 5, 6, 7, 8]);
        check(true, &[1, 2, 2, 2], &[1, 8, 1, 1], &[1, 5, 2, 6, 3, 7, 4, 8]);
        check(true, &[1, 1, 2, 4], &[1, 4, 1, 2], &[1, 3, 2, 4, 5, 7, 6, 8]);
    }

    #[test]
    fn sizes_that_do_not_divide_are_refused() {
        infer_ok(&op(true, false), "(?,4,?,3)", "(?,2,?,12)");
        infer_ok(&op(false, true), "(?,4,?,3)", "(?,1,?,6)");
        infer_err(&op(true, false), "(1,3,2,1)", "must be evenly divisible by 2 but is 3");
        infer_err(&op(false, false), "(1,3,2,6)", "must be evenly divisible by 4 but is 6");
        infer_err(&op(false, false), "(1,3,2)", "shape must be rank 4 but is rank 3");
    }
}
