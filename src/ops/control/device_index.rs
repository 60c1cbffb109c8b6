//! `DeviceIndex`: which of some devices a graph runs on.

use std::sync::Arc;

use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{AttrValue, Attrs, Example, InferCx, Op, OpKind, RunCx};
use crate::shape::Shape;
use crate::value::IntoValue;

/// The place of `CPU`, where everything runs here, in a list of devices; as many as there are if it is none of them.
#[derive(Debug, Clone)]
pub struct DeviceIndex {
    /// The kinds of devices, such as `CPU` and `GPU`.
    pub device_names: Vec<Vec<u8>>,
}

/// The row of [`DeviceIndex`].
pub static DEVICE_INDEX: OpKind = OpKind::new(
    "DeviceIndex",
    "-> index: int32",
    |attrs: &Attrs| Ok(Arc::new(DeviceIndex { device_names: attrs.strs("device_names")? }) as Arc<dyn Op>),
    || {
        let example = |names: &[&str]| {
            let device_names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            Example::new(DeviceIndex { device_names }, [])
        };
        vec![example(&["GPU", "CPU"]), example(&["GPU"])]
    },
)
.not_differentiable("a place in a list has no neighbours");

impl Op for DeviceIndex {
    fn kind(&self) -> &'static OpKind {
        &DEVICE_INDEX
    }

    fn infer(&self, cx: &mut InferCx<'_>) -> Result<()> {
        cx.output(DType::I32, Shape::scalar());
        Ok(())
    }

    fn run(&self, cx: &mut RunCx<'_>) -> Result<()> {
        let names = &self.device_names;
        let at = names.iter().position(|name| name == b"CPU").unwrap_or(names.len());
        cx.output(0, (at as i32).into_value());
        Ok(())
    }

    fn attrs(&self) -> Vec<(&'static str, AttrValue)> {
        vec![("device_names", AttrValue::Strs(self.device_names.clone()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::run_op;

    #[test]
    fn everything_runs_on_the_cpu() {
        let run = |names: &[&str]| {
            let device_names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            run_op(DeviceIndex { device_names }, &[]).unwrap()[0].scalar::<i32>().unwrap()
        };
        assert_eq!(run(&["TPU", "CPU"]), 1);
        assert_eq!(run(&["TPU", "GPU"]), 2);
    }
}
