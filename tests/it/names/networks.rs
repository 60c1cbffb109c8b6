//! Reductions, products, losses and normalizations.

use sessile::ops::math::{self, Norm};
use sessile::prelude::*;

use super::{F32, Program, ints, x};

/// The programs of this file.
pub const PROGRAMS: &[(&str, Program)] = &[
    ("softmax_unknown_rank", softmax_unknown_rank),
    ("softmax_other_axis", softmax_other_axis),
    ("softmax_axes", softmax_axes),
    ("dropout", dropout),
    ("reductions", reductions),
    ("reductions_of_unknown_rank", reductions_of_unknown_rank),
    ("composed_reductions", composed_reductions),
    ("log_sum_exp", log_sum_exp),
    ("norms", norms),
    ("normalizations", normalizations),
    ("products", products),
    ("complex_products", complex_products),
    ("tensordot_static", |g| tensordot(g, shape![2, 3, 4], shape![4, 10], [[2], [0]])),
    ("tensordot_static_number", |g| tensordot(g, shape![2, 3, 4], shape![4, 10], 1)),
    ("tensordot_partly_known", |g| tensordot(g, shape![?, 3, 4], shape![4, 10], [[2], [0]])),
    ("tensordot_both_partly_known", |g| tensordot(g, shape![?, 3, 4], shape![4, ?], [[-1], [0]])),
    ("tensordot_unknown_rank", |g| tensordot(g, Shape::unknown(), shape![4, 10], [[2], [0]])),
    ("tensordot_unknown_rank_number", |g| tensordot(g, Shape::unknown(), Shape::unknown(), 1)),
    ("tensordot_unknown_rank_right", |g| tensordot(g, shape![4, 10], Shape::unknown(), 1)),
    ("tensordot_axes_of_a_run", tensordot_axes_of_a_run),
    ("tensordot_twice", tensordot_twice),
    ("cross_entropies", cross_entropies),
    ("cross_entropies_of_unknown_shapes", cross_entropies_of_unknown_shapes),
    ("softmax_cross_entropy", |g| softmax_cross_entropy(g, shape![2, 3])),
    ("softmax_cross_entropy_unknown_batch", |g| softmax_cross_entropy(g, shape![?, 3])),
    ("softmax_cross_entropy_old", softmax_cross_entropy_old),
    ("softmax_cross_entropy_axes", softmax_cross_entropy_axes),
    ("softmax_cross_entropy_unknown_rank", softmax_cross_entropy_unknown_rank),
    ("softmax_cross_entropy_of_halves", softmax_cross_entropy_of_halves),
    ("sparse_softmax_cross_entropy_rank1", sparse_softmax_cross_entropy_rank1),
    ("sparse_softmax_cross_entropy_unknown_batch", |g| sparse_softmax_cross_entropy(g, shape![?, 3], shape![?])),
    ("sparse_softmax_cross_entropy_rank3", |g| sparse_softmax_cross_entropy(g, shape![2, 4, 3], shape![2, 4])),
    ("losses", losses),
];

fn softmax_unknown_rank(g: &Graph) -> sessile::Result<()> {
    x(g, Shape::unknown())?.softmax()?;
    x(g, shape![?, 2, 3])?.softmax()?;
    Ok(())
}

fn softmax_other_axis(g: &Graph) -> sessile::Result<()> {
    x(g, shape![2, 3])?.softmax_along(0)?;
    Ok(())
}

fn softmax_axes(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, ?, 4])?;
    x.softmax_along(2)?;
    g.named("named", || x.softmax_along(1))?;
    x.softmax_along(-3)?;
    x.log_softmax_along(0)?;
    Ok(())
}

fn dropout(g: &Graph) -> sessile::Result<()> {
    let y = x(g, shape![2, ?])?;
    let rate = x(g, shape![])?;
    y.dropout(&rate, None)?;
    g.named("named", || y.dropout_with_noise(0.25, [2, 1], None))?;
    x(g, Shape::unknown())?.dropout(0.25, Some(1))?;
    y.dropout(0.0, None)?;
    Ok(())
}

fn reductions(g: &Graph) -> sessile::Result<()> {
    let (x, p) = (x(g, shape![2, 3])?, g.placeholder(DType::Bool, shape![2, 3])?);
    x.reduce_sum(())?;
    x.reduce_sum(1)?;
    x.reduce_sum_keepdims([0, -1])?;
    x.reduce_mean(())?;
    x.reduce_prod(())?;
    x.reduce_max(())?;
    x.reduce_min(())?;
    p.reduce_all(())?;
    p.reduce_any(())?;
    x.argmax(0)?;
    x.argmin(1)?;
    x.cumsum(0, Default::default())?;
    x.cumprod(1, Default::default())?;
    x.l2_loss()?;
    Ok(())
}

