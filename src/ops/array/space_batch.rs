//! `SpaceToBatchND`, `BatchToSpaceND` and their older forms: blocks of space become elements of the batch, and back.

use std::sync::Arc;

use smallvec::SmallVec;

use super::cells::{Cell, cells, cells_mut, copy_cells, fill_slice, with_cells};
use super::into_sizes::{IntoSizes, check_index};
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::shape::{Dim, Dims, Shape, element_count};
use crate::value::{IntoValue, Value};

/// Blocks of the axes after the first become elements of the first, after zeros were put around them:
/// `(b, s.., r..), block, paddings -> (b * prod(block), (s + paddings) / block.., r..)`. Or back, and then borders are
/// cut off: `(b, s.., r..), block, crops -> (b / prod(block), s * block - crops.., r..)`.
#[derive(Debug, Clone)]
pub struct SpaceBatch {
    /// Space to batch, not back.
    pub to_batch: bool,
    /// The block of two axes, where it is an attribute and no input.
    pub block_size: Option<i64>,
}

macro_rules! rows {
    ($($row:ident $name:literal $signature:literal $to_batch:literal $has_size:literal;)*) => { $(
        #[doc = concat!("The row of `", $name, "`.")]
        pub static $row: OpKind = OpKind::new(
            $name,
            $signature,
            |attrs: &Attrs| {
                let block_size = if $has_size { Some(block_size(attrs)?) } else { None };
                Ok(Arc::new(SpaceBatch { to_batch: $to_batch, block_size }) as Arc<dyn Op>)
            },
            || examples($to_batch, $has_size),
        );
    )* };
}
rows! {
    SPACE_TO_BATCH_ND "SpaceToBatchND" "input: T, block_shape: Tblock_shape, paddings: Tpaddings -> output: T" true false;
    BATCH_TO_SPACE_ND "BatchToSpaceND" "input: T, block_shape: Tblock_shape, crops: Tcrops -> output: T" false false;
    SPACE_TO_BATCH "SpaceToBatch" "input: T, paddings: Tpaddings -> output: T" true true;
    BATCH_TO_SPACE "BatchToSpace" "input: T, crops: Tidx -> output: T" false true;
}

fn block_size(attrs: &Attrs) -> Result<i64> {
    match attrs.int("block_size")? {
        n if n < 2 => Err(Error::invalid(format!("block size should be > 1: {n}"))),
        n => Ok(n),
    }
}

fn examples(to_batch: bool, has_size: bool) -> Vec<Example> {
    let op = |block_size| SpaceBatch { to_batch, block_size };
    let image = Value::from_vec(&[if to_batch { 1 } else { 4 }, 2, 2, 1], (0..if to_batch { 4 } else { 16 }).collect());
    let image = image.expect("the elements are as many");
    let pads = || [[0i32, 0], [1, 1]].into_value();
    if has_size {
        return vec![Example::new(op(Some(2)), [image, pads()])];
    }
    vec![
        Example::new(op(None), [image.clone(), [2i32, 2].into_value(), pads()]),
        Example::new(op(None), [image, [1i64, 2].into_value(), [[0i64, 0], [0, 2]].into_value()]),
        Example::new(op(None), [[["a"], ["b"]].into_value(), [1i32].into_value(), [[0i32, 0]].into_value()]),
    ]
}

impl Tensor {
    /// Blocks of the axes after the first become elements of the first, after `paddings[i]` zeros were put before and
    /// after the `i`-th of these axes: `(b, s.., r..) -> (b * prod(block), (s + paddings) / block.., r..)`.
    ///
    /// # Errors
    /// `InvalidArgument` where a padded size is no multiple of its block; `ShapeMismatch` for too many axes.
    ///
    /// Source: TensorFlow's `SpaceToBatchND`.
    #[doc(alias = "tf.space_to_batch_nd")]
    #[track_caller]
    pub fn space_to_batch(&self, block: impl IntoSizes, paddings: &[[i32; 2]]) -> Result<Tensor> {
        self.space_batch(true, block, "paddings", paddings)
    }

