//! Arithmetic, comparisons, reductions and products.

mod activation;
mod add_n;
mod arg;
pub mod axes;
mod batch_matmul;
mod betainc;
mod binary;
mod bincount;
mod broadcast;
mod clip;
mod complex;
mod cross;
mod cumulative;
mod cumulative_logsumexp;
mod dense_bincount;
mod dtypes;
mod einsum;
mod elementwise;
#[cfg(test)]
mod elementwise_tests;
mod equality;
mod functions;
mod histogram;
mod inexact;
mod infix;
mod leaky_relu;
mod matmul;
mod norm;
pub mod operators;
mod population_count;
pub(super) mod reduce;
mod row_bincount;
mod scalar;
mod segment;
mod sizes;
mod slopes;
mod sparse_matmul;
mod sparse_segment;
mod sparse_segment_rows;
mod statistics;
mod tensordot;
mod unary;
mod unary_grad;
pub(in crate::ops) mod vector;

pub use self::add_n::{AddN, add_n};
pub use self::arg::{ArgExtreme, Extreme};
pub use self::batch_matmul::{BatchMatMul, BatchMatMulV2, BatchMatMulV3};
pub use self::betainc::Betainc;
pub(in crate::ops) use self::binary::OPS as BINARY_OPS;
pub use self::binary::{Binary, BinaryOp};
pub use self::bincount::{Bincount, Bins};
pub use self::clip::ClipByValue;
pub use self::complex::{Complex, ComplexPart, Part};
pub use self::cross::Cross;
pub use self::cumulative::{Cumulative, Running};
pub use self::cumulative_logsumexp::CumulativeLogsumexp;
pub use self::dense_bincount::DenseBincount;
pub use self::einsum::{Einsum, einsum};
pub use self::equality::{ApproximateEqual, Equality};
pub use self::functions::{add, divide, multiply, subtract};
pub use self::histogram::HistogramFixedWidth;
pub use self::leaky_relu::LeakyRelu;
pub use self::matmul::MatMul;
pub use self::norm::Norm;
pub use self::population_count::PopulationCount;
pub use self::reduce::{Reduce, Reduction};
pub use self::row_bincount::{RaggedBincount, SparseBincount};
pub(in crate::ops) use self::scalar::Arith;
pub(in crate::ops) use self::segment::unsorted_shape;
pub use self::segment::{Combine, Segment};
pub use self::sparse_matmul::SparseMatMul;
pub use self::sparse_segment_rows::SparseSegmentRows;
pub(in crate::ops) use self::unary::OPS as UNARY_OPS;
pub use self::unary::{Unary, UnaryOp};
pub(in crate::ops) use self::unary_grad::OPS as UNARY_GRAD_OPS;
pub use self::unary_grad::{LeakyReluGrad, UnaryGrad, UnaryGradOp};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &sparse_matmul::SPARSE_MAT_MUL,
    &sparse_segment::SPARSE_SEGMENT_SUM,
    &sparse_segment::SPARSE_SEGMENT_SUM_COUNTED,
    &sparse_segment::SPARSE_SEGMENT_SUM_GRAD,
    &sparse_segment::SPARSE_SEGMENT_MEAN,
    &sparse_segment::SPARSE_SEGMENT_MEAN_COUNTED,
    &sparse_segment::SPARSE_SEGMENT_MEAN_GRAD,
    &sparse_segment::SPARSE_SEGMENT_SQRT_N,
    &sparse_segment::SPARSE_SEGMENT_SQRT_N_COUNTED,
    &sparse_segment::SPARSE_SEGMENT_SQRT_N_GRAD,
    &sparse_segment_rows::SPARSE_SEGMENT_SUM_ROWS,
    &sparse_segment_rows::SPARSE_SEGMENT_MEAN_ROWS,
    &sparse_segment_rows::SPARSE_SEGMENT_SQRT_N_ROWS,
    &segment::SEGMENT_MEAN,
    &segment::SEGMENT_SUM,
    &segment::SEGMENT_PROD,
    &segment::SEGMENT_MIN,
    &segment::SEGMENT_MAX,
    &segment::UNSORTED_SEGMENT_SUM,
    &segment::UNSORTED_SEGMENT_PROD,
    &segment::UNSORTED_SEGMENT_MIN,
    &segment::UNSORTED_SEGMENT_MAX,
    &arg::ARG_MAX,
    &arg::ARG_MIN,
    &add_n::ADD_N,
    &bincount::BINCOUNT,
    &dense_bincount::DENSE_BINCOUNT,
    &histogram::HISTOGRAM_FIXED_WIDTH,
    &population_count::POPULATION_COUNT,
    &row_bincount::RAGGED_BINCOUNT,
    &row_bincount::SPARSE_BINCOUNT,
    &betainc::BETAINC,
    &clip::CLIP_BY_VALUE,
    &cross::CROSS,
    &cumulative_logsumexp::CUMULATIVE_LOGSUMEXP,
    &einsum::EINSUM,
    &complex::ANGLE,
    &complex::COMPLEX,
    &complex::COMPLEX_ABS,
    &complex::IMAG,
    &complex::REAL,
    &cumulative::CUMPROD,
    &cumulative::CUMSUM,
    &equality::APPROXIMATE_EQUAL,
    &equality::EQUAL,
    &equality::NOT_EQUAL,
    &leaky_relu::LEAKY_RELU,
    &batch_matmul::BATCH_MAT_MUL,
    &batch_matmul::BATCH_MAT_MUL_V2,
    &batch_matmul::BATCH_MAT_MUL_V3,
    &matmul::MAT_MUL,
    &reduce::ALL,
    &reduce::ANY,
    &reduce::EUCLIDEAN_NORM,
    &reduce::MAX,
    &reduce::MEAN,
    &reduce::MIN,
    &reduce::PROD,
    &reduce::SUM,
];
