"""SAML tokens as credentials: ours, and a foreign issuer's that signxml signs; what is believed of them, and every refusal."""

import base64
import hashlib
import re

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from support import certificates, fedfront, operations, waiting
from support.fedfront import ENTITY_ID, OFFICE
from support.issuer import BEARER, HOLDER, Issuer, security
from support.operations import by_reference, renew, times
from support.people import ALICE, BOB
from support.rst import NS, SAML1, SAML2, TRUST13, WSSE, WSU, Rst, fault, instant, send, sign_in, token

FOREIGN = "https://idp.example.net/"
CLAIMS = "https://claims.example.net/"
UPN_CLAIM = "http://schemas.xmlsoap.org/claims/UPN"
APP = "https://app.example.com/"
AUTHENTICATION = ("Sender", "FailedAuthentication", WSSE)
INVALID = ("Sender", "InvalidSecurityToken", WSSE)
VERSIONS = pytest.mark.parametrize("version", [SAML1, SAML2], ids=["1.1", "2.0"])


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuers")
    return {name: certificates.signing(folder, name) for name in ("foreign", "claims", "stranger", "holder")}


@pytest.fixture(scope="module")
def foreign(pairs):
    return Issuer(FOREIGN, pairs["foreign"])


@pytest.fixture(scope="module")
def sts(launch_shared, slapd, nginx, pairs):
    """Believes two issuers; the parties are an application, and the STS itself."""
    issuers = [
        {"entity_id": FOREIGN, "certificate_files": [str(pairs["foreign"][0])]},
        {"entity_id": CLAIMS, "certificate_files": [str(pairs["claims"][0])], "name": UPN_CLAIM},
    ]
    parties = [
        {"name": "app", "applies_to": [APP], "required_group": "O365-Users"},
        {"name": "brief", "applies_to": ["urn:brief"], "audience": ENTITY_ID, "lifetime": "1s", "renewal": {"window": "1h"}},
        {"name": "sts", "applies_to": [ENTITY_ID]},
    ]
    process = launch_shared(
        fedfront.ldap(slapd),
        nginx.url,
        credentials={"issued_token": {"issuers": issuers}},
        relying_parties=parties,
    )
    yield process
    process.finish()


def ask(sts, assertion, applies_to=APP, **fields):
    return send(sts, Rst(user=None, security=security(assertion), applies_to=applies_to, **fields))


def refused(sts, assertion, **fields):
    answer = ask(sts, assertion, **fields)
    assert answer.status_code == 500, answer.text
    return fault(answer)[:3]


def statement(issued):
    (found,) = issued.assertion.iter(f"{{{SAML1}}}AuthenticationStatement")
    return found


@VERSIONS
def test_foreign_token_signs_its_user_in(sts, foreign, version):
    issued = token(ask(sts, foreign.token(ALICE.upn, ENTITY_ID, version=version)))
    assert issued.text("//saml:AuthenticationStatement//saml:NameIdentifier") == ALICE.upn
    assert statement(issued).get("AuthenticationMethod") == "urn:oasis:names:tc:SAML:1.0:am:password"
    # It is the token's own sign-in that counts, half a minute ago.
    assert instant(-60) < statement(issued).get("AuthenticationInstant") < instant(-20)


def test_audit_tells_whom_the_token_named(sts, foreign):
    answer = ask(sts, foreign.token(ALICE.login, ENTITY_ID))
    record = sts.audit_of(answer.headers["X-Correlation-Id"])
    assert (record["result"], record["user"], record["upn"]) == ("success", ALICE.login, ALICE.upn)


@VERSIONS
def test_audit_names_the_credential_and_the_issuer_also_of_a_refused_token(sts, foreign, pairs, version):
    stranger = Issuer("https://stranger.example.net/" + "x" * 1000, pairs["stranger"])
    for issuer, result in [(foreign, "success"), (stranger, "bad_credentials")]:
        answer = ask(sts, issuer.token(ALICE.upn, ENTITY_ID, version=version))
        record = sts.audit_of(answer.headers["X-Correlation-Id"])
        assert (record["result"], record["credential"]) == (result, "token")
        assert record["token_issuer"] == (issuer.entity_id if result == "success" else stranger.entity_id[:256] + "…")
        assert record["certificate_subject"] is record["certificate_serial"] is None
    assert "https://stranger.example.net/" in record["reason"]
    record = sts.audit_of(sign_in(sts, ALICE, applies_to=APP).headers["X-Correlation-Id"])
    assert (record["credential"], record["token_issuer"]) == ("password", None)


