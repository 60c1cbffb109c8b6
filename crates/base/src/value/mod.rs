//! Computed tensors.
//!
//! A [`Value`] is a dtype, dims and contiguous row-major elements behind a reference count. Clones share memory; it is
//! written only where it has one owner. Arrays and `Vec`s go in ([`IntoValue`]) and come out ([`Value::array`])
//! without a copy where ownership allows.
//!
//! ```
//! # use sessile_base as sessile;
//! use sessile::{IntoValue, Value};
//!
//! let x: Value = [[1.0f32, 2.0], [3.0, 4.5]].into_value();
//! assert_eq!(x.dims(), [2, 2]);
//! assert_eq!(x.to_string(), "[[1.  2. ]\n [3.  4.5]]");
//! assert_eq!(x.slice::<f32>()?[3], 4.5);
//! # Ok::<(), sessile::Error>(())
//! ```

mod buffer;
mod convert;
mod digits;
mod display;
mod extent;
mod feed_values;
#[cfg(test)]
mod goldens;
mod into;
mod make;
mod meter;
#[doc(hidden)]
pub mod pages;
mod recycle;
mod scratch;
#[doc(hidden)]
pub mod variant;
mod weak;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

pub use self::buffer::Buffer;
use self::extent::Extent;
pub use self::extent::Outline;
pub use self::feed_values::FeedValues;
pub use self::into::{IntoValue, Rows};
pub use self::meter::Meter;
pub use self::recycle::Recycler;
pub use self::scratch::{Room, ScratchVec};
use self::variant::Variants;
use crate::cancel::Pace;
use crate::dtype::{DType, Element, Plain};
use crate::error::{Error, Result};
use crate::shape::element_count;

/// A computed tensor. Cheap to clone; prints as NumPy prints arrays.
#[derive(Clone)]
pub struct Value {
    dtype: DType,
    /// A bare scalar of the program, which takes its target's dtype.
    weak: bool,
    dims: Extent,
    /// The product of `dims`.
    len: usize,
    data: Data,
}

/// Invariant of `Plain`: the buffer holds `len` valid, aligned elements of the Rust type of `dtype`, which is plain.
#[derive(Clone)]
enum Data {
    Plain(Arc<Buffer>),
    Strings(Arc<Vec<Vec<u8>>>),
    Variants(Arc<Variants>),
    /// One pointer wide: values are moved at every step.
    Object(Arc<Arc<dyn Any + Send + Sync>>),
}

/// What it is.
impl Value {
    /// The dtype of the elements.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The sizes of the axes.
    #[inline]
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Dtype and dims alone.
    #[inline]
    pub fn outline(&self) -> Outline {
        Outline { dtype: self.dtype, dims: self.dims.clone() }
    }

    /// Whether both have the same shape.
    #[inline]
    pub fn has_dims_of(&self, other: &Value) -> bool {
        self.dims == other.dims
    }

    /// The number of axes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of all elements; of strings their contents, of handles and variants 0.
    pub fn byte_len(&self) -> usize {
        match &self.data {
            Data::Plain(_) => self.len * self.dtype.size().unwrap_or(0),
            Data::Strings(data) => data.iter().map(Vec::len).sum(),
            Data::Variants(_) | Data::Object(_) => 0,
        }
    }

    /// Whether no other value shares the memory, so that it can be written in place.
    #[inline]
    pub fn is_unique(&self) -> bool {
        match &self.data {
            Data::Plain(data) => has_one_owner(data),
            Data::Strings(data) => has_one_owner(data),
            Data::Variants(data) => has_one_owner(data),
            Data::Object(data) => has_one_owner(data) && has_one_owner(data.as_ref()),
        }
    }

    /// Whether dtype, dims and every bit agree; NaN is equal to itself, 0.0 is not equal to -0.0.
    pub fn same_bits(&self, other: &Value) -> bool {
        if self.dtype != other.dtype || self.dims() != other.dims() {
            return false;
        }
        match (&self.data, &other.data) {
            (Data::Strings(a), Data::Strings(b)) => a.iter().zip(b.iter()).all(|(a, b)| same_text(a, b)),
            (Data::Variants(a), Data::Variants(b)) => Arc::ptr_eq(a, b) || a.0 == b.0,
            (Data::Object(a), Data::Object(b)) => Arc::ptr_eq(a.as_ref(), b.as_ref()),
            _ => matches!((self.bytes(), other.bytes()), (Ok(a), Ok(b)) if a == b),
        }
    }
}

/// Reading and writing elements.
impl Value {
    /// The elements in row-major order.
    ///
    /// # Errors
    /// DTypeMismatch for another dtype than `T`'s.
    #[inline]
    pub fn slice<T: Plain>(&self) -> Result<&[T]> {
        self.typed().ok_or_else(|| wrong_dtype(self.dtype, T::DTYPE))
    }

