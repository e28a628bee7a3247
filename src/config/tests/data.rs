//! Every file in `tests/data/config` and the `.expected` beside it: what is wrong with an invalid one, what a valid one
//! means. `UPDATE_EXPECT=1 cargo test` writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Folder, documented};
use crate::config::{SigningFiles, dump};

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config").join(kind);
    let files = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut cases: Vec<_> = files.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

#[expect(clippy::disallowed_methods, reason = "a developer asks for the expected files to be written again")]
fn compare(case: &Path, actual: &str) {
    let expected = case.with_extension("expected");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&expected, actual).expect("written");
    }
    let wanted = fs::read_to_string(&expected).unwrap_or_default();
    assert_eq!(actual, wanted, "{}", case.display());
}

#[test]
fn invalid_files_are_refused_with_all_that_is_wrong() {
    let folder = Folder::new("invalid");
    for case in cases("invalid") {
        let yaml = fs::read_to_string(&case).expect("the case");
        let Err(diagnostics) = folder.load(&yaml) else { panic!("{} loads", case.display()) };
        assert!(diagnostics.iter().any(|diagnostic| diagnostic.contains(": error: ")), "{}", case.display());
        compare(&case, &(diagnostics.join("\n") + "\n"));
    }
}

#[test]
fn valid_files_mean_what_they_say_and_their_dump_means_the_same() {
    let folder = Folder::new("valid");
    for case in cases("valid") {
        let yaml = fs::read_to_string(&case).expect("the case");
        let loaded = folder.load(&yaml).unwrap_or_else(|errors| panic!("{}: {errors:#?}", case.display()));
        let dumped = dump(&loaded.config);
        assert!(!dumped.contains("canary"), "a secret is in the dump of {}", case.display());
        let warnings = folder.render(&loaded.warnings);
        let warnings: String = warnings.join("\n").lines().map(|line| format!("# {line}\n")).collect();
        compare(&case, &(warnings + &folder.anonymous(&dumped)));
        let again = folder.load(&dumped).unwrap_or_else(|errors| panic!("{}: {errors:#?}", case.display()));
        assert_eq!(dump(&again.config), dumped, "{}", case.display());
    }
}

/// Every key that holds a secret, in a configuration that has it.
const SECRETS: [(&str, &str, &str); 9] = [
    (".issuer.signing.password", SIGNING, "{ pkcs12_file: signing.p12, password: canary }"),
    (
        ".issuer.signing.private_key_password",
        SIGNING,
        "{ certificate_file: signing.crt, private_key_file: signing.key, private_key_password: canary }",
    ),
    (
        ".issuer.signing.pkcs11.pin",
        SIGNING,
        "{ certificate_file: signing.crt, pkcs11: { module: libhsm.so, token: t, key: k, pin: canary } }",
    ),
    (
        ".issuer.signing.next.password",
        SIGNING,
        "{ certificate_file: signing.crt, private_key_file: signing.key, next: { pkcs12_file: signing.p12, password: canary } }",
    ),
    (
        ".issuer.signing.next.private_key_password",
        SIGNING,
        "{ certificate_file: signing.crt, private_key_file: signing.key, next: { certificate_file: next.crt, private_key_file: next.key, private_key_password: canary } }",
    ),
    (
        ".issuer.signing.next.pkcs11.pin",
        SIGNING,
        "{ certificate_file: signing.crt, private_key_file: signing.key, next: { certificate_file: next.crt, pkcs11: { module: libhsm.so, token: t, key: k, pin: canary } } }",
    ),
    (".directory.ldap.bind_password", "bind_password_file: ldap-password", "bind_password: canary"),
    (
        ".state.password",
        PUBLIC_URL,
        "public_url: https://sts.example.com\nstate: { url: rediss://redis:6379, password: canary }",
    ),
    (
        ".state.key",
        PUBLIC_URL,
        "public_url: https://sts.example.com\nstate: { url: rediss://redis:6379, key: canary-canary-canary-canary-canary }",
    ),
];

/// A line of `design.yaml`, after which another section may stand.
const PUBLIC_URL: &str = "public_url: https://sts.example.com";

/// What stands for the signing key in `design.yaml`.
const SIGNING: &str = "{ certificate_file: signing.crt, private_key_file: signing.key }";

#[test]
fn no_secret_of_any_kind_is_in_the_dump() {
    let mut secrets: Vec<_> = SECRETS.iter().map(|(path, _, _)| (*path).to_owned()).collect();
    secrets.sort();
    assert_eq!(documented::secrets(), secrets, "every key that holds a secret is tried here");
    let design = cases("valid").into_iter().find(|path| path.ends_with("design.yaml")).expect("design.yaml");
    let design = fs::read_to_string(design).expect("the case");
    let folder = Folder::new("redacted");
    for (path, usual, secret) in SECRETS {
        assert!(design.contains(usual), "{path}");
        let loaded = folder.load(&design.replace(usual, secret)).unwrap_or_else(|errors| panic!("{path}: {errors:#?}"));
        let dumped = dump(&loaded.config);
        assert!(!dumped.contains("canary") && dumped.contains("<redacted>"), "{path}: {dumped}");
    }
}

