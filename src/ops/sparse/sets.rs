//! Sets along the last axis: their sizes, unions, intersections and differences.

use std::cmp::Ordering;
use std::sync::Arc;

use super::coo::{Coo, PICK_WORK, as_dims, infer_coo, matrix, place};
use super::groups::{Compared, Sets, compared};
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::ops::array::cells::{cells, cells_mut, with_cells};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// What is made of two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOperation {
    /// What the first has and the second has not.
    AMinusB,
    /// What the second has and the first has not.
    BMinusA,
    /// What both have.
    Intersection,
    /// What one of them has.
    Union,
}

/// Which of the operands of a [`SetsOperation`] are sparse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetForm {
    /// None: `(.., n), (.., m)`.
    DenseDense,
    /// The second: a tensor, and indices, values and shape.
    DenseSparse,
    /// Both.
    SparseSparse,
}

/// Combines the sets that two tensors hold along their last axis into those of a sparse tensor; the elements of each come
/// in ascending order. Integers and strings. The other axes must be equal; ranks are 2 or more.
#[derive(Debug, Clone)]
pub struct SetsOperation {
    /// How.
    pub how: SetOperation,
    /// Which operands are sparse.
    pub form: SetForm,
    /// Whether indices that do not grow are refused.
    pub validate_indices: bool,
}

/// The number of distinct elements along the last axis of a sparse tensor, int32: integers and strings.
#[derive(Debug, Clone)]
pub struct SetSize {
    /// Whether indices that do not grow are refused.
    pub validate_indices: bool,
}

macro_rules! rows {
    ($($row:ident $name:literal $form:ident $inputs:literal;)*) => {
        $(
            #[doc = concat!("The row of `", $name, "`.")]
            pub static $row: OpKind = OpKind::new(
                $name,
                concat!($inputs, " -> result_indices: int64, result_values: T, result_shape: int64"),
                |attrs| parse(attrs, SetForm::$form),
                || examples(SetForm::$form),
            )
            .not_differentiable("which elements are equal does not change smoothly");
        )*

        impl SetForm {
            fn kind(self) -> &'static OpKind {
                match self { $( SetForm::$form => &$row, )* }
            }
        }
    };
}
rows! {
    DENSE_TO_DENSE_SET_OPERATION "DenseToDenseSetOperation" DenseDense "set1: T, set2: T";
    DENSE_TO_SPARSE_SET_OPERATION "DenseToSparseSetOperation" DenseSparse
        "set1: T, set2_indices: int64, set2_values: T, set2_shape: int64";
    SPARSE_TO_SPARSE_SET_OPERATION "SparseToSparseSetOperation" SparseSparse
        "set1_indices: int64, set1_values: T, set1_shape: int64, set2_indices: int64, set2_values: T, set2_shape: int64";
}

/// The row of [`SetSize`].
pub static SET_SIZE: OpKind = OpKind::new(
    "SetSize",
    "set_indices: int64, set_values: T, set_shape: int64 -> size: int32",
    |attrs| Ok(Arc::new(SetSize { validate_indices: attrs.bool_or("validate_indices", true)? })),
    || vec![Example::new(SetSize { validate_indices: true }, sparse_example())],
)
.not_differentiable("a number of elements does not change smoothly");

fn parse(attrs: &Attrs, form: SetForm) -> Result<Arc<dyn Op>> {
    let text = attrs.str("set_operation")?;
    let how = match text.to_ascii_lowercase().as_str() {
        "a-b" => SetOperation::AMinusB,
        "b-a" => SetOperation::BMinusA,
        "intersection" => SetOperation::Intersection,
        "union" => SetOperation::Union,
        _ => return Err(Error::invalid(format!("invalid set_operation {}", escape(&text)))),
    };
    Ok(Arc::new(SetsOperation { how, form, validate_indices: attrs.bool_or("validate_indices", true)? }))
}

fn sparse_example() -> Vec<Value> {
    vec![[[0i64, 0], [0, 1], [1, 0]].into_value(), [5i32, 2, 5].into_value(), [2i64, 2].into_value()]
}

fn examples(form: SetForm) -> Vec<Example> {
    let dense = || vec![[[1i32, 5, 1], [2, 2, 3]].into_value()];
    let inputs = match form {
        SetForm::DenseDense => [dense(), dense()].concat(),
        SetForm::DenseSparse => [dense(), sparse_example()].concat(),
        SetForm::SparseSparse => [sparse_example(), sparse_example()].concat(),
    };
    let all = [SetOperation::AMinusB, SetOperation::BMinusA, SetOperation::Intersection, SetOperation::Union];
    let example = |how| Example::new(SetsOperation { how, form, validate_indices: true }, inputs.clone());
    all.into_iter().map(example).collect()
}

