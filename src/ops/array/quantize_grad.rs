//! `QuantizeAndDequantizeV4Grad`: the gradient of what was quantized and back.

use std::sync::Arc;

use num_traits::Float;

use super::quantize_and_dequantize::{check_ends, ends, slices};
use crate::dtype::{DType, Plain};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// The gradient of the fourth version: what was cut gives its own to the end of the range where it was cut.
#[derive(Debug, Clone)]
pub struct QuantizeAndDequantizeV4Grad {
    /// The axis whose slices have ranges of their own; -1 for none.
    pub axis: i64,
}

/// The row of [`QuantizeAndDequantizeV4Grad`].
pub static QUANTIZE_AND_DEQUANTIZE_V4_GRAD: OpKind = OpKind::new(
    "QuantizeAndDequantizeV4Grad",
    "gradients: T, input: T, input_min: T, input_max: T -> input_backprop: T, input_min_backprop: T, \
     input_max_backprop: T",
    |attrs: &Attrs| Ok(Arc::new(QuantizeAndDequantizeV4Grad { axis: attrs.int_or("axis", -1)? })),
    || {
        let (grad, x) = ([[1.0f32, 2.0], [3.0, 4.0]].into_value(), [[-9.0f32, 0.5], [0.0, 9.0]].into_value());
        let of = |axis, low: Value, high: Value| {
            Example::new(QuantizeAndDequantizeV4Grad { axis }, [grad.clone(), x.clone(), low, high])
        };
        let slices = of(0, [-1.0f32, 0.0].into_value(), [1.0f32, 2.0].into_value());
        vec![of(-1, Value::scalar_of(-1.0f32), Value::scalar_of(1.0f32)), slices]
    },
);

impl Op for QuantizeAndDequantizeV4Grad {
    fn kind(&self) -> &'static OpKind {
        &QUANTIZE_AND_DEQUANTIZE_V4_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(0);
        if !matches!(dtype, DType::F32 | DType::F64) {
            return Err(Error::unsupported(format!("gradients must be float32 or float64, but are {dtype}")));
        }
        check_ends(cx, self.axis, [2, 3])?;
        let shape = cx.shape(0).merge(cx.shape(1))?;
        let ends = cx.shape(2).merge(cx.shape(3))?;
        cx.output(dtype, shape);
        cx.output(dtype, ends.clone());
        cx.output(dtype, ends);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let outputs = match cx.input(0).dtype() {
            DType::F64 => self.split::<f64>(cx)?,
            _ => self.split::<f32>(cx)?,
        };
        outputs.into_iter().enumerate().for_each(|(i, output)| cx.output(i, output));
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("axis", AttrValue::Int(self.axis))]
    }
}

impl QuantizeAndDequantizeV4Grad {
    fn split<T: Plain + Float>(&self, cx: &mut RunCx<'_>) -> Result<[Value; 3]> {
        if !cx.input(0).has_dims_of(cx.input(1)) {
            let [grad, x] = [0, 1].map(|i| Shape::from(cx.input(i).dims()));
            return Err(Error::shape(format!("gradients and input must have one shape, but have {grad} and {x}")));
        }
        let mut grad = cx.take_unique(0)?;
        let x = cx.input(1);
        let (n, inner) = slices(x.dims(), self.axis)?;
        let (low, high) = (ends::<T>(cx.input(2), n)?, ends::<T>(cx.input(3), n)?);
        let (mut below, mut above) = (cx.scratch_of(n, T::zero())?, cx.scratch_of(n, T::zero())?);
        let mut pace = cx.pace();
        for (i, (grad, x)) in grad.make_mut::<T>()?.iter_mut().zip(x.slice::<T>()?).enumerate() {
            pace.spend(4)?;
            let slice = i / inner % n;
            if *x < low[slice] {
                below[slice] = below[slice] + std::mem::replace(grad, T::zero());
            } else if *x > high[slice] {
                above[slice] = above[slice] + std::mem::replace(grad, T::zero());
            }
        }
        let dims = cx.input(2).dims();
        Ok([grad, below.into_value(dims)?, above.into_value(dims)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    #[test]
    fn what_was_cut_gives_its_gradient_to_the_ends() {
        let inputs = [
            [1.0f32, 2.0, 4.0].into_value(),
            [-9.0f32, 0.0, 9.0].into_value(),
            Value::scalar_of(-1.0f32),
            Value::scalar_of(1.0f32),
        ];
        let got = run_op(QuantizeAndDequantizeV4Grad { axis: -1 }, &inputs).unwrap();
        assert_eq!(got.iter().map(ToString::to_string).collect::<Vec<_>>(), ["[0. 2. 0.]", "1.0", "4.0"]);
    }
}
