//! PowerShell with the cmdlets of Microsoft Graph's module.

use super::domain::Domain;

/// The PowerShell module that has the cmdlets.
pub const MODULE: &str = "Microsoft.Graph.Identity.DirectoryManagement";
/// What signs in to Graph, with the scopes that they need.
pub const CONNECT: &str = "Connect-MgGraph -Scopes 'Domain.ReadWrite.All', 'Domain-InternalFederation.ReadWrite.All'";

/// A script that federates the domains, or changes what is federated already.
pub fn script(domains: &[Domain]) -> String {
    let names: Vec<&str> = domains.iter().map(|domain| domain.name.as_str()).collect();
    let mut text = format!(
        "# Has Entra send the users of {} to their identity provider. Made by fedfront entra.\n\
         # Needs the PowerShell module {MODULE}, and an account of the tenant's\n\
         # onmicrosoft.com domain, which stays as it is, with the role Hybrid Identity Administrator or Domain Name\n\
         # Administrator. If Graph answers 403 all the same, add 'Directory.AccessAsUser.All' to the scopes.\n\
         $ErrorActionPreference = 'Stop'\n\
         {CONNECT}\n",
        names.join(" and ")
    );
    domains.iter().for_each(|domain| text.push_str(&of_domain(domain)));
    text
}

fn of_domain(domain: &Domain) -> String {
    let (name, said) = (quoted(&domain.name), domain.federation.settings());
    let settings: String = said
        .iter()
        .filter_map(|(setting, value)| Some(format!("    {} = {}\n", parameter(setting), quoted((*value)?))))
        .collect();
    let display_name = match domain.federation.display_name {
        Some(_) => String::new(),
        None => format!(" -DisplayName {name}"),
    };
    format!(
        "\n# {plain}\n\
         $domain = {name}\n\
         $settings = @{{\n{settings}}}\n\
         if ((Get-MgDomain -DomainId $domain).AuthenticationType -eq 'Federated') {{\n    \
         # What it has is kept in a file, to compare and to go back to. A second run leaves that file as it is: move it\n    \
         # away to have it written anew.\n    \
         $before = Get-MgDomainFederationConfiguration -DomainId $domain\n    \
         if (-not (Test-Path -LiteralPath \"$domain.before.json\")) {{\n        \
         $before | ConvertTo-Json | Out-File -FilePath \"$domain.before.json\"\n    \
         }}\n    \
         Update-MgDomainFederationConfiguration -DomainId $domain -InternalDomainFederationId $before.Id @settings\n\
         }} else {{\n    \
         New-MgDomainFederationConfiguration -DomainId $domain{display_name} @settings\n\
         }}\n\
         Get-MgDomainFederationConfiguration -DomainId $domain | ConvertTo-Json | Out-File -FilePath \"$domain.json\"\n\
         # Then: fedfront entra diff {plain}.json -c proxy.yaml --domain {plain}\n\
         # To go back to passwords that Entra checks itself:\n\
         #   {back}\n",
        plain = domain.name,
        back = back(&domain.name),
    )
}

/// The command that has Entra check passwords itself again.
pub(super) fn back(domain: &str) -> String {
    format!("Update-MgDomain -DomainId {} -AuthenticationType 'Managed'", quoted(domain))
}

/// The command that changes settings of a domain that is federated already.
pub(super) fn update(domain: &str, id: Option<&str>, settings: &[(&str, &str)]) -> String {
    let domain = quoted(domain);
    let id = match id {
        Some(id) => quoted(id),
        None => format!("(Get-MgDomainFederationConfiguration -DomainId {domain}).Id"),
    };
    let settings: String =
        settings.iter().map(|(name, value)| format!(" -{} {}", parameter(name), quoted(value))).collect();
    format!("Update-MgDomainFederationConfiguration -DomainId {domain} -InternalDomainFederationId {id}{settings}")
}

