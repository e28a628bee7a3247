"""Files in the place of those that a configuration names, for `fedfront check`."""

import re
import subprocess

from . import certificates, fedfront


def named(text):
    """The files that a proxy.yaml names, but for its comments."""
    return set(re.findall(r"_file: ([^\s,}]+)", re.sub(r"(?m)^ *#.*", "", text)))


def check(folder, text, site):
    """Runs `fedfront check` on a proxy.yaml beside stand-ins of its files."""
    password = b"stand-in"
    for name in named(text):
        if name.endswith(".p12"):
            content = certificates.keystore(site.signing, password)
        else:
            sources = {"tls.crt": site.tls[0], "tls.key": site.tls[1]}
            is_ca = name.endswith(".pem")
            content = sources.get(name, site.ca).read_bytes() if is_ca or name in sources else password + b"\n"
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    (folder / "proxy.yaml").write_text(text)
    argv = [fedfront.binary(), "check", "-c", folder / "proxy.yaml"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)
