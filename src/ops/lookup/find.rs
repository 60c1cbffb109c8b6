//! `LookupTableFindV2`, `LookupTableSizeV2` and `LookupTableExportV2`: what a table holds.

use std::sync::Arc;

use super::NO_GRADIENT;
use super::table::{Table, infer_values, open, uninitialized};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Effect, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};

/// The values of keys, and the default for those that the table does not have: `(..), (values) -> (.., values)`.
#[derive(Debug, Clone)]
pub struct LookupTableFind;

/// How many keys a table has.
#[derive(Debug, Clone)]
pub struct LookupTableSize;

/// All keys of a table and their values, in the order in which they came: `-> (n), (n, values)`.
#[derive(Debug, Clone)]
pub struct LookupTableExport {
    /// The dtype of the keys.
    pub keys: DType,
    /// The dtype of the values.
    pub values: DType,
}

/// The row of [`LookupTableFind`].
pub static LOOKUP_TABLE_FIND: OpKind = OpKind::new(
    "LookupTableFindV2",
    "table_handle: table, keys: Tin, default_value: Tout -> values: Tout",
    |_| Ok(Arc::new(LookupTableFind)),
    || vec![Example::new(LookupTableFind, [0.5f32.into_value(), ["a", "b"].into_value(), 1i64.into_value()])],
)
.aliases(&["LookupTableFind"])
.effect(Effect::Inspects)
.not_differentiable(NO_GRADIENT);

/// The row of [`LookupTableSize`].
pub static LOOKUP_TABLE_SIZE: OpKind = OpKind::new(
    "LookupTableSizeV2",
    "table_handle: table -> size: int64",
    |_| Ok(Arc::new(LookupTableSize)),
    || vec![Example::new(LookupTableSize, [0.5f32.into_value()])],
)
.aliases(&["LookupTableSize"])
.effect(Effect::Inspects)
.not_differentiable(NO_GRADIENT);

/// The row of [`LookupTableExport`].
pub static LOOKUP_TABLE_EXPORT: OpKind = OpKind::new(
    "LookupTableExportV2",
    "table_handle: table -> keys: Tkeys, values: Tvalues",
    |attrs| Ok(Arc::new(LookupTableExport { keys: attrs.dtype("Tkeys")?, values: attrs.dtype("Tvalues")? })),
    || vec![Example::new(LookupTableExport { keys: DType::String, values: DType::F32 }, [0.5f32.into_value()])],
)
.aliases(&["LookupTableExport"])
.effect(Effect::Inspects)
.not_differentiable(NO_GRADIENT);

impl Op for LookupTableFind {
    fn kind(&self) -> &'static OpKind {
        &LOOKUP_TABLE_FIND
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let shape = infer_values(cx, cx.shape(1), cx.dtype(1), Some(cx.dtype(2)))?;
        cx.output(cx.dtype(2), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (spec, table) = open(cx)?;
        let (keys, default) = (cx.input(1), cx.input(2));
        spec.check(keys.dtype(), Some(default.dtype()))?;
        let is_each = !spec.keys.is_fixed && *default.dims() == *spec.dims_of(keys.dims());
        if *default.dims() != *spec.dims && !is_each {
            let (want, got) = (&spec.dims, default.dims());
            return Err(Error::invalid(format!(
                "the default must have the shape of a value, {want:?}, but has {got:?}"
            )));
        }
        let values = match table {
            Some(table) => table.find(cx, &spec, keys, default)?,
            None if spec.keys.is_fixed => return Err(uninitialized()),
            None => Table::new(&spec)?.find(cx, &spec, keys, default)?,
        };
        cx.output(0, values);
        Ok(())
    }
}

impl Op for LookupTableSize {
    fn kind(&self) -> &'static OpKind {
        &LOOKUP_TABLE_SIZE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(DType::I64, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let n = open(cx)?.1.map_or(0, |table| table.len());
        cx.output(0, Value::scalar_of(n as i64));
        Ok(())
    }
}

impl Op for LookupTableExport {
    fn kind(&self) -> &'static OpKind {
        &LOOKUP_TABLE_EXPORT
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let n = Shape::new([Dim::unknown()]);
        let values = infer_values(cx, &n, self.keys, Some(self.values))?;
        cx.output(self.keys, n);
        cx.output(self.values, values);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (spec, table) = open(cx)?;
        spec.check(self.keys, Some(self.values))?;
        let table = match table {
            Some(table) => table,
            None if spec.keys.is_fixed => return Err(uninitialized()),
            None => Arc::new(Table::new(&spec)?),
        };
        let (keys, values) = table.export(cx, &spec)?;
        cx.output(0, keys);
        cx.output(1, values);
        Ok(())
    }
}
