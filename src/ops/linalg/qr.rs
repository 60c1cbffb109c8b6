//! `Qr`: orthogonal columns times an upper triangle, by reflections.

use std::sync::Arc;

use super::field::{Field, check_field, matrix_dims, split_matrix, with_field};
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor, Workspace};
use crate::shape::{Shape, element_count};
use crate::value::{IntoValue, ScratchVec, Value};

/// `a = q r` with orthonormal columns of `q` and an upper triangle `r`: `(.., m, n) -> (.., m, p), (.., p, n)` with the
/// smaller of both sizes as `p`, or `m` where all columns of `q` are asked for. Signs are those of LAPACK and Eigen.
#[derive(Debug, Clone)]
pub struct Qr {
    /// All `m` columns of `q`.
    pub full_matrices: bool,
}

/// The row of [`Qr`].
pub static QR: OpKind = OpKind::new(
    "Qr",
    "input: T -> q: T, r: T",
    |attrs: &Attrs| Ok(Arc::new(Qr { full_matrices: attrs.bool_or("full_matrices", false)? })),
    || {
        let tall = || [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]].into_value();
        vec![
            Example::new(Qr { full_matrices: false }, [tall()]),
            Example::new(Qr { full_matrices: true }, [tall()]),
            Example::new(Qr { full_matrices: false }, [[[[1.0f64, 2.0, 3.0], [4.0, 5.0, 6.0]]].into_value()]),
            Example::new(Qr { full_matrices: true }, [no_columns()]),
        ]
    },
);

fn no_columns() -> Value {
    Value::from_vec(&[2, 0], Vec::<f32>::new()).expect("dims with a zero hold no elements")
}

impl Tensor {
    /// The decomposition of each matrix into orthonormal columns and an upper triangle: `(.., m, n) -> (.., m, p),
    /// (.., p, n)` with the smaller of `m` and `n` as `p`. float32, float64 and complex numbers.
    ///
    /// # Errors
    /// `ShapeMismatch` for ranks below 2.
    ///
    /// Source: TensorFlow's `Qr`.
    #[doc(alias = "tf.linalg.qr")]
    #[track_caller]
    pub fn qr(&self) -> Result<(Tensor, Tensor)> {
        let made = self.graph().apply(Qr { full_matrices: false }, &[self])?;
        Ok((made.output(0)?, made.output(1)?))
    }
}

impl Op for Qr {
    fn kind(&self) -> &'static OpKind {
        &QR
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_field(cx.dtype(0))?;
        let Some((batch, [m, n])) = split_matrix(cx, 0)? else {
            cx.output(cx.dtype(0), Shape::unknown());
            cx.output(cx.dtype(0), Shape::unknown());
            return Ok(());
        };
        let p = if self.full_matrices { m.clone() } else { m.min(&n) };
        cx.output(cx.dtype(0), batch.concat(&Shape::new([m, p.clone()]))?);
        cx.output(cx.dtype(0), batch.concat(&Shape::new([p, n]))?);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let x = cx.input(0);
        let [m, n] = matrix_dims(x.dims())?;
        let p = if self.full_matrices { m } else { m.min(n) };
        let batch = &x.dims()[..x.rank() - 2];
        let mut q = cx.alloc(x.dtype(), &[batch, &[m, p]].concat())?;
        let mut r = cx.alloc(x.dtype(), &[batch, &[p, n]].concat())?;
        let is_nothing = q.is_empty() && r.is_empty();
        with_field!(x.dtype(), T => {
            let (x, q, r) = (x.slice::<T>()?, q.make_mut::<T>()?, r.make_mut::<T>()?);
            for i in 0..if is_nothing { 0 } else { element_count(batch)? } {
                let a = &x[i * m * n..(i + 1) * m * n];
                let made = (&mut q[i * m * p..(i + 1) * m * p], &mut r[i * p * n..(i + 1) * p * n]);
                decompose(cx.workspace(), a, [m, n, p], made)?;
                cx.check()?;
            }
        });
        cx.output(0, q);
        cx.output(1, r);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("full_matrices", AttrValue::Bool(self.full_matrices))]
    }
}

/// The reflection `1 - tau v v^H` that brings a column to its first element.
struct Reflection<T> {
    /// The row that `v` starts at.
    from: usize,
    v: ScratchVec<T>,
    tau: T,
}

impl<T: Field> Reflection<T> {
    /// That of column `k` of a matrix with `n` columns, below and including the diagonal; `None` if it is there already.
    fn of(work: Workspace<'_>, a: &[T], n: usize, k: usize) -> Result<Option<(Reflection<T>, T)>> {
        let mut v = work.collect(a.iter().skip(k * n + k).step_by(n).copied())?;
        let Some(&first) = v.first() else { return Ok(None) };
        let tail: f64 = v[1..].iter().map(|x| x.norm_sqr()).sum();
        if tail <= f64::MIN_POSITIVE && first.im() == 0.0 {
            return Ok(None);
        }
        let norm = (first.norm_sqr() + tail).sqrt();
        let beta = T::of(if first.re() >= 0.0 { -norm } else { norm });
        let apart = first.minus(beta);
        v[1..].iter_mut().for_each(|x| *x = x.over(apart));
        v[0] = T::ONE;
        Ok(Some((Reflection { from: k, v, tau: beta.minus(first).over(beta).conj() }, beta)))
    }

