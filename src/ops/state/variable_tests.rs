//! Variables as users make, read and write them.

use super::variable::*;
use crate::dtype::DType;
use crate::error::{ErrorKind, Result};
use crate::graph::Graph;
use crate::session::Session;
use crate::shape::Shape;
use crate::value::Value;

fn floats(value: &Value) -> Vec<f32> {
    value.slice::<f32>().expect("a float32 value").to_vec()
}

/// Names and types as TensorFlow 1.15.5 lists them; a read of a variable is an `Identity` there.
#[track_caller]
fn nodes(g: &Graph, want: &str) {
    let got = g.nodes().map(|node| format!("{} {}", node.name(), node.op().kind().name));
    assert_eq!(got.collect::<Vec<_>>().join("\n").replace("ReadVariableOp", "Identity"), want.trim());
}

#[test]
fn nodes_are_those_of_tensorflow() -> Result<()> {
    let g = Graph::new();
    let v = g.named("w", || g.variable([1.0f32, 2.0]))?;
    g.variable(g.constant(1.0)?)?;
    let _ = v.assign_add(g.constant([1.0f32, 1.0])?)?;
    let _ = g.named("n", || g.variable(1))?.assign(2)?;
    let _ = v.is_initialized()?;
    let _ = v.read()?;
    assert_eq!(g.global_variables_initializer()?.node().control_inputs().len(), 3);
    nodes(
        &g,
        "w/initial_value Const\nw VariableV2\nw/Assign Assign\nw/read Identity\n\
         Const Const\nVariable VariableV2\nVariable/Assign Assign\nVariable/read Identity\n\
         Const_1 Const\nAssignAdd AssignAdd\n\
         n/initial_value Const\nn VariableV2\nn/Assign Assign\nn/read Identity\nAssign/value Const\nAssign Assign\n\
         IsVariableInitialized IsVariableInitialized\nread Identity\ninit NoOp",
    );
    Ok(())
}

#[test]
fn a_session_remembers_from_run_to_run() -> Result<()> {
    let g = Graph::new();
    let v = g.variable([1.0f32, 2.0])?;
    let (init, add) = (g.global_variables_initializer()?, v.assign_add(g.constant([10.0f32, 20.0])?)?);
    let sub = v.assign_sub(g.constant([1.0f32, 1.0])?)?;
    let sess = Session::new(&g)?;
    sess.run(&init)?;
    sess.run(&add)?;
    assert_eq!(floats(&sess.run(&v)?), [11.0, 22.0]);
    sess.run((&add, &sub))?;
    assert_eq!(floats(&sess.run(&v)?), [20.0, 41.0]);
    let other = Session::new(&g)?;
    assert_eq!(other.run(&v).unwrap_err().kind(), ErrorKind::Uninitialized);
    assert!(!other.run(v.is_initialized()?)?.scalar::<bool>()?);
    other.run(&init)?;
    assert_eq!(floats(&other.run(&v)?), [1.0, 2.0]);
    Ok(())
}

#[test]
fn a_read_sees_the_writes_built_before_it_and_none_after() -> Result<()> {
    let g = Graph::new();
    let v = g.variable(1.0)?;
    let before = v.value()?;
    assert_eq!(v.value()?, before, "reads are shared until a write is built");
    let add = v.assign_add(1.0)?;
    let after = v.value()?;
    assert_eq!((after.name(), g.tf_node_count() + 1), ("Variable/read_1:0".to_owned(), g.len()));
    let inside = g.control_dependencies(&[add], || v.value())?;
    assert_eq!(inside.name(), "Variable/read_2:0");
    assert_eq!(v.value()?, after);
    let sess = Session::new(&g)?;
    sess.run(g.global_variables_initializer()?)?;
    let (before, inside, after) = sess.run((&before, &inside, &after))?;
    assert_eq!([floats(&before), floats(&after), floats(&inside)], [[1.0], [2.0], [2.0]]);
    Ok(())
}

#[test]
fn a_variable_made_from_another_initializes_in_the_same_run() -> Result<()> {
    let g = Graph::new();
    let a = g.variable([1.0f32, 2.0])?;
    let b = g.variable(a.value()?.identity()?)?;
    let sess = Session::new(&g)?;
    sess.run(g.global_variables_initializer()?)?;
    assert_eq!(floats(&sess.run(&b)?), [1.0, 2.0]);
    Ok(())
}

#[test]
fn what_does_not_fit_leaves_the_variable_as_it_was() -> Result<()> {
    let g = Graph::new();
    let v = g.variable([1.0f32, 2.0])?;
    let error = v.assign(g.constant([1.0f32, 2.0, 3.0])?).unwrap_err();
    assert!(error.message().contains("both shapes must be equal, but are 2 and 3"), "{error}");
    assert_eq!(v.assign(g.constant([1i32, 2])?).unwrap_err().kind(), ErrorKind::DTypeMismatch);
    let x = g.placeholder(DType::F32, Shape::unknown())?;
    let (set, add) = (v.assign(&x)?, v.assign_add(&x)?);
    let sess = Session::new(&g)?;
    sess.run(v.initializer())?;
    let long = crate::feeds! { &x => [1.0f32, 2.0, 3.0] };
    let error = sess.run_with(&set, long.clone()).unwrap_err();
    assert_eq!(error.message(), "assign requires shapes of both tensors to match: lhs shape (2,), rhs shape (3,)");
    assert_eq!(sess.run_with(&add, long).unwrap_err().kind(), ErrorKind::ShapeMismatch);
    assert_eq!(floats(&sess.run(&v)?), [1.0, 2.0]);
    Ok(())
}

#[test]
fn a_shape_may_change_where_it_is_not_validated() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, crate::shape![?])?;
    assert_eq!(g.variable(&x).unwrap_err().kind(), ErrorKind::ShapeMismatch);
    let options = VariableOptions { validate_shape: false, ..VariableOptions::local() };
    let v = g.named("v", || g.variable_with(&x, options))?;
    assert_eq!(v.to_string(), "<tf.Variable 'v:0' shape=<unknown> dtype=float32_ref>");
    assert!(g.global_variables().is_empty() && g.trainable_variables().is_empty());
    assert_eq!(g.local_variables().as_slice(), std::slice::from_ref(&v));
    let set = v.assign_any_shape(g.constant([[7.0f32]])?)?;
    let sess = Session::new(&g)?;
    sess.run_with(g.local_variables_initializer()?, crate::feeds! { &x => [1.0f32, 2.0] })?;
    assert_eq!(sess.run(&v)?.dims(), [2]);
    sess.run(&set)?;
    assert_eq!(sess.run(&v)?.dims(), [1, 1]);
    Ok(())
}
