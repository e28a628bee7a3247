"""SAML ECP: the rules for requests: signatures, channel bindings, subject, conditions, scoping, and what the audit log says."""

import datetime

import pytest
from lxml import etree

from support import certificates, ecp, fedfront, judge
from support.ecp import Answer, of_sp
from support.fedfront import ENTITY_ID
from support.people import ALICE, BOB, WRONG
from support.rst import instant
from support.signed import RSA_SHA1, RSA_SHA256, SHA1, SHA256
from support.sp import ServiceProvider, key_descriptor

BINDINGS = '<cb:ChannelBindings xmlns:cb="urn:oasis:names:tc:SAML:protocol:ext:channel-binding" {0}>{1}</cb:ChannelBindings>'
MUST = 'S:mustUnderstand="1" S:actor="http://schemas.xmlsoap.org/soap/actor/next"'

EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"

# By the SP's name: what its role says, and the switches of its party.
PARTIES = {
    "signer": ("", True),
    "always": (' AuthnRequestsSigned="true"', True),
    "silent": ("", {"request_authenticated": False}),
    "sha1": ("", {"accept_sha1": True}),
    "named": ("", {"name_identifier": [{"from": "upn", "format": EMAIL}, {"from": "immutable_id", "format": PERSISTENT}]}),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What the service providers sign with."""
    return certificates.signing(tmp_path_factory.mktemp("sp-keys"), "sp")


@pytest.fixture(scope="module")
def providers(tmp_path_factory, pair):
    keys = key_descriptor(pair[0], "signing")
    made = {
        name: ServiceProvider(tmp_path_factory.mktemp(name), f"https://{name}.example.org/sp", keys, attributes)
        for name, (attributes, _) in PARTIES.items()
    }
    yield made
    for provider in made.values():
        provider.stop()


@pytest.fixture(scope="module")
def ruled(launch_shared, slapd, nginx, providers):
    parties = [
        {
            "name": name,
            "metadata_file": str(provider.metadata_file),
            "name_identifier": {"from": "upn", "format": EMAIL},
            "ecp": PARTIES[name][1],
        }
        for name, provider in providers.items()
    ]
    process = launch_shared(fedfront.ldap(slapd), nginx.url, relying_parties=parties)
    yield process
    process.finish()


def signed_in(proxy, request, password=ALICE.password):
    return Answer(ecp.send(proxy, request, (ALICE.upn, password)))


def refused(proxy, request):
    """The fault's code, and what the audit log says."""
    reply = ecp.send(proxy, request, (ALICE.upn, ALICE.password))
    status, code, _ = ecp.fault(reply)
    assert status == 500
    return code, proxy.audit_of(reply.headers["X-Correlation-Id"])["reason"]


def headers(answer):
    return [etree.QName(header).localname for header in answer.document[0]]


# Signatures.


@pytest.mark.parametrize("name, told", [("signer", True), ("always", True), ("silent", False), ("sha1", True)])
def test_a_signature_is_verified_and_the_client_told(ruled, pair, providers, name, told):
    answer = signed_in(ruled, of_sp(providers[name], signed_by=pair[1]))
    assert answer.statuses() == ["Success"]
    assert headers(answer) == ["Response"] + ["RequestAuthenticated"] * told
    judge.assert_valid(answer.document)


def test_without_a_signature_nothing_is_said_of_one(ruled, providers):
    assert headers(signed_in(ruled, of_sp(providers["signer"]))) == ["Response"]


def test_a_client_is_told_of_the_signature_although_the_password_is_wrong(ruled, pair, providers):
    answer = signed_in(ruled, of_sp(providers["signer"], signed_by=pair[1]), WRONG)
    assert answer.statuses() == ["Requester", "AuthnFailed"]
    assert headers(answer) == ["Response", "RequestAuthenticated"]


def test_who_says_that_it_always_signs_is_held_to_it(ruled, providers):
    assert refused(ruled, of_sp(providers["always"])) == (
        "Client",
        "the metadata says AuthnRequestsSigned, and this one is not",
    )


def test_a_signature_that_does_not_hold_is_refused_although_none_is_needed(ruled, pair, providers, tmp_path):
    request = of_sp(providers["signer"], signed_by=pair[1])
    text = request.text()
    changed = text.replace(request.acs_url, request.acs_url + "?")
    assert changed != text
    assert "is not what was signed" in refused(ruled, changed)[1]
    _, strange = certificates.signing(tmp_path, "stranger")
    assert "no key verifies" in refused(ruled, of_sp(providers["signer"], signed_by=strange))[1]


@pytest.mark.parametrize("algorithm, digest", [(RSA_SHA1, SHA1), (RSA_SHA256, SHA1), (RSA_SHA1, SHA256)])
def test_sha1_only_by_a_switch(ruled, pair, providers, algorithm, digest):
    how = {"signed_by": pair[1], "algorithm": algorithm, "digest": digest}
    answer = signed_in(ruled, of_sp(providers["sha1"], **how))
    assert headers(answer) == ["Response", "RequestAuthenticated"]
    assert "algorithm" in refused(ruled, of_sp(providers["signer"], **how))[1]


def test_a_key_that_is_only_named_is_the_metadatas(ruled, pair, providers):
    """Microsoft's signed requests have no certificate in them."""
    named = "<ds:KeyInfo><ds:X509Data><ds:X509SKI>AAEC</ds:X509SKI></ds:X509Data><ds:KeyName>MicrosoftOnline</ds:KeyName></ds:KeyInfo>"
    how = {"signed_by": pair[1], "algorithm": RSA_SHA1, "digest": SHA1, "key_info": named}
    assert signed_in(ruled, of_sp(providers["sha1"], **how)).statuses() == ["Success"]


def test_a_signed_request_is_answered_once(ruled, pair, providers):
    text = of_sp(providers["signer"], signed_by=pair[1]).text()
    assert signed_in(ruled, text).statuses() == ["Success"]
    assert refused(ruled, text) == ("Client", "the request's ID has been used before")


# Channel bindings.


def bound(sp, inside, outside, **fields):
    """A request with the SP's bindings inside it and the client's in the SOAP header."""
    extensions = f"<samlp:Extensions>{inside}</samlp:Extensions>" if inside else ""
    header = f"<S:Header>{outside}</S:Header>" if outside else ""
    return of_sp(sp, children=extensions, header=header, **fields)


ENDPOINT = 'Type="tls-server-end-point"'
OURS = BINDINGS.format(ENDPOINT, " AAEC\n")


def test_bindings_that_agree_are_echoed_and_attested(ruled, site, pair, providers):
    other = BINDINGS.format(f'Type="tls-unique" {MUST}', "BBBB")
    client = other + BINDINGS.format(f"{ENDPOINT} {MUST}", "AAEC")
    answer = signed_in(ruled, bound(providers["signer"], OURS, client, signed_by=pair[1]))
    assert headers(answer) == ["Response", "RequestAuthenticated", "ChannelBindings"]
    for place in ("/S:Envelope/S:Header", "//saml:Advice"):
        echoed = answer.one(place + "/cb:ChannelBindings")
        assert (echoed.get("Type"), echoed.text) == ("tls-server-end-point", "AAEC")
    judge.assert_valid(answer.document)
    judge.assert_signed(answer.content, site.signing[0], "ID", "Assertion", ecp.NS["saml"])


def test_bindings_that_nobody_signed_are_not_attested(ruled, providers):
    answer = signed_in(ruled, bound(providers["signer"], OURS, OURS))
    assert answer.statuses() == ["Success"]
    assert headers(answer) == ["Response"] and b"ChannelBindings" not in answer.content


@pytest.mark.parametrize(
    "inside, outside",
    [
        (OURS, ""),
        ("", OURS),
        (OURS, BINDINGS.format(ENDPOINT, "BBBB")),
        (OURS, BINDINGS.format('Type="tls-unique"', "AAEC")),
        (OURS, BINDINGS.format("", "AAEC")),
    ],
)
def test_bindings_that_do_not_agree(ruled, pair, providers, inside, outside):
    answer = signed_in(ruled, bound(providers["signer"], inside, outside, signed_by=pair[1]))
    assert answer.statuses() == ["Requester", "urn:oasis:names:tc:SAML:protocol:ext:channel-binding"]
    assert b"Assertion>" not in answer.content


# What else a request may say.


def subject(value, attributes="", confirmation=""):
    return f"<saml:Subject><saml:NameID {attributes}>{value}</saml:NameID>{confirmation}</saml:Subject>"


def scoping(*listed, attributes=""):
    entries = "".join(f'<samlp:IDPEntry ProviderID="{each}"/>' for each in listed)
    inside = f"<samlp:IDPList>{entries}</samlp:IDPList>" if listed else ""
    return f"<samlp:Scoping {attributes}>{inside}</samlp:Scoping>"


def context(*classes, comparison="exact"):
    inside = "".join(f"<saml:AuthnContextClassRef>{each}</saml:AuthnContextClassRef>" for each in classes)
    return f'<samlp:RequestedAuthnContext Comparison="{comparison}">{inside}</samlp:RequestedAuthnContext>'


AC = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
CM = "urn:oasis:names:tc:SAML:2.0:cm:"
MET = {
    "our subject": subject(ALICE.upn),
    "our subject, said in full": subject(
        ALICE.upn,
        f'Format="{EMAIL}" NameQualifier="{ENTITY_ID}" SPNameQualifier="https://signer.example.org/sp"',
        f'<saml:SubjectConfirmation Method="{CM}bearer"/>',
    ),
    "any subject": f'<saml:Subject><saml:SubjectConfirmation Method="{CM}bearer"/></saml:Subject>',
    "our format": f'<samlp:NameIDPolicy Format="{EMAIL}" AllowCreate="false"/>',
    "its own qualifier": '<samlp:NameIDPolicy SPNameQualifier="https://signer.example.org/sp"/>',
    "password": context(AC + "Password"),
    "anything": context(AC + "unspecified"),
    "at least a password": context(AC + "Password", comparison="minimum"),
    "better than a password": context(AC + "Password", comparison="better"),
    "no proxies": scoping(attributes='ProxyCount="0"'),
    "us among others": scoping("https://other.example/idp", ENTITY_ID),
    "its own audience": "<saml:Conditions><saml:AudienceRestriction><saml:Audience>https://signer.example.org/sp"
    "</saml:Audience></saml:AudienceRestriction></saml:Conditions>",
}


@pytest.mark.parametrize("children", MET.values(), ids=MET.keys())
def test_what_can_be_met(ruled, site, providers, children):
    answer = signed_in(ruled, of_sp(providers["signer"], children=children))
    assert answer.statuses() == ["Success"]
    assert answer.one("//saml:NameID").text == ALICE.upn
    judge.assert_valid(answer.document)
    judge.assert_signed(answer.content, site.signing[0], "ID", "Assertion", ecp.NS["saml"])


UNMET = {
    "another's subject": (subject(BOB.upn), "UnknownPrincipal", "the Subject asked for is not who signed in"),
    "nobody's subject": (subject("nobody@example.com"), "UnknownPrincipal", "the Subject asked for"),
    "subject of another SP": (subject(ALICE.upn, 'SPNameQualifier="urn:x"'), "UnknownPrincipal", "the Subject asked"),
    "subject of another format": (
        subject(ALICE.upn, 'Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"'),
        "UnknownPrincipal",
        "a Subject by a name of the Format",
    ),
    "encrypted subject": ("<saml:Subject><saml:EncryptedID/></saml:Subject>", "RequestUnsupported", "EncryptedID"),
    "subject with a key": (
        f'<saml:Subject><saml:SubjectConfirmation Method="{CM}holder-of-key"/></saml:Subject>',
        "RequestUnsupported",
        "than by bearer",
    ),
    "other format": ('<samlp:NameIDPolicy Format="urn:x"/>', "InvalidNameIDPolicy", 'the Format "urn:x"'),
    "affiliation": ('<samlp:NameIDPolicy SPNameQualifier="urn:x"/>', "InvalidNameIDPolicy", "SPNameQualifier"),
    "second factor": (context("https://refeds.org/profile/mfa"), "NoAuthnContext", "refeds.org/profile/mfa"),
    "better than ours": (
        context(AC + "PasswordProtectedTransport", comparison="better"),
        "NoAuthnContext",
        "a RequestedAuthnContext (Better)",
    ),
    "other identity provider": (scoping("https://other.example/idp"), "NoSupportedIDP", "an IDPList without us"),
    "other audience": (
        "<saml:Conditions><saml:AudienceRestriction><saml:Audience>urn:x</saml:Audience></saml:AudienceRestriction>"
        "</saml:Conditions>",
        "RequestUnsupported",
        "AudienceRestriction",
    ),
    "time that is over": (f'<saml:Conditions NotOnOrAfter="{instant(-1)}"/>', "RequestUnsupported", "no time"),
}


@pytest.mark.parametrize("children, status, said", UNMET.values(), ids=UNMET.keys())
def test_what_cannot_be_met(ruled, providers, children, status, said):
    request = of_sp(providers["signer"], children=children)
    reply = ecp.send(ruled, request, (ALICE.upn, ALICE.password))
    answer = Answer(reply)
    assert answer.statuses() == ["Requester", status]
    assert answer.header_first().get("AssertionConsumerServiceURL") == providers["signer"].acs
    assert answer.response.get("InResponseTo") == request.id
    judge.assert_valid(answer.document)
    assert said in ruled.audit_of(reply.headers["X-Correlation-Id"])["reason"]


@pytest.mark.parametrize(
    "policy, person, expected",
    [
        ("", ALICE, ALICE.immutable_id),
        (f'<samlp:NameIDPolicy Format="{PERSISTENT}"/>', ALICE, ALICE.immutable_id),
        (f'<samlp:NameIDPolicy Format="{EMAIL}"/>', ALICE, ALICE.upn),
        ("", BOB, None),
        (f'<samlp:NameIDPolicy Format="{EMAIL}"/>', BOB, None),
    ],
)
def test_a_subject_by_another_of_their_names(ruled, providers, policy, person, expected):
    asked = subject(person.immutable_id, f'Format="{PERSISTENT}"') + policy
    answer = signed_in(ruled, of_sp(providers["named"], children=asked))
    if expected:
        assert answer.one("//saml:NameID").text == expected
    else:
        assert answer.statuses() == ["Requester", "UnknownPrincipal"]


def test_another_subject_tells_nothing_without_the_password(ruled, providers):
    answer = signed_in(ruled, of_sp(providers["signer"], children=subject(BOB.upn)), WRONG)
    assert answer.statuses() == ["Requester", "AuthnFailed"]


def test_conditions_are_within_those_asked_for(ruled, providers):
    end = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=90)).replace(microsecond=0)
    asked = f'<saml:Conditions NotOnOrAfter="{end:%Y-%m-%dT%H:%M:%SZ}"><saml:OneTimeUse/><saml:ProxyRestriction/></saml:Conditions>'
    answer = signed_in(ruled, of_sp(providers["signer"], children=asked))
    judge.assert_valid(answer.document)
    conditions = answer.one("//saml:Conditions")
    for element in (conditions, answer.one("//saml:SubjectConfirmationData")):
        until = datetime.datetime.fromisoformat(element.get("NotOnOrAfter").replace("Z", "+00:00"))
        assert until == end
    names = [etree.QName(condition).localname for condition in conditions]
    assert names == ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"]
    assert conditions[2].get("Count") == "0"


