//! The ops `Apply..`, `ResourceApply..`, `SparseApply..` and `ResourceSparseApply..`.

use std::sync::Arc;

use half::{bf16, f16};
use num_traits::Float;
use smallvec::SmallVec;

use super::rules::Rule;
use super::step::{Step, Vars};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::graph::{AttrValue, Attrs, Effect, Example, InferCx, Op, OpKind, Role, RunCx, VarHandle};
use crate::kernel::Number;
use crate::kernel::widen::Widen;
use crate::ops::parts::number_bytes_mut;
use crate::ops::state::{Spelling, pass_on, uninitialized};
use crate::shape::Shape;
use crate::value::{IntoValue, ScratchVec, Value};

/// Changes variables by a gradient, all of them in one step: other runs see none or all of the change.
#[derive(Debug, Clone)]
pub struct Apply {
    /// How.
    pub rule: Rule,
    /// How the variables are given; the first reference is passed on as output, a handle is not.
    pub spelling: Spelling,
    /// Whether the gradient is of some rows only, which the input after it names.
    pub is_sparse: bool,
}

macro_rules! rows {
    ($($name:literal $spelling:ident $sparse:literal ($($pattern:tt)*) ($($rule:tt)*) $signature:literal;)*) => {
        /// All rows.
        pub(super) static ROWS: &[&OpKind] = &[$(
            {
                static ROW: OpKind = OpKind::new(
                    $name,
                    $signature,
                    |attrs| parse(attrs, Rule::$($rule)*, Spelling::$spelling, $sparse),
                    || examples(Rule::$($rule)*, Spelling::$spelling, $sparse),
                )
                .effect(Effect::Writes)
                .not_differentiable("a variable that is changed in place has no gradient");
                &ROW
            },
        )*];

        /// The place of a rule's row in the table.
        fn name_of(op: &Apply) -> &'static str {
            match (op.rule, op.spelling, op.is_sparse) {
                $((Rule::$($pattern)*, Spelling::$spelling, $sparse) => $name,)*
                _ => "no row",
            }
        }
    };
}