impl Op for SetsOperation {
    fn kind(&self) -> &'static OpKind {
        self.form.kind()
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(cx.dtype(if self.form == SetForm::SparseSparse { 1 } else { 0 }))?;
        let rank = match self.form {
            SetForm::DenseDense => dense_rank(cx)?,
            SetForm::DenseSparse => {
                let rank = rank_of(&cx.shape(0).with_rank_at_least(2)?);
                rank.merge(&infer_coo(cx, [1, 2, 3])?[1])?
            }
            SetForm::SparseSparse => infer_coo(cx, [0, 1, 2])?[1].merge(&infer_coo(cx, [3, 4, 5])?[1])?,
        };
        if let Some(rank) = rank.known().filter(|rank| *rank < 2) {
            return Err(Error::shape(format!("shape must be at least rank 2 but is rank {rank}")));
        }
        let (n, dtype) = (Dim::unknown(), cx.dtype(if self.form == SetForm::SparseSparse { 1 } else { 0 }));
        cx.output(DType::I64, Shape::new([n.clone(), rank.clone()]));
        cx.output(dtype, Shape::new([n]));
        cx.output(DType::I64, Shape::new([rank]));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let sides = self.form.values().map(|i| cx.input(i));
        let outputs = match sides[0].dtype() {
            DType::String => self.combine(cx, sides, &*compared(sides.map(Value::strings))?)?,
            dtype => with_type!(dtype, T in ints => {
                self.combine(cx, sides, &*compared(sides.map(Value::slice::<T>))?)?
            }, else => return check_dtype(dtype)),
        };
        outputs.into_iter().enumerate().for_each(|(i, output)| cx.output(i, output));
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        let how = match self.how {
            SetOperation::AMinusB => "a-b",
            SetOperation::BMinusA => "b-a",
            SetOperation::Intersection => "intersection",
            SetOperation::Union => "union",
        };
        vec![
            ("set_operation", AttrValue::Str(how.into())),
            ("validate_indices", AttrValue::Bool(self.validate_indices)),
        ]
    }
}

fn check_dtype(dtype: DType) -> Result<()> {
    match dtype.is_integer() || dtype == DType::String {
        true => Ok(()),
        false => Err(Error::unsupported(format!("sets are of integers or strings, not of {dtype}"))),
    }
}

fn rank_of(shape: &Shape) -> Dim {
    shape.rank().map_or_else(Dim::unknown, Dim::from)
}

/// The rank of two dense operands, which agree in all axes but the last.
fn dense_rank(cx: &InferCx<'_>) -> Result<Dim> {
    let (a, b) = (cx.shape(0).with_rank_at_least(2)?, cx.shape(1).with_rank_at_least(2)?);
    match (a.rank(), b.rank()) {
        (Some(rank), Some(_)) => {
            a.slice(..rank - 1)?.merge(&b.with_rank(rank)?.slice(..rank - 1)?)?;
            Ok(rank.into())
        }
        (Some(_), None) => Ok(rank_of(&a)),
        _ => Ok(rank_of(&b)),
    }
}

impl SetForm {
    /// The inputs that hold the elements.
    fn values(self) -> [usize; 2] {
        match self {
            SetForm::DenseDense => [0, 1],
            SetForm::DenseSparse => [0, 2],
            SetForm::SparseSparse => [1, 4],
        }
    }
}

impl SetOperation {
    /// Whether an element stays that comes first in the first side, in both, or first in the second.
    fn keeps(self, order: Ordering) -> bool {
        match self {
            SetOperation::AMinusB => order.is_lt(),
            SetOperation::BMinusA => order.is_gt(),
            SetOperation::Intersection => order.is_eq(),
            SetOperation::Union => true,
        }
    }
}

impl SetsOperation {
    fn combine(&self, cx: &RunCx<'_>, sides: [&Value; 2], compared: &Compared<'_>) -> Result<[Value; 3]> {
        let sparse = |i: usize, side: usize| {
            Sets::sparse(cx, Coo::of(cx, [i, i + 1, i + 2])?, self.validate_indices, side, compared)
        };
        let (a, b) = match self.form {
            SetForm::DenseDense => (Sets::dense(cx, sides[0], 0, compared)?, Sets::dense(cx, sides[1], 1, compared)?),
            SetForm::DenseSparse => (Sets::dense(cx, sides[0], 0, compared)?, sparse(1, 1)?),
            SetForm::SparseSparse => (sparse(0, 0)?, sparse(3, 1)?),
        };
        if a.shape != b.shape {
            return Err(Error::shape(format!("mismatched group shapes {:?} vs {:?}", a.shape, b.shape)));
        }
        let made = self.merged(cx, &a, &b, compared)?;
        let shape = [&a.shape[..], &[made.largest]].concat();
        let values = gathered(cx, sides, &made.picks)?;
        Ok([matrix(made.indices, made.picks.len(), shape.len())?, values, shape.into_value()])
    }

