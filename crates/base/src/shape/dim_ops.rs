//! `+`, `-`, `*` of dims and sizes, and what a dim is made from.

use std::ops::{Add, Mul, Sub};

use super::Dim;

/// The only integer type: `shape![-1]` must not compile. A size past `i64` cannot be held by any value and counts as
/// `i64::MAX`, which [`element_count`](super::element_count) refuses wherever it is multiplied.
impl From<usize> for Dim {
    fn from(size: usize) -> Dim {
        Dim::constant(i64::try_from(size).unwrap_or(i64::MAX))
    }
}

/// A named dim.
impl From<&str> for Dim {
    fn from(name: &str) -> Dim {
        Dim::named(name)
    }
}

impl From<&Dim> for Dim {
    fn from(dim: &Dim) -> Dim {
        dim.clone()
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $by:ident;)*) => { $(
        operators!(@ $trait $method $by, Dim, Dim, |a| &a, |b| &b);
        operators!(@ $trait $method $by, Dim, &Dim, |a| &a, |b| b);
        operators!(@ $trait $method $by, &Dim, Dim, |a| a, |b| &b);
        operators!(@ $trait $method $by, &Dim, &Dim, |a| a, |b| b);
        operators!(@ $trait $method $by, Dim, usize, |a| &a, |b| &Dim::from(b));
        operators!(@ $trait $method $by, &Dim, usize, |a| a, |b| &Dim::from(b));
        operators!(@ $trait $method $by, usize, Dim, |a| &Dim::from(a), |b| &b);
        operators!(@ $trait $method $by, usize, &Dim, |a| &Dim::from(a), |b| b);
    )* };
    (@ $trait:ident $method:ident $by:ident, $left:ty, $right:ty, |$a:ident| $as_left:expr, |$b:ident| $as_right:expr) => {
        impl $trait<$right> for $left {
            type Output = Dim;
            fn $method(self, other: $right) -> Dim {
                let ($a, $b) = (self, other);
                Dim::$by($as_left, $as_right)
            }
        }
    };
}
operators! { Add add sum; Sub sub difference; Mul mul product; }

#[cfg(test)]
mod tests {
    use super::*;

    fn dims() -> (Dim, Dim) {
        (Dim::named("b"), Dim::named("s"))
    }

    #[track_caller]
    fn prints(dim: Dim, want: &str) {
        assert_eq!(dim.to_string(), want);
    }

    #[test]
    fn sums_and_products_have_one_form() {
        let (b, s) = dims();
        prints(&b + &s, "b + s");
        prints(2 * &b + 1, "2*b + 1");
        prints(&b * &s * 3 - 2, "3*b*s - 2");
        prints((&b + 1) * (&b - 1), "b*b - 1");
        prints(1 - &b, "-b + 1");
        assert_eq!((&b + &s) * 2, &s + &b + &b + &s);
        assert_eq!(&b - &b, Dim::from(0));
        assert_eq!((&b + 3) - &b, Dim::from(3));
        assert_eq!(&b * Dim::from(0), Dim::from(0));
        assert_ne!(2 * &b, b);
    }

    #[test]
    fn division_is_exact_where_it_can_be_proven() {
        let (b, s) = dims();
        let two = Dim::from(2);
        let cases = [
            ((2 * &b).floor_div(&two), "b"),
            ((6 * &b).floor_div(&(3 * &b)), "2"),
            ((&b * &s).floor_div(&b), "s"),
            (((&b + 1) * &s).floor_div(&(&b + 1)), "s"),
            ((2 * &b + 1).floor_div(&two), "b"),
            ((&b + 2).floor_div(&Dim::from(3)), "(b + 2)//3"),
            ((3 * &b).floor_div(&two), "b + b//2"),
            ((4 * &b).floor_div(&Dim::from(6)), "2*b//3"),
            ((&b - 1).floor_div(&two), "(b + 1)//2 - 1"),
            ((&b * &s).floor_div(&(2 * &b)), "s//2"),
            (b.floor_div(&(&s + 1)), "b//(s + 1)"),
            (b.ceil_div(&two), "(b + 1)//2"),
            ((6 * &b).ceil_div(&(3 * &b)), "2"),
            (b.floor_div(&two).floor_div(&two), "b//4"),
            (b.ceil_div(&two).ceil_div(&two).ceil_div(&two), "(b + 7)//8"),
            (Dim::from(7).ceil_div(&two), "4"),
        ];
        for (n, (dim, want)) in cases.into_iter().enumerate() {
            assert_eq!(dim.to_string(), want, "case {n}");
        }
    }

