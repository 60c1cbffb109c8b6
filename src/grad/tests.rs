//! Gradients agree with finite differences, over every row that has a rule; and what the walk does with ways and errors.

use super::*;
use crate::graph::{Effect, Example, Op};
use crate::ops::OPS;
use crate::ops::array::Range;
use crate::ops::array::cast::cast_value;
use crate::session::{Feeds, Session};
use crate::value::Value;
use crate::{feeds, shape};

/// The step of a difference, and how far from the gradient a difference may be: of float64.
const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-6;

/// An example in float64, its smooth inputs fed.
struct Built {
    xs: Vec<Tensor>,
    values: Vec<Value>,
    ys: Vec<Tensor>,
    weights: Vec<Tensor>,
}

impl Built {
    fn of(example: &Example) -> Result<Built> {
        let g = Graph::new();
        let (mut xs, mut values, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
        for value in &example.inputs {
            let tensor = match value.dtype().is_floating() {
                true => {
                    let value = cast_value(value, DType::F64)?;
                    let x = g.placeholder(DType::F64, value.dims())?;
                    xs.push(x.clone());
                    values.push(value);
                    x
                }
                false => g.constant(value)?,
            };
            inputs.push(tensor);
        }
        let name = example.op.kind().name.trim_start_matches('_');
        let operation = g.apply_named(name, example.op.clone(), &inputs.iter().collect::<Vec<_>>())?;
        let ys: Vec<Tensor> = operation.outputs().into_iter().filter(|y| y.dtype() == DType::F64).collect();
        let weight = |(i, y): (usize, &Tensor)| {
            let (zero, one) = (g.constant(0)?, g.constant(1)?);
            let ramp = g.apply_one(Range, &[&zero, &y.size_tensor()?, &one])?.cast(DType::F64)?;
            ((ramp * 0.37)? + (i as f64 + 1.0))?.sin()?.cast(y.dtype())?.reshape(y.shape_tensor())
        };
        let weights = ys.iter().enumerate().map(weight).collect::<Result<Vec<_>>>()?;
        Ok(Built { xs, values, ys, weights })
    }

    fn feeds(&self, values: &[Value]) -> Feeds {
        self.xs.iter().zip(values).fold(Feeds::new(), |feeds, (x, value)| feeds.with(x, value.clone()))
    }

    /// The gradients of the weighted sum of all outputs, beside differences; `None` where the op has no rule yet.
    fn check(&self) -> Result<Option<usize>> {
        let g = self.xs[0].graph();
        let (ys, weights): (Vec<&Tensor>, Vec<Option<&Tensor>>) =
            (self.ys.iter().collect(), self.weights.iter().map(Some).collect());
        let grads = match gradients_from(&ys, &self.xs.iter().collect::<Vec<_>>(), &weights) {
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotDifferentiable) => {
                return Ok(None);
            }
            grads => grads?,
        };
        let parts = self.ys.iter().zip(&self.weights).map(|(y, weight)| (y * weight)?.reduce_sum(()));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let total = add_n(&parts.iter().collect::<Vec<_>>())?;
        let session = Session::new(g)?;
        let at = |values: &[Value]| session.run_with(&total, self.feeds(values))?.scalar::<f64>();
        let mut n_checked = 0;
        let middle = at(&self.values)?;
        for (i, grad) in grads.iter().enumerate() {
            let Some(grad) = grad else { continue };
            let grad = session.run_with(grad, self.feeds(&self.values))?;
            assert_eq!(grad.dims(), self.values[i].dims(), "the gradient has the shape of its input");
            for (at_element, slope) in grad.slice::<f64>()?.iter().enumerate() {
                let moved = |by: f64| {
                    let mut values = self.values.clone();
                    values[i].make_mut::<f64>()?[at_element] += by;
                    at(&values)
                };
                let (low, high) = (moved(-STEP)?, moved(STEP)?);
                let (before, after) = ((middle - low) / STEP, (high - middle) / STEP);
                let size = 1.0 + slope.abs();
                // At a kink, and where nothing is finite, there is no slope to agree with.
                if !(before - after).is_finite() || (before - after).abs() > 1e-2 * size {
                    continue;
                }
                let difference = (high - low) / (2.0 * STEP);
                let is_near = (difference - slope).abs() <= TOLERANCE * (size + difference.abs() + middle.abs());
                if !is_near {
                    let text = format!("input {i}, element {at_element}: {slope}, but differences give {difference}");
                    return Err(Error::internal(text));
                }
                n_checked += 1;
            }
        }
        Ok(Some(n_checked))
    }
}

