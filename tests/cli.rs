//! The command line as a user meets it: processes, their output, their exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sessile::io::{Arrays, ExportOptions, export_graph_def, read_npy, write_npy, write_npz};
use sessile::prelude::*;

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("sessile-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder can be made");
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// `y = relu(x w + b)`, `x` of unknown batch.
    fn graph(&self) -> String {
        let g = Graph::new();
        let build = || -> sessile::Result<()> {
            let x = g.named("x", || g.placeholder(DType::F32, shape![?, 2]))?;
            let w = g.named("w", || g.constant(array![[1.0f32, -1.0], [2.0, 0.5]]))?;
            let b = g.named("b", || g.constant(array![0.5f32, 0.0]))?;
            let product = g.named("xw", || x.matmul(&w))?;
            let sum = g.named("sum", || product.bias_add(&b))?;
            let _ = g.named("y", || sum.relu())?;
            Ok(())
        };
        build().expect("the graph can be built");
        let path = self.path("graph.pb");
        let def = export_graph_def(&g, &ExportOptions::default()).expect("the graph can be exported");
        def.write(&path).expect("the graph can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn sessile(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sessile")).args(args).output().expect("the command can be started")
}

/// What a command that succeeds prints.
#[track_caller]
fn prints(args: &[&str]) -> String {
    let output = sessile(args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

#[track_caller]
fn prints_json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&prints(&[args, &["--json"]].concat())).expect("the output is one JSON object")
}

