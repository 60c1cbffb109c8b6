//! `RandomShuffle`: the rows in another order.

use std::sync::Arc;

use super::seeds::Seeds;
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::philox::Singles;
use crate::ops::array::cells::{Cell, cells, cells_mut, with_cells};
use crate::value::{IntoValue, ScratchVec, Value};

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
        let order = shuffled(cx, n, &mut Singles::new(stream.key, stream.counter))?;
        let mut output = cx.alloc(value.dtype(), value.dims())?;
        let row_len = value.len() / n;
        with_cells!(value.dtype(), E => copy_rows::<E>(cx, &order, row_len, &mut output)?);
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.seeds.attrs()
    }
}

/// 0 to n - 1 in a random order: each place takes one of those that are left.
fn shuffled(cx: &RunCx<'_>, n: usize, numbers: &mut Singles) -> Result<ScratchVec<usize>> {
    let (mut order, mut pace) = (cx.collect(0..n)?, cx.pace());
    for i in 0..n - 1 {
        // A random number, a division, and a miss of the cache.
        pace.spend(32)?;
        order.swap(i, i + numbers.draw() as usize % (n - i));
    }
    Ok(order)
}

fn copy_rows<E: Cell>(cx: &RunCx<'_>, order: &[usize], row_len: usize, output: &mut Value) -> Result<()> {
    let (from, mut pace) = (cells::<E>(cx.input(0))?, cx.pace());
    for (to, row) in cells_mut::<E>(output)?.chunks_exact_mut(row_len).zip(order) {
        pace.spend(16 + row_len)?;
        to.clone_from_slice(&from[row * row_len..][..row_len]);
    }
    Ok(())
}
