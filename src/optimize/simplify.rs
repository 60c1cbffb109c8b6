//! Leaves out what moves no data: identities, transposes of axes of size 1, reshapes to the shape that is there; and
//! finds the contraction in what `tensordot` makes of reshapes and a product.
//!
//! A reshape is rewritten only where it is known to succeed for every size: its errors are part of the program.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::rebuild::{Outputs, Rebuild};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Attrs, Fact, Node, OutputId, Role};
use crate::ops::array::{Cast, Const, EnsureShape};
use crate::ops::fused::FusedMatMul;
use crate::ops::math::MatMul;
use crate::shape::{Dim, Shape};
use crate::value::Value;

/// The rule; `contracts` lets it make one product of reshapes around a product.
pub(super) fn simplify(cx: &mut Rebuild<'_>, node: &Node, contracts: bool) -> Result<Option<Outputs>> {
    let ([after], Some(first)) = (node.outputs(), node.inputs().first()) else { return Ok(None) };
    let first = cx.output(*first);
    let before = cx.fact(first);
    if before.role != Role::Value || after.role != Role::Value {
        return Ok(None);
    }
    let kind = node.op().kind();
    if node.op_as::<Cast>().is_some() || IDENTITIES.contains(&kind.name) {
        return Ok(if before.dtype == after.dtype { cx.replace(first) } else { None });
    }
    match kind.name {
        "Reshape" => reshape(cx, node, first, contracts),
        "Transpose" => transpose(cx, node, first),
        // Feeds may give the names another size than the one that is known.
        _ if node.op_as::<EnsureShape>().is_some_and(|op| op.shape.names_beyond(&before.shape)) => Ok(None),
        _ if kind.shares_input => keep_or_drop(cx, node, first),
        _ => Ok(None),
    }
}

/// Reshapes in a row that are looked through.
const MAX_RESHAPES: usize = 64;

/// Ops that pass their input on.
const IDENTITIES: [&str; 3] = ["Identity", "StopGradient", "PreventGradient"];

/// Leaves out a node whose output has the shape of its input.
fn keep_or_drop(cx: &mut Rebuild<'_>, node: &Node, first: OutputId) -> Result<Option<Outputs>> {
    let made = made(cx, node)?;
    Ok(if is_same_shape(cx.fact(first), &made) { cx.replace(first) } else { None })
}

/// What the node would make in the new graph: shapes can be compared there.
fn made(cx: &Rebuild<'_>, node: &Node) -> Result<Fact> {
    let absent = || Error::internal("a node with one output has one in the new graph");
    cx.outputs_of(node)?.into_iter().next().ok_or_else(absent)
}

fn is_same_shape(a: &Fact, b: &Fact) -> bool {
    a.shape.rank().is_some() && a.shape == b.shape
}

/// Whether a target fits every value that it may meet: without a -1 it has as many elements, with one the other sizes
/// are not 0. The inferred shape does not tell: it holds if the reshape succeeds.
fn is_safe_target(cx: &Rebuild<'_>, value: OutputId, target: OutputId) -> bool {
    let fact = cx.fact(target);
    let known = fact.sizes.clone().or_else(|| {
        let ints = crate::graph::to_ints(&cx.graph().constant_value(target)?)?;
        Some(ints.into_iter().map(Dim::constant).collect())
    });
    let Some(sizes) = known else { return false };
    let may_be_hole = |size: &Dim| !size.is_never_negative();
    let zero = Dim::constant(0);
    match sizes.iter().filter(|size| may_be_hole(size)).count() {
        0 => Shape::new(sizes.iter().cloned()).num_elements() == cx.fact(value).shape.num_elements(),
        1 => sizes.iter().all(|size| may_be_hole(size) || size.never_equals(&zero)),
        _ => false,
    }
}

/// Whether a reshape from one shape to another always succeeds: the numbers of elements are equal for all sizes.
fn keeps_count(before: &Fact, after: &Fact) -> bool {
    let count = before.shape.num_elements();
    count.is_some() && count == after.shape.num_elements()
}

/// A reshape that cannot fail: of another reshape, of a product of a reshape, or to a target that is computed.
fn reshape(cx: &mut Rebuild<'_>, node: &Node, value: OutputId, contracts: bool) -> Result<Option<Outputs>> {
    let target = cx.output(node.inputs()[1]);
    let made = made(cx, node)?;
    if !is_safe_target(cx, value, target) || !keeps_count(cx.fact(value), &made) {
        return Ok(None);
    }
    if let Some((product, inputs)) = contraction(cx, node, &made).filter(|_| contracts) {
        return cx.push(node, Arc::new(product), inputs).map(Some);
    }
    let source = through_reshapes(cx, value);
    if is_same_shape(cx.fact(source), &made) {
        return Ok(cx.replace(source));
    }
    let is_constant = cx.graph().node(target.node).op_as::<Const>().is_some();
    let sizes = constant_target(&made, cx.fact(target).dtype).filter(|_| !is_constant);
    if source == value && sizes.is_none() {
        return Ok(None);
    }
    let target = match sizes {
        Some(sizes) => cx.push(node, Arc::new(Const { value: sizes }), SmallVec::new())?[0],
        None => target,
    };
    cx.push(node, node.op_arc().clone(), smallvec![source, target]).map(Some)
}

