//! `LRN`, local response normalization, and its gradient.

use std::sync::Arc;

use num_traits::NumCast;

use super::conv::counting;
use super::pool::Floating;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::ops::wide::widened;
use crate::value::Value;
use crate::with_type;

/// How neighbouring channels normalize each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbours {
    /// Channels on each side.
    pub depth_radius: usize,
    /// Added to the sum, so that nothing is divided by 0.
    pub bias: f32,
    /// The factor of the sum of squares.
    pub alpha: f32,
    /// The exponent.
    pub beta: f32,
}

/// Divides each channel by `(bias + alpha * sum)^beta` with the sum of the squares of the channels around it:
/// `(b, h, w, c) -> (b, h, w, c)`. Floating-point numbers.
#[derive(Debug, Clone)]
pub struct Lrn {
    /// How.
    pub over: Neighbours,
}

/// The gradient of [`Lrn`] from the gradient of its output, its input and its output, all of one shape.
#[derive(Debug, Clone)]
pub struct LrnGrad {
    /// How.
    pub over: Neighbours,
}

/// The row of [`Lrn`].
pub static LRN: OpKind = OpKind::new(
    "LRN",
    "input: T -> output: T",
    |attrs| Ok(Arc::new(Lrn { over: Neighbours::parse(attrs)? })),
    || {
        let over = Neighbours { depth_radius: 1, bias: 2.0, alpha: 0.5, beta: 0.75 };
        let of = |over, x: Value| Example::new(Lrn { over }, [x]);
        vec![
            of(over, counting(&[2, 2, 1, 4])),
            of(Neighbours { depth_radius: 5, ..over }, counting(&[1, 1, 2, 3])),
            of(over, counting(&[0, 2, 2, 3])),
        ]
    },
);

/// The row of [`LrnGrad`].
pub static LRN_GRAD: OpKind = OpKind::new(
    "LRNGrad",
    "input_grads: T, input_image: T, output_image: T -> output: T",
    |attrs| Ok(Arc::new(LrnGrad { over: Neighbours::parse(attrs)? })),
    || {
        let over = Neighbours { depth_radius: 1, bias: 2.0, alpha: 0.5, beta: 0.75 };
        let x = || counting(&[1, 2, 1, 4]);
        vec![Example::new(LrnGrad { over }, [x(), x(), x()])]
    },
);

impl Tensor {
    /// Local response normalization: each channel over `(bias + alpha * sum)^beta`, where `sum` is that of the squares of
    /// the channels up to `depth_radius` away. `(b, h, w, c) -> (b, h, w, c)`, floating-point numbers.
    ///
    /// # Errors
    /// `ShapeMismatch` for other ranks.
    ///
    /// Source: TensorFlow's `LRN`.
    #[doc(alias = "tf.nn.local_response_normalization")]
    #[doc(alias = "tf.nn.lrn")]
    #[track_caller]
    pub fn lrn(&self, over: Neighbours) -> Result<Tensor> {
        self.graph().apply_one(Lrn { over }, &[self])
    }
}

impl Neighbours {
    fn parse(attrs: &Attrs) -> Result<Neighbours> {
        let radius = attrs.int_or("depth_radius", 5)?;
        let depth_radius = usize::try_from(radius)
            .map_err(|_| Error::invalid(format!("depth_radius must be 0 or more, but is {radius}")))?;
        let [bias, alpha, beta] =
            [("bias", 1.0), ("alpha", 1.0), ("beta", 0.5)].map(|(name, x)| attrs.float_or(name, x));
        Ok(Neighbours { depth_radius, bias: bias?, alpha: alpha?, beta: beta? })
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let radius = i64::try_from(self.depth_radius).unwrap_or(i64::MAX);
        vec![
            ("depth_radius", AttrValue::Int(radius)),
            ("bias", AttrValue::Float(self.bias)),
            ("alpha", AttrValue::Float(self.alpha)),
            ("beta", AttrValue::Float(self.beta)),
        ]
    }

