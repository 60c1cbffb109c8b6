//! `NonMaxSuppression` in its five versions: the best boxes that do not overlap better ones.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor, Workspace, to_ints};
use crate::ops::IntoTensor;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// Picks boxes by falling score, and drops each that overlaps a picked one too much.
#[derive(Debug, Clone)]
pub struct NonMaxSuppression {
    /// TensorFlow's version of the op, 1 to 5: which inputs and outputs there are.
    pub version: u8,
    /// The share of two boxes' union that their overlap must stay below; an attribute of version 1 only.
    pub iou_threshold: f32,
    /// Whether the picks are filled up with zeros to as many as may be; of versions 4 and 5 only.
    pub pad_to_max_output_size: bool,
}

macro_rules! rows {
    ($($row:ident $version:literal $name:literal $signature:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new($name, $signature, |attrs| parse(attrs, $version), || examples($version))
            .not_differentiable("indices of boxes have no gradient");
    )* };
}
rows! {
    NON_MAX_SUPPRESSION 1 "NonMaxSuppression"
        "boxes: float32, scores: float32, max_output_size: int32 -> selected_indices: int32";
    NON_MAX_SUPPRESSION_V2 2 "NonMaxSuppressionV2"
        "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold -> selected_indices: int32";
    NON_MAX_SUPPRESSION_V3 3 "NonMaxSuppressionV3"
        "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold, score_threshold: T_threshold -> \
         selected_indices: int32";
    NON_MAX_SUPPRESSION_V4 4 "NonMaxSuppressionV4"
        "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold, score_threshold: T_threshold -> \
         selected_indices: int32, valid_outputs: int32";
    NON_MAX_SUPPRESSION_V5 5 "NonMaxSuppressionV5"
        "boxes: T, scores: T, max_output_size: int32, iou_threshold: T, score_threshold: T, soft_nms_sigma: T -> \
         selected_indices: int32, selected_scores: T, valid_outputs: int32";
}

impl Tensor {
    /// The indices of the best boxes that do not overlap better ones: boxes `(n, 4)` of `[y1, x1, y2, x2]`, any two
    /// corners, and scores `(n)` give at most `max_output_size` indices, best first.
    ///
    /// # Errors
    /// `ShapeMismatch` for other shapes; in the run `InvalidArgument` for a threshold outside of 0 to 1.
    ///
    /// Source: TensorFlow's `NonMaxSuppressionV3` without a least score.
    #[doc(alias = "tf.image.non_max_suppression")]
    #[track_caller]
    pub fn non_max_suppression(
        &self,
        scores: impl IntoTensor,
        max_output_size: i32,
        iou_threshold: f32,
    ) -> Result<Tensor> {
        let (g, scores) = (self.graph(), scores.tensor(None)?);
        g.composite("non_max_suppression", |_| {
            let iou = g.named("iou_threshold", || g.constant(iou_threshold))?;
            let least = g.named("score_threshold", || g.constant(f32::NEG_INFINITY))?;
            g.composite("NonMaxSuppressionV3", |scope| {
                let most = g.named("max_output_size", || g.constant(max_output_size))?;
                let op = NonMaxSuppression { version: 3, iou_threshold: 0.5, pad_to_max_output_size: false };
                g.named(scope, || g.apply_one(op, &[self, &scores, &most, &iou, &least]))
            })
        })
    }
}

fn parse(attrs: &Attrs, version: u8) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(NonMaxSuppression {
        version,
        iou_threshold: if version == 1 { attrs.float_or("iou_threshold", 0.5)? } else { 0.5 },
        pad_to_max_output_size: version >= 4 && attrs.bool_or("pad_to_max_output_size", false)?,
    }))
}

fn examples(version: u8) -> Vec<Example> {
    let boxes = [[0.0f32, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.1], [0.0, 10.0, 1.0, 11.0]].into_value();
    let mut inputs = vec![boxes, [0.5f32, 0.75, 0.25].into_value(), 4i32.into_value()];
    let more = match version {
        1 => 0,
        2 => 1,
        3 | 4 => 2,
        _ => 3,
    };
    inputs.extend([0.5f32, 0.0, 0.5].iter().take(more).map(|x| x.into_value()));
    let example = |pad| {
        let op = NonMaxSuppression { version, iou_threshold: 0.5, pad_to_max_output_size: pad };
        Example::new(op, inputs.clone())
    };
    [false, true].into_iter().take(if version >= 4 { 2 } else { 1 }).map(example).collect()
}

