"""`check --online` against real peers: what an operator is told before anybody signs in."""

import http.server
import ssl
import subprocess
import threading

import pytest
import yaml

from support import certificates, fedfront, people, waiting
from support.collector import Collector
from support.ecp import PAOS
from support.federation import aggregate, member
from support.fedfront import ENTITY_ID, ISSUERS
from support.nginx import Nginx
from support.sp import key_descriptor
from support.syslog import Stream


@pytest.fixture
def check(tmp_path, site, slapd, binary_built):
    """`check(*arguments, directory=…, behind=…, **sections)` runs `check --online` on such a configuration."""

    def run(*arguments, directory=None, behind=None, domains=None, **changes):
        whole = fedfront.configuration(
            waiting.free_port(), waiting.free_port(), site, directory or fedfront.ldap(slapd), behind, **changes
        )
        whole["listen"] = [{"address": f"127.0.0.1:{waiting.free_port()}"}]
        whole["guard"]["threshold"] = 3
        if domains is not None:
            whole["issuer"]["domains"] = domains
        file = fedfront.write(tmp_path / "proxy.yaml", whole)
        ended = subprocess.run(
            [fedfront.binary(), "check", "-c", file, "--online", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        fedfront.assert_no_secret(ended.stdout + ended.stderr, "check")
        return Checked(file, ended)

    return run


class Checked:
    """Lines as `(outcome, step, what)`; the help below a line is part of `what`."""

    def __init__(self, file, ended):
        self.status = ended.returncode
        self.text = ended.stdout + ended.stderr
        first, *lines = ended.stdout.replace("\n         help: ", " -- ").splitlines()
        assert first == f"{file}: fine", self.text
        self.last = lines.pop().removeprefix(f"{file}: online: ")
        self.lines = [(line[:8].strip(), line[9:]) for line in lines]

    def of(self, outcome, step=""):
        return [line for found, line in self.lines if found == outcome and line.startswith(step)]

    def one(self, outcome, step):
        lines = self.of(outcome, step)
        assert len(lines) == 1, self.text
        return lines[0]


def changed(slapd, **keys):
    """The directory section with other keys."""
    section = fedfront.ldap(slapd)
    section["ldap"].update(keys)
    return section


def metadata(entity_id, *certificate_files):
    keys = "".join(
        "<KeyDescriptor use='signing'><KeyInfo xmlns='http://www.w3.org/2000/09/xmldsig#'><X509Data><X509Certificate>"
        f"{certificates.base64_of(file)}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
        for file in certificate_files
    )
    return (
        f"<EntityDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata' entityID='{entity_id}'><IDPSSODescriptor "
        f"protocolSupportEnumeration='urn:oasis:names:tc:SAML:2.0:protocol'>{keys}<SingleSignOnService "
        "Binding='urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect' Location='https://idp.example.com/sso'/>"
        "</IDPSSODescriptor></EntityDescriptor>"
    )


def test_a_user_is_shown_as_entra_must_know_them(check, slapd, nginx):
    alice = people.ALICE
    checked = check("--user", "alice", behind=nginx.url)
    assert checked.status == 0, checked.text
    assert (checked.of("failed"), checked.last) == ([], "fine, with 1 warning"), checked.text
    assert "TLS verified, bound as" in checked.one("ok", "directory ldap, ldaps://localhost:")
    told = "\n".join(checked.of("ok", "user alice"))
    for part in (
        f"found in directory ldap: {alice.dn}",
        f"UPN {alice.upn}",
        f"ImmutableID {alice.immutable_id};",
        "1 group: cn=O365-Users",
        f"office365, WS-Trust: issuer {ISSUERS['example.com']}, name identifier {alice.immutable_id}",
        f"office365, WS-Trust, claim UPN: {alice.upn}",
        f"office365, ECP: issuer {ISSUERS['example.com']}, name identifier {alice.immutable_id}",
        f"office365, ECP, claim IDPEmail: {alice.upn}",
    ):
        assert part in told, told
    assert "answers GET / with 200" in checked.one("ok", f"upstream {nginx.url}")
    compared = checked.one("warning", "")
    assert compared.startswith("identity provider's metadata: issuer and key were not compared"), checked.text
    assert "/identity/metadata/saml2" in compared and "--idp-metadata" in compared


@pytest.mark.parametrize(
    "name, keys, outcome",
    [
        ("nobody", {}, "not found -- check the spelling"),
        ("nobody", {}, "was searched by user_filter (|(userPrincipalName={name})(sAMAccountName={name})), below base_dn dc="),
        ("nobody", {}, "that is the filter for Active Directory, which this server is not"),
        (people.BOB.login, {}, "ldap.group_base_dn and ldap.group_filter"),
        ("alice", {"bind_as": "{employeeNumber}"}, "would be refused everywhere: not bound: the entry has no single value of employeeNumber"),
        ("alice", {"bind_as": "{userPrincipalName}"}, "makes no DN, and this server is no Active Directory"),
        ("Tester", {"user_filter": "(sn={name})"}, "several entries of directory ldap have this name"),
        (people.BOB.login, {}, "WS-Trust: would be refused: not in the required group"),
        (people.HOMELESS.upn, {}, "WS-Trust: would be refused: issuer.domains has no issuer for \"unlisted.example\", the domain of the UPN"),
        ("alice", {"attributes": {"immutable_id": "employeeNumber"}}, "no ImmutableID: the entry has no attribute"),
        ("alice", {"attributes": {"upn": "title"}}, "no UPN: the entry has no attribute title"),
    ],
)
def test_a_user_who_could_not_sign_in_is_told_why(check, slapd, nginx, name, keys, outcome):
    checked = check("--user", name, directory=changed(slapd, **keys), behind=nginx.url)
    assert checked.status == 1, checked.text
    assert outcome in "\n".join(checked.of("failed", f"user {name}")), checked.text


def test_an_immutable_id_of_another_form_is_fine(check, slapd, nginx):
    keys = {"attributes": {"immutable_id": "mail", "upn": "userPrincipalName", "groups": "memberOf"}}
    checked = check("--user", "alice", directory=changed(slapd, **keys), behind=nginx.url)
    assert (checked.status, checked.last) == (0, "fine, with 1 warning"), checked.text
    assert any("ImmutableID alice@example.com; compare it" in told for told in checked.of("ok", "user alice"))


def test_without_a_service_account_nobody_is_looked_up(check, slapd, nginx):
    section = fedfront.ldap(slapd)
    for key in ("bind_dn", "bind_password_file"):
        del section["ldap"][key]
    section["ldap"].update({"user_dn": "uid={name},ou=people,dc=example,dc=com", "user_filter": "(memberOf=*)"})
    checked = check("--user", "nobody", directory=section, behind=nginx.url)
    assert checked.status == 0, checked.text
    assert "no service account" in checked.one("ok", "directory ldap, ldaps://localhost:")
    assert "has no service account" in checked.text and "found in directory" not in checked.text, checked.text


def test_every_server_of_a_directory_is_tried(check, slapd, nginx):
    dead = f"ldap://127.0.0.1:{waiting.free_port()}"
    checked = check(directory=changed(slapd, urls=[dead, slapd.url]), behind=nginx.url)
    assert (checked.status, checked.last) == (1, "1 failed"), checked.text
    assert "firewall" in checked.one("failed", f"directory ldap, {dead}")
    assert "connected" in checked.one("ok", f"directory ldap, {slapd.url}")


def test_the_service_account_is_refused_once(check, own_slapd, nginx, tmp_path):
    urls = [own_slapd.url, f"ldaps://127.0.0.1:{own_slapd.tls_port}"]
    password = tmp_path / "wrong-password"
    password.write_text(people.WRONG)
    password.chmod(0o600)
    section = changed(own_slapd, urls=urls, bind_password_file=str(password))
    checked = check("--user", "alice", directory=section, behind=nginx.url)
    assert checked.status == 1, checked.text
    assert "correct bind_dn and bind_password_file" in checked.one("failed", f"directory ldap, {urls[0]}")
    assert "not tried" in checked.one("note", f"directory ldap, {urls[1]}")
    assert "not every directory could be asked" in checked.one("failed", "user alice")
    assert own_slapd.binds(people.SERVICE_DN) == 1


@pytest.mark.parametrize(
    "keys, outcome",
    [
        ({"base_dn": "dc=nosuch,dc=com"}, "base_dn \"dc=nosuch,dc=com\" is not there"),
        ({"base_dn": "nonsense"}, "is no DN"),
        ({"group_base_dn": "ou=nosuch,dc=example,dc=com", "group_filter": "(member={dn})"}, "group_base_dn"),
    ],
)
def test_a_search_base_that_is_not_there_is_named(check, slapd, nginx, keys, outcome):
    checked = check(directory=changed(slapd, **keys), behind=nginx.url)
    assert checked.status == 1, checked.text
    assert outcome in checked.one("failed", "directory ldap")


@pytest.mark.parametrize("name", ["another CA", "fedfront tests"])
def test_a_directory_of_another_ca_is_not_trusted(check, slapd, nginx, tmp_path, name):
    other = certificates.Authority(tmp_path, name)
    checked = check(directory=changed(slapd, ca_file=str(other.file)), behind=nginx.url)
    assert checked.status == 1, checked.text
    assert "trusted here" in checked.one("failed", "directory ldap")
    assert "ldap.ca_file" in checked.one("failed", "directory ldap")


def test_who_takes_audit_records_and_traces_is_tried(check, slapd, nginx, site, tmp_path):
    syslog, collector = Stream(tls=site.tls), Collector(tls=site.tls)

    def checked(ca):
        return check(
            behind=nginx.url,
            telemetry={
                "audit_syslog": {"server": f"tls://localhost:{syslog.port}", "ca_file": str(ca)},
                "traces": {"endpoint": f"https://localhost:{collector.port}", "ca_file": str(ca)},
            },
        )

    try:
        fine, stranger = checked(site.ca), checked(certificates.Authority(tmp_path, "another CA").file)
    finally:
        syslog.stop()
        collector.stop()
    gone = checked(site.ca)
    assert fine.status == 0, fine.text
    assert "TLS verified" in fine.one("ok", "telemetry.audit_syslog, tls://localhost")
    assert "takes traces" in fine.one("ok", "telemetry.traces, https://localhost")
    assert len(collector.resources) == 1 and not collector.spans and not syslog.messages, "nothing is told, only asked"
    for told, said in ((stranger, "name the certificate of its CA in telemetry."), (gone, "see that it is up")):
        assert told.status == 1, told.text
        assert said in told.one("failed", "telemetry.audit_syslog"), told.text
        assert said in told.one("warning", "telemetry.traces"), told.text


def test_a_syslog_server_that_wants_a_certificate_was_fine(check, slapd, nginx, site):
    """It says so after the handshake is done for the client."""
    syslog = Stream(tls=site.tls, clients_ca=site.ca)
    server = f"tls://localhost:{syslog.port}"
    try:
        checked = check(behind=nginx.url, telemetry={"audit_syslog": {"server": server, "ca_file": str(site.ca)}})
    finally:
        syslog.stop()
    assert checked.status == 1, checked.text
    assert "ask its clients for no certificate" in checked.one("failed", "telemetry.audit_syslog"), checked.text


def test_a_file_of_users_is_counted(check, nginx, tmp_path, site):
    users = tmp_path / "users.yaml"
    users.write_text("users: []\n")
    users.chmod(0o600)
    checked = check(directory={"file": {"path": "users.yaml"}}, behind=nginx.url)
    assert (checked.status, checked.last) == (0, "fine, with 2 warnings"), checked.text
    assert "password_hash" in checked.one("warning", f"directory file, {users}: holds no user")


@pytest.fixture(scope="module")
def a_hash(tmp_path_factory, binary_built):
    """Of some password."""
    folder = tmp_path_factory.mktemp("hash")
    demo = [fedfront.binary(), "demo", "--dir", folder, "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--exit"]
    subprocess.run(demo, check=True, capture_output=True, timeout=60)
    return yaml.safe_load((folder / "users.yaml").read_text())["users"][0]["password_hash"]


@pytest.mark.parametrize(
    "name, keys, outcomes",
    [
        ("bob", {}, ["not found -- check the spelling; a file's user is known by name, upn and aliases"]),
        ("alice", {}, ["no UPN: the user has no upn in the file", "no ImmutableID: the user has no immutable_id", "user's groups in the file"]),
        (
            "alice",
            {"groups": ["O365-Users"]},
            ["WS-Trust: would be refused: no UPN, by whose domain issuer.domains chooses the issuer -- see what is said of"],
        ),
        (
            "alice",
            {"groups": ["O365-Users"], "upn": "alice@Nowhere.example", "immutable_id": "x" * 65},
            [
                'issuer.domains has no issuer for "Nowhere.example", the domain of the UPN -- add to issuer.domains: '
                "nowhere.example: <the domain's IssuerUri in Entra>",
                "give the user another immutable_id in the file",
            ],
        ),
    ],
)
def test_remedies_for_a_file_of_users_are_about_the_file(check, nginx, tmp_path, a_hash, name, keys, outcomes):
    users = tmp_path / "users.yaml"
    users.write_text(yaml.safe_dump({"users": [{"name": "alice", "password_hash": a_hash, **keys}]}))
    users.chmod(0o600)
    checked = check("--user", name, directory={"file": {"path": "users.yaml"}}, behind=nginx.url)
    assert checked.status == 1, checked.text
    said = "\n".join(checked.of("failed", f"user {name}"))
    for part in outcomes:
        assert part in said, said
    assert "ldap." not in said and "user_filter" not in said and "bind_dn" not in said


def test_a_file_of_users_with_an_unknown_key_is_told_the_known_ones(tmp_path, site, binary_built):
    users = tmp_path / "users.yaml"
    users.write_text("users: [{ name: alice, password: wonderland }]\n")
    users.chmod(0o600)
    whole = fedfront.configuration(0, 0, site, {"file": {"path": str(users)}}, "http://127.0.0.1:1")
    file = fedfront.write(tmp_path / "proxy.yaml", whole)
    ended = subprocess.run([fedfront.binary(), "check", "-c", file], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 78, ended.stderr
    assert "unknown field `password`" in ended.stderr and "wonderland" not in ended.stderr
    assert "argon2 SALT -id -e" in ended.stderr and "target/demo/users.yaml" in ended.stderr


def test_a_server_that_speaks_no_tls_is_told_in_words(check, slapd, nginx):
    ldap, http = (url.replace("://", "s://") for url in (slapd.plain_url, nginx.url))
    checked = check(directory=changed(slapd, urls=[ldap]), behind=http)
    assert checked.status == 1, checked.text
    for step, remedy in ((f"directory ldap, {ldap}", "start_tls: true"), (f"upstream {http}", "write http://")):
        line = checked.one("failed", step)
        assert "does not speak TLS there" in line and remedy in line and "or name the TLS port" in line, line
        assert "tlsany" not in line and "EOF" not in line


class _Late(http.server.BaseHTTPRequestHandler):
    """Has a clock that stands still, and an answer for everybody."""

    def do_GET(self):
        self.send_response_only(200)
        self.send_header("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def late(site):
    """An HTTPS server with the certificate of the site; its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Late)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*site.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_the_upstream_is_reached_trusted_and_of_our_time(check, site, late, tmp_path):
    url = f"https://localhost:{late}"
    other = certificates.Authority(tmp_path)
    for tls, status, outcome, part in (
        ({"ca_file": str(site.ca)}, 0, "ok", "with 200, TLS verified"),
        ({"ca_file": str(site.ca)}, 0, "warning", "s behind this machine's"),
        ({"ca_file": str(other.file)}, 1, "failed", "upstream.tls.ca_file"),
        ({"ca_file": str(site.ca), "server_name": "other.example"}, 1, "failed", "upstream.tls.server_name"),
        # The name to write there is told.
        ({"ca_file": str(site.ca), "server_name": "other.example"}, 1, "failed", "for another name: it is for localhost"),
    ):
        checked = check(behind=url, upstream={"tls": tls})
        assert checked.status == status, checked.text
        assert part in checked.one(outcome, f"upstream {url}")
    nobody = f"http://127.0.0.1:{waiting.free_port()}"
    checked = check(behind=nobody)
    assert (checked.status, checked.last) == (1, "1 failed"), checked.text
    assert "no connection" in checked.one("failed", f"upstream {nobody}")
    assert "no server answered" in checked.one("note", "identity provider's metadata")


OFFICE = [{"name": "office365", "preset": "office365"}]
BY_DOMAIN = [{"name": "office365", "preset": "office365", "issuer": "by_domain"}]
APP = [{"name": "app", "applies_to": ["https://app.example.com/"]}]


@pytest.mark.parametrize(
    "entity_id, ours, parties, failed, warned",
    [
        (ENTITY_ID, True, OFFICE, [], []),
        # WSO2 has one name for SAML and another for WS-Federation, which is the one that counts here.
        ("https://idp.example.com", True, OFFICE, [], ["issuer.entity_id is " + ENTITY_ID]),
        (ENTITY_ID, False, OFFICE, ["issuer.signing is "], ["our own metadata does not carry "]),
        (ISSUERS["example.com"], True, BY_DOMAIN, [], ["the issuer of subsidiary.example is "]),
        (
            "https://idp.example.com",
            False,
            APP,
            [],
            ["issuer.entity_id is ", "issuer.signing is ", "our own metadata does not carry "],
        ),
    ],
)
def test_issuer_and_key_are_compared(check, site, nginx, tmp_path, entity_id, ours, parties, failed, warned):
    theirs = site.signing[0] if ours else certificates.signing(tmp_path, "theirs")[0]
    document = tmp_path / "idp.xml"
    document.write_text(metadata(entity_id, theirs))
    # Domains that nobody chooses by would be a warning of the file's own.
    domains = None if parties is BY_DOMAIN else {}
    checked = check("--idp-metadata", document, behind=nginx.url, relying_parties=parties, domains=domains)
    assert checked.status == (1 if failed else 0), checked.text
    for outcome, expected in (("failed", failed), ("warning", warned)):
        found = checked.of(outcome, "identity provider's metadata, ")
        assert len(found) == len(expected), checked.text
        assert all(part in line for part, line in zip(expected, found)), checked.text
    if failed or parties is OFFICE and warned:
        assert "Entra" in checked.text
    if not ours:
        carried = {"mode": "own", "idp_certificates": [str(theirs)]}
        checked = check("--idp-metadata", document, behind=nginx.url, relying_parties=parties, domains=domains, metadata=carried)
        assert checked.of("warning", "identity provider's metadata, published") == [], checked.text


def test_over_ecp_alone_another_name_is_refused_by_entra(check, site, nginx, tmp_path):
    document = tmp_path / "idp.xml"
    document.write_text(metadata("https://idp.example.com", site.signing[0]))
    forwarded = {"mex": "forward", "sts": "forward"}
    checked = check("--idp-metadata", document, behind=nginx.url, relying_parties=OFFICE, domains={}, endpoints=forwarded)
    assert checked.status == 1, checked.text
    assert checked.one("failed", "identity provider's metadata, issuer").startswith(
        "identity provider's metadata, issuer: issuer.entity_id is "
    )


def test_what_is_set_for_the_identity_provider_is_for_nobody_else(check, nginx, origin):
    upstream = {"set_headers": {"X-Gateway-Secret": "for-the-identity-provider"}}
    check("--idp-metadata", f"{origin.url}/metadata", behind=nginx.url, upstream=upstream)
    sent = [[name.lower() for name, _ in headers] for _, path, headers in origin.heads if path == "/metadata"]
    assert sent and all("x-gateway-secret" not in names for names in sent)


def test_metadata_is_found_where_identity_providers_have_it(check, site, tmp_path):
    for path in ("identity/metadata/saml2", "oamfed/idp/metadata"):
        folder = tmp_path / path.split("/")[0]
        folder.mkdir()
        idp = Nginx(folder)
        place = folder / "site" / path
        place.parent.mkdir(parents=True)
        place.write_text(metadata(ISSUERS["example.com"], site.signing[0]))
        tmp_path.chmod(0o755)
        idp.start()
        try:
            for arguments in ((), ("--idp-metadata", f"/{path}"), ("--idp-metadata", f"{idp.url}/{path}")):
                checked = check(*arguments, behind=idp.url)
                assert checked.status == 0, checked.text
                assert path in checked.one("ok", "identity provider's metadata: ")
                assert "its own certificate" in checked.one("ok", "identity provider's metadata, key")
        finally:
            idp.stop()
    checked = check("--idp-metadata", "nosuch.xml", behind=idp.url)
    assert "there is no such file" in checked.one("failed", "identity provider's metadata")


SELF_SIGNED = "is self-signed: Office 365 connects directly to this address and refuses it"
NO_CHAIN = "has no chain: the certificate of its issuer, fedfront tests, is not there; Office 365 connects directly"


def test_certificates_are_looked_at_as_office_365_does(tmp_path, site, binary_built):
    leaf, key = site.tls
    chain = tmp_path / "chain.crt"
    chain.write_bytes(leaf.read_bytes() + site.ca.read_bytes())
    alone = certificates.signing(tmp_path, "localhost")
    for certificate, key, public_url, warnings in (
        (chain, key, "https://localhost:8443", []),
        (leaf, key, "https://localhost:8443", [NO_CHAIN]),
        (leaf, key, "https://127.0.0.1:8443", [NO_CHAIN]),
        (*alone, "https://localhost", [SELF_SIGNED]),
        (*alone, "https://sts.example.com", [SELF_SIGNED, "is for localhost, and public_url says sts.example.com"]),
    ):
        users = tmp_path / "users.yaml"
        users.write_text("users: []\n")
        users.chmod(0o600)
        whole = fedfront.configuration(0, 0, site, {"file": {"path": str(users)}}, "http://127.0.0.1:1")
        whole["public_url"] = public_url
        whole["guard"]["threshold"] = 3
        whole["listen"][0]["tls"] = {"certificate_file": str(certificate), "private_key_file": str(key)}
        file = fedfront.write(tmp_path / "proxy.yaml", whole)
        ended = subprocess.run([fedfront.binary(), "check", "-c", file], capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "certificate_file" in text)
        said = [text for text in ended.stderr.splitlines() if ": warning: " in text]
        assert len(said) == len(warnings), ended.stderr
        for text, part in zip(said, warnings):
            assert text.startswith(f"{file}:{line}:"), text
            assert f"listen[0].tls.certificate_file: {certificate}: {part}" in text, text
        assert ended.stderr.count("\n  help: ") == len(warnings)


def test_a_certificate_that_cannot_be_served_is_an_error(tmp_path, site, binary_built):
    weak = certificates.signing(tmp_path, "localhost", bits=1024)
    other = certificates.signing(tmp_path, "other")
    for certificate, key, blamed, part in (
        (*weak, "certificate_file", "has an RSA key of 1024 bits: clients refuse it"),
        (*weak, "certificate_file", "cannot be served"),
        (site.tls[0], other[1], "private_key_file", "is not the key of the certificate in"),
        (site.tls[1], site.tls[1], "certificate_file", "but a block of type PRIVATE KEY"),
        (site.tls[0], site.tls[0], "private_key_file", "but a block of type CERTIFICATE"),
    ):
        whole = fedfront.configuration(0, 0, site, {"file": {"path": str(site.ca)}}, "http://127.0.0.1:1")
        whole["listen"][0]["tls"] = {"certificate_file": str(certificate), "private_key_file": str(key)}
        file = fedfront.write(tmp_path / "proxy.yaml", whole)
        ended = subprocess.run([fedfront.binary(), "check", "-c", file], capture_output=True, text=True, timeout=60)
        assert ended.returncode == 78, ended.stderr
        assert any(f"listen[0].tls.{blamed}: " in line and part in line for line in ended.stderr.splitlines()), ended.stderr


def test_what_check_warns_of_the_start_warns_of(launch, slapd, nginx):
    assert NO_CHAIN in launch(fedfront.ldap(slapd), nginx.url).output()


def test_a_configuration_that_is_wrong_is_not_tried(tmp_path, binary_built):
    file = tmp_path / "proxy.yaml"
    file.write_text("public_url: nonsense\n")
    ended = subprocess.run([fedfront.binary(), "check", "-c", file, "--online"], capture_output=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (78, b"")
    words = [fedfront.binary(), "check", "-c", file, "--idp-metadata", "/metadata"]
    assert subprocess.run(words, capture_output=True, timeout=60).returncode == 64


# What `check` called fine, though it could not work or be meant.


def users_file(folder, *users):
    """A directory of users, none of whom needs their password."""
    nobodys = "$argon2id$v=19$m=19456,t=2,p=1$" + "A" * 22 + "$" + "A" * 43
    file = folder / "users.yaml"
    file.write_text(yaml.safe_dump({"users": [{"password_hash": nobodys, **user} for user in users]}))
    file.chmod(0o600)
    return {"file": {"path": str(file)}}


def run_check(folder, site, *arguments, directory=None, listen=None, **sections):
    """`check` without the network on such a configuration: its exit code, its findings and steps."""
    whole = fedfront.configuration(
        0, 0, site, directory or users_file(folder, {"name": "alice"}), "http://127.0.0.1:1", **sections
    )
    whole["listen"][0]["tls"].update(listen or {})
    file = fedfront.write(folder / "proxy.yaml", whole)
    ended = subprocess.run(
        [fedfront.binary(), "check", "-c", file, *arguments], capture_output=True, text=True, timeout=60
    )
    return ended.returncode, ended.stdout + ended.stderr


def findings(text, kind, key):
    return [line for line in text.splitlines() if f": {kind}: {key}: " in line]


def user_certificates(authority, **more):
    return {"certificate": {"ca_file": str(authority), **more}}


def test_a_ca_file_that_names_a_leaf_is_an_error(tmp_path, site, binary_built):
    for file, status, kind in ((site.ca, 0, None), (site.tls[0], 78, "error")):
        code, text = run_check(tmp_path, site, credentials=user_certificates(file), listen={"client_ca_file": str(file)})
        assert code == status, text
        for key in ("credentials.certificate.ca_file", "listen[0].tls.client_ca_file"):
            assert len(findings(text, "error", key)) == (1 if kind else 0), text
    assert "which is no CA's and vouches for nobody else's, so nobody is believed" in text


def test_a_revocation_list_of_another_ca_is_an_error(tmp_path, site, binary_built):
    key = "credentials.certificate.crl_file"
    (tmp_path / "own").mkdir()
    (tmp_path / "other").mkdir()
    own, other = certificates.Authority(tmp_path / "own", "users"), certificates.Authority(tmp_path / "other", "users")
    for issuer, status in ((own, 0), (other, 78)):
        file = issuer.revocations()
        code, text = run_check(tmp_path, site, credentials=user_certificates(own.file, crl_file=str(file)))
        assert code == status, text
        assert ("holds no revocation list of users, so nobody signs in" in "".join(findings(text, "error", key))) == (status > 0), text


def test_listeners_whose_certificates_sign_nobody_in_are_told(tmp_path, site, binary_built):
    key = "listen[0].tls.client_ca_file"
    other = certificates.Authority(tmp_path, "others")
    listen = {"client_ca_file": str(site.ca)}
    for credentials, part in (
        (user_certificates(site.ca), None),
        (user_certificates(other.file), "has no CA in common with credentials.certificate.ca_file"),
        ({}, "without credentials.certificate it signs nobody in"),
    ):
        code, text = run_check(tmp_path, site, listen=listen, credentials=credentials)
        told = findings(text, "warning", key)
        assert code == 0 and len(told) == (1 if part else 0) and (part or "") in "".join(told), text


def test_an_issuer_that_has_our_own_name_is_an_error(tmp_path, site, binary_built):
    foreign = certificates.signing(tmp_path, "foreign")[0]
    for entity_id, file, status in (
        ("urn:foreign", foreign, 0),
        (ENTITY_ID, foreign, 78),
        (ISSUERS["example.com"], foreign, 78),
        # That says where our own tokens have the user's name.
        (ENTITY_ID, site.signing[0], 0),
    ):
        issuer = {"entity_id": entity_id, "certificate_files": [str(file)]}
        code, text = run_check(tmp_path, site, credentials={"issued_token": {"issuers": [issuer]}})
        told = findings(text, "error", "credentials.issued_token.issuers[0].entity_id")
        assert code == status and len(told) == (1 if status else 0), text
        assert all("is our own name" in line for line in told), text


PORTAL = "https://portal.example.com/"


def with_rules(**party):
    """Office 365, which neither the asker nor the guest is for, and the portal's party."""
    office365 = {"name": "office365", "preset": "office365", "required_group": "O365-Users"}
    return [office365, {"name": "portal", "applies_to": [PORTAL], "required_group": "Portal-Users", **party}]


def test_audiences_that_no_token_is_for_are_told(tmp_path, site, binary_built):
    rule = {"askers": ["svc"], "for": ["Staff"], "audiences": [PORTAL, "https://portl.example.com/"]}
    code, text = run_check(tmp_path, site, relying_parties=with_rules(delegation=[rule]))
    (told,) = findings(text, "warning", "relying_parties[1].delegation[0].audiences[1]")
    assert code == 0 and "is no relying party" in told and f"did you mean `{PORTAL}`?" in text, text
    assert findings(text, "warning", "relying_parties[1].delegation[0].audiences[0]") == []


# A user, looked up.

DAVE = {
    "name": "dave",
    "upn": "dave@example.com",
    "immutable_id": "AAECAwQFBgcICQoLDA0ODw==",
    "groups": ["O365-Users", "Portal-Users"],
}


def test_a_disabled_user_is_not_fine(tmp_path, site, binary_built):
    for disabled in (False, True):
        directory = users_file(tmp_path, {**DAVE, "disabled": disabled})
        code, text = run_check(tmp_path, site, "--user", "dave", directory=directory, relying_parties=with_rules())
        told = "failed   user dave: would be refused everywhere: the account is disabled"
        assert (code, told in text) == (int(disabled), disabled), text


@pytest.mark.parametrize("attribute, value", [("nsAccountLock", "true"), ("userAccountControl", "514")])
def test_a_user_disabled_in_ldap_is_not_fine(check, own_slapd, nginx, attribute, value):
    person = people.ALICE
    own_slapd.modify(f"dn: {person.dn}\nchangetype: modify\nadd: {attribute}\n{attribute}: {value}\n")
    checked = check("--user", person.login, directory=fedfront.ldap(own_slapd), behind=nginx.url)
    assert checked.status == 1, checked.text
    assert "the account is disabled" in checked.one("failed", f"user {person.login}"), checked.text


ASKER = {"name": "svc-portal", "upn": "svc-portal@example.com"}


@pytest.mark.parametrize(
    "party, said",
    [
        ({"renewal": {"askers": ["svc-portal"]}}, ["portal, renewal.askers: may renew and cancel everybody's tokens"]),
        (
            {"delegation": [{"askers": ["svc-portal@example.com"], "for": ["Staff", "bob"], "kinds": ["act_as"]}]},
            ["portal, delegation[0]: may have tokens for it of Staff, bob (act_as, by a token that they signed in with)"],
        ),
    ],
)
def test_an_asker_is_no_failure_and_told_for_whom(tmp_path, site, binary_built, party, said):
    arguments = {"directory": users_file(tmp_path, ASKER, DAVE), "relying_parties": with_rules(**party)}
    code, text = run_check(tmp_path, site, "--user", "svc-portal", **arguments)
    assert code == 0 and "failed" not in text, text
    assert "office365, WS-Trust: would be refused: not in the required group" in text
    assert all(f"ok       user svc-portal, relying party {line}" in text for line in said), text
    # Without the rule they are nobody's.
    arguments["relying_parties"] = with_rules()
    code, text = run_check(tmp_path, site, "--user", "svc-portal", **arguments)
    assert code == 1 and "failed   user svc-portal, relying party portal, WS-Trust" in text, text


def test_a_user_is_told_who_may_have_their_tokens(tmp_path, site, binary_built):
    rule = {"askers": ["svc-portal"], "for": ["Portal-Users"], "by_name": True}
    directory = users_file(tmp_path, ASKER, DAVE)
    parties = with_rules(delegation=[rule])
    code, text = run_check(tmp_path, site, "--user", "dave", directory=directory, relying_parties=parties)
    line = "portal, delegation[0]: svc-portal may have their tokens for it (on_behalf_of and act_as, by their names alone)"
    assert code == 0 and line in text, text
    # To be named as whom others ask for is to be let in nowhere.
    guest = {**DAVE, "groups": []}
    parties = with_rules(delegation=[{**rule, "for": ["dave"]}])
    directory = users_file(tmp_path, ASKER, guest)
    code, text = run_check(tmp_path, site, "--user", "dave", directory=directory, relying_parties=parties)
    assert code == 1 and line in text, text


def test_a_user_of_some_relying_parties_is_a_warning_for_the_others(tmp_path, site, binary_built):
    directory = users_file(tmp_path, {**DAVE, "groups": ["Portal-Users"]})
    code, text = run_check(tmp_path, site, "--user", "dave", directory=directory, relying_parties=with_rules())
    assert code == 0, text
    assert "warning  user dave, relying party office365, WS-Trust: would be refused: not in the required group" in text
    assert "ok       user dave, relying party portal, WS-Trust" in text


@pytest.mark.parametrize(
    "endpoints, trust, over_ecp",
    [
        ({}, "", ""),
        ({"ecp": "forward"}, "", "; though endpoints.ecp is forwarded: the identity provider answers"),
        ({"sts": "forward"}, "; though endpoints.sts is forwarded: the identity provider answers", ""),
        ({"sts": "shadow"}, "; though endpoints.sts is in shadow: the identity provider answers, and this is compared", ""),
    ],
)
def test_a_user_of_an_endpoint_that_is_not_ours_is_told_so(tmp_path, site, binary_built, endpoints, trust, over_ecp):
    """It said `ok` alike, whoever answers."""
    directory = users_file(tmp_path, DAVE)
    code, text = run_check(tmp_path, site, "--user", "dave", directory=directory, endpoints=endpoints)
    assert code == 0, text
    rows = [line for line in text.splitlines() if line.startswith("ok ") and ": issuer " in line]
    ends = {"WS-Trust": trust, "ECP": over_ecp}
    assert [row.partition("; though")[2] for row in rows] == [
        ends[protocol].removeprefix("; though") for row in rows for protocol in ends if f", {protocol}: " in row
    ], text
    assert len(rows) == 2, text


def test_what_is_wrong_with_a_partys_metadata_has_its_own_remedy(tmp_path, site, binary_built):
    """One remedy stood under all of it."""
    sp, acs = "https://sp.example.org/sp", "https://sp.example.org/acs"
    one = member(sp, acs)
    elliptic = one.replace("<md:AssertionConsumerService", key_descriptor(site.tls[0], "encryption") + "<md:AssertionConsumerService")
    for document, party, said, remedy in (
        ("<html/>", {}, "no md:EntityDescriptor", "put the service provider's SAML metadata there"),
        (one, {"entity_id": "urn:other"}, "no SAML 2.0 service provider with entityID", "letter for letter"),
        (aggregate([one, member("urn:other", acs)]), {}, "several service providers", "write entity_id beside metadata_file"),
        (metadata("urn:idp", site.signing[0]), {}, "no SAML 2.0 service provider in it", "not that of an identity provider"),
        (one.replace(PAOS, "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"), {}, "for PAOS, which ECP needs", "have one added"),
        (one, {"ecp": {"encrypt": "required"}}, "no key in its metadata to encrypt for", "have an RSA key to encrypt for"),
        (elliptic, {}, "not RSA", "have an RSA key to encrypt for"),
    ):
        (tmp_path / "sp.xml").write_text(document)
        party = {"name": "sp", "metadata_file": str(tmp_path / "sp.xml"), "ecp": True, **party}
        code, text = run_check(tmp_path, site, relying_parties=[party])
        (line,) = findings(text.replace("\n  help: ", " -- "), "error", "relying_parties[0].metadata_file")
        assert code == 78 and said in line.split(" -- ")[0] and remedy in line.split(" -- ")[1], text