rows! {
    "ApplyGradientDescent" Ref false (GradientDescent) (GradientDescent)
        "var: Ref(T), alpha: T, delta: T -> out: Ref(T)";
    "ResourceApplyGradientDescent" Resource false (GradientDescent) (GradientDescent)
        "var: Ref(T), alpha: T, delta: T ->";
    "ApplyMomentum" Ref false (Momentum { .. }) (Momentum { use_nesterov: false })
        "var: Ref(T), accum: Ref(T), lr: T, grad: T, momentum: T -> out: Ref(T)";
    "ResourceApplyMomentum" Resource false (Momentum { .. }) (Momentum { use_nesterov: false })
        "var: Ref(T), accum: Ref(T), lr: T, grad: T, momentum: T ->";
    "SparseApplyMomentum" Ref true (Momentum { .. }) (Momentum { use_nesterov: false })
        "var: Ref(T), accum: Ref(T), lr: T, grad: T, indices: Tindices, momentum: T -> out: Ref(T)";
    "ResourceSparseApplyMomentum" Resource true (Momentum { .. }) (Momentum { use_nesterov: false })
        "var: Ref(T), accum: Ref(T), lr: T, grad: T, indices: Tindices, momentum: T ->";
    "ApplyAdam" Ref false (Adam { .. }) (Adam { use_nesterov: false })
        "var: Ref(T), m: Ref(T), v: Ref(T), beta1_power: T, beta2_power: T, lr: T, beta1: T, beta2: T, epsilon: T, grad: T -> out: Ref(T)";
    "ResourceApplyAdam" Resource false (Adam { .. }) (Adam { use_nesterov: false })
        "var: Ref(T), m: Ref(T), v: Ref(T), beta1_power: T, beta2_power: T, lr: T, beta1: T, beta2: T, epsilon: T, grad: T ->";
    "ApplyAdaMax" Ref false (AdaMax) (AdaMax)
        "var: Ref(T), m: Ref(T), v: Ref(T), beta1_power: T, lr: T, beta1: T, beta2: T, epsilon: T, grad: T -> out: Ref(T)";
    "ResourceApplyAdaMax" Resource false (AdaMax) (AdaMax)
        "var: Ref(T), m: Ref(T), v: Ref(T), beta1_power: T, lr: T, beta1: T, beta2: T, epsilon: T, grad: T ->";
    "ApplyAdagrad" Ref false (Adagrad { .. }) (Adagrad { update_slots: true })
        "var: Ref(T), accum: Ref(T), lr: T, grad: T -> out: Ref(T)";
    "ResourceApplyAdagrad" Resource false (Adagrad { .. }) (Adagrad { update_slots: true })
        "var: Ref(T), accum: Ref(T), lr: T, grad: T ->";
    "SparseApplyAdagrad" Ref true (Adagrad { .. }) (Adagrad { update_slots: true })
        "var: Ref(T), accum: Ref(T), lr: T, grad: T, indices: Tindices -> out: Ref(T)";
    "ResourceSparseApplyAdagrad" Resource true (Adagrad { .. }) (Adagrad { update_slots: true })
        "var: Ref(T), accum: Ref(T), lr: T, grad: T, indices: Tindices ->";
    "ApplyAdagradV2" Ref false (AdagradV2 { .. }) (AdagradV2 { update_slots: true })
        "var: Ref(T), accum: Ref(T), lr: T, epsilon: T, grad: T -> out: Ref(T)";
    "ResourceApplyAdagradV2" Resource false (AdagradV2 { .. }) (AdagradV2 { update_slots: true })
        "var: Ref(T), accum: Ref(T), lr: T, epsilon: T, grad: T ->";
    "SparseApplyAdagradV2" Ref true (AdagradV2 { .. }) (AdagradV2 { update_slots: true })
        "var: Ref(T), accum: Ref(T), lr: T, epsilon: T, grad: T, indices: Tindices -> out: Ref(T)";
    "ResourceSparseApplyAdagradV2" Resource true (AdagradV2 { .. }) (AdagradV2 { update_slots: true })
        "var: Ref(T), accum: Ref(T), lr: T, epsilon: T, grad: T, indices: Tindices ->";
    "ApplyAdagradDA" Ref false (AdagradDa) (AdagradDa)
        "var: Ref(T), gradient_accumulator: Ref(T), gradient_squared_accumulator: Ref(T), grad: T, lr: T, l1: T, l2: T, global_step: int64 -> out: Ref(T)";
    "ResourceApplyAdagradDA" Resource false (AdagradDa) (AdagradDa)
        "var: Ref(T), gradient_accumulator: Ref(T), gradient_squared_accumulator: Ref(T), grad: T, lr: T, l1: T, l2: T, global_step: int64 ->";
    "SparseApplyAdagradDA" Ref true (AdagradDa) (AdagradDa)
        "var: Ref(T), gradient_accumulator: Ref(T), gradient_squared_accumulator: Ref(T), grad: T, indices: Tindices, lr: T, l1: T, l2: T, global_step: int64 -> out: Ref(T)";
    "ResourceSparseApplyAdagradDA" Resource true (AdagradDa) (AdagradDa)
        "var: Ref(T), gradient_accumulator: Ref(T), gradient_squared_accumulator: Ref(T), grad: T, indices: Tindices, lr: T, l1: T, l2: T, global_step: int64 ->";
    "ApplyAdadelta" Ref false (Adadelta) (Adadelta)
        "var: Ref(T), accum: Ref(T), accum_update: Ref(T), lr: T, rho: T, epsilon: T, grad: T -> out: Ref(T)";
    "ResourceApplyAdadelta" Resource false (Adadelta) (Adadelta)
        "var: Ref(T), accum: Ref(T), accum_update: Ref(T), lr: T, rho: T, epsilon: T, grad: T ->";
    "SparseApplyAdadelta" Ref true (Adadelta) (Adadelta)
        "var: Ref(T), accum: Ref(T), accum_update: Ref(T), lr: T, rho: T, epsilon: T, grad: T, indices: Tindices -> out: Ref(T)";
    "ResourceSparseApplyAdadelta" Resource true (Adadelta) (Adadelta)
        "var: Ref(T), accum: Ref(T), accum_update: Ref(T), lr: T, rho: T, epsilon: T, grad: T, indices: Tindices ->";
    "ApplyRMSProp" Ref false (RmsProp) (RmsProp)
        "var: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T, grad: T -> out: Ref(T)";
    "ResourceApplyRMSProp" Resource false (RmsProp) (RmsProp)
        "var: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T, grad: T ->";
    "SparseApplyRMSProp" Ref true (RmsProp) (RmsProp)
        "var: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T, grad: T, indices: Tindices -> out: Ref(T)";
    "ResourceSparseApplyRMSProp" Resource true (RmsProp) (RmsProp)
        "var: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T, grad: T, indices: Tindices ->";
    "ApplyCenteredRMSProp" Ref false (CenteredRmsProp) (CenteredRmsProp)
        "var: Ref(T), mg: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T, grad: T -> out: Ref(T)";
    "ResourceApplyCenteredRMSProp" Resource false (CenteredRmsProp) (CenteredRmsProp)
        "var: Ref(T), mg: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T, grad: T ->";
    "SparseApplyCenteredRMSProp" Ref true (CenteredRmsProp) (CenteredRmsProp)
        "var: Ref(T), mg: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T, grad: T, indices: Tindices -> out: Ref(T)";
    "ResourceSparseApplyCenteredRMSProp" Resource true (CenteredRmsProp) (CenteredRmsProp)
        "var: Ref(T), mg: Ref(T), ms: Ref(T), mom: Ref(T), lr: T, rho: T, momentum: T, epsilon: T, grad: T, indices: Tindices ->";
    "ApplyFtrl" Ref false (Ftrl { .. }) (Ftrl { multiply_linear: false })
        "var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, lr: T, l1: T, l2: T, lr_power: T -> out: Ref(T)";
    "ResourceApplyFtrl" Resource false (Ftrl { .. }) (Ftrl { multiply_linear: false })
        "var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, lr: T, l1: T, l2: T, lr_power: T ->";
    "SparseApplyFtrl" Ref true (Ftrl { .. }) (Ftrl { multiply_linear: false })
        "var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, indices: Tindices, lr: T, l1: T, l2: T, lr_power: T -> out: Ref(T)";
    "ResourceSparseApplyFtrl" Resource true (Ftrl { .. }) (Ftrl { multiply_linear: false })
        "var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, indices: Tindices, lr: T, l1: T, l2: T, lr_power: T ->";
    "ApplyFtrlV2" Ref false (FtrlV2 { .. }) (FtrlV2 { multiply_linear: false })
        "var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, lr: T, l1: T, l2: T, l2_shrinkage: T, lr_power: T -> out: Ref(T)";
    "ResourceApplyFtrlV2" Resource false (FtrlV2 { .. }) (FtrlV2 { multiply_linear: false })
        "var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, lr: T, l1: T, l2: T, l2_shrinkage: T, lr_power: T ->";
    "SparseApplyFtrlV2" Ref true (FtrlV2 { .. }) (FtrlV2 { multiply_linear: false })
        "var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, indices: Tindices, lr: T, l1: T, l2: T, l2_shrinkage: T, lr_power: T -> out: Ref(T)";
    "ResourceSparseApplyFtrlV2" Resource true (FtrlV2 { .. }) (FtrlV2 { multiply_linear: false })
        "var: Ref(T), accum: Ref(T), linear: Ref(T), grad: T, indices: Tindices, lr: T, l1: T, l2: T, l2_shrinkage: T, lr_power: T ->";
    "ApplyProximalGradientDescent" Ref false (ProximalGradientDescent) (ProximalGradientDescent)
        "var: Ref(T), alpha: T, l1: T, l2: T, delta: T -> out: Ref(T)";
    "ResourceApplyProximalGradientDescent" Resource false (ProximalGradientDescent) (ProximalGradientDescent)
        "var: Ref(T), alpha: T, l1: T, l2: T, delta: T ->";
    "SparseApplyProximalGradientDescent" Ref true (ProximalGradientDescent) (ProximalGradientDescent)
        "var: Ref(T), alpha: T, l1: T, l2: T, grad: T, indices: Tindices -> out: Ref(T)";
    "ResourceSparseApplyProximalGradientDescent" Resource true (ProximalGradientDescent) (ProximalGradientDescent)
        "var: Ref(T), alpha: T, l1: T, l2: T, grad: T, indices: Tindices ->";
    "ApplyProximalAdagrad" Ref false (ProximalAdagrad) (ProximalAdagrad)
        "var: Ref(T), accum: Ref(T), lr: T, l1: T, l2: T, grad: T -> out: Ref(T)";
    "ResourceApplyProximalAdagrad" Resource false (ProximalAdagrad) (ProximalAdagrad)
        "var: Ref(T), accum: Ref(T), lr: T, l1: T, l2: T, grad: T ->";
    "SparseApplyProximalAdagrad" Ref true (ProximalAdagrad) (ProximalAdagrad)
        "var: Ref(T), accum: Ref(T), lr: T, l1: T, l2: T, grad: T, indices: Tindices -> out: Ref(T)";
    "ResourceSparseApplyProximalAdagrad" Resource true (ProximalAdagrad) (ProximalAdagrad)
        "var: Ref(T), accum: Ref(T), lr: T, l1: T, l2: T, grad: T, indices: Tindices ->";
    "ApplyAddSign" Ref false (AddSign) (AddSign)
        "var: Ref(T), m: Ref(T), lr: T, alpha: T, sign_decay: T, beta: T, grad: T -> out: Ref(T)";
    "ResourceApplyAddSign" Resource false (AddSign) (AddSign)
        "var: Ref(T), m: Ref(T), lr: T, alpha: T, sign_decay: T, beta: T, grad: T ->";
    "ApplyPowerSign" Ref false (PowerSign) (PowerSign)
        "var: Ref(T), m: Ref(T), lr: T, logbase: T, sign_decay: T, beta: T, grad: T -> out: Ref(T)";
    "ResourceApplyPowerSign" Resource false (PowerSign) (PowerSign)
        "var: Ref(T), m: Ref(T), lr: T, logbase: T, sign_decay: T, beta: T, grad: T ->";
}

