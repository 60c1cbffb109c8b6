//! `ScaleAndTranslate`: images scaled and moved, by one of several sampling kernels.

use std::f32::consts::PI;
use std::sync::Arc;

use super::resize::{blend, check_images, infer_size, size_of};
use super::taps::Taps;
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Workspace};
use crate::ops::wide::widened;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// What a cell takes of its neighbours, by their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// A windowed sine of this radius: 1, 3 or 5.
    Lanczos(u8),
    /// A bell of radius 1.5.
    Gaussian,
    /// All of what lies under it.
    Box,
    /// Less with the distance.
    Triangle,
    /// Keys' cubic.
    KeysCubic,
    /// The cubic of Mitchell and Netravali.
    MitchellCubic,
}

/// Images `(b, h, w, c)`, a size `(2)`, scales and translations of rows and columns `(2)` give `(b, h', w', c)`, float32;
/// what lies outside of the images is 0.
#[derive(Debug, Clone)]
pub struct ScaleAndTranslate {
    /// How cells are sampled.
    pub kernel_type: Sampling,
    /// Whether the kernel is widened where images become smaller.
    pub antialias: bool,
}

/// The row of [`ScaleAndTranslate`].
pub static SCALE_AND_TRANSLATE: OpKind = OpKind::new(
    "ScaleAndTranslate",
    "images: T, size: int32, scale: float32, translation: float32 -> resized_images: float32",
    parse,
    || {
        let of = |kernel_type, antialias, scale: [f32; 2]| {
            let image =
                Value::from_vec(&[1, 4, 5, 2], (0..40).map(|i| (i * 7 % 11) as f32).collect()).expect("40 numbers");
            let more = [[3i32, 6].into_value(), scale.into_value(), [0.5f32, -1.0].into_value()];
            Example::new(ScaleAndTranslate { kernel_type, antialias }, std::iter::once(image).chain(more))
        };
        vec![of(Sampling::Lanczos(3), true, [0.6, 1.3]), of(Sampling::Triangle, false, [0.5, 2.0])]
    },
);

const KERNELS: [(&str, Sampling); 8] = [
    ("lanczos1", Sampling::Lanczos(1)),
    ("lanczos3", Sampling::Lanczos(3)),
    ("lanczos5", Sampling::Lanczos(5)),
    ("gaussian", Sampling::Gaussian),
    ("box", Sampling::Box),
    ("triangle", Sampling::Triangle),
    ("keyscubic", Sampling::KeysCubic),
    ("mitchellcubic", Sampling::MitchellCubic),
];

fn kernel_names() -> String {
    KERNELS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ")
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let name = attrs.str_or("kernel_type", "lanczos3")?;
    let kernel = KERNELS.iter().find(|(known, _)| *known == name.to_lowercase());
    let (_, kernel_type) = *kernel
        .ok_or_else(|| Error::invalid(format!("kernel_type must be {}, but is '{}'", kernel_names(), escape(&name))))?;
    Ok(Arc::new(ScaleAndTranslate { kernel_type, antialias: attrs.bool_or("antialias", true)? }))
}