/// What a command that fails with this code says.
#[track_caller]
fn fails(code: i32, args: &[&str]) -> String {
    let output = sessile(args);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

/// The nodes of a loop become one, and what only they used is no output.
#[test]
fn inspect_sees_through_loops() {
    let json = prints_json(&["inspect", "examples/data/digits_rnn/frozen.pb"]);
    assert_eq!(json["unsupported"], serde_json::json!({}));
    let names: Vec<_> = json["outputs"].as_array().into_iter().flatten().map(|output| output["name"].clone()).collect();
    assert_eq!(names, ["digit:0"]);
}

/// What comes out of a loop in a loop is still inside of the outer one.
#[test]
fn inspect_sees_through_loops_in_loops() {
    let folder = Folder::new("nested-loops");
    let path = folder.path("loops.pb");
    let const_of = |name: &str, wait: &str, n: i32| {
        let wait = if wait.is_empty() { String::new() } else { format!("input: '^{wait}'") };
        format!(
            "node {{ name: '{name}' op: 'Const' {wait} attr {{ key: 'dtype' value {{ type: DT_INT32 }} }} attr {{ key: 'value' \
             value {{ tensor {{ dtype: DT_INT32 tensor_shape {{ }} int_val: {n} }} }} }} }}\n"
        )
    };
    let int = |name: &str, op: &str, inputs: &[&str], more: &str| {
        let inputs: String = inputs.iter().map(|input| format!("input: '{input}' ")).collect();
        format!("node {{ name: '{name}' op: '{op}' {inputs} attr {{ key: 'T' value {{ type: DT_INT32 }} }} {more} }}\n")
    };
    let nested = |at: &str, start: &str, body: &dyn Fn(&str) -> String, next: &str| {
        let name = |part: &str| format!("{at}/{part}");
        let frame = format!("attr {{ key: 'frame_name' value {{ s: '{at}' }} }}");
        [
            int(&name("Enter"), "Enter", &[start], &frame),
            int(&name("Merge"), "Merge", &[&name("Enter"), &name("Next")], "attr { key: 'N' value { i: 2 } }"),
            const_of(&name("limit"), &name("Merge"), 9),
            int(&name("Less"), "Less", &[&name("Merge"), &name("limit")], ""),
            format!("node {{ name: '{0}/Cond' op: 'LoopCond' input: '{0}/Less' }}\n", at),
            int(&name("Switch"), "Switch", &[&name("Merge"), &name("Cond")], ""),
            int(&name("Exit"), "Exit", &[&name("Switch")], ""),
            int(&name("in"), "Identity", &[&name("Switch:1")], ""),
            body(&name("in")),
            int(&name("Next"), "NextIteration", &[next], ""),
        ]
        .concat()
    };
    let add = |at: &str, x: &str| {
        const_of(&format!("{at}/one"), x, 1) + &int(&format!("{at}/sum"), "Add", &[x, &format!("{at}/one")], "")
    };
    let inner = |x: &str| nested("w/w", x, &|x| add("w/w", x), "w/w/sum") + &add("w", "w/w/Exit");
    let text = const_of("zero", "", 0) + &nested("w", "zero", &inner, "w/sum") + &int("out", "Neg", &["w/Exit"], "");
    // Its name says that it is binary.
    std::fs::write(&path, text).expect("a file can be written");
    let json = prints_json(&["inspect", &path]);
    assert_eq!(json["outputs"][0]["name"], "out:0", "{json}");
    assert_eq!(prints(&["run", &path]), "out:0 = int32 ()\n-10\n");
    prints(&["inspect", &path, "--output", "w/w/Exit"]);
}

#[test]
fn inspect_shows_shapes_in_named_dims_and_estimates() {
    let folder = Folder::new("inspect");
    let graph = folder.graph();
    let text = prints(&["inspect", &graph, "--shape", "x=batch,2", "--dim", "batch=10", "--nodes"]);
    for want in [
        "x:0   float32  (batch, 2)",
        "y:0   float32  (batch, 2)",
        "MatMul",
        "32*batch B",
        "12*batch",
        "16*batch B",
        "y = Relu(sum:0)",
    ] {
        assert!(text.contains(want), "no '{want}' in\n{text}");
    }
    let json = prints_json(&["inspect", &graph]);
    assert_eq!(json["inputs"][0]["shape"], serde_json::json!(["x.0", 2]));
    assert_eq!(json["ops"]["Const"], 2);
    assert_eq!(json["estimates"]["parameter_bytes"], 24.0);
    // 2*2*2 for the product, 2 for the bias, 2 for relu, for each row.
    assert_eq!(json["estimates"]["flops"]["symbolic"], "12*x.0");
}

/// Writes a graph and gives its path.
fn written(folder: &Folder, build: impl FnOnce(&Graph) -> sessile::Result<()>) -> String {
    let g = Graph::new();
    build(&g).expect("the graph can be built");
    let path = folder.path("built.pb");
    let def = export_graph_def(&g, &ExportOptions::default()).expect("the graph can be exported");
    def.write(&path).expect("the graph can be written");
    path
}

/// Ten products of 100 by 100 in a loop of TF1's.
const LOOP: &str = "
    node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } }
           attr { key: 'shape' value { shape { dim { size: 100 } dim { size: 100 } } } } }
    node { name: 'zero' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } }
           attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 0 } } } }
    node { name: 'ten' op: 'Const' attr { key: 'dtype' value { type: DT_INT32 } }
           attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 10 } } } }
    node { name: 'Enter' op: 'Enter' input: 'zero' attr { key: 'frame_name' value { s: 'w' } } }
    node { name: 'Enter_x' op: 'Enter' input: 'x' attr { key: 'frame_name' value { s: 'w' } } }
    node { name: 'Enter_n' op: 'Enter' input: 'ten' attr { key: 'frame_name' value { s: 'w' } }
           attr { key: 'is_constant' value { b: true } } }
    node { name: 'Merge' op: 'Merge' input: 'Enter' input: 'Next' }
    node { name: 'Merge_x' op: 'Merge' input: 'Enter_x' input: 'Next_x' }
    node { name: 'Less' op: 'Less' input: 'Merge' input: 'Enter_n' }
    node { name: 'Cond' op: 'LoopCond' input: 'Less' }
    node { name: 'Switch' op: 'Switch' input: 'Merge' input: 'Cond' }
    node { name: 'Switch_x' op: 'Switch' input: 'Merge_x' input: 'Cond' }
    node { name: 'one' op: 'Const' input: '^Switch' attr { key: 'dtype' value { type: DT_INT32 } }
           attr { key: 'value' value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 1 } } } }
    node { name: 'add' op: 'Add' input: 'Switch:1' input: 'one' }
    node { name: 'mul' op: 'MatMul' input: 'Switch_x:1' input: 'Switch_x:1' }
    node { name: 'Next' op: 'NextIteration' input: 'add' }
    node { name: 'Next_x' op: 'NextIteration' input: 'mul' }
    node { name: 'Exit_x' op: 'Exit' input: 'Switch_x' }";

