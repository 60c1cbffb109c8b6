//! `ResizeBilinearGrad`, `ResizeNearestNeighborGrad` and `ResizeBicubicGrad`.

use std::sync::Arc;

use super::resize::{check_images, infer_size, size_of};
use super::taps::{Grid, Method, Taps, taps};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The gradient of [`Resize`](super::Resize) by its images: each cell gives its gradient to the cells that it was made
/// of. The sizes of the images are an input of the nearest, the images themselves of the others.
#[derive(Debug, Clone)]
pub struct ResizeGrad {
    /// What a cell was made of; there is no gradient of [`Method::Area`].
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
    RESIZE_BILINEAR_GRAD "ResizeBilinearGrad" Bilinear "grads: float32, original_image: T -> output: T";
    RESIZE_NEAREST_NEIGHBOR_GRAD "ResizeNearestNeighborGrad" Nearest "grads: T, size: int32 -> output: T";
    RESIZE_BICUBIC_GRAD "ResizeBicubicGrad" Bicubic "grads: float32, original_image: T -> output: T";
}

fn parse(attrs: &Attrs, method: Method) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(ResizeGrad { method, grid: Grid::parse(attrs, method)? }))
}

fn examples(method: Method) -> Vec<Example> {
    let image = |dims: &[usize]| Value::full(dims, 2.0f32).expect("the dims are small");
    let example = |align_corners, half_pixel_centers| {
        let other = if method == Method::Nearest { [3i32, 4].into_value() } else { image(&[2, 3, 4, 2]) };
        let op = ResizeGrad { method, grid: Grid { align_corners, half_pixel_centers } };
        Example::new(op, [image(&[2, 5, 2, 2]), other])
    };
    vec![example(false, false), example(true, false), example(false, true)]
}

