"""Who may sign in from where, with what and by which protocol: every condition and every way to a token, and whom nobody believes."""

import collections
import statistics
import time

import pytest
import yaml

from conftest import need
from support import certificates, ecp, fedfront, waiting
from support.ad import Account
from support.ecp import Answer, AuthnRequest
from support.fedfront import ldap
from support.issuer import Issuer, security
from support.operations import by_reference, request, whole
from support.people import ALICE, BOB, MARKUP, SUBSIDIARY, TEXTUAL, UMLAUT, WIDE, WRONG
from support.rst import (
    PATH13,
    PATH2005,
    SAML1,
    SAML2,
    TRUST13,
    TRUST2005,
    WSSE,
    Rst,
    fault,
    send,
    sign_in,
    token,
)
from support.signed import Signed
from support.slapd import GROUP_DN
from test_check import run_check, users_file

ACTIVE_SYNC = "Microsoft.Exchange.ActiveSync"
INSIDE, OUTSIDE, BLOCKED = "10.1.2.3", "203.0.113.7", "192.0.2.66"
EXCHANGE = "198.51.100.7"
FOREIGN = "https://idp.example.net/"
BACKEND = "https://backend.example.com/"
APP = "https://app.example.com/"
OPEN = "https://open.example.com/"
REFUSED = ("Sender", "FailedAuthentication", WSSE)
NOT_PERMITTED = ("Sender", "FailedAuthentication", TRUST13)

# Mail programs by ActiveSync and Autodiscover, for a group, through Exchange Online; Windows from inside; one group from anywhere.
LEGACY = [
    {"deny": {"networks": ["192.0.2.64/26"]}},
    {
        "allow": {
            "protocols": ["ecp"],
            "forwarded": True,
            "applications": [ACTIVE_SYNC, "Microsoft.Exchange.Auto*"],
            "groups": ["O365-Users"],
        }
    },
    {"deny": {"protocols": ["ecp"]}},
    {"deny": {"protocols": ["wstrust2005"], "networks": ["203.0.113.0/24"]}},
    {"allow": {"networks": ["10.0.0.0/8", "127.0.0.1", "2001:db8::/32"]}},
    {"allow": {"protocols": ["wstrust13"], "groups": [GROUP_DN]}},
    {"deny": "everybody"},
]
FROM_INSIDE = [{"allow": {"networks": ["10.0.0.0/8", "127.0.0.0/8"]}}, {"deny": "everybody"}]
MEMBERS_INSIDE = [{"allow": {"networks": ["10.0.0.0/8"], "groups": ["O365-Users"]}}, {"deny": "everybody"}]
# The peer says by X-Forwarded-For where its client is.
TRUSTED = {"trusted_proxies": ["127.0.0.1"], "guard": {"forwarders": ["198.51.100.0/24"]}, "cache": {"bind": "off"}}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return certificates.signing(tmp_path_factory.mktemp("issuers"), "foreign")


@pytest.fixture(scope="module")
def foreign(pairs):
    return Issuer(FOREIGN, pairs)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificates.Authority(tmp_path_factory.mktemp("client-ca"), "users")


@pytest.fixture(scope="module")
def sts(launch_shared, slapd, nginx, pairs, authority):
    office365 = {
        "name": "office365",
        "preset": "office365",
        "access": LEGACY,
        "entra": {"inside_corporate_network": ["10.0.0.0/8"]},
    }
    app = {"name": "app", "applies_to": [APP], "access": FROM_INSIDE, "renewal": {"askers": [BOB.upn]}}
    delegation = [{"askers": [BOB.upn], "for": [ALICE.upn, WIDE.upn, BOB.upn], "by_name": True}]
    backend = {"name": "backend", "applies_to": [BACKEND], "access": MEMBERS_INSIDE, "delegation": delegation}
    process = launch_shared(
        ldap(slapd),
        nginx.url,
        credentials={
            "certificate": {"ca_file": str(authority.file)},
            "issued_token": {"issuers": [{"entity_id": FOREIGN, "certificate_files": [str(pairs[0])]}]},
        },
        relying_parties=[office365, app, backend, {"name": "open", "applies_to": [OPEN]}],
        **TRUSTED,
    )
    yield process
    process.finish()


