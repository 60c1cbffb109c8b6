//! The object behind a `TensorArray`: cells that are written and read in a run.
//!
//! It lives as long as a handle to it does; two runs never share one. An array of N elements costs what was written to
//! it, whatever its size: values are kept, not copied, and a cell that nobody touched takes no memory.

use std::sync::Arc;

use parking_lot::Mutex;

use super::parts::{add_to, show, show_shape};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::RunCx;
use crate::shape::{Dim, Dims, Shape};
use crate::value::pages::Pages;
use crate::value::{ScratchVec, Value};

/// An array of a run.
#[derive(Debug)]
pub struct ArrayObject {
    spec: ArraySpec,
    state: Mutex<State>,
}

/// What never changes about an array.
#[derive(Debug, Clone)]
pub(super) struct ArraySpec {
    /// The dtype of its elements.
    pub(super) dtype: DType,
    /// Whether all elements have one shape, which the first that is written decides.
    pub(super) identical_element_shapes: bool,
    /// Whether a cell gives its element away when it is read, and cannot be read again.
    pub(super) clear_after_read: bool,
    /// Whether it collects gradients: what is written to one cell adds up.
    pub(super) is_grad: bool,
}

#[derive(Debug)]
struct State {
    cells: Pages<Cell>,
    element_shape: Shape,
    is_dynamic: bool,
    is_closed: bool,
    /// How many cells the last split or scatter filled: what a gradient array is joined from.
    marked: Option<usize>,
    grads: Vec<(String, Arc<ArrayObject>)>,
}

#[derive(Debug, Clone, Default)]
enum Cell {
    /// Not written.
    #[default]
    Empty,
    /// Written, with nothing but zeros so far.
    Zeros { dims: Dims, was_read: bool },
    /// Written.
    Full { value: Value, was_read: bool },
    /// Read and given away.
    Cleared { dims: Dims },
}

impl ArrayObject {
    /// An array of empty cells.
    pub(super) fn new(spec: ArraySpec, size: usize, element_shape: Shape, is_dynamic: bool) -> ArrayObject {
        let state = State {
            cells: Pages::new(size),
            element_shape,
            is_dynamic,
            is_closed: false,
            marked: None,
            grads: Vec::new(),
        };
        ArrayObject { spec, state: Mutex::new(state) }
    }

    /// How many cells it has.
    pub(super) fn len(&self) -> Result<usize> {
        Ok(self.state.lock().open()?.cells.len())
    }

    /// How many cells hold what the last split or scatter wrote, in an array of gradients; else all.
    pub(super) fn joined_len(&self) -> Result<usize> {
        let mut state = self.state.lock();
        let state = state.open()?;
        Ok(state.marked.filter(|_| self.spec.is_grad).unwrap_or(state.cells.len()))
    }

    /// Whether writes past its end make it longer.
    pub(super) fn is_dynamic(&self) -> bool {
        self.state.lock().is_dynamic
    }

    /// How many cells it has once it holds `n` elements, all that it may hold.
    pub(super) fn fit(&self, n: usize) -> Result<usize> {
        let mut state = self.state.lock();
        let state = state.open()?;
        let size = if state.is_dynamic { state.cells.len().max(n) } else { state.cells.len() };
        if size == n {
            return Ok(size);
        }
        Err(Error::invalid(format!("there must be an element for each of {size} cells, but there are {n}")))
    }

