//! `BiasAdd`: adds a vector along the channel axis.

use std::sync::Arc;

use super::bias_add_grad::BiasAddGrad;
use super::window::CHUNK;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, GradCx, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::ops::IntoTensor;
use crate::value::{IntoValue, Value};
use crate::{dispatched, with_type};

/// Where the channels of an image batch stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DataFormat {
    /// The last axis.
    #[default]
    Nhwc,
    /// The second axis.
    Nchw,
}

impl DataFormat {
    /// The attribute `data_format`, `NHWC` where it is absent; the three-dimensional spellings count too.
    pub fn parse(attrs: &Attrs) -> Result<DataFormat> {
        match attrs.str_or("data_format", "NHWC")?.as_str() {
            "NHWC" | "NDHWC" | "NWC" => Ok(DataFormat::Nhwc),
            "NCHW" | "NCDHW" | "NCW" => Ok(DataFormat::Nchw),
            other => {
                Err(Error::invalid(format!("data_format must be NHWC or NCHW, but is {}", crate::error::escape(other))))
            }
        }
    }

    /// The attribute for files.
    pub fn attr(self) -> AttrValue {
        AttrValue::Str(if self == DataFormat::Nhwc { "NHWC" } else { "NCHW" }.into())
    }

    /// The channel axis of a tensor of this rank.
    pub(super) fn channel_axis(self, rank: usize) -> usize {
        if self == DataFormat::Nhwc { rank - 1 } else { 1 }
    }
}

/// Adds a vector along the channel axis.
#[derive(Debug, Clone)]
pub struct BiasAdd {
    /// Where the channels stand.
    pub data_format: DataFormat,
}

/// The row of [`BiasAdd`].
pub static BIAS_ADD: OpKind =
    OpKind::new("BiasAdd", "value: T, bias: T -> output: T", parse, examples).aliases(&["BiasAddV1"]);

impl Tensor {
    /// Adds `bias` along the last axis: `(.., n) + (n) -> (.., n)`. Any number dtype; an unknown size is taken from
    /// the other side.
    ///
    /// # Errors
    /// `ShapeMismatch` if the value has rank 0 or 1, the bias is no vector, or their sizes differ.
    ///
    /// Source: TensorFlow's `BiasAdd`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// assert_eq!(x.bias_add(g.constant([1.0f32, 2.0, 3.0])?)?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.bias_add")]
    #[track_caller]
    pub fn bias_add(&self, bias: impl IntoTensor) -> Result<Tensor> {
        let bias = bias.tensor(Some(self))?;
        self.graph().apply_one(BiasAdd { data_format: DataFormat::Nhwc }, &[self, &bias])
    }

    /// Adds `bias` along the second axis: `(b, n, ..) + (n) -> (b, n, ..)`; otherwise as [`Tensor::bias_add`].
    #[doc(alias = "tf.nn.bias_add")]
    #[track_caller]
    pub fn bias_add_nchw(&self, bias: impl IntoTensor) -> Result<Tensor> {
        let bias = bias.tensor(Some(self))?;
        self.graph().apply_one(BiasAdd { data_format: DataFormat::Nchw }, &[self, &bias])
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(BiasAdd { data_format: DataFormat::parse(attrs)? }))
}

fn examples() -> Vec<Example> {
    let value = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
    vec![
        Example::new(BiasAdd { data_format: DataFormat::Nhwc }, [value(), [0.5f32, 0.25, -1.0].into_value()]),
        Example::new(BiasAdd { data_format: DataFormat::Nchw }, [value(), [0.5f32, 0.25, -1.0].into_value()]),
        Example::new(BiasAdd { data_format: DataFormat::Nhwc }, [[[1i64, 2]].into_value(), [3i64, 4].into_value()]),
    ]
}

impl Op for BiasAdd {
    fn kind(&self) -> &'static OpKind {
        &BIAS_ADD
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let value = cx.shape(0).with_rank_at_least(2)?;
        let bias = cx.shape(1).with_rank(1)?;
        let shape = match value.rank() {
            None => value,
            Some(rank) => {
                let axis = self.data_format.channel_axis(rank);
                value.replace_dim(axis, value.dim(axis).merge(&bias.dim(0))?)?
            }
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        check_dims(cx.input(0).dims(), cx.input(1).dims(), self.data_format)?;
        let mut value = cx.take_unique(0)?;
        let bias = cx.input(1);
        if value.is_empty() {
            cx.output(0, value);
            return Ok(());
        }
        let inner = value.dims()[self.data_format.channel_axis(value.rank()) + 1..].iter().product();
        with_type!(value.dtype(), T in numbers => add::<T>(cx, &mut value, bias, inner)?, else => {
            return Err(Error::unsupported(format!("bias_add is for numbers, not for {}", value.dtype())));
        });
        cx.output(0, value);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        let dy = cx.dy()?;
        let of_bias = cx.graph().apply_one(BiasAddGrad { data_format: self.data_format }, &[dy])?;
        Ok(vec![Some(dy.clone()), Some(of_bias)])
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("data_format", self.data_format.attr())]
    }
}

