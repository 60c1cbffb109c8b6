//! `Multinomial`: classes drawn by their logits.

use std::sync::Arc;

use super::seeds::Seeds;
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::philox::{RESERVED_PER_OUTPUT, Singles};
use crate::ops::array::Size;
use crate::ops::array::cast::cast_for;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec};

/// Classes that are drawn with probabilities `softmax(logits)`: `(b, c), () -> (b, n)`. Logits that are not finite have
/// no chance; a row without finite ones gives the number of classes, as in TensorFlow.
#[derive(Debug, Clone)]
pub struct Multinomial {
    /// Their stream.
    pub seeds: Seeds,
    /// int32 or int64.
    pub output_dtype: DType,
}

/// The row of [`Multinomial`].
pub static MULTINOMIAL: OpKind =
    OpKind::new("Multinomial", "logits: T, num_samples: int32 -> output: output_dtype", parse, examples)
        .effect(Effect::Random)
        .not_differentiable("classes do not change smoothly");

impl Tensor {
    /// The numbers of classes, int64, drawn for each row of these logits: `(b, c) -> (b, n)`. Each run draws anew; `seed`
    /// is the op's seed, see [`Graph::set_random_seed`](crate::Graph::set_random_seed).
    ///
    /// # Errors
    /// `ShapeMismatch` unless the logits are a matrix; `InvalidArgument` for a negative number, in the run for rows
    /// without classes; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `Multinomial`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.multinomial(2, None)?.shape().to_string(), "(?, 2)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.multinomial")]
    #[doc(alias = "tf.random.categorical")]
    #[track_caller]
    pub fn multinomial(&self, num_samples: impl Into<Size>, seed: Option<i64>) -> Result<Tensor> {
        let (g, num_samples) = (self.graph(), num_samples.into());
        g.composite("multinomial", |_| {
            let seeds = Seeds::of(g, seed);
            g.composite("Multinomial", |scope| {
                let num_samples = match num_samples {
                    Size::Tensor(number) => number,
                    Size::Number(number) => g.named("num_samples", || g.constant_as(DType::I32, number))?,
                };
                let op = Multinomial { seeds, output_dtype: DType::I64 };
                g.named(scope, || g.apply_one(op, &[self, &num_samples]))
            })
        })
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let output_dtype = attrs.dtype_or("output_dtype", DType::I64)?;
    if !matches!(output_dtype, DType::I32 | DType::I64) {
        return Err(Error::dtype(format!(
            "numbers of classes must be int32 or int64, but {output_dtype} was asked for"
        )));
    }
    Ok(Arc::new(Multinomial { seeds: Seeds::parse(attrs)?, output_dtype }))
}

fn examples() -> Vec<Example> {
    let op = |output_dtype| Multinomial { seeds: Seeds { seed: 1, seed2: 2 }, output_dtype };
    vec![
        Example::new(op(DType::I64), [[[1.0f32, 2.0], [0.0, -1.0]].into_value(), 3i32.into_value()]),
        Example::new(op(DType::I32), [[[1i32, 2]].into_value(), 0i32.into_value()]),
    ]
}

impl Op for Multinomial {
    fn kind(&self) -> &'static OpKind {
        &MULTINOMIAL
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(0);
        if !dtype.is_floating() && !dtype.is_integer() {
            return Err(Error::dtype(format!("logits must be real numbers, but are {dtype}")));
        }
        let logits = cx.shape(0).with_rank(2)?;
        cx.shape(1).with_rank(0)?;
        let n = match cx.ints(1).as_deref() {
            Some(&[n]) => Dim::from(check_number(n)?),
            _ => cx.sizes(1).map(|n| n[0].clone()).filter(Dim::is_never_negative).unwrap_or_else(Dim::unknown),
        };
        cx.output(self.output_dtype, Shape::new([logits.dim(0), n]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let &[rows, classes] = cx.input(0).dims() else {
            return Err(Error::shape(format!("logits should be a matrix, got shape {:?}", cx.input(0).dims())));
        };
        let n = check_number(i64::from(cx.input(1).scalar::<i32>()?))?;
        let dims = [rows, n];
        let mut output = cx.alloc(self.output_dtype, &dims)?;
        if !output.is_empty() && classes == 0 {
            return Err(Error::invalid("num_classes should be positive, got 0"));
        } else if !output.is_empty() {
            // As many as TensorFlow takes: two numbers for each sample, whole blocks of them for each row.
            let counters = rows as u128 * n.next_multiple_of(4) as u128 * 2 * RESERVED_PER_OUTPUT;
            let stream = self.seeds.reserve(cx, counters)?;
            let mut numbers = Singles::new(stream.key, stream.counter);
            let logits = cast_for(cx, cx.input(0), DType::F64)?;
            let logits = logits.slice::<f64>()?.chunks_exact(classes);
            match self.output_dtype {
                DType::I32 => draw(cx, logits, n, &mut numbers, output.make_mut::<i32>()?, |class| class as i32)?,
                _ => draw(cx, logits, n, &mut numbers, output.make_mut::<i64>()?, |class| class as i64)?,
            }
        }
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = self.seeds.attrs();
        attrs.push(("output_dtype", AttrValue::Type(self.output_dtype)));
        attrs
    }
}

fn check_number(n: i64) -> Result<usize> {
    usize::try_from(n).map_err(|_| Error::invalid(format!("num_samples must be non-negative but is {n}")))
}

/// Units of work for a sample or a class: a random number or an exponential, and a search.
const DRAW_WORK: usize = 32;

/// `n` classes for each row, row after row.
fn draw<'a, I>(
    cx: &RunCx<'_>,
    logits: impl Iterator<Item = &'a [f64]>,
    n: usize,
    numbers: &mut Singles,
    drawn: &mut [I],
    as_class: fn(usize) -> I,
) -> Result<()> {
    let (mut sums, mut pace) = (cx.list(0)?, cx.pace());
    for (row, drawn) in logits.zip(drawn.chunks_exact_mut(n)) {
        let total = running_sums(row, &mut sums, &mut pace)?;
        for drawn in drawn {
            pace.spend(DRAW_WORK)?;
            let at = unit(numbers) * total;
            *drawn = as_class(sums.partition_point(|sum| at >= *sum));
        }
    }
    Ok(())
}

/// The running sums of the weights of a row, and the last one.
fn running_sums(row: &[f64], sums: &mut ScratchVec<f64>, pace: &mut Pace<'_>) -> Result<f64> {
    let max = row.iter().copied().filter(|logit| logit.is_finite()).fold(f64::MIN, f64::max);
    sums.clear();
    let mut total = 0.0;
    for logit in row {
        pace.spend(DRAW_WORK)?;
        total += if logit.is_finite() { (logit - max).exp() } else { 0.0 };
        sums.push(total)?;
    }
    Ok(total)
}

/// A number in `[0, 1)` of 52 random bits.
fn unit(numbers: &mut Singles) -> f64 {
    let (high, low) = (u64::from(numbers.draw() & 0xf_ffff), u64::from(numbers.draw()));
    f64::from_bits(1023 << 52 | high << 32 | low) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::ops::testing::{infer_err, infer_ok};
    use crate::session::Session;

    /// Numbers of TensorFlow 1.15.5, run after run.
    #[test]
    fn classes_are_those_of_tensorflow() -> Result<()> {
        let g = Graph::new();
        g.set_random_seed(7);
        let a = g.constant([[1.0f32, 2.0, 3.0, 0.5], [0.0, 0.0, 5.0, 1.0]])?.multinomial(5, Some(3))?;
        let b = g.constant_as(DType::F64, [[0.1, 0.2, f64::NEG_INFINITY]])?.multinomial(6, Some(4))?;
        let sess = Session::new(&g)?;
        for (want_a, want_b) in [
            ([1, 2, 3, 0, 2, 2, 2, 2, 2, 2], [1, 0, 0, 1, 1, 0]),
            ([1, 1, 2, 2, 1, 2, 2, 2, 2, 2], [1, 1, 1, 1, 1, 0]),
            ([2, 1, 2, 2, 2, 2, 2, 2, 2, 2], [0, 0, 1, 1, 1, 0]),
        ] {
            let got = sess.run([&a, &b])?;
            assert_eq!((got[0].slice::<i64>()?, got[1].slice::<i64>()?), (&want_a[..], &want_b[..]));
        }
        Ok(())
    }

    #[test]
    fn logits_are_a_matrix_with_classes() -> Result<()> {
        let op = Multinomial { seeds: Seeds::default(), output_dtype: DType::I32 };
        infer_ok(&op, "(?,3);int32()", "(?,?)");
        infer_err(&op, "(3);int32()", "shape must be rank 2 but is rank 1");
        let g = Graph::new();
        let error = g.constant([[1.0f32]])?.multinomial(-1, None).unwrap_err();
        assert_eq!(error.message(), "num_samples must be non-negative but is -1");
        let none = g.zeros(DType::F32, [2, 0])?;
        let error = Session::new(&g)?.run(none.multinomial(1, None)?).unwrap_err();
        assert_eq!(error.message(), "num_classes should be positive, got 0");
        // A row without finite logits gives the number of classes.
        let lost = g.constant([[f32::NEG_INFINITY; 3]])?.multinomial(2, None)?;
        assert_eq!(Session::new(&g)?.run(&lost)?.slice::<i64>()?, [3, 3]);
        Ok(())
    }
}
