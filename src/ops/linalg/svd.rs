//! `Svd`: orthonormal columns, singular values and orthonormal columns again.

use std::sync::Arc;

use super::field::{Field, check_field, matrix_dims, split_matrix, with_field};
use super::jacobi::{Columns, Decomposed, decompose};
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Shape, element_count};
use crate::value::{IntoValue, Value};

/// `a = u s v^H` with orthonormal columns of `u` and `v` and `s` from large to small: `(.., m, n) -> (.., p),
/// (.., m, p), (.., n, p)` with the smaller of both sizes as `p`. The signs of the columns are free, and not always
/// TensorFlow's.
///
/// Source: TensorFlow's `Svd`; one-sided Jacobi rotations as in Demmel and Veselić, "Jacobi's method is more accurate
/// than QR" (1992).
#[derive(Debug, Clone)]
pub struct Svd {
    /// Whether to make `u` and `v`; they are empty else.
    pub compute_uv: bool,
    /// All `m` columns of `u` and all `n` of `v`.
    pub full_matrices: bool,
}

/// The row of [`Svd`].
pub static SVD: OpKind = OpKind::new("Svd", "input: T -> s: T, u: T, v: T", parse, examples);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let (compute_uv, full_matrices) = (attrs.bool_or("compute_uv", true)?, attrs.bool_or("full_matrices", false)?);
    Ok(Arc::new(Svd { compute_uv, full_matrices }))
}

fn examples() -> Vec<Example> {
    let tall = || [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]].into_value();
    let of = |compute_uv, full_matrices| Svd { compute_uv, full_matrices };
    let no_rows = Value::from_vec(&[0, 2], Vec::<f64>::new()).expect("dims with a zero hold no elements");
    vec![
        Example::new(of(true, false), [tall()]),
        Example::new(of(true, true), [[[[1.0f64, 2.0, 3.0], [4.0, 5.0, 6.0]]].into_value()]),
        Example::new(of(false, false), [tall()]),
        Example::new(of(true, true), [no_rows]),
    ]
}

impl Tensor {
    /// The singular value decomposition of each matrix: `(.., m, n) -> (.., p), (.., m, p), (.., n, p)` are the singular
    /// values, from large to small, and columns `u` and `v` with `a = u s v^H`; `p` is the smaller of `m` and `n`.
    /// float32, float64 and complex numbers, whose singular values are real.
    ///
    /// # Errors
    /// `ShapeMismatch` for ranks below 2.
    ///
    /// Source: TensorFlow's `Svd`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let (s, u, v) = g.placeholder(DType::F32, shape![?, 4, 3])?.svd()?;
    /// let shapes = [s, u, v].map(|tensor| tensor.shape().to_string());
    /// assert_eq!(shapes, ["(?, 3)", "(?, 4, 3)", "(?, 3, 3)"]);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.linalg.svd")]
    #[doc(alias = "tf.svd")]
    #[track_caller]
    pub fn svd(&self) -> Result<(Tensor, Tensor, Tensor)> {
        let made = self.graph().apply(Svd { compute_uv: true, full_matrices: false }, &[self])?;
        Ok((made.output(0)?.real()?, made.output(1)?, made.output(2)?))
    }

    /// The singular values of each matrix, from large to small: `(.., m, n) -> (.., p)`; otherwise as [`Tensor::svd`].
    #[doc(alias = "tf.linalg.svd")]
    #[track_caller]
    pub fn singular_values(&self) -> Result<Tensor> {
        self.graph().apply(Svd { compute_uv: false, full_matrices: false }, &[self])?.output(0)?.real()
    }
}

