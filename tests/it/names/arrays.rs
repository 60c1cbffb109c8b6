//! Sources, shapes, and ops that move elements.

use sessile::ops::array::{identity_n, shape_n};
use sessile::ops::random::{Normal, Uniform, UniformInt};
use sessile::prelude::*;

use super::{F32, Program, bools, ints, x};

/// The programs of this file.
pub const PROGRAMS: &[(&str, Program)] = &[
    ("sources", sources),
    ("copies", copies),
    ("shapes_static", shapes_static),
    ("shapes_dynamic", shapes_dynamic),
    ("rearranging", rearranging),
    ("joining_and_splitting", joining_and_splitting),
    ("picking", picking),
    ("random_numbers", random_numbers),
    ("multinomial", multinomial),
    ("checks", checks),
    ("assertions", assertions),
    ("print_v2", print_v2),
    ("tensor_arrays", tensor_arrays),
    ("tensor_arrays_whole", tensor_arrays_whole),
];

/// An op on a constant that TF1 makes in the op's scope.
fn with_constant<R>(
    g: &Graph,
    op: &str,
    name: &str,
    value: impl IntoValue,
    build: impl FnOnce(&Tensor) -> sessile::Result<R>,
) -> sessile::Result<R> {
    g.composite(op, |scope| {
        let value = g.named(name, || g.constant(value))?;
        g.named(scope, || build(&value))
    })
}

fn sources(g: &Graph) -> sessile::Result<()> {
    g.constant(1.0f32)?;
    g.constant([[1, 2], [3, 4]])?;
    g.constant([[0.0f32; 3]; 2])?;
    g.constant("text")?;
    g.named("named", || g.constant(1.0f32))?;
    g.placeholder(F32, Shape::unknown())?;
    ints(g, shape![?, 3])?;
    g.named("x", || x(g, shape![]))?;
    g.placeholder_with_default([1.0f32, 2.0], shape![?])?;
    g.zeros(F32, [2, 3])?;
    g.ones(F32, [2, 3])?;
    g.zeros(F32, [2000])?;
    g.ones(F32, [0i32; 0])?;
    g.fill([2, 3], 7.0f32)?;
    g.range(0, 5, 1)?;
    g.range_f32(1.0, 2.0, 0.5)?;
    g.linspace(0.0, 1.0, 3)?;
    Ok(())
}

fn copies(g: &Graph) -> sessile::Result<()> {
    let y = x(g, shape![2])?;
    y.identity()?;
    identity_n(&[&y, &y])?;
    y.stop_gradient()?;
    g.no_op()?;
    y.zeros_like()?;
    y.ones_like()?;
    x(g, shape![?])?.zeros_like()?;
    x(g, shape![?])?.ones_like()?;
    Ok(())
}

fn shapes_static(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 3])?;
    x.shape_tensor()?;
    x.size_tensor()?;
    x.rank_tensor()?;
    shape_n(&[&x, &x])?;
    Ok(())
}

fn shapes_dynamic(g: &Graph) -> sessile::Result<()> {
    let y = x(g, shape![?, 3])?;
    y.shape_tensor()?;
    y.size_tensor()?;
    y.rank_tensor()?;
    x(g, Shape::unknown())?.rank_tensor()?;
    y.shape_tensor()?.index(0)?;
    let n = (y.shape_tensor()?.index(0)? * 3)?;
    y.reshape(sizes![n])?;
    let n = y.shape_tensor()?.index(0)?;
    y.reshape(packed(g, &sizes![n, 1, 3])?)?;
    g.zeros(F32, y.shape_tensor()?)?;
    let n = y.shape_tensor()?.index(0)?;
    g.ones(F32, packed(g, &sizes![n, 2])?)?;
    Ok(())
}

/// `tf.stack` of numbers and tensors.
fn packed(g: &Graph, sizes: &[sessile::ops::array::Size]) -> sessile::Result<Tensor> {
    sizes.sizes(g, "stack")
}

fn rearranging(g: &Graph) -> sessile::Result<()> {
    let y = x(g, shape![2, 3])?;
    y.reshape([3, 2])?;
    y.reshape([-1])?;
    y.expand_dims(1)?;
    y.expand_dims(-1)?;
    x(g, shape![1, 2, 1])?.squeeze()?;
    x(g, shape![1, 2, 1])?.squeeze_axes(&[0])?;
    y.reverse_axes()?;
    y.transpose([1, 0])?;
    x(g, shape![?, 3])?.reverse_axes()?;
    x(g, Shape::unknown())?.reverse_axes()?;
    g.name_scope("matrix_transpose", |_| y.reverse_axes())?;
    with_constant(g, "ReverseV2", "axis", [1], |axis| y.reverse(axis))?;
    with_constant(g, "InvertPermutation", "x", [1, 0], Tensor::invert_permutation)?;
    Ok(())
}

