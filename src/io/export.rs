//! From a graph of the engine to a file's graph.

use std::collections::{BTreeMap, HashSet};

use super::budget::Budget;
use super::encode::{encode_attr, encode_shapes};
use super::export_body::Functions;
use super::graph_def::{Function, GraphDef, NodeDef, Versions};
use super::nodes::HIDDEN_READ;
use super::proto::AttrProto;
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Effect, Fact, Graph, Node, NodeId, OutputId, Role};
use crate::ops;
use crate::ops::state::KnownHandle;
use crate::ops::state::alias::Later;
use crate::shape::Shape;

/// The version that exported graphs say they were written by: that of TensorFlow 1.15, whose ops they name.
const PRODUCER: i32 = 134;

/// How to export.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Writes the static shapes as `_output_shapes`, as `as_graph_def(add_shapes=True)` does. Viewers show them; no
    /// importer has to believe them.
    pub output_shapes: bool,
}

impl Default for ExportOptions {
    fn default() -> ExportOptions {
        ExportOptions { output_shapes: true }
    }
}

/// A graph as a file's graph: names, ops, attributes, control inputs, devices. Equal graphs give equal bytes. Files know
/// a dim's size or nothing, so names of dims are lost; so are source lines and the claims of `set_shape`. The order in
/// which reads and writes of a variable stand in the program is lost too, where no control input says it: TensorFlow
/// then runs them in any order.
///
/// # Errors
/// `Unsupported` with all ops that files cannot name: a user's own, closures, those that passes make, and two that are
/// older than the array handles of today; and for a
/// variable of TF1 that is written inside of a body, which files have no form for.
///
/// ```
/// # use sessile::prelude::*;
/// # fn main() -> sessile::Result<()> {
/// use sessile::io::{ExportOptions, export_graph_def};
///
/// let g = Graph::new();
/// let x = g.placeholder(DType::F32, shape![?, 3])?;
/// let _y = x.relu()?;
/// let def = export_graph_def(&g, &ExportOptions::default())?;
/// assert_eq!(def.nodes[1].inputs, ["Placeholder"]);
/// # Ok(()) }
/// ```
#[doc(alias = "tf.Graph.as_graph_def")]
pub fn export_graph_def(graph: &Graph, options: &ExportOptions) -> Result<GraphDef> {
    let graph = graph.root();
    check_ops(graph)?;
    let mut def = GraphDef::default();
    let mut functions = Functions::default();
    let added = added(graph);
    for node in graph.nodes().filter(|node| !added.contains(&node.id())) {
        let exported = export_node(graph, node, options.output_shapes, &mut functions);
        def.nodes.push(exported.map_err(|error| error.at(|| node.site(Vec::new())))?);
    }
    def.functions = functions.all;
    def.versions = Versions { producer: producer(&def.nodes, &def.functions), ..Versions::default() };
    def.budget = Budget::of_file(def.encoded_len());
    Ok(def)
}

/// Names all ops at once that files cannot name.
fn check_ops(graph: &Graph) -> Result<()> {
    let mut refused: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    find_refused(graph, |_| false, &mut refused);
    if refused.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = refused.iter().map(|(op, (n, _))| format!("{} ({n})", escape(op))).collect();
    let text = format!("{} ops of the graph cannot be written to a file: {}", list.len(), list.join(", "));
    let place = |(op, (_, node)): (&&str, &(usize, String))| format!("{} is in '{}'", escape(op), escape(node));
    Err(refused.iter().map(place).fold(Error::unsupported(text), Error::note))
}

/// Adds the ops of a graph that files cannot name, those in bodies included.
fn find_refused(graph: &Graph, is_param: impl Fn(NodeId) -> bool, refused: &mut BTreeMap<&str, (usize, String)>) {
    let added = added(graph);
    for node in graph.nodes().filter(|node| !is_param(node.id()) && !added.contains(&node.id())) {
        let kind = node.op().kind();
        let is_known = ops::find(kind.name).is_ok_and(|row| std::ptr::eq(row, kind));
        if !is_known || kind.name.starts_with('_') || REPLACED.contains(&kind.name) {
            refused.entry(kind.name).or_insert((0, node.name().to_owned())).0 += 1;
        }
        for (_, attr) in node.op().attrs() {
            let bodies = match attr {
                AttrValue::Body(body) => vec![body],
                AttrValue::Bodies(bodies) => bodies,
                _ => continue,
            };
            for body in bodies {
                let is_param: &dyn Fn(NodeId) -> bool = &|id| body.params().contains(&id);
                find_refused(body.graph(), is_param, refused);
            }
        }
    }
}

