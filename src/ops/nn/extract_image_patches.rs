//! `ExtractImagePatches`: the windows of images, each as one long column of channels.

use std::sync::Arc;

use super::bias_add::DataFormat;
use super::conv::counting;
use super::patches::gather;
use super::pool::check_ksize;
use super::window::{Padding, Window, parse_padding};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::ops::wide::widened;
use crate::shape::{Dim, element_count};
use crate::value::Value;
use crate::with_type;

/// The windows of images, `(n, h, w, c) -> (n, rows, columns, kh * kw * c)`: the cells of a window come line by line,
/// with the channels of a cell together; cells in the padding are 0.
#[derive(Debug, Clone)]
pub struct ExtractImagePatches {
    /// The size of a window, one number an axis; 1 for batch and channels.
    pub ksizes: Vec<i64>,
    /// How the window slides; its dilations are TensorFlow's `rates`.
    pub window: Window,
}

/// The row of [`ExtractImagePatches`].
pub static EXTRACT_IMAGE_PATCHES: OpKind =
    OpKind::new("ExtractImagePatches", "images: T -> patches: T", parse, examples);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let window = Window {
        data_format: DataFormat::Nhwc,
        strides: attrs.ints("strides")?,
        dilations: attrs.ints("rates")?,
        padding: parse_padding(attrs)?,
    };
    ExtractImagePatches { ksizes: attrs.ints("ksizes")?, window }.checked().map(|op| Arc::new(op) as Arc<dyn Op>)
}

fn examples() -> Vec<Example> {
    let of = |ksize: [i64; 2], stride: [i64; 2], rate: [i64; 2], padding| {
        let op = ExtractImagePatches::new(ksize, stride, rate, padding).expect("the windows fit");
        Example::new(op, [counting(&[1, 5, 6, 2])])
    };
    vec![of([2, 3], [1, 2], [1, 1], Padding::Same), of([3, 2], [2, 1], [1, 2], Padding::Valid)]
}

impl ExtractImagePatches {
    /// Windows of `[rows, columns]`, and of these strides and distances between their cells.
    ///
    /// # Errors
    /// `InvalidArgument` for numbers below 1, and for explicit paddings.
    pub fn new(ksizes: [i64; 2], strides: [i64; 2], rates: [i64; 2], padding: Padding) -> Result<ExtractImagePatches> {
        let all = |[rows, columns]: [i64; 2]| vec![1, rows, columns, 1];
        let window = Window { data_format: DataFormat::Nhwc, strides: all(strides), dilations: all(rates), padding };
        ExtractImagePatches { ksizes: all(ksizes), window }.checked()
    }

    fn checked(self) -> Result<ExtractImagePatches> {
        if matches!(self.window.padding, Padding::Explicit(_)) {
            return Err(Error::invalid("padding must be SAME or VALID, but is EXPLICIT"));
        }
        self.window.check(2)?;
        check_ksize(&self.ksizes, "ksizes", &self.window)?;
        Ok(self)
    }
}

#[cold]
fn not_real(dtype: DType) -> Error {
    Error::dtype(format!("images must be real numbers, but are {dtype}"))
}

impl Tensor {
    /// The windows of these images: `(n, h, w, c)` is `(n, rows, columns, kh * kw * c)`, with as many rows and columns
    /// as a convolution with such a window has. All numbers are `[rows, columns]`; `rates` are distances between the
    /// cells of a window. float32, float64, half, bfloat16 and integers.
    ///
    /// # Errors
    /// `InvalidArgument` for numbers below 1; `ShapeMismatch` for images of another rank than 4, or smaller than a
    /// window that has no padding.
    ///
    /// Source: TensorFlow's `ExtractImagePatches`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// use sessile::ops::nn::Padding;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 8, 8, 3])?;
    /// let patches = x.extract_image_patches([2, 2], [2, 2], [1, 1], Padding::Valid)?;
    /// assert_eq!(patches.shape().to_string(), "(?, 4, 4, 12)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.image.extract_image_patches")]
    #[doc(alias = "tf.extract_image_patches")]
    #[track_caller]
    pub fn extract_image_patches(
        &self,
        ksizes: [i64; 2],
        strides: [i64; 2],
        rates: [i64; 2],
        padding: Padding,
    ) -> Result<Tensor> {
        self.graph().apply_one(ExtractImagePatches::new(ksizes, strides, rates, padding)?, &[self])
    }
}

