//! `sessile inspect`: what a graph is.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use serde_json::{Value as Json, json};
use sessile::error::escape;
use sessile::graph::{AttrValue, Effect, Graph, OutputId};
use sessile::io::{GraphDef, ImportOptions, NodeDef, import_graph_def, load_graph_def};
use sessile::ops;
use sessile::ops::array::Placeholder;
use sessile::{Result, Shape, Tensor};

use crate::args::Inspect;
use crate::estimate::{Estimate, Sizes, Total, estimate};
use crate::load::{outputs, parse_shape, placeholders, with_names};
use crate::report::{Report, bytes, count, shape_json, table};

/// Reads a graph and tells what is in it. Ops that are not supported are listed; what does not need them is inferred.
pub fn inspect(args: &Inspect) -> Result<Report> {
    let def = GraphDef::read(&args.graph)?;
    let wanted = Wanted::of(&def, &args.outputs);
    let graph = build(&def, &wanted, args)?;
    let sizes: Sizes = args.dims.iter().cloned().collect();
    let estimate = estimate(&graph, &sizes);
    let found = Found { def: &def, wanted: &wanted, graph: &graph, estimate: &estimate };
    Ok(Report { text: found.text(args), json: found.json(args), is_bad: false })
}

/// What the outputs need, told from names alone, so that unsupported ops do not stand in the way.
struct Wanted {
    /// Places of the needed nodes.
    nodes: Vec<usize>,
    /// Needed nodes that no unsupported op stands above.
    inferable: Vec<String>,
    /// How often each unsupported op is needed.
    unsupported: BTreeMap<String, usize>,
}

impl Wanted {
    fn of(def: &GraphDef, outputs: &[String]) -> Wanted {
        let places: HashMap<&str, usize> = def.nodes.iter().enumerate().map(|(i, node)| (&*node.name, i)).collect();
        let inputs = |i: usize| def.nodes[i].inputs.iter().filter_map(|input| places.get(node_of(input)).copied());
        let mut is_needed = vec![outputs.is_empty(); def.nodes.len()];
        let mut stack: Vec<usize> = outputs.iter().filter_map(|name| places.get(node_of(name)).copied()).collect();
        while let Some(i) = stack.pop() {
            if !std::mem::replace(&mut is_needed[i], true) {
                stack.extend(inputs(i));
            }
        }
        let nodes: Vec<usize> = (0..def.nodes.len()).filter(|i| is_needed[*i]).collect();
        let mut consumers: HashMap<usize, Vec<usize>> = HashMap::new();
        nodes.iter().for_each(|i| inputs(*i).for_each(|input| consumers.entry(input).or_default().push(*i)));
        let mut unsupported = BTreeMap::new();
        for i in nodes.iter().filter(|i| ops::find(&def.nodes[**i].op).is_err()) {
            *unsupported.entry(def.nodes[*i].op.clone()).or_default() += 1;
            stack.push(*i);
        }
        let mut is_bad = vec![false; def.nodes.len()];
        while let Some(i) = stack.pop() {
            if !std::mem::replace(&mut is_bad[i], true) {
                stack.extend(consumers.get(&i).into_iter().flatten());
            }
        }
        let inferable = nodes.iter().filter(|i| !is_bad[**i]).map(|i| def.nodes[*i].name.clone()).collect();
        Wanted { nodes, inferable, unsupported }
    }
}

/// The node of `x`, `x:1` or `^x`.
fn node_of(input: &str) -> &str {
    let name = input.trim_start_matches('^');
    name.split(':').next().unwrap_or(name)
}

