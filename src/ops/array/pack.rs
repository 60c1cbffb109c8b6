//! `Pack` and `Unpack`: tensors side by side along a new axis, and apart again. TF1 calls them stack and unstack.

use std::sync::Arc;

use super::cells::{Cell, cells, cells_mut, copy_cells, with_cells};
use super::into_sizes::Size;
use super::strided::{Layout, read};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, Graph, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape, normalize_axis};
use crate::value::IntoValue;

/// Tensors side by side along a new axis.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Which axis is the new one.
    pub axis: i64,
}

/// The parts of a tensor along an axis, which they then have no more.
#[derive(Debug, Clone)]
pub struct Unpack {
    /// The axis.
    pub axis: i64,
    /// How many parts there are.
    pub n: usize,
}

/// The row of [`Pack`].
pub static PACK: OpKind = OpKind::new(
    "Pack",
    "values: N*T -> output: T",
    |attrs: &Attrs| Ok(Arc::new(Pack { axis: attrs.int_or("axis", 0)? }) as Arc<dyn Op>),
    || {
        let row = || [1.0f32, 2.0].into_value();
        vec![
            Example::new(Pack { axis: 0 }, [row(), row(), row()]),
            Example::new(Pack { axis: -1 }, [row(), row()]),
            Example::new(Pack { axis: 0 }, [3i32.into_value(), 4i32.into_value()]),
            Example::new(Pack { axis: 1 }, [["a", "b"].into_value()]),
        ]
    },
);

/// The row of [`Unpack`].
pub static UNPACK: OpKind = OpKind::new("Unpack", "value: T -> output: num*T >= 0", parse_unpack, || {
    vec![
        Example::new(Unpack { axis: 0, n: 2 }, [[[1.0f32, 2.0], [3.0, 4.0]].into_value()]),
        Example::new(Unpack { axis: -1, n: 3 }, [[[1i32, 2, 3]].into_value()]),
        Example::new(Unpack { axis: 0, n: 2 }, [[1i32, 2].into_value()]),
    ]
});

/// Tensors of one shape side by side along a new axis: three of `(2, 5)` along axis 1 are `(2, 3, 5)`; -1 is the last.
///
/// # Errors
/// `InvalidArgument` without tensors or for an axis out of range; `ShapeMismatch` if the shapes differ.
///
/// ```
/// # use sessile::{ops::array::stack, prelude::*};
/// # fn main() -> sessile::Result<()> {
/// let g = Graph::new();
/// let x = g.placeholder(DType::F32, shape![?, 3])?;
/// assert_eq!(stack(&[&x, &x], 1)?.shape().to_string(), "(?, 2, 3)");
/// # Ok(()) }
/// ```
#[doc(alias = "tf.stack")]
#[track_caller]
pub fn stack(values: &[&Tensor], axis: i64) -> Result<Tensor> {
    let first = values.first().ok_or_else(|| Error::invalid("stack needs at least one tensor"))?;
    first.graph().apply_named("stack", Arc::new(Pack { axis }), values)?.output(0)
}

impl Tensor {
    /// The parts along an axis, which they then have no more: `(2, 3)` along axis 1 is three times `(2)`.
    ///
    /// # Errors
    /// `ShapeMismatch` if the size of the axis is not known; `InvalidArgument` for an axis out of range.
    #[doc(alias = "tf.unstack")]
    #[track_caller]
    pub fn unstack(&self, axis: i64) -> Result<Vec<Tensor>> {
        let dim = self.shape().dim(normalize_axis(axis, self.rank()?)?);
        let n = dim.known().ok_or_else(|| Error::shape(format!("cannot infer num from shape {}", self.shape())))?;
        Ok(self.graph().apply_named("unstack", Arc::new(Unpack { axis, n }), &[self])?.outputs())
    }
}

