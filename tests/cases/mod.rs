//! Cases in files of `tests/data`, each with an `.expected` beside it, and the configuration around one relying party.

use std::fs;
use std::path::{Path, PathBuf};

use fedfront::config::{self, Config};
use serde_json::Value;

/// Every case in a folder of `tests/data`.
pub fn cases(folder: &str) -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    assert!(files.len() > 3);
    let read = |file: &PathBuf| serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    files.into_iter().map(|file| (file.clone(), read(&file))).collect()
}

/// That a case comes out as expected.
#[expect(clippy::disallowed_methods, reason = "a developer asks for the expected files to be written again")]
pub fn compare(case: &Path, told: &str) {
    let expected = case.with_extension("expected");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&expected, told).unwrap();
    }
    assert_eq!(told, fs::read_to_string(&expected).unwrap_or_default(), "{}", case.display());
}

/// A configuration with this one party in it, and these sections; those that are null are left out.
pub fn configuration(case: &Path, party: &Value, sections: &[(&str, &Value)]) -> Config {
    let name = case.file_stem().unwrap().to_string_lossy();
    let (process, thread) = (std::process::id(), std::thread::current().id());
    let folder = std::env::temp_dir().join(format!("fedfront-case-{process}-{thread:?}-{name}"));
    fs::create_dir_all(&folder).unwrap();
    for file in ["signing.crt", "signing.key", "users.yaml", "sp.xml", "name-salt"] {
        fs::write(folder.join(file), "a salt of many octets\n").unwrap();
    }
    let mut whole = serde_json::json!({
        "public_url": "https://sts.example.com",
        "listen": [{ "address": "127.0.0.1:0" }],
        "upstream": { "servers": ["https://idp"] },
        "issuer": {
            "entity_id": "urn:idp",
            "signing": { "certificate_file": "signing.crt", "private_key_file": "signing.key" },
            "scope": "example.org",
            "name_salt_file": "name-salt",
            "domains": { "example.com": "http://example.com/adfs/services/trust/" },
        },
        "directory": { "file": { "path": "users.yaml" } },
        "relying_parties": [party],
    });
    for (section, value) in sections.iter().filter(|(_, value)| !value.is_null()) {
        whole[section] = (*value).clone();
    }
    let file = folder.join("proxy.yaml");
    fs::write(&file, serde_yaml::to_string(&whole).unwrap()).unwrap();
    let loaded = config::load(&file, &|_| None);
    fs::remove_dir_all(&folder).unwrap();
    match loaded {
        Ok(loaded) => loaded.config,
        Err(errors) => panic!("{}: {errors:#?}", case.display()),
    }
}