/// Imports what can be, with names for the unknown dims of placeholders.
fn build(def: &GraphDef, wanted: &Wanted, args: &Inspect) -> Result<Graph> {
    if wanted.inferable.is_empty() && !def.nodes.is_empty() && args.outputs.is_empty() {
        return Ok(Graph::new());
    }
    let places: HashMap<&str, &NodeDef> = def.nodes.iter().map(|node| (&*node.name, node)).collect();
    let is_placeholder = |name: &&String| places[name.as_str()].op == "Placeholder";
    let (inputs, others): (Vec<_>, Vec<_>) = wanted.inferable.iter().partition(is_placeholder);
    let used: std::collections::HashSet<&str> =
        others.iter().flat_map(|name| &places[name.as_str()].inputs).map(String::as_str).collect();
    let graph = Graph::new();
    let mut input_map = Vec::new();
    for name in inputs {
        let stand_in = named_placeholder(&graph, places[name.as_str()], def.versions.producer, args)?;
        if used.contains(name.as_str()) || used.contains(format!("{name}:0").as_str()) {
            input_map.push((name.clone(), stand_in));
        }
    }
    if others.is_empty() {
        return Ok(graph);
    }
    let outputs: Vec<String> = others.into_iter().cloned().collect();
    match import_graph_def(&graph, def, &ImportOptions { input_map, outputs, ..ImportOptions::default() }) {
        Ok(_) => Ok(graph),
        // A placeholder that is also waited for cannot be replaced: then its dims stay without names.
        Err(_) => {
            let options = ImportOptions { outputs: wanted.inferable.clone(), ..ImportOptions::default() };
            load_graph_def(def, &options).map(|(graph, _)| graph)
        }
    }
}

fn named_placeholder(graph: &Graph, node: &NodeDef, producer: i32, args: &Inspect) -> Result<Tensor> {
    let given = args.shapes.iter().find(|(name, _)| *name == node.name);
    let shape = match (given, node.attr("shape")?) {
        (Some((name, text)), _) => parse_shape(name, text)?,
        // Before version 24 a scalar meant that nothing is known.
        (None, Some(AttrValue::Shape(shape))) if producer < 24 && shape.rank() == Some(0) => Shape::unknown(),
        (None, Some(AttrValue::Shape(shape))) => with_names(&node.name, &shape),
        _ => Shape::unknown(),
    };
    let Some(AttrValue::Type(dtype)) = node.attr("dtype")? else {
        return Err(sessile::Error::invalid(format!("placeholder '{}' has no dtype", escape(&node.name))));
    };
    graph.named(&format!("{}/", node.name), || graph.apply_one(Placeholder { dtype, shape }, &[]))
}

/// All that was found out.
struct Found<'a> {
    def: &'a GraphDef,
    wanted: &'a Wanted,
    graph: &'a Graph,
    estimate: &'a Estimate,
}

