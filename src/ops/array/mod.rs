//! Ops that make, move and select elements, and ops on shapes.

pub(crate) mod cast;
mod cells;
mod concat;
mod constant;
mod expand_dims;
mod fill;
mod gather;
mod identity;
mod identity_n;
mod index;
mod into_sizes;
mod pack;
mod placeholder;
mod placeholder_with_default;
mod range;
mod reshape;
mod shape_of;
mod slice;
mod split;
mod squeeze;
mod stop_gradient;
mod strided;
mod strided_slice;
mod tile;
mod transpose;

pub use self::cast::Cast;
pub use self::concat::{Concat, concat};
pub use self::constant::Const;
pub use self::expand_dims::ExpandDims;
pub use self::fill::{Fill, OnesLike, ZerosLike};
pub use self::gather::{Gather, GatherV2};
pub use self::identity::Identity;
pub use self::identity_n::{IdentityN, identity_n};
pub use self::index::{Index, IntoIndex};
pub use self::into_sizes::{IntoSizes, Size};
pub use self::pack::{Pack, Unpack, stack};
pub use self::placeholder::Placeholder;
pub use self::placeholder_with_default::{EnsureShape, PlaceholderWithDefault};
pub use self::range::Range;
pub use self::reshape::Reshape;
pub use self::shape_of::{Rank, Shape, ShapeN, Size as SizeOf, shape_n};
pub use self::slice::Slice;
pub use self::split::{Split, SplitV};
pub use self::squeeze::Squeeze;
pub use self::stop_gradient::{PreventGradient, StopGradient};
pub use self::strided_slice::{Masks, StridedSlice, StridedSliceGrad};
pub use self::tile::{BroadcastTo, Tile};
pub use self::transpose::{ConjugateTranspose, Transpose};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &cast::CAST,
    &concat::CONCAT,
    &concat::CONCAT_V2,
    &constant::CONST,
    &expand_dims::EXPAND_DIMS,
    &fill::FILL,
    &fill::ONES_LIKE,
    &fill::ZEROS_LIKE,
    &gather::GATHER,
    &gather::GATHER_V2,
    &identity::IDENTITY,
    &identity_n::IDENTITY_N,
    &pack::PACK,
    &pack::UNPACK,
    &placeholder::PLACEHOLDER,
    &placeholder_with_default::ENSURE_SHAPE,
    &placeholder_with_default::PLACEHOLDER_WITH_DEFAULT,
    &range::RANGE,
    &reshape::RESHAPE,
    &shape_of::RANK,
    &shape_of::SHAPE,
    &shape_of::SHAPE_N,
    &shape_of::SIZE,
    &slice::SLICE,
    &split::SPLIT,
    &split::SPLIT_V,
    &squeeze::SQUEEZE,
    &stop_gradient::PREVENT_GRADIENT,
    &stop_gradient::STOP_GRADIENT,
    &strided_slice::STRIDED_SLICE,
    &strided_slice::STRIDED_SLICE_GRAD,
    &tile::BROADCAST_TO,
    &tile::TILE,
    &transpose::CONJUGATE_TRANSPOSE,
    &transpose::TRANSPOSE,
];