    /// Goes through both sides at once, which are in order.
    fn merged(&self, cx: &RunCx<'_>, a: &Sets<'_>, b: &Sets<'_>, compared: &Compared<'_>) -> Result<Made> {
        let mut made = Made { indices: cx.list(0)?, picks: cx.list(0)?, largest: 0 };
        let (mut i, mut j, mut pace) = (0, 0, cx.pace());
        loop {
            pace.spend(PICK_WORK + a.shape.len())?;
            let order = match (a.order.get(i), b.order.get(j)) {
                (Some(x), Some(y)) => a.group(*x).cmp(b.group(*y)).then_with(|| compared([0, *x], [1, *y])),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Ok(made),
            };
            if self.how.keeps(order) {
                match order {
                    Ordering::Greater => made.push(b.group(b.order[j]), [1, b.order[j]])?,
                    _ => made.push(a.group(a.order[i]), [0, a.order[i]])?,
                }
            }
            i += usize::from(order.is_le());
            j += usize::from(order.is_ge());
        }
    }
}

/// What a result is made of.
struct Made {
    indices: ScratchVec<i64>,
    /// The side of each element, and its number.
    picks: ScratchVec<[usize; 2]>,
    /// How many elements the largest set has.
    largest: i64,
}

impl Made {
    /// Adds an element to its group, the last one so far or a new one.
    fn push(&mut self, group: &[i64], pick: [usize; 2]) -> Result<()> {
        let last = self.indices.len().checked_sub(group.len() + 1).map(|at| &self.indices[at..]);
        let at = last.filter(|last| last[..group.len()] == *group).map_or(0, |last| last[group.len()] + 1);
        self.largest = self.largest.max(at + 1);
        self.indices.extend(group.iter().copied().chain([at]))?;
        self.picks.push(pick)
    }
}

/// Elements of two tensors of one dtype, each told by its side and its number.
fn gathered(cx: &RunCx<'_>, sides: [&Value; 2], picks: &[[usize; 2]]) -> Result<Value> {
    let (mut out, mut pace) = (cx.alloc(sides[0].dtype(), &[picks.len()])?, cx.pace());
    with_cells!(out.dtype(), E => {
        let sides = [cells::<E>(sides[0])?, cells::<E>(sides[1])?];
        for (out, [side, i]) in cells_mut::<E>(&mut out)?.iter_mut().zip(picks) {
            pace.spend(PICK_WORK)?;
            out.clone_from(&sides[*side][*i]);
        }
    });
    Ok(out)
}

impl Op for SetSize {
    fn kind(&self) -> &'static OpKind {
        &SET_SIZE
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        check_dtype(cx.dtype(1))?;
        let [_, rank] = infer_coo(cx, [0, 1, 2])?;
        let outer = rank.known().and_then(|rank| rank.checked_sub(1));
        cx.output(DType::I32, outer.map_or_else(Shape::unknown, Shape::unknown_of_rank));
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let (coo, values) = (Coo::of(cx, [0, 1, 2])?, cx.input(1));
        let sides = [values; 2];
        let size = match values.dtype() {
            DType::String => self.sizes(cx, coo, &*compared(sides.map(Value::strings))?)?,
            dtype => with_type!(dtype, T in ints => {
                self.sizes(cx, coo, &*compared(sides.map(Value::slice::<T>))?)?
            }, else => return check_dtype(dtype)),
        };
        cx.output(0, size);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("validate_indices", AttrValue::Bool(self.validate_indices))]
    }
}

impl SetSize {
    fn sizes(&self, cx: &RunCx<'_>, coo: Coo<'_>, compared: &Compared<'_>) -> Result<Value> {
        let sets = Sets::sparse(cx, coo, self.validate_indices, 0, compared)?;
        let dims = as_dims(&sets.shape)?;
        let (mut sizes, mut pace) = (cx.alloc_zeros(DType::I32, &dims)?, cx.pace());
        let cells = sizes.make_mut::<i32>()?;
        for element in &*sets.order {
            pace.spend(PICK_WORK + dims.len())?;
            let cell = &mut cells[place(sets.group(*element), &dims)];
            *cell = cell.saturating_add(1);
        }
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_err, infer_ok, run_op, run_within, sparse_column, vast};