def test_audit_and_fault_say_what_is_wrong_with_a_token(sts, foreign):
    restriction = re.compile("<AudienceRestriction.*</AudienceRestriction[A-Za-z]*>")
    answer = ask(sts, foreign.sign(restriction.sub("", foreign.assertion(ALICE.upn, ENTITY_ID))))
    assert "without an Audience" in sts.audit_of(answer.headers["X-Correlation-Id"])["reason"]
    answer = ask(sts, f"<x:EncryptedAssertion xmlns:x='{SAML2}'/>")
    assert "EncryptedAssertion for a credential" in sts.audit_of(answer.headers["X-Correlation-Id"])["reason"]
    assert "encrypted assertion cannot be read" in fault(answer)[3]


@VERSIONS
def test_name_is_in_a_claim_where_the_configuration_says_so(sts, pairs, version):
    claims = Issuer(CLAIMS, pairs["claims"])
    issued = token(ask(sts, claims.token("nobody", ENTITY_ID, version=version, claims={UPN_CLAIM: ALICE.upn})))
    assert issued.text("//saml:AuthenticationStatement//saml:NameIdentifier") == ALICE.upn
    assert refused(sts, claims.token(ALICE.upn, ENTITY_ID, version=version)) == INVALID


def test_method_that_is_not_known_is_unspecified(sts, foreign):
    multiple = foreign.token(ALICE.upn, ENTITY_ID, method="http://schemas.microsoft.com/claims/multipleauthn")
    issued = token(ask(sts, multiple))
    assert statement(issued).get("AuthenticationMethod") == "urn:oasis:names:tc:SAML:1.0:am:unspecified"
    assert b"multipleauthn" not in issued.content


def test_address_of_the_sts_is_an_audience(sts, foreign):
    token(ask(sts, foreign.token(ALICE.upn, f"{sts.url}/adfs/services/trust/13/usernamemixed")))


@pytest.mark.parametrize("issued_type", [SAML1, SAML2])
def test_our_own_token_signs_in_and_is_not_outlived(sts, issued_type):
    first = token(sign_in(sts, ALICE, applies_to=ENTITY_ID, token_type=issued_type))
    ends = first.text("//w:Lifetime/u:Expires")
    second = token(ask(sts, first.assertion_bytes.decode()))
    assert second.text("//w:Lifetime/u:Expires") == ends
    # What is for others is not for us.
    other = token(sign_in(sts, ALICE, applies_to=APP, token_type=issued_type))
    assert refused(sts, other.assertion_bytes.decode()) == INVALID


def test_what_a_token_of_ours_led_to_is_not_renewed_beyond_it(sts):
    first = token(sign_in(sts, ALICE, applies_to=ENTITY_ID, body_extra=lifetime(120)))
    second = token(ask(sts, first.assertion_bytes.decode()))
    ends = times(first)[1]
    assert times(second)[1] == ends
    longer = lifetime(3000)
    header = {"user": None, "password": None, "security": security(first.assertion_bytes.decode())}
    # Neither a token that was had upon one, nor one of a password by somebody who shows one.
    own = token(sign_in(sts, ALICE, applies_to=APP, body_extra=lifetime(60)))
    for renewed in (
        renew(sts, ALICE, by_reference(second), body_extra=longer),
        renew(sts, ALICE, by_reference(own), body_extra=longer, **header),
    ):
        assert times(renewed)[1] == ends
        assert times(renew(sts, ALICE, by_reference(renewed), body_extra=longer))[1] == ends
    assert times(renew(sts, ALICE, by_reference(own), body_extra=longer))[1] > ends


def lifetime(seconds):
    return f'<w:Lifetime><u:Expires xmlns:u="{WSU}">{instant(seconds)}</u:Expires></w:Lifetime>'


def test_name_of_another_domain_is_not_ours_of_the_same_name(sts, foreign):
    for name in ("OTHER\\" + ALICE.login, "OTHER/" + ALICE.login):
        assert refused(sts, foreign.token(name, ENTITY_ID)) == INVALID


