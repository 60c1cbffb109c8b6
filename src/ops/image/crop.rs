//! `CropAndResize`: parts of images, each brought to one size.

use std::ops::Range;
use std::sync::Arc;

use super::resize::{Real, check_images, infer_size, size_of};
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::ops::array::IntoSizes;
use crate::ops::wide::widened;
use crate::shape::Shape;
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// How a cell of a crop is made of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CropMethod {
    /// The two by two around it, by their distance.
    #[default]
    Bilinear,
    /// The nearest one.
    Nearest,
}

impl CropMethod {
    pub(super) fn parse(attrs: &Attrs) -> Result<CropMethod> {
        match attrs.str_or("method", "bilinear")?.as_str() {
            "bilinear" => Ok(CropMethod::Bilinear),
            "nearest" => Ok(CropMethod::Nearest),
            other => Err(Error::invalid(format!(
                "method must be bilinear or nearest, but is {}",
                crate::error::escape(other)
            ))),
        }
    }

    pub(super) fn attr(self) -> AttrValue {
        AttrValue::Str(if self == CropMethod::Bilinear { "bilinear" } else { "nearest" }.into())
    }
}

/// Cuts boxes out of images and makes them of one size.
#[derive(Debug, Clone)]
pub struct CropAndResize {
    /// What a cell is made of.
    pub method: CropMethod,
    /// What lies around an image.
    pub extrapolation_value: f32,
}

/// The row of [`CropAndResize`].
pub static CROP_AND_RESIZE: OpKind = OpKind::new(
    "CropAndResize",
    "image: T, boxes: float32, box_ind: int32, crop_size: int32 -> crops: float32",
    parse,
    examples,
);

