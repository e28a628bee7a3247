"""Renew, Validate and Cancel: round trips in both versions, and whom they refuse what."""

import base64
import datetime
import os

import pytest
import yaml
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from lxml import etree

from conftest import need
from support import certificates, judge, waiting
from support.fedfront import ldap
from support.operations import (
    WAYS,
    as_answered,
    ask,
    by_identifier,
    by_reference,
    cancel,
    embedded,
    id_of,
    renew,
    said,
    status,
    subcode,
    times,
    transform,
    validate,
    whole,
)
from support.people import ALICE, BOB, CHANGING, MARKUP, SUBSIDIARY, TEXTUAL, UMLAUT
from support.slapd import GROUP_DN, Slapd
from support.rst import NS, PATH13, PATH2005, PROFILE, SAML1, SAML2, TRUST13, TRUST2005, WSU, instant, sign_in, token

SECRET = Argon2id(salt=b"sixteen letters!", length=32, iterations=2, lanes=1, memory_cost=19456).derive_phc_encoded(b"secret")
VERSIONS = pytest.mark.parametrize("path", [PATH13, PATH2005])
SAMLS = pytest.mark.parametrize("saml", [SAML1, SAML2])
EVERY_WAY = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)

CLAIMS = [
    {"name": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "from": "mail"},
    {"name": "UPN", "namespace": "http://schemas.xmlsoap.org/claims", "from": "upn"},
]


def party(name, **more):
    return {"name": name, "applies_to": [f"urn:{name}"], "attributes": CLAIMS, **more}


PARTIES = [
    {"name": "office365", "preset": "office365", "longest_lifetime": "8h"},
    party("app", renewal={"askers": [BOB.upn.upper(), SUBSIDIARY.login]}),
    party("never", renewal="off"),
    party("unremembered", remember_tokens=False),
    party("short", lifetime="1s", longest_lifetime="1h", renewal={"window": "1h"}),
    party("ended", lifetime="1s", renewal={"window": "0s"}),
    party("bounded", lifetime="2s", longest_lifetime="1h", renewal={"window": "1h", "longest": "3s"}),
    party("sha1", signature="rsa-sha1"),
    party("one", audience="urn:both", remember_tokens=False, renewal={"askers": [BOB.upn]}),
    party("other", audience="urn:both", remember_tokens=False),
    party("profile", token_type_spelling="token-profile"),
]


@pytest.fixture(scope="module")
def sts(launch_shared, slapd, nginx):
    process = launch_shared(ldap(slapd), nginx.url, relying_parties=PARTIES)
    yield process
    process.finish()


def issue(proxy, person=ALICE, path=PATH13, saml=SAML1, to="app", **fields):
    return token(sign_in(proxy, person, path, applies_to=f"urn:{to}", token_type=saml, **fields))


def lifetime(created=None, expires=None):
    parts = "".join(
        f"<u:{name}>{instant(value)}</u:{name}>"
        for name, value in (("Created", created), ("Expires", expires))
        if value is not None
    )
    return f'<w:Lifetime xmlns:u="{WSU}">{parts}</w:Lifetime>'


def seconds(issued):
    """How long a token is valid."""
    start, end = (datetime.datetime.fromisoformat(time.replace("Z", "+00:00")) for time in times(issued))
    return (end - start).total_seconds()


def assert_signed(issued, site):
    saml = etree.QName(issued.assertion).namespace
    judge.assert_valid(issued.assertion_bytes)
    id_name = "AssertionID" if saml == SAML1 else "ID"
    judge.assert_signed(issued.assertion_bytes, site.signing[0], id_name, "Assertion", saml)


# Round trips.


@VERSIONS
@SAMLS
@EVERY_WAY
def test_issue_validate_renew_cancel_validate(sts, site, path, saml, way):
    first = issue(sts, path=path, saml=saml)
    assert validate(sts, ALICE, way(first), path) == (True, "The token is valid.")

    second = renew(sts, ALICE, way(first), path)
    assert_signed(second, site)
    assert said(second) == said(first) and id_of(second) != id_of(first)
    assert times(second)[0] > times(first)[0] and times(second)[1] > times(first)[1]
    for either in (first, second):
        assert validate(sts, ALICE, way(either), path)[0]

    assert cancel(sts, ALICE, way(second), path) is True
    assert cancel(sts, ALICE, way(second), path) is True
    for other in WAYS:
        assert validate(sts, ALICE, other(second), path) == (False, "The token has been cancelled.")
        assert renew(sts, ALICE, other(second), path) == "wst:InvalidSecurityToken"
    assert validate(sts, ALICE, way(first), path)[0]


