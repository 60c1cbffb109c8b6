//! What each pass makes of small plans, as text: the plan before and after, a line a node.

use super::{Passes, PlanGraph, Request, plan_graph};
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Effect, Graph, Tensor};
use crate::shape;
use crate::value::Value;

const NONE: Passes = Passes {
    fold: false,
    merge: false,
    simplify: false,
    tensordot: false,
    fuse_products: false,
    fuse_elementwise: false,
};
const FOLD: Passes = Passes { fold: true, ..NONE };
const MERGE: Passes = Passes { merge: true, ..NONE };
const SIMPLIFY: Passes = Passes { simplify: true, tensordot: true, ..NONE };
const FUSE: Passes = Passes { fuse_products: true, fuse_elementwise: true, ..NONE };

/// The plan of `fetches`, with every placeholder fed.
fn plan(g: &Graph, fetches: &[Tensor], passes: Passes) -> PlanGraph {
    let placeholders = g.nodes().filter(|node| node.op().kind().effect == Effect::Fed);
    let feeds = placeholders.map(|node| g.operation(node.id()).output(0).unwrap().id()).collect();
    let fetches = fetches.iter().map(Tensor::id).collect();
    let request = Request { feeds, fetches, ..Request::default() };
    plan_graph(g, &request, &passes).unwrap()
}

#[track_caller]
fn same_lines(got: &str, want: &str, when: &str) {
    let lines = want.lines().map(str::trim).filter(|line| !line.is_empty());
    let want: String = lines.map(|line| format!("{line}\n")).collect();
    assert!(got == want, "{when} the pass the plan is\n{got}and not\n{want}");
}

/// Compares the plan of what `build` makes, without passes and with some.
#[track_caller]
fn check_pass(passes: Passes, build: impl FnOnce(&Graph) -> Result<Vec<Tensor>>, before: &str, after: &str) {
    let g = Graph::new();
    let fetches = build(&g).unwrap();
    same_lines(&plan(&g, &fetches, NONE).graph.dump(), before, "before");
    same_lines(&plan(&g, &fetches, passes).graph.dump(), after, "after");
}

/// As [`check_pass`], where nothing changes.
#[track_caller]
fn check_kept(passes: Passes, build: impl FnOnce(&Graph) -> Result<Vec<Tensor>>) {
    let g = Graph::new();
    let fetches = build(&g).unwrap();
    same_lines(&plan(&g, &fetches, passes).graph.dump(), &plan(&g, &fetches, NONE).graph.dump(), "after");
}

fn x(g: &Graph) -> Result<Tensor> {
    g.named("x", || g.placeholder(DType::F32, shape![?, 3]))
}

fn w(g: &Graph) -> Result<Tensor> {
    g.named("w", || g.placeholder(DType::F32, shape![3, 5]))
}

#[test]
fn what_depends_on_constants_alone_is_folded() {
    check_pass(
        FOLD,
        |g| Ok(vec![(g.named("a", || g.constant([1.0f32, 2.0]))? * 2.0)?.relu()?]),
        "a = Const() -> float32 (2,)
         mul/y = Const() -> float32 ()
         mul = Mul(a:0, mul/y:0) -> float32 (2,)
         Relu = Relu(mul:0) -> float32 (2,)",
        "Relu = Const() -> float32 (2,)",
    );
}

#[test]
fn sizes_that_become_known_are_folded() {
    check_pass(
        FOLD,
        |g| Ok(vec![x(g)?.shape_tensor()?.gather(g.named("i", || g.constant(1))?)?.square()?]),
        "x = _Arg() -> float32 (?, 3)
         Shape = Shape(x:0) -> int32 (2,)
         i = Const() -> int32 ()
         GatherV2/axis = Const() -> int32 ()
         GatherV2 = GatherV2(Shape:0, i:0, GatherV2/axis:0) -> int32 ()
         Square = Square(GatherV2:0) -> int32 ()",
        "x = _Arg() -> float32 (?, 3)
         Square = Const() -> int32 ()",
    );
}

#[test]
fn bombs_failures_random_numbers_and_unknown_sizes_are_not_folded() {
    check_kept(FOLD, |g| Ok(vec![g.fill([1 << 20, 16], 1.0f32)?]));
    check_kept(FOLD, |g| Ok(vec![g.constant([1i32])?.floor_div(g.constant([0i32])?)?]));
    check_kept(FOLD, |g| Ok(vec![g.random_normal([2])?]));
    check_kept(FOLD, |g| Ok(vec![x(g)?.shape_tensor()?]));
}