/// A parameter of the cmdlets: Graph's name with a capital letter.
fn parameter(setting: &str) -> String {
    let mut letters = setting.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// A string that means itself. PowerShell ends it at typographic quotes, too; each of them twice is one
/// (`about_Quoting_Rules`).
pub(super) fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('\'');
    for c in value.chars() {
        if is_quote(c) {
            text.push(c);
        }
        text.push(c);
    }
    text.push('\'');
    text
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entra::SignInProtocol;
    use crate::entra::domain::testing::domain;

    /// The string that PowerShell reads at the beginning of `text`, and the rest.
    fn read(text: &str) -> (String, &str) {
        let mut value = String::new();
        let mut letters = text.char_indices().peekable();
        assert!(letters.next().is_some_and(|(_, first)| is_quote(first)), "{text}");
        while let Some((at, c)) = letters.next() {
            if is_quote(c) {
                match letters.peek() {
                    Some((_, next)) if is_quote(*next) => drop(letters.next()),
                    _ => return (value, &text[at + c.len_utf8()..]),
                }
            }
            value.push(c);
        }
        panic!("not ended: {text}");
    }

    #[test]
    fn a_quoted_string_means_itself() {
        for value in [
            "",
            "plain",
            "O'Brien",
            "''",
            "$(Remove-Item x)",
            "`n",
            "\"",
            "a\u{2019}b",
            "\u{2018}\u{201b}'\u{201a}",
            "@{}; #",
            "é\n",
        ] {
            assert_eq!(read(&format!("{};", quoted(value))), (value.to_owned(), ";"), "{value:?}");
        }
    }

    #[test]
    fn a_script_says_every_setting_of_each_domain() {
        let [mut first, mut second] = [SignInProtocol::WsFed, SignInProtocol::Saml].map(domain);
        first.federation.issuer_uri = "urn:o'brien\u{2019}$(x)".to_owned();
        second.name = "example.org".to_owned();
        second.federation.display_name = Some("Example '26".to_owned());
        let script = script(&[first.clone(), second.clone()]);
        let (_, rest) = script.split_once("$domain = ").unwrap();
        let (of_first, of_second) = rest.split_once("$domain = ").unwrap();
        for (domain, text) in [(&first, of_first), (&second, of_second)] {
            assert_eq!(read(text).0, domain.name);
            for (setting, value) in domain.federation.settings() {
                let said = text.split_once(&format!("    {} = ", parameter(setting))).map(|(_, rest)| read(rest).0);
                assert_eq!(said.as_deref(), value, "{setting}");
            }
        }
        assert!(of_first.contains("-DisplayName 'example.com' @settings") && !of_second.contains("-DisplayName"));
        assert!(script.contains("#   Update-MgDomain -DomainId 'example.org' -AuthenticationType 'Managed'\n"));
    }

    #[test]
    fn a_second_run_does_not_overwrite_the_way_back() {
        let script = script(&[domain(SignInProtocol::WsFed)]);
        let writes: Vec<&str> = script.lines().filter(|line| line.contains("| Out-File")).collect();
        assert_eq!(writes.len(), 2);
        let kept = "if (-not (Test-Path -LiteralPath \"$domain.before.json\")) {\n        \
                    $before | ConvertTo-Json | Out-File -FilePath \"$domain.before.json\"\n    }\n";
        assert!(script.contains(kept), "{script}");
    }

    #[test]
    fn an_update_names_the_object_or_finds_it() {
        let settings = [("issuerUri", "it's")];
        let found = "Update-MgDomainFederationConfiguration -DomainId 'example.com' -InternalDomainFederationId \
                     (Get-MgDomainFederationConfiguration -DomainId 'example.com').Id -IssuerUri 'it''s'";
        assert_eq!(update("example.com", None, &settings), found);
        assert!(
            update("example.com", Some("1-2"), &settings).contains(" -InternalDomainFederationId '1-2' -IssuerUri")
        );
    }
}
