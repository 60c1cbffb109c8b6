//! Common subexpressions: equal pure ops on equal inputs become one node.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use smallvec::SmallVec;

use super::rebuild::{Outputs, Rebuild};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Node, NodeId, OutputId};
use crate::ops::array::Const;
use crate::value::Value;

/// Larger constants are not compared: it would cost more than it saves.
const MAX_CONST_BYTES: usize = 4096;

/// The nodes seen so far. Few nodes have the op and the inputs of another: only those are compared by all that they are.
#[derive(Default)]
pub(super) struct Merger {
    /// By a hash of op and inputs the first such node, until a second one comes.
    first: HashMap<u64, Option<NodeId>, BuildHasherDefault<Ready>>,
    /// By a hash of op, attributes and inputs.
    compared: HashMap<u64, SmallVec<[(Key, NodeId); 1]>>,
}

struct Key {
    text: String,
    value: Option<Value>,
    inputs: SmallVec<[OutputId; 2]>,
}

impl Merger {
    /// The rule: answers the twin that is there already.
    pub(super) fn merge(&mut self, cx: &mut Rebuild<'_>, node: &Node) -> Result<Option<Outputs>> {
        if node.op_as::<Const>().is_none() {
            let first = self.first.entry(first_hash(cx, node)).or_insert(Some(node.id()));
            match first.take() {
                Some(id) if id == node.id() => {
                    *first = Some(id);
                    return Ok(None);
                }
                Some(id) => drop(self.twin(cx, cx.old_graph().node(id))),
                None => {}
            }
        }
        let Some(twin) = self.twin(cx, node) else { return Ok(None) };
        let outputs = 0..node.outputs().len() as u32;
        Ok(Some(outputs.map(|slot| cx.output(OutputId { node: twin, slot })).collect()))
    }

    /// The first node that is equal in everything; notes a node that has none.
    fn twin(&mut self, cx: &Rebuild<'_>, node: &Node) -> Option<NodeId> {
        let key = Key::of(node, cx.inputs(node))?;
        let twins = self.compared.entry(key.hash()).or_default();
        let twin = twins.iter().find(|(twin, _)| twin.same(&key)).map(|(_, id)| *id);
        if twin.is_none() {
            twins.push((key, node.id()));
        }
        twin
    }
}

/// A hash of what most nodes differ in.
fn first_hash(cx: &Rebuild<'_>, node: &Node) -> u64 {
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let name = node.op().kind().name.as_ptr() as usize as u64;
    let inputs = cx.inputs(node);
    let hash = inputs.iter().fold(mix(0, name), |hash, id| mix(hash, u64::from(id.node.0) << 32 | u64::from(id.slot)));
    hash ^ hash >> 32
}

/// Takes hashes as they are.
#[derive(Default)]
struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
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
        if let Some(value) = &self.value {
            value.dims().hash(&mut hasher);
            match value.dtype() {
                DType::String => value.strings().ok().hash(&mut hasher),
                _ => value.bytes().ok().hash(&mut hasher),
            }
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

#[cfg(test)]
mod tests {
    use crate::dtype::DType;
    use crate::graph::{Effect, Graph, Tensor};
    use crate::optimize::{Passes, Request, plan_graph};
    use crate::shape;

    /// The number of nodes of the plan of all tensors that nobody uses.
    fn n_merged(build: impl Fn(&Tensor) -> crate::error::Result<Vec<Tensor>>) -> usize {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?, 3]).unwrap();
        let fetches = build(&x).unwrap().iter().map(Tensor::id).collect();
        let request = Request { feeds: vec![x.id()], fetches, ..Request::default() };
        let plan = plan_graph(&g, &request, &Passes { merge: true, ..Passes::none() }).unwrap();
        plan.graph.nodes().filter(|node| node.op().kind().effect != Effect::Fed).count()
    }

    /// The first node of an op and inputs is compared only once a second one comes.
    #[test]
    fn of_many_nodes_on_one_input_the_equal_ones_are_merged() {
        let casts = [DType::F64, DType::F16, DType::F64, DType::F16, DType::F64, DType::I32];
        assert_eq!(n_merged(|x| casts.iter().map(|dtype| x.cast(*dtype)).collect()), 3);
        assert_eq!(n_merged(|x| (0..5).map(|_| x.tanh()).collect()), 1);
        assert_eq!(n_merged(|x| Ok(vec![x.tanh()?.exp()?, x.tanh()?.exp()?, x.exp()?.tanh()?])), 4);
    }

    #[test]
    fn constants_are_told_apart_by_dims_and_elements() {
        let texts = |x: &Tensor| {
            let g = x.graph();
            Ok(vec![g.constant(["a"])?, g.constant(["b"])?, g.constant(["a"])?, g.constant([["a"]])?])
        };
        assert_eq!(n_merged(texts), 3);
        let numbers = |x: &Tensor| {
            let g = x.graph();
            Ok(vec![g.constant([0.0f32])?, g.constant([-0.0f32])?, g.constant([0.0f32])?, g.constant([0])?])
        };
        assert_eq!(n_merged(numbers), 3);
    }
}