/// The nodes that an import added, which files leave out: reads of references that are used as values, what aliases show
/// further down, and what handles refer to.
pub(super) fn added(graph: &Graph) -> HashSet<NodeId> {
    let mut added = HashSet::new();
    for node in graph.nodes() {
        match node.inputs() {
            [_, shown] if node.op_as::<Later>().is_some() => added.extend([node.id(), shown.node]),
            _ if is_hidden(graph, node) => added.extend([node.id()]),
            _ => {}
        }
    }
    added
}

/// Whether an import put this node before another, to read a reference or to say what a handle refers to.
fn is_hidden(graph: &Graph, node: &Node) -> bool {
    if node.op_as::<KnownHandle>().is_some() {
        return true;
    }
    let is_named_so = node.name().rsplit_once(HIDDEN_READ).is_some_and(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()));
    is_named_so && reads_ref(graph, node)
}

/// Whether this is a read of a TF1 reference, which files write as `Identity`.
pub(super) fn reads_ref(graph: &Graph, node: &Node) -> bool {
    let is_ref = || node.inputs().first().is_some_and(|input| graph.fact(*input).role == Role::Ref);
    node.op().kind().name == "ReadVariableOp" && is_ref()
}

pub(super) fn export_node(graph: &Graph, node: &Node, with_shapes: bool, functions: &mut Functions) -> Result<NodeDef> {
    let data = node.inputs().iter().map(|input| input_name(graph, visible(graph, *input)));
    let control = node.control_inputs().iter().map(|id| format!("^{}", graph.node(visible_node(graph, *id)).name()));
    let inputs = data.chain(control).collect();
    let mut attrs = export_attrs(graph, node, functions)?;
    if node.op().kind().effect == Effect::Calls && HAS_SHAPES.contains(&node.op().kind().name) {
        attrs.insert("output_shapes".to_owned(), output_shapes(graph, node));
    }
    // TensorFlow 1.15 takes the handle of an array for a pair of names, and other handles for scalars.
    let has_object = node.op().kind().effect == Effect::Object && node.outputs().iter().any(Fact::is_variable);
    let has_shapes = !node.outputs().is_empty() && !has_object && !DOUBTED.contains(&node.op().kind().name);
    if with_shapes && has_shapes {
        attrs.insert("_output_shapes".to_owned(), output_shapes(graph, node));
    }
    let op = op_name(graph, node);
    let device = node.device().unwrap_or_default().to_owned();
    Ok(NodeDef { name: node.name().to_owned(), op: op.to_owned(), inputs, device, attrs: attrs.into() })
}

/// TensorFlow's name of a node's op, where a row stands for two of its ops.
fn op_name(graph: &Graph, node: &Node) -> &'static str {
    let input = node.inputs().first().map(|input| graph.fact(*input));
    match (node.op().kind().name, input) {
        _ if reads_ref(graph, node) => "Identity",
        ("CountUpTo", Some(counter)) if counter.is_handle() => "ResourceCountUpTo",
        ("TensorScatterAdd", Some(tensor)) if tensor.dtype == DType::Bool => "ScatterNdNonAliasingAdd",
        (name, _) => name,
    }
}

/// The version of a writer of these ops: TensorFlow reads some only from files older than the version that removed them.
fn producer(nodes: &[NodeDef], functions: &[Function]) -> i32 {
    let all = nodes.iter().chain(functions.iter().flat_map(|function| &function.nodes));
    let removed = all.filter_map(|node| REMOVED.iter().find(|(op, _)| *op == node.op));
    removed.map(|(_, version)| version - 1).min().unwrap_or(PRODUCER)
}

/// Ops and the versions that removed them.
const REMOVED: &[(&str, i32)] = &[
    ("BatchNormWithGlobalNormalization", 9),
    ("BatchNormWithGlobalNormalizationGrad", 9),
    ("QuantizeAndDequantize", 22),
    ("TopK", 7),
];