    /// The bytes of plain elements, as the machine holds them.
    ///
    /// # Errors
    /// DTypeMismatch for strings and handles.
    pub fn bytes(&self) -> Result<&[u8]> {
        match &self.data {
            // SAFETY: plain elements have no padding, so their bytes are initialised.
            Data::Plain(data) => Ok(unsafe { data.elements(self.byte_len()) }),
            _ => Err(not_plain(self.dtype)),
        }
    }

    /// The elements of a string tensor.
    ///
    /// # Errors
    /// DTypeMismatch for another dtype.
    pub fn strings(&self) -> Result<&[Vec<u8>]> {
        match &self.data {
            Data::Strings(data) => Ok(data),
            _ => Err(wrong_dtype(self.dtype, DType::String)),
        }
    }

    /// The object behind a handle; `None` for another dtype or another type of object.
    pub fn object<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        match &self.data {
            Data::Object(object) => Arc::clone(object.as_ref()).downcast().ok(),
            _ => None,
        }
    }

    /// As [`Value::object`], by reference.
    pub fn object_ref<T: Any + Send + Sync>(&self) -> Option<&T> {
        match &self.data {
            Data::Object(object) => object.downcast_ref(),
            _ => None,
        }
    }

    /// The elements, to write in place; `None` if another value shares them, or for another dtype. Never copies.
    #[inline]
    pub fn slice_mut<T: Plain>(&mut self) -> Option<&mut [T]> {
        match &self.data {
            Data::Plain(data) if self.dtype == T::DTYPE && has_one_owner(data) => {
                let buffer = Arc::as_ptr(data).cast_mut();
                // SAFETY: this is the only reference to the buffer, no weak one is ever made, and `&mut self` keeps
                // others from being made; the elements are the invariant of `Data::Plain`, with the dtype just checked.
                // (`Arc::get_mut` would say the same at the price of two locked instructions.)
                Some(unsafe { (*buffer).elements_mut(self.len) })
            }
            _ => None,
        }
    }

    /// The elements, to write; copies them first if another value shares them.
    ///
    /// # Errors
    /// DTypeMismatch for another dtype than `T`'s; ResourceExhausted without memory for the copy.
    #[inline]
    pub fn make_mut<T: Plain>(&mut self) -> Result<&mut [T]> {
        let have = self.dtype;
        if have == T::DTYPE && !self.is_unique() {
            self.unshare()?;
        }
        self.slice_mut().ok_or_else(|| wrong_dtype(have, T::DTYPE))
    }

    /// Where plain elements begin, to write as many as there are; copies them first if another value shares them.
    ///
    /// # Errors
    /// DTypeMismatch for strings and handles; ResourceExhausted without memory for the copy.
    #[doc(hidden)]
    pub fn make_mut_plain(&mut self) -> Result<*mut u8> {
        if !self.is_unique() {
            self.unshare()?;
        }
        match &self.data {
            Data::Plain(data) => {
                let (buffer, len) = (Arc::as_ptr(data).cast_mut(), self.byte_len());
                // SAFETY: the value is unique, as in `slice_mut`; plain elements have no padding.
                Ok(unsafe { (*buffer).elements_mut::<u8>(len) }.as_mut_ptr())
            }
            _ => Err(not_plain(self.dtype)),
        }
    }

    /// Overwrites plain elements or strings with those of a value of the same dtype and dims.
    ///
    /// # Errors
    /// DTypeMismatch or ShapeMismatch for another one; ResourceExhausted without memory for a copy; those of the pace.
    #[doc(hidden)]
    pub fn copy_from(&mut self, other: &Value, pace: &mut Pace<'_>) -> Result<()> {
        if self.dtype != other.dtype {
            return Err(wrong_dtype(other.dtype, self.dtype));
        }
        check_len(&self.dims, other.len)?;
        if self.dtype == DType::String {
            for (to, from) in self.strings_mut()?.iter_mut().zip(other.strings()?) {
                pace.spend(32 + from.len() / 8)?;
                to.clone_from(from);
            }
            return Ok(());
        }
        self.copy_bytes(other, pace)
    }

    /// Overwrites plain elements with the bytes of a value that has as many of them, bools excepted.
    ///
    /// # Errors
    /// ShapeMismatch for another number of bytes; otherwise as for [`Value::copy_from`].
    #[doc(hidden)]
    pub fn copy_bytes(&mut self, other: &Value, pace: &mut Pace<'_>) -> Result<()> {
        const PART: usize = 1 << 20;
        if self.byte_len() != other.byte_len() {
            let (want, have) = (self.byte_len(), other.byte_len());
            return Err(Error::shape(format!("there must be {want} bytes, but are {have}")));
        }
        for (i, part) in other.bytes()?.chunks(PART).enumerate() {
            pace.spend(part.len() / 8)?;
            self.put_bytes(i * PART, part)?;
        }
        Ok(())
    }

    /// Overwrites bytes of plain elements from one of them on. Bytes of bools other than 0 become `true`.
    ///
    /// # Errors
    /// DTypeMismatch for strings and handles; ShapeMismatch beyond the last byte.
    #[doc(hidden)]
    pub fn put_bytes(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let (len, is_bool) = (self.byte_len(), self.dtype == DType::Bool);
        if at.checked_add(bytes.len()).is_none_or(|end| end > len) {
            return Err(Error::shape(format!("there must be room for {} bytes at {at}, but are {len}", bytes.len())));
        }
        let start = self.make_mut_plain()?;
        // SAFETY: the value holds `len` initialised bytes, which `&mut self` keeps for this call; any bytes are numbers,
        // and those of bools are made 0 or 1.
        let to = unsafe { std::slice::from_raw_parts_mut(start.add(at), bytes.len()) };
        to.copy_from_slice(bytes);
        if is_bool {
            to.iter_mut().for_each(|byte| *byte = (*byte != 0).into());
        }
        Ok(())
    }

    #[cold]
    fn unshare(&mut self) -> Result<()> {
        let copy = Buffer::copy_of(self.bytes()?)?;
        self.data = Data::Plain(Arc::new(copy));
        Ok(())
    }

    /// The strings, to write; copies them first if another value shares them.
    ///
    /// # Errors
    /// DTypeMismatch for another dtype.
    pub fn strings_mut(&mut self) -> Result<&mut [Vec<u8>]> {
        let have = self.dtype;
        match &mut self.data {
            Data::Strings(data) => Ok(Arc::<Vec<_>>::make_mut(data)),
            _ => Err(wrong_dtype(have, DType::String)),
        }
    }

    /// The same elements in another shape; no copy.
    ///
    /// # Errors
    /// ShapeMismatch if `dims` do not hold as many elements.
    pub fn reshaped(self, dims: &[usize]) -> Result<Value> {
        check_len(dims, self.len)?;
        Ok(Value { dims: Extent::of(dims), weak: false, ..self })
    }

    /// Elements of a quantized dtype as the integers that they are held as; any other value as it is. No copy.
    pub fn stored(&self) -> Value {
        Value { dtype: self.dtype.stored(), ..self.clone() }
    }

    /// The inverse of [`Value::stored`].
    ///
    /// # Errors
    /// DTypeMismatch unless the dtype is held as these elements.
    #[doc(hidden)]
    pub fn quantized_as(self, dtype: DType) -> Result<Value> {
        if dtype.stored() == self.dtype { Ok(Value { dtype, ..self }) } else { Err(wrong_dtype(self.dtype, dtype)) }
    }

    /// The elements as `T`, if that is the Rust type of a plain dtype.
    #[inline]
    fn typed<T: Element>(&self) -> Option<&[T]> {
        match &self.data {
            // SAFETY: the invariant of `Data::Plain`; `Element` is sealed, so one Rust type has this dtype.
            Data::Plain(data) if self.dtype == T::DTYPE => Some(unsafe { data.elements(self.len) }),
            _ => None,
        }
    }
}

