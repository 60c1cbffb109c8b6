//! Lists, optionals and stacks: what TensorFlow 1.15.5 answers to the same nodes.

use std::time::{Duration, Instant};

use super::*;
use crate::ops::array::{ZerosLike, stack};
use crate::ops::math::AddN;
use crate::ops::testing::{ends_early, run_op, run_within};
use crate::prelude::*;
use crate::value::variant::Variant;
use crate::{Result, shape};

fn int(n: i32) -> Value {
    n.into_value()
}

fn ints(n: &[i32]) -> Value {
    n.into_value()
}

fn floats(x: &[f32]) -> Value {
    x.into_value()
}

fn one(op: impl crate::graph::Op, inputs: &[Value]) -> Result<Value> {
    run_op(op, inputs).map(|mut outputs| outputs.remove(0))
}

/// An empty list of float32.
fn empty(shape: &[i32]) -> Value {
    one(EmptyTensorList { element_dtype: DType::F32 }, &[ints(shape), int(-1)]).unwrap()
}

/// A list of float32 that are not set.
fn reserve(shape: &[i32], n: i32) -> Value {
    one(TensorListReserve { element_dtype: DType::F32 }, &[ints(shape), int(n)]).unwrap()
}

fn push(list: Value, x: &[f32]) -> Value {
    one(TensorListPushBack, &[list, floats(x)]).unwrap()
}

fn set(list: Value, index: i32, x: &[f32]) -> Value {
    one(TensorListSetItem::default(), &[list, int(index), floats(x)]).unwrap()
}

fn stacked(list: Value, shape: &[i32]) -> Result<Value> {
    one(TensorListStack { element_dtype: DType::F32, num_elements: -1 }, &[list, ints(shape)])
}

#[track_caller]
fn check(got: Result<Value>, want: &str) {
    assert_eq!(got.unwrap_or_else(|error| panic!("{error}")).to_string(), want);
}

#[track_caller]
fn check_err(got: Result<Value>, want: &str) {
    let error = got.expect_err(want);
    assert!(error.message().contains(want), "{error}");
}

#[test]
fn what_was_pushed_is_popped() {
    let pop = |list| one(TensorListPopBack { element_dtype: DType::F32 }, &[list, ints(&[-1])]);
    let list = push(push(empty(&[2]), &[1., 2.]), &[3., 4.]);
    let outputs = run_op(TensorListPopBack { element_dtype: DType::F32 }, &[list, ints(&[2])]).unwrap();
    assert_eq!(outputs[1].to_string(), "[3. 4.]");
    check(stacked(outputs[0].clone(), &[2]), "[[1. 2.]]");
    check_err(pop(empty(&[2])), "the list is empty");
    check_err(pop(reserve(&[-1], 1)), "an element is not set, and the element shape [?] is not fully defined");
    check_err(one(TensorListPushBack, &[empty(&[2]), floats(&[1.])]), "must have the list's shape [2], but has [1]");
    check_err(one(TensorListPushBack, &[empty(&[2]), ints(&[1, 2])]), "elements of float32, but the op");
    let one_only = one(EmptyTensorList { element_dtype: DType::F32 }, &[ints(&[1]), int(1)]).unwrap();
    check_err(one(TensorListPushBack, &[push(one_only, &[1.]), floats(&[1.])]), "the list is full: it has 1 elements");
}

