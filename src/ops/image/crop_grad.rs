//! The gradients of `CropAndResize` by its images and by its boxes.

use std::sync::Arc;

use num_traits::NumCast;

use super::crop::{Box4, CropMethod, Line, around, boxes, example_inputs, infer_boxes};
use super::resize::{Real, check_images};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::shape::{Shape, element_count};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The gradient by the images: `(n, h', w', c), (n, 4), (n), (4) -> (b, h, w, c)`.
#[derive(Debug, Clone)]
pub struct CropGradImage {
    /// What a cell was made of.
    pub method: CropMethod,
    /// The images' dtype.
    pub dtype: DType,
}

/// The gradient by the boxes, of bilinear crops: `(n, h', w', c), (b, h, w, c), (n, 4), (n) -> (n, 4)`.
#[derive(Debug, Clone)]
pub struct CropGradBoxes;

/// The row of [`CropGradImage`].
pub static CROP_AND_RESIZE_GRAD_IMAGE: OpKind = OpKind::new(
    "CropAndResizeGradImage",
    "grads: float32, boxes: float32, box_ind: int32, image_size: int32 -> output: T",
    |attrs| Ok(Arc::new(CropGradImage { method: CropMethod::parse(attrs)?, dtype: attrs.dtype("T")? })),
    || {
        let [_, boxes, of] = example_inputs();
        let example = |method| {
            let inputs = [grads(), boxes.clone(), of.clone(), [1i32, 3, 4, 1].into_value()];
            Example::new(CropGradImage { method, dtype: DType::F32 }, inputs)
        };
        vec![example(CropMethod::Bilinear), example(CropMethod::Nearest)]
    },
);

/// The row of [`CropGradBoxes`].
pub static CROP_AND_RESIZE_GRAD_BOXES: OpKind = OpKind::new(
    "CropAndResizeGradBoxes",
    "grads: float32, image: T, boxes: float32, box_ind: int32 -> output: float32",
    parse_boxes,
    || {
        let [image, boxes, of] = example_inputs();
        vec![Example::new(CropGradBoxes, [grads(), image, boxes, of])]
    },
);

fn parse_boxes(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    match CropMethod::parse(attrs)? {
        CropMethod::Bilinear => Ok(Arc::new(CropGradBoxes)),
        CropMethod::Nearest => Err(Error::invalid("method must be bilinear, but is nearest")),
    }
}

fn grads() -> Value {
    Value::from_vec(&[2, 2, 3, 1], (0..12).map(|i| i as f32).collect()).expect("12 elements")
}

impl Op for CropGradImage {
    fn kind(&self) -> &'static OpKind {
        &CROP_AND_RESIZE_GRAD_IMAGE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let grads = cx.shape(0).with_rank(4)?;
        grads.dim(0).merge(&infer_boxes(cx, 1)?)?;
        let shape = cx.shape_from(3)?.with_rank(4)?;
        cx.output(self.dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = image_dims(cx.input(3))?;
        element_count(&dims)?;
        if dims[1] == 0 || dims[2] == 0 {
            return Err(Error::invalid(format!("image dimensions must be positive, but are {dims:?}")));
        }
        let (grads, boxes) = (cx.input(0), boxes(cx, 1, dims[0])?);
        check_grads(grads, boxes.len(), dims[3])?;
        let mut out = cx.alloc_zeros(self.dtype, &dims)?;
        with_type!(self.dtype, T in floats => self.give::<T>(cx, grads, &boxes, dims, &mut out)?, else => {
            return Err(Error::unsupported(format!("crops of {} have no gradient", self.dtype)));
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("method", self.method.attr()), ("T", AttrValue::Type(self.dtype))]
    }
}

/// The sizes of the images that were cropped.
fn image_dims(value: &Value) -> Result<[usize; 4]> {
    let Ok(sizes) = <[i32; 4]>::try_from(value.slice::<i32>()?) else {
        return Err(Error::invalid(format!("image_size must be 4 sizes, but has {}", value.len())));
    };
    match sizes.map(usize::try_from) {
        [Ok(batch), Ok(height), Ok(width), Ok(depth)] => Ok([batch, height, width, depth]),
        _ => Err(Error::invalid(format!("image_size must be 0 or more, but is {sizes:?}"))),
    }
}

fn check_grads(grads: &Value, n: usize, depth: usize) -> Result<()> {
    let dims = grads.dims();
    if dims.len() != 4 || dims[0] != n || dims[3] != depth {
        return Err(Error::shape(format!("grads must be ({n}, ?, ?, {depth}), but are {}", Shape::from(dims))));
    }
    Ok(())
}

impl CropGradImage {
    /// Boxes may overlap, so one thread adds them up.
    fn give<T: Number>(
        &self,
        cx: &RunCx<'_>,
        grads: &Value,
        boxes: &[Box4],
        [_, height, width, depth]: [usize; 4],
        out: &mut Value,
    ) -> Result<()>
    where
        T::Acc: NumCast,
    {
        let size = [grads.dims()[1], grads.dims()[2]];
        let (grads, out) = (grads.slice::<f32>()?, out.make_mut::<T>()?);
        if grads.is_empty() {
            return Ok(());
        }
        let (each, mut pace) = (size[0] * size[1], cx.pace());
        for (i, grad) in grads.chunks_exact(depth).enumerate() {
            pace.spend(8 + 8 * depth)?;
            let (at, cell) = (&boxes[i / each], i % each);
            let [down, across] = Line::of(at, [height, width], size);
            let (Some(y), Some(x)) = (down.at(cell / size[1]), across.at(cell % size[1])) else { continue };
            for (y, x, weight) in self.taps(y, x) {
                let to = &mut out[((at.image * height + y) * width + x) * depth..][..depth];
                for (to, grad) in to.iter_mut().zip(grad) {
                    let share = NumCast::from(grad * weight).expect("floats hold floats");
                    *to = to.plus(T::narrow(share));
                }
            }
        }
        Ok(())
    }

