//! `ResizeBilinear`, `ResizeNearestNeighbor`, `ResizeBicubic` and `ResizeArea`.

use std::sync::Arc;

use super::taps::{Grid, Method, Taps, taps};
use crate::cancel::Pace;
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor, to_ints};
use crate::kernel::Number;
use crate::ops::array::IntoSizes;
use crate::ops::wide::widened;
use crate::shape::{Dim, Dims, Shape};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Makes images of another height and width: `(b, h, w, c), (2) -> (b, h', w', c)`. The nearest cells keep the dtype of
/// the images, the other methods give float32.
#[derive(Debug, Clone)]
pub struct Resize {
    /// What a cell is made of.
    pub method: Method,
    /// How the cells of both images lie over each other.
    pub grid: Grid,
}

macro_rules! rows {
    ($($row:ident $name:literal $method:ident $signature:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind =
            OpKind::new($name, $signature, |attrs| parse(attrs, Method::$method), || examples(Method::$method));
    )* };
}
rows! {
    RESIZE_BILINEAR "ResizeBilinear" Bilinear "images: T, size: int32 -> resized_images: float32";
    RESIZE_NEAREST_NEIGHBOR "ResizeNearestNeighbor" Nearest "images: T, size: int32 -> resized_images: T";
    RESIZE_BICUBIC "ResizeBicubic" Bicubic "images: T, size: int32 -> resized_images: float32";
    RESIZE_AREA "ResizeArea" Area "images: T, size: int32 -> resized_images: float32";
}

impl Tensor {
    /// Makes images of another height and width: `(b, h, w, c)` and a size `(2)` give `(b, h', w', c)`. Real numbers
    /// become float32, but for [`Method::Nearest`], which keeps the dtype.
    ///
    /// # Errors
    /// `ShapeMismatch` where the images have no four axes or the size no two elements; `InvalidArgument` for both
    /// settings of the grid at once, and in the run for sizes of 0 or less and images without cells.
    ///
    /// Source: TensorFlow's `ResizeBilinear`, `ResizeNearestNeighbor`, `ResizeBicubic` and `ResizeArea`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # use sessile::ops::image::{Grid, Method};
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::U8, shape![?, 4, 4, 3])?;
    /// let y = x.resize_images([2, 8], Method::Bilinear, Grid::default())?;
    /// assert_eq!(y.shape().to_string(), "(?, 2, 8, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.image.resize_bilinear")]
    #[doc(alias = "tf.image.resize_nearest_neighbor")]
    #[doc(alias = "tf.image.resize_bicubic")]
    #[doc(alias = "tf.image.resize_area")]
    #[track_caller]
    pub fn resize_images(&self, size: impl IntoSizes, method: Method, grid: Grid) -> Result<Tensor> {
        let g = self.graph();
        let op = Resize { method, grid };
        if grid.align_corners && grid.half_pixel_centers {
            return Err(Error::invalid("if half_pixel_centers is true, align_corners must be false"));
        }
        g.composite(op.kind().name, |scope| {
            let size = size.sizes(g, "size")?;
            g.named(scope, || g.apply_one(op, &[self, &size]))
        })
    }
}

fn parse(attrs: &Attrs, method: Method) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Resize { method, grid: Grid::parse(attrs, method)? }))
}

fn examples(method: Method) -> Vec<Example> {
    let image = |dims: &[usize]| {
        let n: usize = dims.iter().product();
        Value::from_vec(dims, (0..n).map(|i| (i * 5 % 13) as f32).collect()).expect("dims fit the data")
    };
    let op = |align_corners, half_pixel_centers| Resize { method, grid: Grid { align_corners, half_pixel_centers } };
    let half = method != Method::Area;
    vec![
        Example::new(op(false, false), [image(&[2, 3, 4, 2]), [5i32, 2].into_value()]),
        Example::new(op(true, false), [image(&[1, 3, 4, 1]), [1i32, 7].into_value()]),
        Example::new(op(false, half), [image(&[1, 3, 4, 1]), [6i32, 3].into_value()]),
        Example::new(op(false, false), [[[[[1u8], [2]], [[3], [4]]]].into_value(), [3i32, 3].into_value()]),
        Example::new(op(false, false), [image(&[0, 3, 4, 1]), [2i32, 2].into_value()]),
    ]
}

