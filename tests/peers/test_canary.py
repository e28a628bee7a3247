"""A password that is like no other goes through every path, and is then searched for wherever fedfront writes."""

import base64
import os
import pathlib
import signal
import subprocess
from xml.sax.saxutils import escape

import pytest
import requests

from support import canary, ecp, fedfront, waiting
from support.canary import PASSWORD, Hunt
from support.ecp import AuthnRequest
from support.fedfront import ldap
from support.people import ALICE, BOB, LOCKED, UMLAUT
from support.rst import PASSWORD_DIGEST, PATH13, PATH2005, SOAP11, TRUST2005, WSO2, Rst, send
from support.wso2_me import Account, Wso2

AMBIGUOUS = "both@alias.example"
# Somebody types the password where the name belongs: then it is a name, and in the audit log as one.
NAME = "Wn4typedAsName9Qz"
PATIENT = {"sign_in_deadline": "60s"}


def test_the_search_finds_what_it_is_for():
    for leak in (
        PASSWORD,
        PASSWORD[: len(PASSWORD) // 2],
        PASSWORD[::-1],
        escape(PASSWORD),
        repr(PASSWORD),
        f'"{PASSWORD}"',
        base64.b64encode(f"alice:{PASSWORD}".encode()).decode(),
        base64.b64encode(f"al:{PASSWORD}!".encode()).decode(),
        base64.b64encode(f"bob:{PASSWORD}!!".encode()).decode(),
        requests.utils.quote(PASSWORD, safe=""),
        requests.models.RequestEncodingMixin._encode_params({"password": PASSWORD}),
        PASSWORD.encode().hex(),
    ):
        assert canary.leaks({"log": leak.encode()}, PASSWORD), leak
    for encoding in ("utf-16", "latin-1"):
        assert canary.leaks({"log": PASSWORD.encode(encoding)}, PASSWORD), encoding
    assert not canary.leaks({"log": b'{"user":"alice","result":"success","Zq8":1}'}, PASSWORD)


def attempts(proxy, people):
    """Every request that carries the password, well or badly; `people` are names by what becomes of them."""
    everywhere = [Rst(user=name, password=PASSWORD) for name in people]
    for rst in everywhere:
        yield send(proxy, rst)
    name = people[0]
    good = Rst(user=name, password=PASSWORD)
    yield send(proxy, Rst(user=name, password=PASSWORD, trust=TRUST2005, soap=SOAP11), PATH2005)
    yield send(proxy, good, WSO2)
    # What surrounds it is not what it should be.
    text = good.text()
    for broken in (
        text.replace("</s:Envelope>", ""),
        text.replace("</o:Password>", "</o:Passwort>"),
        text.replace("<o:Password>", "<o:Password><!-- -->"),
        text.replace("<o:Password>", "<o:Password><b/>"),
        text.replace("<o:Password>", f'<o:Password a="{escape(PASSWORD, {chr(34): "&quot;"})}">'),
        text.replace("<o:Password>", f"<o:Password>{escape(PASSWORD)}</o:Password><o:Password>"),
        text.replace("<o:Password>", "<x:Password>"),
        text.replace("<s:Body>", f"<s:Body>{escape(PASSWORD)}"),
        text.replace("<s:Envelope", f"<!-- {PASSWORD} --><s:Envelope"),
        "<!DOCTYPE s:Envelope>" + text,
        text.replace(escape(PASSWORD), f"<![CDATA[{PASSWORD}]]>"),
        text.replace(escape(PASSWORD), f"{escape(PASSWORD)}&unknown;"),
        text.replace(escape(PASSWORD), PASSWORD),
        f"password={PASSWORD}",
        PASSWORD,
        text.encode("utf-16"),
        text.encode("latin-1"),
        text + " " * (1 << 17),
        text.replace("</s:Body>", f"{'<x/>' * (1 << 15)}</s:Body>"),
    ):
        yield send(proxy, broken)
        yield send(proxy, broken, ecp.PATH)
    yield send(proxy, Rst(user=name, password=PASSWORD, password_type=PASSWORD_DIGEST))
    yield send(proxy, Rst(user=name, password=PASSWORD, created=-86400.0, expires=-86000.0))
    yield send(proxy, Rst(user=name, password=PASSWORD, applies_to="urn:nobody"))
    yield send(proxy, Rst(user=name, password=PASSWORD, request_type="Cancel"))
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", "text/xml; charset=utf-16", ""):
        yield send(proxy, good, **{"Content-Type": kind})
    yield from over_basic(proxy, people)
    yield from forwarded(proxy)


def over_basic(proxy, people):
    for name in people:
        yield ecp.send(proxy, AuthnRequest(), (name, PASSWORD))
    name = people[0]
    yield ecp.send(proxy, AuthnRequest(), (name, PASSWORD), charset="latin-1")
    yield ecp.send(proxy, "<no envelope", (name, PASSWORD))
    yield ecp.send(proxy, AuthnRequest(issuer="urn:nobody"), (name, PASSWORD))
    encoded = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
    for header in (
        f"Basic {PASSWORD}",
        f"Basic {encoded}!",
        f"Basic {encoded[:-3]}",
        f"Basic  {encoded}",
        f"BASIC\t{encoded}",
        f"Basic{encoded}",
        f"Bearer {encoded}",
        f"Basic {base64.b64encode(PASSWORD.encode()).decode()}",
        f"Digest username=alice, response={encoded}",
    ):
        header = header.encode()
        yield proxy.post(ecp.PATH, AuthnRequest().text().encode(), headers={"Authorization": header})
        yield proxy.post(PATH13, Rst(user=name, password=PASSWORD).text().encode(), headers={"Authorization": header})
        yield proxy.get("/anything", headers={"Authorization": header})


def forwarded(proxy):
    basic = {"Authorization": "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()}
    query = {"username": "alice", "password": PASSWORD}
    for path in ("/login", "/mex", PATH13, "/services/wso2carbon-sts/../other", "/oamfed/idp/metadata", "/carbon//x"):
        yield proxy.get(path, params=query, headers=basic)
        yield proxy.post(path, query, headers=basic)
    yield proxy.get("/login", headers={"X-Password": PASSWORD.encode(), "Cookie": f"p={base64.b64encode(PASSWORD.encode()).decode()}"})


def by_mail(slapd):
    section = ldap(slapd)
    section["ldap"]["user_filter"] = "(|(userPrincipalName={name})(sAMAccountName={name})(mail={name}))"
    section["ldap"].update({"connect_timeout": "1s", "operation_timeout": "1s"})
    return section


@pytest.fixture
def hunt(launch, tmp_path):
    def start(directory, behind, stores=(), **changes):
        audit_file = tmp_path / "audit.json"
        telemetry = {"level": "trace", "audit_file": str(audit_file)}
        changes = {"limits": PATIENT, "guard": {"threshold": 3}, "admin": {"socket": str(tmp_path / "admin.sock")}, **changes}
        return Hunt(launch(directory, behind, telemetry=telemetry, **changes), audit_file, stores)

    return start


def search(hunt):
    """Asks all that answers about fedfront, and looks everywhere."""
    proxy = hunt.proxy

    def admin(path):
        return requests.get(proxy.admin + path, timeout=10).content

    def command(*words):
        ran = subprocess.run([fedfront.binary(), *words, "-c", proxy.file], capture_output=True, timeout=60)
        return ran.stdout + ran.stderr

    told = {" ".join(words): command(*words) for words in (("config", "dump"), ("check",), ("reload",), ("drain",))}
    places = {**hunt.places(admin), **told}
    assert len(places["audit file"]) > 1000 and len(places["answers to clients"]) > 10000
    assert b"success" in places["audit file"] and b'"access"' in places["standard output and error"]
    return places


@pytest.mark.parametrize("cache", [None, {"bind": "off"}], ids=["cache", "no cache"])
def test_a_password_of_an_ldap_user_is_nowhere(hunt, own_slapd, origin, cache):
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    own_slapd.modify(f"dn: {ALICE.dn}\nchangetype: modify\nreplace: userPassword\nuserPassword:: {encoded}\n")
    for person in (BOB, UMLAUT):
        own_slapd.modify(f"dn: {person.dn}\nchangetype: modify\nadd: mail\nmail: {AMBIGUOUS}\n")
    found = hunt(by_mail(own_slapd), origin.url, **({"cache": cache} if cache else {}))
    people = [ALICE.upn, ALICE.login, BOB.upn, AMBIGUOUS, "nobody@example.com", "", "*)(uid=*", "x" * 5000]
    locked = LOCKED[0].upn
    for number in range(4):
        found.answered(send(found.proxy, Rst(user=locked, password=f"{number}{PASSWORD}")))
    for answer in attempts(found.proxy, [*people, locked]):
        found.answered(answer)
    own_slapd.freeze()
    found.answered(send(found.proxy, Rst(user=UMLAUT.upn, password=PASSWORD)))
    own_slapd.kill()
    for answer in over_basic(found.proxy, [UMLAUT.upn, LOCKED[1].upn]):
        found.answered(answer)
    own_slapd.start()
    results = {line.split(b'"result":"')[1].split(b'"')[0] for line in found.audit_file.read_bytes().splitlines()}
    assert {b"success", b"bad_credentials", b"unknown_user", b"locked", b"unavailable"} <= results, results
    places = search(found)
    for words in (b"searched for the user", b"bound: the password is right", b"groups found", b"not signed in"):
        assert words in places["standard output and error"], "what is told at debug"
    assert canary.leaks(places, PASSWORD) == []


def test_a_password_of_the_identity_providers_user_is_nowhere(hunt):
    idp = Wso2([Account("alice", PASSWORD), Account("bob", "canary-Bob", groups=())])
    directory = {"upstream": {"strip_domains": ["example.com"], "attributes": {"upn": "emails"}}}
    found = hunt(directory, idp.url)
    for answer in attempts(found.proxy, ["alice@example.com", "bob", "al:ice", "a@elsewhere.example"]):
        found.answered(answer)
    for number, mood in enumerate(["html", "redirect", "large", "gone", "somebody", 500, 503]):
        idp.mood = mood
        found.answered(send(found.proxy, Rst(user=f"user{number}", password=PASSWORD)))
    idp.stop()
    found.answered(send(found.proxy, Rst(user="user", password=PASSWORD)))
    assert canary.leaks(search(found), PASSWORD) == []


def test_a_password_is_not_in_what_replicas_share(hunt, own_slapd, origin, own_redis):
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    own_slapd.modify(f"dn: {ALICE.dn}\nchangetype: modify\nreplace: userPassword\nuserPassword:: {encoded}\n")

    def shared():
        return b"\n".join(part for pair in own_redis.everything().items() for part in pair)

    found = hunt(by_mail(own_slapd), origin.url, stores=[shared], state=own_redis.state())
    waiting.until(lambda: found.proxy.metric("state_shared") == 1, "state is shared")
    for number in range(4):
        found.answered(send(found.proxy, Rst(user=LOCKED[0].upn, password=f"{number}{PASSWORD}")))
    for answer in attempts(found.proxy, [ALICE.upn, BOB.upn, "nobody@example.com"]):
        found.answered(answer)
    kept = set(own_redis.everything())
    assert any(b":guard:" in key for key in kept) and any(b":token:" in key for key in kept), kept
    assert canary.leaks(search(found), PASSWORD) == []


def test_what_is_typed_as_a_name_is_in_the_audit_log_alone(hunt, slapd, origin):
    found = hunt(ldap(slapd), origin.url)
    found.answered(send(found.proxy, Rst(user=ALICE.upn, password=ALICE.password)))
    for answer in (
        send(found.proxy, Rst(user=NAME, password=PASSWORD)),
        ecp.send(found.proxy, AuthnRequest(), (NAME, PASSWORD)),
        ecp.send(found.proxy, AuthnRequest(), (NAME, "")),
        *(found.proxy.get("/mex") for _ in range(20)),
    ):
        found.answered(answer)
    places = search(found)
    records = places.pop("audit file")
    assert NAME.encode() in records
    assert canary.leaks(places, NAME) == []
    assert canary.leaks({"audit file": records}, PASSWORD) == []


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV], ids=lambda number: number.name)
def test_no_core_is_dumped(launch, slapd, origin, number):
    proxy = launch(ldap(slapd), origin.url)
    limits = pathlib.Path(f"/proc/{proxy.pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"], core
    # Who may not be dumped belongs to root in /proc, whoever it runs as.
    assert os.stat(f"/proc/{proxy.pid}/mem").st_uid == 0
    folder = proxy.file.parent
    before = set(folder.rglob("*"))
    # Rust looks at the first SIGSEGV for a stack that overflowed, and lets the next one end the process.
    waiting.until(lambda: proxy.send(number) or not proxy.alive(), "its end")
    assert proxy.wait() == -number
    assert set(folder.rglob("*")) == before
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("/"):
        dumped = [file for file in pathlib.Path(pattern).parent.glob("*") if str(proxy.pid) in file.name]
        assert dumped == []
