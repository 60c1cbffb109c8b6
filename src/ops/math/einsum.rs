//! `Einsum`: sums of products of one or two tensors, by the labels of their axes.

use std::sync::Arc;

use super::dtypes::unsupported;
use crate::cancel::Pace;
use crate::error::{Error, Result, escape};
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx, Tensor};
use crate::kernel::Number;
use crate::kernel::product::{Epilogue, batch_matmul};
use crate::shape::{Dim, Dims, Shape, element_count};
use crate::value::{IntoValue, ScratchVec, Value};
use crate::with_type;

/// Sums of products of one or two tensors: `ij,jk->ik` is the product of matrices. Axes whose label the result does not
/// have are summed over; a label twice in one tensor means its diagonal; `...` stands for axes that broadcast.
#[derive(Debug, Clone)]
pub struct Einsum {
    /// Labels of the axes of each tensor, and of the result.
    pub equation: String,
}

/// The row of [`Einsum`].
pub static EINSUM: OpKind = OpKind::new("Einsum", "inputs: N*T -> output: T", parse, examples);

/// Sums of products of one or two tensors by TensorFlow's `Einsum` op: see [`Einsum`]. The result's labels must be
/// given. Floats, int32, int64 and complex.
///
/// # Errors
/// `InvalidArgument` for an equation that is none; `ShapeMismatch` where the axes of a label have unequal sizes.
///
/// Source: TensorFlow 2's `Einsum`.
#[doc(alias = "tf.einsum")]
#[track_caller]
pub fn einsum(equation: &str, inputs: &[&Tensor]) -> Result<Tensor> {
    let first = inputs.first().ok_or_else(|| Error::invalid("einsum needs at least one tensor"))?;
    first.graph().apply_one(Einsum { equation: equation.to_owned() }, inputs)
}

fn parse(attrs: &Attrs) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Einsum { equation: attrs.str("equation")? }))
}

fn examples() -> Vec<Example> {
    let a = || [[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]].into_value();
    let of = |equation: &str, inputs: Vec<Value>| Example::new(Einsum { equation: equation.into() }, inputs);
    vec![
        of("ij,kj->ik", vec![a(), a()]),
        of("ij->j", vec![a()]),
        of("...i,...i->...", vec![a(), [1.0f32, 0.0, 1.0].into_value()]),
        of("i->ii", vec![[1i32, 2].into_value()]),
        of("bii,bi->b", vec![[[[1i64, 2], [3, 4]]].into_value(), [[5i64, 6]].into_value()]),
    ]
}

/// One label of an axis: a letter, or the axis of an ellipsis that is so many from its back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Letter(char),
    Broadcast(usize),
}

/// Labels as an equation has them: `None` is the ellipsis.
type Term = Vec<Option<char>>;

fn parse_term(equation: &str, text: &str) -> Result<Term> {
    let wrong = || Error::invalid(format!("'{}' is no equation of einsum", escape(equation)));
    let (text, has_ellipsis) = (text.replace("...", "."), text.contains("..."));
    let label = |c: char| match c {
        '.' if has_ellipsis => Ok(None),
        c if c.is_alphabetic() => Ok(Some(c)),
        _ => Err(wrong()),
    };
    let term = text.chars().filter(|c| !c.is_whitespace()).map(label).collect::<Result<Term>>()?;
    if term.iter().filter(|label| label.is_none()).count() > 1 { Err(wrong()) } else { Ok(term) }
}

/// The terms of the inputs, and of the result.
fn parse_equation(equation: &str, n_inputs: usize) -> Result<(Vec<Term>, Term)> {
    let [inputs, output] = equation.split("->").collect::<Vec<_>>()[..] else {
        return Err(Error::invalid(format!("expecting exactly one '->' in einsum equation: {}", escape(equation))));
    };
    let inputs = inputs.split(',').map(|text| parse_term(equation, text)).collect::<Result<Vec<_>>>()?;
    if inputs.len() != n_inputs || n_inputs > 2 {
        let n = inputs.len();
        return Err(Error::invalid(format!("expected {n} inputs, at most 2, for einsum, but got {n_inputs}")));
    }
    let output = parse_term(equation, output)?;
    match output.iter().flatten().find(|label| !inputs.iter().flatten().flatten().any(|have| have == *label)) {
        Some(label) => Err(Error::invalid(format!("label '{label}' of the result is in no input of einsum"))),
        None => Ok((inputs, output)),
    }
}

