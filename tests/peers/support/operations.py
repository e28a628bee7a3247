"""Renew, Validate and Cancel: requests about a token, and what comes back."""

from lxml import etree

from . import rst
from .rst import NS, PATH13, PATH2005, PROFILE, SAML1, SAML2, TRUST13, TRUST2005, WSSE

OLD_PROFILE = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0"
TARGETS = {"Renew": "RenewTarget", "Validate": "ValidateTarget", "Cancel": "CancelTarget"}


def id_of(issued):
    """The ID of a token's assertion."""
    return issued.assertion.get("AssertionID") or issued.assertion.get("ID")


def by_reference(issued):
    return f'<o:SecurityTokenReference xmlns:o="{WSSE}"><o:Reference URI="#{_id(issued)}"/></o:SecurityTokenReference>'


def by_bare_reference(issued):
    return by_reference(issued).replace('"#', '"')


def by_identifier(issued):
    kind = f"{PROFILE}#SAMLID" if _is_saml2(issued) else f"{OLD_PROFILE}#SAMLAssertionID"
    return (
        f'<o:SecurityTokenReference xmlns:o="{WSSE}"><o:KeyIdentifier ValueType="{kind}">{_id(issued)}</o:KeyIdentifier>'
        "</o:SecurityTokenReference>"
    )


def whole(issued):
    """The very bytes, as a client passes them on."""
    return issued if isinstance(issued, str) else issued.assertion_bytes.decode()


def embedded(issued):
    return (
        f'<o:SecurityTokenReference xmlns:o="{WSSE}"><o:Embedded>{whole(issued)}</o:Embedded></o:SecurityTokenReference>'
    )


def as_answered(issued):
    """The reference that came with the token."""
    (reference,) = issued.document.xpath("//*[local-name() = 'RequestedUnattachedReference']/*")
    return etree.tostring(reference, with_tail=False).decode()


WAYS = [by_reference, by_bare_reference, by_identifier, as_answered, whole, embedded]


def _id(issued):
    return issued if isinstance(issued, str) else id_of(issued)


def _is_saml2(issued):
    return not isinstance(issued, str) and issued.assertion.tag.startswith(f"{{{SAML2}}}")


def request(operation, person, target, path=PATH13, body_extra="", **fields):
    """An `Rst` for an operation on a token, written by one of `WAYS`."""
    name = TARGETS[operation]
    trust = TRUST2005 if path == PATH2005 else TRUST13
    defaults = {
        "user": person.upn,
        "password": person.password,
        "trust": trust,
        "action": f"{trust}/RST/{operation}",
        "request_type": operation,
        "applies_to": None,
        "key_type": None,
        "body_extra": f"<w:{name}>{target}</w:{name}>{body_extra}",
    }
    return rst.Rst(**{**defaults, **fields})


def ask(proxy, operation, person, target, path=PATH13, **fields):
    """Posts it."""
    return rst.send(proxy, request(operation, person, target, path, **fields), path)


def renew(proxy, person, target, path=PATH13, **fields):
    """The new `Token`, or the fault's subcode."""
    return _token_or_fault(ask(proxy, "Renew", person, target, path, **fields))


def transform(proxy, person, target, into, path=PATH13, **fields):
    """The new `Token`, the fault's subcode, or what `validate` says of a token that is not valid."""
    answer = ask(proxy, "Validate", person, target, path, token_type=into, **fields)
    if answer.status_code == 200 and b"RequestedSecurityToken" not in answer.content:
        return status(answer)
    return _token_or_fault(answer)


def validate(proxy, person, target, path=PATH13, **fields):
    """Whether it is valid, and the Reason."""
    answer = ask(proxy, "Validate", person, target, path, **fields)
    assert b"Assertion" not in answer.content, answer.text
    return status(answer)


def cancel(proxy, person, target, path=PATH13, **fields):
    """True if it was cancelled, else the fault's subcode."""
    answer = ask(proxy, "Cancel", person, target, path, **fields)
    if answer.status_code != 200:
        return subcode(answer)
    (cancelled,) = etree.fromstring(answer.content).iter("{*}RequestedTokenCancelled")
    assert cancelled.getparent().tag.endswith("}RequestSecurityTokenResponse") and len(cancelled) == 0
    return True


def _token_or_fault(answer):
    return rst.token(answer) if answer.status_code == 200 else subcode(answer)


def subcode(answer):
    """`prefix:Name` of a fault, the prefix by the namespace: wst or wsse."""
    code, local, namespace, _ = rst.fault(answer)
    assert code == "Sender", answer.text
    return f"{ {WSSE: 'wsse', TRUST13: 'wst', TRUST2005: 'wst'}[namespace] }:{local}"


def status(answer):
    """What Validate says: (valid, Reason)."""
    assert answer.status_code == 200, answer.text
    document = etree.fromstring(answer.content)
    (response,) = document.iter("{*}RequestSecurityTokenResponse")
    trust = etree.QName(response).namespace
    (code,) = response.iter(f"{{{trust}}}Code")
    (reason,) = response.iter(f"{{{trust}}}Reason")
    assert code.text in (f"{trust}/status/valid", f"{trust}/status/invalid")
    return code.text.endswith("/valid"), reason.text


def said(issued):
    """What a token says of whom, but for its own ID and times."""
    assertion = issued.assertion
    names = {element.text for tag in (f"{{{SAML1}}}NameIdentifier", f"{{{SAML2}}}NameID") for element in assertion.iter(tag)}
    instants = assertion.xpath("//@AuthenticationInstant | //@AuthnInstant")
    audiences = [element.text for element in assertion.iter("{*}Audience")]
    methods = {text.rsplit(":", 1)[1] for text in assertion.xpath("//saml:ConfirmationMethod/text() | //@Method", namespaces=NS)}
    issuer = assertion.get("Issuer") or assertion.findtext(f"{{{SAML2}}}Issuer")
    claims = {("/".join(name) if isinstance(name, tuple) else name): values for name, values in issued.attributes().items()}
    return names, instants, audiences, methods - {"enveloped-signature"}, issuer, claims


def times(issued):
    """(NotBefore, NotOnOrAfter) as written."""
    (conditions,) = issued.assertion.iter("{*}Conditions")
    return conditions.get("NotBefore"), conditions.get("NotOnOrAfter")
