"""Every code that a WS-Trust or WS-Security fault can have, each reached by a request."""

import pytest

from support import waiting
from support.fedfront import ldap
from support.operations import ask, by_reference, id_of, subcode, validate, whole
from support.people import ALICE, MARKUP, WRONG
from support.rst import PASSWORD_DIGEST, PATH13, PATH2005, SAML2, TRUST13, TRUST2005, WSU, instant, sign_in, token

VERSIONS = pytest.mark.parametrize("path", [PATH13, PATH2005])


@pytest.fixture(scope="module")
def sts(launch_shared, slapd, nginx):
    parties = [
        {"name": "office365", "preset": "office365"},
        {"name": "app", "applies_to": ["urn:app"]},
        {"name": "short", "applies_to": ["urn:short"], "lifetime": "1s"},
        {"name": "over", "applies_to": ["urn:over"], "lifetime": "1s", "renewal": "off", "remember_tokens": False},
    ]
    process = launch_shared(ldap(slapd), nginx.url, relying_parties=parties)
    yield process
    process.finish()


def issue(sts, path, to="app", **fields):
    return token(sign_in(sts, ALICE, path, applies_to=f"urn:{to}", **fields))


def cancelled(sts, path):
    issued = issue(sts, path)
    assert ask(sts, "Cancel", ALICE, by_reference(issued), path).status_code == 200
    return issued


def ended(sts, path, to):
    issued = issue(sts, path, to)
    waiting.until(lambda: not validate(sts, ALICE, whole(issued), path)[0], f"the end of {id_of(issued)}")
    return issued


def backwards():
    times = f"<u:Created>{instant(60)}</u:Created><u:Expires>{instant(30)}</u:Expires>"
    return f'<w:Lifetime xmlns:u="{WSU}">{times}</w:Lifetime>'


# By the fault's code, a request for it: what is answered to it over one of the paths.
REACHED = {
    "wst:InvalidRequest": lambda sts, path: sign_in(sts, ALICE, path, request_type=None),
    "wst:BadRequest": lambda sts, path: sign_in(sts, ALICE, path, request_type="Burn"),
    "wst:RequestFailed": lambda sts, path: sign_in(sts, ALICE, path, token_type="urn:ietf:params:oauth:token-type:jwt"),
    "wst:InvalidScope": lambda sts, path: sign_in(sts, ALICE, path, applies_to="urn:nobody"),
    "wst:InvalidTimeRange": lambda sts, path: sign_in(sts, ALICE, path, body_extra=backwards()),
    "wst:FailedAuthentication": lambda sts, path: ask(sts, "Renew", MARKUP, by_reference(issue(sts, path)), path),
    "wst:InvalidSecurityToken": lambda sts, path: ask(sts, "Renew", ALICE, by_reference(cancelled(sts, path)), path),
    "wst:UnableToRenew": lambda sts, path: ask(sts, "Renew", ALICE, by_reference("_nobody_knows"), path),
    "wst:RenewNeeded": lambda sts, path: ask(
        sts, "Validate", ALICE, whole(ended(sts, path, "short")), path, token_type=SAML2
    ),
    "wst:AuthenticationBadElements": lambda sts, path: sign_in(
        sts, ALICE, path, key_type=f"{TRUST2005 if path == PATH2005 else TRUST13}/PublicKey"
    ),
    "wst:ExpiredData": lambda sts, path: ask(sts, "Cancel", ALICE, whole(ended(sts, path, "over")), path),
    "wsse:FailedAuthentication": lambda sts, path: sign_in(sts, ALICE, path, password=WRONG),
    "wsse:InvalidSecurity": lambda sts, path: sign_in(sts, ALICE, path, timestamp=False),
    "wsse:UnsupportedSecurityToken": lambda sts, path: sign_in(sts, ALICE, path, password_type=PASSWORD_DIGEST),
    "wsse:SecurityTokenUnavailable": lambda sts, path: ask(sts, "Cancel", ALICE, by_reference("_nobody_knows"), path),
}


@VERSIONS
@pytest.mark.parametrize("code", REACHED)
def test_fault(sts, path, code):
    answer = REACHED[code](sts, path)
    assert answer.status_code == 500 and int(answer.headers["Retry-After"]) > 0
    assert subcode(answer) == code
