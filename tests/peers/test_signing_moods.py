"""What a hardware security module may do that SoftHSM2 does not: sessions that are lost, PINs that are about to lock."""

import concurrent.futures
import pathlib
import subprocess
import time

import pytest
import yaml

from conftest import need
from support import hsm, waiting
from support.fedfront import binary, configuration, ldap, write
from support.people import ALICE
from support.process import Process
from support.rst import sign_in, token


class Moody(hsm.SoftHsm):
    """SoftHSM2 behind a library that has moods."""

    def __init__(self, folder):
        super().__init__(folder)
        self.library = folder / "moody_hsm.so"
        source = pathlib.Path(__file__).parent / "support/moody_hsm.c"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.library, source, "-ldl"], check=True)
        self._mood = folder / "mood"
        self.env["MOODY_HSM"] = str(self._mood)

    def feels(self, mood):
        self._mood.write_text(mood + "\n")

    def is_calm(self):
        return not self._mood.exists()

    def calm(self):
        self._mood.unlink(missing_ok=True)

    def logins(self):
        file = self.folder / "mood.logins"
        return file.read_text().count("login") if file.exists() else 0


@pytest.fixture
def device(tmp_path):
    need("cc", "softhsm2-util", "pkcs11-tool", hsm.MODULE)
    folder = tmp_path / "hsm"
    folder.mkdir()
    return Moody(folder)


@pytest.fixture
def issuer(device, site):
    certificate = device.pair(site.authority, "signing")
    section = device.section(certificate, "signing", module=str(device.library))
    return {"signing": {"private_key_file": None, **section}}


@pytest.fixture
def proxy(launch, slapd, nginx, device, issuer):
    return launch(ldap(slapd), nginx.url, device.env, issuer=issuer)


def test_a_session_that_is_lost_costs_no_request(proxy, device):
    for _ in range(3):
        token(sign_in(proxy, ALICE))
        device.feels("one-lost")
        token(sign_in(proxy, ALICE))
        assert device.is_calm()


@pytest.mark.parametrize("mood", ["device-removed", "refuses-init"])
def test_a_device_that_comes_back_is_used_again(proxy, device, mood):
    token(sign_in(proxy, ALICE))
    device.feels(mood)
    assert sign_in(proxy, ALICE).status_code == 503
    before, began = device.logins(), time.monotonic()
    for _ in range(20):
        assert sign_in(proxy, ALICE).status_code == 503
    # It is left alone for a second after each attempt, of two logins, however many ask.
    assert device.logins() <= before + 2 * (time.monotonic() - began + 1)
    device.calm()
    waiting.until(lambda: sign_in(proxy, ALICE).status_code == 200, "a token")


def timed(proxy):
    """The status of asking for a token, and the seconds that it took."""
    began = time.monotonic()
    return sign_in(proxy, ALICE).status_code, time.monotonic() - began


def hang(proxy, device):
    """Has the device hang, and asks for more tokens than it could sign at once, thrice."""
    token(sign_in(proxy, ALICE))
    device.feels("hangs")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(timed, proxy) for _ in range(60)]
        began = time.monotonic()
        assert proxy.get("/page").status_code == 200 and time.monotonic() - began < 2
        for answer in answers:
            status, seconds = answer.result()
            # limits.sign_in_deadline is 4 s.
            assert status == 503 and seconds < 6, (status, seconds)


def threads(proxy):
    """The names of its threads."""
    return [name.read_text().strip() for name in pathlib.Path(f"/proc/{proxy.pid}/task").glob("*/comm")]


