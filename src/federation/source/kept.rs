//! Copies of documents on disk, for the next start. Whoever may write there decides nothing: what is read is verified as if
//! it had just been fetched.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use openssl::sha::sha256;

use super::METADATA_ENDING;
use crate::keys::open_regular;
use crate::model::{Timestamp, hex};

/// What the copy of a document is called, by what tells it from others: its URL, or its entityID.
pub(in crate::federation) fn copy_of(document: &str) -> String {
    copy_by(&sha256(document.as_bytes()))
}

/// The same by the digest of that.
pub(super) fn copy_by(digest: &[u8; 32]) -> String {
    hex(digest) + METADATA_ENDING
}

/// The digest by which a copy is called that.
pub(super) fn digest_of(name: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let name = name.strip_suffix(METADATA_ENDING).filter(|digits| digits.len() == 64 && digits.is_ascii())?;
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(name.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(digest)
}

/// A folder of copies.
#[derive(Clone, Debug)]
pub(in crate::federation) struct Kept(PathBuf);

/// A document on its way to the disk; without [`Draft::keep`] nothing stays of it.
pub(in crate::federation) struct Draft {
    file: File,
    at: PathBuf,
    kept: bool,
}

impl Kept {
    /// Copies below `folder`, which is made when the first is kept.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The file of a copy.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Opens a copy, with when it was had; `None`: there is none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn open(&self, name: &str) -> io::Result<Option<(File, Timestamp)>> {
        let Some(file) = open_regular(&self.path(name))? else { return Ok(None) };
        let had = had(&file.metadata()?)?;
        Ok(Some((file, had)))
    }

    /// A copy of at most so many bytes, whole, with when it was had.
    ///
    /// # Errors
    /// It is there and cannot be read, or is larger.
    pub fn read(&self, name: &str, most: usize) -> io::Result<Option<(Vec<u8>, Timestamp)>> {
        let Some((file, had)) = self.open(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(most as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > most {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("more than {most} bytes")));
        }
        Ok(Some((bytes, had)))
    }

    /// Begins a copy beside the one that is there, which stays until this one takes its place.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub fn draft(&self, name: &str) -> io::Result<Draft> {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(&self.0)?;
        // Of several of one name the last counts; what an earlier process left there is of no use.
        let at = self.path(&format!("{name}.new"));
        remove(&at)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&at)?;
        Ok(Draft { file, at, kept: false })
    }

    /// Keeps a document.
    ///
    /// # Errors
    /// It cannot be written; what was there before stays.
    pub fn write(&self, name: &str, bytes: &[u8], now: Timestamp) -> io::Result<()> {
        let mut draft = self.draft(name)?;
        draft.write(bytes)?;
        draft.keep(now)
    }

    /// It was asked for again, and is as it was.
    ///
    /// # Errors
    /// Its time cannot be written.
    pub fn confirm(&self, name: &str, now: Timestamp) -> io::Result<()> {
        set_time(&OpenOptions::new().write(true).open(self.path(name))?, now)
    }

    /// Forgets a copy.
    ///
    /// # Errors
    /// It stays.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        remove(&self.path(name))
    }

    /// The digests of all copies, each with when it was had.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(&self) -> io::Result<Vec<([u8; 32], Timestamp)>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let copy = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.ok()?;
            Some((digest_of(entry.file_name().to_str()?)?, had(&entry.metadata().ok()?).ok()?))
        };
        Ok(entries.filter_map(copy).collect())
    }
}

