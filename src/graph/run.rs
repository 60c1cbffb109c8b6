//! What an op's kernel sees: its inputs, a place for its outputs, buffers, the pool, and the state of the run.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;
use tracing::span::EnteredSpan;

use super::node::{Elements, Referent};
use super::op::Op;
use super::sizes::NamedSize;
use super::slots::Slots;
use crate::cancel::Limits;
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::pool::Pool;
use crate::shape::Shape;
use crate::value::{Meter, Outline, Recycler, Value};

/// Which cells one step reads and writes, and what it belongs to.
#[derive(Clone, Copy)]
pub struct StepIo<'a> {
    /// The cell of each input.
    pub inputs: &'a [u32],
    /// The cell of output 0; those of the others follow it.
    pub first_output: u32,
    /// How many outputs there are.
    pub n_outputs: u32,
    /// An output is fetched: its memory must be able to leave as a `Vec`.
    pub is_fetched: bool,
    /// What few kernels ask for.
    pub home: &'a StepHome,
}

impl StepIo<'_> {
    /// The cells of the outputs.
    #[inline]
    pub fn outputs(&self) -> Range<u32> {
        self.first_output..self.first_output + self.n_outputs
    }

    #[inline]
    fn output(&self, i: usize) -> usize {
        assert!(i < self.n_outputs as usize, "an op has the outputs of its signature");
        self.first_output as usize + i
    }
}

/// What a step belongs to, and what belongs to it.
#[derive(Debug, Clone)]
pub struct StepHome {
    /// The graph and node that the step came from: random streams belong to it.
    pub origin: (u64, u32),
    /// The bodies that the step may call.
    pub bodies: Vec<Arc<dyn Callee>>,
    /// The variable that the step makes.
    pub variable: Option<Arc<VarHandle>>,
}

/// The home of kernels that run outside of a plan.
pub(crate) static NO_HOME: StepHome = StepHome { origin: (0, 0), bodies: Vec::new(), variable: None };

/// A body that is ready to run.
pub trait Callee: Send + Sync + std::fmt::Debug {
    /// Runs it on one value a parameter, as part of the run that `env` belongs to.
    fn call(&self, env: &Env<'_>, arguments: SmallVec<[Value; 4]>) -> Result<SmallVec<[Value; 2]>>;

    /// A line for each of its steps, and deeper ones for those of bodies in it.
    fn explain(&self, indent: &str, text: &mut String);
}

/// A variable of a session, as a handle value carries it.
#[derive(Debug)]
pub struct VarHandle {
    /// The variable's place in the session's table.
    pub index: usize,
    /// Its name.
    pub name: Arc<str>,
    /// A variable, or what else the session keeps in the place of one.
    pub referent: Referent,
    /// Its dtype.
    pub dtype: DType,
    /// Its static shape; writes must fit.
    pub shape: Shape,
    /// What is known of a table.
    pub elements: Option<Arc<Elements>>,
    /// An alias in whose form the variable is read: its dtype and dims, and what it is where the variable has no longer as
    /// many elements.
    pub view: Option<Value>,
}

/// State that outlives a step: the session implements it for its runs.
pub trait RunState: Sync {
    /// The variable's value as this run sees it; `None` if it has none yet.
    fn read(&self, var: &VarHandle) -> Option<Value>;

    /// Replaces the variable's value by what `change` makes of the present one. The present value is handed over for
    /// overwriting where nobody else can see it. On an error the variable keeps its value.
    fn update(&self, var: &VarHandle, change: &mut dyn FnMut(Option<Value>) -> Result<Value>) -> Result<()>;

    /// Takes the variable's value away and answers what it was.
    fn clear(&self, var: &VarHandle) -> Result<Option<Value>>;

    /// Advances the random counter of a node by `n` and answers where it stood.
    fn reserve_random(&self, origin: (u64, u32), n: u128) -> u128;

    /// A number of this session: what random streams without seeds start from.
    fn salt(&self) -> u64;

