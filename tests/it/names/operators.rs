//! Operators, comparisons, functions of one and two operands.

use sessile::ops::math::{self, add_n};
use sessile::prelude::*;

use super::{Program, bools, ints, x};

/// The programs of this file.
pub const PROGRAMS: &[(&str, Program)] = &[
    ("operators_with_numbers", operators_with_numbers),
    ("operators_with_tensors", operators_with_tensors),
    ("operators_with_lists", operators_with_lists),
    ("operators_of_ints", operators_of_ints),
    ("operators_of_bools", operators_of_bools),
    ("slicing", slicing),
    ("casting", casting),
    ("unary", unary),
    ("activations", activations),
    ("binary", binary),
    ("special_functions", special_functions),
    ("binary_with_numbers", binary_with_numbers),
    ("comparisons", comparisons),
];

/// A number on the left of a function that Rust has as a method.
fn number_left(
    g: &Graph,
    name: &str,
    number: f32,
    build: impl FnOnce(&Tensor) -> sessile::Result<Tensor>,
) -> sessile::Result<Tensor> {
    g.composite(name, |scope| {
        let x = g.named("x", || g.constant(number))?;
        g.named(scope, || build(&x))
    })
}

fn operators_with_numbers(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2])?;
    (&x + 1)?;
    (1 + &x)?;
    (&x - 1)?;
    (1 - &x)?;
    (&x * 2)?;
    (2 * &x)?;
    (&x / 2)?;
    (2 / &x)?;
    x.floor_div(2)?;
    number_left(g, "floordiv", 2.0, |two| two.floor_div(&x))?;
    (&x % 2)?;
    (2 % &x)?;
    g.named("pow", || x.pow(2))?;
    number_left(g, "pow", 2.0, |two| two.pow(&x))?;
    (-&x)?;
    x.abs()?;
    x.less(1)?;
    x.less_equal(1)?;
    x.greater(1)?;
    x.greater_equal(1)?;
    Ok(())
}

fn operators_with_tensors(g: &Graph) -> sessile::Result<()> {
    let (x, y) = (x(g, shape![2, 2])?, x(g, shape![2, 2])?);
    (&x + &y)?;
    (&x - &y)?;
    (&x * &y)?;
    (&x / &y)?;
    x.floor_div(&y)?;
    (&x % &y)?;
    g.named("pow", || x.pow(&y))?;
    x.less(&y)?;
    g.named("matmul", || x.matmul(&y))?;
    Ok(())
}

fn operators_with_lists(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2])?;
    g.composite("add", |scope| {
        let y = g.named("y", || g.constant([1.0f32, 2.0]))?;
        g.named(scope, || &x + &y)
    })?;
    g.composite("mul", |scope| {
        let y = g.named("x", || g.constant([1.0f32, 2.0]))?;
        g.named(scope, || &y * &x)
    })?;
    Ok(())
}

fn operators_of_ints(g: &Graph) -> sessile::Result<()> {
    let i = ints(g, shape![2])?;
    (&i + 1)?;
    (&i / 2)?;
    i.floor_div(2)?;
    (&i % 2)?;
    Ok(())
}

fn operators_of_bools(g: &Graph) -> sessile::Result<()> {
    let (p, q) = (g.placeholder(DType::Bool, shape![2])?, g.placeholder(DType::Bool, shape![2])?);
    for built in [&p & &q, &p | &q, &p ^ &q, !&p] {
        built?;
    }
    Ok(())
}

fn slicing(g: &Graph) -> sessile::Result<()> {
    let (x, i) = (x(g, shape![?, 3, 4])?, ints(g, shape![])?);
    x.index(0)?;
    x.index(index![-1, 1])?;
    x.index(index![.., 1..3])?;
    x.index(index![Index::Ellipsis, Index::from(..).by(-1)])?;
    x.index(index![.., Index::NewAxis])?;
    x.index(&i)?;
    x.index(index![&i.., 1])?;
    x.slice([0, 1, 0], [-1, 2, -1])?;
    let steps = g.composite("ones_like", |scope| {
        let begin = g.named("tensor", || g.constant([0, 0]))?;
        g.named(scope, || begin.ones_like())
    })?;
    x.strided_slice([0, 0], [1, 2], &steps, Default::default())?;
    Ok(())
}

