//! What can stand where the values of several feeds are wanted.

use smallvec::SmallVec;

use super::{IntoValue, Value};

/// The values of several feeds, in the order in which `Session::prepare` was told of them: one value, or a tuple.
pub trait FeedValues {
    /// The values.
    fn into_values(self) -> SmallVec<[Value; 4]>;
}

impl<T: IntoValue> FeedValues for T {
    fn into_values(self) -> SmallVec<[Value; 4]> {
        smallvec::smallvec![self.into_value()]
    }
}

macro_rules! tuples {
    ($($($T:ident $i:tt)*;)*) => { $(
        impl<$($T: IntoValue),*> FeedValues for ($($T,)*) {
            fn into_values(self) -> SmallVec<[Value; 4]> {
                smallvec::smallvec![$(self.$i.into_value()),*]
            }
        }
    )* };
}
tuples! {
    ;
    A 0;
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11;
}
