//! Graphs and feeds from the command line's words.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value as Json;
use sessile::graph::{Effect, Graph, OutputId};
use sessile::io::{GraphDef, ImportOptions, import_graph_def, load_graph_def, read_npy, read_npz};
use sessile::ops::array::Placeholder;
use sessile::session::Config;
use sessile::{DType, Dim, Error, ErrorKind, Operation, Result, Session, Shape, Tensor, Value};

use crate::args::Job;
use crate::failure::{Failure, Outcome};

/// A session, and what to run in it.
pub struct Loaded {
    pub session: Session,
    pub feeds: Vec<(Tensor, Value)>,
    pub fetches: Vec<Tensor>,
    /// Operations among the fetches.
    pub targets: Vec<Operation>,
}

impl Loaded {
    /// Runs once.
    pub fn run(&self) -> Result<Vec<Value>> {
        self.session.run_values(&self.feeds, &self.fetches, &self.targets)
    }
}

/// Reads the graph, as far as the fetches need it, binds the feeds, and runs the initializers.
pub fn load(job: &Job) -> Outcome<Loaded> {
    let def = GraphDef::read(&job.graph).map_err(Failure::of_file)?;
    let given = job.feeds.iter().map(|(name, text)| Ok((name.as_str(), given(text)?))).collect::<Result<Vec<_>>>()?;
    let graph = import(&def, job, &given)?;
    let mut feeds = Vec::new();
    for (name, given) in given {
        let tensor = tensor(&graph, name)?;
        let value = given.value(tensor.dtype()).map_err(|error| error.note(format!("in --feed {name}=..")))?;
        feeds.push((tensor, value));
    }
    if job.random {
        feed_randomly(&graph, job, &mut feeds)?;
    }
    let (fetches, targets) = wanted(&graph, &def, &job.fetches)?;
    let session = Session::with_config(&graph, Config { threads: job.threads, ..Config::default() })?;
    for name in &job.init {
        session.run(&graph.operation_by_name(name.trim_end_matches(":0"))?)?;
    }
    Ok(Loaded { session, feeds, fetches, targets })
}

/// The tensor of `x:0` or `x`.
pub fn tensor(graph: &Graph, name: &str) -> Result<Tensor> {
    if name.contains(':') { graph.tensor_by_name(name) } else { graph.tensor_by_name(&format!("{name}:0")) }
}

fn wanted(graph: &Graph, def: &GraphDef, names: &[String]) -> Result<(Vec<Tensor>, Vec<Operation>)> {
    if names.is_empty() {
        return Ok((outputs(graph, def), Vec::new()));
    }
    let (mut fetches, mut targets) = (Vec::new(), Vec::new());
    for name in names {
        match graph.operation_by_name(name) {
            Ok(operation) if operation.node().outputs().is_empty() => targets.push(operation),
            _ => fetches.push(tensor(graph, name)?),
        }
    }
    Ok((fetches, targets))
}

/// What no node of the file uses: the outputs of a graph that does not say what they are. The file is asked, not the
/// graph, where a loop of many nodes has become one, and what only they used has no user any more.
pub fn outputs(graph: &Graph, def: &GraphDef) -> Vec<Tensor> {
    let used: HashSet<&str> = def.nodes.iter().flat_map(|node| &node.inputs).map(|input| node_of(input)).collect();
    let unused = def.nodes.iter().filter(|node| !used.contains(&*node.name));
    unused.flat_map(|node| results(graph, &node.name)).collect()
}

/// The values that a node computes; none where it is no node of the graph, or stands for an effect.
fn results(graph: &Graph, name: &str) -> Vec<Tensor> {
    let Ok(operation) = graph.operation_by_name(name) else {
        return graph.tensor_by_name(&format!("{name}:0")).into_iter().collect();
    };
    let node = operation.node();
    let is_value = node.outputs().iter().all(|fact| !fact.is_variable());
    let is_result = is_value && matches!(node.op().kind().effect, Effect::Pure | Effect::Random);
    if is_result { operation.outputs() } else { Vec::new() }
}

/// The node of `x`, `x:1` or `^x`.
pub fn node_of(input: &str) -> &str {
    let name = input.trim_start_matches('^');
    name.split(':').next().unwrap_or(name)
}

/// The placeholders that a run must feed.
pub fn placeholders(graph: &Graph) -> impl Iterator<Item = Tensor> {
    let fed = graph.nodes().filter(|node| node.op().kind().effect == Effect::Fed);
    fed.map(|node| graph.tensor(OutputId { node: node.id(), slot: 0 }))
}