impl Tensor {
    /// Cuts `n` boxes out of images and brings each to one size, bilinearly: `(b, h, w, c)`, boxes `(n, 4)` of
    /// `[y1, x1, y2, x2]` where 0 to 1 spans an image, and the image of each box `(n)` give `(n, h', w', c)`, float32.
    ///
    /// # Errors
    /// `ShapeMismatch` for other ranks; in the run `IndexOutOfRange` for an image that is not there.
    ///
    /// Source: TensorFlow's `CropAndResize`.
    #[doc(alias = "tf.image.crop_and_resize")]
    #[track_caller]
    pub fn crop_and_resize(
        &self,
        boxes: impl IntoTensor,
        image_of_box: impl IntoTensor,
        size: impl IntoSizes,
    ) -> Result<Tensor> {
        let (g, boxes) = (self.graph(), boxes.tensor(None)?);
        let image_of_box = image_of_box.tensor(None)?;
        g.composite("CropAndResize", |scope| {
            let size = size.sizes(g, "crop_size")?;
            let op = CropAndResize { method: CropMethod::Bilinear, extrapolation_value: 0.0 };
            g.named(scope, || g.apply_one(op, &[self, &boxes, &image_of_box, &size]))
        })
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let extrapolation_value = attrs.float_or("extrapolation_value", 0.0)?;
    Ok(Arc::new(CropAndResize { method: CropMethod::parse(attrs)?, extrapolation_value }))
}

/// An image of 3 x 4, two boxes in it.
pub(super) fn example_inputs() -> [Value; 3] {
    let image = Value::from_vec(&[1, 3, 4, 1], (0..12).map(|i| i as f32).collect()).expect("12 elements");
    [image, [[0.0f32, 0.0, 1.0, 1.0], [0.1, 0.2, 1.3, 0.9]].into_value(), [0i32, 0].into_value()]
}

fn examples() -> Vec<Example> {
    let example = |method, size: [i32; 2]| {
        let [image, boxes, of] = example_inputs();
        Example::new(CropAndResize { method, extrapolation_value: -1.0 }, [image, boxes, of, size.into_value()])
    };
    vec![example(CropMethod::Bilinear, [2, 3]), example(CropMethod::Nearest, [1, 3])]
}

impl Op for CropAndResize {
    fn kind(&self) -> &'static OpKind {
        &CROP_AND_RESIZE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let images = cx.shape(0).with_rank(4)?;
        let n = infer_boxes(cx, 1)?;
        let [height, width] = infer_size(cx, 3)?;
        cx.output(DType::F32, Shape::new([n, height, width, images.dim(3)]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if cx.input(0).dtype() != DType::U8
            && let Some(done) = widened(self, cx, &[0], &[])
        {
            return done;
        }
        let x = cx.input(0);
        let (dims, size) = (check_images(x)?, size_of(cx.input(3))?);
        let boxes = boxes(cx, 1, dims[0])?;
        let mut out = cx.alloc(DType::F32, &[boxes.len(), size[0], size[1], dims[3]])?;
        with_type!(x.dtype(), T in images => self.crop::<T>(cx, &boxes, dims, size, &mut out)?, else => {
            return Err(Error::unsupported(format!("images of {} cannot be cropped", x.dtype())));
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("method", self.method.attr()), ("extrapolation_value", AttrValue::Float(self.extrapolation_value))]
    }
}

/// How many boxes there are, by inputs `i` and `i + 1`.
pub(super) fn infer_boxes(cx: &InferCx<'_>, i: usize) -> Result<crate::shape::Dim> {
    let boxes = cx.shape(i).with_rank(2)?;
    boxes.dim(1).merge(&4.into())?;
    boxes.dim(0).merge(&cx.shape(i + 1).with_rank(1)?.dim(0))
}

/// A box in an image of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Box4 {
    pub image: usize,
    /// `[y1, x1, y2, x2]`.
    pub corners: [f32; 4],
}

/// The boxes of inputs `i` and `i + 1`, validated.
pub(super) fn boxes(cx: &RunCx<'_>, i: usize, batch: usize) -> Result<ScratchVec<Box4>> {
    let (boxes, images) = (cx.input(i), cx.input(i + 1));
    if boxes.rank() != 2 || boxes.dims()[1] != 4 || images.rank() != 1 || boxes.dims()[0] != images.len() {
        let dims = Shape::from(boxes.dims());
        return Err(Error::shape(format!(
            "boxes must be ({}, 4), as there are images of them, but are {dims}",
            images.len()
        )));
    }
    let (mut all, mut pace) = (cx.list(images.len())?, cx.pace());
    for (corners, image) in boxes.slice::<f32>()?.chunks_exact(4).zip(images.slice::<i32>()?) {
        pace.spend(8)?;
        let image = usize::try_from(*image).ok().filter(|image| *image < batch).ok_or_else(|| {
            Error::new(ErrorKind::IndexOutOfRange, format!("box_index has values outside [0, {batch}): {image}"))
        })?;
        all.push(Box4 { image, corners: [corners[0], corners[1], corners[2], corners[3]] })?;
    }
    Ok(all)
}

/// Where the cells of a crop lie in one direction of the image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub from: f32,
    pub to: f32,
    /// Cells of the image.
    pub image: usize,
    /// Cells of the crop.
    pub crop: usize,
}

impl Line {
    /// The lines down and across.
    pub(super) fn of(at: &Box4, image: [usize; 2], crop: [usize; 2]) -> [Line; 2] {
        [0, 1].map(|i| Line { from: at.corners[i], to: at.corners[i + 2], image: image[i], crop: crop[i] })
    }

    /// Cells of the image a cell of a crop that is the whole of it.
    pub(super) fn ratio(&self) -> f32 {
        if self.crop > 1 { (self.image - 1) as f32 / (self.crop - 1) as f32 } else { 0.0 }
    }

