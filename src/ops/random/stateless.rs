//! `StatelessRandomUniform` and its kin: random numbers that are functions of a seed, and `StatelessRandomGetKeyCounter`.

use std::sync::Arc;

use super::draw::{Draw, drawn_dims, fill, infer_shape};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, to_ints};
use crate::kernel::philox::{PhiloxKey, Stream, block};
use crate::ops::parts::fill_parts;
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// Floats of a distribution.
    Floats(Draw),
    /// Integers in `[minval, maxval)`, which are the last two inputs.
    Ints,
    /// Integers of all values of the dtype.
    AllInts,
}

/// How the stream is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Two integers, from which key and counter are made.
    Seed,
    /// Key, counter and algorithm: Philox, 1, or the one of the device, 3, which is Philox too.
    KeyCounter,
}

/// Random numbers of the shape that the first input holds, as a function of the other inputs alone.
#[derive(Debug, Clone)]
pub struct StatelessRandom {
    /// What is drawn.
    pub drawn: Drawn,
    /// How the stream is given.
    pub start: Start,
    /// The dtype of the numbers.
    pub dtype: DType,
}

/// Key and counter of the stream that a seed stands for: `(2) -> (1), (2)`.
#[derive(Debug, Clone)]
pub struct StatelessRandomGetKeyCounter;

macro_rules! rows {
    ($($row:ident $name:literal $signature:literal $drawn:expr, $start:ident;)*) => {
        $(
            #[doc = concat!("The row of `", $name, "`.")]
            pub static $row: OpKind = OpKind::new(
                $name,
                $signature,
                |attrs| parse(attrs, $drawn, Start::$start),
                || examples($drawn, Start::$start),
            )
            .not_differentiable("random numbers are not functions of their shape");
        )*

        /// The rows of this file.
        pub(in crate::ops) static OPS: &[&OpKind] = &[$(&$row,)* &STATELESS_RANDOM_GET_KEY_COUNTER];

        fn kind_of(op: &StatelessRandom) -> &'static OpKind {
            let is = |drawn, start| op.drawn == drawn && op.start == start;
            $( if is($drawn, Start::$start) { return &$row; } )*
            &STATELESS_RANDOM_UNIFORM
        }
    };
}
rows! {
    STATELESS_RANDOM_UNIFORM "StatelessRandomUniform" "shape: T, seed: Tseed -> output: dtype"
        Drawn::Floats(Draw::Uniform), Seed;
    STATELESS_RANDOM_NORMAL "StatelessRandomNormal" "shape: T, seed: Tseed -> output: dtype"
        Drawn::Floats(Draw::Normal), Seed;
    STATELESS_TRUNCATED_NORMAL "StatelessTruncatedNormal" "shape: T, seed: Tseed -> output: dtype"
        Drawn::Floats(Draw::TruncatedNormal), Seed;
    STATELESS_RANDOM_UNIFORM_INT "StatelessRandomUniformInt"
        "shape: T, seed: Tseed, minval: dtype, maxval: dtype -> output: dtype" Drawn::Ints, Seed;
    STATELESS_RANDOM_UNIFORM_FULL_INT "StatelessRandomUniformFullInt" "shape: T, seed: Tseed -> output: dtype"
        Drawn::AllInts, Seed;
    STATELESS_RANDOM_UNIFORM_V2 "StatelessRandomUniformV2"
        "shape: Tshape, key: uint64, counter: uint64, alg: int32 -> output: dtype"
        Drawn::Floats(Draw::Uniform), KeyCounter;
    STATELESS_RANDOM_NORMAL_V2 "StatelessRandomNormalV2"
        "shape: Tshape, key: uint64, counter: uint64, alg: int32 -> output: dtype"
        Drawn::Floats(Draw::Normal), KeyCounter;
    STATELESS_TRUNCATED_NORMAL_V2 "StatelessTruncatedNormalV2"
        "shape: Tshape, key: uint64, counter: uint64, alg: int32 -> output: dtype"
        Drawn::Floats(Draw::TruncatedNormal), KeyCounter;
    STATELESS_RANDOM_UNIFORM_INT_V2 "StatelessRandomUniformIntV2"
        "shape: Tshape, key: uint64, counter: uint64, alg: int32, minval: dtype, maxval: dtype -> output: dtype"
        Drawn::Ints, KeyCounter;
    STATELESS_RANDOM_UNIFORM_FULL_INT_V2 "StatelessRandomUniformFullIntV2"
        "shape: Tshape, key: uint64, counter: uint64, alg: int32 -> output: dtype" Drawn::AllInts, KeyCounter;
}