def where(address=None, told=None, application=None):
    """The headers of a client there, of which a forwarder tells."""
    named = {"X-Forwarded-For": address, "X-MS-Forwarded-Client-IP": told, "X-MS-Client-Application": application}
    return {name: value for name, value in named.items() if value is not None}


def ask(proxy, protocol, person, headers, password=None):
    """Asks for Office 365's token by this protocol."""
    password = password or person.password
    if protocol == "ecp":
        return ecp.send(proxy, AuthnRequest(), (person.upn, password), **headers)
    path, trust = {"wstrust13": (PATH13, TRUST13), "wstrust2005": (PATH2005, TRUST2005)}[protocol]
    return send(proxy, Rst(user=person.upn, password=password, trust=trust), path, **headers)


def succeeded(protocol, answer):
    """Whether there is a token; else it must be the refusal of a wrong password."""
    if protocol == "ecp":
        statuses = Answer(answer).statuses()
        assert statuses in (["Success"], ["Requester", "AuthnFailed"])
        return statuses == ["Success"]
    assert answer.status_code == 200 or fault(answer)[:3] == REFUSED, answer.text
    return answer.status_code == 200


def record_of(proxy, answer):
    return proxy.audit_of(answer.headers["X-Correlation-Id"])


@pytest.mark.parametrize(
    ("protocol", "person", "headers", "rule"),
    [
        ("wstrust13", ALICE, where(INSIDE), None),
        ("wstrust13", BOB, where(INSIDE), None),
        ("wstrust13", BOB, where("2001:db8::7"), None),
        ("wstrust13", BOB, where(OUTSIDE), 6),
        ("wstrust13", ALICE, where(OUTSIDE), None),
        ("wstrust13", ALICE, where(BLOCKED), 0),
        ("wstrust2005", ALICE, where(INSIDE), None),
        ("wstrust2005", ALICE, where(OUTSIDE), 3),
        ("wstrust2005", ALICE, where("192.0.2.1"), 6),
        ("ecp", ALICE, where(INSIDE), 2),
        ("ecp", ALICE, where(EXCHANGE), 2),
        ("ecp", ALICE, where(EXCHANGE, OUTSIDE, ACTIVE_SYNC), None),
        ("ecp", ALICE, where(EXCHANGE, None, ACTIVE_SYNC.upper()), None),
        ("ecp", ALICE, where(EXCHANGE, "unknown", "Microsoft.Exchange.Autodiscover"), None),
        ("ecp", ALICE, where(EXCHANGE, OUTSIDE, "Microsoft.Exchange.Imap"), 2),
        ("ecp", ALICE, where(EXCHANGE, OUTSIDE, ACTIVE_SYNC + "2"), 2),
        ("ecp", ALICE, where(EXCHANGE, f"{OUTSIDE}, {BLOCKED}:4711", ACTIVE_SYNC), 0),
        ("ecp", BOB, where(EXCHANGE, OUTSIDE, ACTIVE_SYNC), 2),
        # Of whom a forwarder speaks is where it says, and with every address.
        ("wstrust2005", ALICE, where(EXCHANGE, INSIDE), None),
        ("wstrust2005", ALICE, where(EXCHANGE, "[2001:db8::1]:443, 10.9.9.9"), None),
        ("wstrust2005", ALICE, where(EXCHANGE, f"{INSIDE},198.18.0.1"), 6),
        ("wstrust2005", ALICE, where(EXCHANGE, "nonsense"), 6),
        ("wstrust2005", ALICE, where(EXCHANGE), 6),
        # What strangers say means nothing.
        ("ecp", ALICE, where(OUTSIDE, INSIDE, ACTIVE_SYNC), 2),
        ("ecp", ALICE, where(None, INSIDE, ACTIVE_SYNC), 2),
        # A trusted proxy that does not say for whom it speaks speaks for nobody known.
        ("wstrust2005", ALICE, where(None, INSIDE), 6),
        ("wstrust2005", ALICE, where("192.0.2.1", INSIDE, ACTIVE_SYNC), 6),
        ("wstrust13", BOB, where(f"{EXCHANGE}, {OUTSIDE}", INSIDE, ACTIVE_SYNC), 6),
    ],
)
def test_the_first_rule_that_fits_decides(sts, protocol, person, headers, rule):
    answer = ask(sts, protocol, person, headers)
    assert succeeded(protocol, answer) == (rule is None)
    record = record_of(sts, answer)
    assert record["protocol"] == protocol
    if rule is None:
        assert (record["result"], record["reason"]) == ("success", None)
    else:
        assert record["result"] == "access" and record["relying_party"] == "office365"
        assert record["reason"].startswith(f"access[{rule}] denies {protocol} from ")
    believed = headers.get("X-Forwarded-For") == EXCHANGE
    assert record["client"] == headers.get("X-Forwarded-For", "127.0.0.1").rsplit(", ")[-1]
    assert record["client_application"] == (headers.get("X-MS-Client-Application") if believed else None)
    assert believed or record["forwarded_for"] is None


