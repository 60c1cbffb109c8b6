//! What each optimizer makes of a gradient: TensorFlow's formulas, element by element.

use num_traits::Float;

use crate::error::{Error, Result};

/// Goes over elements of variables and of the gradient side by side, for a rule that says what becomes of one of each.
macro_rules! each {
    ([$($var:ident),*], $g:ident in $grad:ident => $rule:expr) => {{
        let n = $grad.len();
        // Cut to one length, so that no element is checked by itself.
        $( let $var = &mut $var[..n]; )*
        for i in 0..n {
            $( let $var = &mut $var[i]; )*
            let $g = $grad[i];
            $rule
        }
    }};
}

/// An optimizer's rule. Its variables come first, what is trained before the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// `var -= lr * grad`.
    GradientDescent,
    /// Nesterov's variant looks one step ahead.
    Momentum { use_nesterov: bool },
    /// Adam; Nesterov's variant looks one step ahead.
    Adam { use_nesterov: bool },
    /// Adam with the infinity norm.
    AdaMax,
    /// Adagrad; the squares are summed up unless told not to.
    Adagrad { update_slots: bool },
    /// Adagrad with an epsilon.
    AdagradV2 { update_slots: bool },
    /// Dual averaging of Adagrad: the sums of gradients and of their squares since the first step say where to be.
    AdagradDa,
    /// Adadelta.
    Adadelta,
    /// RMSProp.
    RmsProp,
    /// RMSProp by the variance instead of the second moment.
    CenteredRmsProp,
    /// Follow the regularized leader. `multiply_linear` keeps the linear sum multiplied by the learning rate instead of
    /// dividing the quadratic one by it, which stays precise for small rates.
    Ftrl { multiply_linear: bool },
    /// Follow the regularized leader, with shrinkage.
    FtrlV2 { multiply_linear: bool },
    /// Gradient descent with L1 and L2 penalties.
    ProximalGradientDescent,
    /// Adagrad with L1 and L2 penalties.
    ProximalAdagrad,
    /// AddSign.
    AddSign,
    /// PowerSign.
    PowerSign,
}

impl Rule {
    /// How many variables it changes.
    pub fn n_vars(self) -> usize {
        match self {
            Rule::GradientDescent | Rule::ProximalGradientDescent => 1,
            Rule::Momentum { .. } | Rule::Adagrad { .. } | Rule::AdagradV2 { .. } => 2,
            Rule::ProximalAdagrad | Rule::AddSign | Rule::PowerSign => 2,
            Rule::Adam { .. } | Rule::AdaMax | Rule::Adadelta | Rule::RmsProp => 3,
            Rule::Ftrl { .. } | Rule::FtrlV2 { .. } | Rule::AdagradDa => 3,
            Rule::CenteredRmsProp => 4,
        }
    }

    /// Which of the inputs after the variables is the gradient.
    pub fn grad_at(self) -> usize {
        match self {
            Rule::Ftrl { .. } | Rule::FtrlV2 { .. } | Rule::AdagradDa => 0,
            Rule::GradientDescent | Rule::Momentum { .. } | Rule::Adagrad { .. } => 1,
            Rule::AdagradV2 { .. } => 2,
            Rule::Adadelta | Rule::ProximalGradientDescent | Rule::ProximalAdagrad => 3,
            Rule::RmsProp | Rule::CenteredRmsProp | Rule::AddSign | Rule::PowerSign => 4,
            Rule::AdaMax => 5,
            Rule::Adam { .. } => 6,
        }
    }

