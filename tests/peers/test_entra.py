"""`fedfront entra`: what a tenant is told, and what it has, of whole configurations. No tenant, no network."""

import base64
import datetime
import hashlib
import json
import re
import subprocess

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from support import certificates
from support.fedfront import REPOSITORY, binary, configuration, write

QUOTES = "'\u2018\u2019\u201a\u201b"
WSO2 = "deploy/examples/wso2.yaml"
OAM = "deploy/examples/oam.yaml"
TYPE = "#microsoft.graph.internalDomainFederation"


def entra(file, *arguments, stdin=None):
    command = [binary(), "entra", *arguments[: 1 if arguments[:1] == ("diff",) else 0]]
    rest = arguments[len(command) - 2 :]
    return subprocess.run([*command, *map(str, rest), "-c", file], input=stdin, capture_output=True, timeout=60)


def out(ran, status=0):
    assert ran.returncode == status, (ran.returncode, ran.stdout, ran.stderr)
    return ran.stdout.decode()


def graph(file, *arguments):
    return json.loads(out(entra(file, *arguments, "--format", "graph")))


def facts(base64_text):
    """Subject, SHA-1 and end of a certificate, as `cryptography` reads it."""
    der = base64.b64decode(base64_text, validate=True)
    certificate = x509.load_der_x509_certificate(der)
    return certificate.subject.rfc4514_string(), hashlib.sha1(der).hexdigest().upper(), certificate.not_valid_after_utc


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Signing pairs: the one that signs, the next one, and one that nobody knows."""
    folder = tmp_path_factory.mktemp("pairs")
    return [certificates.signing(folder, name) for name in ("current", "next", "stranger")]


@pytest.fixture
def configured(tmp_path, site, pairs, binary_built):
    """`configured(**sections)`: a configuration in front of WSO2 at a public address, and its file."""

    def make(name="proxy.yaml", next_key=False, **changes):
        signing = {"certificate_file": str(pairs[0][0]), "private_key_file": str(pairs[0][1])}
        if next_key:
            signing["next"] = {"certificate_file": str(pairs[1][0]), "private_key_file": str(pairs[1][1])}
        users = tmp_path / "users.yaml"
        users.write_text("users: []\n")
        users.chmod(0o600)
        directory = {"file": {"path": "users.yaml"}}
        changes.setdefault("metadata", {"mode": "own", "idp": "wso2"})
        issuer = {**changes.pop("issuer", {}), "signing": signing}
        whole = configuration(443, 9464, site, directory, "http://127.0.0.1:1", issuer=issuer, **changes)
        whole["public_url"] = changes.get("public_url", "https://sts.example.com")
        return write(tmp_path / name, whole)

    return make


@pytest.fixture
def example(tmp_path, pairs, binary_built):
    """`example(name)`: one of deploy/examples with the files that it names, or as if it said nothing of who is behind."""

    def make(name, *, without_idp=False):
        text = (REPOSITORY / name).read_text().replace("/var/log/fedfront", str(tmp_path)).replace("/run/fedfront", str(tmp_path))
        if without_idp:
            text, found = re.subn(r"(?m)^metadata: \{ idp: \w+ \}$", "", text)
            assert found == 1
        for file in re.findall(r"_file: ([\w.-]+)", text):
            (tmp_path / file).write_bytes(pairs[0][0].read_bytes())
        (tmp_path / "tls.key").write_bytes(pairs[0][1].read_bytes())
        (tmp_path / "signing.p12").write_bytes(certificates.keystore(pairs[0], b"changeit"))
        (tmp_path / "signing.p12.password").write_text("changeit")
        (tmp_path / "ldap-password").write_text("secret")
        for file in ("tls.key", "signing.p12", "signing.p12.password", "ldap-password"):
            (tmp_path / file).chmod(0o600)
        (tmp_path / "proxy.yaml").write_text(text)
        return tmp_path / "proxy.yaml"

    return make


def test_wso2_is_told_by_its_own_addresses(example, pairs):
    file = example(WSO2)
    at = "https://sts.example.com"
    assert graph(file, "--domain", "Example.com") == {
        "@odata.type": TYPE,
        "displayName": "example.com",
        "preferredAuthenticationProtocol": "wsFed",
        "issuerUri": f"{at}/passive",
        "passiveSignInUri": f"{at}/passivests",
        "activeSignInUri": f"{at}/adfs/services/trust/2005/usernamemixed",
        "signOutUri": f"{at}/passivests",
        "metadataExchangeUri": f"{at}/adfs/services/trust/mex",
        "signingCertificate": certificates.base64_of(pairs[0][0]),
    }


def test_oam_is_told_by_saml_and_ecp(example):
    file = example(OAM)
    at, told = "https://sso.example.com", graph(file, "--domain", "example.com")
    assert "metadataExchangeUri" not in told
    assert [told[key] for key in ("preferredAuthenticationProtocol", "issuerUri", "activeSignInUri")] == [
        "saml",
        f"{at}/oam/fed",
        f"{at}/oamfed/idp/soap",
    ]
    assert told["passiveSignInUri"] == told["signOutUri"] == f"{at}/oamfed/idp/samlv20"


def test_wso2s_own_paths_are_told_as_mex_names_them(configured):
    paths = ["/services/wso2carbon-sts.wso2carbon-stsHttpsSoap12Endpoint"]
    file = configured(endpoints={"sts": paths, "mex": ["/services/mex-ut"]})
    told = graph(file, "--domain", "example.com")
    assert told["activeSignInUri"] == f"https://sts.example.com{paths[0]}"
    assert told["metadataExchangeUri"] == "https://sts.example.com/services/mex-ut"


@pytest.mark.parametrize("name", [WSO2, OAM])
def test_an_address_that_is_not_known_is_told_with_what_to_do(example, name):
    file = example(name, without_idp=True)
    asked = entra(file, "--domain", "example.com", "--format", "graph")
    assert (asked.returncode, asked.stdout) == (1, b"")
    for part in (b"passiveSignInUri is not known", b"signOutUri is not known", b"metadata.idp", b"--passive URL", b"--sign-out URL"):
        assert part in asked.stderr, asked.stderr
    text = entra(file, "--domain", "example.com")
    assert text.returncode == 1 and b"passiveSignInUri\n    not known: set metadata.idp" in text.stdout
    given = ["--passive", "https://idp.example.com/in", "--sign-out", "https://idp.example.com/out"]
    told = graph(file, "--domain", "example.com", *given)
    assert [told["passiveSignInUri"], told["signOutUri"]] == [given[1], given[3]]
    assert len(out(entra(file, "--domain", "example.com", "--format", "certificate")).splitlines()) == 1


def test_certificates_are_those_that_sign_and_will(configured, pairs):
    file = configured(next_key=True)
    lines = out(entra(file, "--format", "certificate")).splitlines()
    for line, (certificate_file, _) in zip(lines, pairs[:2], strict=True):
        command = ["openssl", "x509", "-in", certificate_file, "-outform", "DER"]
        assert base64.b64decode(line) == subprocess.run(command, capture_output=True, check=True).stdout
    told = graph(file, "--domain", "example.com")
    assert [told["signingCertificate"], told["nextSigningCertificate"]] == lines
    text = out(entra(file))
    for line in lines:
        subject, thumbprint, ends = facts(line)
        said = f"{subject}, SHA-1 thumbprint {thumbprint}, until {ends:%Y-%m-%dT%H:%M:%S}.000Z"
        assert f"\n    {line}\n    {said}\n" in text


def test_every_domain_has_its_own_issuer(configured):
    file = configured(issuer={"domains": {"example.com": "urn:one", "example.org": "urn:two", "subsidiary.example": None}})
    text = out(entra(file))
    assert text.index("example.com: WS-Federation and WS-Trust") < text.index("example.org: WS-Federation and WS-Trust")
    assert [graph(file, "--domain", name)["issuerUri"] for name in ("example.com", "example.org")] == ["urn:one", "urn:two"]
    whole = entra(file, "--format", "graph")
    assert whole.returncode == 64 and b"give --domain, one of example.com, example.org" in whole.stderr
    unlisted = entra(file, "--domain", "unlisted.example")
    assert unlisted.returncode == 78
    assert b"issuer.domains: has no issuer for unlisted.example" in unlisted.stderr and b"help: add unlisted.example" in unlisted.stderr
    below = entra(file, "--domain", "sales.example.com")
    assert below.returncode == 0 and b"sales.example.com's own" in below.stderr


def test_what_is_doubtful_is_told(configured, pairs, site):
    party = {"name": "office365", "preset": "office365", "signature": "rsa-sha1"}
    metadata = {"mode": "own", "idp": "wso2", "idp_certificates": [str(pairs[2][0])]}
    file = configured(
        public_url="https://localhost:8443",
        relying_parties=[party],
        metadata=metadata,
        endpoints={"mex": "forward"},
        issuer={"entity_id": "sts"},
    )
    ran = entra(file, "--domain", "example.com", "--domain", "example.org")
    said = ran.stderr.decode()
    for part in (
        "public_url: names localhost, which Microsoft does not find",
        "public_url: names port 8443",
        "issuer.entity_id: is the issuer of example.com and of example.org",
        "issuer.entity_id: `sts` is not a URI",
        "relying_parties[0].signature: SHA-1 is broken",
        "metadata.idp_certificates: names CN=stranger",
        "endpoints.mex: is forward",
    ):
        assert part in said, said
    assert said.count("\n  help: ") == said.count(": warning: ")
    saml = entra(configured(endpoints={"ecp": "forward"}), "--protocol", "saml")
    assert saml.returncode == 0 and b"endpoints.ecp: is forward" in saml.stderr


def test_a_key_that_entra_does_not_take_is_refused(configured, tmp_path):
    certificates.signing(tmp_path, "curve", curve=ec.SECP256R1())
    file = configured()
    whole = yaml.safe_load(file.read_text())
    whole["issuer"]["signing"] = {"certificate_file": "curve.crt", "private_key_file": "curve.key"}
    file.write_text(yaml.safe_dump(whole))
    refused = entra(file, "--domain", "example.com")
    assert refused.returncode == 78 and b"is Office 365" in refused.stderr


def test_a_certificate_that_ends_soon_is_told(configured, tmp_path):
    certificates.signing(tmp_path, "soon", days=10)
    file = configured()
    whole = yaml.safe_load(file.read_text())
    whole["issuer"]["signing"] = {"certificate_file": "soon.crt", "private_key_file": "soon.key"}
    file.write_text(yaml.safe_dump(whole))
    told = graph(file, "--domain", "example.com")
    assert "the signing certificate ends at" in entra(file, "--domain", "example.com").stderr.decode()
    (difference,) = json.loads(diff(file, told, "--json", status=0))["differences"]
    assert difference["consequence"] == "will fail" and "fedfront promote" in difference["follows"]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--domain", "localhost"], "is no domain"),
        (["--domain", "example.com'; Remove-Item x"], "is no domain"),
        (["--passive", "http://idp.example.com/"], "write a whole https URL"),
        (["--passive", "/passivests"], "write a whole https URL"),
        (["--protocol", "oidc"], "ws-fed"),
        (["--mfa", "never"], "rejectMfaByFederatedIdp"),
        (["--display-name", "a\nb"], "one line"),
    ],
)
def test_what_is_asked_wrongly_is_told(configured, arguments, said):
    ran = entra(configured(), *arguments)
    assert ran.returncode == 64 and said in ran.stderr.decode(), ran.stderr


def test_without_office_365_or_a_domain_there_is_nothing_to_tell(configured):
    nobody = entra(configured(relying_parties=[]), "--domain", "example.com")
    assert nobody.returncode == 78 and b"relying_parties: has no party that is Office 365" in nobody.stderr
    party = [{"name": "office365", "preset": "office365"}]
    nowhere = {"example.com": None, "subsidiary.example": None}
    unnamed = entra(configured(relying_parties=party, issuer={"domains": nowhere}))
    assert unnamed.returncode == 64 and b"give --domain NAME" in unnamed.stderr


def strings(script):
    """What PowerShell reads between single quotes, whichever: each of them twice is one."""
    values, at = [], 0
    for line in script.splitlines():
        if line.lstrip().startswith("#"):
            continue
        at = 0
        while at < len(line):
            if line[at] == '"':
                at = line.index('"', at + 1) + 1
            elif line[at] in QUOTES:
                value, at = "", at + 1
                while line[at] not in QUOTES or line[at + 1 : at + 2] and line[at + 1] in QUOTES:
                    value += line[at]
                    at += 2 if line[at] in QUOTES else 1
                values.append(value)
                at += 1
            else:
                at += 1
    return values


def test_a_script_means_what_graph_is_told(configured, tmp_path):
    name = "O'Brien \u2019 $(Remove-Item x) `n \"; #"
    file = configured(issuer={"domains": {"example.com": "urn:o'x", "subsidiary.example": "urn:y"}}, next_key=True)
    chosen = ["--display-name", name, "--mfa", "rejectMfaByFederatedIdp", "--prompt-login", "disabled"]
    script = out(entra(file, "--format", "powershell", *chosen))
    assert strings("x 'a''b' \u2018c\u2019\u2019d\u201b \"'\"") == ["a'b", "c\u2019d"]
    read = strings(script)
    for domain in ("example.com", "subsidiary.example"):
        told = graph(file, "--domain", domain, *chosen)
        del told["@odata.type"]
        for key, value in told.items():
            assert value in read, key
            assert f"    {key[0].upper()}{key[1:]} = " in script
    assert script.count("New-MgDomainFederationConfiguration") == 2 and "$settings" in script
    for part in ("Connect-MgGraph -Scopes ", "Update-MgDomainFederationConfiguration", "Update-MgDomain -DomainId 'example.com'"):
        assert part in script
    made = tmp_path / "federate.ps1"
    assert out(entra(file, "--format", "powershell", *chosen, "--out", made)) == "" and made.read_text() == script
    nowhere = entra(file, "--out", tmp_path / "none" / "x")
    assert nowhere.returncode == 1 and b"cannot write" in nowhere.stderr


def diff(file, tenant, *arguments, status):
    text = tenant if isinstance(tenant, bytes) else json.dumps(tenant).encode()
    return out(entra(file, "diff", "-", *arguments, stdin=text), status)


@pytest.mark.parametrize("protocol", ["ws-fed", "saml"])
def test_what_was_told_is_what_is_had_in_every_form(configured, tmp_path, protocol):
    file = configured(next_key=True)
    told = graph(file, "--domain", "example.com", "--protocol", protocol)
    capital = {f"{key[0].upper()}{key[1:]}": value for key, value in told.items()}
    capital |= {"Id": "6601d14b", "AdditionalProperties": {}, "SigningCertificateUpdateStatus": {"CertificateUpdateResult": None}}
    lines = "\r\n".join(re.findall(".{1,64}", told["signingCertificate"]))
    armoured = {**told, "signingCertificate": f"-----BEGIN CERTIFICATE-----\r\n{lines}\r\n-----END CERTIFICATE-----\r\n"}
    for form in (told, {"value": [told]}, [capital], armoured, ("\ufeff" + json.dumps(capital)).encode("utf-16-le")):
        same = diff(file, form, "--domain", "example.com", status=0)
        assert same.endswith("\nNothing differs.\n") and "Connect-MgGraph" not in same
        # Graph's object does not name the domain; its issuer is of one.
        assert diff(file, form, status=0).startswith("example.com: ")
    kept = tmp_path / "tenant.json"
    kept.write_text(json.dumps(told))
    assert out(entra(file, "diff", kept)).endswith("\nNothing differs.\n")


@pytest.mark.parametrize(
    "setting, value, status, said",
    [
        ("issuerUri", "http://EXAMPLE.com/adfs/services/trust", 1, "AADSTS50107"),
        ("preferredAuthenticationProtocol", None, 1, "WS-Trust"),
        ("passiveSignInUri", "https://old.example.com/adfs/ls", 1, "Browsers"),
        ("activeSignInUri", "https://old.example.com/sts", 1, "WS-Trust"),
        ("activeSignInUri", "https://sts.example.com/services/wso2carbon-sts", 0, "Another address"),
        ("metadataExchangeUri", "", 1, "Microsoft's libraries"),
        ("signOutUri", None, 0, "signs out"),
        ("nextSigningCertificate", None, 0, "issuer.signing.next"),
        ("signingCertificate", "nonsense", 1, "AADSTS50008"),
        ("federatedIdpMfaBehavior", "enforceMfaByFederatedIdp", 0, "second factor"),
    ],
)
def test_each_single_change_is_found_and_named(configured, setting, value, status, said):
    file = configured(next_key=True)
    told = graph(file, "--domain", "example.com") | {"id": "6601d14b", setting: value}
    found = json.loads(diff(file, told, "--domain", "example.com", "--json", status=status))
    (difference,) = found["differences"]
    assert (difference["setting"], difference["theirs"] or None) == (setting, difference["theirs"])
    assert said in difference["follows"] and found["sign_in_fails"] is (status == 1)
    assert difference["consequence"] == ("fails" if status else difference["consequence"]) and "domain" in found
    if difference["ours"]:
        command = "Update-MgDomainFederationConfiguration -DomainId 'example.com' -InternalDomainFederationId '6601d14b' -"
        assert difference["command"].startswith(command + setting[0].upper() + setting[1:])
    text = diff(file, told, "--domain", "example.com", status=status)
    assert f"\n{setting}\n  fedfront   " in text and difference["follows"] in text


def test_certificates_are_compared_as_certificates(configured, pairs):
    file = configured(next_key=True)
    told = graph(file, "--domain", "example.com")
    current, following, stranger = (certificates.base64_of(pair[0]) for pair in pairs)
    swapped = told | {"signingCertificate": following, "nextSigningCertificate": current}
    assert "No sign-in would fail now." in diff(file, swapped, status=0)
    unknown = told | {"signingCertificate": stranger, "nextSigningCertificate": following}
    found = json.loads(diff(file, unknown, "--json", status=1))
    subject, thumbprint, ends = facts(stranger)
    tenant = found["certificates"]["tenant"]["signingCertificate"]
    assert [tenant["subject"], tenant["thumbprint"]] == [subject, thumbprint]
    assert datetime.datetime.fromisoformat(tenant["ends"]) == ends
    (difference,) = found["differences"]
    assert thumbprint in difference["theirs"] and facts(current)[1] in difference["ours"]
    # Browsers may sign in by the one that nobody knows: it stays.
    assert f"-NextSigningCertificate '{current}'" in difference["command"] and " -SigningCertificate" not in difference["command"]
    assert "best have fedfront sign by the same key" in difference["follows"]
    beside = told | {"nextSigningCertificate": stranger}
    text = diff(configured("alone.yaml"), beside, status=0)
    assert f"\nThe tenant has:\n  signingCertificate: CN=" in text and text.count("Connect-MgGraph -Scopes ") == 1
    assert "Microsoft.Graph.Identity.DirectoryManagement" in text
    assert "whoever has its key can sign in as every user" in text and thumbprint in text


def test_browsers_certificate_stays_in_every_format(configured, pairs):
    theirs, ours = certificates.base64_of(pairs[2][0]), certificates.base64_of(pairs[0][0])
    file = configured(metadata={"mode": "own", "idp": "wso2", "idp_certificates": [str(pairs[2][0])]})
    told = graph(file, "--domain", "example.com")
    assert [told["signingCertificate"], told["nextSigningCertificate"]] == [ours, theirs]
    for form in ("text", "powershell", "certificate"):
        ran = entra(file, "--format", form)
        assert theirs in out(ran) and "until then nextSigningCertificate is this certificate" in ran.stderr.decode()
    del told["nextSigningCertificate"]
    (difference,) = json.loads(diff(file, told | {"signingCertificate": theirs}, "--json", status=1))["differences"]
    assert f"-NextSigningCertificate '{ours}'" in difference["command"] and " -SigningCertificate" not in difference["command"]
    mended = told | {"signingCertificate": theirs, "nextSigningCertificate": ours}
    assert diff(file, mended, status=0).endswith("\nNothing differs.\n")


def test_a_domain_that_is_not_federated_is_told(configured):
    file = configured()
    for nothing in (b"", {"value": []}):
        said = diff(file, nothing, "--domain", "example.com", status=1)
        assert "The domain is not federated" in said and "--format powershell --domain example.com" in said


def test_what_is_no_federation_is_told(configured, tmp_path):
    file = configured()
    told = graph(file, "--domain", "example.com")
    for wrong, said in [
        (b"IssuerUri : urn:x", "is not JSON"),
        (json.dumps({"id": "example.com", "authenticationType": "Federated"}).encode(), "it has no issuerUri"),
        (json.dumps({"error": {"message": "Insufficient privileges\u001b[31m"}}).encode(), "Insufficient privileges\\u{1b}[31m"),
        (json.dumps([told | {"issuerUri": "urn:x"}, told | {"issuerUri": "urn:y"}]).encode(), "does not say which domain"),
    ]:
        ran = entra(file, "diff", "-", stdin=wrong)
        assert ran.returncode == 64 and said in ran.stderr.decode(), ran.stderr
    missing = entra(file, "diff", tmp_path / "none.json")
    assert missing.returncode == 64 and b"No such file" in missing.stderr
    broken = entra(tmp_path / "none.yaml", "diff", "-", stdin=json.dumps(told).encode())
    assert broken.returncode == 78