    /// Writes a line for the user (`Print`).
    fn print(&self, line: &str);
}

/// The start of a slice whose disjoint parts go to several threads.
struct SharedMut<T>(*mut T);

// SAFETY: only `try_for_chunks_mut` makes one, and gives each part to one thread.
unsafe impl<T: Send> Sync for SharedMut<T> {}

impl<T> SharedMut<T> {
    /// # Safety
    /// `i` is within the slice.
    unsafe fn at(&self, i: usize) -> *mut T {
        // SAFETY: promised by the caller.
        unsafe { self.0.add(i) }
    }
}

/// Is told of each step of a traced run, those of bodies included.
pub trait Watch: Sync {
    /// A step begins; it ends when what is answered is dropped, on the same thread.
    fn begin(&self, node: &str, op: &'static str) -> EnteredSpan;

    /// A step has ended: its node, its op, when it began, and bytes and description of each output.
    fn ended(&self, node: &str, op: &'static str, began: Instant, outputs: &[(usize, String)]);
}

/// What all steps of a run share.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// Threads for kernels.
    pub pool: &'a Pool,
    /// State; absent where constants are folded.
    pub state: Option<&'a dyn RunState>,
    /// What may end the run.
    pub limits: &'a Limits,
    /// What values are counted against, where the run has a memory budget.
    pub meter: Option<&'a Meter>,
    /// Who watches a traced run.
    pub watch: Option<&'a dyn Watch>,
    /// The sizes that the feeds give to named dims.
    pub names: &'a [NamedSize<'a>],
}

/// One step's view of a run.
pub struct RunCx<'a> {
    slots: &'a Slots,
    io: StepIo<'a>,
    /// Bit `i`: nobody reads input `i` after this step, so it may be taken and overwritten.
    may_take: u32,
    env: &'a Env<'a>,
    recycler: &'a RefCell<Recycler>,
    /// What the inputs were that are not in their cells any more, for errors.
    taken: SmallVec<[(u32, Outline); 1]>,
}

