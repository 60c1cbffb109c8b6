//! `MaxPool` over the channels.

use super::bias_add::DataFormat;
use super::conv::counting;
use super::window::{CHUNK, Padding, parse_padding};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Ordered;
use crate::ops::wide::widened;
use crate::shape::Dim;
use crate::value::Value;
use crate::with_type;

/// The largest of each group of `size` neighbouring channels: `(b, h, w, c) -> (b, h, w, c / size)`. Real numbers.
#[derive(Debug, Clone)]
pub struct DepthMaxPool {
    /// Channels of a group.
    pub size: usize,
    /// `SAME` or `VALID`: nothing is ever missing.
    pub padding: Padding,
}

impl DepthMaxPool {
    /// The op of these attributes, if their window is longer than 1 along the channels, which come last.
    pub(super) fn parse(attrs: &Attrs) -> Result<Option<DepthMaxPool>> {
        let (format, padding) = (DataFormat::parse(attrs)?, parse_padding(attrs)?);
        DepthMaxPool::of_window(&attrs.ints("ksize")?, &attrs.ints("strides")?, format, &padding)
    }

    /// The op of this window, if it is longer than 1 along the channels, which come last.
    pub(super) fn of_window(
        ksize: &[i64],
        strides: &[i64],
        format: DataFormat,
        padding: &Padding,
    ) -> Result<Option<DepthMaxPool>> {
        let (&[batch, height, width, size], &[1, down, right, step]) = (ksize, strides) else {
            return Ok(None);
        };
        if format != DataFormat::Nhwc || size <= 1 || batch != 1 {
            return Ok(None);
        }
        if [height, width, down, right] != [1; 4] {
            return Err(Error::unsupported(format!(
                "max pooling supports exactly one of pooling across depth or pooling across width and height, \
                 but has a window of {ksize:?}"
            )));
        }
        if size != step {
            return Err(Error::unsupported(format!(
                "depthwise max pooling requires the depth window to equal the depth stride, but they are {size} and {step}"
            )));
        }
        let size = usize::try_from(size).map_err(|_| Error::invalid(format!("ksize is too large: {size}")))?;
        Ok(Some(DepthMaxPool { size, padding: padding.clone() }))
    }

    pub(super) fn example() -> Example {
        Example::new(DepthMaxPool { size: 3, padding: Padding::Valid }, [counting(&[2, 1, 2, 6])])
    }

    fn groups(&self, depth: usize) -> Result<usize> {
        if !depth.is_multiple_of(self.size) {
            return Err(Error::unsupported(format!(
                "depthwise max pooling requires the depth window to evenly divide the input depth, but they are {} and \
                 {depth}",
                self.size
            )));
        }
        Ok(depth / self.size)
    }
}

impl Op for DepthMaxPool {
    fn kind(&self) -> &'static OpKind {
        &super::pool::MAX_POOL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let input = cx.shape(0).with_rank(4)?;
        let depth = match input.dim(3).known() {
            Some(depth) => Dim::from(self.groups(depth)?),
            None => input.dim(3).floor_div(&Dim::from(self.size)),
        };
        cx.output(cx.dtype(0), input.replace_dim(3, depth)?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[0], &[0]) {
            return done;
        }
        let x = cx.input(0);
        let mut dims = x.dims().to_vec();
        let depth = dims.last_mut().ok_or_else(|| Error::shape("shape must be rank 4 but is rank 0"))?;
        *depth = self.groups(*depth)?;
        let mut out = cx.alloc(x.dtype(), &dims)?;
        with_type!(x.dtype(), T in wide_reals => largest::<T>(cx, x, self.size, &mut out)?, else => {
            return Err(Error::unsupported(format!("Max pooling is not for {}", x.dtype())));
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let size = i64::try_from(self.size).unwrap_or(i64::MAX);
        let padding = if self.padding == Padding::Same { "SAME" } else { "VALID" };
        vec![
            ("data_format", AttrValue::Str("NHWC".into())),
            ("strides", AttrValue::Ints(vec![1, 1, 1, size])),
            ("padding", AttrValue::Str(padding.into())),
            ("ksize", AttrValue::Ints(vec![1, 1, 1, size])),
        ]
    }
}

fn largest<T: Ordered>(cx: &RunCx<'_>, x: &Value, size: usize, out: &mut Value) -> Result<()> {
    let (x, out, work) = (x.slice::<T>()?, out.make_mut::<T>()?, cx.workspace());
    let step = (CHUNK / size).max(1);
    cx.try_for_chunks_mut(out, step, &|chunk, out| {
        let (mut pace, from) = (work.pace(), chunk * step);
        for (out, group) in out.iter_mut().zip(x[from * size..].chunks_exact(size)) {
            *out = group[0];
            for part in group[1..].chunks(CHUNK) {
                pace.spend(part.len())?;
                *out = part.iter().fold(*out, |most, x| most.larger(*x));
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::value::IntoValue;

    #[test]
    fn groups_of_channels_become_one() {
        let op = DepthMaxPool { size: 2, padding: Padding::Same };
        infer_ok(&op, "(?,3,3,6)", "(?,3,3,3)");
        infer_ok(&op, "(?,3,3,?)", "(?,3,3,?)");
        infer_err(&op, "(1,3,3,5)", "evenly divide the input depth, but they are 2 and 5");
        let got = run_op(op, &[[[[[1.0f32, 5.0, 4.0, -1.0]]]].into_value()]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [5.0, 4.0]);
    }
}
