//! Which cells of a line, and how much of each, make a cell of a line of another length: the one-dimensional half of
//! every way to resize images.

use crate::cancel::Pace;
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Workspace};
use crate::value::ScratchVec;

/// How a cell is made of its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The nearest one.
    Nearest,
    /// The two around it, by their distance.
    Bilinear,
    /// The four around it, by a cubic.
    Bicubic,
    /// All that lie under it, by what is covered of them.
    Area,
}

/// How the cells of two lines lie over each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grid {
    /// The centers of the first and last cells lie over each other.
    pub align_corners: bool,
    /// The borders lie over each other, and cells have their centers in the middle; else the first cells' centers do.
    pub half_pixel_centers: bool,
}

/// For each of some cells, the cells that it is made of and how much each of them counts.
pub(super) struct Taps {
    all: ScratchVec<(usize, f32)>,
    ends: ScratchVec<usize>,
}

impl Taps {
    /// Of no cells, with room for so many.
    pub(super) fn new(work: Workspace<'_>, n: usize) -> Result<Taps> {
        Ok(Taps { all: work.list(n)?, ends: work.list(n)? })
    }

    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// What cell `i` is made of.
    pub(super) fn of(&self, i: usize) -> &[(usize, f32)] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.all[start..self.ends[i]]
    }

    /// The parts of all cells.
    pub(super) fn all(&self) -> &[(usize, f32)] {
        &self.all
    }

    /// Adds a cell.
    pub(super) fn push(&mut self, taps: impl IntoIterator<Item = (usize, f32)>, pace: &mut Pace<'_>) -> Result<()> {
        for tap in taps {
            pace.spend(8)?;
            self.all.push(tap)?;
        }
        self.ends.push(self.all.len())
    }

    /// Makes the parts of the last cell count 1 in all; of next to nothing no part is left.
    pub(super) fn normalize_last(&mut self) {
        let start = self.ends.iter().rev().nth(1).copied().unwrap_or(0);
        let taps = &mut self.all[start..];
        let sum: f32 = taps.iter().map(|(_, weight)| weight).sum();
        // As in TensorFlow: what sums up to nothing is nothing.
        if sum.abs() < 1000.0 * f32::MIN_POSITIVE {
            self.all.truncate(start);
            if let Some(end) = self.ends.last_mut() {
                *end = start;
            }
            return;
        }
        taps.iter_mut().for_each(|(_, weight)| *weight *= 1.0 / sum);
    }
}

impl Grid {
    /// The attributes of a node; `ResizeArea` has the first only.
    pub(super) fn parse(attrs: &Attrs, method: Method) -> Result<Grid> {
        let half = method != Method::Area && attrs.bool_or("half_pixel_centers", false)?;
        let grid = Grid { align_corners: attrs.bool_or("align_corners", false)?, half_pixel_centers: half };
        if grid.align_corners && grid.half_pixel_centers {
            return Err(crate::Error::invalid("if half_pixel_centers is true, align_corners must be false"));
        }
        Ok(grid)
    }

    /// The attributes for files.
    pub(super) fn attrs(self, method: Method) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = vec![("align_corners", AttrValue::Bool(self.align_corners))];
        if method != Method::Area {
            attrs.push(("half_pixel_centers", AttrValue::Bool(self.half_pixel_centers)));
        }
        attrs
    }

    /// Cells of the source a cell of the target.
    fn scale(self, source: usize, target: usize) -> f32 {
        if self.align_corners && target > 1 {
            (source - 1) as f32 / (target - 1) as f32
        } else {
            source as f32 / target as f32
        }
    }

    /// Where the center of a cell lies in the source.
    fn center(self, i: usize, scale: f32) -> f32 {
        if self.half_pixel_centers { (i as f32 + 0.5) * scale - 0.5 } else { i as f32 * scale }
    }

    /// The nearest cell of the source.
    pub(super) fn nearest(self, i: usize, source: usize, target: usize) -> usize {
        let scale = self.scale(source, target);
        let at = if self.half_pixel_centers { (i as f32 + 0.5) * scale } else { i as f32 * scale };
        let at = if self.align_corners { at.round() } else { at.floor() };
        (at.max(0.0) as usize).min(source - 1)
    }
}

/// The taps of each cell of a line of `target` cells in one of `source` cells; both are 1 or more.
pub(super) fn taps(work: Workspace<'_>, method: Method, grid: Grid, source: usize, target: usize) -> Result<Taps> {
    let scale = grid.scale(source, target);
    let (mut taps, mut pace) = (Taps::new(work, target)?, work.pace());
    for i in 0..target {
        pace.spend(8)?;
        match method {
            Method::Nearest => taps.push([(grid.nearest(i, source, target), 1.0)], &mut pace)?,
            Method::Bilinear => taps.push(bilinear(grid.center(i, scale), source), &mut pace)?,
            Method::Bicubic => {
                taps.push(bicubic(grid.center(i, scale), source, grid.half_pixel_centers), &mut pace)?;
            }
            Method::Area => taps.push(area(i as f32 * scale, (i + 1) as f32 * scale, scale, source), &mut pace)?,
        }
    }
    Ok(taps)
}

