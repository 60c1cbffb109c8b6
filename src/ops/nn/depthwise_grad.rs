//! The gradients of `DepthwiseConv2dNative` by its input and by its filters.

use std::sync::Arc;

use super::conv::counting;
use super::conv_grad::{Operand, check_gradient, infer, operand_dims};
use super::depthwise::{geometry, widened};
use super::layout::{from_last, to_last};
use super::window::{Geometry, Padding, Window};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Number;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The gradient of [`DepthwiseConv2dNative`](super::DepthwiseConv2dNative).
#[derive(Debug, Clone)]
pub struct DepthwiseBackprop {
    /// By what.
    pub by: Operand,
    /// How the filters slide.
    pub window: Window,
}

/// The row by images.
pub static DEPTHWISE_BACKPROP_INPUT: OpKind = OpKind::new(
    "DepthwiseConv2dNativeBackpropInput",
    "input_sizes: int32, filter: T, out_backprop: T -> output: T",
    |attrs| parse(attrs, Operand::Input),
    || examples(Operand::Input),
);
/// The row by filters.
pub static DEPTHWISE_BACKPROP_FILTER: OpKind = OpKind::new(
    "DepthwiseConv2dNativeBackpropFilter",
    "input: T, filter_sizes: int32, out_backprop: T -> output: T",
    |attrs| parse(attrs, Operand::Filter),
    || examples(Operand::Filter),
);

fn parse(attrs: &Attrs, by: Operand) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(DepthwiseBackprop { by, window: Window::parse(attrs, 2)? }))
}

fn examples(by: Operand) -> Vec<Example> {
    let example = |stride, padding, n: usize, out: usize| {
        let op = DepthwiseBackprop { by, window: Window::new(2, stride, padding) };
        let dy = counting(&[n, out, out, 6]);
        match by {
            Operand::Input => Example::new(op, [[n as i32, 4, 4, 3].into_value(), counting(&[2, 2, 3, 2]), dy]),
            Operand::Filter => Example::new(op, [counting(&[n, 4, 4, 3]), [2i32, 2, 3, 2].into_value(), dy]),
        }
    };
    vec![example(1, Padding::Same, 2, 4), example(2, Padding::Valid, 1, 2), example(1, Padding::Same, 0, 4)]
}

impl Op for DepthwiseBackprop {
    fn kind(&self) -> &'static OpKind {
        if self.by == Operand::Input { &DEPTHWISE_BACKPROP_INPUT } else { &DEPTHWISE_BACKPROP_FILTER }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx, self.by, 4)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (input, filter) = operand_dims(cx, self.by, &self.window)?;
        let g = geometry(&self.window, &input, &filter)?;
        let dy = to_last(cx, cx.input(2), self.window.data_format)?;
        check_gradient(&g, dy.dims(), filter[2] * filter[3])?;
        let out = with_type!(dy.dtype(), T in floats => self.run_as::<T>(cx, &g, &dy, &input, &filter)?, else => {
            return Err(Error::unsupported(format!("convolution is for floating-point numbers, not for {}", dy.dtype())));
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.window.attrs()
    }
}

impl DepthwiseBackprop {
    fn run_as<T: Number>(
        &self,
        cx: &RunCx<'_>,
        g: &Geometry,
        dy: &Value,
        input: &[usize],
        filter: &[usize],
    ) -> Result<Value> {
        let (filters, dy) = (filter[3], dy.slice::<T>()?);
        let wide = Geometry { channels: g.channels * filters, ..*g };
        match self.by {
            Operand::Input => {
                let mut dx = cx.alloc(T::DTYPE, input)?;
                by_input(cx, &wide, filters, cx.input(1).slice::<T>()?, dy, dx.make_mut::<T>()?)?;
                from_last(cx, dx, self.window.data_format)
            }
            Operand::Filter => {
                let x = to_last(cx, cx.input(0), self.window.data_format)?;
                let mut df = cx.alloc(T::DTYPE, filter)?;
                let wide_x = widened(cx, x.slice::<T>()?, filters)?;
                let x = wide_x.as_deref().unwrap_or(x.slice::<T>()?);
                by_filter(cx, &wide, x, dy, df.make_mut::<T>()?)?;
                Ok(df)
            }
        }
    }
}

