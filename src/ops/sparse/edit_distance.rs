//! `EditDistance`: how many insertions, deletions and substitutions lie between sequences.

use std::sync::Arc;

use super::coo::{Coo, as_dims, infer_coo, place};
use crate::cancel::Pace;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::ops::array::cells::{Cell, cells, with_cells};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec};

/// Two sparse tensors, whose last axis holds sequences, give the distances of these: `(a, .., n), (b, .., m) ->
/// (max(a, b), ..)`, float32.
#[derive(Debug, Clone, Copy)]
pub struct EditDistance {
    /// Whether distances are divided by the lengths of the true sequences.
    pub normalize: bool,
}

/// The row of [`EditDistance`].
pub static EDIT_DISTANCE: OpKind = OpKind::new(
    "EditDistance",
    "hypothesis_indices: int64, hypothesis_values: T, hypothesis_shape: int64, truth_indices: int64, truth_values: T, \
     truth_shape: int64 -> output: float32",
    |attrs: &Attrs| Ok(Arc::new(EditDistance { normalize: attrs.bool_or("normalize", true)? })),
    || {
        let guess = [[[0i64, 0], [1, 0], [1, 1]].into_value(), ["a", "b", "c"].into_value(), [2i64, 2].into_value()];
        let truth = [[[0i64, 0], [0, 1], [1, 0]].into_value(), ["a", "c", "b"].into_value(), [3i64, 2].into_value()];
        let inputs = || guess.clone().into_iter().chain(truth.clone());
        [true, false].map(|normalize| Example::new(EditDistance { normalize }, inputs())).into()
    },
)
.not_differentiable("how many changes there are does not move smoothly");

