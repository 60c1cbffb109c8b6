//! Values as arrays, and as Rust scalars.

use ndarray::{ArrayD, ArrayViewD, IxDyn, ShapeError};

use super::make::as_type;
use super::{Data, Value, show_dims, wrong_dtype};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};

impl Value {
    /// The elements as an array, without a copy. It borrows the value: of a temporary, take [`Value::array`].
    ///
    /// # Errors
    /// DTypeMismatch for another dtype than `T`'s, and for strings, which are bytes: see [`Value::strings`].
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        if T::DTYPE == DType::String && self.dtype == DType::String {
            return Err(Error::dtype("strings are bytes: take .strings(), or .array::<String>() for UTF-8"));
        }
        let data = self.typed().ok_or_else(|| wrong_dtype(self.dtype, T::DTYPE))?;
        ArrayViewD::from_shape(self.shape(), data).map_err(|error| self.no_array(error))
    }

    /// The elements as an array of its own. Moves the memory where this value is its only owner and it came from an
    /// array, a `Vec` or a fetch; otherwise copies once. Strings must be UTF-8.
    ///
    /// # Errors
    /// DTypeMismatch for another dtype than `T`'s; InvalidArgument for strings that are not UTF-8.
    pub fn array<T: Element>(self) -> Result<ArrayD<T>> {
        let (shape, dims) = (self.shape(), self.dims.clone());
        ArrayD::from_shape_vec(shape, self.into_elements()?).map_err(|error| no_array(&dims, error))
    }

    /// The only element, of rank 0 or of any shape with one element.
    ///
    /// # Errors
    /// ShapeMismatch for another number of elements; DTypeMismatch for another dtype than `T`'s.
    pub fn scalar<T: Element>(&self) -> Result<T> {
        if self.len != 1 {
            let shape = show_dims(&self.dims);
            return Err(Error::shape(format!("a scalar must have 1 element, but shape {shape} has {}", self.len)));
        }
        let copied = match self.typed::<T>() {
            Some(one) => one.first().cloned(),
            None => self.utf8::<T>()?.pop(),
        };
        Ok(copied.expect("the length is 1"))
    }

    /// The elements, moved where possible.
    fn into_elements<T: Element>(mut self) -> Result<Vec<T>> {
        if self.typed::<T>().is_none() {
            return self.utf8();
        }
        let len = self.len;
        if let Data::Plain(buffer) = self.data {
            match std::sync::Arc::try_unwrap(buffer) {
                // SAFETY: the value was just seen to hold `len` elements of `T`.
                Ok(buffer) => match unsafe { buffer.into_vec(len) } {
                    Ok(moved) => return Ok(moved),
                    Err(buffer) => self.data = Data::Plain(std::sync::Arc::new(buffer)),
                },
                Err(shared) => self.data = Data::Plain(shared),
            }
        }
        Ok(self.typed().expect("the dtype was just checked").to_vec())
    }

    /// The strings, if `T` is `String`; otherwise says that the dtypes differ.
    fn utf8<T: Element>(&self) -> Result<Vec<T>> {
        let Data::Strings(data) = &self.data else { return Err(wrong_dtype(self.dtype, T::DTYPE)) };
        let mut out: Vec<T> = Vec::new();
        let strings = as_type::<_, Vec<String>>(&mut out).ok_or_else(|| wrong_dtype(self.dtype, T::DTYPE))?;
        strings.reserve_exact(data.len());
        for (index, bytes) in data.iter().enumerate() {
            strings.push(std::str::from_utf8(bytes).map_err(|error| not_utf8(index, error.valid_up_to()))?.to_owned());
        }
        Ok(out)
    }

    fn shape(&self) -> IxDyn {
        IxDyn(&self.dims)
    }

    #[cold]
    fn no_array(&self, error: ShapeError) -> Error {
        no_array(&self.dims, error)
    }
}

/// Only dims with a 0 come here: the product of the others can be too large for ndarray.
#[cold]
fn no_array(dims: &[usize], error: ShapeError) -> Error {
    Error::invalid(format!("shape {} cannot be an array: {error}", show_dims(dims)))
}