fn bilinear(center: f32, source: usize) -> [(usize, f32); 2] {
    let below = center.floor();
    let lerp = center - below;
    let low = below.max(0.0) as usize;
    let high = (center.ceil().max(0.0) as usize).min(source - 1);
    [(low.min(source - 1), 1.0 - lerp), (high, lerp)]
}

/// Steps of the table that TensorFlow rounds distances to.
const TABLE: f32 = 1024.0;

/// The cubic has its negative lobes at `a`: Keys' -0.5, where cells past the border weigh nothing, or TensorFlow's first
/// -0.75, where the border repeats.
fn bicubic(center: f32, source: usize, is_keys: bool) -> [(usize, f32); 4] {
    let a: f64 = if is_keys { -0.5 } else { -0.75 };
    let below = center.floor();
    let offset = ((center - below) * TABLE).round_ties_even() / TABLE;
    let near = |x: f32| {
        let x = f64::from(x);
        (((a + 2.0) * x - (a + 3.0)) * x * x + 1.0) as f32
    };
    let far = |x: f32| {
        let x = f64::from(x + 1.0);
        (((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a) as f32
    };
    let weights = [far(offset), near(offset), near(1.0 - offset), far(1.0 - offset)];
    let mut taps: [(usize, f32); 4] = std::array::from_fn(|i| {
        let at = below as i64 + i as i64 - 1;
        let inside = at.clamp(0, source as i64 - 1);
        (inside as usize, if is_keys && inside != at { 0.0 } else { weights[i] })
    });
    let sum: f32 = taps.iter().map(|(_, weight)| weight).sum();
    if is_keys && sum.abs() >= 1000.0 * f32::MIN_POSITIVE {
        taps.iter_mut().for_each(|(_, weight)| *weight /= sum);
    }
    taps
}

fn area(from: f32, to: f32, scale: f32, source: usize) -> impl Iterator<Item = (usize, f32)> {
    let cells = from.floor() as usize..to.ceil() as usize;
    let covered = move |i: usize| {
        let (left, right) = (i as f32, (i + 1) as f32);
        match (left < from, right > to) {
            (true, true) => scale,
            (true, false) => right - from,
            (false, true) => to - left,
            (false, false) => 1.0,
        }
    };
    cells.map(move |i| (i.min(source - 1), covered(i) / scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(method: Method, grid: Grid, source: usize, target: usize) -> Vec<Vec<(usize, f32)>> {
        let taps = taps(Workspace::unlimited(), method, grid, source, target).unwrap();
        (0..target).map(|i| taps.of(i).to_vec()).collect()
    }

    /// By hand.
    #[test]
    fn cells_lie_as_the_grid_says() {
        let legacy = Grid::default();
        let corners = Grid { align_corners: true, ..legacy };
        let half = Grid { half_pixel_centers: true, ..legacy };
        assert_eq!(line(Method::Bilinear, legacy, 2, 4)[1], [(0, 0.5), (1, 0.5)]);
        assert_eq!(line(Method::Bilinear, corners, 2, 3)[1], [(0, 0.5), (1, 0.5)]);
        assert_eq!(line(Method::Bilinear, half, 2, 4)[0], [(0, 0.25), (0, 0.75)]);
        assert_eq!(line(Method::Nearest, half, 4, 2), [[(1, 1.0)], [(3, 1.0)]]);
        assert_eq!(line(Method::Nearest, corners, 4, 2), [[(0, 1.0)], [(3, 1.0)]]);
        assert_eq!(line(Method::Area, legacy, 3, 2)[0], [(0, 2.0 / 3.0), (1, 1.0 / 3.0)]);
    }

    #[test]
    fn weights_sum_to_one() {
        for (source, target) in [(1, 5), (5, 1), (3, 7), (7, 3), (4, 4)] {
            for half_pixel_centers in [false, true] {
                let grid = Grid { align_corners: false, half_pixel_centers };
                for method in [Method::Nearest, Method::Bilinear, Method::Bicubic, Method::Area] {
                    for taps in line(method, grid, source, target) {
                        let sum: f32 = taps.iter().map(|(_, weight)| weight).sum();
                        assert!((sum - 1.0).abs() < 1e-5, "{method:?} {source} {target}: {taps:?}");
                    }
                }
            }
        }
    }
}