#[test]
fn items_are_read_and_set() {
    let get =
        |list, i, shape: &[i32]| one(TensorListGetItem { element_dtype: DType::F32 }, &[list, int(i), ints(shape)]);
    check(get(reserve(&[-1, 3], 3), 0, &[2, -1]), "[[0. 0. 0.]\n [0. 0. 0.]]");
    check(get(set(reserve(&[-1], 3), 1, &[5., 6.]), 0, &[-1]), "[0. 0.]");
    check(get(set(reserve(&[-1], 3), 1, &[5., 6.]), 1, &[-1]), "[5. 6.]");
    check_err(get(reserve(&[-1], 3), 0, &[-1]), "an element is not set");
    check_err(get(reserve(&[2], 3), 3, &[2]), "within a list of 3 elements, but is 3");
    check_err(get(reserve(&[2], 3), -1, &[2]), "within a list of 3 elements, but is -1");
    check_err(
        one(TensorListSetItem::default(), &[reserve(&[2], 3), int(3), floats(&[1., 2.])]),
        "3 elements, but is 3",
    );
    check_err(one(TensorListSetItem::default(), &[reserve(&[2], 3), int(0), ints(&[1, 2])]), "elements of float32");
    check_err(one(TensorListReserve { element_dtype: DType::F32 }, &[ints(&[1]), int(-2)]), "0 or more, but is -2");
    let resizes = TensorListSetItem { resize_if_index_out_of_bounds: true };
    let grown = one(resizes, &[reserve(&[1], 1), int(2), floats(&[5.])]);
    check(grown.and_then(|list| stacked(list, &[1])), "[[0.]\n [0.]\n [5.]]");
    let not_a_list = Value::of_variant(Variant::Optional(None));
    check_err(one(TensorListLength, &[not_a_list]), "must be a list of tensors, but is an optional");
    let lists = Value::from_variants(&[2], vec![Variant::Empty, Variant::Empty]).unwrap();
    check_err(one(TensorListLength, &[lists]), "must be a scalar, but has shape [2]");
}

#[test]
fn lists_are_stacked_and_gathered() {
    check(stacked(set(reserve(&[-1], 3), 1, &[1., 2.]), &[-1]), "[[0. 0.]\n [1. 2.]\n [0. 0.]]");
    check_err(stacked(reserve(&[-1], 3), &[-1]), "no element is set, and the element shape [?]");
    check_err(stacked(empty(&[-1, 2]), &[-1, -1]), "there are no elements, and the element shape [?,2]");
    check(stacked(empty(&[-1, -1]), &[2, 3]), "[]");
    check_err(stacked(push(push(empty(&[-1]), &[1., 2.]), &[1.]), &[-1]), "must be equal, but are 2 and 1");
    let exact = TensorListStack { element_dtype: DType::F32, num_elements: 2 };
    check_err(one(exact, &[reserve(&[1], 3), ints(&[1])]), "must have 2 elements, but has 3");
    let gather = |indices: &[i32]| {
        let list = set(reserve(&[1], 3), 2, &[7.]);
        one(TensorListGather { element_dtype: DType::F32 }, &[list, ints(indices), ints(&[1])])
    };
    check(gather(&[2, 0, 2]), "[[7.]\n [0.]\n [7.]]");
    check(gather(&[]), "[]");
    check_err(gather(&[3]), "within 3 elements, but one is 3");
}

#[test]
fn only_the_gathered_must_be_alike() {
    let gather = |indices: &[i32]| {
        let unknown = one(TensorListReserve { element_dtype: DType::F32 }, &[int(-1), int(3)]).unwrap();
        let list = set(set(unknown, 0, &[1.]), 1, &[2., 3.]);
        one(TensorListGather { element_dtype: DType::F32 }, &[list, ints(indices), int(-1)])
    };
    check(gather(&[0]), "[[1.]]");
    check(gather(&[2, 1]), "[[0. 0.]\n [2. 3.]]");
    check_err(gather(&[0, 1]), "must be equal, but are 1 and 2");
    check_err(gather(&[2]), "no element is set, and the element shape <unknown>");
}

#[test]
fn tensors_become_lists() {
    let from = |shape: &[i32]| one(TensorListFromTensor, &[[[1.0f32, 2.], [3., 4.]].into_value(), ints(shape)]);
    check(from(&[2]).and_then(|list| stacked(list, &[2])), "[[1. 2.]\n [3. 4.]]");
    check_err(from(&[3]), "must be equal, but are 2 and 3");
    let rows = || [[1.0f32], [2.]].into_value();
    let scatter = |into, indices: &[i32], n: i32| {
        let inputs = [rows(), ints(indices), ints(&[1]), int(n)];
        let inputs = if into == ScatterInto::New { &inputs[..3] } else { &inputs[..] };
        one(TensorListScatter { into }, inputs).and_then(|list| stacked(list, &[1]))
    };
    check(scatter(ScatterInto::New, &[2, 0], 0), "[[2.]\n [0.]\n [1.]]");
    check(scatter(ScatterInto::New, &[0, 0], 0), "[[2.]]");
    check(scatter(ScatterInto::Sized, &[1, 0], 3), "[[2.]\n [1.]\n [0.]]");
    check(scatter(ScatterInto::Sized, &[1, 0], -1), "[[2.]\n [1.]]");
    check_err(scatter(ScatterInto::Sized, &[1, 0], 1), "at least the 2 that are asked for, but is 1");
    check_err(scatter(ScatterInto::Sized, &[1, 0], -2), "but is -2");
    check_err(scatter(ScatterInto::New, &[-1, 0], 0), "indices must be 0 or more, but one is -1");
    check_err(scatter(ScatterInto::New, &[1], 0), "a row for each of 1 indices, but there are 2");
    let into = TensorListScatter { into: ScatterInto::Existing };
    let grown = one(into, &[reserve(&[1], 2), rows(), ints(&[3, 0])]).unwrap();
    check(stacked(grown, &[1]), "[[2.]\n [0.]\n [0.]\n [1.]]");
}

