"""What the API server gets of deploy/kubernetes, by kubectl, and of deploy/helm; which part of it is fedfront's."""

import functools
import os
import pathlib
import re
import shutil
import subprocess

import jsonschema
import kubernetes_validate
import yaml

from .fedfront import REPOSITORY

FOLDER = REPOSITORY / "deploy/kubernetes"
# Where deploy/README.md tells of each directory.
HEADINGS = {"sidecar": "Beside WSO2", "standalone": "Standing alone"}
# The first version with native sidecars, and the newest that the schemas know.
VERSIONS = ["1.29", kubernetes_validate.latest_version()]


def program(name):
    """kubectl or helm: the pinned one, or the machine's."""
    node = pathlib.Path(os.environ.get("PEERS_NODE", REPOSITORY / "target/peers/node"))
    pinned = node / "kubernetes" / name / name
    return str(pinned) if pinned.exists() else shutil.which(name) or str(pinned)


def run(name, *arguments, home=None, **options):
    """Runs kubectl or helm, without any cluster or configuration of whoever runs the tests."""
    nothing = {"KUBECONFIG": "/dev/null", "HOME": str(home or "/nonexistent"), "PATH": os.environ["PATH"]}
    argv = [program(name), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=nothing, **options)


def load(path):
    return yaml.safe_load(path.read_text())


def validate(each, version):
    """Raises unless the API server of that version, or the operator whose kind it is, knows every field."""
    custom = custom_kinds().get((each["apiVersion"], each["kind"]))
    if custom:
        jsonschema.validate(each, custom)
    else:
        kubernetes_validate.validate(each, version, strict=True)


@functools.cache
def custom_kinds():
    kinds = load(REPOSITORY / "tests/peers/data/custom_kinds.yaml")
    return {tuple(name.rsplit(" ", 1)): schema for name, schema in kinds.items()}


class Manifests:
    """Objects as they are applied."""

    def __init__(self, text):
        self.text = text
        self.objects = [each for each in yaml.safe_load_all(text) if each]

    @property
    def kinds(self):
        return sorted(each["kind"] for each in self.objects)

    def all(self, kind):
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind):
        (found,) = self.all(kind)
        return found

    @property
    def deployment(self):
        return self.one("Deployment")

    @property
    def pod(self):
        return self.deployment["spec"]["template"]["spec"]

    @property
    def containers(self):
        return self.pod.get("initContainers", []) + self.pod["containers"]

    def container(self, name):
        (found,) = [each for each in self.containers if each["name"] == name]
        return found

    def volume(self, path):
        """The volume that fedfront has at a path."""
        (mount,) = [each for each in self.container("fedfront")["volumeMounts"] if each["mountPath"] == path]
        (volume,) = [each for each in self.pod["volumes"] if each["name"] == mount["name"]]
        return volume, mount

    def mounted(self, secrets):
        """The files of /etc/fedfront in the pod, given those of the Secrets."""
        volume, _ = self.volume("/etc/fedfront")
        contents = {"configMap": {each["metadata"]["name"]: list(each["data"]) for each in self.all("ConfigMap")}}
        contents["secret"] = secrets
        files = []
        for source in volume["projected"]["sources"]:
            ((kind, projection),) = source.items()
            keys = contents[kind][projection["name"]]
            items = projection.get("items", [{"key": key, "path": key} for key in keys])
            assert {item["key"] for item in items} <= set(keys), projection
            files += [item["path"] for item in items]
        assert len(files) == len(set(files)), files
        return set(files)


class Variant:
    """One of the directories, `sidecar` or `standalone`."""

    def __init__(self, name):
        self.name = name
        self.folder = FOLDER / name
        self.proxy_file = self.folder / "proxy.yaml"
        self.proxy = load(self.proxy_file)

    @functools.cached_property
    def built(self):
        """What `kubectl apply -k` applies."""
        return kustomize(self.folder)

    def secrets(self):
        """The files of the Secrets that deploy/README.md makes for it, by Secret."""
        readme = (REPOSITORY / "deploy/README.md").read_text().replace("\\\n", " ")
        (section,) = [part for part in re.split("^##+ ", readme, flags=re.M) if part.startswith(HEADINGS[self.name])]
        (created,) = re.findall(r"create secret generic (\S+)(.*)", section)
        assert "create secret tls fedfront-tls " in readme
        return {created[0]: re.findall(r"--from-file=(\S+)", created[1]), "fedfront-tls": ["tls.crt", "tls.key"]}


def kustomize(folder):
    built = run("kubectl", "kustomize", folder)
    # What is out of date is said here.
    assert built.returncode == 0 and built.stderr == "", built.stderr
    return Manifests(built.stdout)


def violations(pod):
    """What the Pod Security Standard `restricted` forbids in a pod, of all that these manifests could do wrong."""
    found = []
    whole = pod.get("securityContext", {})
    found += [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    allowed = {"name", "configMap", "secret", "projected", "emptyDir", "downwardAPI", "csi", "persistentVolumeClaim"}
    found += [f"volume {volume['name']}" for volume in pod["volumes"] if not volume.keys() <= allowed]
    for container in pod.get("initContainers", []) + pod["containers"]:
        own = container.get("securityContext", {})
        name = container["name"]
        rules = {
            "privileged": not own.get("privileged"),
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "runAsNonRoot": own.get("runAsNonRoot", whole.get("runAsNonRoot")) is True,
            "runAsUser": own.get("runAsUser", whole.get("runAsUser", 1)) != 0,
            "seccompProfile": own.get("seccompProfile", whole.get("seccompProfile")) == {"type": "RuntimeDefault"},
            "hostPort": not any("hostPort" in port for port in container.get("ports", [])),
        }
        found += [f"{rule} of {name}" for rule, kept in rules.items() if not kept]
    return found


def asked_ports(proxy):
    """The ports of the servers that a configuration has fedfront ask."""
    directories = proxy["directory"] if isinstance(proxy["directory"], list) else [proxy["directory"]]
    urls = [
        *proxy["upstream"]["servers"],
        *(url for each in directories for url in each.get("ldap", {}).get("urls", [])),
    ]
    urls += [proxy["state"]["url"]] if "state" in proxy else []
    usual = {"https": 443, "http": 80, "ldaps": 636, "ldap": 389, "rediss": 6379, "redis": 6379}
    return {int(url.rsplit(":", 1)[1]) if url.count(":") == 2 else usual[url.split(":")[0]] for url in urls}


def believed_ready(container):
    """For how many seconds at least the pod counts as ready after readyz began to say no."""
    probe = container["readinessProbe"]
    return probe["periodSeconds"] * (probe["failureThreshold"] - 1)


def duration(text):
    """Seconds of a duration in a proxy.yaml."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]
