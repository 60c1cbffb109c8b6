//! `sparse_softmax_cross_entropy_with_logits`: the loss of each row by the number of its right class.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor};
use crate::index;
use crate::ops::math::operators::minus;
use crate::sizes;

impl Tensor {
    /// The cross entropy of these logits and one right class a row: `(.., c) x (..) -> (..)`. Floating-point logits,
    /// int32 or int64 labels; float16 is computed in float32. The nodes are those of TF1, but for the check of shapes
    /// that are known in the run alone: here it is one `Assert`.
    ///
    /// # Errors
    /// `ShapeMismatch` where the labels do not fit the rows, in the run `CheckFailed`; `InvalidArgument` in the run for
    /// a label that is no class; `DTypeMismatch`.
    ///
    /// Source: TensorFlow's `tf.nn.sparse_softmax_cross_entropy_with_logits`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let (x, classes) = (g.placeholder(DType::F32, shape![?, 3])?, g.placeholder(DType::I32, shape![?])?);
    /// assert_eq!(x.sparse_softmax_cross_entropy_with_logits(&classes)?.shape().to_string(), "(?,)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.nn.sparse_softmax_cross_entropy_with_logits")]
    #[track_caller]
    pub fn sparse_softmax_cross_entropy_with_logits(&self, labels: &Tensor) -> Result<Tensor> {
        check_shapes(self, labels)?;
        let g = self.graph();
        g.composite("SparseSoftmaxCrossEntropyWithLogits", |scope| {
            let is_half = self.dtype() == DType::F16;
            let logits = if is_half { self.cast(DType::F32)? } else { self.clone() };
            let outer = labels.shape_tensor()?;
            // TF1 gives the op the scope's own name inside of the scope.
            let name = scope.trim_end_matches('/').rsplit('/').next().unwrap_or(scope);
            let loss = match self.shape().rank() {
                Some(2) => g.named(name, || logits.sparse_softmax_cross_entropy_raw(labels))?.0,
                _ => by_rows(g, self, &logits, labels, &outer, name)?,
            };
            if is_half { loss.cast(DType::F16) } else { Ok(loss) }
        })
    }
}

/// The loss of logits that are no matrix: as one, and back.
fn by_rows(g: &Graph, given: &Tensor, logits: &Tensor, labels: &Tensor, outer: &Tensor, name: &str) -> Result<Tensor> {
    let is_checked = labels.shape().is_fully_known() && outer_shape(given)?.is_fully_known();
    let check = if is_checked { Vec::new() } else { vec![assert_rows(given, labels)?] };
    g.control_dependencies(&check, || {
        let sizes = given.shape_tensor()?;
        let classes = sizes.index(minus(&given.rank_tensor()?, &1)?)?;
        let rows = logits.reshape(sizes![-1, &classes])?;
        let labels_of_rows = labels.reshape([-1])?;
        let (loss, _) = g.named(name, || rows.sparse_softmax_cross_entropy_raw(&labels_of_rows))?;
        let loss = loss.reshape(outer)?;
        loss.set_shape(labels.shape())?;
        Ok(loss)
    })
}

/// Ends the run unless the labels have the shape of the rows.
fn assert_rows(logits: &Tensor, labels: &Tensor) -> Result<crate::graph::Operation> {
    let g = logits.graph();
    let (rows, labels) = (logits.shape_tensor()?.index(index![..-1])?, labels.shape_tensor()?);
    g.composite("assert_equal", |_| {
        let message = g.named("message", || g.constant("labels must have the shape of the rows of the logits"))?;
        let sizes_agree = labels.equal(&rows)?.reduce_all(())?;
        sizes_agree.assert(&[&message, &labels, &rows])
    })
}

fn outer_shape(logits: &Tensor) -> Result<crate::shape::Shape> {
    match logits.shape().rank() {
        Some(rank) => logits.shape().slice(..rank - 1),
        None => Ok(crate::shape::Shape::unknown()),
    }
}

