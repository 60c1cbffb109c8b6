//! What can be asked for.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Looks at graphs of TensorFlow, runs them, compares and measures them, and converts their files.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Graphs are GraphDef files, text or binary: their content tells which. A name that ends in .pbtxt is written as text.\n\n\
                  Exit codes: 0 all is well; 1 a run failed or answers differ; 2 the command line is wrong; \
                  3 a file cannot be read or written, is damaged, or holds a graph that contradicts itself; 4 the graph has ops that are not supported."
)]
pub struct Args {
    /// Prints one JSON object instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows inputs, outputs, ops, shapes, unsupported ops, and estimates of memory and work
    Inspect(Inspect),
    /// Runs a graph once and prints or stores what it computes
    Run(Run),
    /// Runs a graph on recorded inputs and compares with recorded outputs
    Compare(Compare),
    /// Measures how long a run takes, and which ops take how much of it
    Bench(Bench),
    /// Converts between .pb, .pbtxt and .dot
    Convert(Convert),
}

#[derive(Debug, clap::Args)]
pub struct Inspect {
    /// The graph
    pub graph: PathBuf,
    /// Only what these tensors or operations need
    #[arg(long = "output", value_name = "NAME", value_delimiter = ',')]
    pub outputs: Vec<String>,
    /// Lists every node with its shapes
    #[arg(long)]
    pub nodes: bool,
    /// Shape of a placeholder: sizes, names of dims, or ? for each axis
    #[arg(long = "shape", value_name = "NAME=DIMS", value_parser = pair)]
    pub shapes: Vec<(String, String)>,
    /// Size of a dim for the estimates, or turns of a loop; all others are 1. A dim without a name is called after the
    /// node and axis where it comes first: x.0
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = size)]
    pub dims: Vec<(String, i64)>,
}

/// Which graph to run on what.
#[derive(Debug, clap::Args)]
pub struct Job {
    /// The graph
    pub graph: PathBuf,
    /// Value of a tensor: a file.npy, an array of a file.npz as file.npz:NAME, or JSON such as [[1, 2]]
    #[arg(long = "feed", value_name = "NAME=VALUE", value_parser = pair)]
    pub feeds: Vec<(String, String)>,
    /// Tensor to compute; the graph's outputs where none is named
    #[arg(long = "fetch", value_name = "NAME", value_delimiter = ',')]
    pub fetches: Vec<String>,
    /// Operation to run before, such as an initializer
    #[arg(long = "init", value_name = "NAME", value_delimiter = ',')]
    pub init: Vec<String>,
    /// Feeds every other placeholder with random numbers
    #[arg(long)]
    pub random: bool,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Size that --random takes for dims that are not known
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub size: usize,
    /// Threads; as many as the machine has where absent
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

#[derive(Debug, clap::Args)]
pub struct Run {
    #[command(flatten)]
    pub job: Job,
    /// Folder for the fetched values, one .npy each
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Compare {
    /// A graph, or a folder with frozen.pb, cases.npz and meta.json
    pub graph: PathBuf,
    /// The recorded arrays: in:NAME is fed, out:NAME is compared
    #[arg(long, value_name = "FILE")]
    pub cases: Option<PathBuf>,
    /// Largest difference, relative to the output's largest magnitude; meta.json's, or 1e-5
    #[arg(long, value_name = "X")]
    pub tolerance: Option<f64>,
}

#[derive(Debug, clap::Args)]
pub struct Bench {
    #[command(flatten)]
    pub job: Job,
    /// Runs that are measured
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub runs: usize,
    /// Runs before
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub warmup: usize,
    /// File for a trace that Perfetto and chrome://tracing open
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Convert {
    /// The graph: .pb or .pbtxt
    pub from: PathBuf,
    /// The new file: .pb, .pbtxt or .dot
    pub to: PathBuf,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE")?;
    if name.is_empty() { Err("the name is empty".into()) } else { Ok((name.to_owned(), value.to_owned())) }
}

fn size(text: &str) -> Result<(String, i64), String> {
    let (name, value) = pair(text)?;
    let size = value.parse::<u32>().map_err(|_| format!("'{value}' is no size"))?;
    Ok((name, i64::from(size)))
}