/// An image at a time; the filters of one channel are summed at the end.
fn by_input<T: Number>(
    cx: &RunCx<'_>,
    g: &Geometry,
    filters: usize,
    filter: &[T],
    dy: &[T],
    dx: &mut [T],
) -> Result<()> {
    let (work, image, windows) = (cx.workspace(), g.image_len(), g.output_len());
    cx.try_for_chunks_mut(dx, (image / filters).max(1), &|n, dx| {
        let (mut sums, mut pace) = (work.scratch_of(image, T::Acc::ZERO)?, work.pace());
        for window in 0..windows {
            let dy = &dy[(n * windows + window) * g.channels..][..g.channels];
            g.for_taps(g.place(window), g.channels, &mut pace, |tap, cell| {
                let cells = &mut sums[cell * g.channels..][..g.channels];
                for ((cell, dy), f) in cells.iter_mut().zip(dy).zip(&filter[tap * g.channels..]) {
                    *cell = cell.plus(dy.widen().times(f.widen()));
                }
            })?;
        }
        for (dx, sums) in dx.iter_mut().zip(sums.chunks_exact(filters)) {
            *dx = T::narrow(sums.iter().fold(T::Acc::ZERO, |sum, x| sum.plus(*x)));
        }
        Ok(())
    })
}

/// A cell of the window at a time.
fn by_filter<T: Number>(cx: &RunCx<'_>, g: &Geometry, x: &[T], dy: &[T], df: &mut [T]) -> Result<()> {
    let (work, image, windows) = (cx.workspace(), g.image_len(), g.output_len());
    cx.try_for_chunks_mut(df, g.channels, &|tap, df| {
        let (mut sums, mut pace) = (work.scratch_of(df.len(), T::Acc::ZERO)?, work.pace());
        let tap = [tap / g.filter[2], tap % g.filter[2]];
        for (n, x) in x.chunks_exact(image.max(1)).enumerate() {
            for window in 0..windows {
                pace.spend(g.channels)?;
                let [_, row, column] = g.place(window);
                if !g.taps(1, row).contains(&tap[0]) || !g.taps(2, column).contains(&tap[1]) {
                    continue;
                }
                let cell = g.at(1, row, tap[0]) * g.input[2] + g.at(2, column, tap[1]);
                let dy = &dy[(n * windows + window) * g.channels..];
                for ((sum, x), dy) in sums.iter_mut().zip(&x[cell * g.channels..]).zip(dy) {
                    *sum = sum.plus(x.widen().times(dy.widen()));
                }
            }
        }
        df.iter_mut().zip(&*sums).for_each(|(df, sum)| *df = T::narrow(*sum));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    /// `<conv(x, f), dy>` is linear in each: both gradients give it back.
    #[test]
    fn gradients_are_those_of_the_bilinear_form() {
        let window = || Window::new(2, 2, Padding::Same);
        let (x, f) = (counting(&[2, 5, 5, 3]), counting(&[3, 3, 3, 2]));
        let conv = super::super::DepthwiseConv2dNative { window: window() };
        let y = run_op(conv, &[x.clone(), f.clone()]).unwrap().remove(0);
        let dy = counting(y.dims());
        let dot = |a: &Value, b: &Value| -> f32 {
            a.slice::<f32>().unwrap().iter().zip(b.slice::<f32>().unwrap()).map(|(a, b)| a * b).sum()
        };
        let sizes = |value: &Value| value.dims().iter().map(|n| *n as i32).collect::<Vec<_>>().into_value();
        let by = |by, inputs: &[Value]| run_op(DepthwiseBackprop { by, window: window() }, inputs).unwrap().remove(0);
        let dx = by(Operand::Input, &[sizes(&x), f.clone(), dy.clone()]);
        let df = by(Operand::Filter, &[x.clone(), sizes(&f), dy.clone()]);
        let want = dot(&y, &dy);
        assert!((dot(&dx, &x) - want).abs() < 1e-3 * want.abs(), "{} {want}", dot(&dx, &x));
        assert!((dot(&df, &f) - want).abs() < 1e-3 * want.abs(), "{} {want}", dot(&df, &f));
    }
}
