//! Names, scopes and variables.

use std::sync::Arc;

use sessile::init::{self, ones, zeros};
use sessile::ops::math;
use sessile::ops::state::{GetVariable, Initializer};
use sessile::prelude::*;

use super::Program;

/// The programs of this file.
pub const PROGRAMS: &[(&str, Program)] = &[
    ("repeated_ops", repeated_ops),
    ("initialized_value", initialized_value),
    ("collisions", collisions),
    ("name_scopes", name_scopes),
    ("name_scope_leaves_and_reenters", name_scope_leaves_and_reenters),
    ("name_scope_takes_the_name_of_an_op", name_scope_takes_the_name_of_an_op),
    ("variable_scopes", variable_scopes),
    ("variable_scope_default_names", variable_scope_default_names),
    ("variable_scope_object", variable_scope_object),
    ("variables_and_name_scopes", variables_and_name_scopes),
    ("ref_variables", ref_variables),
    ("scatter_updates", scatter_updates),
    ("get_variables", get_variables),
    ("get_variable_again", get_variable_again),
    ("identity_matrices", identity_matrices),
    ("uninitialized_variables", uninitialized_variables),
    ("groups", groups),
    ("initializers_of_a_program", initializers_of_a_program),
];

fn repeated_ops(g: &Graph) -> sessile::Result<()> {
    let a = g.constant([[1.0f32, 2.0]])?;
    a.matmul_t(false, &a, true)?;
    a.matmul_t(false, &a, true)?;
    g.named("product", || a.matmul_t(false, &a, true))?;
    g.named("product", || a.matmul_t(false, &a, true))?;
    a.identity()?;
    a.identity()?;
    Ok(())
}

fn collisions(g: &Graph) -> sessile::Result<()> {
    for name in ["a", "a", "A", "a_1", "x/y", "x/y", "x", "b_1", "b", "b"] {
        g.named(name, || g.constant(1.0f32))?;
    }
    Ok(())
}

fn name_scopes(g: &Graph) -> sessile::Result<()> {
    let one = || g.constant(1.0f32);
    g.name_scope("foo", |_| {
        one()?;
        one()?;
        g.name_scope("bar", |_| g.named("c", one))?;
        g.name_scope("bar", |_| g.named("c", one))
    })?;
    g.name_scope("foo", |_| one())?;
    g.name_scope("foo/", |_| one())?;
    g.name_scope("", |_| one())?;
    g.name_scope("foo_1", |_| one())?;
    Ok(())
}

fn name_scope_leaves_and_reenters(g: &Graph) -> sessile::Result<()> {
    let one = || g.constant(1.0f32);
    let (outer, inner) = g.name_scope("outer", |outer| {
        g.name_scope("", |_| g.named("top", one))?;
        let inner = g.name_scope("inner", |inner| one().map(|_| inner.to_owned()))?;
        Ok((outer.to_owned(), inner))
    })?;
    g.name_scope(&outer, |_| one())?;
    g.name_scope(&inner, |_| one())?;
    g.name_scope("Outer", |_| one())?;
    Ok(())
}

fn name_scope_takes_the_name_of_an_op(g: &Graph) -> sessile::Result<()> {
    let one = || g.constant(1.0f32);
    g.named("foo", one)?;
    g.name_scope("foo", |_| one())?;
    g.named("foo", one)?;
    Ok(())
}

fn of(g: &Graph, name: &str, shape: Shape, initializer: impl Initializer + 'static) -> sessile::Result<Variable> {
    let initializer: Arc<dyn Initializer> = Arc::new(initializer);
    g.get_variable_with(name, shape, GetVariable { initializer: Some(initializer), ..GetVariable::default() })
}

fn zeros_of(g: &Graph, name: &str) -> sessile::Result<Variable> {
    of(g, name, shape![2], zeros())
}

