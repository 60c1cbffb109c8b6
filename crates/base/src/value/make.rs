//! Making values.

use std::any::Any;
use std::sync::Arc;

use super::buffer::{self, Buffer};
use super::extent::Extent;
use super::variant::{Variant, Variants};
use super::{Data, Value, check_len, not_plain, show_dims};
use crate::dtype::{DType, Element, Plain};
use crate::error::{Error, Result};
use crate::shape::{Dims, byte_len, element_count};
use crate::with_type;

/// Making values.
impl Value {
    /// Takes over a `Vec`'s memory; no element is copied.
    ///
    /// # Errors
    /// ShapeMismatch if `dims` do not hold as many elements.
    pub fn from_vec<T: Plain>(dims: &[usize], data: Vec<T>) -> Result<Value> {
        let len = check_len(dims, data.len())?;
        Ok(Value::plain(T::DTYPE, dims, len, Buffer::adopt(data)))
    }

    /// Copies elements in row-major order.
    ///
    /// # Errors
    /// ShapeMismatch if `dims` do not hold as many elements; ResourceExhausted without memory.
    pub fn from_slice<T: Plain>(dims: &[usize], data: &[T]) -> Result<Value> {
        let len = check_len(dims, data.len())?;
        Ok(Value::plain(T::DTYPE, dims, len, Buffer::copy_of(data)?))
    }

    /// A value of rank 0. It is not weak; a bare scalar by `IntoValue` is.
    pub fn scalar_of<T: Element>(value: T) -> Value {
        Value::of_elements(Dims::new(), vec![value])
    }

    /// A string tensor; TensorFlow's strings are bytes.
    ///
    /// # Errors
    /// ShapeMismatch if `dims` do not hold as many elements.
    pub fn from_strings(dims: &[usize], data: Vec<Vec<u8>>) -> Result<Value> {
        let len = check_len(dims, data.len())?;
        Ok(Value::of_strings(Dims::from_slice(dims), len, data))
    }

    /// Copies plain elements out of little-endian bytes, as files hold them. Bools other than 0 become `true`.
    ///
    /// # Errors
    /// DTypeMismatch for a dtype whose elements have no fixed size; ShapeMismatch for another number of bytes.
    pub fn from_bytes(dtype: DType, dims: &[usize], bytes: &[u8]) -> Result<Value> {
        let size = dtype.size().ok_or_else(|| not_plain(dtype))?;
        let want = byte_len(dims, dtype)?;
        if want != bytes.len() {
            let shape = show_dims(dims);
            return Err(Error::shape(format!("{dtype} {shape} must have {want} bytes, but has {}", bytes.len())));
        }
        let mut buffer = Buffer::copy_of(bytes)?;
        // SAFETY: the buffer holds that many initialised bytes.
        let data = unsafe { buffer.elements_mut::<u8>(want) };
        if dtype == DType::Bool {
            data.iter_mut().for_each(|byte| *byte = (*byte != 0).into());
        }
        if cfg!(target_endian = "big") {
            let part = if dtype.is_complex() { size / 2 } else { size };
            data.chunks_exact_mut(part).for_each(<[u8]>::reverse);
        }
        Ok(Value::plain(dtype, dims, want / size, buffer))
    }

    /// A handle to state ([`DType::Resource`]), of rank 0.
    pub fn from_object(dtype: DType, object: Arc<dyn Any + Send + Sync>) -> Value {
        debug_assert!(dtype == DType::Resource, "an object cannot be {dtype}");
        Value { dtype, weak: false, dims: Extent::of(&[]), len: 1, data: Data::Object(Arc::new(object)) }
    }

