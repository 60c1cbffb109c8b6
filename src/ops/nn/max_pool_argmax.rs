//! `MaxPoolWithArgmax` and the gradients that follow its indices.

use std::sync::Arc;

use super::conv::counting;
use super::pool::{check_ksize, parse_ksize, spatial_sizes};
use super::window::{Geometry, Padding, Window};
use crate::cancel::Pace;
use crate::dtype::{DType, Plain};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::{Number, Ordered};
use crate::ops::parts::SERIAL;
use crate::shape::Dim;
use crate::value::{ScratchVec, Value};
use crate::with_type;

/// What the ops of this file share: the window, and what indices count from.
#[derive(Debug, Clone)]
pub struct ArgmaxWindow {
    /// The sizes of the window, one an axis of the input.
    pub ksize: Vec<i64>,
    /// How it slides; channels come last.
    pub window: Window,
    /// Whether indices count from the start of the batch, else from that of each image.
    pub include_batch_in_index: bool,
}

/// The largest cell of each window and where it stands: `(b, h, w, c) -> (b, h', w', c), (b, h', w', c)`. The index is
/// `(y * w + x) * c + channel`, of the first of equal cells. Real numbers.
#[derive(Debug, Clone)]
pub struct MaxPoolWithArgmax {
    /// The window.
    pub over: ArgmaxWindow,
    /// The dtype of the indices: int32 or int64.
    pub index: DType,
}

/// Adds the gradient of each window to the cell that its index names: `(b, h, w, c), (b, h', w', c), (b, h', w', c) ->
/// (b, h, w, c)`.
#[derive(Debug, Clone)]
pub struct MaxPoolGradWithArgmax {
    /// The window.
    pub over: ArgmaxWindow,
}

/// Of each window the cell of the gradient that its index names: `(b, h, w, c), (b, h, w, c), (b, h', w', c) ->
/// (b, h', w', c)`.
#[derive(Debug, Clone)]
pub struct MaxPoolGradGradWithArgmax {
    /// The window.
    pub over: ArgmaxWindow,
}

/// The row of [`MaxPoolWithArgmax`].
pub static MAX_POOL_WITH_ARGMAX: OpKind = OpKind::new(
    "MaxPoolWithArgmax",
    "input: T -> output: T, argmax: Targmax",
    |attrs| {
        let index = attrs.dtype_or("Targmax", DType::I64)?;
        check_index(index)?;
        Ok(Arc::new(MaxPoolWithArgmax { over: ArgmaxWindow::parse(attrs)?, index }))
    },
    || {
        let of = |with_batch, index| MaxPoolWithArgmax { over: example_window(with_batch), index };
        vec![
            Example::new(of(false, DType::I64), [counting(&[2, 3, 3, 2])]),
            Example::new(of(true, DType::I32), [counting(&[2, 3, 3, 2])]),
            Example::new(of(true, DType::I64), [counting(&[0, 3, 3, 2])]),
        ]
    },
);

/// The row of [`MaxPoolGradWithArgmax`].
pub static MAX_POOL_GRAD_WITH_ARGMAX: OpKind = OpKind::new(
    "MaxPoolGradWithArgmax",
    "input: T, grad: T, argmax: Targmax -> output: T",
    |attrs| Ok(Arc::new(MaxPoolGradWithArgmax { over: ArgmaxWindow::parse(attrs)? })),
    || {
        let of = |with_batch| MaxPoolGradWithArgmax { over: example_window(with_batch) };
        let inputs = || [counting(&[2, 3, 3, 2]), counting(&[2, 2, 2, 2]), example_indices()];
        vec![Example::new(of(false), inputs()), Example::new(of(true), inputs())]
    },
);

/// The row of [`MaxPoolGradGradWithArgmax`].
pub static MAX_POOL_GRAD_GRAD_WITH_ARGMAX: OpKind = OpKind::new(
    "MaxPoolGradGradWithArgmax",
    "input: T, grad: T, argmax: Targmax -> output: T",
    |attrs| Ok(Arc::new(MaxPoolGradGradWithArgmax { over: ArgmaxWindow::parse(attrs)? })),
    || {
        let of = |with_batch| MaxPoolGradGradWithArgmax { over: example_window(with_batch) };
        let inputs = || [counting(&[2, 3, 3, 2]), counting(&[2, 3, 3, 2]), example_indices()];
        vec![Example::new(of(false), inputs()), Example::new(of(true), inputs())]
    },
);

