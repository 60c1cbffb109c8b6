//! `TensorArray`: an array of tensors, as programs build it.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{
    TensorArrayClose, TensorArrayConcat, TensorArrayGather, TensorArrayRead, TensorArrayScatter, TensorArraySize,
    TensorArraySplit, TensorArrayV3, TensorArrayWrite,
};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Graph, Operation, Tensor};
use crate::index;
use crate::ops::IntoTensor;
use crate::ops::array::{IntoSizes, Size, range_of};
use crate::ops::control::{IntoNest, Leaf, Nest};
use crate::shape::{Dim, Shape};
use crate::value::Value;

/// An array of tensors: written and read one by one, which loops do, or all at once.
///
/// What changes an array gives another handle to it, by which the change is seen; go on with that one. Such a handle is a
/// loop variable, too. Arrays live as long as one run.
///
/// ```
/// # use sessile::prelude::*;
/// # fn main() -> sessile::Result<()> {
/// let g = Graph::new();
/// let array = g.tensor_array(DType::F32, 3)?;
/// let (_, squares) = g.while_loop(
///     (g.constant(0)?, &array),
///     |(i, _)| i.less(3),
///     |(i, array)| Ok((&i + 1, array.write(&i, (&i * &i)?.cast(DType::F32)?)?)),
/// )?;
/// assert_eq!(Session::new(&g)?.run(&squares.stack()?)?.to_string(), "[0. 1. 4.]");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "what was written is seen through the handle that writing gives"]
pub struct TensorArray {
    handle: Tensor,
    flow: Tensor,
    infer_shape: bool,
    /// What was found out of the elements' shapes, by whatever handle.
    element_shape: Arc<Mutex<Shape>>,
}

/// How an array is made.
#[derive(Debug, Clone)]
pub struct TensorArrayOptions {
    /// Whether a write past the end makes it longer.
    pub dynamic_size: bool,
    /// Whether an element is given away when it is read, and its memory with it.
    pub clear_after_read: bool,
    /// Whether all elements have one shape.
    pub infer_shape: bool,
    /// What the shapes of all elements fit.
    pub element_shape: Shape,
    /// A name for files.
    pub tensor_array_name: String,
}

impl Default for TensorArrayOptions {
    fn default() -> TensorArrayOptions {
        TensorArrayOptions {
            dynamic_size: false,
            clear_after_read: true,
            infer_shape: true,
            element_shape: Shape::unknown(),
            tensor_array_name: String::new(),
        }
    }
}

impl Graph {
    /// An array of `size` tensors of one dtype and shape, each of which is written once and read once.
    ///
    /// # Errors
    /// `InvalidArgument` for a negative size; `ShapeMismatch` for one that is no scalar.
    ///
    /// Source: TensorFlow's `TensorArrayV3`.
    #[doc(alias = "tf.TensorArray")]
    #[track_caller]
    pub fn tensor_array(&self, dtype: DType, size: impl Into<Size>) -> Result<TensorArray> {
        self.tensor_array_with(dtype, size, &TensorArrayOptions::default())
    }

    /// As [`Graph::tensor_array`], with options.
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "tf.TensorArray")]
    #[track_caller]
    pub fn tensor_array_with(
        &self,
        dtype: DType,
        size: impl Into<Size>,
        options: &TensorArrayOptions,
    ) -> Result<TensorArray> {
        let size = size.into();
        self.composite("TensorArray", |scope| {
            let op = TensorArrayV3 {
                dtype,
                element_shape: options.element_shape.clone(),
                dynamic_size: options.dynamic_size,
                clear_after_read: options.clear_after_read,
                identical_element_shapes: options.infer_shape,
                tensor_array_name: options.tensor_array_name.clone(),
            };
            let size = int32(self, "size", size)?;
            let made = self.named(scope, || self.apply(op, &[&size]))?;
            Ok(TensorArray {
                handle: made.output(0)?,
                flow: made.output(1)?,
                infer_shape: options.infer_shape,
                element_shape: Arc::new(Mutex::new(options.element_shape.clone())),
            })
        })
    }
}

