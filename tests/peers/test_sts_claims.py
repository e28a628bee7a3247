"""Claims: what rules make of a user, what a request may ask for and what it may not say, and what Entra reads besides."""

import datetime
import subprocess
import uuid
from xml.sax.saxutils import quoteattr

import pytest
import yaml

from support import ecp, fedfront, judge, operations, people, waiting
from support.ecp import AuthnRequest
from support.rst import (
    NS,
    PATH13,
    PATH2005,
    SAML1,
    SAML2,
    TRUST13,
    TRUST2005,
    Rst,
    Token,
    fault,
    send,
    token,
)

PASSWORD = "wonderland"
IDENTITY = "http://schemas.xmlsoap.org/ws/2005/05/identity"
WSO2 = "http://wso2.org/claims"
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
WS2012 = "http://schemas.microsoft.com/ws/2012/01"
WS2008 = "http://schemas.microsoft.com/ws/2008/06/identity/claims"
APP = "https://app.example.com/"
PARENT = "http://example.com/adfs/services/trust/"
CHILD = "http://sales.example.com/adfs/services/trust/"
# Whatever breaks out of what is not escaped, normalised or bounded.
HOSTILE = [
    "a\"'<b>&amp;]]>",
    "line one\nline two\r\nline three\ttab",
    "</saml:AttributeValue><saml:AttributeValue>admin",
    "<!-- -->x<?pi?>",
    "é\u0301 \u202e \u2028 \U0010ffff \ufffd",
    "{givenName} {{x}} ${HOME} $1 %s",
]
FILETIME_EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.timezone.utc)


def filetime(**later):
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**later)
    return str(int((then - FILETIME_EPOCH).total_seconds()) * 10**7)


USERS = [
    {
        "name": "alice",
        "upn": "alice@example.com",
        "immutable_id": "AAECAwQFBgcICQoLDA0ODw==",
        "groups": ["O365-Users", "CN=App-Mail,OU=Groups,DC=x", "CN=App-<Wiki>,DC=x", "CN=Admins,DC=x"],
        "attributes": {"mail": "Alice@Example.COM", "givenName": "Zoë", "sn": "Müller & Söhne", "note": HOSTILE, "pwdEnd": filetime(days=3, hours=1)},
    },
    {"name": "bob", "upn": "bob@hr.example.com", "immutable_id": "AAEC", "groups": ["O365-Users"], "attributes": {"pwdEnd": filetime(days=40)}},
    {"name": "sue", "upn": "sue@eu.sales.example.com", "immutable_id": "AAED", "groups": ["O365-Users"]},
    {"name": "lost", "upn": "lost@notexample.com", "immutable_id": "AAEE", "groups": ["O365-Users"]},
]  # fmt: skip

OFFICE = {
    "name": "office365",
    "preset": "office365",
    "required_group": "O365-Users",
    "issuer": "by_domain",
    "entra": {
        "inside_corporate_network": ["10.0.0.0/8"],
        "password_expiry": {"attribute": "pwdEnd", "change_url": "https://password.example.com/"},
        "account_type": True,
        "issuer_id": True,
        "authentication_instant": True,
    },
}
RICH = {
    "name": "app",
    "applies_to": [APP],
    "name_identifier": {"first_of": ["employeeNumber", "mail"], "case": "lower"},
    "attributes": [
        {"name": f"{CLAIMS}/emailaddress", "first_of": ["mail", "upn"], "case": "lower"},
        {"name": "name", "namespace": CLAIMS, "template": "{givenName} {sn}"},
        {"name": ROLE, "roles": {"Admins": "admin", "O365-Users": "user"}},
        {"name": "urn:apps", "from": "groups", "match": {"pattern": "CN=App-([^,]+),.*", "replace": "{1}"}},
        {"name": "urn:note", "from": "note"},
        {"name": "urn:phone", "from": "telephoneNumber"},
        {"name": "http://wso2.org/claims/givenname", "from": "givenName"},
        {"name": "urn:environment", "value": "<production>", "required": True},
    ],
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory, binary_built):
    """A file of users, all with the same password."""
    folder = tmp_path_factory.mktemp("users")
    demo = [fedfront.binary(), "demo", "--dir", folder, "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--exit"]
    subprocess.run(demo, check=True, capture_output=True, timeout=60)
    a_hash = yaml.safe_load((folder / "users.yaml").read_text())["users"][0]["password_hash"]
    users = folder / "claims.yaml"
    users.write_text(yaml.safe_dump({"users": [{**user, "password_hash": a_hash} for user in USERS]}))
    users.chmod(0o600)
    return {"file": {"path": str(users)}}


