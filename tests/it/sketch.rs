//! The public interface in the forms in which programs use it: this file compiles, and each call answers.

use sessile::prelude::*;
use sessile::{Error, Result};

/// A prepared run is named by its output, so it can be stored beside its tensors.
struct Model {
    x: Tensor,
    step: Prepared<(Value, ())>,
}

const _: fn() = || {
    fn is_shareable<T: Send + Sync + 'static>() {}
    is_shareable::<(Graph, Tensor, Operation, Variable, Session, Feeds, Value, Prepared<(Value, ())>, Error)>();
};

#[test]
fn shapes_mix_numbers_names_and_unknown_dims() -> Result<()> {
    let g = Graph::new();
    let (n, rows) = (4usize, [0u8; 2]);
    let x = g.placeholder(DType::F32, shape![?, 3, 6])?;
    let batch = Dim::named("batch");
    let shapes = [
        (shape!["batch", 3, 6], "(batch, 3, 6)"),
        (shape![], "()"),
        (shape![?], "(?,)"),
        (shape![2 * n + 1, rows.len(), ?,], "(9, 2, ?)"),
        (shape![2 * x.shape().dim(1), &x.shape().dim(2)], "(6, 6)"),
        (shape![2 * batch, 12], "(2*batch, 12)"),
    ];
    for (shape, text) in shapes {
        assert_eq!(shape.to_string(), text);
    }
    assert_eq!(g.placeholder(DType::F32, [2, 3])?.shape(), shape![2, 3]);
    assert_eq!(x.rank()?, 3);
    Ok(())
}

#[test]
fn constants_are_made_of_arrays_views_scalars_and_lists() -> Result<()> {
    let g = Graph::new();
    let whole = array![1, 2];
    let constants = [
        (g.constant(array![[1.0f32]].view())?, "float32 (1, 1)"),
        (g.constant(&whole)?, "int32 (2,)"),
        (g.constant([1.0, 2.0])?, "float64 (2,)"),
        (g.constant("s")?, "string ()"),
        (g.constant(1.5f32)?, "float32 ()"),
        (g.constant(vec![true])?, "bool (1,)"),
        (g.constant(&[1i64, 2][..])?, "int64 (2,)"),
        (g.constant_as(DType::F32, array![[1, 1], [2, 2]])?, "float32 (2, 2)"),
    ];
    for (tensor, fact) in constants {
        assert_eq!(format!("{} {}", tensor.dtype(), tensor.shape()), fact);
    }
    Ok(())
}

#[test]
fn axes_of_tensordot_take_every_form() -> Result<()> {
    let g = Graph::new();
    let a = g.constant_as(DType::F32, array![[[1, 1, 1, 1], [2, 2, 2, 2]], [[1, 1, 1, 1], [2, 2, 2, 2]]])?;
    let c = g.variable(g.random_normal(shape![4, 10])?)?;
    let rank = a.rank()?;
    let forms = [
        a.tensordot(&c, (&[rank - 1], &[0]))?,
        a.tensordot(&c, [[rank - 1], [0]])?,
        a.tensordot(&c, 1)?,
        a.tensordot(&c, (-1, 0))?,
        a.tensordot(&c, (vec![rank - 1], &[0]))?,
        a.tensordot(&c, ([2], [0]))?,
    ];
    for form in forms {
        assert_eq!(form.shape().to_string(), "(2, 2, 10)");
    }
    assert_eq!(a.tensordot(&a, ([0, 1], [0, 1]))?.shape().to_string(), "(4, 4)");
    Ok(())
}

