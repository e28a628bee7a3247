//! The mark of a promotion: which key was told to sign, kept in `cache.folder` so that another start goes on with it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::regular::open_regular;
use crate::model::Timestamp;

/// That a key was told to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The SHA-256 of its certificate, as [`Description`](super::Description) has it.
    pub sha256: String,
    /// From when on.
    pub since: Timestamp,
}

/// The name of the file.
const NAME: &str = "promoted-signing-key";
/// Bytes; ours are 120.
const MOST: u64 = 1024;

impl Promotion {
    /// The mark in a folder.
    ///
    /// # Errors
    /// A file that cannot be read, or that nobody here wrote.
    pub fn read(folder: &Path) -> io::Result<Option<Self>> {
        let Some(file) = open_regular(&Self::place(folder))? else { return Ok(None) };
        if file.metadata()?.len() > MOST {
            return Err(io::Error::new(ErrorKind::InvalidData, "too long for a file of ours"));
        }
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text)?;
        let (sha256, since) = text.trim().split_once(' ').ok_or(ErrorKind::InvalidData)?;
        let since = Timestamp::parse(since).map_err(|_| ErrorKind::InvalidData)?;
        Ok(Some(Self { sha256: sha256.to_owned(), since }))
    }

    /// Writes the mark, in the place of any other, so that it is whole or not there; a folder that is not there is made.
    ///
    /// # Errors
    /// If it cannot be written; the other stays then.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let (place, before) = (Self::place(folder), folder.join(format!("{NAME}.{}", std::process::id())));
        fs::create_dir_all(folder)?;
        let written = write_through(&before, &format!("{} {}\n", self.sha256, self.since))
            .and_then(|()| fs::rename(&before, &place))
            .and_then(|()| File::open(folder)?.sync_all());
        if written.is_err() {
            let _ = fs::remove_file(&before);
        }
        written
    }

    /// Where the mark is in a folder.
    pub fn place(folder: &Path) -> PathBuf {
        folder.join(NAME)
    }
}

fn write_through(file: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::testing::Scratch;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_replaced_whole() {
        let scratch = Scratch::new();
        let folder = scratch.path("");
        assert_eq!(Promotion::read(&folder).unwrap(), None);
        let mark =
            |sha256: &str, millis| Promotion { sha256: sha256.to_owned(), since: Timestamp::from_unix_millis(millis) };
        for mark in [mark("AA:BB", 1_000), mark("CC:DD", 2_500)] {
            mark.write(&folder).unwrap();
            assert_eq!(Promotion::read(&folder).unwrap(), Some(mark));
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        }
        for text in ["", "AA:BB", "AA:BB yesterday", "\u{fffd}"] {
            scratch.write(NAME, text.as_bytes());
            assert!(Promotion::read(&folder).is_err(), "{text:?}");
        }
        scratch.write(NAME, &[0xFF; 9]);
        assert!(Promotion::read(&folder).is_err());
        let long = format!("AA:BB 2026-01-01T00:00:00Z{}", " ".repeat(1024));
        scratch.write(NAME, long.as_bytes());
        assert!(Promotion::read(&folder).is_err());
        mark("AA", 1).write(&scratch.path("missing/folder")).unwrap();
        assert!(mark("AA", 1).write(&scratch.path("missing/folder").join(NAME)).is_err());
    }

    #[test]
    fn a_mark_that_is_no_file_is_neither_waited_for_nor_followed() {
        let scratch = Scratch::new();
        let (folder, place) = (scratch.path(""), scratch.path(NAME));
        let made = std::process::Command::new("mkfifo").arg(&place).status().unwrap();
        assert!(made.success() && Promotion::read(&folder).is_err());
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        assert!(Promotion::read(&folder).is_err());
        fs::remove_dir(&place).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &place).unwrap();
        assert!(Promotion::read(&folder).is_err());
    }
}