    /// Where cell `i` of the crop lies; `None` outside of the image.
    pub(super) fn at(&self, i: usize) -> Option<f32> {
        let last = (self.image - 1) as f32;
        let at = match self.crop {
            1 => 0.5 * (self.from + self.to) * last,
            _ => self.from * last + i as f32 * ((self.to - self.from) * self.ratio()),
        };
        (0.0..=last).contains(&at).then_some(at)
    }
}

/// The two cells around a place, and how near the second one is.
pub(super) fn around(at: f32) -> (Range<usize>, f32) {
    (at.floor() as usize..at.ceil() as usize, at - at.floor())
}

impl CropAndResize {
    fn crop<T: Real>(
        &self,
        cx: &RunCx<'_>,
        boxes: &[Box4],
        [_, height, width, depth]: [usize; 4],
        size: [usize; 2],
        out: &mut Value,
    ) -> Result<()> {
        let (x, out, work) = (cx.input(0).slice::<T>()?, out.make_mut::<f32>()?, cx.workspace());
        if out.is_empty() {
            return Ok(());
        }
        cx.try_for_chunks_mut(out, size[0] * size[1] * depth, &|n, out| {
            let mut pace = work.pace();
            let [down, across] = Line::of(&boxes[n], [height, width], size);
            let image = &x[boxes[n].image * height * width * depth..][..height * width * depth];
            for (i, cell) in out.chunks_exact_mut(depth).enumerate() {
                pace.spend(8 + 4 * depth)?;
                match (down.at(i / size[1]), across.at(i % size[1])) {
                    (Some(y), Some(x)) => self.cell(image, width, y, x, cell),
                    _ => cell.fill(self.extrapolation_value),
                }
            }
            Ok(())
        })
    }

    fn cell<T: Real>(&self, image: &[T], width: usize, y: f32, x: f32, cell: &mut [f32]) {
        let depth = cell.len();
        let at = |y: usize, x: usize| &image[(y * width + x) * depth..][..depth];
        if self.method == CropMethod::Nearest {
            let nearest = at(y.round() as usize, x.round() as usize);
            return cell.iter_mut().zip(nearest).for_each(|(cell, x)| *cell = x.real());
        }
        let ((rows, lerp_y), (columns, lerp_x)) = (around(y), around(x));
        let top = [at(rows.start, columns.start), at(rows.start, columns.end)];
        let bottom = [at(rows.end, columns.start), at(rows.end, columns.end)];
        for (i, cell) in cell.iter_mut().enumerate() {
            let mix = |pair: [&[T]; 2]| pair[0][i].real() + (pair[1][i].real() - pair[0][i].real()) * lerp_x;
            *cell = mix(top) + (mix(bottom) - mix(top)) * lerp_y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op, run_within};

    #[test]
    fn there_are_as_many_crops_as_boxes() {
        let op = CropAndResize { method: CropMethod::Bilinear, extrapolation_value: 0.0 };
        infer_ok(&op, "(2,8,8,3);(?,4);int32(5);int32(2)", "(5,?,?,3)");
        infer_err(&op, "(2,8,8,3);(?,3);int32(5);int32(2)", "must be equal");
    }

    #[track_caller]
    fn check(method: CropMethod, size: [i32; 2], want: &[f32]) {
        let [image, boxes, of] = example_inputs();
        let op = CropAndResize { method, extrapolation_value: -1.0 };
        let got = run_op(op, &[image, boxes, of, size.into_value()]).unwrap();
        for (got, want) in got[0].slice::<f32>().unwrap().iter().zip(want) {
            assert!((got - want).abs() < 1e-5, "{method:?}: {got} {want}");
        }
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn crops_are_those_of_tensorflow() {
        let want = [0.0, 1.5, 3.0, 8.0, 9.5, 11.0, 1.4, 2.45, 3.5, -1.0, -1.0, -1.0];
        check(CropMethod::Bilinear, [2, 3], &want);
        check(CropMethod::Nearest, [1, 3], &[4.0, 6.0, 7.0, 5.0, 6.0, 7.0]);
    }

    #[test]
    fn an_image_that_is_not_there_is_refused() {
        let [image, boxes, _] = example_inputs();
        let op = CropAndResize { method: CropMethod::Bilinear, extrapolation_value: 0.0 };
        let error = run_op(op, &[image, boxes, [0i32, 1].into_value(), [2i32, 2].into_value()]).unwrap_err();
        assert_eq!(error.message(), "box_index has values outside [0, 1): 1");
    }

    #[test]
    fn one_large_crop_ends_with_its_run() {
        let [image, boxes, of] = example_inputs();
        let op = CropAndResize { method: CropMethod::Bilinear, extrapolation_value: 0.0 };
        let error = run_within(op, &[image, boxes, of, [700i32, 700].into_value()], usize::MAX, 1 << 21).unwrap_err();
        assert!(error.message().starts_with("the work is more than"), "{error}");
    }
}
