//! `DynamicPartition`: the rows of a tensor, shared out among several.

use std::sync::Arc;

use super::cells::{cells, cells_mut, with_cells};
use super::gather::Picking;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Example, InferCx, Ints, Op, OpKind, RunCx, Tensor};
use crate::ops::IntoTensor;
use crate::shape::{Dim, Dims, Shape, element_count};
use crate::value::{IntoValue, ScratchVec, Value};

/// The rows of a tensor, each in the output whose number it has, in their order.
#[derive(Debug, Clone)]
pub struct DynamicPartition {
    /// How many outputs there are.
    pub num_partitions: usize,
}

/// The row of [`DynamicPartition`].
pub static DYNAMIC_PARTITION: OpKind =
    OpKind::new("DynamicPartition", "data: T, partitions: int32 -> outputs: num_partitions*T", parse, examples);

impl Tensor {
    /// The rows of this tensor shared out: output `i` has those whose number in `partitions` (int32) is `i`, in their
    /// order. `(n.., r..)` by `(n..)` is `num_partitions` times `(?, r..)`.
    ///
    /// # Errors
    /// `ShapeMismatch` where the tensor's shape does not begin with that of the numbers; `InvalidArgument` for no
    /// outputs, and in the run for a number outside of `[0, num_partitions)`.
    ///
    /// Source: TensorFlow's `DynamicPartition`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![4, 2])?;
    /// assert_eq!(x.dynamic_partition(g.constant([0, 1, 0, 1])?, 2)?[0].shape().to_string(), "(?, 2)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.dynamic_partition")]
    #[track_caller]
    pub fn dynamic_partition(&self, partitions: impl IntoTensor, num_partitions: usize) -> Result<Vec<Tensor>> {
        let partitions = partitions.tensor(None)?;
        Ok(self.graph().apply(DynamicPartition { num_partitions }, &[self, &partitions])?.outputs())
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let n = attrs.int("num_partitions")?;
    match usize::try_from(n) {
        Ok(num_partitions) if num_partitions > 0 => Ok(Arc::new(DynamicPartition { num_partitions })),
        _ => Err(Error::invalid(format!("num_partitions must be at least 1, but is {n}"))),
    }
}

fn examples() -> Vec<Example> {
    let of = |num_partitions, data: Value, partitions: Value| {
        Example::new(DynamicPartition { num_partitions }, [data, partitions])
    };
    vec![
        of(2, [1.0f32, 2.0, 3.0].into_value(), [1i32, 0, 1].into_value()),
        of(3, [[["a"], ["b"]]].into_value(), [[2i32, 0]].into_value()),
        of(1, [1i64, 2].into_value(), 0i32.into_value()),
    ]
}

impl Op for DynamicPartition {
    fn kind(&self) -> &'static OpKind {
        &DYNAMIC_PARTITION
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if self.num_partitions == 0 {
            return Err(Error::invalid("num_partitions must be at least 1, but is 0"));
        }
        cx.check_n_outputs(self.num_partitions)?;
        let rest = match cx.shape(1).rank() {
            Some(rank) => {
                cx.shape(0).slice(..rank)?.merge(cx.shape(1))?;
                cx.shape(0).slice(rank..)?
            }
            None => Shape::unknown(),
        };
        for _ in 0..self.num_partitions {
            let shape = Shape::from(vec![Dim::unknown()]).concat(&rest)?;
            cx.output(cx.dtype(0), shape);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (data, partitions) = (cx.input(0), cx.input(1));
        let Some(row_dims) = data.dims().strip_prefix(partitions.dims()) else {
            let (data, partitions) = (data.dims(), partitions.dims());
            return Err(Error::shape(format!(
                "data.shape must start with partitions.shape, got data.shape = {data:?}, partitions.shape = \
                 {partitions:?}"
            )));
        };
        let row_len = element_count(row_dims)?;
        // Bounded by the outputs.
        let mut outputs = Vec::with_capacity(self.num_partitions);
        for rows in self.shares(cx, partitions)? {
            let dims: Dims = [rows.len()].into_iter().chain(row_dims.iter().copied()).collect();
            let mut out = cx.alloc(data.dtype(), &dims)?;
            let picking = Picking { outer: 1, size: 0, picks: rows.len(), inner: row_len };
            with_cells!(data.dtype(), E => picking.run::<E>(cx, cells(data)?, &rows, cells_mut(&mut out)?)?);
            outputs.push(out);
        }
        outputs.into_iter().enumerate().for_each(|(i, out)| cx.output(i, out));
        Ok(())
    }
}

impl DynamicPartition {
    /// The rows of each output.
    fn shares(&self, cx: &RunCx<'_>, partitions: &Value) -> Result<Vec<ScratchVec<usize>>> {
        let mut shares = (0..self.num_partitions).map(|_| cx.list(0)).collect::<Result<Vec<_>>>()?;
        let mut pace = cx.pace();
        for (row, number) in Ints::of(partitions)?.iter().enumerate() {
            pace.spend(4)?;
            let share = usize::try_from(number).ok().and_then(|number| shares.get_mut(number));
            let outside = || {
                let at = super::gather::place(partitions.dims(), row);
                Error::invalid(format!("partitions{at} = {number} is not in [0, {})", self.num_partitions))
            };
            share.ok_or_else(outside)?.push(row)?;
        }
        Ok(shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[test]
    fn rows_are_shared_out_in_order() {
        let data = [[1, 2], [3, 4], [5, 6]].into_value();
        let out = run_op(DynamicPartition { num_partitions: 3 }, &[data, [2, 0, 2].into_value()]).unwrap();
        let dims: Vec<_> = out.iter().map(Value::dims).collect();
        assert_eq!(dims, [[1, 2], [0, 2], [2, 2]]);
        assert_eq!(out[2].slice::<i32>().unwrap(), [1, 2, 5, 6]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let op = DynamicPartition { num_partitions: 2 };
        infer_ok(&op, "(?,3);int32(2)", "(?,3);(?,3)");
        infer_ok(&op, "(?,3);int32<unknown>", "<unknown>;<unknown>");
        infer_err(&op, "(2,3);int32(4)", "must be equal, but are 2 and 4");
        let error = run_op(op, &[[1, 2].into_value(), [0, 2].into_value()]).unwrap_err();
        assert!(error.message().contains("partitions[1] = 2 is not in [0, 2)"), "{error}");
    }
}
