//! Initializers: what variables start from.
//!
//! Each is an [`Initializer`]; those that draw take a seed, without which the graph's seed and the place in the graph
//! decide, as in TF1.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor};
use crate::kernel::Number;
use crate::ops::array::Fill;
use crate::ops::math::operators::times;
use crate::ops::random::{Normal, Uniform};
pub use crate::ops::state::Initializer;
use crate::shape::{Dims, Shape};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// All elements 0, false or the empty string.
#[derive(Debug, Clone, Copy)]
pub struct Zeros;

/// All elements 1, or true.
#[derive(Debug, Clone, Copy)]
pub struct Ones;

/// The same number everywhere, or the elements of an array in row-major order.
#[derive(Debug, Clone)]
pub struct Constant {
    value: Value,
}

impl Constant {
    /// A number, or an array with as many elements as the variables have.
    #[doc(alias = "tf.initializers.constant")]
    pub fn new(value: impl IntoValue) -> Constant {
        Constant { value: value.into_value() }
    }
}

/// Uniform numbers in `[min, max)`.
#[derive(Debug, Clone, Copy)]
pub struct RandomUniform {
    /// The least number.
    pub min: f64,
    /// The bound that is not reached.
    pub max: f64,
    /// The op's seed.
    pub seed: Option<i64>,
}

/// Normal numbers.
#[derive(Debug, Clone, Copy)]
pub struct RandomNormal {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub stddev: f64,
    /// Whether numbers beyond two deviations are drawn again.
    pub is_truncated: bool,
    /// The op's seed.
    pub seed: Option<i64>,
}

/// What the variance is scaled by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fan {
    /// The number of inputs of a unit.
    In,
    /// The number of outputs of a unit.
    Out,
    /// The mean of both.
    Avg,
}

/// The shape of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// Between two limits.
    Uniform,
    /// Normal, cut at two deviations.
    TruncatedNormal,
    /// Normal.
    Normal,
}

/// Numbers whose variance is `scale` divided by a number of inputs or outputs, so that layers neither blow up nor
/// quench what goes through them.
#[derive(Debug, Clone, Copy)]
pub struct VarianceScaling {
    /// The factor.
    pub scale: f64,
    /// What divides it.
    pub fan: Fan,
    /// How numbers are drawn.
    pub distribution: Distribution,
    /// The op's seed.
    pub seed: Option<i64>,
}

/// A matrix with `gain` on its diagonal, and zeros elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// The number on the diagonal.
    pub gain: f64,
}

/// The standard deviation of a normal distribution that is cut at two deviations.
const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

/// Variance scaling by name.
impl VarianceScaling {
    const fn new(scale: f64, fan: Fan, distribution: Distribution) -> VarianceScaling {
        VarianceScaling { scale, fan, distribution, seed: None }
    }

    /// The same with a seed.
    pub const fn seed(self, seed: i64) -> VarianceScaling {
        VarianceScaling { seed: Some(seed), ..self }
    }
}

macro_rules! scalings {
    ($($name:ident $alias:literal $scale:literal $fan:ident $distribution:ident $source:literal;)*) => { $(
        #[doc = concat!("Variance ", stringify!($scale), " / fan ", stringify!($fan), ", ", stringify!($distribution), ". Source: ", $source, ".")]
        #[doc(alias = $alias)]
        pub const fn $name() -> VarianceScaling {
            VarianceScaling::new($scale, Fan::$fan, Distribution::$distribution)
        }
    )* };
}
scalings! {
    variance_scaling "tf.initializers.variance_scaling" 1.0 In TruncatedNormal "TensorFlow's default";
    glorot_uniform "tf.initializers.glorot_uniform" 1.0 Avg Uniform "Glorot and Bengio (2010)";
    glorot_normal "tf.initializers.glorot_normal" 1.0 Avg TruncatedNormal "Glorot and Bengio (2010)";
    he_uniform "tf.initializers.he_uniform" 2.0 In Uniform "He et al. (2015)";
    he_normal "tf.initializers.he_normal" 2.0 In TruncatedNormal "He et al. (2015)";
    lecun_uniform "tf.initializers.lecun_uniform" 1.0 In Uniform "LeCun et al. (1998)";
    lecun_normal "tf.initializers.lecun_normal" 1.0 In TruncatedNormal "LeCun et al. (1998)";
}

/// Zeros.
#[doc(alias = "tf.initializers.zeros")]
pub const fn zeros() -> Zeros {
    Zeros
}

/// Ones.
#[doc(alias = "tf.initializers.ones")]
pub const fn ones() -> Ones {
    Ones
}

/// A number everywhere, or the elements of an array.
#[doc(alias = "tf.initializers.constant")]
pub fn constant(value: impl IntoValue) -> Constant {
    Constant::new(value)
}

/// Uniform numbers in `[min, max)`.
#[doc(alias = "tf.initializers.random_uniform")]
pub const fn random_uniform(min: f64, max: f64) -> RandomUniform {
    RandomUniform { min, max, seed: None }
}

/// Normal numbers.
#[doc(alias = "tf.initializers.random_normal")]
pub const fn random_normal(mean: f64, stddev: f64) -> RandomNormal {
    RandomNormal { mean, stddev, is_truncated: false, seed: None }
}

/// Normal numbers; those beyond two deviations are drawn again.
#[doc(alias = "tf.initializers.truncated_normal")]
pub const fn truncated_normal(mean: f64, stddev: f64) -> RandomNormal {
    RandomNormal { mean, stddev, is_truncated: true, seed: None }
}

/// A matrix with `gain` on its diagonal.
#[doc(alias = "tf.initializers.identity")]
pub const fn identity(gain: f64) -> Identity {
    Identity { gain }
}