impl Op for ExtractImagePatches {
    fn kind(&self) -> &'static OpKind {
        &EXTRACT_IMAGE_PATCHES
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(0);
        if !dtype.is_floating() && !dtype.is_integer() {
            return Err(not_real(dtype));
        }
        let images = cx.shape(0).with_rank(4)?;
        let sizes: Vec<Dim> = self.ksizes[1..3].iter().map(|size| Dim::constant(*size)).collect();
        let depth = images.dim(3) * sizes[0].clone() * sizes[1].clone();
        let shape = self.window.output_shape(&images, &sizes, depth)?;
        cx.output(dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[0], &[0]) {
            return done;
        }
        let dtype = cx.input(0).dtype();
        with_type!(dtype, T in wide_reals => self.extract::<T>(cx), else => Err(not_real(dtype)))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let padding = if self.window.padding == Padding::Same { "SAME" } else { "VALID" };
        vec![
            ("ksizes", AttrValue::Ints(self.ksizes.clone())),
            ("strides", AttrValue::Ints(self.window.strides.clone())),
            ("rates", AttrValue::Ints(self.window.dilations.clone())),
            ("padding", AttrValue::Str(padding.into())),
        ]
    }
}

impl ExtractImagePatches {
    fn extract<T: Number>(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let images = cx.input(0);
        let sizes: Vec<usize> = self.ksizes[1..3].iter().map(|size| *size as usize).collect();
        let geometry = self.window.over(images.dims(), &sizes)?;
        let depth = element_count(&[sizes[0], sizes[1], geometry.channels])?;
        let mut patches: Value = cx.alloc(T::DTYPE, &geometry.output_dims(depth))?;
        if !patches.is_empty() {
            let work = cx.workspace();
            let (images, windows) = (images.slice::<T>()?, geometry.windows_per_chunk(depth));
            cx.try_for_chunks_mut(patches.make_mut::<T>()?, windows * depth, &|chunk, rows| {
                gather(work, &geometry, images, chunk * windows, rows)
            })?;
        }
        cx.output(0, patches);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::value::IntoValue;

    /// The dims of the patches of the numbers from 0 on as `(1, 7, 6, 2)`, and the sum of each times its place.
    #[track_caller]
    fn check(ksize: [i64; 2], stride: [i64; 2], rate: [i64; 2], padding: Padding, dims: [usize; 4], want: i64) {
        let x = Value::from_vec(&[1, 7, 6, 2], (0..84).collect::<Vec<i32>>()).unwrap();
        let got = run_op(ExtractImagePatches::new(ksize, stride, rate, padding).unwrap(), &[x]).unwrap().remove(0);
        let sum: i64 = got.slice::<i32>().unwrap().iter().zip(1i64..).map(|(x, i)| i64::from(*x) * i).sum();
        assert_eq!((got.dims(), sum % 1_000_003), (&dims[..], want));
    }

    /// By TensorFlow 1.15.5.
    #[test]
    fn windows_become_columns() {
        use Padding::*;
        check([1, 1], [2, 3], [2, 2], Valid, [1, 4, 2, 2], 7344);
        check([2, 3], [1, 1], [1, 1], Same, [1, 7, 6, 12], 601_625);
        check([2, 3], [1, 1], [2, 2], Same, [1, 7, 6, 12], 313_124);
        check([2, 3], [2, 3], [2, 2], Valid, [1, 3, 1, 12], 35_382);
        check([3, 2], [2, 3], [1, 1], Same, [1, 4, 2, 12], 200_152);
        check([3, 2], [1, 1], [2, 2], Valid, [1, 3, 4, 12], 502_416);
    }

    #[test]
    fn shapes_are_those_of_convolutions() {
        let op = ExtractImagePatches::new([2, 3], [1, 2], [1, 1], Padding::Valid).unwrap();
        infer_ok(&op, "(?,8,9,3)", "(?,7,4,18)");
        infer_ok(&op, "(2,8,9,?)", "(2,7,4,?)");
        infer_err(&op, "(2,1,9,3)", "negative dimension size");
        infer_err(&op, "bool(2,8,9,3)", "images must be real numbers, but are bool");
        assert!(ExtractImagePatches::new([0, 1], [1, 1], [1, 1], Padding::Same).is_err());
        assert!(run_op(op, &[[[1.0f32]].into_value()]).is_err());
    }
}
