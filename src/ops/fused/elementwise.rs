//! `_Fused`: a chain of elementwise functions in one pass over memory, which may end in a reduction.

use std::sync::Arc;

use smallvec::SmallVec;

use super::program::{Compiled, Input, Lane, MAX_INPUTS, Program, TILE, repeated};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Workspace};
use crate::ops::math::Reduce;
use crate::ops::math::reduce::{Wide, reduced};
use crate::ops::parts::SERIAL;
use crate::shape::{Dims, Shape};
use crate::value::{IntoValue, ScratchVec, Value};

/// Elements of a chunk: about 10 us of work for a middling program, so that threads end at about the same time.
const CHUNK: usize = 16 * TILE;

/// A program over inputs of one shape, of rows and of scalars: `(d.., n), (d.., n), (n), () -> (d.., n)`, with the bits
/// of its functions one after the other; then perhaps a reduction, with the bits of that op. Float32 or float64.
#[derive(Clone)]
pub struct Fused {
    program: Program,
    repeats: Repeats,
    end: Option<End>,
    single: Compiled<f32>,
    double: Compiled<f64>,
}

/// The inputs of a program that are used again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repeats {
    /// Bit `i`: input `i` is one element for all.
    pub scalars: u32,
    /// Bit `i`: input `i` is one row for all, along the last axis; it may have axes of size 1 before.
    pub rows: u32,
}

impl Repeats {
    /// Whether input `i` has the common shape.
    pub fn is_full(self, i: usize) -> bool {
        (self.scalars | self.rows) >> i & 1 == 0
    }

    /// Whether input `i` is one row for all.
    pub fn is_row(self, i: usize) -> bool {
        self.rows >> i & 1 == 1
    }
}

/// The reduction in which a program ends.
#[derive(Debug, Clone)]
pub struct End {
    /// How elements are combined.
    pub reduce: Reduce,
    /// Along which axes; negative ones count from the back.
    pub axes: Vec<i64>,
}

/// The row of [`Fused`].
pub static FUSED: OpKind = OpKind::new("_Fused", "x: N*T -> y: T", parse, examples)
    .not_differentiable("passes make it, after gradients were built");

/// The inputs that are rows: their widths, and their elements as often as tiles need them.
type Rows<T> = SmallVec<[(usize, ScratchVec<T>); 4]>;

impl Fused {
    /// The op of a program.
    ///
    /// # Errors
    /// `InvalidArgument` where no input has the common shape, or there are too many.
    pub fn new(program: Program, repeats: Repeats, end: Option<End>) -> Result<Fused> {
        let n = program.n_inputs();
        if n > MAX_INPUTS || !(0..n).any(|i| repeats.is_full(i)) {
            return Err(Error::invalid(format!("the program must have an input of its shape, but has {n} inputs")));
        }
        let (single, double) = (Compiled::new(&program), Compiled::new(&program));
        Ok(Fused { program, repeats, end, single, double })
    }

    /// The functions.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The reduction after them.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Which inputs do not have the common shape.
    pub fn repeats(&self) -> Repeats {
        self.repeats
    }

    /// Bytes beside those of the struct.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(&*self.program.0) + self.single.memory() + self.double.memory()
    }

    fn first_full(&self) -> usize {
        (!(self.repeats.scalars | self.repeats.rows)).trailing_zeros() as usize
    }
}

impl std::fmt::Debug for Fused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fused({}", self.program)?;
        if let Some(End { reduce, axes }) = &self.end {
            write!(f, "; {:?} {axes:?}", reduce.how)?;
        }
        f.write_str(")")
    }
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    let end = match attrs.str_or("reduction", "")?.as_str() {
        "" => None,
        name => {
            let reduce = (crate::ops::find(name)?.parse)(attrs)?;
            let reduce = (reduce.as_ref() as &dyn std::any::Any).downcast_ref::<Reduce>().cloned();
            let wrong = || Error::invalid("the reduction must be the name of one");
            Some(End { reduce: reduce.ok_or_else(wrong)?, axes: attrs.ints_or("axes", &[])? })
        }
    };
    Ok(Arc::new(Fused::new(Program::parse(&attrs.str("program")?)?, parse_repeats(attrs)?, end)?))
}

/// The attributes that [`repeats_attrs`] writes.
pub(super) fn parse_repeats(attrs: &Attrs) -> Result<Repeats> {
    Ok(Repeats { scalars: attrs.int_or("scalars", 0)? as u32, rows: attrs.int_or("rows", 0)? as u32 })
}

