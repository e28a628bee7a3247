//! A sample user: who they are in the directory, and what each relying party would be told of them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::report::{Report, Weight};
use super::service_provider::{self, Asked};
use super::tried::{bound, own_count, searched};
use super::{Sample, claims, roles};
use crate::config::{AttributeNames, DirectoryAdapter, DirectoryConfig, PartyConfig};
use crate::directory::{Directories, Directory, OpenError, Resolution, Standing, open_all};
use crate::model::{Clock as _, Entry, Username};
use crate::runtime::SystemClock;
use crate::server::Prepared;

/// What Entra holds at most as an ImmutableID (protocol of the SAML identity provider, 2024).
const LONGEST_IMMUTABLE_ID: usize = 64;
/// An objectGUID.
const GUID_OCTETS: usize = 16;
/// Groups that are named one by one.
const GROUPS_SHOWN: usize = 10;

/// What kind of directory a remedy is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Adapter {
    File,
    Ldap,
}

impl Adapter {
    /// `None`: nobody can be looked up there.
    fn of(directory: &DirectoryConfig) -> Option<Self> {
        match directory.adapter {
            DirectoryAdapter::File { .. } => Some(Self::File),
            DirectoryAdapter::Ldap(_) => Some(Self::Ldap),
            DirectoryAdapter::Upstream(_) => None,
        }
    }
}

/// Looks the user up where it can be done, as a sign-in would but for the password. `online`: metadata sources may be asked.
pub(super) async fn look_up(
    prepared: &Prepared,
    user: &Sample,
    usable: &[Arc<dyn Directory>],
    online: bool,
    report: &mut Report<'_>,
) {
    let step = format!("user {}", user.name);
    let typed = Username::new(&user.name);
    let directories = match with_standing(prepared) {
        Ok(directories) => directories,
        Err(errors) => {
            let said: Vec<String> = errors.iter().map(OpenError::to_string).collect();
            return report.failed(&step, said.join("; "), "check again");
        }
    };
    let asked: Vec<_> = directories.asked_for(&typed).map(|directory| directory.name()).collect();
    if asked.len() < directories.each().count() {
        report.note(&step, format!("by its domain looked up in directory {} only", asked.join(" and then ")));
    }
    for directory in directories.asked_for(&typed) {
        let place = directory.name();
        let config = prepared.config.directories.iter().find(|config| config.name == place);
        let Some(adapter) = config.map_or(Some(Adapter::Ldap), Adapter::of) else {
            let what = format!(
                "nobody can be looked up in directory {place}: the identity provider says who they are once it was shown \
                 their password"
            );
            return report.warning(&step, what, "sign in as them, and see the audit log for what they were told");
        };
        if !usable.iter().any(|one| one.name() == place) {
            report.note(&step, format!("not looked up in directory {place}, where nothing can be"));
            continue;
        }
        let config = prepared.config.directories.iter().find(|config| config.name == place);
        if config.is_some_and(is_unseen) {
            let what = format!(
                "not looked up in directory {place}, which has no service account: sign in, and see the audit log"
            );
            return report.note(&step, what);
        }
        match directory.resolve(&typed).await {
            Ok(Resolution::Found(entry) | Resolution::FoundDespite(entry, _)) => {
                report.fine(&step, format!("found in directory {place}: {}", entry.bind_name));
                standing(adapter, directory.standing(&entry, SystemClock.now()), &step, report);
                bound(config, directory, &entry, &step, report).await;
                let entry = match directory.with_groups(entry).await {
                    Ok(entry) => entry,
                    Err(unavailable) => {
                        let what = format!("the groups cannot be searched: {unavailable}");
                        return report.failed(&step, what, "check nested_groups, group_filter and group_base_dn");
                    }
                };
                match &user.service_provider {
                    None => describe(prepared, config, &entry, &step, report),
                    Some(entity_id) => {
                        let asked = Asked { entity_id, online, adapter };
                        service_provider::evaluate(prepared, &asked, &entry, &step, report).await;
                    }
                }
                return;
            }
            Ok(Resolution::Nobody | Resolution::NobodyDespite(_)) => {
                report.note(&step, format!("nobody has this name in directory {place}"))
            }
            Ok(Resolution::Ambiguous(entries)) => {
                let entries = entries.join("; ");
                let what = format!(
                    "several entries of directory {place} have this name, and none of them is let in: {entries}"
                );
                return report.failed(&step, what, "narrow user_filter or base_dn until a name means one entry");
            }
            Err(unavailable) => {
                report.failed(&step, unavailable.to_string(), "see what is said of that directory above");
            }
        }
    }
    let usable = |directory: &Arc<dyn Directory>| usable.iter().any(|one| one.name() == directory.name());
    if !directories.asked_for(&typed).all(usable) {
        return report.failed(&step, "not found, but not every directory could be asked", "see above");
    }
    let adapters = prepared.config.directories.iter().filter_map(Adapter::of);
    let (files, ldap): (Vec<_>, Vec<_>) = adapters.partition(|adapter| *adapter == Adapter::File);
    let mut help = "check the spelling".to_owned();
    if !files.is_empty() {
        help.push_str("; a file's user is known by name, upn and aliases");
    }
    if !ldap.is_empty() {
        for directory in directories.asked_for(&typed) {
            help.push_str(&searched(prepared, directory).await);
        }
    }
    report.failed(&step, "not found", help);
}

