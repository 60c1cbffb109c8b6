//! TensorFlow's messages: names, numbers and kinds of their fields.

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Int32,
    Int64,
    Uint32,
    Uint64,
    Bool,
    Float,
    Double,
    Str,
    Bytes,
    /// An enum; numbers without a name are legal.
    Enum(&'static Names),
    Message(&'static Message),
}

/// The names of an enum's numbers.
pub(super) struct Names {
    pub(super) name: &'static str,
    pub(super) numbers: &'static [(&'static str, i32)],
}

/// One field of a message.
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_repeated: bool,
}

/// A message's fields, by number. An entry of a map is a message as any other, with `key` and `value`.
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
    /// Only one of the fields may be there.
    pub(super) is_oneof: bool,
}

impl Message {
    pub(super) fn by_number(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }

    pub(super) fn by_name(&self, name: &str) -> Option<(usize, &'static Field)> {
        self.fields.iter().enumerate().find(|(_, field)| field.name == name)
    }
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, is_repeated: false }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, is_repeated: true }
}

const fn message(name: &'static str, fields: &'static [Field]) -> Message {
    Message { name, fields, is_oneof: false }
}

use Kind::{Bool, Bytes, Double, Enum, Float, Int32, Int64, Message as Msg, Str, Uint32, Uint64};

pub(super) static GRAPH_DEF: Message = message(
    "GraphDef",
    &[
        many(1, "node", Msg(&NODE_DEF)),
        one(2, "library", Msg(&LIBRARY)),
        one(3, "version", Int32),
        one(4, "versions", Msg(&VERSIONS)),
    ],
);

static VERSIONS: Message =
    message("VersionDef", &[one(1, "producer", Int32), one(2, "min_consumer", Int32), many(3, "bad_consumers", Int32)]);

static NODE_DEF: Message = message(
    "NodeDef",
    &[
        one(1, "name", Str),
        one(2, "op", Str),
        many(3, "input", Str),
        one(4, "device", Str),
        many(5, "attr", Msg(&ATTR_ENTRY)),
        one(6, "experimental_debug_info", Msg(&DEBUG_INFO)),
        one(7, "experimental_type", Msg(&FULL_TYPE)),
    ],
);

static DEBUG_INFO: Message = message(
    "NodeDef.ExperimentalDebugInfo",
    &[many(1, "original_node_names", Str), many(2, "original_func_names", Str)],
);

static FULL_TYPE_ID: Names = Names { name: "FullTypeId", numbers: &[("TFT_UNSET", 0)] };

static FULL_TYPE: Message = message(
    "FullTypeDef",
    &[one(1, "type_id", Enum(&FULL_TYPE_ID)), many(2, "args", Msg(&FULL_TYPE)), one(3, "s", Str), one(4, "i", Int64)],
);

static ATTR_ENTRY: Message = message("NodeDef.AttrEntry", &[one(1, "key", Str), one(2, "value", Msg(&ATTR_VALUE))]);

static ATTR_VALUE: Message = Message {
    name: "AttrValue",
    fields: &[
        one(1, "list", Msg(&LIST_VALUE)),
        one(2, "s", Bytes),
        one(3, "i", Int64),
        one(4, "f", Float),
        one(5, "b", Bool),
        one(6, "type", Enum(&DATA_TYPE)),
        one(7, "shape", Msg(&SHAPE)),
        one(8, "tensor", Msg(&TENSOR)),
        one(9, "placeholder", Str),
        one(10, "func", Msg(&NAME_ATTR_LIST)),
    ],
    is_oneof: true,
};

static LIST_VALUE: Message = message(
    "AttrValue.ListValue",
    &[
        many(2, "s", Bytes),
        many(3, "i", Int64),
        many(4, "f", Float),
        many(5, "b", Bool),
        many(6, "type", Enum(&DATA_TYPE)),
        many(7, "shape", Msg(&SHAPE)),
        many(8, "tensor", Msg(&TENSOR)),
        many(9, "func", Msg(&NAME_ATTR_LIST)),
    ],
);