/// What the fetches need; all where there are none. Where that cannot be read, what is fed is cut off first: a graph may
/// hold a whole input pipeline above the tensor that is fed.
fn import(def: &GraphDef, job: &Job, given: &[(&str, Given)]) -> Outcome<Graph> {
    let mut wanted = job.fetches.clone();
    if !wanted.is_empty() {
        wanted.extend(job.init.iter().cloned());
        wanted.extend(given.iter().map(|(name, _)| (*name).to_owned()));
    }
    let all = ImportOptions { outputs: wanted, ..ImportOptions::default() };
    match load_graph_def(def, &all) {
        Ok((graph, _)) => Ok(graph),
        Err(error) => match cut(def, job, given) {
            Some(Ok(graph)) => Ok(graph),
            _ => Err(Failure::of_import(error, def, &all.outputs)),
        },
    }
}

/// Imports with placeholders in place of what is fed; `None` where that makes no difference.
fn cut(def: &GraphDef, job: &Job, given: &[(&str, Given)]) -> Option<Result<Graph>> {
    (!given.is_empty() && !job.fetches.is_empty()).then(|| cut_off(def, job, given))
}

fn cut_off(def: &GraphDef, job: &Job, given: &[(&str, Given)]) -> Result<Graph> {
    let graph = Graph::new();
    let mut input_map = Vec::new();
    for (name, given) in given {
        let op = Placeholder { dtype: given.dtype(), shape: Shape::unknown() };
        let stand_in = graph.named(name.split(':').next().unwrap_or(name), || graph.apply_one(op, &[]))?;
        if !name.contains(':') || name.ends_with(":0") {
            input_map.push((format!("^{}", node_of(name)), stand_in.clone()));
        }
        input_map.push(((*name).to_owned(), stand_in));
    }
    let outputs = job.fetches.iter().chain(&job.init).cloned().collect();
    import_graph_def(&graph, def, &ImportOptions { input_map, outputs, ..ImportOptions::default() })?;
    Ok(graph)
}

/// A feed's value before its tensor's dtype is known.
pub enum Given {
    Array(Value),
    Json(Json),
}

fn given(text: &str) -> Result<Given> {
    if let Ok(json) = serde_json::from_str(text) {
        return Ok(Given::Json(json));
    }
    if text.ends_with(".npy") {
        return read_npy(text).map(Given::Array);
    }
    let Some((path, name)) = text.split_once(".npz:") else {
        return Err(Error::invalid(format!("'{text}' is neither a file.npy, nor file.npz:NAME, nor JSON")));
    };
    let mut arrays = read_npz(Path::new(&format!("{path}.npz")))?;
    let names: Vec<String> = arrays.keys().cloned().collect();
    let absent = || Error::new(ErrorKind::NotFound, format!("there is no array '{name}', but {}", names.join(", ")));
    arrays.remove(name).map(Given::Array).ok_or_else(absent)
}

impl Given {
    fn dtype(&self) -> DType {
        match self {
            Given::Array(value) => value.dtype(),
            Given::Json(_) => DType::F32,
        }
    }

    fn value(self, dtype: DType) -> Result<Value> {
        match self {
            Given::Array(value) => Ok(value),
            Given::Json(json) => from_json(&json, dtype),
        }
    }
}

/// Nested lists of numbers, texts or truth values as an array.
fn from_json(json: &Json, dtype: DType) -> Result<Value> {
    let (mut dims, mut flat) = (Vec::new(), Vec::new());
    let mut at = json;
    while let Json::Array(items) = at {
        dims.push(items.len());
        match items.first() {
            Some(first) => at = first,
            None => break,
        }
    }
    flatten(json, &dims, &mut flat)?;
    let bad = || Error::dtype(format!("the JSON does not hold {dtype} values"));
    let float = |json: &&Json| json.as_f64().ok_or_else(bad);
    let int = |json: &&Json| json.as_i64().ok_or_else(bad);
    match dtype {
        DType::F32 => Value::from_vec(&dims, flat.iter().map(|x| Ok(float(x)? as f32)).collect::<Result<_>>()?),
        DType::F64 => Value::from_vec(&dims, flat.iter().map(float).collect::<Result<Vec<_>>>()?),
        DType::I64 => Value::from_vec(&dims, flat.iter().map(int).collect::<Result<Vec<_>>>()?),
        DType::I32 => {
            let narrow = |json: &&Json| i32::try_from(int(json)?).map_err(|_| bad());
            Value::from_vec(&dims, flat.iter().map(narrow).collect::<Result<Vec<_>>>()?)
        }
        DType::U8 => {
            let narrow = |json: &&Json| u8::try_from(int(json)?).map_err(|_| bad());
            Value::from_vec(&dims, flat.iter().map(narrow).collect::<Result<Vec<_>>>()?)
        }
        DType::Bool => {
            let truth = |json: &&Json| json.as_bool().ok_or_else(bad);
            Value::from_vec(&dims, flat.iter().map(truth).collect::<Result<Vec<_>>>()?)
        }
        DType::String => {
            let text = |json: &&Json| json.as_str().map(|text| text.as_bytes().to_vec()).ok_or_else(bad);
            Value::from_strings(&dims, flat.iter().map(text).collect::<Result<_>>()?)
        }
        other => Err(Error::unsupported(format!("JSON cannot give {other} values: feed a file.npy"))),
    }
}