def test_audit_tells_whom_a_forwarder_speaks_for(sts):
    told = "203.0.113.7:4711, [2001:db8::1], x, 203.0.113.7"
    record = record_of(sts, ask(sts, "ecp", ALICE, where(EXCHANGE, told, ACTIVE_SYNC)))
    assert (record["client"], record["forwarded_for"]) == (EXCHANGE, [OUTSIDE, "2001:db8::1"])
    record = record_of(sts, ask(sts, "ecp", BOB, where(EXCHANGE, told, ACTIVE_SYNC)))
    looked_at = f'access[2] denies ecp from {OUTSIDE}, 2001:db8::1, through guard.forwarders, with "{ACTIVE_SYNC}"'
    assert record["reason"] == looked_at
    record = record_of(sts, ask(sts, "ecp", ALICE, where(EXCHANGE, None, "x" * 101)))
    assert (record["client"], record["forwarded_for"], record["client_application"]) == (EXCHANGE, None, None)


def test_inside_the_corporate_network_is_whom_a_forwarder_speaks_for(sts):
    name = ("http://schemas.microsoft.com/ws/2012/01", "insidecorporatenetwork")
    for told, inside in (
        (INSIDE, "true"),
        (f"{INSIDE}:99,10.9.9.9", "true"),
        (f"{INSIDE},{OUTSIDE}", "false"),
        (f"{INSIDE},unknown", "false"),
        ("unknown", "false"),
        (None, "false"),
    ):
        answer = token(ask(sts, "wstrust13", ALICE, where(EXCHANGE, told)))
        assert answer.attributes()[name] == [inside], told


# Before the directory.


