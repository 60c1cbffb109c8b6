//! What can stand where a value is wanted: scalars, nested arrays, `Vec`s, slices, ndarray's arrays.

use ndarray::{ArrayBase, ArrayRef, Data, Dimension};

use super::Value;
use crate::dtype::Element;
use crate::shape::Dims;

/// Anything that can be fed or made a constant.
///
/// What is given by value is adopted, what is given by reference or as a view is copied once. A bare scalar is *weak*:
/// it takes the dtype of its target, see [`Value::weak_cast`].
///
/// A view with broadcast axes is copied whole, as ndarray's `to_owned` does; that aborts if memory ends.
pub trait IntoValue {
    /// The value.
    fn into_value(self) -> Value;
}

impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}

impl IntoValue for &Value {
    fn into_value(self) -> Value {
        self.clone()
    }
}

impl<T: Element> IntoValue for T {
    fn into_value(self) -> Value {
        Value { weak: T::DTYPE.size().is_some(), ..Value::scalar_of(self) }
    }
}

impl IntoValue for &str {
    fn into_value(self) -> Value {
        Value::scalar_of(self.to_owned())
    }
}

/// An element, or an array of rows: `f32`, `[f32; 3]`, `[[f32; 3]; 2]`, and `&str` for strings.
pub trait Rows: Clone {
    /// The value of `dims` followed by the dims of a row; the memory of plain elements is taken over.
    #[doc(hidden)]
    fn adopt(dims: Dims, rows: Vec<Self>) -> Value;
}

impl<T: Element> Rows for T {
    fn adopt(dims: Dims, rows: Vec<T>) -> Value {
        Value::of_elements(dims, rows)
    }
}

impl Rows for &str {
    fn adopt(dims: Dims, rows: Vec<&str>) -> Value {
        let len = rows.len();
        Value::of_strings(dims, len, rows.into_iter().map(|text| text.as_bytes().to_vec()).collect())
    }
}

impl<R: Rows, const N: usize> Rows for [R; N] {
    fn adopt(mut dims: Dims, rows: Vec<[R; N]>) -> Value {
        dims.push(N);
        R::adopt(dims, rows.into_flattened())
    }
}

impl<R: Rows> IntoValue for Vec<R> {
    fn into_value(self) -> Value {
        R::adopt(Dims::from_slice(&[self.len()]), self)
    }
}

impl<R: Rows> IntoValue for &[R] {
    fn into_value(self) -> Value {
        self.to_vec().into_value()
    }
}

impl<R: Rows> IntoValue for &Vec<R> {
    fn into_value(self) -> Value {
        self.as_slice().into_value()
    }
}

impl<R: Rows, const N: usize> IntoValue for [R; N] {
    fn into_value(self) -> Value {
        Vec::from(self).into_value()
    }
}

impl<R: Rows, const N: usize> IntoValue for &[R; N] {
    fn into_value(self) -> Value {
        self.as_slice().into_value()
    }
}

impl<S: Data<Elem: Element>, D: Dimension> IntoValue for ArrayBase<S, D> {
    fn into_value(self) -> Value {
        let dims = Dims::from_slice(self.shape());
        let len = self.len();
        if !self.is_standard_layout() {
            return (&self).into_value();
        }
        match self.into_owned().into_raw_vec_and_offset() {
            (mut data, Some(0) | None) => {
                // An array sliced in place owns more than it shows.
                data.truncate(len);
                Value::of_elements(dims, data)
            }
            (data, Some(from)) => Value::of_elements(dims, data[from..from + len].to_vec()),
        }
    }
}

impl<S: Data<Elem: Element>, D: Dimension> IntoValue for &ArrayBase<S, D> {
    fn into_value(self) -> Value {
        let array: &ArrayRef<S::Elem, D> = self;
        array.into_value()
    }
}

