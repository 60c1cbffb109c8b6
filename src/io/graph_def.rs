//! `GraphDef`: a graph as TensorFlow writes it, decoded node by node.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use prost::Message;
use prost::bytes::Bytes;

use super::attr::decode_attr;
use super::budget::Budget;
use super::proto::{AttrProto, FunctionHead, GraphHead, NodeProto, VersionDef};
use super::wire::{Field, Fields};
use crate::error::{Error, ErrorKind, Result, escape};
use crate::graph::AttrValue;

/// The largest file: what protobuf can hold.
const MAX_FILE: u64 = (2 << 30) - 1;

/// What readers of this engine understand: the newest version of TensorFlow's graphs at the time of writing.
const CONSUMER: i32 = 2_000;

/// A graph of a file. Attributes stay encoded until a node is imported.
#[derive(Debug, Clone, Default)]
pub struct GraphDef {
    /// The nodes, in the file's order.
    pub nodes: Vec<NodeDef>,
    /// Who wrote it.
    pub versions: Versions,
    /// The function library.
    pub functions: Vec<Function>,
    /// How many bytes it was decoded from.
    pub(super) file_len: usize,
}

/// One node of a file.
#[derive(Debug, Clone)]
pub struct NodeDef {
    /// Its name.
    pub name: String,
    /// The op's name.
    pub op: String,
    /// `node`, `node:1`, then `^node` for control inputs.
    pub inputs: Vec<String>,
    /// The device that was asked for; may be empty.
    pub device: String,
    pub(super) attrs: BTreeMap<String, AttrProto>,
}

/// Who wrote a graph, and who may read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// The version of the writer; 0 where the file does not say.
    pub producer: i32,
    /// Older readers must refuse.
    pub min_consumer: i32,
    /// Readers of these versions must refuse.
    pub bad_consumers: Vec<i32>,
}

/// A function of the library.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The names of its arguments.
    pub arguments: Vec<String>,
    /// The names of its results.
    pub results: Vec<String>,
    /// Which output of the body each result is: `node:argument:0`.
    pub returns: BTreeMap<String, String>,
    /// Nodes that must run, by the name of the control result.
    pub control_returns: BTreeMap<String, String>,
    /// The body.
    pub nodes: Vec<NodeDef>,
}

impl GraphDef {
    /// Decodes the bytes of a binary file (`.pb`).
    ///
    /// # Errors
    /// `DataLoss` with the byte at which the file is damaged; `ResourceExhausted` for a file that would need more than
    /// 16 times its length and 64 MiB.
    pub fn parse(bytes: &[u8]) -> Result<GraphDef> {
        GraphDef::decode(Bytes::copy_from_slice(bytes))
    }

    /// Reads a binary file.
    ///
    /// # Errors
    /// `Io`, `InvalidArgument` for what is not a regular file or larger than 2 GiB, and those of [`GraphDef::parse`].
    pub fn read(path: impl AsRef<Path>) -> Result<GraphDef> {
        let path = path.as_ref();
        let text = path.to_string_lossy();
        let named = |error: Error| error.note(format!("the file is '{}'", escape(&text)));
        GraphDef::decode(read_regular(path).map_err(named)?).map_err(named)
    }

    /// The nodes of a name.
    pub fn node(&self, name: &str) -> Option<&NodeDef> {
        self.nodes.iter().find(|node| node.name == name)
    }

    pub(super) fn decode(bytes: Bytes) -> Result<GraphDef> {
        let mut budget = Budget::of_file(bytes.len());
        let head = GraphHead::decode(head_fields(&bytes)?).map_err(|error| damaged(0, &error))?;
        let mut graph = GraphDef { versions: versions(head), file_len: bytes.len(), ..GraphDef::default() };
        for field in Fields::of(&bytes) {
            let field = field?;
            match field {
                Field { number: 1, bytes: Some(node), offset } => {
                    graph.nodes.push(decode_node(node, offset, &mut budget)?)
                }
                Field { number: 2, bytes: Some(library), offset } => {
                    decode_library(&library, offset, &mut budget, &mut graph.functions)?;
                }
                Field { number: 1 | 2, bytes: None, offset } => {
                    return Err(super::wire::damaged(offset, "must be a message, but is a number"));
                }
                _ => {}
            }
        }
        graph.versions.check()?;
        Ok(graph)
    }
}

impl NodeDef {
    /// Decodes an attribute; `None` if the node does not have it.
    ///
    /// # Errors
    /// `DataLoss`, `InvalidArgument`, `Unsupported` for values that cannot be, or that the engine does not hold.
    pub fn attr(&self, name: &str) -> Result<Option<AttrValue>> {
        let Some(attr) = self.attrs.get(name) else { return Ok(None) };
        decode_attr(attr, &mut Budget::of_file(0)).map(Some)
    }

    /// The names of the attributes.
    pub fn attr_names(&self) -> impl Iterator<Item = &str> {
        self.attrs.keys().map(String::as_str)
    }
}

