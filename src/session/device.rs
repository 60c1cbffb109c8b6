//! Devices: there is one, and what asks for another is moved to it, or refused.

use std::collections::BTreeSet;

use super::explain::reasons;
use super::{Config, Session};
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Effect, Graph, Node, NodeId};
use crate::optimize::Request;

/// The one device, as TensorFlow names it.
const CPU: &str = "/job:localhost/replica:0/task:0/device:CPU:0";

impl Session {
    /// Places all nodes that a request feeds and needs, those of bodies included; says so where the configuration asks for it.
    ///
    /// # Errors
    /// `InvalidArgument` for all nodes that ask for a device that is not there, unless the configuration lets them move.
    pub(super) fn place_devices(&self, request: &Request) -> Result<()> {
        let Config { allow_soft_placement, log_device_placement, .. } = self.0.config;
        if allow_soft_placement && !log_device_placement {
            return Ok(());
        }
        let graph = &self.0.graph;
        let mut errors = Vec::new();
        let mut ids: BTreeSet<NodeId> = reasons(graph, request).into_keys().collect();
        ids.extend(request.feeds.iter().map(|id| id.node));
        for id in ids {
            for_each_node(graph.node(id), &mut |node| match node.device().filter(|asked| !is_here(asked)) {
                Some(asked) if !allow_soft_placement => errors.push(no_such_device(node, asked)),
                _ if log_device_placement => {
                    self.print(&format!("{}: ({}): {CPU}", escape(node.name()), node.op().kind().name));
                }
                _ => {}
            });
        }
        let mut errors = errors.into_iter();
        errors.next().map_or(Ok(()), |first| Err(first.with_also(errors)))
    }
}

/// The node, and those of its bodies, whose parameters stand for tensors outside.
fn for_each_node(node: &Node, visit: &mut dyn FnMut(&Node)) {
    visit(node);
    let mut of_body = |body: &Graph| {
        let is_parameter = |node: &&Node| node.op().kind().effect == Effect::Fed;
        body.nodes().filter(|node| !is_parameter(node)).for_each(|node| for_each_node(node, visit));
    };
    for (_, attr) in node.op().attrs() {
        match attr {
            AttrValue::Body(body) => of_body(body.graph()),
            AttrValue::Bodies(bodies) => bodies.iter().for_each(|body| of_body(body.graph())),
            _ => {}
        }
    }
}

/// Whether a device string, which may leave parts open, can mean the one device.
fn is_here(device: &str) -> bool {
    let is_first = |index: &str| matches!(index, "0" | "*" | "");
    device.split('/').filter(|part| !part.is_empty()).all(|part| {
        let (key, value) = part.split_once(':').unwrap_or((part, ""));
        match key.to_ascii_lowercase().as_str() {
            "job" => value == "localhost",
            "replica" | "task" | "cpu" => is_first(value),
            "device" => {
                let (kind, index) = value.split_once(':').unwrap_or((value, ""));
                (kind == "*" || kind.eq_ignore_ascii_case("cpu")) && is_first(index)
            }
            _ => false,
        }
    })
}

#[cold]
fn no_such_device(node: &Node, asked: &str) -> Error {
    let text = format!(
        "cannot assign a device for operation {}: it was explicitly assigned to {}, but available devices are [ {CPU} ]; \
         make sure the device specification refers to a valid device",
        escape(node.name()),
        escape(asked)
    );
    Error::invalid(text).at(|| node.site(Vec::new())).note("allow_soft_placement: true makes it run on the CPU")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_cpu_is_here() {
        for here in ["", "/cpu:0", "/CPU:0", "/device:CPU:0", "/device:cpu:*", "/device:CPU", "/job:localhost", CPU] {
            assert!(is_here(here), "{here}");
        }
        for other in ["/gpu:0", "/device:GPU:0", "/cpu:1", "/device:CPU:1", "/device:TPU:0", "/device:XLA_CPU:0"] {
            assert!(!is_here(other), "{other}");
        }
        for other in ["/job:worker", "/task:1/cpu:0", "/replica:2", "nonsense", "/job:localhost/device:GPU:0"] {
            assert!(!is_here(other), "{other}");
        }
    }
}