    /// Drops all elements and gradients; every later use but a second close is an error.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.cells = Pages::new(0);
        let grads = std::mem::take(&mut state.grads);
        drop(state);
        free(grads);
    }

    /// An error if elements of this dtype cannot be asked for.
    pub(super) fn check_read(&self, dtype: DType) -> Result<()> {
        if dtype == self.spec.dtype {
            return Ok(());
        }
        Err(Error::invalid(format!("the array's dtype is {}, but the op asks for {dtype}", self.spec.dtype)))
    }

    /// An error if elements of this dtype cannot be written.
    pub(super) fn check_write(&self, dtype: DType) -> Result<()> {
        if dtype == self.spec.dtype {
            return Ok(());
        }
        Err(Error::invalid(format!("the array's dtype is {}, but the op writes {dtype}", self.spec.dtype)))
    }

    /// Says that elements have this shape, too.
    pub(super) fn refine(&self, shape: &Shape) -> Result<()> {
        let mut state = self.state.lock();
        let state = state.open()?;
        state.element_shape = state.element_shape.merge(shape).map_err(|error| Error::invalid(error.message()))?;
        Ok(())
    }

    /// Writes cells, in turn. `n` is the number of elements that a split or scatter makes the array hold.
    pub(super) fn write(
        &self,
        cx: &RunCx<'_>,
        elements: impl IntoIterator<Item = (i64, Value)>,
        fills: Option<usize>,
    ) -> Result<()> {
        let mut state = self.state.lock();
        let state = state.open()?;
        if fills.is_some() && !self.spec.is_grad {
            state.marked = fills;
        }
        elements.into_iter().try_for_each(|(index, value)| self.write_one(cx, state, index, value))
    }

    fn write_one(&self, cx: &RunCx<'_>, state: &mut State, index: i64, value: Value) -> Result<()> {
        let size = state.cells.len();
        let place = usize::try_from(index).ok().filter(|place| *place < size || state.is_dynamic);
        let place = place.ok_or_else(|| {
            Error::invalid(format!(
                "tried to write to index {index}, but the array is not resizeable and has size {size}"
            ))
        })?;
        if !state.element_shape.is_compatible_with(value.dims()) {
            let (have, want) = (show(value.dims()), show_shape(&state.element_shape));
            let text = format!(
                "could not write to index {index}: the value's shape is {have}, which is incompatible with \
                                the array's inferred element shape {want}"
            );
            return Err(Error::invalid(text).note("elements of several shapes need infer_shape=False"));
        }
        if self.spec.identical_element_shapes && !state.element_shape.is_fully_known() {
            state.element_shape = Shape::from(value.dims());
        }
        if place >= size {
            state.cells.resize(place + 1);
        }
        let cell = state.cells.entry(place);
        match cell {
            Cell::Empty => *cell = Cell::Full { value, was_read: false },
            Cell::Cleared { .. } | Cell::Zeros { was_read: true, .. } | Cell::Full { was_read: true, .. } => {
                return Err(Error::invalid(format!("could not write to index {index}: it has been read already")));
            }
            _ if !self.spec.is_grad => {
                return Err(Error::invalid(format!("could not write to index {index}: it has been written already")));
            }
            Cell::Zeros { dims, .. } => {
                check_aggregate(index, dims, &value)?;
                *cell = Cell::Full { value, was_read: false };
            }
            Cell::Full { value: sum, .. } => {
                check_aggregate(index, sum.dims(), &value)?;
                add_to(cx, sum, &value)?;
            }
        }
        Ok(())
    }

    /// Reads cells, in turn.
    pub(super) fn read(
        &self,
        cx: &RunCx<'_>,
        indices: impl ExactSizeIterator<Item = i64>,
    ) -> Result<ScratchVec<Value>> {
        let mut state = self.state.lock();
        let state = state.open()?;
        let (mut values, mut pace) = (cx.list(0)?, cx.pace());
        for index in indices {
            pace.spend(64)?;
            values.push(self.read_one(cx, state, index)?)?;
        }
        Ok(values)
    }

    fn read_one(&self, cx: &RunCx<'_>, state: &mut State, index: i64) -> Result<Value> {
        let size = state.cells.len();
        let place = usize::try_from(index).ok().filter(|place| *place < size || self.spec.is_grad);
        let place = place.ok_or_else(|| {
            Error::invalid(format!("tried to read from index {index}, but the array's size is {size}"))
        })?;
        if state.cells.get(place).is_none_or(|cell| matches!(cell, Cell::Empty)) {
            state.fill_to(place, index)?;
        }
        let cell = state.cells.entry(place);
        let value = match cell {
            Cell::Zeros { dims, was_read } => {
                *was_read = true;
                cx.alloc_zeros(self.spec.dtype, dims)?
            }
            Cell::Full { value, was_read } => {
                *was_read = true;
                value.clone()
            }
            Cell::Empty | Cell::Cleared { .. } => {
                let text = format!("could not read index {index} twice: it was cleared after a previous read");
                return Err(Error::invalid(text).note("an array made with clear_after_read=False can be read again"));
            }
        };
        if self.spec.clear_after_read {
            *cell = Cell::Cleared { dims: Dims::from_slice(value.dims()) };
        }
        Ok(value)
    }

    /// The array that collects the gradients of this one under a name: made when first asked for, with zeros where this
    /// one was written. From then on this one does not grow.
    pub(super) fn grad(&self, source: &str, prefix: &[usize]) -> Result<Arc<ArrayObject>> {
        let mut state = self.state.lock();
        let state = state.open()?;
        state.is_dynamic = false;
        if let Some((_, grad)) = state.grads.iter().find(|(name, _)| name == source) {
            return Ok(grad.clone());
        }
        let spec = ArraySpec { clear_after_read: true, is_grad: true, ..self.spec.clone() };
        let front = Shape::new(prefix.iter().map(|n| Dim::from(*n)));
        let grad = ArrayObject::new(spec, state.cells.len(), front.concat(&state.element_shape)?, false);
        {
            let mut its = grad.state.lock();
            its.marked = state.marked;
            for (place, cell) in state.cells.touched() {
                let Some(dims) = cell.dims() else { continue };
                let dims = prefix.iter().chain(dims).copied().collect();
                *its.cells.entry(place) = Cell::Zeros { dims, was_read: false };
            }
        }
        let grad = Arc::new(grad);
        state.grads.push((source.to_owned(), grad.clone()));
        Ok(grad)
    }
}