fn casting(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2])?;
    x.cast(DType::I32)?;
    x.cast(DType::F32)?;
    let one = g.constant(1)?;
    g.named("ToFloat", || one.cast(DType::F32))?;
    g.named("ToInt32", || x.cast(DType::I32))?;
    x.bitcast(DType::I32)?;
    x.broadcast_to([3, 2])?;
    x.saturate_cast(DType::U8)?;
    Ok(())
}

fn unary(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2])?;
    // Paths to methods would lose the line.
    macro_rules! each {
        ($($function:ident)*) => { $( x.$function()?; )* };
    }
    each! {
        abs negative sign reciprocal square sqrt rsqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh
        asinh acosh atanh floor ceil round
    }
    ints(g, shape![2])?.round()?;
    x.rint()?;
    x.is_nan()?;
    x.is_inf()?;
    x.is_finite()?;
    bools(g, shape![2])?.logical_not()?;
    ints(g, shape![2])?.invert()?;
    Ok(())
}

fn activations(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 3])?;
    x.sigmoid()?;
    x.softplus()?;
    x.softsign()?;
    x.relu()?;
    x.relu6()?;
    x.elu()?;
    x.selu()?;
    x.leaky_relu(0.2)?;
    x.tanh()?;
    x.softmax()?;
    x.log_softmax()?;
    x.dropout(0.5, Some(1))?;
    x.dropout(1.0 - 0.5, Some(1))?;
    x.clip_by_value(-1.0, 1.0)?;
    Ok(())
}

fn binary(g: &Graph) -> sessile::Result<()> {
    let (x, y) = (x(g, shape![2])?, x(g, shape![2])?);
    math::add(&x, &y)?;
    math::subtract(&x, &y)?;
    math::multiply(&x, &y)?;
    math::divide(&x, &y)?;
    g.named("div", || x.real_div(&y))?;
    math::divide(&x, &y)?;
    x.real_div(&y)?;
    x.floor_div(&y)?;
    g.named("FloorDiv", || x.floor_div(&y))?;
    let i = ints(g, shape![2])?;
    i.truncate_div(&i)?;
    x.floor_mod(&y)?;
    x.floor_mod(&y)?;
    x.truncate_mod(&y)?;
    x.pow(&y)?;
    x.maximum(&y)?;
    x.minimum(&y)?;
    x.squared_difference(&y)?;
    x.atan2(&y)?;
    x.div_no_nan(&y)?;
    x.multiply_no_nan(&y)?;
    x.xdivy(&y)?;
    x.xlogy(&y)?;
    add_n(&[&x, &y])?;
    add_n(&[&x])?;
    Ok(())
}

fn special_functions(g: &Graph) -> sessile::Result<()> {
    let (x, y) = (x(g, shape![2])?, x(g, shape![2])?);
    x.erf()?;
    x.erfc()?;
    x.lgamma()?;
    x.digamma()?;
    x.igamma(&y)?;
    x.igammac(&y)?;
    x.zeta(&y)?;
    x.polygamma(&y)?;
    Ok(())
}

fn binary_with_numbers(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2])?;
    math::add(&x, 1.0)?;
    math::subtract(1.0, &x)?;
    x.maximum(0.0)?;
    x.pow(2.0)?;
    x.less(1.0)?;
    Ok(())
}

fn comparisons(g: &Graph) -> sessile::Result<()> {
    let (x, p, i) = (x(g, shape![2])?, bools(g, shape![2])?, ints(g, shape![2])?);
    x.equal(&x)?;
    x.not_equal(&x)?;
    x.less(&x)?;
    x.less_equal(&x)?;
    x.greater(&x)?;
    x.greater_equal(&x)?;
    x.approximate_equal(&x, 1e-5)?;
    p.logical_and(&p)?;
    p.logical_or(&p)?;
    p.logical_xor(&p)?;
    i.bitwise_and(&i)?;
    i.bitwise_or(&i)?;
    i.bitwise_xor(&i)?;
    i.left_shift(&i)?;
    i.right_shift(&i)?;
    Ok(())
}