#[test]
fn lists_are_joined_end_to_end() {
    let concat = |list, shape: &[i32], leading: &[i64]| {
        let op = TensorListConcat { element_dtype: DType::F32, element_shape: None };
        run_op(op, &[list, ints(shape), leading.into_value()]).map(|out| format!("{} {}", out[0], out[1]))
    };
    let text = |got: Result<String>| got.unwrap_or_else(|error| error.message().to_owned());
    assert_eq!(text(concat(push(push(empty(&[-1]), &[1., 2.]), &[3.]), &[-1], &[])), "[1. 2. 3.] [2 1]");
    assert_eq!(text(concat(reserve(&[2], 2), &[2], &[])), "[0. 0. 0. 0.] [2 2]");
    assert_eq!(text(concat(reserve(&[-1], 2), &[-1], &[2, 1])), "[0. 0. 0.] [2 1]");
    assert!(text(concat(reserve(&[-1], 2), &[-1], &[2])).starts_with("element 1 is not set, and there are 1 leading"));
    assert_eq!(text(concat(set(reserve(&[-1], 2), 1, &[1., 2.]), &[-1], &[])), "[0. 0. 1. 2.] [2 2]");
    let one_set = || set(reserve(&[-1], 3), 1, &[1., 2.]);
    assert_eq!(text(concat(one_set(), &[-1], &[1, 7, 1])), "[0. 1. 2. 0.] [1 2 1]");
    assert_eq!(text(concat(one_set(), &[-1], &[1])), "[0. 1. 2. 0. 0.] [1 2 2]");
    assert!(text(concat(one_set(), &[3], &[])).starts_with("elements must have 3 rows"));
    assert_eq!(text(concat(empty(&[-1, 2]), &[-1, 2], &[])), "[] []");
    assert!(text(concat(empty(&[-1, -1]), &[-1, -1], &[])).starts_with("there are no elements, and the element shape"));
    let split = |lens: &[i64]| one(TensorListSplit, &[floats(&[1., 2., 3.]), ints(&[-1]), lens.into_value()]);
    assert_eq!(text(concat(split(&[1, 2]).unwrap(), &[-1], &[])), "[1. 2. 3.] [1 2]");
    check_err(split(&[2]), "must be the 3 rows of the value, but is 2");
    check_err(split(&[-1, 4]), "0 or more, but is -1");
    let scalars = Value::from_vec(&[0], Vec::<i32>::new()).unwrap();
    check_err(one(TensorListSplit, &[floats(&[1.]), scalars, [1i64].into_value()]), "at least of rank 1, but is []");
}