SETTINGS = {
    "issuer": {"domains": {"example.com": PARENT, "sales.example.com": CHILD}},
    "trusted_proxies": ["127.0.0.1"],
    "relying_parties": [OFFICE, RICH],
}


@pytest.fixture(scope="module")
def mapping(launch_shared, directory, nginx):
    process = launch_shared(directory, nginx.url, **SETTINGS)
    yield process
    process.finish()


def ask(proxy, path=PATH13, user="alice@example.com", password=PASSWORD, headers=None, **fields):
    trust = TRUST2005 if path == PATH2005 else TRUST13
    fields = {"user": user, "password": password, "trust": trust, "applies_to": APP, **fields}
    return send(proxy, Rst(**fields), path, **(headers or {}))


def claims_of(*types, dialect=IDENTITY, trust=TRUST13, qualified=False, **optional):
    """A `wst:Claims` with these URIs; `optional` by number."""
    asked = "".join(
        f"<i:ClaimType Uri={quoteattr(uri)}{' Optional=' + quoteattr(optional[f'o{number}']) if f'o{number}' in optional else ''}/>"
        for number, uri in enumerate(types)
    )
    name = "q:Dialect" if qualified else "Dialect"
    return f'<q:Claims xmlns:q="{trust}" xmlns:i="{IDENTITY}" {name}="{dialect}">{asked}</q:Claims>'


def flat(attributes):
    """By claim URI, whatever the version of SAML."""
    return {"/".join(name) if isinstance(name, tuple) else name: values for name, values in attributes.items()}


WHOLE_NAMES = "urn:mace:shibboleth:1.0:attributeNamespace:uri/"


def told(answer):
    return {name.removeprefix(WHOLE_NAMES): values for name, values in flat(token(answer).attributes()).items()}


EXPECTED = {
    f"{CLAIMS}/emailaddress": ["alice@example.com"],
    f"{CLAIMS}/name": ["Zoë Müller & Söhne"],
    ROLE: ["admin", "user"],
    "urn:apps": ["Mail", "<Wiki>"],
    "urn:note": HOSTILE,
    "http://wso2.org/claims/givenname": ["Zoë"],
    "urn:environment": ["<production>"],
}


@pytest.mark.parametrize("path", [PATH13, PATH2005])
@pytest.mark.parametrize("token_type", [SAML1, SAML2])
def test_every_rule_in_both_versions_of_both(mapping, site, path, token_type):
    answer = ask(mapping, path, token_type=token_type)
    assert told(answer) == EXPECTED
    made = token(answer)
    judge.assert_valid(made.assertion_bytes)
    identifier = "AssertionID" if token_type == SAML1 else "ID"
    judge.assert_signed(answer.content, site.signing[0], identifier, "Assertion", token_type)
    (name,) = made.assertion.xpath("(.//saml:NameIdentifier | .//saml2:NameID)[1]", namespaces=NS)
    assert name.text == "alice@example.com"


