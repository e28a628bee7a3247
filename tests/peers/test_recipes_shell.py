"""The commands of the pages, as they stand there: names of servers, addresses and passwords become those of the test."""

import base64
import re
import signal

import pytest
import yaml
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509 import load_pem_x509_certificate

from conftest import need
from support import waiting
from support.fedfront import binary, ldap
from support.guessing import BEHIND, HOME, QUICK, counted, of
from support.people import ALICE, LOCKED, WRONG
from support.process import Process
from support.recipes import recipe, shell, stand_in
from support.rst import Rst, send
from support.slapd import ROOT_DN, ROOT_PASSWORD


class Place:
    """Where the pages are at home: beside the configuration of a fedfront of the test's."""

    def __init__(self, proxy):
        self.proxy, self.folder = proxy, proxy.file.parent

    def run(self, script, **options):
        for documented, own in (
            (r"https://s(ts|so)\.example\.com", self.proxy.url),
            (r"http://127\.0\.0\.1:9464", self.proxy.admin),
            (r"--connect-to 10\.0\.0\.5", "--connect-to 127.0.0.1"),
        ):
            script = re.sub(documented, own, script)
        trust = {"SSL_CERT_FILE": str(self.proxy.ca), "CURL_CA_BUNDLE": str(self.proxy.ca)}
        return shell(script, self.folder, ALICE.password + "\n", **options, **trust)


@pytest.fixture(scope="module")
def place(launch_shared, slapd, nginx):
    """In front of WSO2, for Office 365 and, as its page says, AWS; what the tenant has is in the folder."""
    (aws,) = yaml.safe_load(recipe("preset: aws", "yaml", "deploy/docs/saml.md"))["relying_parties"]
    aws["aws"]["roles"] = {"O365-Users": aws["aws"]["roles"]["Admins"]}
    office = {"name": "office365", "preset": "office365", "required_group": "O365-Users", "issuer": "by_domain"}
    process = launch_shared(ldap(slapd), nginx.url, metadata={"idp": "wso2"}, relying_parties=[office, aws])
    made = Place(process)
    for name in ("federation.json", "tenant.json"):
        told = made.run("fedfront entra -c proxy.yaml --domain example.com --format graph")
        (made.folder / name).write_text(told)
    yield made
    process.finish()


def test_the_demonstration_is_tried_as_it_is_told(binary_built, tmp_path):
    (tmp_path / "target/debug").mkdir(parents=True)
    (tmp_path / "target/debug/fedfront").symlink_to(binary())
    port = waiting.free_port()
    url = f"https://localhost:{port}"
    shell(f"fedfront demo --https 127.0.0.1:{port} --admin 127.0.0.1:0 --exit", tmp_path)
    *prepared, served = recipe("admin.sock", document="deploy/docs/demo.md").splitlines()
    shell("\n".join(prepared), tmp_path)
    process = Process("fedfront", [binary(), *served.split()[1:]], cwd=tmp_path)
    try:
        process.wait_for_line("^ready ")
        tried = recipe("target/debug/fedfront probe", document="README.md")
        shell(tried.replace("https://localhost:8443", url), tmp_path, "wonderland\n")
        guessed = recipe("wrong1 wrong2", document="deploy/docs/demo.md")
        told = shell(guessed.replace("https://localhost:8443", url), tmp_path, fine=False)
        *_, refused, unlocked = told.splitlines()
        assert re.search(r"^yes +3 .* alice$", told, re.M), told
        assert '"result":"locked"' in refused and '"guard":"threshold"' in refused, told
        assert '"event":"guard_unlock"' in unlocked, told
    finally:
        process.stop(signal.SIGKILL)


def test_servers_are_probed(place):
    (place.folder / "probe-password").write_text(ALICE.password)
    by_cron = recipe("--password-file", document="deploy/docs/probe.md").replace("/etc/fedfront/", "")
    for script in (
        recipe("probe --url https://sts.example.com --user alice@example.com\n", document="deploy/docs/probe.md"),
        recipe("probe --url https://sts.example.com --user alice@example.com --entra", document="deploy/docs/probe.md"),
        recipe("--compare", document="deploy/docs/probe.md"),
        recipe("--compare", document="deploy/docs/entra.md"),
        by_cron.replace("probe@example.com", ALICE.upn),
    ):
        assert "fine" in place.run(script), script


