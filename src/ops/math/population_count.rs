//! `PopulationCount`: how many bits of an integer are set.

use std::sync::Arc;

use super::dtypes::unsupported;
use super::elementwise::for_parts;
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::value::IntoValue;
use crate::with_type;

/// How many bits of each integer are set.
///
/// Source: TensorFlow's `PopulationCount`.
#[derive(Debug, Clone)]
pub struct PopulationCount;

/// The row of [`PopulationCount`].
pub static POPULATION_COUNT: OpKind = OpKind::new(
    "PopulationCount",
    "x: T -> y: uint8",
    |_: &Attrs| Ok(Arc::new(PopulationCount) as Arc<dyn Op>),
    || {
        vec![
            Example::new(PopulationCount, [[[1i32, 7], [-1, 0]].into_value()]),
            Example::new(PopulationCount, [Vec::<u8>::new().into_value()]),
        ]
    },
)
.not_differentiable("integers do not change smoothly");

impl Op for PopulationCount {
    fn kind(&self) -> &'static OpKind {
        &POPULATION_COUNT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        with_type!(cx.dtype(0), T in ints => { let _: T; }, else => return Err(unsupported(cx.dtype(0))));
        cx.output(DType::U8, cx.shape(0));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let mut out = cx.alloc(DType::U8, cx.input(0).dims())?;
        with_type!(cx.input(0).dtype(), T in ints => {
            let x = cx.input(0).slice::<T>()?;
            for_parts(cx, out.make_mut::<u8>()?, &|start, part| {
                part.iter_mut().zip(&x[start..]).for_each(|(out, x)| *out = x.count_ones() as u8);
            })?;
        }, else => return Err(unsupported(cx.input(0).dtype())));
        cx.output(0, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn bits_are_counted_in_each_dtype() {
        let count = |x| run_op(PopulationCount, &[x]).unwrap()[0].slice::<u8>().unwrap().to_vec();
        assert_eq!(count([0i32, 1, 255, -1, i32::MIN].into_value()), [0, 1, 8, 32, 1]);
        assert_eq!(count([-1i64, i64::MAX].into_value()), [64, 63]);
        assert_eq!(count([-1i8, 3].into_value()), [8, 2]);
        assert_eq!(count([u16::MAX, 0x0101].into_value()), [16, 2]);
        infer_ok(&PopulationCount, "int8(?,2)", "(?,2)");
        infer_err(&PopulationCount, "(2)", "float32");
    }
}
