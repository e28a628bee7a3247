//! What README.md and deploy/ tell operators, against the code: every configuration loads, every command, target, path,
//! metric and file that they name exists, and what they have run in a shell is run by a test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fedfront::config;
use fedfront::model::{Endpoint, Refusal, RefusalKind};
use fedfront::saml::ecp::SecondLevelStatus;
use fedfront::telemetry::{AuditResult, Metrics};
use fedfront::wstrust::{TrustVersion, fault, unavailable};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const DOCUMENTS: &[&str] = &[
    "README.md",
    "SECURITY.md",
    "deploy/README.md",
    "deploy/docs/applications.md",
    "deploy/docs/configuration.md",
    "deploy/docs/demo.md",
    "deploy/docs/directories.md",
    "deploy/docs/entra.md",
    "deploy/docs/guard.md",
    "deploy/docs/oam.md",
    "deploy/docs/operations.md",
    "deploy/docs/probe.md",
    "deploy/docs/replicas.md",
    "deploy/docs/saml.md",
    "deploy/docs/shadow.md",
    "deploy/docs/status.md",
    "deploy/docs/troubleshooting.md",
    "deploy/docs/wso2.md",
    "deploy/prometheus/README.md",
    "CHANGELOG.md",
];
/// Its blocks of YAML are values of the chart.
const CHART: &str = "deploy/helm/fedfront/README.md";
/// What no test has: root on a host of its own, a container engine, a Kubernetes cluster, a registry to push to.
const NEEDS: [&str; 4] = ["a host", "Docker", "a cluster", "a registry"];
const EXAMPLES: [&str; 4] = [
    "deploy/examples/wso2.yaml",
    "deploy/examples/oam.yaml",
    "deploy/kubernetes/sidecar/proxy.yaml",
    "deploy/kubernetes/standalone/proxy.yaml",
];

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn examples_load_and_say_nothing() {
    for example in EXAMPLES {
        loads(example, &read(example));
    }
}

#[test]
fn examples_load_with_the_state_that_they_leave_out() {
    for example in EXAMPLES {
        let (commented, text) = ("\n#state:", read(example));
        assert_eq!(text.matches(commented).count(), 1, "{example}");
        loads(example, &text.replace(commented, "\nstate:"));
    }
}

#[test]
fn blocks_of_yaml_load_whole_or_in_the_place_of_an_examples_sections() {
    let mut blocks = 0;
    for document in DOCUMENTS {
        for block in fenced(&read(document), "yaml") {
            let whole = block.contains("public_url:");
            if whole {
                let same = EXAMPLES.iter().any(|example| meaning(&read(example)) == meaning(&block));
                assert!(same, "{document}: this is no longer one of {EXAMPLES:?}:\n{block}");
            }
            let text = if whole { block } else { instead(&read(EXAMPLES[0]), &block) };
            loads(document, &text);
            blocks += 1;
        }
    }
    assert!(blocks >= 15, "{blocks} blocks");
}

#[test]
fn what_differs_for_oam_is_what_its_example_has() {
    let example = sections(&read("deploy/examples/oam.yaml"));
    let block = fenced(&read("deploy/docs/oam.md"), "yaml")
        .into_iter()
        .find(|block| block.contains("strip_basic_authorization"));
    for (key, text) in sections(&block.expect("the block of OAM")) {
        assert_eq!(Some(&text), example.get(&key), "{key}");
    }
}