/// Whether two strings are equal. Empty ones are told by their lengths: they have no memory, and the C library's
/// comparison of no bytes there takes 100 ns, where its masked load must suppress a fault.
#[inline]
#[doc(hidden)]
pub fn same_text(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

/// Whether nobody else holds the memory. No weak references are ever made of these Arcs.
#[inline]
fn has_one_owner<T: ?Sized>(data: &Arc<T>) -> bool {
    let is_one = Arc::strong_count(data) == 1;
    // What former owners wrote happens before what this one does, as with `Arc::get_mut`.
    fence(Ordering::Acquire);
    is_one
}

/// The number of elements of `dims`, which must be `len`.
fn check_len(dims: &[usize], len: usize) -> Result<usize> {
    let want = element_count(dims)?;
    if want != len {
        let shape = show_dims(dims);
        return Err(Error::shape(format!("shape {shape} must have {want} elements, but {len} are there")));
    }
    Ok(len)
}

/// As NumPy writes shapes: `()`, `(3,)`, `(2, 3)`.
fn show_dims(dims: &[usize]) -> String {
    let comma = if dims.len() == 1 { "," } else { "" };
    format!("({}{comma})", dims.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))
}

#[cold]
fn wrong_dtype(have: DType, want: DType) -> Error {
    Error::dtype(format!("value is {have}, but {want} was asked for"))
}

