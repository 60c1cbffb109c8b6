//! `sessile inspect`: what a graph is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

use serde_json::{Value as Json, json};
use sessile::error::escape;
use sessile::graph::{AttrValue, Effect, Graph, MAX_NESTING, OutputId};
use sessile::io::{Function, GraphDef, ImportOptions, NodeDef, import_graph_def, load_graph_def};
use sessile::ops::array::Placeholder;
use sessile::{Error, ErrorKind, Shape, Tensor};

use crate::amount::Amount;
use crate::args::Inspect;
use crate::estimate::{Estimate, estimate};
use crate::failure::{Failure, Outcome};
use crate::load::{node_of, outputs, parse_shape, placeholders, with_names};
use crate::report::{Report, bytes, count, shape_json, table};
use crate::scope::Sizes;

/// Reads a graph and tells what is in it. Ops that are not supported are listed; what does not need them is inferred.
pub fn inspect(args: &Inspect) -> Outcome<Report> {
    let def = GraphDef::read(&args.graph).map_err(Failure::of_file)?;
    if let Some(name) = args.outputs.iter().find(|name| def.node(node_of(name)).is_none()) {
        return Err(Error::new(ErrorKind::NotFound, format!("'{}' does not exist in the graph", escape(name))).into());
    }
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
    /// The nodes to import: with what they need, all that can be built.
    roots: Vec<String>,
    /// How often each unsupported op is needed.
    unsupported: BTreeMap<String, usize>,
}

impl Wanted {
    fn of(def: &GraphDef, outputs: &[String]) -> Wanted {
        let edges = Edges::of(def);
        let mut is_needed = vec![outputs.is_empty(); def.nodes.len()];
        let mut stack: Vec<usize> =
            outputs.iter().filter_map(|name| edges.places.get(node_of(name)).copied()).collect();
        while let Some(i) = stack.pop() {
            if !std::mem::replace(&mut is_needed[i], true) {
                stack.extend(edges.inputs(i));
            }
        }
        let mut unsupported = BTreeMap::new();
        for (i, ops) in def.unsupported_nodes().into_iter().filter(|(i, _)| is_needed[*i]) {
            ops.into_iter().for_each(|op| *unsupported.entry(op).or_default() += 1);
            stack.push(i);
        }
        let nodes: Vec<usize> = (0..def.nodes.len()).filter(|i| is_needed[*i]).collect();
        let roots = edges.roots(&is_needed, stack);
        Wanted { nodes, roots, unsupported }
    }
}

/// Who stands above and below whom.
struct Edges<'a> {
    def: &'a GraphDef,
    places: HashMap<&'a str, usize>,
    consumers: Vec<Vec<usize>>,
}

