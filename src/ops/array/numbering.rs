//! Which elements, or slices of elements, are equal: a table of those that were seen, in bounded steps and in memory
//! that counts.

use std::hash::{BuildHasher, RandomState};

use crate::dtype::DType;
use crate::error::Result;
use crate::graph::RunCx;
use crate::value::{ScratchVec, Value, same_text};

/// Entries a shard, about: making one of them larger takes some 50 us.
const SHARD: usize = 1 << 12;

/// Numbers by hash. It is cut in shards that grow on their own, so that no step is long.
pub(in crate::ops) struct Numbering<'a, 'r> {
    cx: &'a RunCx<'r>,
    shards: ScratchVec<Shard>,
    hasher: RandomState,
}

#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    hash: u64,
    /// The number and 1; 0 where the slot is free.
    number: usize,
}

#[derive(Debug, Default)]
struct Shard {
    /// A power of two, or none; at most three quarters are taken.
    slots: ScratchVec<Slot>,
    taken: usize,
}

impl<'a, 'r> Numbering<'a, 'r> {
    /// An empty table for at most `n` entries.
    pub(in crate::ops) fn new(cx: &'a RunCx<'r>, n: usize) -> Result<Numbering<'a, 'r>> {
        let n_shards = n.div_ceil(SHARD).clamp(1, 1 << 16).next_power_of_two();
        let mut shards = cx.list(n_shards)?;
        for _ in 0..n_shards {
            shards.push(Shard::default())?;
        }
        Ok(Numbering { cx, shards, hasher: RandomState::new() })
    }

    /// The number of an entry with this hash that is the one looked for.
    ///
    /// # Errors
    /// Those of the comparison.
    pub(in crate::ops) fn find(
        &self,
        hash: u64,
        mut is_it: impl FnMut(usize) -> Result<bool>,
    ) -> Result<Option<usize>> {
        let slots = &self.shards[self.shard(hash)].slots;
        let mask = slots.len().wrapping_sub(1);
        for step in 0..slots.len() {
            let slot = slots[(hash as usize).wrapping_add(step) & mask];
            let Some(number) = slot.number.checked_sub(1) else { break };
            if slot.hash == hash && is_it(number)? {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Adds an entry that [`Numbering::find`] did not find.
    pub(in crate::ops) fn insert(&mut self, hash: u64, number: usize) -> Result<()> {
        let shard = self.shard(hash);
        let shard = &mut self.shards[shard];
        if shard.taken * 4 >= shard.slots.len() * 3 {
            shard.grow(self.cx)?;
        }
        shard.put(Slot { hash, number: number + 1 });
        Ok(())
    }

    /// The upper bits choose the shard, the lower ones the slot.
    fn shard(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.shards.len() - 1)
    }
}

impl Shard {
    fn grow(&mut self, cx: &RunCx<'_>) -> Result<()> {
        let larger = cx.scratch(self.slots.len().max(8) * 2)?;
        let old = std::mem::replace(&mut self.slots, larger);
        self.taken = 0;
        old.into_iter().filter(|slot| slot.number > 0).for_each(|slot| self.put(slot));
        Ok(())
    }

    fn put(&mut self, new: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = new.hash as usize & mask;
        while self.slots[at].number > 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = new;
        self.taken += 1;
    }
}

/// A tensor's elements as what is compared.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops) enum Elements<'a> {
    Texts(&'a [Vec<u8>]),
    /// The bytes of numbers, their size, and of floats the bits of infinity.
    Numbers(&'a [u8], usize, Option<u64>),
}

impl<'a> Elements<'a> {
    /// Those of real numbers, bools and strings.
    ///
    /// # Errors
    /// `DTypeMismatch` for other dtypes.
    pub(in crate::ops) fn of(value: &'a Value) -> Result<Elements<'a>> {
        let Some(size) = value.dtype().size() else { return value.strings().map(Elements::Texts) };
        let infinity = match value.dtype() {
            DType::F16 => Some(0x7c00),
            DType::BF16 => Some(0x7f80),
            DType::F32 => Some(f32::INFINITY.to_bits().into()),
            DType::F64 => Some(f64::INFINITY.to_bits()),
            _ => None,
        };
        Ok(Elements::Numbers(value.bytes()?, size, infinity))
    }

    /// The bits of number `i`, both zeros as one; `None` for NaN, which equals nothing.
    fn bits(bytes: &[u8], size: usize, infinity: Option<u64>, i: usize) -> Option<u64> {
        let mut word = [0; 8];
        word[..size].copy_from_slice(&bytes[i * size..(i + 1) * size]);
        let bits = if cfg!(target_endian = "big") {
            u64::from_be_bytes(word) >> (64 - 8 * size)
        } else {
            u64::from_le_bytes(word)
        };
        let Some(infinity) = infinity else { return Some(bits) };
        match bits & ((1 << (8 * size - 1)) - 1) {
            0 => Some(0),
            magnitude if magnitude > infinity => None,
            _ => Some(bits),
        }
    }

    /// A hash of element `i`; `None` if it equals nothing, not even itself.
    pub(in crate::ops) fn hash(self, numbering: &Numbering<'_, '_>, i: usize) -> Option<u64> {
        match self {
            Elements::Texts(texts) => Some(numbering.hasher.hash_one(&texts[i])),
            Elements::Numbers(bytes, size, infinity) => {
                Elements::bits(bytes, size, infinity, i).map(|bits| numbering.hasher.hash_one(bits))
            }
        }
    }

    /// Whether element `i` equals element `j` of others of the same dtype.
    pub(in crate::ops) fn same(self, i: usize, others: Elements<'_>, j: usize) -> bool {
        match (self, others) {
            (Elements::Texts(a), Elements::Texts(b)) => same_text(&a[i], &b[j]),
            (Elements::Numbers(a, size, infinity), Elements::Numbers(b, ..)) => {
                let bits = Elements::bits(a, size, infinity, i);
                bits.is_some() && bits == Elements::bits(b, size, infinity, j)
            }
            _ => false,
        }
    }

    /// Units of work that hashing and comparing element `i` take.
    pub(in crate::ops) fn work(self, i: usize) -> usize {
        match self {
            Elements::Texts(texts) => 64 + texts[i].len() / 2,
            Elements::Numbers(..) => 64,
        }
    }
}
