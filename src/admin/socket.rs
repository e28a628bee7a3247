//! The file of the Unix socket: its owner's alone from the first moment, and gone with the process, or left to the next.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// A bound socket's file, removed when dropped if it is ours, unless it is another's by then.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Which it is; absent where it is a service manager's.
    inode: Option<u64>,
    /// Whether it goes with us.
    ours: bool,
}

impl SocketFile {
    /// Listens at `path`, 0600, in the place of a socket that an earlier process left.
    ///
    /// # Errors
    /// There is something else at `path`, or the directory is missing or not ours to write to.
    pub fn bind(path: &Path) -> io::Result<(UnixListener, Self)> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
            return Err(named(io::Error::new(io::ErrorKind::AlreadyExists, "is there and is not a socket")));
        }
        // Bound under another name, so that nobody can connect before the permissions are set, nor find no socket at all
        // while one process takes over from another.
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}", std::process::id()));
        let temporary = PathBuf::from(temporary);
        // A process of the same id may have ended between these steps.
        let _ = fs::remove_file(&temporary);
        let listener = UnixListener::bind(&temporary).map_err(named)?;
        let placed = fs::set_permissions(&temporary, Permissions::from_mode(0o600))
            .and_then(|()| fs::rename(&temporary, path))
            .and_then(|()| fs::symlink_metadata(path));
        let inode = match placed {
            Ok(metadata) => metadata.ino(),
            Err(error) => {
                let _ = fs::remove_file(&temporary);
                return Err(named(error));
            }
        };
        Ok((listener, Self { path: path.to_owned(), inode: Some(inode), ours: true }))
    }

    /// The file of a socket that somebody else made, if it is still there. It is theirs until [`SocketFile::own`]; without an
    /// `inode`, for good.
    pub fn adopt(path: &Path, inode: Option<u64>) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok()?.ino();
        inode.is_none_or(|inode| inode == found).then(|| Self { path: path.to_owned(), inode, ours: false })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which it is, if it goes with a process at all.
    pub fn inode(&self) -> Option<u64> {
        self.inode
    }

    /// Whether it will be ours, and is somebody else's still.
    pub fn is_adopted(&self) -> bool {
        self.inode.is_some() && !self.ours
    }

    /// Ours from here on.
    pub fn own(&mut self) {
        self.ours = true;
    }

    /// Somebody else's from here on.
    pub fn leave(&mut self) {
        self.ours = false;
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let same = |metadata: &fs::Metadata| Some(metadata.ino()) == self.inode;
        if self.ours && fs::symlink_metadata(&self.path).is_ok_and(|metadata| same(&metadata)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_file_is_private_taken_over_and_removed_by_its_last_owner() {
        let path = std::env::temp_dir().join(format!("fedfront-socket-{}.sock", std::process::id()));
        let (_first, first_file) = SocketFile::bind(&path).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o777, 0o600);
        let (second, second_file) = SocketFile::bind(&path).unwrap();
        drop(first_file);
        UnixStream::connect(&path).unwrap();
        second.accept().unwrap();
        drop(second_file);
        assert!(fs::symlink_metadata(&path).is_err());
    }

    #[test]
    fn a_file_goes_over_to_another_and_then_is_its() {
        let path = std::env::temp_dir().join(format!("fedfront-handed-{}.sock", std::process::id()));
        let (listener, mut first) = SocketFile::bind(&path).unwrap();
        let mut second = SocketFile::adopt(&path, first.inode()).unwrap();
        second.own();
        first.leave();
        drop(first);
        UnixStream::connect(&path).unwrap();
        listener.accept().unwrap();
        assert!(SocketFile::adopt(&path, Some(0)).is_none(), "another's by now");
        let mut activated = SocketFile::adopt(&path, None).unwrap();
        activated.own();
        drop(activated);
        assert!(path.exists(), "the service manager's");
        drop(second);
        assert!(!path.exists() && SocketFile::adopt(&path, None).is_none());
    }

    #[test]
    fn who_was_to_take_a_file_over_and_failed_removed_it() {
        let path = std::env::temp_dir().join(format!("fedfront-kept-{}.sock", std::process::id()));
        let (listener, first) = SocketFile::bind(&path).unwrap();
        let next = SocketFile::adopt(&path, first.inode()).unwrap();
        assert!(next.is_adopted() && !first.is_adopted());
        drop(next);
        UnixStream::connect(&path).unwrap();
        listener.accept().unwrap();
        drop(first);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_of_another_kind_is_left_alone() {
        let path = std::env::temp_dir().join(format!("fedfront-not-a-socket-{}", std::process::id()));
        fs::write(&path, "precious").unwrap();
        let error = SocketFile::bind(&path).err().unwrap();
        assert!(error.to_string().contains("is not a socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
    }
}