@pytest.mark.parametrize("issued_type", [SAML1, SAML2])
def test_no_renewal_outlives_the_token_of_ours_that_signed_in(sts, issued_type):
    """Who has come by a token would else have it for as long as renewal lasts."""
    first = token(sign_in(sts, ALICE, applies_to=ENTITY_ID, token_type=issued_type))
    shown = first.assertion_bytes.decode()
    target = f"<w:RenewTarget>{operations.by_reference(first)}</w:RenewTarget>"
    renew = {"request_type": "Renew", "action": f"{TRUST13}/RST/Renew", "key_type": None, "body_extra": target}
    renewed = token(ask(sts, shown, applies_to=None, **renew))
    assert renewed.text("//w:Lifetime/u:Expires") == first.text("//w:Lifetime/u:Expires")


def test_cancelled_token_of_ours_signs_nobody_in(sts):
    first = token(sign_in(sts, ALICE, applies_to=ENTITY_ID)).assertion_bytes.decode()
    token(ask(sts, first))
    target = f"<w:CancelTarget>{first}</w:CancelTarget>"
    request = Rst(
        user=ALICE.upn,
        password=ALICE.password,
        request_type="Cancel",
        action=f"{TRUST13}/RST/Cancel",
        applies_to=None,
        key_type=None,
        body_extra=target,
    )
    assert send(sts, request).status_code == 200
    assert refused(sts, first) == ("Sender", "InvalidSecurityToken", TRUST13)


@pytest.mark.parametrize(
    ("renewing", "code"), [('<w:Renewing Allow="true" OK="true"/>', "RenewNeeded"), ('<w:Renewing Allow="false"/>', "ExpiredData")]
)
def test_token_of_ours_that_has_ended_may_need_to_be_renewed(sts, renewing, code):
    first = token(sign_in(sts, ALICE, applies_to="urn:brief", body_extra=renewing)).assertion_bytes.decode()
    ended = waiting.until(lambda: [answer for answer in [ask(sts, first)] if answer.status_code == 500], "its end")
    assert fault(ended[0])[:3] == ("Sender", code, TRUST13)


def test_wrong_group_and_unknown_user_are_the_bytes_of_a_bad_password(sts, foreign):
    wrong = send(sts, Rst(user=ALICE.upn, password="wrong", applies_to=APP, message_id=None)).content
    for name in (BOB.upn, "nobody@example.com", "*", "alice)(uid=*"):
        assert ask(sts, foreign.token(name, ENTITY_ID), message_id=None).content == wrong


def test_who_signs_must_be_trusted(sts, foreign, pairs):
    wrong = send(sts, Rst(user=ALICE.upn, password="wrong", applies_to=APP, message_id=None)).content
    stranger = Issuer(FOREIGN, pairs["stranger"])  # whose certificate is in KeyInfo
    unknown = Issuer("https://unknown.example.net/", pairs["foreign"])
    other = Issuer(CLAIMS, pairs["foreign"])
    ourselves = Issuer(ENTITY_ID, pairs["foreign"])
    for issuer in (stranger, unknown, other, ourselves):
        assert ask(sts, issuer.token(ALICE.upn, ENTITY_ID), message_id=None).content == wrong
    unsigned = foreign.assertion(ALICE.upn, ENTITY_ID)
    assert ask(sts, unsigned, message_id=None).content == wrong
    changed = foreign.token(BOB.upn, ENTITY_ID).replace(BOB.upn, ALICE.upn)
    assert ask(sts, changed, message_id=None).content == wrong


def test_times_audience_and_confirmation(sts, foreign):
    expired = foreign.token(ALICE.upn, ENTITY_ID, begins=-7200, ends=-301)
    assert refused(sts, expired) == ("Sender", "ExpiredData", TRUST13)
    for wrong in (
        foreign.token(ALICE.upn, APP),
        foreign.token(ALICE.upn, OFFICE),
        foreign.token(ALICE.upn, ENTITY_ID, begins=400),
        foreign.token(ALICE.upn, ENTITY_ID, confirmation="sender-vouches"),
        foreign.token(ALICE.upn, ENTITY_ID, conditions="<ProxyRestriction Count='0'/>"),
        foreign.token(ALICE.upn, ENTITY_ID, conditions="<Condition/>"),
        foreign.token(
            ALICE.upn, ENTITY_ID, conditions=f"<AudienceRestriction><Audience>{APP}</Audience></AudienceRestriction>"
        ),
    ):
        assert refused(sts, wrong) == INVALID, wrong
    # Within the leeway of clocks.
    token(ask(sts, foreign.token(ALICE.upn, ENTITY_ID, begins=-7200, ends=-200)))