#[test]
fn inspect_counts_each_turn_of_a_loop() {
    let folder = Folder::new("turns");
    let path = folder.path("loop.pbtxt");
    std::fs::write(&path, LOOP).expect("a file can be written");
    let estimates = &prints_json(&["inspect", &path])["estimates"];
    // 2*100*100*100 and the counter's addition in each turn, and the condition once more.
    assert_eq!(estimates["flops"]["number"], 10.0 * 2_000_001.0 + 11.0);
    assert_eq!(estimates["flops"]["at_least"], false);
    // What goes in, what a turn takes and makes, and what comes out: 40,000 bytes each; the counter and its like.
    let peak = estimates["peak_bytes"]["number"].as_f64().expect("a number");
    assert!((120_000.0..121_000.0).contains(&peak), "{peak}");
    let text = prints(&["inspect", &path]);
    let has_row = |cells: &str| text.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == cells);
    // The file's name of an op that the engine calls AddV2.
    assert!(has_row("MatMul 1 20.0 M") && has_row("Add 1 10"), "{text}");
}

#[test]
fn inspect_names_the_turns_that_it_does_not_know() {
    let folder = Folder::new("open");
    let graph = written(&folder, |g| {
        let x = g.named("x", || g.placeholder(DType::F32, shape!["n", 4]))?;
        let body = |x: Tensor| (&x * 2.0f32)?.identity();
        let _ = g.named("loop", || g.while_loop(&x, |x| x.reduce_sum(())?.less(100.0f32), body))?;
        Ok(())
    });
    let args = ["inspect", &graph, "--shape", "x=n,4", "--dim", "n=3"];
    let estimates = &prints_json(&args)["estimates"];
    assert_eq!(estimates["unknown_turns"], serde_json::json!(["loop"]));
    // A turn multiplies 4*n, the condition adds 4*n and compares.
    assert_eq!(estimates["flops"]["symbolic"], "8*n*turns(loop) + 4*n + turns(loop) + 1");
    assert_eq!((&estimates["flops"]["number"], &estimates["flops"]["at_least"]), (&38.0.into(), &true.into()));
    let text = prints(&args);
    assert!(text.contains("at least 38") && text.contains("turns(loop)=N"), "{text}");
    let told = &prints_json(&[&args[..], &["--dim", "turns(loop)=5"]].concat())["estimates"];
    assert_eq!((&told["flops"]["number"], &told["flops"]["at_least"]), (&138.0.into(), &false.into()));
}

#[test]
fn inspect_counts_the_larger_branch_and_the_nodes_of_functions() {
    let folder = Folder::new("branch");
    let graph = written(&folder, |g| {
        let x = g.named("x", || g.placeholder(DType::F32, shape!["n", 4]))?;
        let p = g.named("p", || g.placeholder(DType::Bool, shape![]))?;
        let _ = g.named("cond", || g.cond(&p, || x.exp()?.log(), || x.abs()))?;
        Ok(())
    });
    let json = prints_json(&["inspect", &graph]);
    assert_eq!(json["estimates"]["flops"]["symbolic"], "8*x.0");
    assert_eq!((&json["ops"]["Exp"], &json["ops"]["Abs"]), (&1.into(), &1.into()));
}