impl Op for EditDistance {
    fn kind(&self) -> &'static OpKind {
        &EDIT_DISTANCE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let rank = infer_coo(cx, [0, 1, 2])?[1].merge(&infer_coo(cx, [3, 4, 5])?[1])?;
        let shape = match (cx.sizes(2), cx.sizes(5), rank.known()) {
            (_, _, Some(0)) => return Err(Error::shape("sequences need an axis, but the rank is 0")),
            (Some(guess), Some(truth), Some(rank)) => {
                let larger = |(a, b): (&Dim, &Dim)| {
                    a.as_i64().zip(b.as_i64()).map_or_else(Dim::unknown, |(a, b)| Dim::constant(a.max(b)))
                };
                Shape::from(guess.iter().zip(truth.iter()).take(rank - 1).map(larger).collect::<Vec<_>>())
            }
            (_, _, Some(rank)) => Shape::unknown_of_rank(rank - 1),
            _ => Shape::unknown(),
        };
        cx.output(DType::F32, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (guess, truth) = (Coo::of(cx, [0, 1, 2])?, Coo::of(cx, [3, 4, 5])?);
        let (Some(axes), true) = (guess.rank().checked_sub(1), guess.rank() == truth.rank()) else {
            let (a, b) = (guess.shape, truth.shape);
            return Err(Error::shape(format!(
                "sequences must be of one rank above 0, but have shapes {a:?} and {b:?}"
            )));
        };
        let mut pace = cx.pace();
        for coo in [guess, truth] {
            coo.check_bounds(&mut pace)?;
            coo.check_order(true, &mut pace)?;
        }
        let sizes: Vec<i64> = guess.shape.iter().zip(truth.shape).take(axes).map(|(a, b)| *a.max(b)).collect();
        let dims = as_dims(&sizes)?;
        let mut out = cx.alloc_zeros(DType::F32, &dims)?;
        let distances = out.make_mut::<f32>()?;
        let (guesses, truths) = (groups(cx, &guess, &dims)?, groups(cx, &truth, &dims)?);
        with_cells!(cx.input(1).dtype(), E => {
            let (a, b) = (cells::<E>(cx.input(1))?, cells::<E>(cx.input(4))?);
            for (place, guess, truth) in joined(guesses, truths) {
                distances[place] = self.of(cx, &mut pace, &a[guess], &b[truth])?;
            }
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("normalize", AttrValue::Bool(self.normalize))]
    }
}

impl EditDistance {
    fn of<E: Cell>(&self, cx: &RunCx<'_>, pace: &mut Pace<'_>, guess: &[E], truth: &[E]) -> Result<f32> {
        let distance = levenshtein(cx, pace, guess, truth)? as f32;
        Ok(if self.normalize { distance / truth.len() as f32 } else { distance })
    }
}

type Range = std::ops::Range<usize>;

/// Which values belong to each sequence, by its place, in order.
fn groups(cx: &RunCx<'_>, coo: &Coo<'_>, dims: &[usize]) -> Result<ScratchVec<(usize, Range)>> {
    let (mut groups, mut pace) = (cx.list::<(usize, Range)>(0)?, cx.pace());
    for (i, row) in coo.rows().enumerate() {
        pace.spend(1 + row.len())?;
        let at = place(&row[..dims.len()], dims);
        match groups.last_mut() {
            Some((last, range)) if *last == at => range.end = i + 1,
            _ => groups.push((at, i..i + 1))?,
        }
    }
    Ok(groups)
}

/// The sequences of both sides side by side; one that is missing is empty.
fn joined(a: ScratchVec<(usize, Range)>, b: ScratchVec<(usize, Range)>) -> impl Iterator<Item = (usize, Range, Range)> {
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    std::iter::from_fn(move || {
        let at = a.peek().into_iter().chain(b.peek()).map(|(at, _)| *at).min()?;
        let left = a.next_if(|(place, _)| *place == at).map_or(0..0, |(_, range)| range);
        let right = b.next_if(|(place, _)| *place == at).map_or(0..0, |(_, range)| range);
        Some((at, left, right))
    })
}

/// The distance of two sequences, by one row of the table of distances of all their beginnings.
fn levenshtein<E: PartialEq>(cx: &RunCx<'_>, pace: &mut Pace<'_>, a: &[E], b: &[E]) -> Result<usize> {
    let mut row = cx.collect(0..=b.len())?;
    for (i, x) in a.iter().enumerate() {
        pace.spend(4 * row.len())?;
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    Ok(row[b.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_err, infer_ok, run_op, sparse_column};
    use crate::value::Value;

    #[test]
    fn the_last_axis_goes() {
        let op = EditDistance { normalize: true };
        infer_ok(&op, "int64(?,3);(?);int64(3);int64(?,?);(?);int64(?)", "(?,?)");
        infer_err(&op, "int64(?,3);(?);int64(3);int64(?,2);(?);int64(2)", "must be equal");
    }

    /// By hand: "kitten" and "sitting" are three changes apart; what is missing on one side is all changes.
    #[test]
    fn distances_are_those_of_levenshtein() {
        let letters = |rows: &[&str], n: i64| {
            let at =
                rows.iter().enumerate().flat_map(|(i, row)| (0..row.len()).flat_map(move |j| [i as i64, j as i64]));
            let at: Vec<i64> = at.collect();
            let values: Vec<u8> = rows.concat().into_bytes();
            let indices = Value::from_vec(&[values.len(), 2], at).unwrap();
            [indices, Value::from_vec(&[values.len()], values).unwrap(), [n, 7].into_value()]
        };
        let inputs = [letters(&["kitten", "ab", ""], 4), letters(&["sitting", "", "abc"], 3)].concat();
        let run = |normalize| run_op(EditDistance { normalize }, &inputs).unwrap()[0].slice::<f32>().unwrap().to_vec();
        assert_eq!(run(false), [3.0, 2.0, 3.0, 0.0]);
        assert_eq!(run(true), [3.0 / 7.0, f32::INFINITY, 1.0, 0.0]);
    }

    #[test]
    fn long_sequences_end_with_their_run() {
        let [indices, values, shape] = sparse_column(1 << 12);
        let transposed = |value: Value| {
            let mut pairs = value.slice::<i64>().unwrap().to_vec();
            pairs.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
            Value::from_vec(value.dims(), pairs).unwrap()
        };
        let [_, shape] =
            [0, 1].map(|_| [shape.slice::<i64>().unwrap()[1], shape.slice::<i64>().unwrap()[0]].into_value());
        let side = [transposed(indices), values, shape];
        ends_early(&EditDistance { normalize: false }, &[side.clone(), side].concat(), 1 << 13);
    }
}
