//! How dims and shapes print: as TensorFlow prints them, and named dims by name.

use std::fmt;

use super::poly::{Atom, AtomOp, Poly, Term};
use super::{Dim, Shape, Symbol};
use crate::error::escape;

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(&escape(name)),
            None => f.write_str("?"),
        }
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbol({self})")
    }
}

/// `?`, `3`, `batch`, `2*batch + 1`; an expression over an anonymous symbol is `?`, as in TensorFlow.
impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_i64() {
            Some(value) => write!(f, "{value}"),
            None if self.has_anonymous() => f.write_str("?"),
            None => self.poly().fmt(f),
        }
    }
}

/// TensorFlow's repr: `Dimension(3)`, `Dimension(None)`.
impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.has_anonymous() {
            true => f.write_str("Dimension(None)"),
            false => write!(f, "Dimension({self})"),
        }
    }
}

impl fmt::Display for Poly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms.is_empty() {
            return f.write_str("0");
        }
        for (n, term) in self.terms.iter().enumerate() {
            let sign = match (n, term.coeff < 0) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            };
            write!(f, "{sign}{term}")?;
        }
        Ok(())
    }
}

/// Without its sign.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.coeff.unsigned_abs();
        if let (1, [atom]) = (size, self.atoms.as_slice()) {
            return atom.fmt(f);
        }
        let mut separator = "";
        if size != 1 || self.atoms.is_empty() {
            write!(f, "{size}")?;
            separator = "*";
        }
        for atom in &self.atoms {
            match atom {
                Atom::Op(AtomOp::FloorDiv, _) => write!(f, "{separator}({atom})")?,
                _ => write!(f, "{separator}{atom}")?,
            }
            separator = "*";
        }
        Ok(())
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Atom::Symbol(symbol) => symbol.fmt(f),
            Atom::Op(AtomOp::FloorDiv, args) => {
                write_operand(f, &args[0], |term| term.coeff > 0)?;
                f.write_str("//")?;
                write_operand(f, &args[1], |term| {
                    term.coeff > 0 && (term.atoms.is_empty() || args[1].as_symbol().is_some())
                })
            }
            Atom::Op(AtomOp::Max, args) => write!(f, "max({}, {})", args[0], args[1]),
            Atom::Op(AtomOp::Min, args) => write!(f, "min({}, {})", args[0], args[1]),
        }
    }
}

/// In parentheses, unless it is one term that needs none.
fn write_operand(f: &mut fmt::Formatter<'_>, poly: &Poly, is_plain: impl Fn(&Term) -> bool) -> fmt::Result {
    match poly.terms.as_slice() {
        [term] if is_plain(term) => write!(f, "{term}"),
        _ => write!(f, "({poly})"),
    }
}

/// `(?, 3, 10)`, `(?,)`, `()`, `<unknown>`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dims() {
            None => f.write_str("<unknown>"),
            Some([dim]) => write!(f, "({dim},)"),
            Some(dims) => {
                f.write_str("(")?;
                write_list(f, dims, ", ")?;
                f.write_str(")")
            }
        }
    }
}

/// TensorFlow's repr: `TensorShape([Dimension(None), Dimension(3)])`, `TensorShape(None)`.
impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dims() {
            None => f.write_str("TensorShape(None)"),
            Some(dims) => {
                f.write_str("TensorShape([")?;
                for (n, dim) in dims.iter().enumerate() {
                    write!(f, "{}{dim:?}", if n == 0 { "" } else { ", " })?;
                }
                f.write_str("])")
            }
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, dims: &[Dim], separator: &str) -> fmt::Result {
    for (n, dim) in dims.iter().enumerate() {
        write!(f, "{}{dim}", if n == 0 { "" } else { separator })?;
    }
    Ok(())
}

/// A shape as TensorFlow's error texts have it.
pub(super) struct Brackets<'a>(pub(super) Option<&'a [Dim]>);

impl fmt::Display for Brackets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(dims) = self.0 else { return f.write_str("?") };
        f.write_str("[")?;
        write_list(f, dims, ",")?;
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use crate::shape;

    use super::*;

    #[test]
    fn shapes_print_as_in_tensorflow() {
        let cases = [
            (Shape::unknown(), "<unknown>", "TensorShape(None)", "?"),
            (shape![], "()", "TensorShape([])", "[]"),
            (shape![?], "(?,)", "TensorShape([Dimension(None)])", "[?]"),
            (shape![?, 3], "(?, 3)", "TensorShape([Dimension(None), Dimension(3)])", "[?,3]"),
            (shape!["batch", 3], "(batch, 3)", "TensorShape([Dimension(batch), Dimension(3)])", "[batch,3]"),
        ];
        for (shape, display, debug, brackets) in cases {
            assert_eq!(shape.to_string(), display);
            assert_eq!(format!("{shape:?}"), debug);
            assert_eq!(shape.brackets().to_string(), brackets);
        }
    }

    #[test]
    fn expressions_print_as_python_reads_them() {
        let (b, s) = (Dim::named("batch"), Dim::named("seq"));
        let cases = [
            (2 * &b + 1, "2*batch + 1"),
            (&b * &s, "batch*seq"),
            ((&b + 2).floor_div(&Dim::from(3)), "(batch + 2)//3"),
            (2 * b.floor_div(&Dim::from(3)), "2*(batch//3)"),
            (b.floor_div(&(2 * &s)), "batch//(2*seq)"),
            (b.floor_div(&s).floor_div(&b), "batch//seq//batch"),
            (b.min(&s) - 1, "min(batch, seq) - 1"),
            (&b * &Dim::unknown(), "?"),
            (b.max(&Dim::unknown()), "?"),
            (Dim::named("a\u{1b}"), "a\\u{1b}"),
        ];
        for (dim, want) in cases {
            assert_eq!(dim.to_string(), want);
        }
    }
}