/// Loads a configuration in a folder with every relative file that it names, and `metadata`; nothing may be said about it.
fn loads(origin: &str, text: &str) {
    let folder = Folder::new();
    fs::create_dir(folder.0.join("metadata")).unwrap();
    for file in files(text).iter().filter(|file| Path::new(file).is_relative()) {
        let path = folder.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "content, as much as a secret has").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let file = folder.0.join("proxy.yaml");
    fs::write(&file, text).unwrap();
    match config::load(&file, &|_| None) {
        Ok(loaded) => assert_eq!(loaded.warnings, [], "{origin}"),
        Err(errors) => panic!("{origin}: {errors:#?}\n{text}"),
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fedfront-readme-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The values of keys that end in `_file`, and the first of those that end in `_files`, and of `previous`.
fn files(text: &str) -> Vec<String> {
    let values = ["_file: ", "_files: [", "previous: ["].into_iter().flat_map(|key| text.split(key).skip(1));
    values.filter_map(|rest| rest.split([',', ' ', '\n', '}', ']']).next()).map(str::to_owned).collect()
}

/// The file without comments and empty lines.
fn meaning(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')).collect()
}

/// Each section of the top level by its key, without comments.
fn sections(text: &str) -> BTreeMap<String, String> {
    let mut sections = BTreeMap::new();
    let mut current = String::new();
    for line in meaning(text) {
        if !line.starts_with(' ') {
            current = line.split(':').next().unwrap().to_owned();
        }
        *sections.entry(current.clone()).or_insert_with(String::new) += &format!("{line}\n");
    }
    sections
}

/// A file with the sections of `block` in the place of its own. For service providers with metadata the documents say that
/// the `endpoints` of the example are to go.
fn instead(file: &str, block: &str) -> String {
    let mut all = sections(file);
    if ["metadata_file:", "metadata_source:"].iter().any(|key| block.contains(key)) {
        all.remove("endpoints");
    }
    all.extend(sections(block));
    all.into_values().collect()
}

#[test]
fn commands_and_their_options_exist() {
    let mut known = BTreeSet::new();
    for document in DOCUMENTS {
        for code in code(&read(document)) {
            for said in code.split("fedfront ").skip(1) {
                let words: Vec<&str> = said.split(char::is_whitespace).collect();
                let command = words.iter().take_while(|word| is_word(word)).copied().take(2).collect::<Vec<_>>();
                let Some(first) = command.first() else { continue };
                let command = if ["config", "cache", "entra", "guard", "log"].contains(first) {
                    &command[..]
                } else {
                    &command[..1]
                };
                let help = run(&[command, &["--help"]].concat());
                assert!(help.status.success(), "{document}: fedfront {}", command.join(" "));
                let help = String::from_utf8(help.stdout).unwrap();
                for option in
                    words.iter().map(|word| word.trim_matches(['[', ']'])).filter(|word| word.starts_with('-'))
                {
                    assert!(help.contains(option), "{document}: fedfront {said}");
                }
                known.insert(command.join(" "));
            }
        }
    }
    for command in commands(&[]) {
        assert!(known.iter().any(|said| said.split(' ').next() == Some(&*command)), "no document tells of {command}");
    }
}

#[test]
fn every_block_of_shell_runs_in_a_test_or_says_what_it_needs() {
    let (taken, mut found) = (recipes(), Vec::new());
    for document in DOCUMENTS.iter().chain([&CHART]) {
        let text = read(document);
        for (start, opening) in text.match_indices("```sh\n") {
            let above = text[..start].trim_end().lines().last().unwrap_or_default().trim();
            let needs = above.strip_prefix("<!-- needs ").and_then(|rest| rest.strip_suffix(" -->"));
            let block = text[start + opening.len()..].split("```").next().unwrap();
            let runs = taken.iter().any(|(page, marker)| page == document && block.contains(marker));
            match needs {
                Some(needs) => assert!(NEEDS.contains(&needs), "{document}: needs {needs}"),
                None if !runs => found.push(format!("{document}:\n{block}")),
                None => {}
            }
        }
    }
    assert!(found.is_empty(), "neither a test's recipe(…) nor below <!-- needs … -->:\n{}", found.join("\n"));
}

/// The page of each block that a peers' test takes by `recipe(marker, …, page)`, and the marker.
fn recipes() -> Vec<(String, String)> {
    let files = fs::read_dir(Path::new(ROOT).join("tests/peers")).unwrap().map(|file| file.unwrap().path());
    let tests = files.filter(|file| file.extension().is_some_and(|extension| extension == "py"));
    let recipes = tests.flat_map(|file| {
        let text = fs::read_to_string(file).unwrap();
        let calls: Vec<String> = text.split("recipe(\"").skip(1).map(str::to_owned).collect();
        calls.into_iter().filter_map(|call| {
            let (marker, rest) = call.split_once('"')?;
            let (arguments, _) = rest.split_once(')')?;
            let page = arguments.split('"').find(|word| word.ends_with(".md")).unwrap_or("deploy/README.md");
            Some((page.to_owned(), marker.replace("\\n", "\n")))
        })
    });
    recipes.collect()
}

#[test]
fn the_table_of_commands_has_every_command() {
    let rows = table_after("## Commands");
    let told: BTreeSet<&str> = rows.iter().flat_map(|row| spans(&row[0])).collect();
    let is_told = |name: &str| {
        let mut rest = told.iter().filter_map(|said| said.strip_prefix("fedfront ")?.strip_prefix(name));
        rest.any(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    for command in commands(&[]) {
        let inner = commands(&[&command]);
        for name in if inner.is_empty() { vec![command.clone()] } else { inner } {
            let name = if name == command { name } else { format!("{command} {name}") };
            assert!(is_told(&name), "README.md, Commands: fedfront {name}");
        }
    }
}

/// The commands below one, as its help lists them.
fn commands(above: &[&str]) -> Vec<String> {
    let help = String::from_utf8(run(&[above, &["--help"]].concat()).stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_page_is_in_the_readme() {
    let readme = read("README.md");
    for page in DOCUMENTS.iter().filter(|document| document.starts_with("deploy/docs/")) {
        assert!(readme.contains(page), "{page}");
    }
    let folder = fs::read_dir(Path::new(ROOT).join("deploy/docs")).unwrap();
    for file in folder.map(|file| file.unwrap().file_name().into_string().unwrap()).filter(|file| file.ends_with(".md"))
    {
        assert!(DOCUMENTS.contains(&&*format!("deploy/docs/{file}")), "{file} is not among DOCUMENTS");
    }
}

#[test]
fn exit_codes_are_as_documented() {
    assert!(read("README.md").contains("Exit codes: 0 fine, 1 failed, 64 usage, 78 configuration."));
    for (arguments, code) in [
        (&["version"][..], 0),
        (&["demo", "--dir", "/dev/null", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0"], 1),
        (&["serve"], 64),
        (&["check", "-c", "/dev/null"], 78),
    ] {
        assert_eq!(run(arguments).status.code(), Some(code), "{arguments:?}");
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fedfront")).args(arguments).output().unwrap()
}

/// After a change of keys: `fedfront config reference > deploy/docs/configuration.md`.
#[test]
fn the_configuration_reference_is_what_the_command_prints() {
    let printed = String::from_utf8(run(&["config", "reference"]).stdout).unwrap();
    assert_eq!(printed, config::reference());
    assert!(read("deploy/docs/configuration.md") == printed, "deploy/docs/configuration.md is not `config reference`");
}

#[test]
fn troubleshooting_has_every_fault_status_and_result() {
    const DOCUMENT: &str = "deploy/docs/troubleshooting.md";
    let told: BTreeSet<(String, String)> = table(DOCUMENT, "## What the STS says")
        .into_iter()
        .map(|row| (spans(&row[0]).concat(), row[1].clone()))
        .collect();
    let kinds = RefusalKind::ALL.map(|kind| fault(&Refusal::new(kind, "x"), TrustVersion::V13));
    let faults = kinds.into_iter().chain([unavailable(TrustVersion::V13)]);
    assert_eq!(
        faults.map(|fault| (fault.subcode.1.to_owned(), fault.reason.into_owned())).collect::<BTreeSet<_>>(),
        told
    );
    let statuses: BTreeSet<String> =
        table(DOCUMENT, "## What ECP says").iter().map(|row| spans(&row[0]).concat()).collect();
    for status in SecondLevelStatus::ALL {
        let name = status.uri().rsplit(':').next().unwrap();
        assert!(statuses.contains(name), "{name}");
    }
    let results: BTreeSet<String> = table(DOCUMENT, "## Results").iter().map(|row| spans(&row[0]).concat()).collect();
    assert_eq!(results, AuditResult::ALL.map(|result| result.label().to_owned()).into());
    for heading in ["## What the STS says", "## What ECP says"] {
        let column = if heading.ends_with("STS says") { 2 } else { 1 };
        for result in table(DOCUMENT, heading).iter().flat_map(|row| spans(&row[column])) {
            assert!(results.contains(result), "{result}");
        }
    }
}

#[test]
fn targets_of_make_exist() {
    let makefile = read("Makefile");
    let mut targets = 0;
    for document in DOCUMENTS {
        for code in code(&read(document)) {
            for target in code.split("make ").skip(1).filter_map(|rest| rest.split_whitespace().next()) {
                assert!(makefile.contains(&format!("\n{target}:")), "{document}: make {target}");
                targets += 1;
            }
        }
    }
    assert!(targets >= 2, "{targets} targets");
}

#[test]
fn the_table_of_endpoints_has_every_default_path() {
    let rows: BTreeMap<String, Vec<String>> = table_after("## Endpoints")
        .into_iter()
        .map(|row| (spans(&row[0]).concat(), spans(&row[1]).into_iter().map(str::to_owned).collect()))
        .collect();
    let defaults: BTreeMap<String, Vec<String>> = Endpoint::ALL
        .iter()
        .map(|each| (each.label().to_owned(), each.default_paths().iter().map(|path| (*path).to_owned()).collect()))
        .collect();
    assert_eq!(rows, defaults);
}

/// The cells of the table below a heading of the README.
fn table_after(heading: &str) -> Vec<Vec<String>> {
    table("README.md", heading)
}

fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let text = format!("\n{}", read(document));
    let (_, below) = text.split_once(&format!("\n{heading}\n")).expect(heading);
    let rows = below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let row = row.strip_prefix('|').and_then(|row| row.strip_suffix('|')).expect("bars at both ends");
        row.split('|').map(|cell| cell.trim().to_owned()).collect()
    })
    .collect()
}

#[test]
fn each_setting_of_wso2_has_a_key_that_exists_or_a_reason_why_not() {
    const DOCUMENT: &str = "deploy/docs/wso2.md";
    let schema = run(&["config", "schema"]).stdout;
    let mut exist = BTreeSet::new();
    keys(&serde_json::from_slice(&schema).unwrap(), "", &mut exist);
    let sections: BTreeSet<&str> = exist.iter().filter_map(|key| key.split(['.', '[']).next()).collect();
    let is_below = |code: &str, key| code.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '[']));
    let text = read(DOCUMENT);
    let mut told = BTreeSet::new();
    for heading in text.lines().filter(|line| line.starts_with("### ")) {
        for row in table(DOCUMENT, heading) {
            let [setting, ours, why] = row.as_slice() else { panic!("{heading}: {row:?}") };
            assert!(!setting.is_empty(), "{heading}");
            if ours == "no counterpart" {
                assert!(why.starts_with("Because "), "{setting}");
                continue;
            }
            assert!(!spans(ours).is_empty(), "{setting}: {ours}");
            let explained = spans(why).into_iter().filter(|code| sections.iter().any(|key| is_below(code, key)));
            for key in spans(ours).into_iter().chain(explained).map(|code| code.split(": ").next().unwrap()) {
                assert!(exist.contains(key), "{setting}: {key}");
                told.insert(key.to_owned());
            }
        }
    }
    assert!(told.len() > 30, "{told:?}");
}

/// The path of each key in a JSON Schema: `listen[].tls.certificate_file`.
fn keys(schema: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        keys(inner, &path, found);
        found.insert(path);
    }
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        keys(choice, path, found);
    }
    if let Some(items) = schema.get("items") {
        keys(items, &format!("{path}[]"), found);
    }
}

/// Every metric there can be, those of a source of metadata and of a directory among them.
fn metrics() -> String {
    let metrics = Metrics::new().unwrap();
    drop(metrics.of_source("incommon"));
    metrics.show_directories(&[("corp".to_owned(), true)]);
    String::from_utf8(metrics.render()).unwrap()
}

#[test]
fn metrics_exist_with_their_labels() {
    let metrics = metrics();
    let mut names = 0;
    for document in DOCUMENTS.iter().chain(&["deploy/prometheus/scrape.yaml", "deploy/prometheus/alerts.yaml"]) {
        let text = read(document);
        for said in text.split("fedfront_").skip(1) {
            let name: String = said.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            let of_it = |line: &&str| {
                let rest = line.strip_prefix("fedfront_").and_then(|line| line.strip_prefix(name.as_str()));
                rest.is_some_and(|rest| ["{", " ", "_bucket{", "_count"].iter().any(|next| rest.starts_with(next)))
            };
            let sample = metrics.lines().find(of_it).unwrap_or_else(|| panic!("{document}: fedfront_{name}"));
            let labels =
                said[name.len()..].strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or_default();
            for label in labels.split(',').filter(|label| !label.is_empty()) {
                let label = label.split(['=', '!']).next().unwrap();
                assert!(sample.contains(&format!("{label}=\"")), "{document}: {label} of fedfront_{name}");
            }
            names += 1;
        }
    }
    assert!(names >= 10, "{names} metrics");
    for result in ["bad_credentials", "unknown_user", "unavailable"] {
        assert!(Metrics::AUTHENTICATIONS.contains(&result), "{result}");
    }
}

#[test]
fn the_table_of_metrics_has_every_metric_with_every_label_and_its_values() {
    let metrics = metrics();
    let mut exist: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for family in metrics.split("# HELP ").filter(|family| family.starts_with("fedfront_")) {
        let labels = exist.entry(family.split(' ').next().unwrap().to_owned()).or_default();
        for label in
            family.lines().filter_map(|line| line.split_once('{')?.1.split_once('}')).flat_map(|(l, _)| l.split(','))
        {
            let (name, value) = label.split_once('=').unwrap();
            match name {
                "le" => {}
                "version" | "revision" | "source" | "directory" => drop(labels.entry(name.to_owned()).or_default()),
                _ => drop(labels.entry(name.to_owned()).or_default().insert(value.trim_matches('"').to_owned())),
            }
        }
    }
    let told = table("deploy/prometheus/README.md", "# Metrics").into_iter().map(|row| {
        let labels = row[1].split("; ").map(spans).filter(|label| !label.is_empty());
        let values = |label: &[&str]| label[1..].iter().map(|value| (*value).to_owned()).collect();
        (spans(&row[0]).concat(), labels.map(|label| (label[0].to_owned(), values(&label))).collect())
    });
    assert_eq!(told.collect::<BTreeMap<_, BTreeMap<_, _>>>(), exist);
}

#[test]
fn alerts_that_the_table_of_metrics_names_exist() {
    let alerts = read("deploy/prometheus/alerts.yaml");
    let exist: BTreeSet<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let text = read("deploy/prometheus/README.md");
    let told: BTreeSet<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.strip_prefix("Fedfront").is_some_and(|rest| !rest.is_empty()))
        .collect();
    assert_eq!(told, exist);
}