#[test]
fn a_fed_constant_is_no_constant() {
    let g = Graph::new();
    let a = g.named("a", || g.constant([1.0f32])).unwrap();
    let y = (&a * 2.0).unwrap();
    let request = Request { feeds: vec![a.id()], fetches: vec![y.id()], ..Request::default() };
    let want = "a = _Arg() -> float32 (1,)
                mul/y = Const() -> float32 ()
                mul = Mul(a:0, mul/y:0) -> float32 (1,)";
    same_lines(&plan_graph(&g, &request, &FOLD).unwrap().graph.dump(), want, "after");
}

#[test]
fn equal_nodes_on_equal_inputs_are_merged() {
    check_pass(
        MERGE,
        |g| {
            let x = x(g)?;
            Ok(vec![(&x * 2.0)?.tanh()?, (&x * 2.0)?.tanh()?])
        },
        "x = _Arg() -> float32 (?, 3)
         mul/y = Const() -> float32 ()
         mul = Mul(x:0, mul/y:0) -> float32 (?, 3)
         Tanh = Tanh(mul:0) -> float32 (?, 3)
         mul_1/y = Const() -> float32 ()
         mul_1 = Mul(x:0, mul_1/y:0) -> float32 (?, 3)
         Tanh_1 = Tanh(mul_1:0) -> float32 (?, 3)",
        "x = _Arg() -> float32 (?, 3)
         mul/y = Const() -> float32 ()
         mul = Mul(x:0, mul/y:0) -> float32 (?, 3)
         Tanh = Tanh(mul:0) -> float32 (?, 3)",
    );
}

#[test]
fn what_only_looks_equal_is_not_merged() {
    check_kept(MERGE, |g| Ok(vec![g.constant([0.0f32])?, g.constant([-0.0f32])?]));
    check_kept(MERGE, |g| Ok(vec![g.constant([0.0f32])?, g.constant([[0.0f32]])?, g.constant([0i32])?]));
    check_kept(MERGE, |g| Ok(vec![x(g)?.cast(DType::F64)?, g.tensor_by_name("x:0")?.cast(DType::I32)?]));
    check_kept(MERGE, |g| {
        let v = g.variable(1.0)?;
        Ok(vec![v.read()?, v.read()?])
    });
    check_kept(MERGE, |g| {
        let x = x(g)?;
        Ok(vec![x.reduce_sum(0)?, x.reduce_sum_keepdims(1)?, x.less(&x)?, x.less_equal(&x)?])
    });
    let nan = |bits| Value::scalar_of(f32::from_bits(bits));
    check_kept(MERGE, |g| Ok(vec![g.constant(nan(0x7fc0_0000))?, g.constant(nan(0x7fc0_0001))?]));
}

#[test]
fn equal_draws_stay_two_draws() {
    let g = Graph::new();
    let draws = [g.random_normal([2]).unwrap(), g.random_normal([2]).unwrap()];
    let text = plan(&g, &draws, Passes::default()).graph.dump();
    assert_eq!(text.matches(" = RandomStandardNormal(").count(), 2, "{text}");
}

#[test]
fn nodes_that_move_nothing_are_left_out() {
    check_pass(
        SIMPLIFY,
        |g| {
            let y = x(g)?.identity()?.cast(DType::F32)?.stop_gradient()?.transpose([0, 1])?;
            Ok(vec![y.expand_dims(0)?.squeeze_axes(&[0])?.tanh()?])
        },
        "x = _Arg() -> float32 (?, 3)
         Identity = Identity(x:0) -> float32 (?, 3)
         StopGradient = StopGradient(Identity:0) -> float32 (?, 3)
         transpose/perm = Const() -> int32 (2,)
         transpose = Transpose(StopGradient:0, transpose/perm:0) -> float32 (?, 3)
         ExpandDims/dim = Const() -> int32 ()
         ExpandDims = ExpandDims(transpose:0, ExpandDims/dim:0) -> float32 (1, ?, 3)
         Squeeze = Squeeze(ExpandDims:0) -> float32 (?, 3)
         Tanh = Tanh(Squeeze:0) -> float32 (?, 3)",
        "x = _Arg() -> float32 (?, 3)
         ExpandDims/dim = Const() -> int32 ()
         ExpandDims = ExpandDims(x:0, ExpandDims/dim:0) -> float32 (1, ?, 3)
         Squeeze = Squeeze(ExpandDims:0) -> float32 (?, 3)
         Tanh = Tanh(Squeeze:0) -> float32 (?, 3)",
    );
}

