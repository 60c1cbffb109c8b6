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
    let output = sessile(&["--json", "inspect", &folder.path("none.pb")]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an error is JSON, too");
    assert_eq!(json["error"]["kind"], "Io");
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
    prints(&["convert", &text, &dot]);
    assert!(String::from_utf8_lossy(&read(&dot)).starts_with("digraph"));
    fails(1, &["convert", &graph, &folder.path("g.svg")]);
}
