//! Shapes out of sizes, which are values: the targets of reshape, fill and the like.

use super::{Dim, Shape, product};
use crate::{Error, Result};

impl Shape {
    /// The shape that sizes ask for where there is nothing to solve the -1 from: each -1, and each size that may be one,
    /// is unknown.
    ///
    /// # Errors
    /// `InvalidArgument` for other negative sizes, and for known ones whose product no value can have.
    pub fn from_sizes(sizes: &[Dim]) -> Result<Shape> {
        check_sizes(sizes)?;
        Ok(Shape::new(sizes.iter().map(|size| if size.is_never_negative() { size.clone() } else { Dim::unknown() })))
    }

    /// The shape of this tensor reshaped to the target, whose entries are sizes or one -1.
    ///
    /// The -1 is solved: `(batch, 6)` to `[-1, 3]` is `(2*batch, 3)`, and `(?, 3, 4)` to `[-1, 12]` keeps the very symbol of
    /// the first dim. From `(b, 3)` to `[-1, b]` it is 3 although `b` may be 0: the run cannot infer the -1 then and fails,
    /// as in TensorFlow. Several -1 are left to the run, as in TensorFlow: their dims are unknown. Without a -1, the only
    /// entry that may turn out to be one is solved in the same way, unless the others may ask for no elements at all.
    ///
    /// An entry of which nothing is known must be [`Dim::unknown_value`], not [`Dim::unknown`]: it may be -1.
    ///
    /// # Errors
    /// `ShapeMismatch` where the numbers of elements cannot agree; `InvalidArgument` as [`Shape::from_sizes`].
    pub fn reshape_to(&self, target: &[Dim]) -> Result<Shape> {
        check_sizes(target)?;
        let holes = holes(target);
        let mut dims = target.to_vec();
        for &hole in &holes {
            dims[hole] = Dim::unknown();
        }
        if let Some(elements) = self.num_elements() {
            match holes.as_slice() {
                [] => self.check_counts(&elements, &mut dims)?,
                &[hole] => dims[hole] = solve(&elements, &dims, hole, target[hole].as_i64().is_some())?,
                _ => {}
            }
        }
        Ok(dims.into())
    }

    /// No hole: the numbers of elements must agree, and a single dim that is not known follows from them.
    fn check_counts(&self, elements: &Dim, dims: &mut [Dim]) -> Result<()> {
        let asked = product(dims.iter());
        if elements.conflicts(&asked) {
            return Err(cannot_reshape(elements, dims, &asked));
        }
        if let (Some(unknown), Some(asked)) = (only_unknown(self.dims().unwrap_or_default()), asked.as_i64()) {
            divisible(asked, product_without(self.dims().unwrap_or_default(), unknown).as_i64())?;
        }
        let Some(unknown) = only_unknown(dims) else { return Ok(()) };
        let rest = product_without(dims, unknown);
        if let Some(elements) = elements.as_i64() {
            divisible(elements, rest.as_i64())?;
        }
        if rest.as_i64().is_some_and(|rest| rest > 0) {
            let solved = elements.floor_div(&rest);
            if &solved * &rest == *elements {
                dims[unknown] = solved.merge(&dims[unknown])?;
            }
        }
        Ok(())
    }
}

/// The dim of the hole: the elements that there are over the elements that the other dims ask for. A hole that is surely a
/// -1 promises that those are not none.
fn solve(elements: &Dim, dims: &[Dim], hole: usize, surely: bool) -> Result<Dim> {
    let asked = product_without(dims, hole);
    if let (Some(elements), Some(asked)) = (elements.as_i64(), asked.as_i64()) {
        divisible(elements, Some(asked))?;
    }
    let size = if asked.as_i64() == Some(0) { Dim::constant(0) } else { elements.floor_div(&asked) };
    if !elements.has_anonymous() && elements.conflicts(&(&size * &asked)) {
        return Err(cannot_reshape(elements, dims, &asked));
    }
    let solvable = if surely { asked.as_i64() != Some(0) } else { asked.never_equals(&Dim::constant(0)) };
    Ok(if solvable { size } else { Dim::unknown() })
}

