//! Arrays in whole programs: what TensorFlow 1.15 answers to the same nodes.

use super::{
    TensorArrayClose, TensorArrayConcat, TensorArrayGather, TensorArrayGrad, TensorArrayRead, TensorArrayScatter,
    TensorArraySize, TensorArraySplit, TensorArrayV3, TensorArrayWrite,
};
use crate::prelude::*;
use crate::{Result, feeds, shape};

/// An array and its newest flow.
struct Rig {
    g: Graph,
    handle: Tensor,
    flow: Tensor,
}

impl Rig {
    fn new(op: TensorArrayV3, size: i32) -> Rig {
        let g = Graph::new();
        let made = g.constant(size).and_then(|size| g.apply(op, &[&size])).unwrap();
        Rig { g, handle: made.output(0).unwrap(), flow: made.output(1).unwrap() }
    }

    fn f32(size: i32) -> Rig {
        Rig::new(TensorArrayV3::new(DType::F32), size)
    }

    fn write(mut self, index: i32, value: impl IntoValue) -> Rig {
        let (index, value) = (self.g.constant(index).unwrap(), self.g.constant(value).unwrap());
        self.flow = self.g.apply_one(TensorArrayWrite, &[&self.handle, &index, &value, &self.flow]).unwrap();
        self
    }

    fn scatter(mut self, indices: &[i32], value: impl IntoValue) -> Rig {
        let (indices, value) = (self.g.constant(indices).unwrap(), self.g.constant(value).unwrap());
        let op = TensorArrayScatter { is_unpack: false };
        self.flow = self.g.apply_one(op, &[&self.handle, &indices, &value, &self.flow]).unwrap();
        self
    }

    fn split(mut self, lengths: &[i64], value: impl IntoValue) -> Rig {
        let (lengths, value) = (self.g.constant(lengths).unwrap(), self.g.constant(value).unwrap());
        self.flow = self.g.apply_one(TensorArraySplit, &[&self.handle, &value, &lengths, &self.flow]).unwrap();
        self
    }

    fn grad(&self) -> Rig {
        let made = self.g.apply(TensorArrayGrad::of("gradients"), &[&self.handle, &self.flow]).unwrap();
        Rig { g: self.g.clone(), handle: made.output(0).unwrap(), flow: made.output(1).unwrap() }
    }

    fn read_as(&self, dtype: DType, index: i32) -> Tensor {
        let index = self.g.constant(index).unwrap();
        self.g.apply_one(TensorArrayRead { dtype }, &[&self.handle, &index, &self.flow]).unwrap()
    }

    fn read(&self, index: i32) -> Tensor {
        self.read_as(DType::F32, index)
    }

    fn gather(&self, indices: &[i32], element_shape: Shape) -> Tensor {
        let indices = self.g.constant(indices).unwrap();
        let op = TensorArrayGather { dtype: DType::F32, element_shape, is_pack: false };
        self.g.apply_one(op, &[&self.handle, &indices, &self.flow]).unwrap()
    }

    fn concat(&self, element_shape_except0: Shape) -> Operation {
        let op = TensorArrayConcat { dtype: DType::F32, element_shape_except0 };
        self.g.apply(op, &[&self.handle, &self.flow]).unwrap()
    }

    fn size(&self) -> Tensor {
        self.g.apply_one(TensorArraySize, &[&self.handle, &self.flow]).unwrap()
    }
}

#[track_caller]
fn check(fetch: &Tensor, want: &str) {
    let got = Session::new(fetch.graph()).unwrap().run(fetch).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(got.to_string(), want);
}

#[track_caller]
fn check_err(fetch: &Tensor, want: &str) {
    let error = Session::new(fetch.graph()).unwrap().run(fetch).expect_err(want);
    assert!(error.message().contains(want), "{error}");
}

#[test]
fn what_was_written_is_read() {
    check(&Rig::f32(2).write(1, [1.0f32, 2.0]).read(1), "[1. 2.]");
    check(&Rig::f32(2).size(), "2");
    let words = Rig::new(TensorArrayV3::new(DType::String), 1).write(0, "a");
    check(&words.read_as(DType::String, 0), "b'a'");
    let rig = Rig::f32(3).scatter(&[2, 0, 1], [1.0f32, 2.0, 3.0]);
    check(&rig.gather(&[0, 1, 2], Shape::unknown()), "[2. 3. 1.]");
    let rig = Rig::f32(2).split(&[1, 2], [[1.0f32], [2.0], [3.0]]);
    check(&rig.read(1), "[[2.]\n [3.]]");
    let rig = Rig::f32(3).split(&[1, 0, 2], [1.0f32, 2.0, 3.0]);
    let joined = rig.concat(Shape::unknown());
    check(&joined.output(0).unwrap(), "[1. 2. 3.]");
    check(&joined.output(1).unwrap(), "[1 0 2]");
}

