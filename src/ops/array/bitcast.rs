//! `Bitcast`: the same bytes as elements of another dtype.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape};
use crate::value::{IntoValue, Value};

/// The same bytes as elements of another dtype.
#[derive(Debug, Clone)]
pub struct Bitcast {
    /// The dtype of the result.
    pub to: DType,
}

/// The row of [`Bitcast`].
pub static BITCAST: OpKind = OpKind::new(
    "Bitcast",
    "input: T -> output: type",
    |attrs: &Attrs| Ok(Arc::new(Bitcast { to: attrs.dtype("type")? }) as Arc<dyn Op>),
    || {
        let of = |to, value: Value| Example::new(Bitcast { to }, [value]);
        vec![
            of(DType::I32, [1.0f32, 2.0].into_value()),
            of(DType::U8, [1i32, 2].into_value()),
            of(DType::I64, [[1i32, 0], [2, 0]].into_value()),
        ]
    },
)
.not_differentiable("bits do not change smoothly");

impl Tensor {
    /// The same bytes as elements of another dtype: smaller ones are a new last axis, and a last axis of the right size
    /// becomes larger ones.
    ///
    /// # Errors
    /// `ShapeMismatch` where the last axis does not fit; `Unsupported` for strings and bool.
    #[doc(alias = "tf.bitcast")]
    #[track_caller]
    pub fn bitcast(&self, to: DType) -> Result<Tensor> {
        self.graph().apply_one(Bitcast { to }, &[self])
    }
}

fn size(dtype: DType) -> Result<usize> {
    let refused = || Error::unsupported(format!("bitcast is for numbers, not for {dtype}"));
    // Bytes of numbers may be no bools.
    dtype.size().filter(|_| dtype != DType::Bool).ok_or_else(refused)
}

impl Op for Bitcast {
    fn kind(&self) -> &'static OpKind {
        &BITCAST
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (from, to, shape) = (size(cx.dtype(0))?, size(self.to)?, cx.shape(0));
        let shape = match shape.rank() {
            Some(rank) if from > to => shape.insert(rank, Dim::from(from / to))?,
            Some(0) if from < to => {
                return Err(Error::shape(format!("cannot bitcast a scalar of {} to {}", cx.dtype(0), self.to)));
            }
            Some(rank) if from < to => shape.with_dim(rank - 1, &Dim::from(to / from))?.slice(..rank - 1)?,
            _ => shape.clone(),
        };
        cx.output(self.to, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.input(0);
        let (from, to) = (size(value.dtype())?, size(self.to)?);
        let mut dims = Dims::from_slice(value.dims());
        if from > to {
            dims.push(from / to);
        } else if from < to && dims.pop() != Some(to / from) {
            let shape = Shape::from(value.dims());
            return Err(Error::shape(format!("cannot bitcast from {} to {}: shape {shape}", value.dtype(), self.to)));
        }
        let mut out = cx.alloc(self.to, &dims)?;
        out.copy_bytes(value, &mut cx.pace())?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("type", AttrValue::Type(self.to))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn bytes_stay() {
        let got = run_op(Bitcast { to: DType::I32 }, &[[1.0f32].into_value()]).unwrap().remove(0);
        assert_eq!(got.slice::<i32>().unwrap(), [0x3f80_0000]);
        let got = run_op(Bitcast { to: DType::I64 }, &[[[1, 0], [0, 1]].into_value()]).unwrap().remove(0);
        assert_eq!((got.dims(), got.slice::<i64>().unwrap()), (&[2][..], &[1, 1 << 32][..]));
    }

    #[test]
    fn the_last_axis_comes_and_goes() {
        infer_ok(&Bitcast { to: DType::U8 }, "(?,3)", "(?,3,4)");
        infer_ok(&Bitcast { to: DType::F64 }, "(?,2)", "(?)");
        infer_err(&Bitcast { to: DType::F64 }, "(?,3)", "dimension must be 2 but is 3");
        infer_err(&Bitcast { to: DType::Bool }, "uint8(3)", "bitcast is for numbers, not for bool");
    }
}
