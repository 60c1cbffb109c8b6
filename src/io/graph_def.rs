//! `GraphDef`: a graph as TensorFlow writes it, decoded node by node.

use std::collections::BTreeMap;
use std::path::Path;

use prost::bytes::Bytes;
use prost::{Message, encoding};

use super::attr::decode_attr;
use super::attr_map::AttrMap;
use super::budget::Budget;
use super::file::{MAX_FILE, named, read_regular, write_whole};
use super::proto::{FunctionHead, GradientProto, GraphHead, NodeProto, VersionDef};
use super::text::{graph_from_text, graph_to_text, is_named_text, is_text};
use super::wire::{Field, Fields, count};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::AttrValue;

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
    /// By the name of a function the one that is its gradient, where its writer gave one.
    pub gradients: BTreeMap<String, String>,
    /// What decoding has left to an import.
    pub(super) budget: Budget,
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
    pub(super) attrs: AttrMap,
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
    /// The whole function as the file has it.
    pub(super) encoded: Bytes,
    /// Whether an argument or result is a list of tensors.
    pub(super) has_lists: bool,
    /// What it is to a TF1 loop, if it is a part of one: only what its results need runs, and references stay references.
    pub(super) of_loop: Option<LoopPart>,
}

/// What a function is to a TF1 loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopPart {
    /// It says whether there is another turn.
    Condition,
    /// It gives the variables of the next turn.
    Turn,
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

    /// Decodes the text of a text file (`.pbtxt`).
    ///
    /// # Errors
    /// `DataLoss` with line and column, and those of [`GraphDef::parse`].
    pub fn parse_text(text: &str) -> Result<GraphDef> {
        GraphDef::decode(graph_from_text(text)?.into())
    }

    /// Reads a file, text or binary: its content tells which it is, whatever its name.
    ///
    /// # Errors
    /// `Io`, `InvalidArgument` for what is not a regular file or larger than 2 GiB, and those of [`GraphDef::parse`] and
    /// [`GraphDef::parse_text`].
    pub fn read(path: impl AsRef<Path>) -> Result<GraphDef> {
        let path = path.as_ref();
        let decode = |bytes: Bytes| match is_text(path, &bytes) {
            true => GraphDef::parse_text(&utf8(bytes)?),
            false => GraphDef::decode(bytes),
        };
        read_regular(path).and_then(decode).map_err(|error| named(error, path))
    }

    /// The bytes of a binary file. Equal graphs give equal bytes.
    ///
    /// # Errors
    /// `InvalidArgument` for more than 2 GiB, which protobuf cannot hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let len = self.encoded_len();
        if len as u64 > MAX_FILE {
            return Err(Error::invalid(format!("a graph file has at most {MAX_FILE} bytes, but this needs {len}")));
        }
        let mut bytes = Vec::with_capacity(len);
        for node in &self.nodes {
            encoding::message::encode(1, &node.to_proto(), &mut bytes);
        }
        if self.library_len() > 0 {
            encode_head(2, self.library_len(), &mut bytes);
            for gradient in self.gradient_protos() {
                encoding::message::encode(2, &gradient, &mut bytes);
            }
            for function in &self.functions {
                encode_head(1, function.encoded.len(), &mut bytes);
                bytes.extend_from_slice(&function.encoded);
            }
        }
        encoding::message::encode(4, &self.versions.to_proto(), &mut bytes);
        Ok(bytes)
    }

    /// The text of a text file.
    ///
    /// # Errors
    /// Those of [`GraphDef::to_bytes`].
    pub fn to_text(&self) -> Result<String> {
        graph_to_text(&self.to_bytes()?)
    }

    /// Writes a file: text if its name ends in `.pbtxt`, else binary. An old file is replaced in one step: when writing
    /// fails, it is as it was.
    ///
    /// # Errors
    /// `Io`, and those of [`GraphDef::to_bytes`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = if is_named_text(path) { self.to_text()?.into_bytes() } else { self.to_bytes()? };
        write_whole(path, &bytes)
    }

    /// How many bytes the file has.
    pub(super) fn encoded_len(&self) -> usize {
        let nodes: usize = self.nodes.iter().map(|node| encoding::message::encoded_len(1, &node.to_proto())).sum();
        let library = if self.library_len() == 0 { 0 } else { with_head(self.library_len()) };
        nodes + library + encoding::message::encoded_len(4, &self.versions.to_proto())
    }

    fn library_len(&self) -> usize {
        let gradients: usize =
            self.gradient_protos().map(|gradient| encoding::message::encoded_len(2, &gradient)).sum();
        gradients + self.functions.iter().map(|function| with_head(function.encoded.len())).sum::<usize>()
    }

    fn gradient_protos(&self) -> impl Iterator<Item = GradientProto> {
        let proto = |(function, gradient): (&String, &String)| GradientProto {
            function_name: function.clone(),
            gradient_func: gradient.clone(),
        };
        self.gradients.iter().map(proto)
    }

    /// The nodes of a name.
    pub fn node(&self, name: &str) -> Option<&NodeDef> {
        self.nodes.iter().find(|node| node.name == name)
    }

    pub(super) fn decode(bytes: Bytes) -> Result<GraphDef> {
        let mut budget = Budget::of_file(bytes.len());
        let head = GraphHead::decode(head_fields(&bytes)?).map_err(|error| damaged(0, &error))?;
        let mut graph = GraphDef { versions: versions(head), ..GraphDef::default() };
        graph.nodes.reserve_exact(charge_all::<NodeDef>(&bytes, 1, &mut budget)?);
        for field in Fields::of(&bytes) {
            let field = field?;
            match field {
                Field { number: 1, bytes: Some(node), offset, .. } => {
                    graph.nodes.push(decode_node(node, offset, &mut budget)?)
                }
                Field { number: 2, bytes: Some(library), offset, .. } => {
                    decode_library(&library, offset, &mut budget, &mut graph)?;
                }
                Field { number: 1 | 2, bytes: None, offset, .. } => {
                    return Err(super::wire::damaged(offset, "must be a message, but is a number"));
                }
                _ => {}
            }
        }
        graph.versions.check()?;
        graph.budget = budget;
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

    fn to_proto(&self) -> NodeProto {
        self.clone().into_proto()
    }

    pub(super) fn into_proto(self) -> NodeProto {
        let NodeDef { name, op, inputs: input, device, attrs: attr } = self;
        NodeProto { name, op, input, device, attr: attr.into() }
    }

    /// The names of the attributes.
    pub fn attr_names(&self) -> impl Iterator<Item = &str> {
        self.attrs.iter().map(|(name, _)| name.as_str())
    }
}

