//! Builders: the functions of one tensor and of two, as methods on tensors, or free where Rust's operators have the
//! name.
//!
//! Functions of two tensors broadcast as NumPy does: shapes are aligned at their last axes, and an axis of size 1 takes
//! the other's size; what is unknown stays unknown unless the other side tells. A bare number takes the tensor's dtype.
//! Their errors are `ShapeMismatch` where sizes do not fit, `DTypeMismatch` where dtypes differ, `Unsupported` for a
//! dtype that a function has no meaning for. Functions of one tensor keep shape and dtype.

use std::panic::Location;

use super::binary::{Binary, BinaryOp};
use super::infix::{infix, true_divide};
use super::unary::{Unary, UnaryOp};
use crate::error::Result;
use crate::graph::Tensor;
use crate::ops::IntoTensor;

macro_rules! unary_methods {
    ($( $(#[$doc:meta])* $name:ident $f:ident; )*) => {
        impl Tensor { $(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self) -> Result<Tensor> {
                self.graph().apply_one(Unary { f: UnaryOp::$f }, &[self])
            }
        )* }
    };
}
unary_methods! {
    /// `-x`; integers wrap.
    #[doc(alias = "tf.negative")]
    negative Neg;
    /// 1, 0 or -1; of a complex number `x / |x|`.
    #[doc(alias = "tf.sign")]
    sign Sign;
    /// `1 / x`, of floats and complex numbers.
    #[doc(alias = "tf.reciprocal")]
    reciprocal Reciprocal;
    /// `x * x`.
    #[doc(alias = "tf.square")]
    square Square;
    /// The square root.
    #[doc(alias = "tf.sqrt")]
    sqrt Sqrt;
    /// `1 / sqrt(x)`.
    #[doc(alias = "tf.rsqrt")]
    rsqrt Rsqrt;
    /// `e` to the power `x`.
    #[doc(alias = "tf.exp")]
    exp Exp;
    /// `exp(x) - 1`, precise near 0.
    #[doc(alias = "tf.expm1")]
    expm1 Expm1;
    /// The natural logarithm.
    #[doc(alias = "tf.log")]
    log Log;
    /// `log(1 + x)`, precise near 0.
    #[doc(alias = "tf.log1p")]
    log1p Log1p;
    /// The sine of an angle in radians.
    #[doc(alias = "tf.sin")]
    sin Sin;
    /// The cosine of an angle in radians.
    #[doc(alias = "tf.cos")]
    cos Cos;
    /// The tangent of an angle in radians.
    #[doc(alias = "tf.tan")]
    tan Tan;
    /// The angle, in radians, whose sine it is.
    #[doc(alias = "tf.asin")]
    asin Asin;
    /// The angle, in radians, whose cosine it is.
    #[doc(alias = "tf.acos")]
    acos Acos;
    /// The angle, in radians, whose tangent it is.
    #[doc(alias = "tf.atan")]
    atan Atan;
    /// The hyperbolic sine.
    #[doc(alias = "tf.sinh")]
    sinh Sinh;
    /// The hyperbolic cosine.
    #[doc(alias = "tf.cosh")]
    cosh Cosh;
    /// The hyperbolic tangent.
    #[doc(alias = "tf.tanh")]
    tanh Tanh;
    /// The inverse of the hyperbolic sine.
    #[doc(alias = "tf.asinh")]
    asinh Asinh;
    /// The inverse of the hyperbolic cosine.
    #[doc(alias = "tf.acosh")]
    acosh Acosh;
    /// The inverse of the hyperbolic tangent.
    #[doc(alias = "tf.atanh")]
    atanh Atanh;
    /// Rounded down; floats.
    #[doc(alias = "tf.floor")]
    floor Floor;
    /// Rounded up; floats.
    #[doc(alias = "tf.ceil")]
    ceil Ceil;
    /// Rounded to the nearest integer, halves to the even one; floats.
    #[doc(alias = "tf.rint")]
    rint Rint;
    /// Whether each element is NaN: bools.
    #[doc(alias = "tf.is_nan")]
    is_nan IsNan;
    /// Whether each element is infinite: bools.
    #[doc(alias = "tf.is_inf")]
    is_inf IsInf;
    /// Whether each element is neither infinite nor NaN: bools.
    #[doc(alias = "tf.is_finite")]
    is_finite IsFinite;
    /// Whether each element is false; bools.
    #[doc(alias = "tf.logical_not")]
    logical_not LogicalNot;
    /// All bits changed; integers.
    #[doc(alias = "tf.bitwise.invert")]
    invert Invert;
    /// The logarithm of the absolute value of the gamma function, infinite at 0, -1, -2, ...; floats.
    #[doc(alias = "tf.lgamma")]
    lgamma Lgamma;
    /// The slope of [`Tensor::lgamma`], infinite at 0, -1, -2, ...; floats.
    #[doc(alias = "tf.digamma")]
    digamma Digamma;
    /// The error function; floats.
    #[doc(alias = "tf.erf")]
    erf Erf;
    /// `1 - erf(x)`, precise where it is small; floats.
    #[doc(alias = "tf.erfc")]
    erfc Erfc;
    /// The modified Bessel function of order 0, times `exp(-|x|)`; floats.
    #[doc(alias = "tf.math.bessel_i0e")]
    bessel_i0e BesselI0e;
    /// The modified Bessel function of order 1, times `exp(-|x|)`; floats.
    #[doc(alias = "tf.math.bessel_i1e")]
    bessel_i1e BesselI1e;
    /// `1 / (1 + exp(-x))`.
    #[doc(alias = "tf.sigmoid")]
    sigmoid Sigmoid;
    /// `log(exp(x) + 1)`; floats.
    #[doc(alias = "tf.nn.softplus")]
    softplus Softplus;
    /// `x / (|x| + 1)`; floats.
    #[doc(alias = "tf.nn.softsign")]
    softsign Softsign;
    /// `max(x, 0)`; NaN stays.
    #[doc(alias = "tf.nn.relu")]
    relu Relu;
    /// `min(max(x, 0), 6)`; NaN stays.
    #[doc(alias = "tf.nn.relu6")]
    relu6 Relu6;
    /// `exp(x) - 1` below 0, `x` elsewhere; floats. Source: Clevert et al., "Fast and accurate deep network learning by
    /// exponential linear units".
    #[doc(alias = "tf.nn.elu")]
    elu Elu;
    /// A scaled [`Tensor::elu`]; floats. Source: Klambauer et al., "Self-Normalizing Neural Networks".
    #[doc(alias = "tf.nn.selu")]
    selu Selu;
}

macro_rules! binary_methods {
    ($( $(#[$doc:meta])* $name:ident $f:ident $scope:literal; )*) => {
        impl Tensor { $(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, other: impl IntoTensor) -> Result<Tensor> {
                infix(self, &other, $scope, Binary { f: BinaryOp::$f })
            }
        )* }
    };
}
binary_methods! {
    /// `self / other` rounded down, as Python's `//`.
    #[doc(alias = "tf.floor_div")]
    #[doc(alias = "tf.floordiv")]
    floor_div FloorDiv "floordiv";
    /// `self / other` rounded towards zero; integers.
    #[doc(alias = "tf.truncatediv")]
    truncate_div TruncateDiv "TruncateDiv";
    /// What floor division leaves; it has `other`'s sign.
    #[doc(alias = "tf.floormod")]
    #[doc(alias = "tf.mod")]
    floor_mod FloorMod "FloorMod";
    /// What division rounded towards zero leaves; it has `self`'s sign.
    #[doc(alias = "tf.truncatemod")]
    truncate_mod TruncateMod "TruncateMod";
    /// `self / other`; floats and complex numbers.
    #[doc(alias = "tf.realdiv")]
    real_div RealDiv "RealDiv";
    /// `self / other`, and 0 where `other` is 0.
    #[doc(alias = "tf.div_no_nan")]
    div_no_nan DivNoNan "div_no_nan";
    /// `self * other`, and 0 where `other` is 0, even if `self` is infinite or NaN.
    #[doc(alias = "tf.math.multiply_no_nan")]
    multiply_no_nan MulNoNan "multiply_no_nan";
    /// `self / other`, and 0 where `self` is 0.
    #[doc(alias = "tf.math.xdivy")]
    xdivy Xdivy "Xdivy";
    /// `self * log(other)`, and 0 where `self` is 0.
    #[doc(alias = "tf.math.xlogy")]
    xlogy Xlogy "Xlogy";
    /// `self * log(1 + other)`, precise where `other` is near 0, and 0 where `self` is 0.
    #[doc(alias = "tf.math.xlog1py")]
    xlog1py Xlog1py "Xlog1py";
    /// The next number that the dtype has from `self` towards `other`; float32 and float64.
    #[doc(alias = "tf.math.nextafter")]
    next_after NextAfter "NextAfter";
    /// `self` to the power `exponent`; integers wrap, and a negative integer exponent fails the run.
    #[doc(alias = "tf.pow")]
    pow Pow "Pow";
    /// The larger of the two; NaN if `self` is.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 1])?;
    /// assert_eq!(x.maximum(g.constant([0.0f32, 1.0])?)?.shape().to_string(), "(?, 2)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.maximum")]
    maximum Maximum "Maximum";
    /// The smaller of the two; NaN if `self` is.
    #[doc(alias = "tf.minimum")]
    minimum Minimum "Minimum";
    /// `(self - other)^2`; of complex numbers `|self - other|^2`.
    #[doc(alias = "tf.squared_difference")]
    squared_difference SquaredDifference "SquaredDifference";
    /// The angle of the point with y coordinate `self` and x coordinate `other`, in radians; floats.
    #[doc(alias = "tf.atan2")]
    atan2 Atan2 "Atan2";
    /// The regularized lower incomplete gamma function of `self > 0` and `other >= 0`; float32 and float64.
    #[doc(alias = "tf.igamma")]
    igamma Igamma "Igamma";
    /// `1 - self.igamma(other)`, precise where it is small; float32 and float64.
    #[doc(alias = "tf.igammac")]
    igammac Igammac "Igammac";
    /// Hurwitz's zeta function, the sum of `(k + other)^-self` over whole `k` from 0; float32 and float64.
    #[doc(alias = "tf.zeta")]
    zeta Zeta "Zeta";
    /// The derivative of order `self`, a whole number, of `digamma` at `other`; float32 and float64.
    #[doc(alias = "tf.polygamma")]
    polygamma Polygamma "Polygamma";
    /// Whether `self < other`: bools.
    #[doc(alias = "tf.less")]
    less Less "Less";
    /// Whether `self <= other`: bools.
    #[doc(alias = "tf.less_equal")]
    less_equal LessEqual "LessEqual";
    /// Whether `self > other`: bools.
    #[doc(alias = "tf.greater")]
    greater Greater "Greater";
    /// Whether `self >= other`: bools.
    #[doc(alias = "tf.greater_equal")]
    greater_equal GreaterEqual "GreaterEqual";
    /// Whether both are true; bools.
    #[doc(alias = "tf.logical_and")]
    logical_and LogicalAnd "LogicalAnd";
    /// Whether one of them is true; bools.
    #[doc(alias = "tf.logical_or")]
    logical_or LogicalOr "LogicalOr";
    /// The bits that both have; integers.
    #[doc(alias = "tf.bitwise.bitwise_and")]
    bitwise_and BitwiseAnd "BitwiseAnd";
    /// The bits that one of them has; integers.
    #[doc(alias = "tf.bitwise.bitwise_or")]
    bitwise_or BitwiseOr "BitwiseOr";
    /// The bits that just one of them has; integers.
    #[doc(alias = "tf.bitwise.bitwise_xor")]
    bitwise_xor BitwiseXor "BitwiseXor";
    /// Shifted left by `other` bits; integers.
    #[doc(alias = "tf.bitwise.left_shift")]
    left_shift LeftShift "LeftShift";
    /// Shifted right by `other` bits, keeping the sign; integers.
    #[doc(alias = "tf.bitwise.right_shift")]
    right_shift RightShift "RightShift";
}

impl Tensor {
    /// Rounded to the nearest integer, halves to the even one; integers stay as they are, without a node.
    #[doc(alias = "tf.round")]
    #[track_caller]
    pub fn round(&self) -> Result<Tensor> {
        if self.dtype().is_integer() {
            return Ok(self.clone());
        }
        self.graph().apply_one(Unary { f: UnaryOp::Round }, &[self])
    }

    /// Whether just one of them is true; bools.
    #[doc(alias = "tf.logical_xor")]
    #[track_caller]
    pub fn logical_xor(&self, other: impl IntoTensor) -> Result<Tensor> {
        let other = other.tensor(Some(self))?;
        let g = self.graph();
        let name = g.take_name("LogicalXor");
        g.at_line(std::panic::Location::caller(), || xor(self, &other, &name))
    }

    /// `self * other`, where the product of a number and a tensor is meant.
    #[doc(alias = "tf.scalar_mul")]
    #[track_caller]
    pub fn scalar_mul(&self, scalar: impl IntoTensor) -> Result<Tensor> {
        let g = self.graph();
        g.at_line(Location::caller(), || {
            let scalar = g.named("scalar", || scalar.tensor(Some(self)))?;
            g.apply_one(Binary { f: BinaryOp::Mul }, &[&scalar, self])
        })
    }
}

/// `x | y` and not `x & y`; the last node gets the name.
pub(super) fn xor(x: &Tensor, y: &Tensor, name: &str) -> Result<Tensor> {
    let g = x.graph();
    let (some, all) = g.unnamed(|| Ok::<_, crate::Error>((x.logical_or(y)?, x.logical_and(y)?.logical_not()?)))?;
    g.named(name, || some.logical_and(&all))
}

/// `x + y`; of strings, one after the other. One of the two may be a bare number.
#[doc(alias = "tf.add")]
#[track_caller]
pub fn add(x: impl IntoTensor, y: impl IntoTensor) -> Result<Tensor> {
    infix(&x, &y, "Add", Binary { f: BinaryOp::Add })
}

/// `x - y`.
#[doc(alias = "tf.subtract")]
#[track_caller]
pub fn subtract(x: impl IntoTensor, y: impl IntoTensor) -> Result<Tensor> {
    infix(&x, &y, "Sub", Binary { f: BinaryOp::Sub })
}

/// `x * y`.
#[doc(alias = "tf.multiply")]
#[track_caller]
pub fn multiply(x: impl IntoTensor, y: impl IntoTensor) -> Result<Tensor> {
    infix(&x, &y, "Mul", Binary { f: BinaryOp::Mul })
}

/// `x / y`; integers are divided as floats: int8 to uint16 as float32, others as float64.
#[doc(alias = "tf.divide")]
#[doc(alias = "tf.truediv")]
#[track_caller]
pub fn divide(x: impl IntoTensor, y: impl IntoTensor) -> Result<Tensor> {
    true_divide(&x, &y)
}
