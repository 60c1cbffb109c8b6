//! Ops of images: other sizes, crops, and the best of many boxes.

mod crop;
mod crop_grad;
mod non_max_suppression;
mod resize;
mod resize_grad;
mod taps;

pub use self::crop::{CropAndResize, CropMethod};
pub use self::crop_grad::{CropGradBoxes, CropGradImage};
pub use self::non_max_suppression::NonMaxSuppression;
pub use self::resize::Resize;
pub use self::resize_grad::ResizeGrad;
pub use self::taps::{Grid, Method};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &crop::CROP_AND_RESIZE,
    &crop_grad::CROP_AND_RESIZE_GRAD_BOXES,
    &crop_grad::CROP_AND_RESIZE_GRAD_IMAGE,
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
];