    #[test]
    fn a_quotient_by_zero_is_unknown() {
        assert!(Dim::from(3).floor_div(&Dim::from(0)).is_anonymous());
        assert!(Dim::from(0).floor_div(&Dim::from(0)).is_anonymous());
        assert!(Dim::named("b").ceil_div(&Dim::from(0)).is_anonymous());
    }

    #[test]
    fn extrema_are_decided_where_they_can_be() {
        let (b, s) = dims();
        prints((&b + 1).max(&b), "b + 1");
        prints((&b + 1).min(&b), "b");
        prints(b.max(&Dim::from(0)), "b");
        prints((&b - 1).max(&Dim::from(0)), "max(0, b - 1)");
        assert_eq!(b.max(&s), s.max(&b));
        assert!((&b - 1).max(&Dim::from(0)).is_never_negative());
        assert!(!(&b - 1).is_never_negative());
    }

    #[test]
    fn past_i64_and_the_bounds_a_dim_is_a_symbol_of_its_own() {
        let huge = Dim::from(1 << 62);
        let sum = &huge + &huge;
        assert!(sum.is_anonymous() && sum.is_never_negative());
        assert_ne!(sum, &huge + &huge);
        assert!((&huge * &Dim::named("b") * 4usize).is_anonymous());
        assert_eq!(&huge * &huge * Dim::from(0), Dim::from(0));
        let mut chain = Dim::named("n");
        for n in 0..1000 {
            chain = (&chain + &Dim::named(&format!("n{n}"))).floor_div(&Dim::named("k")) * 3;
        }
        assert!(chain.symbols().count() < 64);
        assert_eq!(Dim::from(usize::MAX).as_i64(), Some(i64::MAX));
        assert!(Dim::constant(i64::MIN).floor_div(&Dim::constant(-1)).is_anonymous());
        assert!((Dim::constant(i64::MIN) * Dim::named("b") - Dim::constant(i64::MIN)).as_i64().is_none());
    }

    #[test]
    fn symbols_are_seen_through_atoms_and_can_be_renewed() {
        let (b, q) = (Dim::named("b"), Dim::unknown());
        let dim = (&b * &q + 1).floor_div(&Dim::from(2)).max(&q);
        assert_eq!(dim.symbols().count(), 2);
        assert_eq!(dim.to_string(), "?");
        let bind = |symbol: &super::super::Symbol| Some(if symbol.name() == Some("b") { 3 } else { 5 });
        assert_eq!(dim.eval(&bind), Some(8));
        assert_eq!(dim.eval(&|_| None), None);
        let mut renewed = Vec::new();
        let fresh = dim.renew_anonymous(&mut renewed);
        assert_ne!(fresh, dim);
        assert_eq!(fresh, dim.renew_anonymous(&mut renewed));
        assert_eq!(fresh.eval(&bind), Some(8));
        assert_eq!(dim.substitute(&mut |_| Some(Dim::from(2))), Dim::from(2));
        assert_eq!(b.renew_anonymous(&mut renewed), b);
    }

    #[test]
    fn a_dim_is_two_words() {
        assert_eq!(size_of::<Dim>(), 16);
        assert_eq!(size_of::<super::super::Shape>(), 16);
    }
}