@VERSIONS
@pytest.mark.parametrize("operation", ["Renew", "Validate", "Cancel"])
def test_envelope(sts, path, operation):
    trust = TRUST2005 if path == PATH2005 else TRUST13
    answer = ask(sts, operation, ALICE, by_reference(issue(sts)), path, message_id="urn:uuid:7")
    document = etree.fromstring(answer.content)
    (action,) = document.xpath("/s:Envelope/s:Header/a:Action", namespaces=NS)
    assert action.text == f"{trust}/RSTR/{operation}" + ("Final" if trust == TRUST13 else "")
    assert document.xpath("string(/s:Envelope/s:Header/a:RelatesTo)", namespaces=NS) == "urn:uuid:7"
    (body,) = document.xpath("/s:Envelope/s:Body", namespaces=NS)
    assert [child.tag for child in body] == [f"{{{trust}}}RequestSecurityTokenResponse"]
    assert body[0].findtext(f"{{{trust}}}RequestType") == f"{trust}/{operation}"
    assert "no-store" in answer.headers["Cache-Control"]


@VERSIONS
def test_status_is_a_type_of_its_own(sts, path):
    trust = TRUST2005 if path == PATH2005 else TRUST13
    for asked in (None, f"{TRUST13}/RSTR/Status", f"{TRUST2005}/RSTR/Status"):
        answer = ask(sts, "Validate", ALICE, by_reference(issue(sts)), path, token_type=asked)
        assert status(answer)[0]
        assert [element.text for element in etree.fromstring(answer.content).iter("{*}TokenType")] == [
            f"{trust}/RSTR/Status"
        ]


SAML11_SPELLINGS = [
    SAML1,
    "urn:oasis:names:tc:SAML:1.1:assertion",
    f"{PROFILE}#SAMLV1.1",
    "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertion-1.1",
    "http://schemas.microsoft.com/ws/2006/05/identitymodel/tokens/Saml",
]


@pytest.mark.parametrize(
    "to, spelled", [("urn:federation:MicrosoftOnline", SAML1), ("urn:profile", f"{PROFILE}#SAMLV1.1")]
)
@pytest.mark.parametrize("asked", [None, *SAML11_SPELLINGS])
def test_token_type_is_spelled_as_the_party_wants_it(sts, to, spelled, asked):
    first = token(sign_in(sts, ALICE, applies_to=to, token_type=asked))
    second = renew(sts, ALICE, by_reference(first), token_type=asked)
    for issued in (first, second):
        assert issued.text("//w:TokenType") == spelled
        assert issued.text("//p:AppliesTo//a:Address") == to


@pytest.mark.parametrize("asked", [*SAML11_SPELLINGS, SAML2, f"{PROFILE}#SAMLV2.0"])
def test_token_type_is_spelled_as_the_request_spells_it_for_who_says_nothing(sts, asked):
    """WCF takes no answer whose TokenType is not, letter for letter, the one that it asked for."""
    first = token(sign_in(sts, ALICE, applies_to="urn:app", token_type=asked))
    other = SAML1 if first.assertion.tag.startswith(f"{{{SAML2}}}") else SAML2
    policy = f"<w:SecondaryParameters><w:TokenType>{asked}</w:TokenType></w:SecondaryParameters>"
    for issued in (
        first,
        renew(sts, ALICE, by_reference(first), token_type=asked),
        token(sign_in(sts, ALICE, applies_to="urn:app", body_extra=policy)),
        transform(sts, ALICE, by_reference(token(sign_in(sts, ALICE, applies_to="urn:app", token_type=other))), asked),
    ):
        assert issued.text("//w:TokenType") == asked
    saml = "2.0" if other == SAML1 else "1.1"
    assert renew(sts, ALICE, by_reference(first)).text("//w:TokenType") == f"{PROFILE}#SAMLV{saml}"


def test_base_is_what_older_clients_call_the_target(sts):
    first = issue(sts, path=PATH2005)
    base = f"<w:Base>{by_reference(first)}</w:Base>"
    for operation in ("Validate", "Renew"):
        assert ask(sts, operation, ALICE, "", PATH2005, body_extra=base).status_code == 500, "an empty target"
    request = {"action": f"{TRUST2005}/RST/Validate", "request_type": "Validate", "applies_to": None, "key_type": None}
    assert status(sign_in(sts, ALICE, PATH2005, body_extra=base, **request))[0]


def test_axis2_and_addressing_of_2004(sts):
    """As WSO2's sample asks after Issue."""
    wso2 = {"wsa": "http://schemas.xmlsoap.org/ws/2004/08/addressing", "must_understand": "true", "trust": TRUST2005}
    first = issue(sts, path=PATH2005, saml=f"{PROFILE}#SAMLV2.0")
    second = renew(sts, ALICE, as_answered(first), PATH2005, token_type=f"{PROFILE}#SAMLV2.0", **wso2)
    assert said(second) == said(first)
    assert validate(sts, ALICE, as_answered(second), PATH2005, **wso2)[0]


