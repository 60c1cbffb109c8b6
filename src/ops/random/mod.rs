//! Ops that draw random numbers, with TensorFlow's streams.

mod builders;
mod draw;
mod integers;
mod multinomial;
mod seeds;
mod shuffle;
mod stateless;

pub use self::builders::{DrawShape, Normal, Uniform, UniformInt};
pub use self::draw::{Draw, RandomFloats};
pub use self::integers::RandomUniformInt;
pub use self::multinomial::Multinomial;
pub use self::seeds::Seeds;
pub use self::shuffle::RandomShuffle;
pub(in crate::ops) use self::stateless::OPS as STATELESS;
pub use self::stateless::{Drawn, Start, StatelessRandom, StatelessRandomGetKeyCounter};
use crate::graph::OpKind;

/// The rows of this family.
pub(super) static OPS: &[&OpKind] = &[
    &draw::RANDOM_UNIFORM,
    &draw::RANDOM_STANDARD_NORMAL,
    &draw::TRUNCATED_NORMAL,
    &integers::RANDOM_UNIFORM_INT,
    &multinomial::MULTINOMIAL,
    &shuffle::RANDOM_SHUFFLE,
];
