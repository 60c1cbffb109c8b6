//! The gradients of pools: `MaxPoolGrad`, `AvgPoolGrad` and theirs over volumes.

use std::sync::Arc;

use num_traits::{Float, NumCast};

use super::conv::{counting, last_dims};
use super::conv_grad::{check_gradient, sizes_of};
use super::layout::{from_last, to_last};
use super::pool::{Floating, Pooling, parse_ksize, real, spatial_sizes};
use super::window::{Geometry, Padding, Window};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Ordered;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The gradient of [`Pool`](super::Pool) by its input: of the largest from input, output and the output's gradient, of
/// the mean from the input's sizes and the output's gradient.
#[derive(Debug, Clone)]
pub struct PoolGrad {
    /// Of which pool.
    pub how: Pooling,
    /// The sizes of the window, one an axis of the input.
    pub ksize: Vec<i64>,
    /// How it slides.
    pub window: Window,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident $name:literal $how:ident $spatial:literal $signature:literal;)*) => { $(
        $(#[$doc])*
        pub static $row: OpKind = OpKind::new(
            $name,
            $signature,
            |attrs| parse(attrs, Pooling::$how, $spatial),
            || examples(Pooling::$how, $spatial),
        );
    )* };
}
rows! {
    /// The row of the largest, over images.
    MAX_POOL_GRAD "MaxPoolGrad" Max 2 "orig_input: T, orig_output: T, grad: T -> output: T";
    /// The row of the mean, over images.
    AVG_POOL_GRAD "AvgPoolGrad" Avg 2 "orig_input_shape: int32, grad: T -> output: T";
    /// The row of the largest, over volumes.
    MAX_POOL_3D_GRAD "MaxPool3DGrad" Max 3 "orig_input: TInput, orig_output: TInput, grad: T -> output: T";
    /// The row of the mean, over volumes.
    AVG_POOL_3D_GRAD "AvgPool3DGrad" Avg 3 "orig_input_shape: int32, grad: T -> output: T";
}

fn parse(attrs: &Attrs, how: Pooling, spatial: usize) -> Result<Arc<dyn Op>> {
    let window = Window::parse(attrs, spatial)?;
    Ok(Arc::new(PoolGrad { how, ksize: parse_ksize(attrs, "ksize", &window)?, window }))
}

fn examples(how: Pooling, spatial: usize) -> Vec<Example> {
    let mut ksize = vec![2; spatial + 2];
    (ksize[0], ksize[spatial + 1]) = (1, 1);
    let op = PoolGrad { how, ksize, window: Window::new(spatial, 2, Padding::Same) };
    let dims = |size: usize| [&[2][..], &vec![size; spatial], &[3]].concat();
    let sizes: Vec<i32> = dims(5).into_iter().map(|n| n as i32).collect();
    vec![match how {
        Pooling::Max => Example::new(op, [counting(&dims(5)), counting(&dims(3)), counting(&dims(3))]),
        Pooling::Avg => Example::new(op, [sizes.into_value(), counting(&dims(3))]),
    }]
}