#[test]
fn each_run_has_its_own_array() {
    let read = Rig::f32(1).write(0, 5.0f32).read(0);
    let sess = Session::new(read.graph()).unwrap();
    for _ in 0..3 {
        assert_eq!(sess.run(&read).unwrap().scalar::<f32>().unwrap(), 5.0);
    }
}

#[test]
fn a_cell_is_written_once_and_within_the_array() {
    check_err(&Rig::f32(2).write(2, 1.0f32).flow, "index 2, but the array is not resizeable and has size 2");
    check_err(&Rig::f32(2).write(-1, 1.0f32).flow, "index -1, but the array is not resizeable");
    check_err(&Rig::f32(2).write(0, 1.0f32).write(0, 1.0f32).flow, "index 0: it has been written already");
    check_err(&Rig::f32(2).scatter(&[1, 1], [1.0f32, 2.0]).flow, "index 1: it has been written already");
    check_err(&Rig::f32(2).write(0, 1i32).flow, "the array's dtype is float32, but the op writes int32");
    check_err(&Rig::f32(2).scatter(&[0], [1.0f32, 2.0]).flow, "an index for each of 2 rows, but there are 1");
    check_err(&Rig::f32(2).scatter(&[0, 2], [1.0f32, 2.0]).flow, "less than the size 2, but is 2");
    check_err(&Rig::f32(2).split(&[1, 1], [1.0f32, 2.0, 3.0]).flow, "must be the 3 rows of the value, but is 2");
    check_err(&Rig::f32(2).split(&[-1, 4], [1.0f32, 2.0, 3.0]).flow, "a length must be 0 or more, but is -1");
    check_err(&Rig::f32(3).split(&[1, 2], [1.0f32, 2.0, 3.0]).flow, "each of 3 cells, but there are 2");
}

#[test]
fn a_cell_that_was_read_is_gone() {
    let rig = Rig::f32(2).write(0, 1.0f32);
    let first = rig.read(0);
    let again = rig.g.control_dependencies(&[first.operation()], || Ok(rig.read(0))).unwrap();
    check_err(&again, "could not read index 0 twice: it was cleared after a previous read");
    let keeps = TensorArrayV3 { clear_after_read: false, ..TensorArrayV3::new(DType::F32) };
    let rig = Rig::new(keeps, 2).write(0, 1.0f32);
    let first = rig.read(0);
    let again = rig.g.control_dependencies(&[first.operation()], || Ok(rig.read(0))).unwrap();
    check(&again, "1.0");
    let again = rig.g.clone().control_dependencies(&[again.operation()], || Ok(rig.write(0, 2.0f32).flow)).unwrap();
    check_err(&again, "could not write to index 0: it has been read already");
}

#[test]
fn what_was_not_written_is_zeros_where_its_shape_is_known() {
    check_err(&Rig::f32(2).read(0), "it has not been written, and the element shape <unknown> is not fully defined");
    check_err(&Rig::f32(2).read(2), "tried to read from index 2, but the array's size is 2");
    check_err(&Rig::f32(2).read(-1), "tried to read from index -1");
    let known = TensorArrayV3 { element_shape: shape![2], ..TensorArrayV3::new(DType::F32) };
    check(&Rig::new(known, 1).read(0), "[0. 0.]");
    check_err(&Rig::f32(2).write(0, 1i32).read_as(DType::I32, 0), "the array's dtype is float32");
}

