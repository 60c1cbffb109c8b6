//! `group`, `tuple` and `with_dependencies`: waiting for several operations.

use crate::error::{Error, Result};
use crate::graph::{Graph, Operation, Tensor};
use crate::ops::state::Variable;

/// What can be waited for: operations, tensors, variables (their handles), results of builders, and tuples, arrays,
/// slices and vectors of them.
pub trait Operations {
    /// Adds the operations.
    ///
    /// # Errors
    /// The error of a failed builder.
    fn add_to(&self, all: &mut Vec<Operation>) -> Result<()>;
}

impl Operations for Operation {
    fn add_to(&self, all: &mut Vec<Operation>) -> Result<()> {
        all.push(self.clone());
        Ok(())
    }
}

impl Operations for Tensor {
    fn add_to(&self, all: &mut Vec<Operation>) -> Result<()> {
        all.push(self.operation());
        Ok(())
    }
}

impl Operations for Variable {
    fn add_to(&self, all: &mut Vec<Operation>) -> Result<()> {
        all.push(self.operation());
        Ok(())
    }
}

impl<T: Operations> Operations for Result<T> {
    fn add_to(&self, all: &mut Vec<Operation>) -> Result<()> {
        self.as_ref().map_err(Clone::clone)?.add_to(all)
    }
}

impl<T: Operations + ?Sized> Operations for &T {
    fn add_to(&self, all: &mut Vec<Operation>) -> Result<()> {
        (**self).add_to(all)
    }
}

macro_rules! lists {
    ($([$($g:tt)*] $t:ty),*) => { $(
        impl<$($g)*> Operations for $t {
            fn add_to(&self, all: &mut Vec<Operation>) -> Result<()> {
                self.iter().try_for_each(|one| one.add_to(all))
            }
        }
    )* };
}
lists! { [T: Operations] [T], [T: Operations] Vec<T>, [T: Operations, const N: usize] [T; N] }

macro_rules! tuples {
    ($($($T:ident $i:tt)*;)*) => { $(
        impl<$($T: Operations),*> Operations for ($($T,)*) {
            #[allow(unused_variables)]
            fn add_to(&self, all: &mut Vec<Operation>) -> Result<()> {
                $(self.$i.add_to(all)?;)*
                Ok(())
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
}

impl Graph {
    /// An operation that is done when all of these are done.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let (a, b) = (g.variable(1.0)?, g.variable(2)?);
    /// let both = g.group((a.assign_add(1.0)?, b.assign_add(1)?))?;
    /// assert_eq!(both.name(), "group_deps");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.group")]
    #[track_caller]
    pub fn group(&self, all: impl Operations) -> Result<Operation> {
        let mut operations = Vec::new();
        all.add_to(&mut operations)?;
        self.group_as("group_deps", &operations)
    }

    /// The same tensors, each available only when all of them are.
    ///
    /// # Errors
    /// `InvalidArgument` without tensors.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let (a, b) = (g.constant(1.0)?, g.constant(2.0)?);
    /// assert_eq!(g.tuple(&[&a, &b])?[1].name(), "tuple/control_dependency_1:0");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.tuple")]
    #[track_caller]
    pub fn tuple(&self, tensors: &[&Tensor]) -> Result<Vec<Tensor>> {
        self.tuple_after(tensors, ())
    }

    /// As [`Graph::tuple`], available only after these operations too.
    ///
    /// # Errors
    /// As there, and the errors of failed builders.
    #[doc(alias = "tf.tuple")]
    #[track_caller]
    pub fn tuple_after(&self, tensors: &[&Tensor], wait_for: impl Operations) -> Result<Vec<Tensor>> {
        let mut all = Vec::new();
        tensors.add_to(&mut all)?;
        wait_for.add_to(&mut all)?;
        if tensors.is_empty() {
            return Err(Error::invalid("a tuple takes at least 1 tensor, but got 0"));
        }
        self.composite("tuple", |_| {
            let gate = self.group_as("group_deps", &all)?;
            tensors.iter().map(|tensor| tensor.after(&gate)).collect()
        })
    }

    /// One `NoOp`, or one for each device and one for all of them, as TF1 makes them.
    #[track_caller]
    pub(crate) fn group_as(&self, name: &str, all: &[Operation]) -> Result<Operation> {
        self.composite(name, |scope| {
            let mut devices: Vec<Option<&str>> = all.iter().map(|operation| operation.node().device()).collect();
            devices.sort_unstable();
            devices.dedup();
            if devices.len() <= 1 {
                let device = devices.first().copied().flatten().unwrap_or_default();
                return self.wait_on(device, all, || self.named(scope, || self.no_op()));
            }
            let one_a_device = devices.into_iter().map(|device| {
                let mine: Vec<_> = all.iter().filter(|one| one.node().device() == device).cloned().collect();
                self.wait_on(device.unwrap_or_default(), &mine, || self.no_op())
            });
            let parts = one_a_device.collect::<Result<Vec<_>>>()?;
            self.control_dependencies(&parts, || self.named(scope, || self.no_op()))
        })
    }

    fn wait_on(&self, device: &str, all: &[Operation], build: impl FnOnce() -> Result<Operation>) -> Result<Operation> {
        self.device(device, || self.control_dependencies(all, build))
    }
}

impl Tensor {
    /// The same tensor, available only after these operations.
    #[doc(alias = "tf.with_dependencies")]
    #[track_caller]
    pub fn after(&self, all: impl Operations) -> Result<Tensor> {
        let mut operations = Vec::new();
        all.add_to(&mut operations)?;
        let g = self.graph().root();
        g.composite("control_dependency", |scope| {
            g.control_dependencies(&operations, || g.named(scope, || self.identity()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;

    #[test]
    fn a_tuple_waits_for_all_and_for_what_is_given() -> Result<()> {
        let g = Graph::new();
        let (a, v) = (g.constant(1.0f32)?, g.variable(1.0)?);
        let both = g.tuple_after(&[&a, &v.value()?], v.assign_add(1.0)?)?;
        let sess = Session::new(&g)?;
        sess.run(v.initializer())?;
        assert_eq!(sess.run(&both[0])?.scalar::<f32>()?, 1.0);
        assert_eq!(sess.run(v.read()?)?.scalar::<f32>()?, 2.0);
        assert!(g.tuple(&[]).unwrap_err().message().contains("at least 1 tensor, but got 0"));
        Ok(())
    }
}
