//! Graphs of files that mean harm: each is refused with an error, or runs within its budget.

use std::time::Duration;

use sessile::io::{GraphDef, ImportOptions, graph_from_text, load_graph_def};
use sessile::prelude::*;
use sessile::{ErrorKind, Result, RunOptions};

fn load(text: &str) -> Result<Graph> {
    Ok(load_graph_def(&GraphDef::parse(&graph_from_text(text)?)?, &ImportOptions::default())?.0)
}

#[track_caller]
fn refused(text: &str, kind: ErrorKind, words: &str) {
    let error = load(text).map(drop).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

/// A function of one float32 that calls `op` so many times, one after another.
fn function(name: &str, op: &str, times: usize) -> String {
    let attr = if op == "Neg" { "attr { key: 'T' value { type: DT_FLOAT } }" } else { "" };
    let output = |i: usize| if i == 0 { "x".to_owned() } else { format!("n{}:y:0", i - 1) };
    let call = |i: usize| format!("node_def {{ name: 'n{i}' op: '{op}' input: '{}' {attr} }}\n", output(i));
    let nodes: String = (0..times).map(call).collect();
    format!(
        "function {{ signature {{ name: '{name}' input_arg {{ name: 'x' type: DT_FLOAT }} \
         output_arg {{ name: 'y' type: DT_FLOAT }} }}\n{nodes} ret {{ key: 'y' value: '{}' }} }}\n",
        output(times)
    )
}

/// A placeholder, a call of a function on it, and the functions.
fn calling(name: &str, functions: &str) -> String {
    format!(
        "node {{ name: 'x' op: 'Placeholder' attr {{ key: 'dtype' value {{ type: DT_FLOAT }} }} }}\n\
         node {{ name: 'y' op: '{name}' input: 'x' }}\nlibrary {{ {functions} }}"
    )
}

/// Each function calls the one before ten times: a graph of a few kilobytes, and 10^12 nodes if it were written out.
#[test]
fn functions_that_multiply_end_with_their_budget() -> Result<()> {
    let mut functions = function("f0", "Neg", 10);
    (1..12).for_each(|i| functions += &function(&format!("f{i}"), &format!("f{}", i - 1), 10));
    let g = load(&calling("f11", &functions))?;
    let options = RunOptions { step_budget: Some(10_000), memory_budget: Some(1 << 20), ..RunOptions::default() };
    let run = Session::new(&g)?.run_with_options("y:0", feeds! { "x:0" => 1.0f32 }, &options);
    assert_eq!(run.map(drop).unwrap_err().kind(), ErrorKind::ResourceExhausted);
    let options = RunOptions { timeout: Some(Duration::from_millis(50)), ..RunOptions::default() };
    let run = Session::new(&g)?.run_with_options("y:0", feeds! { "x:0" => 1.0f32 }, &options);
    assert_eq!(run.map(drop).unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    Ok(())
}

#[test]
fn functions_that_call_themselves_or_nest_without_end_are_refused() {
    refused(&calling("f", &function("f", "f", 1)), ErrorKind::Unsupported, "function 'f' calls itself");
    let pair = function("f", "g", 1) + &function("g", "f", 1);
    refused(&calling("f", &pair), ErrorKind::Unsupported, "calls itself");
    let mut deep = function("f0", "Neg", 1);
    (1..10_000).for_each(|i| deep += &function(&format!("f{i}"), &format!("f{}", i - 1), 1));
    refused(&calling("f9999", &deep), ErrorKind::InvalidArgument, "functions may nest");
}

/// A chain of functions, each with two calls of the next that differ in an attribute which is handed on: 2^24 bodies.
#[test]
fn functions_with_ever_new_attributes_end_with_the_budget_of_the_file() {
    const DEPTH: usize = 24;
    let mut functions = function(&format!("f{DEPTH}"), "Neg", 1);
    for i in 0..DEPTH {
        let handed_on = |p: usize| format!("attr {{ key: 'p{p}' value {{ placeholder: 'p{p}' }} }} ");
        let attrs: String = (0..i).map(handed_on).collect();
        let own = |b: usize| format!("attr {{ key: 'p{i}' value {{ i: {b} }} }}");
        let call = |b: usize| format!("node_def {{ name: 'n{b}' op: 'f{}' input: 'x' {attrs} {} }}\n", i + 1, own(b));
        functions += &format!(
            "function {{ signature {{ name: 'f{i}' input_arg {{ name: 'x' type: DT_FLOAT }} \
             output_arg {{ name: 'y' type: DT_FLOAT }} }}\n{}{} ret {{ key: 'y' value: 'n0:y:0' }} }}\n",
            call(0),
            call(1)
        );
    }
    refused(&calling("f0", &functions), ErrorKind::ResourceExhausted, "budget");
}

/// A chain of functions, each with two calls of the next that differ in what is known of the argument: 2^40 bodies.
#[test]
fn functions_with_ever_new_arguments_end_with_the_work_of_one_call() {
    const DEPTH: usize = 40;
    let int = "attr { key: 'dtype' value { type: DT_INT32 } } attr { key: 'value' value { tensor { dtype: DT_INT32 \
               tensor_shape { } int_val: 1 } } }";
    let sum = |name: &str, a: &str, b: &str| {
        format!(
            "node_def {{ name: '{name}' op: 'AddV2' input: ['{a}', '{b}'] attr {{ key: 'T' value {{ type: DT_INT32 }} }} }}"
        )
    };
    let mut functions = function(&format!("f{DEPTH}"), "Neg", 1).replace("DT_FLOAT", "DT_INT32");
    for i in 0..DEPTH {
        let call = |name: &str, x: &str| format!("node_def {{ name: '{name}' op: 'f{}' input: '{x}:z:0' }}", i + 1);
        functions += &format!(
            "function {{ signature {{ name: 'f{i}' input_arg {{ name: 'x' type: DT_INT32 }} \
             output_arg {{ name: 'y' type: DT_INT32 }} }} node_def {{ name: 'one' op: 'Const' {int} }}\n\
             {} {} {} {} ret {{ key: 'y' value: 'a:y:0' }} }}\n",
            sum("even", "x", "x"),
            sum("odd", "even:z:0", "one:output:0"),
            call("a", "even"),
            call("b", "odd")
        );
    }
    let text = format!("node {{ name: 'x' op: 'Const' {int} }} node {{ name: 'y' op: 'f0' input: 'x' }}\n");
    refused(&format!("{text} library {{ {functions} }}"), ErrorKind::ResourceExhausted, "a call may make at most");
}

/// Each of a few bytes of the file, and of 64 KiB in memory once a shape rule asks.
#[test]
fn constants_that_shape_rules_ask_for_count_in_the_budget() {
    const N: usize = 1500;
    let int = |name: &str, n: usize| {
        format!(
            "node {{ name: '{name}' op: 'Const' attr {{ key: 'dtype' value {{ type: DT_INT32 }} }} attr {{ key: 'value' \
             value {{ tensor {{ dtype: DT_INT32 tensor_shape {{ }} int_val: {n} }} }} }} }}\n"
        )
    };
    let vector = "node { name: 'dims' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } attr { key: 'value' \
                  value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 1 } } int_val: 16000 } } } }\n";
    let typed = "attr { key: 'T' value { type: DT_INT32 } }";
    let one = |i: usize| {
        format!(
            "node {{ name: 'a{i}' op: 'Fill' input: ['dims', 'zero'] {typed} }}\n\
             node {{ name: 'b{i}' op: 'Max' input: ['a{i}', 'zero'] {typed} }}\n\
             node {{ name: 'c{i}' op: 'ExpandDims' input: ['zero', 'b{i}'] {typed} }}\n"
        )
    };
    let nodes: String = (0..N).map(one).collect();
    refused(&(int("zero", 0) + vector + &nodes), ErrorKind::ResourceExhausted, "budget");
}

/// A long list that a function gives to each of a thousand calls, no two of them alike.
#[test]
fn attributes_are_not_handed_on_without_end() {
    let list = vec!["7"; 100_000].join(",");
    let call = |i: usize| {
        let attrs = format!("attr {{ key: 'a' value {{ placeholder: 'a' }} }} attr {{ key: 'b' value {{ i: {i} }} }}");
        format!("node_def {{ name: 'n{i}' op: 'g' {attrs} }}\n")
    };
    let calls: String = (0..1000).map(call).collect();
    let text = format!(
        "node {{ name: 'y' op: 'f' attr {{ key: 'a' value {{ list {{ i: [{list}] }} }} }} }}\n\
         library {{ function {{ signature {{ name: 'f' }} {calls} }} function {{ signature {{ name: 'g' }} }} }}"
    );
    refused(&text, ErrorKind::ResourceExhausted, "budget");
}

#[test]
fn outputs_of_functions_are_within_them() {
    let far = function("g", "f", 2).replace("n0:y:0", "n0:y:18446744073709551615");
    refused(&calling("g", &(function("f", "Neg", 1) + &far)), ErrorKind::InvalidArgument, "is no output of");
}

/// Thousands of nodes that call the first of thousands of functions, each of which calls the next.
#[test]
fn what_is_missing_is_found_in_one_walk() {
    const N: usize = 3000;
    let functions: String = (0..N).map(|i| function(&format!("f{i}"), &format!("f{}", i + 1), 1)).collect();
    let functions = functions + &function(&format!("f{N}"), "NoSuchOp", 1);
    let calls: String = (0..N).map(|i| format!("node {{ name: 'c{i}' op: 'f{i}' input: 'x' }}\n")).collect();
    let start = std::time::Instant::now();
    refused(&(calls + &calling("f0", &functions)), ErrorKind::Unsupported, "not supported: NoSuchOp (1)");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// A node that calls the gradient of the function `f`, for an input and the gradient of the output.
fn gradient_of_f(kind: &str, x: &str) -> String {
    format!(
        "{kind} {{ name: 'y' op: 'SymbolicGradient' input: '{x}' input: '{x}' \
         attr {{ key: 'f' value {{ func {{ name: 'f' }} }} }} \
         attr {{ key: 'Tin' value {{ list {{ type: DT_FLOAT type: DT_FLOAT }} }} }} \
         attr {{ key: 'Tout' value {{ list {{ type: DT_FLOAT }} }} }} }}\n"
    )
}

#[test]
fn gradients_of_functions_are_those_that_the_file_names() -> Result<()> {
    let signature = "signature { name: 'g' input_arg { name: 'x' type: DT_FLOAT } input_arg { name: 'dy' type: DT_FLOAT } \
                     output_arg { name: 'dx' type: DT_FLOAT } }";
    let node = "node_def { name: 'n' op: 'Mul' input: 'x' input: 'dy' attr { key: 'T' value { type: DT_FLOAT } } }";
    let f = function("f", "Neg", 1);
    let text = |library: &str| {
        let x = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }\n";
        format!("{x}{}library {{ {f}{library} }}", gradient_of_f("node", "x"))
    };
    let named = "gradient { function_name: 'f' gradient_func: 'g' }\n";
    refused(&text(named), ErrorKind::NotFound, "there is no function 'g'");
    let inner = gradient_of_f("node_def", "x");
    let endless = format!("{named}function {{ {signature} {inner} ret {{ key: 'dx' value: 'y:output:0' }} }}");
    refused(&text(&endless), ErrorKind::Unsupported, "function 'g' calls itself");

    let good = format!("{named}function {{ {signature} {node} ret {{ key: 'dx' value: 'n:z:0' }} }}");
    let def = GraphDef::parse(&graph_from_text(&text(&good))?)?;
    for def in [GraphDef::parse(&def.to_bytes()?)?, def] {
        let (g, _) = load_graph_def(&def, &ImportOptions::default())?;
        let x = g.tensor_by_name("x:0")?;
        let got = Session::new(&g)?.run_with("y:0", feeds! { &x => 3.0f32 })?;
        assert_eq!(got.scalar::<f32>()?, 9.0);
    }
    Ok(())
}

/// What no function of the file is, the rules of its ops make: of `x -> neg(x)`, called with `x` as the gradient too.
#[test]
fn gradients_of_functions_are_made_where_the_file_names_none() -> Result<()> {
    let x = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }\n";
    let of = |op: &str| format!("{x}{}library {{ {} }}", gradient_of_f("node", "x"), function("f", op, 1));
    let g = load(&of("Neg"))?;
    let got = Session::new(&g)?.run_with("y:0", feeds! { &g.tensor_by_name("x:0")? => [3.0f32, 4.0] })?;
    assert_eq!(got.to_string(), "[-3. -4.]");
    refused(&of("DiagPart"), ErrorKind::Unsupported, "the gradient of this op is not available yet");
    let short = of("Neg").replace("input: 'x' input: 'x'", "input: 'x'").replace("DT_FLOAT type: DT_FLOAT", "DT_FLOAT");
    refused(&short, ErrorKind::InvalidArgument, "the function takes 2 arguments, but got 1");
    Ok(())
}

/// What reaches out of the graph is no op here.
#[test]
fn files_processes_and_foreign_code_are_out_of_reach_of_a_graph() {
    for op in ["ReadFile", "WriteFile", "PyFunc", "EagerPyFunc", "MatchingFiles", "SaveV2", "ImportEvent", "XlaLaunch"]
    {
        let text = format!("node {{ name: 'x' op: '{op}' }}");
        let error = load(&text).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{op}: {error}");
        assert!(error.to_string().contains(op), "{error}");
    }
}

/// protobuf takes the last of what is there twice; a repeated key of a map counts once.
#[test]
fn fields_that_are_there_twice_take_the_last() -> Result<()> {
    let mut bytes = Vec::new();
    let field = |number: u8, body: &[u8]| [&[number << 3 | 2, body.len() as u8][..], body].concat();
    let attr = |key: &[u8], value: &[u8]| field(5, &[field(1, key), field(2, value)].concat());
    // A name twice, an op twice, a dtype twice under one key, and two members of one value.
    let node = [
        field(1, b"a"),
        field(1, b"x"),
        field(2, b"NoOp"),
        field(2, b"Placeholder"),
        attr(b"dtype", &[6 << 3, 3]),
        attr(b"dtype", &[3 << 3, 7, 6 << 3, 1]),
    ];
    bytes.extend(field(1, &node.concat()));
    let (g, _) = load_graph_def(&GraphDef::parse(&bytes)?, &ImportOptions::default())?;
    assert_eq!((g.len(), g.tensor_by_name("x:0")?.dtype()), (1, DType::F32));
    Ok(())
}

/// An attribute of a few bytes cannot make a node of any number of outputs.
#[test]
fn outputs_by_the_million_are_refused() {
    for (op, attr, inputs) in [
        ("Unpack", "num", "input: 'x'"),
        ("Split", "num_split", "input: 'i' input: 'x'"),
        ("SplitV", "num_split", "input: 'x' input: 'is' input: 'i'"),
        ("DynamicPartition", "num_partitions", "input: 'x' input: 'is'"),
    ] {
        for n in [1i64 << 20, 1 << 40, i64::MAX] {
            let source = |name: &str, dtype: &str| {
                format!(
                    "node {{ name: '{name}' op: 'Placeholder' attr {{ key: 'dtype' value {{ type: {dtype} }} }} }}\n"
                )
            };
            let sources = source("x", "DT_FLOAT") + &source("i", "DT_INT32") + &source("is", "DT_INT32");
            let length = if op == "SplitV" { "attr { key: 'Tlen' value { type: DT_INT32 } }" } else { "" };
            let attrs = format!(
                "attr {{ key: 'T' value {{ type: DT_FLOAT }} }} {length} attr {{ key: '{attr}' value {{ i: {n} }} }}"
            );
            let text = format!("{sources} node {{ name: 'y' op: '{op}' {inputs} {attrs} }}");
            refused(&text, ErrorKind::ResourceExhausted, "a node has at most 65536 outputs");
        }
    }
}

/// A pipe has no length, and reading it would wait for ever.
#[cfg(unix)]
#[test]
fn pipes_are_not_read() {
    let path = std::env::temp_dir().join(format!("sessile-pipe-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if made.is_ok_and(|status| status.success()) {
        let error = GraphDef::read(&path).map(drop).unwrap_err();
        std::fs::remove_file(&path).expect("the pipe is ours");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
}

/// A loop of one turn that reshapes `x` of shape (2, 2) to the shape that `s` says.
const RESHAPING: &str = "
    node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } }
           attr { key: 'shape' value { shape { dim { size: 2 } dim { size: 2 } } } } }
    node { name: 's' op: 'Placeholder' attr { key: 'dtype' value { type: DT_INT32 } }
           attr { key: 'shape' value { shape { dim { size: 2 } } } } }
    node { name: 'go' op: 'Const' attr { key: 'dtype' value { type: DT_BOOL } }
           attr { key: 'value' value { tensor { dtype: DT_BOOL tensor_shape { } bool_val: true } } } }
    node { name: 'w' op: 'While' input: 'go' input: 's' input: 'x'
           attr { key: 'cond' value { func { name: 'goes' } } } attr { key: 'body' value { func { name: 'turn' } } } }
    library {
      function {
        signature { name: 'goes' input_arg { name: 'go' type: DT_BOOL } input_arg { name: 's' type: DT_INT32 }
                    input_arg { name: 'x' type: DT_FLOAT } output_arg { name: 'c' type: DT_BOOL } }
        ret { key: 'c' value: 'go' }
      }
      function {
        signature { name: 'turn' input_arg { name: 'go' type: DT_BOOL } input_arg { name: 's' type: DT_INT32 }
                    input_arg { name: 'x' type: DT_FLOAT } output_arg { name: 'a' type: DT_BOOL }
                    output_arg { name: 'b' type: DT_INT32 } output_arg { name: 'c' type: DT_FLOAT } }
        node_def { name: 'no' op: 'LogicalNot' input: 'go' }
        node_def { name: 'r' op: 'Reshape' input: 'x' input: 's' }
        ret { key: 'a' value: 'no:y:0' } ret { key: 'b' value: 's' } ret { key: 'c' value: 'r:output:0' }
      }
    }";