/// A number as an int32 constant of this name.
#[track_caller]
fn int32(g: &Graph, name: &str, size: Size) -> Result<Tensor> {
    match size {
        Size::Tensor(tensor) => Ok(tensor),
        Size::Number(n) => {
            let n = i32::try_from(n).map_err(|_| Error::invalid(format!("{name} must fit int32, but is {n}")))?;
            g.named(name, || g.constant(n))
        }
    }
}

/// What it is.
impl TensorArray {
    /// The array itself.
    pub fn handle(&self) -> &Tensor {
        &self.handle
    }

    /// What orders its uses: who reads waits for the writes that made this flow.
    pub fn flow(&self) -> &Tensor {
        &self.flow
    }

    /// The dtype of its elements.
    pub fn dtype(&self) -> DType {
        self.handle.fact().dtype
    }

    /// What is known of the shapes of its elements.
    pub fn element_shape(&self) -> Shape {
        self.element_shape.lock().clone()
    }

    /// The same array behind another flow, such as one that a loop gives.
    pub fn with_flow(&self, flow: Tensor) -> TensorArray {
        TensorArray { flow, ..self.clone() }
    }

    /// The same array behind a flow of a new name; a place to hang control inputs on.
    ///
    /// # Errors
    /// Those of [`Tensor::identity`].
    #[doc(alias = "tf.TensorArray.identity")]
    #[track_caller]
    pub fn identity(&self) -> Result<TensorArray> {
        Ok(self.with_flow(self.flow.identity()?))
    }

    fn graph(&self) -> &Graph {
        self.handle.graph()
    }

    /// Takes the shape of an element in.
    fn check_shape(&self, shape: &Shape) -> Result<()> {
        let mut known = self.element_shape.lock();
        if !shape.is_compatible(&known) {
            return Err(Error::shape(format!("inconsistent shapes: saw {shape} but expected {known}")));
        }
        if self.infer_shape {
            *known = known.merge(shape)?.renew_anonymous();
        }
        Ok(())
    }

    fn check_dtype(&self, value: &Tensor) -> Result<()> {
        let (want, have) = (self.dtype(), value.dtype());
        if want == have {
            return Ok(());
        }
        Err(Error::dtype(format!("the array's dtype is {want}, but the op writes {have}")))
    }

    /// Builds in the scope of a name that was asked for, or `scope`; what `build` gets is the name of the op in it.
    #[track_caller]
    fn scoped<R>(&self, scope: &str, op: &str, build: impl FnOnce(&str) -> Result<R>) -> Result<R> {
        let g = self.graph();
        let name = g.take_name("");
        let (scope, op) = if name.is_empty() { (scope, op) } else { (&*name, &*name) };
        g.composite(scope, |_| build(op))
    }
}

/// Reading.
impl TensorArray {
    /// One element.
    ///
    /// # Errors
    /// In the run `InvalidArgument` for an index outside of the array, and for an element that was not written or has been
    /// read already.
    ///
    /// Source: TensorFlow's `TensorArrayReadV3`.
    #[doc(alias = "tf.TensorArray.read")]
    #[track_caller]
    pub fn read(&self, index: impl Into<Size>) -> Result<Tensor> {
        let (g, index) = (self.graph(), index.into());
        g.composite("TensorArrayReadV3", |scope| {
            let index = int32(g, "index", index)?;
            let op = TensorArrayRead { dtype: self.dtype() };
            let value = g.named(scope, || g.apply_one(op, &[&self.handle, &index, &self.flow]))?;
            value.set_shape(self.element_shape())?;
            Ok(value)
        })
    }

    /// All elements as the rows of a tensor: `n` elements `(..)` give `(n, ..)`.
    ///
    /// # Errors
    /// In the run those of [`TensorArray::read`], and `InvalidArgument` for elements of several shapes.
    ///
    /// Source: TensorFlow's `TensorArrayGatherV3`.
    #[doc(alias = "tf.TensorArray.stack")]
    #[track_caller]
    pub fn stack(&self) -> Result<Tensor> {
        let g = self.graph();
        self.scoped("TensorArrayStack", "TensorArrayGatherV3", |name| {
            let size = self.size()?;
            let all = range_of(g, 0, &size)?;
            g.named(name, || self.gather(&all))
        })
    }