/// Ops that nothing in a file could give what they take: handles of arrays as they were before the arrays of today.
const REPLACED: &[&str] = &["TensorArrayPack", "TensorArrayUnpack"];

/// `x`, or `x:1` for another output than the first.
fn input_name(graph: &Graph, id: OutputId) -> String {
    let name = graph.node(id.node).name();
    if id.slot == 0 { name.to_owned() } else { format!("{name}:{}", id.slot) }
}

/// The tensor that files name: what a hidden read reads, the alias that is shown, or the tensor itself.
pub(super) fn visible(graph: &Graph, id: OutputId) -> OutputId {
    let mut id = id;
    loop {
        let node = graph.node(id.node);
        match node.inputs().first() {
            Some(input) if node.op_as::<Later>().is_some() || is_hidden(graph, node) => id = *input,
            _ => return id,
        }
    }
}

pub(super) fn visible_node(graph: &Graph, id: NodeId) -> NodeId {
    visible(graph, OutputId { node: id, slot: 0 }).node
}

fn output_shapes(graph: &Graph, node: &Node) -> AttrProto {
    let slots = 0..node.outputs().len() as u32;
    encode_shapes(slots.map(|slot| {
        let fact = graph.fact(OutputId { node: node.id(), slot });
        // A variable's handle is a scalar, an object's a pair of names; the shape that is known is that of what they
        // refer to.
        match (fact.role, node.op().kind().effect) {
            (Role::Handle(_), Effect::Object) => Shape::from([2]),
            (Role::Handle(_), Effect::Variable) => Shape::scalar(),
            (Role::Handle(_), _) => Shape::unknown(),
            _ => fact.shape,
        }
    }))
}

fn export_attrs(graph: &Graph, node: &Node, functions: &mut Functions) -> Result<BTreeMap<String, AttrProto>> {
    let kind = node.op().kind();
    if reads_ref(graph, node) {
        let dtype = node.outputs().first().map_or(DType::F32, |fact| fact.dtype);
        return Ok(BTreeMap::from([("T".to_owned(), encode_attr(&AttrValue::Type(dtype))?)]));
    }
    let inputs: Vec<Fact> =
        node.inputs().iter().enumerate().map(|(i, id)| as_passed(node, i, graph.fact(*id))).collect();
    let outputs: Vec<Fact> = node.outputs().iter().map(|fact| as_given(node, fact)).collect();
    let typed = kind.args().attrs(&inputs.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>());
    let own = node.op().attrs().into_iter().map(|(name, value)| (name.to_owned(), value));
    let all = typed.into_iter().filter(|(name, _)| !IMPLIED.contains(&(kind.name, name.as_str()))).chain(own);
    let all = all.filter(|(name, value)| !is_newer(kind.name, name, value));
    all.map(|(name, value)| {
        let value = functions.attr(node, &name, value)?;
        Ok((name, encode_attr(&value)?))
    })
    .collect()
}

/// Ops with bodies whose definition has the shapes of the outputs.
const HAS_SHAPES: &[&str] = &["If", "StatelessIf", "Case", "StatelessCase", "While", "StatelessWhile"];

/// A handle that a body gives back has the dtype `resource`.
fn as_given(node: &Node, fact: &Fact) -> Fact {
    match (node.op().kind().effect, fact.role) {
        (Effect::Calls, Role::Handle(_)) => Fact { dtype: DType::Resource, ..fact.clone() },
        _ => fact.clone(),
    }
}

/// Attributes that a row's signature has and TensorFlow's definition has not.
const IMPLIED: &[(&str, &str)] = &[("VarIsInitializedOp", "dtype"), ("VariableShape", "T")];

/// Ops of which TensorFlow 1.15 infers another rank than its kernels give: it refuses the right shapes.
const DOUBTED: &[&str] = &["UniqueV2", "UniqueWithCountsV2"];

/// Attributes with the value that later versions of TensorFlow take where they are absent, and 1.15 does not know.
fn is_newer(op: &str, name: &str, value: &AttrValue) -> bool {
    match (name, value) {
        ("validate_shape", AttrValue::Bool(false)) => op == "AssignVariableOp",
        ("shape_type", AttrValue::Type(DType::I32)) => op == "ConcatOffset",
        ("Tsegmentids", AttrValue::Type(DType::I32)) => op.starts_with("SparseSegment"),
        ("narrow_range", AttrValue::Bool(false)) | ("axis", AttrValue::Int(-1)) => op.contains("uantize"),
        ("ensure_minimum_range", AttrValue::Float(range)) => *range == 0.01,
        _ => false,
    }
}