impl Op for PoolGrad {
    fn kind(&self) -> &'static OpKind {
        match (self.how, self.window.spatial()) {
            (Pooling::Max, 2) => &MAX_POOL_GRAD,
            (Pooling::Avg, 2) => &AVG_POOL_GRAD,
            (Pooling::Max, _) => &MAX_POOL_3D_GRAD,
            (Pooling::Avg, _) => &AVG_POOL_3D_GRAD,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let rank = self.window.spatial() + 2;
        let shape = match self.how {
            Pooling::Max => cx.shape(0).with_rank(rank)?,
            Pooling::Avg => cx.shape_from(0)?.with_rank(rank)?,
        };
        cx.output(cx.dtype(self.grad_at()), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let format = self.window.data_format;
        let dims = match self.how {
            Pooling::Max => last_dims(&self.window, cx.input(0).dims()),
            Pooling::Avg => last_dims(&self.window, &sizes_of(cx.input(0))?),
        };
        let g = self.window.over(&dims, &spatial_sizes(&self.window, &self.ksize))?;
        let dy = to_last(cx, cx.input(self.grad_at()), format)?;
        check_gradient(&g, dy.dims(), g.channels)?;
        let mut dx = cx.alloc(dy.dtype(), &dims)?;
        let refuse = || Err(Error::unsupported(format!("{:?} pooling has no gradient for {}", self.how, dy.dtype())));
        match self.how {
            Pooling::Max if self.window.spatial() == 3 => {
                let (x, y) = (to_last(cx, cx.input(0), format)?, to_last(cx, cx.input(1), format)?);
                check_gradient(&g, y.dims(), g.channels)?;
                with_type!(dy.dtype(), T in floats => max_grad_of_volumes::<T>(cx, &g, [&x, &y, &dy], &mut dx)?, else => {
                    return refuse();
                });
            }
            Pooling::Max => {
                let x = to_last(cx, cx.input(0), format)?;
                with_type!(dy.dtype(), T in reals => max_grad::<T>(cx, &g, [&x, &dy], &mut dx)?, else => {
                    return refuse();
                });
            }
            Pooling::Avg => with_type!(dy.dtype(), T in floats => avg_grad::<T>(cx, &g, &dy, &mut dx)?, else => {
                return refuse();
            }),
        }
        let dx = from_last(cx, dx, format)?;
        cx.output(0, dx);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = self.window.pool_attrs();
        attrs.push(("ksize", AttrValue::Ints(self.ksize.clone())));
        attrs
    }
}

impl PoolGrad {
    /// Which input is the gradient of the output.
    fn grad_at(&self) -> usize {
        if self.how == Pooling::Max { 2 } else { 1 }
    }
}

/// An image at a time. The first of equal cells gets the gradient, and a NaN that comes first keeps it.
fn max_grad<T: Ordered>(cx: &RunCx<'_>, g: &Geometry, [x, dy]: [&Value; 2], dx: &mut Value) -> Result<()> {
    let (x, dy, dx) = (x.slice::<T>()?, dy.slice::<T>()?, dx.make_mut::<T>()?);
    let (work, image, windows) = (cx.workspace(), g.image_len(), g.output_len());
    cx.try_for_chunks_mut(dx, image.max(1), &|n, dx| {
        let x = &x[n * image..(n + 1) * image];
        dx.fill(T::ZERO);
        let mut best = work.scratch_of(g.channels, (T::ZERO, usize::MAX))?;
        let mut pace = work.pace();
        for window in 0..windows {
            let (place, dy) = (g.place(window), &dy[(n * windows + window) * g.channels..][..g.channels]);
            best.fill((T::ZERO, usize::MAX));
            g.for_taps(place, g.channels, &mut pace, |_, cell| {
                for (best, (c, x)) in best.iter_mut().zip(x[cell * g.channels..].iter().enumerate()) {
                    if *x > best.0 || best.1 == usize::MAX {
                        *best = (*x, cell * g.channels + c);
                    }
                }
            })?;
            for ((_, at), dy) in best.iter().zip(dy).filter(|((_, at), _)| *at != usize::MAX) {
                dx[*at] = dx[*at].plus(*dy);
            }
        }
        Ok(())
    })
}

/// How near the largest a cell of a volume is that gets the gradient too: TensorFlow 1.15.5 has this number.
const NEAR: f32 = 1e-5;

/// A volume at a time. As in TensorFlow 1.15.5, all cells that are almost the largest get the gradient; none is near
/// infinity.
fn max_grad_of_volumes<T: Floating>(
    cx: &RunCx<'_>,
    g: &Geometry,
    [x, y, dy]: [&Value; 3],
    dx: &mut Value,
) -> Result<()> {
    let (x, y, dy, dx) = (x.slice::<T>()?, y.slice::<T>()?, dy.slice::<T>()?, dx.make_mut::<T>()?);
    let (work, volume, windows) = (cx.workspace(), g.image_len(), g.output_len());
    let near = <T::Acc as NumCast>::from(NEAR).expect("floating-point numbers hold float32");
    cx.try_for_chunks_mut(dx, volume.max(1), &|n, dx| {
        let x = &x[n * volume..(n + 1) * volume];
        dx.fill(T::ZERO);
        let mut pace = work.pace();
        for window in 0..windows {
            let of_window = (n * windows + window) * g.channels;
            let (y, dy) = (&y[of_window..][..g.channels], &dy[of_window..][..g.channels]);
            g.for_taps(g.place(window), g.channels, &mut pace, |_, cell| {
                let (x, dx) = (&x[cell * g.channels..], &mut dx[cell * g.channels..]);
                for ((dx, x), (y, dy)) in dx.iter_mut().zip(x).zip(y.iter().zip(dy)) {
                    *dx = if (x.widen() - y.widen()).abs() < near { dx.plus(*dy) } else { *dx };
                }
            })?;
        }
        Ok(())
    })
}

/// An image at a time: each cell of a window gets its share.
fn avg_grad<T: Floating>(cx: &RunCx<'_>, g: &Geometry, dy: &Value, dx: &mut Value) -> Result<()> {
    let (dy, dx) = (dy.slice::<T>()?, dx.make_mut::<T>()?);
    let (work, image, windows) = (cx.workspace(), g.image_len(), g.output_len());
    cx.try_for_chunks_mut(dx, image.max(1), &|n, dx| {
        dx.fill(T::ZERO);
        let mut pace = work.pace();
        for window in 0..windows {
            let (place, dy) = (g.place(window), &dy[(n * windows + window) * g.channels..][..g.channels]);
            let count = real::<T::Acc>(g.n_taps(place));
            g.for_taps(place, g.channels, &mut pace, |_, cell| {
                let cells = &mut dx[cell * g.channels..][..g.channels];
                for (cell, dy) in cells.iter_mut().zip(dy) {
                    *cell = cell.plus(T::narrow(dy.widen() / count));
                }
            })?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::ops::testing::{run_op, run_within};

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn the_first_of_equals_gets_the_gradient() {
        let op = PoolGrad { how: Pooling::Max, ksize: vec![1, 1, 2, 1], window: Window::new(2, 1, Padding::Valid) };
        let x = Value::full(&[1, 1, 3, 1], 1.0f32).unwrap();
        let y = Value::full(&[1, 1, 2, 1], 1.0f32).unwrap();
        let dy = Value::from_vec(&[1, 1, 2, 1], vec![1.0f32, 10.0]).unwrap();
        let got = run_op(op, &[x, y, dy]).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [1.0, 10.0, 0.0]);
    }

    #[test]
    fn one_image_under_a_large_window_ends_with_its_run() {
        let window = Window::new(2, 1, Padding::Valid);
        for how in [Pooling::Max, Pooling::Avg] {
            let op = PoolGrad { how, ksize: vec![1, 200, 200, 1], window: window.clone() };
            let (x, dy) = (Value::zeros(DType::F32, &[1, 220, 220, 4]), Value::zeros(DType::F32, &[1, 21, 21, 4]));
            let (x, dy) = (x.unwrap(), dy.unwrap());
            let inputs = match how {
                Pooling::Max => vec![x, dy.clone(), dy],
                Pooling::Avg => vec![[1i32, 220, 220, 4].into_value(), dy],
            };
            let error = run_within(op, &inputs, usize::MAX, 1 << 21).unwrap_err();
            assert!(error.message().starts_with("the work is more than"), "{error}");
        }
    }
}
