//! `Dilation2DBackpropInput` and `Dilation2DBackpropFilter`: each gradient goes to the cells whose sum was the largest.

use std::sync::Arc;

use super::conv::counting;
use super::conv_grad::Operand;
use super::dilation::{geometry, not_real, operands, output_shape, parse_window, window_attrs, window_of};
use super::window::{Geometry, Padding, Window};
use crate::cancel::Pace;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::kernel::Ordered;
use crate::with_type;

/// The gradient of [`Dilation2D`](super::Dilation2D) to one of its operands. Among equal sums the first wins.
///
/// Source: TensorFlow's `Dilation2DBackpropInput` and `Dilation2DBackpropFilter`.
#[derive(Debug, Clone)]
pub struct Dilation2DBackprop {
    /// To which operand.
    pub to: Operand,
    /// How the window slides.
    pub window: Window,
}

macro_rules! rows {
    ($($row:ident $name:literal $to:ident $output:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            concat!("input: T, filter: T, out_backprop: T -> ", $output, ": T"),
            |attrs| parse(attrs, Operand::$to),
            || examples(Operand::$to),
        )
        .not_differentiable("TensorFlow has no gradient of it");
    )* };
}
rows! {
    DILATION_2D_BACKPROP_INPUT "Dilation2DBackpropInput" Input "in_backprop";
    DILATION_2D_BACKPROP_FILTER "Dilation2DBackpropFilter" Filter "filter_backprop";
}

fn parse(attrs: &Attrs, to: Operand) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Dilation2DBackprop { to, window: parse_window(attrs)? }))
}

fn examples(to: Operand) -> Vec<Example> {
    let of = |window: Result<Window>| Dilation2DBackprop { to, window: window.expect("it fits") };
    let inputs = |n: usize, dims: [usize; 2]| {
        [counting(&[n, 5, 6, 2]), counting(&[2, 3, 2]), counting(&[n, dims[0], dims[1], 2])]
    };
    vec![
        Example::new(of(window_of([1, 1], [1, 1], Padding::Valid)), inputs(2, [4, 4])),
        Example::new(of(window_of([2, 1], [1, 2], Padding::Same)), inputs(1, [3, 6])),
        Example::new(of(window_of([1, 1], [1, 1], Padding::Same)), inputs(0, [5, 6])),
    ]
}

impl Op for Dilation2DBackprop {
    fn kind(&self) -> &'static OpKind {
        match self.to {
            Operand::Input => &DILATION_2D_BACKPROP_INPUT,
            Operand::Filter => &DILATION_2D_BACKPROP_FILTER,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (image, filter) = operands(cx)?;
        output_shape(&self.window, &image, &filter)?.merge(cx.shape(2))?;
        // As TensorFlow: the operand's own shape.
        cx.output_like(if self.to == Operand::Input { 0 } else { 1 });
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dtype = cx.input(0).dtype();
        with_type!(dtype, T in reals => self.distribute::<T>(cx), else => Err(not_real(dtype)))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        window_attrs(&self.window)
    }
}

impl Dilation2DBackprop {
    /// One thread goes through the windows in order: several of them may add to one cell.
    fn distribute<T: Ordered>(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let g = geometry(cx, &self.window)?;
        let (want, grad) = (g.output_dims(g.channels), cx.input(2));
        if grad.dims() != want {
            let text = format!("out_backprop must have the shape {want:?} of the output, but has {:?}", grad.dims());
            return Err(Error::shape(text));
        }
        let operand = cx.input(if self.to == Operand::Input { 0 } else { 1 });
        let mut sums = cx.alloc_zeros(T::DTYPE, operand.dims())?;
        let (image, filter) = (cx.input(0).slice::<T>()?, cx.input(1).slice::<T>()?);
        let (grad, cells) = (grad.slice::<T>()?, sums.make_mut::<T>()?);
        let (mut best, mut pace) = (cx.scratch_of(g.channels, (T::ZERO, 0, 0))?, cx.pace());
        for (i, grad) in grad.chunks_exact(g.channels.max(1)).enumerate() {
            let first = i / g.output_len() * g.input_len();
            find_best(&g, &image[first * g.channels..], filter, i % g.output_len(), &mut best, &mut pace)?;
            for ((channel, grad), (_, at, tap)) in grad.iter().enumerate().zip(&*best) {
                let cell = if self.to == Operand::Input { first + at } else { *tap } * g.channels + channel;
                cells[cell] = cells[cell].plus(*grad);
            }
        }
        cx.output(0, sums);
        Ok(())
    }
}

/// For each channel of a window the largest sum, the cell of the image and that of the filter; the first cells in the
/// image and in the filter where no sum is larger than the lowest number.
fn find_best<T: Ordered>(
    g: &Geometry,
    image: &[T],
    filter: &[T],
    window: usize,
    best: &mut [(T, usize, usize)],
    pace: &mut Pace<'_>,
) -> Result<()> {
    let place = g.place(window);
    let first: [usize; 3] = std::array::from_fn(|axis| (place[axis] * g.stride[axis]).saturating_sub(g.pad[axis]));
    best.fill((T::LOWEST, first[1] * g.input[2] + first[2], 0));
    g.for_taps(place, g.channels, pace, |tap, at| {
        let (image, filter) = (&image[at * g.channels..], &filter[tap * g.channels..]);
        for ((best, x), f) in best.iter_mut().zip(image).zip(filter) {
            let sum = x.plus(*f);
            *best = if sum > best.0 { (sum, at, tap) } else { *best };
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::value::Value;

    #[test]
    fn shapes_are_those_of_the_operands() {
        let of = |to| Dilation2DBackprop { to, window: window_of([1, 2], [1, 1], Padding::Valid).unwrap() };
        infer_ok(&of(Operand::Input), "(?,8,9,3);(2,3,3);(4,7,4,3)", "(?,8,9,3)");
        infer_ok(&of(Operand::Filter), "(?,8,9,3);(2,3,3);<unknown>", "(2,3,3)");
        infer_err(&of(Operand::Filter), "(?,8,9,3);(2,3,3);(4,7,5,3)", "both shapes must be equal, but are 4 and 5");
    }

    /// By hand, of the sums 1 or 5 + 10, 5 or 2 + 10, 40 or 3 + 10, 3 or 9 + 10.
    #[test]
    fn gradients_go_where_the_largest_sum_came_from() {
        let image = Value::from_vec(&[1, 2, 3, 1], vec![1i32, 5, 2, 40, 3, 9]).unwrap();
        let filter = Value::from_vec(&[1, 2, 1], vec![0i32, 10]).unwrap();
        let grad = Value::from_vec(&[1, 2, 2, 1], vec![1i32, 2, 3, 4]).unwrap();
        let run = |to| {
            let op = Dilation2DBackprop { to, window: window_of([1, 1], [1, 1], Padding::Valid).unwrap() };
            run_op(op, &[image.clone(), filter.clone(), grad.clone()]).unwrap().remove(0)
        };
        assert_eq!(run(Operand::Input).slice::<i32>().unwrap(), [0, 1, 2, 3, 0, 4]);
        assert_eq!(run(Operand::Filter).slice::<i32>().unwrap(), [3, 7]);
    }
}