impl State {
    fn open(&mut self) -> Result<&mut State> {
        if self.is_closed {
            return Err(Error::invalid("the array has been closed already"));
        }
        Ok(self)
    }

    /// Cells that nobody has written hold zeros up to this one, if the shape of elements is known.
    fn fill_to(&mut self, place: usize, index: i64) -> Result<()> {
        let Some(dims) = self.element_shape.known_dims() else {
            let shape = show_shape(&self.element_shape);
            let text = format!(
                "could not read from index {index}: it has not been written, and the element shape {shape} \
                                is not fully defined"
            );
            return Err(Error::invalid(text));
        };
        let dims: Dims = dims.iter().copied().collect();
        if place >= self.cells.len() {
            self.cells.resize(place + 1);
        }
        *self.cells.entry(place) = Cell::Zeros { dims, was_read: false };
        Ok(())
    }
}

impl Cell {
    fn dims(&self) -> Option<&[usize]> {
        match self {
            Cell::Zeros { dims, .. } | Cell::Cleared { dims } => Some(dims),
            Cell::Full { value, .. } => Some(value.dims()),
            Cell::Empty => None,
        }
    }
}

fn check_aggregate(index: i64, have: &[usize], value: &Value) -> Result<()> {
    if have == value.dims() {
        return Ok(());
    }
    let (have, new) = (show(have), show(value.dims()));
    Err(Error::invalid(format!("could not add to index {index}: the shape there is {have}, but the new one is {new}")))
}

/// Arrays of gradients may have gradients, and so on: a chain of any length is freed link by link.
impl Drop for ArrayObject {
    fn drop(&mut self) {
        free(std::mem::take(&mut self.state.get_mut().grads));
    }
}

fn free(grads: Vec<(String, Arc<ArrayObject>)>) {
    let mut open = grads;
    while let Some((_, grad)) = open.pop() {
        if let Some(mut grad) = Arc::into_inner(grad) {
            open.append(&mut grad.state.get_mut().grads);
        }
    }
}