fn variable_scopes(g: &Graph) -> sessile::Result<()> {
    for _ in 0..2 {
        let scope = VariableScope::new("s").reuse(Reuse::Auto);
        g.variable_scope_with(scope, || math::add(zeros_of(g, "w")?, 1.0))?;
    }
    g.variable_scope("s", || {
        zeros_of(g, "other")?;
        g.variable_scope_with(VariableScope::new("inner").initializer(ones()), || {
            g.get_variable("w", shape![])?;
            g.constant(1.0f32)
        })
    })?;
    Ok(())
}

fn variable_scope_default_names(g: &Graph) -> sessile::Result<()> {
    for _ in 0..3 {
        g.variable_scope_with(VariableScope::unique("d"), || {
            zeros_of(g, "w")?;
            g.constant(1.0f32)
        })?;
    }
    Ok(())
}

fn variable_scope_object(g: &Graph) -> sessile::Result<()> {
    let scope = || VariableScope::new("a").from_root();
    g.variable_scope("a", || zeros_of(g, "w"))?;
    g.variable_scope_with(scope().reuse(Reuse::Always), || g.get_variable("w", shape![2])?.value()?.identity())?;
    g.variable_scope("b", || {
        g.variable_scope_with(scope(), || {
            of(g, "u", shape![1], zeros())?;
            g.constant(1.0f32)
        })
    })?;
    Ok(())
}

fn variables_and_name_scopes(g: &Graph) -> sessile::Result<()> {
    g.variable_scope("outer", || {
        g.name_scope("ns", |_| {
            zeros_of(g, "k")?;
            g.variable([1.0f32, 2.0])?;
            g.constant(1.0f32)
        })
    })?;
    g.name_scope("plain", |_| {
        zeros_of(g, "k")?;
        g.named("v", || g.variable(1.0f32))
    })?;
    Ok(())
}

fn ref_variables(g: &Graph) -> sessile::Result<()> {
    let v = g.variable([1.0f32, 2.0])?;
    let three = g.constant(3)?;
    g.named("step", || g.variable_with(&three, VariableOptions::untrained()))?;
    g.named("drawn", || {
        let normal = |g: &Graph| g.random_normal([2]);
        g.variable_built(normal, VariableOptions::default())
    })?;
    g.variable([5.0f32, 6.0])?;
    (&v + 1.0)?;
    let value = |name: &str, numbers: [f32; 2], write: &dyn Fn(&Tensor) -> sessile::Result<Operation>| {
        g.composite(name, |scope| {
            let value = g.named("value", || g.constant(numbers))?;
            g.named(scope, || write(&value))
        })
    };
    value("Assign", [3.0, 4.0], &|x| v.assign(x))?;
    value("AssignAdd", [3.0, 4.0], &|x| v.assign_add(x))?;
    value("AssignSub", [3.0, 4.0], &|x| v.assign_sub(x))?;
    value("Assign", [0.0, 0.0], &|x| v.assign(x))?;
    value("AssignAdd", [1.0, 1.0], &|x| v.assign_add(x))?;
    v.read()?;
    v.is_initialized()?;
    g.global_variables_initializer()?;
    g.local_variables_initializer()?;
    Ok(())
}

fn scatter_updates(g: &Graph) -> sessile::Result<()> {
    let v = g.variable([[1.0f32, 2.0], [3.0, 4.0]])?;
    type Update<'a> = &'a dyn Fn(&Tensor, &Tensor) -> sessile::Result<Operation>;
    let rows = |name: &str, update: Update<'_>| {
        g.composite(name, |scope| {
            let indices = g.named("indices", || g.constant([0]))?;
            let updates = g.named("updates", || g.constant([[5.0f32, 6.0]]))?;
            g.named(scope, || update(&indices, &updates))
        })
    };
    rows("ScatterUpdate", &|i, x| v.scatter_update(i, x))?;
    rows("ScatterAdd", &|i, x| v.scatter_add(i, x))?;
    rows("ScatterSub", &|i, x| v.scatter_sub(i, x))?;
    rows("ScatterMul", &|i, x| v.scatter_mul(i, x))?;
    rows("ScatterDiv", &|i, x| v.scatter_div(i, x))?;
    rows("ScatterMin", &|i, x| v.scatter_min(i, x))?;
    rows("ScatterMax", &|i, x| v.scatter_max(i, x))?;
    g.composite("ScatterNdUpdate", |scope| {
        let indices = g.named("indices", || g.constant([[0, 1]]))?;
        let updates = g.named("updates", || g.constant([7.0f32]))?;
        g.named(scope, || v.scatter_nd_update(&indices, &updates))
    })?;
    Ok(())
}