#[test]
fn reshapes_in_a_row_become_one() {
    check_pass(
        SIMPLIFY,
        |g| Ok(vec![x(g)?.reshape([-1])?.reshape([3, -1])?.tanh()?]),
        "x = _Arg() -> float32 (?, 3)
         Reshape/shape = Const() -> int32 (1,)
         Reshape = Reshape(x:0, Reshape/shape:0) -> float32 (?,)
         Reshape_1/shape = Const() -> int32 (2,)
         Reshape_1 = Reshape(Reshape:0, Reshape_1/shape:0) -> float32 (3, ?)
         Tanh = Tanh(Reshape_1:0) -> float32 (3, ?)",
        "x = _Arg() -> float32 (?, 3)
         Reshape_1/shape = Const() -> int32 (2,)
         Reshape_1 = Reshape(x:0, Reshape_1/shape:0) -> float32 (3, ?)
         Tanh = Tanh(Reshape_1:0) -> float32 (3, ?)",
    );
}

#[test]
fn a_transpose_of_axes_of_one_is_a_reshape() {
    check_pass(
        SIMPLIFY,
        |g| Ok(vec![g.named("y", || g.placeholder(DType::F32, shape![?, 1, 3]))?.transpose([1, 0, 2])?.tanh()?]),
        "y = _Arg() -> float32 (?, 1, 3)
         transpose/perm = Const() -> int32 (3,)
         transpose = Transpose(y:0, transpose/perm:0) -> float32 (1, ?, 3)
         Tanh = Tanh(transpose:0) -> float32 (1, ?, 3)",
        "y = _Arg() -> float32 (?, 1, 3)
         transpose = Const() -> int32 (3,)
         transpose = Reshape(y:0, transpose:0) -> float32 (1, ?, 3)
         Tanh = Tanh(transpose:0) -> float32 (1, ?, 3)",
    );
}

#[test]
fn a_tensordot_over_unknown_sizes_is_one_product() {
    let g = Graph::new();
    let y = g.named("y", || g.placeholder(DType::F32, shape![?, 2, 3])).unwrap();
    let z = y.tensordot(w(&g).unwrap(), [[2], [0]]).unwrap();
    assert_eq!(g.dump().lines().filter(|line| line.starts_with("Tensordot")).count(), 25);
    let want = "y = _Arg() -> float32 (?, 2, 3)
                w = _Arg() -> float32 (3, 5)
                Tensordot = _FusedMatMul(y:0, w:0) -> float32 (?, 2, 5)";
    same_lines(&plan(&g, std::slice::from_ref(&z), SIMPLIFY).graph.dump(), want, "after");
    let apart = plan(&g, &[z], Passes { tensordot: false, ..Passes::default() }).graph.dump();
    assert!(apart.contains(" = MatMul(") && !apart.contains("_FusedMatMul"), "{apart}");
}

/// A product with bias and a chain of functions: each of the two is joined by a switch of its own.
#[test]
fn products_and_chains_are_fused_by_their_own_switches() {
    let g = Graph::new();
    let bias = g.named("b", || g.placeholder(DType::F32, shape![5])).unwrap();
    let y = x(&g).unwrap().matmul(w(&g).unwrap()).unwrap().bias_add(bias).unwrap();
    let z = y.exp().unwrap().tanh().unwrap();
    let fused = |passes: Passes| {
        let text = plan(&g, &[y.clone(), z.clone()], passes).graph.dump();
        (text.contains("_FusedMatMul"), text.contains("= _Fused("))
    };
    assert_eq!(fused(NONE), (false, false));
    assert_eq!(fused(Passes { fuse_products: true, ..NONE }), (true, false));
    assert_eq!(fused(Passes { fuse_elementwise: true, ..NONE }), (false, true));
    assert_eq!(fused(FUSE), (true, true));
}