impl Op for Svd {
    fn kind(&self) -> &'static OpKind {
        &SVD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(0);
        check_field(dtype)?;
        let (s, u, v) = match split_matrix(cx, 0)? {
            None => (Shape::unknown(), Shape::unknown(), Shape::unknown()),
            Some((batch, [m, n])) => {
                let p = m.min(&n);
                let columns = |all: &Dim| if self.full_matrices { all.clone() } else { p.clone() };
                let (mu, nv) = (columns(&m), columns(&n));
                let of = |dims: Vec<Dim>| batch.concat(&Shape::new(dims));
                (of(vec![p])?, of(vec![m, mu])?, of(vec![n, nv])?)
            }
        };
        let made = |shape: Shape| if self.compute_uv { shape } else { Shape::from([0]) };
        cx.output(dtype, s);
        cx.output(dtype, made(u));
        cx.output(dtype, made(v));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dtype = cx.input(0).dtype();
        with_field!(dtype, T => self.decompose::<T>(cx))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("compute_uv", AttrValue::Bool(self.compute_uv)), ("full_matrices", AttrValue::Bool(self.full_matrices))]
    }
}

impl Svd {
    fn decompose<T: Field>(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.input(0);
        let [m, n] = matrix_dims(x.dims())?;
        let (batch, p) = (&x.dims()[..x.rank() - 2], m.min(n));
        let [mu, nv] = if self.full_matrices { [m, n] } else { [p, p] };
        let mut s = cx.alloc(T::DTYPE, &[batch, &[p]].concat())?;
        let columns = |dims: [usize; 2]| match self.compute_uv {
            true => cx.alloc(T::DTYPE, &[batch, &dims].concat()),
            false => cx.alloc(T::DTYPE, &[0]),
        };
        let (mut u, mut v) = (columns([m, mu])?, columns([n, nv])?);
        let (values, left, right) = (s.make_mut::<T>()?, u.make_mut::<T>()?, v.make_mut::<T>()?);
        let is_nothing = values.is_empty() && left.is_empty() && right.is_empty();
        for i in 0..if is_nothing { 0 } else { element_count(batch)? } {
            cx.check()?;
            let a = &x.slice::<T>()?[i * m * n..(i + 1) * m * n];
            let wanted = if self.compute_uv { [mu, nv] } else { [0, 0] };
            let Decomposed { s, u, v } = decompose(cx.workspace(), a, [m, n], wanted)?;
            values[i * p..(i + 1) * p].iter_mut().zip(&*s).for_each(|(out, s)| *out = T::of(*s));
            write_columns(&u, m, left.get_mut(i * m * mu..(i + 1) * m * mu).unwrap_or_default());
            write_columns(&v, n, right.get_mut(i * n * nv..(i + 1) * n * nv).unwrap_or_default());
        }
        cx.output(0, s);
        cx.output(1, u);
        cx.output(2, v);
        Ok(())
    }
}