impl Function {
    /// The function with another body.
    pub(super) fn with_nodes(&self, nodes: Vec<NodeDef>) -> Function {
        Function {
            nodes,
            name: self.name.clone(),
            arguments: self.arguments.clone(),
            results: self.results.clone(),
            returns: self.returns.clone(),
            control_returns: self.control_returns.clone(),
            encoded: self.encoded.clone(),
            ..*self
        }
    }
}

fn utf8(bytes: Bytes) -> Result<String> {
    String::from_utf8(bytes.into()).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Error::new(ErrorKind::DataLoss, format!("the text is not UTF-8 at byte {offset}"))
    })
}

/// Key and length of a message in a field of a small number.
fn encode_head(number: u32, len: usize, bytes: &mut Vec<u8>) {
    encoding::encode_key(number, encoding::WireType::LengthDelimited, bytes);
    encoding::encode_varint(len as u64, bytes);
}

fn with_head(len: usize) -> usize {
    encoding::key_len(1) + encoding::encoded_len_varint(len as u64) + len
}

impl Versions {
    fn to_proto(&self) -> VersionDef {
        let Versions { producer, min_consumer, bad_consumers } = self.clone();
        VersionDef { producer, min_consumer, bad_consumers }
    }

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

/// The number of elements that a list will have, which is charged for it.
fn charge_all<T>(bytes: &Bytes, number: u32, budget: &mut Budget) -> Result<usize> {
    let n = count(bytes, number);
    budget.charge(n.saturating_mul(size_of::<T>()))?;
    Ok(n)
}

fn decode_node(bytes: Bytes, offset: usize, budget: &mut Budget) -> Result<NodeDef> {
    let fail = |error: Error| error.note(format!("in the node at byte {offset}"));
    let mut cost = 0usize;
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
    let NodeProto { name, op, input: mut inputs, device, attr } = node;
    inputs.shrink_to_fit();
    Ok(NodeDef { name, op, inputs, device, attrs: attr.into() })
}

fn decode_library(bytes: &Bytes, offset: usize, budget: &mut Budget, graph: &mut GraphDef) -> Result<()> {
    // Each function may come in a library of its own: then the list grows by doubling, and the old one is there, too.
    graph.functions.reserve(charge_all::<[Function; 3]>(bytes, 1, budget)?);
    for field in Fields::of(bytes) {
        match field? {
            Field { number: 1, bytes: Some(function), offset: inner, .. } => {
                graph.functions.push(decode_function(&function, offset + inner, budget)?);
            }
            Field { number: 2, bytes: Some(gradient), offset: inner, .. } => {
                // Two names, and a place in a map.
                budget.charge(128 + gradient.len())?;
                let gradient = GradientProto::decode(gradient).map_err(|error| damaged(offset + inner, &error))?;
                graph.gradients.insert(gradient.function_name, gradient.gradient_func);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The function of bytes that were encoded here.
pub(super) fn decode_function_of(bytes: Bytes) -> Result<Function> {
    let mut budget = Budget::of_file(bytes.len());
    decode_function(&bytes, 0, &mut budget)
}

fn decode_function(bytes: &Bytes, offset: usize, budget: &mut Budget) -> Result<Function> {
    let mut nodes = Vec::with_capacity(charge_all::<NodeDef>(bytes, 3, budget)?);
    for field in Fields::of(bytes) {
        match field? {
            Field { number: 3, bytes: Some(node), offset: inner, .. } => {
                nodes.push(decode_node(node, offset + inner, budget)?);
            }
            // Arguments and results are small messages: at most some 130 bytes for two of the file.
            Field { bytes: Some(other), .. } => budget.charge(other.len().saturating_mul(64))?,
            _ => {}
        }
    }
    let head = FunctionHead::decode(bytes.clone()).map_err(|error| damaged(offset, &error))?;
    let signature = head.signature.unwrap_or_default();
    let is_list = |arg: &super::proto::ArgProto| !arg.number_attr.is_empty() || !arg.type_list_attr.is_empty();
    let has_lists = signature.input_arg.iter().chain(&signature.output_arg).any(is_list);
    let names = |args: Vec<super::proto::ArgProto>| args.into_iter().map(|arg| arg.name).collect();
    Ok(Function {
        name: signature.name,
        arguments: names(signature.input_arg),
        results: names(signature.output_arg),
        returns: head.ret,
        control_returns: head.control_ret,
        nodes,
        encoded: bytes.clone(),
        has_lists,
        of_loop: None,
    })
}

#[cold]
fn damaged(offset: usize, error: &prost::DecodeError) -> Error {
    Error::new(ErrorKind::DataLoss, format!("the message at byte {offset} is damaged: {error}"))
}
