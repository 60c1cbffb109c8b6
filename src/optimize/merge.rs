//! Common subexpressions: equal pure ops on equal inputs become one node.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};

use smallvec::SmallVec;

use super::rebuild::{Outputs, Rebuild};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Node, OutputId};
use crate::ops::array::Const;
use crate::value::Value;

/// Larger constants are not compared: it would cost more than it saves.
const MAX_CONST_BYTES: usize = 4096;

/// The nodes seen so far, by a hash of op, attributes and inputs.
#[derive(Default)]
pub(super) struct Merger(HashMap<u64, SmallVec<[(Key, Outputs); 1]>>);

struct Key {
    text: String,
    value: Option<Value>,
    inputs: SmallVec<[OutputId; 2]>,
}

impl Merger {
    /// The rule: answers the twin that is there already, else adds the node.
    pub(super) fn merge(&mut self, cx: &mut Rebuild<'_>, node: &Node) -> Result<Option<Outputs>> {
        let Some(key) = Key::of(node, cx.inputs(node)) else { return Ok(None) };
        let twins = self.0.entry(key.hash()).or_default();
        if let Some((_, outputs)) = twins.iter().find(|(twin, _)| twin.same(&key)) {
            return Ok(Some(outputs.clone()));
        }
        let outputs = cx.push(node, node.op_arc().clone(), key.inputs.clone())?;
        twins.push((key, outputs.clone()));
        Ok(Some(outputs))
    }
}

impl Key {
    fn of(node: &Node, inputs: SmallVec<[OutputId; 2]>) -> Option<Key> {
        let op = node.op();
        let mut text = String::new();
        let value = match node.op_as::<Const>() {
            Some(constant) if constant.value.byte_len() > MAX_CONST_BYTES => return None,
            Some(constant) => Some(constant.value.clone()),
            None => {
                // The attributes tell ops of one name apart; a user's op without attributes cannot be told.
                let attrs = op.attrs();
                if attrs.is_empty() && size_of_val(op) > 0 && crate::ops::find(op.kind().name).is_err() {
                    return None;
                }
                // Attributes of the signature are not among them: what a cast makes shows in its output only.
                let dtypes: SmallVec<[DType; 2]> = node.outputs().iter().map(|fact| fact.dtype).collect();
                write!(text, "{} {attrs:?} {dtypes:?}", op.kind().name).ok()?;
                None
            }
        };
        Some(Key { text, value, inputs })
    }

    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(self.text.as_bytes());
        if let Some(bytes) = self.value.as_ref().and_then(|value| value.bytes().ok()) {
            hasher.write(bytes);
        }
        for id in &self.inputs {
            hasher.write_u64(u64::from(id.node.0) << 32 | u64::from(id.slot));
        }
        hasher.finish()
    }

    fn same(&self, other: &Key) -> bool {
        let same_value = match (&self.value, &other.value) {
            (Some(a), Some(b)) => a.same_bits(b),
            (None, None) => true,
            _ => false,
        };
        same_value && self.text == other.text && self.inputs == other.inputs
    }
}