impl<T: Element, D: Dimension> IntoValue for &ArrayRef<T, D> {
    fn into_value(self) -> Value {
        let dims = Dims::from_slice(self.shape());
        match self.as_slice() {
            Some(data) => Value::of_slice(dims, data),
            None => Value::of_elements(dims, self.iter().cloned().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayD, Axis, IxDyn, array, s};

    use super::*;
    use crate::dtype::{DType, Plain};

    #[track_caller]
    fn check<T: Plain + std::fmt::Debug>(value: impl IntoValue, dims: &[usize], want: &[T]) -> Value {
        let value = value.into_value();
        assert_eq!((value.dims(), value.slice::<T>().unwrap()), (dims, want));
        value
    }

    #[test]
    fn nested_arrays_vecs_and_slices() {
        let want = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let rows = [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        check(rows, &[2, 3], &want);
        let (rows_ref, vec_ref) = (&rows, &rows.to_vec());
        check(rows_ref, &[2, 3], &want);
        check(vec_ref, &[2, 3], &want);
        check(&rows[..], &[2, 3], &want);
        check(rows.to_vec(), &[2, 3], &want);
        check([[[1, 2]], [[3, 4]]], &[2, 1, 2], &[1, 2, 3, 4]);
        check([[[[true]]]], &[1, 1, 1, 1], &[true]);
        check([[0u8; 0]; 3], &[3, 0], &[0u8; 0]);
        check(vec![1.5], &[1], &[1.5f64]);
        check(7i64, &[], &[7i64]);
    }

    #[test]
    fn a_vec_of_rows_is_adopted() {
        let rows = vec![[1.0f32, 2.0], [3.0, 4.0]];
        let at = rows.as_ptr().cast();
        assert_eq!(rows.into_value().slice::<f32>().unwrap().as_ptr(), at);
    }

    #[test]
    fn owned_arrays_are_adopted_and_views_copied_in_logical_order() {
        let x = array![[1, 2, 3], [4, 5, 6]];
        check(&x, &[2, 3], &[1, 2, 3, 4, 5, 6]);
        check(x.t(), &[3, 2], &[1, 4, 2, 5, 3, 6]);
        let (transposed, row) = (&x.t(), &x.row(1));
        check(transposed, &[3, 2], &[1, 4, 2, 5, 3, 6]);
        check(x.slice(s![.., ..;-1]), &[2, 3], &[3, 2, 1, 6, 5, 4]);
        check(x.clone().reversed_axes(), &[3, 2], &[1, 4, 2, 5, 3, 6]);
        check(x.to_shared(), &[2, 3], &[1, 2, 3, 4, 5, 6]);
        check(x.row(1).broadcast((2, 3)).unwrap(), &[2, 3], &[4, 5, 6, 4, 5, 6]);
        check(row, &[3], &[4, 5, 6]);
        let at = x.as_ptr();
        assert_eq!(x.into_value().slice::<i32>().unwrap().as_ptr(), at);
    }

    #[test]
    fn arrays_sliced_in_place_keep_only_what_they_show() {
        let x = || array![[1u8, 2], [3, 4], [5, 6]];
        check(x().slice_move(s![1.., ..]), &[2, 2], &[3u8, 4, 5, 6]);
        check(x().slice_move(s![..2, ..]), &[2, 2], &[1u8, 2, 3, 4]);
        check(x().slice_move(s![..;-1, ..]), &[3, 2], &[5u8, 6, 3, 4, 1, 2]);
        check(x().index_axis_move(Axis(1), 1), &[3], &[2u8, 4, 6]);
        check(x().slice_move(s![3.., ..]), &[0, 2], &[0u8; 0]);
        check(Array2::<f32>::zeros((0, 4)), &[0, 4], &[0f32; 0]);
        check(ArrayD::from_elem(IxDyn(&[]), 2i16), &[], &[2i16]);
    }

    #[test]
    fn strings_from_every_source() {
        let want = [b"a".to_vec(), b"bc".to_vec()];
        let owned = || vec!["a".to_string(), "bc".to_string()];
        let of = |value: Value| (value.dims().to_vec(), value.strings().unwrap().to_vec());
        for value in [
            ["a", "bc"].into_value(),
            (&["a", "bc"]).into_value(),
            vec!["a", "bc"].into_value(),
            owned().into_value(),
            (&owned()).into_value(),
            ndarray::arr1(&owned()).into_value(),
        ] {
            assert_eq!(of(value), (vec![2], want.to_vec()));
        }
        assert_eq!(of([["a"], ["bc"]].into_value()), (vec![2, 1], want.to_vec()));
        assert_eq!(of("a".into_value()), (vec![], vec![b"a".to_vec()]));
        assert!(!"a".into_value().is_weak() && "a".into_value().dtype() == DType::String);
    }

    #[test]
    fn only_bare_scalars_are_weak() {
        assert!(3.into_value().is_weak() && true.into_value().is_weak() && 2.5.into_value().is_weak());
        let value = 3.into_value();
        assert!((&value).into_value().is_weak());
        assert!(![3].into_value().is_weak() && !ndarray::arr0(3).into_value().is_weak());
        assert!(!Value::scalar_of(3).is_weak() && !value.reshaped(&[1]).unwrap().is_weak());
    }
}