# Validate.


def test_whoever_signs_in_may_ask_and_nobody_else(sts):
    first = issue(sts)
    for person in (ALICE, BOB, SUBSIDIARY):
        assert validate(sts, person, by_reference(first))[0]
    answer = ask(sts, "Validate", ALICE, by_reference(first), password="canary-wrong-password")
    assert answer.status_code == 500 and b"status" not in answer.content


def test_what_is_not_ours_is_invalid_and_no_error(sts, launch, slapd, nginx, tmp_path_factory):
    unknown = (False, "This service knows no such token.")
    assert validate(sts, ALICE, by_reference("_0123456789abcdef0123456789abcdef")) == unknown
    assert validate(sts, ALICE, by_reference("x' or '1'='1")) == unknown

    theirs = certificates.signing(tmp_path_factory.mktemp("theirs"), "theirs")
    signing = {"certificate_file": str(theirs[0]), "private_key_file": str(theirs[1])}
    other = launch(ldap(slapd), nginx.url, issuer={"signing": signing}, relying_parties=PARTIES)
    foreign = issue(other)
    for way in (whole, embedded):
        assert validate(sts, ALICE, way(foreign)) == (False, "This is no token of this service.")
    assert validate(sts, ALICE, by_identifier(foreign)) == unknown
    assert renew(sts, ALICE, whole(foreign)) == cancel(sts, ALICE, whole(foreign)) == "wst:InvalidSecurityToken"


@SAMLS
def test_what_was_altered_is_invalid(sts, saml):
    first = whole(issue(sts, saml=saml))
    second = whole(issue(sts, MARKUP, saml=saml))
    signature = first[first.index("<ds:Signature ") : first.index("</ds:Signature>") + len("</ds:Signature>")]
    alterations = {
        "another name": first.replace(ALICE.upn, BOB.upn),
        "a longer life": first.replace("NotOnOrAfter=\"20", "NotOnOrAfter=\"30"),
        "no signature": first.replace(signature, ""),
        "the signature of another": second.replace(
            second[second.index("<ds:Signature ") : second.index("</ds:Signature>") + len("</ds:Signature>")], signature
        ),
        "two signatures": first.replace(signature, signature * 2),
        "SHA-1": first.replace("xmldsig-more#rsa-sha256", "xmldsig#rsa-sha1"),
    }
    for what, altered in alterations.items():
        assert altered != first, what
        for way in (whole, embedded):
            assert validate(sts, ALICE, way(altered)) == (False, "This is no token of this service."), what
            assert transform(sts, ALICE, way(altered), SAML2) == (False, "This is no token of this service."), what
        assert renew(sts, ALICE, altered) == "wst:InvalidSecurityToken", what
        assert cancel(sts, ALICE, altered) == "wst:InvalidSecurityToken", what


def test_a_token_that_is_wrapped_into_another_is_not_taken_for_it(sts):
    """A signature counts for the assertion that it stands in, and its ID for what is looked up."""
    mine, hers = whole(issue(sts, MARKUP)), whole(issue(sts, ALICE))
    inside = mine.replace("</saml:Assertion>", f"{hers}</saml:Assertion>")
    for wrapped in (inside, hers.replace("<saml:Conditions ", f"<saml:Advice>{mine}</saml:Advice><saml:Conditions ", 1)):
        assert not validate(sts, ALICE, wrapped)[0]
        assert renew(sts, ALICE, wrapped) == "wst:InvalidSecurityToken"
        assert renew(sts, MARKUP, wrapped) == "wst:InvalidSecurityToken"


@VERSIONS
def test_what_is_over_is_invalid(sts, path):
    first = issue(sts, to="short", path=path)
    expired = (False, "The token has expired.")
    waiting.until(lambda: validate(sts, ALICE, by_reference(first), path) == expired, "the token's end")
    for way in WAYS:
        assert validate(sts, ALICE, way(first), path) == expired
        assert transform(sts, ALICE, way(first), SAML2, path) == "wst:RenewNeeded"
    forgotten = issue(sts, to="ended", path=path)
    waiting.until(lambda: validate(sts, ALICE, whole(forgotten), path) == expired, "the other's end")
    assert transform(sts, ALICE, whole(forgotten), SAML2, path) == expired


def test_valid_for_whom(sts):
    first = issue(sts)
    for way in (by_reference, whole):
        assert validate(sts, ALICE, way(first), applies_to="urn:app")[0]
        other = validate(sts, ALICE, way(first), applies_to="urn:short")
        assert other == (False, "The token is for another relying party.")
    assert transform(sts, ALICE, whole(first), SAML2, applies_to="urn:short")[0] is False
    unremembered = issue(sts, to="unremembered")
    assert validate(sts, ALICE, whole(unremembered), applies_to="urn:unremembered")[0]
    assert not validate(sts, ALICE, whole(unremembered), applies_to="urn:app")[0]


