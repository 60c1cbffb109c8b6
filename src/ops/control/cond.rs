//! `cond`, `case` and `switch_case`: branches built from closures.

use std::panic::Location;
use std::sync::Arc;

use super::assert::AssertData;
use super::branch::{Branch, Choose};
use super::held::{branch, hold, is_stateful, put_out};
use super::nest::{IntoNest, Nest, OwnLeaf, form, leaves};
use crate::dtype::DType;
use crate::error::{Error, Result, escape};
use crate::graph::{Built, Graph, Op, Operation, OutputId, Tensor};
use crate::ops::IntoTensor;

/// A closure that builds one branch among several.
pub type BranchFn<'a, A> = &'a dyn Fn() -> Result<A>;

impl Graph {
    /// What `true_fn` or `false_fn` gives, as a bool scalar says: only that branch runs. The closures are called once
    /// each, now, and build the branches; tensors from outside can be used in them as they are. A dim that differs
    /// between the branches is unknown in the result.
    ///
    /// A branch runs what its results need, and the operations that it gives back: give a write back to have it done, or
    /// let a result wait for it with `control_dependencies`. What is outside runs whichever branch is taken.
    ///
    /// # Errors
    /// `DTypeMismatch` for another condition than a bool, and where the branches give different dtypes;
    /// `ShapeMismatch` unless it is a scalar; `InvalidArgument` where they give different structures, or nothing; the
    /// errors of the closures.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::F32, shape![])?;
    /// let size = g.cond(x.less(0.0), || -&x, || Ok(&x))?;
    /// let sess = Session::new(&g)?;
    /// assert_eq!(sess.run_with(&size, feeds! { x => -3.0f32 })?.scalar::<f32>()?, 3.0);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.cond")]
    #[track_caller]
    pub fn cond<A: IntoNest, B: IntoNest<Owned = A::Owned>>(
        &self,
        pred: impl IntoTensor,
        true_fn: impl FnOnce() -> Result<A>,
        false_fn: impl FnOnce() -> Result<B>,
    ) -> Result<A::Owned> {
        let (g, line) = (self.root(), self.line());
        self.composite("cond", |scope| {
            let pred = pred.tensor(None)?;
            check_pred(&pred, scope)?;
            let target = g.target();
            target.capture(&pred)?;
            // TF1 makes Switch, switch_t, switch_f and pred_id.
            target.mark_extra(-4);
            let place = |which| format!("the {which} branch of '{}'", bare(scope));
            let (yes, built_yes) = branch(g, place("true"), line, || true_fn()?.into_nest(g))?;
            let (no, built_no) = branch(g, place("false"), line, || false_fn()?.into_nest(g))?;
            let names = ["true_fn", "false_fn"];
            check_form(&yes, &no, names)?;
            check_dtypes(&built_yes, &built_no, names)?;
            let node = hold(g, scope, &[&pred], &[&built_yes, &built_no], false, |bodies| {
                let by = if is_stateful(&bodies) { Choose::Truth } else { Choose::TruthStateless };
                Arc::new(Branch { by, bodies, lowered: true })
            })?;
            // Beside the merges, which TF1 makes too, there is the node itself; TF1 merges for operations as well.
            let n_operations = leaves(&yes).iter().filter(|leaf| matches!(leaf, OwnLeaf::Operation(_))).count();
            target.mark_extra(1 - 3 * n_operations as i64);
            put_out(g, &yes, &node, "Merge")
        })
    }

