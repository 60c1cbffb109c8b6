//! `DrawBoundingBoxes` and `DrawBoundingBoxesV2`: the outlines of boxes, drawn into images.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::shape::Shape;
use crate::value::{IntoValue, ScratchVec, Value};

/// Images `(b, h, w, d)` of one, three or four channels and boxes `(b, n, 4)` of `[y1, x1, y2, x2]`, where 0 to 1 spans an
/// image, give the images with outlines. float16, float32.
#[derive(Debug, Clone)]
pub struct DrawBoundingBoxes {
    /// Whether the colors, which come by turns, are an input; else they are ten of TensorFlow's.
    pub has_colors: bool,
}

const NO_GRADIENT: &str = "drawing replaces what it draws over";

/// The row without colors.
pub static DRAW_BOUNDING_BOXES: OpKind = OpKind::new(
    "DrawBoundingBoxes",
    "images: T, boxes: float32 -> output: T",
    |_| Ok(Arc::new(DrawBoundingBoxes { has_colors: false })),
    || vec![Example::new(DrawBoundingBoxes { has_colors: false }, sample())],
)
.not_differentiable(NO_GRADIENT);

/// The row with colors.
pub static DRAW_BOUNDING_BOXES_V2: OpKind = OpKind::new(
    "DrawBoundingBoxesV2",
    "images: T, boxes: float32, colors: float32 -> output: T",
    |_| Ok(Arc::new(DrawBoundingBoxes { has_colors: true })),
    || {
        let colors = [[0.5f32, 0.25, 0.0, 1.0]].into_value();
        vec![Example::new(DrawBoundingBoxes { has_colors: true }, sample().into_iter().chain([colors]))]
    },
)
.not_differentiable(NO_GRADIENT);

fn sample() -> [Value; 2] {
    let image = Value::full(&[1, 4, 5, 3], 0.125f32).expect("60 elements");
    [image, [[[0.0f32, 0.25, 0.7, 0.8], [0.5, -0.5, 1.5, 0.5]]].into_value()]
}

const COLORS: [[f32; 4]; 10] = [
    [1.0, 1.0, 0.0, 1.0],
    [0.0, 0.0, 1.0, 1.0],
    [1.0, 0.0, 0.0, 1.0],
    [0.0, 1.0, 0.0, 1.0],
    [0.5, 0.0, 0.5, 1.0],
    [0.5, 0.5, 0.0, 1.0],
    [0.5, 0.0, 0.0, 1.0],
    [0.0, 0.0, 0.5, 1.0],
    [0.0, 1.0, 1.0, 1.0],
    [1.0, 0.0, 1.0, 1.0],
];

impl Op for DrawBoundingBoxes {
    fn kind(&self) -> &'static OpKind {
        if self.has_colors { &DRAW_BOUNDING_BOXES_V2 } else { &DRAW_BOUNDING_BOXES }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(cx.dtype(0), DType::F16 | DType::F32) {
            return Err(Error::dtype(format!("images must be float16 or float32, but are {}", cx.dtype(0))));
        }
        let (images, boxes) = (cx.shape(0).with_rank(4)?, cx.shape(1).with_rank(3)?);
        boxes.dim(2).merge(&4.into())?;
        let batch = images.dim(0).merge(&boxes.dim(0))?;
        if self.has_colors {
            cx.shape(2).with_rank(2)?;
        }
        cx.output(cx.dtype(0), images.replace_dim(0, batch)?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let mut images = cx.take_unique(0)?;
        match images.dtype() {
            DType::F16 => self.draw::<half::f16>(cx, &mut images)?,
            _ => self.draw::<f32>(cx, &mut images)?,
        }
        cx.output(0, images);
        Ok(())
    }
}