#[test]
fn whole_lists_are_changed() {
    let resize = |n| one(TensorListResize, &[push(push(empty(&[1]), &[1.]), &[2.]), int(n)]);
    check(resize(3).and_then(|list| stacked(list, &[1])), "[[1.]\n [2.]\n [0.]]");
    check(resize(1).and_then(|list| stacked(list, &[1])), "[[1.]]");
    check_err(resize(-1), "size must be 0 or more, but is -1");
    let join = |a, b| one(TensorListConcatLists { element_dtype: DType::F32 }, &[a, b]);
    let joined = join(reserve(&[1], 1), push(empty(&[1]), &[4.]));
    check(joined.and_then(|list| stacked(list, &[1])), "[[0.]\n [4.]]");
    check_err(
        join(reserve(&[2], 1), reserve(&[1], 1)),
        "must say the same of their elements' shape, but say [2] and [1]",
    );
    let both = Value::from_variants(&[2], vec![list_in(empty(&[1])), list_in(empty(&[1]))]).unwrap();
    let rows = [[1.0f32], [2.]].into_value();
    let pushed = one(TensorListPushBackBatch, &[both.clone(), rows]).unwrap();
    let second = Value::of_variant(pushed.as_variants().unwrap()[1].clone());
    check(stacked(second, &[1]), "[[2.]]");
    check_err(one(TensorListPushBackBatch, &[both, [[1.0f32]].into_value()]), "dimension must be 1 but is 2");
    check(one(TensorListElementShape { shape_type: DType::I32 }, &[empty(&[-1, 2])]), "[-1  2]");
    let unknown = one(EmptyTensorList { element_dtype: DType::F32 }, &[int(-1), int(-1)]).unwrap();
    check(one(TensorListElementShape { shape_type: DType::I64 }, &[unknown]), "-1");
    let bad = one(EmptyTensorList { element_dtype: DType::F32 }, &[int(3), int(-1)]);
    check_err(bad, "must be a vector");
}

fn list_in(value: Value) -> Variant {
    value.as_variants().unwrap()[0].clone()
}

#[test]
fn variants_are_added_and_zeroed() {
    let one_set = || set(reserve(&[2], 3), 1, &[1., 2.]);
    let sum = one(AddN, &[reserve(&[2], 3), one_set(), one_set()]);
    check(sum.and_then(|list| stacked(list, &[2])), "[[0. 0.]\n [2. 4.]\n [0. 0.]]");
    check_err(one(AddN, &[reserve(&[2], 3), reserve(&[2], 2)]), "equally many elements, but have 3 and 2");
    let sum = one(AddN, &[reserve(&[-1], 3), one_set()]);
    check(sum.and_then(|list| stacked(list, &[-1])), "[[0. 0.]\n [1. 2.]\n [0. 0.]]");
    let sum = one(AddN, &[reserve(&[2], 3), reserve(&[1], 3)]);
    check_err(sum, "must have compatible element shapes, but have [2] and [1]");
    check(one(ZerosLike, &[one_set()]).and_then(|list| stacked(list, &[2])), "[[0. 0.]\n [0. 0.]\n [0. 0.]]");
    let some = |x: f32| one(OptionalFromValue, &[x.into_value()]).unwrap();
    let get = |optional| {
        let op = OptionalGetValue { output_types: vec![DType::F32], output_shapes: vec![shape![]] };
        one(op, &[optional])
    };
    check(one(AddN, &[some(1.), some(2.)]).and_then(get), "3.0");
    check(one(ZerosLike, &[some(1.)]).and_then(get), "0.0");
    let none = || one(OptionalNone, &[]).unwrap();
    check_err(one(AddN, &[some(1.), none()]), "equally many tensors, but hold 1 and 0");
    check_err(get(none()), "the optional has no value");
    check(one(OptionalHasValue, &[none()]), "False");
    check(one(OptionalHasValue, &[some(1.)]), "True");
    let wrong = OptionalGetValue { output_types: vec![DType::F32], output_shapes: vec![shape![2]] };
    check_err(one(wrong, &[some(1.)]), "tensor 0 must be float32 [2], but is float32 []");
}

#[test]
fn lists_stand_in_tensors_and_lists() -> Result<()> {
    let g = Graph::new();
    let made = |n: i32| -> Result<Tensor> {
        let op = TensorListReserve { element_dtype: DType::F32 };
        g.apply_one(op, &[&g.constant([1])?, &g.constant(n)?])
    };
    let both = stack(&[&made(2)?, &made(5)?], 0)?;
    let second = both.unstack(0)?.remove(1);
    assert_eq!(Session::new(&g)?.run(&g.apply_one(TensorListLength, &[&second])?)?.to_string(), "5");
    let scalar = g.constant(Value::from_vec(&[0], Vec::<i32>::new())?)?;
    let outer = g.apply_one(EmptyTensorList { element_dtype: DType::Variant }, &[&scalar, &g.constant(-1)?])?;
    let outer = g.apply_one(TensorListPushBack, &[&outer, &second])?;
    let inner = TensorListGetItem { element_dtype: DType::Variant };
    let inner = g.apply_one(inner, &[&outer, &g.constant(0)?, &scalar])?;
    assert_eq!(Session::new(&g)?.run(&g.apply_one(TensorListLength, &[&inner])?)?.to_string(), "5");
    Ok(())
}

