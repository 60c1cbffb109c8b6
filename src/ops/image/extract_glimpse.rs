//! `ExtractGlimpse`: windows of images around given places.

use std::sync::Arc;

use super::resize::{infer_size, size_of};
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// Images `(b, h, w, c)`, a size `(2)` and a place in each image `(b, 2)` give windows `(b, h', w', c)`. float32.
#[derive(Debug, Clone)]
pub struct ExtractGlimpse {
    /// Whether places count from the middle of an image, which is 0, to its ends, rather than from the upper left corner.
    pub centered: bool,
    /// Whether 1 is the size of an image, rather than a cell.
    pub normalized: bool,
    /// Whether noise without a name is uniform.
    pub uniform_noise: bool,
    /// What lies around an image. Only zeros are filled in: a window that reaches outside is refused where it is noise.
    pub noise: String,
}

/// The row of [`ExtractGlimpse`].
pub static EXTRACT_GLIMPSE: OpKind =
    OpKind::new("ExtractGlimpse", "input: float32, size: int32, offsets: float32 -> glimpse: float32", parse, || {
        let of = |centered, normalized, offsets: [f32; 2]| {
            let image = Value::from_vec(&[1, 4, 5, 1], (0..20).map(|i| i as f32).collect()).expect("20 numbers");
            let op = ExtractGlimpse { centered, normalized, uniform_noise: false, noise: "zero".to_owned() };
            Example::new(op, [image, [2i32, 3].into_value(), [offsets].into_value()])
        };
        vec![of(true, true, [0.0, 0.5]), of(false, false, [1.0, 2.0]), of(false, true, [1.0, 0.0])]
    });

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let flag = |name: &str| attrs.bool_or(name, true);
    let (uniform_noise, noise) = (flag("uniform_noise")?, attrs.str_or("noise", "uniform")?);
    if !["", "gaussian", "uniform", "zero"].contains(&noise.as_str()) {
        return Err(Error::invalid(format!("noise must be gaussian, uniform or zero, but is '{}'", escape(&noise))));
    }
    if uniform_noise && !["", "uniform"].contains(&noise.as_str()) {
        return Err(Error::invalid(format!("uniform_noise must be false where noise is {noise}, but is true")));
    }
    Ok(Arc::new(ExtractGlimpse { centered: flag("centered")?, normalized: flag("normalized")?, uniform_noise, noise }))
}

impl Op for ExtractGlimpse {
    fn kind(&self) -> &'static OpKind {
        &EXTRACT_GLIMPSE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (images, offsets) = (cx.shape(0).with_rank(4)?, cx.shape(2).with_rank(2)?);
        let batch = images.dim(0).merge(&offsets.dim(0))?;
        offsets.dim(1).merge(&2.into())?;
        let [height, width] = infer_size(cx, 1)?;
        cx.output(DType::F32, Shape::new([batch, height, width, images.dim(3)]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (x, size, offsets) = (cx.input(0), size_of(cx.input(1))?, cx.input(2));
        let &[batch, height, width, depth] = x.dims() else {
            return Err(Error::shape(format!("input must be 4-dimensional, but has shape {:?}", x.dims())));
        };
        if offsets.dims() != [batch, 2] {
            return Err(Error::shape(format!("offsets must have shape [{batch}, 2], but have {:?}", offsets.dims())));
        }
        let mut out = cx.alloc_zeros(DType::F32, &[batch, size[0], size[1], depth])?;
        if out.is_empty() {
            cx.output(0, out);
            return Ok(());
        }
        let (x, to, mut pace) = (x.slice::<f32>()?, out.make_mut::<f32>()?, cx.pace());
        for (i, place) in offsets.slice::<f32>()?.chunks_exact(2).enumerate() {
            let [top, left] = [self.start(place[0], height, size[0]), self.start(place[1], width, size[1])];
            let is_inside = [(top, size[0], height), (left, size[1], width)]
                .iter()
                .all(|(start, n, all)| *start >= 0 && start.saturating_add(*n as i64) <= *all as i64);
            if !is_inside && self.noise != "zero" {
                return Err(Error::unsupported("noise around images is not supported, but a window reaches outside"));
            }
            for row in 0..size[0] {
                pace.spend(size[1].saturating_mul(8 + depth))?;
                let Some(from) = inside(top, row, height) else { continue };
                for column in 0..size[1] {
                    let Some(at) = inside(left, column, width) else { continue };
                    let cell = &mut to[((i * size[0] + row) * size[1] + column) * depth..][..depth];
                    cell.copy_from_slice(&x[((i * height + from) * width + at) * depth..][..depth]);
                }
            }
        }
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("centered", AttrValue::Bool(self.centered)),
            ("normalized", AttrValue::Bool(self.normalized)),
            ("uniform_noise", AttrValue::Bool(self.uniform_noise)),
            ("noise", AttrValue::Str(self.noise.clone().into())),
        ]
    }
}

/// The cell of an image that cell `i` of a window shows.
fn inside(start: i64, i: usize, all: usize) -> Option<usize> {
    usize::try_from(start.saturating_add(i as i64)).ok().filter(|at| *at < all)
}

impl ExtractGlimpse {
    /// Where a window of `n` cells begins in a line of `all`, in the arithmetic of TensorFlow's kernel.
    fn start(&self, place: f32, all: usize, n: usize) -> i64 {
        let at = if self.normalized { place * all as f32 } else { place };
        let at = if self.centered { at / 2.0 + all as f32 / 2.0 } else { at };
        (at - n as f32 / 2.0) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn op(noise: &str) -> ExtractGlimpse {
        ExtractGlimpse { centered: true, normalized: true, uniform_noise: false, noise: noise.to_owned() }
    }

    #[test]
    fn sizes_are_those_of_a_constant() {
        infer_ok(&op("zero"), "(?,4,5,1);int32(2);(3,?)", "(3,?,?,1)");
        infer_err(&op("zero"), "(?,4,5,1);int32(2);(3,3)", "must be equal");
    }

    /// By hand: the middle, and a corner of which three quarters lie outside.
    #[test]
    fn windows_lie_around_places() {
        let image = || Value::from_vec(&[1, 4, 4, 1], (0..16).map(|i| i as f32).collect()).unwrap();
        let run = |op, place: [f32; 2]| run_op(op, &[image(), [2i32, 2].into_value(), [place].into_value()]);
        let cells = |value: Vec<Value>| value[0].slice::<f32>().unwrap().to_vec();
        assert_eq!(cells(run(op("zero"), [0.0, 0.0]).unwrap()), [5.0, 6.0, 9.0, 10.0]);
        assert_eq!(cells(run(op("uniform"), [0.5, -0.5]).unwrap()), [8.0, 9.0, 12.0, 13.0]);
        assert_eq!(cells(run(op("zero"), [-1.0, 1.0]).unwrap()), [0.0, 0.0, 3.0, 0.0]);
        assert!(run(op("gaussian"), [-1.0, 1.0]).unwrap_err().message().contains("noise around images"));
    }
}
