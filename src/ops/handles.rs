//! Handles for the examples of ops that take one: what makes them, and something in them.

use crate::dtype::DType;
use crate::error::Result;
use crate::graph::signature::Arg;
use crate::graph::{AttrValue, Attrs, Graph, Operation, Referent, Tensor};
use crate::ops::find;
use crate::value::Value;

/// A handle to something that is new, and the operations that fill it, which must run before it is used.
///
/// # Errors
/// Those of the ops that make it.
pub fn make_handle(
    g: &Graph,
    referent: Referent,
    value: &Value,
    [key, item]: [DType; 2],
) -> Result<(Tensor, Vec<Operation>)> {
    let elements = |name: &'static str| vec![(name, AttrValue::Type(value.dtype()))];
    let table = vec![("key_dtype", AttrValue::Type(key)), ("value_dtype", AttrValue::Type(item))];
    let value_of = || g.constant(value);
    Ok(match referent {
        Referent::Variable | Referent::Unknown => (g.variable(value)?.handle(), Vec::new()),
        Referent::Table => (made(g, "MutableHashTableV2", table, &[])?.output(0)?, Vec::new()),
        Referent::Array => {
            let array = made(g, "TensorArrayV3", elements("dtype"), &[&g.constant(3i32)?])?;
            let (handle, flow) = (array.output(0)?, array.output(1)?);
            let write =
                |i: i32| made(g, "TensorArrayWriteV3", Vec::new(), &[&handle, &g.constant(i)?, &value_of()?, &flow]);
            let writes = vec![write(0)?, write(2)?];
            (handle, writes)
        }
        Referent::Stack => {
            let stack = made(g, "StackV2", elements("elem_type"), &[&g.constant(-1i32)?])?.output(0)?;
            let push = made(g, "StackPushV2", Vec::new(), &[&stack, &value_of()?])?;
            (stack, vec![push])
        }
        Referent::Iterator => {
            let attrs = vec![
                ("output_types", AttrValue::Types(vec![value.dtype()])),
                ("output_shapes", AttrValue::Shapes(vec![value.dims().into()])),
            ];
            (made(g, "IteratorV2", attrs, &[])?.output(0)?, Vec::new())
        }
    })
}

/// As [`make_handle`], for an argument of an op that gets these inputs, the first of which stands for the handle.
///
/// # Errors
/// As for [`make_handle`].
pub fn handle_for(g: &Graph, arg: &Arg, value: &Value, inputs: &[Value]) -> Result<(Tensor, Vec<Operation>)> {
    // Of a table: those of the keys and values that follow, where the op has some.
    let dtype = |i: usize, default: DType| inputs.get(i).map_or(default, Value::dtype);
    make_handle(g, arg.referent, value, [dtype(1, DType::String), dtype(2, DType::F32)])
}

fn made(g: &Graph, name: &str, attrs: Vec<(&str, AttrValue)>, inputs: &[&Tensor]) -> Result<Operation> {
    let attrs: Attrs = attrs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    g.apply_named(name, (find(name)?.parse)(&attrs)?, inputs)
}