    /// Some elements as the rows of a tensor: `(n)` indices of elements `(..)` give `(n, ..)`.
    ///
    /// # Errors
    /// As for [`TensorArray::stack`].
    #[doc(alias = "tf.TensorArray.gather")]
    #[track_caller]
    pub fn gather(&self, indices: impl IntoSizes) -> Result<Tensor> {
        let (g, element_shape) = (self.graph(), self.element_shape());
        g.composite("TensorArrayGatherV3", |scope| {
            let indices = indices.sizes(g, "indices")?;
            let op = TensorArrayGather { dtype: self.dtype(), element_shape, is_pack: false };
            g.named(scope, || g.apply_one(op, &[&self.handle, &indices, &self.flow]))
        })
    }

    /// All elements end to end along their first axis.
    ///
    /// # Errors
    /// As for [`TensorArray::stack`]; elements must be at least vectors, and may differ in their first dim.
    ///
    /// Source: TensorFlow's `TensorArrayConcatV3`.
    #[doc(alias = "tf.TensorArray.concat")]
    #[track_caller]
    pub fn concat(&self) -> Result<Tensor> {
        let element = self.element_shape();
        let rest = match element.rank() {
            Some(0) => return Err(Error::shape("elements must be at least vectors, but are scalars")),
            Some(_) => element.slice(1..)?,
            None => Shape::unknown(),
        };
        let op = TensorArrayConcat { dtype: self.dtype(), element_shape_except0: rest.clone() };
        let value = self.graph().apply(op, &[&self.handle, &self.flow])?.output(0)?;
        value.set_shape(Shape::new([Dim::unknown()]).concat(&rest)?)?;
        Ok(value)
    }

    /// How many elements it has, an int32 scalar.
    ///
    /// # Errors
    /// None that a user makes.
    #[doc(alias = "tf.TensorArray.size")]
    #[track_caller]
    pub fn size(&self) -> Result<Tensor> {
        self.graph().apply_one(TensorArraySize, &[&self.handle, &self.flow])
    }
}

/// Writing.
impl TensorArray {
    /// Writes one element, once.
    ///
    /// # Errors
    /// `DTypeMismatch`; `ShapeMismatch` for another shape than that of elements written before. In the run
    /// `InvalidArgument` for an index outside of the array, and for an element that has been written or read already.
    ///
    /// Source: TensorFlow's `TensorArrayWriteV3`.
    #[doc(alias = "tf.TensorArray.write")]
    #[track_caller]
    pub fn write(&self, index: impl Into<Size>, value: impl IntoTensor) -> Result<TensorArray> {
        let (g, index) = (self.graph(), index.into());
        self.scoped("TensorArrayWrite", "TensorArrayWriteV3", |name| {
            let value = g.named("value", || value.tensor(Some(&self.handle)))?;
            self.check_dtype(&value)?;
            self.check_shape(&value.shape())?;
            g.composite(name, |scope| {
                let index = int32(g, "index", index)?;
                let inputs = [&self.handle, &index, &value, &self.flow];
                g.named(scope, || g.apply_one(TensorArrayWrite, &inputs)).map(|flow| self.with_flow(flow))
            })
        })
    }

    /// Writes the rows of a tensor, the first to element 0: the inverse of [`TensorArray::stack`].
    ///
    /// # Errors
    /// As for [`TensorArray::write`].
    ///
    /// Source: TensorFlow's `TensorArrayScatterV3`.
    #[doc(alias = "tf.TensorArray.unstack")]
    #[track_caller]
    pub fn unstack(&self, value: &Tensor) -> Result<TensorArray> {
        let g = self.graph();
        self.scoped("TensorArrayUnstack", "", |name| {
            let rows = value.shape_tensor()?.index(index![0])?;
            let all = range_of(g, 0, &rows)?;
            if name.is_empty() { self.scatter(&all, value) } else { g.named(name, || self.scatter(&all, value)) }
        })
    }