    /// The channels that count for one of them.
    fn around(&self, channel: usize, channels: usize) -> std::ops::Range<usize> {
        channel.saturating_sub(self.depth_radius)..channels.min(channel.saturating_add(self.depth_radius + 1))
    }

    /// `bias + alpha * sum` for a channel of a row.
    fn norm<T: Floating>(&self, row: &[T], channel: usize) -> T::Acc {
        let sum = row[self.around(channel, row.len())].iter().fold(T::Acc::ZERO, |sum, x| {
            let x = x.widen();
            sum + x * x
        });
        real::<T>(self.bias) + real::<T>(self.alpha) * sum
    }
}

fn real<T: Floating>(x: f32) -> T::Acc {
    NumCast::from(x).expect("floating-point numbers hold float32")
}

/// Rows that are worth a thread of their own, of so many channels.
fn step(channels: usize) -> usize {
    (super::window::CHUNK / (8 * channels.max(1))).max(1) * channels.max(1)
}

fn refuse(value: &Value) -> Error {
    Error::unsupported(format!("normalization is for floating-point numbers, not for {}", value.dtype()))
}

impl Op for Lrn {
    fn kind(&self) -> &'static OpKind {
        &LRN
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).with_rank(4)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[0], &[0]) {
            return done;
        }
        let x = cx.input(0);
        let &[_, _, _, channels] = x.dims() else {
            return Err(Error::shape(format!("in must be 4-dimensional, but has shape {:?}", x.dims())));
        };
        let mut out = cx.alloc(x.dtype(), x.dims())?;
        with_type!(x.dtype(), T in wide_floats => self.normalize::<T>(cx, channels, &mut out)?, else => return Err(refuse(x)));
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.over.attrs()
    }
}

impl Lrn {
    fn normalize<T: Floating>(&self, cx: &RunCx<'_>, channels: usize, out: &mut Value) -> Result<()> {
        let (x, out) = (cx.input(0).slice::<T>()?, out.make_mut::<T>()?);
        if out.is_empty() {
            return Ok(());
        }
        let (step, beta) = (step(channels), real::<T>(self.over.beta));
        let work = cx.workspace();
        cx.try_for_chunks_mut(out, step, &|chunk, out| {
            let (rows, mut pace) = (x[chunk * step..].chunks_exact(channels), work.pace());
            for (row, out) in rows.zip(out.chunks_exact_mut(channels)) {
                for (c, out) in out.iter_mut().enumerate() {
                    pace.spend(16 + self.over.around(c, channels).len())?;
                    *out = T::narrow(row[c].widen() * num_traits::Float::powf(self.over.norm(row, c), -beta));
                }
            }
            Ok(())
        })
    }
}

impl Op for LrnGrad {
    fn kind(&self) -> &'static OpKind {
        &LRN_GRAD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).with_rank(4)?.merge(cx.shape(1))?.merge(cx.shape(2))?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        if let Some(done) = widened(self, cx, &[0, 1, 2], &[0]) {
            return done;
        }
        let dims = cx.input(0).dims();
        if dims.len() != 4 || cx.input(1).dims() != dims || cx.input(2).dims() != dims {
            return Err(Error::shape(
                "input_grads, input_image, and output_image must be 4-dimensional and of one shape",
            ));
        }
        let mut out = cx.alloc(cx.input(0).dtype(), dims)?;
        with_type!(out.dtype(), T in wide_floats => self.gradient::<T>(cx, dims[3], &mut out)?, else => {
            return Err(refuse(&out));
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.over.attrs()
    }
}