impl Found<'_> {
    fn histogram(&self) -> Vec<(&str, usize)> {
        let mut ops: BTreeMap<&str, usize> = BTreeMap::new();
        self.wanted.nodes.iter().for_each(|i| *ops.entry(&*self.def.nodes[*i].op).or_default() += 1);
        let mut ops: Vec<_> = ops.into_iter().collect();
        ops.sort_by_key(|(op, n)| (std::cmp::Reverse(*n), *op));
        ops
    }

    fn tensors(&self, ids: impl Iterator<Item = Tensor>) -> Vec<[String; 3]> {
        ids.map(|tensor| [escape(&tensor.name()), tensor.dtype().to_string(), tensor.shape().to_string()]).collect()
    }

    fn outputs(&self) -> impl Iterator<Item = Tensor> {
        outputs(self.graph).map(|id| self.graph.tensor(id))
    }

    fn variables(&self) -> impl Iterator<Item = Tensor> {
        let nodes = self.graph.nodes().filter(|node| node.op().kind().effect == Effect::Variable);
        nodes.map(|node| self.graph.tensor(OutputId { node: node.id(), slot: 0 }))
    }

    fn text(&self, args: &Inspect) -> String {
        let (def, mut text) = (self.def, String::new());
        let head = ["name", "dtype", "shape"];
        let _ = writeln!(
            text,
            "{}: {} nodes of {}, {} functions, producer {}",
            escape(&args.graph.display().to_string()),
            self.wanted.nodes.len(),
            def.nodes.len(),
            def.functions.len(),
            def.versions.producer
        );
        let sections = [
            ("inputs", self.tensors(placeholders(self.graph))),
            ("outputs", self.tensors(self.outputs())),
            ("variables", self.tensors(self.variables())),
        ];
        for (title, rows) in sections.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            let _ = write!(text, "\n{title}\n{}", table(head, 3, rows));
        }
        let ops = self.histogram().into_iter().map(|(op, n)| {
            let flops = self.estimate.by_op.get(op).copied().unwrap_or(0.0);
            [escape(op), n.to_string(), count(flops)]
        });
        let _ = write!(text, "\nops\n{}", table(["op", "nodes", "flops"], 1, ops));
        if !self.wanted.unsupported.is_empty() {
            let rows = self.wanted.unsupported.iter().map(|(op, n)| [escape(op), n.to_string()]);
            let _ = write!(text, "\nunsupported ops\n{}", table(["op", "nodes"], 1, rows));
        }
        self.estimates(&mut text);
        if args.nodes {
            let _ = write!(text, "\nnodes\n{}", self.graph.dump());
        }
        text
    }

    fn estimates(&self, text: &mut String) {
        let symbolic = |total: &Total| total.symbolic.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
        let e = self.estimate;
        let rows = [
            ["parameters".to_owned(), bytes(e.parameters), format!("{} B", e.parameters)],
            ["activations".to_owned(), bytes(e.activations.number), format!("{} B", symbolic(&e.activations))],
            ["peak".to_owned(), bytes(e.peak), String::new()],
            ["flops".to_owned(), count(e.flops.number), symbolic(&e.flops)],
        ];
        let _ = write!(
            text,
            "\nestimates (dims without a size are 1)\n{}",
            table(["of a run", "about", "exactly"], 1, rows)
        );
        if e.n_unknown > 0 {
            let _ = writeln!(text, "  {} tensors of unknown rank are left out", e.n_unknown);
        }
    }

    fn json(&self, args: &Inspect) -> Json {
        let tensor = |tensor: Tensor| json!({"name": tensor.name(), "dtype": tensor.dtype().name(), "shape": shape_json(&tensor.shape())});
        let total = |total: &Total| json!({"number": total.number, "symbolic": total.symbolic.as_ref().map(ToString::to_string)});
        let mut json = json!({
            "producer": self.def.versions.producer,
            "nodes": self.wanted.nodes.len(),
            "functions": self.def.functions.iter().map(|function| &function.name).collect::<Vec<_>>(),
            "inputs": placeholders(self.graph).map(tensor).collect::<Vec<_>>(),
            "outputs": self.outputs().map(tensor).collect::<Vec<_>>(),
            "variables": self.variables().map(tensor).collect::<Vec<_>>(),
            "ops": self.histogram().into_iter().map(|(op, n)| (op.to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
            "unsupported": self.wanted.unsupported,
            "estimates": {
                "parameter_bytes": self.estimate.parameters,
                "activation_bytes": total(&self.estimate.activations),
                "peak_bytes": self.estimate.peak,
                "flops": total(&self.estimate.flops),
                "unknown_tensors": self.estimate.n_unknown,
            },
        });
        if args.nodes {
            let node = |node: &sessile::graph::Node| {
                let operation = self.graph.operation(node.id());
                json!({
                    "name": node.name(),
                    "op": node.op().kind().name,
                    "inputs": node.inputs().iter().map(|id| self.graph.tensor(*id).name()).collect::<Vec<_>>(),
                    "outputs": operation.outputs().into_iter().map(tensor).collect::<Vec<_>>(),
                })
            };
            json["node_list"] = self.graph.nodes().map(node).collect();
        }
        json
    }
}
