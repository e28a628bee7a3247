//! What files hold, as far as it takes to see that it is other: by this a reload is worth its while.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use openssl::sha::{Sha256, sha256};
use zeroize::Zeroizing;

/// Read at a time: of a file that holds a key, nothing is left behind.
const PIECE: usize = 8 * 1024;

/// Files, each once in the order in which they were named, and what was in them when they were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents(Vec<(PathBuf, Found)>);

/// What was there.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// A file of which this is the SHA-256.
    Sha256([u8; 32]),
    /// Nothing.
    Nothing,
    /// Nothing that can be read, for this reason.
    Unreadable(ErrorKind),
    /// A folder, or a pipe, which is not opened: that would wait for its other end.
    NoFile,
}

impl Contents {
    /// Looks at the files.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut contents = Self::default();
        files.into_iter().for_each(|file| contents.note(file));
        contents
    }

    /// Looks at another file; must come before it is read, so that what is read is never older than what was noted.
    pub(super) fn note(&mut self, file: &Path) {
        self.add(file, || Found::at(file));
    }

    /// Another file, of which this was read. What came by a pipe never becomes another.
    pub(super) fn note_text(&mut self, file: &Path, text: &[u8]) {
        let is_file = fs::metadata(file).is_ok_and(|metadata| metadata.is_file());
        self.add(file, || if is_file { Found::Sha256(sha256(text)) } else { Found::NoFile });
    }

    /// Another file, which could not be read.
    pub(super) fn note_failure(&mut self, file: &Path, error: &io::Error) {
        self.add(file, || Found::of(error));
    }

    /// Adds those files of others that it has not.
    pub fn join(&mut self, others: &Self) {
        others.0.iter().for_each(|(file, found)| self.add(file, || found.clone()));
    }

    /// Each file.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(file, _)| file.as_path())
    }

    /// The files with something else in them than `before`; only those that were looked at then, too.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a Path> {
        let differs = |(file, found): &&(PathBuf, Found)| {
            before.0.iter().any(|(earlier, found_then)| earlier == file && found_then != found)
        };
        self.0.iter().filter(differs).map(|(file, _)| file.as_path())
    }

    fn add(&mut self, file: &Path, found: impl FnOnce() -> Found) {
        if !self.0.iter().any(|(known, _)| known == file) {
            self.0.push((file.to_owned(), found()));
        }
    }
}

impl Found {
    fn at(file: &Path) -> Self {
        match fs::metadata(file) {
            Ok(metadata) if metadata.is_file() => Self::inside(file).unwrap_or_else(|error| Self::of(&error)),
            Ok(_) => Self::NoFile,
            Err(error) => Self::of(&error),
        }
    }

    fn inside(file: &Path) -> io::Result<Self> {
        let (mut file, mut digest) = (File::open(file)?, Sha256::new());
        let mut piece = Zeroizing::new([0; PIECE]);
        loop {
            match file.read(piece.as_mut_slice()) {
                Ok(0) => return Ok(Self::Sha256(digest.finish())),
                Ok(read) => digest.update(piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Nothing,
            kind => Self::Unreadable(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn another_is_what_holds_something_else_and_not_what_was_written_again() {
        let folder = std::env::temp_dir().join(format!("fedfront-contents-{}", std::process::id()));
        fs::create_dir_all(folder.join("folder")).unwrap();
        let path = |name: &str| folder.join(name);
        for name in ["same", "again", "other", "grown", "gone", "..1", "..2"] {
            fs::write(path(name), "x").unwrap();
        }
        fs::write(path("..2"), "y").unwrap();
        for link in ["kept", "moved"] {
            symlink("..1", path(link)).unwrap();
        }
        let names = [
            "same",
            "again",
            "other",
            "grown",
            "gone",
            "new",
            "folder",
            "folder/in",
            "same/in",
            "kept",
            "moved",
            "same",
        ];
        let files: Vec<_> = names.iter().map(|name| path(name)).collect();
        let look = || Contents::of(files.iter().map(PathBuf::as_path));
        let before = look();
        assert_eq!(before.files().count(), names.len() - 1, "each once");
        assert_eq!(before, look());

        fs::write(path("again"), "x").unwrap();
        fs::write(path("other"), "y").unwrap();
        fs::write(path("grown"), "x".repeat(3 * PIECE)).unwrap();
        fs::remove_file(path("gone")).unwrap();
        fs::write(path("new"), "").unwrap();
        fs::remove_file(path("moved")).unwrap();
        symlink("..2", path("moved")).unwrap();
        let now = look();
        let changed: Vec<_> = now.changed_since(&before).map(|file| file.strip_prefix(&folder).unwrap()).collect();
        assert_eq!(changed, ["other", "grown", "gone", "new", "moved"].map(Path::new));
        assert_eq!(now.changed_since(&Contents::default()).count(), 0, "what was not looked at is not another");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_was_read_is_what_is_in_the_file() {
        let file = std::env::temp_dir().join(format!("fedfront-contents-text-{}", std::process::id()));
        fs::write(&file, "text").unwrap();
        let mut read = Contents::default();
        read.note_text(&file, b"text");
        assert_eq!(read, Contents::of([&*file]));
        let mut device = Contents::default();
        device.note_text(Path::new("/dev/null"), b"text");
        assert_eq!(device, Contents::of([Path::new("/dev/null")]));
        fs::remove_file(&file).unwrap();
        let mut missing = Contents::default();
        missing.note_failure(&file, &fs::read(&file).unwrap_err());
        missing.join(&read);
        assert_eq!((&missing, missing.changed_since(&read).count()), (&Contents::of([&*file]), 1));
    }
}