def test_entra_is_told_and_compared(place):
    told = place.run(recipe("--format powershell", document="deploy/docs/entra.md"))
    assert "http://example.com/adfs/services/trust/" in told and place.proxy.url in told
    assert "rejectMfaByFederatedIdp" in (place.folder / "entra.ps1").read_text()
    assert "/oamfed/idp/soap" in place.run(recipe("--protocol saml", document="deploy/docs/entra.md"))
    assert "Nothing differs." in place.run(recipe("entra diff", document="deploy/docs/entra.md"))


def test_replicas_say_what_they_share(launch, slapd, publisher, own_redis):
    place = Place(launch(ldap(slapd), publisher.url, state=own_redis.state()))
    waiting.until(lambda: place.proxy.metric("state_shared") == 1, "state is shared")
    told = place.run(recipe("readyz?verbose", document="deploy/docs/replicas.md"))
    assert re.search(r"^ok +state,", told, re.M) and re.search(r"^\[.\] state: .*shared", told, re.M), told


def test_a_salt_is_made(tmp_path):
    need("openssl")
    shell(recipe("openssl rand -base64 36", document="deploy/docs/saml.md"), tmp_path)
    salt = tmp_path / "name-salt"
    assert len(salt.read_text().splitlines()) == 1 and len(base64.b64decode(salt.read_text())) == 36
    assert salt.stat().st_mode & 0o777 == 0o600


def test_aws_is_told_of_us_and_of_a_user(place):
    told = stand_in(place.folder, "aws")
    place.run(recipe("create-saml-provider", document="deploy/docs/saml.md"))
    assert b"EntityDescriptor" in (place.folder / "metadata.xml").read_bytes()
    assert told.read_text().split()[-2:] == ["--saml-metadata-document", "file://metadata.xml"]
    signing_in = recipe("assume-role-with-saml", document="deploy/docs/saml.md")
    place.run(signing_in.replace("-u alice@example.com ", f"-u '{ALICE.upn}:{ALICE.password}' "))
    *_, name, assertion = told.read_text().split()
    response = base64.b64decode(assertion)
    assert name == "--saml-assertion" and b"Response" in response[:20] and b"status:Success" in response, response


def test_openldap_forgets_failures(launch, policed, nginx):
    proxy, person = launch(ldap(policed), nginx.url, guard=QUICK, **BEHIND), LOCKED[0]
    send(proxy, Rst(user=person.upn, password=WRONG), **of(HOME))
    assert counted(policed, person) == (1, False)
    script = recipe("pwdFailureTime", document="deploy/docs/guard.md")
    for documented, own in (
        ("ldaps://ldap1.example.com", policed.plain_url),
        ("cn=admin,dc=example,dc=com -W", f"{ROOT_DN} -w {ROOT_PASSWORD}"),
        ("uid=alice,ou=people,dc=example,dc=com", person.dn),
    ):
        assert documented in script
        script = script.replace(documented, own)
    shell(script, proxy.file.parent)
    assert counted(policed, person) == (0, False)


def test_wso2s_key_is_converted(tmp_path):
    need("keytool")
    secret = "wso2carbon"
    made = f"keytool -genkeypair -alias wso2carbon -keyalg RSA -dname CN=localhost -keystore wso2carbon.jks -storepass {secret}"
    shell(f"{made} -storetype JKS -keypass {secret}", tmp_path)
    typed = f"{secret}\n" * 4
    shell(recipe("keytool -importkeystore", document="deploy/docs/wso2.md"), tmp_path, typed)
    converted = load_pkcs12((tmp_path / "signing.p12").read_bytes(), secret.encode())
    exported = load_pem_x509_certificate((tmp_path / "wso2.pem").read_bytes())
    assert converted.key is not None and converted.cert.certificate == exported