impl<'a> Edges<'a> {
    fn of(def: &'a GraphDef) -> Edges<'a> {
        let places = def.nodes.iter().enumerate().map(|(i, node)| (&*node.name, i)).collect();
        let mut edges = Edges { def, places, consumers: vec![Vec::new(); def.nodes.len()] };
        for i in 0..def.nodes.len() {
            let inputs: Vec<usize> = edges.inputs(i).collect();
            inputs.into_iter().for_each(|input| edges.consumers[input].push(i));
        }
        edges
    }

    fn inputs(&self, i: usize) -> impl Iterator<Item = usize> {
        self.def.nodes[i].inputs.iter().filter_map(|input| self.places.get(node_of(input)).copied())
    }

    fn is(&self, i: usize, ops: [&str; 2]) -> bool {
        ops.contains(&&*self.def.nodes[i].op)
    }

    /// The lowest of the needed nodes that can be built although the unsupported ones cannot. What is inside of a loop
    /// comes with the loop.
    fn roots(&self, is_needed: &[bool], unsupported: Vec<usize>) -> Vec<String> {
        let (is_lost, is_inside) = (self.lost(unsupported), self.inside_of_loops());
        let is_built = |i: &usize| is_needed[*i] && !is_lost[*i] && !is_inside[*i];
        let is_above_none = |i: &usize| !self.consumers[*i].iter().any(is_built);
        let lowest = (0..is_needed.len()).filter(|i| is_built(i) && is_above_none(i));
        lowest.map(|i| self.def.nodes[i].name.clone()).collect()
    }

    /// What stands below an unsupported node, and all of a loop with such a node in it.
    fn lost(&self, mut below: Vec<usize>) -> Vec<bool> {
        let (mut is_lost, mut is_walked) = (vec![false; self.consumers.len()], vec![false; self.consumers.len()]);
        let mut above = Vec::new();
        loop {
            if let Some(i) = below.pop() {
                if !std::mem::replace(&mut is_lost[i], true) {
                    below.extend(&self.consumers[i]);
                    above.push(i);
                }
            } else if let Some(i) = above.pop() {
                if !std::mem::replace(&mut is_walked[i], true) {
                    let (entries, others): (Vec<_>, Vec<_>) = self.inputs(i).partition(|j| self.is(*j, ENTRIES));
                    below.extend(entries);
                    above.extend(others.into_iter().filter(|j| !self.is(*j, EXITS)));
                }
            } else {
                return is_lost;
            }
        }
    }

    fn inside_of_loops(&self) -> Vec<bool> {
        let mut depths = vec![0; self.consumers.len()];
        let mut stack: Vec<(usize, usize)> =
            (0..self.consumers.len()).filter(|i| self.is(*i, ENTRIES)).map(|i| (i, 1)).collect();
        while let Some((i, depth)) = stack.pop() {
            // Where nodes go round without an end the file is damaged, and the import says so.
            if depths[i] >= depth || depth > MAX_NESTING {
                continue;
            }
            depths[i] = depth;
            let step = |j: usize| match (self.is(j, ENTRIES), self.is(j, EXITS)) {
                (true, _) => depth + 1,
                (_, true) => depth - 1,
                _ => depth,
            };
            stack.extend(self.consumers[i].iter().map(|j| (*j, step(*j))));
        }
        depths.into_iter().map(|depth| depth > 0).collect()
    }
}

/// The ops that lead into a TF1 loop.
const ENTRIES: [&str; 2] = ["Enter", "RefEnter"];
/// The ops that lead out of one.
const EXITS: [&str; 2] = ["Exit", "RefExit"];

/// Imports what can be, with names for the unknown dims of placeholders.
fn build(def: &GraphDef, wanted: &Wanted, args: &Inspect) -> Outcome<Graph> {
    let outputs = wanted.roots.clone();
    if outputs.is_empty() {
        return Ok(Graph::new());
    }
    let used: HashSet<&str> = def.nodes.iter().flat_map(|node| &node.inputs).map(String::as_str).collect();
    let is_used = |name: &str| used.contains(name) || used.contains(format!("{name}:0").as_str());
    let graph = Graph::new();
    let mut input_map = Vec::new();
    for node in wanted.nodes.iter().map(|i| &def.nodes[*i]) {
        if node.op == "Placeholder" && is_used(&node.name) && !outputs.contains(&node.name) {
            let stand_in = named_placeholder(&graph, node, def.versions.producer, args)?;
            input_map.push((format!("^{}", node.name), stand_in.clone()));
            input_map.push((node.name.clone(), stand_in));
        }
    }
    match import_graph_def(
        &graph,
        def,
        &ImportOptions { input_map, outputs: outputs.clone(), ..ImportOptions::default() },
    ) {
        Ok(_) => Ok(graph),
        // What was said of a placeholder may be wrong; what the file says is not.
        Err(error) => {
            let options = ImportOptions { outputs, ..ImportOptions::default() };
            let (graph, _) = load_graph_def(def, &options).map_err(Failure::of_file)?;
            if args.shapes.is_empty() { Ok(graph) } else { Err(error.into()) }
        }
    }
}

fn named_placeholder(graph: &Graph, node: &NodeDef, producer: i32, args: &Inspect) -> Outcome<Tensor> {
    let given = args.shapes.iter().find(|(name, _)| *name == node.name);
    let shape = match (given, node.attr("shape").map_err(Failure::of_file)?) {
        (Some((name, text)), _) => parse_shape(name, text)?,
        // Before version 24 a scalar meant that nothing is known.
        (None, Some(AttrValue::Shape(shape))) if producer < 24 && shape.rank() == Some(0) => Shape::unknown(),
        (None, Some(AttrValue::Shape(shape))) => with_names(&node.name, &shape),
        _ => Shape::unknown(),
    };
    let Some(AttrValue::Type(dtype)) = node.attr("dtype").map_err(Failure::of_file)? else {
        let error = Error::invalid(format!("placeholder '{}' has no dtype", escape(&node.name)));
        return Err(Failure::of_file(error));
    };
    Ok(graph.named(&format!("{}/", node.name), || graph.apply_one(Placeholder { dtype, shape }, &[]))?)
}

/// The names of the functions that a node may call.
fn called(node: &NodeDef) -> Vec<String> {
    let mut names = vec![node.op.clone()];
    // The one attribute that is large is no function.
    for attr in node.attr_names().filter(|attr| *attr != "value") {
        match node.attr(attr) {
            Ok(Some(AttrValue::Func(name, _))) => names.push(name),
            Ok(Some(AttrValue::Funcs(all))) => names.extend(all.into_iter().map(|(name, _)| name)),
            _ => {}
        }
    }
    names
}

/// All that was found out.
struct Found<'a> {
    def: &'a GraphDef,
    wanted: &'a Wanted,
    graph: &'a Graph,
    estimate: &'a Estimate,
}

