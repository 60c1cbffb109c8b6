//! `tensordot`: the product of two tensors over chosen axes, as transposes, reshapes and one `MatMul`.

use super::axes::Axes;
use super::operators::{minus, plus};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor};
use crate::ops::IntoTensor;
use crate::ops::array::{concat, range_of, stack};
use crate::shape::{Dim, Shape, normalize_axis};
use crate::value::Value;

impl Tensor {
    /// Contracts axes of this tensor with axes of another: `(2, 2, 4) x (4, 10)` over `[[2], [0]]` gives `(2, 2, 10)`,
    /// the free axes of the first and then those of the second. See [`Axes`] for the ways to name them.
    ///
    /// Unknown sizes stay unknown: `(?, 3, 4) x (4, 10)` gives `(?, 3, 10)`; an unknown rank, and axes that only the run
    /// knows, give an unknown shape. The nodes are those of TF1.
    ///
    /// # Errors
    /// `InvalidArgument` for an axis that is not there or lists of different lengths; `ShapeMismatch` where the sizes
    /// of contracted axes differ.
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
            let (own_axes, other_axes) = contracted(self, &axes)?;
            let left = matrix(self, own_axes, Side::Left)?;
            let right = matrix(&other, other_axes, Side::Right)?;
            let product = left.matrix.matmul(&right.matrix)?;
            g.named(scope, || unfold(g, &product, &left, &right))
        })
    }
}

/// The axes of one side.
enum Contracted {
    /// Known now; from the back where negative.
    Known(Vec<i64>),
    /// Known in the run.
    Tensor(Tensor),
}

/// The axes to contract, of each side.
fn contracted(a: &Tensor, axes: &Axes) -> Result<(Contracted, Contracted)> {
    match axes {
        Axes::Count(n) => counted(a, *n),
        Axes::Lists(of_a, of_b) => {
            if of_a.len() != of_b.len() {
                let text = "different number of contraction axes 'a' and 'b'";
                return Err(Error::invalid(format!("{text}, {} != {}", of_a.len(), of_b.len())));
            }
            Ok((Contracted::Known(of_a.clone()), Contracted::Known(of_b.clone())))
        }
        Axes::Tensor(axes) if axes.dtype() == DType::I32 => {
            Ok((Contracted::Tensor(axes.index(0)?), Contracted::Tensor(axes.index(1)?)))
        }
        Axes::Tensor(axes) => Err(Error::dtype(format!("axes of tensordot must be int32, but are {}", axes.dtype()))),
    }
}

/// The last `n` axes of the left side and the first ones of the right side.
fn counted(a: &Tensor, n: i64) -> Result<(Contracted, Contracted)> {
    if n < 0 {
        return Err(Error::invalid(format!("'axes' must be at least 0, but is {n}")));
    }
    match a.shape().rank().map(|rank| rank as i64) {
        Some(rank) if n > rank => {
            Err(Error::invalid(format!("'axes' must be at most {rank}, the rank of {a}, but is {n}")))
        }
        Some(rank) => Ok((Contracted::Known((rank - n..rank).collect()), Contracted::Known((0..n).collect()))),
        None => {
            let rank = a.rank_tensor()?;
            let last = range_of(a.graph(), minus(&rank, &(n as i32))?, rank)?;
            Ok((Contracted::Tensor(last), Contracted::Tensor(range_of(a.graph(), 0, n)?)))
        }
    }
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
    /// What is known of the free sizes.
    free: Shape,
    /// The free sizes as a vector, where only the run knows them.
    free_sizes: Option<Tensor>,
}

fn matrix(x: &Tensor, axes: Contracted, side: Side) -> Result<Folded> {
    let shape = x.shape();
    match (axes, shape.rank()) {
        (Contracted::Known(axes), Some(rank)) => {
            let axes = axes.iter().map(|axis| normalize_axis(*axis, rank)).collect::<Result<Vec<_>>>()?;
            let free: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).collect();
            match shape.known_dims() {
                Some(dims) => by_numbers(x, &dims, &axes, &free, side),
                None => by_sizes(x, &axes, &free, side),
            }
        }
        (Contracted::Known(axes), None) => {
            let sizes = x.shape_tensor()?;
            let rank = x.rank_tensor()?;
            let axes = x.graph().named("axes", || vector(x.graph(), &axes))?;
            by_rank(x, &sizes, &rank, &axes, side)
        }
        (Contracted::Tensor(axes), _) => {
            let sizes = x.shape_tensor()?;
            by_rank(x, &sizes, &x.rank_tensor()?, &axes, side)
        }
    }
}

