use super::*;
use crate::config::{AttributeNames, DirectoryAdapter};

const USERS: &str = r"
users:
  - name: Alice
    upn: alice@example.com
    aliases: ['DOM\alice', alice]
    password_hash: HASH
    immutable_id: MDEyMzQ1Njc4OWFiY2RlZg==
    groups: [O365-Users]
    attributes: { mail: alice@example.com, proxy: [a, b] }
  - name: carol
    password_hash: HASH
    disabled: true
";

/// A directory of this text, each `HASH` in it a hash of `wonderland`.
fn open(text: &str) -> Result<FileDirectory, OpenError> {
    let hash = hash(&Password::new("wonderland"), [1; 16]).unwrap();
    let directory = tempdir();
    let path = directory.join("users.yaml");
    std::fs::write(&path, text.replace("HASH", &hash)).unwrap();
    let opened = FileDirectory::open(&config(path.clone()), &path);
    std::fs::remove_dir_all(directory).unwrap();
    opened
}

fn tempdir() -> std::path::PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("fedfront-users-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn config(path: std::path::PathBuf) -> DirectoryConfig {
    DirectoryConfig {
        name: "local".to_owned(),
        adapter: DirectoryAdapter::File { path },
        attributes: AttributeNames {
            upn: "userPrincipalName".to_owned(),
            immutable_id: vec!["objectGUID".to_owned()],
            immutable_id_binary: None,
            groups: "memberOf".to_owned(),
        },
        released: Vec::new(),
        domains: Vec::new(),
        standing: false,
        cached: true,
    }
}

async fn found(directory: &FileDirectory, name: &str) -> Option<Arc<Entry>> {
    match directory.resolve(&Username::new(name)).await.unwrap() {
        Resolution::Found(entry) => Some(entry),
        Resolution::Nobody => None,
        Resolution::FoundDespite(..) | Resolution::NobodyDespite(_) | Resolution::Ambiguous(_) => {
            panic!("a file is there, and has each name once")
        }
    }
}

#[tokio::test]
async fn names_match_without_regard_to_case_and_no_domain_is_taken_off() {
    let directory = open(USERS).unwrap();
    for (name, entry) in [
        ("alice", Some("alice")),
        (" ALICE ", Some("alice")),
        ("Alice@Example.com", Some("alice")),
        ("dom\\ALICE", Some("alice")),
        ("OTHER\\alice", None),
        ("alice@example.org", None),
        ("carol", Some("carol")),
        ("", None),
        ("nobody", None),
    ] {
        let found = found(&directory, name).await.map(|found| found.id.entry.to_string());
        assert_eq!(found.as_deref(), entry, "{name:?}");
    }
}

#[tokio::test]
async fn an_entry_has_what_the_file_says() {
    let entry = found(&open(USERS).unwrap(), "alice").await.unwrap();
    assert_eq!(&*entry.id.directory, "local");
    assert_eq!(entry.upn.as_deref(), Some("alice@example.com"));
    assert_eq!(entry.immutable_id.as_deref(), Some("MDEyMzQ1Njc4OWFiY2RlZg=="));
    assert_eq!(entry.groups, ["O365-Users"]);
    assert_eq!(entry.attributes.all("PROXY").len(), 2);
    assert_eq!(entry.attributes.first("objectguid").unwrap().as_bytes(), b"0123456789abcdef");
    assert_eq!(entry.attributes.first("userPrincipalName").unwrap().as_text(), Some("alice@example.com"));
}

#[tokio::test]
async fn the_password_decides_and_then_whether_the_user_is_disabled() {
    let directory = open(USERS).unwrap();
    for (name, password, outcome) in [
        ("alice", "wonderland", BindOutcome::Bound),
        ("alice", "Wonderland", BindOutcome::Refused(BindRefusal::InvalidCredentials)),
        ("alice", "", BindOutcome::Refused(BindRefusal::InvalidCredentials)),
        ("carol", "wonderland", BindOutcome::Refused(BindRefusal::Disabled)),
        ("carol", "guess", BindOutcome::Refused(BindRefusal::InvalidCredentials)),
    ] {
        let entry = found(&directory, name).await.unwrap();
        assert_eq!(directory.bind(&entry, &Password::new(password)).await, Ok(outcome), "{name} {password}");
    }
}

#[tokio::test]
async fn a_decoy_is_hashed_as_a_guess_is() {
    let mut directory = open(USERS).unwrap();
    let entry = found(&directory, "alice").await.unwrap();
    assert_eq!(directory.decoy, directory.find("alice").unwrap().password_hash);
    // Nobody takes from this queue: what waits in it was put there to be hashed.
    let (hashers, queue) = Hashers::stalled(3);
    directory.hashers = hashers;
    let guess = Password::new("guess");
    assert!(futures::poll!(directory.bind(&entry, &guess)).is_pending());
    assert!(futures::poll!(directory.decoy(None, &guess)).is_pending());
    assert!(futures::poll!(directory.decoy(None, &Password::new(""))).is_ready());
    assert!(directory.resolve(&Username::new("alice")).await.is_ok());
    assert!(futures::poll!(directory.decoy(None, &guess)).is_pending());
    for name in ["alice", "nobody"] {
        assert!(directory.resolve(&Username::new(name)).await.is_err(), "{name}");
    }
    drop(queue);
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    for (text, says) in [
        ("users:\n  - name: a\n    pasword_hash: x\n", "line 3"),
        ("users:\n  - name: a\n", "password_hash"),
        ("users:\n  - name: a\n    password_hash: secret\n", "user a is not an argon2id"),
        (
            "users:\n  - {name: a, password_hash: 'HASH'}\n  - {name: b, password_hash: 'HASH', aliases: [A]}\n",
            "the name a",
        ),
        ("users:\n  - {name: ' ', password_hash: 'HASH'}\n", "name is empty"),
        ("user: []\n", "users"),
        ("-----BEGIN secret KEY-----\nsecret\n", "line 1"),
        ("users:\n  - name: a\n    password_hash: [secret]\n", "line 3"),
    ] {
        let error = open(text).err().unwrap_or_else(|| panic!("opened: {text}")).to_string();
        assert!(error.contains(says) && error.contains("users.yaml"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let missing = std::path::Path::new("/nonexistent/users.yaml");
    let error = FileDirectory::open(&config(missing.into()), missing).err().unwrap();
    assert!(error.to_string().contains("/nonexistent/users.yaml cannot be read"), "{error}");
}