pub(super) fn repeats_attrs(repeats: Repeats) -> [(&'static str, AttrValue); 2] {
    [("scalars", AttrValue::Int(repeats.scalars.into())), ("rows", AttrValue::Int(repeats.rows.into()))]
}

fn examples() -> Vec<Example> {
    use crate::ops::math::Reduction::{Max, Mean, Sum};
    let op = |text: &str, scalars, end: Option<(_, bool, &[i64])>| {
        let program = Program::parse(text).expect("the text is a program");
        let end = end.map(|(how, keep_dims, axes)| End { reduce: Reduce { how, keep_dims }, axes: axes.to_vec() });
        Fused::new(program, Repeats { scalars, rows: 0 }, end).expect("an input has the shape")
    };
    let rows = |text: &str, rows| {
        let program = Program::parse(text).expect("the text is a program");
        Fused::new(program, Repeats { scalars: 0, rows }, None).expect("an input has the shape")
    };
    let x = || [[0.5f32, -1.5, 2.0], [4.0, 5.0, -6.0]].into_value();
    let empty = || Value::from_vec(&[0, 3], Vec::<f32>::new()).expect("dims with a zero hold no elements");
    vec![
        Example::new(op("Tanh(x0) Mul(t0,x1)", 0, None), [x(), x()]),
        Example::new(op("Sub(x1,x0) Relu(t0) Add(x1,t1)", 2, None), [x(), 2.0f32.into_value()]),
        Example::new(
            rows("Mul(x0,x1) Add(t0,x2)", 6),
            [x(), [[1.0f32, 2.0, 3.0]].into_value(), [0.5f32, 0.0, -1.0].into_value()],
        ),
        Example::new(op("Square(x0)", 0, Some((Sum, false, &[0, 1]))), [x()]),
        Example::new(op("Neg(x0)", 0, Some((Mean, true, &[0]))), [x()]),
        Example::new(op("Sin(x0)", 0, Some((Max, false, &[-1]))), [[[0.5f64], [1.5]].into_value()]),
        Example::new(op("Exp(x0)", 0, Some((Sum, false, &[0]))), [empty()]),
    ]
}

impl Op for Fused {
    fn kind(&self) -> &'static OpKind {
        &FUSED
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let (want, have) = (self.program.n_inputs(), cx.n_inputs());
        if have != want || !matches!(cx.dtype(0), DType::F32 | DType::F64) {
            let text = format!("the program takes {want} inputs of floats, but got {have} of {}", cx.dtype(0));
            return Err(Error::invalid(text));
        }
        let mut shape = Shape::unknown();
        for i in 0..have {
            if self.repeats.is_row(i) {
                cx.shape(i).with_rank_at_least(1)?;
            } else if self.repeats.is_full(i) {
                shape = shape.merge(cx.shape(i))?;
            } else {
                cx.shape(i).with_rank(0)?;
            }
        }
        let shape = match &self.end {
            Some(end) => end.reduce.reduced_shape(&shape, &end.axes)?,
            None => shape,
        };
        cx.output(cx.dtype(0), shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let out = match cx.input(0).dtype() {
            DType::F32 => self.compute(cx, &self.single)?,
            _ => self.compute(cx, &self.double)?,
        };
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let mut attrs = vec![("program", AttrValue::Str(self.program.to_string().into()))];
        attrs.extend(repeats_attrs(self.repeats));
        if let Some(End { reduce, axes }) = &self.end {
            attrs.push(("reduction", AttrValue::Str(reduce.how.kind().name.into())));
            attrs.extend(reduce.attrs());
            attrs.push(("axes", AttrValue::Ints(axes.clone())));
        }
        attrs
    }
}

impl Fused {
    fn compute<T: Lane + Wide>(&self, cx: &RunCx<'_>, program: &Compiled<T>) -> Result<Value> {
        let dims = Dims::from_slice(cx.input(self.first_full()).dims());
        let n = crate::shape::element_count(&dims)?;
        let operands: SmallVec<[&Value; 8]> = (0..cx.n_inputs()).map(|i| cx.input(i)).collect();
        self.check_dims(operands.iter().copied().enumerate(), &dims)?;
        let rows = self.rows(cx.workspace(), operands.iter().copied().enumerate(), n)?;
        let inputs = self.inputs(operands.iter().copied().enumerate(), &rows)?;
        if let Some(End { reduce, axes }) = &self.end {
            let make = |start: usize, tile: &mut [T]| program.run(&inputs, start, tile);
            return reduce.run_made(cx, &dims, &reduced(axes, dims.len())?, &make);
        }
        let mut out = cx.alloc(T::DTYPE, &dims)?;
        fill(cx, program, &inputs, out.make_mut::<T>()?)?;
        Ok(out)
    }

    /// The numbered inputs fit the common shape.
    pub(super) fn check_dims<'a>(
        &self,
        inputs: impl Iterator<Item = (usize, &'a Value)>,
        dims: &[usize],
    ) -> Result<()> {
        for (i, value) in inputs {
            let have = value.dims();
            let fits = match have.split_last() {
                Some((last, before)) if self.repeats.is_row(i) => {
                    Some(last) == dims.last() && have.len() <= dims.len() && before.iter().all(|dim| *dim == 1)
                }
                _ if self.repeats.is_full(i) => have == dims,
                axes => axes.is_none(),
            };
            if !fits {
                return Err(Error::shape(format!("the inputs must have one shape, but have {dims:?} and {have:?}")));
            }
        }
        Ok(())
    }

    /// The inputs that are rows, as often as tiles need them where `n` elements are computed.
    pub(super) fn rows<'a, T: Lane>(
        &self,
        work: Workspace<'_>,
        inputs: impl Iterator<Item = (usize, &'a Value)>,
        n: usize,
    ) -> Result<Rows<T>> {
        let rows = inputs.filter(|(i, _)| self.repeats.is_row(*i));
        rows.map(|(_, value)| Ok((value.len().max(1), repeated(work, value.slice::<T>()?, n)?))).collect()
    }

    /// The numbered inputs as the program takes them; `rows` are those of [`Fused::rows`].
    pub(super) fn inputs<'a, T: Lane>(
        &self,
        inputs: impl Iterator<Item = (usize, &'a Value)>,
        rows: &'a [(usize, ScratchVec<T>)],
    ) -> Result<SmallVec<[Input<'a, T>; 8]>> {
        let mut rows = rows.iter();
        let mut input = |(i, value): (usize, &'a Value)| {
            if self.repeats.is_row(i) {
                let (width, row) = rows.next().expect("there is a row for each such input");
                return Ok(Input::Row(*width, row));
            }
            let elements = value.slice::<T>()?;
            Ok(if self.repeats.is_full(i) { Input::Full(elements) } else { Input::One(elements[0]) })
        };
        inputs.map(&mut input).collect()
    }
}

fn fill<T: Lane>(cx: &RunCx<'_>, program: &Compiled<T>, inputs: &[Input<'_, T>], out: &mut [T]) -> Result<()> {
    let fill = |chunk: usize, part: &mut [T]| {
        for (i, tile) in part.chunks_mut(TILE).enumerate() {
            program.run(inputs, chunk * CHUNK + i * TILE, tile);
        }
    };
    if out.len() <= CHUNK || out.len() * program.len() < 2 * SERIAL {
        fill(0, out);
        return Ok(());
    }
    cx.for_chunks_mut(out, CHUNK, &fill)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok};

    fn op(text: &str, scalars: u32, end: Option<End>) -> Fused {
        Fused::new(Program::parse(text).unwrap(), Repeats { scalars, rows: 0 }, end).unwrap()
    }

    #[test]
    fn inputs_have_one_shape_or_are_scalars() {
        let sum = |keep_dims, axes: &[i64]| {
            let reduce = Reduce { how: crate::ops::math::Reduction::Sum, keep_dims };
            Some(End { reduce, axes: axes.to_vec() })
        };
        infer_ok(&op("Add(x0,x1) Mul(t0,x2)", 4, None), "(?,3);(2,?);()", "(2,3)");
        infer_ok(&op("Exp(x0)", 0, sum(false, &[-1])), "(?,3)", "(?)");
        infer_ok(&op("Exp(x0)", 0, sum(true, &[0, 1])), "(?,3)", "(1,1)");
        infer_err(&op("Add(x0,x1)", 0, None), "(2);(3)", "must be equal");
        infer_err(&op("Add(x0,x1)", 0, None), "(2)", "takes 2 inputs");
        infer_err(&op("Exp(x0)", 0, None), "int32(2)", "inputs of floats");
        assert!(Fused::new(Program::parse("Exp(x0)").unwrap(), Repeats { scalars: 1, rows: 0 }, None).is_err());
    }
}
