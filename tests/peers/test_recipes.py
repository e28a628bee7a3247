"""The commands of deploy/README.md that try a user, as they stand there."""

import os
import re
import subprocess

import pytest

from conftest import need
from support.fedfront import REPOSITORY
from support.people import ALICE, WRONG


def recipe(marker):
    """The one block of shell in which `marker` occurs."""
    blocks = re.findall(r"```sh\n(.*?)```", (REPOSITORY / "deploy/README.md").read_text(), re.S)
    (found,) = [block for block in blocks if marker in block]
    return found


def run(proxy, script, standard_input=""):
    need("bash", "curl")
    script = re.sub(r"https://s(ts|so)\.example\.com", proxy.url, script)
    environment = {**os.environ, "CURL_CA_BUNDLE": str(proxy.ca), "no_proxy": "localhost"}
    done = subprocess.run(
        ["bash", "-ec", script], input=standard_input, env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "password, answered", [(ALICE.password, "RequestSecurityTokenResponseCollection"), (WRONG, "FailedAuthentication")]
)
def test_ws_trust(proxy, password, answered):
    assert answered in run(proxy, recipe("RequestSecurityToken"), password + "\n")


@pytest.mark.parametrize("password, answered", [(ALICE.password, "status:Success"), (WRONG, "status:AuthnFailed")])
def test_ecp(proxy, password, answered):
    script = recipe("AuthnRequest")
    typed = f"-u {ALICE.upn} "
    assert typed in script
    assert answered in run(proxy, script.replace(typed, f"-u '{ALICE.upn}:{password}' "))