/// Numbers and scalar tensors as one vector. The pending name is that of the `Pack`.
#[track_caller]
pub(super) fn pack_sizes(g: &Graph, sizes: &[Size]) -> Result<Tensor> {
    let dtype = sizes.iter().find_map(|size| if let Size::Tensor(tensor) = size { Some(tensor.dtype()) } else { None });
    let dtype = dtype.unwrap_or(DType::I32);
    g.composite("packed", |scope| {
        let one = |(i, size): (usize, &Size)| match size {
            Size::Number(n) => g.named(&i.to_string(), || g.constant_as(dtype, *n)),
            Size::Tensor(tensor) => Ok(tensor.clone()),
        };
        let parts = sizes.iter().enumerate().map(one).collect::<Result<Vec<_>>>()?;
        g.named(scope, || g.apply_one(Pack { axis: 0 }, &parts.iter().collect::<Vec<_>>()))
    })
}

fn parse_unpack(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let num = attrs.int("num")?;
    let n = usize::try_from(num).map_err(|_| Error::invalid(format!("num must be 0 or more, but is {num}")))?;
    Ok(Arc::new(Unpack { axis: attrs.int_or("axis", 0)?, n }))
}

impl Op for Pack {
    fn kind(&self) -> &'static OpKind {
        &PACK
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let n = cx.n_inputs();
        if n == 0 {
            return Err(Error::invalid("pack needs at least one tensor"));
        }
        let part = (1..n).try_fold(cx.shape(0).clone(), |all, i| all.merge(cx.shape(i)))?;
        let shape = match part.rank() {
            Some(rank) => part.insert(normalize_axis(self.axis, rank + 1)?, Dim::from(n))?,
            None => Shape::unknown(),
        };
        let is_index = matches!(cx.dtype(0), DType::I32 | DType::I64);
        let sizes = (part.rank() == Some(0) && is_index && n <= crate::shape::MAX_RANK).then(|| {
            let one = |i| cx.sizes(i).and_then(|sizes| sizes.first().cloned()).unwrap_or_else(Dim::unknown_value);
            (0..n).map(one).collect()
        });
        cx.output(cx.dtype(0), shape).sizes = sizes;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let first = cx.input(0);
        let axis = normalize_axis(self.axis, first.rank() + 1)?;
        if let Some(other) = (1..cx.n_inputs()).find(|i| cx.input(*i).dims() != first.dims()) {
            let (a, b) = (Shape::from(first.dims()), Shape::from(cx.input(other).dims()));
            let what = format!(
                "shapes of all inputs must match: values[0].shape = {} != values[{other}].shape = {}",
                a.brackets(),
                b.brackets()
            );
            return Err(Error::shape(what));
        }
        let mut dims = Dims::from_slice(first.dims());
        dims.insert(axis, cx.n_inputs());
        let inner = dims[axis + 1..].iter().product::<usize>();
        // Bounded by the inputs.
        let blocks = vec![inner; cx.n_inputs()];
        let mut out = cx.alloc(first.dtype(), &dims)?;
        with_cells!(first.dtype(), E => join::<E>(cx, 0, &blocks, cells_mut(&mut out)?)?);
        cx.output(0, out);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let parts = cx.graph().apply(Unpack { axis: self.axis, n: cx.n_inputs() }, &[cx.dy()?])?;
        Ok(parts.outputs().into_iter().map(Some).collect())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("axis", AttrValue::Int(self.axis))]
    }
}

/// Inputs from `first` on, in turn: `blocks[i]` elements of each, again and again.
pub(super) fn join<E: Cell>(cx: &RunCx<'_>, first: usize, blocks: &[usize], out: &mut [E]) -> Result<()> {
    let row: usize = blocks.iter().sum();
    if row == 0 || out.is_empty() {
        return Ok(());
    }
    let parts = (0..blocks.len()).map(|i| cells::<E>(cx.input(first + i))).collect::<Result<Vec<_>>>()?;
    let (rows_a_chunk, work) = (E::BATCH.div_ceil(row), cx.workspace());
    cx.try_for_chunks_mut(out, rows_a_chunk * row, &|chunk, out| {
        let mut pace = work.pace();
        for (i, out) in out.chunks_exact_mut(row).enumerate() {
            let mut out = out;
            for (part, &block) in parts.iter().zip(blocks) {
                let (mine, rest) = std::mem::take(&mut out).split_at_mut(block);
                let start = (chunk * rows_a_chunk + i) * block;
                copy_cells(&mut pace, &part[start..start + block], mine)?;
                out = rest;
            }
        }
        Ok(())
    })
}

