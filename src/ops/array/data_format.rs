//! `DataFormatDimMap` and `DataFormatVecPermute`: axes and sizes of one layout of images in another.

use std::sync::Arc;

use super::cells::{cells, cells_mut, with_cells};
use super::into_sizes::check_index;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::{IntoValue, Value};
use crate::with_type;

/// Axes a chunk: about 100 us of looking them up.
const PART: usize = 1 << 16;

/// Which axis of one layout is which of another. Negative axes count from the back; the answers do not.
#[derive(Debug, Clone)]
pub struct DataFormatDimMap {
    /// The layouts.
    pub formats: Formats,
}

/// A vector with an element an axis, or a matrix with a row an axis, in the order of another layout. Without batch and
/// channels where it has two elements less.
#[derive(Debug, Clone)]
pub struct DataFormatVecPermute {
    /// The layouts.
    pub formats: Formats,
}

/// The layout that is, and the one that is to be: letters, one an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formats {
    /// Such as `NHWC`.
    pub src: String,
    /// Such as `NCHW`.
    pub dst: String,
}

/// The row of [`DataFormatDimMap`].
pub static DATA_FORMAT_DIM_MAP: OpKind = OpKind::new(
    "DataFormatDimMap",
    "x: T -> y: T",
    |attrs: &Attrs| Ok(Arc::new(DataFormatDimMap { formats: Formats::parse(attrs)? }) as Arc<dyn Op>),
    || {
        let op = |src, dst| DataFormatDimMap { formats: Formats::new(src, dst) };
        vec![
            Example::new(op("NHWC", "NCHW"), [[[0i32, 1], [-1, -4]].into_value()]),
            Example::new(op("NDHWC", "NCDHW"), [4i64.into_value()]),
        ]
    },
)
.not_differentiable("axes are no smooth function of axes");

/// The row of [`DataFormatVecPermute`].
pub static DATA_FORMAT_VEC_PERMUTE: OpKind = OpKind::new(
    "DataFormatVecPermute",
    "x: T -> y: T",
    |attrs: &Attrs| Ok(Arc::new(DataFormatVecPermute { formats: Formats::parse(attrs)? }) as Arc<dyn Op>),
    || {
        let op = || DataFormatVecPermute { formats: Formats::new("NHWC", "NCWH") };
        vec![
            Example::new(op(), [[7i32, 4, 9, 3].into_value()]),
            Example::new(op(), [[7i64, 4].into_value()]),
            Example::new(op(), [[[7i32, 4], [9, 3]].into_value()]),
        ]
    },
)
.not_differentiable("sizes are no smooth function of sizes");

impl Formats {
    fn new(src: &str, dst: &str) -> Formats {
        Formats { src: src.into(), dst: dst.into() }
    }

    fn parse(attrs: &Attrs) -> Result<Formats> {
        let formats = Formats { src: attrs.str_or("src_format", "NHWC")?, dst: attrs.str_or("dst_format", "NCHW")? };
        let sorted = |text: &str| {
            let mut letters: Vec<char> = text.chars().collect();
            letters.sort_unstable();
            letters
        };
        let letters = sorted(&formats.src);
        if !matches!(letters.len(), 4 | 5)
            || letters != sorted(&formats.dst)
            || letters.windows(2).any(|two| two[0] == two[1])
        {
            let (src, dst) = (escape(&formats.src), escape(&formats.dst));
            return Err(Error::invalid(format!(
                "the formats must be 4 or 5 letters in two orders, but are {src} and {dst}"
            )));
        }
        Ok(formats)
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let text = |text: &str| AttrValue::Str(text.as_bytes().to_vec());
        vec![("src_format", text(&self.src)), ("dst_format", text(&self.dst))]
    }

    /// The place in the target of each axis, of all or of those of space only.
    fn map(&self, only_space: bool) -> Vec<usize> {
        let letters = if self.src.len() == 4 { "HW" } else { "DHW" };
        let keep = |c: &char| !only_space || letters.contains(*c);
        let dst: Vec<char> = self.dst.chars().filter(keep).collect();
        self.src.chars().filter(keep).filter_map(|c| dst.iter().position(|other| *other == c)).collect()
    }
}

impl Op for DataFormatDimMap {
    fn kind(&self) -> &'static OpKind {
        &DATA_FORMAT_DIM_MAP
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("x", cx.dtype(0))?;
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let map = self.formats.map(false);
        let rank = map.len() as i64;
        // Axes out of range wrap, as TensorFlow's do.
        let out = mapped(cx, &|axis| map[axis.rem_euclid(rank) as usize] as i64)?;
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.formats.attrs()
    }
}

