//! `saturate_cast`: elements of another dtype, cut to what it holds. The nodes are those of TF1.

use half::{bf16, f16};

use super::cast::cast_value;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::Tensor;
use crate::value::{IntoValue, Value};

impl Tensor {
    /// The elements as another dtype, `(..) -> (..)`; those below its least number or above its largest one become that
    /// number. Floats lose their fraction as in [`Tensor::cast`].
    ///
    /// # Errors
    /// `Unsupported` for other dtypes than integers and floats.
    ///
    /// Source: TensorFlow's `tf.saturate_cast`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?.saturate_cast(DType::U8)?;
    /// assert_eq!(x.to_string(), r#"Tensor("saturate_cast:0", shape=(?, 3), dtype=uint8)"#);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.saturate_cast")]
    #[track_caller]
    pub fn saturate_cast(&self, dtype: DType) -> Result<Tensor> {
        let (own, least, largest) = (limits(self.dtype())?, limits(dtype)?.0, limits(dtype)?.1);
        let g = self.graph();
        g.composite("saturate_cast", |scope| {
            let mut x = self.clone();
            if own.0.number < least.number {
                let min = g.named("min", || g.constant(cast_value(&least.value, x.dtype())?))?;
                x = x.maximum(&min)?;
            }
            if own.1.number > largest.number {
                let max = g.named("max", || g.constant(cast_value(&largest.value, x.dtype())?))?;
                x = x.minimum(&max)?;
            }
            g.named(scope, || x.cast(dtype))
        })
    }
}

/// An end of the numbers of a dtype, as a value and for comparisons, for which float64 is precise enough.
struct Limit {
    value: Value,
    number: f64,
}

fn limits(dtype: DType) -> Result<(Limit, Limit)> {
    macro_rules! of {
        ($t:ty, $as_f64:expr) => {
            [<$t>::MIN, <$t>::MAX].map(|limit| Limit { value: limit.into_value(), number: $as_f64(limit) })
        };
    }
    let [least, largest] = match dtype {
        DType::I8 => of!(i8, f64::from),
        DType::I16 => of!(i16, f64::from),
        DType::I32 => of!(i32, f64::from),
        DType::I64 => of!(i64, |n| n as f64),
        DType::U8 => of!(u8, f64::from),
        DType::U16 => of!(u16, f64::from),
        DType::U32 => of!(u32, f64::from),
        DType::U64 => of!(u64, |n| n as f64),
        DType::F16 => of!(f16, f64::from),
        DType::BF16 => of!(bf16, f64::from),
        DType::F32 => of!(f32, f64::from),
        DType::F64 => of!(f64, |x| x),
        _ => return Err(Error::unsupported(format!("saturate_cast is for integers and floats, not for {dtype}"))),
    };
    Ok((least, largest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::session::Session;

    /// By the definition.
    #[test]
    fn numbers_past_the_limits_become_the_limits() -> Result<()> {
        let g = Graph::new();
        let x = g.constant([-1.5f32, 254.9, 300.0, f32::INFINITY])?;
        let wide = g.constant([i64::MAX, -7, i64::MIN])?;
        let (bytes, ints) = (x.saturate_cast(DType::U8)?, wide.saturate_cast(DType::I32)?);
        let same = wide.saturate_cast(DType::F64)?;
        let got = Session::new(&g)?.run([&bytes, &ints, &same])?;
        assert_eq!(got[0].slice::<u8>()?, [0, 254, 255, 255]);
        assert_eq!(got[1].slice::<i32>()?, [i32::MAX, -7, i32::MIN]);
        assert_eq!(got[2].slice::<f64>()?[1], -7.0);
        assert!(x.saturate_cast(DType::Bool).unwrap_err().message().contains("not for bool"));
        Ok(())
    }
}