static NAME_ATTR_LIST: Message = message("NameAttrList", &[one(1, "name", Str), many(2, "attr", Msg(&ATTR_ENTRY))]);

static SHAPE: Message = message("TensorShapeProto", &[many(2, "dim", Msg(&DIM)), one(3, "unknown_rank", Bool)]);

static DIM: Message = message("TensorShapeProto.Dim", &[one(1, "size", Int64), one(2, "name", Str)]);

static TENSOR: Message = message(
    "TensorProto",
    &[
        one(1, "dtype", Enum(&DATA_TYPE)),
        one(2, "tensor_shape", Msg(&SHAPE)),
        one(3, "version_number", Int32),
        one(4, "tensor_content", Bytes),
        many(5, "float_val", Float),
        many(6, "double_val", Double),
        many(7, "int_val", Int32),
        many(8, "string_val", Bytes),
        many(9, "scomplex_val", Float),
        many(10, "int64_val", Int64),
        many(11, "bool_val", Bool),
        many(12, "dcomplex_val", Double),
        many(13, "half_val", Int32),
        many(14, "resource_handle_val", Msg(&RESOURCE_HANDLE)),
        many(15, "variant_val", Msg(&VARIANT)),
        many(16, "uint32_val", Uint32),
        many(17, "uint64_val", Uint64),
        one(18, "float8_val", Bytes),
    ],
);

static VARIANT: Message = message(
    "VariantTensorDataProto",
    &[one(1, "type_name", Str), one(2, "metadata", Bytes), many(3, "tensors", Msg(&TENSOR))],
);

static RESOURCE_HANDLE: Message = message(
    "ResourceHandleProto",
    &[
        one(1, "device", Str),
        one(2, "container", Str),
        one(3, "name", Str),
        one(4, "hash_code", Uint64),
        one(5, "maybe_type_name", Str),
        many(6, "dtypes_and_shapes", Msg(&DTYPE_AND_SHAPE)),
    ],
);

static DTYPE_AND_SHAPE: Message =
    message("ResourceHandleProto.DtypeAndShape", &[one(1, "dtype", Enum(&DATA_TYPE)), one(2, "shape", Msg(&SHAPE))]);

static LIBRARY: Message = message(
    "FunctionDefLibrary",
    &[
        many(1, "function", Msg(&FUNCTION)),
        many(2, "gradient", Msg(&GRADIENT)),
        many(3, "registered_gradients", Msg(&REGISTERED_GRADIENT)),
    ],
);

static GRADIENT: Message = message("GradientDef", &[one(1, "function_name", Str), one(2, "gradient_func", Str)]);

static REGISTERED_GRADIENT: Message =
    message("RegisteredGradient", &[one(1, "gradient_func", Str), one(2, "registered_op_type", Str)]);

static FUNCTION: Message = message(
    "FunctionDef",
    &[
        one(1, "signature", Msg(&OP_DEF)),
        many(3, "node_def", Msg(&NODE_DEF)),
        many(4, "ret", Msg(&TEXT_ENTRY)),
        many(5, "attr", Msg(&ATTR_ENTRY)),
        many(6, "control_ret", Msg(&TEXT_ENTRY)),
        many(7, "arg_attr", Msg(&ARG_ATTRS_ENTRY)),
        many(8, "resource_arg_unique_id", Msg(&ID_ENTRY)),
    ],
);

static TEXT_ENTRY: Message = message("FunctionDef.RetEntry", &[one(1, "key", Str), one(2, "value", Str)]);

static ID_ENTRY: Message =
    message("FunctionDef.ResourceArgUniqueIdEntry", &[one(1, "key", Uint32), one(2, "value", Uint32)]);

static ARG_ATTRS_ENTRY: Message =
    message("FunctionDef.ArgAttrEntry", &[one(1, "key", Uint32), one(2, "value", Msg(&ARG_ATTRS))]);

static ARG_ATTRS: Message = message("FunctionDef.ArgAttrs", &[many(1, "attr", Msg(&ATTR_ENTRY))]);