    fn taps(&self, y: f32, x: f32) -> impl Iterator<Item = (usize, usize, f32)> {
        let ((rows, lerp_y), (columns, lerp_x)) = (around(y), around(x));
        let nearest = (y.round() as usize, x.round() as usize, 1.0);
        let all = [
            (rows.start, columns.start, (1.0 - lerp_y) * (1.0 - lerp_x)),
            (rows.start, columns.end, (1.0 - lerp_y) * lerp_x),
            (rows.end, columns.start, lerp_y * (1.0 - lerp_x)),
            (rows.end, columns.end, lerp_y * lerp_x),
        ];
        let is_nearest = self.method == CropMethod::Nearest;
        all.into_iter().enumerate().filter_map(move |(i, tap)| match (is_nearest, i) {
            (false, _) => Some(tap),
            (true, 0) => Some(nearest),
            (true, _) => None,
        })
    }
}

impl Op for CropGradBoxes {
    fn kind(&self) -> &'static OpKind {
        &CROP_AND_RESIZE_GRAD_BOXES
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let grads = cx.shape(0).with_rank(4)?;
        cx.shape(1).with_rank(4)?;
        let n = grads.dim(0).merge(&infer_boxes(cx, 2)?)?;
        cx.output(DType::F32, Shape::new([n, 4.into()]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (grads, image) = (cx.input(0), cx.input(1));
        let dims = check_images(image)?;
        let boxes = boxes(cx, 2, dims[0])?;
        check_grads(grads, boxes.len(), dims[3])?;
        let mut out = cx.alloc_zeros(DType::F32, &[boxes.len(), 4])?;
        with_type!(image.dtype(), T in reals => slopes::<T>(cx, &boxes, dims, &mut out)?, else => {
            return Err(Error::unsupported(format!("crops of {} have no gradient", image.dtype())));
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("method", CropMethod::Bilinear.attr())]
    }
}

/// How much each corner moves the cells, times their gradients.
fn slopes<T: Real>(
    cx: &RunCx<'_>,
    boxes: &[Box4],
    [_, height, width, depth]: [usize; 4],
    out: &mut Value,
) -> Result<()> {
    let size = [cx.input(0).dims()[1], cx.input(0).dims()[2]];
    let (grads, image, work) = (cx.input(0).slice::<f32>()?, cx.input(1).slice::<T>()?, cx.workspace());
    if grads.is_empty() || image.is_empty() {
        return Ok(());
    }
    let each = size[0] * size[1] * depth;
    cx.try_for_chunks_mut(out.make_mut::<f32>()?, 4, &|n, out| {
        let mut pace = work.pace();
        let lines = Line::of(&boxes[n], [height, width], size);
        let image = &image[boxes[n].image * height * width * depth..][..height * width * depth];
        for (i, grad) in grads[n * each..][..each].chunks_exact(depth.max(1)).enumerate() {
            pace.spend(8 + 8 * depth)?;
            let cell = [i / size[1], i % size[1]];
            let (Some(y), Some(x)) = (lines[0].at(cell[0]), lines[1].at(cell[1])) else { continue };
            let slope = slope(image, width, y, x, grad);
            for axis in 0..2 {
                let last = (lines[axis].image - 1) as f32;
                let moved = cell[axis] as f32 * lines[axis].ratio();
                let [first, second] =
                    if lines[axis].crop > 1 { [last - moved, moved] } else { [0.5 * last, 0.5 * last] };
                out[axis] += slope[axis] * first;
                out[axis + 2] += slope[axis] * second;
            }
        }
        Ok(())
    })
}

/// The slopes down and across at a place, times the gradient, summed over the channels.
fn slope<T: Real>(image: &[T], width: usize, y: f32, x: f32, grad: &[f32]) -> [f32; 2] {
    let ((rows, lerp_y), (columns, lerp_x)) = (around(y), around(x));
    let (depth, mut sums) = (grad.len(), [0.0; 2]);
    for (i, grad) in grad.iter().enumerate() {
        let at = |y: usize, x: usize| image[(y * width + x) * depth + i].real();
        let (top, bottom) = (
            [at(rows.start, columns.start), at(rows.start, columns.end)],
            [at(rows.end, columns.start), at(rows.end, columns.end)],
        );
        sums[0] += ((1.0 - lerp_x) * (bottom[0] - top[0]) + lerp_x * (bottom[1] - top[1])) * grad;
        sums[1] += ((1.0 - lerp_y) * (top[1] - top[0]) + lerp_y * (bottom[1] - bottom[0])) * grad;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn gradients_are_those_of_tensorflow() {
        let [image, boxes, of] = example_inputs();
        let op = CropGradImage { method: CropMethod::Bilinear, dtype: DType::F32 };
        let got = run_op(op, &[grads(), boxes.clone(), of.clone(), [1i32, 3, 4, 1].into_value()]).unwrap();
        let want = [1.92, 5.34, 6.06, 6.48, 0.48, 1.21, 1.39, 1.12, 3.0, 2.0, 2.0, 5.0];
        for (got, want) in got[0].slice::<f32>().unwrap().iter().zip(want) {
            assert!((got - want).abs() < 1e-4, "{got} {want}");
        }
        let got = run_op(CropGradBoxes, &[grads(), image, boxes, of]).unwrap();
        for (got, want) in got[0].slice::<f32>().unwrap().iter().zip([0.0, 7.5, 0.0, 7.5, 168.0, 28.5, 0.0, 34.5]) {
            assert!((got - want).abs() < 1e-3, "{got} {want}");
        }
    }
}