def test_what_no_group_could_help_never_reaches_the_directory(launch, own_slapd, nginx):
    parties = [
        {"name": "office365", "preset": "office365", "access": LEGACY},
        {"name": "app", "applies_to": [APP], "access": MEMBERS_INSIDE},
    ]
    proxy = launch(ldap(own_slapd), nginx.url, relying_parties=parties, **TRUSTED)
    stranger = by_reference("_nobody")
    barred = [
        ask(proxy, "ecp", ALICE, where(INSIDE)),
        ask(proxy, "ecp", ALICE, where(EXCHANGE, OUTSIDE, "Microsoft.Exchange.Imap"), WRONG),
        ask(proxy, "wstrust2005", ALICE, where(OUTSIDE), WRONG),
        ask(proxy, "wstrust13", ALICE, where(BLOCKED)),
        sign_in_at(proxy, ALICE, where(OUTSIDE), applies_to=APP),
        # About a token whose party nobody knows yet: no party lets anybody in from there.
        *(about(proxy, operation, ALICE, stranger, where(BLOCKED)) for operation in ("Renew", "Validate", "Cancel")),
    ]
    for answer in barred:
        record = record_of(proxy, answer)
        assert (record["result"], record["entry"]) == ("access", None), record
    assert proxy.metric("ldap_operations_total", op="search") == 0
    assert proxy.metric("authentications_total", result="access") == len(barred)
    # Whom a group helps is asked about, and a party that lets some in from there has others asked about theirs.
    assert not succeeded("wstrust13", ask(proxy, "wstrust13", BOB, where(OUTSIDE)))
    assert subcode(about(proxy, "Renew", TEXTUAL, stranger, where(OUTSIDE))) == "UnableToRenew"
    assert own_slapd.binds_settled(proxy, BOB.dn, UMLAUT) == 1
    assert own_slapd.binds(TEXTUAL.dn) == 1 and own_slapd.binds(ALICE.dn) == 0
    assert own_slapd.lines_with(ALICE.login) == []


def sign_in_at(proxy, person, headers, **fields):
    return send(proxy, Rst(user=person.upn, password=person.password, **fields), **headers)


def about(proxy, operation, person, target, headers, **fields):
    return send(proxy, request(operation, person, target, **fields), **headers)


def subcode(answer):
    return fault(answer)[1]


def test_who_is_refused_from_there_is_not_locked_and_one_who_is_remembered_is_refused(launch, slapd, nginx):
    parties = [{"name": "office365", "preset": "office365", "access": FROM_INSIDE}]
    proxy = launch(
        ldap(slapd),
        nginx.url,
        relying_parties=parties,
        **{**TRUSTED, "cache": {"bind": {"ttl": "60s"}}, "guard": {"threshold": 1}},
    )
    for _ in range(3):
        assert not succeeded("wstrust13", ask(proxy, "wstrust13", SUBSIDIARY, where(OUTSIDE), WRONG))
    assert succeeded("wstrust13", ask(proxy, "wstrust13", SUBSIDIARY, where(INSIDE)))
    answer = ask(proxy, "wstrust13", SUBSIDIARY, where(OUTSIDE))
    assert not succeeded("wstrust13", answer)
    assert record_of(proxy, answer)["result"] == "access"
    record = record_of(proxy, ask(proxy, "wstrust13", SUBSIDIARY, where(INSIDE)))
    assert (record["result"], record["cached"]) == ("success", True)


def test_rules_that_are_reloaded_hold(launch, slapd, nginx):
    proxy = launch(ldap(slapd), nginx.url, **TRUSTED)
    assert succeeded("wstrust13", ask(proxy, "wstrust13", MARKUP, where(OUTSIDE)))
    whole_file = yaml.safe_load(proxy.file.read_text())
    whole_file["relying_parties"][0]["access"] = FROM_INSIDE
    proxy.file.write_text(yaml.safe_dump(whole_file))
    assert proxy.reload()
    assert not succeeded("wstrust13", ask(proxy, "wstrust13", MARKUP, where(OUTSIDE)))


# What a refusal tells.

RIGHT = "canary-right"
ACCOUNTS = [Account("plain", RIGHT), Account("stranger", RIGHT, member=False)]
# Where, who, what is typed, and what the audit log says about it.
KINDS = {
    "wrong password": (INSIDE, "plain", WRONG, "bad_credentials"),
    "unknown": (INSIDE, "nobody", RIGHT, "unknown_user"),
    "not from there": (BLOCKED, "plain", RIGHT, "access"),
    "not from there, nor with that password": (BLOCKED, "plain", WRONG, "access"),
    "nobody, and not from there": (BLOCKED, "nobody", WRONG, "access"),
    "not in that group from there": (OUTSIDE, "stranger", RIGHT, "access"),
}
BY_GROUP = [
    {"allow": {"networks": ["10.0.0.0/8"]}},
    {"deny": {"networks": ["192.0.2.0/24"]}},
    {"allow": {"groups": ["O365-Users"]}},
    {"deny": "everybody"},
]


