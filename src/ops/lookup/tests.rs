//! Tables from run to run.

use super::{HashTable, LookupTableExport, LookupTableFind, LookupTableRemove, LookupTableSize, LookupTableWrite};
use super::{TableKind, TableWrite};
use crate::dtype::DType;
use crate::error::{ErrorKind, Result};
use crate::graph::{Graph, Operation, Tensor};
use crate::session::Session;
use crate::shape::Shape;
use crate::value::{IntoValue, Value};

struct Case {
    g: Graph,
    table: Tensor,
}

impl Case {
    fn new(op: HashTable) -> Case {
        let g = Graph::new();
        let table = g.apply_one(op, &[]).unwrap();
        Case { g, table }
    }

    fn write(&self, how: TableWrite, keys: impl IntoValue, values: impl IntoValue) -> Result<Operation> {
        let (keys, values) = (self.g.constant(keys.into_value())?, self.g.constant(values.into_value())?);
        self.g.apply(LookupTableWrite { how }, &[&self.table, &keys, &values])
    }

    fn find(&self, keys: impl IntoValue, default: impl IntoValue) -> Result<Tensor> {
        let (keys, default) = (self.g.constant(keys.into_value())?, self.g.constant(default.into_value())?);
        self.g.apply_one(LookupTableFind, &[&self.table, &keys, &default])
    }

    fn size(&self) -> Tensor {
        self.g.apply_one(LookupTableSize, &[&self.table]).unwrap()
    }
}

fn words(kind: TableKind) -> Case {
    Case::new(HashTable::new(kind, DType::String, DType::I64))
}

fn is(got: &Value, want: impl IntoValue) -> bool {
    got.same_bits(&want.into_value())
}

