"""A hardware security module of SoftHSM2's, with tokens of its own in a folder of the test."""

import os
import subprocess

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
SPY = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so"
PIN = "canary-pin-4711"
OFFICER = "officer-1234"


class SoftHsm:
    """One token, `fedfront`. `env` is what a process needs to find it."""

    def __init__(self, folder):
        self.folder = folder
        self.tokens = folder / "tokens"
        self.tokens.mkdir()
        self._away = folder / "away"
        configuration = folder / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.env = {"SOFTHSM2_CONF": str(configuration)}
        self.pin_file = folder / "pin"
        self.write_pin(PIN)
        self.add_token("fedfront")

    def write_pin(self, pin):
        self.pin_file.write_text(pin + "\n")
        self.pin_file.chmod(0o600)

    def add_token(self, label):
        self._run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", OFFICER)

    def goes(self, entirely=False):
        """The token is gone until it `comes_back`; `entirely`: so is the folder of tokens."""
        self.tokens.rename(self._away)
        if not entirely:
            self.tokens.mkdir()

    def comes_back(self):
        if self.tokens.exists():
            self.tokens.rmdir()
        self._away.rename(self.tokens)

    def change_pin(self, before, after):
        self.tool("--token-label", "fedfront", "--login", "--pin", before, "--change-pin", "--new-pin", after)

    def pair(self, authority, label, kind=2048):
        """A pair in the token: of RSA, made there and never outside it, or of a curve; the file of its certificate."""
        if isinstance(kind, int):
            login = ["--token-label", "fedfront", "--login", "--pin", PIN]
            self.tool(*login, "--keypairgen", "--key-type", f"rsa:{kind}", "--label", label)
            public = self.folder / f"{label}.der"
            self.tool("--token-label", "fedfront", "--read-object", "--type", "pubkey", "--label", label, "-o", str(public))
            return authority.certify(label, serialization.load_der_public_key(public.read_bytes()))
        # pkcs11-tool cannot read the public half of some curves' keys.
        key = ec.generate_private_key(kind())
        file = self.folder / f"{label}.pem"
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(key.private_bytes(*form))
        number = os.urandom(4).hex()
        self._run(
            "softhsm2-util", "--import", str(file), "--token", "fedfront", "--label", label, "--id", number, "--pin", PIN
        )
        return authority.certify(label, key.public_key())

    def section(self, certificate, key, **changes):
        """The configuration of a signing key."""
        device = {"module": MODULE, "token": "fedfront", "key": key, "pin_file": str(self.pin_file), **changes}
        return {"certificate_file": str(certificate), "pkcs11": device}

    def tool(self, *arguments):
        return self._run("pkcs11-tool", "--module", MODULE, *arguments)

    def _run(self, *command):
        done = subprocess.run(command, env={**os.environ, **self.env}, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout
