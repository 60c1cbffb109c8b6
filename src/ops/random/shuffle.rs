//! `RandomShuffle`: the rows in another order.

use std::sync::Arc;

use super::seeds::Seeds;
use crate::dtype::Plain;
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::philox::Singles;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The rows (elements along the first axis) in a random order.
#[derive(Debug, Clone)]
pub struct RandomShuffle {
    /// The stream.
    pub seeds: Seeds,
}

/// The row of [`RandomShuffle`].
pub static RANDOM_SHUFFLE: OpKind = OpKind::new("RandomShuffle", "value: T -> output: T", parse, examples)
    .effect(Effect::Random)
    .not_differentiable("a random order has no gradient here");

impl Tensor {
    /// The rows in a random order, the same for equal seeds: `(n, ..) -> (n, ..)`. Any dtype.
    ///
    /// Source: TensorFlow's `RandomShuffle` (Fisher and Yates).
    #[doc(alias = "tf.random_shuffle")]
    #[track_caller]
    pub fn random_shuffle(&self, seed: Option<i64>) -> Result<Tensor> {
        let seeds = Seeds::of(self.graph(), seed);
        self.graph().apply_one(RandomShuffle { seeds }, &[self])
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(RandomShuffle { seeds: Seeds::parse(attrs)? }))
}

fn examples() -> Vec<Example> {
    let op = || RandomShuffle { seeds: Seeds { seed: 1, seed2: 2 } };
    vec![Example::new(op(), [[[1.0f32, 2.0], [3.0, 4.0]].into_value()]), Example::new(op(), [7i64.into_value()])]
}

impl Op for RandomShuffle {
    fn kind(&self) -> &'static OpKind {
        &RANDOM_SHUFFLE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = cx.input(0);
        let n = value.dims().first().copied().unwrap_or(1);
        if n <= 1 || value.is_empty() {
            let value = cx.take(0);
            cx.output(0, value);
            return Ok(());
        }
        let draws = (n - 1) as u128;
        let stream = self.seeds.reserve(cx, draws.div_ceil(4))?;
        let order = shuffled(n, &mut Singles::new(stream.key, stream.counter));
        let mut output = cx.alloc(value.dtype(), value.dims())?;
        let row_len = value.len() / n;
        with_type!(value.dtype(), T in plain => copy_rows::<T>(value, &order, row_len, &mut output)?, else => {
            let strings = value.strings()?;
            let picked = order.iter().flat_map(|row| &strings[row * row_len..][..row_len]);
            output.strings_mut()?.iter_mut().zip(picked).for_each(|(cell, text)| cell.clone_from(text));
        });
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.seeds.attrs()
    }
}

/// 0 to n - 1 in a random order: each place takes one of those that are left.
fn shuffled(n: usize, numbers: &mut Singles) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in 0..n - 1 {
        order.swap(i, i + numbers.draw() as usize % (n - i));
    }
    order
}

fn copy_rows<T: Plain>(value: &Value, order: &[usize], row_len: usize, output: &mut Value) -> Result<()> {
    let value = value.slice::<T>()?;
    let rows = output.make_mut::<T>()?.chunks_exact_mut(row_len);
    rows.zip(order).for_each(|(cells, row)| cells.copy_from_slice(&value[row * row_len..][..row_len]));
    Ok(())
}