/// Writes columns of `m` rows into a matrix of as many columns.
fn write_columns<T: Field>(columns: &Columns<T::Wide>, m: usize, out: &mut [T]) {
    for j in 0..columns.len() {
        for (i, x) in columns.get(j).iter().enumerate().take(m) {
            out[i * columns.len() + j] = T::of_parts(x.re(), x.im());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};
    use num_complex::Complex;

    const FULL: Svd = Svd { compute_uv: true, full_matrices: true };
    const THIN: Svd = Svd { compute_uv: true, full_matrices: false };

    #[test]
    fn the_smaller_size_is_kept() {
        infer_ok(&THIN, "(?,4,3)", "(?,3);(?,4,3);(?,3,3)");
        infer_ok(&FULL, "(3,4)", "(3);(3,3);(4,4)");
        infer_ok(&Svd { compute_uv: false, full_matrices: false }, "(2,3,4)", "(2,3);(0);(0)");
        infer_ok(&THIN, "<unknown>", "<unknown>;<unknown>;<unknown>");
    }

    /// `u s v^H` is the matrix, and all columns are orthonormal.
    #[track_caller]
    fn check<T: Field>(a: &[T], [m, n]: [usize; 2], tolerance: f64) -> Vec<f64> {
        let scale = a.iter().map(|x| Field::abs(*x)).fold(f64::MIN_POSITIVE, f64::max);
        for op in [FULL, THIN] {
            let got = run_op(op, &[Value::from_slice(&[m, n], a).unwrap()]).unwrap();
            let [s, u, v] = [0, 1, 2].map(|i| got[i].slice::<T>().unwrap());
            let [mu, nv] = [1, 2].map(|i| got[i].dims()[1]);
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let sum = (0..m.min(n))
                    .map(|k| u[i * mu + k].times(s[k]).times(v[j * nv + k].conj()))
                    .fold(T::ZERO, |a, b| a.plus(b));
                let off = Field::abs(sum.minus(a[i * n + j]));
                assert!(off <= tolerance * scale, "({i}, {j}) is off by {off}");
            }
            for (columns, rows, all) in [(u, m, mu), (v, n, nv)] {
                for (i, j) in (0..all).flat_map(|i| (0..all).map(move |j| (i, j))) {
                    let dot = (0..rows)
                        .map(|k| columns[k * all + i].conj().times(columns[k * all + j]))
                        .fold(T::ZERO, |a, b| a.plus(b));
                    let want = if i == j { T::ONE } else { T::ZERO };
                    assert!(Field::abs(dot.minus(want)) <= tolerance, "columns {i} and {j}");
                }
            }
        }
        let values = run_op(Svd { compute_uv: false, full_matrices: false }, &[Value::from_slice(&[m, n], a).unwrap()]);
        values.unwrap()[0].slice::<T>().unwrap().iter().map(|s| s.re()).collect()
    }

    fn noise(i: usize) -> f64 {
        (i * 7919 % 104_729) as f64 / 52_364.5 - 1.0
    }

    #[test]
    fn factors_give_the_matrix_back() {
        for dims in [[1, 1], [2, 2], [5, 3], [3, 5], [1, 4], [9, 9], [20, 7]] {
            let n = dims[0] * dims[1];
            check(&(0..n).map(noise).collect::<Vec<f64>>(), dims, 1e-13);
            check(&(0..n).map(|i| noise(i) as f32).collect::<Vec<_>>(), dims, 1e-5);
            check(&(0..n).map(|i| Complex::new(noise(i), noise(i + 999))).collect::<Vec<_>>(), dims, 1e-13);
        }
    }

    #[test]
    fn matrices_without_full_rank_have_orthonormal_columns_too() {
        assert_eq!(check(&[0.0f64; 12], [4, 3], 1e-13), [0.0; 3]);
        let ones = check(&[1.0f64; 12], [4, 3], 1e-13);
        assert!((ones[0] - 12f64.sqrt()).abs() < 1e-14 && ones[1] < 1e-14, "{ones:?}");
        check(&(0..36).map(|i| (i / 6 * (i % 6)) as f64).collect::<Vec<_>>(), [6, 6], 1e-13);
    }

    /// The square of the largest number is no float any more.
    #[test]
    fn extremes_stay_in_range() {
        check(&[3e300f64, 0.0, 4e300, 5e-300], [2, 2], 1e-13);
        check(&[1e-300f64, 2e-300, 3e-300, 4e-300], [2, 2], 1e-13);
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn singular_values_are_those_of_tensorflow() {
        let got = check(&[1.0f64, 2.0, 3.0, 4.0], [2, 2], 1e-14);
        assert!((got[0] - 5.464985704219043).abs() < 1e-14 && (got[1] - 0.365966190626258).abs() < 1e-14, "{got:?}");
        let got = run_op(THIN, &[[[1.0f32, f32::NAN], [3.0, 4.0]].into_value()]).unwrap();
        assert!(got.iter().all(|value| value.slice::<f32>().unwrap().iter().all(|x| x.is_nan())));
    }

    #[test]
    fn vast_batches_of_nothing_end_at_once() {
        for dims in [[1 << 40, 0, 0], [1 << 40, 0, 3], [1 << 40, 3, 0]] {
            let none = || Value::zeros(crate::DType::F32, &dims).unwrap();
            let got = run_op(Svd { compute_uv: true, full_matrices: false }, &[none()]).unwrap();
            assert!(got.iter().all(Value::is_empty));
            let got = run_op(super::super::Qr { full_matrices: false }, &[none()]).unwrap();
            assert!(got.iter().all(Value::is_empty));
        }
    }
}