/// The entries to be solved for: each -1; without one, each that may be -1.
fn holes(target: &[Dim]) -> Vec<usize> {
    let explicit = |size: &Dim| size.as_i64() == Some(-1);
    let has_explicit = target.iter().any(explicit);
    let is_hole = |size: &Dim| if has_explicit { explicit(size) } else { !size.is_never_negative() };
    (0..target.len()).filter(|&at| is_hole(&target[at])).collect()
}

fn check_sizes(sizes: &[Dim]) -> Result<()> {
    if let Some(negative) = sizes.iter().filter_map(Dim::as_i64).find(|&size| size < -1) {
        return Err(Error::invalid(format!("sizes must be at least -1, but one is {negative}")));
    }
    let known: super::Dims = sizes.iter().filter_map(Dim::known).collect();
    super::element_count(&known).map(|_| ())
}

fn product_without(dims: &[Dim], axis: usize) -> Dim {
    product(dims[..axis].iter().chain(&dims[axis + 1..]))
}

/// The axis of the only dim that is not known.
fn only_unknown(dims: &[Dim]) -> Option<usize> {
    let mut unknown = (0..dims.len()).filter(|&axis| dims[axis].known().is_none());
    unknown.next().filter(|_| unknown.next().is_none())
}

fn divisible(size: i64, by: Option<i64>) -> Result<()> {
    match by {
        Some(by) if by > 0 && size % by != 0 => Err(not_divisible(by, size)),
        _ => Ok(()),
    }
}

#[cold]
fn not_divisible(by: i64, size: i64) -> Error {
    Error::shape(format!("dimension size must be evenly divisible by {by} but is {size}"))
}

#[cold]
fn cannot_reshape(elements: &Dim, dims: &[Dim], asked: &Dim) -> Error {
    let shape = super::display::Brackets(Some(dims));
    Error::shape(format!("cannot reshape a tensor with {elements} elements to shape {shape} ({asked} elements)"))
}

#[cfg(test)]
mod tests {
    use crate::shape;

    use super::*;

    /// Parses TF's notation: `(?,3)`, or `<unknown>`; names are named dims.
    fn parse(text: &str) -> Shape {
        if text == "<unknown>" {
            return Shape::unknown();
        }
        let items = text.trim_matches(['(', ')', '[', ']']).split(',').map(str::trim).filter(|item| !item.is_empty());
        Shape::new(items.map(|item| match item.parse() {
            Ok(size) => Dim::constant(size),
            Err(_) if item == "?" => Dim::unknown(),
            Err(_) => Dim::named(item),
        }))
    }

    #[track_caller]
    fn reshape(from: &str, target: &str) -> Result<Shape> {
        parse(from).reshape_to(parse(target).dims().unwrap())
    }

    /// The answers are those of TensorFlow 1.15.5 and 2.15.1, run; with names, hand derivations.
    #[test]
    fn shapes_are_solved_as_in_tensorflow() {
        let cases = [
            ("(?,3,4)", "[-1,12]", "(?, 12)"),
            ("(?,6)", "[-1,4]", "(?, 4)"),
            ("(0,3)", "[-1,0]", "(?, 0)"),
            ("(0,3)", "[-1,5]", "(0, 5)"),
            ("(0,?)", "[-1,5]", "(0, 5)"),
            ("(?,)", "[2,-1,-1]", "(2, ?, ?)"),
            ("(2,3)", "[-1,-1]", "(?, ?)"),
            ("<unknown>", "[-1,3]", "(?, 3)"),
            ("<unknown>", "[2,3]", "(2, 3)"),
            ("(?,?,3)", "[2,4]", "(2, 4)"),
            ("(1,1)", "[]", "()"),
            ("()", "[1]", "(1,)"),
            ("()", "[-1]", "(1,)"),
            ("(?,4)", "[0,7]", "(0, 7)"),
            ("(12,2)", "[?,8]", "(3, 8)"),
            ("(2,3,4)", "[6,-1]", "(6, 4)"),
            ("(batch,6)", "[-1,3]", "(2*batch, 3)"),
            ("(batch,6)", "[-1,4]", "(batch + batch//2, 4)"),
            ("(batch,seq,8)", "[-1,8]", "(batch*seq, 8)"),
            ("(batch,seq,8)", "[batch,-1]", "(batch, 8*seq)"),
            ("(batch,3,4)", "[?,12]", "(batch, 12)"),
            ("(batch,seq)", "[-1]", "(batch*seq,)"),
        ];
        for (from, target, want) in cases {
            assert_eq!(reshape(from, target).unwrap().to_string(), want, "{from} to {target}");
        }
    }