impl Tensor {
    /// The largest cell of each window of `ksize x ksize`, channel by channel, and its index in its image, int64:
    /// `(b, h, w, c) -> (b, h', w', c), (b, h', w', c)`. Channels come last.
    ///
    /// # Errors
    /// `ShapeMismatch` for other ranks and for windows larger than the padded image.
    ///
    /// Source: TensorFlow's `MaxPoolWithArgmax`.
    #[doc(alias = "tf.nn.max_pool_with_argmax")]
    #[track_caller]
    pub fn max_pool_with_argmax(&self, ksize: usize, window: Window) -> Result<(Tensor, Tensor)> {
        window.check(2)?;
        let size = i64::try_from(ksize).unwrap_or(i64::MAX);
        let ksize = vec![1, size, size, 1];
        check_ksize(&ksize, "ksize", &window)?;
        let over = ArgmaxWindow { ksize, window, include_batch_in_index: false };
        let made = self.graph().apply(MaxPoolWithArgmax { over, index: DType::I64 }, &[self])?;
        Ok((made.output(0)?, made.output(1)?))
    }
}

fn example_window(include_batch_in_index: bool) -> ArgmaxWindow {
    ArgmaxWindow { ksize: vec![1, 2, 2, 1], window: Window::new(2, 2, Padding::Same), include_batch_in_index }
}

fn example_indices() -> Value {
    Value::from_vec(&[2, 2, 2, 2], (0..16i64).collect()).expect("dims fit the data")
}

/// Gradients that one thread moves at once.
const PART: usize = 1 << 16;

/// The elements of an int32 or int64 tensor.
fn ints(value: &Value) -> Result<Box<dyn Iterator<Item = i64> + '_>> {
    Ok(match value.dtype() {
        DType::I32 => Box::new(value.slice::<i32>()?.iter().map(|n| i64::from(*n))),
        _ => Box::new(value.slice::<i64>()?.iter().copied()),
    })
}

fn check_index(dtype: DType) -> Result<()> {
    match dtype {
        DType::I32 | DType::I64 => Ok(()),
        _ => Err(Error::dtype(format!("Targmax must be int32 or int64, but is {dtype}"))),
    }
}

impl ArgmaxWindow {
    fn parse(attrs: &Attrs) -> Result<ArgmaxWindow> {
        let window = Window::parse(attrs, 2)?;
        let ksize = parse_ksize(attrs, "ksize", &window)?;
        let include_batch_in_index = attrs.bool_or("include_batch_in_index", false)?;
        Ok(ArgmaxWindow { ksize, window, include_batch_in_index })
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = self.window.pool_attrs();
        attrs.retain(|(name, _)| *name != "data_format");
        attrs.push(("ksize", AttrValue::Ints(self.ksize.clone())));
        attrs.push(("include_batch_in_index", AttrValue::Bool(self.include_batch_in_index)));
        attrs
    }

    fn geometry(&self, dims: &[usize]) -> Result<Geometry> {
        self.window.over(dims, &spatial_sizes(&self.window, &self.ksize))
    }

    /// The cell of the batch that each window names.
    fn cells(&self, cx: &RunCx<'_>, g: &Geometry) -> Result<ScratchVec<usize>> {
        let (argmax, image, each) = (cx.input(2), g.image_len(), g.output_len().saturating_mul(g.channels));
        let bound = if self.include_batch_in_index { g.batch.saturating_mul(image) } else { image };
        let cell = |i: usize, index: i64| -> Result<usize> {
            let index = usize::try_from(index).ok().filter(|index| *index < bound).ok_or_else(|| {
                Error::new(ErrorKind::IndexOutOfRange, format!("argmax must be in [0, {bound}), but is {index}"))
            })?;
            Ok(if self.include_batch_in_index { index } else { i / each * image + index })
        };
        let (mut cells, mut pace) = (cx.list(argmax.len())?, cx.pace());
        for (i, index) in ints(argmax)?.enumerate() {
            pace.spend(4)?;
            cells.push(cell(i, index)?)?;
        }
        Ok(cells)
    }
}

