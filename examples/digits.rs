//! A classifier of hand-written digits with weights that TensorFlow trained, in batches of unknown size.
//!
//! Images: the test set of the UCI "Optical Recognition of Handwritten Digits" data (public domain). Prints the
//! accuracy, which is TensorFlow's, and the largest difference from TensorFlow's logits.

use std::fs;
use std::path::Path;

use sessile::ndarray::{ArrayD, ArrayView1, Axis, s};
use sessile::prelude::*;

fn main() -> sessile::Result<()> {
    let images = load_f32("images")?;
    let labels = load("labels")?;

    let g = Graph::new();
    let x = g.named("images", || g.placeholder(DType::F32, shape!["batch", 8, 8]))?;
    let weights = |name: &str| g.variable(g.constant(load(name)?)?);
    let h = x.tensordot(weights("w1")?, [[2], [0]])?.bias_add(weights("b1")?)?.relu()?;
    let h = (h.reshape([-1, 128])?.matmul(weights("w2")?)? + weights("b2")?)?.relu()?;
    let logits = (h.matmul(weights("w3")?)? + weights("b3")?)?;
    let digit = logits.argmax(1)?;
    println!("{}", logits.shape());

    let sess = Session::new(&g)?;
    sess.run(g.global_variables_initializer()?)?;
    let classify = sess.prepare((&logits, &digit), &[&x])?;

    let expected = load_f32("logits")?;
    let labels = labels.view::<i32>()?;
    let (mut right, mut worst) = (0, 0.0f32);
    let total = images.len_of(Axis(0));
    for start in (0..total).step_by(100) {
        let rows = start..total.min(start + 100);
        let batch = images.slice(s![rows.clone(), .., ..]).to_owned();
        let (logits, digits) = classify.run(batch)?;
        let differences = &logits.view::<f32>()? - &expected.slice(s![rows.clone(), ..]);
        worst = differences.iter().fold(worst, |worst, x| worst.max(x.abs()));
        let pairs = digits.view::<i64>()?.into_iter().zip(labels.slice(s![rows]));
        right += pairs.filter(|(digit, label)| **digit == i64::from(**label)).count();
    }
    let theirs = expected.rows().into_iter().zip(&labels).filter(|(row, label)| digit_of(row) == **label).count();
    println!("accuracy: {right} of {total}, TensorFlow's: {theirs} of {total}");
    println!("largest difference from TensorFlow's logits: {worst:.7}");
    assert!(worst < 1e-5, "the logits must be TensorFlow's to 1e-5");
    Ok(())
}

/// The first place of the largest logit.
fn digit_of(logits: &ArrayView1<f32>) -> i32 {
    (1..10).fold(0, |best, digit| if logits[digit] > logits[best] { digit } else { best }) as i32
}

fn load_f32(name: &str) -> sessile::Result<ArrayD<f32>> {
    load(name)?.array()
}

/// Reads a `.npy` file of little-endian float32 or int32 in row-major order, as the data of this example are.
fn load(name: &str) -> sessile::Result<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/digits").join(format!("{name}.npy"));
    let bytes = fs::read(&path)?;
    let damaged = || sessile::Error::invalid(format!("{} is no .npy file of this example", path.display()));
    let length = bytes.get(8..10).ok_or_else(damaged)?;
    let start = 10 + usize::from(u16::from_le_bytes([length[0], length[1]]));
    let header = std::str::from_utf8(bytes.get(10..start).ok_or_else(damaged)?).map_err(|_| damaged())?;
    let dtype = if header.contains("<f4") { DType::F32 } else { DType::I32 };
    let dims = header.split(['(', ')']).nth(1).ok_or_else(damaged)?;
    let dims = dims.split(',').map(str::trim).filter(|dim| !dim.is_empty());
    let dims = dims.map(|dim| dim.parse().map_err(|_| damaged())).collect::<sessile::Result<Vec<usize>>>()?;
    Value::from_bytes(dtype, &dims, &bytes[start..])
}