/// The row of [`StatelessRandomGetKeyCounter`].
pub static STATELESS_RANDOM_GET_KEY_COUNTER: OpKind = OpKind::new(
    "StatelessRandomGetKeyCounter",
    "seed: Tseed -> key: uint64, counter: uint64",
    |_: &Attrs| Ok(Arc::new(StatelessRandomGetKeyCounter) as Arc<dyn Op>),
    || {
        let example = |seed: Value| Example::new(StatelessRandomGetKeyCounter, [seed]);
        vec![example([1i32, 2].into_value()), example([-1i64, 7].into_value())]
    },
)
.not_differentiable("a seed has no neighbours");

fn parse(attrs: &Attrs, drawn: Drawn, start: Start) -> Result<Arc<dyn Op>> {
    let dtype = match drawn {
        Drawn::Floats(_) => attrs.dtype_or("dtype", DType::F32)?,
        Drawn::Ints => attrs.dtype("dtype")?,
        Drawn::AllInts => attrs.dtype_or("dtype", DType::U64)?,
    };
    Ok(Arc::new(StatelessRandom { drawn, start, dtype }))
}

fn examples(drawn: Drawn, start: Start) -> Vec<Example> {
    let example = |dtype, shape: Value, limits: [Value; 2]| {
        let mut inputs = vec![shape];
        match start {
            Start::Seed => inputs.push([1i32, 2].into_value()),
            Start::KeyCounter => {
                inputs.extend([[7u64].into_value(), [1u64, 2].into_value(), 1i32.into_value()]);
            }
        }
        inputs.extend(limits.into_iter().filter(|_| drawn == Drawn::Ints));
        Example::new(StatelessRandom { drawn, start, dtype }, inputs)
    };
    let (small, large) = match drawn {
        Drawn::Floats(_) => (DType::F32, DType::F64),
        _ => (DType::I32, DType::I64),
    };
    vec![
        example(small, [2i32, 3].into_value(), [0i32.into_value(), 9i32.into_value()]),
        example(large, [0i64, 3].into_value(), [(-5i64).into_value(), 5i64.into_value()]),
    ]
}

impl Op for StatelessRandom {
    fn kind(&self) -> &'static OpKind {
        kind_of(self)
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        self.check_dtype()?;
        let n_given = match self.start {
            Start::Seed => {
                check_seed(cx)?;
                2
            }
            Start::KeyCounter => {
                cx.shape(1).with_rank(1)?.with_dim(0, &Dim::from(1))?;
                cx.shape(2).with_rank(1)?;
                cx.shape(3).with_rank(0)?;
                4
            }
        };
        (n_given..cx.n_inputs()).try_for_each(|i| cx.shape(i).with_rank(0).map(drop))?;
        infer_shape(cx, self.dtype)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = drawn_dims(cx.input(0))?;
        let stream = match self.start {
            Start::Seed => seeded(cx.input(1))?,
            Start::KeyCounter => given(cx)?,
        };
        let mut output = cx.alloc(self.dtype, &dims)?;
        match self.drawn {
            Drawn::Floats(draw) => {
                with_type!(self.dtype, T in floats => fill::<T>(cx, draw, stream, output.make_mut::<T>()?)?, else => {
                    return self.check_dtype();
                });
            }
            Drawn::Ints if output.is_empty() => {}
            Drawn::Ints => {
                let (lo, hi) = (limit(cx.input(cx.n_inputs() - 2))?, limit(cx.input(cx.n_inputs() - 1))?);
                if lo >= hi {
                    return Err(Error::invalid(format!("need minval < maxval, got {lo} >= {hi}")));
                }
                let range = (hi - lo) as u64;
                fill_ints(cx, stream, &mut output, &|bits| lo + i128::from(bits % range))?;
            }
            Drawn::AllInts => fill_ints(cx, stream, &mut output, &i128::from)?,
        }
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("dtype", AttrValue::Type(self.dtype))]
    }
}

