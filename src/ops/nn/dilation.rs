//! `Dilation2D`: the largest sum of an image's cell and a filter's cell, window by window; and erosion, its mirror.

use std::sync::Arc;

use super::bias_add::DataFormat;
use super::conv::counting;
use super::window::{Geometry, Padding, Window, parse_padding};
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Ordered;
use crate::ops::IntoTensor;
use crate::shape::{Dim, Shape};
use crate::with_type;

/// Greyscale dilation: `(n, h, w, c), (fh, fw, c) -> (n, rows, columns, c)`, the largest of `image + filter` over the
/// cells of a window that lie in the image.
///
/// Source: TensorFlow's `Dilation2D`.
#[derive(Debug, Clone)]
pub struct Dilation2D {
    /// How the window slides; its dilations are TensorFlow's `rates`.
    pub window: Window,
}

/// The row of [`Dilation2D`].
pub static DILATION_2D: OpKind = OpKind::new("Dilation2D", "input: T, filter: T -> output: T", parse, examples);

/// The window of a node's attributes.
pub(super) fn parse_window(attrs: &Attrs) -> Result<Window> {
    checked(Window {
        data_format: DataFormat::Nhwc,
        strides: attrs.ints("strides")?,
        dilations: attrs.ints("rates")?,
        padding: parse_padding(attrs)?,
    })
}

/// A window of these `[rows, columns]`.
pub(super) fn window_of(strides: [i64; 2], rates: [i64; 2], padding: Padding) -> Result<Window> {
    let all = |[rows, columns]: [i64; 2]| vec![1, rows, columns, 1];
    checked(Window { data_format: DataFormat::Nhwc, strides: all(strides), dilations: all(rates), padding })
}

fn checked(window: Window) -> Result<Window> {
    if matches!(window.padding, Padding::Explicit(_)) {
        return Err(Error::invalid("padding must be SAME or VALID, but is EXPLICIT"));
    }
    window.check(2)?;
    Ok(window)
}

/// The attributes for files.
pub(super) fn window_attrs(window: &Window) -> Vec<(&'static str, AttrValue)> {
    let padding = if window.padding == Padding::Same { "SAME" } else { "VALID" };
    vec![
        ("strides", AttrValue::Ints(window.strides.clone())),
        ("rates", AttrValue::Ints(window.dilations.clone())),
        ("padding", AttrValue::Str(padding.into())),
    ]
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Dilation2D { window: parse_window(attrs)? }))
}

fn examples() -> Vec<Example> {
    let of = |strides, rates, padding| Dilation2D { window: window_of(strides, rates, padding).expect("it fits") };
    let inputs = || [counting(&[2, 5, 6, 2]), counting(&[2, 3, 2])];
    vec![
        Example::new(of([1, 1], [1, 1], Padding::Valid), inputs()),
        Example::new(of([2, 1], [1, 2], Padding::Same), inputs()),
        Example::new(of([1, 1], [1, 1], Padding::Same), [counting(&[0, 5, 6, 2]), counting(&[2, 3, 2])]),
    ]
}

impl Tensor {
    /// Greyscale dilation: `(n, h, w, c), (fh, fw, c) -> (n, rows, columns, c)`, with as many rows and columns as a
    /// convolution with such a window has. Steps and `rates`, the distances between the cells of a window, are
    /// `[rows, columns]`. Any real number dtype; the depth is taken from either side.
    ///
    /// # Errors
    /// `InvalidArgument` for numbers below 1; `ShapeMismatch` for other ranks, depths that differ, or an image smaller
    /// than a window without padding.
    ///
    /// Source: TensorFlow's `Dilation2D`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// use sessile::ops::nn::Padding;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 8, 8, 3])?;
    /// let filter = g.placeholder(DType::F32, shape![3, 3, 3])?;
    /// assert_eq!(x.dilation2d(filter, [1, 1], [1, 1], Padding::Valid)?.shape().to_string(), "(?, 6, 6, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.dilation2d")]
    #[track_caller]
    pub fn dilation2d(
        &self,
        filter: impl IntoTensor,
        strides: [i64; 2],
        rates: [i64; 2],
        padding: Padding,
    ) -> Result<Tensor> {
        let filter = filter.tensor(Some(self))?;
        self.graph().apply_one(Dilation2D { window: window_of(strides, rates, padding)? }, &[self, &filter])
    }

    /// Greyscale erosion: the smallest of `image - kernel` over each window, with the kernel mirrored; otherwise as
    /// [`Tensor::dilation2d`].
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// use sessile::ops::nn::Padding;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 8, 8, 3])?;
    /// let kernel = g.placeholder(DType::F32, shape![3, 3, 3])?;
    /// assert_eq!(x.erosion2d(kernel, [2, 2], [1, 1], Padding::Same)?.shape().to_string(), "(?, 4, 4, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.erosion2d")]
    #[track_caller]
    pub fn erosion2d(
        &self,
        kernel: impl IntoTensor,
        strides: [i64; 2],
        rates: [i64; 2],
        padding: Padding,
    ) -> Result<Tensor> {
        let kernel = kernel.tensor(Some(self))?;
        let (g, window) = (self.graph(), window_of(strides, rates, padding)?);
        g.composite("erosion2d", |scope| {
            let (mirrored, filter) = ((-self)?, kernel.reverse([0, 1])?);
            let dilated = g.named(scope, || g.apply_one(Dilation2D { window }, &[&mirrored, &filter]))?;
            -dilated
        })
    }
}