/// Labels of so many axes: the ellipsis takes those that no letter has.
fn expand(term: &Term, rank: usize) -> Result<Vec<Label>> {
    let letters = term.iter().flatten().count();
    let has_ellipsis = letters < term.len();
    let rest = rank.checked_sub(letters).filter(|rest| *rest == 0 || has_ellipsis);
    let rest = rest.ok_or_else(|| {
        Error::shape(format!("expected a tensor of {letters} axes for its labels in einsum, but its rank is {rank}"))
    })?;
    let labels = term.iter().flat_map(|label| match label {
        Some(letter) => vec![Label::Letter(*letter)],
        None => (0..rest).rev().map(Label::Broadcast).collect(),
    });
    Ok(labels.collect())
}

/// Labels of the result, whose ellipsis has `n_broadcast` axes.
///
/// # Errors
/// `InvalidArgument` for such axes without an ellipsis: they are never summed over.
fn expand_result(output: &Term, n_broadcast: usize) -> Result<Vec<Label>> {
    if n_broadcast > 0 && !output.contains(&None) {
        return Err(Error::invalid(format!(
            "the result has {n_broadcast} broadcasting dimensions, but its labels have no ellipsis in einsum"
        )));
    }
    expand(output, output.iter().flatten().count() + n_broadcast)
}

/// The sizes of labels, where sizes are dims or numbers.
struct Sizes<D>(Vec<(Label, D)>);

impl<D: Clone> Sizes<D> {
    fn get(&self, label: Label) -> Option<&D> {
        self.0.iter().find(|(known, _)| *known == label).map(|(_, size)| size)
    }

    /// Joins the sizes of one tensor: those of a letter are merged, those of an ellipsis broadcast.
    fn join(&mut self, labels: &[Label], dims: &[D], join: impl Fn(&D, &D, bool) -> Result<D>) -> Result<()> {
        for (label, dim) in labels.iter().zip(dims) {
            match self.0.iter_mut().find(|(known, _)| known == label) {
                Some((_, size)) => *size = join(size, dim, matches!(label, Label::Broadcast(_)))?,
                None => self.0.push((*label, dim.clone())),
            }
        }
        Ok(())
    }
}

impl Op for Einsum {
    fn kind(&self) -> &'static OpKind {
        &EINSUM
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        let dtype = cx.dtype(0);
        with_type!(dtype, T in products => { let _: T; }, else => return Err(unsupported(dtype)));
        let (inputs, output) = parse_equation(&self.equation, cx.n_inputs())?;
        let mut sizes = Sizes(Vec::new());
        let mut all_known = true;
        for (i, term) in inputs.iter().enumerate() {
            match cx.shape(i).dims() {
                Some(dims) => sizes.join(&expand(term, dims.len())?, dims, |a, b, is_broadcast| {
                    if is_broadcast { a.broadcast(b) } else { a.merge(b) }
                })?,
                None => all_known = false,
            }
        }
        let n_broadcast = sizes.0.iter().filter(|(label, _)| matches!(label, Label::Broadcast(_))).count();
        let shape = if output.contains(&None) && !all_known {
            Shape::unknown()
        } else {
            let labels = expand_result(&output, n_broadcast)?;
            Shape::new(labels.into_iter().map(|label| sizes.get(label).cloned().unwrap_or_else(Dim::unknown)))
        };
        cx.output(dtype, shape);
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let plan = Plan::of(self, cx)?;
        let dtype = cx.input(0).dtype();
        let mut out = cx.alloc(dtype, &plan.dims)?;
        with_type!(dtype, T in products => plan.run::<T>(cx, out.make_mut()?)?, else => return Err(unsupported(dtype)));
        cx.output(0, out);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("equation", AttrValue::Str(self.equation.clone().into_bytes()))]
    }
}