fn flatten<'a>(json: &'a Json, dims: &[usize], flat: &mut Vec<&'a Json>) -> Result<()> {
    match (json, dims.split_first()) {
        (Json::Array(items), Some((len, rest))) if items.len() == *len => {
            items.iter().try_for_each(|item| flatten(item, rest, flat))
        }
        (Json::Array(_), _) | (_, Some(_)) => Err(Error::shape("the JSON's lists do not have equal lengths")),
        (item, None) => {
            flat.push(item);
            Ok(())
        }
    }
}

/// Random numbers for every placeholder that is not fed: floats from [0, 1), integers 0 to 9.
fn feed_randomly(graph: &Graph, job: &Job, feeds: &mut Vec<(Tensor, Value)>) -> Result<()> {
    for (n, tensor) in placeholders(graph).enumerate() {
        if feeds.iter().any(|(fed, _)| *fed == tensor) {
            continue;
        }
        let shape = tensor.shape();
        let size = |dim: &Dim| dim.known().unwrap_or(job.size);
        let dims: Vec<usize> = shape.dims().unwrap_or_default().iter().map(size).collect();
        let value = random(tensor.dtype(), &dims, job.seed.wrapping_add(n as u64))?;
        feeds.push((tensor, value));
    }
    Ok(())
}

/// Drawn by the engine itself: the same numbers on every machine.
fn random(dtype: DType, dims: &[usize], seed: u64) -> Result<Value> {
    let g = Graph::new();
    g.set_random_seed((seed & 0x7fff_ffff) as i64);
    let floats = g.random_uniform(dims.to_vec())?;
    let tensor = match dtype {
        DType::F32 => floats,
        DType::String => return Value::from_strings(dims, vec![Vec::new(); dims.iter().product()]),
        DType::Bool => floats.greater(0.5f32)?,
        dtype if dtype.is_floating() || dtype.is_complex() => floats.cast(dtype)?,
        dtype => (&floats * 10.0f32)?.cast(dtype)?,
    };
    Session::new(&g)?.run(&tensor)
}

/// `3,?,batch` as a shape; an anonymous dim of placeholder `x` gets the name `x.AXIS`.
pub fn parse_shape(name: &str, text: &str) -> Result<Shape> {
    let words = text.trim_matches(['(', ')', '[', ']']).split(',').map(str::trim).filter(|word| !word.is_empty());
    let dims = words.enumerate().map(|(axis, word)| match word.parse::<usize>() {
        Ok(size) => Ok(Dim::from(size)),
        Err(_) if matches!(word, "?" | "-1") => Ok(Dim::named(&format!("{name}.{axis}"))),
        Err(_) if word.starts_with(|c: char| c.is_alphabetic()) => Ok(Dim::named(word)),
        Err(_) => Err(Error::invalid(format!("'{word}' is no dim of --shape {name}={text}"))),
    });
    dims.collect::<Result<Vec<_>>>().map(Shape::from)
}

/// A shape whose anonymous dims have got names, so that estimates can speak of them.
pub fn with_names(name: &str, shape: &Shape) -> Shape {
    let Some(dims) = shape.dims() else { return Shape::unknown() };
    let named = |(axis, dim): (usize, &Dim)| match dim.known() {
        Some(size) => Dim::from(size),
        None => Dim::named(&format!("{name}.{axis}")),
    };
    Shape::from(dims.iter().enumerate().map(named).collect::<Vec<_>>())
}
