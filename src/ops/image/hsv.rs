//! `RGBToHSV` and `HSVToRGB`: colors as red, green and blue, or as hue, saturation and value.

use std::sync::Arc;

use num_traits::Float;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::{Number, Ordered};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Colors in the other space: `(.., 3) -> (.., 3)`. Floats, of which the hue is 0 to 1.
#[derive(Debug, Clone)]
pub struct ConvertColors {
    /// Whether hues come out, rather than go in.
    pub to_hsv: bool,
}

/// The row that gives hues.
pub static RGB_TO_HSV: OpKind = OpKind::new(
    "RGBToHSV",
    "images: T -> output: T",
    |_| Ok(Arc::new(ConvertColors { to_hsv: true })),
    || examples(true),
);

/// The row that takes hues.
pub static HSV_TO_RGB: OpKind = OpKind::new(
    "HSVToRGB",
    "images: T -> output: T",
    |_| Ok(Arc::new(ConvertColors { to_hsv: false })),
    || examples(false),
);

fn examples(to_hsv: bool) -> Vec<Example> {
    let op = || ConvertColors { to_hsv };
    vec![
        Example::new(op(), [[[0.1f32, 0.5, 0.3], [0.9, 0.2, 0.4]].into_value()]),
        Example::new(op(), [[0.1f64, 0.5, 0.3].into_value()]),
    ]
}

impl Op for ConvertColors {
    fn kind(&self) -> &'static OpKind {
        if self.to_hsv { &RGB_TO_HSV } else { &HSV_TO_RGB }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = infer_colors(cx, 1)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let mut x = cx.take_unique(0)?;
        with_type!(x.dtype(), T in floats => {
            let f: fn([<T as Number>::Acc; 3]) -> [<T as Number>::Acc; 3] = if self.to_hsv { hsv } else { rgb };
            map_colors::<T>(cx, &mut x, f)?;
        }, else => return Err(not_a_float(x.dtype())));
        cx.output(0, x);
        Ok(())
    }
}

pub(super) fn not_a_float(dtype: DType) -> Error {
    Error::unsupported(format!("colors must be floats, but are {dtype}"))
}

/// The shape of input 0, whose last axis is that of three colors.
pub(super) fn infer_colors(cx: &InferCx<'_>, least: usize) -> Result<Shape> {
    if !cx.dtype(0).is_floating() {
        return Err(not_a_float(cx.dtype(0)));
    }
    let shape = cx.shape(0).with_rank_at_least(least)?;
    match shape.rank() {
        Some(rank) => shape.replace_dim(rank - 1, shape.dim(rank - 1).merge(&3.into())?),
        None => Ok(shape),
    }
}

/// Colors per piece of work.
const CHUNK: usize = 1 << 12;

/// Changes each color of a value, in the precision of its accumulator.
pub(super) fn map_colors<T: Number>(
    cx: &RunCx<'_>,
    x: &mut Value,
    f: impl Fn([T::Acc; 3]) -> [T::Acc; 3] + Sync,
) -> Result<()> {
    if x.dims().last() != Some(&3) {
        return Err(Error::shape(format!("images must have 3 channels in their last axis, but are {:?}", x.dims())));
    }
    cx.for_chunks_mut(x.make_mut::<T>()?, 3 * CHUNK, &|_, part| {
        for color in part.chunks_exact_mut(3) {
            let made = f([color[0].widen(), color[1].widen(), color[2].widen()]);
            color.iter_mut().zip(made).for_each(|(to, x)| *to = T::narrow(x));
        }
    })
}

/// An exact small number.
fn small<A: Float>(x: f64) -> A {
    A::from(x).expect("floats hold small numbers")
}

/// Hue, saturation and value; the value is a reduction of the channels, which passes over NaN.
pub(super) fn hsv<A: Ordered + Float>([r, g, b]: [A; 3]) -> [A; 3] {
    let value = A::LEAST.larger(r).larger(g).larger(b);
    let range = value - A::GREATEST.smaller(r).smaller(g).smaller(b);
    let saturation = if value > A::zero() { range / value } else { A::zero() };
    if range <= A::zero() {
        return [A::zero(), saturation, value];
    }
    let (unit, sixth) = (range.recip() / small(6.0), small::<A>(6.0).recip());
    let hue = if r == value {
        unit * (g - b)
    } else if g == value {
        unit * (b - r) + small::<A>(2.0) * sixth
    } else {
        unit * (r - g) + small::<A>(4.0) * sixth
    };
    [if hue < A::zero() { hue + A::one() } else { hue }, saturation, value]
}

/// Red, green and blue.
pub(super) fn rgb<A: Ordered + Float>([hue, saturation, value]: [A; 3]) -> [A; 3] {
    let (six, one) = (hue * small(6.0), A::one());
    let share = |x: A| x.larger(A::zero()).smaller(one);
    let shares = [
        share((six - small(3.0)).abs() - one),
        share(small::<A>(2.0) - (six - small(2.0)).abs()),
        share(small::<A>(2.0) - (six - small(4.0)).abs()),
    ];
    shares.map(|share| (one - saturation + saturation * share) * value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok};

    #[test]
    fn colors_have_three_parts() {
        infer_ok(&ConvertColors { to_hsv: true }, "(2,?)", "(2,3)");
        infer_err(&ConvertColors { to_hsv: true }, "(3,2)", "must be equal");
        infer_err(&ConvertColors { to_hsv: true }, "()", "shape must be at least rank 1 but is rank 0");
        infer_err(&ConvertColors { to_hsv: true }, "int32(3)", "colors must be floats");
    }

    /// By hand: pure green has the hue 1/3, gray none.
    #[test]
    fn colors_come_back() {
        assert_eq!(hsv([0.0f64, 2.0, 0.0]), [1.0 / 3.0, 1.0, 2.0]);
        assert_eq!(hsv([0.5f32; 3]), [0.0, 0.0, 0.5]);
        // As TensorFlow 1.15.5.
        assert_eq!(hsv([f32::NAN; 3]), [0.0, 0.0, f32::NEG_INFINITY]);
        assert!(rgb([f32::NAN, 0.5, 0.25]).iter().all(|x| x.is_nan()));
        for color in [[0.25f64, 0.5, 0.75], [0.75, 0.25, 0.5], [0.5, 0.75, 0.25]] {
            let back = rgb(hsv(color));
            assert!(back.iter().zip(color).all(|(a, b)| (a - b).abs() < 1e-12), "{color:?} {back:?}");
        }
    }
}