impl Op for ResizeGrad {
    fn kind(&self) -> &'static OpKind {
        match self.method {
            Method::Nearest => &RESIZE_NEAREST_NEIGHBOR_GRAD,
            Method::Bicubic => &RESIZE_BICUBIC_GRAD,
            Method::Bilinear | Method::Area => &RESIZE_BILINEAR_GRAD,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let grads = cx.shape(0).with_rank(4)?;
        if self.method == Method::Nearest {
            let [height, width] = infer_size(cx, 1)?;
            cx.output(cx.dtype(0), Shape::new([grads.dim(0), height, width, grads.dim(3)]));
        } else {
            let images = cx.shape(1).with_rank(4)?;
            cx.output(cx.dtype(1), images);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let grads = cx.input(0);
        let from = check_images(grads)?;
        let (to, dtype) = match self.method {
            Method::Nearest => {
                let [height, width] = size_of(cx.input(1))?;
                ([from[0], height, width, from[3]], grads.dtype())
            }
            _ => (check_images(cx.input(1))?, cx.input(1).dtype()),
        };
        if (from[0], from[3]) != (to[0], to[3]) {
            return Err(Error::shape(format!("gradient and images differ in batch or depth: {from:?} vs. {to:?}")));
        }
        let mut out = cx.alloc_zeros(dtype, &to)?;
        if out.is_empty() {
            cx.output(0, out);
            return Ok(());
        }
        let side = |axis: usize| taps(cx.workspace(), self.method, self.grid, to[axis], from[axis]);
        let sides = [side(1)?, side(2)?];
        let refuse = || Err(Error::unsupported(format!("resized images of {dtype} have no gradient")));
        match self.method {
            Method::Nearest => with_type!(dtype, T in reals => {
                give::<T, T>(cx, grads, &sides, &mut out, |sum, x, _| sum.plus(x))?;
            }, else => return refuse()),
            _ => with_type!(dtype, T in floats => {
                give::<f32, T>(cx, grads, &sides, &mut out, |sum, x, weight| {
                    sum.plus(T::narrow(num_traits::NumCast::from(x * weight).expect("floats hold floats")))
                })?;
            }, else => return refuse()),
        }
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.grid.attrs(self.method)
    }
}

/// Adds `give(sum, gradient, weight)` for every tap, an image at a time.
fn give<G: Number, T: Number>(
    cx: &RunCx<'_>,
    grads: &Value,
    [rows, columns]: &[Taps; 2],
    out: &mut Value,
    add: impl Fn(T, G, f32) -> T + Sync,
) -> Result<()> {
    let [_, height, width, depth] = out.dims() else { return Ok(()) };
    let (image, width, depth) = (height * width * depth, *width, *depth);
    let each = rows.len() * columns.len() * depth;
    let (grads, out) = (grads.slice::<G>()?, out.make_mut::<T>()?);
    let work = cx.workspace();
    cx.try_for_chunks_mut(out, image, &|n, out| {
        let (mut pace, cells) = (work.pace(), grads[n * each..][..each].chunks_exact(depth));
        for (i, cell) in cells.enumerate() {
            let (row, column) = (rows.of(i / columns.len()), columns.of(i % columns.len()));
            pace.spend(row.len() * column.len() * depth)?;
            for ((y, weight_y), (x, weight_x)) in row.iter().flat_map(|y| column.iter().map(move |x| (y, x))) {
                let to = &mut out[(y * width + x) * depth..][..depth];
                to.iter_mut().zip(cell).for_each(|(to, cell)| *to = add(*to, *cell, weight_y * weight_x));
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};

    #[test]
    fn shapes_are_those_of_the_images() {
        let grid = Grid::default();
        infer_ok(&ResizeGrad { method: Method::Bilinear, grid }, "(?,2,2,3);(?,4,5,3)", "(?,4,5,3)");
        infer_ok(&ResizeGrad { method: Method::Nearest, grid }, "(1,2,2,3);int32(2)", "(1,?,?,3)");
    }

    #[track_caller]
    fn check(method: Method, align_corners: bool, half_pixel_centers: bool, want: [f32; 12]) {
        let image = |dims: [usize; 4]| {
            let n: usize = dims.iter().product();
            Value::from_vec(&dims, (0..n).map(|i| i as f32).collect()).unwrap()
        };
        let other = if method == Method::Nearest { [3i32, 4].into_value() } else { image([1, 3, 4, 1]) };
        let op = ResizeGrad { method, grid: Grid { align_corners, half_pixel_centers } };
        let got = run_op(op, &[image([1, 5, 3, 1]), other]).unwrap();
        for (got, want) in got[0].slice::<f32>().unwrap().iter().zip(want) {
            assert!((got - want).abs() < 1e-4, "{method:?}: {got} {want}");
        }
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn gradients_are_those_of_tensorflow() {
        let near = Method::Nearest;
        check(near, false, false, [3.0, 5.0, 7.0, 0.0, 15.0, 17.0, 19.0, 0.0, 12.0, 13.0, 14.0, 0.0]);
        check(near, true, false, [0.0, 0.0, 1.0, 2.0, 9.0, 0.0, 11.0, 13.0, 21.0, 0.0, 23.0, 25.0]);
        check(near, false, true, [3.0, 0.0, 5.0, 7.0, 6.0, 0.0, 7.0, 8.0, 21.0, 0.0, 23.0, 25.0]);
        let want = [1.2, 1.7333331, 2.2, 2.666667, 8.4, 6.666665, 7.2, 7.7333336, 20.4, 14.933332, 15.6, 16.26667];
        check(Method::Bilinear, false, false, want);
        let want = [1.5, 2.0, 2.5333323, 4.166667, 9.0, 8.1, 8.7, 12.0, 14.5, 12.4, 12.933331, 17.16667];
        check(Method::Bilinear, false, true, want);
        let want = [
            1.165505, 1.9516923, 2.4085736, 4.141361, 8.005104, 7.548521, 7.9949365, 10.912788, 15.220077, 13.499311,
            13.956194, 18.195932,
        ];
        check(Method::Bicubic, false, true, want);
    }

    #[test]
    fn no_images_of_vast_sizes_have_gradients_at_once() {
        for method in [Method::Nearest, Method::Bilinear, Method::Bicubic] {
            let none = || Value::zeros(crate::DType::F32, &[0, 1 << 40, 2, 2]).unwrap();
            let other = if method == Method::Nearest { [i32::MAX, 2].into_value() } else { none() };
            let got = run_op(ResizeGrad { method, grid: Grid::default() }, &[none(), other]).unwrap();
            assert!(got[0].is_empty());
        }
    }
}