impl Found<'_> {
    /// The needed nodes, and those of the functions that they call, each once.
    fn nodes(&self) -> Vec<&NodeDef> {
        let mut nodes: Vec<&NodeDef> = self.wanted.nodes.iter().map(|i| &self.def.nodes[*i]).collect();
        let mut functions: HashMap<&str, &Function> =
            self.def.functions.iter().map(|function| (&*function.name, function)).collect();
        let mut next = 0;
        while next < nodes.len() && !functions.is_empty() {
            for name in called(nodes[next]) {
                nodes.extend(functions.remove(&*name).into_iter().flat_map(|function| &function.nodes));
            }
            next += 1;
        }
        nodes
    }

    fn histogram(&self) -> Vec<(&str, usize)> {
        let mut ops: BTreeMap<&str, usize> = BTreeMap::new();
        self.nodes().into_iter().for_each(|node| *ops.entry(&*node.op).or_default() += 1);
        let mut ops: Vec<_> = ops.into_iter().collect();
        ops.sort_by_key(|(op, n)| (std::cmp::Reverse(*n), *op));
        ops
    }

    /// Names, nodes and work of each op; ops that the engine takes as one share a line.
    fn op_lines(&self) -> Vec<[String; 3]> {
        let mut by_row: Vec<(&str, String, usize)> = Vec::new();
        for (op, n) in self.histogram() {
            let row = sessile::ops::find(op).map_or(op, |row| row.name);
            match by_row.iter_mut().find(|(known, ..)| *known == row) {
                Some((_, names, total)) => (*names, *total) = (format!("{names}, {}", escape(op)), *total + n),
                None => by_row.push((row, escape(op), n)),
            }
        }
        let flops = |row: &str| count(self.estimate.by_op.get(row).copied().unwrap_or(0.0));
        by_row.into_iter().map(|(row, names, n)| [names, n.to_string(), flops(row)]).collect()
    }

    fn tensors(&self, ids: impl Iterator<Item = Tensor>) -> Vec<[String; 3]> {
        ids.map(|tensor| [escape(&tensor.name()), tensor.dtype().to_string(), tensor.shape().to_string()]).collect()
    }

    fn outputs(&self) -> impl Iterator<Item = Tensor> {
        outputs(self.graph, self.def).into_iter()
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
        let _ = write!(text, "\nops\n{}", table(["op", "nodes", "flops"], 1, self.op_lines()));
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
        let e = self.estimate;
        let about = |amount: &Amount, number: String| match e.is_at_least(amount) {
            true => format!("at least {number}"),
            false => number,
        };
        let rows = [
            ["parameters".to_owned(), bytes(e.parameters), format!("{} B", e.parameters)],
            [
                "activations".to_owned(),
                about(&e.activations, bytes(e.activations.number)),
                format!("{} B", e.activations.brief()),
            ],
            ["peak".to_owned(), about(&e.peak, bytes(e.peak.number)), format!("{} B", e.peak.brief())],
            ["flops".to_owned(), about(&e.flops, count(e.flops.number)), e.flops.brief()],
        ];
        let _ = write!(
            text,
            "\nestimates (dims and turns without a number are 1)\n{}",
            table(["of a run", "about", "in symbols"], 3, rows)
        );
        if e.n_unknown > 0 {
            let _ = writeln!(text, "  {} tensors of unknown rank are left out", e.n_unknown);
        }
        for name in &e.open_loops {
            let _ = writeln!(text, "  loop '{0}': its turns are not known, say --dim 'turns({0})=N'", escape(name));
        }
    }

    fn json(&self, args: &Inspect) -> Json {
        let tensor = |tensor: Tensor| json!({"name": tensor.name(), "dtype": tensor.dtype().name(), "shape": shape_json(&tensor.shape())});
        let amount = |amount: &Amount| {
            let is_at_least = self.estimate.is_at_least(amount);
            json!({"number": amount.number, "symbolic": amount.to_string(), "at_least": is_at_least})
        };
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
                "activation_bytes": amount(&self.estimate.activations),
                "peak_bytes": amount(&self.estimate.peak),
                "flops": amount(&self.estimate.flops),
                "unknown_tensors": self.estimate.n_unknown,
                "unknown_turns": self.estimate.open_loops,
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