    #[test]
    fn impossible_targets_are_refused() {
        let cases = [
            ("(2,3)", "[4,2]", "cannot reshape a tensor with 6 elements to shape [4,2] (8 elements)"),
            ("(2,3)", "[]", "cannot reshape a tensor with 6 elements to shape [] (1 elements)"),
            ("(2,3)", "[-1,0]", "cannot reshape a tensor with 6 elements to shape [?,0] (0 elements)"),
            ("(0,3)", "[5]", "cannot reshape a tensor with 0 elements to shape [5] (5 elements)"),
            ("(0,?)", "[5]", "cannot reshape a tensor with 0 elements to shape [5] (5 elements)"),
            ("(7,)", "[-1,3]", "dimension size must be evenly divisible by 3 but is 7"),
            ("(?,3)", "[2,4]", "dimension size must be evenly divisible by 3 but is 8"),
            ("(?,4)", "[3]", "dimension size must be evenly divisible by 4 but is 3"),
            ("(12,2)", "[?,7]", "dimension size must be evenly divisible by 7 but is 24"),
            ("(batch,3)", "[2,4]", "cannot reshape a tensor with 3*batch elements to shape [2,4] (8 elements)"),
            ("(2,3)", "[-2,3]", "sizes must be at least -1, but one is -2"),
            (
                "(2,3)",
                "[1099511627776,1099511627776]",
                "shape [1099511627776,1099511627776] must have at most 9223372036854775807 elements",
            ),
        ];
        for (from, target, want) in cases {
            assert_eq!(reshape(from, target).unwrap_err().message(), want, "{from} to {target}");
        }
    }

    #[test]
    fn a_solved_dim_is_the_very_symbol() {
        let x = shape![?, 3, 4];
        let flat = x.reshape_to(&[Dim::constant(-1), Dim::from(12)]).unwrap();
        assert_eq!(flat.dim(0), x.dim(0));
        let back = flat.reshape_to(&[x.dim(0), Dim::from(2), Dim::constant(-1)]).unwrap();
        assert_eq!(back, shape![x.dim(0), 2, 6]);
        assert_eq!(shape!["b", 3].reshape_to(&[Dim::constant(-1), Dim::named("b")]).unwrap().dim(0), Dim::from(3));
    }

    #[test]
    fn an_unknown_entry_may_be_minus_one_or_go_with_no_elements() {
        let unknown = Dim::unknown_value();
        assert_eq!(shape![2, 6].reshape_to(&[unknown.clone(), Dim::from(4)]).unwrap(), shape![3, 4]);
        let open = shape!["b", 3].reshape_to(&[unknown.clone(), Dim::named("b")]).unwrap();
        assert_eq!(open.to_string(), "(?, b)");
        assert_ne!(open.dim(0), unknown);
        assert_eq!(shape![2, 6].reshape_to(&[unknown.clone(), unknown]).unwrap().to_string(), "(?, ?)");
    }

    #[test]
    fn sizes_without_elements_make_a_shape() {
        let sizes = [Dim::constant(-1), Dim::from(3), Dim::named("b"), Dim::unknown_value(), Dim::named("b") - 1];
        assert_eq!(Shape::from_sizes(&sizes).unwrap().to_string(), "(?, 3, b, ?, ?)");
        assert_eq!(
            Shape::from_sizes(&[Dim::constant(-3)]).unwrap_err().message(),
            "sizes must be at least -1, but one is -3"
        );
    }
}
