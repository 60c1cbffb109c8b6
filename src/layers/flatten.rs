//! `flatten`: all axes but the first as one.

use std::panic::Location;

use crate::error::{Error, Result};
use crate::graph::Tensor;
use crate::ops::state::VariableScope;
use crate::shape::{Dim, Shape};
use crate::sizes;

/// All axes but the first as one: `(n, a, b) -> (n, a * b)`, `(n) -> (n, 1)`. Any dtype; where a size is unknown, so is
/// their product. A pending name is that of the layer.
///
/// # Errors
/// `ShapeMismatch` for an input of unknown rank or of rank 0.
///
/// Source: TensorFlow's `tf.layers.flatten`.
///
/// ```
/// # use sessile::prelude::*;
/// # fn main() -> sessile::Result<()> {
/// let g = Graph::new();
/// let x = g.placeholder(DType::F32, shape![?, 3, 2])?;
/// assert_eq!(layers::flatten(&x)?.shape().to_string(), "(?, 6)");
/// # Ok(()) }
/// ```
#[doc(alias = "tf.layers.flatten")]
#[track_caller]
pub fn flatten(x: &Tensor) -> Result<Tensor> {
    let (caller, g) = (Location::caller(), x.graph().root());
    let folded = folded(&x.shape())?;
    // A layer without a name is a new one each time; a name that the user gave is taken as it is.
    let scope = match &*g.take_name("") {
        "" => VariableScope::unique("flatten"),
        name => VariableScope::new(name),
    };
    g.at_line(caller, || g.variable_scope_with(scope, || build(x, folded)))
}

fn build(x: &Tensor, folded: Shape) -> Result<Tensor> {
    let y = match x.shape().dim(0).known().filter(|n| *n > 0) {
        Some(n) => x.reshape(sizes![n, -1])?,
        None => {
            let n = x.shape_tensor()?.index(0)?;
            x.reshape(sizes![&n, -1])?
        }
    };
    y.set_shape(folded)?;
    Ok(y)
}

/// The shape of the result of a legal input.
fn folded(shape: &Shape) -> Result<Shape> {
    let Some(dims) = shape.dims() else {
        return Err(Error::shape(
            "the input is incompatible with the layer: its rank is undefined, but the layer requires a defined rank",
        ));
    };
    let [first, rest @ ..] = dims else {
        return Err(Error::shape("the input is incompatible with the layer: expected min_ndim=1, found ndim=0"));
    };
    let product: Option<usize> = rest.iter().map(Dim::known).product();
    Ok(Shape::from(vec![first.clone(), product.map_or_else(Dim::unknown, Dim::from)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::graph::Graph;
    use crate::session::Session;
    use crate::shape;

    #[test]
    fn shapes_keep_the_first_axis() {
        let g = Graph::new();
        let of = |shape: Shape| flatten(&g.placeholder(DType::F32, shape)?);
        let shape = |shape| of(shape).unwrap().shape().to_string();
        assert_eq!(shape(shape![?, 3, 2]), "(?, 6)");
        assert_eq!(shape(shape![2, ?, 2]), "(2, ?)");
        assert_eq!(shape(shape![5]), "(5, 1)");
        assert!(of(shape![]).unwrap_err().message().contains("expected min_ndim=1, found ndim=0"));
        assert!(of(Shape::unknown()).unwrap_err().message().contains("its rank is undefined"));
    }

    #[test]
    fn elements_stay_in_order() -> Result<()> {
        let g = Graph::new();
        let x = g.placeholder(DType::I32, shape![?, 2, 1])?;
        let y = flatten(&x)?;
        let got = Session::new(&g)?.run_with(&y, crate::feeds! { &x => [[[1], [2]], [[3], [4]]] })?;
        assert_eq!((got.dims(), got.slice::<i32>()?), (&[2, 2][..], &[1, 2, 3, 4][..]));
        Ok(())
    }
}
