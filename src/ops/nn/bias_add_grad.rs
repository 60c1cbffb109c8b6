//! `BiasAddGrad`: the sum over all axes but that of the channels.

use std::sync::Arc;

use super::bias_add::DataFormat;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::ops::math::reduce::sum_along;
use crate::shape::{Dim, Shape};
use crate::value::IntoValue;

/// `(.., n) -> (n)`, or `(b, n, ..) -> (n)`: what `BiasAdd` hands back to its bias.
#[derive(Debug, Clone)]
pub struct BiasAddGrad {
    /// Where the channels stand.
    pub data_format: DataFormat,
}

/// The row of [`BiasAddGrad`].
pub static BIAS_ADD_GRAD: OpKind = OpKind::new("BiasAddGrad", "out_backprop: T -> output: T", parse, examples);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(BiasAddGrad { data_format: DataFormat::parse(attrs)? }))
}

fn examples() -> Vec<Example> {
    let x = || [[[1.0f32, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]].into_value();
    vec![
        Example::new(BiasAddGrad { data_format: DataFormat::Nhwc }, [x()]),
        Example::new(BiasAddGrad { data_format: DataFormat::Nchw }, [x()]),
    ]
}

impl Op for BiasAddGrad {
    fn kind(&self) -> &'static OpKind {
        &BIAS_ADD_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).with_rank_at_least(2)?;
        let channels = shape.rank().map_or_else(Dim::unknown, |rank| shape.dim(self.data_format.channel_axis(rank)));
        cx.output(cx.dtype(0), Shape::new([channels]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.input(0);
        if x.rank() < 2 {
            return Err(Error::shape(format!("input tensor must be at least 2D: {:?}", x.dims())));
        }
        let axis = self.data_format.channel_axis(x.rank());
        if !(x.dtype().is_floating() || x.dtype().is_integer() || x.dtype().is_complex()) {
            return Err(Error::unsupported(format!("bias gradients are for numbers, not for {}", x.dtype())));
        }
        let output = if x.is_empty() {
            cx.alloc_zeros(x.dtype(), &[x.dims()[axis]])?
        } else {
            sum_along(cx, x, &|other| other != axis)?
        };
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("data_format", self.data_format.attr())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn all_but_the_channels_are_summed() {
        for (data_format, want) in [(DataFormat::Nhwc, [16.0, 20.0]), (DataFormat::Nchw, [14.0, 22.0])] {
            let op = BiasAddGrad { data_format };
            let got = run_op(op, &examples()[0].inputs).unwrap();
            assert_eq!(got[0].slice::<f32>().unwrap(), want);
        }
        infer_ok(&BiasAddGrad { data_format: DataFormat::Nchw }, "(2,3,?,5)", "(3)");
        infer_ok(&BiasAddGrad { data_format: DataFormat::Nhwc }, "<unknown>", "(?)");
        infer_err(&BiasAddGrad { data_format: DataFormat::Nhwc }, "(2)", "shape must be at least rank 2 but is rank 1");
    }

    /// By hand: of nothing the sums are 0.
    #[test]
    fn sums_of_vast_nothing_are_zeros() {
        let none = Value::zeros(crate::DType::F32, &[1 << 40, 2, 0]).unwrap();
        let got = run_op(BiasAddGrad { data_format: DataFormat::Nchw }, &[none]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [0.0; 2]);
    }
}