    /// All elements 0, false, the empty string or nothing.
    ///
    /// # Errors
    /// InvalidArgument for dims whose product overflows; ResourceExhausted without memory; DTypeMismatch for handles.
    pub fn zeros(dtype: DType, dims: &[usize]) -> Result<Value> {
        let len = element_count(dims)?;
        match dtype {
            DType::String => {
                let mut data = Vec::new();
                data.try_reserve_exact(len).map_err(|_| buffer::too_large(len))?;
                data.resize(len, Vec::new());
                Ok(Value::of_strings(Dims::from_slice(dims), len, data))
            }
            DType::Variant => {
                let mut data = Vec::new();
                data.try_reserve_exact(len).map_err(|_| buffer::too_large(len))?;
                data.resize(len, Variant::Empty);
                Ok(Value::variants(dims, len, data))
            }
            DType::Resource => Err(not_plain(dtype)),
            _ => Ok(Value::plain(dtype, dims, len, Buffer::zeroed(byte_len(dims, dtype)?)?)),
        }
    }

    /// All elements `value`.
    ///
    /// # Errors
    /// As for [`Value::zeros`].
    pub fn full<T: Plain>(dims: &[usize], value: T) -> Result<Value> {
        let mut out = Value::zeros(T::DTYPE, dims)?;
        out.make_mut::<T>()?.fill(value);
        Ok(out)
    }

    /// A value for a kernel to fill: its elements are valid, but arbitrary. In runs, `Recycler::take` is cheaper.
    ///
    /// # Errors
    /// As for [`Value::zeros`].
    pub fn for_overwrite(dtype: DType, dims: &[usize]) -> Result<Value> {
        // Memory that safe code can read must be initialised; the allocator zeroes big blocks for nothing.
        Value::zeros(dtype, dims)
    }

    /// Like [`Value::for_overwrite`], in memory that [`Value::array`] can move out.
    ///
    /// # Errors
    /// As for [`Value::zeros`].
    pub fn for_fetch(dtype: DType, dims: &[usize]) -> Result<Value> {
        let len = element_count(dims)?;
        with_type!(dtype.stored(), T in plain => {
            Ok(Value::plain(dtype, dims, len, Buffer::zeroed_for::<T>(len)?))
        }, else => Value::zeros(dtype, dims))
    }

    /// The buffer must hold `len` elements of the dtype.
    pub(super) fn plain(dtype: DType, dims: &[usize], len: usize, buffer: Buffer) -> Value {
        Value::shared(dtype, dims, len, Arc::new(buffer))
    }

    /// The buffer must hold `len` elements of the dtype.
    #[inline]
    pub(super) fn shared(dtype: DType, dims: &[usize], len: usize, buffer: Arc<Buffer>) -> Value {
        Value { dtype, weak: false, dims: Extent::of(dims), len, data: Data::Plain(buffer) }
    }

    pub(super) fn of_strings(dims: Dims, len: usize, data: Vec<Vec<u8>>) -> Value {
        Value { dtype: DType::String, weak: false, dims: Extent::of(&dims), len, data: Data::Strings(Arc::new(data)) }
    }

    pub(super) fn variants(dims: &[usize], len: usize, data: Vec<Variant>) -> Value {
        let data = Data::Variants(Arc::new(Variants(data)));
        Value { dtype: DType::Variant, weak: false, dims: Extent::of(dims), len, data }
    }

    /// A tensor of dtype variant.
    ///
    /// # Errors
    /// ShapeMismatch if `dims` do not hold as many elements.
    #[doc(hidden)]
    pub fn from_variants(dims: &[usize], data: Vec<Variant>) -> Result<Value> {
        let len = check_len(dims, data.len())?;
        Ok(Value::variants(dims, len, data))
    }

    /// A copy of `data`, in memory of our own.
    pub(super) fn of_slice<T: Element>(dims: Dims, data: &[T]) -> Value {
        if !std::mem::needs_drop::<T>() {
            // SAFETY: `Element` is sealed: those that own nothing are plain, so they have no padding.
            let bytes = unsafe { std::slice::from_raw_parts(data.as_ptr().cast::<u8>(), size_of_val(data)) };
            if let Ok(buffer) = Buffer::copy_of(bytes) {
                return Value::plain(T::DTYPE, &dims, data.len(), buffer);
            }
        }
        Value::of_elements(dims, data.to_vec())
    }