# Another token in its place.


@VERSIONS
@pytest.mark.parametrize("saml, into", [(SAML1, SAML2), (SAML2, SAML1), (SAML1, SAML1)])
@EVERY_WAY
def test_one_type_becomes_another(sts, site, path, saml, into, way):
    first = issue(sts, path=path, saml=saml)
    second = transform(sts, ALICE, way(first), into, path)
    assert etree.QName(second.assertion).namespace == into
    assert_signed(second, site)
    assert said(second) == said(first)
    assert times(second)[1] <= times(first)[1]
    assert status_of(second) and validate(sts, ALICE, whole(second), path)[0]


def status_of(issued):
    (code,) = issued.document.iter("{*}Code")
    return code.text.endswith("/status/valid")


def test_what_was_made_of_a_token_neither_outlives_it_nor_is_renewed(sts):
    first = issue(sts, body_extra=lifetime(expires=30))
    second = transform(sts, ALICE, by_reference(first), SAML2)
    third = transform(sts, ALICE, by_reference(second), SAML1)
    assert times(third)[1] == times(second)[1] == times(first)[1]
    assert renew(sts, ALICE, by_reference(second)) == "wst:UnableToRenew"
    assert cancel(sts, ALICE, by_reference(first)) is True
    for made in (second, third):
        assert validate(sts, ALICE, by_reference(made)) == (False, "The token has been cancelled.")


def test_an_id_alone_gives_a_stranger_no_token(sts):
    first = issue(sts)
    assert transform(sts, MARKUP, by_reference(first), SAML2) == "wst:FailedAuthentication"
    assert transform(sts, MARKUP, by_identifier(first), SAML2) == "wst:FailedAuthentication"
    # Whoever shows it could present it as well.
    assert said(transform(sts, MARKUP, whole(first), SAML2)) == said(first)
    assert said(transform(sts, BOB, by_reference(first), SAML2)) == said(first), "named in askers"


def test_none_is_made_of_what_is_not_remembered(sts):
    assert transform(sts, ALICE, whole(issue(sts, to="unremembered")), SAML2) == "wst:RequestFailed"


# Renew.


def test_only_the_subject_and_named_askers_renew_and_cancel(sts):
    first = issue(sts)
    for way in (by_reference, whole):
        assert renew(sts, MARKUP, way(first)) == "wst:FailedAuthentication"
        assert cancel(sts, MARKUP, way(first)) == "wst:FailedAuthentication"
    by_upn = renew(sts, BOB, by_reference(first))
    by_login = renew(sts, SUBSIDIARY, by_reference(first), user=SUBSIDIARY.login)
    assert said(by_upn) == said(by_login) == said(first)
    # Whom the directory calls so, whatever they signed in as.
    assert said(renew(sts, SUBSIDIARY, by_reference(first))) == said(first)
    assert cancel(sts, BOB, by_reference(by_login)) is True
    assert validate(sts, ALICE, by_reference(by_login))[0] is False
    other = issue(sts, to="short")
    assert renew(sts, BOB, by_reference(other)) == "wst:FailedAuthentication", "named for another party"


def test_a_named_asker_renews_nothing_for_who_is_gone(launch, own_slapd, nginx):
    sts = launch(ldap(own_slapd), nginx.url, relying_parties=PARTIES, cache={"bind": "off"})
    first = issue(sts, TEXTUAL)
    assert said(renew(sts, BOB, by_reference(first))) == said(first)
    own_slapd.modify(f"dn: {TEXTUAL.dn}\nchangetype: modify\nreplace: userPrincipalName\nuserPrincipalName: x@example.com\n")
    answer = ask(sts, "Renew", BOB, by_reference(first))
    assert b"ID3242" not in answer.content
    record = sts.audit_of(answer.headers["X-Correlation-Id"])
    assert (record["result"], record["operation"], record["target_id"]) == ("unknown_user", "renew", id_of(first))
    assert (record["upn"], record["subject"], record["subject_upn"]) == (BOB.upn, TEXTUAL.upn, None)
    # Another who takes the name is not the token's subject.
    own_slapd.modify(f"dn: {UMLAUT.dn}\nchangetype: modify\nreplace: userPrincipalName\nuserPrincipalName: {TEXTUAL.upn}\n")
    assert renew(sts, BOB, by_reference(first)) == "wst:FailedAuthentication"


