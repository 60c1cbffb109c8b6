//! Functions of two tensors, element by element, with NumPy's broadcasting: one op, [`Binary`], for all of them.

use std::sync::Arc;

use num_complex::Complex;

use super::dtypes::{Dtypes, check_dtype, unsupported};
use super::elementwise::{self, Few, map2, map2_strings, map2_to, zip_few};
use super::inexact::Inexact;
use super::scalar::{Arith, Real};
use super::{sizes, slopes, vector};
use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::{Number, Ordered};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// A function of two tensors, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binary {
    /// Which one.
    pub f: BinaryOp,
}

/// Makes the enum, the rows and the table of a family: variant, row, TensorFlow's name, older names, signature, dtypes.
macro_rules! functions {
    ($( $(#[$doc:meta])* $variant:ident $row:ident $name:literal [$($alias:literal),*] $args:literal $dtypes:ident; )*) => {
        /// The functions of [`Binary`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum BinaryOp { $( $(#[$doc])* $variant, )* }

        $(
            #[doc = concat!("The row of [`BinaryOp::", stringify!($variant), "`].")]
            pub static $row: OpKind = OpKind::new(
                $name,
                $args,
                |_| Ok(Arc::new(Binary { f: BinaryOp::$variant })),
                || examples(BinaryOp::$variant),
            )
            .aliases(&[$($alias),*]);
        )*

        /// The rows of this file.
        pub(in crate::ops) static OPS: &[&OpKind] = &[$(&$row),*];

        impl BinaryOp {
            /// The row.
            pub fn kind(self) -> &'static OpKind {
                match self { $( BinaryOp::$variant => &$row, )* }
            }

            fn dtypes(self) -> Dtypes {
                match self { $( BinaryOp::$variant => Dtypes::$dtypes, )* }
            }
        }
    };
}

functions! {
    /// `x + y`; of strings, one after the other.
    Add ADD "AddV2" ["Add"] "x: T, y: T -> z: T" NumbersAndStrings;
    /// `x - y`.
    Sub SUB "Sub" [] "x: T, y: T -> z: T" Numbers;
    /// `x * y`.
    Mul MUL "Mul" [] "x: T, y: T -> z: T" Numbers;
    /// `x / y`; of integers rounded towards zero.
    Div DIV "Div" [] "x: T, y: T -> z: T" Numbers;
    /// `x / y`, not for integers.
    RealDiv REAL_DIV "RealDiv" [] "x: T, y: T -> z: T" Inexact;
    /// `x / y` rounded down.
    FloorDiv FLOOR_DIV "FloorDiv" [] "x: T, y: T -> z: T" Reals;
    /// `x / y` rounded towards zero.
    TruncateDiv TRUNCATE_DIV "TruncateDiv" [] "x: T, y: T -> z: T" Reals;
    /// What floor division leaves: the sign is that of `y`.
    FloorMod FLOOR_MOD "FloorMod" [] "x: T, y: T -> z: T" Reals;
    /// What division rounded towards zero leaves: the sign is that of `x`.
    TruncateMod TRUNCATE_MOD "TruncateMod" ["Mod"] "x: T, y: T -> z: T" Reals;
    /// `x` to the power `y`; integers wrap, and their exponents must not be negative.
    Pow POW "Pow" [] "x: T, y: T -> z: T" Numbers;
    /// The larger of the two.
    Maximum MAXIMUM "Maximum" [] "x: T, y: T -> z: T" Reals;
    /// The smaller of the two.
    Minimum MINIMUM "Minimum" [] "x: T, y: T -> z: T" Reals;
    /// `(x - y)^2`; of complex numbers `|x - y|^2`.
    SquaredDifference SQUARED_DIFFERENCE "SquaredDifference" [] "x: T, y: T -> z: T" Numbers;
    /// The angle of the point `(x, y)`, in radians in `[-pi, pi]`.
    Atan2 ATAN2 "Atan2" [] "y: T, x: T -> z: T" Floats;
    /// `x / y`, and 0 where `y` is 0.
    DivNoNan DIV_NO_NAN "DivNoNan" [] "x: T, y: T -> z: T" Inexact;
    /// `x * y`, and 0 where `y` is 0, even if `x` is infinite or NaN.
    MulNoNan MUL_NO_NAN "MulNoNan" [] "x: T, y: T -> z: T" Inexact;
    /// `x / y`, and 0 where `x` is 0.
    Xdivy XDIVY "Xdivy" [] "x: T, y: T -> z: T" Inexact;
    /// `x * log(y)`, and 0 where `x` is 0.
    Xlogy XLOGY "Xlogy" [] "x: T, y: T -> z: T" Inexact;
    /// `x * log(1 + y)`, precise where `y` is near 0, and 0 where `x` is 0.
    Xlog1py XLOG1PY "Xlog1py" [] "x: T, y: T -> z: T" Inexact;
    /// The next number that the dtype has from `x` towards `y`.
    NextAfter NEXT_AFTER "NextAfter" [] "x1: T, x2: T -> output: T" WideFloats;
    /// The regularized lower incomplete gamma function of `a > 0` and `x >= 0`.
    Igamma IGAMMA "Igamma" [] "a: T, x: T -> z: T" WideFloats;
    /// `1 - igamma(a, x)`, precise where it is small.
    Igammac IGAMMAC "Igammac" [] "a: T, x: T -> z: T" WideFloats;
    /// Hurwitz's zeta function: the sum of `(k + q)^-x` over whole `k` from 0.
    Zeta ZETA "Zeta" [] "x: T, q: T -> z: T" WideFloats;
    /// The derivative of order `a` of `digamma` at `x`.
    Polygamma POLYGAMMA "Polygamma" [] "a: T, x: T -> z: T" WideFloats;
    /// The bits that both have.
    BitwiseAnd BITWISE_AND "BitwiseAnd" [] "x: T, y: T -> z: T" Ints;
    /// The bits that one of them has.
    BitwiseOr BITWISE_OR "BitwiseOr" [] "x: T, y: T -> z: T" Ints;
    /// The bits that just one of them has.
    BitwiseXor BITWISE_XOR "BitwiseXor" [] "x: T, y: T -> z: T" Ints;
    /// `x` shifted left by `y` bits; `y` is kept within the bits of the dtype.
    LeftShift LEFT_SHIFT "LeftShift" [] "x: T, y: T -> z: T" Ints;
    /// `x` shifted right by `y` bits, keeping the sign; `y` is kept within the bits of the dtype.
    RightShift RIGHT_SHIFT "RightShift" [] "x: T, y: T -> z: T" Ints;
    /// Whether `x < y`.
    Less LESS "Less" [] "x: T, y: T -> z: bool" Reals;
    /// Whether `x <= y`.
    LessEqual LESS_EQUAL "LessEqual" [] "x: T, y: T -> z: bool" Reals;
    /// Whether `x > y`.
    Greater GREATER "Greater" [] "x: T, y: T -> z: bool" Reals;
    /// Whether `x >= y`.
    GreaterEqual GREATER_EQUAL "GreaterEqual" [] "x: T, y: T -> z: bool" Reals;
    /// Whether both are true.
    LogicalAnd LOGICAL_AND "LogicalAnd" [] "x: bool, y: bool -> z: bool" Bools;
    /// Whether one of them is true.
    LogicalOr LOGICAL_OR "LogicalOr" [] "x: bool, y: bool -> z: bool" Bools;
}

impl BinaryOp {
    /// Whether the result is bool, whatever the operands are.
    pub fn is_comparison(self) -> bool {
        matches!(self, BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual)
    }
}

impl Op for Binary {
    fn kind(&self) -> &'static OpKind {
        self.f.kind()
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(self.f.dtypes(), cx.dtype(0))?;
        let shape = cx.shape(0).broadcast(cx.shape(1))?;
        let sizes = sizes::binary(self.f, cx);
        let dtype = if self.f.is_comparison() { DType::Bool } else { cx.dtype(0) };
        cx.output(dtype, shape).sizes = sizes;
        Ok(())
    }

    #[inline]
    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if few(self.f).is_some_and(|f| zip_few(cx, f)) {
            return Ok(());
        }
        let dtype = cx.input(0).dtype();
        // Operands without elements make no results: then no element of the other one counts.
        if dtype.is_integer() && !cx.input(0).is_empty() {
            check_integers(self.f, cx.input(1))?;
        }
        run(self.f, dtype, cx)
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        slopes::binary(self.f, cx)
    }
}