@pytest.mark.parametrize("path", [PATH13, PATH2005])
@pytest.mark.parametrize("dialect, qualified", [(IDENTITY, False), (IDENTITY, True), (WSO2, False), (WSO2, True)])
def test_a_request_gets_what_it_asks_for_and_what_is_required(mapping, path, dialect, qualified):
    trust = TRUST2005 if path == PATH2005 else TRUST13
    asked = claims_of(ROLE, f"{CLAIMS}/name", "urn:unheard-of", "urn:phone", dialect=dialect, qualified=qualified, trust=trust)
    answer = ask(mapping, path, body_extra=asked)
    assert told(answer) == {name: EXPECTED[name] for name in (f"{CLAIMS}/name", ROLE, "urn:environment")}


def test_wcf_passes_on_what_a_policy_asks_for(mapping):
    asked = f'<w:SecondaryParameters xmlns:w="{TRUST13}">{claims_of("urn:apps")}</w:SecondaryParameters>'
    assert told(ask(mapping, body_extra=asked)).keys() == {"urn:apps", "urn:environment"}
    both = asked + claims_of(ROLE)
    assert told(ask(mapping, body_extra=both)).keys() == {ROLE, "urn:environment"}


def test_nothing_asked_for_is_everything(mapping):
    assert told(ask(mapping, body_extra=claims_of())) == EXPECTED


def test_what_office_365_needs_is_always_told(mapping):
    answer = ask(mapping, applies_to=fedfront.OFFICE, body_extra=claims_of("urn:unheard-of"))
    assert {name.rsplit("/", 1)[-1] for name in told(answer)} == {"UPN", "ImmutableID"}


INJECTIONS = [
    "{%s|injected}",
    "{%s |injected}",
    "%s|injected",
    "{%s}",
    "%s}",
    "%s/injected",
    "%s injected",
    "%s\x85",
    "%s?",
    "%%%s",
]


@pytest.mark.parametrize("path", [PATH13, PATH2005])
@pytest.mark.parametrize("form", INJECTIONS)
def test_no_client_says_what_a_claim_is(mapping, path, form):
    """WSO2 takes `{claim|value}` for a claim with a value that the client chose."""
    trust = TRUST2005 if path == PATH2005 else TRUST13
    uris = [form % uri for uri in (ROLE, "urn:phone", f"{CLAIMS}/name")]
    answer = ask(mapping, path, body_extra=claims_of(*uris, dialect=WSO2, qualified=True, trust=trust))
    assert told(answer).keys() == {"urn:environment"}
    assert b"injected" not in answer.content


VALUES = f'<i:ClaimValue Uri="{ROLE}"><i:Value>injected</i:Value></i:ClaimValue>'


@pytest.mark.parametrize("path", [PATH13, PATH2005])
@pytest.mark.parametrize(
    "claims",
    [
        f'<q:Claims xmlns:q="TRUST" xmlns:i="{IDENTITY}" Dialect="{IDENTITY}">{VALUES}</q:Claims>',
        f'<q:Claims xmlns:q="TRUST" Dialect="urn:oasis:names:tc:xacml:2.0:context:schema:os"><injected/></q:Claims>',
        f'<q:Claims xmlns:q="TRUST" Dialect="{IDENTITY}"><q:ClaimType Uri="{ROLE}"/></q:Claims>',
    ],
    ids=["a value", "another dialect", "another namespace"],
)
def test_what_is_not_understood_is_refused_and_told_how_to_ask(mapping, path, claims):
    trust = TRUST2005 if path == PATH2005 else TRUST13
    answer = ask(mapping, path, body_extra=claims.replace("TRUST", trust))
    code, local, namespace, reason = fault(answer)
    assert (answer.status_code, code, local, namespace) == (500, "Sender", "BadRequest", trust)
    assert "ClaimType" in reason and "injected" not in answer.text


