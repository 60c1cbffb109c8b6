//! The gradient of a function of a file, made by the gradient rules of ops.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::grad::gradients_from;
use crate::graph::{Body, Fact, Tensor};

/// A body that takes the function's arguments and `n_grads` gradients of its results, and gives those of the arguments:
/// zeros where none flows. The function's own nodes become part of it, so nobody else may hold them.
pub(super) fn body(forward: &Body, n_grads: usize) -> Result<Arc<Body>> {
    let g = forward.graph();
    let tensors = |ids: &[_]| ids.iter().map(|id| g.tensor(*id)).collect::<Vec<Tensor>>();
    let results = tensors(forward.results());
    if n_grads != results.len() {
        let n = results.len();
        return Err(Error::invalid(format!("there must be {n} gradients of results, but there are {n_grads}")));
    }
    let mut params = forward.params().to_vec();
    let arguments = params.iter().map(|id| g.operation(*id).output(0)).collect::<Result<Vec<_>>>()?;
    let mut flows = Vec::new();
    for (i, result) in results.iter().enumerate() {
        let fact = Fact::new(result.dtype(), result.shape());
        let flow = g.feed_node(&fact, &format!("grad_{i}").as_str().into())?;
        params.push(flow.id().node);
        flows.push(flow);
    }
    let is_smooth = |tensor: &Tensor| tensor.dtype().is_floating() || tensor.dtype().is_complex();
    let (ys, grads): (Vec<&Tensor>, Vec<Option<&Tensor>>) =
        results.iter().zip(&flows).filter(|(y, _)| is_smooth(y)).map(|(y, flow)| (y, Some(flow))).unzip();
    let xs: Vec<&Tensor> = arguments.iter().filter(|x| is_smooth(x)).collect();
    let mut found = gradients_from(&ys, &xs, &grads)?.into_iter();
    let mut gradient = |x: &Tensor| match is_smooth(x).then(|| found.next().flatten()).flatten() {
        // It has the argument's shape, also where the rules could not tell.
        Some(gradient) => Ok(gradient.reshape(x.shape_tensor())?.id()),
        None => Ok(x.zeros_like()?.id()),
    };
    let results = arguments.iter().map(&mut gradient).collect::<Result<Vec<_>>>()?;
    Body::new(g.clone(), params, results, Vec::new())
}
