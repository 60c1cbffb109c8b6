//! What a pass has to know of a plan as a whole before it looks at any node.

use super::PlanGraph;
use crate::error::Result;
use crate::graph::{OutputId, check_limits_at};

/// Which nodes of a plan are needed, and how often.
pub(super) struct Survey {
    /// Nodes that feeds, fetches or targets need.
    pub(super) is_needed: Vec<bool>,
    /// Nodes that others wait for.
    pub(super) is_waited_for: Vec<bool>,
    /// For each node the place of its first output among all outputs; at the end how many there are.
    first: Vec<u32>,
    /// How often each output is used, fetches included.
    uses: Vec<u32>,
}

impl Survey {
    /// One walk from the results to the feeds.
    ///
    /// # Errors
    /// Those of the limits of building.
    pub(super) fn of(plan: &PlanGraph) -> Result<Survey> {
        let n = plan.graph.len();
        let mut first = Vec::with_capacity(n + 1);
        let mut n_outputs = 0u32;
        for node in plan.graph.nodes() {
            first.push(n_outputs);
            n_outputs += node.outputs().len() as u32;
        }
        first.push(n_outputs);
        let (is_needed, is_waited_for, uses) = (vec![false; n], vec![false; n], vec![0; n_outputs as usize]);
        let mut survey = Survey { is_needed, is_waited_for, first, uses };
        plan.feeds.iter().for_each(|id| survey.is_needed[id.node.index()] = true);
        plan.fetches.iter().for_each(|id| survey.use_output(*id));
        plan.targets.iter().for_each(|id| survey.wait_for(id.index()));
        for node in plan.graph.nodes().rev() {
            check_limits_at(node.id().index())?;
            if survey.is_needed[node.id().index()] {
                node.inputs().iter().for_each(|id| survey.use_output(*id));
                node.control_inputs().iter().for_each(|id| survey.wait_for(id.index()));
            }
        }
        Ok(survey)
    }

    fn use_output(&mut self, id: OutputId) {
        let place = self.place(id);
        self.uses[place] += 1;
        self.is_needed[id.node.index()] = true;
    }

    fn wait_for(&mut self, node: usize) {
        self.is_waited_for[node] = true;
        self.is_needed[node] = true;
    }

    /// Whether there is nothing to leave out.
    pub(super) fn needs_all(&self) -> bool {
        self.is_needed.iter().all(|is_needed| *is_needed)
    }

    /// The place of an output among those of all nodes.
    pub(super) fn place(&self, id: OutputId) -> usize {
        (self.first[id.node.index()] + id.slot) as usize
    }

    /// How many outputs all nodes have together.
    pub(super) fn n_outputs(&self) -> usize {
        self.uses.len()
    }

    /// How often an output is used, fetches included.
    pub(super) fn uses(&self, id: OutputId) -> u32 {
        self.uses[self.place(id)]
    }
}