/// All sizes are known.
fn by_numbers(x: &Tensor, dims: &[usize], axes: &[usize], free: &[usize], side: Side) -> Result<Folded> {
    let product = |axes: &[usize]| axes.iter().map(|axis| dims[*axis] as i64).product::<i64>();
    let perm: Vec<i64> = side.order(free, axes).concat().iter().map(|axis| *axis as i64).collect();
    let sizes = side.order(product(free), product(axes));
    Ok(Folded { matrix: x.transpose(perm)?.reshape(sizes)?, free: picked(x, free), free_sizes: None })
}

/// The axes are known, and not all sizes.
fn by_sizes(x: &Tensor, axes: &[usize], free: &[usize], side: Side) -> Result<Folded> {
    let g = x.graph();
    let known = picked(x, free);
    let as_ints = |axes: &[usize]| axes.iter().map(|axis| *axis as i64).collect::<Vec<_>>();
    let axes = g.named("axes", || vector(g, &as_ints(axes)))?;
    let free = g.named("free", || vector(g, &as_ints(free)))?;
    let sizes = x.shape_tensor()?;
    fold(x, &sizes, &axes, &free, known, side)
}

/// The run knows the axes, or where they count from.
fn by_rank(x: &Tensor, sizes: &Tensor, rank: &Tensor, axes: &Tensor, side: Side) -> Result<Folded> {
    let is_from_front = axes.greater_equal(0)?;
    let axes = is_from_front.select(axes, &plus(axes, rank)?)?;
    let (free, _) = range_of(x.graph(), 0, rank)?.setdiff1d(&axes)?;
    fold(x, sizes, &axes, &free, Shape::unknown(), side)
}

fn fold(x: &Tensor, sizes: &Tensor, axes: &Tensor, free: &Tensor, known: Shape, side: Side) -> Result<Folded> {
    let (free_sizes, sizes) = (sizes.gather(free)?, sizes.gather(axes)?);
    let (rows, inner) = (free_sizes.reduce_prod(())?, sizes.reduce_prod(())?);
    let perm = concat(&side.order(free, axes), 0)?;
    let sizes = stack(&side.order(&rows, &inner), 0)?;
    Ok(Folded { matrix: x.transpose(&perm)?.reshape(&sizes)?, free: known, free_sizes: Some(free_sizes) })
}

fn picked(x: &Tensor, axes: &[usize]) -> Shape {
    let shape = x.shape();
    axes.iter().map(|axis| shape.dim(*axis)).collect::<Vec<Dim>>().into()
}

/// An int32 vector.
fn vector(g: &Graph, numbers: &[i64]) -> Result<Tensor> {
    let too_large = |_| Error::invalid(format!("sizes and axes of tensordot must fit int32, but are {numbers:?}"));
    let narrow = numbers.iter().map(|n| i32::try_from(*n)).collect::<Result<Vec<_>, _>>().map_err(too_large)?;
    g.constant(Value::from_vec(&[narrow.len()], narrow)?)
}

/// The product's rows and columns as the free axes again. The pending name is that of the last op.
fn unfold(g: &Graph, product: &Tensor, left: &Folded, right: &Folded) -> Result<Tensor> {
    let free = left.free.concat(&right.free)?;
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
        None => vector(g, &side.free.known_dims().iter().flatten().map(|dim| *dim as i64).collect::<Vec<_>>()),
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
        assert!(message((-1).into()).contains("'axes' must be at least 0, but is -1"));
    }

    /// By hand; the lists of nodes are compared in the tests of names.
    #[test]
    fn ranks_and_axes_of_the_run_make_the_same_product() {
        let g = Graph::new();
        let a = g.placeholder(DType::F32, Shape::unknown()).unwrap();
        let b = g.placeholder(DType::F32, Shape::unknown()).unwrap();
        let axes = g.placeholder(DType::I32, shape![2, 1]).unwrap();
        let products = [a.tensordot(&b, 1), a.tensordot(&b, (-1, -2)), a.tensordot(&b, &axes)].map(Result::unwrap);
        assert!(products.iter().all(|product| product.shape().rank().is_none()));
        let (x, y) = ([[[1.0f32, 2.0]], [[3.0, 4.0]]], [[1.0f32, 0.0, -1.0], [2.0, 1.0, 0.5]]);
        let feeds = || crate::feeds! { &a => x, &b => y, &axes => [[2], [0]] };
        let sess = crate::Session::new(&g).unwrap();
        for product in &products {
            let got = sess.run_with(product, feeds()).unwrap();
            assert_eq!(got.dims(), [2, 1, 3]);
            assert_eq!(got.slice::<f32>().unwrap(), [5.0, 2.0, 0.0, 11.0, 4.0, -1.0]);
        }
    }
}
