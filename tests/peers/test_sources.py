"""Service providers from a federation's metadata: an aggregate and a query service that work, fail, lie, stall, and come back."""

import dataclasses
import os
import subprocess

import pytest
import yaml

from conftest import need
from support import certificates, ecp, fedfront, waiting
from support.attacks import catalogue, maker, places
from support.ecp import Answer, AuthnRequest
from support.federation import RESEARCH, Federation, aggregate, alone, by_signxml, by_xmlsec1, instant, member
from support.people import ALICE

CREDENTIALS = (ALICE.upn, ALICE.password)
SOON = {"shortest": "1s", "longest": "4h"}


@pytest.fixture
def signer(tmp_path):
    return certificates.signing(tmp_path, "federation")


@pytest.fixture
def federation():
    server = Federation(waiting.free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def started(launch, slapd, nginx, tmp_path, signer):
    """`started(url=…)` runs a fedfront with one source, whose service providers are all one party."""

    def start(parties=({},), folder=tmp_path / "cache", others=(), **source):
        source = {"name": "federation", "certificate_file": str(signer[0]), "refresh": SOON, **source}
        named = [{"name": f"members{n}", "metadata_source": "federation", "ecp": True, **p} for n, p in enumerate(parties)]
        cache = {"folder": str(folder)} if folder else {}
        return launch(
            fedfront.ldap(slapd),
            nginx.url,
            relying_parties=[*named, *others],
            metadata_sources=[source],
            cache=cache,
            trusted_proxies=["127.0.0.1"],
        )

    return start


def request_of(entity_id, acs="https://sp.example.org/acs"):
    return AuthnRequest(issuer=entity_id, acs_index=None, acs_url=acs, binding=ecp.PAOS)


def sent(proxy, entity_id, client="192.0.2.1"):
    return ecp.send(proxy, request_of(entity_id), CREDENTIALS, **{"X-Forwarded-For": client})


def outcome(proxy, entity_id, client="192.0.2.1"):
    """`signed in`, or whose fault it is that not."""
    reply = sent(proxy, entity_id, client)
    if reply.status_code == 200:
        assert Answer(reply).statuses() == ["Success"]
        return "signed in"
    status, code, _ = ecp.fault(reply)
    assert (status, "Retry-After" in reply.headers) == (500, code == "Server")
    return code


def refreshes(proxy, result):
    return proxy.metric("metadata_source_refreshes_total", source="federation", result=result)


def loaded(proxy):
    waiting.until(lambda: refreshes(proxy, "success") + refreshes(proxy, "unchanged"), "a first refresh")


def members(*entity_ids, **valid):
    return aggregate([member(name, "https://sp.example.org/acs", namespace="") for name in entity_ids], **valid)


def many(*entity_ids, **valid):
    others = (f"https://sp{number}.example.net/shibboleth" for number in range(200))
    return members(*others, *entity_ids, **valid)


A, B = "https://a.example.org/shibboleth", "https://b.example.org/shibboleth"


@pytest.mark.parametrize("sign", [by_signxml, by_xmlsec1])
def test_members_of_an_aggregate_sign_in(started, federation, signer, sign):
    need("xmlsec1")
    federation.documents["/all.xml"] = sign(many(A), signer)
    proxy = started(url=federation.url + "/all.xml")
    loaded(proxy)
    reply = sent(proxy, A)
    answer = Answer(reply)
    assert answer.header_first().get("AssertionConsumerServiceURL") == "https://sp.example.org/acs"
    record = proxy.audit_of(reply.headers["X-Correlation-Id"])
    told = [record[key] for key in ("result", "relying_party", "service_provider", "metadata_source")]
    assert told == ["success", "members0", A, "federation"]
    assert outcome(proxy, B) == "Client"
    assert proxy.metric("metadata_source_service_providers", source="federation") == 201
    assert proxy.metric("metadata_source_lookups_total", source="federation", result="unknown") == 1


def test_a_failed_refresh_is_no_outage(started, federation, signer, tmp_path):
    stranger = certificates.signing(tmp_path, "stranger")
    good = by_signxml(many(A), signer)
    federation.documents["/all.xml"] = good
    proxy = started(url=federation.url + "/all.xml", refresh={"shortest": "1s", "longest": "1s"})
    loaded(proxy)

    def instead(body, status=200, length=None, **headers):
        return status, headers, body, len(body) if length is None else length

    evil = by_signxml(many(A, B), stranger)
    for kind, answer in [
        ("unavailable", instead(good, status=500)),
        ("unavailable", instead(b"", status=302, Location="http://localhost:1/")),
        ("unavailable", instead(good[:5000], length=len(good))),
        ("unavailable", instead(b"", length=1 << 40)),
        ("invalid", instead(good[:5000])),
        ("invalid", instead(evil)),
        ("invalid", instead(many(A, B).encode())),
        ("invalid", instead(good.replace(b"sp.example.org/acs", b"evil.example.org/acs", 1))),
        ("invalid", instead(by_signxml(many(A, B, days=-1), signer))),
        ("invalid", instead(by_signxml(many(A, B, days=30), signer))),
        ("invalid", instead(b"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>" + good)),
        ("invalid", instead(b"<html><body>Sign in</body></html>")),
    ]:
        before = refreshes(proxy, kind)
        federation.instead = answer
        waiting.until(lambda: refreshes(proxy, kind) > before, f"{kind}: {answer[2][:60]}")
        assert (outcome(proxy, A), outcome(proxy, B)) == ("signed in", "Client"), answer[2][:60]
    federation.instead = "stall"
    asked = len(federation.asked)
    waiting.until(lambda: len(federation.asked) > asked, "a request that nobody answers")
    assert outcome(proxy, A) == "signed in"
    federation.stop()
    before = refreshes(proxy, "unavailable")
    waiting.until(lambda: refreshes(proxy, "unavailable") > before, "nobody listens")
    assert outcome(proxy, A) == "signed in"
    assert "cannot be refreshed" in proxy.output()
    federation.instead = None
    federation.documents["/all.xml"] = by_signxml(many(B), signer)
    federation.start()
    waiting.until(lambda: outcome(proxy, B) == "signed in", "it is back")
    assert outcome(proxy, A) == "Client"


def test_the_last_good_copy_serves_the_next_start(started, federation, signer, tmp_path):
    federation.documents["/all.xml"] = by_signxml(many(A), signer)
    url = federation.url + "/all.xml"
    loaded(started(url=url))
    federation.stop()
    assert outcome(started(url=url), A) == "signed in", "the federation is down"
    assert outcome(started(url=url, folder=None), A) == "Server", "nothing was kept"
    (copy,) = (tmp_path / "cache/metadata/federation").iterdir()
    good = copy.read_bytes()
    copy.write_bytes(good.replace(b"sp.example.org/acs", b"evil.example.org/acs", 1))
    assert outcome(started(url=url), A) == "Server", "somebody wrote to the cache"
    copy.write_bytes(good)
    assert outcome(started(url=url), A) == "signed in"


def test_what_has_ended_is_believed_no_longer(started, federation, signer):
    federation.documents["/all.xml"] = by_signxml(many(A, seconds=6), signer)
    proxy = started(url=federation.url + "/all.xml")
    loaded(proxy)
    assert outcome(proxy, A) == "signed in"
    federation.instead = (503, {}, b"", 0)
    waiting.until(lambda: outcome(proxy, A) == "Server", "its end")
    federation.instead = None
    federation.documents["/all.xml"] = by_signxml(many(A), signer)
    waiting.until(lambda: outcome(proxy, A) == "signed in", "a new one")


def test_a_reload_keeps_what_was_fetched(started, federation, signer):
    federation.documents["/all.xml"] = by_signxml(many(A), signer)
    proxy = started(url=federation.url + "/all.xml", folder=None, refresh={"shortest": "1h", "longest": "4h"})
    loaded(proxy)
    federation.stop()
    whole = yaml.safe_load(proxy.file.read_text())
    whole["relying_parties"].append({"name": "office365", "preset": "office365"})
    fedfront.write(proxy.file, whole)
    assert proxy.reload()
    assert (outcome(proxy, A), len(federation.asked)) == ("signed in", 1)
    whole["metadata_sources"][0]["name"] = whole["relying_parties"][0]["metadata_source"] = "other"
    fedfront.write(proxy.file, whole)
    assert proxy.reload()
    assert outcome(proxy, A) == "Server"
    samples = [sample for sample in proxy.metrics() if "metadata_source_" in sample]
    assert samples and not any('source="federation"' in sample for sample in samples), samples


class Forged(places.Aggregate):
    """What is smuggled in would be believed, if it were signed."""

    def valid(self, location):
        return self.until


ATTACKS = (
    "xsw1_signed_element_inside_its_signature",
    "xsw2_signed_element_beside_its_signature",
    "xsw3_forged_element_before_the_signed_one",
    "xsw4_signed_element_inside_the_forged_one",
    "xsw6_signed_element_inside_the_key_info",
    "xsw7_forged_element_in_extensions",
    "xsw8_signed_element_in_an_object",
    "forged_element_inside_the_signed_one",
    "forged_element_inside_the_signature",
    "two_signatures_the_good_one_last",
    "reference_empty",
    "two_references_the_forged_one_last",
    "duplicate_ids",
)


def test_nobody_is_smuggled_into_an_aggregate(started, federation):
    place = Forged("aggregate", instant=instant(), until=instant(days=7))
    honest = maker.signed(place)

    def serve(document, result):
        before = refreshes(proxy, result)
        federation.documents["/all.xml"] = document.encode()
        waiting.until(lambda: refreshes(proxy, result) > before, document[:60])

    def known():
        """At which addresses it is answered."""
        asked = (places.HONEST, places.FORGED)
        replies = [ecp.send(proxy, request_of(places.ENTITY_ID, address), CREDENTIALS) for address in asked]
        return [address for address, reply in zip(asked, replies) if reply.status_code == 200]

    federation.documents["/all.xml"] = place.around(honest).encode()
    often = {"shortest": "1s", "longest": "1s"}
    proxy = started(url=federation.url + "/all.xml", certificate_file=str(maker.DATA / "signer.crt"), refresh=often)
    loaded(proxy)
    assert known() == [places.HONEST]
    for name in ATTACKS:
        serve(catalogue.ATTACKS[name].make(place), "invalid")
        assert known() == [places.HONEST], name
    # Signed by whom it is to be, the same is believed.
    forged = place.forged()
    signature = maker.signature(maker.signed_info(maker.reference(forged, f"#{place.forged_id}")))
    serve(place.around(place.forged(signature)), "success")
    assert known() == [places.FORGED]


# A metadata query service.


def test_a_query_service_is_asked_for_who_is_named(started, federation, signer):
    need("xmlsec1")
    federation.has(A, by_xmlsec1(alone(A, "https://sp.example.org/acs"), signer))
    proxy = started(mdq=federation.url)
    assert [outcome(proxy, A) for _ in range(3)] == ["signed in"] * 3
    assert [path for path, _ in federation.asked] == ["/entities/https%3A%2F%2Fa.example.org%2Fshibboleth"]
    assert [outcome(proxy, B) for _ in range(3)] == ["Client"] * 3
    assert len(federation.asked) == 2, "what it does not know is remembered"
    for odd in ("..", "../../admin", "{sha1}11d72e8cf351eb6c75c721e838f469677ab41bdb", "x:" + "y" * 2000, "x:y\nz", "ü:x"):
        assert outcome(proxy, odd) == "Client", odd
    assert len(federation.asked) == 2, "what is no entityID is not asked for"
    assert outcome(proxy, f"http://localhost:{federation.port}/../x?y#z") == "Client"
    assert federation.asked[-1][0] == f"/entities/http%3A%2F%2Flocalhost%3A{federation.port}%2F..%2Fx%3Fy%23z"
    # Somebody else's document, and one that nobody signed.
    federation.has("x:other", by_xmlsec1(alone(A, "https://sp.example.org/acs"), signer))
    federation.has("x:unsigned", alone("x:unsigned", "https://sp.example.org/acs").encode())
    assert [outcome(proxy, name) for name in ("x:other", "x:unsigned")] == ["Server"] * 2
    # Down: who is known goes on, also after a restart; of others nobody can say.
    federation.stop()
    assert [outcome(proxy, name) for name in (A, B, "x:new")] == ["signed in", "Client", "Server"]
    again = started(mdq=federation.url)
    assert [outcome(again, name) for name in (A, B)] == ["signed in", "Server"]


def test_who_is_refused_anyway_has_nobody_asked(started, federation):
    proxy = started(mdq=federation.url)
    before, elsewhere = instant(hours=-1), "https://elsewhere.example.org/"
    for refused in ({"issue_instant": before}, {"destination": elsewhere}):
        request = dataclasses.replace(request_of(B), **refused)
        assert ecp.fault(ecp.send(proxy, request, CREDENTIALS))[1] == "Client"
        assert federation.asked == [], refused
    assert outcome(proxy, B) == "Client"
    assert len(federation.asked) == 1


def test_strangers_do_not_keep_others_from_signing_in(started, federation, signer, tmp_path):
    federation.has(A, by_signxml(alone(A, "https://sp.example.org/acs"), signer))
    proxy = started(mdq=federation.url)
    assert outcome(proxy, A) == "signed in"
    told = [outcome(proxy, f"x:{number}") for number in range(400)]
    assert "Server" in told, "there is a budget for what nobody knew before"
    assert outcome(proxy, A) == "signed in"
    assert len(federation.asked) <= 1 + told.count("Client")
    assert len(list((tmp_path / "cache/metadata/federation").iterdir())) == 1, "nothing of theirs is kept"


def test_one_stranger_does_not_keep_others_from_service_providers_that_are_new(started, federation, signer):
    federation.has(A, by_signxml(alone(A, "https://sp.example.org/acs"), signer))
    proxy = started(mdq=federation.url)
    told = [outcome(proxy, f"x:{number}", "2001:db8::1") for number in range(60)]
    assert 20 <= told.count("Client") < 40 and told[-1] == "Server", told
    assert outcome(proxy, "x:60", "2001:db8:0:ffff::2") == "Server", "another address of the same site"
    assert outcome(proxy, A, "192.0.2.77") == "signed in"


def test_what_the_service_fails_at_for_one_entity_is_no_outage(started, federation, signer):
    federation.has(A, by_signxml(alone(A, "https://sp.example.org/acs"), signer))
    proxy = started(mdq=federation.url)
    for number, status in enumerate([500, 500, 500, 500, 400, 400, 400, 400]):
        federation.has(f"x:{number}", status)
        assert outcome(proxy, f"x:{number}") == "Server"
    assert (refreshes(proxy, "refused"), refreshes(proxy, "unavailable")) == (8, 0)
    assert "does not answer" not in proxy.output()
    assert outcome(proxy, A) == "signed in"
    federation.instead = (503, {}, b"", 0)
    for number in range(3):
        assert outcome(proxy, f"x:down:{number}") == "Server"
    assert refreshes(proxy, "unavailable") == 3
    assert "does not answer" in proxy.output()


def test_an_older_document_takes_no_newer_ones_place(started, federation, signer):
    acs = "https://sp.example.org/acs"

    def serve(created, *entity_ids):
        listed = [member(name, acs, namespace="") for name in entity_ids]
        federation.documents["/all.xml"] = by_signxml(aggregate(listed, created), signer)

    serve(instant(hours=-1), B)
    url = federation.url + "/all.xml"
    proxy = started(url=url, refresh={"shortest": "1s", "longest": "1s"})
    loaded(proxy)
    serve(instant(hours=-2), A, B)
    waiting.until(lambda: refreshes(proxy, "invalid"), "somebody sends the one of before")
    assert (outcome(proxy, A), outcome(proxy, B)) == ("Client", "signed in")
    assert "creationInstant" in proxy.output()
    serve(instant(), A)
    waiting.until(lambda: outcome(proxy, A) == "signed in", "a newer one")


# Parties.


def test_what_the_configuration_names_is_provided_by_no_source(started, federation, signer, tmp_path):
    microsoft, china, off, audience = "urn:federation:MicrosoftOnline", "urn:federation:partner.microsoftonline.cn", "x:off", "x:aud"
    federation.documents["/all.xml"] = by_signxml(members(A, microsoft, china, off, audience, "x:filed"), signer)
    (tmp_path / "filed.xml").write_text(member("x:filed", "https://filed.example.org/acs"))
    others = [
        {"name": "off", "metadata_source": "federation", "entity_id": off, "ecp": False},
        {"name": "tokens", "applies_to": ["https://tokens.example.org/"], "audience": audience},
        {"name": "filed", "metadata_file": str(tmp_path / "filed.xml"), "ecp": False},
    ]
    url = federation.url + "/all.xml"
    proxy = started(url=url, others=others)
    loaded(proxy)
    for entity_id in (microsoft, china, off, audience, "x:filed"):
        assert outcome(proxy, entity_id) == "Client", entity_id
    assert outcome(proxy, A) == "signed in"
    # Whoever names it means it.
    proxy = started([{}, {"entity_id": microsoft}], url=url, others=others[1:])
    loaded(proxy)
    reply = sent(proxy, microsoft)
    assert reply.status_code == 200
    assert proxy.audit_of(reply.headers["X-Correlation-Id"])["relying_party"] == "members1"


def test_parties_choose_by_entity_id_and_category(started, federation, signer):
    acs = "https://sp.example.org/acs"
    documents = [member(A, acs, RESEARCH, namespace=""), member(B, acs, namespace=""), member("x:named", acs, RESEARCH, namespace="")]
    federation.documents["/all.xml"] = by_signxml(aggregate(documents), signer)
    parties = [{"entity_categories": ["x:none", RESEARCH]}, {"entity_id": "x:named"}, {"required_group": "nobody"}]
    proxy = started(parties, url=federation.url + "/all.xml")
    loaded(proxy)
    for entity_id, party in [(A, "members0"), ("x:named", "members1"), (B, "members2")]:
        reply = sent(proxy, entity_id)
        assert proxy.audit_of(reply.headers["X-Correlation-Id"])["relying_party"] == party


# What an operator is told.


@pytest.fixture
def check(slapd, nginx, site, tmp_path, binary_built, signer):
    """`check(online, **source)`: status and text of a check of a configuration with that source. `parties` are those of it,
    `others` those that are not, and `words` what is said besides."""

    def run(online=False, parties=({},), others=(), words=(), **source):
        file = tmp_path / "proxy.yaml"
        source = {"name": "federation", "certificate_file": str(signer[0]), **source}
        source = {key: value for key, value in source.items() if value is not None}
        named = [{"name": f"members{n}", "metadata_source": "federation", "ecp": True, **p} for n, p in enumerate(parties)]
        whole = fedfront.configuration(
            waiting.free_port(), waiting.free_port(), site, fedfront.ldap(slapd), nginx.url,
            relying_parties=[*named, *others], metadata_sources=[source], cache={"folder": "cache"},
        )
        fedfront.write(file, whole)
        arguments = [*(["--online"] if online else []), *words]
        ended = subprocess.run(
            [fedfront.binary(), "check", "-c", file, *arguments], capture_output=True, text=True, timeout=60
        )
        return ended.returncode, ended.stdout + ended.stderr

    return run


def test_check_reads_files_and_says_what_is_wrong(check, signer, tmp_path):
    file = tmp_path / "members.xml"
    file.write_bytes(by_signxml(many(A), signer))
    assert "warning: metadata_sources" not in check(file=str(file))[1]
    file.write_bytes(many(A).encode())
    status, text = check(file=str(file))
    assert (status, "warning: metadata_sources[0].file" in text and "signature" in text) == (0, True), text


def test_check_online_fetches_each_source(check, federation, signer, tmp_path):
    federation.documents["/all.xml"] = by_signxml(many(A), signer)
    url = federation.url + "/all.xml"
    text = check(True, url=url)[1]
    assert "metadata source federation: 201 service providers, 201 of them with ECP; valid until" in text, text
    assert not (tmp_path / "cache").exists(), "checking leaves nothing behind"
    federation.documents["/all.xml"] = by_signxml(many(A), certificates.signing(tmp_path, "stranger"))
    status, text = check(True, url=url)
    assert (status, "failed   metadata source federation: " in text) == (1, True), text
    text = check(True, mdq=federation.url)[1]
    assert "metadata source federation: it answers" in text, text
    federation.stop()
    status, text = check(True, mdq=federation.url)
    assert (status, "no connection" in text) == (1, True), text


ACS = "https://sp.example.org/acs"
OVER = f' validUntil="{instant(days=-1)}"'


def helped(text, part):
    """The help below the line with that in it."""
    lines = text.replace("\n  help: ", " -- ").replace("\n         help: ", " -- ").splitlines()
    (line,) = [line for line in lines if part in line]
    return line.split(" -- ")[1]


def with_ended(ended, *present):
    return aggregate(
        [member(name, ACS, attributes=OVER, namespace="") for name in ended]
        + [member(name, ACS, namespace="") for name in present]
    )


def test_an_entity_that_has_ended_is_not_counted_as_good(check, started, federation, signer, tmp_path):
    """It was, and nothing was logged of it."""
    file = tmp_path / "members.xml"
    for ended, told in ((["x:1"], '1 that have ended by their own validUntil: "x:1"\n'), ([f"x:{n}" for n in range(7)], '7 that have ended by their own validUntil: "x:0", "x:1", "x:2", "x:3", "x:4", …\n')):
        federation.documents["/all.xml"] = by_signxml(with_ended(ended, A, B), signer)
        text = check(True, url=federation.url + "/all.xml")[1]
        assert "ok       metadata source federation: 2 service providers, 2 of them with ECP" in text, text
        assert "warning  metadata source federation: nobody can sign in at " + told in text, text
        assert "present metadata" in helped(text, "nobody can sign in at ")
        file.write_bytes(federation.documents["/all.xml"])
        assert "warning: metadata_sources[0].file: nobody can sign in at " + told in check(file=str(file))[1]
    proxy = started(url=federation.url + "/all.xml")
    loaded(proxy)
    assert (outcome(proxy, A), outcome(proxy, "x:0")) == ("signed in", "Client")
    waiting.until(lambda: "nobody can sign in at 7 that have ended" in proxy.output(), "a line in the log")


def test_check_asks_a_query_service_for_who_is_named(check, federation, signer, tmp_path):
    """It says until when each is valid, or why nobody can sign in there."""
    until = instant(days=7)
    federation.has(A, by_signxml(alone(A, ACS), signer))
    federation.has("x:browser", by_signxml(alone("x:browser", ACS).replace("PAOS", "HTTP-POST").replace(":PAOS", ":HTTP-POST"), signer))
    federation.has("x:lie", by_signxml(alone("x:lie", ACS), certificates.signing(tmp_path, "stranger")))
    named = [A, B, "x:browser", "x:lie"]
    status, text = check(True, [{"entity_id": name} for name in named], mdq=federation.url)
    step = "metadata source federation: "
    assert f"ok       {step}{A} is there, with ECP (PAOS), valid until {until[:10]}" in text, text
    assert f"warning  {step}{B} is no service provider that it has" in text, text
    assert "letter for letter" in helped(text, B)
    assert f"warning  {step}x:browser has no endpoint for ECP (PAOS)" in text, text
    assert f"failed   {step}x:lie: is fetched, and not believed: its signature" in text, text
    assert status == 1 and "certificate_file" in helped(text, "x:lie")
    federation.asked.clear()
    text = check(True, [{"entity_id": f"x:{number}"} for number in range(12)], mdq=federation.url)[1]
    assert len(federation.asked) == 10 and f"{step}2 more that relying_parties name are not asked for" in text, text
    # Who does not answer is asked once.
    federation.stop()
    status, text = check(True, [{"entity_id": name} for name in named], mdq=federation.url)
    assert status == 1 and text.count("cannot be fetched: no connection") == 1, text
    assert "this machine may reach it" in helped(text, "cannot be fetched")


def test_what_is_wrong_with_a_document_has_its_own_remedy(check, federation, signer, tmp_path):
    """It was always the certificate."""
    url = federation.url + "/all.xml"
    stranger = certificates.signing(tmp_path, "stranger")
    html = b"<html><body>Sign in</body></html>"
    for document, source, said, remedy in [
        (None, {}, "cannot be fetched: there is nothing", "url is where the document is"),
        (many(A).encode(), {}, "is fetched, and not believed: its signature", "publisher's signed document"),
        (by_signxml(many(A), stranger), {}, "no key verifies the signature", "certificate_file is the certificate of the key"),
        (by_signxml(many(A), signer, sha1=True), {}, "algorithm that is not accepted", "allow_sha1: true"),
        (by_signxml(many(A, days=-1), signer), {}, "is over", "issue it anew"),
        (by_signxml(many(A, days=30), signer), {}, "longest_validity allows", "set longest_validity to"),
        (html, {}, "is fetched, and not believed", "signed document"),
    ]:
        federation.documents["/all.xml"] = document
        status, text = check(True, url=url, **source)
        assert status == 1 and remedy in helped(text, said), text
        assert ("certificate_file" in helped(text, said)) == ("certificate_file" in remedy), text
    file = tmp_path / "members.xml"
    for document, certificate, said, remedy in [
        (many(A).encode(), str(signer[0]), "its signature", "remove certificate_file"),
        (html, None, "no md:EntityDescriptor", "put SAML metadata there"),
        (many(A, days=-1).encode(), None, "is over", "present document"),
    ]:
        file.write_bytes(document)
        text = check(file=str(file), certificate_file=certificate)[1]
        assert remedy in helped(text, said) and "by and by" in helped(text, said), text
    file.unlink()
    status, text = check(file=str(file))
    assert status == 78 and "relative paths" in helped(text, "is not there"), text


def test_a_lie_is_an_error_in_the_log_and_an_outage_a_warning(started, federation, signer, tmp_path):
    """Fetched and not believed is something else than not fetched."""
    federation.instead = (503, {}, b"", 0)
    proxy = started(url=federation.url + "/all.xml", refresh={"shortest": "1s", "longest": "1s"})
    lines = lambda part: [line for line in proxy.output().splitlines() if part in line]  # noqa: E731
    waiting.until(lambda: lines("metadata cannot be had"), "an outage")
    assert not lines("not believed")
    federation.documents["/all.xml"] = by_signxml(many(A), certificates.signing(tmp_path, "stranger"))
    federation.instead = None
    waiting.until(lambda: lines("metadata came, and is not believed; its service providers are refused"), "a lie")
    assert all("warn" in line.lower() for line in lines("metadata cannot be had"))
    assert all('"level":"error"' in line.lower().replace(" ", "") or " error " in line.lower() for line in lines("not believed"))


# A user at one service provider.


def told(check, entity_id, online=False, **source):
    words = ["--user", ALICE.upn, "--service-provider", entity_id]
    party = {"name_identifier": {"from": "upn"}, "attributes": [{"name": "mail", "from": "upn"}]}
    parties = [{**party, **more} for more in source.pop("parties", [{}])]
    status, text = check(online, parties, words=words, **source)
    step = f"user {ALICE.upn}, service provider {entity_id}"
    return status, [line for line in text.splitlines() if step in line], text


def assert_told(check, entity_id, party, place, **more):
    status, lines, text = told(check, entity_id, **more)
    assert status == 0 or more.get("online"), text
    assert any(f"relying party {party}, by {place}" in line for line in lines), text
    assert any("name identifier " + ALICE.upn in line for line in lines), text
    assert any(line.endswith(f"claim mail: {ALICE.upn}") for line in lines), text
    assert not any(line.startswith("failed") for line in lines), text


def assert_refused(check, entity_id, why, **more):
    status, lines, text = told(check, entity_id, **more)
    assert status == 1 and len(lines) == 1 and lines[0].startswith("failed") and why in lines[0], text
    return helped(text, why)


def test_a_user_is_shown_as_one_service_provider_would_be_told(check, federation, signer, tmp_path):
    folder = tmp_path / "members"
    folder.mkdir()
    documents = [member(A, ACS, RESEARCH), member(B, ACS), member("x:ended", ACS, attributes=OVER)]
    for number, document in enumerate(documents):
        (folder / f"{number}.xml").write_text(document)
    source = {"directory": str(folder), "certificate_file": None, "parties": [{"entity_categories": [RESEARCH]}]}
    assert_told(check, A, "members0", "metadata source federation", **source)
    assert_refused(check, B, "of no entity category that a relying party takes", **source)
    for absent in ("x:absent", "x:ended"):
        help = assert_refused(check, absent, f'no relying party with ECP has the entityID "{absent}"', **source)
        assert "spelling" in help
    own = tmp_path / "own.xml"
    own.write_text(member("x:own", ACS))
    others = [{"name": "own", "metadata_file": str(own), "ecp": True, "attributes": [{"name": "mail", "from": "upn"}], "name_identifier": {"from": "upn"}}]
    assert_told(check, "x:own", "own", "metadata of its own", others=others, **source)
    needy = [{"entity_categories": [RESEARCH], "ecp": {"encrypt": "required"}}]
    status, lines, text = told(check, A, **{**source, "parties": needy})
    assert status == 1 and any("no key in its metadata to encrypt for" in line for line in lines), text
    status, lines, text = told(check, A, **{**source, "parties": [{"required_group": "nobody"}]})
    assert status == 1 and any("not in the required group" in line for line in lines), text


@pytest.mark.parametrize("kind", ["url", "mdq"])
def test_a_source_is_asked_online_alone_and_its_copy_otherwise(check, started, federation, signer, tmp_path, kind):
    federation.documents["/all.xml"] = by_signxml(many(A), signer)
    federation.has(A, by_signxml(alone(A, ACS), signer))
    source = {kind: federation.url + ("/all.xml" if kind == "url" else "")}
    help = assert_refused(check, A, "no last good copy that is believed is here", **source)
    assert "--online" in help and federation.asked == []
    assert_told(check, A, "members0", "metadata source federation", online=True, **source)
    status, lines, text = told(check, B, online=True, **source)
    assert status == 1 and "no relying party with ECP has the entityID" in lines[0], text
    assert not (tmp_path / "cache").exists(), "checking leaves nothing behind"
    proxy = started(**source)
    waiting.until(lambda: outcome(proxy, A) == "signed in", "the source")
    # What a query service said is written once somebody has signed in.
    copies = waiting.until(lambda: set((tmp_path / "cache").rglob("*.xml")), "the copy")
    asked = len(federation.asked)
    assert_told(check, A, "members0", "metadata source federation", **source)
    assert len(federation.asked) == asked
    federation.stop()
    assert_told(check, A, "members0", "metadata source federation", online=True, **source)
    for file in copies:
        # However old it is, it counts, and nobody is asked.
        os.utime(file, (1_767_225_600, 1_767_225_600))
    assert_told(check, A, "members0", "metadata source federation", **source)
    assert set((tmp_path / "cache").rglob("*.xml")) == copies


def test_tls_is_verified(check, site, signer):
    tls = Federation(waiting.free_port(), site.tls)
    tls.documents["/all.xml"] = by_signxml(many(A), signer)
    tls.start()
    try:
        assert "failed   metadata source" in check(True, url=tls.url + "/all.xml")[1]
        assert "201 service providers" in check(True, url=tls.url + "/all.xml", ca_file=str(site.ca))[1]
    finally:
        tls.stop()
