//! Looking at a graph: a line a node, or Graphviz.

use std::fmt::Write;

use petgraph::graph::{DiGraph, NodeIndex};

use super::Graph;
use super::node::{Node, NodeId, OutputId};
use crate::error::{escape, push_escaped};

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
    ///
    /// The bodies of control flow follow the node that holds them, each with its parameters and results:
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let p = g.named("p", || g.placeholder(DType::Bool, shape![]))?;
    /// let x = g.named("x", || g.placeholder(DType::F32, shape![3]))?;
    /// let _y = g.cond(&p, || -&x, || Ok(&x))?;
    /// let want = "\
    /// p = Placeholder() -> bool ()
    /// x = Placeholder() -> float32 (3,)
    /// cond = StatelessIf(p:0, x:0) -> float32 (3,)
    ///   then_branch(x):
    ///     cond/Neg = Neg(x:0) -> float32 (3,)
    ///     return cond/Neg:0
    ///   else_branch(x):
    ///     return x:0
    /// cond/Merge = Identity(cond:0) -> float32 (3,)
    /// ";
    /// assert_eq!(g.dump(), want);
    /// # Ok(()) }
    /// ```
    pub fn dump(&self) -> String {
        let mut text = String::new();
        for node in self.nodes() {
            dump_node(self, node, "", &mut text);
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

    /// The graph in Graphviz's language, with dtype and shape on the edges; control edges are dashed. A body is a box, to
    /// which a dotted edge leads from the node that holds it.
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
        let mut text = format!("{dot:?}");
        if let Some(end) = text.rfind('}') {
            text.truncate(end);
            dot_bodies(self, "", &mut text);
            text.push_str("}\n");
        }
        text
    }
}

/// Writing to a string does not fail.
const INFALLIBLE: &str = "writing to a string does not fail";

/// A node's line, and its bodies. Recurses on nesting, which is bounded.
fn dump_node(graph: &Graph, node: &Node, indent: &str, text: &mut String) {
    text.push_str(indent);
    write_line(graph, node, text);
    text.push('\n');
    for (name, body) in graph.bodies(node) {
        let inner = body.graph();
        let params: Vec<String> = body.params().iter().map(|id| escape(inner.node(*id).name())).collect();
        writeln!(text, "{indent}  {name}({}):", params.join(", ")).expect(INFALLIBLE);
        let deeper = format!("{indent}    ");
        for node in inner.nodes().filter(|node| !body.params().contains(&node.id())) {
            dump_node(inner, node, &deeper, text);
        }
        let results = body.results().iter().map(|id| output_name(inner, *id));
        let targets = body.targets().iter().map(|id| format!("^{}", escape(inner.node(*id).name())));
        let returned: Vec<String> = results.chain(targets).collect();
        writeln!(text, "{deeper}return {}", returned.join(", ")).expect(INFALLIBLE);
    }
}

/// A box for each body; `place` tells the nodes of bodies apart.
fn dot_bodies(graph: &Graph, place: &str, text: &mut String) {
    for node in graph.nodes() {
        for (i, (name, body)) in graph.bodies(node).into_iter().enumerate() {
            let (holder, inner) = (format!("{place}{}", node.id().index()), body.graph());
            let at = format!("b{holder}_{i}_");
            writeln!(text, "    subgraph cluster_{at} {{").expect(INFALLIBLE);
            writeln!(text, "        label = \"{} of {}\"", quote(&name), quote(node.name())).expect(INFALLIBLE);
            for node in inner.nodes() {
                let label = format!("{}\\n{}", quote(node.name()), quote(node.op().kind().name));
                let shape = if body.results().iter().any(|id| id.node == node.id()) { ", peripheries = 2" } else { "" };
                writeln!(text, "        {at}{} [ label = \"{label}\"{shape} ]", node.id().index()).expect(INFALLIBLE);
            }
            writeln!(text, "    }}").expect(INFALLIBLE);
            for node in inner.nodes() {
                dot_edges(inner, node, &at, text);
            }
            if !inner.is_empty() {
                writeln!(text, "    {holder} -> {at}0 [ style = dotted, lhead = cluster_{at} ]").expect(INFALLIBLE);
            }
            dot_bodies(inner, &at, text);
        }
    }
}

/// The edges into a node of a body.
fn dot_edges(graph: &Graph, node: &Node, at: &str, text: &mut String) {
    let target = node.id().index();
    for id in node.inputs() {
        let label = quote(&graph.fact(*id).to_string());
        writeln!(text, "    {at}{} -> {at}{target} [ label = \"{label}\" ]", id.node.index()).expect(INFALLIBLE);
    }
    for id in node.control_inputs() {
        writeln!(text, "    {at}{} -> {at}{target} [ style = dashed ]", id.index()).expect(INFALLIBLE);
    }
}

/// `node:slot`, escaped.
fn output_name(graph: &Graph, id: OutputId) -> String {
    format!("{}:{}", escape(graph.node(id.node).name()), id.slot)
}

/// `name = Op(inputs) -> outputs`, escaped.
pub(super) fn line(graph: &Graph, node: &Node) -> String {
    let mut text = String::new();
    write_line(graph, node, &mut text);
    text
}

fn write_line(graph: &Graph, node: &Node, text: &mut String) {
    push_escaped(text, node.name());
    text.push_str(" = ");
    push_escaped(text, node.op().kind().name);
    text.push('(');
    for (i, input) in node.inputs().iter().enumerate() {
        text.push_str(if i == 0 { "" } else { ", " });
        push_escaped(text, graph.node(input.node).name());
        write!(text, ":{}", input.slot).expect(INFALLIBLE);
    }
    for (i, id) in node.control_inputs().iter().enumerate() {
        text.push_str(if i == 0 && node.inputs().is_empty() { "^" } else { ", ^" });
        push_escaped(text, graph.node(*id).name());
    }
    text.push(')');
    for slot in 0..node.outputs().len() as u32 {
        let separator = if slot == 0 { " -> " } else { ", " };
        let fact = graph.fact(OutputId { node: node.id(), slot });
        write!(text, "{separator}{fact}").expect(INFALLIBLE);
    }
}

fn quote(text: &str) -> String {
    escape(text).replace('\\', "\\\\").replace('"', "\\\"")
}
