"""Names and attributes for each service provider: what mod_auth_mellon learns, what the presets say, what is refused."""

import base64
import hashlib
import hmac
import subprocess

import pytest
from lxml import etree

from conftest import need
from support import ecp, ecp_clients, fedfront, judge
from support.ecp import Answer, AuthnRequest, of_sp
from support.fedfront import ENTITY_ID, ldap
from support.mellon import MODULE, Mellon, entity_attributes, learned, requested_attributes
from support.people import ALICE, BOB
from support.slapd import ENTITLEMENT

FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
PERSISTENT, TRANSIENT = FORMAT + "persistent", FORMAT + "transient"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
SALT = "canary-salt-of-many-octets"
RESEARCH = "http://refeds.org/category/research-and-scholarship"
OIDS = {
    "eppn": "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
    "affiliation": "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
    "entitlement": "urn:oid:1.3.6.1.4.1.5923.1.1.1.7",
    "mail": "urn:oid:0.9.2342.19200300.100.1.3",
    "displayName": "urn:oid:2.16.840.1.113730.3.1.241",
    "sn": "urn:oid:2.5.4.4",
    "home": "urn:oid:1.3.6.1.4.1.25178.1.2.9",
    "pairwise": "urn:oasis:names:tc:SAML:attribute:pairwise-id",
    "subject": "urn:oasis:names:tc:SAML:attribute:subject-id",
}
SHORT = [f"MellonSetEnv {name} {oid}" for name, oid in OIDS.items()]
ADMIN = "arn:aws:iam::123456789012:role/Admin,arn:aws:iam::123456789012:saml-provider/fedfront"


def computed(sp, person=ALICE):
    """The octets of a pairwise name."""
    message = sp.entity_id.encode() + b"\0" + person.immutable_id.encode()
    return hmac.new(SALT.encode(), message, hashlib.sha256).digest()


