//! `MaxPoolGradGrad` and `MaxPool3DGradGrad`: the gradients of the gradients of the largest.

use std::sync::Arc;

use super::conv::counting;
use super::conv_grad::check_gradient;
use super::layout::{from_last, to_last};
use super::pool::{parse_ksize, spatial_sizes};
use super::window::{Geometry, Padding, Window};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Ordered;
use crate::value::Value;
use crate::with_type;

/// Of each window the cell of `grad` where the input is the output: from input, output and a gradient of the input's
/// shape, `(b, h, w, c), (b, h', w', c), (b, h, w, c) -> (b, h', w', c)`. The first of equal cells counts; a window
/// without such a cell gives 0. Real numbers.
#[derive(Debug, Clone)]
pub struct MaxPoolGradGrad {
    /// The sizes of the window, one an axis of the input.
    pub ksize: Vec<i64>,
    /// How it slides.
    pub window: Window,
}

/// The row over images.
pub static MAX_POOL_GRAD_GRAD: OpKind = OpKind::new(
    "MaxPoolGradGrad",
    "orig_input: T, orig_output: T, grad: T -> output: T",
    |attrs| parse(attrs, 2),
    || examples(2),
);
/// The row over volumes.
pub static MAX_POOL_3D_GRAD_GRAD: OpKind = OpKind::new(
    "MaxPool3DGradGrad",
    "orig_input: T, orig_output: T, grad: T -> output: T",
    |attrs| parse(attrs, 3),
    || examples(3),
);

fn parse(attrs: &Attrs, spatial: usize) -> Result<Arc<dyn Op>> {
    let window = Window::parse(attrs, spatial)?;
    Ok(Arc::new(MaxPoolGradGrad { ksize: parse_ksize(attrs, "ksize", &window)?, window }))
}

fn examples(spatial: usize) -> Vec<Example> {
    let mut ksize = vec![2; spatial + 2];
    (ksize[0], ksize[spatial + 1]) = (1, 1);
    let op = MaxPoolGradGrad { ksize, window: Window::new(spatial, 2, Padding::Same) };
    let dims = |n: usize, size: usize| [&[n][..], &vec![size; spatial], &[3]].concat();
    let example = |n| Example::new(op.clone(), [counting(&dims(n, 5)), counting(&dims(n, 3)), counting(&dims(n, 5))]);
    vec![example(2), example(0)]
}

impl Op for MaxPoolGradGrad {
    fn kind(&self) -> &'static OpKind {
        if self.window.spatial() == 2 { &MAX_POOL_GRAD_GRAD } else { &MAX_POOL_3D_GRAD_GRAD }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let rank = self.window.spatial() + 2;
        cx.shape(0).with_rank(rank)?.merge(cx.shape(2))?;
        let output = cx.shape(1).with_rank(rank)?;
        cx.output(cx.dtype(2), output);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let format = self.window.data_format;
        let last = |i: usize| to_last(cx, cx.input(i), format);
        let (x, y, grad) = (last(0)?, last(1)?, last(2)?);
        let g = self.window.over(x.dims(), &spatial_sizes(&self.window, &self.ksize))?;
        check_gradient(&g, y.dims(), g.channels)?;
        if grad.dims() != x.dims() {
            let (grad, x) = (grad.dims(), x.dims());
            return Err(Error::shape(format!("grad must have the shape of orig_input {x:?}, but has {grad:?}")));
        }
        let mut out = cx.alloc(x.dtype(), y.dims())?;
        with_type!(x.dtype(), T in reals => pick::<T>(cx, &g, [&x, &y, &grad], &mut out)?, else => {
            return Err(Error::unsupported(format!("Max pooling has no gradient for {}", x.dtype())));
        });
        let out = from_last(cx, out, format)?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = self.window.pool_attrs();
        attrs.push(("ksize", AttrValue::Ints(self.ksize.clone())));
        attrs
    }
}

fn pick<T: Ordered>(cx: &RunCx<'_>, g: &Geometry, [x, y, grad]: [&Value; 3], out: &mut Value) -> Result<()> {
    let (x, y, grad, out) = (x.slice::<T>()?, y.slice::<T>()?, grad.slice::<T>()?, out.make_mut::<T>()?);
    if out.is_empty() {
        return Ok(());
    }
    let (work, image) = (cx.workspace(), g.image_len());
    let step = g.windows_per_chunk(g.filter_len().saturating_mul(g.channels));
    cx.try_for_chunks_mut(out, step * g.channels, &|chunk, out| {
        let (mut is_found, mut pace) = (work.scratch_of(g.channels, false)?, work.pace());
        for (i, out) in out.chunks_exact_mut(g.channels).enumerate() {
            let window = chunk * step + i;
            let (n, y) = (window / g.output_len(), &y[window * g.channels..][..g.channels]);
            out.fill(T::ZERO);
            is_found.fill(false);
            g.for_taps(g.place(window % g.output_len()), g.channels, &mut pace, |_, cell| {
                let from = n * image + cell * g.channels;
                for c in 0..g.channels {
                    if !is_found[c] && x[from + c] == y[c] {
                        (out[c], is_found[c]) = (grad[from + c], true);
                    }
                }
            })?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn op() -> MaxPoolGradGrad {
        MaxPoolGradGrad { ksize: vec![1, 2, 2, 1], window: Window::new(2, 1, Padding::Valid) }
    }

    #[test]
    fn shapes_are_those_of_the_pool() {
        infer_ok(&op(), "(?,3,3,2);(?,2,2,2);(?,3,3,2)", "(?,2,2,2)");
        infer_err(&op(), "(1,3,3,2);(1,2,2,2);(1,4,3,2)", "must be equal, but are 3 and 4");
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn the_first_of_equals_counts_and_none_gives_nothing() {
        let ones = |dims: &[usize], x: f32| Value::full(dims, x).unwrap();
        let grad = Value::from_vec(&[1, 3, 3, 1], (0..9).map(|i| i as f32).collect()).unwrap();
        let run = |y: f32| {
            let got = run_op(op(), &[ones(&[1, 3, 3, 1], 1.0), ones(&[1, 2, 2, 1], y), grad.clone()]).unwrap();
            got[0].slice::<f32>().unwrap().to_vec()
        };
        assert_eq!(run(1.0), [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(run(2.0), [0.0; 4]);
    }
}