impl Versions {
    fn check(&self) -> Result<()> {
        if self.producer < 0 || self.min_consumer < 0 {
            let (producer, consumer) = (self.producer, self.min_consumer);
            return Err(Error::invalid(format!(
                "versions must be 0 or more, but are {producer} (producer) and {consumer} (min_consumer)"
            )));
        }
        if self.min_consumer > CONSUMER || self.bad_consumers.contains(&CONSUMER) {
            return Err(Error::invalid(format!(
                "the graph is for readers of version {} or more, but this is version {CONSUMER}",
                self.min_consumer
            )));
        }
        Ok(())
    }
}

/// The message without its nodes and functions, which are decoded one by one.
fn head_fields(bytes: &Bytes) -> Result<Bytes> {
    let mut head = Vec::new();
    let mut rest = Fields::of(bytes).peekable();
    while let Some(field) = rest.next() {
        let field = field?;
        if matches!(field.number, 1 | 2) {
            continue;
        }
        let end = match rest.peek() {
            Some(Ok(next)) => next.offset,
            _ => bytes.len(),
        };
        head.extend_from_slice(bytes.get(field.offset..end).unwrap_or_default());
    }
    Ok(head.into())
}

fn versions(head: GraphHead) -> Versions {
    let VersionDef { producer, min_consumer, bad_consumers } =
        head.versions.unwrap_or(VersionDef { producer: head.version, ..VersionDef::default() });
    Versions { producer, min_consumer, bad_consumers }
}

/// Memory that a field of a node takes beside its bytes: a string in a doubling list, or an entry of a map.
const INPUT_COST: usize = 2 * size_of::<String>();
const ATTR_COST: usize = 160;

fn decode_node(bytes: Bytes, offset: usize, budget: &mut Budget) -> Result<NodeDef> {
    let fail = |error: Error| error.note(format!("in the node at byte {offset}"));
    let mut cost = 2 * size_of::<NodeDef>();
    for field in Fields::of(&bytes) {
        let field = field.map_err(fail)?;
        let len = field.bytes.map_or(0, |bytes| bytes.len());
        cost = cost.saturating_add(match field.number {
            3 => INPUT_COST + len,
            // Names of attributes are copied, their values are not.
            5 => ATTR_COST + len.min(256),
            _ => len,
        });
    }
    budget.charge(cost)?;
    let node = NodeProto::decode(bytes).map_err(|error| damaged(offset, &error))?;
    let NodeProto { name, op, input: inputs, device, attr: attrs } = node;
    Ok(NodeDef { name, op, inputs, device, attrs })
}

fn decode_library(bytes: &Bytes, offset: usize, budget: &mut Budget, out: &mut Vec<Function>) -> Result<()> {
    for field in Fields::of(bytes) {
        let field = field?;
        if let Field { number: 1, bytes: Some(function), offset: inner } = field {
            out.push(decode_function(&function, offset + inner, budget)?);
        }
    }
    Ok(())
}

fn decode_function(bytes: &Bytes, offset: usize, budget: &mut Budget) -> Result<Function> {
    // Arguments and results are small messages: at most some 130 bytes for two of the file.
    let mut nodes = Vec::new();
    for field in Fields::of(bytes) {
        match field? {
            Field { number: 3, bytes: Some(node), offset: inner } => {
                nodes.push(decode_node(node, offset + inner, budget)?);
            }
            Field { bytes: Some(other), .. } => budget.charge(64 * other.len())?,
            _ => {}
        }
    }
    let head = FunctionHead::decode(bytes.clone()).map_err(|error| damaged(offset, &error))?;
    let signature = head.signature.unwrap_or_default();
    let names = |args: Vec<super::proto::ArgProto>| args.into_iter().map(|arg| arg.name).collect();
    Ok(Function {
        name: signature.name,
        arguments: names(signature.input_arg),
        results: names(signature.output_arg),
        returns: head.ret,
        control_returns: head.control_ret,
        nodes,
    })
}

/// The bytes of a regular file. Pipes, devices and folders are refused, and a file that grows is cut off.
fn read_regular(path: &Path) -> Result<Bytes> {
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() {
        return Err(Error::invalid("a graph must be in a regular file"));
    }
    let too_large = |len: u64| Error::invalid(format!("a graph file has at most {MAX_FILE} bytes, but this has {len}"));
    if meta.len() > MAX_FILE {
        return Err(too_large(meta.len()));
    }
    let mut bytes = Vec::new();
    let fits = bytes.try_reserve_exact(meta.len() as usize);
    fits.map_err(|_| Error::new(ErrorKind::ResourceExhausted, format!("no memory for {} bytes", meta.len())))?;
    std::fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes.into())
}

#[cold]
fn damaged(offset: usize, error: &prost::DecodeError) -> Error {
    Error::new(ErrorKind::DataLoss, format!("the message at byte {offset} is damaged: {error}"))
}
