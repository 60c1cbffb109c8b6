//! Ops of neural networks.

mod accidental_hits;
mod batch_norm_global;
mod bias_add;
mod bias_add_grad;
mod conv;
mod conv_grad;
mod conv_nd;
mod cross_entropy;
mod ctc_greedy_decoder;
mod depth_pool;
mod depthwise;
mod depthwise_grad;
mod depthwise_lines;
mod dilation;
mod dilation_grad;
mod dropout;
mod extract_image_patches;
mod factor;
mod fused_batch_norm;
mod fused_batch_norm_grad;
mod in_top_k;
mod l2_loss;
mod layout;
mod logistic_loss;
mod lrn;
mod max_pool_argmax;
mod max_pool_grad_grad;
mod max_pool_v2;
mod normalize;
mod nth_element;
mod patches;
mod pool;
mod pool_grad;
mod select;
mod softmax;
mod softmax_axis;
mod softmax_loss;
mod sparse_loss;
mod strips;
mod top_k;
mod top_n;
mod window;

pub use self::accidental_hits::ComputeAccidentalHits;
pub use self::batch_norm_global::{BatchNormWithGlobalNormalization, BatchNormWithGlobalNormalizationGrad};
pub use self::bias_add::{BiasAdd, DataFormat};
pub use self::bias_add_grad::BiasAddGrad;
pub use self::conv::Conv;
pub use self::conv_grad::{ConvBackprop, Operand};
pub use self::conv_nd::ConvNd;
pub use self::cross_entropy::{SoftmaxCrossEntropyWithLogits, SparseSoftmaxCrossEntropyWithLogits};
pub use self::ctc_greedy_decoder::CtcGreedyDecoder;
pub use self::depth_pool::DepthMaxPool;
pub use self::depthwise::DepthwiseConv2dNative;
pub use self::depthwise_grad::DepthwiseBackprop;
pub use self::dilation::Dilation2D;
pub use self::dilation_grad::Dilation2DBackprop;
pub use self::extract_image_patches::ExtractImagePatches;
pub use self::factor::Factor;
pub use self::fused_batch_norm::FusedBatchNorm;
pub use self::fused_batch_norm_grad::FusedBatchNormGrad;
pub use self::in_top_k::{InTopK, InTopKV2};
pub use self::l2_loss::L2Loss;
pub use self::lrn::{Lrn, LrnGrad, Neighbours};
pub use self::max_pool_argmax::{ArgmaxWindow, MaxPoolGradGradWithArgmax, MaxPoolGradWithArgmax, MaxPoolWithArgmax};
pub use self::max_pool_grad_grad::MaxPoolGradGrad;
pub use self::max_pool_v2::{MaxPoolV2, PoolStage};
pub use self::normalize::Statistics;
pub use self::nth_element::NthElement;
pub use self::pool::{Pool, Pooling};
pub use self::pool_grad::PoolGrad;
pub use self::softmax::{LogSoftmax, Softmax};
pub use self::top_k::{TopK, TopKV2};
pub use self::window::{Padding, Window};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &accidental_hits::COMPUTE_ACCIDENTAL_HITS,
    &batch_norm_global::BATCH_NORM_GLOBAL,
    &batch_norm_global::BATCH_NORM_GLOBAL_GRAD,
    &bias_add::BIAS_ADD,
    &bias_add_grad::BIAS_ADD_GRAD,
    &conv::CONV_2D,
    &conv::CONV_3D,
    &conv_nd::CONV_ND,
    &conv_grad::CONV_2D_BACKPROP_INPUT,
    &conv_grad::CONV_2D_BACKPROP_FILTER,
    &conv_grad::CONV_3D_BACKPROP_INPUT,
    &conv_grad::CONV_3D_BACKPROP_FILTER,
    &ctc_greedy_decoder::CTC_GREEDY_DECODER,
    &depthwise::DEPTHWISE_CONV_2D,
    &depthwise_grad::DEPTHWISE_BACKPROP_INPUT,
    &depthwise_grad::DEPTHWISE_BACKPROP_FILTER,
    &dilation::DILATION_2D,
    &dilation_grad::DILATION_2D_BACKPROP_INPUT,
    &dilation_grad::DILATION_2D_BACKPROP_FILTER,
    &fused_batch_norm::FUSED_BATCH_NORM,
    &fused_batch_norm::FUSED_BATCH_NORM_V2,
    &fused_batch_norm::FUSED_BATCH_NORM_V3,
    &fused_batch_norm_grad::FUSED_BATCH_NORM_GRAD,
    &fused_batch_norm_grad::FUSED_BATCH_NORM_GRAD_V2,
    &fused_batch_norm_grad::FUSED_BATCH_NORM_GRAD_V3,
    &lrn::LRN,
    &lrn::LRN_GRAD,
    &max_pool_argmax::MAX_POOL_WITH_ARGMAX,
    &max_pool_argmax::MAX_POOL_GRAD_WITH_ARGMAX,
    &max_pool_argmax::MAX_POOL_GRAD_GRAD_WITH_ARGMAX,
    &max_pool_grad_grad::MAX_POOL_GRAD_GRAD,
    &max_pool_grad_grad::MAX_POOL_3D_GRAD_GRAD,
    &max_pool_v2::MAX_POOL_V2,
    &max_pool_v2::MAX_POOL_GRAD_V2,
    &max_pool_v2::MAX_POOL_GRAD_GRAD_V2,
    &pool_grad::AVG_POOL_GRAD,
    &pool_grad::AVG_POOL_3D_GRAD,
    &pool_grad::MAX_POOL_GRAD,
    &pool_grad::MAX_POOL_3D_GRAD,
    &extract_image_patches::EXTRACT_IMAGE_PATCHES,
    &pool::AVG_POOL,
    &pool::AVG_POOL_3D,
    &pool::MAX_POOL,
    &pool::MAX_POOL_3D,
    &cross_entropy::SOFTMAX_CROSS_ENTROPY_WITH_LOGITS,
    &cross_entropy::SPARSE_SOFTMAX_CROSS_ENTROPY_WITH_LOGITS,
    &in_top_k::IN_TOP_K,
    &in_top_k::IN_TOP_K_V2,
    &l2_loss::L2_LOSS,
    &nth_element::NTH_ELEMENT,
    &softmax::LOG_SOFTMAX,
    &softmax::SOFTMAX,
    &top_k::TOP_K,
    &top_k::TOP_K_V2,
];
