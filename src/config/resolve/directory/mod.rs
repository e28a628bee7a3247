//! Where passwords are checked.

mod ldap;
mod upstream;

pub(super) use upstream::Behind;

use crate::config::files::{Files, Privacy};
use crate::config::section::{Section, duration, flag, list, parse, text, texts};
use crate::config::value::{is_loopback, origin};
use crate::config::{AttributeNames, DirectoryAdapter, DirectoryConfig, GroupCache, LdapConfig};

/// `directory`: one, or a list. `released` is what relying parties get besides the usual attributes;
/// `standing` says whether users sign in without a bind.
pub(super) fn directories(
    root: &Section<'_>,
    released: &[String],
    standing: bool,
    behind: Behind<'_>,
    files: &mut Files<'_>,
) -> Option<Vec<DirectoryConfig>> {
    if root.get("directory", |node| list(node, |_| Some(()))).is_some_and(|items| items.is_empty()) {
        files.report.error("directory", "is empty", "add a directory: ldap, file or upstream");
    }
    let group_cache = ldap::group_cache(root);
    let mut names: Vec<Option<String>> = Vec::new();
    let mut directories: Vec<Option<DirectoryConfig>> = Vec::new();
    for section in root.sections("directory") {
        let name = name(&section, &names, files);
        names.push(name.clone());
        directories.push(directory(&section, name, released, standing, group_cache, behind, files));
    }
    check_places(root, &directories, standing, files);
    directories.into_iter().collect()
}

/// What it is called, whatever else is wrong with it; those before it have `taken` theirs.
fn name(section: &Section<'_>, taken: &[Option<String>], files: &mut Files<'_>) -> Option<String> {
    let is_taken = |name: &str| taken.iter().flatten().any(|other| other == name);
    if let Some(name) = section.maybe("name", text)? {
        if is_taken(&name) {
            let message = format!("`{name}` is the name of another directory");
            files.report.error(&section.path("name"), message, "give each its own name");
        }
        return Some(name);
    }
    let kind = KINDS.into_iter().find(|kind| section.has(kind))?;
    Some(if is_taken(kind) { format!("{kind}-{}", taken.len() + 1) } else { kind.to_owned() })
}

/// That an identity provider, which finds everybody, comes last, and that somebody can be looked up where that is needed.
fn check_places(root: &Section<'_>, directories: &[Option<DirectoryConfig>], standing: bool, files: &mut Files<'_>) {
    let finds_everybody = |one: &Option<DirectoryConfig>| {
        one.as_ref().is_some_and(|one| matches!(one.adapter, DirectoryAdapter::Upstream(_)))
    };
    let sections = root.sections("directory");
    let places = sections.iter().zip(directories).filter(|(_, one)| finds_everybody(one));
    for (section, _) in
        places.clone().filter(|(section, _)| sections.last().map(Section::own_path) != Some(section.own_path()))
    {
        let message = "finds everybody, so that no directory after it is asked";
        files.report.error(&section.path("upstream"), message, "put it last");
    }
    if standing && !directories.is_empty() && directories.iter().all(finds_everybody) {
        for (section, _) in places {
            let message =
                "looks nobody up without their password, as certificates, issued tokens and delegation need it";
            let help = "remove credentials and delegation, or put an ldap directory with those users before it";
            files.report.error(&section.path("upstream"), message, help);
        }
    }
}

/// What a directory may be; of each kind there is a section of that name.
const KINDS: [&str; 3] = ["ldap", "file", "upstream"];

fn directory(
    section: &Section<'_>,
    name: Option<String>,
    released: &[String],
    standing: bool,
    group_cache: Option<GroupCache>,
    behind: Behind<'_>,
    files: &mut Files<'_>,
) -> Option<DirectoryConfig> {
    let (adapter, attributes) = match KINDS.map(|kind| section.has(kind)) {
        [true, false, false] => {
            let ldap = section.section("ldap")?;
            let attributes = attributes(&ldap, files);
            if standing {
                ldap::want_service_account(&ldap, files);
            }
            (ldap_config(&ldap, group_cache, files).map(|ldap| DirectoryAdapter::Ldap(Box::new(ldap))), attributes)
        }
        [false, true, false] => {
            let path = files.file(&section.section("file")?, "path", Privacy::Private);
            (path.map(|path| DirectoryAdapter::File { path }), Some(file_attributes()))
        }
        [false, false, true] => {
            let upstream = section.section("upstream")?;
            let attributes = upstream::attributes(&upstream, files);
            let config = upstream::config(&upstream, behind, files);
            (config.map(|config| DirectoryAdapter::Upstream(Box::new(config))), attributes)
        }
        has => {
            let several = has.iter().any(|has| *has);
            let message = if several { "has more than one of" } else { "has none of" };
            let message = format!("{message} ldap, file and upstream");
            files.report.error(section.own_path(), message, "give each directory one of them; several make a list");
            return None;
        }
    };
    let domains = domains(section, files);
    let cached = section.get("cache", text)? == "on";
    let (adapter, attributes, released) = (adapter?, attributes?, released.to_vec());
    Some(DirectoryConfig { name: name?, domains: domains?, adapter, attributes, released, standing, cached })
}