fn reductions_of_unknown_rank(g: &Graph) -> sessile::Result<()> {
    let x = g.placeholder(F32, Shape::unknown())?;
    x.reduce_sum(())?;
    x.reduce_mean(0)?;
    g.placeholder(F32, shape![?, 2])?.reduce_max(())?;
    Ok(())
}

fn composed_reductions(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 3])?;
    x.reduce_logsumexp(())?;
    x.reduce_logsumexp_keepdims(1)?;
    x.moments([0])?;
    x.l2_normalize(1, 1e-12)?;
    x.norm(())?;
    x.count_nonzero(())?;
    x.reduce_std(())?;
    Ok(())
}

fn log_sum_exp(g: &Graph) -> sessile::Result<()> {
    x(g, shape![?, 3])?.reduce_logsumexp([0])?;
    x(g, Shape::unknown())?.reduce_logsumexp(())?;
    let y = x(g, Shape::unknown())?;
    g.named("named", || y.reduce_logsumexp_keepdims(0))?;
    Ok(())
}

fn norms(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![?, 3])?;
    x.norm(1)?;
    x.norm_keepdims([0, 1])?;
    x.norm_of(Norm::Power(1.0), 0)?;
    x.norm_of(Norm::Power(1.0), [0, 1])?;
    x.norm_of(Norm::Max, ())?;
    x.norm_of(Norm::Max, [0, 1])?;
    x.norm_of(Norm::Power(3.0), -1)?;
    g.placeholder(DType::C64, shape![2])?.norm(())?;
    Ok(())
}

fn normalizations(g: &Graph) -> sessile::Result<()> {
    let (y, v, h) = (x(g, shape![?, 3])?, x(g, shape![3])?, g.placeholder(DType::F16, shape![2, 3])?);
    y.moments_keepdims([0, 1])?;
    x(g, Shape::unknown())?.moments([0])?;
    h.moments([1])?;
    y.weighted_moments([0], &y)?;
    y.sufficient_statistics([1], None)?;
    y.sufficient_statistics_keepdims([0, 1], Some(&v))?;
    v.normalize_moments(&v, &v, None)?;
    g.named("named", || v.normalize_moments(&v, &v, Some(&v)))?;
    y.batch_normalization(&v, &v, Some(&v), Some(&v), 0.001)?;
    y.batch_normalization(&v, &v, None, None, 0.001)?;
    g.named("named", || h.batch_normalization(&v, &v, Some(&v), None, 0.001))?;
    y.l2_normalize([0, 1], 0.5)?;
    Ok(())
}

fn products(g: &Graph) -> sessile::Result<()> {
    let (a, b) = (x(g, shape![2, 3])?, x(g, shape![3, 4])?);
    let (c, d) = (x(g, shape![5, 2, 3])?, x(g, shape![5, 3, 4])?);
    a.matmul(&b)?;
    a.matmul_t(false, &a, true)?;
    c.matmul(&d)?;
    c.matmul(&b)?;
    g.composite("MatMul", |scope| {
        let a = g.named("a", || g.constant([[1.0f32, 2.0]]))?;
        let b = g.named("b", || g.constant([[3.0f32], [4.0]]))?;
        g.named(scope, || a.matmul(&b))
    })?;
    let bias = || g.named("bias", || g.constant([1.0f32, 2.0, 3.0]));
    g.composite("BiasAdd", |scope| {
        let bias = bias()?;
        g.named(scope, || a.bias_add(&bias))
    })?;
    let image = x(g, shape![1, 3, 2, 2])?;
    g.composite("BiasAdd", |scope| {
        let bias = bias()?;
        g.named(scope, || image.bias_add_nchw(&bias))
    })?;
    g.composite("xw_plus_b", |scope| {
        let biases = g.named("biases", || g.constant([1.0f32, 2.0, 3.0, 4.0]))?;
        let product = a.matmul(&b)?;
        g.named(scope, || product.bias_add(&biases))
    })?;
    Ok(())
}

