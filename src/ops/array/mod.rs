//! Ops that make, move and select elements, and ops on shapes.

mod axis_maps;
mod bitcast;
mod boolean_mask;
mod broadcast_args;
pub(crate) mod cast;
pub(in crate::ops) mod cells;
mod concat;
mod concat_offset;
mod constant;
mod data_format;
mod dequantize;
mod diagonals;
mod distinct;
mod dynamic_partition;
mod dynamic_stitch;
mod expand_dims;
mod eye;
mod fill;
mod gather;
mod gather_nd;
mod identity;
mod identity_n;
mod index;
mod inplace;
mod into_sizes;
#[cfg(test)]
mod limit_tests;
mod lin_space;
mod mirror_pad_grad;
mod numbering;
mod one_hot;
mod pack;
mod pad;
mod parallel_concat;
mod placeholder;
mod placeholder_with_default;
mod quantize;
mod quantize_and_dequantize;
mod quantize_grad;
mod range;
mod reshape;
mod reverse;
mod reverse_sequence;
mod saturate_cast;
mod search_sorted;
mod select;
mod shape_of;
mod slice;
mod space_batch;
mod space_depth;
mod sparse_to_dense;
mod split;
mod squeeze;
mod stop_gradient;
mod strided;
mod strided_slice;
mod strided_slice_update;
pub(super) mod tensor_scatter;
mod tile;
mod transpose;
mod unravel_index;
mod where_true;