impl Draft {
    /// Adds bytes.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Takes the place of what was kept before, whole or not at all.
    ///
    /// # Errors
    /// The disk's, and where another was begun meanwhile; what was kept before stays.
    pub fn keep(mut self, now: Timestamp) -> io::Result<()> {
        set_time(&self.file, now)?;
        self.file.sync_all()?;
        if !self.is_there()? {
            return Err(io::Error::other("another process, or a reload, has begun to write it anew"));
        }
        fs::rename(&self.at, self.at.with_extension(""))?;
        self.kept = true;
        // So that a power failure does not bring the old one back; some file systems cannot.
        if let Some(folder) = self.at.parent() {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }

    /// Whether it is this one that stands in the draft's place.
    fn is_there(&self) -> io::Result<bool> {
        let of = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let own = of(self.file.metadata()?);
        match fs::symlink_metadata(&self.at) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            there => there.map(|there| of(there) == own),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept && self.is_there().unwrap_or_default() {
            let _ = fs::remove_file(&self.at);
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn had(metadata: &fs::Metadata) -> io::Result<Timestamp> {
    let since_epoch = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)))
}

fn set_time(file: &File, now: Timestamp) -> io::Result<()> {
    let millis = u64::try_from(now.unix_millis()).unwrap_or_default();
    file.set_times(FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federation::source::testing::Folder;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(1_767_225_600_000 + seconds * 1000)
    }

    #[test]
    fn a_copy_is_whole_or_the_one_before() {
        let folder = Folder::new();
        let kept = Kept::new(folder.path("cache/incommon"));
        assert!(kept.read("a.xml", 9).unwrap().is_none());
        assert!(kept.all().unwrap().is_empty());
        kept.write("a.xml", b"first", at(0)).unwrap();
        assert_eq!(kept.read("a.xml", 9).unwrap(), Some((b"first".to_vec(), at(0))));

        let mut draft = kept.draft("a.xml").unwrap();
        draft.write(b"sec").unwrap();
        assert_eq!(kept.read("a.xml", 9).unwrap(), Some((b"first".to_vec(), at(0))), "not yet");
        drop(draft);
        assert!(!kept.path("a.xml.new").exists(), "nothing is left of what broke off");

        // A process that was killed left its draft.
        std::mem::forget(kept.draft("a.xml").unwrap());
        kept.write("a.xml", b"second", at(1)).unwrap();
        assert_eq!(kept.read("a.xml", 9).unwrap(), Some((b"second".to_vec(), at(1))));
        kept.confirm("a.xml", at(2)).unwrap();
        assert_eq!(kept.read("a.xml", 9).unwrap().unwrap().1, at(2));
        assert!(kept.read("a.xml", 5).is_err(), "larger than may be");
        assert!(kept.all().unwrap().is_empty(), "no name of ours");
        kept.write(&copy_of("https://sp"), b"a", at(4)).unwrap();
        std::mem::forget(kept.draft(&copy_of("https://sp")).unwrap());
        assert_eq!(kept.all().unwrap(), [(sha256(b"https://sp"), at(4))]);

        kept.forget("a.xml").unwrap();
        kept.forget("a.xml").unwrap();
        assert!(kept.read("a.xml", 9).unwrap().is_none());
        assert!(kept.confirm("a.xml", at(3)).is_err());
    }

    #[test]
    fn of_two_who_write_one_copy_nobody_keeps_half_of_the_others() {
        let folder = Folder::new();
        let kept = Kept::new(folder.path("cache"));
        let mut first = kept.draft("a.xml").unwrap();
        first.write(b"first").unwrap();
        let mut second = kept.draft("a.xml").unwrap();
        second.write(b"sec").unwrap();
        assert!(first.keep(at(0)).is_err());
        assert_eq!(kept.read("a.xml", 9).unwrap(), None);
        drop(kept.draft("a.xml").unwrap());
        drop(second);
        let mut second = kept.draft("a.xml").unwrap();
        second.write(b"second").unwrap();
        second.keep(at(1)).unwrap();
        assert_eq!(kept.read("a.xml", 9).unwrap(), Some((b"second".to_vec(), at(1))));
    }

    /// Others may list the folder, perhaps, but not write to it.
    #[test]
    fn only_we_write() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new();
        let kept = Kept::new(folder.path("cache"));
        kept.write("a", b"a", at(0)).unwrap();
        for path in [folder.path("cache"), folder.path("cache/a")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o027, 0);
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = Folder::new();
        let kept = Kept::new(folder.path(""));
        assert!(std::process::Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
        fs::create_dir(folder.path("folder")).unwrap();
        std::os::unix::fs::symlink(folder.path("outside"), folder.path("link.new")).unwrap();
        fs::write(folder.path("outside"), "outside").unwrap();
        for name in ["pipe", "folder"] {
            assert!(kept.read(name, 9).is_err(), "{name}");
        }
        // A link in the draft's place is not written through.
        kept.write("link", b"x", at(0)).unwrap();
        assert_eq!(fs::read(folder.path("outside")).unwrap(), b"outside");
    }
}
