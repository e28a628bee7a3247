"""OnBehalfOf and ActAs: who may have whose token, what it says, and what nobody learns by asking."""

import pytest
import yaml
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from support import certificates, fedfront, judge
from support.fedfront import ENTITY_ID
from support.issuer import Issuer
from support.operations import by_reference, cancel, renew, transform
from support.people import ALICE, BOB, TEXTUAL, UMLAUT, WIDE
from support.rst import PATH13, PATH2005, SAML1, SAML2, TRUST13, TRUST2005, WSSE, Rst, fault, send, sign_in, token

TRUST14 = "http://docs.oasis-open.org/ws-sx/ws-trust/200802"
ACTOR = "http://schemas.xmlsoap.org/ws/2009/09/identity/claims/actor"
FOREIGN = "https://idp.example.net/"
BACKEND = "https://backend.example.com/"
NAMED = "https://named.example.com/"
ACTING = "https://acting.example.com/"
PORTAL = "https://portal.example.com/"
DENIED = ("Sender", "FailedAuthentication", TRUST13)
WONDERLAND = Argon2id(salt=b"sixteen letters!", length=32, iterations=2, lanes=1, memory_cost=19456).derive_phc_encoded(
    b"wonderland"
)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuers")
    return {name: certificates.signing(folder, name) for name in ("foreign", "stranger")}


@pytest.fixture(scope="module")
def foreign(pairs):
    return Issuer(FOREIGN, pairs["foreign"])


@pytest.fixture(scope="module")
def sts(launch_shared, slapd, nginx, pairs):
    """Bob, who is in no group, is the service that asks; alice, umlaut and textual are in O365-Users."""
    everybody = {"askers": [BOB.upn], "for": ["O365-Users", BOB.upn]}
    parties = [
        {
            "name": "backend",
            "applies_to": [BACKEND],
            "required_group": "O365-Users",
            "delegation": [everybody | {"audiences": [PORTAL]}],
        },
        {
            "name": "named",
            "applies_to": [NAMED],
            "required_group": "O365-Users",
            "delegation": [
                {"askers": [BOB.login], "for": [ALICE.login, BOB.upn], "by_name": True},
                {"askers": [WIDE.upn], "for": [UMLAUT.upn], "by_name": True},
            ],
        },
        {
            "name": "acting",
            "applies_to": [ACTING],
            "delegation": [everybody | {"by_name": True, "kinds": ["act_as"]}],
        },
        {"name": "portal", "applies_to": [PORTAL]},
        {"name": "sts", "applies_to": [ENTITY_ID]},
    ]
    process = launch_shared(
        fedfront.ldap(slapd),
        nginx.url,
        credentials={
            "issued_token": {"issuers": [{"entity_id": FOREIGN, "certificate_files": [str(pairs["foreign"][0])]}]}
        },
        relying_parties=parties,
    )
    yield process
    process.finish()


def by_name(person):
    name = person if isinstance(person, str) else person.upn
    return f"<o:UsernameToken xmlns:o='{WSSE}'><o:Username>{name}</o:Username></o:UsernameToken>"


def on_behalf_of(inside, trust=TRUST13):
    return f"<w:OnBehalfOf xmlns:w='{trust}'>{inside}</w:OnBehalfOf>"


def act_as(inside):
    return f"<x:ActAs xmlns:x='{TRUST14}'>{inside}</x:ActAs>"


def ask(sts, extra, applies_to=NAMED, asker=BOB, path=PATH13, **fields):
    return sign_in(sts, asker, path, applies_to=applies_to, body_extra=extra, **fields)


def subject(issued):
    return issued.text("//saml:AuthenticationStatement//saml:NameIdentifier")


def statement(issued):
    (found,) = issued.assertion.iter(f"{{{SAML1}}}AuthenticationStatement")
    return found


def shown(sts, foreign, whose=ALICE, **changes):
    return foreign.token(whose.upn, PORTAL, **changes)


