//! `eye`: identity matrices. The nodes are those of TF1.

use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Graph, Tensor};

impl Graph {
    /// A matrix with ones on its main diagonal, and zeros elsewhere: `(rows, columns)`. Numbers and bool.
    ///
    /// # Errors
    /// `InvalidArgument` for sizes that no value can have; `Unsupported` for strings.
    ///
    /// Source: TensorFlow's `tf.eye`.
    ///
    /// ```
    /// # use sessile::prelude::*;
    /// # fn main() -> sessile::Result<()> {
    /// assert_eq!(Graph::new().eye(DType::F32, 2, 3)?.shape().to_string(), "(2, 3)");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "tf.eye")]
    #[track_caller]
    pub fn eye(&self, dtype: DType, rows: usize, columns: usize) -> Result<Tensor> {
        self.composite("eye", |_| {
            let ones = self.ones(dtype, [rows.min(columns)])?;
            if rows == columns {
                return ones.matrix_diag();
            }
            self.zeros(dtype, [rows, columns])?.matrix_set_diag(&ones)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;

    /// By the definition.
    #[test]
    fn ones_stand_on_the_diagonal() -> Result<()> {
        let g = Graph::new();
        let (square, wide) = (g.eye(DType::F32, 2, 2)?, g.eye(DType::I32, 2, 3)?);
        let got = Session::new(&g)?.run([&square, &wide])?;
        assert_eq!(got[0].slice::<f32>()?, [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(got[1].slice::<i32>()?, [1, 0, 0, 0, 1, 0]);
        Ok(())
    }
}