#[test]
fn shapes_of_elements_are_followed() -> Result<()> {
    let g = Graph::new();
    let list = TensorListReserve { element_dtype: DType::F32 };
    let list = g.apply_one(list, &[&g.constant([-1, 3])?, &g.constant(4)?])?.identity()?;
    let item = g.placeholder(DType::F32, shape![2, 3])?;
    let list = g.apply_one(TensorListSetItem::default(), &[&list, &g.constant(0)?, &item])?;
    let any = g.constant(-1)?;
    let shape_of = |tensor: &Tensor| tensor.shape().to_string();
    let get = TensorListGetItem { element_dtype: DType::F32 };
    assert_eq!(shape_of(&g.apply_one(get, &[&list, &g.constant(0)?, &any])?), "(?, 3)");
    let all = TensorListStack { element_dtype: DType::F32, num_elements: 4 };
    assert_eq!(shape_of(&g.apply_one(all, &[&list, &any])?), "(4, ?, 3)");
    let short = g.placeholder(DType::F32, shape![2])?;
    assert!(g.apply_one(TensorListSetItem::default(), &[&list, &g.constant(0)?, &short]).is_err());
    assert!(g.apply_one(TensorListPushBack, &[&list, &g.constant([1])?]).is_err(), "another dtype");
    Ok(())
}

#[test]
fn a_long_list_is_built_in_place() {
    // Each push finds the list alone; were it copied, this would take minutes.
    let began = Instant::now();
    let mut list = empty(&[1]);
    let Variant::List(items) = &mut list.variants_mut().unwrap()[0] else { panic!("a list") };
    for _ in 0..300_000 {
        items.items.push(Some(floats(&[1.])));
    }
    assert!(began.elapsed() < Duration::from_secs(20));
    let huge = reserve(&[1], i32::MAX);
    check(one(TensorListLength, std::slice::from_ref(&huge)), "2147483647");
    let last = one(TensorListSetItem::default(), &[huge, int(i32::MAX - 1), floats(&[1.])]).unwrap();
    check(one(TensorListLength, &[last]), "2147483647");
}

#[test]
fn stacks_give_back_the_last() -> Result<()> {
    let g = Graph::new();
    let op = |name: &str| StackV2 { elem_type: DType::F32, stack_name: name.into() };
    let handle = g.apply_one(op("s"), &[&g.constant(2)?])?;
    let push = |x: f32| g.apply_one(StackPush { swap_memory: false }, &[&handle, &g.constant(x)?]);
    let pop = || g.apply_one(StackPop { elem_type: DType::F32 }, &[&handle]);
    // Program order is the order of the stack; no control inputs are needed.
    let pushed = [push(1.0)?, push(2.0)?];
    let popped = [pop()?, pop()?];
    let sess = Session::new(&g)?;
    let (_, popped) = sess.run((&pushed, &popped))?;
    assert_eq!(popped.iter().map(Value::to_string).collect::<Vec<_>>(), ["2.0", "1.0"]);
    let third = g.control_dependencies(&[pushed[0].operation(), pushed[1].operation()], || push(3.0))?;
    let kept = g.apply_one(StackV2 { elem_type: DType::Resource, ..op("h") }, &[&g.constant(-1)?])?;
    let array = g.tensor_array(DType::F32, 1)?.write(0, 5.0)?;
    let push = StackPush { swap_memory: false };
    let kept_array = g.apply_one(push.clone(), &[&kept, array.handle()])?;
    let popped = g.control_dependencies(&[kept_array.operation(), array.flow().operation()], || {
        g.apply_one(StackPop { elem_type: DType::Resource }, &[&kept])
    })?;
    let zero = g.constant(0)?;
    let read = g.apply_one(TensorArrayRead { dtype: DType::F32 }, &[&popped, &zero, array.flow()])?;
    assert_eq!(sess.run(&read)?.to_string(), "5.0");
    let own = g.apply_one(push, &[&kept, &kept])?;
    let error = sess.run(&own.operation()).unwrap_err();
    assert_eq!(error.message(), "a stack cannot hold stacks");
    let error = sess.run(&third).unwrap_err();
    assert_eq!(error.message(), "the stack 's' has overflown its max_size (2)");
    let empty = g.apply_one(op("e"), &[&g.constant(2)?])?;
    let error = sess.run(&g.apply_one(StackPop { elem_type: DType::F32 }, &[&empty])?).unwrap_err();
    assert_eq!(error.message(), "the stack 'e' is empty: there is nothing to pop");
    let close = g.apply(StackClose, &[&empty])?;
    let late = g.control_dependencies(&[close], || g.apply_one(StackPop { elem_type: DType::F32 }, &[&empty]))?;
    assert_eq!(sess.run(&late).unwrap_err().message(), "the stack 'e' has been closed already");
    Ok(())
}

