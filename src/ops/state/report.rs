//! `report_uninitialized_variables`: which variables have no value yet. The nodes are those of TF1.

use super::variable::Variable;
use crate::error::Result;
use crate::graph::{Graph, Tensor};
use crate::ops::array::stack;
use crate::value::Value;

impl Graph {
    /// The names of the global and local variables that have no value when a run comes here: `(?)`, strings.
    ///
    /// Source: TensorFlow's `tf.report_uninitialized_variables`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// let g = Graph::new();
    /// let w = g.named("w", || g.variable(1.0))?;
    /// let names = g.report_uninitialized_variables()?;
    /// assert_eq!(Session::new(&g)?.run(&names)?.to_string(), "[b'w']");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.report_uninitialized_variables")]
    #[track_caller]
    pub fn report_uninitialized_variables(&self) -> Result<Tensor> {
        let all: Vec<Variable> = self.global_variables().into_iter().chain(self.local_variables()).collect();
        self.report_uninitialized(&all)
    }

    /// As [`Graph::report_uninitialized_variables`], of these variables.
    #[doc(alias = "tf.report_uninitialized_variables")]
    #[track_caller]
    pub fn report_uninitialized(&self, variables: &[Variable]) -> Result<Tensor> {
        self.composite("report_uninitialized_variables", |_| {
            let have_values = variables.iter().map(Variable::is_initialized).collect::<Result<Vec<_>>>()?;
            self.device("/device:CPU:0", || {
                if variables.is_empty() {
                    return self.constant(Value::from_strings(&[0], Vec::new())?);
                }
                let have_none = stack(&have_values.iter().collect::<Vec<_>>(), 0)?.logical_not()?;
                let names: Vec<String> = variables.iter().map(|one| one.operation().name().to_owned()).collect();
                self.constant(names)?.boolean_mask(&have_none)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::state::VariableOptions;
    use crate::session::Session;

    #[test]
    fn variables_are_named_until_they_have_a_value() -> Result<()> {
        let g = Graph::new();
        let a = g.named("a", || g.variable(1.0))?;
        let _ = g.named("b", || g.variable_with(2, VariableOptions::local()))?;
        let names = g.report_uninitialized_variables()?;
        let none = g.report_uninitialized(&[])?;
        let sess = Session::new(&g)?;
        assert_eq!(sess.run(&names)?.to_string(), "[b'a' b'b']");
        sess.run(a.initializer())?;
        assert_eq!(sess.run(&names)?.to_string(), "[b'b']");
        assert_eq!(sess.run(&none)?.dims(), [0]);
        Ok(())
    }
}