/// Each as it may stand in a name, and nothing else of it.
fn domains(section: &Section<'_>, files: &mut Files<'_>) -> Option<Vec<String>> {
    let domains = section.get("domains", texts)?;
    for (index, domain) in domains.iter().enumerate() {
        if domain.contains(['@', '\\', '/']) || domain.contains(char::is_whitespace) {
            let help = "write what follows the @ or comes before the \\, such as example.com or EXAMPLE";
            let path = format!("{}[{index}]", section.path("domains"));
            files.report.error(&path, format!("`{domain}` is no domain of a name"), help);
        }
    }
    Some(domains.iter().map(|domain| domain.to_lowercase()).collect())
}

/// The file directory's users have these fields.
fn file_attributes() -> AttributeNames {
    AttributeNames {
        upn: "upn".to_owned(),
        immutable_id: vec!["immutable_id".to_owned()],
        immutable_id_binary: Some(false),
        groups: "groups".to_owned(),
    }
}

fn attributes(ldap: &Section<'_>, files: &mut Files<'_>) -> Option<AttributeNames> {
    let section = ldap.section("attributes")?;
    let immutable_id = immutable_id(&section, files)?;
    Some(AttributeNames {
        upn: section.get("upn", text)?,
        immutable_id_binary: section.maybe("immutable_id_binary", flag)?,
        immutable_id,
        groups: section.get("groups", text)?,
    })
}

/// One name, or several of which the first that an entry has counts.
fn immutable_id(section: &Section<'_>, files: &mut Files<'_>) -> Option<Vec<String>> {
    let names = section.get("immutable_id", |node| text(node).map(|only| vec![only]).or_else(|| texts(node)))?;
    if names.is_empty() {
        files.report.error(&section.path("immutable_id"), "is empty", "name an attribute, such as objectGUID");
    }
    Some(names)
}

fn ldap_config(section: &Section<'_>, group_cache: Option<GroupCache>, files: &mut Files<'_>) -> Option<LdapConfig> {
    let urls = section.get("urls", texts);
    let start_tls = section.get("start_tls", flag);
    check_urls(section, urls.as_deref().unwrap_or_default(), start_tls, files);
    let ca_file = files.optional_file(section, "ca_file", Privacy::Public);
    let service = ldap::service_account(section, files);
    let user_dn = ldap::user_dn(section, files);
    let bind_as = ldap::bind_as(section, files);
    let bind_password = service.as_ref().map(|(_, password)| password);
    if section.has("bind_dn") && bind_password.as_ref().is_some_and(|password| password.is_empty()) {
        let key = if section.has("bind_password") { "bind_password" } else { "bind_password_file" };
        let help = "give the service account a password: an empty one means an anonymous bind";
        files.report.error(&section.path(key), "holds an empty password", help);
    }
    let user_filter = ldap::user_filter(section, user_dn.as_ref().and_then(Option::as_ref), files);
    let group_filter = section.maybe("group_filter", text)?;
    check_place(section, "group_filter", group_filter.as_deref(), "{dn}", files);
    let group_base_dn = section.maybe("group_base_dn", text)?;
    let nested_groups = ldap::nested_groups(section, files);
    let (bind_dn, bind_password) = service?;
    Some(LdapConfig {
        urls: urls?.iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
        start_tls: start_tls?,
        ca_file: ca_file?,
        bind_dn,
        bind_password,
        bind_as: bind_as?,
        user_dn: user_dn?,
        base_dn: section.get("base_dn", text)?,
        user_filter: user_filter?,
        strip_domains: section.get("strip_domains", texts)?.iter().map(|domain| domain.to_lowercase()).collect(),
        nested_groups: nested_groups?,
        group_cache: group_cache?,
        group_base_dn,
        group_filter,
        pool_size: section.get("pool_size", parse)?,
        connect_timeout: section.get("connect_timeout", duration)?,
        operation_timeout: section.get("operation_timeout", duration)?,
    })
}

/// That the value has its place; the directory reads what is around it itself.
fn check_place(section: &Section<'_>, key: &str, filter: Option<&str>, place: &str, files: &mut Files<'_>) {
    if filter.is_some_and(|filter| !filter.contains(place)) {
        let help = format!("put {place} where the value belongs");
        files.report.error(&section.path(key), format!("has no {place}"), help);
    }
}

fn check_urls(section: &Section<'_>, urls: &[String], start_tls: Option<bool>, files: &mut Files<'_>) {
    if urls.is_empty() && section.get("urls", texts).is_some() {
        files.report.error(&section.path("urls"), "is empty", "name at least one server, such as ldaps://dc1");
    }
    for (index, url) in urls.iter().enumerate() {
        let far = origin(url).is_some_and(|origin| origin.scheme == "ldap" && !is_loopback(&origin.host));
        if far && start_tls == Some(false) {
            let path = format!("{}[{index}]", section.path("urls"));
            let message = "has no TLS: passwords cross the network in the clear";
            files.report.warning(&path, message, "use ldaps://, or set start_tls: true");
        }
    }
}
