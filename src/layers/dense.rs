//! `dense`: a fully connected layer.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor};
use crate::ops::init::{self, Initializer};
use crate::ops::state::{GetVariable, Reuse, VariableOptions, VariableScope};
use crate::shape::{Dim, Shape};

type Activation = dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync;

/// A fully connected layer, `activation(x . kernel + bias)`: `(.., n) -> (.., units)`.
///
/// ```
/// # use sessile::prelude::*;
/// # use sessile::layers::Dense;
/// # fn main() -> sessile::Result<()> {
/// let g = Graph::new();
/// let x = g.placeholder(DType::F32, shape![?, 6])?;
/// let y = Dense::new(10).name("hidden").bias(false).apply(&x)?;
/// assert_eq!(y.to_string(), r#"Tensor("hidden/MatMul:0", shape=(?, 10), dtype=float32)"#);
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it is applied"]
pub struct Dense {
    units: usize,
    activation: Option<Arc<Activation>>,
    has_bias: bool,
    kernel_initializer: Option<Arc<dyn Initializer>>,
    bias_initializer: Arc<dyn Initializer>,
    name: Option<String>,
    is_shared: bool,
    trainable: bool,
}

/// A fully connected layer with a bias and no activation; [`Dense`] has the options.
///
/// # Errors
/// See [`Dense::apply`].
#[doc(alias = "tf.layers.dense")]
#[track_caller]
pub fn dense(x: &Tensor, units: usize) -> Result<Tensor> {
    Dense::new(units).apply(x)
}

impl Dense {
    /// A layer with this many outputs.
    pub fn new(units: usize) -> Dense {
        Dense {
            units,
            activation: None,
            has_bias: true,
            kernel_initializer: None,
            bias_initializer: Arc::new(init::Zeros),
            name: None,
            is_shared: false,
            trainable: true,
        }
    }

    /// What is applied last, such as `Tensor::relu`.
    pub fn activation(self, f: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Dense {
        Dense { activation: Some(Arc::new(f)), ..self }
    }

    /// Whether a bias is added.
    pub fn bias(self, has_bias: bool) -> Dense {
        Dense { has_bias, ..self }
    }

    /// What the kernel starts from; by default the variable scope's initializer, else `glorot_uniform`.
    pub fn kernel_initializer(self, initializer: impl Initializer + 'static) -> Dense {
        Dense { kernel_initializer: Some(Arc::new(initializer)), ..self }
    }

    /// What the bias starts from; by default zeros.
    pub fn bias_initializer(self, initializer: impl Initializer + 'static) -> Dense {
        Dense { bias_initializer: Arc::new(initializer), ..self }
    }

    /// The name of the layer's scope; by default `dense`, `dense_1`, ...
    pub fn name(self, name: &str) -> Dense {
        Dense { name: Some(name.to_owned()), ..self }
    }

    /// Uses the variables of an earlier layer of this name.
    pub fn shared(self) -> Dense {
        Dense { is_shared: true, ..self }
    }

    /// Whether optimizers change the variables.
    pub fn trainable(self, trainable: bool) -> Dense {
        Dense { trainable, ..self }
    }

    /// Builds the layer on an input of two or more axes whose last size is known.
    ///
    /// # Errors
    /// `DTypeMismatch` unless the input is of floats; `ShapeMismatch` for an input of unknown rank, of fewer than two
    /// axes, or of unknown last size; `AlreadyExists` where the name is taken and the layer not shared.
    #[track_caller]
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let caller = Location::caller();
        let n = check_input(x)?;
        let g = x.graph().root();
        let scope = match &self.name {
            Some(name) => VariableScope::new(name),
            None => VariableScope::unique("dense"),
        };
        let scope = if self.is_shared { scope.reuse(Reuse::Always) } else { scope };
        g.at_line(caller, || g.variable_scope_with(scope, || self.build(g, x, n)))
    }

    fn build(&self, g: &Graph, x: &Tensor, n: usize) -> Result<Tensor> {
        let variable = |name: &str, shape: Shape, initializer: Option<Arc<dyn Initializer>>| {
            let options = VariableOptions { trainable: self.trainable, ..VariableOptions::default() };
            g.get_variable_with(name, shape, GetVariable { dtype: x.dtype(), initializer, options })
        };
        let kernel = variable("kernel", Shape::from([n, self.units]), self.kernel_initializer.clone())?;
        let bias = match self.has_bias {
            true => Some(variable("bias", Shape::from([self.units]), Some(self.bias_initializer.clone()))?),
            false => None,
        };
        // TF1 folds leading axes with `tensordot`; a batched product would make other nodes.
        let mut y = match x.rank()? {
            2 => x.matmul(&kernel)?,
            rank => x.tensordot(&kernel, [[rank - 1], [0]])?,
        };
        if let Some(bias) = bias {
            y = y.bias_add(&bias)?;
        }
        match &self.activation {
            Some(activation) => activation(&y),
            None => Ok(y),
        }
    }
}

