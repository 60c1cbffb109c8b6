//! `sparse_softmax_cross_entropy_with_logits`: the loss of each row by the number of its right class.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::Tensor;

impl Tensor {
    /// The cross entropy of these logits and one right class a row: `(n, c) x (n) -> (n)`. Floating-point logits, int32
    /// or int64 labels; float16 is computed in float32. The nodes are those of TF1.
    ///
    /// # Errors
    /// `ShapeMismatch` where the labels are no vector of as many rows; `Unsupported` for logits that are not known
    /// to be a matrix. In the run, `InvalidArgument` for a label that is no class.
    ///
    /// Source: TensorFlow's `tf.nn.sparse_softmax_cross_entropy_with_logits`.
    #[doc(alias = "tf.nn.sparse_softmax_cross_entropy_with_logits")]
    #[track_caller]
    pub fn sparse_softmax_cross_entropy_with_logits(&self, labels: &Tensor) -> Result<Tensor> {
        check_shapes(self, labels)?;
        let g = self.graph();
        g.composite("SparseSoftmaxCrossEntropyWithLogits", |scope| {
            let is_half = self.dtype() == DType::F16;
            let logits = if is_half { self.cast(DType::F32)? } else { self.clone() };
            let _ = labels.shape_tensor()?;
            let own_name = scope.trim_end_matches('/').rsplit('/').next().unwrap_or(scope);
            let (loss, _) = g.named(own_name, || logits.sparse_softmax_cross_entropy_raw(labels))?;
            if is_half { loss.cast(DType::F16) } else { Ok(loss) }
        })
    }
}

fn check_shapes(logits: &Tensor, labels: &Tensor) -> Result<()> {
    let (logits, labels) = (logits.shape(), labels.shape());
    let Some(rank) = logits.rank() else {
        return Err(Error::unsupported("the rank of the logits must be known"));
    };
    match labels.rank() {
        _ if rank == 0 => Err(Error::shape("logits cannot be scalars - received shape ()")),
        Some(of_labels) if of_labels + 1 != rank => Err(Error::shape(format!(
            "rank mismatch: rank of labels (received {of_labels}) should equal rank of logits minus 1 (received {rank})"
        ))),
        _ if labels.merge(&logits.slice(..rank - 1)?).is_err() => Err(Error::shape(format!(
            "shape mismatch: the shape of labels (received {labels}) should equal the shape of logits except for the last dimension (received {logits})"
        ))),
        _ if rank != 2 => Err(Error::unsupported(format!("the logits must be a matrix, but have rank {rank}"))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;
    use crate::shape;

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

    #[test]
    fn labels_of_another_shape_are_refused() {
        let g = Graph::new();
        let logits = g.placeholder(DType::F32, shape![2, 3]).unwrap();
        let of = |shape: crate::Shape| g.placeholder(DType::I64, shape).unwrap();
        let message = |labels| logits.sparse_softmax_cross_entropy_with_logits(&labels).unwrap_err().to_string();
        assert!(message(of(shape![2, 2])).contains("rank mismatch: rank of labels (received 2)"));
        assert!(
            message(of(shape![4])).contains("the shape of labels (received (4,)) should equal the shape of logits")
        );
    }
}