impl StatelessRandom {
    fn check_dtype(&self) -> Result<()> {
        let (fits, what) = match self.drawn {
            Drawn::Floats(_) => (self.dtype.is_floating(), "floats"),
            _ => (matches!(self.dtype, DType::I32 | DType::I64 | DType::U32 | DType::U64), "integers of 4 or 8 bytes"),
        };
        let refused = || Error::dtype(format!("random numbers must be {what}, but {} was asked for", self.dtype));
        if fits { Ok(()) } else { Err(refused()) }
    }
}

fn check_seed(cx: &InferCx<'_>) -> Result<()> {
    let seed = cx.shape(usize::from(cx.n_inputs() > 1));
    seed.with_rank(1)?.with_dim(0, &Dim::from(2)).map(drop)
}

/// The stream of a seed: both halves are scrambled, so that it does not matter which one varies.
fn seeded(seed: &Value) -> Result<Stream> {
    let Some([low, high]) = to_ints(seed).and_then(|seed| <[i64; 2]>::try_from(seed).ok()) else {
        return Err(Error::shape(format!("seed must be two integers, but has shape {:?}", seed.dims())));
    };
    let counter = u128::from(low as u64) | u128::from(high as u64) << 64;
    let [a, b, c, d] = block(PhiloxKey([0x3ec8_f720, 0x0246_1e29]), counter);
    Ok(Stream { key: PhiloxKey([a, b]), counter: (u128::from(c) | u128::from(d) << 32) << 64 })
}

/// The stream that inputs 1 to 3 say.
fn given(cx: &RunCx<'_>) -> Result<Stream> {
    let alg = cx.input(3).scalar::<i32>()?;
    if !matches!(alg, 1 | 3) {
        return Err(Error::unsupported(format!("the algorithm must be Philox (1), but is {alg}")));
    }
    match (cx.input(1).slice::<u64>()?, cx.input(2).slice::<u64>()?) {
        (&[key], &[low, high, ..]) => {
            let counter = u128::from(low) | u128::from(high) << 64;
            Ok(Stream { key: PhiloxKey::from_seed(key as i64), counter })
        }
        (key, counter) => {
            let (a, b) = (key.len(), counter.len());
            Err(Error::shape(format!("key must have 1 element and counter 2 or more, but they have {a} and {b}")))
        }
    }
}

fn limit(value: &Value) -> Result<i128> {
    match value.dtype() {
        DType::I32 => value.scalar::<i32>().map(i128::from),
        DType::I64 => value.scalar::<i64>().map(i128::from),
        DType::U32 => value.scalar::<u32>().map(i128::from),
        _ => value.scalar::<u64>().map(i128::from),
    }
}

/// Elements per piece: about 50 us; a multiple of every group.
const STEP: usize = 1 << 14;

/// Integers of four bytes from one word each, of eight from two, low word first.
fn fill_ints(cx: &RunCx<'_>, stream: Stream, output: &mut Value, of: &(dyn Fn(u64) -> i128 + Sync)) -> Result<()> {
    macro_rules! fill {
        ($t:ty, $group:literal) => {
            fill_parts(cx, output.make_mut::<$t>()?, STEP, &|first, part| {
                for (i, part) in part.chunks_mut($group).enumerate() {
                    let counter = stream.counter.wrapping_add((first / $group + i) as u128);
                    let [a, b, c, d] = block(stream.key, counter).map(u64::from);
                    let drawn = if $group == 4 { [a, b, c, d] } else { [a | b << 32, c | d << 32, 0, 0] };
                    part.iter_mut().zip(drawn).for_each(|(cell, bits)| *cell = of(bits) as $t);
                }
            })
        };
    }
    match output.dtype() {
        DType::I32 => fill!(i32, 4),
        DType::U32 => fill!(u32, 4),
        DType::I64 => fill!(i64, 2),
        _ => fill!(u64, 2),
    }
}

