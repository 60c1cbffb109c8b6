//! State of a session, and how one run sees it.
//!
//! Readers see a snapshot of all their variables, taken at their start. Runs that write take the session's write token
//! in arrival order; their writes go to run-local values and are swapped in at the end, all of them or none. So a run
//! that fails changes nothing, and nobody ever sees half of another run's writes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::turns::{Turn, Turns};
use crate::cancel::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{RunState, VarHandle};
use crate::value::Value;

/// Takes a line for the user.
pub type PrintLine = Box<dyn Fn(&str) + Send + Sync>;

/// The variables and random counters of a session.
#[derive(Default)]
pub struct SessionState {
    table: RwLock<Table>,
    turns: Turns,
    random: Mutex<HashMap<(u64, u32), u128>>,
    salt: Salt,
    print: Option<PrintLine>,
}

#[derive(Default)]
struct Table {
    index: HashMap<Arc<str>, usize>,
    values: Vec<Option<Value>>,
}

/// What random streams without seeds start from: from the operating system, another one in each session.
struct Salt(u64);

impl Default for Salt {
    fn default() -> Salt {
        Salt(RandomState::new().build_hasher().finish())
    }
}

thread_local! {
    /// The states that runs on this thread are about to write.
    static WRITING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl SessionState {
    /// State whose `Print` lines go to `print`; by default they go to standard error, as TF1's do.
    pub fn with_print(print: Option<PrintLine>) -> SessionState {
        SessionState { print, ..SessionState::default() }
    }

    /// The place of a variable in the table, the same for the life of the session.
    pub(super) fn index(&self, key: &Arc<str>) -> usize {
        let mut table = self.table.write();
        if let Some(index) = table.index.get(key) {
            return *index;
        }
        table.values.push(None);
        let index = table.values.len() - 1;
        table.index.insert(key.clone(), index);
        index
    }

    /// Hands the present values of some variables to `put`, all of one moment; those without a place have none.
    pub(super) fn snapshot(
        &self,
        indices: impl Iterator<Item = Option<usize>>,
        mut put: impl FnMut(usize, Option<Value>),
    ) {
        let table = self.table.read();
        for (n, index) in indices.enumerate() {
            put(n, index.and_then(|index| table.values[index].clone()));
        }
    }

    /// Replaces values, all at one moment; hands the old ones back.
    pub(super) fn commit(&self, writes: &mut [(usize, Option<Value>)]) {
        let mut table = self.table.write();
        for (index, value) in writes {
            std::mem::swap(&mut table.values[*index], value);
        }
    }

    /// The right to write, in order of arrival.
    ///
    /// # Errors
    /// `Reentrant` inside a run of this session that writes: waiting for it would never end. `Cancelled` and
    /// `DeadlineExceeded` by `limits` while it waits.
    pub(super) fn write_token(&self, limits: &Limits) -> Result<WriteToken<'_>> {
        let me = std::ptr::from_ref(self) as usize;
        if WRITING.with_borrow(|writing| writing.contains(&me)) {
            let text = "a run that writes variables was started inside a run that writes variables of the same session";
            return Err(Error::new(ErrorKind::Reentrant, text));
        }
        let turn = self.turns.take(limits)?;
        Ok(WriteToken { _turn: turn, _mark: self.mark_writing() })
    }

    /// Says that this thread works for a run that writes.
    pub(super) fn mark_writing(&self) -> WritingMark {
        WRITING.with_borrow_mut(|writing| writing.push(std::ptr::from_ref(self) as usize));
        WritingMark
    }

    /// Which variables have values, and how many bytes they hold.
    pub fn variables(&self) -> Vec<(String, Option<Value>)> {
        let table = self.table.read();
        let mut all: Vec<_> =
            table.index.iter().map(|(key, index)| (key.to_string(), table.values[*index].clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

/// The right to write; given back when dropped.
pub(super) struct WriteToken<'a> {
    _turn: Turn<'a>,
    _mark: WritingMark,
}

/// While it lives, this thread works for a run that writes.
pub(super) struct WritingMark;

impl Drop for WritingMark {
    fn drop(&mut self) {
        WRITING.with_borrow_mut(|writing| writing.pop());
    }
}

/// One variable as a run sees it.
#[derive(Default)]
pub(super) struct Local {
    pub(super) value: Option<Value>,
    pub(super) is_dirty: bool,
}

/// The state that one run's steps see.
pub(super) struct RunView<'a> {
    pub(super) session: &'a SessionState,
    pub(super) locals: &'a [Mutex<Local>],
}

impl RunView<'_> {
    fn local(&self, var: &VarHandle) -> Result<MutexGuard<'_, Local>> {
        let unknown = || Error::internal("the variable is not among those of the plan");
        Ok(self.locals.get(var.index).ok_or_else(unknown)?.lock())
    }
}

impl RunState for RunView<'_> {
    fn read(&self, var: &VarHandle) -> Option<Value> {
        self.locals.get(var.index)?.lock().value.clone()
    }

    fn clear(&self, var: &VarHandle) -> Result<Option<Value>> {
        let mut local = self.local(var)?;
        local.is_dirty = true;
        Ok(local.value.take())
    }

    fn update(&self, var: &VarHandle, change: &mut dyn FnMut(Option<Value>) -> Result<Value>) -> Result<()> {
        let mut local = self.local(var)?;
        // A value of the session is shared with its table, so the first write copies it; a run's own is changed in
        // place where no reader of this run still holds it. A failed run is thrown away whole, so a failed change may
        // leave nothing behind.
        let given = if local.is_dirty { local.value.take() } else { local.value.clone() };
        local.value = Some(change(given)?);
        local.is_dirty = true;
        Ok(())
    }

    fn reserve_random(&self, origin: (u64, u32), n: u128) -> u128 {
        let mut counters = self.session.random.lock();
        let counter = counters.entry(origin).or_insert(0);
        let start = *counter;
        *counter = start.wrapping_add(n);
        start
    }

    fn salt(&self) -> u64 {
        self.session.salt.0
    }

    fn print(&self, line: &str) {
        match &self.session.print {
            Some(print) => print(line),
            None => eprintln!("{line}"),
        }
    }
}