/// The tensor before all reshapes that cannot fail, of which more than a few are not followed: each of them asks anew.
fn through_reshapes(cx: &Rebuild<'_>, value: OutputId) -> OutputId {
    let sources = std::iter::successors(Some(value), |value| reshaped(cx, *value));
    sources.take(MAX_RESHAPES).last().unwrap_or(value)
}

/// What a reshape that cannot fail was given.
fn reshaped(cx: &Rebuild<'_>, value: OutputId) -> Option<OutputId> {
    let node = cx.graph().node(value.node);
    let may_skip = match node.op().kind().name {
        "Reshape" => is_safe_target(cx, node.inputs()[0], node.inputs()[1]),
        "ExpandDims" | "Squeeze" => true,
        _ => false,
    };
    let source = *node.inputs().first()?;
    (may_skip && node.control_inputs().is_empty() && keeps_count(cx.fact(source), cx.fact(value))).then_some(source)
}

/// A shape as a constant target, if at most one of its dims is not known: that one is -1, the others are not 0.
fn constant_target(fact: &Fact, dtype: DType) -> Option<Value> {
    let dims = fact.shape.dims()?;
    let n_unknown = dims.iter().filter(|dim| dim.known().is_none()).count();
    if n_unknown > 1 || (n_unknown == 1 && dims.contains(&Dim::constant(0))) {
        return None;
    }
    let sizes = dims.iter().map(|dim| dim.as_i64().unwrap_or(-1));
    match dtype {
        DType::I32 => {
            let sizes = sizes.map(i32::try_from).collect::<Result<Vec<_>, _>>().ok()?;
            Value::from_vec(&[sizes.len()], sizes).ok()
        }
        _ => {
            let sizes: Vec<i64> = sizes.collect();
            Value::from_vec(&[sizes.len()], sizes).ok()
        }
    }
}

/// `reshape(matmul(reshape(x), w))` from `(d.., k)` over `(m, k)` and `(m, n)` to `(d.., n)`: one product over the last
/// axis of `x`.
fn contraction(cx: &Rebuild<'_>, node: &Node, made: &Fact) -> Option<(FusedMatMul, SmallVec<[OutputId; 2]>)> {
    let old = node.inputs()[0];
    let product = cx.graph().node(cx.output(old).node);
    let op = product.op_as::<MatMul>().filter(|op| !op.transpose_a && product.control_inputs().is_empty())?;
    let x = reshaped(cx, product.inputs()[0])?;
    let (dims, rows) = (cx.fact(x).shape.dims()?, cx.fact(product.inputs()[0]).shape.dims()?);
    let (k, kept) = dims.split_last()?;
    let (n, after) = made.shape.dims()?.split_last()?;
    // With `k` of 0 the number of rows would be anything.
    let fits = kept == after && rows[1] == *k && k.never_equals(&Dim::constant(0));
    let columns = product.outputs()[0].shape.dim(1);
    let is_only_use = cx.uses(old) == 1;
    (fits && *n == columns && is_only_use).then(|| (FusedMatMul::from(op), smallvec![x, product.inputs()[1]]))
}

/// A transpose that keeps the order of all axes that may be longer than 1 moves nothing.
fn transpose(cx: &mut Rebuild<'_>, node: &Node, value: OutputId) -> Result<Option<Outputs>> {
    let perm = cx.output(node.inputs()[1]);
    let ints = cx.graph().constant_value(perm).and_then(|value| crate::graph::to_ints(&value));
    let (Some(ints), Some(dims)) = (ints, cx.fact(value).shape.dims()) else { return Ok(None) };
    let rank = dims.len() as i64;
    let axes = ints.iter().map(|axis| if *axis < 0 { axis + rank } else { *axis });
    let moving: Vec<i64> = axes.clone().filter(|axis| dims.get(*axis as usize) != Some(&Dim::constant(1))).collect();
    if !moving.is_sorted() || ints.len() != dims.len() {
        return Ok(None);
    }
    if axes.eq(0..rank) {
        return Ok(cx.replace(value));
    }
    let Some(sizes) = constant_target(&made(cx, node)?, DType::I32) else { return Ok(None) };
    let target = cx.push(node, Arc::new(Const { value: sizes }), SmallVec::new())?[0];
    let reshape = crate::ops::find("Reshape")?;
    let op = (reshape.parse)(&Attrs::default())?;
    cx.push(node, op, smallvec![value, target]).map(Some)
}