def test_a_named_asker_renews_nothing_for_who_is_disabled(tmp_path_factory, site, launch, nginx):
    need("slapd", "ldapmodify")
    directory = Slapd(tmp_path_factory.mktemp("policed"), site.authority, policy=True)
    directory.start()
    try:
        sts = launch(ldap(directory), nginx.url, relying_parties=PARTIES)
        first = issue(sts, CHANGING)
        assert said(renew(sts, BOB, by_reference(first))) == said(first)
        directory.modify(f"dn: {CHANGING.dn}\nchangetype: modify\nadd: userAccountControl\nuserAccountControl: 514\n")
        assert renew(sts, BOB, by_reference(first)) == "wst:FailedAuthentication"
    finally:
        directory.stop()


def test_who_lost_the_partys_group_renews_nothing(launch, own_slapd, nginx):
    office = {"name": "office365", "preset": "office365", "required_group": "O365-Users"}
    sts = launch(ldap(own_slapd), nginx.url, relying_parties=[office], cache={"bind": "off"})
    first = token(sign_in(sts, TEXTUAL))
    assert renew(sts, TEXTUAL, by_reference(first))
    own_slapd.modify(f"dn: {GROUP_DN}\nchangetype: modify\ndelete: member\nmember: {TEXTUAL.dn}\n")
    assert renew(sts, TEXTUAL, by_reference(first)) == "wsse:FailedAuthentication"


def test_the_window_after_the_end(sts):
    first = issue(sts, to="short")
    waiting.until(lambda: not validate(sts, ALICE, by_reference(first))[0], "the token's end")
    for way in (by_reference, whole):
        second = renew(sts, ALICE, way(first), body_extra=lifetime(expires=600))
        assert said(second) == said(first) and validate(sts, ALICE, whole(second))[0]
    ended = issue(sts, to="ended")
    waiting.until(lambda: not validate(sts, ALICE, by_reference(ended))[0], "the other's end")
    for way in (by_reference, whole):
        assert renew(sts, ALICE, way(ended)) == "wst:UnableToRenew"


def test_no_chain_of_renewals_is_longer_than_the_party_allows(sts):
    """A sign-in that is remembered began earlier than the token."""
    latest = first = issue(sts, TEXTUAL, to="bounded")

    def over():
        nonlocal latest
        renewed = renew(sts, TEXTUAL, by_reference(latest), body_extra=lifetime(expires=3000))
        if isinstance(renewed, str):
            return renewed
        assert said(renewed) == said(first) and seconds(renewed) <= 3
        latest = renewed

    assert waiting.until(over, "the end of all renewals") == "wst:UnableToRenew"
    assert renew(sts, TEXTUAL, whole(first)) == "wst:UnableToRenew"


def test_what_cannot_be_renewed(sts):
    assert renew(sts, ALICE, by_reference(issue(sts, to="never"))) == "wst:UnableToRenew"
    assert renew(sts, ALICE, whole(issue(sts, to="unremembered"))) == "wst:UnableToRenew"
    assert renew(sts, ALICE, by_reference("_unknown")) == "wst:UnableToRenew"
    forbidden = issue(sts, body_extra='<w:Renewing Allow="false"/>')
    assert renew(sts, ALICE, by_reference(forbidden)) == "wst:UnableToRenew"
    once = renew(sts, ALICE, by_reference(issue(sts)), body_extra='<w:Renewing Allow="false"/>')
    assert renew(sts, ALICE, by_reference(once)) == "wst:UnableToRenew"


def test_renewing_says_whether_also_after_the_end(sts):
    until_end = issue(sts, to="short", body_extra="<w:Renewing/>")
    beyond = issue(sts, to="short", body_extra='<w:Renewing OK="true"/>')
    waiting.until(lambda: not validate(sts, ALICE, whole(beyond))[0], "the tokens' end")
    assert renew(sts, ALICE, whole(until_end)) == "wst:UnableToRenew"
    assert said(renew(sts, ALICE, by_reference(beyond))) == said(beyond)


def test_renew_keeps_party_and_type(sts):
    first = issue(sts)
    assert said(renew(sts, ALICE, by_reference(first), applies_to="urn:app")) == said(first)
    assert renew(sts, ALICE, by_reference(first), applies_to="urn:short") == "wst:InvalidScope"
    assert renew(sts, ALICE, by_reference(first), applies_to="urn:nobody") == "wst:InvalidScope"
    assert renew(sts, ALICE, by_reference(first), token_type=SAML2) == "wst:RequestFailed"


# How long.