impl Op for MaxPoolWithArgmax {
    fn kind(&self) -> &'static OpKind {
        &MAX_POOL_WITH_ARGMAX
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (input, window) = (cx.shape(0).with_rank(4)?, &self.over.window);
        let sizes: Vec<Dim> = spatial_sizes(window, &self.over.ksize).into_iter().map(Dim::from).collect();
        let shape = window.output_shape(&input, &sizes, input.dim(window.channel_axis()))?;
        cx.output(cx.dtype(0), &shape);
        cx.output(self.index, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.input(0);
        let g = self.over.geometry(x.dims())?;
        if i32::try_from(x.len()).is_err() && self.index == DType::I32 {
            return Err(Error::invalid(format!("int32 must hold the indices of {} cells; ask for int64", x.len())));
        }
        let dims = g.output_dims(g.channels);
        let (mut out, mut argmax) = (cx.alloc(x.dtype(), &dims)?, cx.alloc(self.index, &dims)?);
        with_type!(x.dtype(), T in reals => with_type!(self.index, I in index => {
            let place = |index: usize| index as I;
            best::<T, I>(cx, &g, self.over.include_batch_in_index, place, &mut out, &mut argmax)?;
        }, else => return check_index(self.index)), else => {
            return Err(Error::unsupported(format!("Max pooling is not for {}", x.dtype())));
        });
        cx.output(0, out);
        cx.output(1, argmax);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = self.over.attrs();
        attrs.push(("Targmax", AttrValue::Type(self.index)));
        attrs
    }
}

/// A window at a time.
fn best<T: Ordered, I: Plain>(
    cx: &RunCx<'_>,
    g: &Geometry,
    with_batch: bool,
    place: impl Fn(usize) -> I + Sync,
    out: &mut Value,
    argmax: &mut Value,
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let (x, image, c) = (cx.input(0).slice::<T>()?, g.image_len(), g.channels);
    let (out, argmax) = (out.make_mut::<T>()?, argmax.make_mut::<I>()?);
    let work = cx.workspace();
    let mut windows = cx.collect(out.chunks_exact_mut(c).zip(argmax.chunks_exact_mut(c)))?;
    let step = (SERIAL / g.filter_len().saturating_mul(c).max(1)).max(1);
    cx.try_for_chunks_mut(&mut windows, step, &|chunk, windows| {
        let mut pace = work.pace();
        for (i, (out, argmax)) in windows.iter_mut().enumerate() {
            let window = chunk * step + i;
            let first = window / g.output_len() * image;
            let mut is_first = true;
            g.for_taps(g.place(window % g.output_len()), c, &mut pace, |_, cell| {
                for channel in 0..c {
                    let at = cell * c + channel;
                    let x = x[first + at];
                    if is_first || x > out[channel] {
                        (out[channel], argmax[channel]) = (x, place(if with_batch { first + at } else { at }));
                    }
                }
                is_first = false;
            })?;
        }
        Ok(())
    })
}

impl Op for MaxPoolGradWithArgmax {
    fn kind(&self) -> &'static OpKind {
        &MAX_POOL_GRAD_WITH_ARGMAX
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0).with_rank(4)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (x, grad) = (cx.input(0), cx.input(1));
        let cells = checked(&self.over, cx, false)?;
        let mut out = cx.alloc_zeros(x.dtype(), x.dims())?;
        with_type!(x.dtype(), T in reals => spread::<T>(grad, &cells, &mut out, &mut cx.pace())?, else => {
            return Err(Error::unsupported(format!("Max pooling has no gradient for {}", x.dtype())));
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.over.attrs()
    }
}