fn joining_and_splitting(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 4])?;
    concat(&[&x, &x], 0)?;
    concat(&[&x], 0)?;
    x.split(2, 1)?;
    x.split_sizes(&[1, 3], 1)?;
    stack(&[&x, &x], 0)?;
    stack(&[&x, &x], -1)?;
    x.unstack(0)?;
    x.tile([2, 1])?;
    x.pad(&[[1, 0], [0, 1]])?;
    x.pad_with(&[[1, 0], [0, 1]], 5.0)?;
    Ok(())
}

fn picking(g: &Graph) -> sessile::Result<()> {
    let (x, p) = (x(g, shape![2, 4])?, bools(g, shape![2, 4])?);
    with_constant(g, "GatherV2", "indices", [1, 0], |i| x.gather(i))?;
    with_constant(g, "GatherV2", "indices", 0, |i| x.gather_along(i, 1, 0))?;
    with_constant(g, "GatherNd", "indices", [[0, 1]], |i| x.gather_nd(i))?;
    p.where_()?;
    p.select(&x, &x)?;
    let i = ints(g, shape![2])?;
    i.one_hot(3)?;
    i.one_hot_with(3, 5, -1, 0)?;
    x.boolean_mask(bools(g, shape![2])?)?;
    with_constant(g, "embedding_lookup", "ids", [1], |ids| x.embedding_lookup(ids))?;
    x.top_k(2)?;
    Ok(())
}

fn random_numbers(g: &Graph) -> sessile::Result<()> {
    g.random_uniform([2])?;
    g.random_normal([2])?;
    g.truncated_normal([2])?;
    g.random_uniform_with([2], Uniform { min: 1.0, max: 5.0, seed: Some(1), ..Uniform::default() })?;
    g.random_uniform_int([2], UniformInt { min: 0, max: 5, dtype: DType::I32, seed: None })?;
    g.named("drawn", || g.random_normal_with([2], Normal { mean: 1.0, stddev: 2.0, ..Normal::default() }))?;
    with_constant(g, "RandomShuffle", "value", [1.0f32, 2.0], |value| value.random_shuffle(None))?;
    let shape = ints(g, shape![2])?;
    g.random_uniform(&shape)?;
    Ok(())
}

fn multinomial(g: &Graph) -> sessile::Result<()> {
    g.name_scope("multinomial", |scope| {
        let logits = g.named("logits", || g.constant([[1.0f32, 2.0]]))?;
        g.named(scope, || logits.multinomial(3, None))
    })?;
    Ok(())
}

fn checks(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2])?;
    x.print(&[&x], "message")?;
    x.check_numerics("message")?;
    x.verify_all_finite("message")?;
    Ok(())
}

fn assertions(g: &Graph) -> sessile::Result<()> {
    let (x, p) = (x(g, shape![2])?, bools(g, shape![])?);
    p.assert(&[&x])?;
    g.named("sure", || p.assert(&[&"message", &x]))?;
    x.assert_equal(&x, "")?;
    Ok(())
}

fn print_v2(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2])?;
    g.print_v2("{}", &[&x])?;
    Ok(())
}

fn tensor_arrays(g: &Graph) -> sessile::Result<()> {
    let array = g.tensor_array(F32, 3)?;
    let x = x(g, shape![?])?;
    let array = array.write(0, &x)?;
    let array = array.write(g.constant(1)?, g.constant([1.0f32, 2.0])?)?;
    array.read(0)?;
    array.stack()?;
    array.size()?;
    array.gather([0, 1])?;
    array.concat()?;
    let _ = array.identity()?;
    array.close()?;
    g.named("one", || array.read(1))?;
    g.named("all", || array.stack())?;
    let _ = g.named("put", || array.write(2, &x))?;
    g.named("some", || array.gather([1]))?;
    Ok(())
}

fn tensor_arrays_whole(g: &Graph) -> sessile::Result<()> {
    let rows = x(g, shape![?, 3])?;
    let options = TensorArrayOptions {
        dynamic_size: true,
        clear_after_read: false,
        infer_shape: false,
        element_shape: shape![3],
        tensor_array_name: "a".to_owned(),
    };
    let size = g.constant(2)?;
    let array = g.named("named", || g.tensor_array_with(F32, &size, &options))?;
    array.unstack(&rows)?.stack()?;
    let two = x(g, shape![2, 3])?;
    let _ = g.named("rows", || array.unstack(&two))?;
    let _ = array.scatter([0, 1], &rows)?;
    let _ = g.named("spread", || array.scatter([0, 1], &rows))?;
    let array = g.tensor_array(F32, 2)?;
    array.split(&rows, [1, 1])?.concat()?;
    let _ = array.split(&rows, g.constant([1, 2])?)?;
    let lengths = g.constant([1i64, 2])?;
    let _ = g.named("parts", || array.split(&rows, &lengths))?;
    Ok(())
}