/// TensorFlow takes it that a loop keeps the shapes that it starts from; here each run checks that.
#[test]
fn the_shapes_that_a_loop_starts_from_are_claims() -> Result<()> {
    let g = load(RESHAPING)?;
    let out = g.tensor_by_name("w:2")?;
    assert_eq!(out.shape().to_string(), "(2, 2)");
    let sess = Session::new(&g)?;
    let x = [[1.0f32, 2.0], [3.0, 4.0]];
    assert_eq!(sess.run_with(&out, feeds! { "x:0" => x, "s:0" => [2, 2] })?.dims(), [2, 2]);
    let error = sess.run_with(&out, feeds! { "x:0" => x, "s:0" => [4, 1] }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShapeMismatch, "{error}");
    Ok(())
}

/// A turn that is known to change a shape is not taken to keep it.
#[test]
fn shapes_that_a_turn_changes_are_no_claims() -> Result<()> {
    let text = RESHAPING.replace("op: 'Reshape' input: 'x' input: 's'", "op: 'ExpandDims' input: 'x' input: 'zero:output:0'")
        .replace("node_def { name: 'no'", "node_def { name: 'zero' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } } \
            attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 0 } } } } node_def { name: 'no'");
    let g = load(&text)?;
    let out = g.tensor_by_name("w:2")?;
    assert_eq!(out.shape().to_string(), "<unknown>");
    let got = Session::new(&g)?.run_with(&out, feeds! { "x:0" => [[1.0f32, 2.0], [3.0, 4.0]], "s:0" => [2, 2] })?;
    assert_eq!(got.dims(), [1, 2, 2]);
    Ok(())
}
