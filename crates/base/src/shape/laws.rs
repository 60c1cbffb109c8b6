//! The laws of shapes, against numbers: whatever a symbolic rule claims holds for every binding of its symbols.

use proptest::prelude::*;

use super::concrete::{Dims, broadcast_dims};
use super::{Dim, Shape, Symbol};

/// Sizes of the symbols `a`, `b`, `c`.
type Binding = [i64; 3];

fn lookup(sizes: Binding) -> impl Fn(&Symbol) -> Option<i64> {
    move |symbol| match symbol.name()? {
        "a" => Some(sizes[0]),
        "b" => Some(sizes[1]),
        "c" => Some(sizes[2]),
        _ => None,
    }
}

/// A program over sizes, to be run on dims and on numbers.
#[derive(Debug, Clone)]
enum Program {
    Symbol(usize),
    Constant(i64),
    Binary(char, Box<[Program; 2]>),
}

impl Program {
    fn dim(&self) -> Dim {
        match self {
            Program::Symbol(n) => Dim::named(["a", "b", "c"][*n]),
            Program::Constant(value) => Dim::constant(*value),
            Program::Binary(op, args) => apply_to_dims(*op, &args[0].dim(), &args[1].dim()),
        }
    }

    /// `None` where the run would fail: past `i64`, or a divisor outside what the operation promises.
    fn number(&self, sizes: Binding) -> Option<i64> {
        match self {
            Program::Symbol(n) => Some(sizes[*n]),
            Program::Constant(value) => Some(*value),
            Program::Binary(op, args) => apply_to_numbers(*op, args[0].number(sizes)?, args[1].number(sizes)?),
        }
    }
}

fn apply_to_dims(op: char, a: &Dim, b: &Dim) -> Dim {
    match op {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        '/' => a.floor_div(b),
        '^' => a.ceil_div(b),
        '>' => a.max(b),
        _ => a.min(b),
    }
}

fn apply_to_numbers(op: char, a: i64, b: i64) -> Option<i64> {
    let (wide_a, wide_b) = (i128::from(a), i128::from(b));
    let floor = |a: i128, b: i128| if (a % b != 0) && ((a < 0) != (b < 0)) { a / b - 1 } else { a / b };
    let exact = match op {
        '+' => wide_a + wide_b,
        '-' => wide_a - wide_b,
        '*' => wide_a * wide_b,
        '/' if b != 0 => floor(wide_a, wide_b),
        '^' if b > 0 => -floor(-wide_a, wide_b),
        '>' => wide_a.max(wide_b),
        '<' => wide_a.min(wide_b),
        _ => return None,
    };
    i64::try_from(exact).ok()
}

fn programs() -> impl Strategy<Value = Program> {
    let leaf = prop_oneof![
        4 => (0..3usize).prop_map(Program::Symbol),
        3 => (-4..7i64).prop_map(Program::Constant),
        1 => prop::sample::select(vec![i64::MIN, i64::MAX, 1 << 62]).prop_map(Program::Constant),
    ];
    let op = || prop::sample::select(vec!['+', '-', '*', '/', '^', '>', '<', '+', '*', '/']);
    leaf.prop_recursive(4, 24, 2, move |inner| {
        (op(), inner.clone(), inner).prop_map(|(op, a, b)| Program::Binary(op, Box::new([a, b])))
    })
}

fn bindings() -> impl Strategy<Value = Vec<Binding>> {
    prop::collection::vec(prop::array::uniform3(prop_oneof![3 => 0..4i64, 1 => 0..100i64]), 8)
}

/// Dims such as rules meet: numbers, symbols, small expressions, and now and then a `?`.
fn dims() -> impl Strategy<Value = Dim> {
    let symbol = || prop::sample::select(vec!["a", "b", "c"]).prop_map(Dim::named);
    prop_oneof![
        4 => (0..5usize).prop_map(Dim::from),
        4 => symbol(),
        2 => (symbol(), 1..4usize, 0..3usize).prop_map(|(dim, by, plus)| by * dim + plus),
        1 => (symbol(), symbol()).prop_map(|(a, b)| a * b),
        1 => Just(()).prop_map(|()| Dim::unknown()),
    ]
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop::collection::vec(dims(), 0..4).prop_map(Shape::from)
}

/// The dims under a binding; `?` takes the size given.
fn bound(shape: &Shape, sizes: Binding, unknown: usize) -> Dims {
    let lookup = lookup(sizes);
    let size = |dim: &Dim| dim.eval(&lookup).map_or(unknown, |size| size as usize);
    shape.dims().expect("the shapes here have a rank").iter().map(size).collect()
}

