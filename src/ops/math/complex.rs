//! Complex numbers from two floats, and floats from complex numbers.

use std::sync::Arc;

use num_complex::Complex as Pair;

use super::dtypes::{Dtypes, check_dtype, unsupported};
use super::elementwise::{map_to, map2_to};
use super::infix::infix;
use super::unary::{Unary, UnaryOp};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::value::IntoValue;

/// A float of each complex number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComplexPart {
    /// Which one.
    pub part: Part,
}

/// What [`ComplexPart`] takes of a complex number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The real part.
    Real,
    /// The imaginary part.
    Imag,
    /// The angle, in radians.
    Angle,
    /// The absolute value.
    Abs,
}

/// Complex numbers from their real and imaginary parts, with broadcasting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complex;

macro_rules! rows {
    ($($row:ident $part:ident $name:literal $args:literal;)*) => {
        $(
            #[doc = concat!("The row of [`Part::", stringify!($part), "`].")]
            pub static $row: OpKind =
                OpKind::new($name, $args, |attrs| parse(attrs, Part::$part), || examples(Part::$part));
        )*

        impl Part {
            fn kind(self) -> &'static OpKind {
                match self { $( Part::$part => &$row, )* }
            }
        }
    };
}
rows! {
    REAL Real "Real" "input: T -> output: Tout";
    IMAG Imag "Imag" "input: T -> output: Tout";
    ANGLE Angle "Angle" "input: T -> output: Tout";
    COMPLEX_ABS Abs "ComplexAbs" "x: T -> y: Tout";
}

/// The row of [`Complex`].
pub static COMPLEX: OpKind = OpKind::new(
    "Complex",
    "real: T, imag: T -> out: Tout",
    |attrs| {
        attrs.dtype_or("Tout", DType::C64)?;
        Ok(Arc::new(Complex))
    },
    || {
        vec![
            Example::new(Complex, [[[1.0f32], [2.0]].into_value(), [3.0f32, 4.0].into_value()]),
            Example::new(Complex, [[1.0f64].into_value(), [2.0f64].into_value()]),
        ]
    },
);

impl Tensor {
    /// The absolute value; of complex numbers a float.
    #[doc(alias = "tf.abs")]
    #[track_caller]
    pub fn abs(&self) -> Result<Tensor> {
        if self.dtype().is_complex() {
            return self.graph().apply_named("Abs", Arc::new(ComplexPart { part: Part::Abs }), &[self])?.output(0);
        }
        self.graph().apply_one(Unary { f: UnaryOp::Abs }, &[self])
    }

    /// The real part of complex numbers; floats stay as they are, without a node: all that TF1 does is to use up a name.
    #[doc(alias = "tf.real")]
    #[track_caller]
    pub fn real(&self) -> Result<Tensor> {
        let g = self.graph();
        g.composite("Real", |scope| match self.dtype().is_complex() {
            true => g.named(scope, || g.apply_one(ComplexPart { part: Part::Real }, &[self])),
            false => Ok(self.clone()),
        })
    }

    /// The imaginary part of complex numbers.
    #[doc(alias = "tf.imag")]
    #[track_caller]
    pub fn imag(&self) -> Result<Tensor> {
        self.graph().apply_one(ComplexPart { part: Part::Imag }, &[self])
    }

    /// The angle of complex numbers, in radians.
    #[doc(alias = "tf.angle")]
    #[track_caller]
    pub fn angle(&self) -> Result<Tensor> {
        self.graph().apply_one(ComplexPart { part: Part::Angle }, &[self])
    }

    /// The complex conjugate; of real numbers the tensor itself, without a node.
    #[doc(alias = "tf.conj")]
    #[track_caller]
    pub fn conj(&self) -> Result<Tensor> {
        if !self.dtype().is_complex() {
            return Ok(self.clone());
        }
        self.graph().apply_one(Unary { f: UnaryOp::Conj }, &[self])
    }

    /// Complex numbers of which this is the real part; float32 gives complex64, float64 complex128.
    ///
    /// # Errors
    /// `ShapeMismatch` where sizes do not broadcast, `DTypeMismatch` where dtypes differ.
    #[doc(alias = "tf.complex")]
    #[track_caller]
    pub fn complex(&self, imag: impl IntoTensor) -> Result<Tensor> {
        infix(self, &imag, "Complex", Complex)
    }
}

fn parse(attrs: &Attrs, part: Part) -> Result<Arc<dyn Op>> {
    attrs.dtype_or("Tout", DType::F32)?;
    Ok(Arc::new(ComplexPart { part }))
}

fn examples(part: Part) -> Vec<Example> {
    let op = ComplexPart { part };
    vec![
        Example::new(op, [[Pair::new(3.0f32, -4.0), Pair::new(0.0, 0.0)].into_value()]),
        Example::new(op, [Pair::new(-1.0f64, 0.0).into_value()]),
    ]
}

impl Op for ComplexPart {
    fn kind(&self) -> &'static OpKind {
        self.part.kind()
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(Dtypes::Complex, cx.dtype(0))?;
        let dtype = if cx.dtype(0) == DType::C64 { DType::F32 } else { DType::F64 };
        cx.output(dtype, cx.shape(0));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        macro_rules! take {
            ($float:ty) => {
                match self.part {
                    Part::Real => map_to(cx, |x: Pair<$float>| x.re),
                    Part::Imag => map_to(cx, |x: Pair<$float>| x.im),
                    Part::Angle => map_to(cx, |x: Pair<$float>| x.arg()),
                    Part::Abs => map_to(cx, |x: Pair<$float>| x.norm()),
                }
            };
        }
        match cx.input(0).dtype() {
            DType::C64 => take!(f32),
            DType::C128 => take!(f64),
            dtype => Err(unsupported(dtype)),
        }
    }
}

impl Op for Complex {
    fn kind(&self) -> &'static OpKind {
        &COMPLEX
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = match cx.dtype(0) {
            DType::F32 => DType::C64,
            DType::F64 => DType::C128,
            dtype => return Err(unsupported(dtype)),
        };
        cx.output(dtype, cx.shape(0).broadcast(cx.shape(1))?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        match cx.input(0).dtype() {
            DType::F32 => map2_to(cx, Pair::<f32>::new),
            DType::F64 => map2_to(cx, Pair::<f64>::new),
            dtype => Err(unsupported(dtype)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    #[test]
    fn parts_make_the_whole() {
        let whole = run_op(Complex, &[[3.0f32, 0.0].into_value(), (-4.0f32).into_value()]).unwrap();
        assert_eq!(whole[0].to_string(), "[3.-4.j 0.-4.j]");
        let part = |part| run_op(ComplexPart { part }, &whole).unwrap()[0].to_string();
        assert_eq!([part(Part::Real), part(Part::Imag), part(Part::Abs)], ["[3. 0.]", "[-4. -4.]", "[5. 4.]"]);
        assert_eq!(part(Part::Angle), "[-0.9272952 -1.5707964]");
    }
}
