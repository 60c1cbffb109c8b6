//! Plans by request; the least recently used ones leave first when there is no room for all.

use std::collections::HashMap;
use std::sync::Arc;

use crate::exec::Plan;
use crate::optimize::Request;

/// Plans by request.
#[derive(Default)]
pub(super) struct Cache {
    plans: HashMap<Request, Entry>,
    clock: u64,
    memory: usize,
}

struct Entry {
    plan: Arc<Plan>,
    used: u64,
    memory: usize,
}

impl Cache {
    pub(super) fn get(&mut self, request: &Request) -> Option<Arc<Plan>> {
        self.clock += 1;
        let entry = self.plans.get_mut(request)?;
        entry.used = self.clock;
        Some(entry.plan.clone())
    }

    /// Keeps a plan, and answers those that had to leave. The new one stays in any case.
    #[must_use = "plans may be large: drop them where nobody waits for the cache"]
    pub(super) fn insert(&mut self, request: Request, plan: Arc<Plan>, budget: usize) -> Vec<Arc<Plan>> {
        self.clock += 1;
        let ids = size_of_val(&*request.feeds) + size_of_val(&*request.fetches) + size_of_val(&*request.targets);
        let memory = plan.memory() + ids + size_of::<(Request, Entry)>();
        self.memory += memory;
        let entry = Entry { plan, used: self.clock, memory };
        let mut gone = Vec::new();
        if let Some(twin) = self.plans.insert(request, entry) {
            self.memory -= twin.memory;
            gone.push(twin.plan);
        }
        if self.memory > budget {
            self.evict(budget, &mut gone);
        }
        gone
    }

    /// Makes room for some more plans at once: finding the oldest ones takes a walk through all.
    fn evict(&mut self, budget: usize, gone: &mut Vec<Arc<Plan>>) {
        let mut ages: Vec<(u64, usize)> = self.plans.values().map(|entry| (entry.used, entry.memory)).collect();
        ages.sort_unstable();
        ages.pop();
        let mut left = self.memory;
        let is_too_much = |(_, memory): &&(u64, usize)| {
            let is_too_much = left > budget - budget / 8;
            left -= if is_too_much { *memory } else { 0 };
            is_too_much
        };
        let Some((last, _)) = ages.iter().take_while(is_too_much).last() else { return };
        gone.extend(self.plans.extract_if(|_, entry| entry.used <= *last).map(|(_, entry)| entry.plan));
        self.memory = left;
    }

    pub(super) fn len(&self) -> usize {
        self.plans.len()
    }

    /// Bytes of all plans.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }
}
