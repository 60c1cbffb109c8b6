//! Layers.

use sessile::init::{constant, he_normal, ones, zeros};
use sessile::layers::{Dense, dense, flatten, losses};
use sessile::prelude::*;

use super::{Program, x};

/// The programs of this file.
pub const PROGRAMS: &[(&str, Program)] = &[
    ("dense_rank2", |g| dense_twice(g, shape![?, 6])),
    ("dense_rank3", |g| dense_once(g, shape![?, 3, 6])),
    ("dense_rank3_static", |g| dense_once(g, shape![2, 3, 6])),
    ("dense_rank4", dense_rank4),
    ("dense_activations", dense_activations),
    ("dense_reused", dense_reused),
    ("dense_in_scopes", dense_in_scopes),
    ("dense_with_initializers", dense_with_initializers),
    ("flatten", flatten_twice),
    ("mean_squared_error", |g| {
        let x = x(g, shape![2, 3])?;
        losses::mean_squared_error(&x, &x)?;
        Ok(())
    }),
];

fn dense_once(g: &Graph, shape: Shape) -> sessile::Result<()> {
    dense(&x(g, shape)?, 10)?;
    Ok(())
}

fn dense_twice(g: &Graph, shape: Shape) -> sessile::Result<()> {
    let x = x(g, shape)?;
    dense(&x, 10)?;
    dense(&x, 10)?;
    Ok(())
}

fn dense_rank4(g: &Graph) -> sessile::Result<()> {
    Dense::new(10).name("named").apply(&x(g, shape![?, 3, 2, 6])?)?;
    Ok(())
}

fn dense_activations(g: &Graph) -> sessile::Result<()> {
    let h = Dense::new(4).activation(Tensor::relu).apply(&x(g, shape![2, 6])?)?;
    let h = Dense::new(4).activation(Tensor::tanh).apply(&h)?;
    let h = Dense::new(4).activation(Tensor::sigmoid).bias(false).apply(&h)?;
    Dense::new(4).activation(Tensor::softmax).apply(&h)?;
    Ok(())
}

fn dense_reused(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 6])?;
    Dense::new(4).name("d").apply(&x)?;
    Dense::new(4).name("d").shared().apply(&x)?;
    Ok(())
}

fn dense_in_scopes(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 6])?;
    g.variable_scope("net", || {
        dense(&x, 4)?;
        dense(&x, 4)
    })?;
    g.name_scope("ns", |_| dense(&x, 4))?;
    Ok(())
}

fn dense_with_initializers(g: &Graph) -> sessile::Result<()> {
    let x = x(g, shape![2, 6])?;
    Dense::new(4).kernel_initializer(he_normal()).bias_initializer(constant(0.1)).apply(&x)?;
    Dense::new(4).kernel_initializer(zeros()).bias_initializer(ones()).apply(&x)?;
    Ok(())
}

fn flatten_twice(g: &Graph) -> sessile::Result<()> {
    flatten(&x(g, shape![?, 3, 2])?)?;
    flatten(&x(g, shape![?, ?, 2])?)?;
    flatten(&x(g, shape![2, 3, 2])?)?;
    let vector = x(g, shape![?])?;
    g.named("named", || flatten(&vector))?;
    Ok(())
}
