//! `ShardedFilename` and `ShardedFilespec`: the names of files that hold one thing in several parts.

use std::sync::Arc;

use super::{NO_GRADIENT, scalar};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

/// `name-00001-of-00002`: `(), (), () -> ()`.
#[derive(Debug, Clone)]
pub struct ShardedFilename;

/// `name-?????-of-00002`, which stands for all parts: `(), () -> ()`.
#[derive(Debug, Clone)]
pub struct ShardedFilespec;

/// The row of [`ShardedFilename`].
pub static SHARDED_FILENAME: OpKind = OpKind::new(
    "ShardedFilename",
    "basename: string, shard: int32, num_shards: int32 -> filename: string",
    |_| Ok(Arc::new(ShardedFilename)),
    || vec![Example::new(ShardedFilename, ["a".into_value(), 1.into_value(), 2.into_value()])],
)
.not_differentiable(NO_GRADIENT);

/// The row of [`ShardedFilespec`].
pub static SHARDED_FILESPEC: OpKind = OpKind::new(
    "ShardedFilespec",
    "basename: string, num_shards: int32 -> filename: string",
    |_| Ok(Arc::new(ShardedFilespec)),
    || vec![Example::new(ShardedFilespec, ["a".into_value(), 2.into_value()])],
)
.not_differentiable(NO_GRADIENT);

fn infer(cx: &mut InferCx<'_>) -> Result<()> {
    (0..cx.n_inputs()).try_for_each(|i| cx.shape(i).with_rank(0).map(drop))?;
    cx.output(DType::String, Shape::scalar());
    Ok(())
}

/// The one number of input `i`.
fn number(cx: &RunCx<'_>, i: usize, name: &str) -> Result<i32> {
    match cx.input(i).rank() {
        0 => cx.input(i).scalar(),
        rank => Err(Error::invalid(format!("{name} must be a scalar, but has rank {rank}"))),
    }
}

/// The name, with what comes after it.
fn put(cx: &mut RunCx<'_>, end: String) -> Result<()> {
    let name = [scalar(cx, 0, "basename")?, end.as_bytes()].concat();
    let value = Value::from_strings(&[], vec![name])?;
    cx.output(0, value);
    Ok(())
}

impl Op for ShardedFilename {
    fn kind(&self) -> &'static OpKind {
        &SHARDED_FILENAME
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (shard, n) = (number(cx, 1, "shard")?, number(cx, 2, "num_shards")?);
        put(cx, format!("-{shard:05}-of-{n:05}"))
    }
}

impl Op for ShardedFilespec {
    fn kind(&self) -> &'static OpKind {
        &SHARDED_FILESPEC
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer(cx)
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let n = number(cx, 1, "num_shards")?;
        put(cx, format!("-?????-of-{n:05}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn numbers_have_five_digits_or_more() {
        let name = |shard: i32, n: i32| {
            let out = run_op(ShardedFilename, &["b".into_value(), shard.into_value(), n.into_value()]).unwrap();
            String::from_utf8(out[0].strings().unwrap()[0].clone()).unwrap()
        };
        assert_eq!(name(3, 5), "b-00003-of-00005");
        // As TensorFlow 1.15.5 writes them.
        assert_eq!(name(-3, 1_234_567), "b--0003-of-1234567");
        let vector = run_op(ShardedFilespec, &["b".into_value(), [2].into_value()]);
        assert!(vector.is_err_and(|error| error.message().contains("rank")));
        infer_ok(&ShardedFilespec, "string();int32()", "()");
        infer_err(&ShardedFilename, "string(1);int32();int32()", "shape must be rank 0 but is rank 1");
    }
}