/// The directories, asked for what tells of disabled accounts too: a sign-in by password learns that from the bind, and here
/// nobody is bound.
fn with_standing(prepared: &Prepared) -> Result<Directories, Vec<OpenError>> {
    let configs: Vec<DirectoryConfig> = prepared.config.directories.to_vec();
    let configs: Vec<_> = configs.into_iter().map(|config| DirectoryConfig { standing: true, ..config }).collect();
    open_all(&configs, &prepared.metrics)
}

/// Whether the directory takes any name until it is bound.
fn is_unseen(directory: &DirectoryConfig) -> bool {
    matches!(&directory.adapter, DirectoryAdapter::Ldap(ldap) if ldap.binds_unseen())
}

/// Whatever else is right about them.
fn standing(adapter: Adapter, standing: Standing, step: &str, report: &mut Report<'_>) {
    let Standing::Refused(refusal) = standing else { return };
    let help = match adapter {
        Adapter::File => "remove disabled: true from the user in the file, if they are to sign in",
        Adapter::Ldap => "enable, unlock or extend the account in the directory, if they are to sign in",
    };
    report.failed(step, format!("would be refused everywhere: {}", refusal.reason()), help);
}

fn describe(
    prepared: &Prepared,
    directory: Option<&DirectoryConfig>,
    entry: &Entry,
    step: &str,
    report: &mut Report<'_>,
) {
    let config = &*prepared.config;
    let needed = config.relying_parties.iter().any(PartyConfig::is_office365);
    let takers = claims::takers(prepared, entry);
    let roles = roles::of(config, entry);
    let weight = match (takers.is_empty(), roles.is_asker) {
        (false, _) => Weight::Warning,
        (true, true) => Weight::Note,
        (true, false) => Weight::Failed,
    };
    let adapter = directory.and_then(Adapter::of).unwrap_or(Adapter::Ldap);
    let needs = if needed { weight } else { Weight::Note };
    match &entry.upn {
        Some(upn) if upn.contains('@') => report.fine(step, format!("UPN {upn}")),
        Some(upn) => {
            let help = match adapter {
                Adapter::File => "write the user's upn as user@domain in the file",
                Adapter::Ldap => "name the attribute that holds user@domain in ldap.attributes.upn",
            };
            report.warning(step, format!("UPN {upn}, which has no domain"), help);
        }
        None => {
            let from = directory.map_or("", |directory| &directory.attributes.upn);
            missing(needs, adapter, step, "UPN", from, "upn", report);
        }
    }
    match &entry.immutable_id {
        Some(id) => {
            // Entra refuses what it cannot hold, whatever we say.
            let taken = takers.iter().any(|party| party.is_office365());
            immutable_id(needed.then_some(if taken { Weight::Failed } else { weight }), directory, id, step, report);
        }
        None => {
            let from = directory.map(|directory| directory.attributes.immutable_id.join(" or ")).unwrap_or_default();
            missing(needs, adapter, step, "ImmutableID", &from, "immutable_id", report);
        }
    }
    groups(entry, step, report);
    own_count(&config.guard, entry, SystemClock.now(), step, report);
    claims::evaluate_all(prepared, adapter, entry, weight, step, report);
    roles.tell(step, report);
    if weight == Weight::Note {
        report.note(step, "asks for others or renews only: no relying party would let them in themselves");
    }
}

fn missing(
    weight: Weight,
    adapter: Adapter,
    step: &str,
    what: &str,
    attribute: &str,
    key: &str,
    report: &mut Report<'_>,
) {
    let (text, help) = match adapter {
        Adapter::File => {
            (format!("no {what}: the user has no {key} in the file"), format!("give the user's {key} in the file"))
        }
        Adapter::Ldap => (
            format!("no {what}: the entry has no attribute {attribute}, or it may not be read"),
            format!("name the right attribute in ldap.attributes.{key}, or let bind_dn read it"),
        ),
    };
    report.refused(weight, step, text, help);
}

