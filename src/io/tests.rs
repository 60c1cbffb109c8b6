//! Graphs of files, hostile ones among them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use prost::Message;
use prost::bytes::Bytes;

use super::proto::{AttrKind, AttrProto, DimProto, ListProto, NodeProto, ShapeProto, TensorProto};
use super::*;
use crate::error::{ErrorKind, Result};
use crate::graph::Graph;
use crate::prelude::*;

fn attr(kind: AttrKind) -> AttrProto {
    AttrProto { value: Some(kind) }
}

fn shape_bytes(dims: &[i64]) -> Bytes {
    let dim = dims.iter().map(|size| DimProto { size: *size }).collect();
    ShapeProto { dim, unknown_rank: false }.encode_to_vec().into()
}

fn tensor(dtype: i32, dims: &[i64]) -> TensorProto {
    TensorProto { dtype, tensor_shape: Some(shape_bytes(dims)), ..TensorProto::default() }
}

fn parsed(proto: &TensorProto) -> Result<Value> {
    parse_tensor(&proto.encode_to_vec())
}

fn node(name: &str, op: &str, inputs: &[&str], attrs: &[(&str, AttrKind)]) -> NodeProto {
    NodeProto {
        name: name.into(),
        op: op.into(),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        device: String::new(),
        attr: attrs.iter().map(|(name, kind)| ((*name).to_owned(), attr(kind.clone()))).collect(),
    }
}

fn placeholder(name: &str) -> NodeProto {
    node(name, "Placeholder", &[], &[("dtype", AttrKind::Type(1)), ("shape", AttrKind::Shape(shape_bytes(&[-1, 3])))])
}

fn constant(name: &str) -> NodeProto {
    let value = TensorProto { float_val: vec![2.5], ..tensor(1, &[2, 3]) };
    let value = AttrKind::Tensor(value.encode_to_vec().into());
    node(name, "Const", &[], &[("dtype", AttrKind::Type(1)), ("value", value)])
}

fn identity(name: &str, input: &str) -> NodeProto {
    node(name, "Identity", &[input], &[("T", AttrKind::Type(1))])
}

/// A graph with these nodes, as a file.
fn file(nodes: &[NodeProto]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for node in nodes {
        prost::encoding::message::encode(1, node, &mut bytes);
    }
    bytes
}

fn load(nodes: &[NodeProto]) -> Result<Graph> {
    load_graph_def(&GraphDef::parse(&file(nodes))?, &ImportOptions::default()).map(|(graph, _)| graph)
}

