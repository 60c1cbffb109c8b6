//! `MaxPoolV2`, `MaxPoolGradV2` and `MaxPoolGradGradV2`: the pools of the largest whose window is an input.

use std::sync::Arc;

use super::bias_add::DataFormat;
use super::conv::counting;
use super::depth_pool::DepthMaxPool;
use super::max_pool_grad_grad::MaxPoolGradGrad;
use super::pool::{Pool, Pooling, check_ksize};
use super::pool_grad::PoolGrad;
use super::window::{Padding, Window, format_attr, parse_padding};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, to_ints};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// Which of the pool's ops it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolStage {
    /// The pool.
    Value,
    /// Its gradient.
    Gradient,
    /// The gradient of that.
    SecondGradient,
}

/// A [`Pool`] of the largest over images, or its gradients, whose sizes and strides are the last two inputs: int32
/// vectors of 4. Where they are not known before the run, the shape is not either.
#[derive(Debug, Clone)]
pub struct MaxPoolV2 {
    /// Which op.
    pub stage: PoolStage,
    /// What lies around the image.
    pub padding: Padding,
    /// Where the channels stand.
    pub data_format: DataFormat,
}

macro_rules! rows {
    ($($row:ident $name:literal $stage:ident $signature:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            $signature,
            |attrs| parse(attrs, PoolStage::$stage),
            || examples(PoolStage::$stage),
        );
    )* };
}
rows! {
    MAX_POOL_V2 "MaxPoolV2" Value "input: T, ksize: int32, strides: int32 -> output: T";
    MAX_POOL_GRAD_V2 "MaxPoolGradV2" Gradient
        "orig_input: T, orig_output: T, grad: T, ksize: int32, strides: int32 -> output: T";
    MAX_POOL_GRAD_GRAD_V2 "MaxPoolGradGradV2" SecondGradient
        "orig_input: T, orig_output: T, grad: T, ksize: int32, strides: int32 -> output: T";
}

fn parse(attrs: &Attrs, stage: PoolStage) -> Result<Arc<dyn Op>> {
    let padding = parse_padding(attrs)?;
    if matches!(padding, Padding::Explicit(_)) {
        return Err(Error::invalid("padding must be SAME or VALID, but is EXPLICIT"));
    }
    Ok(Arc::new(MaxPoolV2 { stage, padding, data_format: DataFormat::parse(attrs)? }))
}

fn examples(stage: PoolStage) -> Vec<Example> {
    let op = MaxPoolV2 { stage, padding: Padding::Same, data_format: DataFormat::Nhwc };
    let (x, y) = (|| counting(&[2, 5, 5, 3]), || counting(&[2, 3, 3, 3]));
    let sizes = || [1i32, 2, 2, 1].into_value();
    let mut inputs: Vec<Value> = match stage {
        PoolStage::Value => vec![x()],
        PoolStage::Gradient => vec![x(), y(), y()],
        PoolStage::SecondGradient => vec![x(), y(), x()],
    };
    inputs.extend([sizes(), sizes()]);
    vec![Example::new(op, inputs)]
}

impl MaxPoolV2 {
    /// How many inputs are images; the sizes and the strides come after them.
    fn n_images(&self) -> usize {
        if self.stage == PoolStage::Value { 1 } else { 3 }
    }

    /// The op with this window as attributes.
    fn with_window(&self, ksize: Vec<i64>, strides: Vec<i64>) -> Result<Box<dyn Op>> {
        if self.stage == PoolStage::Value
            && let Some(depth) = DepthMaxPool::of_window(&ksize, &strides, self.data_format, &self.padding)?
        {
            return Ok(Box::new(depth));
        }
        let window =
            // Bounded by the rank.
            Window { data_format: self.data_format, strides, dilations: vec![1; 4], padding: self.padding.clone() };
        window.check(2)?;
        check_ksize(&ksize, "ksize", &window)?;
        Ok(match self.stage {
            PoolStage::Value => Box::new(Pool { how: Pooling::Max, ksize, window }),
            PoolStage::Gradient => Box::new(PoolGrad { how: Pooling::Max, ksize, window }),
            PoolStage::SecondGradient => Box::new(MaxPoolGradGrad { ksize, window }),
        })
    }
}

impl Op for MaxPoolV2 {
    fn kind(&self) -> &'static OpKind {
        match self.stage {
            PoolStage::Value => &MAX_POOL_V2,
            PoolStage::Gradient => &MAX_POOL_GRAD_V2,
            PoolStage::SecondGradient => &MAX_POOL_GRAD_GRAD_V2,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let n = self.n_images();
        cx.shape(0).with_rank(4)?;
        for i in n..n + 2 {
            cx.shape(i).with_rank(1)?.with_dim(0, &4.into())?;
        }
        if let (Some(ksize), Some(strides)) = (cx.ints(n), cx.ints(n + 1)) {
            return self.with_window(ksize, strides)?.infer(cx);
        }
        let shape = match self.stage {
            PoolStage::Value => Shape::unknown(),
            PoolStage::Gradient => cx.shape(0).with_rank(4)?,
            PoolStage::SecondGradient => cx.shape(1).with_rank(4)?,
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let n = self.n_images();
        let ints = |i: usize| match cx.input(i).dims() {
            [4] => to_ints(cx.input(i)).ok_or_else(|| Error::dtype("ksize and strides must be int32")),
            dims => Err(Error::shape(format!("ksize and strides must have shape [4], but one has {dims:?}"))),
        };
        let (ksize, strides) = (ints(n)?, ints(n + 1)?);
        self.with_window(ksize, strides)?.run(cx)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let padding = if self.padding == Padding::Same { "SAME" } else { "VALID" };
        vec![("data_format", format_attr(self.data_format, 2)), ("padding", AttrValue::Str(padding.into()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    fn op() -> MaxPoolV2 {
        MaxPoolV2 { stage: PoolStage::Value, padding: Padding::Valid, data_format: DataFormat::Nhwc }
    }

    #[test]
    fn shapes_wait_for_the_window() {
        infer_ok(&op(), "(2,5,5,3);int32(4);int32(4)", "<unknown>");
        infer_err(&op(), "(2,5,5,3);int32(3);int32(4)", "must be 4 but is 3");
        let g = crate::graph::Graph::new();
        let sizes = g.constant([1, 2, 2, 1]).unwrap();
        let x = g.placeholder(crate::DType::F32, crate::shape![?, 5, 5, 3]).unwrap();
        assert_eq!(g.apply_one(op(), &[&x, &sizes, &sizes]).unwrap().shape().to_string(), "(?, 2, 2, 3)");
    }

    #[test]
    fn the_window_is_that_of_the_inputs() {
        let x = counting(&[1, 4, 4, 2]);
        let sizes = || [1i32, 2, 2, 1].into_value();
        let want = Pool { how: Pooling::Max, ksize: vec![1, 2, 2, 1], window: Window::new(2, 2, Padding::Valid) };
        let got = run_op(op(), &[x.clone(), sizes(), sizes()]).unwrap();
        assert!(got[0].same_bits(&run_op(want, &[x]).unwrap()[0]));
    }
}