impl Op for Unpack {
    fn kind(&self) -> &'static OpKind {
        &UNPACK
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let value = cx.shape(0).clone();
        let part = match value.rank() {
            Some(rank) => {
                let axis = normalize_axis(self.axis, rank)?;
                value.with_dim(axis, &Dim::from(self.n))?.remove(axis)?
            }
            None => Shape::unknown(),
        };
        cx.check_n_outputs(self.n)?;
        let sizes = cx.sizes(0).filter(|sizes| part.rank() == Some(0) && sizes.len() == self.n);
        for i in 0..self.n {
            cx.output(cx.dtype(0), &part).sizes = sizes.as_ref().map(|sizes| [sizes[i].clone()].into());
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let mut dims = Dims::from_slice(cx.input(0).dims());
        let axis = normalize_axis(self.axis, dims.len())?;
        if dims[axis] != self.n {
            let what = format!("input shape axis {axis} must equal {}, got shape {:?}", self.n, dims.as_slice());
            return Err(Error::shape(what));
        }
        dims.remove(axis);
        let inner: usize = dims[axis..].iter().product();
        let outer: usize = dims[..axis].iter().product();
        for i in 0..self.n {
            let strides = [(self.n * inner) as isize, 1];
            let layout =
                Layout { start: (i * inner) as isize, dims: [outer, inner][..].into(), strides: strides[..].into() };
            let part = read(cx, 0, &dims, &layout)?;
            cx.output(i, part);
        }
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let parts = cx.output_grads_or_zeros()?;
        Ok(vec![Some(cx.graph().apply_one(Pack { axis: self.axis }, &parts.iter().collect::<Vec<_>>())?)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("axis", AttrValue::Int(self.axis)), ("num", AttrValue::Int(self.n as i64))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};
    use crate::{Graph, shape};

    #[test]
    fn parts_are_stacked_and_taken_apart() {
        let rows = [[1, 2, 3].into_value(), [4, 5, 6].into_value()];
        let both = run_op(Pack { axis: 1 }, &rows).unwrap().remove(0);
        assert_eq!((both.dims(), both.slice::<i32>().unwrap()), (&[3, 2][..], &[1, 4, 2, 5, 3, 6][..]));
        let parts = run_op(Unpack { axis: -1, n: 2 }, &[both]).unwrap();
        assert!(parts.iter().zip(&rows).all(|(part, row)| part.same_bits(row)));
    }

    #[test]
    fn shapes_merge() {
        infer_ok(&Pack { axis: 1 }, "(?,3);(2,?)", "(2,2,3)");
        infer_ok(&Pack { axis: 0 }, "<unknown>;<unknown>", "<unknown>");
        infer_err(&Pack { axis: 0 }, "(2);(3)", "dimension 0 in both shapes must be equal, but are 2 and 3");
        infer_err(&Pack { axis: 2 }, "(2)", "axis must be in [-2, 2), but is 2");
        infer_ok(&Unpack { axis: 0, n: 2 }, "(?,3)", "(3);(3)");
        infer_err(&Unpack { axis: 0, n: 2 }, "(3,3)", "dimension must be 2 but is 3");
    }

    #[test]
    fn sizes_are_followed_through_stacks() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape!["b", 3]).unwrap();
        let sizes = x.shape_tensor().unwrap().unstack(0).unwrap();
        let swapped = stack(&[&sizes[1], &sizes[0]], 0).unwrap();
        assert_eq!(swapped.name(), "stack:0");
        assert_eq!(x.reshape(&swapped).unwrap().shape(), shape![3, "b"]);
    }
}