@pytest.fixture(scope="module")
def federation(launch_shared, slapd, nginx, tmp_path_factory):
    """Service providers by name, and the fedfront that knows them all."""
    need("apache2", MODULE)
    sps = {
        "research": Mellon(
            formats=[PERSISTENT],
            extensions=entity_attributes(categories=[RESEARCH], subject_id=["any"]),
            directives=SHORT,
        ),
        "conduct": Mellon(
            formats=[TRANSIENT],
            extensions=entity_attributes(
                categories=["https://refeds.org/category/code-of-conduct/v2"], subject_id=["subject-id"]
            ),
            requested=requested_attributes(OIDS["entitlement"], OIDS["mail"]),
            directives=SHORT,
        ),
        "stranger": Mellon(formats=[PERSISTENT], requested=requested_attributes(*OIDS.values()), directives=SHORT),
        "openstack": Mellon(formats=[TRANSIENT]),
        "migrated": Mellon(formats=[PERSISTENT]),
    }
    parties = [
        {"name": name, "preset": "edugain", "metadata_file": str(sps[name].metadata_file)}
        for name in ("research", "conduct", "stranger")
    ]
    parties += [
        {"name": "openstack", "preset": "openstack", "metadata_file": str(sps["openstack"].metadata_file)},
        {
            "name": "migrated",
            "metadata_file": str(sps["migrated"].metadata_file),
            "ecp": True,
            "name_identifier": [
                {"pairwise": "uid", "algorithm": "shibboleth", "encode": "base32"},
                {"from": "mail", "format": EMAIL},
                {"from": "upn", "format": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"},
                {"from": "transient"},
            ],
        },
        {"name": "aws", "preset": "aws", "aws": {"roles": {"O365-Users": ADMIN}, "session_duration": "2h"}},
    ]
    salt = tmp_path_factory.mktemp("salt") / "name-salt"
    salt.write_text(SALT + "\n")
    salt.chmod(0o600)
    issuer = {"scope": "example.com", "name_salt_file": str(salt)}
    proxy = launch_shared(ldap(slapd), nginx.url, relying_parties=parties, issuer=issuer)
    for sp in sps.values():
        sp.start(proxy.get("/oamfed/idp/metadata").content)
    yield sps, proxy
    for sp in sps.values():
        sp.stop()
    proxy.finish()
    assert SALT not in proxy.output()


def seen_by(sp, proxy, person=ALICE):
    """What the page of a service provider knows of somebody, without the module's own variables."""
    with ecp_clients.requests_session(proxy, person) as session:
        session.ecp_authenticate(sp.page)
        page = session.get(sp.page)
    assert page.status_code == 200
    seen = learned(page.text)
    assert seen.pop("MELLON_IDP") == ENTITY_ID
    assert seen.pop("REMOTE_USER") == seen["MELLON_NAME_ID"]
    return {
        name.removeprefix("MELLON_"): value
        for name, value in seen.items()
        if name not in ("MELLON_ASSERTION_ID", "MELLON_SESSION_INDEX", "MELLON_SESSION")
    }


def test_our_metadata_has_the_scope(federation, site):
    """Without it a service provider by Shibboleth takes no scoped attribute of ours."""
    _, proxy = federation
    answer = proxy.get("/oamfed/idp/metadata")
    judge.assert_valid(answer.content)
    scopes = etree.fromstring(answer.content).findall(".//{urn:mace:shibboleth:metadata:1.0}Scope")
    assert [(scope.text, scope.get("regexp")) for scope in scopes] == [("example.com", "false")]


def test_research_and_scholarship(federation):
    sps, proxy = federation
    sp = sps["research"]
    octets = computed(sp)
    assert seen_by(sp, proxy) == {
        "NAME_ID": base64.b64encode(octets).decode(),
        "pairwise": base64.b32encode(octets).decode() + "@example.com",
        "eppn": ALICE.upn,
        "affiliation": "staff@example.com;member@example.com",
        "mail": f"{ALICE.login}@example.com",
        "displayName": ALICE.login,
        "sn": "Tester",
    }
    assert seen_by(sp, proxy)["NAME_ID"] == base64.b64encode(octets).decode(), "the same the next time"
    assert seen_by(sp, proxy, BOB)["NAME_ID"] == base64.b64encode(computed(sp, BOB)).decode()


def test_code_of_conduct(federation):
    sps, proxy = federation
    seen = seen_by(sps["conduct"], proxy)
    first, again = seen.pop("NAME_ID"), seen_by(sps["conduct"], proxy)["NAME_ID"]
    assert first != again and first[0] == "_"
    assert seen == {
        "subject": f"{ALICE.immutable_id.encode().hex()}@example.com",
        "entitlement": ENTITLEMENT,
        "mail": f"{ALICE.login}@example.com",
    }


def test_a_stranger_learns_what_tells_nothing(federation):
    sps, proxy = federation
    name = computed(sps["stranger"])
    assert name != computed(sps["research"])
    # Whoever asks for both identifiers is a stranger still: this one tells that it is the same user again.
    assert seen_by(sps["stranger"], proxy) == {
        "NAME_ID": base64.b64encode(name).decode(),
        "pairwise": base64.b32encode(name).decode() + "@example.com",
    }


def test_keystone(federation):
    sps, proxy = federation
    seen = seen_by(sps["openstack"], proxy)
    assert seen.pop("NAME_ID")[0] == "_"
    assert seen == {
        "openstack_user": ALICE.upn,
        "openstack_groups": "O365-Users",
        "mail": f"{ALICE.login}@example.com",
    }
    assert ecp_clients.keystone(proxy, sps["openstack"].url, ALICE).username == ALICE.upn


def test_names_that_shibboleth_has_given_stay(federation):
    sps, proxy = federation
    sp = sps["migrated"]
    digest = hashlib.sha1(f"{sp.entity_id}!{ALICE.login}!{SALT}".encode()).digest()
    assert seen_by(sp, proxy) == {"NAME_ID": base64.b32encode(digest).decode()}


@pytest.mark.parametrize("format", [None, PERSISTENT, EMAIL, TRANSIENT, "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"])
@pytest.mark.parametrize("qualified", [False, True])
def test_a_name_id_policy_chooses(federation, format, qualified):
    sps, proxy = federation
    sp = sps["migrated"]
    said = (f' Format="{format}"' if format else "") + (f' SPNameQualifier="{sp.entity_id}"' if qualified else "")
    answer = Answer(ecp.send(proxy, policy(sp, said), (ALICE.upn, ALICE.password)))
    name = answer.one("//saml:NameID")
    persistent = format in (None, PERSISTENT) or format.endswith("unspecified")
    assert name.get("Format") == (PERSISTENT if persistent else format)
    # Both are of computed names alone: `saml-core-2.0-os`, 8.3.
    qualifiers = {"NameQualifier": ENTITY_ID, "SPNameQualifier": sp.entity_id} if persistent else {}
    assert {key: value for key, value in name.attrib.items() if key != "Format"} == qualifiers
    if format == EMAIL:
        assert name.text == f"{ALICE.login}@example.com"


@pytest.mark.parametrize(
    "said", [f'Format="{FORMAT}kerberos"', f'Format="{FORMAT}encrypted"', 'SPNameQualifier="urn:other"', f'SPNameQualifier="urn:x" Format="{PERSISTENT}"']
)
def test_a_name_that_nobody_has_is_refused_before_the_password_is(federation, said):
    sps, proxy = federation
    for password in (ALICE.password, "wrong"):
        answer = Answer(ecp.send(proxy, policy(sps["migrated"], " " + said), (ALICE.upn, password)))
        assert answer.statuses() == ["Requester", "InvalidNameIDPolicy"]


def test_a_subject_is_asked_for_by_any_name_that_the_provider_knows(federation):
    sps, proxy = federation
    sp = sps["migrated"]
    digest = hashlib.sha1(f"{sp.entity_id}!{ALICE.login}!{SALT}".encode()).digest()
    for format, name, person, statuses in (
        (PERSISTENT, base64.b32encode(digest).decode(), ALICE, ["Success"]),
        (PERSISTENT, base64.b32encode(digest).decode(), BOB, ["Requester", "UnknownPrincipal"]),
        (EMAIL, f"{ALICE.login}@example.com", ALICE, ["Success"]),
        (EMAIL, f"{BOB.login}@example.com", ALICE, ["Requester", "UnknownPrincipal"]),
        (FORMAT + "kerberos", ALICE.login, ALICE, ["Requester", "UnknownPrincipal"]),
    ):
        subject = f'<saml:Subject><saml:NameID Format="{format}">{name}</saml:NameID></saml:Subject>'
        answer = Answer(ecp.send(proxy, of_sp(sp, children=subject), (person.upn, person.password)))
        assert answer.statuses() == statuses, (format, name)
        if statuses == ["Success"]:
            assert answer.one("//saml:NameID").text == name


def policy(sp, said):
    return of_sp(sp, children=f'<samlp:NameIDPolicy AllowCreate="1"{said}/>')


@pytest.mark.parametrize("binding", [ecp.PAOS, None])
def test_aws(federation, binding):
    """As awscli-login and saml2aws ask, in the name of a service provider that has no ECP."""
    _, proxy = federation
    acs = "https://signin.aws.amazon.com/saml"
    request = AuthnRequest(issuer="urn:amazon:webservices", acs_index=None, acs_url=acs, binding=binding)
    answer = Answer(ecp.send(proxy, request, (ALICE.upn, ALICE.password)))
    assert answer.header_first().get("AssertionConsumerServiceURL") == acs
    assert answer.one("//saml:SubjectConfirmationData").get("Recipient") == acs
    assert answer.one("//saml:Audience").text == "urn:amazon:webservices"
    attributes = {
        attribute.get("Name").removeprefix("https://aws.amazon.com/SAML/Attributes/"): [value.text for value in attribute]
        for attribute in answer.document.iter(f"{{{ecp.NS['saml']}}}Attribute")
    }
    assert attributes == {"RoleSessionName": [ALICE.upn], "Role": [ADMIN], "SessionDuration": ["7200"]}
    assert answer.one("//saml:NameID").get("Format") == PERSISTENT


def test_aws_refuses_whoever_has_no_role(federation):
    _, proxy = federation
    request = AuthnRequest(issuer="urn:amazon:webservices", acs_index=None)
    answer = Answer(ecp.send(proxy, request, (BOB.upn, BOB.password)))
    assert answer.statuses() == ["Requester", "AuthnFailed"]


def test_check_shows_the_name_that_each_would_get(federation):
    sps, proxy = federation
    ran = subprocess.run(
        [fedfront.binary(), "check", "-c", proxy.file, "--user", ALICE.upn], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert SALT not in ran.stdout + ran.stderr
    step = f"user {ALICE.upn}, relying party"
    research = base64.b64encode(computed(sps["research"])).decode()
    for line in (
        f"{step} research, ECP: issuer {ENTITY_ID}, name identifier {research}, {PERSISTENT}\n",
        f"{step} research, ECP, asking for {TRANSIENT}: name identifier (a new one each time)\n",
        f"{step} research, ECP, claim {OIDS['eppn']}: {ALICE.upn}\n",
        f"{step} research, ECP, claim {OIDS['entitlement']}: not released to it, by what its metadata says of it\n",
        f"{step} conduct, ECP: issuer {ENTITY_ID}, name identifier (a new one each time), {TRANSIENT}\n",
        f"{step} migrated, ECP, asking for {EMAIL}: name identifier {ALICE.login}@example.com\n",
        f"{step} aws, ECP, claim https://aws.amazon.com/SAML/Attributes/Role: {ADMIN}\n",
    ):
        assert line in ran.stdout, ran.stdout


def test_the_salt_is_not_dumped(federation):
    _, proxy = federation
    dumped = subprocess.run([fedfront.binary(), "config", "dump", "-c", proxy.file], capture_output=True, text=True)
    assert dumped.returncode == 0, dumped.stderr
    assert SALT not in dumped.stdout + dumped.stderr and "name_salt_file: " in dumped.stdout
