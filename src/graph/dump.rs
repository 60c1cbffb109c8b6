//! Looking at a graph: a line a node, or Graphviz.

use std::fmt::Write;

use petgraph::graph::{DiGraph, NodeIndex};

use super::Graph;
use super::node::{Node, NodeId, OutputId};
use crate::error::escape;

/// What an edge of [`Graph::edges`] stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Output `slot` of the source is an input of the target.
    Data {
        /// Which output of the source.
        slot: u32,
    },
    /// The target waits for the source.
    Control,
}

impl Graph {
    /// A line a node: name, op, inputs, dtypes and shapes of the outputs.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3])?;
    /// let _y = x.relu()?;
    /// assert_eq!(g.dump(), "Placeholder = Placeholder() -> float32 (?, 3)\nRelu = Relu(Placeholder:0) -> float32 (?, 3)\n");
    /// # Ok(()) }
    /// ```
    pub fn dump(&self) -> String {
        let mut text = String::new();
        for node in self.nodes() {
            text.push_str(&line(self, node));
            text.push('\n');
        }
        text
    }

    /// The edges as a petgraph graph, whose algorithms answer reachability, orders and cycles. Node indices equal
    /// node ids.
    pub fn edges(&self) -> DiGraph<NodeId, Edge> {
        let n = self.len();
        let mut edges = DiGraph::with_capacity(n, 2 * n);
        for node in self.nodes().take(n) {
            let target = edges.add_node(node.id());
            for input in node.inputs() {
                edges.add_edge(NodeIndex::new(input.node.index()), target, Edge::Data { slot: input.slot });
            }
            for input in node.control_inputs() {
                edges.add_edge(NodeIndex::new(input.index()), target, Edge::Control);
            }
        }
        edges
    }

    /// The graph in Graphviz's language, with dtype and shape on the edges; control edges are dashed.
    pub fn dot(&self) -> String {
        let edges = self.edges();
        let node_label = |_: &_, (_, id): (_, &NodeId)| {
            let node = self.node(*id);
            format!("label = \"{}\\n{}\"", quote(node.name()), quote(node.op().kind().name))
        };
        let edge_label = |_: &_, edge: petgraph::graph::EdgeReference<'_, Edge>| {
            use petgraph::visit::EdgeRef;
            match edge.weight() {
                Edge::Control => "style = dashed".to_owned(),
                Edge::Data { slot } => {
                    let id = OutputId { node: edges[edge.source()], slot: *slot };
                    format!("label = \"{}\"", quote(&self.fact(id).to_string()))
                }
            }
        };
        use petgraph::dot::{Config, Dot};
        let config = [Config::NodeNoLabel, Config::EdgeNoLabel];
        let dot = Dot::with_attr_getters(&edges, &config, &edge_label, &node_label);
        format!("{dot:?}")
    }
}

/// `name = Op(inputs) -> outputs`, escaped.
pub(super) fn line(graph: &Graph, node: &Node) -> String {
    let name = |id: NodeId| escape(graph.node(id).name());
    let data = node.inputs().iter().map(|input| format!("{}:{}", name(input.node), input.slot));
    let control = node.control_inputs().iter().map(|id| format!("^{}", name(*id)));
    let inputs: Vec<_> = data.chain(control).collect();
    let mut text = format!("{} = {}({})", escape(node.name()), escape(node.op().kind().name), inputs.join(", "));
    for slot in 0..node.outputs().len() as u32 {
        let separator = if slot == 0 { " -> " } else { ", " };
        let fact = graph.fact(OutputId { node: node.id(), slot });
        write!(text, "{separator}{fact}").expect("writing to a string does not fail");
    }
    text
}

fn quote(text: &str) -> String {
    escape(text).replace('\\', "\\\\").replace('"', "\\\"")
}
