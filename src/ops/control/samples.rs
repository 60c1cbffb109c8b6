//! Small bodies for the examples of ops that hold some.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Attrs, Body, Fact, Graph, Naming, Op, OutputId};
use crate::ops::array::Const;
use crate::ops::find;
use crate::shape::Shape;
use crate::value::Value;

/// Gives its argument back.
pub(super) fn same_body(dtype: DType) -> Arc<Body> {
    body(dtype, |_, x| Ok(x))
}

/// Negates its argument.
pub(super) fn negated_body(dtype: DType) -> Arc<Body> {
    body(dtype, |graph, x| push(graph, "neg", (find("Neg")?.parse)(&Attrs::default())?, smallvec![x]))
}

/// False, whatever the argument.
pub(super) fn never_body(dtype: DType) -> Arc<Body> {
    let never = || Arc::new(Const { value: Value::scalar_of(false) });
    body(dtype, |graph, _| push(graph, "never", never(), SmallVec::new()))
}

/// Adds its first argument, an int32, to its second, a float32.
pub(super) fn counted_body() -> Arc<Body> {
    let build = || {
        let graph = Graph::new();
        let feed = |dtype, name: &str| graph.feed_node(&Fact::new(dtype, Shape::unknown()), &name.into());
        let (n, x) = (feed(DType::I32, "n")?, feed(DType::F32, "x")?);
        let y = (&x + n.cast(DType::F32)?)?;
        Body::new(graph, vec![n.id().node, x.id().node], vec![y.id()], Vec::new())
    };
    build().expect("a body of two ops can be built")
}

fn body(dtype: DType, build: impl FnOnce(&Graph, OutputId) -> Result<OutputId>) -> Arc<Body> {
    let build = || {
        let graph = Graph::new();
        let x = graph.feed_node(&Fact::new(dtype, Shape::unknown()), &"x".into())?.id();
        let y = build(&graph, x)?;
        Body::new(graph, vec![x.node], vec![y], Vec::new())
    };
    build().expect("a body of one op can be built")
}

fn push(graph: &Graph, name: &str, op: Arc<dyn Op>, inputs: SmallVec<[OutputId; 2]>) -> Result<OutputId> {
    graph.push(op, inputs, &[], Naming::Kept(&name.into()), None)?.output(0).map(|tensor| tensor.id())
}