impl LrnGrad {
    fn gradient<T: Floating>(&self, cx: &RunCx<'_>, channels: usize, out: &mut Value) -> Result<()> {
        let [dy, x, y] = [cx.input(0).slice::<T>()?, cx.input(1).slice::<T>()?, cx.input(2).slice::<T>()?];
        let out = out.make_mut::<T>()?;
        if out.is_empty() {
            return Ok(());
        }
        let (step, beta) = (step(channels), real::<T>(self.over.beta));
        let scale = real::<T>(-2.0) * real::<T>(self.over.alpha) * beta;
        let work = cx.workspace();
        cx.try_for_chunks_mut(out, step, &|chunk, out| {
            let (mut sums, mut pace) = (work.scratch_of(channels, T::Acc::ZERO)?, work.pace());
            for (i, out) in out.chunks_exact_mut(channels).enumerate() {
                let at = chunk * step + i * channels..chunk * step + (i + 1) * channels;
                let (dy, x, y) = (&dy[at.clone()], &x[at.clone()], &y[at]);
                sums.fill(T::Acc::ZERO);
                for c in 0..channels {
                    pace.spend(16 + 8 * self.over.around(c, channels).len())?;
                    let norm = self.over.norm(x, c);
                    let back = dy[c].widen();
                    for k in self.over.around(c, channels) {
                        sums[k] = sums[k] + scale * x[k].widen() * y[c].widen() / norm * back;
                    }
                    sums[c] = sums[c] + num_traits::Float::powf(norm, -beta) * back;
                }
                out.iter_mut().zip(&*sums).for_each(|(out, sum)| *out = T::narrow(*sum));
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op, run_within};
    use crate::value::IntoValue;

    const OVER: Neighbours = Neighbours { depth_radius: 1, bias: 1.0, alpha: 2.0, beta: 1.0 };

    #[test]
    fn images_keep_their_shape() {
        infer_ok(&Lrn { over: OVER }, "(?,3,4,5)", "(?,3,4,5)");
        infer_ok(&LrnGrad { over: OVER }, "(?,3,4,5);(2,?,4,5);<unknown>", "(2,3,4,5)");
        infer_err(&Lrn { over: OVER }, "(3,4,5)", "must be rank 4 but is rank 3");
    }

    /// By hand: 1 / (1 + 2 * (1 + 4)), 2 / (1 + 2 * (1 + 4 + 9)), 3 / (1 + 2 * (4 + 9)).
    #[test]
    fn neighbours_count() {
        let got = run_op(Lrn { over: OVER }, &[[[[[1.0f64, 2.0, 3.0]]]].into_value()]).unwrap();
        assert_eq!(got[0].slice::<f64>().unwrap(), [1.0 / 11.0, 2.0 / 29.0, 3.0 / 27.0]);
    }

    /// The slope of the sum of the outputs, by differences.
    #[test]
    fn the_gradient_is_that_of_the_formula() {
        let over = Neighbours { depth_radius: 1, bias: 1.5, alpha: 0.5, beta: 0.75 };
        let run = |x: [f64; 3]| run_op(Lrn { over }, &[[[[x]]].into_value()]).unwrap().remove(0);
        let x = [1.0, -2.0, 0.5];
        let ones = [[[[1.0f64; 3]]]].into_value();
        let got = run_op(LrnGrad { over }, &[ones, [[[x]]].into_value(), run(x)]).unwrap();
        for (i, got) in got[0].slice::<f64>().unwrap().iter().enumerate() {
            let sum = |by: f64| {
                let mut x = x;
                x[i] += by;
                run(x).slice::<f64>().unwrap().iter().sum::<f64>()
            };
            assert!(((sum(1e-6) - sum(-1e-6)) / 2e-6 - got).abs() < 1e-8);
        }
    }

    #[test]
    fn one_pixel_of_many_channels_ends_with_its_run() {
        let over = Neighbours { depth_radius: 4000, bias: 1.0, alpha: 1.0, beta: 0.5 };
        let x = || Value::zeros(crate::DType::F32, &[1, 1, 1, 4000]).unwrap();
        let is_late = |made: Result<Vec<Value>>| made.unwrap_err().message().starts_with("the work is more than");
        assert!(is_late(run_within(Lrn { over }, &[x()], usize::MAX, 1 << 21)));
        assert!(is_late(run_within(LrnGrad { over }, &[x(), x(), x()], usize::MAX, 1 << 21)));
    }
}