/// Shown, because the operator compares it with what Entra has. `office365` is how much one matters that it refuses; `None`
/// where nobody asks it.
fn immutable_id(
    office365: Option<Weight>,
    directory: Option<&DirectoryConfig>,
    id: &str,
    step: &str,
    report: &mut Report<'_>,
) {
    let what = format!("ImmutableID {id}");
    let octets = STANDARD.decode(id).map(|octets| octets.len());
    let adapter = directory.and_then(Adapter::of).unwrap_or(Adapter::Ldap);
    let binary = adapter == Adapter::Ldap && directory.is_some_and(|directory| has_octets(&directory.attributes));
    let compare = "compare it with onPremisesImmutableId in Entra, which must be the same text";
    let Some(weight) = office365 else { return report.fine(step, format!("{what}; {compare}")) };
    if id.len() > LONGEST_IMMUTABLE_ID {
        let text = format!("{what}: {} characters, and Entra takes {LONGEST_IMMUTABLE_ID} at most", id.len());
        let help = match adapter {
            Adapter::File => "give the user another immutable_id in the file",
            Adapter::Ldap => "name another attribute in ldap.attributes.immutable_id",
        };
        report.refused(weight, step, text, help);
    } else if binary && octets != Ok(GUID_OCTETS) {
        let text = format!("{what}, which is not the base64 of 16 octets, as an objectGUID has");
        report.warning(step, text, format!("is ldap.attributes.immutable_id_binary right? {compare}"));
    } else if id.chars().any(char::is_control) {
        // Octets that happened to be text.
        let text = format!("{}, which has control characters, as if it were octets", what.escape_debug());
        report.warning(step, text, format!("set ldap.attributes.immutable_id_binary to true; {compare}"));
    } else {
        report.fine(step, format!("{what}; {compare}"));
    }
}

/// Whether every attribute that may be the ImmutableID holds octets.
fn has_octets(names: &AttributeNames) -> bool {
    names.immutable_id.iter().all(|name| names.is_octets(name))
}

fn groups(entry: &Entry, step: &str, report: &mut Report<'_>) {
    let shown: Vec<&str> = entry.groups.iter().take(GROUPS_SHOWN).map(String::as_str).collect();
    match entry.groups.len() {
        0 => report.note(step, "no group"),
        count if count > shown.len() => {
            report.fine(step, format!("{count} groups: {} and {} more", shown.join("; "), count - shown.len()));
        }
        1 => report.fine(step, format!("1 group: {}", shown.join("; "))),
        count => report.fine(step, format!("{count} groups: {}", shown.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Tally;

    fn directory() -> DirectoryConfig {
        DirectoryConfig {
            name: "d".to_owned(),
            adapter: DirectoryAdapter::File { path: "unused".into() },
            attributes: AttributeNames {
                upn: "upn".to_owned(),
                immutable_id: vec!["immutable_id".to_owned()],
                immutable_id_binary: Some(false),
                groups: "groups".to_owned(),
            },
            released: Vec::new(),
            domains: Vec::new(),
            standing: false,
            cached: true,
        }
    }

    #[test]
    fn entra_takes_any_short_text_as_an_immutable_id_and_octets_gone_wrong_are_told() {
        let long = "x".repeat(LONGEST_IMMUTABLE_ID + 1);
        for (office365, id, warnings, failures) in [
            (true, "AAECAwQFBgcICQoLDA0ODw==", 0, 0),
            (true, "alice", 0, 0),
            (true, "a2b1c0de-0001-103c-9d4b-000000000000", 0, 0),
            (true, "AAEC", 0, 0),
            (true, "\u{1}\u{2}0123456789abcd", 1, 0),
            (true, &long, 0, 1),
            (false, "alice", 0, 0),
            (false, &long, 0, 0),
        ] {
            let mut lines = Vec::new();
            let mut say = |line: &str| lines.push(line.to_owned());
            let mut report = Report::new(&mut say);
            immutable_id(office365.then_some(Weight::Failed), Some(&directory()), id, "user", &mut report);
            assert_eq!(report.tally(), Tally { warnings, failures }, "{office365} {id}");
            assert!(
                lines.len() == 1 && lines.concat().contains(&format!("ImmutableID {}", id.escape_debug())),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn of_many_groups_the_first_are_named() {
        for (count, says) in [(0, "no group"), (1, "1 group: g0"), (2, "2 groups: g0; g1"), (12, "g9 and 2 more")] {
            let mut lines = Vec::new();
            let mut say = |line: &str| lines.push(line.to_owned());
            let entry = Entry {
                id: crate::model::EntryId { directory: "d".into(), entry: "e".into() },
                bind_name: "e".into(),
                upn: None,
                immutable_id: None,
                groups: (0..count).map(|number| format!("g{number}")).collect(),
                attributes: Default::default(),
                own_count: None,
            };
            groups(&entry, "user", &mut Report::new(&mut say));
            assert!(lines.concat().ends_with(says), "{lines:?}");
        }
    }
}
