//! The rows of tensors as arrays of a run: what `map_fn`, `scan` and the folds read and write turn by turn.

use super::loops::{Turns, Var};
use super::nest::{Nest, pack, tensors};
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{Graph, Tensor};
use crate::ops::IntoTensor;
use crate::ops::array::range_of;
use crate::ops::container::{
    TensorArrayGather, TensorArrayRead, TensorArrayScatter, TensorArraySize, TensorArrayV3, TensorArrayWrite,
};
use crate::shape::{Dim, Shape};

/// How many rows there are: known, or in the run.
#[derive(Debug, Clone)]
pub(super) enum Count {
    Known(i32),
    Tensor(Tensor),
}

impl Count {
    /// The length of the first axis. But for `scan`, TF1 asks in the run where it is 0, too.
    pub(super) fn of(first: &Tensor, knows_zero: bool) -> Result<Count> {
        match first.shape().dims().and_then(|dims| dims[0].known()) {
            Some(n) if n > 0 || knows_zero => {
                let too_many = || Error::invalid(format!("there may be at most {} rows, but are {n}", i32::MAX));
                Ok(Count::Known(i32::try_from(n).map_err(|_| too_many())?))
            }
            _ => Ok(Count::Tensor(first.shape_tensor()?.index(0)?)),
        }
    }

    /// The count less a number.
    pub(super) fn minus(&self, n: i32) -> Result<Count> {
        Ok(match self {
            Count::Known(count) => Count::Known(count - n),
            Count::Tensor(count) => Count::Tensor((count - n)?),
        })
    }
}

/// A bare number, or the tensor.
impl IntoTensor for Count {
    #[track_caller]
    fn tensor(&self, like: Option<&Tensor>) -> Result<Tensor> {
        match self {
            Count::Known(n) => n.tensor(like),
            Count::Tensor(n) => Ok(n.clone()),
        }
    }

    fn is_bare(&self) -> bool {
        matches!(self, Count::Known(_))
    }
}

/// An array, and what has been done to it so far.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) dtype: DType,
    pub(super) handle: Tensor,
    pub(super) flow: Tensor,
}

impl Rows {
    /// An array of so many rows.
    pub(super) fn new(g: &Graph, dtype: DType, n: &Count, element_shape: Shape) -> Result<Rows> {
        g.composite("TensorArray", |scope| {
            let size = match n {
                Count::Known(n) => g.named("size", || g.constant(*n))?,
                Count::Tensor(n) => n.clone(),
            };
            let op = TensorArrayV3 { element_shape, identical_element_shapes: true, ..TensorArrayV3::new(dtype) };
            let made = g.named(scope, || g.apply(op, &[&size]))?;
            Ok(Rows { dtype, handle: made.output(0)?, flow: made.output(1)? })
        })
    }

    /// An array of the rows of a tensor.
    pub(super) fn unstacked(self, g: &Graph, value: &Tensor) -> Result<Rows> {
        g.composite("TensorArrayUnstack", |_| {
            let n = value.shape_tensor()?.index(0)?;
            let indices = range_of(g, 0, n)?;
            g.composite("TensorArrayScatter", |_| {
                let op = TensorArrayScatter { is_unpack: false };
                let flow = g.apply_one(op, &[&self.handle, &indices, value, &self.flow])?;
                Ok(Rows { flow, ..self })
            })
        })
    }

    /// One row.
    pub(super) fn read(&self, g: &Graph, i: &Count) -> Result<Tensor> {
        g.composite("TensorArrayReadV3", |scope| {
            let i = i.index(g, "index")?;
            g.named(scope, || g.apply_one(TensorArrayRead { dtype: self.dtype }, &[&self.handle, &i, &self.flow]))
        })
    }

    /// The array with one row written.
    pub(super) fn write(&self, g: &Graph, i: &Count, value: &Tensor) -> Result<Rows> {
        g.composite("TensorArrayWrite", |_| {
            let i = i.index(g, "TensorArrayWriteV3/index")?;
            let flow = g.apply_one(TensorArrayWrite, &[&self.handle, &i, value, &self.flow])?;
            Ok(Rows { flow, ..self.clone() })
        })
    }

