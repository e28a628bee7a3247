//! The ways that lead to files: every folder and name on them, through symbolic links.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// As many as the kernel follows.
const MOST_LINKS: usize = 40;

/// The ways to some files, as they are now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Trails {
    /// The folders in which a file, a link or what is missing may change; by which device and inode they are.
    pub folders: BTreeMap<PathBuf, Option<(u64, u64)>>,
    /// Those files, links and missing names. In no path is a link but at its end.
    pub steps: BTreeSet<PathBuf>,
}

impl Trails {
    /// Looks at the file system for the ways to absolute paths.
    pub fn to<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut trails = Self::default();
        files.into_iter().for_each(|file| trails.follow(file));
        trails
    }

    /// Whether what happened to that path may make a file another.
    pub fn has(&self, path: &Path) -> bool {
        self.steps.contains(path) || self.folders.contains_key(path)
    }

    fn follow(&mut self, file: &Path) {
        let mut folder = PathBuf::from("/");
        // Innermost last.
        let mut rest = names(file);
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                folder.pop();
                continue;
            }
            let step = folder.join(&name);
            match fs::symlink_metadata(&step) {
                Ok(metadata) if metadata.is_symlink() => {
                    self.add(&folder, &step);
                    links += 1;
                    let Ok(target) = fs::read_link(&step) else { return };
                    if links > MOST_LINKS {
                        return;
                    }
                    if target.is_absolute() {
                        folder = PathBuf::from("/");
                    }
                    rest.extend(names(&target));
                }
                Ok(metadata) if metadata.is_dir() && !rest.is_empty() => folder = step,
                // The file, or what is where it should be, or the first of what is missing.
                _ => return self.add(&folder, &step),
            }
        }
    }

    fn add(&mut self, folder: &Path, step: &Path) {
        self.steps.insert(step.to_owned());
        let identity = || fs::metadata(folder).ok().map(|metadata| (metadata.dev(), metadata.ino()));
        self.folders.entry(folder.to_owned()).or_insert_with(identity);
    }
}

/// The names in a path, the last first.
fn names(path: &Path) -> Vec<OsString> {
    let named = |component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder of its own without a link in its path, gone when dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("fedfront-trails-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(fs::canonicalize(path).unwrap())
        }

        /// The folders and steps to a file, from here.
        fn trails(&self, file: &str) -> (Vec<String>, Vec<String>) {
            let trails = Trails::to([&*self.0.join(file)]);
            let name = |path: &PathBuf| match path.strip_prefix(&self.0) {
                Ok(path) => path.display().to_string(),
                Err(_) => path.display().to_string(),
            };
            (trails.folders.keys().map(name).collect(), trails.steps.iter().map(name).collect())
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn every_link_on_the_way_is_followed() {
        let folder = Folder::new("links");
        let at = |name: &str| folder.0.join(name);
        // As the kubelet lays out a Secret.
        fs::create_dir_all(at("secret/..2026_1")).unwrap();
        fs::write(at("secret/..2026_1/tls.crt"), "").unwrap();
        symlink("..2026_1", at("secret/..data")).unwrap();
        symlink("..data/tls.crt", at("secret/tls.crt")).unwrap();
        symlink(at("secret"), at("tls")).unwrap();
        symlink("round", at("round")).unwrap();
        symlink("../../..", at("secret/..2026_1/up")).unwrap();
        fs::write(at("plain"), "").unwrap();
        let links = ["secret/..2026_1/tls.crt", "secret/..data", "secret/tls.crt"];
        for (file, folders, steps) in [
            ("plain", &[""][..], &["plain"][..]),
            ("./secret/../plain", &[""], &["plain"]),
            ("secret/tls.crt", &["secret", "secret/..2026_1"], &links),
            ("tls/tls.crt", &["", "secret", "secret/..2026_1"], &[links[0], links[1], links[2], "tls"]),
            ("secret/..data/none", &["secret", "secret/..2026_1"], &["secret/..2026_1/none", "secret/..data"]),
            ("none/of/it", &[""], &["none"]),
            ("plain/in", &[""], &["plain"]),
            ("secret", &[""], &["secret"]),
            ("round", &[""], &["round"]),
        ] {
            let (folders, steps) = (folders.iter().map(ToString::to_string), steps.iter().map(ToString::to_string));
            assert_eq!(folder.trails(file), (folders.collect(), steps.collect()), "{file}");
        }
        let (_, steps) = folder.trails("secret/..2026_1/up/nowhere-else");
        assert_eq!(steps.last().map(String::as_str), folder.0.parent().unwrap().join("nowhere-else").to_str());
    }

    #[test]
    fn a_folder_in_the_place_of_another_is_another() {
        let folder = Folder::new("folders");
        let file = folder.0.join("tls/tls.crt");
        for made in ["tls", "new"] {
            fs::create_dir(folder.0.join(made)).unwrap();
            fs::write(folder.0.join(made).join("tls.crt"), "").unwrap();
        }
        let before = Trails::to([&*file]);
        assert_eq!(before, Trails::to([&*file, &*file]));
        assert!(before.has(&file) && before.has(&folder.0.join("tls")) && !before.has(&folder.0));
        fs::rename(folder.0.join("tls"), folder.0.join("old")).unwrap();
        let without = Trails::to([&*file]);
        fs::rename(folder.0.join("new"), folder.0.join("tls")).unwrap();
        let after = Trails::to([&*file]);
        assert!(before != without && without != after && before != after);
        assert!(without.has(&folder.0.join("tls")) && !without.has(&file), "it is waited for where it is missing");
    }
}