@pytest.mark.parametrize("path", [PATH13, PATH2005])
def test_name_alone_in_both_versions(sts, path):
    trust = TRUST2005 if path == PATH2005 else TRUST13
    issued = token(ask(sts, on_behalf_of(by_name(ALICE), trust), path=path))
    assert subject(issued) == ALICE.upn
    # Nobody has told how alice signed in, and nothing tells of bob.
    assert statement(issued).get("AuthenticationMethod") == "urn:oasis:names:tc:SAML:1.0:am:unspecified"
    assert BOB.login.encode() not in issued.assertion_bytes
    judge.assert_valid(issued.assertion_bytes)


def test_act_as_says_who_acts(sts):
    issued = token(ask(sts, act_as(by_name(ALICE)), ACTING))
    assert subject(issued) == ALICE.upn
    assert issued.attributes()[tuple(ACTOR.rsplit("/", 1))] == [BOB.upn]
    two = token(ask(sts, act_as(by_name(ALICE)), ACTING, token_type=SAML2))
    assert two.attributes()[ACTOR] == [BOB.upn]
    judge.assert_valid(two.assertion_bytes)


def test_party_that_has_act_as_only(sts):
    assert fault(ask(sts, on_behalf_of(by_name(ALICE)), ACTING))[:3] == DENIED


@pytest.mark.parametrize("version", [SAML1, SAML2], ids=["1.1", "2.0"])
def test_token_shows_the_others_sign_in(sts, foreign, version):
    issued = token(ask(sts, on_behalf_of(shown(sts, foreign, version=version)), BACKEND))
    assert subject(issued) == ALICE.upn
    assert statement(issued).get("AuthenticationMethod") == "urn:oasis:names:tc:SAML:1.0:am:password"


@pytest.mark.parametrize("version", [SAML1, SAML2], ids=["1.1", "2.0"])
def test_token_of_ours_that_the_portal_has(sts, version):
    first = token(sign_in(sts, ALICE, applies_to=PORTAL, token_type=version))
    issued = token(ask(sts, on_behalf_of(first.assertion_bytes.decode()), BACKEND))
    assert subject(issued) == ALICE.upn
    assert issued.text("//w:Lifetime/u:Expires") == first.text("//w:Lifetime/u:Expires")
    assert statement(issued).get("AuthenticationInstant") == instant_of(first, version)


def instant_of(issued, version):
    name, attribute = {
        SAML1: ("AuthenticationStatement", "AuthenticationInstant"),
        SAML2: ("AuthnStatement", "AuthnInstant"),
    }[version]
    (found,) = issued.assertion.iter(f"{{{version}}}{name}")
    return found.get(attribute)


@pytest.mark.parametrize("how", ["Reference", "KeyIdentifier"])
def test_token_in_the_header_by_reference(sts, foreign, how):
    assertion = shown(sts, foreign, id="_carried")
    inside = {
        "Reference": '<o:Reference URI="#_carried"/>',
        "KeyIdentifier": '<o:KeyIdentifier ValueType="http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID">'
        "_carried</o:KeyIdentifier>",
    }[how]
    reference = f"<o:SecurityTokenReference xmlns:o='{WSSE}'>{inside}</o:SecurityTokenReference>"

    def carrying(reference):
        request = Rst(user=BOB.upn, password=BOB.password, applies_to=BACKEND, body_extra=on_behalf_of(reference))
        return send(sts, request.text().replace("</o:Security>", assertion + "</o:Security>"))

    assert subject(token(carrying(reference))) == ALICE.upn
    # A token that nobody asks about leaves open who asks.
    assert fault(carrying(by_name(ALICE)))[:3] == ("Sender", "InvalidSecurity", WSSE)
    other = carrying(reference.replace("_carried", "_other"))
    assert fault(other)[:3] == ("Sender", "InvalidSecurity", WSSE)
    nowhere = ask(sts, on_behalf_of(reference), BACKEND)
    assert fault(nowhere)[:3] == ("Sender", "SecurityTokenUnavailable", WSSE)


def test_name_is_not_enough_where_a_token_is_wanted(sts):
    assert fault(ask(sts, on_behalf_of(by_name(ALICE)), BACKEND))[:3] == DENIED