@pytest.mark.parametrize("optional", ["false", "0"])
def test_a_claim_that_is_insisted_on_and_not_there(mapping, optional):
    answer = ask(mapping, body_extra=claims_of(ROLE, "urn:phone", o1=optional))
    code, local, namespace, reason = fault(answer)
    assert (code, local, namespace) == ("Sender", "RequestFailed", TRUST13)
    assert "insists on" in reason and "urn:phone" not in answer.text
    assert told(ask(mapping, body_extra=claims_of(ROLE, o0=optional))).keys() == {ROLE, "urn:environment"}
    assert told(ask(mapping, body_extra=claims_of("urn:phone", o0="true"))).keys() == {"urn:environment"}
    # Who cannot sign in is not told who has which claim.
    asked = claims_of("urn:phone", o0=optional)
    wrong = [ask(mapping, user=user, password="wrong", body_extra=asked) for user in ("alice@example.com", "nobody@example.com")]
    assert {fault(answer)[1] for answer in wrong} == {"FailedAuthentication"}


def test_optional_is_a_boolean(mapping):
    assert fault(ask(mapping, body_extra=claims_of(ROLE, o0="maybe")))[1] == "InvalidRequest"


# What Entra reads.


def office(proxy, user="alice@example.com", **headers):
    return told(ask(proxy, user=user, applies_to=fedfront.OFFICE, headers=headers))


def test_entra_is_told_of_a_sign_in(mapping):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=2)
    claims = office(mapping)
    assert claims[f"{WS2012}/accounttype"] == ["User"]
    assert claims[f"{WS2008}/issuerid"] == [PARENT]
    (instant,) = claims[f"{WS2008}/authenticationinstant"]
    assert before < datetime.datetime.fromisoformat(instant.replace("Z", "+00:00")) <= datetime.datetime.now(datetime.timezone.utc)
    assert claims[f"{WS2012}/passwordexpirationdays"] == ["3"]
    assert 3 * 86400 - 600 < int(claims[f"{WS2012}/passwordexpirationtime"][0]) <= 3 * 86400 + 3600
    assert claims[f"{WS2012}/passwordchangeurl"] == ["https://password.example.com/"]
    assert not any("password" in name for name in office(mapping, "bob@hr.example.com"))


@pytest.mark.parametrize(
    "headers, inside",
    [
        ({"X-Forwarded-For": "10.1.2.3"}, "true"),
        ({"X-Forwarded-For": "203.0.113.7"}, "false"),
        ({"X-Forwarded-For": "10.1.2.3, 203.0.113.7"}, "false"),
        ({}, "false"),
        ({"X-MS-Forwarded-Client-IP": "10.1.2.3"}, "false"),
        ({"X-Forwarded-For": "10.1.2.3", "X-MS-Forwarded-Client-IP": "203.0.113.7"}, "false"),
        ({"X-Forwarded-For": "10.1.2.3", "X-MS-Forwarded-Client-IP": "10.1.2.4,10.1.2.5"}, "true"),
    ],
)
def test_inside_is_whose_address_a_trusted_proxy_vouches_for(mapping, headers, inside):
    assert office(mapping, **headers)[f"{WS2012}/insidecorporatenetwork"] == [inside]


def test_a_client_cannot_say_for_whom_it_asks_before_its_proxy_does(mapping):
    body = Rst(user="alice@example.com", password=PASSWORD, applies_to=fedfront.OFFICE).text().encode()
    for values, inside in ((["10.1.2.3"], "true"), (["10.1.2.3", "203.0.113.9"], "false"), (["10.1.2.3", "10.1.2.4"], "false")):
        named = "".join(f"X-MS-Forwarded-Client-IP: {value}\r\n" for value in values)
        with mapping.wire() as wire:
            wire.send(
                f"POST {PATH13} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/soap+xml\r\n"
                f"X-Forwarded-For: 10.1.2.3\r\n{named}Content-Length: {len(body)}\r\n\r\n"
            )
            wire.send(body)
            status, headers = wire.head()
            claims = flat(Token(wire.body(headers)).attributes())
        assert (status, claims[f"{WS2012}/insidecorporatenetwork"]) == (200, [inside])