fn parse(attrs: &Attrs, rule: Rule, spelling: Spelling, is_sparse: bool) -> Result<Arc<dyn Op>> {
    attrs.bool_or("use_locking", false)?;
    let rule = match rule {
        Rule::Momentum { .. } => Rule::Momentum { use_nesterov: attrs.bool_or("use_nesterov", false)? },
        Rule::Adam { .. } => Rule::Adam { use_nesterov: attrs.bool_or("use_nesterov", false)? },
        Rule::Adagrad { .. } => Rule::Adagrad { update_slots: attrs.bool_or("update_slots", true)? },
        Rule::AdagradV2 { .. } => Rule::AdagradV2 { update_slots: attrs.bool_or("update_slots", true)? },
        Rule::Ftrl { .. } => Rule::Ftrl { multiply_linear: attrs.bool_or("multiply_linear_by_lr", false)? },
        Rule::FtrlV2 { .. } => Rule::FtrlV2 { multiply_linear: attrs.bool_or("multiply_linear_by_lr", false)? },
        other => other,
    };
    Ok(Arc::new(Apply { rule, spelling, is_sparse }))
}

fn examples(rule: Rule, spelling: Spelling, is_sparse: bool) -> Vec<Example> {
    let op = Apply { rule, spelling, is_sparse };
    let matrix = || [[1.0f32, 2.0], [3.0, 4.0]].into_value();
    let mut inputs: Vec<Value> = (0..rule.n_vars()).map(|_| matrix()).collect();
    for arg in &op.kind().args().inputs[rule.n_vars()..] {
        inputs.push(match arg.name.as_str() {
            "grad" | "delta" => matrix(),
            "indices" => [1i32, 0].into_value(),
            "global_step" => 3i64.into_value(),
            _ => 0.5f32.into_value(),
        });
    }
    vec![Example::new(op, inputs)]
}