#[test]
fn inspect_keeps_what_is_known_beside_what_is_not() {
    let folder = Folder::new("known");
    let graph = written(&folder, |g| {
        let x = g.named("x", || g.placeholder(DType::F32, shape![8]))?;
        let odd = g.named("odd", || g.placeholder(DType::F32, Shape::unknown()))?;
        let some = x.greater(0.0f32)?.where_()?;
        let _ = g.named("kept", || some.cast(DType::F32)?.abs())?;
        let _ = g.named("lost", || odd.abs())?;
        Ok(())
    });
    let json = prints_json(&["inspect", &graph, "--dim", "Where.0=3"]);
    // 8 comparisons, one magnitude for each of the places, and something of unknown rank.
    assert_eq!(json["estimates"]["flops"]["symbolic"], "Where.0 + 8 + ?");
    assert_eq!(json["estimates"]["flops"]["number"], 11.0);
    assert_eq!(json["estimates"]["unknown_tensors"], 2);
}

#[test]
fn inspect_lists_unsupported_ops_and_goes_on() {
    let folder = Folder::new("unsupported");
    let path = folder.path("graph.pbtxt");
    let text = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }
        node { name: 'odd' op: 'NoSuchOp' input: 'x' } node { name: 'y' op: 'Identity' input: 'odd' }";
    std::fs::write(&path, text).expect("a file can be written");
    let json = prints_json(&["inspect", &path]);
    assert_eq!(json["unsupported"], serde_json::json!({"NoSuchOp": 1}));
    assert_eq!(json["inputs"][0]["name"], "x:0");
    assert!(fails(4, &["run", &path, "--random"]).contains("NoSuchOp (1)"));
    let fed = prints(&["run", &path, "--fetch", "y", "--feed", "odd=[1.5]"]);
    assert_eq!(fed, "y:0 = float32 (1,)\n[1.5]\n");
}

#[test]
fn run_prints_or_stores_what_is_fetched() {
    let folder = Folder::new("run");
    let graph = folder.graph();
    assert_eq!(prints(&["run", &graph, "--feed", "x=[[1, 2]]"]), "y:0 = float32 (1, 2)\n[[5.5 0. ]]\n");
    let json = prints_json(&["run", &graph, "--feed", "x=[[1, 2]]", "--fetch", "sum,y"]);
    assert_eq!(json["fetches"][0]["values"], serde_json::json!([5.5, 0.0]));

    let (input, out) = (folder.path("x.npy"), folder.path("out"));
    write_npy(&input, &array![[1.0f32, 2.0], [0.0, 0.0]].into_value()).expect("an array can be written");
    prints(&["run", &graph, "--feed", &format!("x={input}"), "--fetch", "y:0", "--out", &out]);
    let stored = read_npy(Path::new(&out).join("y_0.npy")).expect("the answer is stored");
    assert_eq!(stored.to_string(), "[[5.5 0. ]\n [0.5 0. ]]");
    assert!(prints(&["run", &graph, "--random", "--size", "3"]).starts_with("y:0 = float32 (3, 2)\n"));
}

#[test]
fn json_has_all_elements_as_numbers() {
    let folder = Folder::new("json");
    let path = written(&folder, |g| {
        let (many, floats) = (g.range(0, 3000, 1)?, g.constant([1.5f32, f32::INFINITY])?);
        let _ = g.named("half", || many.cast(DType::F16))?;
        let _ = g.named("brain", || floats.cast(DType::BF16))?;
        let _ = g.named("complex", || floats.cast(DType::C64))?;
        let _ = g.named("wide", || floats.cast(DType::C128))?;
        Ok(())
    });
    let values = |name: &str| prints_json(&["run", &path, "--fetch", name])["fetches"][0]["values"].clone();
    let half = values("half");
    assert_eq!((half.as_array().map(Vec::len), &half[2048]), (Some(3000), &serde_json::json!(2048.0)));
    assert_eq!(values("brain"), serde_json::json!([1.5, "inf"]));
    assert_eq!(values("complex"), serde_json::json!([[1.5, 0.0], ["inf", 0.0]]));
    assert_eq!(values("wide"), values("complex"));
}

