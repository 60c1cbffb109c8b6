//! `random_uniform`, `random_normal`, `truncated_normal`: the builders, node by node as TF1 makes them.

use std::sync::Arc;

use super::draw::{Draw, RandomFloats};
use super::integers::RandomUniformInt;
use super::seeds::Seeds;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor};
use crate::ops::math::{Binary, BinaryOp};
use crate::shape::Shape;
use crate::value::IntoValue;

/// What [`Graph::random_uniform_with`] draws from.
#[derive(Debug, Clone, Copy)]
pub struct Uniform {
    /// The least number.
    pub min: f64,
    /// The bound that is not reached.
    pub max: f64,
    /// A float dtype.
    pub dtype: DType,
    /// The op's seed.
    pub seed: Option<i64>,
}

impl Default for Uniform {
    fn default() -> Uniform {
        Uniform { min: 0.0, max: 1.0, dtype: DType::F32, seed: None }
    }
}

/// What [`Graph::random_uniform_int`] draws from.
#[derive(Debug, Clone, Copy)]
pub struct UniformInt {
    /// The least number.
    pub min: i64,
    /// The bound that is not reached.
    pub max: i64,
    /// int32 or int64.
    pub dtype: DType,
    /// The op's seed.
    pub seed: Option<i64>,
}

/// What [`Graph::random_normal_with`] and [`Graph::truncated_normal_with`] draw from.
#[derive(Debug, Clone, Copy)]
pub struct Normal {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub stddev: f64,
    /// A float dtype.
    pub dtype: DType,
    /// The op's seed.
    pub seed: Option<i64>,
}

impl Default for Normal {
    fn default() -> Normal {
        Normal { mean: 0.0, stddev: 1.0, dtype: DType::F32, seed: None }
    }
}

/// The shape of random numbers: fully known dims, or an integer vector that a run computes.
#[derive(Debug, Clone)]
pub enum DrawShape {
    /// Known now.
    Known(Shape),
    /// Known in the run.
    Tensor(Tensor),
}