impl Op for Apply {
    fn kind(&self) -> &'static OpKind {
        let name = name_of(self);
        ROWS.iter().find(|row| row.name == name).expect("each rule that is built has a row")
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        if !cx.dtype(0).is_floating() {
            return Err(Error::unsupported(format!("variables of {} cannot be trained", cx.dtype(0))));
        }
        let grad = self.grad();
        let mut shape = cx.shape(0).clone();
        for i in 1..self.rule.n_vars() {
            shape = shape.merge(cx.shape(i))?;
        }
        if self.is_sparse {
            let indices = cx.shape(grad + 1).with_rank(1)?;
            let rows = cx.shape(grad).with_rank_at_least(1)?;
            rows.with_dim(0, &indices.dim(0))?;
            rows.slice(1..)?.merge(&shape.slice(1..)?)?;
        } else {
            shape = shape.merge(cx.shape(grad))?;
        }
        for i in self.scalars(cx.n_inputs()) {
            cx.shape(i).with_rank(0)?;
        }
        if self.spelling == Spelling::Ref {
            cx.output_variable(cx.dtype(0), shape, Role::Ref);
        }
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let mut vars = (0..self.rule.n_vars()).map(|i| Ok((i, cx.variable(i)?))).collect::<Result<Vec<_>>>()?;
        // One order for all steps, so that steps that share variables never wait for each other in a circle.
        vars.sort_by_key(|(_, var)| var.index);
        if vars.windows(2).any(|pair| pair[0].1.index == pair[1].1.index) {
            return Err(Error::invalid("the variables of an optimizer's step must be different ones"));
        }
        // Bounded by the inputs.
        let mut values = vec![None; vars.len()];
        with_all(cx, &vars, &mut values, &mut |values| self.change(cx, values))?;
        pass_on(cx);
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        match self.rule {
            Rule::Momentum { use_nesterov } | Rule::Adam { use_nesterov } => {
                vec![("use_nesterov", AttrValue::Bool(use_nesterov))]
            }
            Rule::Adagrad { update_slots } | Rule::AdagradV2 { update_slots } => {
                vec![("update_slots", AttrValue::Bool(update_slots))]
            }
            // TensorFlow 1.15 does not know the attribute, so only the value that it does not have is written.
            Rule::Ftrl { multiply_linear: true } | Rule::FtrlV2 { multiply_linear: true } => {
                vec![("multiply_linear_by_lr", AttrValue::Bool(true))]
            }
            _ => Vec::new(),
        }
    }
}

