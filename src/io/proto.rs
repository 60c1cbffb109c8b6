//! TensorFlow's messages, by their documented field numbers.
//!
//! Heavy members stay as bytes, which share the file's memory, until somebody asks: an attribute's tensor, shape, list
//! and function, and the nodes of graphs and functions.

use std::collections::BTreeMap;

use prost::Message;
use prost::bytes::Bytes;

#[derive(Clone, PartialEq, Message)]
pub(super) struct GraphHead {
    #[prost(int32, tag = "3")]
    pub(super) version: i32,
    #[prost(message, optional, tag = "4")]
    pub(super) versions: Option<VersionDef>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct VersionDef {
    #[prost(int32, tag = "1")]
    pub(super) producer: i32,
    #[prost(int32, tag = "2")]
    pub(super) min_consumer: i32,
    #[prost(int32, repeated, tag = "3")]
    pub(super) bad_consumers: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) op: String,
    #[prost(string, repeated, tag = "3")]
    pub(super) input: Vec<String>,
    #[prost(string, tag = "4")]
    pub(super) device: String,
    #[prost(btree_map = "string, message", tag = "5")]
    pub(super) attr: BTreeMap<String, AttrProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AttrProto {
    #[prost(oneof = "AttrKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub(super) value: Option<AttrKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum AttrKind {
    #[prost(bytes = "bytes", tag = "1")]
    List(Bytes),
    #[prost(bytes = "bytes", tag = "2")]
    S(Bytes),
    #[prost(int64, tag = "3")]
    I(i64),
    #[prost(float, tag = "4")]
    F(f32),
    #[prost(bool, tag = "5")]
    B(bool),
    #[prost(int32, tag = "6")]
    Type(i32),
    #[prost(bytes = "bytes", tag = "7")]
    Shape(Bytes),
    #[prost(bytes = "bytes", tag = "8")]
    Tensor(Bytes),
    #[prost(string, tag = "9")]
    Placeholder(String),
    #[prost(bytes = "bytes", tag = "10")]
    Func(Bytes),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ListProto {
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) s: Vec<Bytes>,
    #[prost(int64, repeated, tag = "3")]
    pub(super) i: Vec<i64>,
    #[prost(float, repeated, tag = "4")]
    pub(super) f: Vec<f32>,
    #[prost(bool, repeated, tag = "5")]
    pub(super) b: Vec<bool>,
    #[prost(int32, repeated, tag = "6")]
    pub(super) r#type: Vec<i32>,
    #[prost(bytes = "bytes", repeated, tag = "7")]
    pub(super) shape: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub(super) tensor: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub(super) func: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FuncProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(super) attr: BTreeMap<String, AttrProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ShapeProto {
    #[prost(message, repeated, tag = "2")]
    pub(super) dim: Vec<DimProto>,
    #[prost(bool, tag = "3")]
    pub(super) unknown_rank: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DimProto {
    #[prost(int64, tag = "1")]
    pub(super) size: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorProto {
    #[prost(int32, tag = "1")]
    pub(super) dtype: i32,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(super) tensor_shape: Option<Bytes>,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) tensor_content: Bytes,
    #[prost(float, repeated, tag = "5")]
    pub(super) float_val: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    pub(super) double_val: Vec<f64>,
    #[prost(int32, repeated, tag = "7")]
    pub(super) int_val: Vec<i32>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    pub(super) string_val: Vec<Bytes>,
    #[prost(float, repeated, tag = "9")]
    pub(super) scomplex_val: Vec<f32>,
    #[prost(int64, repeated, tag = "10")]
    pub(super) int64_val: Vec<i64>,
    #[prost(bool, repeated, tag = "11")]
    pub(super) bool_val: Vec<bool>,
    #[prost(double, repeated, tag = "12")]
    pub(super) dcomplex_val: Vec<f64>,
    #[prost(int32, repeated, tag = "13")]
    pub(super) half_val: Vec<i32>,
    #[prost(message, repeated, tag = "15")]
    pub(super) variant_val: Vec<VariantProto>,
    #[prost(uint32, repeated, tag = "16")]
    pub(super) uint32_val: Vec<u32>,
    #[prost(uint64, repeated, tag = "17")]
    pub(super) uint64_val: Vec<u64>,
}

/// An element of dtype variant.
#[derive(Clone, PartialEq, Message)]
pub(super) struct VariantProto {
    /// What it is: `int`, `float`, `bool`, or a class.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) type_name: Bytes,
    /// Its bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) metadata: Bytes,
    /// The tensors that it holds.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(super) tensors: Vec<Bytes>,
}

/// A function without its nodes.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FunctionHead {
    #[prost(message, optional, tag = "1")]
    pub(super) signature: Option<SignatureProto>,
    #[prost(btree_map = "string, string", tag = "4")]
    pub(super) ret: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "6")]
    pub(super) control_ret: BTreeMap<String, String>,
}

/// Which function is the gradient of another.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GradientProto {
    #[prost(string, tag = "1")]
    pub(super) function_name: String,
    #[prost(string, tag = "2")]
    pub(super) gradient_func: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SignatureProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) input_arg: Vec<ArgProto>,
    #[prost(message, repeated, tag = "3")]
    pub(super) output_arg: Vec<ArgProto>,
    #[prost(bool, tag = "17")]
    pub(super) is_stateful: bool,
    #[prost(string, repeated, tag = "20")]
    pub(super) control_output: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ArgProto {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "3")]
    pub(super) r#type: i32,
    #[prost(string, tag = "4")]
    pub(super) type_attr: String,
    #[prost(string, tag = "5")]
    pub(super) number_attr: String,
    #[prost(string, tag = "6")]
    pub(super) type_list_attr: String,
}