/// Left-leaning chains need one `?`; each parenthesis and each product on the right gets its own.
#[test]
fn operators_mix_tensors_variables_results_and_numbers() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![2, 2])?;
    let y = g.constant([[1.0f32, 2.0], [3.0, 4.0]])?;
    let c = g.variable(&y)?;
    let all = vec![
        (&x + &y)?,
        (&x * 2.0)?,
        (2.0 * &x)?,
        (&x - 1)?,
        (1 - &x)?,
        (&x / 3.0f32)?,
        (-&x)?,
        (x.clone() % &y)?,
        (x.matmul(&c)? + &c)?,
        (&c * &x)?,
        (&c * 2)?,
        (&x + &y * &x - &y + x.matmul(&c)?)?,
        ((&x + &y)? * (&x - &y) / &y)?,
    ];
    let sess = Session::new(&g)?;
    sess.run(g.global_variables_initializer()?)?;
    let values = sess.run_with(&all, feeds! { x => &array![[1.0f32, 1.0], [1.0, 1.0]] })?;
    let firsts: Vec<f32> = values.iter().map(|value| Ok(value.slice::<f32>()?[0])).collect::<Result<_>>()?;
    assert_eq!(firsts, [2.0, 2.0, 2.0, 0.0, 0.0, 1.0 / 3.0, -1.0, 0.0, 5.0, 1.0, 2.0, 5.0, 0.0]);
    assert_eq!(x.less(10)?.dtype(), DType::Bool);
    Ok(())
}

#[test]
fn fetches_are_tensors_names_operations_lists_and_tuples() -> Result<()> {
    let g = Graph::new();
    let x = g.named("n", || g.constant([1.0f32, 2.0]))?;
    let c = g.variable(&x)?;
    let init = g.group([g.global_variables_initializer()?, g.local_variables_initializer()?])?;
    let train = g.group((&init, x.operation()))?;
    let (i, r) = ((&x + 1)?, (&x * 2)?);
    let sess = Session::new(&g)?;
    sess.run(&init)?;
    let _: Value = sess.run(&i)?;
    let _: Value = sess.run("n:0")?;
    let _: Value = sess.run(&c)?;
    let () = sess.run(())?;
    let (_, ()): (Value, ()) = sess.run((&r, &train))?;
    let many: Vec<Value> = sess.run(vec![i.clone(), r.clone()])?;
    assert_eq!(many.len(), 2);
    assert_eq!(sess.run([&i, &r])?.len(), 2);
    assert_eq!(sess.run(&[i.clone(), r.clone()][..])?.len(), 2);
    let (value, (name, values)) = sess.run((&r, ("n:0", vec![&i, &r])))?;
    assert_eq!((value.to_string(), name.to_string(), values.len()), ("[2. 4.]".into(), "[1. 2.]".into(), 2));
    Ok(())
}

#[test]
fn feeds_take_tensors_names_arrays_and_numbers() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 2])?;
    let y = g.placeholder(DType::F32, shape![])?;
    let z = g.named("z", || g.placeholder(DType::I32, shape![?]))?;
    let f = (&x * &y)?;
    let sess = Session::new(&g)?;
    let batch = array![[1.0f32, 2.0]];
    // A bare key is not moved, so loops need no clones.
    for _ in 0..2 {
        let feeds = feeds! { x => &batch, &y => 3.0f32, "z:0" => vec![1, 2] };
        let (f, z) = sess.run_with((&f, &z), feeds)?;
        println!("{}", f.view::<f32>().is_ok());
        let kept = sess.run_with(&x, feeds! { x => batch.clone() })?.array::<f32>()?;
        assert_eq!((f.to_string(), z.to_string(), kept.shape()), ("[[3. 6.]]".into(), "[1 2]".into(), &[1, 2][..]));
    }
    assert_eq!(sess.run_with(&y, feeds! { y => 3 })?.scalar::<f32>()?, 3.0);
    Ok(())
}

#[test]
fn prepared_runs_are_kept_beside_their_tensors() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 2])?;
    let z = g.named("z", || g.placeholder(DType::F32, shape![2]))?;
    let (r, done) = ((&x + &z)?, g.no_op()?);
    let sess = Session::new(&g)?;
    let model = Model { step: sess.prepare((&r, &done), &[&x, &"z:0"])?, x };
    let batch = array![[1.0f32, 2.0]];
    let (loss, ()) = model.step.run((&batch, vec![1.0f32, 2.0]))?;
    assert_eq!(loss.to_string(), "[[2. 4.]]");
    assert_eq!(sess.prepare(&model.x, &[&model.x])?.run(&batch)?.to_string(), "[[1. 2.]]");
    Ok(())
}

#[test]
fn layers_say_their_shapes() -> Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 3, 6])?;
    let out = g.named("y", || layers::dense(&x, 10))?;
    assert_eq!(out.shape().to_string(), "(?, 3, 10)");
    assert!(out.to_string().ends_with("shape=(?, 3, 10), dtype=float32)"), "{out}");
    Ok(())
}