@pytest.mark.parametrize(
    "children",
    [
        subject(ALICE.upn) + subject(BOB.upn),
        subject("alice<!-- -->@example.com"),
        "<saml:Conditions><saml:Condition/></saml:Conditions>",
        '<saml:Conditions NotOnOrAfter="soon"/>',
        scoping(attributes='ProxyCount="-1"'),
        "<samlp:Scoping><samlp:IDPList/></samlp:Scoping>",
    ],
)
def test_what_no_schema_allows(ruled, providers, children):
    assert refused(ruled, of_sp(providers["signer"], children=children))[0] == "Client"


ASIDE = {
    "a key for the session": f'<e:SessionKey xmlns:e="urn:ietf:params:xml:ns:samlec" {MUST} Algorithm="urn:x"/>',
    "how the subject is confirmed": f'<e:SubjectConfirmation xmlns:e="{ecp.ECP}" {MUST} Method="{CM}bearer"/>',
    "what the SP told its client": f'<e:Request xmlns:e="{ecp.ECP}" {MUST}/><e:RelayState xmlns:e="{ecp.ECP}" {MUST}>x'
    "</e:RelayState>",
}


@pytest.mark.parametrize("header", ASIDE.values(), ids=ASIDE.keys())
def test_headers_that_a_client_passes_on(ruled, providers, header):
    request = of_sp(providers["signer"], header=f"<S:Header>{header}</S:Header>")
    assert signed_in(ruled, request).statuses() == ["Success"]
