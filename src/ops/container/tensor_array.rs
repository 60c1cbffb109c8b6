//! `TensorArrayV3`: an array of tensors that a run writes and reads, and its size and end.

use std::sync::Arc;

use super::array_object::{ArrayObject, ArraySpec};
use super::parts::show;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Referent, Role, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// Why ops that only name an array, or count in it, have no gradient.
pub(super) const NO_GRADIENT: &str = "gradients flow through the values of an array, not through its handle";

/// An array of `size` cells, for the time of a run: a handle, and a flow that orders what is done to the array. Each op
/// that writes takes a flow and gives one; whoever reads takes the flow of what must have been written.
///
/// Source: TensorFlow's `TensorArrayV3`; the older versions are read as this one.
#[derive(Debug, Clone)]
pub struct TensorArrayV3 {
    /// The dtype of the elements.
    pub dtype: DType,
    /// What their shapes must fit.
    pub element_shape: Shape,
    /// Whether a write past the end makes the array longer.
    pub dynamic_size: bool,
    /// Whether an element is given away when it is read, and its memory with it; it cannot be read again then.
    pub clear_after_read: bool,
    /// Whether all elements have the shape of the first that is written.
    pub identical_element_shapes: bool,
    /// A name for files.
    pub tensor_array_name: String,
}

/// The row of [`TensorArrayV3`].
pub static TENSOR_ARRAY: OpKind =
    OpKind::new("TensorArrayV3", "size: int32 -> handle: array, flow: float32", parse, examples)
        .aliases(&["TensorArray", "TensorArrayV2"])
        .effect(Effect::Object)
        .not_differentiable(NO_GRADIENT);

/// The row of [`TensorArraySize`].
pub static TENSOR_ARRAY_SIZE: OpKind = OpKind::new(
    "TensorArraySizeV3",
    "handle: array, flow_in: float32 -> size: int32",
    |_| Ok(Arc::new(TensorArraySize)),
    || vec![Example::new(TensorArraySize, [handle_value(), flow_value()])],
)
.aliases(&["TensorArraySize", "TensorArraySizeV2"])
.effect(Effect::Object)
.not_differentiable(NO_GRADIENT);

/// The row of [`TensorArrayClose`].
pub static TENSOR_ARRAY_CLOSE: OpKind = OpKind::new(
    "TensorArrayCloseV3",
    "handle: array ->",
    |_| Ok(Arc::new(TensorArrayClose)),
    || vec![Example::new(TensorArrayClose, [handle_value()])],
)
.aliases(&["TensorArrayClose", "TensorArrayCloseV2"])
.effect(Effect::Object)
.not_differentiable(NO_GRADIENT);

impl TensorArrayV3 {
    /// An array whose elements may have any shape, and are given away when they are read.
    pub fn new(dtype: DType) -> TensorArrayV3 {
        TensorArrayV3 {
            dtype,
            element_shape: Shape::unknown(),
            dynamic_size: false,
            clear_after_read: true,
            identical_element_shapes: false,
            tensor_array_name: String::new(),
        }
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(TensorArrayV3 {
        dtype: attrs.dtype("dtype")?,
        element_shape: attrs.shape_or("element_shape", Shape::unknown())?,
        dynamic_size: attrs.bool_or("dynamic_size", false)?,
        clear_after_read: attrs.bool_or("clear_after_read", true)?,
        identical_element_shapes: attrs.bool_or("identical_element_shapes", false)?,
        tensor_array_name: attrs.str_or("tensor_array_name", "")?,
    }))
}

fn examples() -> Vec<Example> {
    let fixed = TensorArrayV3 { tensor_array_name: "a".to_owned(), ..TensorArrayV3::new(DType::F32) };
    let growing = TensorArrayV3 {
        element_shape: Shape::from([2, 3]),
        dynamic_size: true,
        clear_after_read: false,
        identical_element_shapes: true,
        ..TensorArrayV3::new(DType::I64)
    };
    vec![Example::new(fixed, [3.into_value()]), Example::new(growing, [0.into_value()])]
}

/// Stands for a handle in examples.
pub(super) fn handle_value() -> Value {
    [1.0f32, 2.0].into_value()
}

/// A flow.
pub(super) fn flow_value() -> Value {
    Value::scalar_of(0.0f32)
}

/// Adds the output that is a flow.
pub(super) fn output_flow(cx: &mut InferCx<'_>) {
    cx.output(DType::F32, Shape::scalar());
}

/// The array behind input 0.
pub(super) fn array(cx: &RunCx<'_>) -> Result<Arc<ArrayObject>> {
    let array = cx.input(0).object::<ArrayObject>();
    array.ok_or_else(|| cx.wrong_handle(0, Referent::Array))
}

/// Puts a flow out: its value says nothing.
pub(super) fn put_flow(cx: &mut RunCx<'_>, slot: usize) {
    cx.output(slot, flow_value());
}

impl Op for TensorArrayV3 {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_ARRAY
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(0).with_rank(0)?;
        if let Some(size) = cx.ints(0).and_then(|ints| ints.first().copied()) {
            check_size(size)?;
        }
        cx.output_variable(self.dtype, &self.element_shape, Role::Handle(Referent::Array));
        output_flow(cx);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let size = cx.input(0);
        if size.rank() != 0 {
            return Err(Error::invalid(format!("the size must be a scalar, but has shape {}", show(size.dims()))));
        }
        let size = check_size(size.scalar::<i32>()?.into())?;
        if self.dtype == DType::Resource {
            return Err(Error::unsupported("an array cannot hold handles"));
        }
        let spec = ArraySpec {
            dtype: self.dtype,
            identical_element_shapes: self.identical_element_shapes,
            clear_after_read: self.clear_after_read,
            is_grad: false,
        };
        let array = ArrayObject::new(spec, size, self.element_shape.clone(), self.dynamic_size);
        cx.output(0, Value::from_object(DType::Resource, Arc::new(array)));
        put_flow(cx, 1);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("dtype", AttrValue::Type(self.dtype)),
            ("element_shape", AttrValue::Shape(self.element_shape.clone())),
            ("dynamic_size", AttrValue::Bool(self.dynamic_size)),
            ("clear_after_read", AttrValue::Bool(self.clear_after_read)),
            ("identical_element_shapes", AttrValue::Bool(self.identical_element_shapes)),
            ("tensor_array_name", AttrValue::Str(self.tensor_array_name.as_bytes().to_vec())),
        ]
    }
}

fn check_size(size: i64) -> Result<usize> {
    usize::try_from(size).map_err(|_| Error::invalid(format!("the size must be 0 or more, but is {size}")))
}

/// How many cells an array has.
#[derive(Debug, Clone)]
pub struct TensorArraySize;

impl Op for TensorArraySize {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_ARRAY_SIZE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.shape(1).with_rank(0)?;
        cx.output(DType::I32, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let len = array(cx)?.len()?;
        let len = i32::try_from(len).map_err(|_| Error::invalid(format!("the size {len} does not fit int32")))?;
        cx.output(0, Value::scalar_of(len));
        Ok(())
    }
}

/// Drops the elements of an array, and its gradients; it cannot be used any more.
#[derive(Debug, Clone)]
pub struct TensorArrayClose;

impl Op for TensorArrayClose {
    fn kind(&self) -> &'static OpKind {
        &TENSOR_ARRAY_CLOSE
    }

    fn infer(&self, _: &mut InferCx<'_>) -> Result<()> {
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        array(cx)?.close();
        Ok(())
    }
}