/// The cells that `argmax` names; `grad` must have the input's shape or that of the windows.
fn checked(over: &ArgmaxWindow, cx: &RunCx<'_>, is_of_input: bool) -> Result<ScratchVec<usize>> {
    let (x, grad, argmax) = (cx.input(0), cx.input(1), cx.input(2));
    let g = over.geometry(x.dims())?;
    let windows = g.output_dims(g.channels);
    let want = if is_of_input { x.dims() } else { &windows[..] };
    for (name, dims, want) in [("grad", grad.dims(), want), ("argmax", argmax.dims(), &windows[..])] {
        if dims != want {
            return Err(Error::shape(format!("{name} must have shape {want:?}, but has {dims:?}")));
        }
    }
    over.cells(cx, &g)
}

fn spread<T: Number>(grad: &Value, cells: &[usize], out: &mut Value, pace: &mut Pace<'_>) -> Result<()> {
    let (grad, out) = (grad.slice::<T>()?, out.make_mut::<T>()?);
    for (cells, grad) in cells.chunks(PART).zip(grad.chunks(PART)) {
        pace.spend(4 * cells.len())?;
        cells.iter().zip(grad).for_each(|(cell, grad)| out[*cell] = out[*cell].plus(*grad));
    }
    Ok(())
}

impl Op for MaxPoolGradGradWithArgmax {
    fn kind(&self) -> &'static OpKind {
        &MAX_POOL_GRAD_GRAD_WITH_ARGMAX
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(4)?.merge(cx.shape(1))?;
        let shape = cx.shape(2).with_rank(4)?;
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (grad, argmax) = (cx.input(1), cx.input(2));
        let cells = checked(&self.over, cx, true)?;
        let mut out = cx.alloc(grad.dtype(), argmax.dims())?;
        with_type!(grad.dtype(), T in reals => {
            let grad = grad.slice::<T>()?;
            cx.for_chunks_mut(out.make_mut::<T>()?, PART, &|chunk, part| {
                part.iter_mut().zip(&cells[chunk * PART..]).for_each(|(out, cell)| *out = grad[*cell]);
            })?;
        }, else => {
            return Err(Error::unsupported(format!("Max pooling has no gradient for {}", grad.dtype())));
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.over.attrs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};
    use crate::value::IntoValue;

    fn over(include_batch_in_index: bool) -> ArgmaxWindow {
        ArgmaxWindow { ksize: vec![1, 1, 2, 1], window: Window::new(2, 1, Padding::Same), include_batch_in_index }
    }

    #[test]
    fn indices_have_the_shape_of_the_windows() {
        let op = MaxPoolWithArgmax { over: over(false), index: DType::I64 };
        infer_ok(&op, "(?,4,5,3)", "(?,4,5,3);(?,4,5,3)");
        infer_ok(&MaxPoolGradWithArgmax { over: over(false) }, "(?,4,5,3);<unknown>;int64<unknown>", "(?,4,5,3)");
    }

    /// By hand; a NaN that comes first stays, as in TensorFlow.
    #[test]
    fn the_first_of_equals_is_named() {
        let x = || [[[[1.0f32], [1.0]]], [[[f32::NAN], [2.0]]]].into_value();
        let run = |with_batch| {
            let got = run_op(MaxPoolWithArgmax { over: over(with_batch), index: DType::I64 }, &[x()]).unwrap();
            got[1].slice::<i64>().unwrap().to_vec()
        };
        assert_eq!(run(false), [0, 1, 0, 1]);
        assert_eq!(run(true), [0, 1, 2, 3]);
    }

    #[test]
    fn gradients_go_to_the_cells_that_indices_name() {
        let x = || [[[[1.0f32], [1.0]]], [[[3.0], [2.0]]]].into_value();
        let run = |with_batch, argmax: [i64; 4]| {
            let argmax = argmax.to_vec().into_value().reshaped(&[2, 1, 2, 1]).unwrap();
            run_op(MaxPoolGradWithArgmax { over: over(with_batch) }, &[x(), x(), argmax])
        };
        assert_eq!(run(false, [0, 0, 1, 1]).unwrap()[0].slice::<f32>().unwrap(), [2.0, 0.0, 0.0, 5.0]);
        assert_eq!(run(true, [0, 3, 3, 3]).unwrap()[0].slice::<f32>().unwrap(), [1.0, 0.0, 0.0, 6.0]);
        assert!(run(false, [0, 2, 0, 0]).unwrap_err().message().contains("argmax must be in [0, 2), but is 2"));
    }
}