def guarded(launch, directory, nginx, **guard):
    parties = [{"name": "office365", "preset": "office365", "access": BY_GROUP}]
    settings = {**TRUSTED, "guard": {**TRUSTED["guard"], **guard}}
    return launch(directory.section(), nginx.url, relying_parties=parties, **settings)


def attempt(proxy, protocol, kind):
    address, login, password, _ = KINDS[kind]
    user, headers = f"{login}@example.com", where(address)
    if protocol == "ecp":
        return ecp.send(proxy, AuthnRequest(id="_same"), (user, password), **headers)
    path, trust = (PATH13, TRUST13) if protocol == "wstrust13" else (PATH2005, TRUST2005)
    return send(proxy, Rst(user=user, password=password, trust=trust, message_id="urn:uuid:same"), path, **headers)


def shown(protocol, answer):
    """All that a client sees of an answer, but what differs from one answer to the next by its nature."""
    content = answer.content
    if protocol == "ecp":
        response = Answer(answer).response
        for own in ("ID", "IssueInstant"):
            content = content.replace(response.get(own).encode(), own.encode())
    headers = [item for item in answer.raw.headers.items() if item[0].lower() not in ("date", "x-correlation-id")]
    return repr((answer.status_code, headers, content))


@pytest.mark.parametrize("protocol", ["wstrust13", "wstrust2005", "ecp"])
def test_whom_the_rules_refuse_sees_the_bytes_of_a_wrong_password(launch, active_directory, nginx, protocol):
    directory = active_directory(ACCOUNTS)
    proxy = guarded(launch, directory, nginx, threshold=3)
    seen = collections.defaultdict(list)
    for kind, (*_, result) in KINDS.items():
        answer = attempt(proxy, protocol, kind)
        assert record_of(proxy, answer)["result"] == result, kind
        seen[shown(protocol, answer)].append(kind)
    assert len(seen) == 1, seen
    assert directory.binds == ["plain", "stranger"]


@pytest.mark.parametrize("protocol", ["wstrust13", "ecp"])
@pytest.mark.parametrize("pace", [0.0, 0.5], ids=["fast directory", "slow directory"])
def test_whom_the_rules_refuse_waits_as_long_as_for_a_wrong_password(launch, active_directory, nginx, protocol, pace):
    directory = active_directory(ACCOUNTS)
    proxy = guarded(launch, directory, nginx, threshold=3, failure_delay="400ms")
    directory.bind_seconds = pace
    delays = 2 if pace else 1
    took = {}
    for kind in KINDS:
        started = time.monotonic()
        attempt(proxy, protocol, kind)
        took[kind] = (time.monotonic() - started) / 0.4
    assert min(took.values()) >= delays, took
    assert statistics.median(took.values()) < delays + 1, took


def test_an_outage_is_told_to_all_and_what_the_rules_refuse_recorded_as_that(launch, own_slapd, nginx):
    parties = [{"name": "app", "applies_to": [APP], "access": FROM_INSIDE}]
    proxy = launch(ldap(own_slapd), nginx.url, relying_parties=parties, **TRUSTED)
    own_slapd.kill()
    assert sign_in_at(proxy, ALICE, where(INSIDE), applies_to=APP).status_code == 503
    answer = sign_in_at(proxy, ALICE, where(OUTSIDE), applies_to=APP)
    assert answer.status_code == 503, "whoever asks is told the same, whatever was refused"
    record = record_of(proxy, answer)
    assert (record["result"], record["reason"]) == ("access", f"access[1] denies wstrust13 from {OUTSIDE}")


