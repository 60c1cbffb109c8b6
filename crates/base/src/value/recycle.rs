//! Free lists of memory for the tensors of one run after another.

use std::sync::Arc;

use super::buffer::Buffer;
use super::{Data, Value};
use crate::dtype::DType;
use crate::error::Result;
use crate::shape::byte_len;

/// The smallest class, in bytes: one cache line.
const MIN_BYTES: usize = 64;
/// Classes per doubling: at most a fifth of a block is slack.
const STEPS: usize = 4;
/// Bytes that a default recycler keeps at most.
const DEFAULT_MAX_BYTES: usize = 1 << 30;

/// Memory given back by values that nobody needs any more. It belongs to one run at a time: no locks, and once warm
/// neither [`Recycler::take`] nor [`Recycler::give`] calls the allocator.
pub struct Recycler {
    /// Blocks by class; a block of class `c` has at least `class_bytes(c)` bytes. Each `Arc` here is the only one.
    free: Vec<Vec<Arc<Buffer>>>,
    free_bytes: usize,
    max_bytes: usize,
}

impl Default for Recycler {
    fn default() -> Recycler {
        Recycler::new(DEFAULT_MAX_BYTES)
    }
}

impl Recycler {
    /// Keeps at most `max_bytes` of free memory.
    pub fn new(max_bytes: usize) -> Recycler {
        Recycler { free: Vec::new(), free_bytes: 0, max_bytes }
    }

    /// A value to be filled: its elements are valid, but arbitrary (old ones, or 0).
    ///
    /// # Errors
    /// InvalidArgument for dims whose product overflows; ResourceExhausted without memory; DTypeMismatch for handles.
    #[inline]
    pub fn take(&mut self, dtype: DType, dims: &[usize]) -> Result<Value> {
        let Some(size) = dtype.size() else { return Value::zeros(dtype, dims) };
        // Saturated, it is past every class, and `fresh` refuses it.
        let len = dims.iter().fold(1usize, |len, &dim| len.saturating_mul(dim));
        if len == 0 {
            // The product of the other dims must not overflow either.
            byte_len(dims, dtype)?;
        }
        match self.free.get_mut(class_of(len.saturating_mul(size))).and_then(Vec::pop) {
            Some(buffer) => Ok(self.reuse(dtype, dims, len, buffer)),
            None => fresh(dtype, dims, len),
        }
    }

    #[inline]
    fn reuse(&mut self, dtype: DType, dims: &[usize], len: usize, mut buffer: Arc<Buffer>) -> Value {
        self.free_bytes -= buffer.capacity();
        if dtype == DType::Bool {
            // Not every old byte is a bool.
            Arc::get_mut(&mut buffer).expect("a free block has one owner").clear(len);
        }
        Value::shared(dtype, dims, len, buffer)
    }

    /// As [`Recycler::take`], in memory that [`Value::array`] can move out: for what the caller will keep.
    ///
    /// # Errors
    /// As for [`Recycler::take`].
    pub fn take_for_fetch(&mut self, dtype: DType, dims: &[usize]) -> Result<Value> {
        Value::for_fetch(dtype, dims)
    }

    /// Takes the memory back if nothing else shares it; otherwise only drops the value. Give what was taken: memory from
    /// elsewhere is kept too, until `max_bytes` are full.
    #[inline]
    pub fn give(&mut self, value: Value) {
        if !value.is_unique() {
            return;
        }
        let Data::Plain(buffer) = value.data else { return };
        let bytes = buffer.capacity();
        // Adopted blocks are aligned for one dtype only.
        if !buffer.is_ours() || bytes < MIN_BYTES || bytes > self.max_bytes {
            return;
        }
        if self.free_bytes + bytes > self.max_bytes {
            // The work has changed its sizes: start afresh rather than keep what is never asked for.
            self.clear();
        }
        let class = class_within(bytes);
        if class >= self.free.len() {
            self.free.resize_with(class + 1, Vec::new);
        }
        self.free[class].push(buffer);
        self.free_bytes += bytes;
    }

    /// Bytes kept for later.
    pub fn free_bytes(&self) -> usize {
        self.free_bytes
    }

    /// Frees all that is kept.
    pub fn clear(&mut self) {
        self.free.iter_mut().for_each(Vec::clear);
        self.free_bytes = 0;
    }
}

/// A value in a new block, of the full size of its class.
#[cold]
fn fresh(dtype: DType, dims: &[usize], len: usize) -> Result<Value> {
    let bytes = byte_len(dims, dtype)?;
    let block = Buffer::zeroed(bytes.max(class_bytes(class_of(bytes))))?;
    Ok(Value::plain(dtype, dims, len, block))
}

/// The smallest class whose blocks hold `bytes`.
#[inline]
fn class_of(bytes: usize) -> usize {
    if bytes <= MIN_BYTES { 0 } else { class_within(bytes - 1) + 1 }
}