    /// Writes the rows of a tensor: row `i` to element `indices[i]`.
    ///
    /// # Errors
    /// As for [`TensorArray::write`].
    #[doc(alias = "tf.TensorArray.scatter")]
    #[track_caller]
    pub fn scatter(&self, indices: impl IntoSizes, value: &Tensor) -> Result<TensorArray> {
        let g = self.graph();
        self.scoped("TensorArrayScatter", "TensorArrayScatterV3", |name| {
            self.check_dtype(value)?;
            let shape = value.shape().with_rank_at_least(1)?;
            self.check_shape(&if shape.rank().is_some() { shape.slice(1..)? } else { shape })?;
            g.composite(name, |scope| {
                let indices = indices.sizes(g, "indices")?;
                let op = TensorArrayScatter { is_unpack: false };
                let inputs = [&self.handle, &indices, value, &self.flow];
                g.named(scope, || g.apply_one(op, &inputs)).map(|flow| self.with_flow(flow))
            })
        })
    }

    /// Writes runs of rows: the first `lengths[0]` rows to element 0, the next `lengths[1]` to element 1, and so on: the
    /// inverse of [`TensorArray::concat`].
    ///
    /// # Errors
    /// As for [`TensorArray::write`].
    ///
    /// Source: TensorFlow's `TensorArraySplitV3`.
    #[doc(alias = "tf.TensorArray.split")]
    #[track_caller]
    pub fn split(&self, value: &Tensor, lengths: impl IntoSizes) -> Result<TensorArray> {
        let g = self.graph();
        self.scoped("TensorArraySplit", "TensorArraySplitV3", |name| {
            self.check_dtype(value)?;
            let lengths = match lengths.numbers() {
                None => lengths.sizes(g, "lengths")?.cast(DType::I64)?,
                Some(_) => g.composite("Cast", |scope| {
                    let numbers = lengths.sizes(g, "x")?;
                    g.named(scope, || numbers.cast(DType::I64))
                })?,
            };
            self.check_parts(value, &lengths)?;
            let inputs = [&self.handle, value, &lengths, &self.flow];
            g.named(name, || g.apply_one(TensorArraySplit, &inputs)).map(|flow| self.with_flow(flow))
        })
    }

    /// Parts of one length are elements of one shape.
    fn check_parts(&self, value: &Tensor, lengths: &Tensor) -> Result<()> {
        let known = lengths.graph().constant_value(lengths.id());
        let lengths = known.as_ref().map_or(Ok(&[][..]), Value::slice::<i64>)?;
        let rank = value.shape().rank().unwrap_or(0);
        match lengths {
            [first, rest @ ..] if rank > 0 && rest.iter().all(|len| len == first) => {
                let first = usize::try_from(*first).map_or_else(|_| Dim::unknown(), Dim::from);
                self.check_shape(&Shape::new([first]).concat(&value.shape().slice(1..)?)?)
            }
            _ => Ok(()),
        }
    }

    /// Drops its elements; it cannot be used in a run after that.
    ///
    /// # Errors
    /// None that a user makes.
    #[doc(alias = "tf.TensorArray.close")]
    #[track_caller]
    pub fn close(&self) -> Result<Operation> {
        self.graph().apply(TensorArrayClose, &[&self.handle])
    }
}

/// A leaf of a structure: the flow changes from turn to turn, the array stays.
impl Nest for TensorArray {
    fn each(&mut self, visit: &mut dyn FnMut(Leaf<'_>)) {
        visit(Leaf::Tensor(&mut self.flow));
    }

    fn describe(&self, form: &mut String) {
        form.push('*');
    }
}

impl IntoNest for TensorArray {
    type Owned = TensorArray;
    fn into_nest(self, _: &Graph) -> Result<TensorArray> {
        Ok(self)
    }
}

impl IntoNest for &TensorArray {
    type Owned = TensorArray;
    fn into_nest(self, _: &Graph) -> Result<TensorArray> {
        Ok(self.clone())
    }
}

impl IntoNest for Result<TensorArray> {
    type Owned = TensorArray;
    fn into_nest(self, _: &Graph) -> Result<TensorArray> {
        self
    }
}
