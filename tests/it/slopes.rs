//! Gradients of whole functions beside differences: of reductions, scalars among their operands, and of losses.

use sessile::grad::gradients;
use sessile::layers::losses;
use sessile::prelude::*;
use sessile::{Result, shape};

/// The step of a difference, and how far the slope may be from it: float32 gives four digits there.
const STEP: f32 = 1e-2;
const SLACK: f32 = 2e-3;

/// The gradient of a scalar function of fed numbers is its difference; also where nothing is known of the shape.
#[track_caller]
fn check(dims: &[usize], at: &[f32], loss: impl Fn(&Tensor) -> Result<Tensor>) {
    for shape in [Shape::from(dims), Shape::unknown()] {
        check_in(shape, dims, at, &loss).expect("the function has a gradient");
    }
}

fn check_in(shape: Shape, dims: &[usize], at: &[f32], loss: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape)?;
    let y = loss(&x)?;
    let slope = gradients(&[&y], &[&x])?.remove(0).expect("there is a smooth way");
    let sess = Session::new(&g)?;
    let run = |tensor: &Tensor, at: &[f32]| sess.run_with(tensor, feeds! { &x => Value::from_vec(dims, at.to_vec())? });
    let slopes = run(&slope, at)?;
    assert_eq!(slopes.dims(), dims);
    for (i, slope) in slopes.slice::<f32>()?.iter().enumerate() {
        let moved = |by: f32| {
            let mut at = at.to_vec();
            at[i] += by;
            run(&y, &at)?.scalar::<f32>()
        };
        let want = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
        assert!(
            (slope - want).abs() <= SLACK * (1.0 + want.abs()),
            "slope {i} is {slope}, but differences give {want}"
        );
    }
    Ok(())
}

#[test]
fn reductions_of_scalars_have_gradients() {
    type Reduction = fn(&Tensor) -> Result<Tensor>;
    let all: [Reduction; 7] = [
        |x| x.reduce_sum(()),
        |x| x.reduce_mean(()),
        |x| x.reduce_max(()),
        |x| x.reduce_min(()),
        |x| x.reduce_prod(()),
        |x| x.reduce_logsumexp(()),
        |x| x.reduce_euclidean_norm(()),
    ];
    for reduce in all {
        check(&[], &[1.5], reduce);
        check(&[1, 3], &[1.5, -0.5, 2.5], reduce);
        check(&[1, 3], &[1.5, -0.5, 2.5], |x| reduce(&reduce(x)?));
    }
}

#[test]
fn losses_have_the_gradients_of_their_differences() {
    let label = |x: &Tensor| x.graph().constant(0.75f32);
    check(&[], &[0.5], |x| losses::mean_squared_error(&label(x)?, x));
    check(&[], &[0.5], |x| losses::absolute_difference(&label(x)?, x));
    let labels = |x: &Tensor| x.graph().constant([[0.5f32, -1.0], [2.0, 0.0]]);
    check(&[2, 2], &[1.0, -2.0, 0.5, 0.25], |x| losses::mean_squared_error(&labels(x)?, x));
    check(&[2, 2], &[1.0, -2.0, 0.5, 0.25], |x| losses::absolute_difference(&labels(x)?, x));
    check(&[2, 3], &[1.0, -2.0, 0.5, 0.25, 3.0, -1.0], |x| {
        losses::sparse_softmax_cross_entropy(&x.graph().constant([2i32, 0])?, &x.reshape([2, 3])?)
    });
    check(&[3], &[1.0, -2.0, 0.5], |x| {
        losses::sparse_softmax_cross_entropy(&x.graph().constant(2i32)?, &x.reshape([3])?)
    });
}

/// Of no elements the losses are 0, as in TensorFlow 1.15.5, and nothing flows.
#[test]
fn losses_of_nothing_are_zero() -> Result<()> {
    let g = Graph::new();
    let (x, y) = (g.placeholder(DType::F32, shape![?, 2])?, g.placeholder(DType::F32, shape![?, 2])?);
    let none = || Value::zeros(DType::F32, &[0, 2]);
    for loss in [losses::mean_squared_error(&y, &x)?, losses::absolute_difference(&y, &x)?] {
        let slope = gradients(&[&loss], &[&x])?.remove(0).expect("there is a smooth way");
        let got = Session::new(&g)?.run_with(&[loss, slope], feeds! { &x => none()?, &y => none()? })?;
        assert_eq!((got[0].scalar::<f32>()?, got[1].dims()), (0.0, &[0, 2][..]));
    }
    Ok(())
}