macro_rules! shapes {
    ($([$($g:tt)*] $t:ty),*) => { $(
        impl<$($g)*> From<$t> for DrawShape {
            fn from(shape: $t) -> DrawShape {
                DrawShape::Known(shape.into())
            }
        }
    )* };
}
shapes! { [] Shape, ['a] &'a Shape, [const N: usize] [usize; N], ['a] &'a [usize], [] Vec<usize> }

impl From<Tensor> for DrawShape {
    fn from(shape: Tensor) -> DrawShape {
        DrawShape::Tensor(shape)
    }
}

impl From<&Tensor> for DrawShape {
    fn from(shape: &Tensor) -> DrawShape {
        DrawShape::Tensor(shape.clone())
    }
}

impl DrawShape {
    /// An int32 vector, named `shape`.
    #[track_caller]
    fn tensor(&self, g: &Graph) -> Result<Tensor> {
        let shape = match self {
            DrawShape::Tensor(shape) => return Ok(shape.clone()),
            DrawShape::Known(shape) => shape,
        };
        let unknown = || Error::shape(format!("the shape of random numbers must be fully known, but is {shape}"));
        let too_large = |_| Error::invalid("a dimension of random numbers must fit int32");
        let dims = shape.known_dims().ok_or_else(unknown)?;
        let dims = dims.iter().map(|dim| i32::try_from(*dim)).collect::<Result<Vec<_>, _>>().map_err(too_large)?;
        g.named("shape", || g.constant(dims))
    }
}

impl Graph {
    /// Uniform float32 in `[0, 1)`. Each run draws new numbers; see [`Graph::set_random_seed`] for the same ones in
    /// each session.
    ///
    /// # Errors
    /// `ShapeMismatch` for a shape that is not fully known: give a tensor then.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// assert_eq!(Graph::new().random_uniform([2, 3])?.shape().to_string(), "(2, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.random_uniform")]
    #[track_caller]
    pub fn random_uniform(&self, shape: impl Into<DrawShape>) -> Result<Tensor> {
        self.random_uniform_with(shape, Uniform::default())
    }

    /// As [`Graph::random_uniform`], with limits, dtype and seed.
    ///
    /// # Errors
    /// As there; `DTypeMismatch` for a dtype that is no float.
    #[doc(alias = "tf.random_uniform")]
    #[track_caller]
    pub fn random_uniform_with(&self, shape: impl Into<DrawShape>, how: Uniform) -> Result<Tensor> {
        let shape = shape.into();
        self.composite("random_uniform", |scope| {
            let shape = shape.tensor(self)?;
            let min = self.float("min", how.min, how.dtype)?;
            let max = self.float("max", how.max, how.dtype)?;
            let drawn = self.draw(Draw::Uniform, how.dtype, how.seed, &shape)?;
            let range = self.named("sub", || self.apply_one(Binary { f: BinaryOp::Sub }, &[&max, &min]))?;
            let scaled = self.named("mul", || self.apply_one(Binary { f: BinaryOp::Mul }, &[&drawn, &range]))?;
            self.named(scope, || self.apply_one(Binary { f: BinaryOp::Add }, &[&scaled, &min]))
        })
    }

    /// Uniform integers in `[min, max)`; otherwise as [`Graph::random_uniform`].
    ///
    /// # Errors
    /// `DTypeMismatch` for another dtype than int32 and int64; a run fails unless `min < max`.
    #[doc(alias = "tf.random_uniform")]
    #[track_caller]
    pub fn random_uniform_int(&self, shape: impl Into<DrawShape>, how: UniformInt) -> Result<Tensor> {
        let shape = shape.into();
        self.composite("random_uniform", |scope| {
            let shape = shape.tensor(self)?;
            let limit = |name: &str, limit: i64| {
                let limit = limit.into_value().weak_cast(how.dtype)?;
                self.named(name, || self.constant(limit))
            };
            let (min, max) = (limit("min", how.min)?, limit("max", how.max)?);
            let seeds = Seeds::of(self, how.seed);
            self.named(scope, || self.apply_one(RandomUniformInt { seeds }, &[&shape, &min, &max]))
        })
    }

    /// Normal float32 of mean 0 and deviation 1; otherwise as [`Graph::random_uniform`].
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "tf.random_normal")]
    #[track_caller]
    pub fn random_normal(&self, shape: impl Into<DrawShape>) -> Result<Tensor> {
        self.random_normal_with(shape, Normal::default())
    }

    /// As [`Graph::random_normal`], with mean, deviation, dtype and seed.
    ///
    /// # Errors
    /// As there; `DTypeMismatch` for a dtype that is no float.
    #[doc(alias = "tf.random_normal")]
    #[track_caller]
    pub fn random_normal_with(&self, shape: impl Into<DrawShape>, how: Normal) -> Result<Tensor> {
        self.normal("random_normal", Draw::Normal, &shape.into(), how)
    }

    /// Normal float32 of which those beyond two deviations are drawn again; otherwise as [`Graph::random_uniform`].
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "tf.truncated_normal")]
    #[track_caller]
    pub fn truncated_normal(&self, shape: impl Into<DrawShape>) -> Result<Tensor> {
        self.truncated_normal_with(shape, Normal::default())
    }

    /// As [`Graph::truncated_normal`], with mean, deviation, dtype and seed.
    ///
    /// # Errors
    /// As there; `DTypeMismatch` for a dtype that is no float.
    #[doc(alias = "tf.truncated_normal")]
    #[track_caller]
    pub fn truncated_normal_with(&self, shape: impl Into<DrawShape>, how: Normal) -> Result<Tensor> {
        self.normal("truncated_normal", Draw::TruncatedNormal, &shape.into(), how)
    }

    #[track_caller]
    fn normal(&self, name: &str, draw: Draw, shape: &DrawShape, how: Normal) -> Result<Tensor> {
        self.composite(name, |scope| {
            let shape = shape.tensor(self)?;
            let mean = self.float("mean", how.mean, how.dtype)?;
            let stddev = self.float("stddev", how.stddev, how.dtype)?;
            let drawn = self.draw(draw, how.dtype, how.seed, &shape)?;
            let scaled = self.named("mul", || self.apply_one(Binary { f: BinaryOp::Mul }, &[&drawn, &stddev]))?;
            self.named(scope, || self.apply_one(Binary { f: BinaryOp::Add }, &[&scaled, &mean]))
        })
    }

    #[track_caller]
    fn float(&self, name: &str, number: f64, dtype: DType) -> Result<Tensor> {
        let number = number.into_value().weak_cast(dtype)?;
        self.named(name, || self.constant(number))
    }

    #[track_caller]
    fn draw(&self, draw: Draw, dtype: DType, seed: Option<i64>, shape: &Tensor) -> Result<Tensor> {
        let op = RandomFloats { draw, dtype, seeds: Seeds::of(self, seed) };
        let name = crate::graph::Op::kind(&op).name;
        self.apply_named(name, Arc::new(op), &[shape])?.output(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::value::Value;

    fn floats(value: &Value) -> Vec<f32> {
        value.slice::<f32>().expect("a float32 value").to_vec()
    }

    /// Numbers of TensorFlow 1.15.5.
    #[test]
    fn streams_are_those_of_tensorflow_run_after_run() -> Result<()> {
        let g = Graph::new();
        g.set_random_seed(3);
        let a = g.random_uniform([2])?;
        let _ = g.constant(1.0)?;
        let b = g.random_normal([3])?;
        let c = g.random_uniform_with([2], Uniform { seed: Some(9), ..Default::default() })?;
        let sess = Session::new(&g)?;
        let all = || Ok::<_, Error>(sess.run([&a, &b, &c])?.iter().map(floats).collect::<Vec<_>>());
        assert_eq!(
            all()?,
            [vec![0.22318637, 0.6680393], vec![1.069268, 0.10248334, 0.14592876], vec![0.8105223, 0.083_281_994]]
        );
        assert_eq!(
            all()?,
            [vec![0.9984518, 0.8695532], vec![0.080_961_406, -0.3148277, 1.4152436], vec![0.28568435, 0.22588933]]
        );
        Ok(())
    }

    /// Numbers of TensorFlow 1.15.5.
    #[test]
    fn rows_are_shuffled_as_tensorflow_does() -> Result<()> {
        let g = Graph::new();
        let x = g.constant([0i32, 1, 2, 3, 4, 5, 6])?.random_shuffle(Some(5))?;
        let sess = Session::new(&g)?;
        assert_eq!(sess.run(&x)?.slice::<i32>()?, [3, 6, 1, 2, 0, 5, 4]);
        assert_eq!(sess.run(&x)?.slice::<i32>()?, [1, 4, 6, 3, 5, 2, 0]);
        Ok(())
    }

    #[test]
    fn nodes_are_those_of_tensorflow() -> Result<()> {
        let g = Graph::new();
        let _ = g.random_uniform([2])?;
        let _ = g.named("foo", || g.truncated_normal([2]))?;
        let _ = g.random_uniform_int([2], UniformInt { min: 0, max: 5, dtype: DType::I32, seed: None })?;
        let names: Vec<_> = g.nodes().map(|node| node.name()).collect();
        assert_eq!(
            names.join(" "),
            "random_uniform/shape random_uniform/min random_uniform/max \
            random_uniform/RandomUniform random_uniform/sub random_uniform/mul random_uniform \
            foo/shape foo/mean foo/stddev foo/TruncatedNormal foo/mul foo \
            random_uniform_1/shape random_uniform_1/min random_uniform_1/max random_uniform_1"
        );
        Ok(())
    }

    #[test]
    fn without_seeds_nodes_and_sessions_draw_their_own_numbers() -> Result<()> {
        let g = Graph::new();
        let (a, b) = (g.random_uniform([4])?, g.random_uniform([4])?);
        let run = || Session::new(&g)?.run([&a, &b]);
        let (one, two) = (run()?, run()?);
        let all: Vec<_> = one.iter().chain(&two).map(floats).collect();
        assert!((0..4).all(|i| (0..i).all(|j| all[i] != all[j])), "{all:?}");
        Ok(())
    }

    #[test]
    fn limits_and_shapes_are_checked() -> Result<()> {
        let g = Graph::new();
        let how = UniformInt { min: 5, max: 5, dtype: DType::I64, seed: Some(1) };
        let error = Session::new(&g)?.run(g.random_uniform_int([2], how)?).unwrap_err();
        assert_eq!(error.message(), "need minval < maxval, got 5 >= 5");
        let size = g.placeholder(DType::I32, crate::shape![?])?;
        let x = g.random_uniform(&size)?;
        let sess = Session::new(&g)?;
        assert_eq!(sess.run_with(&x, crate::feeds! { &size => [2, 3] })?.dims(), [2, 3]);
        let error = sess.run_with(&x, crate::feeds! { &size => [2, -1] }).unwrap_err();
        assert_eq!(error.message(), "dimensions must be >= 0, but one is -1");
        assert!(g.random_uniform(crate::shape![?]).is_err());
        Ok(())
    }
}