static OP_DEF: Message = message(
    "OpDef",
    &[
        one(1, "name", Str),
        many(2, "input_arg", Msg(&ARG_DEF)),
        many(3, "output_arg", Msg(&ARG_DEF)),
        many(4, "attr", Msg(&ATTR_DEF)),
        one(5, "summary", Str),
        one(6, "description", Str),
        one(8, "deprecation", Msg(&DEPRECATION)),
        one(16, "is_aggregate", Bool),
        one(17, "is_stateful", Bool),
        one(18, "is_commutative", Bool),
        one(19, "allows_uninitialized_input", Bool),
        many(20, "control_output", Str),
        one(21, "is_distributed_communication", Bool),
    ],
);

static DEPRECATION: Message = message("OpDeprecation", &[one(1, "version", Int32), one(2, "explanation", Str)]);

static ARG_DEF: Message = message(
    "OpDef.ArgDef",
    &[
        one(1, "name", Str),
        one(2, "description", Str),
        one(3, "type", Enum(&DATA_TYPE)),
        one(4, "type_attr", Str),
        one(5, "number_attr", Str),
        one(6, "type_list_attr", Str),
        many(7, "handle_data", Msg(&DTYPE_AND_SHAPE)),
        one(16, "is_ref", Bool),
        one(17, "experimental_full_type", Msg(&FULL_TYPE)),
    ],
);

static ATTR_DEF: Message = message(
    "OpDef.AttrDef",
    &[
        one(1, "name", Str),
        one(2, "type", Str),
        one(3, "default_value", Msg(&ATTR_VALUE)),
        one(4, "description", Str),
        one(5, "has_minimum", Bool),
        one(6, "minimum", Int64),
        one(7, "allowed_values", Msg(&ATTR_VALUE)),
    ],
);

static DATA_TYPE: Names = Names {
    name: "DataType",
    numbers: &[
        ("DT_INVALID", 0),
        ("DT_FLOAT", 1),
        ("DT_DOUBLE", 2),
        ("DT_INT32", 3),
        ("DT_UINT8", 4),
        ("DT_INT16", 5),
        ("DT_INT8", 6),
        ("DT_STRING", 7),
        ("DT_COMPLEX64", 8),
        ("DT_INT64", 9),
        ("DT_BOOL", 10),
        ("DT_QINT8", 11),
        ("DT_QUINT8", 12),
        ("DT_QINT32", 13),
        ("DT_BFLOAT16", 14),
        ("DT_QINT16", 15),
        ("DT_QUINT16", 16),
        ("DT_UINT16", 17),
        ("DT_COMPLEX128", 18),
        ("DT_HALF", 19),
        ("DT_RESOURCE", 20),
        ("DT_VARIANT", 21),
        ("DT_UINT32", 22),
        ("DT_UINT64", 23),
        ("DT_FLOAT8_E5M2", 24),
        ("DT_FLOAT8_E4M3FN", 25),
        ("DT_INT4", 29),
        ("DT_UINT4", 30),
        ("DT_FLOAT_REF", 101),
        ("DT_DOUBLE_REF", 102),
        ("DT_INT32_REF", 103),
        ("DT_UINT8_REF", 104),
        ("DT_INT16_REF", 105),
        ("DT_INT8_REF", 106),
        ("DT_STRING_REF", 107),
        ("DT_COMPLEX64_REF", 108),
        ("DT_INT64_REF", 109),
        ("DT_BOOL_REF", 110),
        ("DT_QINT8_REF", 111),
        ("DT_QUINT8_REF", 112),
        ("DT_QINT32_REF", 113),
        ("DT_BFLOAT16_REF", 114),
        ("DT_QINT16_REF", 115),
        ("DT_QUINT16_REF", 116),
        ("DT_UINT16_REF", 117),
        ("DT_COMPLEX128_REF", 118),
        ("DT_HALF_REF", 119),
        ("DT_RESOURCE_REF", 120),
        ("DT_VARIANT_REF", 121),
        ("DT_UINT32_REF", 122),
        ("DT_UINT64_REF", 123),
    ],
};
