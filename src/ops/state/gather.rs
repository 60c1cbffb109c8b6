//! `ResourceGather`: rows of a variable, without reading all of it.

use std::sync::Arc;

use super::read::read;
use super::scatter::{check_index, out_of_range};
use crate::dtype::Plain;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, RunCx, to_ints};
use crate::value::{IntoValue, Value};
use crate::with_type;

/// The rows that `indices` name: `(n, ..), i.. -> (i.., ..)`.
#[derive(Debug, Clone)]
pub struct ResourceGather;

/// The row of [`ResourceGather`].
pub static RESOURCE_GATHER: OpKind =
    OpKind::new("ResourceGather", "resource: Ref(dtype), indices: Tindices -> output: dtype", parse, examples)
        .effect(Effect::Inspects);

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    attrs.bool_or("validate_indices", true)?;
    let batch_dims = attrs.int_or("batch_dims", 0)?;
    if batch_dims != 0 {
        return Err(Error::unsupported(format!("batch_dims must be 0 for a variable, but is {batch_dims}")));
    }
    Ok(Arc::new(ResourceGather))
}

fn examples() -> Vec<Example> {
    let var = [[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]].into_value();
    vec![Example::new(ResourceGather, [var, [[2i32], [0]].into_value()])]
}

impl Op for ResourceGather {
    fn kind(&self) -> &'static OpKind {
        &RESOURCE_GATHER
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index(cx.dtype(1))?;
        let rows = cx.shape(0).renew_anonymous().with_rank_at_least(1)?;
        let shape = match rows.rank() {
            None => rows,
            Some(_) => cx.shape(1).concat(&rows.slice(1..)?)?,
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (var, indices) = (read(cx, 0)?, cx.input(1));
        let Some((n, row)) = var.dims().split_first() else {
            return Err(Error::shape("the variable must have rank 1 or more, but is a scalar"));
        };
        let numbers = to_ints(indices).ok_or_else(|| Error::internal("indices are int32 or int64"))?;
        if let Some((i, index)) = numbers.iter().enumerate().find(|(_, index)| **index < 0 || **index >= *n as i64) {
            return Err(out_of_range(i, *index, *n));
        }
        let mut output = cx.alloc(var.dtype(), &[indices.dims(), row].concat())?;
        let row_len = row.iter().product();
        with_type!(var.dtype(), T in plain => copy_rows::<T>(&var, &numbers, row_len, &mut output)?, else => {
            let strings = var.strings()?;
            let picked = numbers.iter().flat_map(|index| &strings[*index as usize * row_len..][..row_len]);
            output.strings_mut()?.iter_mut().zip(picked).for_each(|(cell, text)| cell.clone_from(text));
        });
        cx.output(0, output);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("batch_dims", AttrValue::Int(0))]
    }
}

fn copy_rows<T: Plain>(var: &Value, rows: &[i64], row_len: usize, output: &mut Value) -> Result<()> {
    let var = var.slice::<T>()?;
    if row_len > 0 {
        let cells = output.make_mut::<T>()?.chunks_exact_mut(row_len);
        cells.zip(rows).for_each(|(cells, row)| cells.copy_from_slice(&var[*row as usize * row_len..][..row_len]));
    }
    Ok(())
}