#[test]
fn a_fixed_table_is_filled_once() -> Result<()> {
    let case = words(TableKind::Fixed);
    let fill = case.write(TableWrite::Initialize, ["a", "b"], [1i64, 2])?;
    let (same, other) =
        (case.write(TableWrite::Import, ["a", "b"], [1i64, 2])?, case.write(TableWrite::Initialize, ["a"], [1i64])?);
    let (find, size) = (case.find([["b", "x"]], -1i64)?, case.size());
    assert_eq!(find.shape().to_string(), "(1, 2)");
    let sess = Session::new(&case.g)?;
    assert_eq!(sess.run(&find).unwrap_err().kind(), ErrorKind::Uninitialized);
    assert!(is(&sess.run(&size)?, 0i64));
    sess.run(&fill)?;
    assert!(is(&sess.run(&find)?, [[2i64, -1]]) && is(&sess.run(&size)?, 2i64));
    sess.run(&same)?;
    assert_eq!(sess.run(&other).unwrap_err().kind(), ErrorKind::Conflict);
    let insert = case.write(TableWrite::Insert, ["a"], [1i64])?;
    assert_eq!(sess.run(&insert).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(Session::new(&case.g)?.run(&find).unwrap_err().kind(), ErrorKind::Uninitialized);
    Ok(())
}

#[test]
fn a_filling_that_fails_leaves_the_table_empty() -> Result<()> {
    let case = words(TableKind::Fixed);
    let twice = case.write(TableWrite::Initialize, ["a", "a"], [1i64, 2])?;
    let (find, size) = (case.find(["a"], -1i64)?, case.size());
    let sess = Session::new(&case.g)?;
    assert_eq!(sess.run(&twice).unwrap_err().kind(), ErrorKind::Conflict);
    assert!(is(&sess.run(&size)?, 0i64) && sess.run(&find).is_err());
    Ok(())
}

#[test]
fn keys_come_and_go_in_order() -> Result<()> {
    let case = words(TableKind::Mutable);
    let insert = case.write(TableWrite::Insert, ["a", "b", "a", "c"], [1i64, 2, 3, 4])?;
    let import = case.write(TableWrite::Import, ["z"], [9i64])?;
    let keys = case.g.constant(["a", "none"])?;
    let remove = case.g.apply(LookupTableRemove, &[&case.table, &keys])?;
    let export = case.g.apply(LookupTableExport { keys: DType::String, values: DType::I64 }, &[&case.table])?.outputs();
    assert_eq!(export[1].shape().rank(), Some(1));
    let sess = Session::new(&case.g)?;
    assert!(sess.run(&export[0])?.is_empty());
    sess.run(&insert)?;
    assert!(is(&sess.run(&export[0])?, ["a", "b", "c"]) && is(&sess.run(&export[1])?, [3i64, 2, 4]));
    sess.run(&remove)?;
    assert!(is(&sess.run(&export[0])?, ["c", "b"]) && is(&sess.run(&export[1])?, [4i64, 2]));
    sess.run(&import)?;
    assert!(is(&sess.run(&export[0])?, ["z"]) && is(&sess.run(&case.size())?, 1i64));
    Ok(())
}

/// Reads stand before or behind writes by program order, as with variables.
#[test]
fn a_run_sees_writes_that_were_built_before_a_read() -> Result<()> {
    let case = words(TableKind::Mutable);
    let before = case.size();
    let insert = case.write(TableWrite::Insert, ["a"], [1i64])?;
    let after = case.g.control_dependencies(&[insert], || Ok(case.size()))?;
    let sess = Session::new(&case.g)?;
    let (n, m) = sess.run((&before, &after))?;
    assert!(is(&n, 0i64) && is(&m, 1i64));
    Ok(())
}

#[test]
fn tables_of_tensors_grow() -> Result<()> {
    let value_shape = Shape::from([2]);
    let case = Case::new(HashTable { value_shape, ..HashTable::new(TableKind::OfTensors, DType::I32, DType::String) });
    let sess = Session::new(&case.g)?;
    for i in 0..20i32 {
        sess.run(&case.write(TableWrite::Insert, [i, i + 100], [["a", "b"], ["c", "d"]])?)?;
    }
    let found = sess.run(&case.find([[119], [7], [50]], ["x", "y"])?)?;
    assert!(is(&found, [[["c", "d"]], [["a", "b"]], [["x", "y"]]]));
    assert!(is(&sess.run(&case.size())?, 40i64));
    assert!(case.find([1i32], "x").is_ok_and(|find| sess.run(&find).is_err()));
    Ok(())
}

#[test]
fn nodes_of_one_name_share_a_table_and_its_dtypes() -> Result<()> {
    let named =
        |value| HashTable { shared_name: "t".to_owned(), ..HashTable::new(TableKind::Mutable, DType::I64, value) };
    let case = Case::new(named(DType::I64));
    let insert = case.write(TableWrite::Insert, [1i64], [2i64])?;
    let default = case.g.constant(-1i64)?;
    let twin = case.g.apply_one(named(DType::I64), &[])?;
    let key = case.g.constant(1i64)?;
    let find = case.g.apply_one(LookupTableFind, &[&twin, &key, &default])?;
    let other = case.g.apply_one(named(DType::F32), &[])?;
    let float = case.g.constant(0.0f32)?;
    let wrong = case.g.apply_one(LookupTableFind, &[&other, &key, &float])?;
    let sess = Session::new(&case.g)?;
    sess.run(&insert)?;
    assert!(is(&sess.run(&find)?, 2i64));
    assert_eq!(sess.run(&wrong).unwrap_err().kind(), ErrorKind::InvalidArgument);
    Ok(())
}

#[test]
fn what_is_no_table_is_refused() -> Result<()> {
    let g = Graph::new();
    let v = g.variable(1.0f32)?;
    let error = g.apply_one(LookupTableSize, &[&v.handle()]).unwrap_err();
    assert!(error.message().contains("must be a lookup table, but is a variable"), "{error}");
    let case = words(TableKind::Fixed);
    assert!(case.find([1i64], 1i64).unwrap_err().message().contains("must be used from string to int64"));
    assert!(case.write(TableWrite::Initialize, ["a"], [1i64, 2]).is_err());
    let floats = HashTable::new(TableKind::Fixed, DType::F32, DType::F32);
    assert!(g.apply_one(floats, &[]).is_err());
    Ok(())
}
