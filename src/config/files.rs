//! Files that the configuration names: where they are, and whether they can be read.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::contents::Contents;
use super::diagnostic::Report;
use super::section::{Section, text, texts};
use crate::model::Password;

/// Whether a file may be seen by everyone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Privacy {
    /// Certificates, metadata.
    Public,
    /// Keys, passwords, users.
    Private,
}

/// The largest file that a password is read from.
const MAX_SECRET: u64 = 64 * 1024;

/// Resolves paths and reads secrets.
pub(super) struct Files<'a> {
    /// `proxy.yaml`, absolute.
    pub own: PathBuf,
    /// Its folder.
    pub base: PathBuf,
    /// The files that were named, so that changes to them can be noticed.
    pub contents: &'a mut Contents,
    /// Where findings go.
    pub report: &'a mut Report,
}

impl Files<'_> {
    /// A path relative to `proxy.yaml`, as absolute.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// The file of a key, which must be readable.
    pub fn file(&mut self, section: &Section<'_>, key: &str, privacy: Privacy) -> Option<PathBuf> {
        let path = self.resolve(&section.get(key, text)?);
        self.contents.note(&path);
        self.inspect(&path, &section.path(key), privacy);
        Some(path)
    }

    /// The same for a file whose changes are not this configuration's to notice.
    pub fn unwatched_file(&mut self, section: &Section<'_>, key: &str) -> Option<PathBuf> {
        let path = self.resolve(&section.get(key, text)?);
        self.inspect(&path, &section.path(key), Privacy::Public);
        Some(path)
    }

    /// The file of a key that may be absent.
    pub fn optional_file(&mut self, section: &Section<'_>, key: &str, privacy: Privacy) -> Option<Option<PathBuf>> {
        if section.has(key) { self.file(section, key, privacy).map(Some) } else { Some(None) }
    }

    /// The files of a key that lists any number of them.
    pub fn list(&mut self, section: &Section<'_>, key: &str, privacy: Privacy) -> Option<Vec<PathBuf>> {
        let paths: Vec<PathBuf> = section.get(key, texts)?.iter().map(|path| self.resolve(path)).collect();
        for (index, path) in paths.iter().enumerate() {
            self.contents.note(path);
            self.inspect(path, &format!("{}[{index}]", section.path(key)), privacy);
        }
        Some(paths)
    }

    /// A secret: the value of `key`, or the text of the file that `key_file` names, without the line's end. One of the
    /// two must be there.
    pub fn secret(&mut self, section: &Section<'_>, key: &str) -> Option<Password> {
        let file_key = format!("{key}_file");
        match (section.has(key), section.has(&file_key)) {
            (true, true) => {
                let message = format!("is given both here and as {file_key}");
                self.report.error(&section.path(key), message, "remove one of them");
                None
            }
            (true, false) => {
                if !self.report.from_environment.contains(&section.path(key)) {
                    self.inspect_own(&section.path(key));
                }
                section.get(key, text).map(Password::new)
            }
            (false, true) => {
                let path = self.file(section, &file_key, Privacy::Private)?;
                if !path.is_file() {
                    return None;
                }
                let secret = read_secret(&path);
                // What cannot be opened has been reported.
                if let Err(error) = &secret
                    && error.kind() != ErrorKind::PermissionDenied
                {
                    let message = format!("{} cannot be read: {error}", path.display());
                    self.report.error(&section.path(&file_key), message, "it must hold one line of UTF-8 text");
                }
                secret.ok()
            }
            (false, false) => {
                let help = format!("add {key}, or {file_key} with the path of a file that holds it");
                self.report.error(&section.path(key), "is missing", help);
                None
            }
        }
    }

    /// `proxy.yaml` itself holds a secret: the value of `key`.
    fn inspect_own(&mut self, key: &str) {
        if fs::metadata(&self.own).is_ok_and(|metadata| is_everyones(&metadata)) {
            let shown = self.own.display();
            let message = format!("is a secret in a file that every user of this machine can read or change, {shown}");
            self.report.warning(
                key,
                message,
                format!("put it into a file of its own and name that in {key}_file, or {}", closing(&self.own)),
            );
        }
    }

    fn inspect(&mut self, path: &Path, key: &str, privacy: Privacy) {
        let shown = path.display();
        // A pipe is not opened: that would wait for its other end.
        let opened = fs::metadata(path)
            .and_then(|metadata| if metadata.is_file() { File::open(path).map(|_| metadata) } else { Ok(metadata) });
        let metadata = match opened {
            Ok(metadata) => metadata,
            Err(error) => {
                let (what, help) = match error.kind() {
                    ErrorKind::NotFound => {
                        ("is not there".to_owned(), "relative paths begin at the folder of the configuration file")
                    }
                    ErrorKind::PermissionDenied => {
                        ("may not be read".to_owned(), "let the user that fedfront runs as read it")
                    }
                    _ => (format!("cannot be read: {error}"), "see that it can be read"),
                };
                return self.report.error(key, format!("{shown} {what}"), help);
            }
        };
        if !metadata.is_file() {
            self.report.error(key, format!("{shown} is not a file"), "name the file itself");
        } else if privacy == Privacy::Private && is_everyones(&metadata) {
            let message = format!("{shown} can be read or changed by every user of this machine");
            self.report.warning(key, message, closing(path));
        }
    }
}

/// Whether others than the owner and the group may read or write it. A group is how a service is given its secrets:
/// root's file, the service's group, or Kubernetes' fsGroup.
fn is_everyones(metadata: &fs::Metadata) -> bool {
    metadata.permissions().mode() & 0o006 != 0
}

fn closing(path: &Path) -> String {
    format!("chmod o= {}; in Kubernetes, set the volume's defaultMode to 0440 and an fsGroup", path.display())
}

/// The text of a file without the end of its last line.
fn read_secret(path: &Path) -> std::io::Result<Password> {
    // Room for all of it at once: what grows leaves copies behind.
    let file = File::open(path)?;
    let length = usize::try_from(file.metadata()?.len().min(MAX_SECRET)).unwrap_or_default();
    let mut secret = Zeroizing::new(String::with_capacity(length + 1));
    file.take(MAX_SECRET).read_to_string(&mut secret)?;
    if secret.ends_with('\n') {
        secret.pop();
        if secret.ends_with('\r') {
            secret.pop();
        }
    }
    Ok(Password::new(std::mem::take(&mut *secret)))
}
