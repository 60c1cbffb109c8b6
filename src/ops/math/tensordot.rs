//! `tensordot`: the product of two tensors over chosen axes, as transposes, reshapes and one `MatMul`.

use super::axes::Axes;
use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor};
use crate::ops::IntoTensor;
use crate::ops::array::{concat, stack};
use crate::shape::{Dim, Shape, normalize_axis};
use crate::value::Value;

impl Tensor {
    /// Contracts axes of this tensor with axes of another: `(2, 2, 4) x (4, 10)` over `[[2], [0]]` gives `(2, 2, 10)`,
    /// the free axes of the first and then those of the second. See [`Axes`] for the ways to name them.
    ///
    /// Unknown sizes stay unknown: `(?, 3, 4) x (4, 10)` gives `(?, 3, 10)`. The nodes are those of TF1.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis that is not there or lists of different lengths; `ShapeMismatch` where the sizes
    /// of contracted axes differ; `Unsupported` for a tensor of unknown rank, and for axes that only the run knows.
    ///
    /// Source: TensorFlow's `tf.tensordot`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![?, 3, 4])?;
    /// let w = g.placeholder(DType::F32, shape![4, 10])?;
    /// assert_eq!(x.tensordot(&w, [[2], [0]])?.shape().to_string(), "(?, 3, 10)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.tensordot")]
    #[doc(alias = "tf.linalg.tensordot")]
    #[track_caller]
    pub fn tensordot(&self, other: impl IntoTensor, axes: impl Into<Axes>) -> Result<Tensor> {
        let other = other.tensor(Some(self))?;
        let axes = axes.into();
        let g = self.graph();
        g.composite("Tensordot", |scope| {
            let (own_axes, other_axes) = contracted(self, &other, &axes)?;
            let left = matrix(self, &own_axes, Side::Left)?;
            let right = matrix(&other, &other_axes, Side::Right)?;
            let product = left.matrix.matmul(&right.matrix)?;
            g.named(scope, || unfold(g, &product, &left, &right))
        })
    }
}

/// The axes to contract, counted from the front.
fn contracted(a: &Tensor, b: &Tensor, axes: &Axes) -> Result<(Vec<usize>, Vec<usize>)> {
    let (rank_a, rank_b) = (known_rank(a)?, known_rank(b)?);
    match axes {
        Axes::Count(n) => {
            let n =
                usize::try_from(*n).map_err(|_| Error::invalid(format!("'axes' must be at least 0, but is {n}")))?;
            for (rank, tensor) in [(rank_a, a), (rank_b, b)] {
                if n > rank {
                    return Err(Error::invalid(format!(
                        "'axes' must be at most {rank}, the rank of {tensor}, but is {n}"
                    )));
                }
            }
            Ok(((rank_a - n..rank_a).collect(), (0..n).collect()))
        }
        Axes::Lists(of_a, of_b) => {
            if of_a.len() != of_b.len() {
                let text = "different number of contraction axes 'a' and 'b'";
                return Err(Error::invalid(format!("{text}, {} != {}", of_a.len(), of_b.len())));
            }
            Ok((from_front(of_a, rank_a)?, from_front(of_b, rank_b)?))
        }
        Axes::Tensor(_) => Err(Error::unsupported("tensordot takes axes that are known while the graph is built")),
    }
}

fn known_rank(x: &Tensor) -> Result<usize> {
    x.shape()
        .rank()
        .ok_or_else(|| Error::unsupported(format!("tensordot takes tensors of known rank, but {x} has none")))
}

fn from_front(axes: &[i64], rank: usize) -> Result<Vec<usize>> {
    axes.iter().map(|axis| normalize_axis(*axis, rank)).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl Side {
    /// The contracted axes stand inside: last on the left side, first on the right one.
    fn order<T>(self, free: T, contracted: T) -> [T; 2] {
        if self == Side::Left { [free, contracted] } else { [contracted, free] }
    }
}

/// A tensor as a matrix, and its free sizes.
struct Folded {
    matrix: Tensor,
    free: Vec<Dim>,
    /// The free sizes as a vector, where only the run knows them.
    free_sizes: Option<Tensor>,
}

fn matrix(x: &Tensor, axes: &[usize], side: Side) -> Result<Folded> {
    let shape = x.shape();
    let rank = known_rank(x)?;
    let free_axes: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).collect();
    let free: Vec<Dim> = free_axes.iter().map(|axis| shape.dim(*axis)).collect();
    match shape.known_dims() {
        Some(dims) => {
            let product = |axes: &[usize]| axes.iter().map(|axis| dims[*axis] as i64).product::<i64>();
            let perm = as_list(&side.order(&free_axes[..], axes).concat());
            let sizes = side.order(product(&free_axes), product(axes));
            Ok(Folded { matrix: x.transpose(perm)?.reshape(sizes)?, free, free_sizes: None })
        }
        None => {
            let g = x.graph();
            let axes = g.named("axes", || vector(g, axes))?;
            let free_axes = g.named("free", || vector(g, &free_axes))?;
            let sizes = x.shape_tensor()?;
            let (free_sizes, sizes) = (sizes.gather(&free_axes)?, sizes.gather(&axes)?);
            let (rows, inner) = (free_sizes.reduce_prod(())?, sizes.reduce_prod(())?);
            let perm = concat(&side.order(&free_axes, &axes), 0)?;
            let sizes = stack(&side.order(&rows, &inner), 0)?;
            Ok(Folded { matrix: x.transpose(&perm)?.reshape(&sizes)?, free, free_sizes: Some(free_sizes) })
        }
    }
}