@VERSIONS
def test_lifetime_is_had_within_bounds(sts, path):
    def asked(**ends):
        extra = lifetime(**ends)
        return seconds(token(sign_in(sts, ALICE, path, body_extra=extra)))

    assert asked() == 3600
    assert 290 < asked(created=0, expires=300) <= 300
    assert 7 * 3600 - 10 < asked(expires=7 * 3600) <= 7 * 3600
    assert asked(created=0, expires=100 * 3600) == 8 * 3600
    first = token(sign_in(sts, ALICE, path))
    renewed = renew(sts, ALICE, by_reference(first), path, body_extra=lifetime(expires=20000))
    assert 19990 < seconds(renewed) <= 20000
    assert seconds(renew(sts, ALICE, by_reference(first), path, body_extra=lifetime(expires=30000))) == 8 * 3600


@VERSIONS
def test_lifetime_is_what_the_answer_says(sts, path):
    issued = token(sign_in(sts, ALICE, path, body_extra=lifetime(expires=300)))
    created, expires = (issued.document.findtext(f".//{{*}}Lifetime/{{{WSU}}}{name}") for name in ("Created", "Expires"))
    assert (created, expires) == times(issued)


# Cancel.


def test_what_is_not_remembered_is_cancelled_whole(sts):
    first = issue(sts, to="unremembered")
    assert cancel(sts, ALICE, by_reference(first)) == "wsse:SecurityTokenUnavailable"
    assert cancel(sts, MARKUP, whole(first)) == "wst:FailedAuthentication"
    assert validate(sts, ALICE, whole(first))[0]
    assert cancel(sts, ALICE, whole(first)) is True
    assert cancel(sts, ALICE, whole(first)) is True
    assert validate(sts, ALICE, whole(first)) == (False, "The token has been cancelled.")
    assert validate(sts, ALICE, by_reference(first)) == (False, "The token has been cancelled.")


def test_who_is_named_for_one_party_cancels_no_token_that_may_be_anothers(sts):
    for to in ("one", "other"):
        token = whole(issue(sts, to=to))
        assert cancel(sts, BOB, token) == "wst:FailedAuthentication"
        for asked in ("one", "other"):
            assert validate(sts, MARKUP, token, applies_to=f"urn:{asked}")[0]
        assert not validate(sts, MARKUP, token, applies_to="urn:app")[0]


def test_a_token_with_sha_1_is_known_by_reference_alone(sts):
    first = issue(sts, to="sha1")
    assert validate(sts, ALICE, by_reference(first))[0]
    assert not validate(sts, ALICE, whole(first))[0]


# The record.


def test_capacity(launch, slapd, nginx):
    small = launch(ldap(slapd), nginx.url, relying_parties=PARTIES, cache={"tokens": {"capacity": 16}})
    others = [issue(small, person) for person in (MARKUP, TEXTUAL, UMLAUT)]
    hers = [issue(small) for _ in range(40)]
    for theirs, person in zip(others, (MARKUP, TEXTUAL, UMLAUT)):
        assert validate(small, person, by_reference(theirs))[0], "nobody pushes others' tokens out"
    assert validate(small, ALICE, by_reference(hers[-1]))[0]
    assert validate(small, ALICE, by_reference(hers[0])) == (False, "This service knows no such token.")
    assert validate(small, ALICE, whole(hers[0]))[0]
    assert renew(small, ALICE, whole(hers[0])) == "wst:UnableToRenew"
    assert cancel(small, ALICE, whole(hers[0])) is True
    assert validate(small, ALICE, whole(hers[0]))[0] is False
    assert small.metric("cache_evictions_total", cache="tokens", reason="size") == 43 - 16
    waiting.until(lambda: small.metric("cache_entries", cache="tokens") == 16, "the gauge")
    waiting.until(lambda: small.metric("cache_entries", cache="cancelled") == 1, "the other gauge")


def test_a_reload_keeps_the_record(launch, slapd, nginx):
    sts = launch(ldap(slapd), nginx.url, relying_parties=PARTIES)
    kept, gone = issue(sts), issue(sts)
    assert cancel(sts, ALICE, by_reference(gone)) is True
    assert sts.reload()
    assert validate(sts, ALICE, by_reference(kept))[0]
    assert said(renew(sts, ALICE, by_reference(kept))) == said(kept)
    assert validate(sts, ALICE, whole(gone)) == (False, "The token has been cancelled.")

    whole_file = yaml.safe_load(sts.file.read_text())
    whole_file["relying_parties"] = [each for each in whole_file["relying_parties"] if each["name"] != "app"]
    whole_file["cache"] = {"tokens": {"capacity": 1}}
    sts.file.write_text(yaml.safe_dump(whole_file, sort_keys=False))
    issue(sts, body_extra=lifetime(expires=60))
    assert sts.reload()
    assert sts.metric("cache_evictions_total", cache="tokens", reason="size") >= 1
    assert renew(sts, ALICE, whole(kept)) == "wst:UnableToRenew"