def test_nothing_is_learnt_by_whoever_may_not_ask(sts, foreign, pairs):
    def bytes_of(extra, applies_to=NAMED, asker=BOB):
        answer = ask(sts, extra, applies_to, asker, message_id=None)
        assert answer.status_code == 500, answer.text
        return answer.content

    denied = bytes_of(on_behalf_of(by_name("nobody@example.com")))
    assert fault(ask(sts, on_behalf_of(by_name("nobody@example.com"))))[:3] == DENIED
    for asker, extra, applies_to in (
        # Not one of the askers at all, of an unknown user and of a known one.
        (ALICE, by_name("nobody@example.com"), NAMED),
        (ALICE, by_name(BOB), NAMED),
        # Somebody that the rule does not name, or another rule does.
        (BOB, by_name(UMLAUT), NAMED),
        (BOB, by_name(TEXTUAL), NAMED),
        (WIDE, by_name(ALICE), NAMED),
        # Somebody who is not in the group that the party requires: bob himself.
        (BOB, by_name(BOB), NAMED),
        # Names that are filters.
        (BOB, by_name("*"), NAMED),
        # A party without a rule.
        (BOB, by_name(ALICE), PORTAL),
        # Tokens: about somebody unknown, without a signature, by a stranger.
        (BOB, foreign.token("nobody@example.com", PORTAL), BACKEND),
        (BOB, foreign.assertion(ALICE.upn, PORTAL), BACKEND),
        (BOB, Issuer(FOREIGN, pairs["stranger"]).token(ALICE.upn, PORTAL), BACKEND),
        (BOB, Issuer("https://unknown.example.net/", pairs["stranger"]).token(ALICE.upn, PORTAL), BACKEND),
        (BOB, foreign.token(BOB.upn, PORTAL), BACKEND),
        (BOB, foreign.token(BOB.upn, PORTAL).replace(BOB.upn, ALICE.upn), BACKEND),
        # A token's asker may not ask: not even whether the token is one.
        (ALICE, foreign.token(BOB.upn, PORTAL), BACKEND),
        (ALICE, foreign.token(ALICE.upn, PORTAL, begins=-7200, ends=-600), BACKEND),
    ):
        assert bytes_of(on_behalf_of(extra), applies_to, asker) == denied, (asker.login, extra)


def test_what_whoever_may_ask_is_told_of_a_token(sts, foreign):
    for inside, expected in (
        (shown(sts, foreign, begins=-7200, ends=-600), ("Sender", "ExpiredData", TRUST13)),
        (foreign.token(ALICE.upn, "https://another.example.com/"), ("Sender", "InvalidSecurityToken", WSSE)),
        (shown(sts, foreign, confirmation="sender-vouches"), ("Sender", "InvalidSecurityToken", WSSE)),
        (shown(sts, foreign, conditions="<Condition/>"), ("Sender", "InvalidSecurityToken", WSSE)),
    ):
        assert fault(ask(sts, on_behalf_of(inside), BACKEND))[:3] == expected, inside


def test_token_is_for_the_portal_of_the_rule_or_for_us(sts, foreign):
    token(ask(sts, on_behalf_of(foreign.token(ALICE.upn, ENTITY_ID)), BACKEND))
    # The portal of one rule is nobody in another party's.
    wrong = ask(sts, act_as(shown(sts, foreign)), ACTING)
    assert fault(wrong)[:3] == ("Sender", "InvalidSecurityToken", WSSE)


def test_one_time_use_is_once_here_too(sts, foreign):
    once = shown(sts, foreign, conditions="<OneTimeUse/>")
    token(ask(sts, on_behalf_of(once), BACKEND))
    assert fault(ask(sts, on_behalf_of(once), BACKEND))[:3] == ("Sender", "InvalidSecurity", WSSE)


