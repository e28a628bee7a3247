"""fedfront itself: a configuration as a dictionary, the process, and what it tells about itself."""

import json
import os
import pathlib
import re
import signal

import requests
import yaml

from . import people, waiting
from .process import Process
from .wire import Wire

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
OFFICE = "urn:federation:MicrosoftOnline"
ENTITY_ID = "https://sts.example.com/oam/fed"
ISSUERS = {
    "example.com": "http://example.com/adfs/services/trust/",
    "subsidiary.example": "http://subsidiary.example/adfs/services/trust/",
}


def binary():
    """What is tested: $FEDFRONT_BIN, or what `cargo build` made."""
    return pathlib.Path(os.environ.get("FEDFRONT_BIN", target("debug/fedfront")))


def target(path):
    """Something that Cargo or make made."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / path


def ldap(slapd):
    """The `directory` section for a `Slapd`."""
    return {
        "ldap": {
            "urls": [slapd.url],
            "ca_file": str(slapd.ca),
            "bind_dn": people.SERVICE_DN,
            "bind_password_file": "ldap-password",
            "base_dn": "dc=example,dc=com",
            "user_filter": "(|(userPrincipalName={name})(sAMAccountName={name}))",
            "attributes": {"upn": "userPrincipalName", "immutable_id": "objectGUID", "groups": "memberOf"},
        }
    }


def configuration(port, admin_port, site, directory, behind, **changes):
    """A whole `proxy.yaml` with one server `behind`. Each of `changes` is merged into the section of its name; `None` removes the section; of `listen`, each item into its listener, and further ones are added."""
    whole = {
        "public_url": f"https://localhost:{port}",
        "listen": [
            {
                "address": f"127.0.0.1:{port}",
                "tls": {"certificate_file": str(site.tls[0]), "private_key_file": str(site.tls[1])},
            }
        ],
        # A test says itself when files are read again, unless that is what it is about.
        "admin": {"address": f"127.0.0.1:{admin_port}", "watch_files": False},
        "upstream": {"servers": [behind]},
        "issuer": {
            "entity_id": ENTITY_ID,
            "signing": {"certificate_file": str(site.signing[0]), "private_key_file": str(site.signing[1])},
            "domains": dict(ISSUERS),
        },
        "metadata": {"mode": "own"},
        "directory": directory,
        # Only the tests of the guard want to be locked out or kept waiting.
        "guard": {"threshold": 1000, "failure_delay": "10ms"},
        # Nobody waits for a balancer to notice.
        "limits": {"lame_duck": "0s", "drain": "5s"},
        "relying_parties": [
            {"name": "office365", "preset": "office365", "required_group": "O365-Users", "issuer": "by_domain"}
        ],
    }
    for number, change in enumerate(changes.pop("listen", [])):
        if number < len(whole["listen"]):
            whole["listen"][number].update(change)
        else:
            whole["listen"].append(change)
    for section, value in changes.items():
        if value is None:
            whole.pop(section, None)
        elif isinstance(value, dict) and isinstance(whole.get(section), dict):
            whole[section] = _merged(whole[section], value)
        else:
            whole[section] = value
    return whole


def _merged(base, changes):
    merged = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if nested else value
    return {key: value for key, value in merged.items() if value is not None}


class Fedfront(Process):
    """`fedfront run` on a configuration file, ready when constructed."""

    def __init__(self, file, port, admin_port, ca, env=None, under=(), pass_fds=()):
        command = [*under, binary(), "run", "-c", file]
        super().__init__("fedfront", command, cwd=file.parent, env=env, pass_fds=pass_fds)
        self.file = file
        self.ca = ca
        self.port = port
        self.url = f"https://localhost:{port}"
        self.admin = f"http://127.0.0.1:{admin_port}"
        self.http = requests.Session()
        self.http.verify = str(ca)
        self.http.trust_env = False
        self.last_metrics = ""
        self.wait_for_line(r"^ready https://\S+")

    def get(self, path, **options):
        return self.http.get(self.url + path, timeout=30, **options)

    def post(self, path, data, **options):
        return self.http.post(self.url + path, data=data, timeout=30, **options)

    def wire(self, **options):
        """A connection for requests written by hand."""
        return Wire(self.port, self.ca, **options)

    def metrics(self):
        """Every sample, `name{labels}` to value."""
        self.last_metrics = requests.get(self.admin + "/metrics", timeout=10).text
        samples = (line.rsplit(" ", 1) for line in self.last_metrics.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, value in samples}

    def reload(self):
        """Sends SIGHUP and waits until it was obeyed; whether the configuration could be used."""
        before = self._reloads()
        self.send(signal.SIGHUP)
        waiting.until(lambda: sum(self._reloads()) > sum(before), "a reload")
        return self._reloads()[0] > before[0]

    def _reloads(self):
        metrics = self.metrics()
        return [metrics[f'fedfront_config_reloads_total{{result="{result}"}}'] for result in ("success", "failure")]

    def metric(self, name, **labels):
        """The sum of the samples of `fedfront_NAME` that carry all of `labels`."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            value
            for sample, value in self.metrics().items()
            if re.match(rf"fedfront_{name}(\{{|$)", sample) and all(want in sample for want in wanted)
        )

    def told(self, message):
        """The lines of the log with that in their message, as objects, oldest first."""
        lines = [json.loads(line) for line in list(self.stderr) if line.startswith("{")]
        return [line for line in lines if message in line.get("message", "")]

    def audit(self):
        """The audit records so far, oldest first."""
        records = []
        for line in list(self.stdout):
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and {"correlation_id", "relying_party", "result"} <= record.keys():
                records.append(record)
        return records

    def audit_of(self, correlation_id):
        """The one audit record of a request."""

        def found():
            return [record for record in self.audit() if record["correlation_id"] == correlation_id]

        records = waiting.until(found, f"an audit record of {correlation_id}")
        assert len(records) == 1, records
        return records[0]

    def access(self):
        """The access lines so far, oldest first."""
        lines = []
        for line in [*self.stdout, *self.stderr]:
            if '"access"' in line:
                record = json.loads(line)
                lines.append({**record, **record.get("fields", {})})
        return lines

    def finish(self):
        """Ends it and proves that it kept its secrets."""
        if self.alive():
            try:
                self.metrics()
            except requests.RequestException:
                pass
        self.stop(signal.SIGTERM, timeout=10)
        assert_no_secret(self.output() + self.last_metrics, self.name)


def assert_no_secret(text, where):
    """A password in any spelling must not be in `text`."""
    for secret in people.secrets():
        assert secret not in text, f"{where} leaked {secret!r}"


def write(file, whole):
    """Writes a configuration, and the secret files that it names, beside each other."""
    file.write_text(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True))
    password = file.parent / "ldap-password"
    password.write_text(people.SERVICE_PASSWORD + "\n")
    password.chmod(0o600)
    return file