def test_a_renewed_token_does_not_take_the_network_along(mapping):
    inside, outside = {"X-Forwarded-For": "10.1.2.3"}, {"X-Forwarded-For": "203.0.113.7"}
    for where, renewed in ((inside, {"true"}), (outside, {"false"})):
        first = token(ask(mapping, applies_to=fedfront.OFFICE, headers=where))
        request = operations.request(
            "Renew", people.ALICE, operations.by_reference(first), user="alice@example.com", password=PASSWORD
        )
        assert set(told(send(mapping, request, **where))[f"{WS2012}/insidecorporatenetwork"]) == renewed
        answer = send(mapping, request, **(outside if where is inside else inside))
        if where is inside:
            assert fault(answer)[1] == "UnableToRenew"
        else:
            assert told(answer)[f"{WS2012}/insidecorporatenetwork"] == ["false"]


def test_nobody_says_of_themselves_that_they_are_inside(launch, directory, nginx):
    changed = {**SETTINGS, "trusted_proxies": ["192.0.2.1"]}
    proxy = launch(directory, nginx.url, **changed)
    assert office(proxy, **{"X-Forwarded-For": "10.1.2.3"})[f"{WS2012}/insidecorporatenetwork"] == ["false"]


def test_nothing_of_it_unless_it_is_switched_on(launch, directory, nginx):
    proxy = launch(directory, nginx.url, relying_parties=[{key: OFFICE[key] for key in OFFICE if key != "entra"}], issuer=SETTINGS["issuer"])
    assert {name.rsplit("/", 1)[-1] for name in office(proxy)} == {"UPN", "ImmutableID"}


@pytest.mark.parametrize("path", [PATH13, PATH2005])
def test_a_second_factor_is_never_claimed(mapping, path):
    answer = ask(mapping, path, applies_to=fedfront.OFFICE, body_extra=claims_of(
        "http://schemas.microsoft.com/claims/authnmethodsreferences",
        "{http://schemas.microsoft.com/claims/authnmethodsreferences|http://schemas.microsoft.com/claims/multipleauthn}",
        trust=TRUST2005 if path == PATH2005 else TRUST13,
    ))  # fmt: skip
    assert token(answer).text("//saml:AuthenticationStatement/@AuthenticationMethod") == "urn:oasis:names:tc:SAML:1.0:am:password"
    assert b"multipleauthn" not in answer.content and b"authnmethods" not in answer.content


# Clouds and domains.


@pytest.mark.parametrize("path", [PATH13, PATH2005])
@pytest.mark.parametrize(
    "cloud",
    [
        "urn:federation:MicrosoftOnline",
        "urn:federation:partner.microsoftonline.cn",
        "urn:federation:microsoftonline.us",
        "urn:federation:microsoftonline.de",
    ],
)
def test_every_cloud_is_its_own_audience(mapping, path, cloud):
    made = token(ask(mapping, path, applies_to=cloud))
    assert made.text("//saml:Audience") == cloud
    assert made.text("//p:AppliesTo//*[local-name()='Address']") == cloud


ISSUERS = pytest.mark.parametrize(
    "user, issuer",
    [
        ("alice@example.com", PARENT),
        ("bob@hr.example.com", PARENT),
        ("sue@eu.sales.example.com", CHILD),
    ],
)


@ISSUERS
@pytest.mark.parametrize("path", [PATH13, PATH2005])
def test_a_subdomain_has_its_parents_issuer_in_ws_trust(mapping, path, user, issuer):
    answer = ask(mapping, path, user=user, applies_to=fedfront.OFFICE)
    assert token(answer).assertion.get("Issuer") == issuer
    assert told(answer)[f"{WS2008}/issuerid"] == [issuer]