    /// Elements of the first axis become blocks of those after it, and `crops[i]` elements are cut off before and after
    /// the `i`-th of these: the inverse of [`Tensor::space_to_batch`].
    ///
    /// # Errors
    /// `InvalidArgument` where the first size is no multiple of the blocks, or more is cut off than there is.
    ///
    /// Source: TensorFlow's `BatchToSpaceND`.
    #[doc(alias = "tf.batch_to_space_nd")]
    #[track_caller]
    pub fn batch_to_space(&self, block: impl IntoSizes, crops: &[[i32; 2]]) -> Result<Tensor> {
        self.space_batch(false, block, "crops", crops)
    }

    #[track_caller]
    fn space_batch(&self, to_batch: bool, block: impl IntoSizes, name: &str, borders: &[[i32; 2]]) -> Result<Tensor> {
        let g = self.graph();
        let op = SpaceBatch { to_batch, block_size: None };
        g.composite(op.kind().name, |scope| {
            let block = block.sizes(g, "block_shape")?;
            let borders = g.named(name, || g.constant(borders))?;
            g.named(scope, || g.apply_one(op, &[self, &block, &borders]))
        })
    }
}

impl SpaceBatch {
    /// The input of the borders.
    fn borders_at(&self) -> usize {
        if self.block_size.is_some() { 1 } else { 2 }
    }

    fn border_name(&self) -> &'static str {
        if self.to_batch { "paddings" } else { "crops" }
    }

    fn check_borders(&self, block: &[i64], borders: &[i64]) -> Result<()> {
        let name = self.border_name();
        if borders.len() != block.len() * 2 {
            let (n, pairs) = (block.len(), borders.len() / 2);
            return Err(Error::shape(format!("{name} should have shape [{n}, 2], but has {pairs} rows")));
        }
        match borders.iter().find(|n| **n < 0) {
            Some(n) => Err(Error::invalid(format!("{name} cannot be negative, but one is {n}"))),
            None => Ok(()),
        }
    }

    /// A size of the result, of one axis.
    fn dim(&self, dim: &Dim, block: i64, border: &[i64]) -> Result<Dim> {
        let (border, block) = (Dim::constant(border[0].saturating_add(border[1])), Dim::constant(block));
        if self.to_batch {
            return exact_div(&(dim + &border), &block, "padded_shape");
        }
        let cropped = dim * &block - &border;
        match cropped.as_i64().filter(|n| *n < 0) {
            Some(n) => Err(Error::invalid(format!("cropped_shape must be non-negative, but is {n}"))),
            None => Ok(cropped),
        }
    }

    fn batch(&self, batch: &Dim, block: &[i64]) -> Result<Dim> {
        let all = Dim::constant(block.iter().fold(1, |all: i64, n| all.saturating_mul(*n)));
        if self.to_batch { Ok(batch * &all) } else { exact_div(batch, &all, "batch") }
    }
}

fn check_block(block: &[i64]) -> Result<()> {
    match block.iter().find(|n| **n < 1) {
        Some(n) => Err(Error::invalid(format!("all values in block_shape must be positive, got value, {n}"))),
        None => Ok(()),
    }
}

fn exact_div(dim: &Dim, by: &Dim, what: &str) -> Result<Dim> {
    match (dim.as_i64(), by.as_i64()) {
        (Some(n), Some(by)) if n % by != 0 => {
            Err(Error::invalid(format!("{what} dimension size must be evenly divided by {by}, but is {n}")))
        }
        _ => Ok(dim.floor_div(by)),
    }
}

