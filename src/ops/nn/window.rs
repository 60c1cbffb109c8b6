//! Windows that slide over images: sizes, paddings and the cells of each window, for convolutions and pools in two and
//! three dimensions. Two dimensions are three with a first one of size 1.

use std::ops::Range;

use super::bias_add::DataFormat;
use crate::cancel::Pace;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs};
use crate::shape::{Dim, Shape};

/// What lies around an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Padding {
    /// Zeros, so that stride 1 keeps the size; the odd one comes last.
    Same,
    /// Nothing: windows stay inside.
    #[default]
    Valid,
    /// So many zeros before and after each axis of the input.
    Explicit(Vec<i64>),
}

/// How a window slides: TensorFlow's attributes of convolutions and pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Where the channels stand.
    pub data_format: DataFormat,
    /// Steps, one an axis of the input; 1 for batch and channels.
    pub strides: Vec<i64>,
    /// Distance between the cells of a window, one an axis of the input.
    pub dilations: Vec<i64>,
    /// What lies around the image.
    pub padding: Padding,
}

impl Window {
    /// A window over images of channels last, with equal strides in all directions of space.
    pub fn new(spatial: usize, stride: usize, padding: Padding) -> Window {
        // Bounded by the rank.
        let mut strides = vec![stride as i64; spatial + 2];
        (strides[0], strides[spatial + 1]) = (1, 1);
        // Bounded by the rank.
        Window { data_format: DataFormat::Nhwc, strides, dilations: vec![1; spatial + 2], padding }
    }

    /// The attributes of a node, for so many directions of space.
    pub fn parse(attrs: &Attrs, spatial: usize) -> Result<Window> {
        let window = Window {
            data_format: DataFormat::parse(attrs)?,
            strides: attrs.ints("strides")?,
            dilations: attrs.ints_or("dilations", &vec![1; spatial + 2])?,
            padding: parse_padding(attrs)?,
        };
        window.check(spatial)?;
        Ok(window)
    }

    /// Refuses attributes that mean nothing.
    pub fn check(&self, spatial: usize) -> Result<()> {
        check_steps("strides", &self.strides, spatial, self.data_format)?;
        check_steps("dilations", &self.dilations, spatial, self.data_format)?;
        match &self.padding {
            Padding::Explicit(pads)
                if pads.len() != 2 * (spatial + 2) || pads.iter().any(|pad| !(0..=MAX_STEP).contains(pad)) =>
            {
                Err(Error::invalid(format!(
                    "explicit_paddings must be {} numbers from 0 to {MAX_STEP}, but are {pads:?}",
                    2 * (spatial + 2)
                )))
            }
            _ => Ok(()),
        }
    }

    /// How many directions of space there are.
    pub fn spatial(&self) -> usize {
        self.strides.len() - 2
    }

