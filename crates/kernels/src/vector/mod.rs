//! Functions over slices of float32 and float64, in vector instructions that are chosen once, at run time.
//!
//! ```
//! use sessile_kernels::vector::{Binary, Unary, map_f32};
//! let mut y = [0.0; 3];
//! map_f32(Unary::Relu, &[-1.0, 0.5, 2.0], &mut y);
//! assert_eq!(y, [0.0, 0.5, 2.0]);
//! Binary::Mul.f32().over_left_scalar(&mut y, 4.0);
//! assert_eq!(y, [0.0, 2.0, 8.0]);
//! ```
//!
//! An element's result depends on the element alone, never on its place in the slice or on the slice's length: chunks
//! and tiles may be cut anywhere. The float32 exponentials, logarithms, `tanh` and `sigmoid` err by at most 2.7 units in
//! the last place, everything else by about one half to one; NaN, infinities, signed zeros and subnormal numbers come out
//! as the C library's. Sums have a shape that depends on the length alone ([`reduce`]).

mod apply;
mod binary;
mod formula;
pub mod reduce;
#[cfg(test)]
mod tests;
mod unary;
mod wide;

pub use apply::{Map1, Map2};
pub use binary::Binary;
pub use unary::Unary;

/// A function of one float32.
pub type UnaryF32 = Unary;
/// A function of one float64.
pub type UnaryF64 = Unary;

/// `out[i] = f(x[i])`.
///
/// # Panics
/// If the lengths differ.
pub fn map_f32(f: UnaryF32, x: &[f32], out: &mut [f32]) {
    f.f32().out(x, out);
}

/// `x[i] = f(x[i])`.
pub fn map_in_place_f32(f: UnaryF32, x: &mut [f32]) {
    f.f32().in_place(x);
}

/// `out[i] = f(x[i])`.
///
/// # Panics
/// If the lengths differ.
pub fn map_f64(f: UnaryF64, x: &[f64], out: &mut [f64]) {
    f.f64().out(x, out);
}

/// `x[i] = f(x[i])`.
pub fn map_in_place_f64(f: UnaryF64, x: &mut [f64]) {
    f.f64().in_place(x);
}