    /// Changes elements of the variables by as many of the gradient. `p` are the inputs that are scalars, in order.
    ///
    /// # Errors
    /// `Internal` if there are not as many scalars and variables as the rule has.
    pub(super) fn run<A: Float>(self, p: &[A], vars: &mut [&mut [A]], grad: &[A]) -> Result<()> {
        let one = A::one();
        match (self, p, vars) {
            (Rule::GradientDescent, &[lr], [var]) => each!([var], g in grad => *var = *var - lr * g),
            (Rule::Momentum { use_nesterov }, &[lr, momentum], [var, accum]) => each!([var, accum], g in grad => {
                *accum = *accum * momentum + g;
                let step = if use_nesterov { g + *accum * momentum } else { *accum };
                *var = *var - step * lr;
            }),
            (Rule::Adam { use_nesterov }, &[beta1_power, beta2_power, lr, beta1, beta2, epsilon], [var, m, v]) => {
                let alpha = lr * (one - beta2_power).sqrt() / (one - beta1_power);
                each!([var, m, v], g in grad => {
                    *m = *m + (g - *m) * (one - beta1);
                    *v = *v + (g * g - *v) * (one - beta2);
                    let step = if use_nesterov { g * (one - beta1) + beta1 * *m } else { *m };
                    *var = *var - step * alpha / (v.sqrt() + epsilon);
                });
            }
            (Rule::AdaMax, &[beta1_power, lr, beta1, beta2, epsilon], [var, m, v]) => each!([var, m, v], g in grad => {
                *m = *m + (g - *m) * (one - beta1);
                *v = (beta2 * *v).max(g.abs());
                *var = *var - lr / (one - beta1_power) * (*m / (*v + epsilon));
            }),
            (Rule::Adagrad { update_slots }, &[lr], [var, accum]) => each!([var, accum], g in grad => {
                if update_slots {
                    *accum = *accum + g * g;
                }
                *var = *var - g * lr / accum.sqrt();
            }),
            (Rule::AdagradV2 { update_slots }, &[lr, epsilon], [var, accum]) => each!([var, accum], g in grad => {
                if update_slots {
                    *accum = *accum + g * g;
                }
                *var = *var - g * lr / (accum.sqrt() + epsilon);
            }),
            (Rule::AdagradDa, &[lr, l1, l2, step], [var, sum, squares]) => each!([var, sum, squares], g in grad => {
                *sum = *sum + g;
                *squares = *squares + g * g;
                let far = if l1 > A::zero() { sign(*sum) * (sum.abs() - l1 * step).max(A::zero()) } else { *sum };
                *var = -(lr * far) / (l2 * lr * step + squares.sqrt());
            }),
            (Rule::Adadelta, &[lr, rho, epsilon], [var, accum, updates]) => each!([var, accum, updates], g in grad => {
                *accum = *accum * rho + g * g * (one - rho);
                let update = (*updates + epsilon).sqrt() / (*accum + epsilon).sqrt() * g;
                *var = *var - update * lr;
                *updates = *updates * rho + update * update * (one - rho);
            }),
            (Rule::RmsProp, &[lr, rho, momentum, epsilon], [var, ms, mom]) => each!([var, ms, mom], g in grad => {
                *ms = *ms + (g * g - *ms) * (one - rho);
                *mom = *mom * momentum + g * lr / (*ms + epsilon).sqrt();
                *var = *var - *mom;
            }),
            (Rule::CenteredRmsProp, &[lr, rho, momentum, epsilon], [var, mg, ms, mom]) => {
                each!([var, mg, ms, mom], g in grad => {
                    *ms = *ms + (g * g - *ms) * (one - rho);
                    *mg = *mg + (g - *mg) * (one - rho);
                    *mom = *mom * momentum + g * lr / (*ms - *mg * *mg + epsilon).sqrt();
                    *var = *var - *mom;
                });
            }
            (Rule::Ftrl { multiply_linear }, &[lr, l1, l2, lr_power], vars) => {
                follow_the_leader(vars, grad, &Rates { lr, l1, l2, shrinkage: A::zero(), lr_power, multiply_linear })?;
            }
            (Rule::FtrlV2 { multiply_linear }, &[lr, l1, l2, shrinkage, lr_power], vars) => {
                follow_the_leader(vars, grad, &Rates { lr, l1, l2, shrinkage, lr_power, multiply_linear })?;
            }
            (Rule::ProximalGradientDescent, &[lr, l1, l2], [var]) => {
                each!([var], g in grad => *var = proximal(*var - g * lr, lr, l1, l2));
            }
            (Rule::ProximalAdagrad, &[lr, l1, l2], [var, accum]) => each!([var, accum], g in grad => {
                *accum = *accum + g * g;
                let lr = lr / accum.sqrt();
                *var = proximal(*var - g * lr, lr, l1, l2);
            }),
            (Rule::AddSign, &[lr, alpha, decay, beta], [var, m]) => each!([var, m], g in grad => {
                *m = *m * beta + g * (one - beta);
                *var = *var - lr * (alpha + decay * sign(g) * sign(*m)) * g;
            }),
            (Rule::PowerSign, &[lr, logbase, decay, beta], [var, m]) => each!([var, m], g in grad => {
                *m = *m * beta + g * (one - beta);
                *var = *var - lr * (logbase * decay * sign(g) * sign(*m)).exp() * g;
            }),
            _ => return Err(unfit()),
        }
        Ok(())
    }
}

#[cold]
fn unfit() -> Error {
    Error::internal("a rule has as many scalars and variables as its signature says")
}

/// -1, 0 or 1.
fn sign<A: Float>(x: A) -> A {
    if x == A::zero() { x } else { x.signum() }
}

fn proximal<A: Float>(x: A, lr: A, l1: A, l2: A) -> A {
    let scale = A::one() + l2 * lr;
    if l1 > A::zero() { sign(x) * (x.abs() - lr * l1).max(A::zero()) / scale } else { x / scale }
}

struct Rates<A> {
    lr: A,
    l1: A,
    l2: A,
    shrinkage: A,
    lr_power: A,
    multiply_linear: bool,
}

fn follow_the_leader<A: Float>(vars: &mut [&mut [A]], grad: &[A], rates: &Rates<A>) -> Result<()> {
    let Rates { lr, l1, l2, shrinkage, lr_power, multiply_linear } = *rates;
    let [var, accum, linear] = vars else { return Err(unfit()) };
    let two = A::one() + A::one();
    let power = |x: A| if lr_power == -(A::one() / two) { x.sqrt() } else { x.powf(-lr_power) };
    // Everything is divided by the learning rate, or nothing is and the other terms are multiplied by it.
    let (times, over) = if multiply_linear { (lr, A::one()) } else { (A::one(), lr) };
    each!([var, accum, linear], g in grad => {
        let new_accum = *accum + g * g;
        let step = (power(new_accum) - power(*accum)) / over;
        *linear = *linear + (g + two * shrinkage * *var) * times - step * *var;
        let l1 = l1 * times;
        let (x, y) = (l1 * sign(*linear) - *linear, power(new_accum) / over + two * l2 * times);
        *var = if linear.abs() > l1 { x / y } else { A::zero() };
        *accum = new_accum;
    });
    Ok(())
}