#[test]
fn every_rule_agrees_with_finite_differences() {
    let (mut with_rule, mut n_elements, mut wrong) = (BTreeSet::new(), 0, Vec::new());
    let rows = OPS.iter().flat_map(|family| family.iter().copied());
    for row in rows.filter(|row| row.effect == Effect::Pure && row.gradient == Gradient::Exists) {
        for (i, example) in (row.examples)().iter().enumerate() {
            // An op that has no kernel for float64 has no rule either, or shares one with those that do.
            let Some(built) = Built::of(example).ok().filter(|built| !built.xs.is_empty() && !built.ys.is_empty())
            else {
                continue;
            };
            match built.check() {
                Ok(Some(n)) => {
                    with_rule.insert(row.name);
                    n_elements += n;
                }
                Ok(None) => {}
                Err(error) => wrong.push(format!("{} (example {i}): {error}", row.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in ["Conv2D", "Conv3DBackpropInputV2", "DepthwiseConv2dNative", "MatMul", "Prod", "StridedSlice", "Tanh"] {
        assert!(with_rule.contains(name), "{name} was not compared");
    }
    assert!(with_rule.len() > 75, "only {} rules were seen: {with_rule:?}", with_rule.len());
    assert!(n_elements > 300, "only {n_elements} elements were compared");
}

#[track_caller]
fn run(fetch: &Tensor, feeds: Feeds) -> String {
    Session::new(fetch.graph()).unwrap().run_with(fetch, feeds).unwrap().to_string()
}

#[test]
fn several_ways_are_summed_and_gradients_nest() {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?]).unwrap();
    let y = (x.square().unwrap() * &x).unwrap();
    let first = gradients(&[&y], &[&x]).unwrap()[0].clone().unwrap();
    let second = gradients(&[&first], &[&x]).unwrap()[0].clone().unwrap();
    assert_eq!(first.shape().to_string(), "(?,)");
    assert_eq!(run(&first, feeds! { x => [1.0f32, -2.0] }), "[ 3. 12.]");
    assert_eq!(run(&second, feeds! { x => [1.0f32, -2.0] }), "[  6. -12.]");
}

/// Names as TensorFlow 1.15.5 gives them.
#[test]
fn nodes_lie_in_scopes_of_the_walk() {
    let g = Graph::new();
    let w = g.variable([[1.0f32, 2.0]]).unwrap();
    let x = g.placeholder(DType::F32, shape![?, 1]).unwrap();
    let y = g.named("y", || x.matmul(&w)).unwrap();
    let dw = gradients(&[&y], &[&w.handle()]).unwrap()[0].clone().unwrap();
    assert_eq!((dw.name().as_str(), dw.shape().to_string().as_str()), ("gradients/y_grad/MatMul_1:0", "(1, 2)"));
    assert!(g.tensor_by_name("gradients/grad_ys_0:0").is_ok() && g.tensor_by_name("gradients/Fill:0").is_ok());
}

#[test]
fn nothing_flows_where_no_smooth_way_leads() {
    let g = Graph::new();
    let [x, other] = [0, 1].map(|_| g.placeholder(DType::F32, shape![2]).unwrap());
    let rounded = (x.floor().unwrap() + x.stop_gradient().unwrap()).unwrap();
    let through_ints = x.cast(DType::I32).unwrap().cast(DType::F32).unwrap();
    for y in [&rounded, &through_ints, &other] {
        assert_eq!(gradients(&[y], &[&x]).unwrap(), [None]);
    }
    // What is asked for may be what is differentiated.
    let own = gradients(&[&x], &[&x]).unwrap()[0].clone().unwrap();
    assert_eq!(run(&own, feeds! { x => [5.0f32, 6.0] }), "[1. 1.]");
}

#[test]
fn what_is_refused_says_where() {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![2]).unwrap();
    let y = g.named("rows", || x.cumprod(0, Default::default())).unwrap();
    let error = gradients(&[&y], &[&x]).unwrap_err();
    assert_eq!((error.kind(), error.node()), (ErrorKind::Unsupported, Some("rows")));
    let count = g.constant(1).unwrap();
    assert!(gradients(&[&count], &[&x]).unwrap_err().message().contains("'Const:0' is int32"));
    let stranger = Graph::new().constant(1.0f32).unwrap();
    assert_eq!(gradients(&[&stranger], &[&x]).unwrap_err().kind(), ErrorKind::GraphMismatch);
    let error = gradients_from(&[&x], &[&x], &[Some(&count)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DTypeMismatch);
    let error = gradients_from(&[&x], &[&x], &[Some(&g.constant([1.0f32; 3]).unwrap())]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShapeMismatch);
    let no = x.prevent_gradient("no way").unwrap();
    assert!(gradients(&[&no], &[&x]).unwrap_err().message().contains("Reason: no way"));
}

/// A user's op whose rule forgets an input.
#[derive(Debug)]
struct Forgetful;

static FORGETFUL: crate::graph::OpKind = crate::graph::OpKind::custom("Forgetful", "x: T, y: T -> z: T");

impl Op for Forgetful {
    fn kind(&self) -> &'static crate::graph::OpKind {
        &FORGETFUL
    }

    fn infer(&self, cx: &mut crate::graph::InferCx<'_>) -> Result<()> {
        cx.output_like(0);
        Ok(())
    }

    fn run(&self, cx: &mut crate::graph::RunCx<'_>) -> Result<()> {
        let x = cx.take(0);
        cx.output(0, x);
        Ok(())
    }

    fn grad(&self, cx: &GradCx<'_>) -> Result<Vec<Option<Tensor>>> {
        Ok(vec![Some(cx.dy()?.clone())])
    }
}

#[test]
fn a_rule_of_a_user_is_checked() {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![2]).unwrap();
    let y = g.apply_one(Forgetful, &[&x, &x]).unwrap();
    let error = gradients(&[&y], &[&x]).unwrap_err();
    assert!(error.to_string().contains("must answer for 2 inputs, but answers for 1"), "{error}");
}

#[test]
fn a_long_chain_needs_no_stack() {
    let walk = || {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![2])?;
        let mut y = x.clone();
        for _ in 0..100_000 {
            y = y.negative()?;
        }
        gradients(&[&y], &[&x])
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(walk).unwrap();
    assert!(thread.join().unwrap().unwrap()[0].is_some());
}

/// By the formulas that TensorFlow 1.15.5 has: infinite slopes are seen, also behind `where`.
#[test]
fn edges_are_those_of_tensorflow() {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![2]).unwrap();
    let zeros = x.zeros_like().unwrap();
    let hidden = x.greater(0).unwrap().select(x.log().unwrap(), &zeros).unwrap();
    let cases = [
        (x.sqrt(), "[inf 0.5]"),
        (x.log(), "[inf  1.]"),
        (x.pow(0.5), "[inf 0.5]"),
        (x.pow(&x), "[nan  1.]"),
        (x.abs(), "[0. 1.]"),
        (x.relu(), "[0. 1.]"),
        (Ok(hidden), "[nan  1.]"),
    ];
    for (y, want) in cases {
        let y = y.unwrap();
        let slope = gradients(&[&y], &[&x]).unwrap()[0].clone().unwrap();
        assert_eq!(run(&slope, feeds! { x => [0.0f32, 1.0] }), want, "{y:?}");
    }
}

