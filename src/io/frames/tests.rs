//! Loops of files, and files that only look as if they had some.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;

use super::super::proto::{AttrKind, AttrProto, NodeProto, TensorProto};
use super::super::{GraphDef, ImportOptions, import_graph_def, load_graph_def};
use crate::error::{ErrorKind, Result};
use crate::graph::Graph;
use crate::prelude::*;
use crate::session::RunOptions;

const I32: i32 = 3;
const BOOL: i32 = 10;

/// A node from a line: `c = 3` is a constant, `e = Enter@frame x` enters a frame, `e = Enter!@frame x` for every turn, and
/// `e = Enter?@frame x` with a bool.
fn node(line: &str) -> NodeProto {
    let (name, rest) = line.split_once(" = ").expect("a line has a name");
    let mut words = rest.split_whitespace();
    let op = words.next().expect("a line has an op");
    let (op, frame) = op.split_once('@').unwrap_or((op, ""));
    let mut attrs = vec![("T", AttrKind::Type(if op.contains('?') { BOOL } else { I32 }))];
    if !frame.is_empty() {
        attrs.push(("frame_name", AttrKind::S(frame.as_bytes().to_vec().into())));
        attrs.push(("is_constant", AttrKind::B(op.contains('!'))));
    }
    let mut op = op.trim_end_matches(['!', '?']).to_owned();
    if let Ok(n) = op.parse::<i32>() {
        let shape = Some(Vec::new().into());
        let tensor = TensorProto { dtype: I32, tensor_shape: shape, int_val: vec![n], ..TensorProto::default() };
        attrs = vec![("dtype", AttrKind::Type(I32)), ("value", AttrKind::Tensor(tensor.encode_to_vec().into()))];
        op = "Const".to_owned();
    }
    match op.as_str() {
        "Placeholder" => attrs = vec![("dtype", AttrKind::Type(I32))],
        "VariableV2" => attrs = vec![("dtype", AttrKind::Type(I32)), ("shape", AttrKind::Shape(Vec::new().into()))],
        "LoopCond" | "NoOp" => attrs.clear(),
        _ => {}
    }
    let attr = attrs.into_iter().map(|(name, kind)| (name.to_owned(), AttrProto { value: Some(kind) }));
    let attr: BTreeMap<_, _> = attr.collect();
    NodeProto { name: name.trim().into(), op, input: words.map(str::to_owned).collect(), device: String::new(), attr }
}

fn def(lines: &str) -> Result<GraphDef> {
    let mut bytes = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        prost::encoding::message::encode(1, &node(line), &mut bytes);
    }
    GraphDef::parse(&bytes)
}

fn load(lines: &str) -> Result<Graph> {
    load_graph_def(&def(lines)?, &ImportOptions::default()).map(|(graph, _)| graph)
}

#[track_caller]
fn gives(lines: &str, fetch: &str, want: &str) {
    let g = load(lines).unwrap();
    let got = Session::new(&g).unwrap().run(fetch).unwrap();
    assert_eq!(got.to_string(), want);
}