impl<'a> RunCx<'a> {
    /// The view of one step.
    ///
    /// # Safety
    /// While the view lives nobody else touches the step's output cells or the inputs in `may_take`, and nobody writes
    /// its other inputs. The input cells are full, and a cell in `may_take` is the step's input only once.
    #[inline]
    pub unsafe fn new(
        slots: &'a Slots,
        io: StepIo<'a>,
        may_take: u32,
        env: &'a Env<'a>,
        recycler: &'a RefCell<Recycler>,
    ) -> RunCx<'a> {
        RunCx { slots, io, may_take, env, recycler, taken: SmallVec::new() }
    }

    /// How many inputs there are.
    pub fn n_inputs(&self) -> usize {
        self.io.inputs.len()
    }

    /// How many outputs there are.
    pub fn n_outputs(&self) -> usize {
        self.io.n_outputs as usize
    }

    /// Input `i`.
    #[inline]
    pub fn input(&self, i: usize) -> &Value {
        // SAFETY: by the promise of `new` nobody else writes the cell; `take`, which empties it, needs `&mut self`.
        let value = unsafe { self.slots.get(self.io.inputs[i] as usize) };
        value.expect("an input that is read has a value and was not taken")
    }

    /// Whether input `i` has a value: false only in ops whose [`Flow`](super::Flow) lets them run without.
    pub fn has_input(&self, i: usize) -> bool {
        // SAFETY: by the promise of `new` nobody else writes the cell.
        unsafe { self.slots.get(self.io.inputs[i] as usize) }.is_some()
    }

    /// Input `i` as owned value: handed over, and then often unique, where no later step reads it; else a cheap clone.
    /// Ask once an input.
    #[inline]
    pub fn take(&mut self, i: usize) -> Value {
        if !self.is_last_reader(i) {
            return self.input(i).clone();
        }
        self.empty(i).expect("an input that may be taken has a value and was not taken")
    }

    /// Takes an input out of its cell, and remembers what it was.
    #[inline]
    fn empty(&mut self, i: usize) -> Option<Value> {
        // SAFETY: by the promise of `new` the cell is this step's alone, and `&mut self` ends all borrows of it.
        let value = unsafe { self.slots.take(self.io.inputs[i] as usize) }?;
        self.taken.push((i as u32, value.outline()));
        Some(value)
    }

    /// Input `i` if its memory may be overwritten: no later step reads it, and nothing else shares it.
    #[inline]
    pub fn take_if_unique(&mut self, i: usize) -> Option<Value> {
        if !self.is_last_reader(i) || !self.input(i).is_unique() {
            return None;
        }
        self.empty(i)
    }

    /// Moves input `i` to output 0, to be overwritten there, if its memory may be: as [`RunCx::take_if_unique`] and
    /// [`RunCx::output`], with one move instead of three. Lends input `other` beside it.
    #[inline]
    pub fn overwrite(&mut self, i: usize, other: usize) -> Option<(&mut Value, &Value)> {
        if i == other || !self.is_last_reader(i) || !self.input(i).is_unique() {
            return None;
        }
        // SAFETY: by the promise of `new` both cells are this step's alone and the cell of input `i` is its input only
        // once, so that of `other` is a third one; `&mut self` ends all borrows of them.
        let out = unsafe { self.slots.shift(self.io.inputs[i] as usize, self.io.output(0)) };
        out.map(|out| (out, self.input(other)))
    }

    #[inline]
    fn is_last_reader(&self, i: usize) -> bool {
        i < 32 && self.may_take >> i & 1 == 1
    }

    /// Input `i` as a value that may be overwritten: its own memory where nobody else reads it, else a copy.
    pub fn take_unique(&mut self, i: usize) -> Result<Value> {
        let value = self.take(i);
        self.unshared(value)
    }

    /// A value that may be overwritten: this one if nobody else reads it, else a copy. Variants stay shared, for they
    /// copy what is written to on their own.
    pub(crate) fn unshared(&self, value: Value) -> Result<Value> {
        if value.is_unique() || !(value.dtype().size().is_some() || value.dtype() == DType::String) {
            return Ok(value);
        }
        let mut copy = self.alloc(value.dtype(), value.dims())?;
        if value.dtype() == DType::String {
            self.check_room(value.byte_len())?;
        }
        copy.copy_from(&value, &mut self.pace())?;
        Ok(copy)
    }

    /// A value to fill. Its elements are unspecified: recycled numbers, or zeros.
    ///
    /// # Errors
    /// `ResourceExhausted` without memory, or beyond the run's budget; `InvalidArgument` for too many elements.
    pub fn alloc(&self, dtype: DType, dims: &[usize]) -> Result<Value> {
        if let Some(meter) = self.env.meter {
            return meter.alloc(dtype, dims);
        }
        let mut recycler = self.recycler.borrow_mut();
        if self.io.is_fetched { recycler.take_for_fetch(dtype, dims) } else { recycler.take(dtype, dims) }
    }

    /// As [`RunCx::alloc`], with elements that are 0, false or empty.
    ///
    /// # Errors
    /// As for [`RunCx::alloc`].
    pub fn alloc_zeros(&self, dtype: DType, dims: &[usize]) -> Result<Value> {
        self.env.meter.map_or_else(|| Value::zeros(dtype, dims), |meter| meter.alloc(dtype, dims))
    }

    /// An error if so many bytes, which an op takes beside its outputs, are beyond the run's budget.
    ///
    /// # Errors
    /// `ResourceExhausted`.
    pub fn check_room(&self, bytes: usize) -> Result<()> {
        self.env.meter.map_or(Ok(()), |meter| meter.check_room(bytes))
    }

    /// An error if a value of these dims, whose shape was claimed, contradicts the sizes of named dims in this run.
    ///
    /// # Errors
    /// `ShapeMismatch`, naming the feed.
    pub fn check_named_dims(&self, claim: &Shape, dims: &[usize]) -> Result<()> {
        match self.env.names {
            [] => Ok(()),
            names => NamedSize::check(names, claim, dims),
        }
    }

    /// Gives a value back whose memory the next `alloc` may use.
    pub fn recycle(&self, value: Value) {
        self.recycler.borrow_mut().give(value);
    }

    /// Sets output `i`.
    #[inline]
    pub fn output(&mut self, i: usize, value: Value) {
        // SAFETY: by the promise of `new` the cell is this step's alone, and no borrow of an output cell is given out.
        let old = unsafe { self.slots.put(self.io.output(i), value) };
        if let Some(old) = old {
            self.recycle(old);
        }
    }

    /// What the step has put out so far.
    pub(crate) fn made(&self, i: usize) -> Option<&Value> {
        // SAFETY: by the promise of `new` nobody else writes the cell.
        unsafe { self.slots.get(self.io.output(i)) }
    }

    /// Dtypes and dims of the inputs, for errors, whether they are still there or not.
    pub(crate) fn describe_inputs(&self) -> Vec<String> {
        let describe_input = |(i, cell): (usize, &u32)| {
            let taken = self.taken.iter().find(|(taken, _)| *taken as usize == i);
            // SAFETY: by the promise of `new` nobody else writes the cells.
            let value = || unsafe { self.slots.get(*cell as usize) };
            // An input that was overwritten lies in output 0, with its dims.
            let outline = taken.map(|(_, outline)| outline.clone());
            let outline = outline.or_else(|| value().or_else(|| self.made(0)).map(Value::outline));
            outline.map_or_else(|| "no value".to_owned(), |outline| outline.to_string())
        };
        self.io.inputs.iter().enumerate().map(describe_input).collect()
    }

    /// Bytes, dtype and dims of each output, for traces.
    pub(crate) fn describe_outputs(&self) -> Vec<(usize, String)> {
        let made = (0..self.n_outputs()).filter_map(|i| self.made(i));
        made.map(|value| (value.byte_len(), value.outline().to_string())).collect()
    }

    /// Calls `f(chunk, part)` for the parts of `len` elements (the last may be shorter) of a slice, on the pool.
    pub fn for_chunks_mut<T: Send>(
        &self,
        data: &mut [T],
        len: usize,
        f: &(dyn Fn(usize, &mut [T]) + Sync),
    ) -> Result<()> {
        self.try_for_chunks_mut(data, len, &|chunk, part| {
            f(chunk, part);
            Ok(())
        })
    }

    /// As [`RunCx::for_chunks_mut`] with parts that can fail: the error of the first failing part comes out.
    pub fn try_for_chunks_mut<T: Send>(
        &self,
        data: &mut [T],
        len: usize,
        f: &(dyn Fn(usize, &mut [T]) -> Result<()> + Sync),
    ) -> Result<()> {
        let n = data.len();
        let start = SharedMut(data.as_mut_ptr());
        self.try_parallel_for(n.div_ceil(len), &|chunk| {
            let from = chunk * len;
            // SAFETY: `try_parallel_for` calls each chunk at most once, so the parts are disjoint; they lie within
            // `data`, which is borrowed until it returns.
            let part = unsafe { std::slice::from_raw_parts_mut(start.at(from), len.min(n - from)) };
            f(chunk, part)
        })
    }

    /// Runs an op as part of this step, on inputs of its own; its outputs come out.
    ///
    /// # Errors
    /// Those of the op.
    pub(crate) fn run_on(&self, op: &dyn Op, inputs: SmallVec<[Value; 4]>) -> Result<SmallVec<[Value; 2]>> {
        let n = inputs.len();
        let mut slots = Slots::new(n + self.n_outputs());
        inputs.into_iter().enumerate().for_each(|(i, value)| *slots.get_mut(i) = Some(value));
        let cells: SmallVec<[u32; 4]> = (0..n as u32).collect();
        let io = StepIo { inputs: &cells, first_output: n as u32, ..self.io };
        // SAFETY: the cells are this function's own, one for each input, and nobody reads an input after the op.
        let mut cx = unsafe { RunCx::new(&slots, io, u32::MAX, self.env, self.recycler) };
        op.run(&mut cx)?;
        let missing = || Error::internal("the kernel left an output empty");
        (n..slots.len()).map(|i| slots.get_mut(i).take().ok_or_else(missing)).collect()
    }

    /// What the steps of this run share.
    pub fn env(&self) -> Env<'a> {
        *self.env
    }

    /// Runs body `i` of the op on one value a parameter; one value a result comes out.
    ///
    /// # Errors
    /// That of the step that fails first, `Cancelled`, `DeadlineExceeded`.
    pub fn call(&self, i: usize, arguments: SmallVec<[Value; 4]>) -> Result<SmallVec<[Value; 2]>> {
        let absent = || Error::internal("an op with bodies runs only in a plan");
        self.io.home.bodies.get(i).ok_or_else(absent)?.call(self.env, arguments)
    }

    /// The graph and node that the step came from.
    pub fn origin(&self) -> (u64, u32) {
        self.io.home.origin
    }

    /// The variable that the op itself makes ([`Effect::Temporary`](super::Effect)).
    pub fn own_variable(&self) -> Result<Arc<VarHandle>> {
        let absent = || Error::internal("an op that makes a variable runs only in a plan");
        self.io.home.variable.clone().ok_or_else(absent)
    }

    /// The variable that input `i` refers to.
    pub fn variable(&self, i: usize) -> Result<Arc<VarHandle>> {
        self.handle(i, Referent::Variable)
    }

    /// What input `i` refers to, among what the session keeps: an error where it is none of what is wanted.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub fn handle(&self, i: usize, want: Referent) -> Result<Arc<VarHandle>> {
        let handle = self.input(i).object::<VarHandle>();
        handle.filter(|handle| handle.referent.may_be(want)).ok_or_else(|| self.wrong_handle(i, want))
    }

    /// The error of an input that refers to something else.
    #[cold]
    pub fn wrong_handle(&self, i: usize, want: Referent) -> Error {
        let is = match (self.input(i).object_ref::<VarHandle>(), self.input(i).dtype()) {
            (Some(handle), _) => format!("{} '{}'", handle.referent, escape(&handle.name)),
            (None, DType::Resource) => "a handle to something else".to_owned(),
            (None, _) => "a value".to_owned(),
        };
        Error::invalid(format!("input {i} must be {want}, but is {is}"))
    }

    /// The state of the run.
    pub fn state(&self) -> Result<&'a dyn RunState> {
        self.env.state.ok_or_else(|| {
            Error::internal("variables, tables and random numbers are there in the run of a session only")
        })
    }
}
