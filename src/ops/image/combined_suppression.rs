//! `CombinedNonMaxSuppression`: the best boxes of each class, and of all classes the best.

use std::sync::Arc;

use super::non_max_suppression::{Settings, check_threshold, most, overlap, pick, sorted};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::sort::sort;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec};

/// Boxes `(b, n, q, 4)`, where `q` is 1 or the number of classes, and scores `(b, n, c)` give for each image the boxes
/// `(b, k, 4)`, scores `(b, k)` and classes `(b, k)` of its best detections, filled up with zeros, and how many there are
/// `(b)`. float32.
#[derive(Debug, Clone)]
pub struct CombinedNonMaxSuppression {
    /// Whether there are no more places than all classes together can fill.
    pub pad_per_class: bool,
    /// Whether boxes are cut to 0 to 1.
    pub clip_boxes: bool,
}

/// The row of [`CombinedNonMaxSuppression`].
pub static COMBINED_NON_MAX_SUPPRESSION: OpKind = OpKind::new(
    "CombinedNonMaxSuppression",
    "boxes: float32, scores: float32, max_output_size_per_class: int32, max_total_size: int32, iou_threshold: float32, \
     score_threshold: float32 -> \
     nmsed_boxes: float32, nmsed_scores: float32, nmsed_classes: float32, valid_detections: int32",
    |attrs: &Attrs| {
        let pad_per_class = attrs.bool_or("pad_per_class", false)?;
        Ok(Arc::new(CombinedNonMaxSuppression { pad_per_class, clip_boxes: attrs.bool_or("clip_boxes", true)? }))
    },
    || {
        let of = |pad_per_class| {
            let boxes = [[[[0.0f32, 0.0, 1.0, 1.0]], [[0.0, 0.1, 1.0, 1.1]], [[0.0, 2.0, 1.0, 3.0]]]].into_value();
            let scores = [[[0.9f32, 0.1], [0.8, 0.7], [0.3, 0.6]]].into_value();
            let sizes = [2i32.into_value(), 5i32.into_value(), 0.5f32.into_value(), 0.2f32.into_value()];
            let op = CombinedNonMaxSuppression { pad_per_class, clip_boxes: pad_per_class };
            Example::new(op, [boxes, scores].into_iter().chain(sizes))
        };
        vec![of(false), of(true)]
    },
)
.not_differentiable("which boxes are kept does not move with the scores");

impl Op for CombinedNonMaxSuppression {
    fn kind(&self) -> &'static OpKind {
        &COMBINED_NON_MAX_SUPPRESSION
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (boxes, scores) = (cx.shape(0).with_rank(4)?, cx.shape(1).with_rank(3)?);
        boxes.dim(3).merge(&4.into())?;
        boxes.dim(1).merge(&scores.dim(1))?;
        for i in 2..6 {
            cx.shape(i).with_rank(0)?;
        }
        let (batch, classes) = (boxes.dim(0).merge(&scores.dim(0))?, scores.dim(2));
        if let Some(q) = boxes.dim(2).known().filter(|q| *q != 1) {
            classes.merge(&q.into())?;
        }
        let size = |i: usize| cx.ints(i).and_then(|n| usize::try_from(*n.first()?).ok());
        let places = match (size(3), size(2), classes.known()) {
            (Some(total), _, _) if !self.pad_per_class => total.into(),
            (Some(total), Some(each), Some(classes)) => total.min(each.saturating_mul(classes)).into(),
            _ => Dim::unknown(),
        };
        cx.output(DType::F32, Shape::new([batch.clone(), places.clone(), 4.into()]));
        cx.output(DType::F32, Shape::new([batch.clone(), places.clone()]));
        cx.output(DType::F32, Shape::new([batch.clone(), places]));
        cx.output(DType::I32, Shape::new([batch]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let [batch, n, q, classes] = sizes(cx)?;
        let settings = Settings {
            most: most(cx.input(2))?,
            iou_threshold: check_threshold(cx.input(4).scalar::<f32>()?)?,
            least_score: cx.input(5).scalar::<f32>()?,
            sigma: 0.0,
        };
        let total = most(cx.input(3))?;
        let all_classes = settings.most.saturating_mul(classes);
        let places = if self.pad_per_class { total.min(all_classes) } else { total };
        let mut boxes = cx.alloc_zeros(DType::F32, &[batch, places, 4])?;
        let mut scores = cx.alloc_zeros(DType::F32, &[batch, places])?;
        let mut of = cx.alloc_zeros(DType::F32, &[batch, places])?;
        let mut valid = cx.alloc_zeros(DType::I32, &[batch])?;
        let images = if n == 0 || classes == 0 || places == 0 { 0 } else { batch };
        for (image, valid) in valid.make_mut::<i32>()?.iter_mut().enumerate().take(images) {
            let found = detections(cx, image, [n, q, classes], &settings)?;
            *valid = found.len().min(places) as i32;
            for (i, found) in found.into_iter().take(places).enumerate() {
                let at = image * places + i;
                let corners = found.corners.map(|x| if self.clip_boxes { x.clamp(0.0, 1.0) } else { x });
                boxes.make_mut::<f32>()?[at * 4..][..4].copy_from_slice(&corners);
                scores.make_mut::<f32>()?[at] = found.score;
                of.make_mut::<f32>()?[at] = found.class as f32;
            }
        }
        cx.output(0, boxes);
        cx.output(1, scores);
        cx.output(2, of);
        cx.output(3, valid);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("pad_per_class", AttrValue::Bool(self.pad_per_class)), ("clip_boxes", AttrValue::Bool(self.clip_boxes))]
    }
}