    /// The attributes for files.
    pub fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = self.pool_attrs();
        attrs.push(("dilations", AttrValue::Ints(self.dilations.clone())));
        attrs
    }

    /// The attributes of ops that have no dilations.
    pub fn pool_attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let (name, pads): (_, &[i64]) = match &self.padding {
            Padding::Same => ("SAME", &[]),
            Padding::Valid => ("VALID", &[]),
            Padding::Explicit(pads) => ("EXPLICIT", pads),
        };
        let format = format_attr(self.data_format, self.spatial());
        let mut attrs = vec![
            ("data_format", format),
            ("strides", AttrValue::Ints(self.strides.clone())),
            ("padding", AttrValue::Str(name.into())),
        ];
        if !pads.is_empty() {
            attrs.push(("explicit_paddings", AttrValue::Ints(pads.to_vec())));
        }
        attrs
    }

    /// The axis of the input that is direction `i` of space.
    pub fn axis(&self, i: usize) -> usize {
        if self.data_format == DataFormat::Nhwc { i + 1 } else { i + 2 }
    }

    /// The axis of the channels.
    pub fn channel_axis(&self) -> usize {
        if self.data_format == DataFormat::Nhwc { self.spatial() + 1 } else { 1 }
    }

    /// The size of the output in direction `i`, as far as known.
    pub fn output_dim(&self, i: usize, input: &Dim, filter: &Dim) -> Result<Dim> {
        let axis = self.axis(i);
        let stride = Dim::constant(self.strides[axis]);
        let (before, after) = match &self.padding {
            Padding::Same => return Ok(input.ceil_div(&stride)),
            Padding::Valid => (0, 0),
            Padding::Explicit(pads) => (pads[2 * axis], pads[2 * axis + 1]),
        };
        let span = (filter - &Dim::constant(1)) * Dim::constant(self.dilations[axis]) + Dim::constant(1);
        let padded = input + &Dim::constant(before.saturating_add(after));
        if let (Some(size), Some(span)) = (padded.as_i64(), span.as_i64())
            && size < span
        {
            return Err(Error::shape(format!("negative dimension size caused by subtracting {span} from {size}")));
        }
        Ok((padded - span + stride.clone()).floor_div(&stride))
    }

    /// The shape of the output: batch and space from the input, and these channels.
    pub fn output_shape(&self, input: &Shape, filter: &[Dim], channels: Dim) -> Result<Shape> {
        // Bounded by the rank.
        let mut dims = vec![input.dim(0); self.spatial() + 2];
        dims[self.channel_axis()] = channels;
        for (i, size) in filter.iter().enumerate() {
            let axis = self.axis(i);
            dims[axis] = self.output_dim(i, &input.dim(axis), size)?;
        }
        Ok(Shape::from(dims))
    }

    /// Everything in numbers. The dims are those of the input with channels last.
    pub(crate) fn over(&self, input: &[usize], filter: &[usize]) -> Result<Geometry> {
        let spatial = self.spatial();
        if input.len() != spatial + 2 || filter.len() != spatial {
            return Err(Error::shape(format!("input must be {}-dimensional, but has shape {input:?}", spatial + 2)));
        }
        let mut geometry = Geometry { batch: input[0], channels: input[spatial + 1], ..Geometry::POINT };
        for i in 0..spatial {
            let (axis, at) = (self.axis(i), 3 - spatial + i);
            let (size, span) = (input[i + 1], filter[i]);
            let output = self.output_dim(i, &Dim::from(size), &Dim::from(span))?;
            let output = output.known().ok_or_else(|| Error::shape("the output of a window is too large"))?;
            geometry.input[at] = size;
            geometry.filter[at] = span;
            geometry.output[at] = output;
            geometry.stride[at] = self.strides[axis] as usize;
            geometry.dilation[at] = self.dilations[axis] as usize;
            geometry.pad[at] = match &self.padding {
                Padding::Valid => 0,
                Padding::Explicit(pads) => pads[2 * axis] as usize,
                Padding::Same => same_pad(size, span, output, geometry.stride[at], geometry.dilation[at]),
            };
        }
        geometry.spatial = spatial;
        Ok(geometry)
    }
}

/// The attribute `data_format`, in the spelling of so many directions of space.
pub(super) fn format_attr(format: DataFormat, spatial: usize) -> AttrValue {
    AttrValue::Str(
        match (format, spatial) {
            (DataFormat::Nhwc, 3) => "NDHWC",
            (DataFormat::Nchw, 3) => "NCDHW",
            (DataFormat::Nhwc, _) => "NHWC",
            (DataFormat::Nchw, _) => "NCHW",
        }
        .into(),
    )
}

/// Zeros before the image: the smaller half of what is missing.
fn same_pad(input: usize, filter: usize, output: usize, stride: usize, dilation: usize) -> usize {
    let wide = |n: usize| n as u128;
    let span = wide(filter.saturating_sub(1)) * wide(dilation) + 1;
    let all = wide(output.saturating_sub(1)).saturating_mul(wide(stride)).saturating_add(span);
    usize::try_from(all.saturating_sub(wide(input)) / 2).map_or(MAX_PAD, |pad| pad.min(MAX_PAD))
}

/// The attributes `padding` and `explicit_paddings`.
pub(super) fn parse_padding(attrs: &Attrs) -> Result<Padding> {
    let pads = attrs.ints_or("explicit_paddings", &[])?;
    match attrs.str("padding")?.as_str() {
        "SAME" => Ok(Padding::Same),
        "VALID" => Ok(Padding::Valid),
        "EXPLICIT" => Ok(Padding::Explicit(pads)),
        other => Err(Error::invalid(format!(
            "padding must be SAME, VALID or EXPLICIT, but is {}",
            crate::error::escape(other)
        ))),
    }
}

/// Steps of batch and channels are 1 for strides of convolutions; pools check their own windows.
/// What TensorFlow reads such attributes into, int32, holds no more. Sums of a few of them do not overflow.
const MAX_STEP: i64 = i32::MAX as i64;

