//! `Conv`: convolution whose images and directions of space are counted by the attributes.

use std::sync::Arc;

use super::DataFormat;
use super::conv::{Conv, counting};
use super::window::{Padding, Window, parse_padding};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::product::Activation;
use crate::shape::Shape;

/// Convolution over images or volumes that stand along one or more leading axes; without groups.
#[derive(Debug, Clone)]
pub struct ConvNd {
    /// How the filters slide.
    pub window: Window,
    /// How many leading axes count images.
    pub batch_dims: usize,
}

/// The row of [`ConvNd`].
pub static CONV_ND: OpKind = OpKind::new("Conv", "input: T, filter: T -> output: T", parse, || {
    let conv = |batch_dims| ConvNd { window: Window::new(2, 1, Padding::Same), batch_dims };
    vec![
        Example::new(conv(1), [counting(&[2, 4, 4, 3]), counting(&[3, 3, 3, 2])]),
        Example::new(conv(2), [counting(&[2, 2, 4, 4, 3]), counting(&[1, 2, 3, 2])]),
        Example::new(conv(2), [counting(&[2, 0, 4, 4, 3]), counting(&[1, 2, 3, 2])]),
    ]
});

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let strides = attrs.ints("strides")?;
    let spatial = match strides.len() {
        n @ (4 | 5) => n - 2,
        n => return Err(Error::invalid(format!("strides must have 4 or 5 values, but has {n}"))),
    };
    let dilations = attrs.ints_or("dilations", &[])?;
    let dilations = if dilations.is_empty() { vec![1; spatial + 2] } else { dilations };
    let data_format = match attrs.str_or("data_format", "CHANNELS_LAST")?.as_str() {
        "CHANNELS_LAST" => DataFormat::Nhwc,
        "CHANNELS_FIRST" => DataFormat::Nchw,
        other => {
            let other = crate::error::escape(other);
            return Err(Error::invalid(format!("data_format must be CHANNELS_LAST or CHANNELS_FIRST, but is {other}")));
        }
    };
    let window = Window { data_format, strides, dilations, padding: parse_padding(attrs)? };
    window.check(spatial)?;
    let groups = attrs.int_or("groups", 1)?;
    if groups != 1 {
        return Err(Error::unsupported(format!("groups must be 1, as in TensorFlow's kernels, but is {groups}")));
    }
    let n = attrs.int_or("batch_dims", 1)?;
    let batch_dims = usize::try_from(n).ok().filter(|n| (1..=crate::shape::MAX_RANK).contains(n));
    let batch_dims = batch_dims.ok_or_else(|| Error::invalid(format!("batch_dims must be 1 or more, but is {n}")))?;
    Ok(Arc::new(ConvNd { window, batch_dims }))
}

impl ConvNd {
    fn conv(&self) -> Conv {
        Conv { window: self.window.clone() }
    }
}

impl Op for ConvNd {
    fn kind(&self) -> &'static OpKind {
        &CONV_ND
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        super::conv::check_dtype(cx.dtype(0), self.window.spatial())?;
        let input = cx.shape(0).with_rank(self.window.spatial() + 1 + self.batch_dims)?;
        let images = if input.rank().is_some() { input.slice(self.batch_dims - 1..)? } else { input.clone() };
        let filter = cx.shape(1).with_rank(self.window.spatial() + 2)?;
        let (depth, each) = (images.with_rank(self.window.spatial() + 2)?, filter.dim(self.window.spatial()));
        depth.dim(self.window.channel_axis()).merge(&each)?;
        let inner = self.conv().infer_shape(&images, &filter)?.slice(1..)?;
        let front = match input.rank() {
            Some(_) => input.slice(..self.batch_dims)?,
            None => Shape::unknown_of_rank(self.batch_dims),
        };
        cx.output(cx.dtype(0), front.concat(&inner)?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (x, filter, spatial) = (cx.input(0), cx.input(1), self.window.spatial());
        if x.rank() != spatial + 1 + self.batch_dims || filter.rank() != spatial + 2 {
            let (a, b) = (Shape::from(x.dims()), Shape::from(filter.dims()));
            let what = format!("input and filter must have {spatial} directions of space, but have shapes {a} and {b}");
            return Err(Error::shape(what));
        }
        let (front, image) = x.dims().split_at(self.batch_dims);
        let (depth, each) = (image[self.window.channel_axis() - 1], filter.dims()[spatial]);
        if depth != each {
            return Err(Error::shape(format!("input depth must be equal to filter depth: {depth} vs {each}")));
        }
        let flat = [&[crate::shape::element_count(front)?], image].concat();
        let out = self.conv().compute_on(cx, &x.clone().reshaped(&flat)?, None, Activation::None)?;
        let dims = [front, &out.dims()[1..]].concat();
        cx.output(0, out.reshaped(&dims)?);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let format = if self.window.data_format == DataFormat::Nhwc { "CHANNELS_LAST" } else { "CHANNELS_FIRST" };
        let mut attrs = self.window.attrs();
        attrs.retain(|(name, _)| *name != "data_format");
        attrs.push(("data_format", AttrValue::Str(format.into())));
        attrs.push(("batch_dims", AttrValue::Int(self.batch_dims as i64)));
        attrs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn conv(batch_dims: usize) -> ConvNd {
        ConvNd { window: Window::new(2, 1, Padding::Valid), batch_dims }
    }

    #[test]
    fn leading_axes_stay() {
        infer_ok(&conv(1), "(?,4,5,3);(2,2,3,7)", "(?,3,4,7)");
        infer_ok(&conv(2), "(b,?,4,5,3);(2,2,3,7)", "(b,?,3,4,7)");
        infer_ok(&conv(2), "<unknown>;(2,2,3,7)", "(?,?,?,?,7)");
        infer_err(&conv(2), "(1,4,5,3);(2,2,3,7)", "shape must be rank 5 but is rank 4");
        infer_err(&conv(1), "(1,4,5,6);(2,2,3,7)", "must be equal, but are 6 and 3");
    }

    #[test]
    fn images_along_two_axes_are_those_along_one() {
        let (x, filter) = (counting(&[2, 3, 4, 4, 2]), counting(&[2, 2, 2, 3]));
        let flat = x.clone().reshaped(&[6, 4, 4, 2]).unwrap();
        let got = run_op(conv(2), &[x, filter.clone()]).unwrap().remove(0);
        let want = run_op(conv(1), &[flat, filter]).unwrap().remove(0);
        assert_eq!(got.dims(), [2, 3, 3, 3, 3]);
        assert_eq!(got.slice::<f32>().unwrap(), want.slice::<f32>().unwrap());
    }
}