#[test]
fn secrets_come_from_values_variables_and_files() {
    let folder = Folder::new("secrets");
    let base =
        fs::read_to_string(cases("valid").iter().find(|path| path.ends_with("design.yaml")).expect("design.yaml"))
            .expect("the case");
    for (secret, expected) in [
        ("bind_password_file: ldap-password", "canary-ldap"),
        ("bind_password: ${LDAP_PASSWORD}", "canary-env"),
        ("bind_password: <${LDAP_PASSWORD}>$$", "<canary-env>$"),
        ("bind_password: 12345", "12345"),
    ] {
        let yaml = base.replace("bind_password_file: ldap-password", secret);
        let loaded = folder.load(&yaml).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let password = loaded.config.directories.iter().find_map(|directory| match &directory.adapter {
            crate::config::DirectoryAdapter::Ldap(ldap) => Some(ldap.bind_password.expose().to_owned()),
            crate::config::DirectoryAdapter::File { .. } | crate::config::DirectoryAdapter::Upstream(_) => None,
        });
        assert_eq!(password.as_deref(), Some(expected), "{secret}");
    }
    let pem = "certificate_file: signing.crt, private_key_file: signing.key";
    let yaml = base.replace(pem, "pkcs12_file: signing.p12, password_file: signing.p12.password");
    let loaded = folder.load(&yaml).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let SigningFiles::Pkcs12 { password, .. } = &loaded.config.issuer.signing.current else { panic!("not PKCS#12") };
    assert_eq!(password.expose(), "canary-p12");
}

#[test]
fn later_findings_are_placed() {
    let folder = Folder::new("positions");
    let yaml = "# one\npublic_url: https://a\nlisten:\n  - address: 127.0.0.1:0\nupstream: {servers: [http://127.0.0.1:1]}\n\
                issuer:\n  entity_id: x\n  signing:\n    certificate_file: signing.crt\n    private_key_file: signing.key\n\
                directory: {file: {path: users.yaml}}\n";
    let loaded = folder.load(yaml).unwrap_or_else(|errors| panic!("{errors:#?}"));
    for (path, line, column) in [
        ("issuer.signing.private_key_file", 10, 23),
        ("listen[0].address", 4, 14),
        ("listen[0].tls", 4, 5),
        ("directory.file.path", 11, 26),
        ("guard.window", 1, 1),
    ] {
        let diagnostic = loaded.positions.error(path, "does not match", "");
        assert_eq!((diagnostic.at.line, diagnostic.at.column), (line, column), "{path}");
    }
}

#[test]
fn files_of_other_editors_are_read() {
    let folder = Folder::new("editors");
    let text = crate::config::DEFAULT_FILE;
    let usual = folder.load(text).map(|loaded| dump(&loaded.config));
    for other in [format!("\u{feff}{text}"), text.replace('\n', "\r\n"), format!("---\n{text}...\n")] {
        assert_eq!(folder.load(&other).map(|loaded| dump(&loaded.config)), usual);
    }
}

#[test]
fn every_file_that_was_read_is_known() {
    let folder = Folder::new("files");
    let loaded = folder.load(crate::config::DEFAULT_FILE).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let mut names: Vec<_> = loaded.contents.files().map(|path| folder.anonymous(&path.to_string_lossy())).collect();
    assert_eq!(names.remove(0), "DIR/proxy.yaml");
    names.sort();
    let expected = ["DIR/ldap-password", "DIR/signing.crt", "DIR/signing.key", "DIR/tls/tls.crt", "DIR/tls/tls.key"];
    assert_eq!(names, expected);
}

#[test]
fn a_damaged_file_is_refused_with_places_in_it() {
    let folder = Folder::new("damaged");
    let lines: Vec<_> =
        crate::config::DEFAULT_FILE.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let mut refused = 0;
    for (index, line) in lines.iter().enumerate() {
        for damage in
            ["", "  key: [", "\t", "- x", &line.replace(':', " "), &line.replace(|c: char| c.is_ascii_digit(), "-")]
        {
            let mut damaged = lines.clone();
            damaged[index] = damage;
            let Err(errors) = folder.load(&damaged.join("\n")) else { continue };
            refused += 1;
            for error in errors {
                let line: usize = error.split(':').nth(1).and_then(|line| line.parse().ok()).expect("a line");
                assert!((1..=lines.len() + 1).contains(&line), "line {} as `{damage}`: {error}", index + 1);
            }
        }
    }
    assert!(refused > lines.len() * 3, "only {refused} refused");
}

#[test]
fn a_file_that_is_not_there_is_one_error() {
    let errors = crate::config::load(Path::new("/nonexistent/proxy.yaml"), &|_| None).err().expect("an error");
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(error.message.starts_with("cannot be read: "), "{}", error.message);
}