/// The commonest functions of few numbers: as the vector loops, bit by bit.
#[inline]
fn few(f: BinaryOp) -> Option<Few> {
    match f {
        BinaryOp::Add => Some(|x, y| elementwise::few(x, y, |x, y| x + y)),
        BinaryOp::Sub => Some(|x, y| elementwise::few(x, y, |x, y| x - y)),
        BinaryOp::Mul => Some(|x, y| elementwise::few(x, y, |x, y| x * y)),
        _ => None,
    }
}

fn run(f: BinaryOp, dtype: DType, cx: &mut RunCx<'_>) -> Result<()> {
    use BinaryOp::*;
    macro_rules! map {
        ($T:ident in $group:ident => $f:expr) => {
            with_type!(dtype, $T in $group => map2(cx, $f), else => Err(unsupported(dtype)))
        };
    }
    macro_rules! compare {
        ($T:ident => $f:expr) => {
            with_type!(dtype, $T in reals => map2_to(cx, $f), else => Err(unsupported(dtype)))
        };
    }
    if let Some(done) = vector::binary(f).and_then(|pair| vector::run_pair(pair, dtype, cx)) {
        return done;
    }
    match f {
        Igamma | Igammac | Zeta | Polygamma => Err(unsupported(dtype)),
        Add if dtype == DType::String => join_strings(cx),
        Add => map!(T in numbers_but_wide => T::plus),
        Sub => map!(T in numbers_but_wide => T::minus),
        Mul => map!(T in numbers_but_wide => T::times),
        Div => map!(T in numbers_but_wide => T::over),
        RealDiv => map!(T in inexact_but_wide => T::over),
        FloorDiv => map!(T in reals_but_wide => T::floor_over),
        TruncateDiv if dtype.is_integer() => map!(T in ints => T::over),
        TruncateDiv => map!(T in floats => |x: T, y: T| T::narrow(x.over(y).widen().trunc())),
        FloorMod => map!(T in reals_but_wide => T::floor_rem),
        TruncateMod => map!(T in reals_but_wide => T::trunc_rem),
        Pow => map!(T in numbers_but_wide => T::power),
        Maximum => map!(T in reals_but_wide => T::larger),
        Minimum => map!(T in reals_but_wide => T::smaller),
        SquaredDifference => map!(T in numbers_but_wide => |x: T, y: T| x.minus(y).squared_abs()),
        Atan2 => map!(T in floats_but_wide => |y: T, x: T| T::narrow(y.widen().atan2(x.widen()))),
        DivNoNan if dtype == DType::C64 => map2(cx, complex_div_no_nan::<f32>),
        DivNoNan if dtype == DType::C128 => map2(cx, complex_div_no_nan::<f64>),
        DivNoNan => map!(T in floats_but_wide => |x: T, y: T| if y == T::ZERO { T::ZERO } else { x.over(y) }),
        MulNoNan => map!(T in inexact_but_wide => |x: T, y: T| if y == T::ZERO { T::ZERO } else { x.times(y) }),
        Xdivy => map!(T in inexact_but_wide => |x: T, y: T| if x == T::ZERO { T::ZERO } else { x.over(y) }),
        Xlogy => {
            map!(T in inexact_but_wide => |x: T, y: T| if x == T::ZERO { T::ZERO } else { x.times(Inexact::log(y)) })
        }
        Xlog1py => map!(T in inexact => |x: T, y: T| if x == T::ZERO { T::ZERO } else { x.times(Inexact::log1p(y)) }),
        NextAfter if dtype == DType::F64 => map2(cx, next_after_f64),
        NextAfter => map2(cx, next_after_f32),
        BitwiseAnd => map!(T in ints => |x: T, y: T| x & y),
        BitwiseOr => map!(T in ints => |x: T, y: T| x | y),
        BitwiseXor => map!(T in ints => |x: T, y: T| x ^ y),
        LeftShift => map!(T in ints => |x: T, y: T| x << y.clamp(0, T::BITS as T - 1)),
        RightShift => map!(T in ints => |x: T, y: T| x >> y.clamp(0, T::BITS as T - 1)),
        Less => compare!(T => |x: T, y: T| x < y),
        LessEqual => compare!(T => |x: T, y: T| x <= y),
        Greater => compare!(T => |x: T, y: T| x > y),
        GreaterEqual => compare!(T => |x: T, y: T| x >= y),
        LogicalAnd => map2(cx, |x: bool, y: bool| x & y),
        LogicalOr => map2(cx, |x: bool, y: bool| x | y),
    }
}

