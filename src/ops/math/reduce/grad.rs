//! The gradients of reductions.

use super::{Reduce, Reduction};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{GradCx, Tensor};
use crate::ops::array::{concat, dynamic_stitch, range_of};
use crate::ops::math::Running;
use crate::sizes;

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
        Reduction::Prod => (others(&x, &axes)? * dy)?,
        Reduction::All | Reduction::Any => return Ok(vec![None, None]),
    };
    Ok(vec![Some(dx), None])
}

/// For each element the product of all others that it is multiplied with, without a division, so that zeros do no harm:
/// of those before it and those behind it, where the reduced axes are one axis in front.
fn others(x: &Tensor, axes: &Tensor) -> Result<Tensor> {
    let (g, sizes, rank) = (x.graph(), x.shape_tensor()?, x.rank_tensor()?);
    let reduced = ((axes.cast(DType::I32)?.reshape([-1])? + &rank)? % &rank)?;
    let kept = range_of(g, 0, rank)?.setdiff1d(&reduced)?.0;
    let order = concat(&[&reduced, &kept], 0)?;
    let turned = x.transpose(&order)?;
    let n = sizes.gather(&reduced)?.reduce_prod(())?;
    let rows = turned.reshape(sizes![&n, -1])?;
    let running = |reverse| rows.cumprod(0, Running { exclusive: true, reverse });
    let both = (running(false)?.conj()? * running(true)?.conj()?)?;
    both.reshape(turned.shape_tensor())?.transpose(order.invert_permutation())
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