/// The largest class whose blocks `bytes` suffice for; `bytes` is at least the minimum.
#[inline]
fn class_within(bytes: usize) -> usize {
    let octave = bytes.ilog2() - MIN_BYTES.ilog2();
    let step = (bytes >> (bytes.ilog2() - STEPS.ilog2())) - STEPS;
    octave as usize * STEPS + step
}

/// Bytes of a class; saturates past the largest.
fn class_bytes(class: usize) -> usize {
    let (octave, step) = (class / STEPS, class % STEPS);
    let quarter = MIN_BYTES / STEPS;
    (quarter * (STEPS + step)).saturating_mul(1usize.checked_shl(octave as u32).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::buffer::WIDE_FROM;

    #[test]
    fn classes_hold_what_is_asked_and_waste_at_most_a_fifth() {
        for bytes in (0..5000).chain([1 << 20, (1 << 20) + 1, 3 << 30, usize::MAX >> 2]) {
            let class = class_of(bytes);
            assert!(class_bytes(class) >= bytes, "{bytes}");
            assert!(class == 0 || class_bytes(class - 1) < bytes, "{bytes}");
            assert_eq!(class_within(class_bytes(class)), class);
        }
    }

    #[test]
    fn a_block_is_used_again_for_any_dtype() {
        let mut recycler = Recycler::default();
        let x = recycler.take(DType::F32, &[6, 10]).unwrap();
        let at = x.bytes().unwrap().as_ptr();
        recycler.give(x);
        let y = recycler.take(DType::I64, &[31]).unwrap();
        assert_eq!((y.bytes().unwrap().as_ptr(), y.len(), recycler.free_bytes()), (at, 31, 0));
    }

    #[test]
    fn old_bytes_never_become_bools() {
        let mut recycler = Recycler::default();
        let mut x = recycler.take(DType::U8, &[100]).unwrap();
        x.slice_mut::<u8>().unwrap().fill(0xff);
        recycler.give(x);
        let y = recycler.take(DType::Bool, &[100]).unwrap();
        assert!(y.bytes().unwrap().iter().all(|&byte| byte == 0));
    }

    #[test]
    fn shared_and_adopted_memory_is_not_taken() {
        let mut recycler = Recycler::default();
        let x = recycler.take(DType::F32, &[50]).unwrap();
        recycler.give(x.clone());
        recycler.give(Value::from_vec(&[50], vec![0.0f32; 50]).unwrap());
        let fetched = recycler.take_for_fetch(DType::F32, &[50]).unwrap();
        recycler.give(fetched);
        recycler.give(Value::zeros(DType::String, &[50]).unwrap());
        assert_eq!(recycler.free_bytes(), 0);
        recycler.give(x);
        assert!(recycler.free_bytes() >= 200);
    }

    #[test]
    fn free_memory_is_bounded() {
        let mut recycler = Recycler::new(10_000);
        for len in (0..20_000).step_by(7) {
            let x = recycler.take(DType::U8, &[len]).unwrap();
            let y = Value::zeros(DType::U8, &[len]).unwrap();
            recycler.give(x);
            recycler.give(y);
            assert!(recycler.free_bytes() <= 10_000);
        }
        recycler.clear();
        assert_eq!(recycler.free_bytes(), 0);
    }

    #[test]
    fn wide_values_stay_aligned() {
        let mut recycler = Recycler::default();
        for len in [WIDE_FROM - 1, WIDE_FROM, WIDE_FROM + 100] {
            recycler.give(Value::zeros(DType::U8, &[len]).unwrap());
            let x = recycler.take(DType::U8, &[len.max(WIDE_FROM)]).unwrap();
            assert_eq!(x.bytes().unwrap().as_ptr().addr() % 64, 0);
        }
    }

    #[test]
    fn empty_values_are_recycled_too() {
        let mut recycler = Recycler::default();
        for _ in 0..3 {
            let x = recycler.take(DType::F32, &[3, 0]).unwrap();
            assert_eq!((x.len(), x.slice::<f32>().unwrap(), recycler.free_bytes()), (0, &[][..], 0));
            recycler.give(x);
        }
        assert_eq!(recycler.free_bytes(), MIN_BYTES);
        let strings = recycler.take(DType::String, &[2]).unwrap();
        assert_eq!(strings.strings().unwrap(), [b"", b""]);
    }

    #[test]
    fn hostile_dims_are_errors() {
        let mut recycler = Recycler::default();
        for dims in [&[usize::MAX][..], &[1 << 61], &[1 << 40, 1 << 40], &[usize::MAX, 2, 0]] {
            assert!(recycler.take(DType::F64, dims).is_err());
            assert!(recycler.take_for_fetch(DType::F64, dims).is_err());
        }
    }
}