impl Op for DataFormatVecPermute {
    fn kind(&self) -> &'static OpKind {
        &DATA_FORMAT_VEC_PERMUTE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_index("x", cx.dtype(0))?;
        let shape = cx.shape(0).with_rank_at_least(1)?.with_rank_at_most(2)?;
        let n = shape.rank().and_then(|_| shape.dim(0).known());
        if let Some(n) = n {
            self.map(n)?;
        }
        if shape.rank() == Some(2) {
            shape.dim(1).known().map_or(Ok(()), check_columns)?;
        }
        let sizes = cx.sizes(0).filter(|_| shape.rank() == Some(1));
        cx.output(cx.dtype(0), &shape);
        if let Some(sizes) = sizes {
            let mut moved = sizes.to_vec();
            self.map(sizes.len())?.into_iter().zip(sizes.iter()).for_each(|(to, size)| moved[to] = size.clone());
            cx.last_output().sizes = Some(moved.into());
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let dims = cx.input(0).dims();
        let (Some(&n), true) = (dims.first(), dims.len() <= 2) else {
            return Err(Error::shape(format!("x must be a vector or a matrix, but has shape {}", Shape::from(dims))));
        };
        dims.get(1).map_or(Ok(()), |columns| check_columns(*columns))?;
        let (map, width) = (self.map(n)?, dims[1..].iter().product::<usize>());
        let mut out = cx.alloc(cx.input(0).dtype(), cx.input(0).dims())?;
        with_cells!(out.dtype(), E => {
            let (from, to) = (cells::<E>(cx.input(0))?, cells_mut::<E>(&mut out)?);
            for (i, row) in map.into_iter().enumerate() {
                to[row * width..(row + 1) * width].clone_from_slice(&from[i * width..(i + 1) * width]);
            }
        });
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        self.formats.attrs()
    }
}

impl DataFormatVecPermute {
    fn map(&self, n: usize) -> Result<Vec<usize>> {
        let all = self.formats.src.chars().count();
        match n {
            n if n == all => Ok(self.formats.map(false)),
            n if n == all - 2 => {
                let space = self.formats.map(true);
                if space.len() == n { Ok(space) } else { Err(Error::invalid("the formats must have letters of space")) }
            }
            _ => Err(Error::shape(format!("x must have {} or {all} rows, but has {n}", all - 2))),
        }
    }
}

/// The rows of a matrix are the two paddings of an axis.
fn check_columns(n: usize) -> Result<()> {
    match n {
        2 => Ok(()),
        _ => Err(Error::shape(format!("x must have 2 columns, but has {n}"))),
    }
}

/// Integers of the first input's dtype and shape.
fn mapped(cx: &RunCx<'_>, f: &(dyn Fn(i64) -> i64 + Sync)) -> Result<Value> {
    let mut out = cx.alloc(cx.input(0).dtype(), cx.input(0).dims())?;
    with_type!(out.dtype(), T in index => {
        let from = cx.input(0).slice::<T>()?;
        cx.for_chunks_mut(out.make_mut::<T>()?, PART, &|chunk, part| {
            part.iter_mut().zip(&from[chunk * PART..]).for_each(|(cell, n)| *cell = f(num_traits::AsPrimitive::<i64>::as_(*n)) as T);
        })?;
    }, else => ());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

    #[track_caller]
    fn axes(src: &str, dst: &str, x: &[i32], want: &[i32]) {
        let op = DataFormatDimMap { formats: Formats::new(src, dst) };
        assert_eq!(run_op(op, &[x.to_vec().into_value()]).unwrap()[0].slice::<i32>().unwrap(), want);
    }

    #[track_caller]
    fn sizes(src: &str, dst: &str, x: impl IntoValue, want: &[i32]) {
        let op = DataFormatVecPermute { formats: Formats::new(src, dst) };
        assert_eq!(run_op(op, &[x.into_value()]).unwrap()[0].slice::<i32>().unwrap(), want);
    }

    /// By TensorFlow 2.15.1.
    #[test]
    fn layouts_are_translated() {
        axes("NHWC", "NCHW", &[0, 1, 2, 3, -1, -4], &[0, 2, 3, 1, 1, 0]);
        axes("HWNC", "NCHW", &[0, 1, 2, 3, -1, -4], &[2, 3, 0, 1, 1, 2]);
        sizes("NHWC", "NCHW", [7, 4, 9, 3], &[7, 3, 4, 9]);
        sizes("NHWC", "NCWH", [7, 4], &[4, 7]);
        sizes("NHWC", "NCHW", [[7, 4], [9, 3], [4, 5], [5, 1]], &[7, 4, 5, 1, 9, 3, 4, 5]);
        sizes("NHWC", "WHCN", [[7, 4], [9, 3]], &[9, 3, 7, 4]);
        sizes("NDHWC", "NCDHW", [7, 4, 9, 3, 5], &[7, 5, 4, 9, 3]);
    }

    #[test]
    fn other_numbers_of_rows_are_refused() {
        let op = DataFormatVecPermute { formats: Formats::new("NHWC", "NCHW") };
        infer_ok(&op, "int32(?)", "(?)");
        infer_err(&op, "int32(3)", "x must have 2 or 4 rows, but has 3");
        infer_err(&op, "int32(4,3)", "x must have 2 columns, but has 3");
        infer_err(&op, "int32(4,2,2)", "shape must be at most rank 2 but is rank 3");
    }
}
