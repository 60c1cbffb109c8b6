//! `AdjustHue`, `AdjustSaturation` and `AdjustContrastv2`.

use std::sync::Arc;

use num_traits::{Float, NumCast, ToPrimitive};

use super::hsv::{hsv, infer_colors, map_colors, not_a_float, rgb};
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::{Number, Ordered};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// What [`Adjust`] changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// The hue is turned by a share of the circle.
    Hue,
    /// The saturation is multiplied, and kept from 0 to 1.
    Saturation,
    /// The distance to the mean of an image's channel is multiplied.
    Contrast,
}

/// Changes images by a number: `(.., h, w, c), () -> (.., h, w, c)`, of three channels but for the contrast. Floats.
#[derive(Debug, Clone)]
pub struct Adjust {
    /// What is changed.
    pub quality: Quality,
}

macro_rules! rows {
    ($($row:ident $quality:ident $name:literal $by:literal;)*) => { $(
        #[doc = concat!("The row of [`Quality::", stringify!($quality), "`].")]
        pub static $row: OpKind = OpKind::new(
            $name,
            concat!("images: T, ", $by, ": float32 -> output: T"),
            |_| Ok(Arc::new(Adjust { quality: Quality::$quality })),
            || examples(Quality::$quality),
        );
    )* };
}
rows! {
    ADJUST_HUE Hue "AdjustHue" "delta";
    ADJUST_SATURATION Saturation "AdjustSaturation" "scale";
    ADJUST_CONTRAST Contrast "AdjustContrastv2" "contrast_factor";
}

fn examples(quality: Quality) -> Vec<Example> {
    let colors = || [[[0.1f32, 0.5, 0.3], [0.9, 0.2, 0.4]], [[0.0, 0.0, 0.0], [0.2, 0.2, 0.7]]].into_value();
    [0.4f32, -1.3].map(|by| Example::new(Adjust { quality }, [colors(), by.into_value()])).into()
}

impl Op for Adjust {
    fn kind(&self) -> &'static OpKind {
        match self.quality {
            Quality::Hue => &ADJUST_HUE,
            Quality::Saturation => &ADJUST_SATURATION,
            Quality::Contrast => &ADJUST_CONTRAST,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(1).with_rank(0)?;
        let shape = match self.quality {
            Quality::Contrast if cx.dtype(0).is_floating() => cx.shape(0).with_rank_at_least(3)?,
            _ => infer_colors(cx, 3)?,
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let by = cx.input(1).scalar::<f32>()?;
        let mut x = cx.take_unique(0)?;
        if x.rank() < 3 {
            return Err(Error::shape(format!("images must be at least 3-D, but have shape {:?}", x.dims())));
        }
        with_type!(x.dtype(), T in floats => match self.quality {
            Quality::Hue => map_colors::<T>(cx, &mut x, |color| turned(color, exact(by)))?,
            Quality::Saturation => map_colors::<T>(cx, &mut x, |color| saturated(color, exact(by)))?,
            Quality::Contrast => contrast::<T>(cx, &mut x, by)?,
        }, else => return Err(not_a_float(x.dtype())));
        cx.output(0, x);
        Ok(())
    }
}

/// The same number in the precision of colors.
fn exact<A: Float>(x: f32) -> A {
    A::from(x).expect("floats of more bits hold those of fewer")
}

fn saturated<A: Ordered + Float>(color: [A; 3], by: A) -> [A; 3] {
    let [hue, saturation, value] = hsv(color);
    rgb([hue, (saturation * by).larger(A::zero()).smaller(A::one()), value])
}

/// The color with its hue turned. Which channel is largest and which smallest follows from the sixth of the circle that
/// the hue lies in; so colors may be negative too.
fn turned<A: Ordered + Float>(color: [A; 3], by: A) -> [A; 3] {
    let [r, g, b] = color;
    let (low, high) = (r.smaller(g).smaller(b), r.larger(g).larger(b));
    if high <= low {
        return color;
    }
    let (six, two) = (exact::<A>(6.0), A::one() + A::one());
    let sixths = if r == high {
        (g - b) / (high - low)
    } else if g == high {
        (b - r) / (high - low) + two
    } else {
        (r - g) / (high - low) + two + two
    };
    let share = (sixths + by * six) / six;
    let around = (share - share.floor()) * six;
    rgb([around / six, A::one(), A::one()]).map(|share| low + share * (high - low))
}

/// Moves each channel of an image away from its mean.
fn contrast<T: Number>(cx: &RunCx<'_>, x: &mut Value, by: f32) -> Result<()>
where
    T::Acc: Float,
{
    let &[.., height, width, channels] = x.dims() else { return Ok(()) };
    if x.is_empty() {
        return Ok(());
    }
    let (work, each) = (cx.workspace(), height * width * channels);
    cx.try_for_chunks_mut(x.make_mut::<T>()?, each, &|_, image| {
        let (mut sums, mut pace) = (work.scratch::<f64>(channels)?, work.pace());
        for pixel in image.chunks_exact(channels) {
            pace.spend(2 * channels)?;
            sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x.widen().to_f64().unwrap_or(f64::NAN));
        }
        let mean = |sum: f64| <T::Acc as NumCast>::from(sum / (height * width) as f64).unwrap_or_else(T::Acc::nan);
        let means = work.collect(sums.iter().map(|sum| mean(*sum)))?;
        for pixel in image.chunks_exact_mut(channels) {
            pace.spend(2 * channels)?;
            for (x, mean) in pixel.iter_mut().zip(&*means) {
                *x = T::narrow((x.widen() - *mean) * exact(by) + *mean);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn run(quality: Quality, x: Value, by: f32) -> Vec<f32> {
        run_op(Adjust { quality }, &[x, by.into_value()]).unwrap()[0].slice::<f32>().unwrap().to_vec()
    }

    #[test]
    fn images_have_three_axes() {
        infer_ok(&Adjust { quality: Quality::Contrast }, "(?,2,?);()", "(?,2,?)");
        infer_ok(&Adjust { quality: Quality::Hue }, "(?,2,?);()", "(?,2,3)");
        infer_err(&Adjust { quality: Quality::Saturation }, "(2,2,4);()", "must be equal");
        infer_err(&Adjust { quality: Quality::Contrast }, "(2,3);()", "shape must be at least rank 3 but is rank 2");
    }

    /// By hand: a third of the circle takes red to green, also below 0; without saturation there is gray.
    #[test]
    fn colors_move_as_they_are_told() {
        let color = || [[[0.75f32, 0.25, 0.0]]].into_value();
        let near = |got: Vec<f32>, want: [f32; 3]| {
            assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6), "{got:?} {want:?}");
        };
        near(run(Quality::Hue, color(), 1.0 / 3.0), [0.0, 0.75, 0.25]);
        near(run(Quality::Hue, [[[-1.0f32, -2.0, -3.0]]].into_value(), -2.0 / 3.0), [-3.0, -1.0, -2.0]);
        near(run(Quality::Saturation, color(), 0.0), [0.75; 3]);
        near(run(Quality::Contrast, [[[1.0f32], [3.0], [8.0]]].into_value(), 2.0), [-2.0, 2.0, 12.0]);
    }
}