fn complex_products(g: &Graph) -> sessile::Result<()> {
    let a = g.placeholder(DType::C64, shape![2, 3])?;
    let c = g.placeholder(DType::C64, shape![5, 2, 3])?;
    a.matmul_t(true, &a, false)?;
    a.matmul_adjoint(false, &a, true)?;
    g.named("named", || c.matmul_t(true, &c, false))?;
    c.matmul_adjoint(false, &c, true)?;
    let (a, b) = (x(g, shape![2, 3])?, x(g, shape![2, 3])?);
    a.matmul_adjoint(true, &b, false)?;
    Ok(())
}

fn tensordot(g: &Graph, a: Shape, b: Shape, axes: impl Into<math::axes::Axes>) -> sessile::Result<()> {
    x(g, a)?.tensordot(&x(g, b)?, axes)?;
    Ok(())
}

fn tensordot_axes_of_a_run(g: &Graph) -> sessile::Result<()> {
    let (a, b) = (x(g, shape![2, 3])?, x(g, shape![3, ?])?);
    let axes = ints(g, shape![2, 1])?;
    a.tensordot(&b, &axes)?;
    Ok(())
}

fn tensordot_twice(g: &Graph) -> sessile::Result<()> {
    let (a, b) = (x(g, shape![2, 2])?, x(g, shape![2, 2])?);
    a.tensordot(&b, 1)?;
    g.named("named", || a.tensordot(&b, 1))?;
    a.tensordot(&b, 0)?;
    a.tensordot(&b, 2)?;
    Ok(())
}

fn cross_entropies(g: &Graph) -> sessile::Result<()> {
    let (x, y) = (x(g, shape![2, 3])?, x(g, shape![2, 3])?);
    x.sigmoid_cross_entropy_with_logits(&y)?;
    x.weighted_cross_entropy_with_logits(&y, 2.0)?;
    g.composite("SparseSoftmaxCrossEntropyWithLogits", |scope| {
        let labels = g.constant([0, 1])?;
        g.named(scope, || x.sparse_softmax_cross_entropy_with_logits(&labels))
    })?;
    Ok(())
}

fn cross_entropies_of_unknown_shapes(g: &Graph) -> sessile::Result<()> {
    let (y, labels) = (x(g, shape![?, 3])?, x(g, shape![?, 3])?);
    g.named("named", || y.sigmoid_cross_entropy_with_logits(&labels))?;
    let weight = x(g, shape![])?;
    y.weighted_cross_entropy_with_logits(&labels, &weight)?;
    Ok(())
}

fn softmax_cross_entropy(g: &Graph, shape: Shape) -> sessile::Result<()> {
    let (logits, labels) = (x(g, shape.clone())?, x(g, shape)?);
    logits.softmax_cross_entropy_with_logits_v2(&labels)?;
    Ok(())
}

fn softmax_cross_entropy_old(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 3])?;
    x.softmax_cross_entropy_with_logits(&x)?;
    Ok(())
}

fn softmax_cross_entropy_axes(g: &Graph) -> sessile::Result<()> {
    let (x, y) = (x(g, shape![2, ?, 4])?, x(g, shape![2, ?, 4])?);
    x.softmax_cross_entropy_with_logits_v2_along(&y, 1)?;
    g.named("named", || x.softmax_cross_entropy_with_logits_along(&y, 0))?;
    Ok(())
}

fn softmax_cross_entropy_unknown_rank(g: &Graph) -> sessile::Result<()> {
    let x = x(g, Shape::unknown())?;
    x.softmax_cross_entropy_with_logits_v2(&x)?;
    Ok(())
}

fn softmax_cross_entropy_of_halves(g: &Graph) -> sessile::Result<()> {
    let (x, y) = (g.placeholder(DType::F16, shape![2, 3])?, g.placeholder(DType::F64, shape![2, 3])?);
    x.softmax_cross_entropy_with_logits_v2(&y)?;
    let classes = g.placeholder(DType::I64, shape![2])?;
    x.sparse_softmax_cross_entropy_with_logits(&classes)?;
    Ok(())
}

fn sparse_softmax_cross_entropy(g: &Graph, shape: Shape, classes: Shape) -> sessile::Result<()> {
    let (x, classes) = (x(g, shape)?, ints(g, classes)?);
    x.sparse_softmax_cross_entropy_with_logits(&classes)?;
    Ok(())
}

fn sparse_softmax_cross_entropy_rank1(g: &Graph) -> sessile::Result<()> {
    let (x, classes) = (x(g, shape![3])?, ints(g, shape![])?);
    g.named("named", || x.sparse_softmax_cross_entropy_with_logits(&classes))?;
    Ok(())
}

fn losses(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 3])?;
    let same = x.clone();
    (&x - &same)?.square()?.reduce_mean(())?;
    Ok(())
}
