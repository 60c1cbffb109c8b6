//! Files as wholes: read only if they are regular and not too large, and replaced in one step.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use prost::bytes::Bytes;

use crate::error::{Error, ErrorKind, Result, escape};

/// The largest file: what protobuf can hold.
pub(super) const MAX_FILE: u64 = (2 << 30) - 1;

/// The bytes of a regular file. Pipes, devices and folders are refused, and a file that grows or shrinks meanwhile.
pub(super) fn read_regular(path: &Path) -> Result<Bytes> {
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() {
        return Err(Error::invalid("it must be a regular file"));
    }
    if meta.len() > MAX_FILE {
        return Err(Error::invalid(format!("a file has at most {MAX_FILE} bytes, but this has {}", meta.len())));
    }
    let mut bytes: Vec<u8> = Vec::new();
    let fits = bytes.try_reserve_exact(meta.len() as usize);
    fits.map_err(|_| Error::new(ErrorKind::ResourceExhausted, format!("no memory for {} bytes", meta.len())))?;
    File::open(path)?.take(meta.len() + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != meta.len() {
        let text = format!("the file had {} bytes, but it changed while it was read", meta.len());
        return Err(Error::new(ErrorKind::DataLoss, text));
    }
    Ok(bytes.into())
}

/// Replaces a file: whoever reads it sees the old bytes or the new ones, never a part. What is written is on the disk
/// before the name points to it; when that fails, the old file stays and nothing is left behind.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = beside(path)?;
    let written = write_new(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = written {
        // The error that is told is the one of writing.
        let _ = std::fs::remove_file(&temporary);
        return Err(named(error.into(), path));
    }
    Ok(())
}

/// Says which file an error is about.
pub(super) fn named(error: Error, path: &Path) -> Error {
    error.note(format!("the file is '{}'", escape(&path.to_string_lossy())))
}

/// A name in the same folder that no other writer of this process or another one uses.
fn beside(path: &Path) -> Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        return Err(named(Error::invalid("the path must end in a file's name"), path));
    };
    let unique = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{unique}.tmp"));
    Ok(path.with_file_name(hidden))
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_in_one_step_and_nothing_is_left() {
        let folder = std::env::temp_dir().join(format!("sessile-file-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.pb");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(&read_regular(&path).unwrap()[..], b"two");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        let error = write_whole(&folder.join("no/such/folder"), b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    /// The files of this folder say that they are empty, and are not.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_of_another_length_than_it_says_is_refused() {
        let error = read_regular(Path::new("/proc/self/status")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{error}");
    }

    #[test]
    fn a_file_of_more_than_two_gibibytes_is_refused_unread() {
        let path = std::env::temp_dir().join(format!("sessile-large-{}", std::process::id()));
        // A hole: it takes no room on the disk.
        File::create(&path).unwrap().set_len(3 << 30).unwrap();
        let error = read_regular(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert!(error.message().contains("3221225472"), "{error}");
    }
}