/// Image and filter as far as known, with the depth of both.
pub(super) fn operands(cx: &InferCx<'_>) -> Result<(Shape, Shape)> {
    if let DType::String | DType::Bool = cx.dtype(0) {
        return Err(not_real(cx.dtype(0)));
    }
    let (image, filter) = (cx.shape(0).with_rank(4)?, cx.shape(1).with_rank(3)?);
    let depth = image.dim(3).merge(&filter.dim(2))?;
    Ok((image.replace_dim(3, depth.clone())?, filter.replace_dim(2, depth)?))
}

/// The shape of the output of a window.
pub(super) fn output_shape(window: &Window, image: &Shape, filter: &Shape) -> Result<Shape> {
    let sizes: [Dim; 2] = [filter.dim(0), filter.dim(1)];
    window.output_shape(image, &sizes, image.dim(3))
}

/// The window over the values of image and filter.
pub(super) fn geometry(cx: &RunCx<'_>, window: &Window) -> Result<Geometry> {
    let (image, filter) = (cx.input(0).dims(), cx.input(1).dims());
    if image.len() != 4 || filter.len() != 3 || image[3] != filter[2] {
        return Err(Error::shape(format!("input and filter must have the same depth: {image:?} vs. {filter:?}")));
    }
    if filter[0] == 0 || filter[1] == 0 {
        return Err(Error::shape(format!("filter must have cells, but has shape {filter:?}")));
    }
    window.over(image, &filter[..2])
}

#[cold]
pub(super) fn not_real(dtype: DType) -> Error {
    Error::unsupported(format!("dilation is for real numbers, not for {dtype}"))
}

impl Op for Dilation2D {
    fn kind(&self) -> &'static OpKind {
        &DILATION_2D
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (image, filter) = operands(cx)?;
        let shape = output_shape(&self.window, &image, &filter)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dtype = cx.input(0).dtype();
        with_type!(dtype, T in reals => self.dilate::<T>(cx), else => Err(not_real(dtype)))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        window_attrs(&self.window)
    }
}

impl Dilation2D {
    fn dilate<T: Ordered>(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let g = geometry(cx, &self.window)?;
        let mut output = cx.alloc(T::DTYPE, &g.output_dims(g.channels))?;
        if !output.is_empty() {
            let (image, filter) = (cx.input(0).slice::<T>()?, cx.input(1).slice::<T>()?);
            let (work, windows) = (cx.workspace(), g.windows_per_chunk(g.channels.saturating_mul(g.filter_len())));
            cx.try_for_chunks_mut(output.make_mut::<T>()?, windows * g.channels, &|chunk, cells| {
                let (mut pace, all) = (work.pace(), cells.chunks_exact_mut(g.channels).enumerate());
                for (i, cells) in all {
                    dilate_window(&g, image, filter, chunk * windows + i, cells, &mut pace)?;
                }
                Ok(())
            })?;
        }
        cx.output(0, output);
        Ok(())
    }
}

/// The output of window `i` of the batch; the lowest number where no cell of it is larger.
fn dilate_window<T: Ordered>(
    g: &Geometry,
    image: &[T],
    filter: &[T],
    i: usize,
    cells: &mut [T],
    pace: &mut Pace<'_>,
) -> Result<()> {
    cells.fill(T::LOWEST);
    let image = &image[i / g.output_len() * g.image_len()..];
    g.for_taps(g.place(i % g.output_len()), g.channels, pace, |tap, at| {
        let (image, filter) = (&image[at * g.channels..], &filter[tap * g.channels..]);
        for ((cell, x), f) in cells.iter_mut().zip(image).zip(filter) {
            *cell = cell.larger(x.plus(*f));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::value::Value;

    #[test]
    fn shapes_are_those_of_convolutions() {
        let op = Dilation2D { window: window_of([1, 2], [1, 1], Padding::Valid).unwrap() };
        infer_ok(&op, "(?,8,9,3);(2,3,3)", "(?,7,4,3)");
        infer_ok(&op, "(2,8,9,?);(?,3,3)", "(2,?,4,3)");
        infer_ok(&op, "<unknown>;<unknown>", "(?,?,?,?)");
        infer_err(&op, "(2,8,9,3);(2,3,4)", "dimensions must be equal, but are 3 and 4");
        infer_err(&op, "(2,1,9,3);(2,3,3)", "negative dimension size");
        infer_err(&op, "bool(2,8,9,3);bool(2,3,3)", "dilation is for real numbers, not for bool");
        assert!(window_of([0, 1], [1, 1], Padding::Same).is_err());
    }

    /// By hand: the filter adds 10 to the right neighbour.
    #[test]
    fn the_largest_sum_wins() {
        let image = Value::from_vec(&[1, 2, 3, 1], vec![1i32, 5, 2, 40, 3, 9]).unwrap();
        let filter = Value::from_vec(&[1, 2, 1], vec![0i32, 10]).unwrap();
        let run = |padding| {
            let op = Dilation2D { window: window_of([1, 1], [1, 1], padding).unwrap() };
            run_op(op, &[image.clone(), filter.clone()]).unwrap().remove(0)
        };
        assert_eq!(run(Padding::Valid).slice::<i32>().unwrap(), [15, 12, 40, 19]);
        assert_eq!(run(Padding::Same).slice::<i32>().unwrap(), [15, 12, 2, 40, 19, 9]);
    }
}
