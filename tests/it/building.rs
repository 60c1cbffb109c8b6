//! Building graphs: names, scopes, what is refused, and with which words.

use sessile::ErrorKind;
use sessile::prelude::*;

fn x(g: &Graph) -> sessile::Result<Tensor> {
    g.placeholder(DType::F32, shape![2, 3])
}

#[test]
fn names_and_scopes_are_those_of_tf1() -> sessile::Result<()> {
    let g = Graph::new();
    assert_eq!(x(&g)?.name(), "Placeholder:0");
    assert_eq!(x(&g)?.name(), "Placeholder_1:0");
    let names = g.name_scope("foo", |scope| {
        assert_eq!(scope, "foo/");
        Ok((x(&g)?.name(), g.named("y", || x(&g))?.name()))
    })?;
    assert_eq!(names, ("foo/Placeholder:0".to_owned(), "foo/y:0".to_owned()));
    assert_eq!(g.name_scope("foo", |_| x(&g))?.name(), "foo_1/Placeholder:0");
    assert_eq!(g.name_scope("foo/", |_| x(&g))?.name(), "foo/Placeholder_1:0");
    assert_eq!(g.named("Y", || x(&g))?.name(), "Y:0");
    assert_eq!(g.named("y", || x(&g))?.name(), "y_1:0");
    assert_eq!(x(&g)?.name(), "Placeholder_2:0");
    Ok(())
}

#[test]
fn a_scope_is_left_when_its_builder_fails_or_panics() -> sessile::Result<()> {
    let g = Graph::new();
    let failed: sessile::Result<()> = g.name_scope("a", |_| Err(sessile::Error::invalid("no")));
    assert!(failed.is_err());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        g.name_scope("b", |_| -> sessile::Result<()> { panic!("on purpose") })
    }));
    assert!(panicked.is_err());
    assert_eq!(x(&g)?.name(), "Placeholder:0");
    Ok(())
}

#[test]
fn hostile_names_are_refused_and_cut() {
    let g = Graph::new();
    let long = "x y".repeat(1 << 19);
    for name in ["", "^", ":0", "a:b:c", "a\0b", "a\nb", "_hidden", "bad name", long.as_str()] {
        let error = g.named(name, || x(&g)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidName, "{name:?}");
        assert!(error.to_string().len() < 1000 && !error.to_string().contains('\0'));
    }
    assert!(g.is_empty());
}

#[test]
fn tensors_of_two_graphs_never_mix() -> sessile::Result<()> {
    let (g, h) = (Graph::new(), Graph::new());
    let error = x(&g)?.bias_add(h.constant([1.0f32, 2.0, 3.0])?).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::GraphMismatch);
    assert_eq!(Session::new(&g)?.run(x(&h)?).unwrap_err().kind(), ErrorKind::GraphMismatch);
    Ok(())
}

#[test]
fn a_rule_says_what_where_and_from_where() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.named("x", || x(&g))?;
    let bias = g.named("bias", || g.constant([1.0f32, 2.0]))?;
    let screen = g.named("sum", || x.bias_add(&bias)).unwrap_err().to_string();
    assert!(screen.starts_with(
        "dimensions must be equal, but are 3 and 2\n  in node 'sum' (BiasAdd) with inputs float32 (2, 3), float32 (2,)\n  created at tests/it/building.rs:"
    ), "{screen}");
    assert!(screen.contains("note: (2,) of 'bias:0' comes from tests/it/building.rs:"), "{screen}");
    Ok(())
}

#[test]
fn dtypes_that_differ_are_refused_with_a_cure() -> sessile::Result<()> {
    let g = Graph::new();
    let error = x(&g)?.bias_add(g.constant([1i32, 2, 3])?).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DTypeMismatch);
    assert!(error.to_string().contains("input 'bias' is int32, which does not match float32 of argument 'value'"));
    assert!(error.to_string().contains(".cast(DType::F32)"));
    Ok(())
}

#[test]
fn a_finalized_graph_cannot_grow() -> sessile::Result<()> {
    let g = Graph::new();
    let _ = x(&g)?;
    g.finalize();
    assert_eq!(x(&g).unwrap_err().kind(), ErrorKind::Finalized);
    assert_eq!(g.len(), 1);
    Ok(())
}

#[test]
fn unknown_names_are_answered_with_the_nearest() -> sessile::Result<()> {
    let g = Graph::new();
    let _ = g.named("weights", || x(&g))?;
    let error = g.tensor_by_name("wieghts:0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("the nearest name is 'weights'"), "{error}");
    assert!(g.tensor_by_name("weights:1").unwrap_err().to_string().contains("has 1 outputs"));
    assert!(g.tensor_by_name("weights").is_err() && g.operation_by_name("weights:0").is_err());
    assert_eq!(g.operation_by_name("weights")?.name(), "weights");
    Ok(())
}

#[test]
fn a_claim_refines_the_shape_and_may_not_contradict_it() -> sessile::Result<()> {
    let g = Graph::new();
    let x = g.placeholder(DType::F32, shape![?, 3])?;
    x.set_shape(shape![2, ?])?;
    assert_eq!(x.shape().to_string(), "(2, 3)");
    assert_eq!(x.set_shape(shape![4, 3]).unwrap_err().kind(), ErrorKind::ShapeMismatch);
    Ok(())
}

#[test]
fn many_threads_may_build_one_graph() -> sessile::Result<()> {
    let g = Graph::new();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let g = &g;
            scope.spawn(move || {
                g.name_scope(&format!("t{thread}"), |_| {
                    let mut y = x(g)?;
                    for _ in 0..500 {
                        y = y.identity()?;
                    }
                    Ok(())
                })
            });
        }
    });
    assert_eq!(g.len(), 8 * 501);
    assert_eq!(g.operation_by_name("t3/Identity_499")?.node().inputs().len(), 1);
    for node in g.nodes() {
        assert!(node.inputs().iter().all(|input| input.node < node.id()), "inputs have smaller ids");
    }
    Ok(())
}

