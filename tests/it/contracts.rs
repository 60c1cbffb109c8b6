//! What ops take, and what they say where they get something else: at once where it is known, else in the run.

use sessile::ErrorKind;
use sessile::graph::{AttrValue, Attrs};
use sessile::ops::find;
use sessile::prelude::*;

fn apply(g: &Graph, op: &str, attrs: &[(&str, AttrValue)], inputs: &[&Tensor]) -> sessile::Result<Operation> {
    let attrs: Attrs = attrs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    g.apply_named(op, (find(op)?.parse)(&attrs)?, inputs)
}

fn of(name: &'static str, dtype: DType) -> [(&'static str, AttrValue); 1] {
    [(name, AttrValue::Type(dtype))]
}

fn stack(g: &Graph, dtype: DType) -> sessile::Result<Tensor> {
    apply(g, "StackV2", &of("elem_type", dtype), &[&g.constant(-1)?])?.output(0)
}

#[track_caller]
fn refused(built: sessile::Result<Operation>, want: &str) {
    assert_eq!(built.err().map(|error| error.message().to_owned()).as_deref(), Some(want));
}

#[test]
fn a_handle_to_something_else_is_refused_while_building() -> sessile::Result<()> {
    let g = Graph::new();
    let (stack, v) = (stack(&g, DType::F32)?, g.variable(1.0f32)?);
    let value = g.constant(1.0f32)?;
    let table = "argument 'table_handle' must be a lookup table, but is";
    refused(apply(&g, "LookupTableSizeV2", &[], &[&stack]), &format!("{table} a stack"));
    refused(apply(&g, "LookupTableSizeV2", &[], &[&v.handle()]), &format!("{table} a variable"));
    refused(apply(&g, "LookupTableSizeV2", &[], &[&value]), &format!("{table} a value"));
    refused(
        apply(&g, "AssignVariableOp", &[], &[&stack, &value]),
        "argument 'resource' must be a variable, but is a stack",
    );
    refused(
        apply(&g, "IteratorToStringHandle", &[], &[&stack]),
        "argument 'resource_handle' must be an iterator, but is a stack",
    );
    refused(
        apply(&g, "TensorArraySizeV3", &[], &[&stack, &value]),
        "argument 'handle' must be a tensor array, but is a stack",
    );
    refused(apply(&g, "Neg", &[], &[&stack]), "argument 'x' must be a value, but is a handle to a stack");
    Ok(())
}

/// What comes out of a stack of handles is known in the run only.
#[test]
fn a_handle_to_something_else_is_refused_in_the_run() -> sessile::Result<()> {
    let g = Graph::new();
    let (handles, inner) = (stack(&g, DType::Resource)?, g.constant(2)?);
    let array = apply(&g, "TensorArrayV3", &of("dtype", DType::F32), &[&inner])?;
    let push = apply(&g, "StackPushV2", &[], &[&handles, &array.output(0)?])?;
    let pop = || apply(&g, "StackPopV2", &of("elem_type", DType::Resource), &[&handles])?.output(0);
    let popped = g.control_dependencies(&[push], pop)?;
    let size = apply(&g, "LookupTableSizeV2", &[], &[&popped])?.output(0)?;
    let error = Session::new(&g)?.run(&size).unwrap_err();
    let want = "input 0 must be a lookup table, but is a handle to something else";
    assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidArgument, want));
    Ok(())
}

#[test]
fn lists_of_none_are_refused() -> sessile::Result<()> {
    let equation = ("equation", AttrValue::Str(b"->".to_vec()));
    let shape = ("shape", AttrValue::Shape(shape![1]));
    for (op, attrs, least) in [("Einsum", vec![equation], 1), ("ParallelConcat", vec![shape], 1), ("AddN", vec![], 1)] {
        let inputs = if least == 1 { "input" } else { "inputs" };
        refused(apply(&Graph::new(), op, &attrs, &[]), &format!("the op takes at least {least} {inputs}, but got 0"));
    }
    let g = Graph::new();
    let (x, axis) = (g.constant([1.0f32])?, g.constant(0)?);
    refused(apply(&g, "ConcatV2", &[], &[&x, &axis]), "the op takes at least 3 inputs, but got 2");
    let index = g.constant([0])?;
    refused(
        apply(&g, "DynamicStitch", &[], &[&index, &x, &x]),
        "the op takes 2 lists of equally many inputs, but got 3",
    );
    Ok(())
}

/// The block is known and the crops are not: TensorFlow 1.15.5 says "Block size for dimension 0 must be positive".
#[test]
fn blocks_of_none_are_refused_whatever_else_is_known() -> sessile::Result<()> {
    let g = Graph::new();
    let (x, crops) = (g.placeholder(DType::F32, shape![4, 2])?, g.placeholder(DType::I32, shape![1, 2])?);
    for block in [0, -1, i32::MIN] {
        let built = apply(&g, "BatchToSpaceND", &[], &[&x, &g.constant([block])?, &crops]);
        refused(built, &format!("all values in block_shape must be positive, got value, {block}"));
    }
    Ok(())
}

#[test]
fn sizes_that_no_integer_holds_are_named() -> sessile::Result<()> {
    let g = Graph::new();
    let (x, block) = (g.placeholder(DType::F32, shape![?, ?])?, g.constant([1])?);
    let paddings = g.placeholder(DType::I64, shape![1, 2])?;
    let y = apply(&g, "SpaceToBatchND", &[], &[&x, &block, &paddings])?.output(0)?;
    let feeds = feeds! { x => [[1.0f32]], paddings => [[i64::MAX, 0]] };
    let error = Session::new(&g)?.run_with(&y, feeds).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShapeMismatch);
    assert_eq!(error.message(), "a size of the result must be 0 or more and below 2^63, but is not");
    Ok(())
}

#[test]
fn a_default_of_another_shape_is_told_so_in_the_run() -> sessile::Result<()> {
    let g = Graph::new();
    let fed = g.placeholder(DType::F32, Shape::unknown())?;
    let x = apply(&g, "PlaceholderWithDefault", &[("shape", AttrValue::Shape(shape![2]))], &[&fed])?.output(0)?;
    let error = Session::new(&g)?.run_with(&x, feeds! { fed => [1.0f32; 3] }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShapeMismatch);
    assert_eq!(error.message(), "shape of tensor [3] is not compatible with expected shape [2]");
    Ok(())
}

/// TensorFlow reads them as int32, too.
#[test]
fn windows_do_not_reach_beyond_an_int32() -> sessile::Result<()> {
    let g = Graph::new();
    let (x, filter) = (g.placeholder(DType::F32, Shape::unknown())?, g.placeholder(DType::F32, Shape::unknown())?);
    let attrs = |strides: i64, dilations: i64| {
        vec![
            ("strides", AttrValue::Ints(vec![1, strides, 1, 1])),
            ("dilations", AttrValue::Ints(vec![1, dilations, 1, 1])),
            ("padding", AttrValue::Str(b"SAME".to_vec())),
        ]
    };
    for (strides, dilations) in [(i64::MAX, 1), (1, i64::MAX), (1 << 31, 1), (1, 1 << 31)] {
        let error = apply(&g, "Conv2D", &attrs(strides, dilations), &[&x, &filter]).unwrap_err();
        assert!(error.message().contains("must be 2147483647 or less"), "{error}");
    }
    Ok(())
}