#[test]
fn shapes_of_elements_must_fit() {
    let known = || TensorArrayV3 { element_shape: shape![?, 2], ..TensorArrayV3::new(DType::F32) };
    check_err(&Rig::new(known(), 1).write(0, [1.0f32]).flow, "shape is [1], which is incompatible");
    let same = TensorArrayV3 { identical_element_shapes: true, ..TensorArrayV3::new(DType::F32) };
    check_err(&Rig::new(same, 2).write(0, [1.0f32]).write(1, 1.0f32).flow, "inferred element shape [1]");
    assert_eq!(Rig::new(known(), 1).read(0).shape().to_string(), "(?, 2)");
    assert_eq!(Rig::new(known(), 1).gather(&[0, 0, 0], Shape::unknown()).shape().to_string(), "(3, ?, 2)");
    assert_eq!(Rig::f32(1).concat(shape![4]).output(0).unwrap().shape().to_string(), "(?, 4)");
    let mixed = || Rig::f32(2).write(0, 1.0f32).write(1, [1.0f32]);
    check_err(&mixed().gather(&[0, 1], Shape::unknown()), "the first has [] and number 1 [1]");
    check_err(&mixed().gather(&[0], shape![2]), "must have shape [2], but the first has []");
    check_err(&mixed().concat(Shape::unknown()).output(0).unwrap(), "number 0 is a scalar");
    check_err(&Rig::f32(0).gather(&[], Shape::unknown()), "there are no elements, and the element shape <unknown>");
    check(&Rig::f32(0).gather(&[], shape![2, 3]), "[]");
    check(&Rig::f32(0).concat(shape![3]).output(1).unwrap(), "[]");
    let fixed = TensorArrayV3 { element_shape: shape![2], ..TensorArrayV3::new(DType::F32) };
    let rig = Rig::new(fixed, 1);
    let (index, value) = (rig.g.constant(0).unwrap(), rig.g.constant([1.0f32]).unwrap());
    let error = rig.g.apply(TensorArrayWrite, &[&rig.handle, &index, &value, &rig.flow]).unwrap_err();
    assert_eq!(error.message(), "dimension 0 in both shapes must be equal, but are 2 and 1; shapes are [2] and [1]");
}

#[test]
fn a_dynamic_array_grows_until_it_has_gradients() {
    let grows = || Rig::new(TensorArrayV3 { dynamic_size: true, ..TensorArrayV3::new(DType::F32) }, 0);
    check(&grows().write(4, 1.0f32).size(), "5");
    check(&grows().write(i32::MAX - 1, 1.0f32).size(), "2147483647");
    let rig = grows().write(1, 1.0f32);
    let grad = rig.grad();
    let late = rig.g.clone().control_dependencies(&[grad.flow.operation()], || Ok(rig.write(7, 1.0f32).flow)).unwrap();
    check_err(&late, "index 7, but the array is not resizeable and has size 2");
}

#[test]
fn gradients_add_up() {
    let rig = Rig::f32(2).write(0, [1.0f32]);
    check(&rig.grad().write(0, [1.0f32]).write(0, [2.5f32]).read(0), "[3.5]");
    check(&rig.grad().read(0), "[0.]");
    check_err(&rig.grad().write(0, [1.0f32, 2.0]).flow, "the shape there is [1], but the new one is [2]");
    check_err(&rig.grad().read(1), "it has not been written, and the element shape <unknown>");
    let known = TensorArrayV3 { element_shape: shape![3], ..TensorArrayV3::new(DType::F32) };
    check(&Rig::new(known, 1).grad().read(5), "[0. 0. 0.]");
    let (g, one) = (&rig.g, rig.g.constant([2]).unwrap());
    let op = TensorArrayGrad { has_prefix: true, ..TensorArrayGrad::of("g") };
    let made = g.apply(op, &[&rig.handle, &rig.flow, &one]).unwrap();
    let wide = Rig { g: g.clone(), handle: made.output(0).unwrap(), flow: made.output(1).unwrap() };
    check(&wide.read(0), "[[0.]\n [0.]]");
}

#[test]
fn gradients_of_gradients_are_freed_in_a_small_stack() {
    let mut rig = Rig::f32(1).write(0, 1.0f32);
    for _ in 0..20_000 {
        rig = rig.grad();
    }
    let flow = rig.flow;
    let run = move || Session::new(flow.graph()).unwrap().run(&flow).map(drop);
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap();
    assert!(thread.join().unwrap().is_ok());
}

#[test]
fn a_closed_array_is_refused() {
    let rig = Rig::f32(1);
    let close = rig.g.apply(TensorArrayClose, &[&rig.handle]).unwrap();
    let late = rig.g.control_dependencies(&[close], || Ok(rig.size())).unwrap();
    check_err(&late, "the array has been closed already");
}

#[test]
fn sizes_are_checked() {
    let g = Graph::new();
    let error = g.apply(TensorArrayV3::new(DType::F32), &[&g.constant(-1).unwrap()]).unwrap_err();
    assert_eq!(error.message(), "the size must be 0 or more, but is -1");
    check(&Rig::f32(i32::MAX).write(i32::MAX - 1, 1.0f32).read(i32::MAX - 1), "1.0");
    check_err(&Rig::new(TensorArrayV3::new(DType::Resource), 1).size(), "an array cannot hold handles");
}