impl Op for SpaceBatch {
    fn kind(&self) -> &'static OpKind {
        match (self.to_batch, self.block_size.is_some()) {
            (true, false) => &SPACE_TO_BATCH_ND,
            (false, false) => &BATCH_TO_SPACE_ND,
            (true, true) => &SPACE_TO_BATCH,
            (false, true) => &BATCH_TO_SPACE,
        }
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let at = self.borders_at();
        (1..=at).try_for_each(|i| check_index(self.border_name(), cx.dtype(i)))?;
        cx.shape(at).with_rank(2)?.with_dim(1, &Dim::from(2))?;
        let (block, n_block) = match self.block_size {
            Some(n) => (Some(vec![n, n]), Some(2)),
            None => (cx.ints(1), cx.shape(1).with_rank(1)?.dim(0).known()),
        };
        let input = if self.block_size.is_some() { cx.shape(0).with_rank(4)? } else { cx.shape(0).clone() };
        let input = input.with_rank_at_least(n_block.unwrap_or(0) + 1)?;
        if let Some(n) = n_block {
            cx.shape(at).with_dim(0, &Dim::from(n))?;
        }
        let Some(dims) = input.dims() else {
            cx.output(cx.dtype(0), Shape::unknown());
            return Ok(());
        };
        let mut out: Vec<Dim> = (0..dims.len()).map(|_| Dim::unknown()).collect();
        if let Some(n) = n_block {
            out[n + 1..].clone_from_slice(&dims[n + 1..]);
        }
        if let Some(block) = &block {
            check_block(block)?;
            out[0] = self.batch(&dims[0], block)?;
            if let Some(borders) = cx.ints(at) {
                self.check_borders(block, &borders)?;
                for (i, (block, border)) in block.iter().zip(borders.chunks(2)).enumerate() {
                    out[i + 1] = self.dim(&dims[i + 1], *block, border)?;
                }
            }
        }
        cx.output(cx.dtype(0), Shape::from(out));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (input, at) = (cx.input(0), self.borders_at());
        let block = self.block_size.map_or_else(|| cx.ints(cx.input(1)), |n| cx.collect([n, n]))?;
        let borders = cx.ints(cx.input(at))?;
        check_block(&block)?;
        self.check_borders(&block, &borders)?;
        let n = block.len();
        if input.rank() <= n {
            return Err(Error::shape(format!("input rank should be >= {} instead of {}", n + 1, input.rank())));
        }
        let mut dims = Dims::from_slice(input.dims());
        dims[0] = self.batch(&Dim::from(dims[0]), &block)?.computed()?;
        for (i, (block, border)) in block.iter().zip(borders.chunks(2)).enumerate() {
            dims[i + 1] = self.dim(&Dim::from(dims[i + 1]), *block, border)?.computed()?;
        }
        element_count(&dims)?;
        let mut out = cx.alloc(input.dtype(), &dims)?;
        let (space, batch) = if self.to_batch { (input.dims(), &dims[..]) } else { (&dims[..], input.dims()) };
        let plan = Plan { space: &space[..n + 1], batch: &batch[..n + 1], block: &block, borders: &borders };
        let inner: usize = dims[n + 1..].iter().product();
        let zero = Value::zeros(input.dtype(), &[])?;
        with_cells!(input.dtype(), E => {
            let zero = &cells::<E>(&zero)?[0];
            exchange::<E>(cx, &plan, self.to_batch, inner, cells(input)?, cells_mut(&mut out)?, zero)?;
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.block_size.map(|n| ("block_size", AttrValue::Int(n))).into_iter().collect()
    }
}

/// What is done with a place in space, if there is one, and the place in the batch that it is exchanged with.
type Visit<'a> = dyn FnMut(Option<usize>, usize) -> Result<()> + 'a;

/// How a tensor in space lies in one in the batch: leading sizes of both, the blocks, and the borders around space.
struct Plan<'a> {
    space: &'a [usize],
    batch: &'a [usize],
    block: &'a [i64],
    borders: &'a [i64],
}

impl Plan<'_> {
    /// Calls `f` with the place in space, if it is not in a border, and the place in the batch of every element.
    fn for_places(&self, f: &mut Visit<'_>) -> Result<()> {
        let n_space = self.space[0];
        for row in 0..self.batch[0] {
            let mut offsets = SmallVec::<[i64; 4]>::from_elem(0, self.block.len());
            let mut rest = (row / n_space.max(1)) as i64;
            for (offset, block) in offsets.iter_mut().zip(self.block).rev() {
                *offset = rest % block;
                rest /= block;
            }
            self.walk(0, &offsets, (Some(row % n_space.max(1)), row), f)?;
        }
        Ok(())
    }

    fn walk(&self, axis: usize, offsets: &[i64], at: (Option<usize>, usize), f: &mut Visit<'_>) -> Result<()> {
        if axis == offsets.len() {
            return f(at.0, at.1);
        }
        let (size, n) = (self.space[axis + 1], self.batch[axis + 1]);
        for i in 0..n {
            let place = i as i64 * self.block[axis] + offsets[axis] - self.borders[axis * 2];
            let place = usize::try_from(place).ok().filter(|place| *place < size);
            let in_space = at.0.zip(place).map(|(outer, place)| outer * size + place);
            self.walk(axis + 1, offsets, (in_space, at.1 * n + i), f)?;
        }
        Ok(())
    }
}