impl Op for StatelessRandomGetKeyCounter {
    fn kind(&self) -> &'static OpKind {
        &STATELESS_RANDOM_GET_KEY_COUNTER
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(cx.dtype(0), DType::I32 | DType::I64) {
            return Err(Error::dtype(format!("seed must be int32 or int64, but is {}", cx.dtype(0))));
        }
        check_seed(cx)?;
        cx.output(DType::U64, Shape::from([1]));
        cx.output(DType::U64, Shape::from([2]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let stream = seeded(cx.input(0))?;
        let PhiloxKey([low, high]) = stream.key;
        cx.output(0, [u64::from(low) | u64::from(high) << 32].into_value());
        cx.output(1, [stream.counter as u64, (stream.counter >> 64) as u64].into_value());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn seeded(drawn: Drawn, dtype: DType, limits: &[Value]) -> Value {
        let op = StatelessRandom { drawn, start: Start::Seed, dtype };
        let inputs = [&[[3].into_value(), [12, -34].into_value()], limits].concat();
        run_op(op, &inputs).unwrap().remove(0)
    }

    /// As TensorFlow 1.15.5 and 2.15.1 answer.
    #[test]
    fn a_seed_says_the_numbers() {
        let floats = |draw| seeded(Drawn::Floats(draw), DType::F32, &[]);
        assert_eq!(floats(Draw::Uniform).slice::<f32>().unwrap(), [0.190_726_04, 0.466_452_6, 0.845_677_26]);
        assert_eq!(floats(Draw::Normal).slice::<f32>().unwrap(), [0.380_875_92, -1.780_103_3, 0.362_394_45]);
        assert_eq!(floats(Draw::TruncatedNormal).slice::<f32>().unwrap(), [0.380_875_92, -1.780_103_3, 0.362_394_45]);
        let ints = seeded(Drawn::Ints, DType::I32, &[(-5).into_value(), 100.into_value()]);
        assert_eq!(ints.slice::<i32>().unwrap(), [56, 16, 45]);
        let ints = seeded(Drawn::Ints, DType::I64, &[(-5i64).into_value(), 1_000_000_000_000i64.into_value()]);
        assert_eq!(ints.slice::<i64>().unwrap(), [213_375_245_132, 429_759_517_390, 325_555_166_782]);
        let ints = seeded(Drawn::AllInts, DType::I32, &[]);
        assert_eq!(ints.slice::<i32>().unwrap(), [2_098_751_926, -591_678_280, -1_561_575_641]);
        let ints = seeded(Drawn::AllInts, DType::U64, &[]);
        let want = [15_905_505_213_454_772_662, 18_378_564_429_851_410_215, 7_483_486_325_592_584_217];
        assert_eq!(ints.slice::<u64>().unwrap(), want);
    }

    /// As TensorFlow 2.15.1 answers.
    #[test]
    fn key_and_counter_say_them_too() {
        let got = run_op(StatelessRandomGetKeyCounter, &[[12, -34].into_value()]).unwrap();
        assert_eq!(got[0].slice::<u64>().unwrap(), [18_361_868_651_667_567_579]);
        assert_eq!(got[1].slice::<u64>().unwrap(), [0, 17_748_023_626_664_699_917]);
        let op = StatelessRandom { drawn: Drawn::Floats(Draw::Uniform), start: Start::KeyCounter, dtype: DType::F32 };
        let inputs = |alg: i32| [[3].into_value(), [7u64].into_value(), [1u64, 2].into_value(), alg.into_value()];
        let got = run_op(op.clone(), &inputs(1)).unwrap();
        assert_eq!(got[0].slice::<f32>().unwrap(), [0.101_579_785, 0.863_691_45, 0.676_018_36]);
        assert!(run_op(op, &inputs(2)).unwrap_err().message().contains("must be Philox (1), but is 2"));
    }

    #[test]
    fn the_shape_is_an_input() {
        let op = StatelessRandom { drawn: Drawn::Ints, start: Start::Seed, dtype: DType::I32 };
        infer_ok(&op, "int32(2);int32(2);int32();int32()", "(?,?)");
        infer_err(&op, "int32(2);int32(3);int32();int32()", "dimension must be 2 but is 3");
        let inputs = [[3].into_value(), [1, 2].into_value(), 5.into_value(), 5.into_value()];
        assert!(run_op(op, &inputs).unwrap_err().message().contains("need minval < maxval, got 5 >= 5"));
    }
}
