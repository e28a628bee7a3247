"""The service account, while the directory refuses it: what is told of it, and how often it is tried."""

import requests

from support import fedfront, people, waiting
from support.people import ALICE, BOB, TEXTUAL
from support.rst import sign_in

REFUSED = "the service account is refused"
ACCEPTED = "the service account is accepted again"



def available(proxy):
    return next(value for name, value in proxy.metrics().items() if name.startswith("fedfront_directory_available"))


def said(proxy, words):
    return [line for line in proxy.stderr if words in line]


def test_a_wrong_secret_is_told_once_and_so_is_its_end(launch, own_slapd, nginx):
    proxy = launch(fedfront.ldap(own_slapd), nginx.url)
    assert sign_in(proxy, ALICE).status_code == 200
    secret = proxy.file.with_name("ldap-password")
    secret.write_text("wrong-by-a-file\n")
    assert proxy.reload()
    tried = own_slapd.binds(people.SERVICE_DN)
    for person in (ALICE, BOB, TEXTUAL):
        assert sign_in(proxy, person).status_code == 503
    waiting.until(lambda: said(proxy, REFUSED), "the line that says why")
    (line,) = said(proxy, REFUSED)
    assert '"ERROR"' in line and "wrong password, or the account is locked" in line and "wrong-by" not in line, line
    waiting.until(lambda: own_slapd.binds(people.SERVICE_DN) > tried, "slapd logging")
    assert own_slapd.binds(people.SERVICE_DN) == tried + 1, "one bind of many sign-ins"
    assert "fedfront reload" in requests.get(f"{proxy.admin}/readyz?verbose", timeout=5).text
    waiting.until(lambda: available(proxy) == 0, "the metric")
    # Still wrong, and told so, though nobody signs in.
    assert proxy.reload()
    waiting.until(lambda: len(said(proxy, REFUSED)) == 2, "the reload's own attempt")
    assert not said(proxy, ACCEPTED)
    secret.write_text(people.SERVICE_PASSWORD + "\n")
    assert proxy.reload()
    waiting.until(lambda: said(proxy, ACCEPTED), "the line that it is over")
    waiting.until(lambda: available(proxy) == 1, "the metric")
    for person in (ALICE, TEXTUAL):
        assert sign_in(proxy, person).status_code == 200
    assert len(said(proxy, ACCEPTED)) == 1 and len(said(proxy, REFUSED)) == 2
