//! The bodies of control flow nodes as functions of a file's library.
//!
//! A function's nodes name outputs by argument, `node:output:0`. Its arguments are values: a TF1 variable that a body
//! only reads is passed in by value, one that it writes cannot be.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use prost::Message;

use super::export::{added, export_node, visible, visible_node};
use super::graph_def::{Function, NodeDef, decode_function_of};
use super::proto::{ArgProto, FunctionHead, NodeProto, SignatureProto};
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Body, Effect, Fact, Graph, Node, NodeId, OutputId, Role};

/// The library under way.
#[derive(Default)]
pub(super) struct Functions {
    pub(super) all: Vec<Function>,
    /// The name of each body that was written, by its address.
    names: HashMap<usize, String>,
    used: HashSet<String>,
}

impl Functions {
    /// An attribute with functions in place of bodies.
    ///
    /// # Errors
    /// `Unsupported` for bodies that files cannot hold.
    pub(super) fn attr(&mut self, node: &Node, name: &str, value: AttrValue) -> Result<AttrValue> {
        Ok(match value {
            AttrValue::Body(body) => AttrValue::Func(self.function(node, name, &body)?, BTreeMap::new()),
            AttrValue::Bodies(bodies) => {
                let each = bodies
                    .iter()
                    .enumerate()
                    .map(|(i, body)| Ok((self.function(node, &format!("{name}_{i}"), body)?, BTreeMap::new())));
                AttrValue::Funcs(each.collect::<Result<_>>()?)
            }
            other => other,
        })
    }

    /// The name of the function of a body, which is written first.
    fn function(&mut self, holder: &Node, what: &str, body: &Arc<Body>) -> Result<String> {
        let address = Arc::as_ptr(body) as usize;
        if let Some(name) = self.names.get(&address) {
            return Ok(name.clone());
        }
        let name = unique(&mut self.used, &format!("{}_{what}", holder.name().replace('/', "_")));
        let function = self.export(name.clone(), body).map_err(|error| error.note(format!("in body '{what}'")))?;
        self.all.push(function);
        self.names.insert(address, name.clone());
        Ok(name)
    }

    fn export(&mut self, name: String, body: &Body) -> Result<Function> {
        let graph = body.graph();
        let added = added(graph);
        let is_own = |node: &&Node| !body.params().contains(&node.id()) && !added.contains(&node.id());
        let inner: Vec<&Node> = graph.nodes().filter(is_own).collect();
        let mut used: HashSet<String> = inner.iter().map(|node| node.name().to_ascii_lowercase()).collect();
        let mut scope = Scope { graph, arguments: HashMap::new() };
        let mut input_arg = Vec::new();
        for id in body.params() {
            let argument = unique(&mut used, &argument_name(graph.node(*id).name()));
            input_arg.push(argument_of(&argument, &graph.fact(OutputId { node: *id, slot: 0 })));
            scope.arguments.insert(*id, argument);
        }
        let (mut output_arg, mut ret) = (Vec::new(), BTreeMap::new());
        for (i, id) in body.results().iter().enumerate() {
            let result = unique(&mut used, &format!("result_{i}"));
            output_arg.push(argument_of(&result, &graph.fact(*id)));
            ret.insert(result, scope.output(visible(graph, *id))?);
        }
        let control_ret: BTreeMap<String, String> = body
            .targets()
            .iter()
            .map(|id| (graph.node(*id).name().to_owned(), graph.node(*id).name().to_owned()))
            .collect();
        let nodes = inner.into_iter().map(|node| self.node(&scope, node)).collect::<Result<Vec<_>>>()?;
        let control_output = control_ret.keys().cloned().collect();
        let is_stateful = graph.nodes().any(|node| !matches!(node.op().kind().effect, Effect::Pure | Effect::Fed));
        let signature = SignatureProto { name, input_arg, output_arg, is_stateful, control_output };
        encode(FunctionHead { signature: Some(signature), ret, control_ret }, nodes)
    }

    fn node(&mut self, scope: &Scope<'_>, node: &Node) -> Result<NodeDef> {
        let export = || {
            scope.check_writes(node)?;
            let mut def = export_node(scope.graph, node, false, self)?;
            def.inputs = scope.inputs(node)?;
            Ok(def)
        };
        let mut export = export;
        export().map_err(|error: Error| error.at(|| node.site(Vec::new())))
    }
}

/// How nodes of one function name each other.
struct Scope<'a> {
    graph: &'a Graph,
    arguments: HashMap<NodeId, String>,
}

impl Scope<'_> {
    fn inputs(&self, node: &Node) -> Result<Vec<String>> {
        let data = node.inputs().iter().map(|id| self.output(visible(self.graph, *id)));
        let control = node.control_inputs().iter().map(|id| visible_node(self.graph, *id));
        // An argument is there when the function runs.
        let control = control.filter(|id| !self.arguments.contains_key(id));
        data.chain(control.map(|id| Ok(format!("^{}", self.graph.node(id).name())))).collect()
    }

    /// `argument`, or `node:output:0`.
    fn output(&self, id: OutputId) -> Result<String> {
        if let Some(argument) = self.arguments.get(&id.node) {
            return Ok(argument.clone());
        }
        let node = self.graph.node(id.node);
        // A read of a reference is written as the identity.
        let is_read = super::export::reads_ref(self.graph, node);
        let place = match is_read {
            true => Some(("output".to_owned(), 0)),
            false => node.op().kind().args().output_place(id.slot as usize, node.outputs().len()),
        };
        let (output, i) = place.ok_or_else(|| Error::internal("outputs belong to arguments of the signature"))?;
        Ok(format!("{}:{output}:{i}", node.name()))
    }

    /// Refuses what writes a variable of TF1 that is passed in.
    fn check_writes(&self, node: &Node) -> Result<()> {
        let is_passed_in =
            |id: &OutputId| self.arguments.contains_key(&id.node) && self.graph.fact(*id).role == Role::Ref;
        match node.op().kind().effect {
            Effect::Writes | Effect::Inspects if node.inputs().iter().any(is_passed_in) => {
                let text =
                    format!("'{}' changes or looks at a variable of TF1 from inside of a body", escape(node.name()));
                Err(Error::unsupported(format!("{text}, which files cannot hold")))
            }
            _ => Ok(()),
        }
    }
}

fn argument_of(name: &str, fact: &Fact) -> ArgProto {
    let dtype = if fact.is_handle() { DType::Resource } else { fact.dtype };
    ArgProto { name: name.to_owned(), r#type: dtype.tf_number(), ..ArgProto::default() }
}

/// The name as TensorFlow allows it for arguments: a lower-case letter, then letters, digits and `_`.
fn argument_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let mut legal: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !legal.starts_with(|c: char| c.is_ascii_lowercase()) {
        legal.insert_str(0, "arg_");
    }
    legal
}

/// The name, or with a number if it is taken.
fn unique(used: &mut HashSet<String>, name: &str) -> String {
    let mut found = name.to_owned();
    let mut n = 0;
    while !used.insert(found.clone()) {
        n += 1;
        found = format!("{name}_{n}");
    }
    found
}

/// The function with its bytes.
fn encode(head: FunctionHead, nodes: Vec<NodeDef>) -> Result<Function> {
    let mut bytes = head.encode_to_vec();
    for node in nodes {
        let proto: NodeProto = node.into_proto();
        prost::encoding::message::encode(3, &proto, &mut bytes);
    }
    decode_function_of(bytes.into())
}
