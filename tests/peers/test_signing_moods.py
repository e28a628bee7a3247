"""What a hardware security module may do that SoftHSM2 does not: sessions that are lost, PINs that are about to lock."""

import pathlib
import subprocess
import time

import pytest

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