/// The last size of a legal input.
fn check_input(x: &Tensor) -> Result<usize> {
    if !x.dtype().is_floating() {
        return Err(Error::dtype(format!("unable to build `dense` layer with non-floating point dtype {}", x.dtype())));
    }
    let shape = x.shape();
    let Some(rank) = shape.rank() else {
        let text =
            "the input is incompatible with the layer: its rank is undefined, but the layer requires a defined rank";
        return Err(Error::shape(text));
    };
    if rank < 2 {
        return Err(Error::shape(format!(
            "the input is incompatible with the layer: expected min_ndim=2, found ndim={rank}; full shape received: {shape}"
        )));
    }
    let last: Dim = shape.dim(rank - 1);
    last.known().ok_or_else(|| {
        Error::shape(format!("the last dimension of the inputs to `dense` should be defined, but the shape is {shape}"))
    })
}

impl fmt::Debug for Dense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dense({} units, name {:?})", self.units, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::error::ErrorKind;
    use crate::session::Session;
    use crate::shape;

    /// By TensorFlow 1.15.5.
    #[test]
    fn names_are_those_of_tensorflow() -> Result<()> {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?, 6])?;
        let _ = dense(&x, 10)?;
        let names: Vec<_> = g.nodes().map(|node| node.name().replace("dense/", "")).collect();
        assert_eq!(
            names.join(" "),
            "Placeholder kernel/Initializer/random_uniform/shape kernel/Initializer/random_uniform/min \
             kernel/Initializer/random_uniform/max kernel/Initializer/random_uniform/RandomUniform \
             kernel/Initializer/random_uniform/sub kernel/Initializer/random_uniform/mul \
             kernel/Initializer/random_uniform kernel kernel/Assign kernel/read bias/Initializer/zeros bias bias/Assign \
             bias/read MatMul BiasAdd"
        );
        assert_eq!(dense(&x, 10)?.name(), "dense_1/BiasAdd:0");
        assert_eq!(Dense::new(3).name("d").apply(&x)?.name(), "d/BiasAdd:0");
        assert_eq!(Dense::new(3).name("d").shared().apply(&x)?.name(), "d_1/BiasAdd:0");
        assert_eq!(Dense::new(3).name("d").apply(&x).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(g.trainable_variables().len(), 6);
        Ok(())
    }

    /// The limits of the default initializer by hand: sqrt(6 / (6 + 10)).
    #[test]
    fn a_layer_computes_from_its_variables() -> Result<()> {
        let g = Graph::new();
        let x = g.constant([[1.0f32, 2.0, 3.0]])?;
        let layer = Dense::new(2).kernel_initializer(init::ones()).bias_initializer(init::constant(0.5));
        let y = layer.activation(|y: &Tensor| y.bias_add(y.graph().constant([1.0f32, 0.0])?)).apply(&x)?;
        let _ = dense(&g.placeholder(DType::F32, shape![?, 6])?, 10)?;
        let sess = Session::new(&g)?;
        sess.run(g.global_variables_initializer()?)?;
        assert_eq!(sess.run(&y)?.slice::<f32>()?, [7.5, 6.5]);
        let limit = sess.run("dense_1/kernel/Initializer/random_uniform/max:0")?.scalar::<f32>()?;
        assert_eq!(limit, 0.612_372_46);
        Ok(())
    }

    #[test]
    fn leading_axes_are_kept() -> Result<()> {
        let g = Graph::new();
        let x = g.placeholder(DType::F32, shape![?, 3, 6])?;
        assert_eq!(dense(&x, 10)?.shape().to_string(), "(?, 3, 10)");
        Ok(())
    }

    #[test]
    fn inputs_that_do_not_fit_are_refused() -> Result<()> {
        let g = Graph::new();
        let refused = |dtype, shape: Shape| dense(&g.placeholder(dtype, shape)?, 10);
        for (dtype, shape, want) in [
            (DType::F32, shape![2, ?], "the last dimension of the inputs to `dense` should be defined"),
            (DType::F32, shape![6], "expected min_ndim=2, found ndim=1; full shape received: (6,)"),
            (DType::F32, Shape::unknown(), "its rank is undefined"),
            (DType::I32, shape![2, 6], "unable to build `dense` layer with non-floating point dtype int32"),
        ] {
            let error = refused(dtype, shape).unwrap_err();
            assert!(error.message().contains(want), "{error}");
        }
        Ok(())
    }
}