#[track_caller]
fn refused(lines: &str, kind: ErrorKind, text: &str) {
    let error = load(lines).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

/// Counts from 0 to `n`, and adds the numbers.
const COUNT: &str = "
    zero = 0
    n = 10
    w/Enter = Enter@w/frame zero
    w/Enter_1 = Enter@w/frame zero
    w/Merge = Merge w/Enter w/Next
    w/Merge_1 = Merge w/Enter_1 w/Next_1
    w/Less/Enter = Enter!@w/frame n
    w/Less = Less w/Merge w/Less/Enter
    w/LoopCond = LoopCond w/Less
    w/Switch = Switch w/Merge w/LoopCond
    w/Switch_1 = Switch w/Merge_1 w/LoopCond
    w/Identity = Identity w/Switch:1
    w/Identity_1 = Identity w/Switch_1:1
    w/one = 1 ^w/Identity
    w/sum = Add w/Identity_1 w/Identity
    w/add = Add w/Identity w/one
    w/Next = NextIteration w/add
    w/Next_1 = NextIteration w/sum
    w/Exit = Exit w/Switch
    w/Exit_1 = Exit w/Switch_1
    twice = Add w/Exit_1 w/Exit_1";

#[test]
fn a_loop_is_one_node_and_its_ends_keep_their_names() {
    let g = load(COUNT).unwrap();
    let names: Vec<_> = g.nodes().map(|node| format!("{} {}", node.op().kind().name, node.name())).collect();
    let want = "Const zero, Const n, Identity w/Enter, Identity w/Enter_1, Identity w/Less/Enter, While w/frame, \
                Identity w/Exit, Identity w/Exit_1, AddV2 twice";
    assert_eq!(names.join(", "), want);
    let sess = Session::new(&g).unwrap();
    let (count, sum) = sess.run(("w/Exit:0", "twice:0")).unwrap();
    assert_eq!((count.to_string(), sum.to_string()), ("10".into(), "90".into()));
    assert_eq!(g.tensor_by_name("w/Exit:0").unwrap().shape().to_string(), "()");
}

#[test]
fn what_enters_a_loop_can_be_fed() {
    let g = load(COUNT).unwrap();
    let sess = Session::new(&g).unwrap();
    let got = sess.run_with("w/Exit_1:0", crate::feeds! { "n:0" => 4, "w/Enter:0" => 2 }).unwrap();
    assert_eq!(got.to_string(), "5");
    let got = sess.run_with("w/Exit:0", crate::feeds! { "w/Less/Enter:0" => -1 }).unwrap();
    assert_eq!(got.to_string(), "0");
    let got = sess.run_with("twice:0", crate::feeds! { "w/Exit_1:0" => 7 }).unwrap();
    assert_eq!(got.to_string(), "14");
}

#[test]
fn a_loop_enters_a_graph_that_is_there() {
    let g = Graph::new();
    let n = g.constant(5).unwrap();
    let def = def(COUNT).unwrap();
    for want in ["20", "20"] {
        let options = ImportOptions {
            prefix: "import".into(),
            input_map: vec![("n:0".into(), n.clone())],
            return_elements: vec!["twice:0".into()],
            ..ImportOptions::default()
        };
        let imported = import_graph_def(&g, &def, &options).unwrap();
        let crate::io::Element::Tensor(out) = &imported.returned[0] else { panic!("a tensor") };
        assert_eq!(Session::new(&g).unwrap().run(out).unwrap().to_string(), want);
    }
    assert!(g.operation_by_name("import_1/w/frame").is_ok());
}

#[test]
fn parts_that_are_not_asked_for_are_not_looked_at() {
    let lines = format!("{COUNT}\n odd = NoSuchOp zero\n lost = Exit zero");
    let options = ImportOptions { outputs: vec!["w/Exit:0".into()], ..ImportOptions::default() };
    let (g, _) = load_graph_def(&def(&lines).unwrap(), &options).unwrap();
    assert!(g.operation_by_name("w/Exit_1").is_err());
    assert_eq!(Session::new(&g).unwrap().run("w/Exit:0").unwrap().to_string(), "10");
}

#[test]
fn an_inner_loop_is_part_of_a_turn() {
    // For i in 0..3, for j in 0..i: sum += n.
    let lines = "
        zero = 0
        three = 3
        o/i = Enter@o zero
        o/sum = Enter@o zero
        o/three = Enter!@o three
        o/zero = Enter!@o zero
        o/Merge = Merge o/i o/Next
        o/Merge_1 = Merge o/sum o/Next_1
        o/Less = Less o/Merge o/three
        o/Cond = LoopCond o/Less
        o/Switch = Switch o/Merge o/Cond
        o/Switch_1 = Switch o/Merge_1 o/Cond
        o/Identity = Identity o/Switch:1
        o/Identity_1 = Identity o/Switch_1:1
        i/j = Enter@inner o/zero
        i/sum = Enter@inner o/Identity_1
        i/n = Enter!@inner o/Identity
        i/three = Enter!@inner o/three
        i/Merge = Merge i/j i/Next
        i/Merge_1 = Merge i/sum i/Next_1
        i/Less = Less i/Merge i/n
        i/Cond = LoopCond i/Less
        i/Switch = Switch i/Merge i/Cond
        i/Switch_1 = Switch i/Merge_1 i/Cond
        i/one = 1 ^i/Switch
        i/add = Add i/Switch:1 i/one
        i/add_1 = Add i/Switch_1:1 i/three
        i/Next = NextIteration i/add
        i/Next_1 = NextIteration i/add_1
        i/Exit_1 = Exit i/Switch_1
        o/one = 1 ^o/Identity
        o/add = Add o/Identity o/one
        o/Next = NextIteration o/add
        o/Next_1 = NextIteration i/Exit_1
        o/Exit = Exit o/Switch
        o/Exit_1 = Exit o/Switch_1";
    gives(lines, "o/Exit_1:0", "9");
    let g = load(lines).unwrap();
    assert_eq!(g.nodes().filter(|node| node.op().kind().name == "While").count(), 1);
}

#[test]
fn frames_without_a_loop_pass_their_values_on() {
    gives("x = 5\n e = Enter@f x\n e_1 = Enter!@f x\n m = Mul e e_1\n y = Exit m", "y:0", "25");
    gives("x = 5\n e = Enter@f x\n n = NextIteration e\n y = Exit n", "y:0", "5");
    let nested = "x = 5\n e = Enter@f x\n e_1 = Enter@g e\n y_1 = Exit e_1\n y = Exit y_1\n z = Add y x";
    gives(nested, "z:0", "10");
    gives("v = 1\n p = Placeholder\n e = Enter@f v\n y = Exit e", "y:0", "1");
}

/// What enters without being constant is not there in a second turn: nothing asks for a `LoopCond`.
#[test]
fn what_is_asked_for_once_ends_a_loop() {
    let lines = "a = 1\n b = 2\n p = Less b a\n n = 10\n ep = Enter?@f p\n en = Enter@f n\n m = Merge en next
        s = Switch m ep\n next = NextIteration s\n y = Exit s";
    gives(lines, "y:0", "10");
    let constant = lines.replace("ep = Enter?@f", "ep = Enter?!@f");
    refused(&constant, ErrorKind::InvalidArgument, "has no LoopCond that ends it");
}

#[test]
fn two_loops_may_share_the_name_of_a_frame() {
    let copy: String =
        COUNT.lines().map(|line| line.replace("w/", "v/").replace("v/frame", "w/frame") + "\n").collect();
    let copy = copy.replace("zero", "nil").replace("n = 10", "m = 3").replace("frame n\n", "frame m\n");
    let lines = format!("{COUNT}\n{}\n both = Add w/Exit v/Exit", copy.replace("twice", "thrice"));
    gives(&lines, "both:0", "13");
}

#[test]
fn constants_leave_a_loop_as_they_are() {
    let lines = format!("{COUNT}\n w/Switch_2 = Switch w/Less/Enter w/LoopCond\n w/Exit_2 = Exit w/Switch_2");
    gives(&lines, "w/Exit_2:0", "10");
    let lines = format!("{COUNT}\n w/last = Identity w/Switch_1\n w/neg = Neg w/last\n w/Exit_2 = Exit w/neg");
    gives(&lines, "w/Exit_2:0", "-45");
}

#[test]
fn a_turn_computes_again_what_it_needs_of_the_condition() {
    let lines = COUNT.replace(
        "w/sum = Add w/Identity_1 w/Identity",
        "
        w/half = Mul w/Merge w/Less/Enter
        w/sum = Add w/Identity_1 w/half",
    );
    gives(&lines, "w/Exit_1:0", "450");
}

#[test]
fn a_loop_reads_and_writes_variables() {
    let lines = "
        v = VariableV2
        hundred = 100
        init = Assign v hundred
        zero = 0
        n = 10
        w/v = RefEnter!@w v
        w/Enter = Enter@w zero
        w/Merge = Merge w/Enter w/Next
        w/n = Enter!@w n
        w/Less = Less w/Merge w/n
        w/LoopCond = LoopCond w/Less
        w/Switch = Switch w/Merge w/LoopCond
        w/Identity = Identity w/Switch:1
        w/one = 1 ^w/Identity
        w/write = AssignAdd w/v w/Identity
        w/add = Add w/Identity w/one ^w/write
        w/Next = NextIteration w/add
        w/Exit = Exit w/Switch
        after = Identity v ^w/Exit";
    let g = load(lines).unwrap();
    let sess = Session::new(&g).unwrap();
    sess.run("init:0").unwrap();
    let (last, after) = sess.run(("w/Exit:0", "after:0")).unwrap();
    assert_eq!((last.to_string(), after.to_string()), ("10".into(), "145".into()));
    assert_eq!(sess.run("v:0").unwrap().to_string(), "145");
}

#[test]
fn a_reference_may_go_round() {
    let lines = "
        v = VariableV2
        five = 5
        init = Assign v five
        zero = 0
        w/Enter = RefEnter@w v
        w/Enter_1 = Enter@w zero
        w/Merge = RefMerge w/Enter w/Next
        w/Merge_1 = Merge w/Enter_1 w/Next_1
        w/n = Enter!@w five
        w/Less = Less w/Merge_1 w/n
        w/LoopCond = LoopCond w/Less
        w/Switch = RefSwitch w/Merge w/LoopCond
        w/Switch_1 = Switch w/Merge_1 w/LoopCond
        w/one = 1 ^w/Switch_1
        w/write = AssignAdd w/Switch:1 w/one
        w/add = Add w/Switch_1:1 w/one
        w/Next = RefNextIteration w/write
        w/Next_1 = NextIteration w/add
        w/Exit = RefExit w/Switch";
    let g = load(lines).unwrap();
    let sess = Session::new(&g).unwrap();
    sess.run("init:0").unwrap();
    assert_eq!(sess.run("w/Exit:0").unwrap().to_string(), "10");
}

#[test]
fn a_branch_that_is_not_taken_runs_no_loop() {
    let lines = COUNT
        .replace("zero = 0", "p = Placeholder\n nil = 0\n is = Less nil p\n zs = Switch nil is\n zero = Identity zs:1");
    let lines = lines.replace("frame n", "frame ns:1").replace("n = 10", "m = 10\n ns = Switch m is");
    let lines = format!("{lines}\n no = Identity ns\n out = Merge no w/Exit_1");
    let g = load(&lines).unwrap();
    let sess = Session::new(&g).unwrap();
    let run = |p: i32, name: &str| sess.run_with(name, crate::feeds! { "p:0" => p });
    assert_eq!(run(1, "out:0").unwrap().to_string(), "45");
    assert_eq!(run(-1, "out:0").unwrap().to_string(), "10");
    assert_eq!(run(-1, "w/Exit:0").unwrap_err().kind(), ErrorKind::BadFetch);
}

#[test]
fn branches_in_a_turn_are_taken_anew_each_time() {
    // Adds i where i < 5, else 100.
    let lines = COUNT.replace(
        "w/sum = Add w/Identity_1 w/Identity",
        "
        w/five = 5 ^w/Identity
        w/is = Less w/Identity w/five
        w/c = Switch w/Identity w/is
        w/c_t = Identity w/c:1
        w/c_f = Identity w/c
        w/many = 100 ^w/c_f
        w/joined = Merge w/many w/c_t
        w/sum = Add w/Identity_1 w/joined",
    );
    gives(&lines, "w/Exit_1:0", "510");
}

#[test]
fn many_turns_take_no_memory_and_an_endless_loop_can_be_stopped() {
    gives(&COUNT.replace("n = 10", "n = 100000"), "w/Exit:0", "100000");
    let g = load(&COUNT.replace("w/one = 1", "w/one = 0")).unwrap();
    let sess = Session::new(&g).unwrap();
    let options = RunOptions { timeout: Some(Duration::from_millis(30)), ..RunOptions::default() };
    let exit = g.tensor_by_name("w/Exit:0").unwrap();
    let error = sess.run_with_options(&exit, crate::session::Feeds::new(), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
}

/// Frames in frames, each with one turn.
fn nested(depth: usize) -> String {
    let mut lines = "l0/v = 0\n l0/one = 1\n".to_owned();
    for i in 1..=depth {
        lines += &format!(
            "l{i}/Enter = Enter@f{i} l{p}/v
             l{i}/one = Enter!@f{i} l{p}/one
             l{i}/Merge = Merge l{i}/Enter l{i}/Next
             l{i}/Less = Less l{i}/Merge l{i}/one
             l{i}/Cond = LoopCond l{i}/Less
             l{i}/Switch = Switch l{i}/Merge l{i}/Cond
             l{i}/v = Identity l{i}/Switch:1\n",
            p = i - 1
        );
    }
    lines += &format!("last = Add l{depth}/v l{depth}/one\n");
    let mut inner = "last".to_owned();
    for i in (1..=depth).rev() {
        lines += &format!("l{i}/Next = NextIteration {inner}\n l{i}/Exit = Exit l{i}/Switch\n");
        inner = format!("l{i}/Exit");
    }
    lines
}

#[test]
fn loops_may_nest_deep_but_not_without_end() {
    gives(&nested(64), "l1/Exit:0", "1");
    refused(&nested(65), ErrorKind::InvalidArgument, "loops may nest 64 deep, but here is one more");
    refused(&nested(2000), ErrorKind::InvalidArgument, "loops may nest 64 deep, but here is one more");
}

#[test]
fn frames_that_contradict_themselves_are_refused() {
    let invalid = |from: &str, to: &str, text: &str| {
        assert!(COUNT.contains(from), "{from}");
        refused(&COUNT.replace(from, to), ErrorKind::InvalidArgument, text);
    };
    invalid("w/Enter w/Next\n", "w/Enter w/Enter_1\n", "must have one Enter and one NextIteration as inputs");
    invalid("w/Enter w/Next\n", "w/Next w/Next_1\n", "must have one Enter and one NextIteration as inputs");
    invalid("w/Enter = Enter@w/frame zero", "w/Enter = Enter zero", "'w/Enter' (Enter) must have a frame_name");
    invalid("w/LoopCond = LoopCond", "w/LoopCond = Identity", "has no LoopCond that ends it");
    invalid("Less w/Merge w/Less/Enter", "Less w/Merge n", "the node 'w/Less' has inputs from different frames");
    invalid("twice = Add w/Exit_1 w/Exit_1", "twice = Add w/Exit_1 w/sum", "has inputs from different frames");
    invalid("w/Next = NextIteration w/add", "w/Next = NextIteration w/Merge", "goes round whatever the condition says");
    invalid("w/Exit = Exit w/Switch", "w/Exit = Exit zero", "'w/Exit' (Exit) is in no loop");
    refused("x = 1\n n = NextIteration x", ErrorKind::InvalidArgument, "'n' (NextIteration) is in no loop");
    refused("m = Merge n n\n n = NextIteration m", ErrorKind::InvalidArgument, "'n' (NextIteration) is in no loop");
    refused("e = Enter@f nil\n y = Exit e", ErrorKind::NotFound, "node 'e' has input 'nil'");
}

#[test]
fn loops_that_no_builder_makes_are_refused() {
    let odd = |from: &str, to: &str, text: &str| {
        assert!(COUNT.contains(from), "{from}");
        refused(&COUNT.replace(from, to), ErrorKind::Unsupported, text);
    };
    odd("w/Exit = Exit w/Switch", "w/Exit = Exit w/add", "leaves a loop, but not when the condition fails");
    odd("Enter!@w/frame n", "Enter@w/frame n", "has a value in the first turn only");
    odd("Add w/Identity w/one", "Add w/Identity w/Merge:1", "asks a loop whether a turn is the first");
    odd("w/sum = Add w/Identity_1 w/Identity", "w/sum = Add w/Identity_1 w/Switch", "needs both what stays");
    odd(
        "Less w/Merge w/Less/Enter",
        "Less w/Merge w/Less/Enter\n w/c2 = LoopCond w/Less",
        "a loop must have one condition",
    );
    refused(&COUNT.replace("w/one = 1", "w/one = NoSuchOp"), ErrorKind::Unsupported, "NoSuchOp (1)");
}

#[test]
fn ops_that_frames_replace_are_supported() {
    assert!(def(COUNT).unwrap().unsupported_ops().is_empty());
}