fn check_dims(value: &[usize], bias: &[usize], format: DataFormat) -> Result<()> {
    if value.len() < 2 || bias.len() != 1 || value[format.channel_axis(value.len())] != bias[0] {
        return Err(Error::shape(format!(
            "must provide as many biases as the channel dimension of the input tensor: {bias:?} vs. {value:?}"
        )));
    }
    Ok(())
}

/// `inner` elements share one bias.
fn add<T: Number>(cx: &RunCx<'_>, value: &mut Value, bias: &Value, inner: usize) -> Result<()> {
    let (bias, value) = (bias.slice::<T>()?, value.make_mut::<T>()?);
    let row = bias.len() * inner;
    if row <= CHUNK {
        return cx.for_chunks_mut(value, CHUNK / row * row, &|_, rows| add_rows(rows, bias, inner));
    }
    value.chunks_mut(row).try_for_each(|row| add_long_row(cx, row, bias, inner))
}

/// As [`add_rows`], of one row that many threads share.
fn add_long_row<T: Number>(cx: &RunCx<'_>, row: &mut [T], bias: &[T], inner: usize) -> Result<()> {
    if inner > CHUNK {
        let mut channels = row.chunks_mut(inner).zip(bias.chunks(1));
        return channels.try_for_each(|(cells, bias)| {
            cx.for_chunks_mut(cells, CHUNK, &|_, cells| add_rows(cells, bias, cells.len()))
        });
    }
    let channels = CHUNK / inner;
    cx.for_chunks_mut(row, channels * inner, &|chunk, cells| {
        add_rows(cells, &bias[chunk * channels..][..cells.len() / inner], inner);
    })
}

dispatched! { fn add_rows<T: Number>(rows: &mut [T], bias: &[T], inner: usize) = add_rows_body; }

#[inline(always)]
fn add_rows_body<T: Number, const FMA: bool>(rows: &mut [T], bias: &[T], inner: usize) {
    for row in rows.chunks_exact_mut(bias.len() * inner) {
        if inner == 1 {
            row.iter_mut().zip(bias).for_each(|(cell, bias)| *cell = cell.plus(*bias));
            continue;
        }
        for (cells, bias) in row.chunks_exact_mut(inner).zip(bias) {
            cells.iter_mut().for_each(|cell| *cell = cell.plus(*bias));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn channels_follow_the_format() {
        let nhwc = BiasAdd { data_format: DataFormat::Nhwc };
        infer_ok(&nhwc, "(?,3);(3)", "(?,3)");
        infer_ok(&nhwc, "(?,?);(3)", "(?,3)");
        infer_ok(&nhwc, "<unknown>;(3)", "<unknown>");
        infer_ok(&BiasAdd { data_format: DataFormat::Nchw }, "(?,?,5,6);(3)", "(?,3,5,6)");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let nhwc = BiasAdd { data_format: DataFormat::Nhwc };
        infer_err(&nhwc, "(2,4);(3)", "dimensions must be equal, but are 4 and 3");
        infer_err(&nhwc, "(4);(4)", "shape must be at least rank 2 but is rank 1");
        infer_err(&nhwc, "(2,4);(4,1)", "shape must be rank 1 but is rank 2");
    }

    /// By hand, at rows that are longer than a chunk: of many channels, of long channels, and of both.
    #[test]
    fn long_rows_get_the_biases_of_their_channels() {
        for [channels, inner] in [[CHUNK + 3, 1], [2, CHUNK + 5], [300, 700]] {
            let bias = Value::from_vec(&[channels], (0..channels as i32).collect()).unwrap();
            let value = Value::full(&[2, channels, inner], 1i32).unwrap();
            let got = run_op(BiasAdd { data_format: DataFormat::Nchw }, &[value, bias]).unwrap();
            let want = |i: usize| 1 + (i / inner % channels) as i32;
            assert!(got[0].slice::<i32>().unwrap().iter().enumerate().all(|(i, x)| *x == want(i)));
        }
    }
}