@pytest.mark.parametrize(
    ("version", "once"), [(SAML1, "<DoNotCacheCondition/>"), (SAML2, "<OneTimeUse/>")], ids=["1.1", "2.0"]
)
def test_one_time_use_is_once(sts, foreign, version, once):
    assertion = foreign.token(ALICE.upn, ENTITY_ID, version=version, conditions=once)
    # Not used up by a request that gets nothing.
    assert refused(sts, assertion, applies_to="urn:nobody") == ("Sender", "InvalidScope", TRUST13)
    token(ask(sts, assertion))
    assert refused(sts, assertion) == ("Sender", "InvalidSecurity", WSSE)
    again = foreign.token(ALICE.upn, ENTITY_ID, version=version)
    for _ in range(3):
        token(ask(sts, again))


def wrapped(good, evil):
    """Every way to show one assertion and have another verified."""
    signature = re.search(r"<(?:ds:)?Signature .*</(?:ds:)?Signature>", good, re.S).group(0)
    unsigned = good.replace(signature, "")
    close = "</Assertion>"
    tail = re.search(r"</(?:ds:)?Signature>$", signature).group(0)
    prefix = "ds:" if tail.startswith("</ds:") else ""
    boxed = signature[: -len(tail)] + f"<{prefix}Object>{unsigned}</{prefix}Object>" + tail
    return {
        "signed inside the forged": evil.replace(close, good + close),
        "signed in Advice": evil.replace(close, f"<Advice>{good}</Advice>{close}"),
        "signature moved": evil.replace(close, signature + close),
        "signature moved, the signed beside": evil.replace(close, signature + close) + unsigned,
        "signed in an Object": evil.replace(close, boxed + close),
        "forged before the signed": evil + good,
        "forged after the signed": good + evil,
        "the forged has the ID": evil.replace('ID="_evil"', f'ID="{etree.fromstring(good).get("ID")}"') + good,
    }


def test_no_wrapping_signs_another_in(sts, foreign):
    good = foreign.token(BOB.upn, ENTITY_ID)
    evil = foreign.assertion(ALICE.upn, ENTITY_ID, id="_evil")
    for name, header in wrapped(good, evil).items():
        answer = ask(sts, header)
        assert answer.status_code == 500, f"{name}: {answer.text}"
        record = sts.audit_of(answer.headers["X-Correlation-Id"])
        assert record["upn"] != ALICE.upn and record["result"] != "success", name


def test_comment_does_not_shorten_a_name(sts, foreign):
    longer = foreign.token(f"{ALICE.upn}.evil.example", ENTITY_ID)
    cut = longer.replace(f"{ALICE.upn}.evil", f"{ALICE.upn}<!-- -->.evil")
    assert cut != longer
    assert refused(sts, cut) == AUTHENTICATION


def test_both_a_password_and_a_token_are_in_doubt(sts, foreign):
    assertion = foreign.token(ALICE.upn, ENTITY_ID)
    name = f"<o:UsernameToken><o:Username>{BOB.upn}</o:Username><o:Password>{BOB.password}</o:Password></o:UsernameToken>"
    header = security(assertion, more=name)
    answer = send(sts, Rst(user=None, security=header, applies_to=APP))
    assert fault(answer)[:3] == ("Sender", "InvalidSecurity", WSSE)


def test_timestamp_is_wanted_here_too(sts, foreign):
    header = security(foreign.token(ALICE.upn, ENTITY_ID), timestamp=False)
    assert fault(send(sts, Rst(user=None, security=header, applies_to=APP)))[:3] == ("Sender", "InvalidSecurity", WSSE)