impl DrawBoundingBoxes {
    fn draw<T: Number<Acc = f32>>(&self, cx: &RunCx<'_>, images: &mut Value) -> Result<()> {
        let boxes = cx.input(1);
        let &[batch, height, width, depth] = images.dims() else {
            return Err(Error::shape(format!("the rank of the images should be 4, but they are {:?}", images.dims())));
        };
        if ![1, 3, 4].contains(&depth) {
            return Err(Error::invalid(format!(
                "channel depth should be either 1 (GRY), 3 (RGB), or 4 (RGBA), but is {depth}"
            )));
        }
        let &[boxes_batch, n, 4] = boxes.dims() else {
            return Err(Error::shape(format!("boxes must be (b, n, 4), but are {}", Shape::from(boxes.dims()))));
        };
        if boxes_batch != batch {
            return Err(Error::shape(format!(
                "there must be boxes for {batch} images, but there are for {boxes_batch}"
            )));
        }
        let colors = self.colors::<T>(cx, depth)?;
        let (boxes, work) = (boxes.slice::<f32>()?, cx.workspace());
        let image = height.saturating_mul(width).saturating_mul(depth).max(1);
        cx.try_for_chunks_mut(images.make_mut::<T>()?, image, &|i, image| {
            let mut pace = work.pace();
            for (corners, color) in boxes[i * n * 4..][..n * 4].chunks_exact(4).zip(colors.chunks_exact(depth).cycle())
            {
                pace.spend(16 + 8 * (height + width))?;
                outline(image, [height, width], corners, color);
            }
            Ok(())
        })
    }

    /// The colors, of which there is one at least.
    fn colors<T: Number<Acc = f32>>(&self, cx: &RunCx<'_>, depth: usize) -> Result<ScratchVec<T>> {
        let (mut all, mut pace) = (cx.list(COLORS.len() * depth)?, cx.pace());
        let mut add = |color: &[f32]| {
            pace.spend(8)?;
            all.extend(color[..depth].iter().map(|x| T::narrow(if depth == 1 { 1.0 } else { *x })))
        };
        if !self.has_colors {
            COLORS.iter().try_for_each(|color| add(color))?;
            return Ok(all);
        }
        let given = cx.input(2);
        let &[n, channels] = given.dims() else {
            return Err(Error::shape(format!("colors must be a 2-D matrix, but have shape {:?}", given.dims())));
        };
        if channels < depth {
            return Err(Error::shape(format!(
                "colors must have equal or more channels than the image: {channels} vs. {depth}"
            )));
        }
        match n {
            0 => COLORS.iter().try_for_each(|color| add(color))?,
            _ => given.slice::<f32>()?.chunks_exact(channels).try_for_each(add)?,
        }
        Ok(all)
    }
}

/// Draws the four sides of a box as far as they lie in the image.
fn outline<T: Copy>(image: &mut [T], [height, width]: [usize; 2], corners: &[f32], color: &[T]) {
    let (last_row, last_column) = (height as i64 - 1, width as i64 - 1);
    let at = |i: usize, last: i64| (corners[i] * last as f32) as i64;
    let ([top, bottom], [left, right]) = ([at(0, last_row), at(2, last_row)], [at(1, last_column), at(3, last_column)]);
    let is_outside = top > last_row || bottom < 0 || left > last_column || right < 0;
    if top > bottom || left > right || is_outside {
        return;
    }
    let mut dot = |row: i64, column: i64| {
        let inside = (0..=last_row).contains(&row) && (0..=last_column).contains(&column);
        if inside {
            let at = (row as usize * width + column as usize) * color.len();
            image[at..][..color.len()].copy_from_slice(color);
        }
    };
    for column in left.max(0)..=right.min(last_column) {
        dot(top, column);
        dot(bottom, column);
    }
    for row in top.max(0)..=bottom.min(last_row) {
        dot(row, left);
        dot(row, right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn images_keep_their_shape() {
        let op = DrawBoundingBoxes { has_colors: true };
        infer_ok(&op, "(?,4,4,3);(2,?,4);(?,4)", "(2,4,4,3)");
        infer_err(&op, "(?,4,4,3);(2,?,3);(?,4)", "must be equal");
        infer_err(&op, "int32(?,4,4,3);(2,?,4);(?,4)", "float16 or float32");
    }

    /// By hand: the left side lies outside.
    #[test]
    fn sides_outside_are_not_drawn() {
        let inputs = [Value::zeros(DType::F32, &[1, 4, 4, 1]).unwrap(), [[[0.0f32, -1.0, 0.7, 0.7]]].into_value()];
        let got = run_op(DrawBoundingBoxes { has_colors: false }, &inputs).unwrap();
        let rows: Vec<&[f32]> = got[0].slice::<f32>().unwrap().chunks(4).collect();
        assert_eq!(rows, [[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0], [0.0; 4]]);
    }
}