fn check_shapes(logits: &Tensor, labels: &Tensor) -> Result<()> {
    let (logits, labels) = (logits.shape(), labels.shape());
    let Some(rank) = logits.rank() else { return Ok(()) };
    match labels.rank() {
        _ if rank == 0 => Err(Error::shape("logits cannot be scalars - received shape ()")),
        Some(of_labels) if of_labels + 1 != rank => Err(Error::shape(format!(
            "rank mismatch: rank of labels (received {of_labels}) should equal rank of logits minus 1 (received {rank})"
        ))),
        _ if labels.merge(&logits.slice(..rank - 1)?).is_err() => Err(Error::shape(format!(
            "shape mismatch: the shape of labels (received {labels}) should equal the shape of logits except for the last dimension (received {logits})"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::feeds;
    use crate::session::Session;
    use crate::shape;
    use crate::shape::Shape;

    /// From TensorFlow 1.15.5.
    #[test]
    fn nodes_are_those_of_tensorflow() {
        let g = Graph::new();
        let logits = g.placeholder(DType::F16, shape![2, 3]).unwrap();
        let labels = g.placeholder(DType::I32, shape![2]).unwrap();
        let loss = g.named("foo", || logits.sparse_softmax_cross_entropy_with_logits(&labels)).unwrap();
        assert_eq!(loss.to_string(), r#"Tensor("foo/Cast_1:0", shape=(2,), dtype=float16)"#);
        let names: Vec<_> = g.nodes().skip(2).map(|node| node.name()).collect();
        assert_eq!(names, ["foo/Cast", "foo/Shape", "foo/foo", "foo/Cast_1"]);
    }

    /// The losses are those of the matrix, see the op.
    #[test]
    fn any_rank_is_computed_by_rows() {
        let g = Graph::new();
        let x = g.constant([[[1.0f32, 2.0, 3.0]], [[-1.0, 0.0, 50.0]]]).unwrap();
        let loss = x.sparse_softmax_cross_entropy_with_logits(&g.constant([[2i32], [0]]).unwrap()).unwrap();
        assert_eq!(loss.shape(), shape![2, 1]);
        let got = Session::new(&g).unwrap().run(&loss).unwrap();
        assert_eq!(got.slice::<f32>().unwrap(), [0.407_605_95, 51.0]);
    }

    #[test]
    fn shapes_known_in_the_run_are_checked_there() {
        let g = Graph::new();
        let (x, classes) = (
            g.placeholder(DType::F32, Shape::unknown()).unwrap(),
            g.placeholder(DType::I64, Shape::unknown()).unwrap(),
        );
        let loss = x.sparse_softmax_cross_entropy_with_logits(&classes).unwrap();
        let sess = Session::new(&g).unwrap();
        let got = sess.run_with(&loss, feeds! { &x => [1.0f32, 2.0, 3.0], &classes => 2i64 }).unwrap();
        assert_eq!((got.dims(), got.slice::<f32>().unwrap()), (&[][..], &[0.407_605_95f32][..]));
        let error = sess.run_with(&loss, feeds! { &x => [[1.0f32, 2.0, 3.0]], &classes => [2i64, 2] }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CheckFailed, "{error}");
    }

    #[test]
    fn labels_of_another_shape_are_refused() {
        let g = Graph::new();
        let logits = g.placeholder(DType::F32, shape![2, 3]).unwrap();
        let of = |shape: Shape| g.placeholder(DType::I64, shape).unwrap();
        let message = |labels| logits.sparse_softmax_cross_entropy_with_logits(&labels).unwrap_err().to_string();
        assert!(message(of(shape![2, 2])).contains("rank mismatch: rank of labels (received 2)"));
        assert!(
            message(of(shape![4])).contains("the shape of labels (received (4,)) should equal the shape of logits")
        );
    }
}
