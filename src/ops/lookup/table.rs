//! What a table holds, and how ops reach it.

use std::sync::Arc;

use indexmap::{Equivalent, IndexSet};

use crate::dtype::DType;
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::{Elements, InferCx, Ints, Keys, Referent, RunCx};
use crate::ops::array::cells::{cells, cells_mut, copy_cells, with_cells};
use crate::shape::{Dims, Shape, element_count};
use crate::value::Value;
use crate::with_type;

/// Rows that one thread looks up in about 50 us.
const ROWS: usize = 1 << 9;

/// A table: its keys, in the order in which they came, and a row of values for each. Clones share the values until one
/// of them is written.
#[derive(Debug, Clone)]
pub(super) struct Table {
    keys: IndexSet<Key>,
    /// The rows of the keys, and behind them room for more.
    values: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Int(i64),
    Text(Vec<u8>),
}

/// A key that is asked for; it has the hash of the [`Key`] that it is equal to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asked<'a> {
    Int(i64),
    Text(&'a [u8]),
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        match (self, key) {
            (Asked::Int(a), Key::Int(b)) => a == b,
            (Asked::Text(a), Key::Text(b)) => *a == b.as_slice(),
            _ => false,
        }
    }
}

impl Asked<'_> {
    fn to_key(self) -> Key {
        match self {
            Asked::Int(int) => Key::Int(int),
            Asked::Text(text) => Key::Text(text.to_vec()),
        }
    }
}

/// The keys of a tensor, in order.
enum KeyList<'a> {
    Ints(Ints<'a>),
    Texts(&'a [Vec<u8>]),
}

impl KeyList<'_> {
    fn of(value: &Value) -> Result<KeyList<'_>> {
        match value.dtype() {
            DType::String => value.strings().map(KeyList::Texts),
            _ => Ints::of(value).map(KeyList::Ints),
        }
    }

    fn get(&self, i: usize) -> Asked<'_> {
        match self {
            KeyList::Ints(ints) => Asked::Int(ints.get(i)),
            KeyList::Texts(texts) => Asked::Text(&texts[i]),
        }
    }
}

/// A table's keys and values, as its handle says them.
pub(super) struct Spec {
    pub(super) keys: Keys,
    pub(super) dtype: DType,
    pub(super) dims: Dims,
}

impl Spec {
    /// How many numbers a value has.
    fn width(&self) -> Result<usize> {
        element_count(&self.dims)
    }

    /// The dims of the values of keys of these dims.
    pub(super) fn dims_of(&self, keys: &[usize]) -> Dims {
        keys.iter().chain(&self.dims).copied().collect()
    }

    /// Refuses keys, and values of them, that the table is not for.
    pub(super) fn check(&self, keys: DType, values: Option<DType>) -> Result<()> {
        check_dtypes(self.keys.dtype, self.dtype, keys, values)
    }
}

fn check_dtypes(keys: DType, values: DType, got_keys: DType, got_values: Option<DType>) -> Result<()> {
    if keys == got_keys && got_values.is_none_or(|got| got == values) {
        return Ok(());
    }
    let values = if got_values.is_some() { format!(" to {values}") } else { String::new() };
    let got_values = got_values.map(|got| format!(" to {got}")).unwrap_or_default();
    Err(Error::invalid(format!("the table must be used from {keys}{values}, but is used from {got_keys}{got_values}")))
}

/// What is known of the table that input 0 refers to.
pub(super) fn known<'a>(cx: &InferCx<'a>) -> Option<(&'a Elements, Keys)> {
    let elements = cx.fact(0).elements.as_deref()?;
    Some((elements, elements.keys?))
}

/// The shape of a table's values for keys of this shape, unknown where nothing is known of the table. Refuses dtypes
/// that it does not have.
pub(super) fn infer_values(cx: &InferCx<'_>, keys: &Shape, key: DType, value: Option<DType>) -> Result<Shape> {
    let Some((elements, known_keys)) = known(cx) else { return Ok(Shape::unknown()) };
    check_dtypes(known_keys.dtype, elements.dtype, key, value)?;
    keys.concat(&elements.shape)
}