@pytest.mark.parametrize("operation", ["Renew", "Validate", "Cancel"])
def test_nonce_counts_once_for_every_operation(sts, operation):
    def with_nonce(nonce, target, **fields):
        extra = f"<o:Nonce>{nonce}</o:Nonce><u:Created>{instant()}</u:Created>"
        return ask(sts, operation, ALICE, target, token_extra=extra, **fields)

    nonce = base64.b64encode(os.urandom(16)).decode()
    first, second = issue(sts), issue(sts)
    refused = with_nonce(nonce, by_reference(first), password="canary-wrong-password")
    assert subcode(refused) == "wsse:FailedAuthentication"
    assert with_nonce(nonce, by_reference(first)).status_code == 200
    assert subcode(with_nonce(nonce, by_reference(second))) == "wsse:InvalidSecurity"
    assert validate(sts, ALICE, by_reference(second))[0], "nothing has come of it"


def test_what_we_said_by_another_name_is_ours_no_longer(launch, slapd, nginx):
    sts = launch(ldap(slapd), nginx.url, relying_parties=PARTIES)
    first = issue(sts)
    changed = yaml.safe_load(sts.file.read_text())
    changed["issuer"]["entity_id"] = "https://sts.example.com/another"
    sts.file.write_text(yaml.safe_dump(changed, sort_keys=False))
    assert sts.reload()
    for way in WAYS:
        assert validate(sts, ALICE, way(first)) == (False, "This is no token of this service.")
        assert transform(sts, ALICE, way(first), SAML2) == (False, "This is no token of this service.")
    assert renew(sts, ALICE, by_reference(first)) == "wst:UnableToRenew"
    assert renew(sts, ALICE, whole(first)) == "wst:InvalidSecurityToken"


def test_a_new_signing_key_leaves_what_is_remembered(launch, site, slapd, nginx, tmp_path):
    """What is in the record nobody else can have put there, whatever became of the key."""
    sts = launch(ldap(slapd), nginx.url, relying_parties=PARTIES)
    first = issue(sts)
    fresh = certificates.signing(tmp_path, "fresh")
    changed = yaml.safe_load(sts.file.read_text())
    changed["issuer"]["signing"] = {"certificate_file": str(fresh[0]), "private_key_file": str(fresh[1])}
    sts.file.write_text(yaml.safe_dump(changed, sort_keys=False))
    assert sts.reload()
    assert validate(sts, ALICE, by_reference(first))[0]
    assert validate(sts, ALICE, whole(first)) == (False, "This is no token of this service.")
    second = renew(sts, ALICE, by_reference(first))
    assert said(second) == said(first) and validate(sts, ALICE, whole(second))[0]


# What is told about it.


def test_audit_records_say_what_was_asked_and_of_which_token(sts):
    def record(answer):
        return sts.audit_of(answer.headers["X-Correlation-Id"])

    answer = sign_in(sts, ALICE, applies_to="urn:app")
    first = token(answer)
    told = record(answer)
    assert (told["operation"], told["assertion_id"], told["target_id"]) == ("issue", id_of(first), None)

    answer = ask(sts, "Renew", ALICE, by_reference(first))
    told = record(answer)
    assert (told["operation"], told["assertion_id"], told["target_id"]) == ("renew", id_of(token(answer)), id_of(first))
    assert (told["relying_party"], told["result"], told["user"]) == ("app", "success", ALICE.upn)

    told = record(ask(sts, "Cancel", MARKUP, whole(first)))
    assert (told["operation"], told["target_id"], told["result"]) == ("cancel", id_of(first), "security")
    assert id_of(first) in told["reason"]

    told = record(ask(sts, "Cancel", ALICE, whole(first)))
    assert (told["operation"], told["target_id"], told["result"]) == ("cancel", id_of(first), "success")

    told = record(ask(sts, "Validate", ALICE, by_identifier(first)))
    assert (told["operation"], told["assertion_id"], told["target_id"]) == ("validate", None, id_of(first))
    assert (told["result"], told["reason"]) == ("success", "The token has been cancelled.")

    told = record(ask(sts, "Validate", ALICE, by_reference("x" * 5000)))
    assert len(told["target_id"]) < 300


