//! Ops of images: other sizes, crops, colors, and the best of many boxes.

mod adjust;
mod combined_suppression;
mod crop;
mod crop_grad;
mod draw_boxes;
mod extract_glimpse;
mod hsv;
mod non_max_suppression;
mod resize;
mod resize_grad;
mod scale_translate;
mod suppression_overlaps;
mod taps;

pub use self::adjust::{Adjust, Quality};
pub use self::combined_suppression::CombinedNonMaxSuppression;
pub use self::crop::{CropAndResize, CropMethod};
pub use self::crop_grad::{CropGradBoxes, CropGradImage};
pub use self::draw_boxes::DrawBoundingBoxes;
pub use self::extract_glimpse::ExtractGlimpse;
pub use self::hsv::ConvertColors;
pub use self::non_max_suppression::NonMaxSuppression;
pub use self::resize::Resize;
pub use self::resize_grad::ResizeGrad;
pub use self::scale_translate::{Sampling, ScaleAndTranslate};
pub use self::suppression_overlaps::NonMaxSuppressionWithOverlaps;
pub use self::taps::{Grid, Method};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &adjust::ADJUST_CONTRAST,
    &adjust::ADJUST_HUE,
    &adjust::ADJUST_SATURATION,
    &combined_suppression::COMBINED_NON_MAX_SUPPRESSION,
    &crop::CROP_AND_RESIZE,
    &crop_grad::CROP_AND_RESIZE_GRAD_BOXES,
    &crop_grad::CROP_AND_RESIZE_GRAD_IMAGE,
    &draw_boxes::DRAW_BOUNDING_BOXES,
    &draw_boxes::DRAW_BOUNDING_BOXES_V2,
    &extract_glimpse::EXTRACT_GLIMPSE,
    &hsv::HSV_TO_RGB,
    &hsv::RGB_TO_HSV,
    &non_max_suppression::NON_MAX_SUPPRESSION,
    &non_max_suppression::NON_MAX_SUPPRESSION_V2,
    &non_max_suppression::NON_MAX_SUPPRESSION_V3,
    &non_max_suppression::NON_MAX_SUPPRESSION_V4,
    &non_max_suppression::NON_MAX_SUPPRESSION_V5,
    &resize::RESIZE_AREA,
    &resize::RESIZE_BICUBIC,
    &resize::RESIZE_BILINEAR,
    &resize::RESIZE_NEAREST_NEIGHBOR,
    &resize_grad::RESIZE_BICUBIC_GRAD,
    &resize_grad::RESIZE_BILINEAR_GRAD,
    &resize_grad::RESIZE_NEAREST_NEIGHBOR_GRAD,
    &scale_translate::SCALE_AND_TRANSLATE,
    &suppression_overlaps::NON_MAX_SUPPRESSION_WITH_OVERLAPS,
];