fn check_steps(name: &str, steps: &[i64], spatial: usize, format: DataFormat) -> Result<()> {
    if steps.len() != spatial + 2 {
        return Err(Error::invalid(format!("{name} must have {} values, but has {}", spatial + 2, steps.len())));
    }
    if steps.iter().any(|step| *step < 1) {
        return Err(Error::invalid(format!("{name} must be 1 or more, but are {steps:?}")));
    }
    if steps.iter().any(|step| *step > MAX_STEP) {
        return Err(Error::invalid(format!("{name} must be {MAX_STEP} or less, but are {steps:?}")));
    }
    let channel = if format == DataFormat::Nhwc { spatial + 1 } else { 1 };
    if steps[0] != 1 || steps[channel] != 1 {
        return Err(Error::unsupported(format!(
            "{name} in the batch and depth dimensions must be 1, but are {} and {}",
            steps[0], steps[channel]
        )));
    }
    Ok(())
}

/// A window over an image with channels last, in numbers. The directions are depth, height, width.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub batch: usize,
    pub channels: usize,
    pub input: [usize; 3],
    pub filter: [usize; 3],
    pub output: [usize; 3],
    pub stride: [usize; 3],
    pub dilation: [usize; 3],
    pub pad: [usize; 3],
    pub spatial: usize,
}

impl Geometry {
    const POINT: Geometry = Geometry {
        batch: 1,
        channels: 1,
        input: [1; 3],
        filter: [1; 3],
        output: [1; 3],
        stride: [1; 3],
        dilation: [1; 3],
        pad: [0; 3],
        spatial: 2,
    };

    /// Cells of an image, without channels.
    pub fn input_len(&self) -> usize {
        self.input.iter().fold(1, |n, size| n.saturating_mul(*size))
    }

    /// Windows of an image.
    pub fn output_len(&self) -> usize {
        self.output.iter().fold(1, |n, size| n.saturating_mul(*size))
    }

    /// Elements of an image.
    pub fn image_len(&self) -> usize {
        self.input_len().saturating_mul(self.channels)
    }

    /// Cells of a window, without channels; as many as a number holds where a pool's window is larger than any image.
    pub fn filter_len(&self) -> usize {
        self.filter.iter().fold(1, |n, size| n.saturating_mul(*size))
    }

    /// Dims of the output with channels last.
    pub fn output_dims(&self, channels: usize) -> Vec<usize> {
        let mut dims = vec![self.batch];
        dims.extend(&self.output[3 - self.spatial..]);
        dims.push(channels);
        dims
    }

    /// Each window is one cell of the image, in order.
    pub fn is_pointwise(&self) -> bool {
        self.filter == [1; 3] && self.stride == [1; 3] && self.pad == [0; 3] && self.input == self.output
    }

    /// Where a window starts in direction `axis`; negative in the padding.
    fn start(&self, axis: usize, window: usize) -> isize {
        (window * self.stride[axis]) as isize - self.pad[axis] as isize
    }

    /// The cells of a window in direction `axis` that lie in the image.
    #[inline]
    pub fn taps(&self, axis: usize, window: usize) -> Range<usize> {
        let (start, step) = (self.start(axis, window), self.dilation[axis]);
        if self.filter[axis] <= self.input[axis] && step == 1 {
            // Most windows lie inside, and divisions would cost more than what small ones hold.
            let last = self.input[axis] - self.filter[axis];
            if usize::try_from(start).is_ok_and(|start| start <= last) {
                return 0..self.filter[axis];
            }
        }
        let first = if start < 0 { start.unsigned_abs().div_ceil(step) } else { 0 };
        let left = match usize::try_from(start) {
            Ok(start) => self.input[axis].saturating_sub(start),
            Err(_) => self.input[axis].saturating_add(start.unsigned_abs()),
        };
        let end = left.div_ceil(step).min(self.filter[axis]);
        first.min(end)..end
    }

    /// The windows in direction `axis` whose cells all lie in the image.
    pub fn inner(&self, axis: usize) -> Range<usize> {
        let first = self.pad[axis].div_ceil(self.stride[axis]);
        let span = (self.filter[axis] - 1).saturating_mul(self.dilation[axis]).saturating_add(1);
        let end = match (self.input[axis] + self.pad[axis]).checked_sub(span) {
            Some(room) => (room / self.stride[axis] + 1).min(self.output[axis]),
            None => 0,
        };
        first.min(end)..end
    }

    /// The cell of the image under cell `tap` of a window, which is one of `taps`.
    #[inline]
    pub fn at(&self, axis: usize, window: usize, tap: usize) -> usize {
        window * self.stride[axis] + tap * self.dilation[axis] - self.pad[axis]
    }

