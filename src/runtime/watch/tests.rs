//! Files of all kinds that come, change and go, and whether that is noticed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use tokio::time::timeout;

use super::*;

/// Nothing takes this long unless it is not noticed.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is not to be noticed has come by then, if what comes after it has.
const LATER: Duration = Duration::from_millis(50);

struct Watched {
    folder: PathBuf,
    changed: Arc<Notify>,
    watch: Watch,
    files: Vec<PathBuf>,
}

impl Watched {
    /// A folder of its own, in which these are followed.
    fn new(name: &str, files: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("fedfront-watch-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        let changed = Arc::new(Notify::new());
        let files = files.iter().map(|file| folder.join(file)).collect();
        Self { folder, watch: Watch::new(changed.clone()), changed, files }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn follow(&mut self) {
        let files: Vec<&Path> = self.files.iter().map(PathBuf::as_path).collect();
        self.watch.follow(files);
    }

    /// Does it, and waits until it is noticed; what comes with it is forgotten.
    async fn noticed(&mut self, what: &str, act: impl FnOnce(&Self)) {
        self.follow();
        while timeout(LATER, self.changed.notified()).await.is_ok() {}
        act(self);
        assert!(timeout(PATIENCE, self.changed.notified()).await.is_ok(), "{what} is not noticed");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// As the kubelet does it: a folder with the new files, and the link to it renamed over the one before.
fn swap(watched: &Watched, number: u32) {
    let folder = format!("secret/..{number}");
    fs::create_dir_all(watched.at(&folder)).unwrap();
    fs::write(watched.at(&folder).join("tls.crt"), number.to_string()).unwrap();
    symlink(format!("..{number}"), watched.at("secret/..data_tmp")).unwrap();
    fs::rename(watched.at("secret/..data_tmp"), watched.at("secret/..data")).unwrap();
    drop(fs::remove_dir_all(watched.at(&format!("secret/..{}", number - 1))));
}

#[tokio::test]
async fn whatever_makes_a_file_another_is_noticed() {
    let mut watched = Watched::new("all", &["plain", "secret/tls.crt", "folder/deep/file", "chain"]);
    fs::write(watched.at("plain"), "").unwrap();
    fs::create_dir_all(watched.at("folder/deep")).unwrap();
    fs::write(watched.at("folder/deep/file"), "").unwrap();
    symlink("second", watched.at("chain")).unwrap();
    swap(&watched, 1);
    symlink("..data/tls.crt", watched.at("secret/tls.crt")).unwrap();

    watched.noticed("a write", |at| fs::write(at.at("plain"), "x").unwrap()).await;
    watched
        .noticed("a rename over it", |at| {
            fs::write(at.at(".plain.swp"), "y").unwrap();
            fs::rename(at.at(".plain.swp"), at.at("plain")).unwrap();
        })
        .await;
    watched.noticed("its end", |at| fs::remove_file(at.at("plain")).unwrap()).await;
    watched.noticed("its return", |at| fs::write(at.at("plain"), "x").unwrap()).await;
    watched
        .noticed("another mode", |at| {
            fs::set_permissions(at.at("plain"), fs::Permissions::from_mode(0o600)).unwrap();
        })
        .await;
    for number in 2..6 {
        watched.noticed("a swap of ..data", |at| swap(at, number)).await;
    }
    watched.noticed("the end of a chain of links", |at| symlink("plain", at.at("second")).unwrap()).await;
    watched.noticed("a write behind links", |at| fs::write(at.at("chain"), "z").unwrap()).await;
    watched
        .noticed("another folder in the place of one", |at| {
            fs::rename(at.at("folder/deep"), at.at("old")).unwrap();
            fs::rename(at.at("secret"), at.at("folder/deep")).unwrap();
        })
        .await;
    watched.noticed("a folder that goes", |at| fs::remove_dir_all(at.at("folder/deep")).unwrap()).await;
    watched.noticed("a folder that goes above", |at| fs::remove_dir_all(at.at("folder")).unwrap()).await;
    watched.noticed("a folder that comes", |at| fs::create_dir(at.at("folder")).unwrap()).await;
    watched.noticed("the next", |at| fs::create_dir(at.at("folder/deep")).unwrap()).await;
    watched.noticed("the file in it", |at| fs::write(at.at("folder/deep/file"), "").unwrap()).await;
    watched.noticed("a write in it", |at| fs::write(at.at("folder/deep/file"), "x").unwrap()).await;
}

#[tokio::test]
async fn others_in_the_folder_and_who_only_reads_wake_nobody() {
    let mut watched = Watched::new("others", &["file"]);
    fs::write(watched.at("file"), "x").unwrap();
    watched.follow();
    for _ in 0..10 {
        fs::read(watched.at("file")).unwrap();
        fs::write(watched.at("audit.json"), "x").unwrap();
        watched.follow();
    }
    assert!(timeout(LATER * 4, watched.changed.notified()).await.is_err());
    watched.noticed("a write after all", |at| fs::write(at.at("file"), "y").unwrap()).await;
}

/// Of this process: inotify instances, and the folders watched by them.
fn watches() -> usize {
    let about = |number: &str| fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let numbers = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().file_name());
    numbers.map(|number| about(number.to_str().unwrap()).matches("inotify wd:").count()).sum()
}

/// Alone in the process but for its neighbours here, which have a dozen at most.
#[tokio::test]
async fn watches_do_not_pile_up() {
    let mut watched = Watched::new("pile", &["secret/tls.crt"]);
    fs::create_dir(watched.at("secret")).unwrap();
    for number in 1..200 {
        swap(&watched, number);
        watched.follow();
    }
    let ended = async {
        while watches() > 30 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(PATIENCE, ended).await.is_ok(), "{} folders are watched", watches());
}
