//! A dense layer whose weights have spectral norm one: the reason to write `matmul(x, w) + b` by hand.
//!
//! The largest singular value of the weights is estimated by power iteration, one round a run, with its vector kept in
//! a variable that is not trained (Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks").

use sessile::prelude::*;

/// The weights divided by their largest singular value, and the operation that improves the estimate.
fn spectral_norm(g: &Graph, w: &Variable) -> sessile::Result<(Tensor, Operation)> {
    let rows = w.shape().dim(0).known().unwrap_or(1);
    let start = g.random_normal([1, rows])?;
    let u = g.named("u", || g.variable_with(start, VariableOptions::untrained()))?;
    let v = u.value()?.matmul(w)?.l2_normalize(1, 1e-12)?;
    let next = v.matmul_t(false, w, true)?.l2_normalize(1, 1e-12)?;
    let sigma = next.matmul(w)?.matmul_t(false, &v, true)?;
    let update = u.assign(&next)?;
    Ok(((w / &sigma.reshape([0i32; 0])?)?, update))
}

fn main() -> sessile::Result<()> {
    let g = Graph::new();
    g.set_random_seed(3);
    let x = g.placeholder(DType::F32, shape!["batch", 6])?;
    let w = g.get_variable("w", shape![6, 10])?;
    let b = g.get_variable("b", shape![10])?;
    let (w_bar, update) = spectral_norm(&g, &w)?;
    let y = (x.matmul(&w_bar)? + &b)?;
    println!("{y}");

    let sess = Session::new(&g)?;
    sess.run(g.global_variables_initializer()?)?;
    for _ in 0..100 {
        sess.run(&update)?;
    }
    // The largest singular value of the normalized weights, by 200 more rounds outside of the graph.
    let weights = sess.run(&w_bar)?.array::<f32>()?;
    let weights = weights.into_dimensionality::<sessile::ndarray::Ix2>().expect("the weights are a matrix");
    println!("spectral norm after normalization: {:.3}", largest_singular_value(&weights));
    let rows = sess.run_with(&y, feeds! { x => [[1.0f32, 0.0, 0.0, 0.0, 0.0, 0.0]; 2] });
    println!("two equal rows give equal rows: {}", equal_rows(&rows?)?);
    Ok(())
}

fn largest_singular_value(w: &sessile::ndarray::Array2<f32>) -> f32 {
    let mut v = sessile::ndarray::Array1::ones(w.ncols());
    for _ in 0..200 {
        let u = w.dot(&v);
        v = w.t().dot(&u);
        let norm = v.dot(&v).sqrt();
        v /= norm;
    }
    let u = w.dot(&v);
    u.dot(&u).sqrt()
}

fn equal_rows(rows: &Value) -> sessile::Result<bool> {
    let rows = rows.view::<f32>()?;
    Ok(rows.outer_iter().all(|row| row == rows.index_axis(sessile::ndarray::Axis(0), 0)))
}