# Every way to a token.


def test_a_certificate(sts, authority):
    need("xmlsec1")
    pair = authority.client("alice", upn=ALICE.upn)
    for address, allowed in ((INSIDE, True), (OUTSIDE, False)):
        message = Signed(pair, sts.url + PATH13, rst={"applies_to": APP}).text()
        answer = send(sts, message, **where(address))
        assert (answer.status_code == 200) == allowed, answer.text
        record = record_of(sts, answer)
        assert (record["result"], record["credential"]) == ("success" if allowed else "access", "signed_message")
        if not allowed:
            assert fault(answer)[:3] == REFUSED


def test_a_tls_client(launch, slapd, nginx, site, authority):
    """Whom no proxy speaks for: it is where it is."""
    tls = {
        "certificate_file": str(site.tls[0]),
        "private_key_file": str(site.tls[1]),
        "client_ca_file": str(authority.file),
    }
    parties = [
        {"name": "app", "applies_to": [APP], "access": FROM_INSIDE},
        {"name": "backend", "applies_to": [BACKEND], "access": MEMBERS_INSIDE},
    ]
    credentials = {"certificate": {"ca_file": str(authority.file)}}
    proxy = launch(ldap(slapd), nginx.url, credentials=credentials, listen=[{"tls": tls}], relying_parties=parties)
    proxy.http.cert = tuple(map(str, authority.client("alice", upn=ALICE.upn)))
    for applies_to, result in ((APP, "success"), (BACKEND, "access")):
        answer = send(proxy, Rst(user=None, security="", applies_to=applies_to))
        assert record_of(proxy, answer)["result"] == result
        assert result == "success" or fault(answer)[:3] == REFUSED


def test_a_token(sts, foreign):
    for version in (SAML1, SAML2):
        for address, applies_to, person, result in (
            (INSIDE, APP, BOB, "success"),
            (OUTSIDE, APP, ALICE, "access"),
            (INSIDE, BACKEND, ALICE, "success"),
            (INSIDE, BACKEND, BOB, "access"),
        ):
            shown_token = foreign.token(person.upn, fedfront.ENTITY_ID, version=version)
            answer = send(sts, Rst(user=None, security=security(shown_token), applies_to=applies_to), **where(address))
            assert record_of(sts, answer)["result"] == result
            assert result == "success" or fault(answer)[:3] == REFUSED


@pytest.mark.parametrize("path", [PATH13, PATH2005])
def test_another_users_token_by_the_askers_place_and_the_users_groups(sts, path):
    trust = TRUST2005 if path == PATH2005 else TRUST13
    for address, subject, result, code in (
        (INSIDE, ALICE, "success", None),
        (OUTSIDE, ALICE, "access", WSSE),
        # Bob is no member himself, and what he asks for is none of his.
        (INSIDE, BOB, "access", trust),
    ):
        named = f"<o:UsernameToken xmlns:o='{WSSE}'><o:Username>{subject.upn}</o:Username></o:UsernameToken>"
        extra = f"<w:OnBehalfOf xmlns:w='{trust}'>{named}</w:OnBehalfOf>"
        rst = Rst(user=BOB.upn, password=BOB.password, trust=trust, applies_to=BACKEND, body_extra=extra)
        answer = send(sts, rst, path, **where(address))
        assert record_of(sts, answer)["result"] == result, subject
        assert code is None or fault(answer)[:3] == ("Sender", "FailedAuthentication", code)