#[test]
fn a_loop_builds_a_long_list() -> Result<()> {
    let g = Graph::new();
    let n = g.placeholder(DType::I32, shape![])?;
    let made = TensorListReserve { element_dtype: DType::I32 };
    let scalar = g.constant(Value::from_vec(&[0], Vec::<i32>::new())?)?;
    let list = g.apply_one(made, &[&scalar, &g.constant(0)?])?;
    let (_, list) = g.while_loop(
        (g.constant(0)?, &list),
        |(i, _)| i.less(&n),
        |(i, list)| Ok((&i + 1, g.apply_one(TensorListPushBack, &[&list, &i])?)),
    )?;
    let all = TensorListStack { element_dtype: DType::I32, num_elements: -1 };
    let all = g.apply_one(all, &[&list, &scalar])?;
    assert_eq!(all.shape().to_string(), "(?,)");
    let sess = Session::new(&g)?;
    for turns in [0, 3, 20_000] {
        let got = sess.run_with(&all, crate::feeds! { &n => turns })?;
        assert!(got.slice::<i32>()?.iter().copied().eq(0..turns));
    }
    Ok(())
}

/// An element that is not set took its zeros from outside of the budget: 1 GiB under 32 MiB.
#[test]
fn elements_that_are_not_set_count() {
    let refused = |op: &dyn Fn() -> Result<Vec<Value>>| {
        let text = op().unwrap_err().message().to_owned();
        assert!(text.starts_with("the memory budget is 33554432 bytes"), "{text}");
    };
    let list = || reserve(&[1 << 28], 2);
    let (shape, budget) = (|| ints(&[1 << 28]), 32 << 20);
    let dtype = DType::F32;
    refused(&|| run_within(TensorListGetItem { element_dtype: dtype }, &[list(), int(0), shape()], budget, 1 << 20));
    refused(&|| run_within(TensorListPopBack { element_dtype: dtype }, &[list(), shape()], budget, 1 << 20));
    let set = one(TensorListFromTensor, &[Value::zeros(dtype, &[1, 9 << 20]).unwrap(), ints(&[-1])]).unwrap();
    refused(&|| run_within(ZerosLike, std::slice::from_ref(&set), budget, 1 << 20));
}

/// Each row of nothing took memory.
#[test]
fn vast_rows_of_nothing_are_refused() {
    let rows = || Value::zeros(DType::F32, &[1 << 40, 0]).unwrap();
    let error = one(TensorListFromTensor, &[rows(), ints(&[-1])]).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::ResourceExhausted);
    check_err(
        one(TensorListScatter { into: ScatterInto::New }, &[rows(), ints(&[0]), ints(&[-1])]),
        "a row for each of 1",
    );
}

#[test]
fn long_work_on_lists_ends_with_the_run() {
    let rows = || Value::zeros(DType::I8, &[1 << 16, 1]).unwrap();
    ends_early(&TensorListFromTensor, &[rows(), ints(&[-1])], 1 << 20);
    let list = one(TensorListFromTensor, &[rows(), ints(&[-1])]).unwrap();
    let places = Value::zeros(DType::I32, &[1 << 17]).unwrap();
    ends_early(&TensorListGather { element_dtype: DType::I8 }, &[list, places, ints(&[-1])], 1 << 20);
}