/// Elements along labels: how often each steps, and how far one step goes.
type Steps = Vec<(usize, usize)>;

/// What is done to given sizes.
struct Plan {
    /// The labels of each input.
    inputs: Vec<Vec<Label>>,
    /// Those of the result.
    output: Vec<Label>,
    sizes: Sizes<usize>,
    /// The dims of the result.
    dims: Dims,
}

impl Plan {
    fn of(op: &Einsum, cx: &RunCx<'_>) -> Result<Plan> {
        let (terms, output) = parse_equation(&op.equation, cx.n_inputs())?;
        let mut sizes = Sizes(Vec::new());
        let mut inputs = Vec::new();
        for (i, term) in terms.iter().enumerate() {
            let dims = cx.input(i).dims();
            inputs.push(expand(term, dims.len())?);
            sizes.join(&inputs[i], dims, |&a, &b, is_broadcast| match (a, b) {
                (a, b) if a == b || (is_broadcast && b == 1) => Ok(a),
                (1, b) if is_broadcast => Ok(b),
                _ => Err(Error::shape(format!("axes of one label must have equal sizes, but have {a} and {b}"))),
            })?;
        }
        let n_broadcast = sizes.0.iter().filter(|(label, _)| matches!(label, Label::Broadcast(_))).count();
        let output = expand_result(&output, n_broadcast)?;
        let dims: Dims = output.iter().filter_map(|label| sizes.get(*label).copied()).collect();
        element_count(&dims)?;
        Ok(Plan { inputs, output, sizes, dims })
    }

    fn count(&self, labels: &[Label]) -> Result<usize> {
        let dims: Dims = labels.iter().filter_map(|label| self.sizes.get(*label)).copied().collect();
        element_count(&dims)
    }

    /// The steps along labels in a tensor of these labels and dims. A label twice steps along both axes at once, and one
    /// that is not there, or has size 1, stays where it is.
    fn steps(&self, along: &[Label], labels: &[Label], dims: &[usize]) -> Steps {
        let stride = |axis: usize| dims[axis + 1..].iter().product::<usize>();
        let far = |label: &Label| {
            let own = (0..dims.len()).filter(|axis| labels[*axis] == *label && dims[*axis] != 1);
            own.map(stride).sum()
        };
        along.iter().map(|label| (self.sizes.get(*label).copied().unwrap_or(1), far(label))).collect()
    }

    /// Labels of an input, each once, for which a condition holds.
    fn distinct(&self, i: usize, keep: impl Fn(&Label) -> bool) -> Vec<Label> {
        let mut all: Vec<Label> = Vec::new();
        for label in self.inputs.get(i).into_iter().flatten().filter(|label| keep(label)) {
            if !all.contains(label) {
                all.push(*label);
            }
        }
        all
    }

    fn is_in(&self, i: usize, label: &Label) -> bool {
        self.inputs.get(i).is_some_and(|labels| labels.contains(label))
    }