pub use self::bitcast::Bitcast;
pub use self::broadcast_args::{BroadcastArgs, BroadcastGradientArgs};
pub(in crate::ops) use self::broadcast_args::{unbroadcast, unbroadcast_both};
pub use self::cast::Cast;
pub(in crate::ops) use self::concat::concat_lists;
pub use self::concat::{Concat, concat};
pub use self::concat_offset::ConcatOffset;
pub use self::constant::Const;
pub use self::data_format::{DataFormatDimMap, DataFormatVecPermute};
pub use self::dequantize::Dequantize;
pub(in crate::ops) use self::diagonals::OPS as DIAGONALS;
pub use self::diagonals::{Diag, DiagPart, MatrixBandPart, MatrixDiag, MatrixDiagPart, MatrixSetDiag};
pub use self::distinct::{ListDiff, Unique};
pub use self::dynamic_partition::DynamicPartition;
pub use self::dynamic_stitch::{DynamicStitch, dynamic_stitch};
pub use self::expand_dims::ExpandDims;
pub use self::fill::{Fill, OnesLike, ZerosLike};
pub use self::gather::{Gather, GatherV2};
pub(in crate::ops) use self::gather::{pick, picked_shape};
pub use self::gather_nd::{GatherNd, ScatterNd};
pub(in crate::ops) use self::gather_nd::{pick_slices, slices};
pub use self::identity::{Identity, RefIdentity};
pub use self::identity_n::{IdentityN, identity_n};
pub use self::index::{Index, IntoIndex};
pub use self::inplace::{DeepCopy, Empty, InplaceChange};
pub use self::into_sizes::{IntoSizes, Size};
pub use self::lin_space::LinSpace;
pub use self::mirror_pad_grad::MirrorPadGrad;
pub use self::one_hot::OneHot;
pub use self::pack::{Pack, Unpack, stack};
pub use self::pad::{Mirror, MirrorPad, Pad, PadV2};
pub use self::parallel_concat::ParallelConcat;
pub use self::placeholder::Placeholder;
pub use self::placeholder_with_default::{EnsureShape, PlaceholderWithDefault};
pub use self::quantize::{QuantizeMode, QuantizeV2, RoundMode};
pub use self::quantize_and_dequantize::{QuantizeAndDequantize, QuantizeVersion};
pub use self::quantize_grad::QuantizeAndDequantizeV4Grad;
pub use self::range::Range;
pub(in crate::ops) use self::range::range_of;
pub use self::reshape::Reshape;
pub use self::reverse::{InvertPermutation, ReverseV2, Roll};
pub use self::reverse_sequence::ReverseSequence;
pub use self::search_sorted::{Bucketize, SearchSorted};
pub use self::select::{Select, SelectV2};
pub use self::shape_of::{Rank, Shape, ShapeN, Size as SizeOf, shape_n};
pub use self::slice::Slice;
pub use self::space_batch::SpaceBatch;
pub use self::space_depth::SpaceDepth;
pub use self::sparse_to_dense::SparseToDense;
pub use self::split::{Split, SplitV};
pub use self::squeeze::Squeeze;
pub use self::stop_gradient::{GuaranteeConst, PreventGradient, StopGradient};
pub use self::strided_slice::{Masks, StridedSlice, StridedSliceGrad};
pub use self::strided_slice_update::{StridedSliceAssign, StridedSliceUpdate};
pub use self::tensor_scatter::TensorScatter;
pub use self::tile::{BroadcastTo, Tile};
pub use self::transpose::{ConjugateTranspose, Transpose};
pub use self::unravel_index::UnravelIndex;
pub use self::where_true::Where;
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &bitcast::BITCAST,
    &broadcast_args::BROADCAST_ARGS,
    &broadcast_args::BROADCAST_GRADIENT_ARGS,
    &cast::CAST,
    &concat::CONCAT,
    &concat::CONCAT_V2,
    &concat_offset::CONCAT_OFFSET,
    &constant::CONST,
    &data_format::DATA_FORMAT_DIM_MAP,
    &data_format::DATA_FORMAT_VEC_PERMUTE,
    &distinct::LIST_DIFF,
    &distinct::UNIQUE,
    &distinct::UNIQUE_V2,
    &distinct::UNIQUE_WITH_COUNTS,
    &distinct::UNIQUE_WITH_COUNTS_V2,
    &dynamic_partition::DYNAMIC_PARTITION,
    &dynamic_stitch::DYNAMIC_STITCH,
    &dynamic_stitch::PARALLEL_DYNAMIC_STITCH,
    &expand_dims::EXPAND_DIMS,
    &fill::FILL,
    &fill::ONES_LIKE,
    &fill::ZEROS_LIKE,
    &gather::GATHER,
    &gather::GATHER_V2,
    &gather_nd::GATHER_ND,
    &gather_nd::SCATTER_ND,
    &identity::IDENTITY,
    &identity::REF_IDENTITY,
    &identity_n::IDENTITY_N,
    &inplace::DEEP_COPY,
    &inplace::EMPTY,
    &inplace::INPLACE_ADD,
    &inplace::INPLACE_SUB,
    &inplace::INPLACE_UPDATE,
    &lin_space::LIN_SPACE,
    &one_hot::ONE_HOT,
    &pack::PACK,
    &pack::UNPACK,
    &mirror_pad_grad::MIRROR_PAD_GRAD,
    &pad::MIRROR_PAD,
    &pad::PAD,
    &pad::PAD_V2,
    &parallel_concat::PARALLEL_CONCAT,
    &placeholder::PLACEHOLDER,
    &placeholder_with_default::ENSURE_SHAPE,
    &placeholder_with_default::PLACEHOLDER_WITH_DEFAULT,
    &dequantize::DEQUANTIZE,
    &quantize::QUANTIZE_V2,
    &quantize_and_dequantize::QUANTIZE_AND_DEQUANTIZE,
    &quantize_and_dequantize::QUANTIZE_AND_DEQUANTIZE_V2,
    &quantize_and_dequantize::QUANTIZE_AND_DEQUANTIZE_V3,
    &quantize_and_dequantize::QUANTIZE_AND_DEQUANTIZE_V4,
    &quantize_grad::QUANTIZE_AND_DEQUANTIZE_V4_GRAD,
    &range::RANGE,
    &reshape::RESHAPE,
    &reverse::INVERT_PERMUTATION,
    &reverse::REVERSE_V2,
    &reverse::ROLL,
    &reverse_sequence::REVERSE_SEQUENCE,
    &search_sorted::BUCKETIZE,
    &search_sorted::LOWER_BOUND,
    &search_sorted::UPPER_BOUND,
    &select::SELECT,
    &select::SELECT_V2,
    &shape_of::RANK,
    &shape_of::SHAPE,
    &shape_of::SHAPE_N,
    &shape_of::SIZE,
    &slice::SLICE,
    &space_batch::BATCH_TO_SPACE,
    &space_batch::BATCH_TO_SPACE_ND,
    &space_batch::SPACE_TO_BATCH,
    &space_batch::SPACE_TO_BATCH_ND,
    &space_depth::DEPTH_TO_SPACE,
    &space_depth::SPACE_TO_DEPTH,
    &sparse_to_dense::SPARSE_TO_DENSE,
    &split::SPLIT,
    &split::SPLIT_V,
    &squeeze::SQUEEZE,
    &stop_gradient::GUARANTEE_CONST,
    &stop_gradient::PREVENT_GRADIENT,
    &stop_gradient::STOP_GRADIENT,
    &strided_slice::STRIDED_SLICE,
    &strided_slice::STRIDED_SLICE_GRAD,
    &strided_slice_update::RESOURCE_STRIDED_SLICE_ASSIGN,
    &strided_slice_update::STRIDED_SLICE_ASSIGN,
    &strided_slice_update::TENSOR_STRIDED_SLICE_UPDATE,
    &tile::BROADCAST_TO,
    &tile::TILE,
    &transpose::CONJUGATE_TRANSPOSE,
    &transpose::TRANSPOSE,
    &unravel_index::UNRAVEL_INDEX,
    &where_true::WHERE,
];
