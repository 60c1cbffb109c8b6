//! Why a command did not do its work, and the exit code that says so.

use sessile::io::GraphDef;
use sessile::{Error, ErrorKind};

use crate::load::node_of;

/// What a command gives.
pub type Outcome<T> = Result<T, Failure>;

/// The exit code of a command line that cannot be understood.
pub const USAGE: u8 = 2;
const RUN: u8 = 1;
const FILE: u8 = 3;
const UNSUPPORTED: u8 = 4;

/// An error and the exit code.
#[derive(Debug)]
pub struct Failure {
    pub error: Error,
    pub code: u8,
}

impl Failure {
    /// The error of a graph in a file, whatever its kind: nobody but the file says what it says.
    pub fn of_file(error: Error) -> Failure {
        let code = if error.kind() == ErrorKind::Unsupported { UNSUPPORTED } else { FILE };
        Failure { error, code }
    }

    /// The error of importing what these names need: the file's, unless the user's names are not there.
    pub fn of_import<'a>(error: Error, def: &GraphDef, names: impl IntoIterator<Item = &'a String>) -> Failure {
        match names.into_iter().all(|name| def.node(node_of(name)).is_some()) {
            true => Failure::of_file(error),
            false => error.into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let code = match error.kind() {
            ErrorKind::Io | ErrorKind::DataLoss => FILE,
            ErrorKind::Unsupported => UNSUPPORTED,
            _ => RUN,
        };
        Failure { error, code }
    }
}
