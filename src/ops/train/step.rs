//! A step of an optimizer: where the elements lie that its rule changes.

use half::f16;
use num_traits::Float;
use smallvec::SmallVec;

use super::rules::Rule;
use crate::cancel::Pace;
use crate::error::Result;
use crate::kernel::Number;
use crate::kernel::number::{bytes_of, bytes_of_mut, of_bytes, of_bytes_mut};
use crate::kernel::widen::Widen;

/// The elements of the variables, as bytes.
pub(super) type Vars<'a> = SmallVec<[&'a mut [u8]; 4]>;

/// A rule with its scalars, and how elements become those that it computes in, if they are others.
pub(super) struct Step<A> {
    pub rule: Rule,
    pub scalars: SmallVec<[A; 8]>,
    pub widen: Option<Widen>,
}

/// Elements between two looks at the pace.
const PART: usize = 1 << 12;

/// Halves that are computed at once.
const TILE: usize = 1 << 8;

impl<A: Number + Float> Step<A> {
    /// Changes all elements; with `rows`, row `i` of the gradient belongs to row `rows[i]` of the variables.
    pub(super) fn run(
        &self,
        vars: &mut [&mut [u8]],
        grad: &[u8],
        rows: Option<&[usize]>,
        pace: &mut Pace<'_>,
    ) -> Result<()> {
        let Some(rows) = rows else { return self.part(vars, 0, grad, pace) };
        let width = grad.len().checked_div(rows.len()).unwrap_or(0);
        for (i, row) in rows.iter().enumerate() {
            self.part(vars, row * width, &grad[i * width..(i + 1) * width], pace)?;
        }
        Ok(())
    }

    /// Changes elements that begin `from` bytes into the variables.
    fn part(&self, vars: &mut [&mut [u8]], from: usize, grad: &[u8], pace: &mut Pace<'_>) -> Result<()> {
        let size = self.widen.map_or(size_of::<A>(), |_| size_of::<f16>());
        for (i, grad) in grad.chunks(PART * size).enumerate() {
            pace.spend(8 * (1 + grad.len() / size))?;
            let at = from + i * PART * size;
            let mut cells: Vars<'_> = SmallVec::new();
            for var in vars.iter_mut() {
                cells.push(&mut var[at..at + grad.len()]);
            }
            match &self.widen {
                Some(widen) => self.tiles(widen, &mut cells, grad)?,
                None => self.cells(&mut cells, of_bytes(grad))?,
            }
        }
        Ok(())
    }

    fn cells(&self, vars: &mut [&mut [u8]], grad: &[A]) -> Result<()> {
        let mut cells: SmallVec<[&mut [A]; 4]> = SmallVec::new();
        for var in vars {
            cells.push(of_bytes_mut(var));
        }
        self.rule.run(&self.scalars, &mut cells, grad)
    }

    /// As [`Step::cells`], for halves: each is rounded once a step.
    fn tiles(&self, widen: &Widen, vars: &mut [&mut [u8]], grad: &[u8]) -> Result<()> {
        let narrow = size_of::<f16>();
        let (mut wide, mut wide_grad) = ([[A::ZERO; TILE]; 4], [A::ZERO; TILE]);
        for (i, grad) in grad.chunks(TILE * narrow).enumerate() {
            let n = grad.len() / narrow;
            let at = i * TILE * narrow..i * TILE * narrow + grad.len();
            widen.load(grad, bytes_of_mut(&mut wide_grad[..n]));
            let mut cells: SmallVec<[&mut [A]; 4]> = SmallVec::new();
            for (var, wide) in vars.iter().zip(&mut wide) {
                widen.load(&var[at.clone()], bytes_of_mut(&mut wide[..n]));
                cells.push(&mut wide[..n]);
            }
            self.rule.run(&self.scalars, &mut cells, &wide_grad[..n])?;
            drop(cells);
            for (var, wide) in vars.iter_mut().zip(&wide) {
                widen.store(bytes_of(&wide[..n]), &mut var[at.clone()]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;
    use crate::DType;
    use crate::cancel::Limits;

    /// By hand: two steps on rows, the second on the same row.
    #[test]
    fn rows_that_come_twice_are_changed_twice() {
        let (mut var, mut accum, grad) = ([1.0f32, 2.0], [0.0f32, 0.0], [1.0f32, 1.0]);
        let mut vars = [bytes_of_mut(&mut var), bytes_of_mut(&mut accum)];
        let (limits, rule) = (Limits::default(), Rule::Momentum { use_nesterov: false });
        let step = Step { rule, scalars: SmallVec::from_slice(&[0.5f32, 0.5]), widen: None };
        step.run(&mut vars, bytes_of(&grad), Some(&[1, 1]), &mut Pace::new(&limits)).unwrap();
        assert_eq!((var, accum), ([1.0, 0.75], [0.0, 1.5]));
    }

    /// Against float32 and one rounding a step, over more than a tile.
    #[test]
    fn halves_are_rounded_once_a_step() {
        let numbers = |scale: f32| (0..600).map(|i| bf16::from_f32((i % 97) as f32 * scale - 3.0)).collect::<Vec<_>>();
        let (mut var, mut accum, grad) = (numbers(0.1), numbers(0.2), numbers(0.3));
        let (old_var, old_accum) = (var.clone(), accum.clone());
        let mut vars = [bytes_of_mut(&mut var), bytes_of_mut(&mut accum)];
        let (limits, rule) = (Limits::default(), Rule::Momentum { use_nesterov: true });
        let step = Step { rule, scalars: SmallVec::from_slice(&[0.1f32, 0.9]), widen: Widen::of(DType::BF16) };
        step.run(&mut vars, bytes_of(&grad), None, &mut Pace::new(&limits)).unwrap();
        for i in 0..600 {
            let g = grad[i].to_f32();
            let new = old_accum[i].to_f32() * 0.9 + g;
            assert_eq!(accum[i], bf16::from_f32(new));
            assert_eq!(var[i], bf16::from_f32(old_var[i].to_f32() - (g + new * 0.9) * 0.1));
        }
    }
}
