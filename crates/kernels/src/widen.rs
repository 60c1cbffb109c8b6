//! Rows of rare dtypes as rows of a wider one that has all of their numbers, and back.
//!
//! What is compiled for each dtype is this conversion alone; the loops are those of the wider dtype. Halves are rounded
//! to nearest on the way back; integers keep their low bits, so sums, differences and products wrap as they should.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use crate::DType;
use crate::number::{of_bytes, of_bytes_mut};

/// A conversion of as many elements as both rows have; they must be aligned as elements of their dtypes are.
type Convert = fn(from: &[u8], to: &mut [u8]);

/// How a rare dtype becomes a wider one, and how it comes back.
#[derive(Debug, Clone, Copy)]
pub struct Widen {
    /// The wider dtype.
    pub wide: DType,
    load: Convert,
    store: Convert,
}

impl Widen {
    /// For float16 and bfloat16 float32, for integers of 8 and 16 bits int32, for uint32 int64; other dtypes have none.
    pub fn of(dtype: DType) -> Option<Widen> {
        Some(match dtype {
            DType::F16 => Widen { wide: DType::F32, load: load_f16, store: store_f16 },
            DType::BF16 => Widen { wide: DType::F32, load: load_bf16, store: store_bf16 },
            DType::I8 => Widen { wide: DType::I32, load: load_i8, store: store_i8 },
            DType::I16 => Widen { wide: DType::I32, load: load_i16, store: store_i16 },
            DType::U8 => Widen { wide: DType::I32, load: load_u8, store: store_u8 },
            DType::U16 => Widen { wide: DType::I32, load: load_u16, store: store_u16 },
            DType::U32 => Widen { wide: DType::I64, load: load_u32, store: store_u32 },
            _ => return None,
        })
    }

    /// Makes a row of the wider dtype.
    ///
    /// # Panics
    /// If the rows are not of one length, or not aligned.
    pub fn load(&self, narrow: &[u8], wide: &mut [u8]) {
        (self.load)(narrow, wide);
    }

    /// Makes a row of the rare dtype.
    ///
    /// # Panics
    /// As [`Widen::load`].
    pub fn store(&self, wide: &[u8], narrow: &mut [u8]) {
        (self.store)(wide, narrow);
    }
}

macro_rules! integers {
    ($($t:ident $wide:ident $load:ident $store:ident;)*) => { $(
        fn $load(from: &[u8], to: &mut [u8]) {
            let (from, to) = (of_bytes::<$t>(from), of_bytes_mut::<$wide>(to));
            assert_eq!(from.len(), to.len(), "lengths are equal");
            for i in 0..to.len() {
                to[i] = $wide::from(from[i]);
            }
        }

        fn $store(from: &[u8], to: &mut [u8]) {
            let (from, to) = (of_bytes::<$wide>(from), of_bytes_mut::<$t>(to));
            assert_eq!(from.len(), to.len(), "lengths are equal");
            for i in 0..to.len() {
                to[i] = from[i] as $t;
            }
        }
    )* };
}
integers! {
    i8 i32 load_i8 store_i8;
    i16 i32 load_i16 store_i16;
    u8 i32 load_u8 store_u8;
    u16 i32 load_u16 store_u16;
    u32 i64 load_u32 store_u32;
}

macro_rules! halves {
    ($($t:ident $load:ident $store:ident;)*) => { $(
        fn $load(from: &[u8], to: &mut [u8]) {
            of_bytes::<$t>(from).convert_to_f32_slice(of_bytes_mut(to));
        }

        fn $store(from: &[u8], to: &mut [u8]) {
            of_bytes_mut::<$t>(to).convert_from_f32_slice(of_bytes(from));
        }
    )* };
}
halves! { f16 load_f16 store_f16; bf16 load_bf16 store_bf16; }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Number;
    use crate::number::bytes_of;

    fn back_and_forth<T: Number, W: Number>(x: &[T], wide: &[W]) {
        let widen = Widen::of(T::DTYPE).unwrap();
        assert_eq!(widen.wide, W::DTYPE);
        let mut got = vec![W::ZERO; x.len()];
        widen.load(bytes_of(x), crate::number::bytes_of_mut(&mut got));
        assert_eq!(got, wide);
        let mut back = vec![T::ZERO; x.len()];
        widen.store(bytes_of(&got), crate::number::bytes_of_mut(&mut back));
        assert_eq!(back, x);
    }

    #[test]
    fn wide_rows_come_back() {
        back_and_forth(&[-128i8, 0, 127], &[-128i32, 0, 127]);
        back_and_forth(&[i16::MIN, 5], &[-32768i32, 5]);
        back_and_forth(&[0u8, 255], &[0i32, 255]);
        back_and_forth(&[0u16, 65535], &[0i32, 65535]);
        back_and_forth(&[u32::MAX, 1], &[4_294_967_295i64, 1]);
        back_and_forth(&[f16::from_f32(0.1), f16::INFINITY], &[f16::from_f32(0.1).to_f32(), f32::INFINITY]);
        back_and_forth(&[bf16::from_f32(0.1), bf16::MIN], &[bf16::from_f32(0.1).to_f32(), bf16::MIN.to_f32()]);
        assert!(Widen::of(DType::U64).is_none() && Widen::of(DType::F32).is_none());
    }

    #[test]
    fn integers_wrap_on_their_way_back() {
        let mut back = [0i8; 2];
        let widen = Widen::of(DType::I8).unwrap();
        widen.store(bytes_of(&[200i32, -129]), crate::number::bytes_of_mut(&mut back));
        assert_eq!(back, [-56, 127]);
    }
}
