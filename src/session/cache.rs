//! Plans by request; the least recently used one leaves first.

use std::collections::HashMap;
use std::sync::Arc;

use crate::exec::Plan;
use crate::optimize::Request;

/// All plans together keep at most this many nodes, so that a thousand plans of huge graphs do not fill the memory.
const MAX_NODES: usize = 8 << 20;

/// Plans by request.
#[derive(Default)]
pub(super) struct Cache {
    plans: HashMap<Request, Entry>,
    clock: u64,
    nodes: usize,
}

struct Entry {
    plan: Arc<Plan>,
    used: u64,
}

impl Cache {
    pub(super) fn get(&mut self, request: &Request) -> Option<Arc<Plan>> {
        self.clock += 1;
        let entry = self.plans.get_mut(request)?;
        entry.used = self.clock;
        Some(entry.plan.clone())
    }

    pub(super) fn insert(&mut self, request: Request, plan: Arc<Plan>, max_plans: usize) {
        self.nodes += plan.graph().len();
        while !self.plans.is_empty() && (self.plans.len() >= max_plans.max(1) || self.nodes > MAX_NODES) {
            let oldest = self.plans.iter().min_by_key(|(_, entry)| entry.used).map(|(request, _)| request.clone());
            let gone = oldest.and_then(|request| self.plans.remove(&request));
            self.nodes -= gone.map_or(0, |entry| entry.plan.graph().len());
        }
        let entry = Entry { plan, used: self.clock };
        if let Some(twin) = self.plans.insert(request, entry) {
            self.nodes -= twin.plan.graph().len();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.plans.len()
    }
}
