//! `StringToHashBucketFast` and its kin: strings as numbers of buckets.

use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip::SipHasher24;

use super::{NO_GRADIENT, each, fingerprint};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::value::{IntoValue, Value};

/// Which hash gives the bucket. All give the same for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// FarmHash's `Fingerprint64`.
    Fast,
    /// SipHash-2-4 with this key: without it nobody can choose strings that share a bucket.
    Strong([u64; 2]),
    /// MurmurHash64A, which TensorFlow took at first.
    Legacy,
}

/// The bucket of each string, 0 up to one less than their number: `(..) -> (..)` of int64.
#[derive(Debug, Clone)]
pub struct StringToHashBucket {
    /// Which hash.
    pub hash: Hash,
    /// How many buckets.
    pub num_buckets: u64,
}

/// The row of [`StringToHashBucket`] by MurmurHash.
pub static STRING_TO_HASH_BUCKET: OpKind = OpKind::new(
    "StringToHashBucket",
    "string_tensor: string -> output: int64",
    |attrs| StringToHashBucket::parse(Hash::Legacy, attrs),
    || examples(Hash::Legacy),
)
.not_differentiable(NO_GRADIENT);

/// The row of [`StringToHashBucket`] by FarmHash.
pub static STRING_TO_HASH_BUCKET_FAST: OpKind = OpKind::new(
    "StringToHashBucketFast",
    "input: string -> output: int64",
    |attrs| StringToHashBucket::parse(Hash::Fast, attrs),
    || examples(Hash::Fast),
)
.not_differentiable(NO_GRADIENT);

/// The row of [`StringToHashBucket`] by SipHash.
pub static STRING_TO_HASH_BUCKET_STRONG: OpKind = OpKind::new(
    "StringToHashBucketStrong",
    "input: string -> output: int64",
    |attrs| match attrs.ints("key")?[..] {
        // A key is 128 bits, whatever their sign.
        [a, b] => StringToHashBucket::parse(Hash::Strong([a as u64, b as u64]), attrs),
        ref key => Err(Error::invalid(format!("key must have 2 elements, but has {}", key.len()))),
    },
    || examples(Hash::Strong([1, u64::MAX])),
)
.not_differentiable(NO_GRADIENT);

impl StringToHashBucket {
    fn parse(hash: Hash, attrs: &Attrs) -> Result<Arc<dyn Op>> {
        let n = attrs.int("num_buckets")?;
        let num_buckets = u64::try_from(n).ok().filter(|n| *n > 0);
        let too_few = || Error::invalid(format!("num_buckets must be 1 or more, but is {n}"));
        Ok(Arc::new(StringToHashBucket { hash, num_buckets: num_buckets.ok_or_else(too_few)? }))
    }

    fn bucket(&self, text: &[u8]) -> i64 {
        let hash = match self.hash {
            Hash::Fast => fingerprint::farm(text),
            Hash::Legacy => fingerprint::murmur(text),
            Hash::Strong([a, b]) => {
                let mut hasher = SipHasher24::new_with_keys(a, b);
                hasher.write(text);
                hasher.finish()
            }
        };
        // The number of buckets came from an int64.
        (hash % self.num_buckets) as i64
    }
}

fn examples(hash: Hash) -> Vec<Example> {
    let of = |num_buckets, value: Value| Example::new(StringToHashBucket { hash, num_buckets }, [value]);
    let none = Value::zeros(DType::String, &[0, 2]).expect("no elements");
    vec![of(10, [["a", ""], ["b", "some longer text"]].into_value()), of(1, "a".into_value()), of(7, none)]
}

impl Op for StringToHashBucket {
    fn kind(&self) -> &'static OpKind {
        match self.hash {
            Hash::Fast => &STRING_TO_HASH_BUCKET_FAST,
            Hash::Strong(_) => &STRING_TO_HASH_BUCKET_STRONG,
            Hash::Legacy => &STRING_TO_HASH_BUCKET,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = cx.shape(0);
        cx.output(DType::I64, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let input = cx.input(0);
        let mut buckets = cx.alloc(DType::I64, input.dims())?;
        each(cx, input.strings()?, buckets.make_mut::<i64>()?, |text| Ok(self.bucket(text)))?;
        cx.output(0, buckets);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = vec![("num_buckets", AttrValue::Int(self.num_buckets as i64))];
        if let Hash::Strong(key) = self.hash {
            attrs.push(("key", AttrValue::Ints(key.map(|word| word as i64).to_vec())));
        }
        attrs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of TensorFlow 1.15.5, for the alphabet over and over, cut to a length.
    #[test]
    fn hashes_are_those_of_tensorflow_at_every_length_that_differs() {
        let text = b"abcdefghijklmnopqrstuvwxyz".repeat(20);
        for (len, fast, legacy, strong) in [
            (0, 1_936_946_117_179_621_456, 105_434_511_174_508_092, 887_865_449_656_487_407),
            (3, 2_640_714_258_260_161_385, 5_658_311_696_057_142_710, 5_353_928_926_805_445_210),
            (7, 4_341_691_227_789_030_229, 2_960_345_911_509_200_449, 6_773_306_272_282_851_189),
            (8, 9_145_071_594_317_031_690, 3_429_851_175_771_700_306, 2_474_413_746_348_421_977),
            (16, 6_080_716_761_534_418_621, 5_567_945_533_180_131_313, 800_885_696_213_477_660),
            (17, 2_171_023_947_900_359_593, 8_286_862_845_487_602_845, 8_295_783_509_762_503_092),
            (33, 2_004_761_416_539_416_594, 8_001_913_207_473_705_556, 8_233_462_998_704_574_975),
            (64, 2_038_540_033_609_931_771, 6_324_179_885_186_175_334, 7_376_566_831_231_580_455),
            (65, 2_608_948_203_458_330_154, 2_317_022_912_831_307_943, 1_717_671_087_395_594_801),
            (128, 4_838_076_969_191_229_259, 2_533_360_029_371_116_712, 6_323_702_308_130_911_427),
            (300, 1_389_365_093_342_485_137, 9_161_610_117_604_398_322, 7_530_177_836_622_354_674),
        ] {
            for (hash, want) in [(Hash::Fast, fast), (Hash::Legacy, legacy), (Hash::Strong([123, 456]), strong)] {
                let op = StringToHashBucket { hash, num_buckets: i64::MAX as u64 };
                assert_eq!(op.bucket(&text[..len]), want, "{hash:?} of {len} bytes");
            }
        }
    }
}