/// By hand: `3 x^2 w` and `x^3` where the branch is taken, `-1` and `0` where it is not.
#[test]
fn gradients_go_through_branches_to_what_they_capture() {
    let g = Graph::new();
    let (is_cubic, x) = (g.placeholder(DType::Bool, shape![]).unwrap(), g.placeholder(DType::F32, shape![]).unwrap());
    let w = g.variable(2.0f32).unwrap();
    let cubic = || ((x.square()? * &x)? * &w)?.identity();
    let y = g.cond(&is_cubic, cubic, || x.negative()).unwrap();
    let grads = gradients(&[&y], &[&x, &w.handle()]).unwrap();
    let [dx, dw] = [0, 1].map(|i| grads[i].clone().unwrap());
    let session = Session::new(&g).unwrap();
    session.run(g.global_variables_initializer().unwrap()).unwrap();
    for (taken, want) in [(true, ["54.0", "27.0"]), (false, ["-1.0", "0.0"])] {
        let fed = feeds! { &is_cubic => taken, &x => 3.0f32 };
        let (a, b) = session.run_with((&dx, &dw), fed).unwrap();
        assert_eq!([a.to_string(), b.to_string()], want);
    }
    let noisy = || g.random_uniform([2])?.reduce_sum(())? * &x;
    let y = g.cond(&is_cubic, noisy, || x.negative()).unwrap();
    let error = gradients(&[&y], &[&x]).unwrap_err();
    assert!(error.to_string().contains("would run a second time"), "{error}");
    let y = g.while_loop(x.identity().unwrap(), |i: Tensor| i.less(9), |i: Tensor| i * 2).unwrap();
    assert_eq!(gradients(&[&y], &[&x]).unwrap_err().kind(), ErrorKind::Unsupported);
}