def test_disabled_subject_has_no_token_made_and_is_not_the_askers_bad_password(launch, nginx, tmp_path):
    users = tmp_path / "users.yaml"

    def people(**gone):
        known = {"portal": {}, "alice": {}, "carol": {"groups": ["staff"]}}
        listed = [
            {"name": name, "upn": f"{name}@example.com", "password_hash": SECRET, **about, **gone.get(name, {})}
            for name, about in known.items()
        ]
        users.write_text(yaml.safe_dump({"users": listed}))

    people()
    parties = [
        {"name": "app", "applies_to": ["urn:app"], "renewal": {"askers": ["portal"]}},
        {"name": "staff", "applies_to": ["urn:staff"], "renewal": {"askers": ["portal"]}, "required_group": "staff"},
    ]
    sts = launch({"file": {"path": str(users)}}, nginx.url, relying_parties=parties)

    def by(name, operation, target, **fields):
        fields = {"user": f"{name}@example.com", "password": "secret", "message_id": "urn:uuid:same", **fields}
        return ask(sts, operation, ALICE, target, **fields)

    def audited(answer):
        return sts.audit_of(answer.headers["X-Correlation-Id"])

    first = token(sign_in(sts, ALICE, user="alice@example.com", password="secret", applies_to="urn:app"))
    other = token(sign_in(sts, ALICE, user="carol@example.com", password="secret", applies_to="urn:staff"))
    for operation, fields in [("Renew", {}), ("Validate", {"token_type": SAML2})]:
        answer = by("portal", operation, by_reference(first), **fields)
        assert answer.status_code == 200
        record = audited(answer)
        assert (record["user"], record["upn"]) == ("portal@example.com",) * 2
        assert (record["subject"], record["subject_upn"]) == ("alice@example.com",) * 2
        assert (record["delegation"], record["entry"]) == (None, "portal")
        own = audited(by("alice", operation, by_reference(first), **fields))
        assert (own["user"], own["subject"], own["subject_upn"]) == ("alice@example.com", None, None)

    people(alice={"disabled": True}, carol={"groups": []})
    assert sts.reload()
    stranger = by("alice", "Renew", by_reference(first)).content
    assert b"ID3242" in stranger
    answers = set()
    for operation, fields in [("Renew", {}), ("Validate", {"token_type": SAML1}), ("Validate", {"token_type": SAML2})]:
        for issued, whose, result in [(first, "alice@example.com", "account"), (other, "carol@example.com", "wrong_group")]:
            for way in (by_reference, whole):
                answer = by("portal", operation, way(issued), **fields)
                assert subcode(answer) == "wst:FailedAuthentication", (operation, fields, way)
                answers.add(answer.content)
                record = audited(answer)
                assert (record["result"], record["subject"], record["entry"]) == (result, whose, "portal"), record
    assert len(answers) == 1
    # Whether it is valid is told as ever: it is for the account of whoever asks, not for a new token.
    assert status(by("portal", "Validate", by_reference(first)))[0] is True
    # Whoever is not named is refused alike.
    assert by("carol", "Renew", by_reference(first)).content in answers


def test_renewal_of_what_is_not_remembered_names_the_setting(sts):
    for target in (whole(issue(sts, to="unremembered")), by_reference("_nobody_knows")):
        answer = ask(sts, "Renew", ALICE, target)
        assert subcode(answer) == "wst:UnableToRenew" and b"does not remember the token" in answer.content
        assert "remember_tokens" in sts.audit_of(answer.headers["X-Correlation-Id"])["reason"]


@VERSIONS
def test_what_cannot_be_read_is_audited_with_operation_protocol_and_user(sts, path):
    trust, protocol = (TRUST2005, "wstrust2005") if path == PATH2005 else (TRUST13, "wstrust13")
    encrypted = "<x:EncryptedAssertion xmlns:x='urn:oasis:names:tc:SAML:2.0:assertion'/>"
    for operation, answer in [
        ("issue", sign_in(sts, ALICE, path, applies_to="urn:app", token_type="urn:nothing")),
        ("renew", ask(sts, "Renew", ALICE, encrypted, path)),
        ("cancel", sign_in(sts, ALICE, path, request_type="Cancel", action=f"{trust}/RST/Cancel", applies_to=None)),
    ]:
        record = sts.audit_of(answer.headers["X-Correlation-Id"])
        told = (record["result"], record["operation"], record["protocol"], record["user"], record["credential"])
        assert told == ("malformed", operation, protocol, ALICE.upn, "password")


def test_requests_are_counted(sts):
    def counted(operation, result):
        return sts.metric("wstrust_requests_total", operation=operation, result=result)

    kinds = [("issue", "success"), ("renew", "success"), ("renew", "refused"), ("validate", "invalid"), ("cancel", "success")]
    before = [counted(*kind) for kind in kinds]
    tokens = sts.metric("tokens_issued_total")
    first = issue(sts)
    renew(sts, ALICE, by_reference(first))
    renew(sts, MARKUP, by_reference(first))
    cancel(sts, ALICE, by_reference(first))
    validate(sts, ALICE, by_reference(first))
    assert [counted(*kind) - was for kind, was in zip(kinds, before)] == [1] * len(kinds)
    assert sts.metric("tokens_issued_total") - tokens == 2
