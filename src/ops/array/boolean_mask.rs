//! `boolean_mask`: the elements where a mask is true. The nodes are those of TF1.

use std::panic::Location;

use super::{Size, concat_lists};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::Tensor;
use crate::ops::IntoTensor;
use crate::shape::{Dim, Shape};
use crate::{index, sizes};

impl Tensor {
    /// The slices where a mask of this tensor's first axes is true: `(a, b, c)` by a mask `(a, b)` gives `(?, c)`.
    ///
    /// # Errors
    /// `ShapeMismatch` for a mask that is a scalar, of unknown rank, or does not fit the first axes; `DTypeMismatch` for
    /// one that is not bool.
    ///
    /// Source: TensorFlow's `tf.boolean_mask`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![2, 3])?;
    /// assert_eq!(x.boolean_mask(g.constant([true, false])?)?.shape().to_string(), "(?, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.boolean_mask")]
    #[track_caller]
    pub fn boolean_mask(&self, mask: impl IntoTensor) -> Result<Tensor> {
        masked(self, &mask, 0)
    }

    /// As [`Tensor::boolean_mask`], with a mask of the axes from `axis` on.
    ///
    /// # Errors
    /// As there; `InvalidArgument` for an axis that is not there.
    #[doc(alias = "tf.boolean_mask")]
    #[track_caller]
    pub fn boolean_mask_along(&self, mask: impl IntoTensor, axis: usize) -> Result<Tensor> {
        masked(self, &mask, axis)
    }
}

#[track_caller]
fn masked(x: &Tensor, mask: &dyn IntoTensor, axis: usize) -> Result<Tensor> {
    let line = Location::caller();
    let mask = mask.tensor(None)?;
    let g = x.graph();
    g.at_line(line, || {
        g.composite("boolean_mask", |_| {
            let n_axes = check(x, &mask, axis)?;
            let (from, to) = (axis as i64, (axis + n_axes) as i64);
            let inside = x.shape_tensor()?.index(index![from..to])?.reduce_prod([0])?;
            let before = x.shape_tensor()?.index(index![..from])?;
            let behind = x.shape_tensor()?.index(index![to..])?;
            let inside: [Size; 1] = sizes![inside];
            let flat = x.reshape(concat_lists(g, &[&before, &inside, &behind])?)?;
            flat.set_shape(flattened(&x.shape(), axis, n_axes)?)?;
            let places = mask.reshape([-1])?.where_()?.squeeze_axes(&[1])?;
            flat.gather_along(&places, axis as i32, 0)
        })
    })
}

/// How many axes a fitting mask has.
fn check(x: &Tensor, mask: &Tensor, axis: usize) -> Result<usize> {
    if mask.dtype() != DType::Bool {
        return Err(Error::dtype(format!("a mask must be bool, but is {}", mask.dtype())));
    }
    let n_axes = match mask.shape().rank() {
        None => return Err(Error::shape("the rank of a mask must be known")),
        Some(0) => return Err(Error::shape("a mask must have rank 1 or more, but is a scalar")),
        Some(n_axes) => n_axes,
    };
    match x.shape().rank() {
        Some(rank) if axis + n_axes > rank => {
            let text = format!("a mask of {n_axes} axes from axis {axis} on does not fit a tensor of rank {rank}");
            Err(Error::shape(text))
        }
        Some(_) => x.shape().slice(axis..axis + n_axes)?.merge(&mask.shape()).map(|_| n_axes),
        None => Ok(n_axes),
    }
}

/// The shape with the masked axes as one.
fn flattened(shape: &Shape, axis: usize, n_axes: usize) -> Result<Shape> {
    if shape.rank().is_none() {
        return Ok(Shape::unknown());
    }
    let inside = shape.slice(axis..axis + n_axes)?.num_elements().unwrap_or_else(Dim::unknown);
    shape.slice(..axis)?.concat(&Shape::new([inside]))?.concat(&shape.slice(axis + n_axes..)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::session::Session;
    use crate::shape;

    /// By hand.
    #[test]
    fn masks_of_one_and_more_axes_pick_slices() {
        let g = Graph::new();
        let x = g.constant([[[1i32, 2], [3, 4]], [[5, 6], [7, 8]]]).unwrap();
        let run = |picked: Result<Tensor>| {
            let picked = Session::new(&g).unwrap().run(picked.unwrap()).unwrap();
            (picked.dims().to_vec(), picked.slice::<i32>().unwrap().to_vec())
        };
        assert_eq!(run(x.boolean_mask(g.constant([false, true]))), (vec![1, 2, 2], vec![5, 6, 7, 8]));
        let mask = g.constant([[true, false], [false, true]]).unwrap();
        assert_eq!(run(x.boolean_mask(&mask)), (vec![2, 2], vec![1, 2, 7, 8]));
        assert_eq!(run(x.boolean_mask_along(&mask, 1)), (vec![2, 2], vec![1, 4, 5, 8]));
        assert_eq!(run(x.boolean_mask_along(g.constant([false, false]), 2)), (vec![2, 2, 0], vec![]));
    }

    #[test]
    fn masks_that_do_not_fit_are_refused() {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2, 3]).unwrap();
        let message = |mask: Result<Tensor>| x.boolean_mask(mask).unwrap_err().message().to_owned();
        assert!(message(g.constant(true)).contains("but is a scalar"));
        assert!(message(g.constant([1i32, 0])).contains("a mask must be bool, but is int32"));
        assert!(message(g.constant([true])).contains("2 and 1"));
        assert!(message(g.constant([[[true]]])).contains("a mask of 3 axes from axis 0 on does not fit"));
    }
}