/// Panics where a claimed shape does not hold for the actual one.
#[track_caller]
fn assert_holds(claim: &Shape, actual: &[usize], sizes: Binding) {
    let dims = claim.dims().expect("the claims here have a rank");
    assert_eq!(dims.len(), actual.len(), "{claim} against {actual:?}");
    for (dim, &size) in dims.iter().zip(actual) {
        if let Some(claimed) = dim.eval(&lookup(sizes)) {
            assert_eq!(claimed, size as i64, "{claim} against {actual:?} for {sizes:?}");
        }
    }
}

/// What a run of reshape does: at most one -1, solved unless the rest has no elements.
fn run_reshape(elements: i64, target: &[i64]) -> Option<Dims> {
    let holes = target.iter().filter(|&&size| size == -1).count();
    let asked: i64 = target.iter().filter(|&&size| size != -1).product();
    if holes > 1 || target.iter().any(|&size| size < -1) {
        return None;
    }
    let hole = match holes {
        0 => 0,
        _ if asked == 0 || elements % asked != 0 => return None,
        _ => elements / asked,
    };
    let dims: Dims = target.iter().map(|&size| if size == -1 { hole as usize } else { size as usize }).collect();
    (dims.iter().product::<usize>() == elements as usize).then_some(dims)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn expressions_claim_what_numbers_give(program in programs(), bindings in bindings()) {
        let dim = program.dim();
        for sizes in bindings {
            let Some(actual) = program.number(sizes) else { continue };
            if let Some(claimed) = dim.eval(&lookup(sizes)) {
                prop_assert_eq!(claimed, actual, "{} for {:?}", dim, sizes);
                prop_assert!(dim.lower_bound().is_none_or(|bound| bound <= actual), "bound of {}", dim);
            }
        }
    }

    #[test]
    fn dims_that_never_equal_never_do(a in programs(), b in programs(), bindings in bindings()) {
        let (x, y) = (a.dim(), b.dim());
        for sizes in bindings {
            if let (Some(p), Some(q)) = (a.number(sizes), b.number(sizes)) {
                prop_assert!(p != q || !x.never_equals(&y), "{} and {} for {:?}", x, y, sizes);
                prop_assert!(p == q || x != y, "{} for {:?}", x, sizes);
            }
        }
    }

    #[test]
    fn substituting_numbers_is_evaluating(program in programs(), bindings in bindings()) {
        let dim = program.dim();
        for sizes in bindings {
            let lookup = lookup(sizes);
            let bound = dim.substitute(&mut |symbol| lookup(symbol).map(Dim::constant));
            if let (Some(a), Some(b)) = (bound.as_i64(), dim.eval(&lookup)) {
                prop_assert_eq!(a, b, "{}", dim);
            }
        }
    }

    #[test]
    fn broadcasting_agrees_with_numpy(a in shapes(), b in shapes(), bindings in bindings(), q in 0..4usize, r in 0..4usize) {
        let claim = a.broadcast(&b);
        for sizes in bindings {
            if let Ok(actual) = broadcast_dims(&bound(&a, sizes, q), &bound(&b, sizes, r)) {
                assert_holds(claim.as_ref().expect("what runs is accepted"), &actual, sizes);
            }
        }
    }

    #[test]
    fn merging_keeps_all_that_both_know(a in shapes(), b in shapes(), bindings in bindings(), q in 0..4usize) {
        let merged = a.merge(&b);
        if let Ok(merged) = &merged {
            prop_assert!(merged.is_compatible(&a) && merged.is_compatible(&b));
        }
        for sizes in bindings {
            let actual = bound(&a, sizes, q);
            if actual == bound(&b, sizes, q) {
                assert_holds(merged.as_ref().expect("what runs is accepted"), &actual, sizes);
            }
        }
    }

    #[test]
    fn joining_holds_for_either(a in shapes(), b in shapes(), bindings in bindings()) {
        let joined = a.join(&b);
        for sizes in bindings.into_iter().filter(|_| joined.rank().is_some()) {
            assert_holds(&joined, &bound(&a, sizes, 2), sizes);
            assert_holds(&joined, &bound(&b, sizes, 2), sizes);
        }
    }

    #[test]
    fn reshaping_agrees_with_the_run(
        from in shapes(),
        target in prop::collection::vec(prop_oneof![4 => dims(), 1 => Just(Dim::constant(-1)), 1 => Just(()).prop_map(|()| Dim::unknown_value())], 0..4),
        bindings in bindings(),
        q in 0..4usize,
        u in -1..6i64,
    ) {
        let claim = from.reshape_to(&target);
        for sizes in bindings {
            let lookup = lookup(sizes);
            let elements = bound(&from, sizes, q).iter().product::<usize>() as i64;
            let value = |size: &Dim| size.eval(&lookup).unwrap_or(if size.is_never_negative() { q as i64 } else { u });
            let target: Vec<i64> = target.iter().map(value).collect();
            if let Some(actual) = run_reshape(elements, &target) {
                assert_holds(claim.as_ref().expect("what runs is accepted"), &actual, sizes);
            }
        }
    }
}
