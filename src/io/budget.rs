//! How much memory a file may make us use.

use crate::error::{Error, ErrorKind, Result};

/// Bytes that decoding may still use: 16 for each byte of the file, and 64 MiB. Two bytes of a file can stand for an
/// empty message that takes hundreds in memory, and a constant of one number for a tensor of any size.
///
/// What is in proportion to the file is left out where it is small: each node of the graph that an import makes takes
/// about half a KiB.
#[derive(Debug, Clone)]
pub struct Budget {
    total: u64,
    left: u64,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::of_file(0)
    }
}

impl Budget {
    /// The budget of a file of this many bytes.
    pub fn of_file(len: usize) -> Budget {
        let total = (len as u64).saturating_mul(16).saturating_add(64 << 20);
        Budget { total, left: total }
    }

    /// Takes bytes out of the budget.
    ///
    /// # Errors
    /// `ResourceExhausted` if they are not in it.
    pub fn charge(&mut self, bytes: usize) -> Result<()> {
        self.left = self.left.checked_sub(bytes as u64).ok_or_else(|| {
            let text = format!("decoding needs {bytes} more bytes, but only {} of its budget are left", self.left);
            Error::new(ErrorKind::ResourceExhausted, text)
        })?;
        Ok(())
    }

    /// Bytes that were taken out and not given back.
    pub(crate) fn spent(&self) -> u64 {
        self.total.saturating_sub(self.left)
    }

    /// Gives bytes back that are no longer used.
    pub(crate) fn release(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes as u64);
    }
}