    /// Applies it with this factor to columns `columns..` of a matrix with `n` columns.
    fn apply(&self, work: Workspace<'_>, tau: T, a: &mut [T], n: usize, columns: usize) -> Result<()> {
        let (mut products, mut pace) = (work.scratch_of(n - columns, T::ZERO)?, work.pace());
        let start = (self.from * n + columns).min(a.len());
        for (v, row) in self.v.iter().zip(a[start..].chunks(n)) {
            pace.spend(products.len())?;
            products.iter_mut().zip(row).for_each(|(sum, x)| *sum = sum.plus(v.conj().times(*x)));
        }
        for (v, row) in self.v.iter().zip(a[start..].chunks_mut(n)) {
            pace.spend(products.len())?;
            let factor = v.times(tau);
            row.iter_mut().zip(&*products).for_each(|(x, sum)| *x = x.minus_product(factor, *sum));
        }
        Ok(())
    }
}

fn decompose<T: Field>(
    work: Workspace<'_>,
    a: &[T],
    [m, n, p]: [usize; 3],
    (q, r): (&mut [T], &mut [T]),
) -> Result<()> {
    let (mut copy, mut reflections) = (work.list(a.len())?, work.list(m.min(n))?);
    copy.extend_from_slice(a)?;
    for k in 0..m.min(n) {
        let Some((reflection, beta)) = Reflection::of(work, &copy, n, k)? else { continue };
        reflection.apply(work, reflection.tau, &mut copy, n, k + 1)?;
        for (i, x) in copy.iter_mut().skip(k * n + k).step_by(n).enumerate() {
            *x = if i == 0 { beta } else { T::ZERO };
        }
        reflections.push(reflection)?;
    }
    r.copy_from_slice(&copy[..p * n]);
    q.fill(T::ZERO);
    (0..p.min(m)).for_each(|i| q[i * p + i] = T::ONE);
    reflections.iter().rev().try_for_each(|reflection| reflection.apply(work, reflection.tau.conj(), q, p, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_ok, run_op};
    use num_complex::Complex;

    #[test]
    fn the_smaller_size_is_kept() {
        infer_ok(&Qr { full_matrices: false }, "(?,4,3)", "(?,4,3);(?,3,3)");
        infer_ok(&Qr { full_matrices: true }, "(4,3)", "(4,4);(4,3)");
        infer_ok(&Qr { full_matrices: false }, "(?,3)", "(?,?);(?,3)");
        infer_ok(&Qr { full_matrices: false }, "<unknown>", "<unknown>;<unknown>");
    }

    #[track_caller]
    fn check(x: Value, want: [&[f64]; 2]) {
        let got = run_op(Qr { full_matrices: false }, &[x]).unwrap();
        for (got, want) in got.iter().zip(want) {
            let got = got.slice::<f64>().unwrap();
            assert!(got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
        }
    }

    /// As TensorFlow 1.15.5 answers: what is a triangle already keeps its signs.
    #[test]
    fn signs_are_those_of_tensorflow() {
        check([[1.0f64, 2.0], [0.0, 3.0]].into_value(), [&[1.0, 0.0, 0.0, 1.0], &[1.0, 2.0, 0.0, 3.0]]);
        check([[0.0f64, 0.0], [0.0, 0.0]].into_value(), [&[1.0, 0.0, 0.0, 1.0], &[0.0; 4]]);
        check([[3.0f64, 1.0], [4.0, 2.0]].into_value(), [&[-0.6, -0.8, -0.8, 0.6], &[-5.0, -2.2, 0.0, 0.4]]);
        check([[3.0f64], [4.0]].into_value(), [&[-0.6, -0.8], &[-5.0]]);
    }

    /// The product is the matrix, the columns are orthonormal, and the diagonal of a complex triangle is real.
    #[test]
    fn factors_give_the_matrix_back() {
        let x: Vec<Complex<f64>> =
            (0..12).map(|i| Complex::new((i * 7 % 5) as f64 - 2.0, (i * 3 % 4) as f64)).collect();
        let got = run_op(Qr { full_matrices: true }, &[Value::from_vec(&[4, 3], x.clone()).unwrap()]).unwrap();
        let (q, r) = (got[0].slice::<Complex<f64>>().unwrap(), got[1].slice::<Complex<f64>>().unwrap());
        let near = |a: Complex<f64>, b: Complex<f64>| (a - b).norm() < 1e-12;
        for i in 0..4 {
            for j in 0..3 {
                assert!(near((0..4).map(|k| q[i * 4 + k] * r[k * 3 + j]).sum(), x[i * 3 + j]));
            }
            for j in 0..4 {
                let dot: Complex<f64> = (0..4).map(|k| q[k * 4 + i].conj() * q[k * 4 + j]).sum();
                assert!(near(dot, Complex::new(f64::from(u8::from(i == j)), 0.0)));
            }
        }
        assert!((0..3).all(|i| r[i * 3 + i].im == 0.0));
    }
}
