//! Documents in files of this machine.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::METADATA_ENDING;
use super::contents::Contents;
use super::trust::Trust;
use crate::config::MetadataPlace;
use crate::federation::{Fault, Objection};
use crate::model::Timestamp;

/// Files of one folder that are read.
const MOST_FILES: usize = 10_000;

/// By what a change of files is noticed: path, inode, length, and when they were written.
pub(super) type Mark = Vec<(PathBuf, u64, u64, i64, i64)>;

/// What would be read now.
///
/// # Errors
/// The place cannot be looked at.
pub(super) fn mark(place: &MetadataPlace) -> io::Result<Mark> {
    let of = |path: PathBuf| {
        let metadata = fs::metadata(&path)?;
        Ok((path, metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    };
    files(place)?.into_iter().map(of).collect()
}

/// Reads all of it. Of a folder's files those that are wrong are left out, and noted.
///
/// # Errors
/// The file is wrong, or no file of the folder is right.
pub(super) fn read(place: &MetadataPlace, trust: &Trust, now: Timestamp) -> Result<Contents, Objection> {
    let io = |path: &Path, error: &io::Error| Objection::new(Fault::File, format!("{}: {error}", path.display()));
    if let MetadataPlace::File(path) = place {
        return read_file(path, trust, now).map_err(|objection| objection.of(path.display()));
    }
    let MetadataPlace::Directory(folder) = place else { return Ok(Contents::default()) };
    let files = files(place).map_err(|error| io(folder, &error))?;
    let mut all = Contents::default();
    let mut wrong: Vec<Objection> = Vec::new();
    for path in &files {
        match read_file(path, trust, now) {
            // A document that ends takes none of the others with it.
            Ok(contents) => all.add(contents.ending_each()),
            Err(objection) => wrong.push(objection.of(format_args!("{} is left out", path.display()))),
        }
    }
    if let Some(first) = wrong.first().filter(|_| wrong.len() == files.len()) {
        let all: Vec<&str> = wrong.iter().map(|objection| objection.what.as_str()).collect();
        return Err(Objection::new(first.fault, all.join("; ")));
    }
    all.notes.append(&mut wrong);
    Ok(all)
}

fn read_file(path: &Path, trust: &Trust, now: Timestamp) -> Result<Contents, Objection> {
    let wrong = |error: io::Error| Objection::new(Fault::File, error.to_string());
    if !fs::metadata(path).map_err(wrong)?.is_file() {
        return Err(Objection::new(Fault::File, "not a file"));
    }
    Contents::read_from(File::open(path).map_err(wrong)?, trust, now)
}

/// The files of a place, in the order of their names.
fn files(place: &MetadataPlace) -> io::Result<Vec<PathBuf>> {
    let folder = match place {
        MetadataPlace::File(path) => return Ok(vec![path.clone()]),
        MetadataPlace::Directory(folder) => folder,
        MetadataPlace::Url(_) | MetadataPlace::Mdq(_) => return Ok(Vec::new()),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        // What editors leave begins with a dot.
        if name.to_str().is_some_and(|name| name.ends_with(METADATA_ENDING) && !name.starts_with('.')) {
            files.push(folder.join(name));
        }
        if files.len() > MOST_FILES {
            return Err(io::Error::other(format!("more than {MOST_FILES} files")));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federation::source::testing::{Folder, SIGNER, STRANGER, aggregate, config, entity, now, signed};
    use std::time::Duration;

    #[test]
    fn a_folder_is_what_is_right_in_it() {
        let folder = Folder::new();
        fs::create_dir(folder.path("sps")).unwrap();
        let place = MetadataPlace::Directory(folder.path("sps"));
        let trust = Trust::load(&config(&folder, place.clone())).unwrap();
        assert_eq!(read(&place, &trust, now()).unwrap().len(), 0, "an empty folder is fine");

        let later = now().plus(Duration::from_secs(86_400));
        let sooner = now().plus(Duration::from_secs(3600));
        let a = aggregate(&["https://a.example"], sooner);
        let ab = aggregate(&["https://a.example", "https://b.example"], later);
        folder.write("sps/3.xml", signed(a.clone(), &STRANGER));
        assert!(read(&place, &trust, now()).is_err(), "none of them is right");
        folder.write("sps/1.xml", signed(a.clone(), &SIGNER));
        folder.write("sps/2.xml", signed(ab, &SIGNER));
        folder.write("sps/.4.xml", "hidden");
        folder.write("sps/5.xml~", "another ending");
        fs::create_dir(folder.path("sps/6.xml")).unwrap();
        let contents = read(&place, &trust, now()).unwrap();
        assert_eq!(contents.len(), 2);
        assert_eq!(contents.notes.len(), 3, "{:?}", contents.notes);
        // The first file's counts, with its own end; the other goes on.
        let names = |now| ["https://a.example", "https://b.example"].map(|id| contents.get(id, now).is_some());
        assert_eq!(names(now()), [true, true]);
        assert_eq!(names(sooner), [false, true]);
        assert!(contents.is_valid(sooner));
        assert_eq!(names(later), [false, false]);
    }

    #[test]
    fn a_change_is_noticed() {
        let folder = Folder::new();
        let file = MetadataPlace::File(folder.write("sp.xml", entity("https://a.example", "")));
        let before = mark(&file).unwrap();
        assert_eq!(mark(&file).unwrap(), before);
        folder.write("other", entity("https://b.example", ""));
        fs::rename(folder.path("other"), folder.path("sp.xml")).unwrap();
        assert_ne!(mark(&file).unwrap(), before);
        fs::remove_file(folder.path("sp.xml")).unwrap();
        assert!(mark(&file).is_err());
    }
}