#[track_caller]
fn refused(nodes: &[NodeProto], kind: ErrorKind, text: &str) {
    let error = load(nodes).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
fn nodes_keep_names_shapes_and_the_order_of_the_file() {
    let g = load(&[identity("y", "x"), placeholder("x"), identity("z", "y:0")]).unwrap();
    let names: Vec<_> = g.nodes().map(|node| node.name()).collect();
    assert_eq!(names, ["x", "y", "z"]);
    assert_eq!(g.tensor_by_name("z:0").unwrap().shape().to_string(), "(?, 3)");
    let sess = Session::new(&g).unwrap();
    let z = g.tensor_by_name("z:0").unwrap();
    assert_eq!(sess.run_with(&z, crate::feeds! { "x:0" => [[1.0f32, 2.0, 3.0]] }).unwrap().to_string(), "[[1. 2. 3.]]");
}

#[test]
fn control_edges_and_devices_come_along() {
    let mut second = identity("b", "x");
    second.input.push("^a".into());
    second.device = "/job:worker/replica:0/task:0/device:GPU:1".into();
    let g = load(&[placeholder("x"), identity("a", "x"), second]).unwrap();
    let b = g.operation_by_name("b").unwrap();
    assert_eq!(b.node().control_inputs(), [g.operation_by_name("a").unwrap().id()]);
    assert_eq!(b.node().device(), Some("/job:worker/replica:0/task:0/device:GPU:1"));
}

#[test]
fn references_are_read_where_a_value_is_wanted() {
    let dtype = || ("dtype", AttrKind::Type(1));
    let var = node("v", "VariableV2", &[], &[dtype(), ("shape", AttrKind::Shape(shape_bytes(&[2, 3])))]);
    let assign = node("v/Assign", "Assign", &["v", "c"], &[("T", AttrKind::Type(1))]);
    let bias = TensorProto { float_val: vec![1.0], ..tensor(1, &[3]) };
    let bias = node("bias", "Const", &[], &[dtype(), ("value", AttrKind::Tensor(bias.encode_to_vec().into()))]);
    let sum = node("sum", "BiasAdd", &["v", "bias"], &[("T", AttrKind::Type(1))]);
    let g = load(&[var, constant("c"), assign, identity("v/read", "v"), bias, sum]).unwrap();
    let sess = Session::new(&g).unwrap();
    sess.run(&g.operation_by_name("v/Assign").unwrap()).unwrap();
    assert_eq!(sess.run("v/read:0").unwrap().to_string(), "[[2.5 2.5 2.5]\n [2.5 2.5 2.5]]");
    assert_eq!(sess.run("sum:0").unwrap().to_string(), "[[3.5 3.5 3.5]\n [3.5 3.5 3.5]]");
}

#[test]
fn pruning_leaves_out_what_the_outputs_do_not_need() {
    let nodes = [placeholder("x"), identity("y", "x"), node("bad", "NoSuchOp", &["y"], &[])];
    refused(&nodes, ErrorKind::Unsupported, "1 ops of the graph are not supported: NoSuchOp (1)");
    let options = ImportOptions { outputs: vec!["y:0".into()], ..ImportOptions::default() };
    let (g, imported) = load_graph_def(&GraphDef::parse(&file(&nodes)).unwrap(), &options).unwrap();
    assert_eq!((g.len(), imported.n_nodes), (2, 2));
}

#[test]
fn all_unsupported_ops_are_named_with_the_path_that_needs_them() {
    let nodes = [
        node("a", "Strange", &[], &[]),
        node("b", "Odd", &["a"], &[]),
        node("c", "Odd", &["b"], &[]),
        identity("out", "c"),
    ];
    refused(&nodes, ErrorKind::Unsupported, "Odd (2), Strange (1)");
    let options = ImportOptions { outputs: vec!["out".into()], ..ImportOptions::default() };
    let error = load_graph_def(&GraphDef::parse(&file(&nodes)).unwrap(), &options).unwrap_err();
    assert!(error.to_string().contains("Strange is in 'a', needed by 'b', needed by 'c', needed by 'out'"), "{error}");
}

#[test]
fn graphs_that_contradict_themselves_are_refused() {
    use ErrorKind::*;
    let x = || placeholder("x");
    refused(&[x(), x()], AlreadyExists, "node name 'x' is not unique: nodes 0 and 1 have it");
    refused(&[identity("y", "x")], NotFound, "node 'y' has input 'x', which is not in the graph");
    for slot in ["99", "4000000000"] {
        refused(&[x(), identity("y", &format!("x:{slot}"))], InvalidArgument, "'x' has 1 outputs");
    }
    refused(&[x(), identity("y", "x:-1")], NotFound, "input 'x:-1'");
    let cycle = [identity("a", "c"), identity("b", "a"), identity("c", "b"), identity("d", "c")];
    refused(&cycle, InvalidArgument, "the graph has a cycle: ");
    refused(&[identity("a", "a")], InvalidArgument, "the graph has a cycle: a -> a");
    let mut late = identity("y", "^x");
    late.input.push("x".into());
    refused(&[x(), late], InvalidArgument, "data input 'x' of node 'y' stands after a control input");
    refused(
        &[x(), node("y", "Identity", &["x"], &[("T", AttrKind::Type(3))])],
        DTypeMismatch,
        "attribute 'T' is int32",
    );
    refused(&[x(), node("y", "Identity", &["x"], &[("hue", AttrKind::I(3))])], InvalidArgument, "no attribute 'hue'");
    refused(
        &[x(), identity("y", "x"), node("z", "Identity", &["y", "x"], &[])],
        InvalidArgument,
        "takes 1 input, but got 2",
    );
    refused(&[node("x\n", "NoOp", &[], &[])], InvalidName, "not a valid node name");
    // What TensorFlow ignores, we ignore: a lying `_output_shapes` says nothing.
    let lie = ListProto { shape: vec![shape_bytes(&[7])], ..ListProto::default() };
    let lie = ("_output_shapes", AttrKind::List(lie.encode_to_vec().into()));
    assert!(load(&[x(), node("y", "Identity", &["x"], &[lie])]).is_ok());
}

#[test]
fn versions_that_exclude_this_reader_are_refused() {
    let with = |producer: u64, min_consumer: u64| {
        let mut versions = Vec::new();
        for (tag, value) in [(8u8, producer), (16, min_consumer)] {
            versions.push(tag);
            prost::encoding::encode_varint(value, &mut versions);
        }
        let mut bytes = vec![0x22, versions.len() as u8];
        bytes.extend(versions);
        GraphDef::parse(&bytes)
    };
    assert_eq!(with(1808, 12).unwrap().versions.producer, 1808);
    assert_eq!(with(1808, 1 << 30).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(with(u64::MAX, 0).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn an_import_ends_with_its_limits_and_leaves_the_graph() {
    let nodes: Vec<_> = std::iter::once(placeholder("x"))
        .chain((0..100).map(|i| identity(&format!("y{i}"), &if i == 0 { "x".into() } else { format!("y{}", i - 1) })))
        .collect();
    let def = GraphDef::parse(&file(&nodes)).unwrap();
    let token = crate::cancel::CancelToken::new();
    let late = || ImportOptions { timeout: Some(std::time::Duration::ZERO), ..ImportOptions::default() };
    let cancelled = || ImportOptions { cancel: Some(token.clone()), ..ImportOptions::default() };
    let g = Graph::new();
    assert_eq!(load_graph_def(&def, &cancelled()).unwrap().0.len(), 101);
    token.cancel();
    for (options, text) in [(late(), "the import's deadline has passed"), (cancelled(), "the import was cancelled")] {
        assert_eq!(load_graph_def(&def, &options).unwrap_err().to_string(), text);
        assert_eq!(import_graph_def(&g, &def, &options).unwrap_err().to_string(), text);
        assert_eq!(g.len(), 0);
    }
    let patient = ImportOptions { timeout: Some(std::time::Duration::MAX), ..ImportOptions::default() };
    assert_eq!(import_graph_def(&g, &def, &patient).unwrap().n_nodes, 101);
}

#[test]
fn an_import_is_all_or_nothing() {
    let g = load(&[placeholder("x")]).unwrap();
    let before = g.dump();
    let options = |prefix: &str, map: &[(&str, Tensor)]| ImportOptions {
        prefix: prefix.into(),
        input_map: map.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect(),
        return_elements: vec!["y".into(), "y:0".into()],
        ..ImportOptions::default()
    };
    let def = |nodes: &[NodeProto]| GraphDef::parse(&file(nodes)).unwrap();
    let good = def(&[placeholder("x"), identity("y", "x")]);
    let late = def(&[placeholder("w"), identity("y", "w"), node("z", "Identity", &["y", "y"], &[])]);
    assert_eq!(import_graph_def(&g, &late, &options("", &[])).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert!(import_graph_def(&g, &good, &options("", &[("w:0", g.tensor_by_name("x:0").unwrap())])).is_err());
    assert_eq!(g.dump(), before);

    let x = g.tensor_by_name("x:0").unwrap();
    let first = import_graph_def(&g, &good, &options("import", &[("x", x)])).unwrap();
    let again = import_graph_def(&g, &good, &options("import", &[])).unwrap();
    assert_eq!((first.prefix.as_str(), again.prefix.as_str()), ("import", "import_1"));
    let Element::Tensor(y) = &first.returned[1] else { panic!("y:0 is a tensor") };
    assert_eq!(y.name(), "import/y:0");
    assert_eq!(y.node().inputs()[0].node.index(), 0);
}

#[test]
fn constants_of_every_encoding() {
    #[track_caller]
    fn check(proto: TensorProto, want: &str) {
        let value = parsed(&proto).unwrap();
        assert_eq!(format!("{} {:?} {}", value.dtype(), value.dims(), value), want);
    }
    check(
        TensorProto { tensor_content: vec![0, 0, 128, 63, 0, 0, 0, 64].into(), ..tensor(1, &[2]) },
        "float32 [2] [1. 2.]",
    );
    check(TensorProto { float_val: vec![1.5, 2.0], ..tensor(1, &[4]) }, "float32 [4] [1.5 2.  2.  2. ]");
    check(TensorProto { float_val: vec![7.0], ..tensor(1, &[]) }, "float32 [] 7.0");
    check(tensor(3, &[2]), "int32 [2] [0 0]");
    check(tensor(1, &[0, 3]), "float32 [0, 3] []");
    check(TensorProto { half_val: vec![0x3c00, 0x4000], ..tensor(19, &[2]) }, "float16 [2] [1. 2.]");
    check(TensorProto { half_val: vec![0x3f80], ..tensor(14, &[2]) }, "bfloat16 [2] [1 1]");
    check(TensorProto { int_val: vec![-1], ..tensor(6, &[2]) }, "int8 [2] [-1 -1]");
    check(TensorProto { bool_val: vec![true, false], ..tensor(10, &[2]) }, "bool [2] [ True False]");
    check(TensorProto { scomplex_val: vec![1.0, 2.0], ..tensor(8, &[]) }, "complex64 [] (1+2j)");
    check(TensorProto { string_val: vec!["a".into(), "b".into()], ..tensor(7, &[3]) }, "string [3] [b'a' b'b' b'b']");
    check(TensorProto { string_val: vec!["".into()], ..tensor(7, &[0]) }, "string [0] []");
    check(
        TensorProto { tensor_content: vec![1, 2, b'a', b'b', b'c'].into(), ..tensor(7, &[2]) },
        "string [2] [b'a' b'bc']",
    );
    check(TensorProto { uint64_val: vec![u64::MAX], ..tensor(23, &[]) }, "uint64 [] 18446744073709551615");
}

#[test]
fn hostile_constants_are_refused() {
    #[track_caller]
    fn check(proto: TensorProto, want: &str) {
        let error = parsed(&proto).unwrap_err();
        assert!(error.message().contains(want), "{error}");
    }
    let content = |len: usize, proto| TensorProto { tensor_content: vec![0; len].into(), ..proto };
    check(content(4, tensor(1, &[1_000_000_000, 1_000_000_000])), "bytes");
    check(content(7, tensor(1, &[2])), "must have 8 bytes of elements, but has 7");
    check(TensorProto { float_val: vec![1.0], ..content(4, tensor(1, &[1])) }, "only one of them");
    check(TensorProto { float_val: vec![1.0, 2.0], ..tensor(1, &[1]) }, "must have 1 values, but has 2");
    check(TensorProto { float_val: vec![1.0], ..tensor(1, &[1 << 40]) }, "budget");
    check(TensorProto { string_val: vec![vec![b'x'; 1000].into()], ..tensor(7, &[1 << 20]) }, "budget");
    check(TensorProto { tensor_shape: None, ..tensor(1, &[]) }, "has no shape");
    check(tensor(1, &[-1]), "must be 0 or more, but is -1");
    check(tensor(1, &[1 << 62, 1 << 62]), "");
    check(tensor(0, &[]), "no dtype of number 0");
    check(tensor(999, &[]), "reference dtype 999");
    check(tensor(101, &[]), "reference dtype 101");
    check(tensor(20, &[]), "dtype resource is not supported");
    check(TensorProto { int_val: vec![1], ..tensor(1, &[1]) }, "must hold float32 values");
    check(TensorProto { int_val: vec![300], ..tensor(4, &[1]) }, "300 does not fit");
    check(TensorProto { scomplex_val: vec![1.0], ..tensor(8, &[]) }, "pairs");
    let unknown: Bytes = ShapeProto { dim: vec![], unknown_rank: true }.encode_to_vec().into();
    check(TensorProto { tensor_shape: Some(unknown), ..tensor(1, &[]) }, "rank is not");
}

fn small_graph() -> Vec<u8> {
    let mut control = identity("d", "y");
    control.input.push("^x".into());
    file(&[placeholder("x"), constant("c"), identity("y", "x"), control])
}

/// Decodes and imports; only panics count.
fn try_all(bytes: &[u8]) -> bool {
    GraphDef::parse(bytes).and_then(|def| load_graph_def(&def, &ImportOptions::default())).is_ok()
}

#[test]
fn truncation_at_every_byte_never_panics() {
    let bytes = small_graph();
    assert!(try_all(&bytes));
    for len in 0..bytes.len() {
        try_all(&bytes[..len]);
    }
}

#[test]
fn no_flipped_bit_panics() {
    let mut bytes = small_graph();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        try_all(&bytes);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn errors_of_damaged_files_say_where() {
    let mut bytes = small_graph();
    bytes.truncate(bytes.len() - 1);
    let error = GraphDef::parse(&bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    assert!(error.message().starts_with("the field at byte "), "{error}");
    let far = |varint: &[u8]| GraphDef::parse(&[&[10u8, 0, 10][..], varint].concat()).unwrap_err().message().to_owned();
    assert_eq!(
        far(&[0xff, 0xff, 0xff, 0xff, 0x7f]),
        "the field at byte 2 says it has 34359738367 bytes, but 0 are left"
    );
    assert!(
        far(&[[0xff; 9].as_slice(), &[0x01]].concat()).contains("at byte 2 says it has 18446744073709551615 bytes")
    );
    assert_eq!(far(&[[0xff; 9].as_slice(), &[0x7f]].concat()), "the field at byte 2 holds a broken number");
    assert_eq!(GraphDef::parse(&[11]).unwrap_err().message(), "the field at byte 0 has wire type 3");
    assert_eq!(GraphDef::parse(&[2, 0]).unwrap_err().message(), "the field at byte 0 has field number 0");
    let not_utf8 = [10u8, 4, 10, 2, 0xff, 0xfe];
    assert!(GraphDef::parse(&not_utf8).unwrap_err().message().contains("message at byte 0"));
}

#[test]
fn amplification_stays_in_the_budget() {
    // Empty nodes of two bytes each: 8 MiB of them would take a gigabyte.
    let bytes = [10u8, 0].repeat(4 << 20);
    assert_eq!(GraphDef::parse(&bytes).unwrap_err().kind(), ErrorKind::ResourceExhausted);
}

#[test]
fn a_chain_of_many_nodes_needs_no_stack() {
    let run = || {
        let n = 100_000;
        let chain =
            (0..n).map(|i| identity(&format!("n{i}"), &if i == n - 1 { "x".into() } else { format!("n{}", i + 1) }));
        let nodes: Vec<_> = chain.chain([placeholder("x")]).collect();
        assert_eq!(load(&nodes).unwrap().len(), n + 1);
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn only_regular_files_are_read() {
    assert_eq!(GraphDef::read("/dev/zero").unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(GraphDef::read(std::env::temp_dir()).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(GraphDef::read("/no/such/file").unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn old_graphs_say_nothing_by_a_scalar_placeholder() {
    let old =
        node("x", "Placeholder", &[], &[("dtype", AttrKind::Type(1)), ("shape", AttrKind::Shape(shape_bytes(&[])))]);
    assert_eq!(load(&[old]).unwrap().tensor_by_name("x:0").unwrap().shape().to_string(), "<unknown>");
}

#[test]
fn a_constant_that_waits_is_known_to_shape_rules() {
    let mut axis = constant("axis");
    let value = TensorProto { int_val: vec![0], ..tensor(3, &[1]) };
    axis.attr = node(
        "axis",
        "Const",
        &[],
        &[("dtype", AttrKind::Type(3)), ("value", AttrKind::Tensor(value.encode_to_vec().into()))],
    )
    .attr;
    axis.input.push("^x".into());
    let sum = node("sum", "Sum", &["x", "axis"], &[("T", AttrKind::Type(1)), ("Tidx", AttrKind::Type(3))]);
    let g = load(&[placeholder("x"), axis, sum]).unwrap();
    assert_eq!(g.tensor_by_name("sum:0").unwrap().shape().to_string(), "(3,)");
}

/// As TensorFlow 2.15.1: labels name kernels of other devices.
#[test]
fn a_kernel_that_is_asked_for_by_a_label_is_refused() {
    let mut labelled = identity("y", "x");
    labelled.attr.insert("_kernel".into(), attr(AttrKind::S("cudnn_grouped_convolution".into())));
    refused(&[placeholder("x"), labelled], ErrorKind::InvalidArgument, "under the label 'cudnn_grouped_convolution'");
}

/// `RefIdentity` passes a reference on: nothing is read.
#[test]
fn a_reference_that_is_passed_on_needs_no_value() {
    let shape = || AttrKind::Shape(shape_bytes(&[2, 3]));
    let variable = node("v", "VariableV2", &[], &[("dtype", AttrKind::Type(1)), ("shape", shape())]);
    let passed = node("r", "RefIdentity", &["v"], &[("T", AttrKind::Type(1))]);
    let assign = node("a", "Assign", &["r", "c"], &[("T", AttrKind::Type(1))]);
    let g = load(&[variable, passed, constant("c"), assign]).unwrap();
    let sess = Session::new(&g).unwrap();
    sess.run(g.operation_by_name("r").unwrap()).unwrap();
    let assigned = sess.run(g.tensor_by_name("a:0").unwrap()).unwrap();
    assert_eq!(assigned.dims(), [2, 3]);
}