/// A handle that is passed on as a value has the dtype `resource`; where an op wants a variable, files say the
/// variable's dtype.
fn as_passed(node: &Node, i: usize, fact: Fact) -> Fact {
    let takes_variable = node.op().kind().args().inputs.get(i).is_some_and(|arg| arg.is_variable);
    match fact.role {
        Role::Handle(_) if !takes_variable => Fact { dtype: DType::Resource, ..fact },
        _ => fact,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::io::{ImportOptions, load_graph_def};
    use crate::prelude::*;

    #[track_caller]
    fn round_trip(g: &Graph) -> (GraphDef, Graph) {
        let def = export_graph_def(g, &ExportOptions::default()).unwrap();
        let bytes = def.to_bytes().unwrap();
        assert_eq!(bytes.len(), def.encoded_len());
        let again = GraphDef::parse(&bytes).unwrap();
        assert_eq!(again.to_bytes().unwrap(), bytes);
        let (back, _) = load_graph_def(&again, &ImportOptions::default()).unwrap();
        (def, back)
    }

    #[test]
    fn names_inputs_controls_and_devices_come_back() {
        let g = Graph::new();
        let x = g.named("x", || g.placeholder(DType::F32, shape![?, 3])).unwrap();
        let parts = x.split(3, 1).unwrap();
        let y =
            g.device("/device:CPU:0", || g.control_dependencies(&[x.operation()], || &parts[2] + &parts[0])).unwrap();
        let (def, back) = round_trip(&g);
        let last = def.node("add").unwrap();
        assert_eq!((last.op.as_str(), last.device.as_str()), ("AddV2", "/device:CPU:0"));
        assert_eq!(last.inputs, ["split:2", "split", "^x"]);
        assert_eq!(back.dump(), g.dump());
        assert_eq!(back.tensor_by_name(&y.name()).unwrap().node().device(), Some("/device:CPU:0"));
    }

    #[test]
    fn variables_are_written_as_tf1_writes_them() {
        let g = Graph::new();
        let v = g.named("v", || g.variable(array![[1.0f32, 2.0]])).unwrap();
        let y = (&v + 1.0).unwrap();
        let (def, back) = round_trip(&g);
        let ops: Vec<_> = def.nodes.iter().map(|node| (node.name.as_str(), node.op.as_str())).collect();
        let want = [
            ("v/initial_value", "Const"),
            ("v", "VariableV2"),
            ("v/Assign", "Assign"),
            ("v/read", "Identity"),
            ("add/y", "Const"),
            ("add", "AddV2"),
        ];
        assert_eq!(ops, want);
        assert_eq!(back.dump(), g.dump());
        let sess = Session::new(&back).unwrap();
        sess.run(&back.operation_by_name("v/Assign").unwrap()).unwrap();
        assert_eq!(sess.run(y.name().as_str()).unwrap().to_string(), "[[2. 3.]]");
    }

    #[test]
    fn shapes_are_written_and_never_believed() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape!["batch", 3]).unwrap();
        let _ = x.relu().unwrap();
        let def = export_graph_def(&g, &ExportOptions::default()).unwrap();
        let shapes = def.nodes[1].attr("_output_shapes").unwrap().unwrap();
        assert!(matches!(&shapes, AttrValue::Shapes(shapes) if shapes[0].to_string() == "(?, 3)"));
        let bare = export_graph_def(&g, &ExportOptions { output_shapes: false }).unwrap();
        assert!(bare.nodes[1].attr("_output_shapes").unwrap().is_none());
    }

    #[test]
    fn ops_that_files_cannot_name_are_listed_at_once() {
        let g = Graph::new();
        let x = g.constant([1.0f32]).unwrap();
        let _ = g.closure("f", &[&x], &[(DType::F32, shape![1])], |values| Ok(values.to_vec())).unwrap();
        let error = export_graph_def(&g, &ExportOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("PyFunc (1)"), "{error}");
    }
}