#[test]
fn tensors_never_share_a_file() {
    let folder = Folder::new("collision");
    let path = written(&folder, |g| {
        for (name, value) in [("x/y", 1.0f32), ("x_y", 2.0), ("X_y_0-1", 3.0)] {
            let _ = g.named(name, || g.constant(value))?;
        }
        Ok(())
    });
    let out = folder.path("out");
    let json = prints_json(&["run", &path, "--fetch", "x/y,x_y,X_y_0-1,x_y", "--out", &out]);
    let stored = |i: usize| {
        let file = json["fetches"][i]["file"].as_str().expect("a file").to_owned();
        (read_npy(&file).expect("the answer is stored").to_string(), file.to_lowercase())
    };
    let (all, values): (Vec<_>, Vec<_>) = (0..4).map(stored).map(|(value, file)| (file, value)).unzip();
    assert_eq!(values, ["1.0", "2.0", "3.0", "2.0"]);
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{all:?}");
}

/// A placeholder above an op that is not there, waited for by what is fetched.
#[test]
fn what_is_above_a_feed_does_not_matter() {
    let folder = Folder::new("above");
    let path = folder.path("graph.txt");
    let float = "attr { key: 'T' value { type: DT_FLOAT } }";
    let text = format!(
        "node {{ name: 'queue' op: 'NoSuchOp' }} node {{ name: 'x' op: 'Identity' input: 'queue' {float} }} \
         node {{ name: 'y' op: 'Neg' input: 'x' {float} }} node {{ name: 'z' op: 'Neg' input: 'y' input: '^x' {float} }}"
    );
    std::fs::write(&path, text).expect("a file can be written");
    assert_eq!(prints(&["run", &path, "--fetch", "z", "--feed", "x=1.5"]), "z:0 = float32 ()\n1.5\n");
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let folder = Folder::new("codes");
    let graph = folder.graph();
    assert!(fails(1, &["run", &graph]).contains("x"));
    assert!(fails(1, &["run", &graph, "--feed", "x=[[1, 2, 3]]"]).contains("x:0"));
    assert!(fails(1, &["run", &graph, "--feed", "z=1"]).contains("'z:0' does not exist"));
    fails(2, &["run"]);
    fails(2, &["run", &graph, "--feed", "x"]);
    assert!(fails(3, &["inspect", &folder.path("none.pb")]).contains("none.pb"));
    std::fs::write(folder.path("bad.pb"), [10, 200, 1]).expect("a file can be written");
    assert!(fails(3, &["inspect", &folder.path("bad.pb")]).contains("at byte 0"));
    std::fs::write(folder.path("bad.pbtxt"), "node {\n  nam").expect("a file can be written");
    assert!(fails(3, &["inspect", &folder.path("bad.pbtxt")]).contains("2:3: "));
    let error_json = |args: &[&str]| -> serde_json::Value {
        let json: serde_json::Value = serde_json::from_slice(&sessile(args).stdout).expect("an error is JSON, too");
        json["error"]["kind"].clone()
    };
    assert_eq!(error_json(&["--json", "inspect", &folder.path("none.pb")]), "Io");
    assert_eq!(error_json(&["run", "--json"]), "Usage");
    assert_eq!(error_json(&["--json", "run", &graph, "--threads", "many"]), "Usage");
    fails(2, &["run", "--json"]);
}

