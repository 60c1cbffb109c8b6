//! Seeds: how TF1 makes two of them, and where a stream stands in a session.

use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Graph, RunCx};
use crate::kernel::philox::Stream;

/// The two seeds of an op. (0, 0) means none: each session then draws other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seeds {
    /// The graph's seed, as a rule.
    pub seed: i64,
    /// The op's seed, as a rule.
    pub seed2: i64,
}

/// TF1's graph seed for ops that have only a seed of their own.
const DEFAULT_GRAPH_SEED: i64 = 87_654_321;
/// Seeds are taken modulo this number.
const MODULUS: i64 = i32::MAX as i64;

impl Seeds {
    /// The seeds of the next op of a graph. Where only the graph has a seed, the number of nodes made so far is the
    /// op's: so each op draws its own numbers, and inserting a node changes those of all later ops.
    pub fn of(g: &Graph, op_seed: Option<i64>) -> Seeds {
        let root = g.root();
        let (seed, seed2) = match (root.random_seed(), op_seed) {
            (None, None) => return Seeds::default(),
            (None, Some(op)) => (DEFAULT_GRAPH_SEED, op),
            (Some(graph), None) => (graph, root.target().tf_node_count() as i64),
            (Some(graph), Some(op)) => (graph, op),
        };
        match (seed.rem_euclid(MODULUS), seed2.rem_euclid(MODULUS)) {
            (0, 0) => Seeds { seed: 0, seed2: MODULUS },
            (seed, seed2) => Seeds { seed, seed2 },
        }
    }

    pub(super) fn parse(attrs: &Attrs) -> Result<Seeds> {
        Ok(Seeds { seed: attrs.int_or("seed", 0)?, seed2: attrs.int_or("seed2", 0)? })
    }

    pub(super) fn attrs(self) -> Vec<(&'static str, AttrValue)> {
        vec![("seed", AttrValue::Int(self.seed)), ("seed2", AttrValue::Int(self.seed2))]
    }

    /// Takes this many counters of the node's stream in this session.
    pub(super) fn reserve(self, cx: &RunCx<'_>, counters: u128) -> Result<Stream> {
        let state = cx.state()?;
        let mut stream = match self {
            Seeds { seed: 0, seed2: 0 } => unseeded(state.salt(), cx.origin()),
            Seeds { seed, seed2 } => Stream::from_seeds(seed, seed2),
        };
        stream.counter = stream.counter.wrapping_add(state.reserve_random(cx.origin(), counters));
        Ok(stream)
    }
}

/// A stream of one session and node: the session's salt mixed with the place of the node.
fn unseeded(salt: u64, (graph, node): (u64, u32)) -> Stream {
    let place = graph.rotate_left(32) ^ u64::from(node);
    let (seed, seed2) = (mix(salt), mix(salt ^ mix(place)));
    Stream::from_seeds(seed as i64, seed2 as i64)
}

/// Spreads each bit over all of them. Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By TensorFlow 1.15.5's `get_seed`.
    #[test]
    fn seeds_follow_graph_and_op() -> Result<()> {
        let g = Graph::new();
        let of = |op_seed| {
            let seeds = Seeds::of(&g, op_seed);
            (seeds.seed, seeds.seed2)
        };
        assert_eq!((of(None), of(Some(7))), ((0, 0), (87_654_321, 7)));
        assert_eq!(of(Some(i64::from(i32::MAX) + 3)), (87_654_321, 3));
        let _ = g.constant(1.0)?;
        g.set_random_seed(3);
        assert_eq!((of(None), of(Some(7))), ((3, 1), (3, 7)));
        g.set_random_seed(0);
        assert_eq!((of(Some(0)), of(Some(-1))), ((0, 2_147_483_647), (0, 2_147_483_646)));
        Ok(())
    }
}