#[test]
fn what_could_fail_or_be_waited_for_stays() {
    check_kept(SIMPLIFY, |g| Ok(vec![x(g)?.reshape([4, 3])?]));
    check_kept(SIMPLIFY, |g| Ok(vec![x(g)?.transpose([1, 0])?]));
    check_kept(SIMPLIFY, |g| {
        let wait = g.named("before", || g.no_op())?;
        g.control_dependencies(&[wait], || Ok(vec![g.constant([1.0f32])?.identity()?]))
    });
}

/// The inferred shape says `(1, 3)` because nothing else can come out; a feed of two rows must fail all the same.
#[test]
fn a_reshape_to_the_shape_of_another_tensor_stays() {
    check_kept(SIMPLIFY, |g| {
        let row = g.named("row", || g.placeholder(DType::F32, shape![1, 3]))?;
        let reshaped = row.reshape(x(g)?.shape_tensor()?)?;
        assert_eq!(reshaped.shape().to_string(), "(1, 3)");
        Ok(vec![reshaped])
    });
}

#[test]
fn a_product_takes_its_bias_and_activation_in() {
    check_pass(
        FUSE,
        |g| {
            let (x, w) = (x(g)?, w(g)?);
            let b = g.named("b", || g.placeholder(DType::F32, shape![5]))?;
            Ok(vec![x.matmul(&w)?.bias_add(&b)?.relu()?])
        },
        "x = _Arg() -> float32 (?, 3)
         w = _Arg() -> float32 (3, 5)
         b = _Arg() -> float32 (5,)
         MatMul = MatMul(x:0, w:0) -> float32 (?, 5)
         BiasAdd = BiasAdd(MatMul:0, b:0) -> float32 (?, 5)
         Relu = Relu(BiasAdd:0) -> float32 (?, 5)",
        "x = _Arg() -> float32 (?, 3)
         w = _Arg() -> float32 (3, 5)
         b = _Arg() -> float32 (5,)
         Relu = _FusedMatMul(x:0, w:0, b:0) -> float32 (?, 5)",
    );
}

#[test]
fn a_product_that_others_see_and_a_bias_of_another_shape_stay() {
    check_kept(FUSE, |g| {
        let product = x(g)?.matmul(w(g)?)?;
        Ok(vec![product.relu()?, product])
    });
    check_kept(FUSE, |g| Ok(vec![(x(g)?.matmul(w(g)?)? + g.placeholder(DType::F32, shape![?, 5])?)?]));
    check_kept(FUSE, |g| Ok(vec![x(g)?.matmul(w(g)?)?.softmax()?]));
}

#[test]
fn elementwise_functions_and_the_reduction_after_them_are_one_step() {
    check_pass(
        FUSE,
        |g| Ok(vec![(x(g)?.square()? * 0.5)?.reduce_sum(1)?]),
        "x = _Arg() -> float32 (?, 3)
         Square = Square(x:0) -> float32 (?, 3)
         mul/y = Const() -> float32 ()
         mul = Mul(Square:0, mul/y:0) -> float32 (?, 3)
         Sum/reduction_indices = Const() -> int32 ()
         Sum = Sum(mul:0, Sum/reduction_indices:0) -> float32 (?,)",
        "x = _Arg() -> float32 (?, 3)
         mul/y = Const() -> float32 ()
         Sum = _Fused(x:0, mul/y:0) -> float32 (?,)",
    );
}

#[test]
fn what_writes_or_waits_is_changed_by_no_pass() {
    check_kept(Passes::default(), |g| {
        let (x, v) = (x(g)?, g.named("v", || g.variable([1.0f32, 2.0, 3.0]))?);
        let sum = x.reduce_sum(0)?;
        let writes = [v.assign(&sum)?, v.assign_add(&sum)?, v.assign_add(&sum)?];
        g.control_dependencies(&writes, || Ok(vec![v.read()?, v.read()?.identity()?]))
    });
}

/// A constant in its place would always have a value, and the merge would take it before the branch that was taken.
#[test]
fn what_is_known_of_a_branch_is_skipped_with_it() {
    check_kept(FOLD, |g| {
        let [no, yes] =
            g.switch(&g.named("a", || g.constant([1.0f32, 2.0]))?, &g.placeholder(DType::Bool, shape![])?)?;
        let (sizes, larger) = (no.shape_tensor()?, yes.pad(&[[0, 1]])?.shape_tensor()?);
        Ok(vec![g.merge(&[sizes, larger])?.0])
    });
}