/// What a variable starts from that does not say: `glorot_uniform` for floats, zeros for other dtypes.
pub(crate) fn default_for(dtype: DType) -> Arc<dyn Initializer> {
    if dtype.is_floating() { Arc::new(glorot_uniform()) } else { Arc::new(Zeros) }
}

impl Initializer for Zeros {
    #[track_caller]
    fn build(&self, g: &Graph, shape: &Shape, dtype: DType) -> Result<Tensor> {
        fill(g, "zeros", &dims_of(shape)?, Value::zeros(dtype, &[])?)
    }
}

impl Initializer for Ones {
    #[track_caller]
    fn build(&self, g: &Graph, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let one = match dtype {
            DType::Bool => Value::scalar_of(true),
            dtype => with_type!(dtype, T in numbers => Value::scalar_of(T::ONE), else => {
                return Err(Error::unsupported(format!("there is no one of {dtype}")));
            }),
        };
        fill(g, "ones", &dims_of(shape)?, one)
    }
}

/// Elements from which on TF1 makes a `Fill` of one number and not a constant of all of them.
const MAX_CONSTANT: usize = 1000;

/// One number everywhere: a constant, or for many elements a `Fill`.
#[track_caller]
fn fill(g: &Graph, name: &str, dims: &[usize], number: Value) -> Result<Tensor> {
    let n = crate::shape::element_count(dims)?;
    if n < MAX_CONSTANT || number.dtype() == DType::String {
        return g.named(name, || g.constant(splat(dims, &number)?));
    }
    g.named(name, || {
        g.composite(name, |scope| {
            let sizes: Vec<i32> = dims.iter().map(|dim| *dim as i32).collect();
            let sizes = g.named("shape_as_tensor", || g.constant(sizes))?;
            let number = g.named("Const", || g.constant(number))?;
            g.named(scope, || g.apply_one(Fill, &[&sizes, &number]))
        })
    })
}

/// A scalar repeated.
fn splat(dims: &[usize], number: &Value) -> Result<Value> {
    with_type!(number.dtype(), T in plain => Value::full::<T>(dims, number.slice::<T>()?[0]), else => {
        // Bounded by the constant that is asked for, and fallible.
        Value::zeros(number.dtype(), dims)
    })
}

impl Initializer for Constant {
    #[track_caller]
    fn build(&self, g: &Graph, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let dims = dims_of(shape)?;
        let value = if self.value.is_weak() { self.value.weak_cast(dtype)? } else { self.value.clone() };
        if value.dtype() != dtype {
            let text = format!("the initializer is {}, but the variable is {dtype}", value.dtype());
            return Err(Error::dtype(text));
        }
        if value.len() == 1 && dtype != DType::String {
            return g.constant(splat(&dims, &value)?);
        }
        g.constant(value.reshaped(&dims)?)
    }
}

impl Initializer for RandomUniform {
    #[track_caller]
    fn build(&self, g: &Graph, shape: &Shape, dtype: DType) -> Result<Tensor> {
        g.random_uniform_with(shape, Uniform { min: self.min, max: self.max, dtype, seed: self.seed })
    }
}

impl Initializer for RandomNormal {
    #[track_caller]
    fn build(&self, g: &Graph, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let normal = Normal { mean: self.mean, stddev: self.stddev, dtype, seed: self.seed };
        if self.is_truncated { g.truncated_normal_with(shape, normal) } else { g.random_normal_with(shape, normal) }
    }
}

impl Initializer for VarianceScaling {
    #[track_caller]
    fn build(&self, g: &Graph, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let (fan_in, fan_out) = fans(&dims_of(shape)?);
        let n = match self.fan {
            Fan::In => fan_in,
            Fan::Out => fan_out,
            Fan::Avg => (fan_in + fan_out) / 2.0,
        };
        let (variance, seed) = (self.scale / n.max(1.0), self.seed);
        match self.distribution {
            Distribution::Uniform => {
                let limit = (3.0 * variance).sqrt();
                RandomUniform { min: -limit, max: limit, seed }.build(g, shape, dtype)
            }
            Distribution::TruncatedNormal => {
                let stddev = variance.sqrt() / TRUNCATED_STDDEV;
                RandomNormal { mean: 0.0, stddev, is_truncated: true, seed }.build(g, shape, dtype)
            }
            Distribution::Normal => {
                RandomNormal { mean: 0.0, stddev: variance.sqrt(), is_truncated: false, seed }.build(g, shape, dtype)
            }
        }
    }
}

/// Inputs and outputs of a unit whose weights have these dims; leading axes are a receptive field.
fn fans(dims: &[usize]) -> (f64, f64) {
    match dims {
        [] => (1.0, 1.0),
        [n] => (*n as f64, *n as f64),
        [field @ .., fan_in, fan_out] => {
            let field: f64 = field.iter().map(|dim| *dim as f64).product();
            (*fan_in as f64 * field, *fan_out as f64 * field)
        }
    }
}

impl Initializer for Identity {
    #[track_caller]
    fn build(&self, g: &Graph, shape: &Shape, dtype: DType) -> Result<Tensor> {
        let dims = dims_of(shape)?;
        let [rows, columns] = *dims else {
            return Err(Error::shape(format!("an identity matrix must have rank 2, but has shape {shape}")));
        };
        if !dtype.is_floating() {
            return Err(Error::unsupported(format!("an identity matrix of {dtype} cannot be made")));
        }
        times(&self.gain, &g.eye(dtype, rows, columns)?)
    }
}

fn dims_of(shape: &Shape) -> Result<Dims> {
    let unknown = || Error::shape(format!("an initializer needs a fully known shape, but it is {shape}"));
    shape.known_dims().ok_or_else(unknown)
}
