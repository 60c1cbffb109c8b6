use half::f16;

use super::*;

/// The fold of a row, and of the same row as columns of one element.
fn both<T: Number, A: Number>(how: How, x: &[T]) -> (A, A) {
    let fold = Fold::of(how, T::DTYPE).unwrap();
    assert_eq!(fold.acc(), A::DTYPE);
    let (mut row, mut column) = ([A::ZERO], [A::ZERO]);
    fold.row(bytes_of(x), bytes_of_mut(&mut row));
    fold.columns(bytes_of(x), 1, x.len(), bytes_of_mut(&mut column));
    (row[0], column[0])
}

#[test]
fn rows_and_columns_of_each_dtype() {
    for n in [0usize, 1, 31, 32, 33, 1024, 1025, 5000] {
        let ints: Vec<i64> = (0..n as i64).map(|i| i * 7919 % 97 - 48).collect();
        let (sum, most) = (ints.iter().sum::<i64>(), ints.iter().max().copied());
        let floats: Vec<f32> = ints.iter().map(|x| *x as f32).collect();
        assert_eq!(both::<f32, f32>(How::Sum, &floats), (sum as f32, sum as f32), "{n}");
        let most_f32 = most.map_or(f32::NEG_INFINITY, |most| most as f32);
        assert_eq!(both::<f32, f32>(How::Largest, &floats), (most_f32, most_f32));
        let small: Vec<i8> = ints.iter().map(|x| *x as i8).collect();
        assert_eq!(both::<i8, i32>(How::Sum, &small), (sum as i32, sum as i32));
        let bytes: Vec<u32> = ints.iter().map(|x| *x as u32).collect();
        assert_eq!(both::<u32, u32>(How::Sum, &bytes), (sum as u32, sum as u32));
        let largest = bytes.iter().max().map_or(i64::MIN, |x| i64::from(*x));
        assert_eq!(both::<u32, i64>(How::Largest, &bytes), (largest, largest));
        let halves: Vec<f16> = floats.iter().map(|x| f16::from_f32(*x)).collect();
        let squares = floats.iter().map(|x| x * x).sum::<f32>();
        assert_eq!(both::<f16, f32>(How::Squares, &halves), (squares, squares));
        let pairs: Vec<Complex<f32>> = floats.iter().map(|x| Complex::new(*x, -*x)).collect();
        let total = Complex::new(sum as f32, -sum as f32);
        assert_eq!(both::<Complex<f32>, Complex<f32>>(How::Sum, &pairs), (total, total));
        assert_eq!(super::sum(&floats), sum as f32);
        assert_eq!(super::largest(&floats), most_f32);
    }
}

#[test]
fn folds_of_bools_are_of_bytes() {
    let folded = |how, x: &[u8]| {
        let mut out = [9];
        Fold::of(how, DType::Bool).unwrap().rows(x, x.len(), &mut out);
        out[0]
    };
    assert_eq!((folded(How::All, &[1; 100]), folded(How::All, &[1, 0, 1]), folded(How::All, &[])), (1, 0, 1));
    assert_eq!((folded(How::Any, &[0; 100]), folded(How::Any, &[1, 0, 1]), folded(How::Any, &[])), (0, 1, 0));
    assert!(Fold::of(How::Sum, DType::Bool).is_none() && Fold::of(How::Largest, DType::C64).is_none());
    assert!(Fold::of(How::All, DType::I32).is_none());
}

/// Rows of columns that lie further apart than they are wide.
#[test]
fn columns_have_a_stride() {
    let x: Vec<u16> = (0..40).collect();
    let mut out = [0i32; 3];
    Fold::of(How::Sum, DType::U16).unwrap().columns(bytes_of(&x[1..]), 10, 4, bytes_of_mut(&mut out));
    assert_eq!(out, [1 + 11 + 21 + 31, 2 + 12 + 22 + 32, 3 + 13 + 23 + 33]);
}