def test_both_or_a_password_is_refused(sts):
    both = ask(sts, on_behalf_of(by_name(ALICE)) + act_as(by_name(ALICE)))
    assert fault(both)[:3] == ("Sender", "InvalidRequest", TRUST13)
    secret = by_name(ALICE).replace("</o:UsernameToken>", f"<o:Password>{ALICE.password}</o:Password></o:UsernameToken>")
    answer = ask(sts, on_behalf_of(secret))
    assert fault(answer)[:3] == ("Sender", "RequestFailed", TRUST13)
    assert "Leave the password out" in fault(answer)[3]


def test_askers_own_password_is_still_wanted(sts):
    request = Rst(user=BOB.upn, password="wrong", applies_to=NAMED, body_extra=on_behalf_of(by_name(ALICE)))
    assert fault(send(sts, request))[:3] == ("Sender", "FailedAuthentication", WSSE)


def test_delegated_token_of_ours_signs_nobody_in_as_the_other(sts):
    """What ActAs issues says who acts: it is not the other user's credential."""
    acting = token(ask(sts, act_as(by_name(ALICE)), ACTING, token_type=SAML2)).assertion_bytes.decode()
    header = f"<o:Security xmlns:o='{WSSE}'>{Rst()._security('').split('<o:UsernameToken')[0].split('>', 1)[1]}{acting}</o:Security>"
    answer = send(sts, Rst(user=None, security=header, applies_to=PORTAL))
    assert fault(answer)[:3] == ("Sender", "InvalidSecurityToken", WSSE)


def test_token_that_says_who_acts_is_not_for_its_subject_to_have(sts):
    """Nobody acts for alice when she herself renews it; that it ends is hers to say."""
    acting = token(ask(sts, act_as(by_name(ALICE)), ACTING))
    assert renew(sts, ALICE, by_reference(acting)) == "wst:FailedAuthentication"
    assert transform(sts, ALICE, by_reference(acting), SAML2) == "wst:FailedAuthentication"
    assert cancel(sts, ALICE, by_reference(acting)) is True


def test_audit_tells_asker_and_subject(sts, foreign):
    answer = ask(sts, act_as(by_name(ALICE.login)), ACTING)
    record = sts.audit_of(answer.headers["X-Correlation-Id"])
    assert (record["result"], record["user"], record["upn"]) == ("success", BOB.upn, BOB.upn)
    assert (record["delegation"], record["subject"], record["subject_upn"]) == ("act_as", ALICE.login, ALICE.upn)
    answer = ask(sts, on_behalf_of(by_name(UMLAUT)))
    record = sts.audit_of(answer.headers["X-Correlation-Id"])
    assert (record["result"], record["user"], record["upn"]) == ("account", BOB.upn, BOB.upn)
    assert (record["delegation"], record["subject"]) == ("on_behalf_of", UMLAUT.upn)
    assert "no rule" in record["reason"]
    answer = ask(sts, on_behalf_of(shown(sts, foreign)), BACKEND)
    assert sts.audit_of(answer.headers["X-Correlation-Id"])["subject"] == ALICE.upn
    answer = sign_in(sts, ALICE, applies_to=PORTAL)
    record = sts.audit_of(answer.headers["X-Correlation-Id"])
    assert (record["delegation"], record["subject"], record["subject_upn"]) == (None, None, None)


def test_disabled_user_is_nobodys_subject(launch, nginx, tmp_path):
    people = [
        {"name": name, "upn": f"{name}@example.com", "password_hash": WONDERLAND, "disabled": name == "gone"}
        for name in ("alice", "svc", "gone")
    ]
    users = tmp_path / "users.yaml"
    users.write_text(yaml.safe_dump({"users": people}))
    party = {
        "name": "app",
        "applies_to": [NAMED],
        "delegation": [{"askers": ["svc"], "for": ["alice", "gone"], "by_name": True}],
    }
    sts = launch({"file": {"path": str(users)}}, nginx.url, relying_parties=[party])

    def answer(name):
        request = Rst(user="svc", password="wonderland", applies_to=NAMED, body_extra=on_behalf_of(by_name(name)))
        request.message_id = None
        return send(sts, request)

    assert subject(token(answer("alice"))) == "alice@example.com"
    assert fault(answer("gone"))[:3] == DENIED
    assert answer("gone").content == answer("nobody").content