/// Holds the variables one in the other, and hands the values of all of them to `change`.
fn with_all(
    cx: &RunCx<'_>,
    vars: &[(usize, Arc<VarHandle>)],
    values: &mut [Option<Value>],
    change: &mut dyn FnMut(&mut [Option<Value>]) -> Result<()>,
) -> Result<()> {
    let Some(((i, var), rest)) = vars.split_first() else { return change(values) };
    cx.state()?.update(var, &mut |old| {
        values[*i] = Some(old.ok_or_else(|| uninitialized(var))?);
        with_all(cx, rest, values, change)?;
        values[*i].take().ok_or_else(|| Error::internal("a changed variable has a value"))
    })
}

impl Apply {
    /// Which input is the gradient.
    fn grad(&self) -> usize {
        self.rule.n_vars() + self.rule.grad_at()
    }

    /// Which inputs are scalars.
    fn scalars(&self, n_inputs: usize) -> impl Iterator<Item = usize> {
        let (grad, is_sparse) = (self.grad(), self.is_sparse);
        (self.rule.n_vars()..n_inputs).filter(move |i| *i != grad && !(is_sparse && *i == grad + 1))
    }

    fn change(&self, cx: &RunCx<'_>, values: &mut [Option<Value>]) -> Result<()> {
        let dims: Vec<usize> = values.iter().flatten().next().map_or(Vec::new(), |value| value.dims().to_vec());
        let grad = cx.input(self.grad());
        let others = values.iter().flatten().all(|value| value.dims() == dims);
        let fits = if self.is_sparse {
            !dims.is_empty() && grad.rank() == dims.len() && grad.dims()[1..] == dims[1..]
        } else {
            grad.dims() == dims
        };
        if !others || !fits {
            let (var, grad) = (Shape::from(&dims[..]), Shape::from(grad.dims()));
            return Err(Error::shape(format!("var and grad do not have the same shape: {var} {grad}")));
        }
        match grad.dtype() {
            DType::F64 => self.change_as::<f64>(cx, values, grad),
            DType::F32 | DType::F16 | DType::BF16 => self.change_as::<f32>(cx, values, grad),
            dtype => Err(Error::unsupported(format!("variables of {dtype} cannot be trained"))),
        }
    }