def test_a_device_that_hangs_is_an_outage_within_the_deadline_and_holds_up_nothing(proxy, device):
    hang(proxy, device)
    before = len(threads(proxy))
    # It is known to hang, and asked no more.
    for _ in range(5):
        status, seconds = timed(proxy)
        assert status == 503 and seconds < 2, (status, seconds)
    assert len(threads(proxy)) == before
    assert sum(name.startswith("hsm-") for name in threads(proxy)) == 16
    waiting.until(lambda: "it gives no answer" in proxy.output(), "the log telling of it")
    waiting.until(lambda: proxy.metric("signing_unavailable", slot="current") == 1, "the metric telling of it")
    began = time.monotonic()
    assert not proxy.reload() and time.monotonic() - began < 15
    assert "does not sign with the key signing of the token fedfront: it gives no answer" in proxy.output()
    device.calm()
    waiting.until(lambda: sign_in(proxy, ALICE).status_code == 200, "a token")
    waiting.until(lambda: proxy.metric("signing_unavailable", slot="current") == 0, "the metric telling of it")
    assert proxy.reload()
    token(sign_in(proxy, ALICE))


def test_whoever_gives_up_a_device_that_hangs_signs_by_a_file_at_once(proxy, device, site):
    hang(proxy, device)
    configuration = yaml.safe_load(proxy.file.read_text())
    configuration["issuer"]["signing"] = {"certificate_file": str(site.signing[0]), "private_key_file": str(site.signing[1])}
    write(proxy.file, configuration)
    assert proxy.reload()
    status, seconds = timed(proxy)
    assert status == 200 and seconds < 4, (status, seconds)
    # Nor does the device hold up the end.
    assert proxy.stop() == 0, proxy.output()


def test_a_device_that_hangs_is_not_promoted_and_can_be_when_it_answers(launch, slapd, nginx, device, issuer, site, tmp_path):
    files = {"certificate_file": str(site.signing[0]), "private_key_file": str(site.signing[1])}
    following = {name: value for name, value in issuer["signing"].items() if value is not None}
    socket = {"socket": str(tmp_path / "admin.sock")}
    proxy = launch(ldap(slapd), nginx.url, device.env, admin=socket, issuer={"signing": {**files, "next": following}})

    def promote():
        run = Process("promote", [binary(), "promote", "-c", proxy.file])
        return run.wait(), run.output()

    device.feels("hangs")
    began = time.monotonic()
    status, said = promote()
    assert status == 1 and "the next key does not sign" in said and "limits.sign_in_deadline" in said, said
    assert time.monotonic() - began < 6
    token(sign_in(proxy, ALICE))
    device.calm()
    waiting.until(lambda: promote()[0] == 0, "a promotion")
    token(sign_in(proxy, ALICE))


def test_a_device_that_hangs_at_the_start_keeps_nothing_but_tokens_waiting(launch, slapd, nginx, device, issuer):
    device.feels("hangs-init")
    proxy = launch(ldap(slapd), nginx.url, device.env, issuer=issuer)
    assert proxy.get("/page").status_code == 200
    status, seconds = timed(proxy)
    assert status == 503 and seconds < 6, (status, seconds)
    device.calm()
    waiting.until(lambda: sign_in(proxy, ALICE).status_code == 200, "a token")
    waiting.until(lambda: proxy.get("/oamfed/idp/metadata").status_code == 200, "the metadata")


@pytest.mark.parametrize(
    ("mood", "said"),
    [("final-try", "takes only one more wrong PIN for the token fedfront"), ("locked", "has locked the PIN of the token")],
)
def test_no_pin_is_sent_where_that_could_lock_it(proxy, slapd, nginx, site, device, issuer, tmp_path, mood, said):
    file = write(tmp_path / "proxy.yaml", configuration(8443, 9464, site, ldap(slapd), nginx.url, issuer=issuer))
    before = device.logins()
    device.feels(mood)
    check = Process("check", [binary(), "check", "-c", file], env=device.env)
    assert check.wait() == 78 and said in check.output(), check.output()
    assert device.logins() == before
    # Who is logged in stays so.
    token(sign_in(proxy, ALICE))
    device.calm()
    check = Process("check", [binary(), "check", "-c", file], env=device.env)
    assert check.wait() == 0 and device.logins() == before + 1, check.output()
