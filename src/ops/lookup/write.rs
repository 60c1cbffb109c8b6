//! `InitializeTableV2`, `LookupTableImportV2`, `LookupTableInsertV2` and `LookupTableRemoveV2`: what changes a table.

use std::sync::Arc;

use super::NO_GRADIENT;
use super::table::{Spec, Table, change, infer_values, open};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Effect, Example, InferCx, Op, OpKind, RunCx};
use crate::value::{IntoValue, Value};

/// What keys and values are given to a table for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableWrite {
    /// To fill one that is filled once.
    Initialize,
    /// To be all that it holds from now on, or to fill it.
    Import,
    /// To be added; the last value of a key stays.
    Insert,
}

/// Gives keys and values to a table: `(..), (.., values)`.
#[derive(Debug, Clone)]
pub struct LookupTableWrite {
    /// What for.
    pub how: TableWrite,
}

/// Takes keys out of a table, those that it has.
#[derive(Debug, Clone)]
pub struct LookupTableRemove;

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident $name:literal $alias:literal $signature:literal $how:ident;)*) => { $(
        $(#[$doc])*
        pub static $row: OpKind = OpKind::new(
            $name,
            $signature,
            |_| Ok(Arc::new(LookupTableWrite { how: TableWrite::$how })),
            || {
                let inputs = [0.5f32.into_value(), ["a", "b"].into_value(), [1i64, 2].into_value()];
                vec![Example::new(LookupTableWrite { how: TableWrite::$how }, inputs)]
            },
        )
        .aliases(&[$alias])
        .effect(Effect::Writes)
        .not_differentiable(NO_GRADIENT);
    )* };
}
rows! {
    /// The row of filling.
    INITIALIZE_TABLE "InitializeTableV2" "InitializeTable"
        "table_handle: table, keys: Tkey, values: Tval ->" Initialize;
    /// The row of replacing.
    LOOKUP_TABLE_IMPORT "LookupTableImportV2" "LookupTableImport"
        "table_handle: table, keys: Tin, values: Tout ->" Import;
    /// The row of adding.
    LOOKUP_TABLE_INSERT "LookupTableInsertV2" "LookupTableInsert"
        "table_handle: table, keys: Tin, values: Tout ->" Insert;
}

/// The row of [`LookupTableRemove`].
pub static LOOKUP_TABLE_REMOVE: OpKind = OpKind::new(
    "LookupTableRemoveV2",
    "table_handle: table, keys: Tin ->",
    |_| Ok(Arc::new(LookupTableRemove)),
    || vec![Example::new(LookupTableRemove, [0.5f32.into_value(), ["a", "b"].into_value()])],
)
.effect(Effect::Writes)
.not_differentiable(NO_GRADIENT);

impl Op for LookupTableWrite {
    fn kind(&self) -> &'static OpKind {
        match self.how {
            TableWrite::Initialize => &INITIALIZE_TABLE,
            TableWrite::Import => &LOOKUP_TABLE_IMPORT,
            TableWrite::Insert => &LOOKUP_TABLE_INSERT,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let keys = match self.how {
            TableWrite::Initialize => cx.shape(1).with_rank(1)?,
            TableWrite::Import | TableWrite::Insert => cx.shape(1).clone(),
        };
        infer_values(cx, &keys, cx.dtype(1), Some(cx.dtype(2)))?.merge(cx.shape(2))?;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (spec, _) = open(cx)?;
        let (keys, values) = (cx.input(1), cx.input(2));
        spec.check(keys.dtype(), Some(values.dtype()))?;
        let want = spec.dims_of(keys.dims());
        if *values.dims() != *want {
            let got = values.dims();
            return Err(Error::invalid(format!("the values must have shape {want:?}, but have {got:?}")));
        }
        match (self.how, spec.keys.is_fixed) {
            (TableWrite::Insert, true) => Err(only_mutable("keys are inserted into")),
            (TableWrite::Initialize, false) => Err(Error::invalid("a table that can be changed is not initialized")),
            (_, true) => change(cx, &spec, &|table| initialized(cx, &spec, table, keys, values)),
            (how, false) => change(cx, &spec, &|table| {
                let mut table = match table.filter(|_| how == TableWrite::Insert) {
                    Some(table) => table,
                    None => Arc::new(Table::new(&spec)?),
                };
                Arc::make_mut(&mut table).insert(cx, &spec, keys, values)?;
                Ok(table)
            }),
        }
    }
}

/// A fixed table with its contents; one that has as many is left as it is, as in TensorFlow.
fn initialized(
    cx: &RunCx<'_>,
    spec: &Spec,
    table: Option<Arc<Table>>,
    keys: &Value,
    values: &Value,
) -> Result<Arc<Table>> {
    if keys.is_empty() {
        return Err(Error::invalid("keys and values cannot be empty tensors"));
    }
    match table {
        Some(table) if table.len() == keys.len() => Ok(table),
        Some(_) => Err(Error::new(ErrorKind::Conflict, "table was already initialized with different data")),
        None => {
            let mut table = Table::new(spec)?;
            table.insert(cx, spec, keys, values)?;
            Ok(Arc::new(table))
        }
    }
}

#[cold]
fn only_mutable(what: &str) -> Error {
    Error::unsupported(format!("{what} tables that can be changed, and this one is filled once"))
}

impl Op for LookupTableRemove {
    fn kind(&self) -> &'static OpKind {
        &LOOKUP_TABLE_REMOVE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        infer_values(cx, cx.shape(1), cx.dtype(1), None)?;
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (spec, _) = open(cx)?;
        let keys = cx.input(1);
        spec.check(keys.dtype(), None)?;
        if spec.keys.is_fixed {
            return Err(only_mutable("keys are removed from"));
        }
        change(cx, &spec, &|table| {
            let mut table = table.map_or_else(|| Table::new(&spec).map(Arc::new), Ok)?;
            Arc::make_mut(&mut table).remove(cx, &spec, keys)?;
            Ok(table)
        })
    }
}
