//! How this process was started, so that another can be started alike.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A program and its arguments.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Where the program was, whatever is there now.
    pub program: PathBuf,
    /// Without its name.
    pub arguments: Vec<OsString>,
}

impl Launch {
    /// Of this process. To be asked early: once its file is replaced, the system knows only where it was.
    ///
    /// # Errors
    /// The system does not say what runs.
    pub fn of_this_process() -> io::Result<Self> {
        let mut arguments = env::args_os();
        let named = arguments.next().unwrap_or_default();
        let program = program(Path::new(&named), &env::current_exe()?, &env::current_dir().unwrap_or_default());
        Ok(Self { program, arguments: arguments.collect() })
    }
}

/// The path by which the program was called, if that is what runs: a link that is turned to another version leads to that
/// one. Else the file itself.
fn program(named: &Path, runs: &Path, folder: &Path) -> PathBuf {
    let called = folder.join(named);
    let file = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let by_path = named.components().count() > 1;
    if by_path && file(&called).is_some_and(|called| Some(called) == file(runs)) { called } else { runs.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_is_followed_anew_and_a_name_that_lies_is_not() {
        let folder = env::temp_dir().join(format!("fedfront-launch-{}", std::process::id()));
        fs::create_dir_all(folder.join("bin")).unwrap();
        let (old, link) = (folder.join("bin/fedfront-1"), folder.join("bin/fedfront"));
        fs::write(&old, "").unwrap();
        symlink(&old, &link).unwrap();
        for (named, expected) in [
            ("bin/fedfront", &link),
            (link.to_str().unwrap(), &link),
            ("fedfront", &old),
            ("bin/another", &old),
            ("", &old),
        ] {
            assert_eq!(&program(Path::new(named), &old, &folder), expected, "{named}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn this_process_is_known() {
        let launch = Launch::of_this_process().unwrap();
        assert!(launch.program.is_absolute() && launch.program.exists(), "{launch:?}");
    }
}