/// The numerator decides before the divisor's square does, which may be 0 although the divisor is not.
fn complex_div_no_nan<F: num_traits::Float>(x: Complex<F>, y: Complex<F>) -> Complex<F> {
    let zero = Complex::new(F::zero(), F::zero());
    if y == zero || x * y.conj() == zero { zero } else { x / y }
}

macro_rules! next_after {
    ($name:ident $T:ty) => {
        fn $name(x: $T, y: $T) -> $T {
            match x.partial_cmp(&y) {
                None => <$T>::NAN,
                Some(std::cmp::Ordering::Equal) => y,
                Some(std::cmp::Ordering::Less) => x.next_up(),
                Some(std::cmp::Ordering::Greater) => x.next_down(),
            }
        }
    };
}
next_after!(next_after_f32 f32);
next_after!(next_after_f64 f64);

fn join_strings(cx: &mut RunCx<'_>) -> Result<()> {
    let (mut room, mut counted) = (cx.room::<u8>(0)?, Ok(()));
    let (dims, joined) = map2_strings(cx, |x, y| {
        if counted.is_ok() {
            counted = room.add::<u8>(x.len() + y.len());
        }
        if counted.is_ok() { [x, y].concat() } else { Vec::new() }
    })?;
    counted?;
    let (joined, _) = joined.into_parts();
    cx.output(0, Value::from_strings(&dims, joined)?);
    Ok(())
}

