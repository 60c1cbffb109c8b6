//! The steps of a plan, packed: what each run reads of every step fits into one cache line, and lies in plan order.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::graph::{Flow, NodeId, Op, StepHome, StepIo};

/// Stands for the number of readers of a cell that steps do not free.
pub(super) const KEPT: u32 = u32::MAX;

/// The kernel calls of one plan, in plan order.
#[derive(Default)]
pub(super) struct Steps {
    calls: Vec<Call>,
    rest: Vec<Rest>,
    /// The input cells of all steps.
    inputs: Vec<u32>,
    /// The cells that nobody reads after a step, of all steps.
    frees: Vec<u32>,
}

/// One kernel call.
struct Call {
    op: Arc<dyn Op>,
    first_input: u32,
    n_inputs: u32,
    first_free: u32,
    n_frees: u32,
    first_output: u32,
    n_outputs: u32,
    /// Inputs that may be taken when steps run in plan order: this step is their last reader.
    take_in_order: u32,
    is_fetched: bool,
}

/// What few runs ask of a step.
pub(super) struct Rest {
    pub(super) home: StepHome,
    /// Inputs that may be taken in any legal order: this step is their only reader.
    pub(super) take_always: u32,
    /// Steps that wait for this one.
    pub(super) successors: SmallVec<[u32; 2]>,
    /// How many steps this one waits for.
    pub(super) n_waits: u32,
    pub(super) node: NodeId,
    /// What it makes of inputs without a value.
    pub(super) flow: Flow,
    /// Whether there may be such inputs, or steps among `may_skip` that did not run.
    pub(super) may_die: bool,
    /// Steps without which this one does not run either.
    pub(super) may_skip: SmallVec<[u32; 1]>,
}

impl Steps {
    /// Adds a step whose outputs go to `n_outputs` cells from `first_output` on; `rest` says for whom it waits.
    pub(super) fn push(
        &mut self,
        op: Arc<dyn Op>,
        inputs: impl Iterator<Item = u32>,
        (first_output, n_outputs): (u32, u32),
        rest: Rest,
    ) {
        let first_input = self.inputs.len() as u32;
        self.inputs.extend(inputs);
        self.calls.push(Call {
            op,
            first_input,
            n_inputs: self.inputs.len() as u32 - first_input,
            first_free: 0,
            n_frees: 0,
            first_output,
            n_outputs,
            take_in_order: 0,
            is_fetched: false,
        });
        self.rest.push(rest);
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    #[inline]
    pub(super) fn op(&self, step: usize) -> &dyn Op {
        &*self.calls[step].op
    }

    /// The cells of a step.
    #[inline]
    pub(super) fn io(&self, step: usize) -> StepIo<'_> {
        let Call { n_inputs, first_output, n_outputs, is_fetched, .. } = self.calls[step];
        let first = self.calls[step].first_input as usize;
        let inputs = &self.inputs[first..first + n_inputs as usize];
        StepIo { inputs, first_output, n_outputs, is_fetched, home: &self.rest[step].home }
    }

    /// The cells that nobody reads after a step, in plan order.
    #[inline]
    pub(super) fn frees(&self, step: usize) -> &[u32] {
        let Call { first_free, n_frees, .. } = self.calls[step];
        &self.frees[first_free as usize..][..n_frees as usize]
    }

    /// The inputs that a step may take when steps run in plan order.
    #[inline]
    pub(super) fn take_in_order(&self, step: usize) -> u32 {
        self.calls[step].take_in_order
    }

    #[inline]
    pub(super) fn rest(&self, step: usize) -> &Rest {
        &self.rest[step]
    }

    /// What is known of each step beside its cells.
    pub(super) fn all(&self) -> &[Rest] {
        &self.rest
    }

    /// Bytes of what is kept of all steps, beside the lists of each.
    pub(super) fn tables(&self) -> usize {
        let Steps { calls, rest, inputs, frees } = self;
        calls.capacity() * size_of::<Call>()
            + rest.capacity() * size_of::<Rest>()
            + (inputs.capacity() + frees.capacity()) * size_of::<u32>()
    }

    pub(super) fn rest_mut(&mut self, step: usize) -> &mut Rest {
        &mut self.rest[step]
    }

    /// Finds out who reads a cell last, and who may take it; answers how many read each. Cells that are `kept` are freed
    /// by no step.
    pub(super) fn set_lifetimes(&mut self, n_cells: usize, kept: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut readers = vec![0u32; n_cells];
        let mut last = vec![None::<u32>; n_cells];
        kept.for_each(|cell| readers[cell as usize] = KEPT);
        for step in 0..self.len() {
            let io = self.io(step);
            // A cell that nobody reads is freed by the step that makes it.
            io.outputs().for_each(|cell| last[cell as usize] = Some(step as u32));
            for cell in io.inputs {
                let cell = *cell as usize;
                last[cell] = Some(step as u32);
                readers[cell] = if readers[cell] == KEPT { KEPT } else { readers[cell] + 1 };
            }
        }
        for (cell, step) in last.iter_mut().enumerate() {
            *step = step.filter(|_| readers[cell] != KEPT);
        }
        self.set_frees(&last);
        self.set_takes(&readers);
        readers
    }

    /// Says of each step which outputs are `kept` for the caller of the run.
    pub(super) fn set_fetched(&mut self, is_fetched: impl Fn(u32) -> bool) {
        for call in &mut self.calls {
            call.is_fetched = (call.first_output..call.first_output + call.n_outputs).any(&is_fetched);
        }
    }

    fn set_frees(&mut self, last: &[Option<u32>]) {
        last.iter().flatten().for_each(|step| self.calls[*step as usize].n_frees += 1);
        let mut first = 0;
        for call in &mut self.calls {
            call.first_free = first;
            first += std::mem::take(&mut call.n_frees);
        }
        self.frees = vec![0; first as usize];
        for (cell, step) in last.iter().enumerate() {
            let Some(step) = step else { continue };
            let call = &mut self.calls[*step as usize];
            self.frees[(call.first_free + call.n_frees) as usize] = cell as u32;
            call.n_frees += 1;
        }
    }

    fn set_takes(&mut self, readers: &[u32]) {
        for step in 0..self.len() {
            let (mut in_order, mut always) = (0u32, 0u32);
            let inputs = self.io(step).inputs;
            for cell in self.frees(step) {
                let bits = inputs.iter().take(32).enumerate().filter(|(_, input)| *input == cell);
                let mask = bits.fold(0u32, |mask, (bit, _)| mask | 1 << bit);
                let has_one_reader = readers[*cell as usize] == 1;
                // An input that comes twice would still be read when it has been taken.
                if has_one_reader || (mask.count_ones() == 1 && inputs.len() <= 32) {
                    in_order |= mask;
                    always |= if has_one_reader { mask } else { 0 };
                }
            }
            self.calls[step].take_in_order = in_order;
            self.rest[step].take_always = always;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_read_of_a_step_fits_into_a_cache_line() {
        assert!(size_of::<Call>() <= 64);
    }
}