/// What a file says is the file's fault, whatever kind of error it is.
#[test]
fn graphs_that_contradict_themselves_are_damaged_files() {
    let folder = Folder::new("contradict");
    let path = folder.path("bad.pbtxt");
    let placeholder = "node { name: 'x' op: 'Placeholder' attr { key: 'dtype' value { type: DT_FLOAT } } }";
    for (node, says) in [
        ("node { name: 'n' op: 'Exit' input: 'x' }", "'n' (Exit) is in no loop"),
        ("node { name: 'n' op: 'Neg' input: 'y' }", "'y'"),
        ("node { name: 'n' op: 'MatMul' input: 'x' }", "n"),
        ("node { name: 'x' op: 'NoOp' }", "x"),
        ("versions { producer: 1 min_consumer: 100000 }", "100000"),
    ] {
        std::fs::write(&path, format!("{placeholder} {node}")).expect("a file can be written");
        for args in [vec!["inspect"], vec!["run", "--feed", "x=1"], vec!["bench", "--random"]] {
            let text = fails(3, &[&args[..1], &[&path], &args[1..]].concat());
            assert!(text.contains(says), "{args:?}: {text}");
        }
        assert!(fails(3, &["convert", &path, &folder.path("bad.dot")]).contains(says), "{node}");
    }
    let graph = folder.graph();
    assert!(fails(1, &["run", &graph, "--fetch", "odd"]).contains("odd"));
    assert!(fails(1, &["inspect", &graph, "--output", "odd"]).contains("odd"));
    assert!(fails(1, &["inspect", &graph, "--shape", "x=3,7"]).contains("7"));
}

#[test]
fn compare_names_the_outputs_that_differ() {
    let folder = Folder::new("compare");
    let graph = folder.graph();
    let case = |y: f32| {
        Arrays::from([
            ("in:x:0".to_owned(), array![[1.0f32, 2.0]].into_value()),
            ("out:y:0".to_owned(), array![[y, 0.0]].into_value()),
        ])
    };
    let cases = folder.path("cases.npz");
    write_npz(&cases, &case(5.5)).expect("an archive can be written");
    assert!(prints(&["compare", &graph, "--cases", &cases]).contains("1 outputs, 0 differ"));
    write_npz(&cases, &case(5.6)).expect("an archive can be written");
    let output = sessile(&["compare", &graph, "--cases", &cases]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("element 0 is 5.5, but must be 5.59"));
    prints(&["compare", &graph, "--cases", &cases, "--tolerance", "0.1"]);
    std::fs::rename(&graph, folder.path("frozen.pb")).expect("a file can be renamed");
    std::fs::write(folder.path("meta.json"), "{\"tolerance\": 0.1}").expect("a file can be written");
    prints(&["compare", &folder.0.display().to_string()]);
}

#[test]
fn bench_tells_percentiles_and_the_time_of_each_op() {
    let folder = Folder::new("bench");
    let (graph, trace) = (folder.graph(), folder.path("trace.json"));
    let args = ["bench", &graph, "--random", "--runs", "20", "--warmup", "1", "--trace", &trace];
    let json = prints_json(&args);
    let latency = |name: &str| json["latency_us"][name].as_f64().expect("a latency is a number");
    assert!(latency("min") <= latency("p50") && latency("p50") <= latency("p99") && latency("p99") <= latency("max"));
    assert!(!json["ops"].as_array().expect("ops are a list").is_empty());
    let trace = std::fs::read(&trace).expect("the trace is written");
    let trace: serde_json::Value = serde_json::from_slice(&trace).expect("a trace is JSON");
    assert!(trace["traceEvents"][0]["dur"].is_number());
    assert!(prints(&args).contains("p99"));
}

#[test]
fn convert_goes_to_text_and_back() {
    let folder = Folder::new("convert");
    let graph = folder.graph();
    let (text, back, dot) = (folder.path("g.pbtxt"), folder.path("back.pb"), folder.path("g.dot"));
    prints(&["convert", &graph, &text]);
    prints(&["convert", &text, &back]);
    let read = |path: &str| std::fs::read(path).expect("the file is there");
    assert_eq!(read(&graph), read(&back));
    let (other, again) = (folder.path("text.pb"), folder.path("again.pb"));
    std::fs::copy(&text, &other).expect("the file can be copied");
    prints(&["convert", &other, &again]);
    assert_eq!(read(&graph), read(&again), "a text is one under any name");
    prints(&["convert", &text, &dot]);
    assert!(String::from_utf8_lossy(&read(&dot)).starts_with("digraph"));
    fails(1, &["convert", &graph, &folder.path("g.svg")]);
}