#[cold]
fn not_plain(dtype: DType) -> Error {
    Error::dtype(format!("dtype must have elements of a fixed size, but is {dtype}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn clones_share_until_written() {
        let mut x = Value::from_vec(&[3], vec![1.0f32, 2.0, 3.0]).unwrap();
        let at = x.bytes().unwrap().as_ptr();
        assert!(x.is_unique());
        x.slice_mut::<f32>().unwrap()[0] = 5.0;
        let y = x.clone();
        assert_eq!(y.bytes().unwrap().as_ptr(), at);
        assert!(!x.is_unique() && x.slice_mut::<f32>().is_none());
        x.make_mut::<f32>().unwrap()[1] = 7.0;
        assert_eq!((x.slice::<f32>().unwrap(), y.slice::<f32>().unwrap()), (&[5., 7., 3.][..], &[5., 2., 3.][..]));
        assert!(y.is_unique() && x.is_unique());
    }

    #[test]
    fn another_dtype_is_an_error_that_names_both() {
        let mut x = Value::scalar_of(1.0f64);
        let text = x.slice::<f32>().unwrap_err().to_string();
        assert_eq!(text, "value is float64, but float32 was asked for");
        assert_eq!(x.make_mut::<i32>().unwrap_err().kind(), ErrorKind::DTypeMismatch);
        assert!(x.slice_mut::<i64>().is_none() && x.strings().is_err() && x.strings_mut().is_err());
    }

    #[test]
    fn reshaping_keeps_the_memory() {
        let x = Value::from_vec(&[6], vec![1i32, 2, 3, 4, 5, 6]).unwrap();
        let at = x.bytes().unwrap().as_ptr();
        let y = x.reshaped(&[2, 3]).unwrap();
        assert_eq!((y.dims(), y.rank(), y.len(), y.byte_len()), (&[2, 3][..], 2, 6, 24));
        assert_eq!(y.bytes().unwrap().as_ptr(), at);
        let text = y.reshaped(&[4]).err().unwrap().to_string();
        assert_eq!(text, "shape (4,) must have 4 elements, but 6 are there");
    }

    #[test]
    fn strings_are_bytes_and_copied_on_write() {
        let mut x = Value::from_strings(&[2], vec![b"ab".to_vec(), vec![0xff]]).unwrap();
        let y = x.clone();
        x.strings_mut().unwrap()[0].push(b'c');
        assert_eq!((x.byte_len(), y.byte_len()), (4, 3));
        assert!(x.bytes().is_err() && x.slice::<u8>().is_err());
        assert!(!x.same_bits(&y));
    }

    #[test]
    fn texts_are_the_same_by_their_bytes() {
        let texts: [&[u8]; 4] = [b"", b"a", b"b", b"ab"];
        for (i, a) in texts.iter().enumerate() {
            for (j, b) in texts.iter().enumerate() {
                assert_eq!(same_text(a, b), i == j, "{a:?} {b:?}");
            }
        }
        let of = |texts: [&str; 2]| Value::from_strings(&[2], texts.map(|text| text.as_bytes().to_vec()).to_vec());
        assert!(of(["", "a"]).unwrap().same_bits(&of(["", "a"]).unwrap()));
        assert!(!of(["", "a"]).unwrap().same_bits(&of(["", "b"]).unwrap()));
    }

    #[test]
    fn same_bits_compares_bits() {
        let nan = Value::scalar_of(f32::NAN);
        assert!(nan.same_bits(&nan.clone()));
        assert!(!Value::scalar_of(0.0f32).same_bits(&Value::scalar_of(-0.0f32)));
        assert!(!Value::scalar_of(0i32).same_bits(&Value::scalar_of(0u32)));
        let zeros = Value::zeros(DType::F32, &[2, 3]).unwrap();
        assert!(!zeros.same_bits(&zeros.clone().reshaped(&[3, 2]).unwrap()));
    }

    #[test]
    fn objects_come_back_by_type() {
        let x = Value::from_object(DType::Resource, Arc::new(7u32));
        assert_eq!((x.rank(), x.len(), x.object::<u32>().as_deref()), (0, 1, Some(&7)));
        assert!(x.object::<i32>().is_none() && x.slice::<u32>().is_err() && x.bytes().is_err());
        assert_eq!(x.object_ref::<u32>(), Some(&7));
        assert!(x.same_bits(&x.clone()) && !x.same_bits(&Value::from_object(DType::Resource, Arc::new(7u32))));
    }

    #[test]
    fn values_are_small() {
        assert!(size_of::<Value>() <= 72 && size_of::<Option<Value>>() == size_of::<Value>());
    }

    #[test]
    fn values_cross_threads() {
        fn assert<T: Send + Sync + 'static>() {}
        assert::<Value>();
        assert::<Buffer>();
    }
}