/// The table that input 0 refers to, and what is in it: nothing where nobody has filled it.
///
/// # Errors
/// `InvalidArgument` for the handle of something else.
pub(super) fn open(cx: &RunCx<'_>) -> Result<(Spec, Option<Arc<Table>>)> {
    let var = cx.handle(0, Referent::Table)?;
    let spec = var.elements.as_deref().and_then(|elements| {
        Some(Spec { keys: elements.keys?, dtype: elements.dtype, dims: elements.shape.known_dims()? })
    });
    let spec = spec.ok_or_else(|| Error::invalid(format!("{} must be a table, but is none", escape(&var.name))))?;
    let table = cx.state()?.read(&var).map(|value| of_value(&value, &spec)).transpose()?;
    Ok((spec, table))
}

/// A table as it is kept; two nodes may share its name and differ in what they say of it.
fn of_value(value: &Value, spec: &Spec) -> Result<Arc<Table>> {
    let table = value.object::<Table>().filter(|table| table.fits(spec));
    table.ok_or_else(|| Error::invalid("the name must be that of a table of these dtypes, but another has it"))
}

/// Replaces the table that input 0 refers to by what `change` makes of it.
pub(super) fn change(
    cx: &RunCx<'_>,
    spec: &Spec,
    change: &dyn Fn(Option<Arc<Table>>) -> Result<Arc<Table>>,
) -> Result<()> {
    let var = cx.handle(0, Referent::Table)?;
    cx.state()?.update(&var, &mut |old| {
        let table = old.as_ref().map(|old| of_value(old, spec)).transpose()?;
        // The table is changed in place where nobody else holds it.
        drop(old);
        change(table).map(|table| Value::from_object(DType::Resource, table))
    })
}

#[cold]
fn another_value(i: usize) -> Error {
    Error::new(ErrorKind::Conflict, format!("the table has another value for key {i} already"))
}

/// The error of a fixed table that nobody has filled.
#[cold]
fn no_room(n: usize) -> Error {
    Error::new(ErrorKind::ResourceExhausted, format!("out of memory: a table needs room for {n} more keys"))
}

#[cold]
pub(super) fn uninitialized() -> Error {
    Error::new(ErrorKind::Uninitialized, "table not initialized")
}