impl Op for NonMaxSuppression {
    fn kind(&self) -> &'static OpKind {
        match self.version {
            1 => &NON_MAX_SUPPRESSION,
            2 => &NON_MAX_SUPPRESSION_V2,
            3 => &NON_MAX_SUPPRESSION_V3,
            4 => &NON_MAX_SUPPRESSION_V4,
            _ => &NON_MAX_SUPPRESSION_V5,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (boxes, scores) = (cx.shape(0).with_rank(2)?, cx.shape(1).with_rank(1)?);
        boxes.dim(0).merge(&scores.dim(0))?;
        boxes.dim(1).merge(&4.into())?;
        for i in 2..cx.n_inputs() {
            cx.shape(i).with_rank(0)?;
        }
        let most = if self.pad_to_max_output_size { cx.ints(2) } else { None };
        let n = most.and_then(|most| usize::try_from(most[0]).ok()).map_or_else(Dim::unknown, Dim::from);
        cx.output(DType::I32, Shape::new([n.clone()]));
        if self.version == 5 {
            cx.output(cx.dtype(1), Shape::new([n]));
        }
        if self.version >= 4 {
            cx.output(DType::I32, Shape::scalar());
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let settings = self.settings(cx)?;
        let (boxes, scores) = (boxes(cx)?, floats(cx, cx.input(1))?);
        let covered = |a: usize, b: usize| overlap(&boxes[a], &boxes[b]);
        let picked = pick(cx.workspace(), &covered, &scores, &settings)?;
        let n = picked.len();
        let places = if self.pad_to_max_output_size { settings.most } else { n };
        let mut indices = cx.alloc_zeros(DType::I32, &[places])?;
        indices.make_mut::<i32>()?.iter_mut().zip(&*picked).for_each(|(to, (index, _))| *to = *index as i32);
        cx.output(0, indices);
        if self.version == 5 {
            let dtype = cx.input(1).dtype();
            let mut scores = cx.alloc_zeros(dtype, &[places])?;
            write_scores(&picked, &mut scores)?;
            cx.output(1, scores);
        }
        if self.version >= 4 {
            cx.output(self.version as usize - 3, (n as i32).into_value());
        }
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        match self.version {
            1 => vec![("iou_threshold", AttrValue::Float(self.iou_threshold))],
            4 | 5 => vec![("pad_to_max_output_size", AttrValue::Bool(self.pad_to_max_output_size))],
            _ => Vec::new(),
        }
    }
}

/// What the scalar inputs say.
pub(super) struct Settings {
    pub most: usize,
    pub iou_threshold: f32,
    pub least_score: f32,
    /// Above 0, boxes lose score by their overlap.
    pub sigma: f32,
}

/// How many boxes may be picked.
pub(super) fn most(value: &Value) -> Result<usize> {
    let most = if value.len() == 1 { to_ints(value) } else { None }.and_then(|n| usize::try_from(n[0]).ok());
    let most = most.ok_or_else(|| Error::invalid("max_output_size must be one number of 0 or more"))?;
    crate::shape::element_count(&[most])?;
    Ok(most)
}

/// Refuses what is no share.
pub(super) fn check_threshold(iou_threshold: f32) -> Result<f32> {
    match (0.0..=1.0).contains(&iou_threshold) {
        true => Ok(iou_threshold),
        false => Err(Error::invalid(format!("iou_threshold must be in [0, 1], but is {iou_threshold}"))),
    }
}

impl NonMaxSuppression {
    fn settings(&self, cx: &RunCx<'_>) -> Result<Settings> {
        let scalar = |i: usize, default: f32| match i < cx.n_inputs() {
            true => scalar(cx.input(i)),
            false => Ok(default),
        };
        let (most, iou_threshold) = (most(cx.input(2))?, check_threshold(scalar(3, self.iou_threshold)?)?);
        let sigma = scalar(5, 0.0)?;
        if sigma < 0.0 {
            return Err(Error::invalid(format!("soft_nms_sigma must be 0 or more, but is {sigma}")));
        }
        Ok(Settings { most, iou_threshold, least_score: scalar(4, f32::NEG_INFINITY)?, sigma })
    }
}

/// A threshold.
fn scalar(value: &Value) -> Result<f32> {
    match value.dtype() {
        _ if value.rank() > 0 => {
            Err(Error::shape(format!("thresholds must be scalars, but one is {:?}", value.dims())))
        }
        DType::F32 => value.scalar::<f32>(),
        DType::F16 => value.scalar::<half::f16>().map(half::f16::to_f32),
        other => Err(not_short(other)),
    }
}

#[cold]
fn not_short(dtype: DType) -> Error {
    Error::unsupported(format!("boxes and scores must be float16 or float32, but are {dtype}"))
}

/// Numbers that are copied between two looks at the limits of the run.
const PART: usize = 1 << 16;

/// The elements of a value of float16 or float32.
pub(super) fn floats(cx: &RunCx<'_>, value: &Value) -> Result<ScratchVec<f32>> {
    let (mut list, mut pace) = (cx.list(value.len())?, cx.pace());
    match value.dtype() {
        DType::F32 => value.slice::<f32>()?.chunks(PART).try_for_each(|part| {
            pace.spend(part.len())?;
            list.extend_from_slice(part)
        })?,
        DType::F16 => value.slice::<half::f16>()?.chunks(PART).try_for_each(|part| {
            pace.spend(part.len())?;
            list.extend(part.iter().map(|x| x.to_f32()))
        })?,
        other => return Err(not_short(other)),
    }
    Ok(list)
}

/// The boxes, with their corners in order.
fn boxes(cx: &RunCx<'_>) -> Result<ScratchVec<[f32; 4]>> {
    let (boxes, scores) = (cx.input(0), cx.input(1));
    if boxes.rank() != 2 || boxes.dims()[1] != 4 || scores.dims() != [boxes.dims()[0]] {
        let (boxes, scores) = (Shape::from(boxes.dims()), Shape::from(scores.dims()));
        return Err(Error::shape(format!("boxes must be (n, 4) and scores (n), but are {boxes} and {scores}")));
    }
    let (corners, mut pace) = (floats(cx, boxes)?, cx.pace());
    let mut all = cx.list(scores.len())?;
    for corners in corners.chunks_exact(4) {
        pace.spend(8)?;
        all.push(sorted(corners))?;
    }
    Ok(all)
}

/// A box from its smaller to its larger corner.
pub(super) fn sorted(b: &[f32]) -> [f32; 4] {
    [b[0].min(b[2]), b[1].min(b[3]), b[0].max(b[2]), b[1].max(b[3])]
}

fn write_scores(picked: &[(usize, f32)], out: &mut Value) -> Result<()> {
    with_type!(out.dtype(), T in floats => {
        let cast = |score: f32| <T as num_traits::NumCast>::from(score).expect("floats hold floats");
        out.make_mut::<T>()?.iter_mut().zip(picked).for_each(|(to, (_, score))| *to = cast(*score));
    }, else => ());
    Ok(())
}

/// The share of the union of two boxes that both cover; 0 where one is empty.
pub(super) fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let area = |b: &[f32; 4]| (b[2] - b[0]) * (b[3] - b[1]);
    if area(a) <= 0.0 || area(b) <= 0.0 {
        return 0.0;
    }
    let side = |i: usize| (a[i + 2].min(b[i + 2]) - a[i].max(b[i])).max(0.0);
    let both = side(0) * side(1);
    both / (area(a) + area(b) - both)
}