#[test]
fn what_is_no_array_is_refused() -> Result<()> {
    let g = Graph::new();
    let (x, zero) = (g.constant(1.0f32)?, g.constant(0)?);
    let error = g.apply(TensorArrayRead { dtype: DType::F32 }, &[&x, &zero, &x]).unwrap_err();
    assert_eq!(error.message(), "argument 'handle' must be a tensor array, but is a value");
    Ok(())
}

#[test]
fn programs_build_arrays() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 3])?;
    let array = g.tensor_array(DType::F32, 2)?.write(0, &x)?;
    assert_eq!(array.element_shape().to_string(), "(?, 3)");
    assert_eq!(array.read(1)?.shape().to_string(), "(?, 3)");
    assert_eq!(array.stack()?.shape().to_string(), "(?, ?, 3)");
    let error = array.write(1, g.constant([1.0f32])?).unwrap_err();
    assert_eq!(error.message(), "inconsistent shapes: saw (1,) but expected (?, 3)");
    assert!(array.write(1, g.constant([[1i32, 2, 3]])?).is_err());
    let rows = g.constant([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]])?;
    check(&g.tensor_array(DType::F32, 3)?.unstack(&rows)?.gather([2, 0])?, "[[5. 6.]\n [1. 2.]]");
    let mixed = TensorArrayOptions { infer_shape: false, ..TensorArrayOptions::default() };
    check(
        &g.tensor_array_with(DType::F32, 2, &mixed)?.split(&rows, [1, 2])?.concat()?,
        "[[1. 2.]\n [3. 4.]\n [5. 6.]]",
    );
    check(&g.tensor_array(DType::F32, 2)?.scatter([1, 0], &rows.slice([0, 0], [2, -1])?)?.read(0)?, "[3. 4.]");
    Ok(())
}

#[test]
fn an_array_is_a_loop_variable() -> Result<()> {
    let g = Graph::new();
    let n = g.placeholder(DType::I32, shape![])?;
    let options = TensorArrayOptions { dynamic_size: true, ..TensorArrayOptions::default() };
    let start = (g.constant(0)?, g.tensor_array_with(DType::I32, 0, &options)?);
    let (_, made) = g.while_loop(start, |(i, _)| i.less(&n), |(i, array)| Ok((&i + 1, array.write(&i, &i * &i)?)))?;
    let all = made.stack()?;
    assert_eq!(all.shape().to_string(), "(?,)");
    let sess = Session::new(&g)?;
    assert_eq!(sess.run_with(&all, crate::feeds! { &n => 4 })?.to_string(), "[0 1 4 9]");
    let long = sess.run_with(&all, crate::feeds! { &n => 20_000 })?;
    assert_eq!(long.slice::<i32>()?[19_999], 399_960_001);
    Ok(())
}

#[test]
fn runs_at_once_have_arrays_of_their_own() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?])?;
    let start = (g.constant(0)?, g.tensor_array(DType::F32, 50)?);
    let body = |(i, array): (Tensor, TensorArray)| Ok((&i + 1, array.write(&i, &x * i.cast(DType::F32)?)?));
    let (_, made) = g.while_loop(start, |(i, _)| i.less(50), body)?;
    let sum = made.stack()?.reduce_sum(())?;
    let sess = Session::new(&g)?;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (sess, sum, x) = (&sess, &sum, &x);
            scope.spawn(move || {
                for n in 0..20 {
                    let fed = (thread * 20 + n) as f32;
                    let got = sess.run_with(sum, crate::feeds! { x => [fed] }).unwrap();
                    assert_eq!(got.scalar::<f32>().unwrap(), fed * 1225.0);
                }
            });
        }
    });
    Ok(())
}

/// There was a list of an index for each of them.
#[test]
fn vast_rows_of_nothing_do_not_fit_an_array() {
    let rig = Rig::f32(3);
    let rows = rig.g.placeholder(DType::F32, shape![?, 0]).unwrap();
    let op = TensorArrayScatter { is_unpack: true };
    let flow = rig.g.apply_one(op, &[&rig.handle, &rows, &rig.flow]).unwrap();
    let vast = Value::zeros(DType::F32, &[1 << 40, 0]).unwrap();
    let error = Session::new(&rig.g).unwrap().run_with(&flow, feeds! { &rows => vast }).unwrap_err();
    assert!(error.message().contains("an element for each of 3 cells, but there are 1099511627776"), "{error}");
}