impl Table {
    /// An empty table.
    pub(super) fn new(spec: &Spec) -> Result<Table> {
        // Bounded: it has no elements.
        Ok(Table { keys: IndexSet::new(), values: Value::zeros(spec.dtype, &spec.dims_of(&[0]))? })
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    fn fits(&self, spec: &Spec) -> bool {
        let is_text = matches!(self.keys.first(), Some(Key::Text(_)));
        let fits_keys = self.keys.is_empty() || is_text == (spec.keys.dtype == DType::String);
        fits_keys && self.values.dtype() == spec.dtype && self.values.dims()[1..] == *spec.dims
    }

    /// The values of keys; `default` has one row for all keys that are not there, or one for each.
    pub(super) fn find(&self, cx: &RunCx<'_>, spec: &Spec, keys: &Value, default: &Value) -> Result<Value> {
        let (list, width) = (KeyList::of(keys)?, spec.width()?);
        let mut out = cx.alloc(spec.dtype, &spec.dims_of(keys.dims()))?;
        if out.is_empty() {
            return Ok(out);
        }
        let stride = if default.len() == width { 0 } else { width };
        with_cells!(spec.dtype, E => {
            let (values, default) = (cells::<E>(&self.values)?, cells::<E>(default)?);
            let work = cx.workspace();
            cx.try_for_chunks_mut(cells_mut::<E>(&mut out)?, ROWS * width, &|chunk, part| {
                let mut pace = work.pace();
                for (i, row) in part.chunks_exact_mut(width).enumerate() {
                    let i = chunk * ROWS + i;
                    let from = match self.keys.get_index_of(&list.get(i)) {
                        Some(place) => &values[place * width..],
                        None => &default[i * stride..],
                    };
                    pace.spend(64)?;
                    copy_cells(&mut pace, &from[..width], row)?;
                }
                Ok(())
            })?;
        });
        Ok(out)
    }

    /// Takes keys in with their values. The last of several values of one key stays; a fixed table refuses a second.
    pub(super) fn insert(&mut self, cx: &RunCx<'_>, spec: &Spec, keys: &Value, values: &Value) -> Result<()> {
        let (list, width) = (KeyList::of(keys)?, spec.width()?);
        self.grow(cx, spec, keys.len())?;
        let room = keys.byte_len().saturating_add(keys.len().saturating_mul(2 * size_of::<Key>()));
        cx.check_room(room)?;
        // The table of keys grows in one step, which cannot be interrupted, and not in ever longer ones.
        self.keys.try_reserve(keys.len()).map_err(|_| no_room(keys.len()))?;
        let mut pace = cx.pace();
        with_cells!(spec.dtype, E => {
            let (from, to) = (cells::<E>(values)?, cells_mut::<E>(&mut self.values)?);
            for i in 0..keys.len() {
                pace.spend(256)?;
                let asked = list.get(i);
                let (from, known) = (&from[i * width..][..width], self.keys.get_index_of(&asked));
                let place = known.unwrap_or_else(|| self.keys.insert_full(asked.to_key()).0);
                let row = &mut to[place * width..][..width];
                if spec.keys.is_fixed && known.is_some() && row != from {
                    return Err(another_value(i));
                }
                copy_cells(&mut pace, from, row)?;
            }
        });
        Ok(())
    }

    /// Makes room for so many keys more: at least as many as there are, so that rows are copied only now and then.
    fn grow(&mut self, cx: &RunCx<'_>, spec: &Spec, more: usize) -> Result<()> {
        let (have, want) = (self.values.dims()[0], self.len().saturating_add(more));
        if want <= have {
            return Ok(());
        }
        let rows = if have == 0 { want } else { want.max(have.saturating_mul(2)) };
        let mut values = cx.alloc_zeros(spec.dtype, &spec.dims_of(&[rows]))?;
        with_cells!(spec.dtype, E => {
            let old = cells::<E>(&self.values)?;
            copy_cells(&mut cx.pace(), old, &mut cells_mut::<E>(&mut values)?[..old.len()])?;
        });
        self.values = values;
        Ok(())
    }

    /// Takes keys out; the last one gets the place of each.
    pub(super) fn remove(&mut self, cx: &RunCx<'_>, spec: &Spec, keys: &Value) -> Result<()> {
        let (list, width, mut pace) = (KeyList::of(keys)?, spec.width()?, cx.pace());
        with_cells!(spec.dtype, E => {
            let rows = cells_mut::<E>(&mut self.values)?;
            for i in 0..keys.len() {
                pace.spend(64 + width)?;
                if let Some((place, _)) = self.keys.swap_remove_full(&list.get(i)) {
                    let last = self.keys.len() * width;
                    (0..width).for_each(|j| rows.swap(place * width + j, last + j));
                }
            }
        });
        Ok(())
    }

    /// All keys and their values.
    pub(super) fn export(&self, cx: &RunCx<'_>, spec: &Spec) -> Result<(Value, Value)> {
        let mut values = cx.alloc(spec.dtype, &spec.dims_of(&[self.len()]))?;
        with_cells!(spec.dtype, E => {
            let n = values.len();
            copy_cells(&mut cx.pace(), &cells::<E>(&self.values)?[..n], cells_mut::<E>(&mut values)?)?;
        });
        Ok((self.export_keys(cx, spec.keys.dtype)?, values))
    }

    fn export_keys(&self, cx: &RunCx<'_>, dtype: DType) -> Result<Value> {
        let (mut out, mut pace) = (cx.alloc(dtype, &[self.len()])?, cx.pace());
        if dtype == DType::String {
            let texts = || self.keys.iter().map(|key| if let Key::Text(text) = key { &text[..] } else { &[] });
            cx.check_room(texts().map(<[u8]>::len).sum())?;
            for (cell, text) in out.strings_mut()?.iter_mut().zip(texts()) {
                pace.spend(64 + text.len() / 8)?;
                *cell = text.to_vec();
            }
            return Ok(out);
        }
        let ints = self.keys.iter().map(|key| if let Key::Int(int) = key { *int } else { 0 });
        with_type!(dtype, T in index => {
            for (cell, int) in out.make_mut::<T>()?.iter_mut().zip(ints) {
                pace.spend(4)?;
                // Those of int32 were int32 when they came.
                *cell = int as T;
            }
        }, else => ());
        Ok(out)
    }
}
