//! The gradients of reductions.

use super::{Reduce, Reduction};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{GradCx, Tensor};
use crate::ops::array::{dynamic_stitch, range_of};

pub(super) fn grad(op: &Reduce, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
    let (x, axes) = (cx.input(0), cx.input(1));
    let kept = Kept::of(op, &x, &axes)?;
    let (y, dy) = (kept.tensor(&cx.output(0)?)?, kept.tensor(cx.dy()?)?);
    let dx = match op.how {
        Reduction::Sum => dy.broadcast_to(x.shape_tensor())?,
        Reduction::Mean => {
            let n = x.size_tensor()?.floor_div(y.size_tensor()?.maximum(1)?)?.cast(x.dtype())?;
            (dy.broadcast_to(x.shape_tensor())? / n)?
        }
        // Those that are the largest share what flows.
        Reduction::Max | Reduction::Min => {
            let is_chosen = x.equal(y)?.cast(x.dtype())?;
            let n = is_chosen.reduce_sum_keepdims(&axes)?;
            ((is_chosen / n)? * dy)?
        }
        Reduction::EuclideanNorm => ((x / y)? * dy)?,
        Reduction::Prod => return Err(Error::unsupported("the gradient of a product is not available yet")),
        Reduction::All | Reduction::Any => return Ok(vec![None, None]),
    };
    Ok(vec![Some(dx), None])
}

/// The shape of a result whose axes are kept, for results that have lost them.
struct Kept(Option<Tensor>);

impl Kept {
    fn of(op: &Reduce, x: &Tensor, axes: &Tensor) -> Result<Kept> {
        if op.keep_dims {
            return Ok(Kept(None));
        }
        let (g, sizes, rank) = (x.graph(), x.shape_tensor()?, x.rank_tensor()?);
        let axes = ((axes.cast(DType::I32)? + &rank)? % &rank)?;
        let ones = axes.ones_like()?;
        Ok(Kept(Some(dynamic_stitch(&[&range_of(g, 0, rank)?, &axes], &[&sizes, &ones])?)))
    }

    fn tensor(&self, reduced: &Tensor) -> Result<Tensor> {
        match &self.0 {
            Some(sizes) => reduced.reshape(sizes),
            None => Ok(reduced.clone()),
        }
    }
}
