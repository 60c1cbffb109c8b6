//! `L2Loss`: half the sum of the squares.

use std::sync::Arc;

use super::softmax::floating;
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::ops::array::cast::cast_for;
use crate::ops::math::reduce::sum_of_squares;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// `sum(x²) / 2`.
#[derive(Debug, Clone)]
pub struct L2Loss;

/// The row of [`L2Loss`].
pub static L2_LOSS: OpKind = OpKind::new("L2Loss", "t: T -> output: T", |_| Ok(Arc::new(L2Loss)), examples);

impl Tensor {
    /// Half the sum of the squares of all elements, a scalar. Floating-point numbers; the shape need not be known.
    ///
    /// # Errors
    /// `DTypeMismatch` for other dtypes.
    ///
    /// Source: TensorFlow's `L2Loss`.
    #[doc(alias = "tf.nn.l2_loss")]
    #[track_caller]
    pub fn l2_loss(&self) -> Result<Tensor> {
        self.graph().apply_one(L2Loss, &[self])
    }
}

fn examples() -> Vec<Example> {
    vec![
        Example::new(L2Loss, [[[1.0f32, -2.0], [3.0, 0.5]].into_value()]),
        Example::new(L2Loss, [3.0f64.into_value().weak_cast(crate::DType::F64).expect("float64 is float64")]),
        Example::new(L2Loss, [Vec::<f32>::new().into_value()]),
    ]
}

impl Op for L2Loss {
    fn kind(&self) -> &'static OpKind {
        &L2_LOSS
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        floating(cx.dtype(0))?;
        cx.output(cx.dtype(0), Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.input(0);
        floating(x.dtype())?;
        let sum = sum_of_squares(cx, x)?;
        let half = match sum.dtype() {
            DType::F64 => Value::scalar_of(sum.slice::<f64>()?[0] / 2.0),
            _ => Value::scalar_of(sum.slice::<f32>()?[0] / 2.0),
        };
        cx.output(0, cast_for(cx, &half, x.dtype())?);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some((cx.input(0) * cx.dy()?)?)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn half_the_sum_of_the_squares() {
        let got = run_op(L2Loss, &[[[1.0f32, -2.0], [3.0, 0.5]].into_value()]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [7.125]);
        infer_ok(&L2Loss, "<unknown>", "()");
        infer_err(&L2Loss, "int32(2)", "int32");
    }
}