/// What integers cannot do, and floats can.
fn check_integers(f: BinaryOp, y: &Value) -> Result<()> {
    use BinaryOp::*;
    let any = |test: fn(i128) -> bool| -> Result<bool> {
        with_type!(y.dtype(), T in ints => Ok(y.slice::<T>()?.iter().any(|y| test(i128::from(*y)))), else => Ok(false))
    };
    match f {
        Div | FloorDiv | TruncateDiv | FloorMod | TruncateMod if any(|y| y == 0)? => {
            Err(Error::new(ErrorKind::DivisionByZero, "integer division by zero"))
        }
        Pow if any(|y| y < 0)? => Err(Error::invalid("integers to negative integer powers are not allowed")),
        _ => Ok(()),
    }
}

fn examples(f: BinaryOp) -> Vec<Example> {
    let example = |x: Value, y: Value| Example::new(Binary { f }, [x, y]);
    let floats = || [[0.5f32, -1.5, 2.0], [4.0, 5.0, -6.0]].into_value();
    let mut all = Vec::new();
    if f.dtypes().contains(DType::F32) {
        all.push(example(floats(), [[2.0f32], [3.0]].into_value()));
        all.push(example(Value::zeros(DType::F64, &[0, 2]).expect("no elements fit"), [1.0f64, 2.0].into_value()));
    }
    if f.dtypes().contains(DType::I32) {
        all.push(example(7i32.into_value(), [1i32, 2, 3].into_value()));
        all.push(example([[9i64, -7], [0, 5]].into_value(), [3i64, 2].into_value()));
    }
    if f.dtypes().contains(DType::Bool) {
        all.push(example([[true], [false]].into_value(), [true, false].into_value()));
        all.push(example([true, false].into_value(), [true, false].into_value()));
    }
    all
}