#[test]
fn dumps_and_drawings_show_shapes_and_escape_names() -> sessile::Result<()> {
    let g = Graph::new();
    let y = x(&g)?.identity()?;
    let _ = g.control_dependencies(&[y.operation()], || x(&g)?.identity())?;
    let dump = g.dump();
    assert!(dump.contains("Identity = Identity(Placeholder:0) -> float32 (2, 3)\n"), "{dump}");
    assert!(dump.contains("Identity_1 = Identity(Placeholder_1:0, ^Identity) -> float32 (2, 3)\n"), "{dump}");
    let dot = g.dot();
    assert!(dot.contains("label = \"float32 (2, 3)\"") && dot.contains("style = dashed"), "{dot}");
    Ok(())
}

#[test]
fn devices_are_checked_when_they_are_named() -> sessile::Result<()> {
    let g = Graph::new();
    assert!(g.device("/device:CPU:0", || x(&g)).is_ok());
    assert!(g.device("no device", || x(&g)).is_err());
    let y = g.device("/device:GPU:1", || x(&g)?.identity())?;
    assert_eq!(y.node().device(), Some("/device:GPU:1"));
    let feeds = || Feeds::new().with(g.tensor(y.node().inputs()[0]), [[1.0f32; 3]; 2]);
    assert!(Session::new(&g)?.run_with(&y, feeds()).is_ok());
    let strict = Session::with_config(&g, Config { allow_soft_placement: false, ..Config::default() })?;
    let error = strict.run_with(&y, feeds()).unwrap_err();
    assert!(error.message().contains("cannot assign a device for operation Placeholder_1"), "{error}");
    Ok(())
}

/// As TF1: a variable is in the collections that it was made for, and `trainable_variables` is one of them.
#[test]
fn collections_keep_the_order_in_which_they_were_filled() -> sessile::Result<()> {
    let g = Graph::new();
    let (b, a) = (g.variable(1.0f32)?, g.variable_with(2.0f32, VariableOptions::untrained())?);
    let local = g.variable_with(3.0f32, VariableOptions::local())?;
    let both = vec!["mine".to_owned(), "local_variables".to_owned()];
    let mine =
        g.variable_with(4.0f32, VariableOptions { collections: both, trainable: false, ..Default::default() })?;
    assert_eq!(g.global_variables(), [b.clone(), a]);
    assert_eq!(g.trainable_variables(), [b]);
    assert_eq!(g.local_variables(), [local, mine.clone()]);
    assert_eq!(g.collection("mine"), [mine.handle()]);

    let tensors = ["z", "a", "m"].map(|name| g.named(name, || g.placeholder(DType::F32, shape![])));
    for tensor in &tensors {
        g.add_to_collection("some", tensor.as_ref().expect("the names are free"))?;
    }
    let names: Vec<String> = g.collection("some").iter().map(Tensor::name).collect();
    assert_eq!(names, ["z:0", "a:0", "m:0"]);
    assert!(g.collection("other").is_empty());
    Ok(())
}

#[test]
fn scopes_end_with_their_guards_in_whatever_order_they_are_dropped() -> sessile::Result<()> {
    let g = Graph::new();
    let name = || -> sessile::Result<String> { Ok(g.constant(1.0f32)?.name()) };
    let outer = g.enter_scope("outer")?;
    let inner = g.enter_scope("inner")?;
    assert_eq!((inner.prefix(), name()?.as_str()), ("outer/inner/", "outer/inner/Const:0"));
    drop(outer);
    assert_eq!(name()?, "Const:0", "a scope ends with the one around it");
    drop(inner);
    assert_eq!(name()?, "Const_1:0");
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _scope = g.enter_scope("unwound");
        panic!("inside of a scope");
    }));
    assert!(unwound.is_err());
    assert_eq!(name()?, "Const_2:0");
    let x = g.constant(2.0f32)?;
    let y = {
        let _after = g.enter_control_dependencies(&[x.operation()])?;
        let _device = g.enter_device("/device:CPU:0")?;
        g.constant(3.0f32)?
    };
    let node = g.nodes().find(|node| node.id() == y.id().node).expect("the node is in the graph");
    assert_eq!((node.control_inputs(), node.device()), (&[x.id().node][..], Some("/device:CPU:0")));
    Ok(())
}