fn as_list(axes: &[usize]) -> Vec<i64> {
    axes.iter().map(|axis| *axis as i64).collect()
}

#[track_caller]
fn vector(g: &Graph, axes: &[usize]) -> Result<Tensor> {
    g.constant(Value::from_vec(&[axes.len()], axes.iter().map(|axis| *axis as i32).collect())?)
}

/// The product's rows and columns as the free axes again. The pending name is that of the last op.
fn unfold(g: &Graph, product: &Tensor, left: &Folded, right: &Folded) -> Result<Tensor> {
    let free = Shape::from([&left.free[..], &right.free[..]].concat());
    if let (None, None) = (&left.free_sizes, &right.free_sizes) {
        return product.reshape(free);
    }
    let sizes = g.unnamed(|| {
        let (left, right) = (sizes_of(g, left)?, sizes_of(g, right)?);
        concat(&[&left, &right], 0)
    })?;
    let product = product.reshape(&sizes)?;
    product.set_shape(free)?;
    Ok(product)
}

fn sizes_of(g: &Graph, side: &Folded) -> Result<Tensor> {
    match &side.free_sizes {
        Some(sizes) => Ok(sizes.clone()),
        None => vector(g, &side.free.iter().filter_map(Dim::known).collect::<Vec<_>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::shape;

    #[track_caller]
    fn check(a: Shape, b: Shape, axes: impl Into<Axes>, shape: &str, nodes: &[&str]) {
        let g = Graph::new();
        let (a, b) = (g.placeholder(DType::F32, a).unwrap(), g.placeholder(DType::F32, b).unwrap());
        let product = a.tensordot(&b, axes).unwrap();
        assert_eq!((product.name().as_str(), product.shape().to_string().as_str()), ("Tensordot:0", shape));
        let names: Vec<&str> = g.nodes().skip(2).map(|node| node.name().strip_prefix("Tensordot").unwrap()).collect();
        assert_eq!(names, nodes);
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn known_shapes_make_eleven_nodes() {
        let nodes = [
            "/transpose/perm",
            "/transpose",
            "/Reshape/shape",
            "/Reshape",
            "/transpose_1/perm",
            "/transpose_1",
            "/Reshape_1/shape",
            "/Reshape_1",
            "/MatMul",
            "/shape",
            "",
        ];
        check(shape![2, 2, 4], shape![4, 10], [[2], [0]], "(2, 2, 10)", &nodes);
        check(shape![2, 3, 4], shape![3, 4, 5], 0, "(2, 3, 4, 3, 4, 5)", &nodes);
        check(shape![2, 3, 4], shape![4, 3, 5], (&[-1, 1], vec![0, 1]), "(2, 5)", &nodes);
    }

    /// From TensorFlow 1.15.5.
    #[test]
    fn unknown_sizes_are_read_in_the_run() {
        let nodes = [
            "/axes",
            "/free",
            "/Shape",
            "/GatherV2/axis",
            "/GatherV2",
            "/GatherV2_1/axis",
            "/GatherV2_1",
            "/Const",
            "/Prod",
            "/Const_1",
            "/Prod_1",
            "/concat/axis",
            "/concat",
            "/stack",
            "/transpose",
            "/Reshape",
            "/transpose_1/perm",
            "/transpose_1",
            "/Reshape_1/shape",
            "/Reshape_1",
            "/MatMul",
            "/Const_2",
            "/concat_1/axis",
            "/concat_1",
            "",
        ];
        check(shape![?, 3, 4], shape![4, 10], (-1, 0), "(?, 3, 10)", &nodes);
    }

    #[test]
    fn axes_that_do_not_fit_are_refused() {
        let g = Graph::new();
        let (a, b) =
            (g.placeholder(DType::F32, shape![2, 3]).unwrap(), g.placeholder(DType::F32, shape![4, 2]).unwrap());
        let message = |axes: Axes| a.tensordot(&b, axes).unwrap_err().message().to_owned();
        assert!(message((&[0, 1], &[0]).into()).contains("different number of contraction axes 'a' and 'b', 2 != 1"));
        assert!(message(1.into()).contains("dimensions must be equal, but are 3 and 4"));
        assert!(message((2, 0).into()).contains("axis must be in [-2, 2), but is 2"));
        assert!(message(3.into()).contains("'axes' must be at most 2"));
    }
}