#[cold]
fn not_utf8(index: usize, at: usize) -> Error {
    Error::invalid(format!("string {index} must be UTF-8, but is not at byte {at}: take .strings()"))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::error::ErrorKind;
    use crate::value::IntoValue;

    #[test]
    fn an_array_goes_in_and_out_without_a_copy() {
        let x = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let at = x.as_ptr();
        let value = x.into_value();
        assert_eq!(value.view::<f32>().unwrap().as_ptr(), at);
        let back = value.array::<f32>().unwrap();
        assert_eq!((back.as_ptr(), back.shape()), (at, &[2, 3][..]));
        assert_eq!(back[[1, 0]], 4.0);
    }

    #[test]
    fn a_fetched_slot_moves_out_and_a_shared_one_is_copied() {
        let mut x = Value::for_fetch(DType::I64, &[2, 2]).unwrap();
        x.slice_mut::<i64>().unwrap().copy_from_slice(&[1, 2, 3, 4]);
        let at = x.bytes().unwrap().as_ptr();
        let copy = x.clone().array::<i64>().unwrap();
        assert_ne!(copy.as_ptr().cast(), at);
        let moved = x.array::<i64>().unwrap();
        assert_eq!((moved.as_ptr().cast(), &moved), (at, &copy));
    }

    #[test]
    fn our_own_blocks_are_copied_out() {
        let x = Value::full(&[3000], 2.5f64).unwrap();
        assert_eq!(x.array::<f64>().unwrap().sum(), 7500.0);
    }

    #[test]
    fn empty_arrays_come_out() {
        for dims in [&[0][..], &[2, 0, 3]] {
            let x = Value::zeros(DType::F32, dims).unwrap();
            assert_eq!(x.view::<f32>().unwrap().shape(), dims);
            assert_eq!(x.array::<f32>().unwrap().shape(), dims);
            assert_eq!(Value::from_vec::<u8>(dims, vec![]).unwrap().array::<u8>().unwrap().shape(), dims);
        }
    }

    #[test]
    fn huge_dims_without_elements_never_panic() {
        let big = 1usize << 62;
        for dims in [[0, big, big], [big, big, 0], [big, 0, 1]] {
            let Ok(x) = Value::zeros(DType::F64, &dims) else { continue };
            let _ = x.to_string();
            let view = x.view::<f64>().map(|view| view.len());
            assert!(matches!(view, Ok(0)) || view.is_err());
            let _ = x.array::<f64>();
        }
    }

    #[test]
    fn scalars_come_out_of_any_shape_with_one_element() {
        assert_eq!([[[2.5f32]]].into_value().scalar::<f32>().unwrap(), 2.5);
        assert_eq!("é".into_value().scalar::<String>().unwrap(), "é");
        let text = vec![1, 2].into_value().scalar::<i32>().unwrap_err().to_string();
        assert_eq!(text, "a scalar must have 1 element, but shape (2,) has 2");
        let text = 1.5.into_value().scalar::<f32>().unwrap_err().to_string();
        assert_eq!(text, "value is float64, but float32 was asked for");
        assert!(1.5.into_value().scalar::<String>().is_err() && "a".into_value().scalar::<u8>().is_err());
    }

    #[test]
    fn strings_come_out_if_they_are_utf8() {
        let x = ["a", "bé"].into_value();
        assert_eq!(x.clone().array::<String>().unwrap().as_slice().unwrap(), ["a", "bé"]);
        assert!(x.view::<String>().unwrap_err().message().contains(".strings()"));
        assert_eq!(x.array::<f32>().unwrap_err().kind(), ErrorKind::DTypeMismatch);
        let x = Value::from_strings(&[2], vec![vec![], vec![b'a', 0xff]]).unwrap();
        let text = x.array::<String>().unwrap_err().to_string();
        assert_eq!(text, "string 1 must be UTF-8, but is not at byte 1: take .strings()");
    }
}
