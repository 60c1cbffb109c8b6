//! `StackV2`: a stack of tensors that a run pushes and pops, in program order.

use std::sync::Arc;

use parking_lot::Mutex;

use super::parts::show;
use super::tensor_array::handle_value;
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Referent, Role, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// A stack of a run: what loops keep for their gradients. It may hold handles, but not those of stacks.
#[derive(Debug)]
struct StackObject {
    dtype: DType,
    name: String,
    max_size: Option<usize>,
    /// Nothing once it is closed.
    items: Mutex<Option<Vec<Value>>>,
}

/// A stack for the time of a run. Its input is how many elements there may be at most, without a limit if it is negative.
///
/// Source: TensorFlow's `StackV2`; `Stack`, which has no such input, is older.
#[derive(Debug, Clone)]
pub struct StackV2 {
    /// The dtype of the elements.
    pub elem_type: DType,
    /// A name for messages.
    pub stack_name: String,
}

/// The row of [`StackV2`].
pub static STACK_V2: OpKind = OpKind::new("StackV2", "max_size: int32 -> handle: stack", StackV2::parse, || {
    let op = StackV2 { elem_type: DType::F32, stack_name: "s".to_owned() };
    vec![Example::new(op, [(-1).into_value()])]
})
.aliases(&["Stack"])
.effect(Effect::Object)
.not_differentiable("gradients do not flow through stacks, which loops make for their gradients");

/// Pushes a tensor, and passes it on.
///
/// Source: TensorFlow's `StackPushV2`.
#[derive(Debug, Clone)]
pub struct StackPush {
    /// Whether memory may be spared by moving elements off the device: there is no device here.
    pub swap_memory: bool,
}

/// The row of [`StackPush`].
pub static STACK_PUSH: OpKind = OpKind::new(
    "StackPushV2",
    "handle: stack, elem: T -> output: T",
    |attrs| Ok(Arc::new(StackPush { swap_memory: attrs.bool_or("swap_memory", false)? })),
    || vec![Example::new(StackPush { swap_memory: true }, [handle_value(), [1.0f32, 2.0].into_value()])],
)
.aliases(&["StackPush"])
.takes_handles()
.effect(Effect::Object);

/// Pops the tensor that was pushed last.
///
/// Source: TensorFlow's `StackPopV2`.
#[derive(Debug, Clone)]
pub struct StackPop {
    /// The dtype of the elements.
    pub elem_type: DType,
}

/// The row of [`StackPop`].
pub static STACK_POP: OpKind = OpKind::new(
    "StackPopV2",
    "handle: stack -> elem: elem_type",
    |attrs| Ok(Arc::new(StackPop { elem_type: attrs.dtype("elem_type")? })),
    || vec![Example::new(StackPop { elem_type: DType::F32 }, [handle_value()])],
)
.aliases(&["StackPop"])
.effect(Effect::Object);

/// Drops the elements of a stack; it cannot be used any more.
///
/// Source: TensorFlow's `StackCloseV2`.
#[derive(Debug, Clone)]
pub struct StackClose;

/// The row of [`StackClose`].
pub static STACK_CLOSE: OpKind = OpKind::new(
    "StackCloseV2",
    "handle: stack ->",
    |_| Ok(Arc::new(StackClose)),
    || vec![Example::new(StackClose, [handle_value()])],
)
.aliases(&["StackClose"])
.effect(Effect::Object)
.not_differentiable("it gives nothing");

impl StackV2 {
    fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
        Ok(Arc::new(StackV2 { elem_type: attrs.dtype("elem_type")?, stack_name: attrs.str_or("stack_name", "")? }))
    }
}

impl StackObject {
    /// What `with` answers for the elements.
    fn open<R>(&self, with: impl FnOnce(&mut Vec<Value>) -> Result<R>) -> Result<R> {
        let mut items = self.items.lock();
        match items.as_mut() {
            Some(items) => with(items),
            None => Err(Error::invalid(format!("the stack '{}' has been closed already", escape(&self.name)))),
        }
    }

    fn check(&self, dtype: DType) -> Result<()> {
        if self.dtype == dtype {
            return Ok(());
        }
        Err(Error::invalid(format!("the stack's elements must be {}, but the op's are {dtype}", self.dtype)))
    }

    fn push(&self, value: Value) -> Result<()> {
        self.check(value.dtype())?;
        if value.object_ref::<StackObject>().is_some() {
            // It could hold itself, and would never be freed.
            return Err(Error::unsupported("a stack cannot hold stacks"));
        }
        self.open(|items| {
            if let Some(most) = self.max_size.filter(|most| items.len() >= *most) {
                let name = escape(&self.name);
                return Err(Error::invalid(format!("the stack '{name}' has overflown its max_size ({most})")));
            }
            items.push(value);
            Ok(())
        })
    }

    fn pop(&self, dtype: DType) -> Result<Value> {
        self.check(dtype)?;
        let empty = || Error::invalid(format!("the stack '{}' is empty: there is nothing to pop", escape(&self.name)));
        self.open(|items| items.pop().ok_or_else(empty))
    }
}

fn stack(cx: &RunCx<'_>) -> Result<Arc<StackObject>> {
    let stack = cx.input(0).object::<StackObject>();
    stack.ok_or_else(|| cx.wrong_handle(0, Referent::Stack))
}

impl Op for StackV2 {
    fn kind(&self) -> &'static OpKind {
        &STACK_V2
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output_variable(self.elem_type, Shape::unknown(), Role::Handle(Referent::Stack));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let size = cx.input(0);
        if size.rank() != 0 {
            return Err(Error::invalid(format!("the size must be a scalar, but has shape {}", show(size.dims()))));
        }
        let max_size = usize::try_from(size.scalar::<i32>()?).ok();
        let items = Mutex::new(Some(Vec::new()));
        let stack = StackObject { dtype: self.elem_type, name: self.stack_name.clone(), max_size, items };
        cx.output(0, Value::from_object(DType::Resource, Arc::new(stack)));
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![
            ("elem_type", AttrValue::Type(self.elem_type)),
            ("stack_name", AttrValue::Str(self.stack_name.as_bytes().to_vec())),
        ]
    }
}

impl Op for StackPush {
    fn kind(&self) -> &'static OpKind {
        &STACK_PUSH
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (sizes, role) = (cx.sizes(1), cx.fact(1).role);
        cx.output_like(1);
        cx.last_output().sizes = sizes;
        cx.last_output().role = role;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let stack = stack(cx)?;
        let value = cx.take(1);
        stack.push(value.clone())?;
        cx.output(0, value);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("swap_memory", AttrValue::Bool(self.swap_memory))]
    }
}

impl Op for StackPop {
    fn kind(&self) -> &'static OpKind {
        &STACK_POP
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        // Gradients of nested loops keep the handles of arrays.
        let role = if self.elem_type == DType::Resource { Role::Handle(Referent::Unknown) } else { Role::Value };
        cx.output(self.elem_type, Shape::unknown()).role = role;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let value = stack(cx)?.pop(self.elem_type)?;
        cx.output(0, value);
        Ok(())
    }
}

impl Op for StackClose {
    fn kind(&self) -> &'static OpKind {
        &STACK_CLOSE
    }

    fn infer(&self, _: &mut InferCx<'_>) -> Result<()> {
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        *stack(cx)?.items.lock() = None;
        Ok(())
    }
}