/// A box that waits for its turn: the best first, of equals the first one.
struct Candidate {
    index: usize,
    score: f32,
    /// Picks that have already taken from its score.
    seen: usize,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Candidate) -> Ordering {
        self.score.total_cmp(&other.score).then(other.index.cmp(&self.index))
    }
}
impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Candidate) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Candidate {
    fn eq(&self, other: &Candidate) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Candidate {}

/// The picks, best first, with their scores; `overlap` says how much of two boxes both cover.
pub(super) fn pick(
    work: Workspace<'_>,
    overlap: &dyn Fn(usize, usize) -> f32,
    scores: &[f32],
    settings: &Settings,
) -> Result<ScratchVec<(usize, f32)>> {
    let (mut picked, mut pace) = (work.list(0)?, work.pace());
    // The heap keeps the memory of the list, which has room for all of them.
    let (list, _room) = work.list(scores.len())?.into_parts();
    let mut waiting = BinaryHeap::from(list);
    for (index, score) in scores.iter().enumerate() {
        pace.spend(8)?;
        if *score > settings.least_score {
            waiting.push(Candidate { index, score: *score, seen: 0 });
        }
    }
    while picked.len() < settings.most
        && let Some(mut next) = waiting.pop()
    {
        pace.spend(200)?;
        let before = next.score;
        if is_covered(overlap, &picked, &mut next, settings, &mut pace)? {
            continue;
        }
        next.seen = picked.len();
        if next.score == before {
            picked.push((next.index, next.score))?;
        } else if next.score > settings.least_score {
            waiting.push(next);
        }
    }
    Ok(picked)
}

/// Whether a picked box that the candidate has not seen covers it; weakens its score by those that overlap it.
fn is_covered(
    overlap: &dyn Fn(usize, usize) -> f32,
    picked: &[(usize, f32)],
    next: &mut Candidate,
    settings: &Settings,
    pace: &mut Pace<'_>,
) -> Result<bool> {
    for (index, _) in picked[next.seen..].iter().rev() {
        pace.spend(8)?;
        let overlap = overlap(next.index, *index);
        if overlap >= settings.iou_threshold {
            return Ok(true);
        }
        if settings.sigma > 0.0 {
            next.score *= (-0.5 / settings.sigma * overlap * overlap).exp();
            if next.score <= settings.least_score {
                return Ok(false);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op, run_within};

    fn op(version: u8, pad_to_max_output_size: bool) -> NonMaxSuppression {
        NonMaxSuppression { version, iou_threshold: 0.5, pad_to_max_output_size }
    }

    #[test]
    fn how_many_is_known_where_the_rest_is_filled_up() {
        infer_ok(&op(1, false), "(?,4);(6);int32()", "(?)");
        infer_ok(&op(5, true), "(?,4);(6);int32();();();()", "(?);(?);()");
    }

    fn inputs(most: i32, iou: f32, sigma: f32) -> Vec<Value> {
        let boxes = [[0.0f32, 0.0, 1.0, 1.0], [0.0, 0.5, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [0.0, 3.0, 1.0, 4.0]];
        let scores = [0.9f32, 0.75, 0.6, 0.9].into_value();
        let least = 0.0f32.into_value();
        vec![boxes.into_value(), scores, most.into_value(), iou.into_value(), least, sigma.into_value()]
    }

    /// As TensorFlow 1.15.5 answers: an overlap as large as the threshold is too large, also of soft suppression.
    #[test]
    fn picks_are_those_of_tensorflow() {
        let run = |most, iou, sigma, pad| run_op(op(5, pad), &inputs(most, iou, sigma)).unwrap();
        let hard = run(6, 0.5, 0.5, false);
        assert_eq!(hard[0].slice::<i32>().unwrap(), [0, 3]);
        let soft = run(6, 1.0, 0.5, false);
        assert_eq!(soft[0].slice::<i32>().unwrap(), [0, 3, 1]);
        assert!((soft[1].slice::<f32>().unwrap()[2] - 0.5841006).abs() < 1e-6);
        let padded = run(3, 0.5, 0.0, true);
        assert_eq!(padded[0].slice::<i32>().unwrap(), [0, 3, 0]);
        assert_eq!(padded[2].slice::<i32>().unwrap(), [2]);
        assert_eq!(run(0, 0.5, 0.5, false)[0].len(), 0);
    }

    #[test]
    fn padding_counts_as_memory() {
        let op = NonMaxSuppression { version: 4, iou_threshold: 0.5, pad_to_max_output_size: true };
        let [boxes, scores] = [vec![0, 4], vec![0]].map(|dims| Value::zeros(DType::F32, &dims).unwrap());
        let inputs = [boxes, scores, i32::MAX.into_value(), 0.5f32.into_value(), 0.0f32.into_value()];
        let error = run_within(op, &inputs, 1 << 20, u64::MAX).unwrap_err();
        assert_eq!(
            error.message(),
            "the memory budget is 1048576 bytes, but 0 are in use and 8589934588 more are needed"
        );
    }
}