    fn op(how: SetOperation, form: SetForm) -> SetsOperation {
        SetsOperation { how, form, validate_indices: true }
    }

    #[test]
    fn ranks_are_known_where_one_side_says_them() {
        let dense = op(SetOperation::Union, SetForm::DenseDense);
        infer_ok(&dense, "int32(?,3);int32(2,?)", "(?,2);(?);(2)");
        infer_ok(&dense, "int32<unknown>;int32(2,?,4)", "(?,3);(?);(3)");
        infer_err(&dense, "int32(3,3);int32(2,3)", "must be equal, but are 3 and 2");
        infer_err(&dense, "int32(3);int32(3)", "at least rank 2 but is rank 1");
        let sparse = op(SetOperation::Union, SetForm::DenseSparse);
        infer_ok(&sparse, "int32<unknown>;int64(?,3);int32(?);int64(?)", "(?,3);(?);(3)");
        infer_ok(&SetSize { validate_indices: true }, "int64(?,3);int32(?);int64(3)", "(?,?)");
    }

    #[track_caller]
    fn check(how: SetOperation, indices: &[i64], values: &[i32], shape: &[i64]) {
        let (a, b) = ([[1i32, 5, 1], [2, 2, 3]].into_value(), [[5i32, 7], [4, 3]].into_value());
        let got = run_op(op(how, SetForm::DenseDense), &[a, b]).unwrap();
        assert_eq!(got[0].slice::<i64>().unwrap(), indices);
        assert_eq!(got[1].slice::<i32>().unwrap(), values);
        assert_eq!(got[2].slice::<i64>().unwrap(), shape);
    }

    /// As TensorFlow 1.15.5 answers.
    #[test]
    fn elements_are_distinct_and_ascending() {
        check(SetOperation::AMinusB, &[0, 0, 1, 0], &[1, 2], &[2, 1]);
        check(SetOperation::BMinusA, &[0, 0, 1, 0], &[7, 4], &[2, 1]);
        check(SetOperation::Intersection, &[0, 0, 1, 0], &[5, 3], &[2, 1]);
        check(SetOperation::Union, &[0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 2], &[1, 5, 7, 2, 3, 4], &[2, 3]);
    }

    #[test]
    fn indices_that_do_not_grow_are_refused() {
        let values = ["b", "a", "b"].into_value();
        let size = |rows: [[i64; 2]; 3], validate_indices| {
            run_op(SetSize { validate_indices }, &[rows.into_value(), values.clone(), [2i64, 3].into_value()])
        };
        assert_eq!(size([[0, 0], [0, 1], [0, 2]], true).unwrap()[0].slice::<i32>().unwrap(), [2, 0]);
        let error = size([[1, 0], [0, 1], [0, 2]], true).unwrap_err();
        assert!(error.message().contains("indices[1] = [0, 1] is out of order"), "{error}");
        assert!(size([[1, 0], [0, 1], [0, 2]], false).is_ok());
    }

    #[test]
    fn vast_sets_of_nothing_have_no_part_in_the_result() {
        let union = op(SetOperation::Union, SetForm::DenseDense);
        let empty = || Value::zeros(DType::I32, vast().dims()).unwrap();
        let got = run_within(union, &[empty(), empty()], 1 << 20, u64::MAX).unwrap();
        assert_eq!((got[0].dims(), got[2].slice::<i64>().unwrap()), (&[0, 2][..], &[1 << 40, 0][..]));
        let [indices, values, _] = sparse_column(2);
        let error = run_within(
            SetSize { validate_indices: true },
            &[indices, values, [1i64 << 30, 1].into_value()],
            8 << 20,
            u64::MAX,
        );
        assert!(error.unwrap_err().message().starts_with("the memory budget is 8388608 bytes"));
    }

    #[test]
    fn long_sets_end_with_their_run() {
        let column = sparse_column(1 << 17);
        let pair = [column.clone(), column.clone()].concat();
        ends_early(&op(SetOperation::Union, SetForm::SparseSparse), &pair, 1 << 19);
        ends_early(&SetSize { validate_indices: false }, &column, 1 << 19);
        let dense = Value::zeros(DType::I32, &[1 << 17, 1]).unwrap();
        ends_early(&op(SetOperation::Union, SetForm::DenseDense), &[dense.clone(), dense], 1 << 19);
    }
}
