//! `HashTable` and its mutable kin: handles of tables.

use std::sync::Arc;

use super::NO_GRADIENT;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Elements, Example, InferCx, Keys, Op, OpKind, Referent, Role, RunCx};
use crate::shape::Shape;

/// What may be done with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// It is filled once, and cannot be read before.
    Fixed,
    /// It is empty at first, and keys come and go.
    Mutable,
    /// The same, with a tensor for each key.
    OfTensors,
}

/// The handle of a table, which is (container, shared name or else node name), as a variable is: two nodes may mean one
/// table. Keys are int32, int64 or string.
///
/// Source: TensorFlow's `HashTableV2`, `MutableHashTableV2` and `MutableHashTableOfTensorsV2`; the older ones differ
/// only in what their handles are.
#[derive(Debug, Clone)]
pub struct HashTable {
    /// What may be done with it.
    pub kind: TableKind,
    /// The dtype of the keys.
    pub key_dtype: DType,
    /// The dtype of the values.
    pub value_dtype: DType,
    /// The shape of each value, `()` but for tables of tensors.
    pub value_shape: Shape,
    /// A prefix that keeps tables of one name apart.
    pub container: String,
    /// The table's name, where it is not the node's.
    pub shared_name: String,
    /// Whether TensorFlow lets the nodes of one name share a table, as all do here.
    pub use_node_name_sharing: bool,
}

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident $name:literal $alias:literal $kind:ident;)*) => { $(
        $(#[$doc])*
        pub static $row: OpKind = OpKind::new(
            $name,
            "-> table_handle: resource",
            |attrs| HashTable::parse(TableKind::$kind, attrs),
            || examples(TableKind::$kind),
        )
        .aliases(&[$alias])
        .effect(Effect::Variable)
        .not_differentiable(NO_GRADIENT);
    )* };
}
rows! {
    /// The row of [`HashTable`].
    HASH_TABLE "HashTableV2" "HashTable" Fixed;
    /// The row of [`HashTable`] that can be changed.
    MUTABLE_HASH_TABLE "MutableHashTableV2" "MutableHashTable" Mutable;
    /// The row of [`HashTable`] that can be changed and holds tensors.
    MUTABLE_HASH_TABLE_OF_TENSORS "MutableHashTableOfTensorsV2" "MutableHashTableOfTensors" OfTensors;
}

impl HashTable {
    /// A table of scalars that is named by its node.
    pub fn new(kind: TableKind, key_dtype: DType, value_dtype: DType) -> HashTable {
        HashTable {
            kind,
            key_dtype,
            value_dtype,
            value_shape: Shape::scalar(),
            container: String::new(),
            shared_name: String::new(),
            use_node_name_sharing: false,
        }
    }

    fn parse(kind: TableKind, attrs: &Attrs) -> Result<Arc<dyn Op>> {
        let mut table = HashTable::new(kind, attrs.dtype("key_dtype")?, attrs.dtype("value_dtype")?);
        if kind == TableKind::OfTensors {
            table.value_shape = attrs.shape_or("value_shape", Shape::scalar())?;
        }
        table.container = attrs.str_or("container", "")?;
        table.shared_name = attrs.str_or("shared_name", "")?;
        table.use_node_name_sharing = attrs.bool_or("use_node_name_sharing", false)?;
        Ok(Arc::new(table))
    }
}

fn examples(kind: TableKind) -> Vec<Example> {
    let plain = HashTable::new(kind, DType::String, DType::I64);
    let named = HashTable {
        value_shape: if kind == TableKind::OfTensors { Shape::from([2]) } else { Shape::scalar() },
        container: "c".to_owned(),
        shared_name: "t".to_owned(),
        use_node_name_sharing: true,
        ..HashTable::new(kind, DType::I32, DType::F32)
    };
    vec![Example::new(plain, []), Example::new(named, [])]
}

impl Op for HashTable {
    fn kind(&self) -> &'static OpKind {
        match self.kind {
            TableKind::Fixed => &HASH_TABLE,
            TableKind::Mutable => &MUTABLE_HASH_TABLE,
            TableKind::OfTensors => &MUTABLE_HASH_TABLE_OF_TENSORS,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !matches!(self.key_dtype, DType::I32 | DType::I64 | DType::String) {
            let dtype = self.key_dtype;
            return Err(Error::invalid(format!("the keys of a table must be int32, int64 or string, but are {dtype}")));
        }
        if self.value_dtype == DType::Resource {
            return Err(Error::unsupported("a table cannot hold handles"));
        }
        if !self.value_shape.is_fully_known() {
            let shape = &self.value_shape;
            return Err(Error::invalid(format!("the shape of a table's values must be known, but is {shape}")));
        }
        let keys = Keys { dtype: self.key_dtype, is_fixed: self.kind == TableKind::Fixed };
        let elements = Elements { dtype: self.value_dtype, shape: self.value_shape.clone(), keys: Some(keys) };
        cx.output_variable(DType::Resource, Shape::scalar(), Role::Handle(Referent::Table));
        cx.last_output().elements = Some(Arc::new(elements));
        Ok(())
    }

    fn run(&self, _: &mut RunCx<'_>) -> Result<()> {
        Err(Error::internal("a table's handle is filled in by the plan, it never runs"))
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let text = |text: &str| AttrValue::Str(text.as_bytes().to_vec());
        let mut attrs = vec![
            ("container", text(&self.container)),
            ("shared_name", text(&self.shared_name)),
            ("use_node_name_sharing", AttrValue::Bool(self.use_node_name_sharing)),
            ("key_dtype", AttrValue::Type(self.key_dtype)),
            ("value_dtype", AttrValue::Type(self.value_dtype)),
        ];
        if self.kind == TableKind::OfTensors {
            attrs.push(("value_shape", AttrValue::Shape(self.value_shape.clone())));
        }
        attrs
    }
}