impl Op for Resize {
    fn kind(&self) -> &'static OpKind {
        match self.method {
            Method::Bilinear => &RESIZE_BILINEAR,
            Method::Nearest => &RESIZE_NEAREST_NEIGHBOR,
            Method::Bicubic => &RESIZE_BICUBIC,
            Method::Area => &RESIZE_AREA,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let images = cx.shape(0).with_rank(4)?;
        let dtype = if self.method == Method::Nearest { cx.dtype(0) } else { DType::F32 };
        let [height, width] = infer_size(cx, 1)?;
        cx.output(dtype, Shape::new([images.dim(0), height, width, images.dim(3)]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let outputs: &[usize] = if self.method == Method::Nearest { &[0] } else { &[] };
        if cx.input(0).dtype() != DType::U8
            && let Some(done) = widened(self, cx, &[0], outputs)
        {
            return done;
        }
        let (x, size) = (cx.input(0), size_of(cx.input(1))?);
        let dims = check_images(x)?;
        let to = [dims[0], size[0], size[1], dims[3]];
        let mut out = cx.alloc(if self.method == Method::Nearest { x.dtype() } else { DType::F32 }, &to)?;
        let refuse = || Err(Error::unsupported(format!("images of {} cannot be resized", x.dtype())));
        if out.is_empty() {
            cx.output(0, out);
            return Ok(());
        }
        if self.method == Method::Nearest {
            with_type!(x.dtype(), T in images => pick::<T>(cx, self.grid, x, &mut out)?, else => return refuse());
        } else {
            let line = |axis: usize| taps(cx.workspace(), self.method, self.grid, dims[axis], to[axis]);
            let lines = [line(1)?, line(2)?];
            with_type!(x.dtype(), T in images => blend::<T>(cx, x, &mut out, &lines)?, else => return refuse());
        }
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.grid.attrs(self.method)
    }
}

/// The height and width that an input says, as far as known.
pub(super) fn infer_size(cx: &InferCx<'_>, i: usize) -> Result<[Dim; 2]> {
    let shape = cx.shape(i).with_rank(1)?;
    shape.dim(0).merge(&Dim::from(2))?;
    let sizes = cx.sizes(i).filter(|sizes| sizes.len() == 2);
    let Some(sizes) = sizes else { return Ok([Dim::unknown(), Dim::unknown()]) };
    if let Some(size) = sizes.iter().filter_map(Dim::as_i64).find(|size| *size < 0) {
        return Err(Error::invalid(format!("output dimensions must be positive, but one is {size}")));
    }
    Ok([sizes[0].clone(), sizes[1].clone()])
}

/// A height and a width.
pub(super) fn size_of(value: &Value) -> Result<[usize; 2]> {
    let ints = if value.dims() == [2] { to_ints(value) } else { None };
    let ints = ints.ok_or_else(|| Error::shape("size must be a vector of 2 elements"))?;
    let size = |n: i64| {
        let size = usize::try_from(n).ok().filter(|n| *n > 0);
        size.ok_or_else(|| Error::invalid(format!("output dimensions must be positive, but are {ints:?}")))
    };
    Ok([size(ints[0])?, size(ints[1])?])
}

/// The dims of images that have cells.
pub(super) fn check_images(x: &Value) -> Result<[usize; 4]> {
    let dims: [usize; 4] = x
        .dims()
        .try_into()
        .map_err(|_| Error::shape(format!("input must be 4-dimensional, but has shape {}", Shape::from(x.dims()))))?;
    if dims[1] == 0 || dims[2] == 0 {
        return Err(Error::invalid(format!("input image must be of non-zero size, but is {} x {}", dims[1], dims[2])));
    }
    Ok(dims)
}

/// Copies the nearest cells, a line at a time.
fn pick<T: Plain>(cx: &RunCx<'_>, grid: Grid, x: &Value, out: &mut Value) -> Result<()> {
    let (from, to) = (x.dims(), Dims::from_slice(out.dims()));
    let rows = taps(cx.workspace(), Method::Nearest, grid, from[1], to[1])?;
    let columns = taps(cx.workspace(), Method::Nearest, grid, from[2], to[2])?;
    let (x, out, depth) = (x.slice::<T>()?, out.make_mut::<T>()?, from[3]);
    let line = to[2] * depth;
    cx.for_chunks_mut(out, line * lines_per_chunk(line), &|chunk, out| {
        for (i, out) in out.chunks_exact_mut(line).enumerate() {
            let at = chunk * lines_per_chunk(line) + i;
            let row = &x[(at / to[1] * from[1] + rows.of(at % to[1])[0].0) * from[2] * depth..];
            for (cell, (column, _)) in out.chunks_exact_mut(depth).zip(columns.all()) {
                cell.copy_from_slice(&row[column * depth..][..depth]);
            }
        }
    })
}

/// Lines of a chunk of parallel work: about 64k elements.
pub(super) fn lines_per_chunk(line: usize) -> usize {
    ((1 << 16) / line.max(1)).max(1)
}

/// Blends the taps of rows, then of columns.
pub(super) fn blend<T: Real>(cx: &RunCx<'_>, x: &Value, out: &mut Value, [rows, columns]: &[Taps; 2]) -> Result<()> {
    let (from, to) = (x.dims(), Dims::from_slice(out.dims()));
    let (x, out, depth) = (x.slice::<T>()?, out.make_mut::<f32>()?, from[3]);
    if out.is_empty() {
        return Ok(());
    }
    let (work, line, width) = (cx.workspace(), to[2] * depth, from[2] * depth);
    cx.try_for_chunks_mut(out, line * lines_per_chunk(line), &|chunk, out| {
        let (mut blended, mut pace) = (work.scratch::<f32>(width)?, work.pace());
        for (i, out) in out.chunks_exact_mut(line).enumerate() {
            let at = chunk * lines_per_chunk(line) + i;
            blended.fill(0.0);
            for (row, weight) in rows.of(at % to[1]) {
                pace.spend(width)?;
                let row = &x[(at / to[1] * from[1] + row) * width..][..width];
                blended.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.real() * weight);
            }
            blend_line(&blended, columns, depth, out, &mut pace)?;
        }
        Ok(())
    })
}

/// Cells that are blended between two looks at the limits of the run.
const CELLS: usize = 256;

fn blend_line(line: &[f32], columns: &Taps, depth: usize, out: &mut [f32], pace: &mut Pace<'_>) -> Result<()> {
    out.fill(0.0);
    for (part, cells) in out.chunks_mut(CELLS * depth).enumerate() {
        pace.spend(columns.all().len() / columns.len() * cells.len())?;
        for (i, cell) in cells.chunks_exact_mut(depth).enumerate() {
            for (column, weight) in columns.of(part * CELLS + i) {
                let from = &line[column * depth..][..depth];
                cell.iter_mut().zip(from).for_each(|(cell, x)| *cell += x * weight);
            }
        }
    }
    Ok(())
}

/// Real numbers, as float32.
pub(super) trait Real: Number {
    /// The nearest float32.
    fn real(self) -> f32;
}
impl<T: Number + num_traits::ToPrimitive> Real for T {
    #[inline(always)]
    fn real(self) -> f32 {
        self.to_f32().unwrap_or(f32::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_err, infer_ok, run_op};

    fn op(method: Method) -> Resize {
        Resize { method, grid: Grid::default() }
    }

    #[test]
    fn sizes_come_from_the_second_input() {
        infer_ok(&op(Method::Bilinear), "(?,4,4,3);int32(2)", "(?,?,?,3)");
        infer_err(&op(Method::Bilinear), "(4,4,3);int32(2)", "must be rank 4 but is rank 3");
        infer_err(&op(Method::Bilinear), "(1,4,4,3);int32(3)", "must be equal");
    }

    #[track_caller]
    fn check(method: Method, align_corners: bool, half_pixel_centers: bool, want: &[f32]) {
        let x = Value::from_vec(&[1, 3, 4, 1], (0..12).map(|i| i as f32).collect()).unwrap();
        let op = Resize { method, grid: Grid { align_corners, half_pixel_centers } };
        let got = run_op(op, &[x, [5i32, 3].into_value()]).unwrap();
        for (got, want) in got[0].slice::<f32>().unwrap().iter().zip(want) {
            assert!((got - want).abs() < 1e-4, "{method:?}: {got} {want}");
        }
    }

    /// As TensorFlow 1.15.5 answers; the first four lines of each.
    #[test]
    fn images_are_those_of_tensorflow() {
        let nearest = |corners, half, want: &[f32]| check(Method::Nearest, corners, half, want);
        nearest(false, false, &[0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0]);
        nearest(true, false, &[0.0, 2.0, 3.0, 4.0, 6.0, 7.0, 4.0, 6.0, 7.0, 8.0, 10.0, 11.0, 8.0, 10.0, 11.0]);
        nearest(false, true, &[0.0, 2.0, 3.0, 0.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 10.0, 11.0, 8.0, 10.0, 11.0]);
        let bilinear = |corners, half, want: &[f32]| check(Method::Bilinear, corners, half, want);
        bilinear(false, false, &[0.0, 1.3333334, 2.6666667, 2.4, 3.7333336, 5.0666666, 4.8, 6.1333337, 7.466667]);
        bilinear(true, false, &[0.0, 1.5, 3.0, 2.0, 3.5, 5.0, 4.0, 5.5, 7.0, 6.0, 7.5, 9.0, 8.0, 9.5, 11.0]);
        bilinear(false, true, &[0.1666667, 1.5, 2.8333335, 1.7666667, 3.1000001, 4.4333334, 4.1666665, 5.5]);
        let bicubic = |corners, half, want: &[f32]| check(Method::Bicubic, corners, half, want);
        bicubic(false, false, &[0.0, 1.3700992, 2.741012, 2.0144064, 3.3845057, 4.755419, 5.0889606, 6.4590592]);
        bicubic(true, false, &[0.0, 1.5, 3.0, 1.625, 3.125, 4.625, 4.0, 5.5, 7.0, 6.375, 7.875, 9.375]);
        bicubic(false, true, &[-0.1990205, 1.1978978, 2.5948157, 1.3285344, 2.7254527, 4.1223707, 4.1030817, 5.5]);
        check(Method::Area, false, false, &[0.25, 1.4999999, 2.7499998, 1.5833336, 2.8333333, 4.083333, 4.25]);
        check(Method::Area, true, false, &[0.3333333, 1.6666667, 3.0, 0.3333333, 1.6666667, 3.0, 4.3333335]);
    }

    #[test]
    fn sizes_must_be_positive() {
        let x = Value::full(&[1, 2, 2, 1], 1.0f32).unwrap();
        let error = run_op(op(Method::Nearest), &[x, [0i32, 3].into_value()]).unwrap_err();
        assert_eq!(error.message(), "output dimensions must be positive, but are [0, 3]");
    }

    #[test]
    fn no_images_of_vast_sizes_are_resized_at_once() {
        for method in [Method::Nearest, Method::Bilinear, Method::Bicubic, Method::Area] {
            let none = Value::zeros(DType::F32, &[0, 1 << 40, 4, 2]).unwrap();
            let got = run_op(Resize { method, grid: Grid::default() }, &[none, [i32::MAX, 3].into_value()]).unwrap();
            assert_eq!(got[0].dims(), [0, i32::MAX as usize, 3, 2]);
        }
    }

    #[test]
    fn lines_of_many_cells_end_with_their_run() {
        let image = Value::zeros(DType::F32, &[1, 1, 1000, 1]).unwrap();
        for method in [Method::Nearest, Method::Bilinear, Method::Bicubic, Method::Area] {
            let op = Resize { method, grid: Grid::default() };
            ends_early(&op, &[image.clone(), [1, 300_000].into_value()], 2_000_000);
        }
    }
}