    /// What the first closure gives whose condition holds, else what `default` gives. Without a default one of the
    /// conditions must hold: the run checks it, and fails with `CheckFailed`.
    ///
    /// # Errors
    /// As for [`Graph::cond`]; `InvalidArgument` without closures.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.placeholder(DType::I32, shape![])?;
    /// let (small, large) = (x.less(10)?, x.greater(100)?);
    /// let size = g.case(&[(&small, &|| g.constant("small")), (&large, &|| g.constant("large"))], Some(&|| g.constant("middle")))?;
    /// let sess = Session::new(&g)?;
    /// assert_eq!(sess.run_with(&size, feeds! { x => 50 })?.to_string(), "b'middle'");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.case")]
    #[track_caller]
    pub fn case<A: IntoNest>(
        &self,
        pairs: &[(&Tensor, BranchFn<'_, A>)],
        default: Option<BranchFn<'_, A>>,
    ) -> Result<A::Owned> {
        self.case_of(pairs, default, false)
    }

    /// As [`Graph::case`], where at most one of the conditions may hold: the run checks it, and fails with
    /// `CheckFailed`.
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "tf.case")]
    #[track_caller]
    pub fn case_exclusive<A: IntoNest>(
        &self,
        pairs: &[(&Tensor, BranchFn<'_, A>)],
        default: Option<BranchFn<'_, A>>,
    ) -> Result<A::Owned> {
        self.case_of(pairs, default, true)
    }

    #[track_caller]
    fn case_of<A: IntoNest>(
        &self,
        pairs: &[(&Tensor, BranchFn<'_, A>)],
        default: Option<BranchFn<'_, A>>,
        is_exclusive: bool,
    ) -> Result<A::Owned> {
        for (pred, _) in pairs {
            check_pred(pred, "case/")?;
        }
        let Some(((last, last_fn), others)) = pairs.split_last() else {
            return Err(Error::invalid("case takes at least 1 branch, but got 0"));
        };
        let line = self.line();
        self.composite("case", |_| {
            let preds: Vec<&Tensor> = pairs.iter().map(|(pred, _)| *pred).collect();
            let chain = |pairs: &[(&Tensor, BranchFn<'_, A>)], default: BranchFn<'_, A::Owned>| match is_exclusive {
                false => self.chain(pairs, default, line),
                true => {
                    let checked: Vec<&Tensor> = preds[..pairs.len()].to_vec();
                    let check = self.at_most(&checked, 1, "Input error: exclusive=True")?;
                    self.control_dependencies(&[check], || self.chain(pairs, default, line))
                }
            };
            let own = |f: BranchFn<'_, A>| self.with_line(line, f)?.into_nest(self);
            match default {
                Some(default) => chain(pairs, &|| own(default)),
                None => chain(others, &|| {
                    let checks = self.check_last(&preds[..others.len()], last, &preds)?;
                    self.control_dependencies(&checks, || own(*last_fn))
                }),
            }
        })
    }

    /// Nested conditions, the first outermost.
    fn chain<A: IntoNest>(
        &self,
        pairs: &[(&Tensor, BranchFn<'_, A>)],
        default: BranchFn<'_, A::Owned>,
        line: Option<&'static Location<'static>>,
    ) -> Result<A::Owned> {
        match pairs.split_first() {
            None => default(),
            Some(((pred, action), rest)) => {
                self.cond(*pred, || self.with_line(line, action), || self.chain(rest, default, line))
            }
        }
    }

    /// Checks that at most `n` of the conditions hold.
    fn at_most(&self, preds: &[&Tensor], n: i32, message: &str) -> Result<Operation> {
        let stacked = self.named("preds_c", || crate::ops::array::stack(preds, 0))?;
        let ones = stacked.cast(DType::I32)?;
        let count = self.named("num_true_conds", || ones.reduce_sum(()))?;
        let limit = self.named("n_true_conds", || self.constant(n))?;
        let names: Vec<String> = preds.iter().map(|pred| pred.name()).collect();
        let text = format!("{message}: more than {n} conditions ({}) evaluated as True:", names.join(", "));
        count.less_equal(&limit)?.assert_showing(&[&text, &stacked], preds.len() as i64)
    }

    /// The checks before the last action of a `case` without default.
    fn check_last(&self, others: &[&Tensor], last: &Tensor, all: &[&Tensor]) -> Result<[Operation; 2]> {
        let k = others.len();
        let stacked = self.named("preds_c", || crate::ops::array::stack(all, 0))?;
        let message = format!(
            "Implementation error: selected default action #{k} was called, but some of other predicates are True: "
        );
        let none = self.at_most(others, 0, &message)?;
        let data: [&dyn AssertData; 2] = [&"Input error: None of conditions evaluated as True:", &stacked];
        Ok([none, last.assert_showing(&data, 3)?])
    }
}

/// A scope's name without its last slash.
fn bare(scope: &str) -> &str {
    scope.strip_suffix('/').unwrap_or(scope)
}

fn check_pred(pred: &Tensor, scope: &str) -> Result<()> {
    let what = format!("the condition '{}' of '{}'", escape(&pred.name()), escape(bare(scope)));
    if pred.dtype() != DType::Bool {
        return Err(Error::dtype(format!("{what} must be bool, but is {}", pred.dtype())));
    }
    match pred.shape().rank() {
        None | Some(0) => Ok(()),
        Some(_) => Err(Error::shape(format!("{what} must be a scalar, but has shape {}", pred.shape()))),
    }
}

/// Refuses branches that give different structures, or nothing.
fn check_form<N: Nest>(a: &N, b: &N, [a_name, b_name]: [&str; 2]) -> Result<()> {
    let (first, second) = (form(a), form(b));
    if first != second {
        return Err(Error::invalid(format!(
            "{a_name} and {b_name} must give back the same structure, but give {first} and {second}"
        )));
    }
    if leaves(a).is_empty() {
        return Err(Error::invalid(format!("{a_name} and {b_name} must give back at least 1 result, but give 0")));
    }
    Ok(())
}

/// Refuses branches that give different dtypes.
fn check_dtypes(a: &Built, b: &Built, [a_name, b_name]: [&str; 2]) -> Result<()> {
    let dtype = |built: &Built, id: &OutputId| built.graph.fact(*id).dtype;
    let mut pairs = a.results.iter().map(|id| dtype(a, id)).zip(b.results.iter().map(|id| dtype(b, id)));
    match pairs.find(|(a, b)| a != b) {
        Some((a, b)) => {
            Err(Error::dtype(format!("outputs of {a_name} and {b_name} must have the same type: {a}, {b}")))
        }
        None => Ok(()),
    }
}

impl Graph {
    /// What the branch of this number gives; the last one stands for all numbers that no branch has. Otherwise as
    /// [`Graph::cond`]. With a `default` that one does.
    ///
    /// # Errors
    /// As there; `InvalidArgument` without branches.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let x = g.constant([2.0f32, 3.0])?;
    /// let which = g.placeholder(DType::I32, shape![])?;
    /// let y = g.switch_case(&which, &[&|| x.square(), &|| x.exp()], Some(&|| x.identity()))?;
    /// assert_eq!(Session::new(&g)?.run_with(&y, feeds! { which => 0 })?.to_string(), "[4. 9.]");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.switch_case")]
    #[track_caller]
    pub fn switch_case<A: IntoNest>(
        &self,
        index: impl IntoTensor,
        branches: &[BranchFn<'_, A>],
        default: Option<BranchFn<'_, A>>,
    ) -> Result<A::Owned> {
        let (g, line) = (self.root(), self.line());
        self.composite("switch_case", |_| {
            g.composite("indexed_case", |scope| {
                let index = index.tensor(None)?;
                check_index(&index)?;
                // TF1 builds this one as functions, which count their nodes for themselves.
                let (target, n_around) = (g.target(), g.target().tf_node_count() as i64);
                target.mark_extra(n_around);
                let built = numbered_branches(g, bare(scope), line, branches.iter().chain(&default));
                target.mark_extra(-n_around);
                let (nests, built) = built?;
                let first = nests.first().ok_or_else(|| Error::internal("there is a branch"))?;
                let built: Vec<&Built> = built.iter().collect();
                let op = |bodies| -> Arc<dyn Op> { Arc::new(Branch { by: Choose::Index, bodies, lowered: true }) };
                let node = hold(g, scope, &[&index], &built, false, op)?;
                put_out(g, first, &node, "Identity")
            })
        })
    }
}

/// Builds the branches of a `switch_case`, which must agree.
fn numbered_branches<'a, A: IntoNest + 'a>(
    g: &Graph,
    scope: &str,
    line: Option<&'static Location<'static>>,
    branches: impl Iterator<Item = &'a BranchFn<'a, A>>,
) -> Result<(Vec<A::Owned>, Vec<Built>)> {
    let (mut nests, mut built): (Vec<A::Owned>, Vec<Built>) = Default::default();
    for (i, build) in branches.enumerate() {
        let (nest, body) = branch(g, format!("branch {i} of '{scope}'"), line, || build()?.into_nest(g))?;
        g.target().mark_extra(body.graph.own_tf_nodes());
        let names = ["branch 0", &format!("branch {i}")];
        check_form(nests.first().unwrap_or(&nest), &nest, names)?;
        check_dtypes(built.first().unwrap_or(&body), &body, names)?;
        nests.push(nest);
        built.push(body);
    }
    if nests.is_empty() {
        return Err(Error::invalid("switch_case takes at least 1 branch, but got 0"));
    }
    Ok((nests, built))
}

fn check_index(index: &Tensor) -> Result<()> {
    if index.dtype() != DType::I32 {
        return Err(Error::dtype(format!("the number of a branch must be int32, but is {}", index.dtype())));
    }
    index.shape().with_rank(0).map(drop)
}
