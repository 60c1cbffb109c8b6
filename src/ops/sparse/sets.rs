//! Sets along the last axis: their sizes, unions, intersections and differences.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::coo::{Coo, as_dims, infer_coo, matrix};
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::{Dim, Shape};
use crate::value::{IntoValue, Value};
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
        let first = if self.form == SetForm::SparseSparse { 1 } else { 0 };
        let dtype = cx.input(first).dtype();
        let outputs = match dtype {
            DType::String => self.combine(cx, Value::strings, Value::from_strings)?,
            _ => with_type!(dtype, T in ints => {
                self.combine::<T>(cx, |value| value.slice(), Value::from_vec)?
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

/// The sets of a tensor by the index of their group, and the shape of the groups.
struct Sets<T> {
    groups: BTreeMap<Vec<i64>, BTreeSet<T>>,
    shape: Vec<i64>,
}

impl<T: Ord + Clone> Sets<T> {
    /// Those of rows of a dense tensor.
    fn dense(dims: &[usize], elements: &[T]) -> Result<Sets<T>> {
        let Some((last, outer)) = dims.split_last().filter(|(_, outer)| !outer.is_empty()) else {
            return Err(Error::shape(format!("shape must be at least rank 2 but is rank {}", dims.len())));
        };
        let n: usize = outer.iter().product();
        let mut groups = BTreeMap::new();
        for i in 0..n {
            let row = &elements[i * last..(i + 1) * last];
            groups.insert(unravel(i, outer), row.iter().cloned().collect());
        }
        Ok(Sets { groups, shape: outer.iter().map(|n| *n as i64).collect() })
    }

    /// Those of a sparse tensor.
    fn sparse(coo: &Coo<'_>, elements: &[T], validate: bool) -> Result<Sets<T>> {
        let Some((_, shape)) = coo.shape.split_last().filter(|(_, outer)| !outer.is_empty()) else {
            return Err(Error::shape(format!("shape must be at least rank 2 but is rank {}", coo.rank())));
        };
        coo.check_bounds()?;
        if validate {
            coo.check_order(false)?;
        }
        let mut groups: BTreeMap<Vec<i64>, BTreeSet<T>> = BTreeMap::new();
        for (row, element) in coo.rows().zip(elements) {
            groups.entry(row[..shape.len()].to_vec()).or_default().insert(element.clone());
        }
        Ok(Sets { groups, shape: shape.to_vec() })
    }
}

/// The index of element `i` of a tensor.
fn unravel(mut i: usize, dims: &[usize]) -> Vec<i64> {
    let mut index = vec![0; dims.len()];
    for (at, size) in index.iter_mut().zip(dims).rev() {
        *at = (i % size) as i64;
        i /= size;
    }
    index
}

impl SetOperation {
    fn of<T: Ord + Clone>(self, a: &BTreeSet<T>, b: &BTreeSet<T>) -> BTreeSet<T> {
        match self {
            SetOperation::AMinusB => a.difference(b).cloned().collect(),
            SetOperation::BMinusA => b.difference(a).cloned().collect(),
            SetOperation::Intersection => a.intersection(b).cloned().collect(),
            SetOperation::Union => a.union(b).cloned().collect(),
        }
    }
}

impl SetsOperation {
    fn combine<T: Ord + Clone>(
        &self,
        cx: &RunCx<'_>,
        elements: impl Fn(&Value) -> Result<&[T]>,
        value: impl Fn(&[usize], Vec<T>) -> Result<Value>,
    ) -> Result<[Value; 3]> {
        let dense = |i: usize| Sets::dense(cx.input(i).dims(), elements(cx.input(i))?);
        let sparse = |i: usize| {
            let values = elements(cx.input(i + 1))?;
            Sets::sparse(&Coo::of(cx, [i, i + 1, i + 2])?, values, self.validate_indices)
        };
        let (a, b) = match self.form {
            SetForm::DenseDense => (dense(0)?, dense(1)?),
            SetForm::DenseSparse => (dense(0)?, sparse(1)?),
            SetForm::SparseSparse => (sparse(0)?, sparse(3)?),
        };
        if a.shape != b.shape {
            return Err(Error::shape(format!("mismatched group shapes {:?} vs {:?}", a.shape, b.shape)));
        }
        let none = BTreeSet::new();
        let (mut indices, mut values, mut largest) = (Vec::new(), Vec::new(), 0);
        let groups: BTreeSet<&Vec<i64>> = a.groups.keys().chain(b.groups.keys()).collect();
        for group in groups {
            let (of_a, of_b) = (a.groups.get(group).unwrap_or(&none), b.groups.get(group).unwrap_or(&none));
            let set = self.how.of(of_a, of_b);
            largest = largest.max(set.len());
            for (i, element) in set.into_iter().enumerate() {
                indices.extend(group.iter().copied().chain([i as i64]));
                values.push(element);
            }
        }
        let n = values.len();
        let shape = [&a.shape[..], &[largest as i64]].concat();
        Ok([matrix(indices, n, shape.len())?, value(&[n], values)?, shape.into_value()])
    }
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
        let size = match values.dtype() {
            DType::String => self.sizes(&coo, values.strings()?)?,
            dtype => with_type!(dtype, T in ints => self.sizes(&coo, values.slice::<T>()?)?, else => {
                return check_dtype(dtype);
            }),
        };
        cx.output(0, size);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("validate_indices", AttrValue::Bool(self.validate_indices))]
    }
}

impl SetSize {
    fn sizes<T: Ord + Clone>(&self, coo: &Coo<'_>, elements: &[T]) -> Result<Value> {
        let sets = Sets::sparse(coo, elements, self.validate_indices)?;
        let dims = as_dims(&sets.shape)?;
        let mut sizes = Value::zeros(DType::I32, &dims)?;
        let cells = sizes.make_mut::<i32>()?;
        for (group, set) in sets.groups {
            cells[super::coo::place(&group, &dims)] = i32::try_from(set.len()).unwrap_or(i32::MAX);
        }
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{infer_err, infer_ok, run_op};

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
}