impl Op for ScaleAndTranslate {
    fn kind(&self) -> &'static OpKind {
        &SCALE_AND_TRANSLATE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let images = cx.shape(0).with_rank(4)?;
        for i in 2..4 {
            cx.shape(i).with_rank(1)?.dim(0).merge(&2.into())?;
        }
        let [height, width] = infer_size(cx, 1)?;
        cx.output(DType::F32, Shape::new([images.dim(0), height, width, images.dim(3)]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if cx.input(0).dtype() != DType::U8
            && let Some(done) = widened(self, cx, &[0], &[])
        {
            return done;
        }
        let (x, size) = (cx.input(0), size_of(cx.input(1))?);
        let (dims, scale, translation) = (check_images(x)?, pair(cx.input(2))?, pair(cx.input(3))?);
        if !scale.iter().all(|scale| *scale > 0.0) {
            return Err(Error::invalid(format!("scale must be greater than zero, but is {scale:?}")));
        }
        let mut out = cx.alloc(DType::F32, &[dims[0], size[0], size[1], dims[3]])?;
        if out.is_empty() {
            cx.output(0, out);
            return Ok(());
        }
        let line = |i: usize| self.taps(cx.workspace(), [dims[i + 1], size[i]], scale[i], translation[i]);
        let lines = [line(0)?, line(1)?];
        with_type!(x.dtype(), T in images => blend::<T>(cx, x, &mut out, &lines)?, else => {
            return Err(Error::unsupported(format!("images of {} cannot be scaled", x.dtype())));
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let name = KERNELS.iter().find(|(_, kernel)| *kernel == self.kernel_type).map_or("", |(name, _)| name);
        vec![("kernel_type", AttrValue::Str(name.into())), ("antialias", AttrValue::Bool(self.antialias))]
    }
}

fn pair(value: &Value) -> Result<[f32; 2]> {
    match value.slice::<f32>()? {
        [a, b] if value.rank() == 1 => Ok([*a, *b]),
        _ => Err(Error::shape(format!("scale and translation must have shape [2], but one has {:?}", value.dims()))),
    }
}

impl ScaleAndTranslate {
    /// The taps of each cell of a line of `target` cells in one of `source` cells; none where it lies outside.
    fn taps(&self, work: Workspace<'_>, [source, target]: [usize; 2], scale: f32, translation: f32) -> Result<Taps> {
        let back = 1.0 / scale;
        let wide = if self.antialias { back.max(1.0) } else { 1.0 };
        let (reach, last) = (self.kernel_type.radius() * wide, source as f32 - 1.0);
        let (mut taps, mut pace) = (Taps::new(work, target)?, work.pace());
        for i in 0..target {
            pace.spend(16)?;
            let at = (i as f32 + 0.5) * back - back * translation;
            if !(0.0..=source as f32).contains(&at) {
                taps.push([], &mut pace)?;
                continue;
            }
            let (from, to) = ((at - reach - 0.5).ceil().clamp(0.0, last), (at + reach - 0.5).floor().clamp(0.0, last));
            let weight = |k: usize| self.kernel_type.weight(((k as f32 + 0.5 - at) / wide).abs());
            taps.push((from as usize..=to as usize).map(|k| (k, weight(k))), &mut pace)?;
            taps.normalize_last();
        }
        Ok(taps)
    }
}

impl Sampling {
    fn radius(self) -> f32 {
        match self {
            Sampling::Lanczos(radius) => radius.into(),
            Sampling::Gaussian => 1.5,
            Sampling::Box | Sampling::Triangle => 1.0,
            Sampling::KeysCubic | Sampling::MitchellCubic => 2.0,
        }
    }

    /// The weight at a distance of 0 or more.
    fn weight(self, x: f32) -> f32 {
        let radius = self.radius();
        match self {
            Sampling::Lanczos(_) if x > radius => 0.0,
            // There is nothing to divide by.
            Sampling::Lanczos(_) if x <= 1e-3 => 1.0,
            Sampling::Lanczos(_) => radius * (PI * x).sin() * (PI * x / radius).sin() / (PI * PI * x * x),
            Sampling::Gaussian if x >= radius => 0.0,
            Sampling::Gaussian => (-x * x / (2.0 * (radius / 3.0) * (radius / 3.0))).exp(),
            Sampling::Box if x == 0.5 => 0.5,
            Sampling::Box => f32::from(u8::from(x < 0.5)),
            Sampling::Triangle => (1.0 - x).max(0.0),
            Sampling::KeysCubic | Sampling::MitchellCubic if x >= 2.0 => 0.0,
            Sampling::KeysCubic if x >= 1.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Sampling::KeysCubic => ((1.5 * x - 2.5) * x) * x + 1.0,
            Sampling::MitchellCubic if x >= 1.0 => (((-7.0 / 18.0) * x + 2.0) * x - 10.0 / 3.0) * x + 16.0 / 9.0,
            Sampling::MitchellCubic => (((7.0 / 6.0) * x - 2.0) * x) * x + 8.0 / 9.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    const OP: ScaleAndTranslate = ScaleAndTranslate { kernel_type: Sampling::Triangle, antialias: true };

    #[test]
    fn sizes_are_those_of_a_constant() {
        infer_ok(&OP, "uint8(?,4,5,3);int32(2);(2);(2)", "(?,?,?,3)");
        infer_err(&OP, "(?,4,5,3);int32(2);(3);(2)", "must be equal");
        infer_err(&OP, "(4,5,3);int32(2);(2);(2)", "shape must be rank 4 but is rank 3");
    }

    /// By hand: moved by one cell; then the mean of two cells, where there are such.
    #[test]
    fn what_lies_outside_is_zero() {
        let image = || Value::from_vec(&[1, 1, 4, 1], vec![1.0f32, 3.0, 5.0, 9.0]).unwrap();
        let run = |op, scale: f32, by: f32| {
            let more = [[1i32, 4].into_value(), [1.0f32, scale].into_value(), [0.0f32, by].into_value()];
            run_op(op, &[[image()].as_slice(), &more].concat()).unwrap()[0].slice::<f32>().unwrap().to_vec()
        };
        assert_eq!(run(OP, 1.0, 1.0), [0.0, 1.0, 3.0, 5.0]);
        let plain = ScaleAndTranslate { antialias: false, ..OP };
        assert_eq!(run(plain, 0.5, 0.0), [2.0, 7.0, 0.0, 0.0]);
        let boxes = ScaleAndTranslate { kernel_type: Sampling::Box, antialias: true };
        assert_eq!(run(boxes, 0.5, 1.0), [0.0, 2.0, 7.0, 0.0]);
    }
}