fn get_variables(g: &Graph) -> sessile::Result<()> {
    g.get_variable("a", shape![2, 3])?;
    let initial = g.constant([1.0f32, 2.0])?;
    g.get_variable_from("b", &initial, VariableOptions::default())?;
    g.get_variable_from("c", [1, 2], VariableOptions::default())?;
    of(g, "d", shape![4], init::constant(2.5))?;
    let initializer: Option<Arc<dyn Initializer>> = Some(Arc::new(zeros()));
    let ints = GetVariable { dtype: DType::I32, initializer, ..GetVariable::default() };
    g.get_variable_with("e", shape![2], ints)?;
    of(g, "f", shape![2], init::random_uniform(-1.0, 1.0))?;
    of(g, "g", shape![2], init::random_normal(0.0, 1.0))?;
    of(g, "h", shape![2], init::truncated_normal(0.0, 1.0))?;
    of(g, "i", shape![2, 2], init::variance_scaling())?;
    of(g, "j", shape![2, 2], init::identity(1.0))?;
    of(g, "k", shape![2, 2], init::glorot_normal())?;
    of(g, "l", shape![2, 2], init::he_uniform())?;
    Ok(())
}

fn get_variable_again(g: &Graph) -> sessile::Result<()> {
    g.variable_scope("s", || zeros_of(g, "w"))?;
    let again = VariableScope::new("s").reuse(Reuse::Always);
    g.variable_scope_with(again, || math::multiply(g.get_variable("w", shape![2])?, 2.0))?;
    Ok(())
}

fn identity_matrices(g: &Graph) -> sessile::Result<()> {
    of(g, "a", shape![2, 3], init::identity(1.0))?;
    let initializer: Option<Arc<dyn Initializer>> = Some(Arc::new(init::identity(0.5)));
    g.get_variable_with("b", shape![2, 2], GetVariable { dtype: DType::F64, initializer, ..GetVariable::default() })?;
    Ok(())
}

fn initialized_value(g: &Graph) -> sessile::Result<()> {
    g.variable([1.0f32, 2.0])?.initialized_value()?;
    Ok(())
}

fn uninitialized_variables(g: &Graph) -> sessile::Result<()> {
    g.named("a", || g.variable(1.0f32))?;
    g.named("b", || g.variable_with([2.0f32, 3.0], VariableOptions::local()))?;
    g.report_uninitialized_variables()?;
    g.named("none", || g.report_uninitialized(&[]))?;
    Ok(())
}

fn groups(g: &Graph) -> sessile::Result<()> {
    let (a, b) = (g.constant(1.0f32)?, g.constant(2.0f32)?);
    g.group((&a, &b))?;
    g.named("both", || g.group((&a, &b)))?;
    g.group(())?;
    g.no_op()?;
    g.tuple(&[&a, &b])?;
    let wait_for = g.no_op()?;
    g.named("both", || g.tuple_after(&[&a, &b], &wait_for))?;
    g.control_dependencies(&[a.operation(), b.operation()], || g.named("after", || g.no_op()))?;
    Ok(())
}

fn initializers_of_a_program(g: &Graph) -> sessile::Result<()> {
    g.variable(1.0f32)?;
    g.variable_with(2.0f32, VariableOptions::local())?;
    g.group((g.global_variables_initializer()?, g.local_variables_initializer()?))?;
    g.global_variables_initializer()?;
    Ok(())
}