@pytest.mark.parametrize("operation", ["Renew", "Validate"])
def test_a_token_in_the_place_of_another(sts, operation):
    first = token(sign_in_at(sts, TEXTUAL, where(INSIDE), applies_to=APP, token_type=SAML1))
    fields = {"token_type": SAML2} if operation == "Validate" else {}
    for asker, own in ((TEXTUAL, True), (BOB, False)):
        for address, result in ((OUTSIDE, "access"), (INSIDE, "success"), (EXCHANGE, "access")):
            target = by_reference(first) if operation == "Renew" else whole(first)
            answer = about(sts, operation, asker, target, where(address), **fields)
            assert record_of(sts, answer)["result"] == result, (asker, address)
            if result == "success":
                token(answer)
            else:
                # Validate looks the user up whoever asks.
                assert fault(answer)[:3] == (REFUSED if own and operation == "Renew" else NOT_PERMITTED)


def test_asking_about_a_token_and_cancelling_it_issue_nothing(sts):
    """And are there for whoever may sign in from there to some party."""
    first = token(sign_in_at(sts, TEXTUAL, where(INSIDE), applies_to=APP))
    answer = about(sts, "Validate", TEXTUAL, by_reference(first), where(OUTSIDE))
    assert answer.status_code == 200 and b"status/valid" in answer.content
    assert about(sts, "Cancel", TEXTUAL, by_reference(first), where(OUTSIDE)).status_code == 200


# Besides.


def test_what_forwarders_say_passes_on_as_it_came(launch, slapd, origin):
    proxy = launch(ldap(slapd), origin.url, **TRUSTED)
    for address in (EXCHANGE, OUTSIDE):
        said = {**where(address, "x, 10.1.2.3", ACTIVE_SYNC), "X-MS-Proxy": "wap", "X-MS-Client-User-Agent": "a"}
        proxy.get("/page", headers=said)
        passed = {name.lower(): value for name, value in dict(origin.heads[-1][2]).items()}
        for name, value in said.items():
            if name.startswith("X-MS"):
                assert passed[name.lower()] == value


def test_check_tells_what_the_rules_would_say_of_a_user(tmp_path, site, binary_built):
    named = [{"name": person.login, "upn": person.upn, "immutable_id": person.immutable_id} for person in (ALICE, BOB)]
    users = users_file(tmp_path, {**named[0], "groups": [GROUP_DN]}, named[1])
    parties = [
        {"name": "office365", "preset": "office365", "issuer": "by_domain", "access": LEGACY},
        {"name": "members", "applies_to": [APP], "access": [{"allow": {"groups": ["O365-Users"]}}, {"deny": "everybody"}]},
    ]
    guard = {"forwarders": ["198.51.100.0/24"]}
    _, text = run_check(tmp_path, site, "--user", "alice", directory=users, relying_parties=parties, guard=guard)
    blocked, inside = "denied from 192.0.2.64/26 by access[0]; else ", "allowed from 10.0.0.0/8, 127.0.0.1/32, 2001:db8::/32 by access[4]"
    trust = "ok       user alice, relying party office365, WS-Trust, access by wstrust"
    assert f"{trust}13: {blocked}{inside}; else allowed by access[5]" in text, text
    assert f"{trust}2005: {blocked}denied from 203.0.113.0/24 by access[3]; else {inside}; else denied by access[6]" in text, text
    through = f"allowed through guard.forwarders with {ACTIVE_SYNC}, Microsoft.Exchange.Auto* by access[1]"
    assert f"office365, ECP, access: {blocked}{through}; else denied by access[2]" in text, text
    assert "ok       user alice, relying party members, WS-Trust, access: allowed by access[0]" in text, text
    _, text = run_check(tmp_path, site, "--user", "bob", directory=users, relying_parties=parties, guard=guard)
    assert "user bob, relying party members, WS-Trust, access: denied by access[1]" in text, text
    assert f"user bob, relying party office365, ECP, access: {blocked}denied by access[2]" in text, text
    code, text = run_check(tmp_path, site, "--user", "bob", directory=users, relying_parties=parties[1:], guard=guard)
    assert code == 1 and "failed   user bob, relying party members, WS-Trust, access: denied by access[1]" in text, text