    /// An input with its elements along labels, one after the other, and summed over those that nothing else has.
    fn laid_out<T: Number>(&self, cx: &RunCx<'_>, i: usize, along: &[Label]) -> Result<ScratchVec<T>> {
        let value = cx.input(i);
        let lost = self.distinct(i, |label| !self.output.contains(label) && !self.is_in(1 - i, label));
        let mut out = cx.scratch_of(self.count(along)?, T::ZERO)?;
        let inner = self.steps(&lost, &self.inputs[i], value.dims());
        let outer = self.steps(along, &self.inputs[i], value.dims());
        let from = value.slice::<T>()?;
        if from.is_empty() || out.is_empty() {
            return Ok(out);
        }
        let (mut next, mut inner_pace) = (0, cx.pace());
        for_runs(&outer, 0, &mut cx.pace(), &mut |at, n, stride| {
            for i in 0..n {
                let mut sum = T::Acc::ZERO;
                for_runs(&inner, at + i * stride, &mut inner_pace, &mut |at, n, stride| {
                    for j in 0..n {
                        sum = sum.plus(from[at + j * stride].widen());
                    }
                    Ok(())
                })?;
                out[next] = T::narrow(sum);
                next += 1;
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Which labels are summed up, and where the sums go.
    fn product(&self) -> Result<Product> {
        let in_output = |label: &Label| self.output.contains(label);
        let batch = self.distinct(0, |label| in_output(label) && self.is_in(1, label));
        let rows = self.distinct(0, |label| in_output(label) && !self.is_in(1, label));
        let columns = self.distinct(1, |label| in_output(label) && !self.is_in(0, label));
        let inner = self.distinct(0, |label| !in_output(label) && self.is_in(1, label));
        let made = [&batch[..], &rows, &columns].concat();
        Ok(Product {
            sizes: [self.count(&batch)?, self.count(&rows)?, self.count(&columns)?, self.count(&inner)?],
            along: [[&batch[..], &rows, &inner].concat(), [&batch[..], &columns, &inner].concat()],
            places: self.steps(&made, &self.output, &self.dims),
        })
    }

    fn run<T: Number>(&self, cx: &RunCx<'_>, out: &mut [T]) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let product = self.product()?;
        let mut products = self.laid_out::<T>(cx, 0, &product.along[0])?;
        if self.inputs.len() > 1 {
            let y = self.laid_out::<T>(cx, 1, &product.along[1])?;
            products = product.of(cx, &products, &y)?;
        }
        // A label twice in the result leaves zeros beside its diagonal.
        out.fill(T::ZERO);
        let mut next = 0;
        for_runs(&product.places, 0, &mut cx.pace(), &mut |at, n, stride| {
            for (i, x) in products[next..next + n].iter().enumerate() {
                out[at + i * stride] = *x;
            }
            next += n;
            Ok(())
        })
    }
}

/// A product of matrices, many of them at once.
struct Product {
    /// How many products, their rows, their columns, and what each element sums up.
    sizes: [usize; 4],
    /// The labels of both sides, in the order in which they are laid out.
    along: [Vec<Label>; 2],
    /// Where the elements of the products go.
    places: Steps,
}

impl Product {
    fn of<T: Number>(&self, cx: &RunCx<'_>, x: &[T], y: &[T]) -> Result<ScratchVec<T>> {
        let [b, m, n, k] = self.sizes;
        let mut products = cx.scratch_of(element_count(&[b, m, n])?, T::ZERO)?;
        if k > 0 && !products.is_empty() {
            let (x_at, y_at) = (multiples(cx, b, m * k)?, multiples(cx, b, n * k)?);
            batch_matmul(cx.threads(), m, k, n, x, false, &x_at, y, true, &y_at, &mut products, &Epilogue::NONE)?;
        }
        cx.check()?;
        Ok(products)
    }
}

/// The first `n` multiples of a step.
fn multiples(cx: &RunCx<'_>, n: usize, step: usize) -> Result<ScratchVec<usize>> {
    cx.collect((0..n).map(|i| i * step))
}

/// Elements between two looks at the pace.
const PART: usize = 1 << 12;

/// What is done to a run of places: the first of them, how many there are, and how far they lie apart.
type OnRun<'a> = &'a mut dyn FnMut(usize, usize, usize) -> Result<()>;

/// Calls `f` with all places, in runs along the last step, which goes fastest.
fn for_runs(steps: &[(usize, usize)], at: usize, pace: &mut Pace<'_>, f: OnRun<'_>) -> Result<()> {
    match steps {
        [] => f(at, 1, 0),
        [(n, stride)] => {
            for start in (0..*n).step_by(PART) {
                let len = PART.min(*n - start);
                pace.spend(4 * len)?;
                f(at + start * stride, len, *stride)?;
            }
            Ok(())
        }
        [(n, stride), rest @ ..] => {
            for i in 0..*n {
                for_runs(rest, at + i * stride, pace, f)?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{ends_early, infer_err, infer_ok, run_op, run_within, vast};

    #[track_caller]
    fn check(equation: &str, inputs: &[Value], dims: &[usize], want: &[i32]) {
        let out =
            run_op(Einsum { equation: equation.into() }, inputs).unwrap_or_else(|error| panic!("{equation}: {error}"));
        assert_eq!((out[0].dims(), out[0].slice::<i32>().unwrap()), (dims, want), "{equation}");
    }

    /// As NumPy answers.
    #[test]
    fn labels_say_what_is_summed() {
        let (a, b) = ([[1, 2], [3, 4], [5, 6]].into_value(), [[1, 0], [2, 1]].into_value());
        check("ij,jk->ik", &[a.clone(), b.clone()], &[3, 2], &[5, 2, 11, 4, 17, 6]);
        check("ij,jk->ki", &[a.clone(), b.clone()], &[2, 3], &[5, 11, 17, 2, 4, 6]);
        check("ij->ji", std::slice::from_ref(&a), &[2, 3], &[1, 3, 5, 2, 4, 6]);
        check("ij->", std::slice::from_ref(&a), &[], &[21]);
        check("ii->i", std::slice::from_ref(&b), &[2], &[1, 1]);
        check("i->ii", &[[7, 8].into_value()], &[2, 2], &[7, 0, 0, 8]);
        check("ij,ij->i", &[b.clone(), b.clone()], &[2], &[1, 5]);
        check("ij,k->k", &[a.clone(), [1, 2].into_value()], &[2], &[21, 42]);
        check("...j,j->...", &[a, [1, 1].into_value()], &[3], &[3, 7, 11]);
        check("a...,b...->ab...", &[b.clone(), [[1, 2]].into_value()], &[2, 1, 2], &[1, 0, 2, 2]);
    }

    #[test]
    fn shapes_follow_the_labels() {
        let op = |equation: &str| Einsum { equation: equation.into() };
        infer_ok(&op("bij,bjk->bik"), "(?,2,3);(4,3,5)", "(4,2,5)");
        infer_ok(&op("...ij,...jk->...ik"), "(7,1,2,3);(4,3,5)", "(7,4,2,5)");
        infer_ok(&op("ij,jk->ik"), "<unknown>;(3,5)", "(?,5)");
        infer_ok(&op("...i->..."), "<unknown>", "<unknown>");
        infer_err(&op("ij,jk->ik"), "(2,3);(4,5)", "must be equal, but are 3 and 4");
        infer_err(&op("ij"), "(2,3)", "expecting exactly one '->'");
        infer_err(&op("ij->k"), "(2,3)", "label 'k' of the result is in no input");
        infer_err(&op("ij->i"), "(2,3,4)", "its rank is 3");
        infer_err(&op("i1->i"), "(2,3)", "is no equation");
        infer_ok(&op("...ij,...jk->ik"), "(2,3);(3,5)", "(2,5)");
        infer_err(
            &op("...ij,...jk->ik"),
            "(1,2,3);(3,5)",
            "1 broadcasting dimensions, but its labels have no ellipsis",
        );
    }

    #[test]
    fn vast_axes_of_nothing_take_no_steps() {
        let run = |equation: &str, inputs: &[Value]| {
            run_within(Einsum { equation: equation.into() }, inputs, 1 << 20, u64::MAX)
        };
        let got = run("ij,jk->ik", &[vast(), Value::zeros(crate::DType::F32, &[0, 0]).unwrap()]).unwrap();
        assert_eq!(got[0].dims(), [1 << 40, 0]);
        assert_eq!(run("ij->", &[vast()]).unwrap()[0].slice::<f32>().unwrap(), [0.0]);
        let x = Value::zeros(crate::DType::F32, &[1 << 11, 1 << 11]).unwrap();
        ends_early(&Einsum { equation: "ij->ji".into() }, &[x], 1 << 20);
    }
}
