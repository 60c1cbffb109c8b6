//! How many arithmetic operations a node needs, over the sizes of its shapes.

use sessile::graph::{Fact, Graph, Node, OutputId};
use sessile::{Dim, Shape};

/// Multiplications and additions count one each; what only moves data counts nothing. `None` where ranks are unknown.
pub fn flops(graph: &Graph, node: &Node) -> Option<Dim> {
    let inputs: Vec<Fact> = node.inputs().iter().map(|id| graph.fact(*id)).collect();
    let input = |i: usize| inputs.get(i).map(|fact| &fact.shape);
    let output = (!node.outputs().is_empty()).then(|| graph.fact(OutputId { node: node.id(), slot: 0 }).shape);
    let out = output.as_ref();
    match node.op().kind().name {
        "MatMul" | "BatchMatMul" | "BatchMatMulV2" => twice(elements(out?)? * contracted(input(0)?, out?)?),
        "Conv2D" | "Conv3D" => twice(elements(out?)? * elements(&input(1)?.slice(..input(1)?.rank()? - 1).ok()?)?),
        "DepthwiseConv2dNative" => twice(elements(out?)? * window(input(1)?)?),
        // A step back costs what the step forward did: its output is the last input.
        "Conv2DBackpropInput" | "Conv3DBackpropInputV2" => {
            let filter = input(1)?;
            twice(elements(input(2)?)? * elements(&filter.slice(..filter.rank()? - 1).ok()?)?)
        }
        "Conv2DBackpropFilter" | "Conv3DBackpropFilterV2" => {
            let filter = out?;
            twice(elements(input(2)?)? * elements(&filter.slice(..filter.rank()? - 1).ok()?)?)
        }
        "Softmax" | "LogSoftmax" => Some(Dim::from(5) * elements(out?)?),
        "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" => Some(Dim::from(4) * elements(input(0)?)?),
        name if FOLDS.contains(&name) => elements(input(0)?),
        name if MOVES.contains(&name) => Some(Dim::from(0)),
        _ if node.inputs().is_empty() => Some(Dim::from(0)),
        // Elementwise, or near to it.
        _ => out.map_or(Some(Dim::from(0)), elements),
    }
}

/// Ops that look at each element of their input once.
const FOLDS: &[&str] = &[
    "Sum",
    "Mean",
    "Max",
    "Min",
    "Prod",
    "All",
    "Any",
    "ArgMax",
    "ArgMin",
    "BiasAddGrad",
    "L2Loss",
    "MaxPool",
    "AvgPool",
];

/// Ops that only move data or look at shapes.
const MOVES: &[&str] = &[
    "Assert",
    "BroadcastTo",
    "Cast",
    "ConcatV2",
    "Const",
    "ExpandDims",
    "Fill",
    "Gather",
    "GatherNd",
    "GatherV2",
    "Identity",
    "IdentityN",
    "NoOp",
    "Pack",
    "Pad",
    "PadV2",
    "MirrorPad",
    "Placeholder",
    "PlaceholderWithDefault",
    "Range",
    "Rank",
    "ReadVariableOp",
    "Reshape",
    "Shape",
    "ShapeN",
    "Size",
    "Slice",
    "Split",
    "SplitV",
    "Squeeze",
    "StopGradient",
    "StridedSlice",
    "Tile",
    "Transpose",
    "Unpack",
    "Assign",
    "AssignVariableOp",
];

fn elements(shape: &Shape) -> Option<Dim> {
    shape.num_elements()
}

fn twice(dim: Dim) -> Option<Dim> {
    Some(Dim::from(2) * dim)
}

/// The axis that a product sums over: what the left side has beside the output's rows. Exact unless rows and columns
/// of a transposed left side are equal, and then it is right as well.
fn contracted(left: &Shape, out: &Shape) -> Option<Dim> {
    let (rank, out_rank) = (left.rank()?, out.rank()?);
    if rank < 2 || out_rank < 2 {
        return None;
    }
    let (rows, columns, out_rows) = (left.dim(rank - 2), left.dim(rank - 1), out.dim(out_rank - 2));
    Some(if columns == out_rows && rows != out_rows { rows } else { columns })
}

/// Height times width of a filter.
fn window(filter: &Shape) -> Option<Dim> {
    (filter.rank()? == 4).then(|| filter.dim(0) * filter.dim(1))
}