#[test]
fn links_lead_to_files_and_headings() {
    for document in DOCUMENTS {
        let folder = Path::new(document).parent().unwrap();
        for target in read(document).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { PathBuf::from(document) } else { folder.join(file) };
            assert!(Path::new(ROOT).join(&file).exists(), "{document}: {target}");
            let slug = |heading: &str| heading.to_lowercase().replace(' ', "-").replace([':', ',', '.'], "");
            let found = |text: String| {
                text.lines()
                    .filter_map(|line| line.trim_start_matches('#').strip_prefix(' '))
                    .any(|it| slug(it) == anchor)
            };
            assert!(anchor.is_empty() || found(read(&file.to_string_lossy())), "{document}: {target}");
        }
    }
}

/// The fenced blocks of a language, without the indentation of a list that they stand in.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let blocks = text.split(&opening).skip(1).filter_map(|rest| rest.split("```").next());
    let outdented = |block: &str| {
        let indentation = block.len() - block.trim_start_matches(' ').len();
        block.lines().map(|line| format!("{}\n", line.get(indentation..).unwrap_or_default())).collect()
    };
    blocks.map(outdented).collect()
}

/// Everything that is set as code: each line of a fenced block, and each span.
fn code(text: &str) -> Vec<String> {
    let mut code = Vec::new();
    for (number, part) in text.split("```").enumerate() {
        if number % 2 == 1 {
            code.extend(part.lines().skip(1).map(str::to_owned));
        } else {
            code.extend(spans(part).into_iter().map(str::to_owned));
        }
    }
    code
}

/// The `spans` of a text without fenced blocks.
fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())
}