/// A box of a class.
#[derive(Clone, Copy)]
struct Detection {
    corners: [f32; 4],
    score: f32,
    class: usize,
}

/// Images, boxes of each, places of a box by class, classes.
fn sizes(cx: &RunCx<'_>) -> Result<[usize; 4]> {
    let (boxes, scores) = (cx.input(0).dims(), cx.input(1).dims());
    match (boxes, scores) {
        (&[batch, n, q, 4], &[also_batch, also_n, classes])
            if batch == also_batch && n == also_n && (q == 1 || q == classes) =>
        {
            Ok([batch, n, q, classes])
        }
        _ => Err(Error::shape(format!(
            "boxes must be (b, n, q, 4) and scores (b, n, c), with q of 1 or c, but they are {boxes:?} and {scores:?}"
        ))),
    }
}

/// What is found in an image, best first; of equals the class that comes first.
fn detections(
    cx: &RunCx<'_>,
    image: usize,
    [n, q, classes]: [usize; 3],
    settings: &Settings,
) -> Result<ScratchVec<Detection>> {
    let boxes = &cx.input(0).slice::<f32>()?[image * n * q * 4..][..n * q * 4];
    let scores = &cx.input(1).slice::<f32>()?[image * n * classes..][..n * classes];
    let (work, mut found, mut pace) = (cx.workspace(), cx.list(0)?, cx.pace());
    let mut own = cx.scratch::<f32>(n)?;
    for class in 0..classes {
        let corners = |i: usize| {
            let at = (i * q + if q > 1 { class } else { 0 }) * 4;
            [boxes[at], boxes[at + 1], boxes[at + 2], boxes[at + 3]]
        };
        pace.spend(4 * n)?;
        own.iter_mut().enumerate().for_each(|(i, own)| *own = scores[i * classes + class]);
        let overlap = |a: usize, b: usize| overlap(&sorted(&corners(a)), &sorted(&corners(b)));
        let picked = pick(work, &overlap, &own, settings)?;
        found.extend(picked.iter().map(|(i, score)| Detection { corners: corners(*i), score: *score, class }))?;
    }
    let mut spare = work.collect(found.iter().copied())?;
    sort(&mut found, &mut spare, 0, &mut |a, b| b.score.total_cmp(&a.score), &mut pace)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::value::Value;

    #[test]
    fn how_many_places_there_are_follows_from_constants() {
        let op = CombinedNonMaxSuppression { pad_per_class: false, clip_boxes: true };
        infer_ok(&op, "(2,?,1,4);(?,7,3);int32();int32();();()", "(2,?,4);(2,?);(2,?);(2)");
        infer_err(&op, "(2,?,2,4);(?,7,3);int32();int32();();()", "must be equal");
        infer_err(&op, "(2,?,2,5);(?,7,3);int32();int32();();()", "must be equal");
    }

    /// By hand: the second box overlaps the first too much in class 0 alone.
    #[test]
    fn classes_do_not_suppress_each_other() {
        let example = &(COMBINED_NON_MAX_SUPPRESSION.examples)()[1];
        let op = CombinedNonMaxSuppression { pad_per_class: true, clip_boxes: true };
        let got = run_op(op, &example.inputs).unwrap();
        assert_eq!(got[1].slice::<f32>().unwrap(), [0.9, 0.7, 0.6, 0.3]);
        assert_eq!(got[2].slice::<f32>().unwrap(), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(got[0].slice::<f32>().unwrap()[4..8], [0.0, 0.1, 1.0, 1.0]);
        assert_eq!(got[3].slice::<i32>().unwrap(), [4]);
    }

    #[test]
    fn classes_without_boxes_are_not_looked_at() {
        let [boxes, scores] = [vec![1, 0, 1 << 40, 4], vec![1, 0, 1 << 40]];
        let [boxes, scores] = [boxes, scores].map(|dims| Value::zeros(DType::F32, &dims).unwrap());
        let sizes = [2i32.into_value(), 5i32.into_value(), 0.5f32.into_value(), 0.2f32.into_value()];
        let op = CombinedNonMaxSuppression { pad_per_class: false, clip_boxes: true };
        let inputs: Vec<Value> = [boxes, scores].into_iter().chain(sizes).collect();
        let got = run_op(op, &inputs).unwrap();
        assert_eq!(got[3].slice::<i32>().unwrap(), [0]);
    }
}