    /// Changes the variables with rules that compute in `A`.
    fn change_as<A: Number + Float>(&self, cx: &RunCx<'_>, values: &mut [Option<Value>], grad: &Value) -> Result<()> {
        let rows = if self.is_sparse { Some(self.rows(cx, values)?) } else { None };
        let mut scalars: SmallVec<[A; 8]> = SmallVec::new();
        for i in self.scalars(cx.n_inputs()) {
            scalars.push(scalar(cx.input(i))?);
        }
        let mut vars = Vars::new();
        for value in values.iter_mut().flatten() {
            if value.dtype() != grad.dtype() {
                return Err(Error::dtype(format!("var must be {}, but is {}", grad.dtype(), value.dtype())));
            }
            vars.push(number_bytes_mut(value)?);
        }
        let step = Step { rule: self.rule, scalars, widen: Widen::of(grad.dtype()) };
        step.run(&mut vars, grad.bytes()?, rows.as_deref(), &mut cx.pace())
    }

    /// The rows that the gradient is of, validated.
    fn rows(&self, cx: &RunCx<'_>, values: &[Option<Value>]) -> Result<ScratchVec<usize>> {
        let n = values.iter().flatten().next().map_or(0, |value| value.dims()[0]);
        let indices = cx.ints(cx.input(self.grad() + 1))?;
        if indices.len() != cx.input(self.grad()).dims()[0] {
            return Err(Error::shape("grad must be the same size as indices in the first dimension"));
        }
        let row = |(i, index): (usize, &i64)| {
            usize::try_from(*index).ok().filter(|index| *index < n).ok_or_else(|| {
                Error::new(
                    crate::error::ErrorKind::IndexOutOfRange,
                    format!("indices must be in [0, {n}), but index {index} is at offset {i}"),
                )
            })
        };
        let (mut rows, mut pace) = (cx.list(indices.len())?, cx.pace());
        for index in indices.iter().enumerate() {
            pace.spend(1)?;
            rows.push(row(index)?)?;
        }
        Ok(rows)
    }
}

#[cold]
fn not_a_scalar(value: &Value) -> Error {
    Error::shape(format!("lr and its like must be scalars, but one has shape {}", Shape::from(value.dims())))
}

/// A number that all elements share, exactly.
fn scalar<A: Float>(value: &Value) -> Result<A> {
    let one = match value.dtype() {
        DType::I64 => value.slice::<i64>()?.first().and_then(|n| A::from(*n)),
        DType::F64 => value.slice::<f64>()?.first().and_then(|x| A::from(*x)),
        DType::F16 => value.slice::<f16>()?.first().and_then(|x| A::from(x.to_f32())),
        DType::BF16 => value.slice::<bf16>()?.first().and_then(|x| A::from(x.to_f32())),
        _ => value.slice::<f32>()?.first().and_then(|x| A::from(*x)),
    };
    one.filter(|_| value.len() == 1).ok_or_else(|| not_a_scalar(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_that_of_its_ops() {
        for row in ROWS {
            for example in (row.examples)() {
                assert_eq!(example.op.kind().name, row.name);
            }
        }
    }
}