    /// All rows as one tensor.
    pub(super) fn stacked(&self, g: &Graph, element_shape: &Shape) -> Result<Tensor> {
        g.composite("TensorArrayStack", |_| {
            let size = g.apply_one(TensorArraySize, &[&self.handle, &self.flow])?;
            let indices = range_of(g, 0, size)?;
            let op = TensorArrayGather { dtype: self.dtype, element_shape: element_shape.clone(), is_pack: false };
            g.apply_one(op, &[&self.handle, &indices, &self.flow])
        })
    }
}

impl Count {
    fn index(&self, g: &Graph, name: &str) -> Result<Tensor> {
        match self {
            Count::Known(n) => g.named(name, || g.constant(*n)),
            Count::Tensor(n) => Ok(n.clone()),
        }
    }
}

impl Count {
    /// As many turns of a loop.
    pub(super) fn as_turns(&self) -> Turns {
        match self {
            Count::Known(n) => Turns::Known(*n),
            Count::Tensor(n) => Turns::Tensor(n.clone()),
        }
    }

    /// What a loop counts from here.
    pub(super) fn as_var(&self) -> Var {
        match self {
            Count::Known(n) => Var::Int(*n),
            Count::Tensor(n) => Var::Tensor(n.clone()),
        }
    }
}

/// The rows of several tensors of one length.
pub(super) struct Elems<N> {
    like: N,
    rows: Vec<Rows>,
    pub(super) n: Count,
    /// The length, as far as known before the run.
    length: Dim,
}

impl<N: Nest> Elems<N> {
    /// The arrays of the rows.
    ///
    /// # Errors
    /// `ShapeMismatch` for scalars, and for lengths that differ; `InvalidArgument` without tensors.
    pub(super) fn of(g: &Graph, like: N, knows_zero: bool) -> Result<Elems<N>> {
        let tensors = tensors(&like, "what has rows")?;
        let Some(first) = tensors.first() else {
            return Err(Error::invalid("there must be at least 1 tensor with rows, but got 0"));
        };
        let mut length = Dim::unknown();
        for tensor in &tensors {
            match tensor.shape().dims() {
                Some([]) => {
                    let name = tensor.name();
                    return Err(Error::shape(format!("'{}' must have rows, but is a scalar", escape(&name))));
                }
                Some(dims) => length = length.merge(&dims[0])?,
                None => {}
            }
        }
        let n = Count::of(first, knows_zero)?;
        let fresh = |tensor: &Tensor| Rows::new(g, tensor.dtype(), &n, row_shape(tensor));
        let rows = tensors.iter().map(fresh).collect::<Result<Vec<_>>>()?;
        let rows = rows.into_iter().zip(&tensors).map(|(rows, tensor)| rows.unstacked(g, tensor));
        Ok(Elems { like, rows: rows.collect::<Result<_>>()?, n, length })
    }

    /// How many tensors there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// One row of each.
    pub(super) fn read(&self, g: &Graph, i: &Count) -> Result<N> {
        self.read_each(g, || Ok(i.clone()))
    }

    /// One row of each, whose number is computed for each.
    pub(super) fn read_each(&self, g: &Graph, i: impl Fn() -> Result<Count>) -> Result<N> {
        let read = self.rows.iter().map(|rows| rows.read(g, &i()?)).collect::<Result<Vec<_>>>()?;
        Ok(pack(&self.like, &read, None))
    }

    /// All rows of a result as one tensor, which is as long as these are.
    pub(super) fn stacked(&self, g: &Graph, rows: Rows, row_shape: &Shape) -> Result<Tensor> {
        let stacked = rows.stacked(g, row_shape)?;
        // What a turn does not know of a row may differ from row to row only where it may differ from run to run.
        stacked.set_shape(Shape::new([self.length.clone()]).concat(row_shape)?)?;
        Ok(stacked)
    }
}

/// The shape of a row.
fn row_shape(tensor: &Tensor) -> Shape {
    tensor.shape().slice(1..).unwrap_or_else(|_| Shape::unknown())
}
