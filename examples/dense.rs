//! The program that started it: `layers.dense` on a three-dimensional placeholder, and the same rebuilt by hand.
//!
//! Prints what the TF1 program prints.

use sessile::prelude::*;
use sessile::{Config, GpuOptions};

fn main() -> sessile::Result<()> {
    let g = Graph::new();
    g.set_random_seed(1);

    // What does a dense layer do with (?, 3, 6)?
    let images = g.placeholder(DType::F32, shape![?, 3, 6])?;
    println!("{}", images.shape());
    let out = layers::dense(&images, 10)?;
    println!("{}", out.shape());

    // It contracts the last axis: a tensordot, then bias_add. The same with variables of one's own.
    let a = g.constant_as(
        DType::F32,
        array![[[1, 1, 1, 1], [2, 2, 2, 2], [1, 1, 1, 1]], [[1, 1, 1, 1], [2, 2, 2, 2], [1, 1, 1, 1]]],
    )?;
    let c = g.variable(g.random_normal(shape![4, 10])?)?;
    let d = g.variable(g.random_normal(shape![10])?)?;
    let e = a.tensordot(&c, [[a.rank()? - 1], [0]])?;
    let f = e.bias_add(&d)?;
    println!("{f}");

    // Rank four works the same way.
    let deep = g.placeholder(DType::F32, shape![?, 3, 5, 6])?;
    println!("{}", deep.tensordot(g.constant([[0.0f32; 10]; 6])?, [[3], [0]])?.shape());

    // By hand on matrices, as for spectral norm; matmul broadcasts a stack of matrices, the raw op refuses it.
    let x = g.placeholder(DType::F32, shape![?, 6])?;
    let w = g.get_variable("w", shape![6, 10])?;
    let b = g.get_variable("b", shape![10])?;
    println!("{}", (x.matmul(&w)? + &b)?.shape());
    println!("{}", images.matmul(&w)?.shape());
    println!("{}", images.mat_mul_raw(&w).unwrap_err().message());

    let init = g.group((g.global_variables_initializer()?, g.local_variables_initializer()?))?;
    let config = Config {
        log_device_placement: false,
        gpu_options: GpuOptions { allow_growth: true, per_process_gpu_memory_fraction: 0.5 },
        ..Config::default()
    };
    let sess = Session::with_config(&g, config)?;
    sess.run(&init)?;
    println!("{}", sess.run(&f)?);
    Ok(())
}