    /// The place of window `i` of an image.
    #[inline]
    pub fn place(&self, i: usize) -> [usize; 3] {
        let [_, rows, columns] = self.output;
        [i / (rows * columns), i / columns % rows, i % columns]
    }

    /// Calls `f(cell of the window, cell of the image)` for the cells of a window that lie in the image, in order.
    ///
    /// # Errors
    /// Those of the run's limits, which a pace of `each` units a tap looks at.
    #[inline(always)]
    pub(in crate::ops) fn for_taps(
        &self,
        window: [usize; 3],
        each: usize,
        pace: &mut Pace<'_>,
        mut f: impl FnMut(usize, usize),
    ) -> Result<()> {
        let [depths, rows, columns] = std::array::from_fn(|axis| self.taps(axis, window[axis]));
        let cost = self.filter_len().saturating_mul(each);
        let is_long = cost > LONG_WINDOW;
        if !is_long {
            pace.spend(cost)?;
        }
        for z in depths {
            let plane = self.at(0, window[0], z) * self.input[1];
            for y in rows.clone() {
                if is_long {
                    pace.spend(columns.len().saturating_mul(each))?;
                }
                let line = (plane + self.at(1, window[1], y)) * self.input[2];
                // It wraps only in windows larger than any filter: those of pools, which do not ask for the cell.
                let taps = z.wrapping_mul(self.filter[1]).wrapping_add(y).wrapping_mul(self.filter[2]);
                for x in columns.clone() {
                    f(taps.wrapping_add(x), line + self.at(2, window[2], x));
                }
            }
        }
        Ok(())
    }

    /// How many cells of a window lie in the image.
    pub fn n_taps(&self, window: [usize; 3]) -> usize {
        (0..3).map(|axis| self.taps(axis, window[axis]).len()).product()
    }

    /// Windows a chunk of parallel work holds, where a window costs `cost` simple steps.
    pub fn windows_per_chunk(&self, cost: usize) -> usize {
        (CHUNK / cost.max(1)).max(1)
    }
}

/// Simple steps per chunk; below it one core wins.
pub(crate) const CHUNK: usize = 1 << 17;

/// Units of work from which the lines of one window are counted one by one.
const LONG_WINDOW: usize = 1 << 18;

/// Border cells in front of an image, at most: where a window starts is a signed number.
const MAX_PAD: usize = isize::MAX as usize;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Workspace;

    #[track_caller]
    fn check(padding: Padding, [input, filter, stride, dilation]: [usize; 4], output: usize, pad: usize) {
        let mut window = Window::new(2, stride, padding);
        window.dilations[1] = dilation as i64;
        window.dilations[2] = dilation as i64;
        let got = window.over(&[1, input, input, 1], &[filter, filter]).unwrap();
        assert_eq!((got.output, got.pad), ([1, output, output], [0, pad, pad]));
    }

    /// By the formulas of TensorFlow's documentation of convolution.
    #[test]
    fn sizes_follow_the_padding() {
        check(Padding::Same, [5, 3, 1, 1], 5, 1);
        check(Padding::Same, [6, 3, 2, 1], 3, 0);
        check(Padding::Same, [5, 2, 1, 1], 5, 0);
        check(Padding::Valid, [5, 3, 2, 1], 2, 0);
        check(Padding::Valid, [7, 3, 1, 2], 3, 0);
        check(Padding::Explicit(vec![0, 0, 2, 1, 2, 1, 0, 0]), [5, 3, 1, 1], 6, 2);
    }

    #[test]
    fn taps_are_those_inside_the_image() {
        let window = Window::new(2, 1, Padding::Same).over(&[1, 3, 3, 1], &[3, 3]).unwrap();
        let mut seen = Vec::new();
        let mut pace = Workspace::unlimited().pace();
        window.for_taps([0, 0, 2], 1, &mut pace, |tap, cell| seen.push((tap, cell))).unwrap();
        assert_eq!(seen, [(3, 1), (4, 2), (6, 4), (7, 5)]);
        assert_eq!(window.n_taps([0, 1, 1]), 9);
    }

    #[test]
    fn a_window_larger_than_the_image_is_refused() {
        let error = Window::new(2, 1, Padding::Valid).over(&[1, 2, 2, 1], &[3, 3]).unwrap_err();
        assert_eq!(error.message(), "negative dimension size caused by subtracting 3 from 2");
    }
}