    /// A value of as many elements as `dims` hold, strings included. The memory of plain elements is taken over.
    pub(super) fn of_elements<T: Element>(dims: Dims, mut data: Vec<T>) -> Value {
        let len = data.len();
        debug_assert_eq!(element_count(&dims).ok(), Some(len), "elements of shape {dims:?}");
        match as_type::<_, Vec<String>>(&mut data) {
            Some(data) => Value::of_strings(dims, len, data.drain(..).map(String::into_bytes).collect()),
            None => Value::plain(T::DTYPE, &dims, len, Buffer::adopt(data)),
        }
    }
}

/// The same reference, if the types are the same.
pub(super) fn as_type<A: Any, B: Any>(value: &mut A) -> Option<&mut B> {
    (value as &mut dyn Any).downcast_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_vec_is_adopted_without_a_copy() {
        let data = vec![1.0f64, 2.0];
        let at = data.as_ptr();
        let x = Value::from_vec(&[2, 1], data).unwrap();
        assert_eq!(x.slice::<f64>().unwrap().as_ptr(), at);
        let data = vec![true; 3];
        let at = data.as_ptr();
        assert_eq!(Value::of_elements(Dims::from_slice(&[3]), data).slice::<bool>().unwrap().as_ptr(), at);
    }

    #[test]
    fn the_wrong_number_of_elements_is_an_error_with_both_numbers() {
        let text = Value::from_vec(&[2, 3], vec![0u8; 5]).err().unwrap().to_string();
        assert_eq!(text, "shape (2, 3) must have 6 elements, but 5 are there");
        let text = Value::from_bytes(DType::F32, &[2], &[0; 7]).err().unwrap().to_string();
        assert_eq!(text, "float32 (2,) must have 8 bytes, but has 7");
        assert!(Value::from_strings(&[], vec![]).is_err());
    }

    #[test]
    fn hostile_dims_are_errors() {
        let big = 1usize << 62;
        for dims in [&[big, big][..], &[usize::MAX], &[big, 2, 2, 0, big], &[1 << 60]] {
            for dtype in [DType::F32, DType::C128, DType::Bool, DType::String] {
                for made in
                    [Value::zeros(dtype, dims), Value::for_overwrite(dtype, dims), Value::for_fetch(dtype, dims)]
                {
                    // A shape with a 0 may be an empty tensor, see the note at `element_count`.
                    assert!(made.is_err() || dims.contains(&0), "{dtype} {dims:?}");
                }
            }
            assert!(Value::from_vec::<f32>(dims, vec![1.0]).is_err());
        }
    }

    #[test]
    fn zeros_of_every_dtype() {
        for dtype in DType::ALL {
            for dims in [&[][..], &[0], &[3, 0, 2], &[2, 3]] {
                let made = Value::zeros(dtype, dims);
                match dtype {
                    DType::Resource => assert!(made.is_err()),
                    DType::Variant => {
                        assert!(made.unwrap().as_variants().unwrap().iter().all(|v| *v == Variant::Empty))
                    }
                    DType::String => assert!(made.unwrap().strings().unwrap().iter().all(Vec::is_empty)),
                    _ => assert!(made.unwrap().bytes().unwrap().iter().all(|&b| b == 0)),
                }
            }
        }
    }

    #[test]
    fn bytes_are_copied_and_bools_normalised() {
        let x = Value::from_bytes(DType::Bool, &[4], &[0, 1, 2, 255]).unwrap();
        assert_eq!(x.slice::<bool>().unwrap(), [false, true, true, true]);
        let x = Value::from_bytes(DType::I16, &[1], &[0x34, 0x12]).unwrap();
        assert_eq!(x.slice::<i16>().unwrap(), [0x1234]);
        assert_eq!(Value::from_bytes(DType::String, &[1], b"a").err().unwrap().kind(), ErrorKind::DTypeMismatch);
    }

    #[test]
    fn full_fills() {
        assert_eq!(Value::full(&[2, 2], 7i8).unwrap().slice::<i8>().unwrap(), [7; 4]);
    }
}