fn exchange<E: Cell>(
    cx: &RunCx<'_>,
    plan: &Plan<'_>,
    to_batch: bool,
    inner: usize,
    from: &[E],
    out: &mut [E],
    zero: &E,
) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let mut pace = cx.pace();
    plan.for_places(&mut |in_space, in_batch| {
        pace.spend(8)?;
        let batch = in_batch * inner..(in_batch + 1) * inner;
        let space = in_space.map(|at| at * inner..(at + 1) * inner);
        match (to_batch, space) {
            (true, Some(space)) => copy_cells(&mut pace, &from[space], &mut out[batch]),
            (true, None) => fill_slice(&mut pace, &mut out[batch], zero),
            (false, Some(space)) => copy_cells(&mut pace, &from[batch], &mut out[space]),
            (false, None) => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    const TO_BATCH: SpaceBatch = SpaceBatch { to_batch: true, block_size: None };
    const TO_SPACE: SpaceBatch = SpaceBatch { to_batch: false, block_size: None };

    /// By hand: the elements of a block, one after the other.
    #[test]
    fn blocks_become_the_batch_and_back() {
        let x = Value::from_vec(&[1, 2, 4], (1..9).collect::<Vec<i32>>()).unwrap();
        let (block, none) = ([1i32, 2].into_value(), [[0i32, 0], [0, 0]].into_value());
        let y = run_op(TO_BATCH, &[x.clone(), block.clone(), none.clone()]).unwrap().remove(0);
        assert_eq!((y.dims(), y.slice::<i32>().unwrap()), (&[2, 2, 2][..], &[1, 3, 5, 7, 2, 4, 6, 8][..]));
        assert!(run_op(TO_SPACE, &[y, block, none]).unwrap()[0].same_bits(&x));
    }

    #[test]
    fn borders_are_put_around_and_cut_off() {
        let x = Value::from_vec(&[1, 3], vec![1i32, 2, 3]).unwrap();
        let y = run_op(TO_BATCH, &[x, [2i32].into_value(), [[2i32, 1]].into_value()]).unwrap().remove(0);
        assert_eq!((y.dims(), y.slice::<i32>().unwrap()), (&[2, 3][..], &[0, 1, 3, 0, 2, 0][..]));
        let back = run_op(TO_SPACE, &[y, [2i32].into_value(), [[3i32, 1]].into_value()]).unwrap().remove(0);
        assert_eq!((back.dims(), back.slice::<i32>().unwrap()), (&[1, 2][..], &[2, 3][..]));
    }

    #[test]
    fn sizes_that_do_not_divide_are_refused() {
        let old = SpaceBatch { to_batch: true, block_size: Some(2) };
        infer_ok(&old, "(?,?,?,3);int32(2,2)", "(?,?,?,3)");
        infer_ok(&TO_BATCH, "(?,4,4,3);int32(1);int32(1,2)", "(?,?,4,3)");
        infer_ok(&TO_BATCH, "(?,4,4,3);int32(?);int32(?,2)", "(?,?,?,?)");
        infer_err(&old, "(1,2,3);int32(2,2)", "shape must be rank 4 but is rank 3");
        let x = Value::from_vec(&[1, 3], vec![1i32, 2, 3]).unwrap();
        let text = |op: SpaceBatch, block: i32, border: [i32; 2]| {
            run_op(op, &[x.clone(), [block].into_value(), [border].into_value()]).unwrap_err().to_string()
        };
        assert!(text(TO_BATCH, 2, [0, 0]).contains("must be evenly divided by 2, but is 3"));
        assert!(text(TO_SPACE, 2, [0, 0]).contains("must be evenly divided by 2, but is 1"));
        assert!(text(TO_SPACE, 1, [2, 2]).contains("must be non-negative, but is -1"));
        assert!(text(TO_BATCH, 0, [0, 0]).contains("must be positive"));
        assert!(text(TO_BATCH, 1, [-1, 1]).contains("cannot be negative"));
    }
}