@ISSUERS
def test_a_subdomain_has_its_parents_issuer_over_ecp(mapping, user, issuer):
    answer = ecp.Answer(ecp.send(mapping, AuthnRequest(), (user, PASSWORD)))
    assert {element.text for element in answer.document.iter("{urn:oasis:names:tc:SAML:2.0:assertion}Issuer")} == {issuer}


def test_a_domain_that_only_ends_alike_has_no_issuer(mapping):
    assert fault(ask(mapping, user="lost@notexample.com", applies_to=fedfront.OFFICE))[1] == "FailedAuthentication"


def test_a_directory_is_asked_for_what_rules_name(launch, slapd, nginx):
    rules = {**RICH, "name_identifier": {"from": "objectGUID", "encode": "guid", "case": "upper"}, "attributes": [
        {"name": "urn:name", "template": "{sn} <{mail}>"},
        {"name": "urn:guid", "from": "objectGUID", "encode": "guid"},
        {"name": "urn:group", "from": "groups", "match": {"pattern": "cn=([^,]+),.*", "replace": "{1}"}},
        {"name": "urn:role", "roles": {"o365-users": "user"}},
    ]}  # fmt: skip
    proxy = launch(fedfront.ldap(slapd), nginx.url, relying_parties=[rules])
    for person in (people.ALICE, people.TEXTUAL):
        answer = ask(proxy, user=person.upn, password=person.password)
        guid = str(uuid.UUID(bytes_le=person.guid))
        assert told(answer) == {
            "urn:name": [f"Tester <{person.upn}>"],
            "urn:guid": [guid],
            "urn:group": ["O365-Users"],
            "urn:role": ["user"],
        }
        assert token(answer).text("(//saml:NameIdentifier)[1]") == guid.upper()


# What an operator is shown.


def checked(tmp_path, site, directory, nginx, user, **changes):
    whole = fedfront.configuration(waiting.free_port(), waiting.free_port(), site, directory, nginx.url, **{**SETTINGS, **changes})
    file = fedfront.write(tmp_path / "proxy.yaml", whole)
    ran = subprocess.run([fedfront.binary(), "check", "-c", file, "--user", user], capture_output=True, text=True, timeout=60)
    return ran.returncode, ran.stdout


def test_check_evaluates_every_rule_without_the_network(tmp_path, site, directory, nginx):
    status, text = checked(tmp_path, site, directory, nginx, "alice@example.com")
    assert status == 0, text
    step = "user alice@example.com, relying party"
    for line in (
        f"{step} app, WS-Trust: issuer {fedfront.ENTITY_ID}, name identifier alice@example.com, "
        "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\n",
        f"{step} app, WS-Trust, claim {ROLE}: admin | user\n",
        f"{step} app, WS-Trust, claim urn:apps: Mail | <Wiki>\n",
        f"note     {step} app, WS-Trust, claim urn:phone: no value: telephoneNumber has no value\n",
        f"{step} office365, WS-Trust, claim accounttype: User\n",
        f"{step} office365, WS-Trust, claim insidecorporatenetwork: no value: true or false by the address of a client",
        f"{step} office365, ECP, claim IDPEmail: alice@example.com\n",
    ):
        assert line in text, text
    # Nothing that a terminal would obey, and every value on its line.
    assert "\\r\\nline three" in text and "\\u{202e}" in text
    assert not any(ord(character) < 32 and character != "\n" or character == "\u202e" for character in text)
    assert "upstream" not in text


def test_check_says_why_a_user_would_be_refused(tmp_path, site, directory, nginx):
    needs = {**RICH, "attributes": [{"name": "urn:phone", "from": "telephoneNumber", "required": True}, *RICH["attributes"][:1]]}
    status, text = checked(tmp_path, site, directory, nginx, "alice", relying_parties=[needs])
    assert status == 1, text
    assert "would be refused: urn:phone: telephoneNumber has no value" in text
    assert "claim urn:phone: no value: telephoneNumber has no value" in text
    assert f"claim {CLAIMS}/emailaddress: alice@example.com" in text