def test_holder_of_key_must_sign_the_message(sts, foreign, pairs):
    assertion = foreign.token(ALICE.upn, ENTITY_ID, confirmation=HOLDER, holder=pairs["holder"][0])
    answer = ask(sts, assertion)
    assert fault(answer)[:3] == ("Sender", "InvalidSecurity", WSSE)
    assert "must sign the Timestamp and To" in fault(answer)[3]
    for signer, right in (("holder", True), ("stranger", False)):
        answer = send(sts, signed_message(sts, assertion, pairs[signer]))
        if right:
            assert token(answer).text("//saml:AuthenticationStatement//saml:NameIdentifier") == ALICE.upn
        else:
            assert fault(answer)[:3] == ("Sender", "FailedCheck", WSSE)
    unbound = foreign.token(ALICE.upn, ENTITY_ID, confirmation=BEARER)
    answer = send(sts, signed_message(sts, unbound, pairs["holder"]))
    assert fault(answer)[:3] == ("Sender", "SecurityTokenUnavailable", WSSE)


def test_message_signed_by_the_holder_is_good_once_and_here(sts, foreign, pairs):
    assertion = foreign.token(ALICE.upn, ENTITY_ID, confirmation=HOLDER, holder=pairs["holder"][0])
    message = signed_message(sts, assertion, pairs["holder"])
    token(send(sts, message))
    assert fault(send(sts, message))[:3] == ("Sender", "InvalidSecurity", WSSE)
    elsewhere = signed_message(sts, assertion, pairs["holder"], to="https://other.example.com/sts")
    assert fault(send(sts, elsewhere))[:3] == ("Sender", "InvalidSecurity", WSSE)
    partial = signed_message(sts, assertion, pairs["holder"], parts=("Timestamp",))
    assert fault(send(sts, partial))[:3] == ("Sender", "InvalidSecurity", WSSE)


def signed_message(sts, assertion, pair, to=None, parts=("Timestamp", "To")):
    """An RST whose Timestamp and To the key of `pair` signs, which KeyInfo says is the one in the assertion."""
    path = "/adfs/services/trust/13/usernamemixed"
    text = Rst(user=None, security=security(assertion, more="@signature@"), applies_to=APP, to=to or sts.url + path).text()
    text = text.replace("<a:To ", '<a:To u:Id="_1" ')
    document = etree.fromstring(text.replace("@signature@", ""))
    excl = "http://www.w3.org/2001/10/xml-exc-c14n#"
    references = ""
    for name in parts:
        (element,) = document.xpath("//u:Timestamp" if name == "Timestamp" else "//a:To", namespaces=NS)
        digest = hashlib.sha256(etree.tostring(element, method="c14n", exclusive=True, with_comments=False)).digest()
        references += (
            f'<ds:Reference URI="#{element.get(f"{{{WSU}}}Id")}"><ds:Transforms><ds:Transform Algorithm="{excl}"/>'
            f'</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>'
            f"{base64.b64encode(digest).decode()}</ds:DigestValue></ds:Reference>"
        )
    info = (
        f'<ds:SignedInfo xmlns:ds="{NS["ds"]}"><ds:CanonicalizationMethod Algorithm="{excl}"/><ds:SignatureMethod '
        f'Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>{references}</ds:SignedInfo>'
    )
    canonical = etree.tostring(etree.fromstring(info), method="c14n", exclusive=True)
    key = serialization.load_pem_private_key(pair[1].read_bytes(), None)
    value = base64.b64encode(key.sign(canonical, padding.PKCS1v15(), hashes.SHA256())).decode()
    identifier = etree.fromstring(assertion).get("ID")
    reference = (
        f'<o:SecurityTokenReference><o:KeyIdentifier ValueType="http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1'
        f'#SAMLID">{identifier}</o:KeyIdentifier></o:SecurityTokenReference>'
    )
    signature = (
        f'<ds:Signature xmlns:ds="{NS["ds"]}">{info}<ds:SignatureValue>{value}</ds:SignatureValue><ds:KeyInfo>{reference}'
        f"</ds:KeyInfo></ds:Signature>"
    )
    return text.replace("@signature@", signature)


def test_without_the_section_no_token_is_taken(proxy, foreign):
    answer = send(proxy, Rst(user=None, security=security(foreign.token(ALICE.upn, ENTITY_ID))))
    code, subcode, namespace, reason = fault(answer)
    assert (code, subcode, namespace) == ("Sender", "UnsupportedSecurityToken", WSSE)
    assert "UsernameToken" in reason and "SAML" not in reason
